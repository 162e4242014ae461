//! Who has signed out is out in every region, once they have heard of each other: whatever token was issued since.
//! (That a replica which knows it answers nobody is looked at in every turn.)

use cart_core::replica::Input;

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

pub(super) fn check(world: &mut World) -> Check {
    if world.facts.first().is_none_or(|facts| facts.lost) {
        // Who has lost a disk may have lost this with it, and a session that is refused elsewhere brings it back to
        // nobody.
        return Ok(());
    }
    for at in world.sites_of(0) {
        world.prepare(at, &Input::Read, false);
        let caller = world.caller(0);
        let turn = world.step(at, &caller, Input::Read, None);
        Fault::unless(matches!(turn.reply, Some(Err(_))), Invariant::SignedOut, || {
            format!("{} answers a session that was signed out elsewhere", world.sites[at].region)
        })?;
    }
    Ok(())
}
