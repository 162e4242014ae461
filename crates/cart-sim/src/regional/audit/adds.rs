//! No acknowledged add is lost and none counts twice. Of the products of which shoppers only ever add, the
//! quantity is the sum of distinct edits.

use std::collections::BTreeSet;

use cart_core::line::{LineKey, Location};

use crate::regional::shopper::ADDED;
use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World, cart: usize) -> Check {
    for site in &world.sites[world.sites_of(cart)] {
        let Some(held) = site.held.as_ref().filter(|held| !held.cart.is_erased()) else { continue };
        let facts = &world.facts[cart];
        for (dot, known) in facts.known.iter().filter(|(dot, _)| !facts.excused.contains(dot)) {
            let kept =
                held.knows(*dot) && (!known.contributes || held.shows(*dot) || facts.removed.contains(dot));
            Fault::unless(kept, Invariant::I1NoLostAdd, || {
                format!("{} ({dot:?}, {known:?}) is not in {}", known.key, site.region)
            })?;
        }
        for sku in ADDED {
            let key = LineKey::new(sku, None, None).expect("a key");
            let line = held.cart.line(&key);
            let dots = line.into_iter().flat_map(|line| line.iter()).map(|(dot, _)| dot);
            let mut keys = BTreeSet::new();
            let mut sum = 0;
            for dot in dots.filter(|dot| held.shows(*dot)) {
                let Some(known) = facts.made(dot) else {
                    return Fault::unless(false, Invariant::I1NoLostAdd, || {
                        format!("{sku} has {dot:?}, which nobody made")
                    });
                };
                let once = facts.excused.contains(&dot) || keys.insert((&known.key, known.quantity));
                Fault::unless(once, Invariant::Doubled, || format!("{sku} counts {} twice", known.key))?;
                sum += known.quantity;
            }
            let shown = held.cart.shown(&key, Location::Cart);
            Fault::unless(shown == sum, Invariant::Doubled, || {
                format!("{sku} shows {shown} in {}; the edits add up to {sum}", site.region)
            })?;
        }
    }
    Ok(())
}
