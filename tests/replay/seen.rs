//! What an edit, a view or a refusal had seen. With one replica its commits are numbered, and all up to some
//! number were seen. With several the replica's causal context says which dots it had: each edit has its own.

use std::sync::Arc;

use cart_core::context::Context;
use cart_core::id::Dot;

#[derive(Clone, Debug, Default)]
pub enum Seen {
    /// The commits up to this.
    Upto(u64),
    /// The dots in it.
    Dots(Arc<Context>),
    /// It is not known.
    #[default]
    Unknown,
}

impl Seen {
    pub fn upto(&self) -> u64 {
        match self {
            Self::Upto(sequence) => *sequence,
            Self::Dots(_) | Self::Unknown => 0,
        }
    }

    /// The positions of those of the dots that were seen, if dots say it.
    pub fn positions(&self, dots: &[Dot]) -> Option<Vec<usize>> {
        let Self::Dots(context) = self else { return None };
        Some((0..dots.len()).filter(|at| context.contains(dots[*at])).collect())
    }
}
