//! The operator of a runtime, and a peer region of it: both have its secrets.

use std::time::{Duration, Instant, SystemTime};

use cart_core::frame::Frame;
use cart_core::id::{CartId, Region};
use cart_core::packed::pack;
use cart_core::session::Signer;
use cart_core::time::Millis;
use evercart::store::call::{Errand, Letter};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Answer, Regions, Runtime, Shop, root};

/// How long a message may take to be a row: a second in the queue, and then some.
pub const ARRIVES_MAX: Duration = crate::EVENTUALLY;

/// How long stores may take to have what regions have, once they can be reached: letters are tried again after as
/// long as they have waited.
pub const STORED_MAX: Duration = crate::EVENTUALLY;

/// How long a walk through the rows of a test may take: each step waits a second in the queue.
const WALKS_MAX: Duration = crate::EVENTUALLY;

/// The regions whose stores hold the carts of a home: itself and the nearest other one.
pub fn stores_of(home: &str) -> [&'static str; 2] {
    match home {
        "weur" => ["weur", "enam"],
        "enam" => ["enam", "weur"],
        "apac" => ["apac", "weur"],
        _ => panic!("{home} is not in use"),
    }
}

/// The operator of a runtime, and a peer region of it.
#[derive(Clone)]
pub struct Operator {
    pub shop: Shop,
    pub token: String,
    /// The region that requests are for.
    pub near: Option<&'static str>,
    pub signer: Signer,
}

impl Operator {
    /// Of a runtime of this tree.
    pub fn of(runtime: &Runtime) -> Self {
        Self::at(runtime.shop())
    }

    /// Of the runtime where a shop is.
    pub fn at(shop: Shop) -> Self {
        let secrets = std::fs::read_to_string(root().join(".dev.vars")).expect(".dev.vars");
        let secret = |name: &str| {
            let found = secrets.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("no {name}: run tools/setup")).to_owned()
        };
        let signer = Signer::new(secret("TOKEN_SECRET").as_bytes()).expect("32 bytes or more");
        Self { shop, token: secret("ADMIN_TOKEN"), near: None, signer }
    }

    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.shop.request(method, &format!("/v1/admin{path}")).bearer_auth(&self.token);
        match self.near {
            Some(region) => call.header("Evercart-Region", region),
            None => call,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.call(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        Answer::of(self.call(Method::POST, path)).await
    }

    pub async fn deliver(&self, store: Region, cart: &CartId, frame: &Frame) {
        self.deliver_bytes(store, cart, frame.to_bytes()).await;
    }

    pub async fn deliver_bytes(&self, store: Region, cart: &CartId, frame: Vec<u8>) {
        let letter = Letter { store, cart_id: cart.clone(), sent: now(), frame };
        self.run(&Errand::Take(letter)).await.expect(200);
    }

    /// As a peer region, of which it has the secret.
    pub async fn run(&self, errand: &Errand) -> Answer {
        self.peer("/peer/store", pack(errand)).await
    }

    /// The bytes of a cart's state as the store of a region has it; none if it has none.
    pub async fn state(&self, store: Region, cart: &CartId) -> Vec<u8> {
        let answer = self.run(&Errand::Read { store, cart_id: cart.clone() }).await.expect(200);
        Frame::from_bytes(&answer.bytes).map(|frame| frame.state).unwrap_or_default()
    }

    /// The bytes of a call of a peer region, signed.
    pub async fn peer(&self, path: &str, body: Vec<u8>) -> Answer {
        let tag = self.signer.peer_tag(&body, now());
        Answer::of(self.shop.request(Method::POST, path).header("Evercart-Peer", tag).body(body)).await
    }

    /// Moves the home of a cart to a region: from the one that is there, or, if it is lost, from that of a term.
    pub async fn move_home(&self, cart: &CartId, to: &str, lost_term: Option<u32>) -> Answer {
        let call = self.call(Method::POST, &format!("/carts/{cart}/home"));
        Answer::of(call.json(&json!({"region": to, "lost_term": lost_term}))).await
    }

    /// Lets the cron begin what is due, and waits until a walk has gone anew through every store.
    pub async fn walk(&self, name: &str) {
        let runs = async || {
            let regions = self.regions().await;
            let stores = regions.iter().filter(|region| region["databases"] != json!([]));
            stores.map(|region| region["walks"][name].clone()).collect::<Vec<_>>()
        };
        let before = runs().await;
        Answer::of(self.shop.request(Method::GET, "/cdn-cgi/local/scheduled")).await.expect(200);
        let began = Instant::now();
        loop {
            let now = runs().await;
            let anew =
                |(was, is): (&Value, &Value)| was["began_at"] != is["began_at"] && is["ended_at"].is_string();
            if before.iter().zip(&now).all(anew) {
                return;
            }
            assert!(began.elapsed() < WALKS_MAX, "{name}: {now:?}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// What there is to know of each region.
    pub async fn regions(&self) -> Vec<Value> {
        let all = self.get("/regions").await.expect(200).json();
        all["regions"].as_array().expect("a list").clone()
    }

    pub async fn row(&self, store: Region, cart: &CartId) -> Option<Value> {
        let answer = self.get(&format!("/carts/{cart}?region={store}")).await;
        (answer.status == 200).then(|| answer.json())
    }

    /// Waits until a store has exactly that of a cart.
    pub async fn arrived(&self, store: Region, cart: &CartId, digest: &str) -> Value {
        let began = Instant::now();
        loop {
            let row = self.row(store, cart).await;
            match row {
                Some(row) if row["digest"] == digest => return row,
                row => assert!(began.elapsed() < ARRIVES_MAX, "{cart} in {store}: {row:?}, not {digest}"),
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    pub async fn arrived_any(&self, store: Region, cart: &CartId) {
        let began = Instant::now();
        while self.row(store, cart).await.is_none() {
            assert!(began.elapsed() < ARRIVES_MAX, "{cart} is not in {store}");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    pub async fn dead_letters(&self, cart: &CartId) -> Vec<Value> {
        let (mut letters, mut path) = (Vec::new(), "/dead-letters".to_owned());
        loop {
            let page = self.get(&path).await.expect(200).json();
            let page_letters = page["dead_letters"].as_array().expect("a list").iter();
            letters.extend(page_letters.filter(|letter| letter["cart_id"] == cart.as_str()).cloned());
            let Some(next) = page["next_cursor"].as_str() else { return letters };
            path = format!("/dead-letters?cursor={next}");
        }
    }

    pub async fn dead_letter(&self, cart: &CartId, wait_max: Duration) -> Value {
        let began = Instant::now();
        loop {
            if let Some(letter) = self.dead_letters(cart).await.pop() {
                return letter;
            }
            assert!(began.elapsed() < wait_max, "no dead letter of {cart}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// How many rows this runtime has written to stores.
    pub async fn rows_written(&self) -> u64 {
        let mut before = None;
        loop {
            let counts = self.regions().await;
            // What was written is counted a moment after it can be read.
            let now =
                counts.iter().filter_map(|region| region["rows_written"].as_u64()).max().expect("a count");
            if before == Some(now) {
                return now;
            }
            before = Some(now);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Waits until the stores of a cart's home have what a view shows; they are given `within` for that.
pub async fn stored(regions: &Regions, home: &str, view: &Value, within: Duration) {
    let id = view["cart_id"].as_str().and_then(|id| CartId::try_from(id.to_owned()).ok()).expect("an id");
    let began = Instant::now();
    for name in stores_of(home) {
        let operator = Operator::of(regions.runtime(name));
        let region = Region::parse(name).expect("a region");
        while operator.row(region, &id).await.is_none_or(|row| row["version"] != view["version"]) {
            assert!(began.elapsed() < within, "the store of {name} has not what {id} is: {view}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// The present moment.
pub fn now() -> Millis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Millis(now.as_millis() as u64)
}
