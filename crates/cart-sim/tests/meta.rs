//! Tests of the simulator itself: it is deterministic, and it meets what it is meant to meet.

#![cfg(not(target_arch = "wasm32"))]

use cart_sim::hash::TraceHash;
use cart_sim::trace;
use cart_sim::trace::runner::Run;

/// How often each mark must be met in 10,000 traces.
const MET_MIN: u64 = 15;

#[test]
fn the_same_seed_gives_the_same_trace_twice() {
    for seed in 0..200 {
        assert_eq!(trace::run(seed), trace::run(seed), "seed {seed}");
        assert_eq!(trace::replay(seed), trace::replay(seed), "the history of seed {seed}");
    }
    assert_eq!(TraceHash::of_seeds(500), TraceHash::of_seeds(500));
}

#[test]
fn telling_the_history_changes_nothing() {
    for seed in 0..200 {
        assert_eq!(trace::replay(seed).1, trace::run(seed), "seed {seed}");
    }
}

#[test]
fn every_kind_of_change_event_and_fault_is_met() {
    let report = Run { first: 0, traces: 10_000 }.run(|_| {});
    assert_eq!(report.violation, None);
    for (mark, count) in report.coverage.iter() {
        println!("{count:>9}  {mark:?}");
    }
    let rare: Vec<_> = report.coverage.iter().filter(|(_, count)| *count < MET_MIN).collect();
    assert!(rare.is_empty(), "met less than {MET_MIN} times in 10,000 traces: {rare:?}");
}
