//! The simulated world of regions: one cart with replicas and stores in several, shoppers who travel, a bad
//! network, disks that are lost, clocks that are wrong. It runs the very `Replica::step` and `store::take` of
//! production; only the shell around them is imitated, in its order: load, step, commit, send, reply. One
//! seed is one world, byte for byte. After its events everything is healed, and the auditors look.

mod audit;
mod fault;
mod shopper;
mod site;
mod store;
mod world;

pub use fault::{FaultKind, Faults};

use crate::violation::Violation;
use world::World;

/// How a world ended that kept its promises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The bytes in which all holders ended.
    pub end: Vec<u8>,
    /// Which faults fired.
    pub faults: Faults,
    /// Frames sent, and edits acknowledged.
    pub frames: u64,
    /// Edits acknowledged.
    pub acknowledged: u64,
}

/// Runs the world of a seed. Homes are handed and taken over in it if `homes_move`.
///
/// # Errors
/// The promise that was broken.
pub fn run(seed: u64, homes_move: bool) -> Result<Outcome, Violation> {
    play(&mut World::new(seed, false, homes_move), seed)
}

/// Runs the world of a seed and tells its history, a line an event.
pub fn replay(seed: u64, homes_move: bool) -> (Vec<String>, Result<Outcome, Violation>) {
    let mut world = World::new(seed, true, homes_move);
    let result = play(&mut world, seed);
    (world.history.take().unwrap_or_default(), result)
}

fn play(world: &mut World, seed: u64) -> Result<Outcome, Violation> {
    let events = 15 + world.dice.below(40);
    for _ in 0..events {
        world.event += 1;
        world.pass_time();
        world.happen();
    }
    let ended = world.heal().and_then(|()| world.audit());
    match ended {
        Ok(end) => Ok(Outcome {
            end,
            faults: world.faults.clone(),
            frames: world.frames,
            acknowledged: world.acknowledged.len() as u64,
        }),
        Err(fault) => Err(Violation {
            invariant: fault.invariant,
            seed,
            event: world.event,
            text: fault.text,
            regional: true,
        }),
    }
}
