//! What a word may mean: itself by its stem, the beginning of a longer word, a word that it is a mistyping of, or two
//! that were written as one.

use std::collections::BTreeMap;

use fst::{IntoStreamer as _, Streamer as _, automaton::{Automaton as _, Str}};

use crate::index::Index;
use crate::typo::{Typed, budget, distance};
use crate::words::{Kind, Token, stem};
use super::matching::{Leaf, Saying};

/// The most words that one is corrected to.
const CORRECTIONS_MAX: usize = 5;
/// The most words that one is taken for the beginning of.
const PREFIXED_MAX: usize = 500;
/// The shortest word that was cut short.
const CUT_SHORT_LETTERS_MIN: usize = 4;
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
    Some(Leaf { term: term as usize, mistakes: 0 })
}

/// The terms of words that begin so, with how they are written; the most bought first.
pub fn prefixed(index: &Index, word: &str) -> Vec<(Leaf, String)> {
    let Some(map) = index.words() else { return Vec::new() };
    let mut stream = map.search(Str::new(word).starts_with()).into_stream();
    // The shortest way to write each.
    let mut found: BTreeMap<usize, String> = BTreeMap::new();
    while let Some((key, term)) = stream.next() {
        let written = String::from_utf8_lossy(key).into_owned();
        let shortest = found.entry(term as usize).or_insert_with(|| written.clone());
        if written.len() < shortest.len() {
            *shortest = written;
        }
        if found.len() >= PREFIXED_MAX {
            break;
        }
    }
    let mut found: Vec<(Leaf, String)> =
        found.into_iter().map(|(term, written)| (Leaf { term, mistakes: 1 }, written)).collect();
    found.sort_by_key(|(leaf, _)| std::cmp::Reverse(index.weight(leaf.term)));
    found
}

/// The words that a word is nearest to, within its budget; the most bought first.
pub fn corrections(index: &Index, word: &str) -> Vec<Correction> {
    let mut near: BTreeMap<usize, (u8, String)> = BTreeMap::new();
    for (map, typed) in [(index.words(), word.to_owned()), (index.stems(), stem(word))] {
        let most = budget(&typed).min(budget(word));
        let (Some(map), Some(automaton)) = (map, Typed::new(&typed, most).filter(|_| most > 0)) else { continue };
        let mut stream = map.search(&automaton).into_stream();
        while let Some((key, term)) = stream.next() {
            let written = String::from_utf8_lossy(key).into_owned();
            let Some(mistakes) = distance(&typed, &written, most) else { continue };
            let entry = near.entry(term as usize).or_insert_with(|| (mistakes, written.clone()));
            if mistakes < entry.0 {
                *entry = (mistakes, written);
            }
        }
    }
    let mut near: Vec<(usize, u8, String)> =
        near.into_iter().map(|(term, (mistakes, written))| (term, mistakes, written)).collect();
    near.sort_by_key(|(term, mistakes, _)| (*mistakes, std::cmp::Reverse(index.weight(*term))));
    let least = near.first().map_or(0, |(_, mistakes, _)| *mistakes);
    let near = near.into_iter().take_while(|(_, mistakes, _)| *mistakes == least).take(CORRECTIONS_MAX);
    let mut corrections: Vec<Correction> = near
        .map(|(term, mistakes, written)| {
            let leaf = Leaf { term, mistakes: mistakes.saturating_add(1) };
            Correction { said: as_written(index, term, written), saying: Saying { words: vec![vec![leaf]], other: false } }
        })
        .collect();
    corrections.extend(halves(index, word));
    corrections
}

/// The most bought word that one is the beginning of, if it is long enough to say so.
pub fn completed(index: &Index, word: &str) -> Option<Correction> {
    let long = word.chars().count() >= CUT_SHORT_LETTERS_MIN;
    let (leaf, said) = long.then(|| prefixed(index, word).into_iter().next()).flatten()?;
    Some(Correction { said, saying: Saying { words: vec![vec![leaf]], other: false } })
}

/// A stem is no word; what leads to its term is.
fn as_written(index: &Index, term: usize, written: String) -> String {
    let Some(words) = index.words() else { return written };
    if words.get(&written) == Some(term as u64) {
        return written;
    }
    let root = written.get(..written.len().saturating_sub(1)).unwrap_or("");
    let mut stream = words.search(Str::new(root).starts_with()).into_stream();
    let mut shortest: Option<String> = None;
    while let Some((key, of)) = stream.next() {
        let key = String::from_utf8_lossy(key);
        if of as usize == term && shortest.as_ref().is_none_or(|shortest| key.len() < shortest.len()) {
            shortest = Some(key.into_owned());
        }
    }
    shortest.unwrap_or(written)
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
    Some(Correction { said: format!("{one} {other}"), saying: Saying { words, other: false } })
}
