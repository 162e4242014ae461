//! Random worlds of regions keep every promise. How many: `EVERCART_SCHEDULES`, 20,000 unless said.

#![cfg(not(target_arch = "wasm32"))]

use cart_sim::regional::{self, FaultKind, Faults};

/// From how many worlds on each kind of fault must have fired so often.
const FIRED_MIN: (u64, u64) = (20_000, 1_000);

#[test]
fn every_promise_is_kept_in_random_worlds_of_regions() {
    let worlds = std::env::var("EVERCART_SCHEDULES").ok();
    let worlds: u64 = worlds.map_or(20_000, |count| count.parse().expect("EVERCART_SCHEDULES is a number"));
    let began = std::time::Instant::now();
    let half = |first: u64| {
        move || {
            let (mut faults, mut frames, mut acknowledged) = (Faults::default(), 0, 0);
            for seed in (first..worlds).step_by(2) {
                match regional::run(seed, false) {
                    Ok(outcome) => {
                        faults.add(&outcome.faults);
                        frames += outcome.frames;
                        acknowledged += outcome.acknowledged;
                    }
                    Err(violation) => {
                        let (history, _) = regional::replay(seed, false);
                        panic!("{}\n{violation}", history.join("\n"));
                    }
                }
            }
            (faults, frames, acknowledged)
        }
    };
    let (one, other) = (std::thread::spawn(half(0)), std::thread::spawn(half(1)));
    let (mut faults, frames, acknowledged) = one.join().expect("no violation");
    let (others, more_frames, more_acknowledged) = other.join().expect("no violation");
    faults.add(&others);
    let took = began.elapsed();
    println!(
        "{worlds} worlds in {took:.1?}, {:.0} a second; {} adds acknowledged, {} frames",
        worlds as f64 / took.as_secs_f64(),
        acknowledged + more_acknowledged,
        frames + more_frames
    );
    faults.iter().for_each(|(kind, count)| println!("{count:>12}  {kind:?}"));
    if worlds >= FIRED_MIN.0 {
        let moves = [FaultKind::HandOver, FaultKind::TakeOver];
        let rare: Vec<_> =
            faults.iter().filter(|(kind, count)| *count < FIRED_MIN.1 && !moves.contains(kind)).collect();
        assert!(rare.is_empty(), "fired less than {} times: {rare:?}", FIRED_MIN.1);
    }
}

#[test]
fn the_same_seed_gives_the_same_world_twice() {
    for seed in 0..300 {
        assert_eq!(regional::run(seed, false), regional::run(seed, false), "seed {seed}");
        assert_eq!(
            regional::replay(seed, false).1,
            regional::run(seed, false),
            "the history changes nothing, seed {seed}"
        );
    }
}
