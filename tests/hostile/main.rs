//! Bad input against the real runtime: whatever is sent, the answer is a refusal with a stable code, never a
//! 5xx; the cart's bytes stay; and a bystander on the same isolate, who adds all the while, loses nothing.
//!
//! What the runtime refuses before the Worker sees it is in `docs/runtime-refusals.md`, which a test here
//! holds true: `EVERCART_UPDATE=1 cargo test -p evercart-tests --test hostile the_runtime` writes it anew.

mod bodies;
mod deltas;
mod forms;
mod parameters;
mod sockets;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::customization::Customization;
use cart_core::id::{Actor, CartId, Dot, OrderId, Scope};
use cart_core::line::{LineKey, Location};
use cart_core::meta::{Code, Field};
use cart_core::sync::{Device, Learned, SyncRequest};
use cart_core::time::{Day, HybridTime, Millis};
use forms::*;
use harness::{Answer, Runtime, Session, Shop, root};
use reqwest::Method;
use serde_json::{Value, json};

const BAGELS: &str = "1095275";
const BANANAS: &str = "1082185";
const JSON: &str = "application/json";
const DELTA: &str = "application/vnd.evercart.delta";
/// How many hostile clients there are at a time.
const CLIENTS: usize = 8;
/// The largest state of a cart to which anything is added, in bytes; what only removes and sets may bring it
/// to twice that.
const STATE_BYTES_MAX: usize = 64 * 1_024;

/// All codes with which anything here may be refused.
const CODES: &[&str] = &[
    "actor_ahead",
    "actor_expired",
    "actor_shared",
    "actor_unknown",
    "body_incomplete",
    "body_too_large",
    "cart_busy",
    "cart_not_found",
    "clock_ahead",
    "context_invalid",
    "counter_window",
    "coupon_not_found",
    "dot_conflict",
    "foreign_dot",
    "invalid_field",
    "invalid_json",
    "invalid_utf8",
    "line_not_found",
    "malformed_delta",
    "method_not_allowed",
    "not_found",
    "not_yours",
    "quantity_limit",
    "session_required",
    "token_invalid",
    "too_many_contributions",
    "too_many_lines",
    "unknown_sku",
    "unsupported_media_type",
    "version_mismatch",
];

// A hostile request, and what is made of it.

/// A request as data. Paths are relative to the victim's cart, unless they begin with `/`.
#[derive(Clone, Debug)]
struct Bad {
    what: String,
    method: Method,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Option<Vec<u8>>,
    /// The victim's token goes with it.
    signed: bool,
    /// The codes with which it may be refused.
    codes: &'static [&'static str],
}

impl Bad {
    fn new(method: Method, path: &str, codes: &'static [&'static str]) -> Self {
        let (what, path) = (String::new(), path.to_owned());
        Self { what, method, path, headers: vec![], body: None, signed: true, codes }
    }

    fn json(method: Method, path: &str, body: impl Into<Vec<u8>>, codes: &'static [&'static str]) -> Self {
        Self::new(method, path, codes).header("Content-Type", JSON).body(body)
    }

    fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.retain(|(there, _)| *there != name);
        self.headers.push((name, value.into()));
        self
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    fn unsigned(self) -> Self {
        Self { signed: false, ..self }
    }

    fn named(self, what: impl Into<String>) -> Self {
        Self { what: what.into(), ..self }
    }
}

/// A shopper with something to lose.
#[derive(Clone)]
struct Victim {
    shop: Shop,
    session: Session,
    view: Answer,
}

impl Victim {
    async fn new(shop: &Shop) -> Self {
        let session = shop.open().await;
        let commands = json!([
            {"op": "add", "sku": BAGELS, "quantity": 3},
            {"op": "add", "sku": BAGELS, "quantity": 2},
            {"op": "add", "sku": BANANAS, "quantity": 2},
            {"op": "add", "sku": BAGELS, "customization": {"engraving": "Ann"}},
            {"op": "move", "line_id": line_id(BANANAS), "location": "saved"},
            {"op": "apply_coupon", "code": "SAVE10"},
            {"op": "update", "note": "mine"},
        ]);
        let call = shop.call(&session, Method::POST, "/v1/carts/current/commands");
        Answer::of(call.json(&json!({"commands": commands}))).await.expect(200);
        let mut victim = Self { shop: shop.clone(), session, view: empty() };
        victim.view = victim.get().await;
        victim
    }

    fn cart(&self) -> String {
        format!("/v1/carts/{}", self.session.cart_id)
    }

    async fn get(&self) -> Answer {
        Answer::of(self.shop.call(&self.session, Method::GET, &self.cart())).await.expect(200)
    }

    async fn send(&self, bad: &Bad) -> Answer {
        let path = if bad.path.starts_with("/") {
            bad.path.clone()
        } else {
            format!("{}{}", self.cart(), &bad.path[1..])
        };
        let mut call = self.shop.request(bad.method.clone(), &path);
        if bad.signed {
            call = call.bearer_auth(&self.session.token);
        }
        for (name, value) in &bad.headers {
            call = call
                .header(*name, reqwest::header::HeaderValue::from_bytes(value).expect("visible or 8-bit"));
        }
        if let Some(body) = &bad.body {
            call = call.body(body.clone());
        }
        Answer::of(call).await
    }

    /// Whether the cart shows and is what it was.
    async fn is_unchanged(&self) -> bool {
        let call = self.shop.call(&self.session, Method::GET, &self.cart());
        let same = Answer::of(call.header("If-None-Match", self.view.header("etag"))).await;
        same.status == 304 && same.header("evercart-version") == self.view.json()["version"]
    }

    /// Sends a bad request, and checks all that must hold of it.
    async fn refuses(&self, bad: &Bad) {
        self.says_no(bad).await;
        assert!(self.is_unchanged().await, "{bad:?}: the cart has changed");
    }

    /// Sends a bad request, and checks the answer.
    async fn says_no(&self, bad: &Bad) {
        let answer = self.send(bad).await;
        let short = |text: &str| text.chars().take(200).collect::<String>();
        let sent = bad.body.as_ref().map(|body| short(&String::from_utf8_lossy(body)));
        let place =
            format!("{}: {} {} {:?} {sent:?}", bad.what, bad.method, short(&bad.path), bad.headers.len());
        assert!(answer.status.is_client_error(), "{place}: {} {}", answer.status, short(&answer.text()));
        if bad.method != Method::HEAD {
            let (status, code) = answer.problem();
            assert!(CODES.contains(&&*code), "{place}: {status} {code}");
            assert!(bad.codes.contains(&&*code), "{place}: {status} {code} {}", short(&answer.text()));
        }
    }
}

fn empty() -> Answer {
    Answer { status: reqwest::StatusCode::OK, headers: Default::default(), bytes: vec![] }
}

static SENT: AtomicUsize = AtomicUsize::new(0);

/// How many bad requests a client sends before it looks at its cart.
const LOOK_EVERY: usize = 4;

/// Sends all of them, by several clients at once, each with a cart of its own, while a bystander goes on.
async fn all_refused(name: &str, bad: Vec<Bad>) {
    let shop = Runtime::shared().await.shop();
    let mut victims = Vec::new();
    for _ in 0..CLIENTS {
        victims.push(Victim::new(&shop).await);
    }
    refused_by(name, victims, bad).await;
}

/// Sends all of them to these victims, at once.
async fn refused_by(name: &str, victims: Vec<Victim>, bad: Vec<Bad>) {
    let bystander = Bystander::start(&victims[0].shop);
    let began = Instant::now();
    let count = bad.len();
    let queue = Arc::new((bad, AtomicUsize::new(0)));
    let mut clients = tokio::task::JoinSet::new();
    for victim in victims {
        let queue = Arc::clone(&queue);
        clients.spawn(async move {
            loop {
                let from = queue.1.fetch_add(LOOK_EVERY, Ordering::Relaxed);
                let bad: Vec<&Bad> = queue.0.iter().skip(from).take(LOOK_EVERY).collect();
                if bad.is_empty() {
                    break;
                }
                for bad in &bad {
                    victim.says_no(bad).await;
                }
                assert!(victim.is_unchanged().await, "one of {bad:#?} has changed the cart");
            }
        });
    }
    finish(clients).await;
    report(name, count, began, bystander).await;
}

async fn finish(mut clients: tokio::task::JoinSet<()>) {
    while let Some(done) = clients.join_next().await {
        if let Err(error) = done {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

async fn report(name: &str, count: usize, began: Instant, bystander: Bystander) {
    let ms = began.elapsed().as_millis();
    let (edits, slowest) = bystander.stop().await;
    let log = Runtime::shared().await.log();
    let fault = ["panicked", "unreachable", "RuntimeError", "memory limit"]
        .into_iter()
        .find(|word| log.contains(word));
    assert_eq!(fault, None, "{log}");
    let total = SENT.fetch_add(count, Ordering::Relaxed) + count;
    println!(
        "{name}: {count} hostile requests in {ms} ms; the bystander kept {edits} edits, the slowest took {} ms; \
         {total} requests so far",
        slowest.as_millis()
    );
}

/// A shopper who adds all the while, and must not notice anything.
struct Bystander {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(usize, Duration)>,
}

impl Bystander {
    /// Lines of a cart, and edits to a cart before the next is made: far from every limit.
    const LINES: usize = 20;
    const EDITS: usize = 1_000;

    fn start(shop: &Shop) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(Self::shop(shop.clone(), Arc::clone(&stop)));
        Self { stop, task }
    }

    async fn shop(shop: Shop, stop: Arc<AtomicBool>) -> (usize, Duration) {
        let (mut edits, mut slowest) = (0, Duration::ZERO);
        while !stop.load(Ordering::Relaxed) {
            let session = shop.open().await;
            let mut kept: BTreeMap<String, u64> = BTreeMap::new();
            let mut read_since_wake = 0;
            for at in 0..Self::EDITS {
                let variant = format!("v{:02}", at % Self::LINES);
                let body = json!({"sku": BAGELS, "variant": variant});
                let began = Instant::now();
                let call = shop.call(&session, Method::POST, "/v1/carts/current/lines");
                let answer = Answer::of(call.json(&body)).await.expect(200);
                slowest = slowest.max(began.elapsed());
                // A reset of the isolate would make the object begin anew.
                let rows = answer.header("evercart-rows-since-wake").to_owned();
                let read: u64 = rows
                    .strip_prefix("read=")
                    .and_then(|rest| rest.split(' ').next()?.parse().ok())
                    .expect(&rows);
                assert!(read >= read_since_wake, "the object was woken anew: {rows} after {read_since_wake}");
                read_since_wake = read;
                *kept.entry(variant).or_default() += 1;
                edits += 1;
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let view = shop.view(&session).await;
            let shown: BTreeMap<String, u64> = view["lines"]
                .as_array()
                .expect("lines")
                .iter()
                .map(|line| {
                    (
                        line["variant"].as_str().expect("one").to_owned(),
                        line["quantity"].as_u64().expect("one"),
                    )
                })
                .collect();
            assert_eq!(shown, kept, "every acknowledged edit is kept, once");
        }
        (edits, slowest)
    }

    async fn stop(self) -> (usize, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the bystander was disturbed")
    }
}

fn line_id(sku: &str) -> String {
    LineKey::new(sku, None, None).expect("a key").line_id()
}
