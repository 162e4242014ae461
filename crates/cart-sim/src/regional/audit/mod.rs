//! What must hold when a world has come to rest: each auditor looks at the disks alone, in a file of its own.

mod additions;
mod adds;
mod costs;
mod equality;
mod fences;
mod merged;
mod quiet;
mod removals;
mod sign_out;
mod tabs;
mod ties;

use super::world::World;
use crate::violation::Check;

/// All auditors.
///
/// # Errors
/// The first promise that is broken.
pub fn all(world: &mut World) -> Check {
    if world.is_signed_out() {
        // Nobody can look in any more, which is what brings together those who rely on what was acknowledged.
        return sign_out::check(world);
    }
    for cart in 0..world.carts.len() {
        equality::check(world, cart)?;
        ties::check(world, cart)?;
        additions::check(world, cart)?;
        adds::check(world, cart)?;
        removals::check(world, cart)?;
    }
    merged::check(world)?;
    tabs::check(world)?;
    fences::check(world)?;
    quiet::check(world)?;
    costs::check(world)
}

/// What each object takes for known elsewhere, for the history of a world that failed.
pub fn holders(world: &mut World) -> String {
    let mut text = String::from("at the end:");
    for at in 0..world.sites.len() {
        let stored = world.sites[at].disk.row.is_some();
        let replica = world.load(at);
        let (book, home) = (replica.book(), replica.home());
        text += &format!(
            "\n  {} stored {stored} joined {} incarnation {:x} sequence {} home {} of term {} horizon {}",
            book.region,
            book.joined,
            book.incarnation,
            book.sequence,
            home.region,
            home.term,
            replica.cart().context().horizon().0,
        );
        text += &format!("\n    told of ties at {}: {:?}", book.tied, book.ties);
        for (holder, link) in &book.links {
            text += &format!("\n    {holder}: {link:x?}");
        }
    }
    for store in &world.stores {
        let rev = store.row.as_ref().map(|row| (row.incarnation, row.rev));
        text += &format!("\n  store {}: {rev:x?}", store.region);
    }
    text
}
