//! One key takes off once: what an edit takes off where it is made again, in whatever region, was taken off where it
//! was made first. Followed without the core's rules, by what a row shows before and after.

use std::collections::{BTreeMap, BTreeSet};

use cart_core::cart::Cart;
use cart_core::id::Dot;
use cart_core::line::Contribution;

/// What each edit has taken off where it was made first, by its key and body.
#[derive(Default)]
pub struct Once(BTreeMap<(usize, String), BTreeSet<Dot>>);

impl Once {
    /// An edit of a cart was made on `before`, which gave `after`. What it took off that no first one did.
    pub fn follow(
        &mut self,
        cart: usize,
        edit: String,
        before: &Cart,
        after: &Cart,
    ) -> Option<BTreeSet<Dot>> {
        let taken = taken_off(before, after);
        match self.0.get(&(cart, edit.clone())) {
            Some(first) => {
                Some(taken.difference(first).copied().collect()).filter(|more: &BTreeSet<_>| !more.is_empty())
            }
            None => {
                self.0.insert((cart, edit), taken);
                None
            }
        }
    }

    /// A disk of the cart was lost, and with it perhaps all knowledge of an edit, which then is to be made again.
    pub fn forget(&mut self, cart: usize) {
        self.0.retain(|(of, _), _| *of != cart);
    }
}

/// The contributions that went, or of which less counts, or that were moved.
fn taken_off(before: &Cart, after: &Cart) -> BTreeSet<Dot> {
    let all = |cart: &Cart| {
        let lines = cart.lines().flat_map(|(_, line)| line.iter());
        let there = lines.filter(|(_, there)| there.payload.is_some());
        there.map(|(dot, there)| (dot, there.clone())).collect::<BTreeMap<Dot, Contribution>>()
    };
    let (before, after) = (all(before), all(after));
    before.into_iter().filter(|(dot, was)| after.get(dot) != Some(was)).map(|(dot, _)| dot).collect()
}
