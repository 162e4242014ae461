//! What later builds have added is there: in the ties of all holders, which are equal, and in the book to which it was
//! added, unless the disk was lost or given up.

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World, cart: usize) -> Check {
    for at in world.sites_of(cart) {
        if world.sites[at].disk.row.is_none() {
            continue;
        }
        let (wanted, own) = (world.more[cart].clone(), world.sites[at].more.clone());
        let book = world.load(at).book().clone();
        for (added, there, what) in [(&wanted, &book.ties.more, "ties"), (&own, &book.more, "book")] {
            for (key, value) in added {
                Fault::unless(
                    there.get(key).is_some_and(|there| there >= &value[..]),
                    Invariant::Additions,
                    || format!("the {what} in {} lack {value:?} of {key:?}: {there:?}", book.region),
                )?;
            }
        }
    }
    Ok(())
}
