//! What a query is taken for. As typed; then with its last word as the beginning of one; then with corrected words;
//! then without the words that nothing has, and without those at its end; and if nothing is left, the category whose
//! name is nearest. What was done is said.

use std::collections::BTreeSet;

use super::Said;
use super::asked::Asked;
use super::corrected::{Correction, completed, corrections, exact, exact_word, prefixed};
use super::matching::{Leaf, NONE, Saying, Slot, costs, products, terms};
use crate::index::{Index, Part};
use crate::synonyms::PHRASE_WORDS_MAX;
use crate::words::{Kind, Token, fold, stem};

/// Below so many products the last word is also taken for the beginning of one.
const FEW_PRODUCTS: usize = 12;

/// The texts that a query means.
pub struct Understood {
    /// The cost of each text, [`NONE`] where it is not meant.
    pub costs: Vec<u32>,
    /// The terms that are looked for.
    pub terms: BTreeSet<usize>,
    /// What was done.
    pub said: Said,
    /// Whether there was nothing to look for.
    pub all: bool,
}

/// A way to read tokens.
#[derive(Clone, Copy, Default)]
struct Reading {
    /// The last word begins one.
    prefix: bool,
    /// This one is corrected, or all that nothing has.
    correct: Correct,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Correct {
    #[default]
    None,
    Unknown,
    Also(usize),
    All,
}

/// A reading that found something.
struct Found {
    costs: Vec<u32>,
    slots: Vec<Slot>,
    /// What a token was corrected to.
    corrected: Vec<(usize, Vec<Correction>)>,
}

/// What a query means.
pub fn of(index: &Index, asked: &Asked<'_>) -> Understood {
    let mut said = Said { ignored: asked.ignored, ..Said::default() };
    if asked.tokens.is_empty() {
        return Understood { costs: vec![0; index.texts()], terms: BTreeSet::new(), said, all: true };
    }
    let mut kept: Vec<&Token> = asked.tokens.iter().collect();
    let mut found = read(index, &kept, asked.open);
    if found.is_none() {
        // A word that nothing has keeps the others from finding anything.
        let (known, unknown): (Vec<&Token>, Vec<&Token>) =
            kept.iter().partition(|token| is_known(index, token));
        if !known.is_empty() && !unknown.is_empty() {
            said.dropped_words.extend(unknown.iter().map(|token| asked.typed(token).to_owned()));
            kept = known;
            found = read(index, &kept, false);
        }
    }
    while found.is_none() && kept.len() > 1 {
        said.dropped_words.extend(kept.pop().map(|token| asked.typed(token).to_owned()));
        found = read(index, &kept, false);
    }
    let Some(found) = found else { return nearest(index, asked, said) };
    said.did_you_mean = did_you_mean(index, asked, &kept, &found);
    Understood { terms: terms(&found.slots), costs: found.costs, said, all: false }
}

/// The first reading that finds anything.
fn read(index: &Index, tokens: &[&Token], open: bool) -> Option<Found> {
    let plain = attempt(index, tokens, Reading::default());
    let few = plain.as_ref().is_none_or(|found| products(index, &found.costs) < FEW_PRODUCTS);
    let begun = || attempt(index, tokens, Reading { prefix: true, correct: Correct::None });
    if let Some(found) = if few && open { begun().or(plain) } else { plain } {
        return Some(found);
    }
    let also = (0..tokens.len()).map(Correct::Also);
    let mut ways = [Correct::Unknown].into_iter().chain(also).chain([Correct::All]);
    ways.find_map(|correct| attempt(index, tokens, Reading { prefix: open, correct }))
}

fn attempt(index: &Index, tokens: &[&Token], reading: Reading) -> Option<Found> {
    let mut slots = Vec::new();
    let mut corrected = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let length = phrase_at(index, &tokens[at..]);
        let mut slot = Slot::default();
        let words = (at..at + length).map(|at| {
            let mut leaves = exact(index, tokens[at]);
            if let (true, Kind::Word(word)) = (reading.prefix && at + 1 == tokens.len(), &tokens[at].kind) {
                leaves.extend(prefixed(index, word).into_iter().map(|(leaf, _)| leaf));
            }
            leaves
        });
        let words: Vec<Vec<Leaf>> = words.collect();
        let unknown = words.iter().any(Vec::is_empty);
        slot.sayings.push(Saying { words });
        slot.sayings.extend(instead(index, &tokens[at..at + length]));
        let unsaid = unknown && slot.sayings.len() == 1;
        let correct = match reading.correct {
            Correct::None => false,
            Correct::Unknown => unsaid,
            Correct::Also(which) => unsaid || which == at,
            Correct::All => true,
        };
        if let (true, 1, Kind::Word(word)) = (correct, length, &tokens[at].kind) {
            let mut found = corrections(index, word);
            // Also cut short: refrig.
            found.extend(completed(index, word).filter(|_| unsaid));
            slot.sayings.extend(found.iter().flat_map(|correction| said(index, correction)));
            corrected.push((at, found));
        }
        slots.push(slot);
        at += length;
    }
    let costs = costs(index, &slots);
    costs.iter().any(|cost| *cost != NONE).then_some(Found { costs, slots, corrected })
}

/// How many tokens from here on are a phrase that can be said otherwise; 1 if they are none.
fn phrase_at(index: &Index, tokens: &[&Token]) -> usize {
    let stems = stems(tokens);
    let longest = (2..=stems.len().min(PHRASE_WORDS_MAX)).rev();
    let said = longest.into_iter().find(|length| index.synonyms().of(&stems[..*length]).next().is_some());
    said.or_else(|| joined(index, tokens).map(|_| 2)).unwrap_or(1)
}

/// What else a phrase may be.
fn instead(index: &Index, tokens: &[&Token]) -> Vec<Saying> {
    let stems = stems(tokens);
    if stems.len() != tokens.len() {
        return Vec::new();
    }
    let phrases = index.synonyms().of(&stems).filter_map(|phrase| {
        let words: Option<Vec<Vec<Leaf>>> =
            phrase.iter().map(|stem| Some(vec![exact_word(index, stem)?])).collect();
        Some(Saying { words: words? })
    });
    let joined = if tokens.len() == 2 { joined(index, tokens) } else { None };
    phrases.chain(joined.map(|leaf| Saying { words: vec![vec![leaf]] })).collect()
}

/// A correction, and what else may be said for it.
fn said(index: &Index, correction: &Correction) -> Vec<Saying> {
    let stems: Vec<String> = correction.said.split(' ').map(stem).collect();
    let mistakes = correction.saying.words.iter().flatten().map(|leaf| leaf.mistakes).max().unwrap_or(0);
    let instead = index.synonyms().of(&stems).filter_map(|phrase| {
        let leaf = |stem: &String| Some(vec![Leaf { mistakes, ..exact_word(index, stem)? }]);
        Some(Saying { words: phrase.iter().map(leaf).collect::<Option<_>>()? })
    });
    [correction.saying.clone()].into_iter().chain(instead).collect()
}

/// Two words that are one in the catalog: butter milk.
fn joined(index: &Index, tokens: &[&Token]) -> Option<Leaf> {
    let [one, other] = tokens.get(..2)? else { return None };
    let (one, other) = (one.word()?, other.word()?);
    let long = one.chars().count() > 2 && other.chars().count() > 2;
    long.then(|| exact_word(index, &stem(&format!("{one}{other}")))).flatten()
}

/// The stems of the words at the beginning.
fn stems(tokens: &[&Token]) -> Vec<String> {
    tokens.iter().map_while(|token| token.word().map(stem)).collect()
}

fn is_known(index: &Index, token: &Token) -> bool {
    let near = || token.word().is_some_and(|word| !corrections(index, word).is_empty());
    !exact(index, token).is_empty() || !instead(index, &[token]).is_empty() || near()
}

/// The query with the corrections that the best text is found by, if it is found by any.
fn did_you_mean(index: &Index, asked: &Asked<'_>, kept: &[&Token], found: &Found) -> Option<String> {
    let best = found.costs.iter().enumerate().min_by_key(|(_, cost)| **cost).map(|(text, _)| text)?;
    let has = |term: usize| index.postings(term).any(|posting| posting.text as usize == best);
    let found_by = |saying: &Saying| saying.words.iter().flatten().all(|leaf| has(leaf.term));
    let said = |correction: &Correction| said(index, correction).iter().any(found_by);
    let mut words: Vec<String> = kept.iter().map(|token| asked.typed(token).to_owned()).collect();
    let mut changed = false;
    for (at, corrections) in &found.corrected {
        let as_typed = exact(index, kept[*at]).iter().any(|leaf| has(leaf.term));
        if let Some(correction) = corrections.iter().find(|correction| said(correction)).filter(|_| !as_typed)
        {
            words[*at].clone_from(&correction.said);
            changed = true;
        }
    }
    changed.then(|| words.join(" "))
}

/// The category whose name shares most pairs of letters with the query (Dice's coefficient); else the first one.
fn nearest(index: &Index, asked: &Asked<'_>, mut said: Said) -> Understood {
    said.dropped_words = asked.tokens.iter().map(|token| asked.typed(token).to_owned()).collect();
    let categories = index.strings(Part::Categories);
    let pairs = |text: &str| -> BTreeSet<(char, char)> {
        let folded: Vec<char> = fold(text).chars().collect();
        folded.windows(2).map(|pair| (pair[0], pair[1])).collect()
    };
    let typed = pairs(asked.text);
    let likeness = |name: &str| {
        let name = pairs(name);
        2_000 * typed.intersection(&name).count() / (typed.len() + name.len()).max(1)
    };
    let best = (0..categories.len()).max_by_key(|at| (likeness(categories.get(*at)), std::cmp::Reverse(*at)));
    let column = index.ids(Part::TextCategory);
    let wanted = best.map(|at| at as u32 + 1);
    said.nearest_category = best.map(|at| categories.get(at).to_owned());
    let cost = |text: usize| if wanted.is_none_or(|wanted| column.get(text) == wanted) { 0 } else { NONE };
    Understood { costs: (0..index.texts()).map(cost).collect(), terms: BTreeSet::new(), said, all: false }
}
