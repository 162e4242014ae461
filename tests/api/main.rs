//! The HTTP contract, row by row, on the real runtime: what each route answers, to whom, with which headers,
//! what a retry does, and what refuses. What is malformed on purpose is in `hostile`, what concurrent edits mean in `scenarios.rs`.

mod carts;
mod conditions;
mod devices;
mod fields;
mod headers;
mod lines;
mod merging;
mod openapi;
mod owners;
mod privacy;
mod products;
mod retries;
mod sessions;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use cart_core::cart::Cart;
use cart_core::change::Change;
use cart_core::customization::Customization;
use cart_core::line::{LineKey, Location};
use cart_core::sync::Learned;
use harness::{Answer, Runtime, Session, Shop};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

/// Products of the catalog with their prices in cents, and one without a price.
const BAGELS: (&str, i64) = ("1095275", 50);
const BANANAS: (&str, i64) = ("1082185", 101);
const NOT_FOR_SALE: &str = "26081";

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const DELTA: &str = "application/vnd.evercart.delta";

/// Every route of the contract that is served so far.
const ROUTES: [(&str, &str); 27] = [
    ("POST", "/v1/sessions"),
    ("POST", "/v1/sessions/renew"),
    ("DELETE", "/v1/sessions/current"),
    ("POST", "/v1/carts"),
    ("GET", "/v1/carts"),
    ("GET", "/v1/carts/{cart}"),
    ("PATCH", "/v1/carts/{cart}"),
    ("DELETE", "/v1/carts/{cart}"),
    ("POST", "/v1/carts/{cart}/lines"),
    ("DELETE", "/v1/carts/{cart}/lines"),
    ("PATCH", "/v1/carts/{cart}/lines/{line_id}"),
    ("DELETE", "/v1/carts/{cart}/lines/{line_id}"),
    ("POST", "/v1/carts/{cart}/coupons"),
    ("DELETE", "/v1/carts/{cart}/coupons/{code}"),
    ("POST", "/v1/carts/{cart}/commands"),
    ("POST", "/v1/carts/{cart}/actors"),
    ("POST", "/v1/carts/{cart}/sync"),
    ("GET", "/v1/carts/{cart}/live"),
    ("POST", "/v1/carts/{cart}/live"),
    ("GET", "/v1/carts/{cart}/events"),
    ("POST", "/v1/carts/{cart}/merge"),
    ("GET", "/v1/carts/{cart}/export"),
    ("GET", "/v1/products"),
    ("GET", "/v1/products/{sku}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/openapi.json"),
];

// A client with a session and a clock.

/// A shopper with one cart. Paths are relative to the cart, unless they begin with `/v1`.
#[derive(Clone)]
struct Client {
    shop: Shop,
    session: Session,
    /// How far the server's clock is moved for this client's requests, in milliseconds.
    clock_ms: i64,
}

async fn shop() -> Shop {
    Runtime::shared().await.shop()
}

async fn client() -> Client {
    Client::at(0).await
}

impl Client {
    async fn at(clock_ms: i64) -> Self {
        let shop = shop().await;
        let call = moved(shop.request(Method::POST, "/v1/sessions"), clock_ms);
        let session = session_of(&Answer::of(call).await.expect(201));
        Self { shop, session, clock_ms }
    }

    /// The same session at another time.
    fn later(&self, clock_ms: i64) -> Self {
        Self { clock_ms, ..self.clone() }
    }

    /// Another client with the same shop and clock, and this token.
    fn with_token(&self, token: &str) -> Self {
        let session = Session { token: token.to_owned(), ..self.session.clone() };
        Self { session, ..self.clone() }
    }

    fn path(&self, path: &str) -> String {
        if path.starts_with("/v1") {
            path.to_owned()
        } else {
            format!("/v1/carts/{}{path}", self.session.cart_id)
        }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        moved(self.shop.call(&self.session, method, &self.path(path)), self.clock_ms)
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.call(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.call(Method::POST, path).json(&body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.call(Method::PATCH, path).json(&body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.call(Method::DELETE, path)).await
    }

    async fn keyed(&self, key: &str, method: Method, path: &str, body: Value) -> Answer {
        Answer::of(self.call(method, path).header("Idempotency-Key", key).json(&body)).await
    }

    async fn add(&self, sku: &str, quantity: i64) -> Value {
        self.post("/lines", json!({"sku": sku, "quantity": quantity})).await.expect(200).json()
    }

    async fn view(&self) -> Value {
        self.get("").await.expect(200).json()
    }

    async fn renew(&self) -> Self {
        let answer = Answer::of(self.call(Method::POST, "/v1/sessions/renew")).await.expect(201);
        self.with_token(text(&answer.json(), "token"))
    }
}

fn moved(call: RequestBuilder, clock_ms: i64) -> RequestBuilder {
    if clock_ms == 0 { call } else { call.header("Evercart-Clock-Skew-Ms", clock_ms.to_string()) }
}

fn session_of(answer: &Answer) -> Session {
    let body = answer.json();
    let of = |name| text(&body, name).to_owned();
    Session { session_id: of("session_id"), token: of("token"), cart_id: of("cart_id") }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}"))
}

/// The lines as `sku:quantity`, in the order shown.
fn lines(view: &Value) -> Vec<String> {
    quantities(view, "lines")
}

fn quantities(view: &Value, at: &str) -> Vec<String> {
    let line = |line: &Value| format!("{}:{}", text(line, "sku"), line["quantity"]);
    view[at].as_array().expect("lines").iter().map(line).collect()
}

fn line_id(sku: &str) -> String {
    LineKey::new(sku, None, None).expect("a key").line_id()
}

fn line(sku: &str) -> String {
    format!("/lines/{}", line_id(sku))
}

/// How far the clock is from a moment of a day: 0 is today.
fn until(day: i64, of_day_ms: i64) -> i64 {
    let now =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    (now / DAY + day) * DAY + of_day_ms - now
}

/// Every route of a cart, with what it takes.
fn cart_calls(shop: &Shop, cart: &str, guest: &Session) -> Vec<(&'static str, RequestBuilder)> {
    let call = |method: Method, path: &str| shop.request(method, &format!("/v1/carts/{cart}{path}"));
    let merge = json!({"cart_id": guest.cart_id, "token": guest.token});
    let line = line(BAGELS.0);
    vec![
        ("show", call(Method::GET, "")),
        ("head", call(Method::HEAD, "")),
        ("update", call(Method::PATCH, "").json(&json!({"note": "x"}))),
        ("add", call(Method::POST, "/lines").json(&json!({"sku": BAGELS.0}))),
        ("clear", call(Method::DELETE, "/lines")),
        ("set", call(Method::PATCH, &line).json(&json!({"quantity": 2}))),
        ("move", call(Method::PATCH, &line).json(&json!({"location": "saved"}))),
        ("remove", call(Method::DELETE, &line)),
        ("coupon", call(Method::POST, "/coupons").json(&json!({"code": "A"}))),
        ("uncoupon", call(Method::DELETE, "/coupons/SAVE10")),
        ("commands", call(Method::POST, "/commands").json(&json!({"commands": [{"op": "clear"}]}))),
        (
            "if-match",
            call(Method::POST, "/lines").header("If-Match", "\"x\"").json(&json!({"sku": BAGELS.0})),
        ),
        ("actors", call(Method::POST, "/actors").json(&json!({}))),
        ("sync", call(Method::POST, "/sync").header("Content-Type", DELTA).body(vec![0; 8])),
        ("merge", call(Method::POST, "/merge").json(&merge)),
        ("export", call(Method::GET, "/export")),
        ("erase", call(Method::DELETE, "")),
    ]
}

/// Ids that lead nowhere: of the right form, and of none.
const NO_CARTS: [&str; 12] = [
    "c_weur_00000000000000000000000g",
    "c_weur_zzzz",
    "c_moon_00000000000000000000000g",
    "c_enam_00000000000000000000000g",
    "c_weur_00000000000000000000000G",
    "c_weur_000000000000000000000000000",
    "nonsense",
    "Current",
    "%00",
    "%FF%FE",
    "a%2Fb",
    "l_AevsQg",
];

fn names(body: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
