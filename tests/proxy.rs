//! That a link does to requests what it is told, in its own direction only, and counts it. Nothing here waits
//! for time to pass: what is held is held for an hour, and let go by healing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::{Counts, Faults, Link};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Client;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const HOUR_MS: u64 = 3_600_000;
/// How long what must happen may take before the test counts as failed.
const HAPPENS_MAX: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_link_passes_all_of_a_request_and_its_answer() {
    let (receiver, link) = linked(1).await;
    let url = format!("{}/peer?cart=1&from=a%20b", link.url());
    let request = client().put(url).header("evercart-test", "there").body(vec![0, 255, 10]);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["evercart-test"], "there and back");
    assert_eq!(answer.bytes().await.expect("a body").as_ref(), b"answer 1");
    let got = receiver.got();
    assert_eq!(
        (got[0].what.as_str(), got[0].body.as_slice()),
        ("PUT /peer?cart=1&from=a%20b", &[0, 255, 10][..])
    );
    assert_eq!(
        link.counts(),
        Counts {
            frames: 1,
            frame_bytes: 3,
            delivered: 1,
            answers: 1,
            answer_bytes: 8,
            answered: 1,
            ..Counts::default()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_frames_are_counted_and_all_have_the_faults() {
    let (receiver, link) = linked(1).await;
    assert!(send_to(&link, "/v1/carts", b"no frame").await.is_ok());
    assert!(send_to(&link, "/peerless", b"nor is this").await.is_ok());
    link.change(|faults| faults.cut = true);
    assert!(send_to(&link, "/v1/carts", b"no frame").await.is_err());
    assert_eq!((receiver.got().len(), link.counts()), (2, Counts::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_passes_and_a_larger_one_is_refused() {
    let (receiver, link) = linked(1).await;
    let largest = vec![7; 2 << 20];
    assert!(send(&link, &largest).await.is_ok());
    let refused =
        client().post(format!("{}/peer", link.url())).body([&largest[..], b"!"].concat()).send().await;
    assert_eq!(refused.expect("an answer").status(), 413);
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(link.counts().frame_bytes, 2 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_one_way_and_heals() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    let there = Link::open(other.url.clone(), 1).await;
    let back = Link::open(one.url.clone(), 2).await;
    there.change(|faults| faults.cut = true);
    assert!(send(&there, b"lost").await.is_err());
    assert!(send(&back, b"passes").await.is_ok());
    there.heal();
    assert!(send(&there, b"passes again").await.is_ok());
    assert_eq!((one.bodies(), other.bodies()), (vec!["passes".to_owned()], vec!["passes again".to_owned()]));
    assert_eq!((there.counts().cut, there.counts().frames, there.counts().answered), (1, 2, 1));
    assert_eq!((back.counts().cut, back.counts().frames, back.counts().answered), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_takes_an_answer_that_is_under_way() {
    let (receiver, link) = linked(1).await;
    receiver.gate.send_replace(false);
    let asked = later(&link, b"arrives");
    happens(|| receiver.got().len() == 1).await;
    link.change(|faults| faults.cut = true);
    receiver.gate.send_replace(true);
    assert!(asked.await.expect("no panic").is_err());
    assert_eq!((link.counts().answers, link.counts().cut, link.counts().answered), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_holds_until_it_ends_or_the_sender_gives_up() {
    let (receiver, link) = linked(1).await;
    link.change(|faults| faults.black_hole = true);
    let (patient, impatient) = (later(&link, b"patient"), later(&link, b"impatient"));
    happens(|| link.counts().black_holed == 2).await;
    impatient.abort();
    happens(|| link.counts().given_up == 1).await;
    assert!(!patient.is_finished(), "nothing is answered");
    assert!(receiver.got().is_empty(), "nothing arrives");
    link.heal();
    assert!(patient.await.expect("no panic").is_ok());
    assert_eq!(receiver.bodies(), ["patient"]);
    assert!(send(&link, b"after").await.is_ok());
    assert_eq!((link.counts().black_holed, link.counts().answered), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_falls_into_a_black_hole() {
    let (receiver, link) = linked(1).await;
    receiver.gate.send_replace(false);
    let asked = later(&link, b"asked before");
    happens(|| receiver.got().len() == 1).await;
    link.change(|faults| faults.black_hole = true);
    receiver.gate.send_replace(true);
    happens(|| link.counts().black_holed == 1).await;
    assert!(!asked.is_finished());
    link.heal();
    assert_eq!(asked.await.expect("no panic").expect("an answer"), "answer 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delayed_arrives_even_if_its_sender_has_gone() {
    let (receiver, link) = linked(1).await;
    link.change(|faults| faults.delay_ms = HOUR_MS..=HOUR_MS);
    let (here, gone) = (later(&link, b"here"), later(&link, b"gone"));
    happens(|| link.counts().delayed == 2).await;
    gone.abort();
    assert!(gone.await.is_err_and(|error| error.is_cancelled()));
    assert!(receiver.got().is_empty() && !here.is_finished());
    link.heal();
    assert!(here.await.expect("no panic").is_ok());
    happens(|| receiver.got().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_delay_ends_by_itself_and_is_of_both_ways() {
    let (receiver, link) = linked(1).await;
    link.change(|faults| faults.delay_ms = 1..=2);
    assert!(send(&link, b"soon").await.is_ok());
    assert_eq!((receiver.got().len(), link.counts().delayed), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_is_overtaken() {
    let (receiver, link) = linked(1).await;
    link.set(Faults { reorder: 100, reorder_ms: HOUR_MS..=HOUR_MS, ..Faults::default() });
    let first = later(&link, b"first");
    happens(|| link.counts().reordered == 1).await;
    link.change(|faults| faults.reorder = 0);
    assert!(send(&link, b"second").await.is_ok());
    assert!(!first.is_finished());
    link.heal();
    assert!(first.await.expect("no panic").is_ok());
    assert_eq!(receiver.bodies(), ["second", "first"]);
    assert_eq!((link.counts().reordered, link.counts().delayed), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_holds_by_size() {
    let (receiver, link) = linked(1).await;
    // "answer 1" is under a millisecond at this rate, a mebibyte is not.
    link.change(|faults| faults.slow = Some(10_000));
    assert!(send(&link, b"small").await.is_ok());
    assert_eq!(link.counts().slowed, 0);
    link.change(|faults| faults.slow = Some(1));
    let large = later(&link, &[0; 1 << 20]);
    happens(|| link.counts().slowed == 1).await;
    assert!(!large.is_finished());
    link.heal();
    assert!(large.await.expect("no panic").is_ok());
    assert_eq!(receiver.got().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_does_not_arrive_and_a_lost_answer_had_been_given() {
    let (receiver, link) = linked(1).await;
    link.change(|faults| faults.lose_request = 100);
    assert!(send(&link, b"request").await.is_err());
    assert_eq!((receiver.got().len(), link.counts().requests_lost, link.counts().delivered), (0, 1, 0));
    link.set(Faults { lose_answer: 100, ..Faults::default() });
    assert!(send(&link, b"answer").await.is_err());
    assert_eq!(receiver.bodies(), ["answer"]);
    assert_eq!((link.counts().answers_lost, link.counts().answers, link.counts().answered), (1, 1, 0));
    link.heal();
    assert!(send(&link, b"healed").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_arrives_twice_and_the_second_answer_counts() {
    let (receiver, link) = linked(1).await;
    link.change(|faults| faults.repeat = 100);
    assert_eq!(send(&link, b"twice").await.expect("an answer"), "answer 2");
    assert_eq!(receiver.bodies(), ["twice", "twice"]);
    let counts = link.counts();
    assert_eq!((counts.frames, counts.delivered, counts.repeated, counts.answered), (1, 2, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_has_the_same_luck() {
    let (once, lost) = luck(7).await;
    let (again, _) = luck(7).await;
    let (other, _) = luck(8).await;
    assert_eq!(once, again);
    assert_ne!(once, other);
    assert!((10..=90).contains(&lost), "{lost} of 100 lost where 40 are to be");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_not_taken_for_a_fault() {
    // Bound and not listening: refused, and nobody else can take the port.
    let gone = TcpSocket::new_v4().expect("a socket");
    gone.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let link = Link::open(format!("http://{}", gone.local_addr().expect("a bound port")), 1).await;
    assert!(send(&link, b"nobody there").await.is_err());
    let counts = Counts { frames: 1, frame_bytes: 12, delivered: 1, unreached: 1, ..Counts::default() };
    assert_eq!(link.counts(), counts);
}

/// Which of 100 requests arrive where 40 in 100 are lost and some repeated, and how many were lost.
async fn luck(seed: u64) -> (Vec<String>, u64) {
    let (receiver, link) = linked(seed).await;
    link.set(Faults { lose_request: 40, repeat: 20, ..Faults::default() });
    for nth in 0..100 {
        let _ = send(&link, nth.to_string().as_bytes()).await;
    }
    let counts = link.counts();
    assert_eq!(receiver.got().len() as u64, 100 - counts.requests_lost + counts.repeated);
    (receiver.bodies(), counts.requests_lost)
}

/// A receiver, and a link to it without faults.
async fn linked(seed: u64) -> (Receiver, Link) {
    let receiver = Receiver::start().await;
    let link = Link::open(receiver.url.clone(), seed).await;
    (receiver, link)
}

/// Sends a frame: the answer's text.
async fn send(link: &Link, body: &[u8]) -> reqwest::Result<String> {
    send_to(link, "/peer", body).await
}

async fn send_to(link: &Link, path: &str, body: &[u8]) -> reqwest::Result<String> {
    client().post(format!("{}{path}", link.url())).body(body.to_vec()).send().await?.text().await
}

/// Sends a frame meanwhile. Aborting it hangs up.
fn later(link: &Link, body: &[u8]) -> JoinHandle<reqwest::Result<String>> {
    let request = client().post(format!("{}/peer", link.url())).body(body.to_vec());
    tokio::spawn(async move { request.send().await?.text().await })
}

fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

async fn happens(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < HAPPENS_MAX, "it does not happen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A server that keeps what it gets, and numbers its answers.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    /// It answers while this is open.
    gate: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Got {
    what: String,
    body: Vec<u8>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let gate = watch::Sender::new(true);
        let (kept, open) = (got.clone(), gate.subscribe());
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (kept, open) = (kept.clone(), open.clone());
                let service = service_fn(move |request| answer(request, kept.clone(), open.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, got, gate, serving }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("what was got").clone()
    }

    fn bodies(&self) -> Vec<String> {
        self.got().into_iter().map(|got| String::from_utf8_lossy(&got.body).into_owned()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Got>>>,
    mut open: watch::Receiver<bool>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let nth = {
        let mut kept = kept.lock().expect("what was got");
        kept.push(Got { what: format!("{} {}", head.method, head.uri), body });
        kept.len()
    };
    let _ = open.wait_for(|open| *open).await;
    let sent = head.headers.get("evercart-test").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = Response::builder().status(202).header("evercart-test", format!("{sent} and back"));
    Ok(answer.body(Full::new(Bytes::from(format!("answer {nth}")))).expect("a response"))
}
