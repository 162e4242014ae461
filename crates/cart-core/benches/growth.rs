//! How the work grows, from 10 to 500 lines and from 1 to 1,000 actors, beside `crdts`' `Map<String,
//! PNCounter>`. `cargo bench -p cart-core --bench growth`.
#![allow(missing_docs)]

mod pair;

use std::hint::black_box;

use cart_core::cart::Cart;
use crdts::{CmRDT, CvRDT};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use pair::Pair;

criterion_group!(benches, lines, actors);
criterion_main!(benches);

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lines");
    for count in [10, 20, 50, 100, 200, 500] {
        measure(&mut group, count, &Pair::of(count, 3, 3));
    }
    group.finish();
}

fn actors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("actors of 20 lines");
    for count in [1, 3, 10, 100, 1_000] {
        measure(&mut group, count, &Pair::of(20, 50, count));
    }
    group.finish();
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, parameter: u64, pair: &Pair) {
    group.sample_size(20);
    let (mut other, line) = (pair.clone(), 7);
    other.add_many(line, 1, [2].into_iter());
    let (delta, op) = pair.add(2, line, 1);
    let bytes = pair.cart.to_bytes();
    let id = |what: &str| BenchmarkId::new(what, parameter);
    group.bench_function(id("full join, ours"), |bencher| {
        bencher.iter(|| {
            let mut joined = pair.cart.clone();
            joined.join(black_box(&other.cart));
            joined
        });
    });
    group.bench_function(id("full join, Map<PNCounter>"), |bencher| {
        bencher.iter(|| {
            let mut joined = pair.map.clone();
            joined.merge(black_box(&other.map).clone());
            joined
        });
    });
    group.bench_function(id("delta join, ours"), |bencher| {
        bencher.iter_batched_ref(
            || pair.cart.clone(),
            |cart| cart.join(black_box(&delta)),
            BatchSize::LargeInput,
        );
    });
    group.bench_function(id("delta join, Map<PNCounter>'s operation"), |bencher| {
        bencher.iter_batched_ref(
            || (pair.map.clone(), Some(op.clone())),
            |(map, op)| map.apply(black_box(op.take().expect("an operation"))),
            BatchSize::LargeInput,
        );
    });
    group.bench_function(id("local add, ours"), |bencher| {
        bencher.iter_batched_ref(
            || pair.clone(),
            |pair| {
                let delta = pair.add_ours(2, line, 1);
                pair.cart.join(&delta);
                delta
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function(id("encode"), |bencher| bencher.iter(|| black_box(&pair.cart).to_bytes()));
    group.bench_function(id("decode"), |bencher| bencher.iter(|| Cart::from_bytes(black_box(&bytes))));
}
