//! Runs many worlds over the cores of this machine, until one breaks a promise.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::fault::Faults;
use super::world::Size;
use crate::violation::Violation;

/// How many worlds a thread takes at a time.
pub const BATCH: u64 = 32;
/// In a run of so many worlds each kind of fault must have fired so often; in a shorter one, in proportion,
/// half as often, since there chance weighs more.
const FIRED: (u64, u64) = (3_000_000, 1_000);

/// Which worlds to run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub worlds: u64,
    /// In which size, if not in that of each seed.
    pub size: Option<Size>,
    /// Whether to go on after a violation.
    pub goes_on: bool,
    /// On how many threads.
    pub threads: usize,
}

impl Default for Run {
    fn default() -> Self {
        Self { first: 0, worlds: 0, size: None, goes_on: false, threads: 2 }
    }
}

/// What was in worlds that broke no promise, added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// How many worlds.
    pub worlds: u64,
    /// What happened: edits, faults, time.
    pub events: u64,
    /// Messages that came and alarms that went off.
    pub came: u64,
    /// Edits that were acknowledged.
    pub edits: u64,
    /// Frames that were sent.
    pub frames: u64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.events += other.events;
        self.came += other.came;
        self.edits += other.edits;
        self.frames += other.frames;
    }
}

/// What a run has seen.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many worlds were run.
    pub worlds: u64,
    /// What was in those of each size.
    pub sizes: [Sums; Size::ALL.len()],
    /// How long it took.
    pub took: Duration,
    /// What fired.
    pub faults: Faults,
    /// The sum of the hashes of all worlds, in whatever order they were run.
    pub hash: u64,
    /// The broken promises, by seed.
    pub violations: Vec<Violation>,
}

impl Run {
    /// Runs them. `progress` is told now and then how many are done.
    pub fn run(&self, progress: impl Fn(u64) + Sync) -> Report {
        let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let total = Mutex::new(Report::default());
        let began = Instant::now();
        let work = || {
            let mut mine = Report::default();
            while !stop.load(Ordering::Relaxed) {
                let from = next.fetch_add(BATCH, Ordering::Relaxed).min(self.worlds);
                for at in from..self.worlds.min(from + BATCH) {
                    mine.worlds += 1;
                    match super::run(self.first + at, self.size) {
                        Ok(outcome) => mine.add(&outcome),
                        Err(violation) => {
                            mine.violations.push(violation);
                            if !self.goes_on {
                                stop.store(true, Ordering::Relaxed);
                                break;
                            }
                        }
                    }
                }
                progress(done.fetch_add(BATCH, Ordering::Relaxed).min(self.worlds));
                if from >= self.worlds {
                    break;
                }
            }
            total.lock().expect("no thread panics with it").join(mine);
        };
        std::thread::scope(|scope| (0..self.threads).for_each(|_| drop(scope.spawn(work))));
        Report { took: began.elapsed(), ..total.into_inner().expect("no thread panicked with it") }
    }
}

impl Report {
    fn add(&mut self, outcome: &super::Outcome) {
        self.faults.add(&outcome.faults);
        self.hash = self.hash.wrapping_add(outcome.hash);
        self.sizes[outcome.size as usize].add(Sums {
            worlds: 1,
            events: outcome.events as u64,
            came: outcome.came,
            edits: outcome.acknowledged as u64,
            frames: outcome.frames,
        });
    }

    fn join(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.faults.add(&other.faults);
        self.sizes.iter_mut().zip(other.sizes).for_each(|(sums, more)| sums.add(more));
        self.hash = self.hash.wrapping_add(other.hash);
        self.violations.extend(other.violations);
        self.violations.sort_by_key(|violation| violation.seed);
    }

    /// What was in the worlds of all sizes.
    pub fn sums(&self) -> Sums {
        let mut all = Sums::default();
        self.sizes.iter().for_each(|sums| all.add(*sums));
        all
    }

    /// How often each kind of fault must have fired in a run so long.
    pub fn least(&self) -> u64 {
        let (worlds, fired) = FIRED;
        if self.worlds >= worlds { fired } else { self.worlds * fired / worlds / 2 }
    }

    /// The kinds of fault that fired too rarely for a run so long, with how often they fired.
    pub fn rare(&self) -> Vec<(super::fault::Kind, u64)> {
        let least = self.least();
        self.faults.iter().filter(|(_, count)| *count < least).collect()
    }

    /// In a line: how many, how fast.
    pub fn summary(&self) -> String {
        let (Sums { events, came, edits, frames, .. }, seconds) = (self.sums(), self.took.as_secs_f64());
        let [small, middle, large, long] = self.sizes.map(|sums| sums.worlds);
        format!(
            "{} worlds of regions ({small} small, {middle} middle, {large} large, {long} long) in {seconds:.1} s, \
             {:.0} a second; {events} events, {came} messages and alarms, {edits} edits acknowledged, {frames} frames",
            self.worlds,
            self.worlds as f64 / seconds
        )
    }
}
