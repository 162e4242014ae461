//! A fence is taken once: everywhere it names the one order that was made under it, and nothing is sold twice.

use std::collections::BTreeSet;

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World) -> Check {
    for site in &world.sites {
        let Some(held) = &site.held else { continue };
        for (fence, order) in held.cart.fences() {
            let made = world.orders.get(&(site.cart, *fence)).map(|made| made.id);
            Fault::unless(made == Some(*order), Invariant::I4Fences, || {
                format!("fence {fence} is {order:?} in {}, and {made:?} was made", site.region)
            })?;
        }
    }
    let mut sold = BTreeSet::new();
    for ((cart, fence), order) in &world.orders {
        let again = order.sold.iter().find(|dot| !sold.insert((*cart, **dot)));
        Fault::unless(again.is_none(), Invariant::I4Fences, || {
            format!("{again:?} is sold again by order {fence}")
        })?;
    }
    Ok(())
}
