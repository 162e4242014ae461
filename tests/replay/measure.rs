//! What calls cost, by their kind, and what edits did, over HTTP and by sync apart.

use std::collections::BTreeMap;

use crate::call::Cost;
use crate::way::Travels;

/// Times of calls, and sums.
#[derive(Default)]
pub struct Measure {
    /// Milliseconds of each call, by its kind.
    pub times: BTreeMap<&'static str, Vec<f32>>,
    /// Edits over plain HTTP, each call once: repeated calls are not part of what an edit costs.
    pub http: Sums,
    /// Edits by sync.
    pub sync: Sums,
    /// All calls made, repeated ones and those of reading, too.
    pub calls: u64,
    /// Of them, edits and syncs that were made again on purpose.
    pub repeated: u64,
    /// Edits by kind: over HTTP and by sync.
    pub kinds: BTreeMap<&'static str, (u64, u64)>,
    pub travels: Travels,
}

/// Sums over calls that changed the cart.
#[derive(Default)]
pub struct Sums {
    pub edits: u64,
    pub calls: u64,
    pub sent_head: u64,
    pub sent_body: u64,
    pub got_head: u64,
    pub got_body: u64,
    pub rows_read: u64,
    pub rows_written: u64,
}

impl Measure {
    pub fn call(&mut self, kind: &'static str, cost: &Cost) {
        self.calls += 1;
        self.times.entry(kind).or_default().push(cost.ms);
    }

    pub fn again(&mut self) {
        self.calls += 1;
        self.repeated += 1;
    }

    pub fn join(&mut self, other: Self) {
        for (kind, times) in other.times {
            self.times.entry(kind).or_default().extend(times);
        }
        for (kind, (http, sync)) in other.kinds {
            let here = self.kinds.entry(kind).or_default();
            *here = (here.0 + http, here.1 + sync);
        }
        self.http.join(&other.http);
        self.sync.join(&other.sync);
        self.calls += other.calls;
        self.repeated += other.repeated;
        self.travels.join(other.travels);
    }
}

impl Sums {
    pub fn add(&mut self, edits: usize, cost: &Cost) {
        self.edits += edits as u64;
        self.calls += 1;
        self.sent_head += cost.sent_head as u64;
        self.sent_body += cost.sent_body as u64;
        self.got_head += cost.got_head as u64;
        self.got_body += cost.got_body as u64;
        self.rows_read += cost.rows_read;
        self.rows_written += cost.rows_written;
    }

    fn join(&mut self, other: &Self) {
        self.edits += other.edits;
        self.calls += other.calls;
        self.sent_head += other.sent_head;
        self.sent_body += other.sent_body;
        self.got_head += other.got_head;
        self.got_body += other.got_body;
        self.rows_read += other.rows_read;
        self.rows_written += other.rows_written;
    }

    /// A sum for each edit.
    pub fn per_edit(&self, sum: u64) -> f64 {
        sum as f64 / (self.edits.max(1)) as f64
    }
}

/// The value below which `part` of the values lie (nearest rank). 0 if there are none.
pub fn percentile(sorted: &[f32], part: f64) -> f32 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}
