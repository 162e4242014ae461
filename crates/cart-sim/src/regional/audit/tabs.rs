//! A tab that has synced shows what the replicas show, and has nothing left to send. Where a disk was lost with
//! the only copy of an edit, a tab that saw it shows it on.

use cart_core::line::{LineKey, Location};

use crate::regional::shopper::{ADDED, ANY};
use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World) -> Check {
    for tab in &world.tabs {
        let pending = tab.device.pending();
        Fault::unless(pending == 0, Invariant::TabsEqual, || {
            format!("{pending} changes of a tab are not acknowledged")
        })?;
        if !world.facts[tab.cart].excused.is_empty() {
            continue;
        }
        for site in &world.sites[world.sites_of(tab.cart)] {
            let Some(held) = &site.held else { continue };
            for (sku, at) in ADDED
                .into_iter()
                .chain(ANY)
                .flat_map(|sku| [Location::Cart, Location::Saved].map(|location| (sku, location)))
            {
                let key = LineKey::new(sku, None, None).expect("a key");
                let (here, there) = (tab.device.cart().shown(&key, at), held.cart.shown(&key, at));
                Fault::unless(here == there, Invariant::TabsEqual, || {
                    format!("a tab shows {here} of {sku} {at:?}, {} shows {there}", site.region)
                })?;
            }
        }
    }
    Ok(())
}
