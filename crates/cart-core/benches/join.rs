//! The everyday work on a cart of 20 lines, beside the same on `crdts`' `Map<String, PNCounter>`.
//! `cargo bench -p cart-core --bench join`. The promises on the ratios are kept by `tests/ratio.rs`.
#![allow(missing_docs)]

mod pair;

use std::hint::black_box;

use cart_core::cart::Cart;
use crdts::{CmRDT, CvRDT};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pair::Pair;

criterion_group!(benches, full_join, delta_join, local_edit, bytes);
criterion_main!(benches);

/// Two states, half of them shared; the clone that a join needs included.
fn full_join(criterion: &mut Criterion) {
    let [a, b] = Pair::half_shared();
    let mut group = criterion.benchmark_group("full join, 20 lines");
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let mut joined = a.cart.clone();
            joined.join(black_box(&b.cart));
            joined
        });
    });
    group.bench_function("Map<PNCounter>", |bencher| {
        bencher.iter(|| {
            let mut joined = a.map.clone();
            joined.merge(black_box(&b.map).clone());
            joined
        });
    });
    group.finish();
}

/// One add from elsewhere, into a state that holds its line; the clone is not counted.
fn delta_join(criterion: &mut Criterion) {
    let pair = Pair::of(20, 3, 3);
    let (delta, op) = pair.add(2, 7, 1);
    let mut group = criterion.benchmark_group("delta join, 20 lines");
    group.bench_function("ours", |bencher| {
        bencher.iter_batched_ref(
            || pair.cart.clone(),
            |cart| cart.join(black_box(&delta)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("Map<PNCounter>, its operation", |bencher| {
        bencher.iter_batched_ref(
            || (pair.map.clone(), Some(op.clone())),
            |(map, op)| map.apply(black_box(op.take().expect("an operation"))),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// One add made here: the delta or operation, and its effect.
fn local_edit(criterion: &mut Criterion) {
    let pair = Pair::of(20, 3, 3);
    let mut group = criterion.benchmark_group("local add with its delta, 20 lines");
    group.bench_function("ours", |bencher| {
        bencher.iter_batched_ref(
            || pair.clone(),
            |pair| {
                let delta = pair.add_ours(2, 7, 1);
                pair.cart.join(&delta);
                delta
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("Map<PNCounter>", |bencher| {
        bencher.iter_batched_ref(
            || pair.clone(),
            |pair| {
                let op = pair.add_map(2, 7, 1);
                pair.map.apply(op.clone());
                op
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// To bytes and back.
fn bytes(criterion: &mut Criterion) {
    let pair = Pair::of(20, 3, 3);
    let delta = pair.add_ours(2, 7, 1);
    let mut group = criterion.benchmark_group("bytes");
    for (name, cart) in [("20 lines", &pair.cart), ("a delta", &delta)] {
        let bytes = cart.to_bytes();
        group.bench_function(format!("encode {name}"), |bencher| bencher.iter(|| black_box(cart).to_bytes()));
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| Cart::from_bytes(black_box(&bytes)));
        });
        group.bench_function(format!("version of {name}"), |bencher| {
            bencher.iter(|| black_box(cart).version())
        });
    }
    group.finish();
}
