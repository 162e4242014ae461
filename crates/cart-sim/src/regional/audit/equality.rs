//! All holders hold the same: the carts of all active replicas are equal to the byte, and the stores of the
//! home hold that state too.

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World, cart: usize) -> Check {
    let mut wanted: Option<(Vec<u8>, [u8; 16], String)> = None;
    let mut homes = Vec::new();
    for at in world.sites_of(cart) {
        if world.sites[at].disk.row.is_none() {
            continue;
        }
        let region = world.sites[at].region;
        // As the disk has it, not what memory makes of it.
        world.sites[at].crash(world.now);
        let replica = world.load(at);
        let (bytes, digest) = (replica.cart().to_bytes(), replica.digest());
        homes.push(replica.home());
        match &wanted {
            None => wanted = Some((bytes, digest, region.name().to_owned())),
            Some((cart, all, other)) => {
                Fault::unless(*cart == bytes, Invariant::RegionsEqual, || {
                    format!("{region} and {other} hold different carts")
                })?;
                Fault::unless(*all == digest, Invariant::TiesEqual, || {
                    format!("{region} and {other} hold different ties")
                })?;
            }
        }
    }
    let (Some((wanted, ..)), Some(home)) = (wanted, homes.first().copied()) else {
        return Fault::unless(world.facts[cart].known.is_empty(), Invariant::RegionsEqual, || {
            "no region holds the cart".into()
        });
    };
    let stores = world.regions.stores_of(home.region);
    for store in world.stores[world.sites_of(cart)].iter().filter(|store| stores.contains(&store.region)) {
        let there = store.row.as_ref().map(|row| row.cart.to_bytes());
        Fault::unless(there.as_ref() == Some(&wanted), Invariant::RegionsEqual, || {
            format!(
                "the store of {} holds {} than the replicas",
                store.region,
                if there.is_some() { "another cart" } else { "less" }
            )
        })?;
    }
    Ok(())
}
