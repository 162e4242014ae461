//! Plays scripts of requests over many connections by a schedule, and tallies how long each answer took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;

use crate::case::Figure;
use crate::cpu;
use crate::http::{Answer, Ask, Connection};
use crate::sample::{percentile, sorted};
use crate::schedule::Schedule;

/// What one connection asks, request after request.
pub trait Script: Send + 'static {
    /// The next request.
    fn next(&mut self) -> Ask;

    /// The answer to it.
    fn hear(&mut self, _answer: &Answer) {}
}

impl Script for Box<dyn Script> {
    fn next(&mut self) -> Ask {
        (**self).next()
    }

    fn hear(&mut self, answer: &Answer) {
        (**self).hear(answer);
    }
}

/// What came of it.
pub struct Tally {
    /// Times of answers, in milliseconds, in order.
    pub times_ms: Vec<f64>,
    pub seconds: f64,
    /// Requests that were not answered as they must be: how many, and one of them.
    pub failed: usize,
    pub failure: Option<String>,
}

impl Tally {
    pub fn rate(&self) -> f64 {
        self.times_ms.len() as f64 / self.seconds
    }

    pub fn p(&self, percent: f64) -> f64 {
        percentile(&self.times_ms, percent)
    }

    /// The tally, if every request was answered as it must be: nothing else counts as speed.
    pub fn whole(self) -> Result<Self, String> {
        match self.failure {
            Some(failure) => Err(format!("{} requests failed; one: {failure}", self.failed)),
            None => Ok(self),
        }
    }
}

/// Plays so many requests in all, a connection for each script.
pub async fn play<S: Script>(
    port: u16,
    scripts: Vec<S>,
    requests: usize,
    schedule: Schedule,
) -> Result<Tally, String> {
    let mut connections = Vec::new();
    for script in scripts {
        connections.push((Connection::open(port).await?, script));
    }
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut playing = JoinSet::new();
    for (connection, script) in connections {
        playing.spawn(lane(port, connection, script, Arc::clone(&next), requests, schedule, began));
    }
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    while let Some(lane) = playing.join_next().await {
        let (timed, failed) = lane.map_err(|error| error.to_string())?;
        times.extend(timed);
        failures.extend(failed);
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(Tally { times_ms: sorted(times), seconds, failed: failures.len(), failure: failures.pop() })
}

/// One connection: takes request after request, each when it is due.
async fn lane<S: Script>(
    port: u16,
    mut connection: Connection,
    mut script: S,
    next: Arc<AtomicUsize>,
    requests: usize,
    schedule: Schedule,
    began: Instant,
) -> (Vec<f64>, Vec<String>) {
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= requests {
            return (times, failures);
        }
        let (due, taken) = (schedule.due(number), began.elapsed());
        if let Some(due) = due {
            tokio::time::sleep_until((began + due).into()).await;
        }
        let ask = script.next();
        let from = Schedule::counts_from(due, taken, began.elapsed());
        match connection.ask(&ask).await {
            Ok(answer) => {
                times.push((began.elapsed() - from).as_secs_f64() * 1_000.0);
                script.hear(&answer);
            }
            Err(failure) => {
                failures.push(failure);
                // What is left of an exchange that failed may not be taken for the next answer.
                match Connection::open(port).await {
                    Ok(another) => connection = another,
                    Err(failure) => {
                        failures.push(failure);
                        return (times, failures);
                    }
                }
            }
        }
    }
}

/// How much there can be, then how long it takes at half of that: scripts are made anew for each. The CPU time is that
/// of the processes, at full load.
pub async fn figure<S: Script>(
    (port, processes): (u16, &[u32]),
    mut scripts: impl AsyncFnMut() -> Result<Vec<S>, String>,
    requests: usize,
) -> Result<Figure, String> {
    let full = scripts().await?;
    let before = used(processes)?;
    let most = play(port, full, requests, Schedule::Full).await?.whole()?;
    let cpu_ms = (used(processes)? - before) / requests as f64;
    let half = Schedule::Rate(most.rate() / 2.0);
    let calm = play(port, scripts().await?, requests / 2, half).await?.whole()?;
    Ok(Figure { rate: most.rate(), p50_ms: calm.p(50.0), p99_ms: calm.p(99.0), cpu_ms })
}

/// The CPU time of processes, in milliseconds.
pub fn used(processes: &[u32]) -> Result<f64, String> {
    processes.iter().map(|process| cpu::used_ms(*process)).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    struct Healthz;

    impl Script for Healthz {
        fn next(&mut self) -> Ask {
            Ask::get("/healthz")
        }
    }

    /// Answers every request after a time, as long as it may; then with 503.
    async fn server(pause: Duration, answers: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answered = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answered = Arc::clone(&answered);
                tokio::spawn(async move {
                    let mut buffer = [0; 4_096];
                    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                        tokio::time::sleep(pause).await;
                        let good = answered.fetch_add(1, Ordering::Relaxed) < answers;
                        let status = if good { "200 OK" } else { "503 Busy" };
                        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        });
        port
    }

    #[tokio::test]
    async fn who_comes_faster_than_is_served_waits_ever_longer() {
        let port = server(Duration::from_millis(20), usize::MAX).await;
        // 100 a second on one connection that can do 50: the last of 20 is due after 190 ms, and done after 400.
        let tally = play(port, vec![Healthz], 20, Schedule::Rate(100.0)).await.expect("played");
        let tally = tally.whole().expect("all answered");
        assert_eq!(tally.times_ms.len(), 20);
        assert!(tally.p(100.0) > 150.0, "{:?}", tally.times_ms);
        assert!(tally.p(50.0) > 60.0, "{:?}", tally.times_ms);
    }

    #[tokio::test]
    async fn another_answer_than_the_one_expected_is_no_speed() {
        let port = server(Duration::ZERO, 5).await;
        let tally = play(port, vec![Healthz, Healthz], 8, Schedule::Full).await.expect("played");
        assert_eq!((tally.times_ms.len(), tally.failed), (5, 3));
        assert!(tally.whole().is_err_and(|error| error.contains("503")));
    }
}
