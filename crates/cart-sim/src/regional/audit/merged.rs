//! What the guest's cart had is in the user's, once it was merged: none of its edits is lost there. And it goes where
//! the user's goes: once that was erased, nothing of it is left anywhere.

use crate::regional::fault::Kind;
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
    if world.facts.iter().any(|facts| facts.ever_erased) {
        return check_erased(world);
    }
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

/// Whoever has lost the only disks that knew of the merge knows nothing that the guest's cart would follow.
fn check_erased(world: &mut World) -> Check {
    let lost = [Kind::Wipe, Kind::RegionLost, Kind::StoreLost, Kind::StoreBack].into_iter();
    let lost = lost.map(|kind| world.faults.count(kind)).sum::<u64>() > 0;
    let sealed = !world.seals.is_empty();
    let sites = world.sites_of(0).filter(|at| world.sites[*at].disk.row.is_some()).collect::<Vec<_>>();
    let guest = world.carts[1].clone();
    let follows = |world: &mut World, at: &usize| {
        let replica = world.load(*at);
        let merged = replica.book().ties.merged.contains(&guest);
        replica.cart().is_erased() && (merged || (sealed && !lost))
    };
    if !sites.iter().any(|at| follows(world, at)) {
        return Ok(());
    }
    let there = world.sites_of(1);
    let sites = world.sites[there.clone()].iter().filter_map(|site| Some((site.region, site.held.as_ref()?)));
    // What lies where nobody looks for it, since a letter of before a change of pairs came late, the sweep takes away.
    let asked = world.stores[there].iter().filter(|store| world.is_asked(store));
    let rows = asked.filter_map(|store| Some((store.region, store.held.as_ref()?)));
    for (region, held) in sites.chain(rows) {
        Fault::unless(held.cart.is_erased(), Invariant::I2NoReturn, || {
            format!(
                "the user's cart was erased, and the guest's that was merged into it is there in {region}"
            )
        })?;
    }
    Ok(())
}
