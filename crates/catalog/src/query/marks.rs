//! Where in a title the words of a query stand, for bold type.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::index::Index;
use crate::words::{Kind, stem, tokens};

/// The bytes of a title's words that are among the terms looked for, in order.
pub fn of(index: &Index, title: &str, terms: &BTreeSet<usize>) -> Vec<Range<usize>> {
    if terms.is_empty() {
        return Vec::new();
    }
    let stems = index.stems();
    let meant = |kind: &Kind| match kind {
        Kind::Word(word) => {
            let term = stems.as_ref().and_then(|stems| stems.get(stem(word)));
            term.is_some_and(|term| terms.contains(&(term as usize)))
        }
        Kind::Measure(measure) => {
            index.measures(measure.key()..=measure.key()).any(|term| terms.contains(&term))
        }
    };
    tokens(title).into_iter().filter(|token| meant(&token.kind)).map(|token| token.range).collect()
}
