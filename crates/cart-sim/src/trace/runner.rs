//! Runs many traces over the cores of this machine, until one breaks a promise.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::trace;
use crate::trace::coverage::Coverage;
use crate::violation::Violation;

/// How many traces a thread takes at a time.
const BATCH: u64 = 128;
const THREADS: usize = 2;

/// Which traces to run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub traces: u64,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many traces were run.
    pub traces: u64,
    /// How long it took.
    pub took: Duration,
    /// What all of them met.
    pub coverage: Coverage,
    /// A broken promise, of several found at once the one with the lowest seed.
    pub violation: Option<Violation>,
}

impl Run {
    /// Runs them. `progress` is told now and then how many are done.
    pub fn run(&self, progress: impl Fn(u64) + Sync) -> Report {
        let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let found: Mutex<Option<Violation>> = Mutex::new(None);
        let met = Mutex::new(Coverage::default());
        let began = Instant::now();
        let work = || {
            let mut coverage = Coverage::default();
            while !stop.load(Ordering::Relaxed) {
                let from = next.fetch_add(BATCH, Ordering::Relaxed).min(self.traces);
                for at in from..self.traces.min(from + BATCH) {
                    done.fetch_add(1, Ordering::Relaxed);
                    match trace::run(self.first + at) {
                        Ok(outcome) => coverage.add(&outcome.coverage),
                        Err(violation) => {
                            stop.store(true, Ordering::Relaxed);
                            let mut found = found.lock().expect("no thread panics with it");
                            if found.as_ref().is_none_or(|other| violation.seed < other.seed) {
                                *found = Some(violation);
                            }
                            break;
                        }
                    }
                }
                progress(done.load(Ordering::Relaxed));
                if from >= self.traces {
                    break;
                }
            }
            met.lock().expect("no thread panics with it").add(&coverage);
        };
        std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
        Report {
            traces: done.into_inner(),
            took: began.elapsed(),
            coverage: met.into_inner().expect("no thread panicked with it"),
            violation: found.into_inner().expect("no thread panicked with it"),
        }
    }
}

impl Report {
    /// How many traces a second.
    pub fn rate(&self) -> f64 {
        self.traces as f64 / self.took.as_secs_f64()
    }
}
