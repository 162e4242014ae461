//! Two promises on speed, as ratios to `crdts`' `Map<LineKey, PNCounter>` in the same process: a full join
//! takes at most an eighth of its time, joining a delta at most twice that of its operation. Runs only when
//! asked to, and optimised: `EVERCART_BENCH=1 cargo test --release -p cart-core --test ratio -- --nocapture`.
#![cfg(not(target_arch = "wasm32"))]
// A benchmark reads the clock.
#![allow(clippy::disallowed_types)]

#[path = "../benches/pair/mod.rs"]
mod pair;

use std::hint::black_box;
use std::time::Instant;

use crdts::{CmRDT, CvRDT};
use pair::Pair;

const FULL_JOIN_RATIO_MAX: f64 = 1.0 / 8.0;
const DELTA_JOIN_RATIO_MAX: f64 = 2.0;

#[test]
fn joins_keep_their_ratio_to_the_crates_map() {
    if std::env::var_os("EVERCART_BENCH").is_none() {
        println!("not asked for: EVERCART_BENCH=1");
        return;
    }
    assert!(!cfg!(debug_assertions), "measure with --release");
    let [a, b] = Pair::half_shared();
    let pair = Pair::of(20, 3, 3);
    let (delta, op) = pair.add(2, 7, 1);

    let full = compare(
        || {
            median_ns(
                20_000,
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
                4_000,
                || (),
                |()| {
                    let mut joined = a.map.clone();
                    joined.merge(black_box(&b.map).clone());
                    joined
                },
            )
        },
    );
    let one = compare(
        || {
            median_ns(
                4_000,
                || pair.cart.clone(),
                |mut cart| {
                    cart.join(black_box(&delta));
                    cart
                },
            )
        },
        || {
            median_ns(
                4_000,
                || (pair.map.clone(), op.clone()),
                |(mut map, op)| {
                    map.apply(black_box(op));
                    map
                },
            )
        },
    );
    let edit = compare(
        || {
            median_ns(
                4_000,
                || pair.clone(),
                |mut pair| {
                    let delta = pair.add_ours(2, 7, 1);
                    pair.cart.join(&delta);
                    (pair, delta)
                },
            )
        },
        || {
            median_ns(
                4_000,
                || pair.clone(),
                |mut pair| {
                    let op = pair.add_map(2, 7, 1);
                    pair.map.apply(op.clone());
                    (pair, op)
                },
            )
        },
    );
    println!("20 lines                     ours   Map<PNCounter>    ratio   promised");
    let line = |what: &str, (ours, map, ratio): (f64, f64, f64), promised: &str| {
        println!("{what:<24} {ours:>6.0} ns        {map:>6.0} ns   {ratio:>6.3}   {promised}");
    };
    line("full join, half shared", full, "0.125");
    line("join of a delta", one, "2");
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

/// The median of batches of fifty, in nanoseconds a run; what a run starts from and what it leaves are made
/// and dropped outside. (Larger batches measure fresh memory.)
fn median_ns<I, O>(runs: usize, start: impl Fn() -> I, run: impl Fn(I) -> O) -> f64 {
    const BATCH: usize = 50;
    let mut batches: Vec<f64> = (0..runs / BATCH)
        .map(|_| {
            let inputs: Vec<I> = (0..BATCH).map(|_| start()).collect();
            let mut outputs = Vec::with_capacity(inputs.len());
            let count = inputs.len() as f64;
            let began = Instant::now();
            for input in inputs {
                outputs.push(run(black_box(input)));
            }
            let took = began.elapsed();
            drop(black_box(outputs));
            took.as_nanos() as f64 / count
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}
