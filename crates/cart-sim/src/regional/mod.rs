//! A simulated world of regions: a user's and a guest's cart, a replica
//! and a store of each in each region, all of production's decisions
//! ([`cart_core::replica::Replica::step`], [`cart_core::store::take`]) in a shell that is simulated, over a
//! network, disks, clocks and alarms that fail. From one seed one world, the same on every machine.
//!
//! Read [`schedule`] for what happens, [`shell`] for what is done in which order, [`audit`] for what must hold.

pub mod audit;
#[cfg(not(target_arch = "wasm32"))]
pub mod breadth;
#[cfg(not(target_arch = "wasm32"))]
mod chart;
pub mod facts;
pub mod fault;
#[cfg(not(target_arch = "wasm32"))]
pub mod ledger;
pub mod merging;
pub mod network;
pub mod once;
pub mod order;
pub mod orders;
#[cfg(not(target_arch = "wasm32"))]
pub mod runner;
pub mod schedule;
pub mod shell;
pub mod shopper;
pub mod site;
pub mod store;
pub mod sweeping;
pub mod tab;
pub mod tabs;
pub mod world;

use std::collections::BTreeSet;

use crate::hash::TraceHash;
use crate::trace;
use crate::violation::{Fault, Violation};
use facts::Facts;
use fault::Faults;
use world::{Size, World};

/// How a world ended that broke no promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How large it was.
    pub size: Size,
    /// A hash of all disks at the end.
    pub hash: u64,
    /// What fired.
    pub faults: Faults,
    /// How many events there were.
    pub events: usize,
    /// How many messages came and alarms went off.
    pub came: u64,
    /// How many edits were acknowledged.
    pub acknowledged: usize,
    /// How many frames were sent.
    pub frames: u64,
}

/// Runs the world of a seed, in the size that it has unless another is wanted.
///
/// # Errors
/// The promise that was broken.
pub fn run(seed: u64, size: Option<Size>) -> Result<Outcome, Violation> {
    conclude(&mut World::new(seed, size, false), command(size))
}

/// One number for the worlds of seeds 0 to `seeds - 1`, equal on every machine.
///
/// # Errors
/// The first violation.
pub fn hash_of(seeds: u64) -> Result<u64, Violation> {
    let mut hash = TraceHash::default();
    for seed in 0..seeds {
        hash.add(&[run(seed, None)?.hash.to_be_bytes().to_vec()]);
    }
    Ok(hash.finish())
}

/// Runs the world of a seed, but for some of its events, and tells its history.
pub fn replay(
    seed: u64,
    size: Option<Size>,
    without: &BTreeSet<usize>,
) -> (Vec<String>, Result<Outcome, Violation>) {
    let mut world = World::new(seed, size, true);
    world.without.clone_from(without);
    let result = conclude(&mut world, command(size));
    if result.is_err() {
        let holders = audit::holders(&mut world);
        world.history.iter_mut().for_each(|history| history.push(holders.clone()));
    }
    (world.history.unwrap_or_default(), result)
}

/// Which events of a world, before the one that broke a promise, can be left out, one after another, so that the rest
/// still breaks it.
pub fn shrink(violation: &Violation, size: Option<Size>) -> BTreeSet<usize> {
    let breaks = |without: &BTreeSet<usize>| {
        let mut world = World::new(violation.seed, size, false);
        world.without.clone_from(without);
        conclude(&mut world, command(size)).is_err_and(|other| other.invariant == violation.invariant)
    };
    let mut without = BTreeSet::new();
    // Leaving one out may make others needless that were needed before it: until nothing more goes.
    loop {
        let before = without.len();
        for event in (0..violation.event).rev().filter(|event| !without.contains(event)).collect::<Vec<_>>() {
            without.insert(event);
            if !breaks(&without) {
                without.remove(&event);
            }
        }
        if without.len() == before {
            return without;
        }
    }
}

/// The command that shows a world again, without its seed.
fn command(size: Option<Size>) -> &'static str {
    match size {
        None => "regions replay",
        Some(Size::Small) => "regions --size small replay",
        Some(Size::Middle) => "regions --size middle replay",
        Some(Size::Large) => "regions --size large replay",
        Some(Size::Long) => "regions --size long replay",
    }
}

fn conclude(world: &mut World, command: &'static str) -> Result<Outcome, Violation> {
    let seed = world.seed;
    let result = trace::running(seed, command, || {
        world.play().and_then(|()| audit::all(world))?;
        let outcome = outcome(world);
        if world.habits.days {
            world.all_leave()?;
            world.facts.iter().try_for_each(Facts::check)?;
        }
        Ok(outcome)
    });
    result.map_err(|Fault { invariant, text }| Violation {
        invariant,
        command,
        seed,
        event: world.event,
        text,
    })
}

fn outcome(world: &World) -> Outcome {
    let mut hash = TraceHash::default();
    for site in &world.sites {
        hash.add(
            &site.disk.row.iter().flat_map(|row| [row.cart.clone(), row.book.clone()]).collect::<Vec<_>>(),
        );
    }
    for store in &world.stores {
        hash.add(&store.row.iter().map(|row| row.frame(store.region).to_bytes()).collect::<Vec<_>>());
    }
    Outcome {
        size: world.size,
        hash: hash.finish(),
        faults: world.faults.clone(),
        events: world.event,
        came: world.came,
        acknowledged: world
            .facts
            .iter()
            .flat_map(|facts| facts.known.values())
            .filter(|known| known.acknowledged)
            .count(),
        frames: world.frames,
    }
}
