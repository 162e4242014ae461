//! The network between two regions, one way: a port that passes HTTP requests on to another and, when told
//! so, loses, holds, repeats or overtakes them. There is one `Link` for each ordered pair of regions, so
//! that a can reach b while b cannot reach a. A link carries the requests of its direction and their answers.
//!
//! All chance comes from a seed, and each request has its own share of it: the nth request of a link has the
//! same luck whatever is drawn for those beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Counts, Faults};

/// The largest body that is passed on.
const BODY_BYTES_MAX: usize = 2 << 20;
/// Requests to this path are frames between regions: they are counted.
const FRAME_PATH: &str = "/peer";
/// The header that authenticates them.
const TAG: &str = "evercart-peer";

/// The way from one region to another.
pub struct Link {
    url: String,
    wire: Arc<Wire>,
    serving: JoinHandle<()>,
}

/// What a link and the requests on it share.
struct Wire {
    target: String,
    http: reqwest::Client,
    state: watch::Sender<State>,
    rng: Mutex<Rng>,
    counts: Mutex<Counts>,
    counts_of: Mutex<BTreeMap<String, Counts>>,
}

#[derive(Clone, Default)]
struct State {
    faults: Faults,
    /// How often the link was healed: each time lets go what is held.
    heals: u64,
}

/// One request on its way.
struct Passage {
    wire: Arc<Wire>,
    head: request::Parts,
    body: Bytes,
    rng: Rng,
    sender: oneshot::Sender<Result<Answer, Lost>>,
}

type Answer = Response<Full<Bytes>>;

/// There will be no answer.
#[derive(Debug)]
struct Lost;

impl Link {
    /// Opens a port on this machine that passes on to `target`, without faults.
    pub async fn open(target: String, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        // Every delivery has its own connection: none is lost to one that died with its receiver.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        let wire = Arc::new(Wire {
            target,
            http,
            state: watch::Sender::default(),
            rng: Mutex::new(Rng::with_seed(seed)),
            counts: Mutex::default(),
            counts_of: Mutex::default(),
        });
        Self { url, wire: wire.clone(), serving: tokio::spawn(serve(listener, wire)) }
    }

    /// Where the sending region finds the other.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn faults(&self) -> Faults {
        self.wire.state.borrow().faults.clone()
    }

    /// These faults from now on, in place of those before. What is held stays so, but for a black hole
    /// that ends.
    pub fn set(&self, faults: Faults) {
        self.change(|before| *before = faults);
    }

    /// Changes some faults and leaves the others.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.wire.state.send_modify(|state| change(&mut state.faults));
    }

    /// No faults from now on, and what is held goes on at once.
    pub fn heal(&self) {
        self.wire
            .state
            .send_modify(|state| *state = State { faults: Faults::default(), heals: state.heals + 1 });
    }

    pub fn counts(&self) -> Counts {
        *self.wire.counts.lock().expect("the counts")
    }

    /// Of the frames about one cart.
    pub fn counts_of(&self, cart_id: &str) -> Counts {
        self.wire.counts_of.lock().expect("the counts").get(cart_id).copied().unwrap_or_default()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Takes connections until the link is dropped, and ends them with it.
async fn serve(listener: TcpListener, wire: Arc<Wire>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve_connection(stream, wire.clone()));
            }
            Some(_) = connections.join_next() => {}
            else => tokio::task::yield_now().await,
        }
    }
}

/// One request a connection: no client can take a loss for an idle connection that had ended, and send
/// again by itself. What the connection ends with is told by the counts.
async fn serve_connection(stream: TcpStream, wire: Arc<Wire>) {
    let service = service_fn(|request| receive(request, wire.clone()));
    let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

/// An error makes hyper close the connection without an answer.
async fn receive(request: Request<Incoming>, wire: Arc<Wire>) -> Result<Answer, Lost> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    // Read to its end all the same: a sender that is still writing would not see the answer.
    if body.len() > BODY_BYTES_MAX {
        let mut refused = Answer::default();
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(refused);
    }
    let rng = wire.rng.lock().expect("the chance").fork();
    let (sender, answer) = oneshot::channel();
    // A task of its own, since what is under way arrives even if its sender has hung up.
    tokio::spawn(Passage { wire, head, body, rng, sender }.run());
    answer.await.unwrap_or(Err(Lost))
}

impl Passage {
    async fn run(mut self) {
        let answer = self.pass().await;
        // Before it is sent, so that whoever has the answer finds it counted.
        if answer.is_ok() && !self.sender.is_closed() {
            self.note(|counts| counts.answered += 1);
        }
        let _ = self.sender.send(answer);
    }

    async fn pass(&mut self) -> Result<Answer, Lost> {
        let bytes = self.body.len() as u64;
        self.note(|counts| {
            counts.frames += 1;
            counts.frame_bytes += bytes;
        });
        self.pass_gap().await?;
        if self.draw(|faults| faults.lose_request) {
            self.note(|counts| counts.requests_lost += 1);
            return Err(Lost);
        }
        let mut held_ms = self.way_ms(bytes);
        if self.draw(|faults| faults.reorder) {
            self.note(|counts| counts.reordered += 1);
            held_ms += self.rng.u64(self.faults().reorder_ms);
        }
        self.hold(held_ms).await;
        self.pass_gap().await?;

        let mut answer = self.deliver().await?;
        if self.draw(|faults| faults.repeat) {
            self.note(|counts| counts.repeated += 1);
            answer = self.deliver().await?;
        }

        if self.draw(|faults| faults.lose_answer) {
            self.note(|counts| counts.answers_lost += 1);
            return Err(Lost);
        }
        let (head, body) = answer;
        let held_ms = self.way_ms(body.len() as u64);
        self.hold(held_ms).await;
        self.pass_gap().await?;
        let mut answer = Response::new(Full::new(body));
        (*answer.status_mut(), *answer.headers_mut()) = head;
        Ok(answer)
    }

    /// Waits while the link is silent. Nothing passes a link that is cut.
    async fn pass_gap(&mut self) -> Result<(), Lost> {
        if self.faults().black_hole {
            self.note(|counts| counts.black_holed += 1);
            let mut state = self.wire.state.subscribe();
            tokio::select! {
                _ = state.wait_for(|state| !state.faults.black_hole) => {}
                () = self.sender.closed() => {
                    self.note(|counts| counts.given_up += 1);
                    return Err(Lost);
                }
            }
        }
        if self.faults().cut {
            self.note(|counts| counts.cut += 1);
            return Err(Lost);
        }
        Ok(())
    }

    /// How long one way takes for so many bytes.
    fn way_ms(&mut self, bytes: u64) -> u64 {
        let Faults { delay_ms, slow, .. } = self.faults();
        let delay_ms = self.rng.u64(delay_ms);
        let slow_ms = slow.map_or(0, |rate| bytes * 1000 / rate.max(1));
        self.note(|counts| {
            counts.delayed += u64::from(delay_ms > 0);
            counts.slowed += u64::from(slow_ms > 0);
        });
        delay_ms + slow_ms
    }

    /// Until the time is over, or the link is healed.
    async fn hold(&self, ms: u64) {
        if ms == 0 {
            return;
        }
        let mut state = self.wire.state.subscribe();
        let heals = state.borrow().heals;
        let healed = state.wait_for(|state| state.heals != heals);
        let _ = tokio::time::timeout(Duration::from_millis(ms), healed).await;
    }

    async fn deliver(&self) -> Result<((StatusCode, HeaderMap), Bytes), Lost> {
        self.note(|counts| counts.delivered += 1);
        let answer = self.forward().await.map_err(|_| {
            self.note(|counts| counts.unreached += 1);
            Lost
        })?;
        self.note(|counts| {
            counts.answers += 1;
            counts.answer_bytes += answer.1.len() as u64;
        });
        Ok(answer)
    }

    async fn forward(&self) -> reqwest::Result<((StatusCode, HeaderMap), Bytes)> {
        let path = self.head.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.wire.target);
        let mut headers = end_to_end(self.head.headers.clone());
        headers.remove(HOST);
        let mut body = self.body.to_vec();
        if let Some(rewrite) = self.faults().rewrite {
            let tag = (rewrite.0)(&mut body);
            headers.insert(TAG, tag.try_into().expect("a header's value"));
        }
        let request = self.wire.http.request(self.head.method.clone(), url).headers(headers);
        let answer = request.body(body).send().await?;
        let head = (answer.status(), end_to_end(answer.headers().clone()));
        Ok((head, answer.bytes().await?))
    }

    fn faults(&self) -> Faults {
        self.wire.state.borrow().faults.clone()
    }

    /// Whether something of this likelihood happens.
    fn draw(&mut self, percent: impl FnOnce(&Faults) -> u8) -> bool {
        self.rng.u8(0..100) < percent(&self.wire.state.borrow().faults)
    }

    fn note(&self, note: impl Fn(&mut Counts)) {
        if self.head.uri.path() != FRAME_PATH {
            return;
        }
        note(&mut self.wire.counts.lock().expect("the counts"));
        if let Some(cart_id) = cart_of(&self.body) {
            note(self.wire.counts_of.lock().expect("the counts").entry(cart_id.to_owned()).or_default());
        }
    }
}

/// The cart that a call is about: after the format byte its first field, a text behind its length.
fn cart_of(body: &[u8]) -> Option<&str> {
    let (&length, rest) = body.get(1..)?.split_first()?;
    str::from_utf8(rest.get(..usize::from(length))?).ok().filter(|text| text.starts_with("c_"))
}

/// Without the headers that are about one connection: each side has its own.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the link lost it")
    }
}

impl std::error::Error for Lost {}
