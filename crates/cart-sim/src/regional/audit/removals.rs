//! What an edit has removed, and some disk has had as removed ever since, is gone everywhere; an erased cart
//! is erased everywhere.

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World, cart: usize) -> Check {
    let facts = &world.facts[cart];
    for site in &world.sites[world.sites_of(cart)] {
        let Some(held) = &site.held else { continue };
        let erased = held.cart.is_erased();
        Fault::unless(erased || !facts.erased, Invariant::I2NoReturn, || {
            format!("the cart was erased, and is there in {}", site.region)
        })?;
        Fault::unless(!erased || facts.ever_erased, Invariant::I1NoLostAdd, || {
            format!("{} holds an erased cart that nobody has erased", site.region)
        })?;
        let back = held.live.iter().find(|dot| facts.removed.contains(dot) && !facts.excused.contains(dot));
        Fault::unless(back.is_none(), Invariant::I2NoReturn, || {
            format!("{back:?} was removed, and is there in {}", site.region)
        })?;
    }
    Ok(())
}
