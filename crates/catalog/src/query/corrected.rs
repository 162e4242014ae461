//! What a word may mean: itself by its stem, the beginning of a longer word, a word that it is a mistyping of, or two
//! that were written as one.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use fst::{
    IntoStreamer as _, Map, Streamer as _,
    automaton::{Automaton as _, Str},
};

use super::matching::{Leaf, Saying};
use crate::index::{Index, term_of};
use crate::typo::{Typed, budget, budget_of_typed, distance};
use crate::words::{Kind, Token, stem};

/// The most words that one is corrected to.
const CORRECTIONS_MAX: usize = 5;
/// The most words that one is taken for the beginning of.
const PREFIXED_MAX: usize = 500;
/// The shortest word that was cut short.
const CUT_SHORT_LETTERS_MIN: usize = 4;
/// How much likelier a whole word was meant than a form of one: stems are shorter, so that more of them are near.
const WHOLE_LIKELIHOOD: u64 = 4;
/// The shortest half of a word that was two.
const HALF_LETTERS_MIN: usize = 3;

/// A correction: what it would have been, and how far off.
pub struct Correction {
    pub said: String,
    pub saying: Saying,
}

/// A token as typed, its other forms with it.
pub fn exact(index: &Index, token: &Token) -> Vec<Leaf> {
    match &token.kind {
        Kind::Word(word) => exact_word(index, &stem(word)).into_iter().collect(),
        Kind::Measure(measure) => {
            let terms = measure.alike().into_iter().flat_map(|keys| index.measures(keys));
            terms.map(|term| Leaf { term, mistakes: 0 }).collect()
        }
    }
}

/// A stem's term.
pub fn exact_word(index: &Index, stem: &str) -> Option<Leaf> {
    let term = index.stems()?.get(stem)?;
    Some(Leaf { term: term_of(term), mistakes: 0 })
}

/// The terms of words that begin so, each as it is mostly written; the most bought first.
pub fn prefixed(index: &Index, word: &str) -> Vec<(Leaf, String)> {
    let mut found: Vec<(Leaf, String)> = written(index, word, PREFIXED_MAX)
        .into_iter()
        .map(|(term, (_, written))| (Leaf { term, mistakes: 1 }, written))
        .collect();
    found.sort_by_key(|(leaf, _)| Reverse(index.weight(leaf.term)));
    found
}

/// So many terms of words that begin so, each with the way to write it that is bought most.
fn written(index: &Index, begin: &str, most: usize) -> BTreeMap<usize, (u64, String)> {
    let mut found: BTreeMap<usize, (u64, String)> = BTreeMap::new();
    let Some(map) = index.words() else { return found };
    let mut stream = map.search(Str::new(begin).starts_with()).into_stream();
    while let Some((key, value)) = stream.next() {
        let best = found.entry(term_of(value)).or_default();
        if best.1.is_empty() || best.0 < value >> 32 {
            *best = (value >> 32, String::from_utf8_lossy(key).into_owned());
        }
        if found.len() >= most {
            break;
        }
    }
    found
}

/// The words that a word is nearest to, within their budgets, the likeliest first, and a mistake ahead of the others.
pub fn corrections(index: &Index, word: &str) -> Vec<Correction> {
    let words = near(index.words(), word);
    let mut both = words.clone();
    for (term, other) in near(index.stems(), &stem(word)) {
        let known = both.entry(term).or_insert_with(|| other.clone());
        if other.0 < known.0 {
            *known = other;
        }
    }
    let mut near: Vec<(usize, (u8, String))> = both.into_iter().collect();
    near.sort_by_key(|(term, (mistakes, written))| {
        let whole = if words.contains_key(term) { WHOLE_LIKELIHOOD } else { 1 };
        (*mistakes, Reverse(u64::from(index.weight(*term)) * likelihood(word, written) * whole))
    });
    let least = near.first().map_or(0, |(_, (mistakes, _))| *mistakes);
    let near = near.into_iter().take_while(|(_, (mistakes, _))| *mistakes == least).take(CORRECTIONS_MAX);
    let correction = |(at, (term, (mistakes, written))): (usize, (usize, (u8, String)))| {
        let leaf = Leaf { term, mistakes: mistakes + if at == 0 { 1 } else { 2 } };
        Correction { said: as_written(index, term, written), saying: Saying { words: vec![vec![leaf]] } }
    };
    near.enumerate().map(correction).chain(halves(index, word)).collect()
}

/// How much likelier a mistake is than that a certain other letter was typed: one letter out of 26 is left out, swapped
/// with its neighbour or doubled in one way only, and is replaced, or gets another beside it, in 25.
fn likelihood(typed: &str, meant: &str) -> u64 {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let single = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.dedup();
        letters
    };
    let left_out = typed.chars().count() < meant.chars().count();
    if left_out || sorted(typed) == sorted(meant) || single(typed) == single(meant) { 25 } else { 1 }
}

/// The terms near a word, with how many mistakes away and how they are written.
fn near(map: Option<Map<&[u8]>>, typed: &str) -> BTreeMap<usize, (u8, String)> {
    let mut near: BTreeMap<usize, (u8, String)> = BTreeMap::new();
    let most = budget_of_typed(typed);
    let (Some(map), Some(automaton)) = (map, Typed::new(typed, most).filter(|_| most > 0)) else {
        return near;
    };
    let mut stream = map.search(&automaton).into_stream();
    while let Some((key, value)) = stream.next() {
        let written = String::from_utf8_lossy(key).into_owned();
        let Some(mistakes) = distance(typed, &written, budget(&written)) else { continue };
        let entry = near.entry(term_of(value)).or_insert_with(|| (mistakes, written.clone()));
        if mistakes < entry.0 {
            *entry = (mistakes, written);
        }
    }
    near
}

/// The most bought word that one is the beginning of, if it is long enough to say so.
pub fn completed(index: &Index, word: &str) -> Option<Correction> {
    let long = word.chars().count() >= CUT_SHORT_LETTERS_MIN;
    let (leaf, said) = long.then(|| prefixed(index, word).into_iter().next()).flatten()?;
    // Not before a correction.
    let leaf = Leaf { mistakes: 2, ..leaf };
    Some(Correction { said, saying: Saying { words: vec![vec![leaf]] } })
}

/// A stem is no word; what leads to its term is.
fn as_written(index: &Index, term: usize, near: String) -> String {
    let known = index.words().and_then(|words| words.get(&near)).map(term_of);
    if known == Some(term) {
        return near;
    }
    let root = near.get(..near.len().saturating_sub(1)).unwrap_or("");
    written(index, root, PREFIXED_MAX).remove(&term).map_or(near, |(_, written)| written)
}

/// The two words that one was: icecream. Of several ways, the one whose rarer half is bought most.
fn halves(index: &Index, word: &str) -> Option<Correction> {
    let ways = word.char_indices().skip(HALF_LETTERS_MIN).filter_map(|(at, _)| {
        let (one, other) = word.split_at(at);
        if other.chars().count() < HALF_LETTERS_MIN {
            return None;
        }
        let one_leaf = exact_word(index, &stem(one))?;
        let other_leaf = exact_word(index, &stem(other))?;
        let weight = index.weight(one_leaf.term).min(index.weight(other_leaf.term));
        Some((weight, one, other, one_leaf, other_leaf))
    });
    let (_, one, other, one_leaf, other_leaf) = ways.max_by_key(|way| way.0)?;
    let words = [one_leaf, other_leaf].map(|leaf| vec![Leaf { mistakes: 2, ..leaf }]).into();
    Some(Correction { said: format!("{one} {other}"), saying: Saying { words } })
}
