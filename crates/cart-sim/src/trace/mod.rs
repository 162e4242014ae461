//! A trace: from one seed some sites, their habits and a bad network, then a score of events; after each
//! of them everything is checked. At the end the sites tell each other their full states until all are
//! equal, to the byte, and nothing still in flight changes that.
//!
//! Read [`postcondition`], [`laws`], [`witness`] and [`oracle`] for what is checked, and [`coverage`] for what must have
//! been met.

pub mod coverage;
pub mod edit;
pub mod laws;
pub mod network;
pub mod oracle;
pub mod postcondition;
#[cfg(not(target_arch = "wasm32"))]
pub mod runner;
pub mod site;
pub mod situation;
pub mod witness;
pub mod world;

use std::cell::Cell;

use crate::trace::coverage::Coverage;
use crate::trace::world::World;
use crate::violation::{Check, Fault, Violation};

/// How a trace ended that broke no promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The bytes of one site before the sites are healed, then those in which all ended.
    pub finals: [Vec<u8>; 2],
    /// What was met.
    pub coverage: Coverage,
}

/// Runs the trace of a seed.
///
/// # Errors
/// The promise that was broken.
pub fn run(seed: u64) -> Result<Outcome, Violation> {
    conclude(seed, &mut World::new(seed, false))
}

/// Runs the trace of a seed and tells its history, a line an event.
pub fn replay(seed: u64) -> (Vec<String>, Result<Outcome, Violation>) {
    let mut world = World::new(seed, true);
    let result = conclude(seed, &mut world);
    (world.into_history(), result)
}

/// From now on a panic in a trace says which one it was. The core must not panic on anything.
pub fn announce_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        if let Some((command, seed)) = RUNNING.get() {
            eprintln!("this was in: cargo run --release -p cart-sim -- {command} {seed}");
        }
    }));
}

thread_local! {
    static RUNNING: Cell<Option<(&'static str, u64)>> = const { Cell::new(None) };
}

/// Runs what a seed makes, known by its command to whoever announces a panic.
pub fn running<T>(seed: u64, command: &'static str, run: impl FnOnce() -> T) -> T {
    RUNNING.set(Some((command, seed)));
    let result = run();
    RUNNING.set(None);
    result
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    DeviceEdit,
    HttpEdit,
    Retry,
    Deliver,
    SendState,
    SendLacking,
    Coalesce,
    Checkout,
    Renew,
    Restart,
    Look,
    Cut,
    Horizon,
}

/// How often each happens.
const EVENTS: [(Event, u32); 13] = [
    (Event::DeviceEdit, 34),
    (Event::HttpEdit, 14),
    (Event::Retry, 3),
    (Event::Deliver, 34),
    (Event::SendState, 6),
    (Event::SendLacking, 5),
    (Event::Coalesce, 3),
    (Event::Checkout, 3),
    (Event::Renew, 2),
    (Event::Restart, 3),
    (Event::Look, 7),
    (Event::Cut, 1),
    (Event::Horizon, 2),
];

fn conclude(seed: u64, world: &mut World) -> Result<Outcome, Violation> {
    match running(seed, "replay", || play(world)) {
        Ok(finals) => Ok(Outcome { finals, coverage: world.coverage().clone() }),
        Err(Fault { invariant, text }) => {
            Err(Violation { invariant, command: "replay", seed, event: world.event(), text })
        }
    }
}

fn play(world: &mut World) -> Result<[Vec<u8>; 2], Fault> {
    let events = 10 + world.dice().below(21);
    if world.dice().chance(60) {
        world.begin_together()?;
    }
    for _ in 0..events {
        world.pass_time();
        let event = world.dice().weighted(&EVENTS);
        happen(world, event)?;
    }
    world.pass_time();
    world.check_laws()?;
    let before = world.last_state();
    world.heal()?;
    Ok([before, world.check_end()?])
}

fn happen(world: &mut World, event: Event) -> Check {
    match event {
        Event::DeviceEdit => world.device_edit(),
        Event::HttpEdit => world.http_edit(),
        Event::Retry => world.retry(),
        Event::Deliver => (0..=world.dice().below(3)).try_for_each(|_| world.deliver()),
        Event::SendState => world.send_state(),
        Event::SendLacking => world.send_lacking(),
        Event::Coalesce => world.coalesce(),
        Event::Checkout => world.checkout(),
        Event::Renew => world.renew_one(),
        Event::Restart => world.restart(),
        Event::Look => world.look(),
        Event::Cut => world.cut(),
        Event::Horizon => world.raise_horizon(),
    }
}
