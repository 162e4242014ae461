//! What somebody may be about to type, from two letters on: the query with its last word finished, categories, products.

use std::cmp::Reverse;

use super::asked::Asked;
use super::corrected::{corrections, exact, prefixed};
use super::matching::{Leaf, NONE, Saying, Slot, costs};
use super::{Counted, Hit, Query, Search as _};
use crate::index::{Index, Part};
use crate::words::{Kind, stem, tokens};

/// The most suggestions of a kind.
pub const SUGGESTIONS_MAX: usize = 10;
/// From how many letters on there are any.
const LETTERS_MIN: usize = 2;
/// How many ways to finish a word are looked at.
const FINISHED_MAX: usize = 50;

/// Suggestions, the best first.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Suggestions {
    /// Whole queries.
    pub words: Vec<String>,
    /// Narrowest categories, with how many products they have.
    pub categories: Vec<Counted>,
    /// Products.
    pub products: Vec<Hit>,
}

/// So many suggestions of each kind for a query that is being typed.
pub fn of(index: &Index, text: &str, limit: usize) -> Suggestions {
    let limit = limit.min(SUGGESTIONS_MAX);
    let asked = Asked::of(text);
    let Some((last, before)) = asked.tokens.split_last() else { return Suggestions::default() };
    if limit == 0 || asked.typed(last).chars().count() < LETTERS_MIN {
        return Suggestions::default();
    }
    let slot = |words: Vec<Leaf>| Slot { sayings: vec![Saying { words: vec![words] }] };
    let slots: Vec<Slot> = before.iter().map(|token| slot(exact(index, token))).collect();
    let fitting = costs(index, &slots);
    let fits = |term: usize| {
        slots.is_empty()
            || index
                .postings(term)
                .any(|posting| fitting.get(posting.text as usize).is_some_and(|cost| *cost != NONE))
    };
    let finished = match &last.kind {
        Kind::Word(word) => finished(index, word),
        Kind::Measure(_) => Vec::new(),
    };
    let begin = asked.text.get(..last.range.start).unwrap_or("").to_lowercase();
    let words = finished.iter().take(FINISHED_MAX).filter(|(term, _)| fits(*term));
    let words = words.map(|(_, word)| format!("{begin}{word}")).take(limit).collect();
    let terms: Vec<usize> = finished.iter().map(|(term, _)| *term).collect();
    let query = Query { text: text.to_owned(), limit, ..Query::default() };
    let products = index.search(&query).map(|answer| answer.hits).unwrap_or_default();
    Suggestions {
        words,
        categories: categories(index, before.iter().filter_map(|token| token.word()), &terms, limit),
        products,
    }
}

/// Words that begin so, or that it is a mistyping of; the most bought first.
fn finished(index: &Index, word: &str) -> Vec<(usize, String)> {
    let begun = prefixed(index, word);
    if !begun.is_empty() {
        return begun.into_iter().map(|(leaf, written)| (leaf.term, written)).collect();
    }
    let first = |correction: super::corrected::Correction| {
        let leaf = correction.saying.words.first().and_then(|leaves| leaves.first()).copied();
        leaf.map(|leaf| (leaf.term, correction.said))
    };
    corrections(index, word).into_iter().filter_map(first).collect()
}

/// Categories whose names have these words, and one of these terms; the largest first.
fn categories<'a>(
    index: &Index,
    before: impl Iterator<Item = &'a str>,
    terms: &[usize],
    limit: usize,
) -> Vec<Counted> {
    let names = index.strings(Part::Categories);
    let before: Vec<String> = before.map(stem).collect();
    let Some(stems) = index.stems() else { return Vec::new() };
    let fits = |name: &str| {
        let words: Vec<String> = tokens(name).iter().filter_map(|token| token.word().map(stem)).collect();
        let ends =
            words.iter().any(|word| stems.get(word).is_some_and(|term| terms.contains(&(term as usize))));
        ends && before.iter().all(|stem| words.contains(stem))
    };
    let fitting: Vec<bool> = names.iter().map(fits).collect();
    let mut counts = vec![0; names.len()];
    let column = index.ids(Part::TextCategory);
    for text in 0..index.texts() {
        let at = (column.get(text) as usize).wrapping_sub(1);
        if fitting.get(at).copied().unwrap_or(false)
            && let Some(count) = counts.get_mut(at)
        {
            *count += index.products_of(text).len();
        }
    }
    let mut found: Vec<(usize, usize)> =
        counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
    found.sort_by_key(|(at, count)| (Reverse(*count), *at));
    let counted = |(at, products): (usize, usize)| Counted { value: names.get(at).to_owned(), products };
    found.into_iter().take(limit).map(counted).collect()
}
