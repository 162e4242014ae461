//! Two promises on speed, as ratios to `crdts`' `Map<String, PNCounter<u64>, u64>` in the same process: a
//! full join takes at most an eighth of its time, joining the delta of an add at most twice that of its
//! operation, in the mean of three adds: to a line by a device that has added to it before (the map then
//! only raises numbers in place), to a line of others, and of a new line. What an API consumes is cloned.
//! Optimised: `cargo test --release -p cart-core --test ratio -- --ignored --nocapture`.
#![cfg(not(target_arch = "wasm32"))]
// A benchmark reads the clock.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

#[path = "../benches/pair/mod.rs"]
mod pair;

use std::hint::black_box;
use std::time::Instant;

use cart_core::cart::Delta;
use crdts::{CmRDT, CvRDT};
use pair::{CrateOp, Pair};

const FULL_JOIN_RATIO_MAX: f64 = 1.0 / 8.0;
const DELTA_JOIN_RATIO_MAX: f64 = 2.0;

#[test]
#[ignore = "a measurement, of an optimised build: make bench"]
fn joins_keep_their_ratio_to_the_crates_map() {
    if cfg!(debug_assertions) {
        panic!("measure with --release");
    }
    let [a, b] = Pair::half_shared();
    let pair = Pair::of(20, 3, 3);
    let again = pair.add(2, 7, 1);
    let joined_in = pair.add(5, 7, 1);
    let new_line = pair.add(2, 30, 1);

    let full = compare(
        || {
            median_ns(
                || (),
                |()| {
                    let mut joined = a.cart.clone();
                    joined.join(black_box(&b.cart));
                    joined
                },
            )
        },
        || {
            median_ns(
                || (),
                |()| {
                    let mut joined = a.map.clone();
                    joined.merge(black_box(&b.map).clone());
                    joined
                },
            )
        },
    );
    let one = |(delta, op): &(Delta, CrateOp)| {
        compare(
            || median_ns(|| pair.cart.clone(), |cart| cart.join(black_box(delta))),
            || median_ns(|| pair.map.clone(), |map| map.apply(black_box(op).clone())),
        )
    };
    let deltas = [one(&again), one(&joined_in), one(&new_line)];
    let edit = compare(
        || {
            median_ns(
                || pair.clone(),
                |pair| {
                    let delta = pair.add_ours(2, 7, 1);
                    pair.cart.join(&delta);
                    delta
                },
            )
        },
        || {
            median_ns(
                || pair.clone(),
                |pair| {
                    let op = pair.add_map(2, 7, 1);
                    pair.map.apply(op.clone());
                    op
                },
            )
        },
    );
    let mean = |value: &dyn Fn(&(f64, f64, f64)) -> f64| deltas.iter().map(value).sum::<f64>() / 3.0;
    let (ours, map) = (mean(&|delta| delta.0), mean(&|delta| delta.1));
    let one = (ours, map, ours / map);
    println!("20 lines                       ours   Map<PNCounter>    ratio   promised");
    let line = |what: &str, (ours, map, ratio): (f64, f64, f64), promised: &str| {
        println!("{what:<26} {ours:>6.0} ns        {map:>6.0} ns   {ratio:>6.3}   {promised}");
    };
    line("full join, half shared", full, "0.125");
    line("delta: its own line again", deltas[0], "");
    line("delta: another's line", deltas[1], "");
    line("delta: a new line", deltas[2], "");
    line("join of a delta, mean", one, "2");
    line("local add with delta", edit, "-");
    assert!(full.2 <= FULL_JOIN_RATIO_MAX, "full join: {:.3} of the map's time", full.2);
    assert!(one.2 <= DELTA_JOIN_RATIO_MAX, "join of a delta: {:.2} times the operation's", one.2);
}

/// Five rounds of both, in turn: the median of each, and of the ratios.
fn compare(ours: impl Fn() -> f64, map: impl Fn() -> f64) -> (f64, f64, f64) {
    let rounds: Vec<(f64, f64)> = (0..5).map(|_| (ours(), map())).collect();
    let median = |value: &dyn Fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (median(&|round| round.0), median(&|round| round.1), median(&|round| round.0 / round.1))
}

/// The median of 400 batches of 50, in nanoseconds a run. What a run starts from and what it leaves are made
/// and dropped outside. (Larger batches would measure fresh memory.)
fn median_ns<I, O>(start: impl Fn() -> I, run: impl Fn(&mut I) -> O) -> f64 {
    const BATCHES: usize = 400;
    const BATCH: usize = 50;
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let mut inputs: Vec<I> = (0..BATCH).map(|_| start()).collect();
            let mut outputs = Vec::with_capacity(BATCH);
            let began = Instant::now();
            outputs.extend(inputs.iter_mut().map(|input| run(black_box(input))));
            let took = began.elapsed();
            drop(black_box((inputs, outputs)));
            took.as_nanos() as f64 / BATCH as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}
