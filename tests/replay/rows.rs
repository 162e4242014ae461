//! Rows that the objects of one cart have read and written, alarms and all that other regions told them
//! included. Each object counts since it woke and says so with its answers; what it said last before it slept
//! is added up.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use harness::Answer;

/// An object that nobody calls sleeps after ten seconds. Sooner, a lesser count is of an answer overtaken.
const SLEEPS_AFTER: Duration = Duration::from_secs(9);

/// Rows read and written.
pub type Rows = (u64, u64);

/// Of all objects of a cart, by their region.
#[derive(Default)]
pub struct RowsOf(Mutex<BTreeMap<String, Count>>);

struct Count {
    /// Before it slept last.
    before: Rows,
    since: Rows,
    heard: Instant,
}

impl RowsOf {
    pub fn hear(&self, answer: &Answer) {
        if answer.header("evercart-rows-since-wake").is_empty() {
            return;
        }
        let said = answer.rows_since_wake();
        let mut all = self.0.lock().expect("the counts");
        let region = answer.header("evercart-region").to_owned();
        let now = Instant::now();
        let count = all.entry(region).or_insert(Count { before: (0, 0), since: (0, 0), heard: now });
        if said.0 < count.since.0 || said.1 < count.since.1 {
            if now.duration_since(count.heard) < SLEEPS_AFTER {
                return;
            }
            count.before = sum(count.before, count.since);
            count.since = (0, 0);
        }
        count.since = (count.since.0.max(said.0), count.since.1.max(said.1));
        count.heard = now;
    }

    /// Where the cart was served.
    pub fn regions(&self) -> Vec<String> {
        self.0.lock().expect("the counts").keys().cloned().collect()
    }

    pub fn total(&self) -> Rows {
        let all = self.0.lock().expect("the counts");
        all.values().map(|count| sum(count.before, count.since)).fold((0, 0), sum)
    }
}

fn sum(rows: Rows, more: Rows) -> Rows {
    (rows.0 + more.0, rows.1 + more.1)
}
