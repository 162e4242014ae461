//! What the guest's cart had is in the user's, once it was merged: none of its edits is lost there.

use crate::regional::merging::renamed;
use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World) -> Check {
    let stored = (0..world.sites.len()).filter(|at| world.sites[*at].disk.row.is_some());
    let Some(at) = stored.filter(|at| world.sites[*at].cart == 1).collect::<Vec<_>>().first().copied() else {
        return Ok(());
    };
    let Some(seal) = world.load(at).book().ties.seal.clone() else { return Ok(()) };
    let horizon = world.load(at).cart().context().horizon();
    let [user, guest] = &world.facts[..] else { return Ok(()) };
    for (dot, known) in guest.known.iter().filter(|(dot, _)| !guest.excused.contains(dot)) {
        let there = renamed(&world.carts[1], seal.day, *dot);
        if user.excused.contains(&there) {
            continue;
        }
        for site in &world.sites[world.sites_of(0)] {
            let Some(held) = &site.held else { continue };
            // What left nothing, or was removed, before a horizon of the guest's cart is not known there any more.
            let gone = !known.contributes && dot.actor.day() < horizon;
            let kept = gone
                || user.removed.contains(&there)
                || (held.knows(there) && (!known.contributes || held.shows(there)));
            Fault::unless(kept, Invariant::I1NoLostAdd, || {
                format!("{} of the guest's cart is not in the user's in {}", known.key, site.region)
            })?;
        }
    }
    Ok(())
}
