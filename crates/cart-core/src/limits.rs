//! The bounds of a cart that depend on no single type, and the one check of a state against them.

use crate::cart::Cart;
use crate::line::{Contributions, LineKey};
use crate::reject::Reject;

/// The bounds of a cart. Configurable where a shop may differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest quantity an edit may bring a line to, as its replica sees it.
    pub line_quantity_max: u32,
    /// The most lines, saved ones too.
    pub lines_max: usize,
    /// The largest encoded state that edits make, in bytes.
    pub state_bytes_max: usize,
    /// The largest that merges make of it and its ties. A cart has one in each region that was not heard of, for a
    /// while, with edits and late changes of guests of its own: some of them joined still fit a frame.
    pub merged_bytes_max: usize,
}

/// A set or a removal may add some bytes, of its maker's actor and its dot: how many times the bound of a
/// state's bytes it may reach, so that a full cart can be made smaller and nothing grows for ever.
const ROOM_TO_REDUCE: usize = 2;
/// Guests' carts still change after their merge: for that there is such a part of the bound of a merge beyond it.
const ROOM_FOR_LATE: usize = 4;

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_quantity_max: 9_999,
            lines_max: 500,
            state_bytes_max: 64 * 1_024,
            merged_bytes_max: 256 * 1_024,
        }
    }
}

impl Limits {
    /// Refuses a state that passes a bound and is further beyond it than the state before. What only sets
    /// and removes (`adds` is false) stays possible at the bound of bytes, and for a while beyond it.
    ///
    /// # Errors
    /// [`Reject::TooManyLines`], [`Reject::TooManyContributions`] or [`Reject::CartBusy`].
    pub fn check_growth(&self, before: &Cart, after: &Cart, adds: bool) -> Result<(), Reject> {
        if after.line_count() > self.lines_max && after.line_count() > before.line_count() {
            return Err(Reject::TooManyLines { max: self.lines_max });
        }
        for (key, line) in after.lines() {
            let count = line.count();
            if count > Contributions::COUNT_MAX && count > before.line(key).map_or(0, Contributions::count) {
                return Err(Reject::TooManyContributions { max: Contributions::COUNT_MAX });
            }
        }
        // Encoding costs more than a glance, and few carts come near the bound.
        let bytes_max =
            if adds { self.state_bytes_max } else { self.state_bytes_max.saturating_mul(ROOM_TO_REDUCE) };
        if bytes_at_most(after) > bytes_max {
            let (bytes, bytes_before) = (after.to_bytes().len(), before.to_bytes().len());
            // What merges have made larger than that may be made smaller all the same.
            let merged = !adds && bytes_before > bytes_max;
            let bytes_max = if merged { self.joined_bytes_max() } else { bytes_max };
            if bytes > bytes_max && bytes > bytes_before {
                return Err(Reject::CartBusy);
            }
        }
        Ok(())
    }

    /// Refuses what a guest's cart hands over, where it would make the state, with ties of so many bytes, larger than
    /// what was still admitted before.
    ///
    /// # Errors
    /// [`Reject::MergeTooLarge`].
    pub fn check_joined(&self, before: &Cart, after: &Cart, ties_bytes: usize) -> Result<(), Reject> {
        let bytes_max = self.joined_bytes_max().saturating_sub(ties_bytes);
        if bytes_at_most(after) > bytes_max {
            let bytes = after.to_bytes().len();
            if bytes > bytes_max && bytes > before.to_bytes().len() {
                return Err(Reject::MergeTooLarge { max: self.merged_bytes_max });
            }
        }
        Ok(())
    }

    /// Up to which merged carts take in what guests still do after the merge.
    fn joined_bytes_max(&self) -> usize {
        self.merged_bytes_max.saturating_add(self.merged_bytes_max / ROOM_FOR_LATE)
    }
}

/// No fewer bytes than the state has when encoded: the longest varints, an actor for each mention.
fn bytes_at_most(cart: &Cart) -> usize {
    const MENTION: usize = 10 + 10 + 10;
    let context = cart.context().clock().dots.len() + cart.context().cloud().len();
    let lines = cart.lines().map(|(_, line)| LineKey::BYTES_MAX + 16 + line.count() * 3 * MENTION);
    let details = cart.details.values().map(|json| json.len() + 4);
    let coupons = cart.coupons.iter().map(|(code, dots)| code.as_str().len() + 4 + dots.len() * MENTION);
    let values = cart.meta.values().map(|register| register.value.as_ref().map_or(0, |value| value.len()));
    let meta = values.map(|bytes| bytes + 2 * MENTION);
    let rest = 64 + cart.fences.len() * 26 + cart.replicas.len() * 8;
    context * MENTION + lines.chain(details).chain(coupons).chain(meta).sum::<usize>() + rest
}
