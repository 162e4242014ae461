//! Which texts have all words, and how well: for each word the best of what it may mean, for each text the sum over
//! words. Costs are dense arrays over the texts of an index, so that a word takes one pass over its postings.

use std::collections::BTreeSet;

use crate::index::{Column, Field, Index, Part, Posting};

/// A text that does not match.
pub const NONE: u32 = u32::MAX;

/// What a word may be: a term, and how many mistakes away it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    pub term: usize,
    /// 0 as typed, 1 as the beginning of a word, more where it was corrected.
    pub mistakes: u8,
}

/// One way to say a slot: all of these words, each as any of its leaves.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Saying {
    pub words: Vec<Vec<Leaf>>,
}

/// A word or phrase of the query: any of these ways to say it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Slot {
    pub sayings: Vec<Saying>,
}

// A cost, from the highest bits: mistakes, fields, words in title and category both, words in the title; a byte each.
const MISTAKES: u32 = 24;
const FIELDS: u32 = 16;
const BOTH: u32 = 8;

/// The cost of each text for all slots, [`NONE`] where one is missing.
pub fn costs(index: &Index, slots: &[Slot]) -> Vec<u32> {
    let mut sum: Option<Vec<u32>> = None;
    for slot in slots {
        let mut best = vec![NONE; index.texts()];
        for saying in &slot.sayings {
            let said = all_of(index, &saying.words);
            best.iter_mut().zip(said).for_each(|(best, cost)| *best = better(*best, cost));
        }
        sum = Some(match sum {
            None => best,
            Some(sum) => sum.into_iter().zip(best).map(|(one, other)| both(one, other)).collect(),
        });
    }
    sum.unwrap_or_default()
}

/// How well a text with such a cost fits, the lower the better: mistakes, then fields, then how much of the title was
/// said, whether its category says the same, and how much it is bought.
pub struct Fit<'a> {
    words: Column<'a>,
    sold: Column<'a>,
}

impl<'a> Fit<'a> {
    pub fn of(index: &'a Index) -> Self {
        Self { words: index.ids(Part::TextWords), sold: index.ids(Part::TextSold) }
    }

    pub fn score(&self, text: usize, cost: u32) -> i64 {
        let said = cost & 0xff;
        let category = cost >> BOTH & 0xff;
        let unsaid = self.words.get(text).saturating_sub(said).min(8);
        let close = 512 + UNSAID * i64::from(unsaid)
            - SOLD * i64::from(self.sold.get(text))
            - CATEGORY * i64::from(category);
        (i64::from(cost >> FIELDS) << 16) + close
    }
}

/// What a word of the title weighs that was not asked for.
const UNSAID: i64 = 6;
/// What it weighs that twice as much of it is bought.
const SOLD: i64 = 4;
/// What it weighs that a word is in title and category.
const CATEGORY: i64 = 12;

/// How many products match.
pub fn products(index: &Index, costs: &[u32]) -> usize {
    let matching = costs.iter().enumerate().filter(|(_, cost)| **cost != NONE);
    matching.map(|(text, _)| index.products_of(text).len()).sum()
}

/// All terms of slots, for marks.
pub fn terms(slots: &[Slot]) -> BTreeSet<usize> {
    let words = slots.iter().flat_map(|slot| &slot.sayings).flat_map(|saying| &saying.words);
    words.flatten().map(|leaf| leaf.term).collect()
}

fn all_of(index: &Index, words: &[Vec<Leaf>]) -> Vec<u32> {
    let mut sum: Option<Vec<u32>> = None;
    for word in words {
        let mut best = vec![NONE; index.texts()];
        for leaf in word {
            for posting in index.postings(leaf.term) {
                if let Some(best) = best.get_mut(posting.text as usize) {
                    *best = better(*best, cost(posting, leaf.mistakes));
                }
            }
        }
        sum = Some(match sum {
            None => best,
            Some(sum) => sum.into_iter().zip(best).map(|(one, other)| both(one, other)).collect(),
        });
    }
    sum.unwrap_or_else(|| vec![NONE; index.texts()])
}

fn cost(posting: Posting, mistakes: u8) -> u32 {
    let [title, category, maker] =
        [Field::Title, Field::Category, Field::Maker].map(|field| posting.is_in(field));
    let field = match (title, category, maker) {
        (true, _, _) => 0,
        (false, true, _) => 1,
        (false, false, true) => 2,
        (false, false, false) => 3,
    };
    u32::from(mistakes) << MISTAKES
        | field << FIELDS
        | u32::from(title && category) << BOTH
        | u32::from(title)
}

fn better(one: u32, other: u32) -> u32 {
    let rank = |cost: u32| (cost >> FIELDS, u32::MAX - (cost & 0xffff));
    if rank(other) < rank(one) { other } else { one }
}

/// Of ten words with few mistakes no byte runs over.
fn both(one: u32, other: u32) -> u32 {
    if one == NONE || other == NONE { NONE } else { one + other }
}
