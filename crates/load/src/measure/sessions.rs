//! Many sessions are open on one process: the highest rate of requests at which 99 of 100 are answered in time. The
//! rate is raised until it fails, and then found between the last that held and the first that did not.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Bench;
use crate::basket::{Basket, Line};
use crate::case::{Contender, Figure};
use crate::drive::{Script, Tally, play, used};
use crate::http::{Answer, Ask};
use crate::sample::percentile;
use crate::schedule::Schedule;
use crate::visit::{Visit, tag};

/// How long 99 of 100 answers may take, in milliseconds.
pub const P99_MS: f64 = 150.0;
/// Where the search begins, in requests a second, and by what it raises.
const FIRST: f64 = 150.0;
const RAISE: f64 = 1.4;
/// How often the interval is halved after that: to a tenth of a raise.
const HALVINGS: usize = 3;
/// How many carts are begun a second.
const BEGUN: f64 = 500.0;
/// How many requests may be on the way.
const LANES: usize = 256;
/// So many of the requests add; the next one reads what the last of its session had said.
const ADDS_A_READ: usize = 3;

/// One of the open sessions.
struct Open {
    visit: Visit,
    rows: Vec<Line>,
    asked: AtomicUsize,
    tag: std::sync::Mutex<Option<String>>,
}

/// Asks in turn for all sessions, so that each is idle for as long as can be between its requests.
struct Crowd {
    sessions: Arc<Vec<Open>>,
    next: Arc<AtomicUsize>,
    present: usize,
}

/// The highest rate, and the times and the CPU time at it.
pub async fn highest_rate(bench: &mut Bench, contender: Contender) -> Result<Figure, String> {
    let (count, probe_s) = (bench.options.sessions, bench.options.probe_s);
    let baskets: Vec<Basket> = bench.baskets.by_ref().take(count).collect();
    // Which rates were tried, and why one failed.
    let log = bench.options.work.join("probes.txt");
    let probes = OpenOptions::new().create(true).append(true).open(&log);
    let mut probes = probes.map_err(|error| format!("{}: {error}", log.display()))?;
    let server = bench.server(contender).await?;
    let (port, process) = (server.port, server.process());
    let visits = Visit::open_all(server, count).await?;
    let sessions = Arc::new(begun(port, visits, baskets).await?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut probe = async |rate: f64| -> Result<(bool, Figure), String> {
        let crowd = || Crowd { sessions: Arc::clone(&sessions), next: Arc::clone(&next), present: 0 };
        let requests = ((rate * probe_s) as usize).max(100);
        let before = used(&[process])?;
        let tally = play(port, (0..LANES).map(|_| crowd()).collect(), requests, Schedule::Rate(rate)).await?;
        let cpu_ms = (used(&[process])? - before) / requests as f64;
        let figure = Figure { rate, p50_ms: tally.p(50.0), p99_ms: tally.p(99.0), cpu_ms };
        let why = tally.failure.as_deref().unwrap_or("none failed");
        let said = format!("{}: {rate:.0} a second: p99 {:.0} ms, {why}\n", contender.title(), tally.p(99.0));
        probes.write_all(said.as_bytes()).map_err(|error| error.to_string())?;
        Ok((holds(&tally, requests), figure))
    };
    // What fails by a single mishap of the machine gets a second chance.
    let mut probe = async |rate: f64| -> Result<(bool, Figure), String> {
        match probe(rate).await? {
            (false, _) => probe(rate).await,
            held => Ok(held),
        }
    };
    let (mut held, mut rate) = (Figure { rate: 0.0, ..Figure::default() }, FIRST);
    let mut failed = loop {
        match probe(rate).await? {
            (true, figure) => held = figure,
            (false, _) => break rate,
        }
        rate *= RAISE;
    };
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(held.rate, failed);
        match probe(middle).await? {
            (true, figure) => held = figure,
            (false, _) => failed = middle,
        }
    }
    Ok(held)
}

/// Whether all were answered, and nearly all in time.
fn holds(tally: &Tally, requests: usize) -> bool {
    tally.failed == 0 && tally.times_ms.len() == requests && percentile(&tally.times_ms, 99.0) < P99_MS
}

/// The sessions, each with the first product of its basket in its cart. Not as fast as can be: an object that has
/// just been called has its files open, and a process may have so many.
async fn begun(port: u16, visits: Vec<Visit>, baskets: Vec<Basket>) -> Result<Vec<Open>, String> {
    let open = |(visit, basket): (Visit, Basket)| {
        // One of each: what is added again and again is not to come to the most that a line holds.
        let rows = basket.rows.into_iter().map(|line| Line { quantity: 1, ..line }).collect();
        Open { visit, rows, asked: AtomicUsize::new(0), tag: std::sync::Mutex::default() }
    };
    let mut all: Vec<Open> = visits.into_iter().zip(baskets).map(open).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut all);
    let (count, sessions) = (all.len(), Arc::new(all));
    let next = Arc::new(AtomicUsize::new(0));
    let crowd = || Crowd { sessions: Arc::clone(&sessions), next: Arc::clone(&next), present: 0 };
    play(port, (0..32).map(|_| crowd()).collect(), count, Schedule::Rate(BEGUN)).await?.whole()?;
    Arc::into_inner(sessions).ok_or_else(|| "a lane goes on".to_owned())
}

impl Script for Crowd {
    fn next(&mut self) -> Ask {
        self.present = self.next.fetch_add(1, Ordering::Relaxed) % self.sessions.len();
        let open = &self.sessions[self.present];
        let asked = open.asked.fetch_add(1, Ordering::Relaxed);
        if asked % (ADDS_A_READ + 1) == ADDS_A_READ {
            let tag = open.tag.lock().expect("no lane panics").clone();
            // Where sessions are few and late, an add may come in between, and then it is shown too.
            return tag.map_or_else(|| open.visit.read(), |tag| open.visit.read_again(&tag).or(200));
        }
        open.visit.add(&open.rows[asked % open.rows.len()])
    }

    fn hear(&mut self, answer: &Answer) {
        let open = &self.sessions[self.present];
        *open.tag.lock().expect("no lane panics") = tag(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_only_if_all_are_answered_and_in_time() {
        let tally = |times_ms: Vec<f64>, failed| Tally { times_ms, seconds: 1.0, failed, failure: None };
        let quick = vec![10.0; 100];
        assert!(holds(&tally(quick.clone(), 0), 100));
        assert!(!holds(&tally(quick.clone(), 1), 101), "one failed");
        assert!(!holds(&tally(quick, 0), 101), "one is missing");
        let slow = |count| [vec![10.0; 100 - count], vec![P99_MS + 1.0; count]].concat();
        assert!(holds(&tally(slow(1), 0), 100));
        assert!(!holds(&tally(slow(2), 0), 100));
    }
}
