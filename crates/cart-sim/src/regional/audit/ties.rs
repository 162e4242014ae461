//! The ties are equal everywhere, the stores of the home among it, and hold all that any disk had: what was
//! struck stays struck, who signed out is out.

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

/// How much the clocks of two regions differ at most, in milliseconds.
const SKEW_MS: u64 = 600_000;

pub(super) fn check(world: &mut World, cart: usize) -> Check {
    let Some(at) = world.sites_of(cart).find(|at| world.sites[*at].disk.row.is_some()) else {
        return Ok(());
    };
    let now = world.now;
    let replica = world.load(at);
    let (ties, home) = (replica.book().ties.clone(), replica.home().region);
    for store in &world.stores[world.sites_of(cart)] {
        let Some(row) = store.row.as_ref().filter(|_| world.regions.stores_of(home).contains(&store.region))
        else {
            continue;
        };
        Fault::unless(row.ties == ties, Invariant::TiesEqual, || {
            format!("the store of {} has {:?}, the replicas {ties:?}", store.region, row.ties)
        })?;
    }
    let Some(mut known) = world.facts[cart].ties.clone() else { return Ok(()) };
    // Where a clock was ahead, some have forgotten it already.
    let (mut ties, late) = (ties, now.plus(SKEW_MS));
    if world.facts[cart].ever_erased {
        known.leases.clear();
    }
    ties.forget_ended(late);
    known.forget_ended(late);
    let mut both = ties.clone();
    both.join(&known);
    Fault::unless(both == ties, Invariant::TiesEqual, || format!("{ties:?} lack some of {known:?}"))
}
