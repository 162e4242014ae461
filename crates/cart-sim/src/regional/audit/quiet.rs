//! Once nothing changes any more, the regions are quiet: few frames go between them after the last change.

use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

/// How many frames each holder may be sent by each other after the last change.
const FRAMES_MAX: u64 = 3;

pub(super) fn check(world: &mut World) -> Check {
    let holders = world.sites.len() as u64 + 2;
    let most = FRAMES_MAX * holders * holders;
    Fault::unless(world.idle_frames <= most, Invariant::Quiet, || {
        format!("{} frames after the last change, at most {most} are needed", world.idle_frames)
    })
}
