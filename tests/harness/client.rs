//! A client of the HTTP contract: thin, so that tests say what goes over the wire.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cart_core::id::{Actor, CartId, Region};
use cart_core::session::{Session as Token, Signer};
use cart_core::sync::{Device, Learned, SyncResponse};
use data_encoding::BASE64URL_NOPAD;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::root;

/// How long a test waits for what must come. Most comes within a second; on a machine that is busy with others it may
/// take a hundred times as long, and is no worse for that.
pub const EVENTUALLY: Duration = Duration::from_secs(240);
/// How long a test waits for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// How many bytes of tag stand before a token's payload.
const TOKEN_TAG_BYTES: usize = 16;

/// A shop at an address.
#[derive(Clone)]
pub struct Shop {
    pub url: String,
    pub http: Client,
}

/// An open session.
#[derive(Clone, Debug)]
pub struct Session {
    pub session_id: String,
    pub token: String,
    pub cart_id: String,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Session {
    /// What the token says. It is signed, not secret.
    pub fn said(&self) -> Token {
        let sealed = BASE64URL_NOPAD.decode(self.token.as_bytes()).expect("a token");
        serde_json::from_slice(sealed.get(TOKEN_TAG_BYTES..).expect("a payload")).expect("a session")
    }

    /// The same session with the token of another region, as its renewal there would give it.
    pub fn moved_to(&self, region: &str) -> Self {
        let region = Region::parse(region).expect("a region's name");
        self.saying(|token| token.region = region)
    }

    /// The same session with a token that says something else.
    pub fn saying(&self, change: impl FnOnce(&mut Token)) -> Self {
        let mut token = self.said();
        change(&mut token);
        Self { token: signer().token(&token), ..self.clone() }
    }
}

/// What signs in the runtimes of this project.
fn signer() -> Signer {
    let settings = std::fs::read_to_string(root().join(".dev.vars")).expect(".dev.vars: run tools/setup");
    let secret = settings.lines().find_map(|line| line.strip_prefix("TOKEN_SECRET=")).expect("a secret");
    Signer::new(secret.as_bytes()).expect("a secret that is long enough")
}

impl Shop {
    pub fn at(url: String) -> Self {
        let http =
            Client::builder().timeout(ANSWER_MAX).pool_max_idle_per_host(64).build().expect("a client");
        Self { url, http }
    }

    /// The same shop, asked in one of its regions.
    pub fn in_region(&self, region: &str) -> Self {
        let named = reqwest::header::HeaderValue::from_str(region).expect("a region's name");
        let headers = [(reqwest::header::HeaderName::from_static("evercart-region"), named)];
        let client = Client::builder().timeout(ANSWER_MAX).pool_max_idle_per_host(64);
        let http = client.default_headers(headers.into_iter().collect()).build().expect("a client");
        Self { url: self.url.clone(), http }
    }

    pub async fn is_ready(&self) -> bool {
        let answer =
            self.http.get(format!("{}/readyz", self.url)).timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// A request without a session.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request of a session.
    pub fn call(&self, session: &Session, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&session.token)
    }

    /// Opens a session.
    pub async fn open(&self) -> Session {
        let answer = Answer::of(self.request(Method::POST, "/v1/sessions").json(&json!({}))).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}")).to_owned();
        Session { session_id: text("session_id"), token: text("token"), cart_id: text("cart_id") }
    }

    /// Adds to the current cart.
    pub async fn add(&self, session: &Session, sku: &str, quantity: u32) -> Answer {
        let body = json!({"sku": sku, "quantity": quantity});
        Answer::of(self.call(session, Method::POST, "/v1/carts/current/lines").json(&body)).await
    }

    /// A new device of a cart: an actor leased, nothing seen.
    pub async fn device(&self, session: &Session, cart_id: &str) -> Device {
        let scope = CartId::try_from(cart_id.to_owned()).expect("a cart's id").scope();
        Device::new(self.lease(session, cart_id).await, scope)
    }

    /// Leases an actor.
    pub async fn lease(&self, session: &Session, cart_id: &str) -> Actor {
        let path = format!("/v1/carts/{cart_id}/actors");
        let answer = Answer::of(self.call(session, Method::POST, &path).json(&json!({}))).await.expect(201);
        answer.json()["actor"].as_str().and_then(Actor::from_hex).expect("an actor")
    }

    /// A device sends what it has, and takes in the answer.
    pub async fn exchange(&self, session: &Session, cart_id: &str, device: &mut Device) -> Learned {
        let sent_before = device.sent();
        let request = device.request().to_bytes();
        let answer = self.sync(session, cart_id, request).await.expect(200);
        let response = SyncResponse::from_bytes(&answer.bytes).expect("a response");
        device.receive(&response, sent_before)
    }

    /// Sends the bytes of a sync.
    pub async fn sync(&self, session: &Session, cart_id: &str, request: Vec<u8>) -> Answer {
        let call = self.call(session, Method::POST, &format!("/v1/carts/{cart_id}/sync"));
        Answer::of(call.header("Content-Type", "application/vnd.evercart.delta").body(request)).await
    }

    /// The current cart's view.
    pub async fn view(&self, session: &Session) -> Value {
        let answer = Answer::of(self.call(session, Method::GET, "/v1/carts/current")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

impl Answer {
    /// Sends a request; fails the test if there is no answer.
    pub async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.expect("an answer")
    }

    /// Sends a request; an error is a lost connection or no answer in time.
    pub async fn try_of(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, bytes: response.bytes().await?.to_vec() })
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:.1000}", self.text());
        self
    }

    /// The answer, if it is a whole refusal (RFC 9457) with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let problem = self.problem();
        assert_eq!((problem.0, problem.1.as_str()), (status, code), "{:.1000}", self.text());
        self
    }

    /// Status and code of a whole refusal.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        let status = self.status.as_u16();
        assert_eq!(self.header("content-type"), "application/problem+json", "{status} {}", self.text());
        let body = self.json();
        let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
        assert!(["type", "title", "detail", "code"].into_iter().all(|name| text(name).is_some()), "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body.as_object().map(|fields| fields.len()), Some(5), "{body}");
        (status, text("code").expect("checked").to_owned())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// A header's text, empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The stable code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The replica's sequence number.
    pub fn sequence(&self) -> u64 {
        self.header("evercart-sequence")
            .parse()
            .unwrap_or_else(|_| panic!("no sequence in {:?}", self.headers))
    }

    /// Rows read and written by the object for this call.
    pub fn rows(&self) -> (u64, u64) {
        self.rows_of("evercart-rows")
    }

    /// Rows read and written by the object since it woke, its alarms included.
    pub fn rows_since_wake(&self) -> (u64, u64) {
        self.rows_of("evercart-rows-since-wake")
    }

    fn rows_of(&self, header: &str) -> (u64, u64) {
        let text = self.header(header);
        let number = |name: &str| {
            let rest = text.split_once(name).unwrap_or_else(|| panic!("{name} in {text:?}")).1;
            rest.split(' ').next().and_then(|digits| digits.parse().ok()).expect("a number")
        };
        (number("read="), number("written="))
    }
}

/// How many items a view shows.
pub fn quantity(view: &Value) -> u64 {
    view["totals"]["quantity"].as_u64().unwrap_or_else(|| panic!("a quantity in {view}"))
}

/// What all show of a session's cart, once they are equal and complete; it is given `within` to come about.
pub async fn equal(places: &[&Shop], session: &Session, within: Duration) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let mut views = Vec::new();
        for place in places {
            views.push(place.view(session).await);
        }
        let complete = views.iter().all(|view| view["partial"] == false);
        if complete && views.iter().all(|view| view["version"] == views[0]["version"]) {
            return views;
        }
        assert!(began.elapsed() < within, "not equal: {views:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many pieces a view shows of each engraving; the empty name is of lines without.
pub fn by_engraving(view: &Value) -> BTreeMap<String, u64> {
    let lines = view["lines"].as_array().unwrap_or_else(|| panic!("lines in {view}"));
    let name = |line: &Value| line["customization"]["engraving"].as_str().unwrap_or_default().to_owned();
    lines.iter().map(|line| (name(line), line["quantity"].as_u64().expect("a quantity"))).collect()
}
