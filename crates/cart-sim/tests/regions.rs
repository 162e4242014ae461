//! Random worlds of regions keep every promise. How many: `EVERCART_SCHEDULES`, 20,000 unless said. Each kind of
//! fault must have fired so often as befits the length of the run, in one of three million a thousand times.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;

use cart_sim::regional::breadth::{self, Scope};
use cart_sim::regional::{self, runner::Run};
use cart_sim::trace;

/// As the command's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[test]
fn every_promise_is_kept_in_random_worlds_of_regions() {
    trace::announce_panics();
    let worlds = std::env::var("EVERCART_SCHEDULES").ok();
    let worlds = worlds.map_or(20_000, |count| count.parse().expect("EVERCART_SCHEDULES is a number"));
    let report = Run { worlds, ..Run::default() }.run(|_| {});
    if let Some(violation) = report.violations.first() {
        let (history, _) = regional::replay(violation.seed, None, &regional::shrink(violation, None));
        panic!("{}\n{violation}", history.join("\n"));
    }
    println!("{}", report.summary());
    report.faults.iter().for_each(|(kind, count)| println!("{count:>12}  {kind:?}"));
    assert_eq!(report.worlds, worlds);
    assert_eq!(report.rare(), [], "each kind of fault must be met");
}

#[test]
fn the_same_seed_gives_the_same_world_twice() {
    let none = BTreeSet::new();
    for seed in 0..300 {
        let (history, told) = regional::replay(seed, None, &none);
        assert_eq!(told, regional::run(seed, None), "telling the history changes nothing, seed {seed}");
        assert_eq!((history, told), regional::replay(seed, None, &none), "seed {seed}");
    }
}

/// Three scopes whole, and a larger one as far as a walk goes.
#[test]
#[ignore = "walks through five million states, in half a minute: make test runs it"]
fn every_interleaving_of_a_tiny_scope_ends_with_the_same() {
    let mut whole = 0;
    for scope in Scope::WHOLE {
        let found = breadth::walk(scope);
        println!("{scope:?}: {found:?}");
        assert_eq!((found.broken, found.all), (None, true), "{scope:?}");
        whole += found.states;
    }
    assert!(whole >= Scope::STATES_MIN, "{whole} states");
    let found = breadth::walk(Scope::LARGER);
    println!("of the larger scope: {found:?}");
    assert_eq!(found.broken, None);
}
