//! Random worlds of regions keep every promise. How many: `EVERCART_SCHEDULES`, 20,000 unless said. Each kind of
//! fault must have fired so often as befits the length of the run, in one of 100,000 a thousand times.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;

use cart_sim::regional::{self, runner::Run};
use cart_sim::trace;

#[test]
fn every_promise_is_kept_in_random_worlds_of_regions() {
    trace::announce_panics();
    let worlds = std::env::var("EVERCART_SCHEDULES").ok();
    let worlds = worlds.map_or(20_000, |count| count.parse().expect("EVERCART_SCHEDULES is a number"));
    let report = Run { worlds, ..Run::default() }.run(|_| {});
    if let Some(violation) = report.violation {
        let (history, _) = regional::replay(violation.seed, &regional::shrink(&violation));
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
        let (history, told) = regional::replay(seed, &none);
        assert_eq!(told, regional::run(seed), "telling the history changes nothing, seed {seed}");
        assert_eq!((history, told), regional::replay(seed, &none), "seed {seed}");
    }
}

#[test]
#[ignore = "walks through some millions of states, in minutes: run it by its name"]
fn every_interleaving_of_a_tiny_scope_ends_with_the_same() {
    let found = regional::breadth::walk(3_000_000);
    println!("{found:?}");
    assert_eq!(found.broken, None);
    assert!(found.states >= 1_500_000, "{found:?}");
}
