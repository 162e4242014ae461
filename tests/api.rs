//! The HTTP contract, row by row, on the real runtime: what each route answers, to whom, with which headers,
//! what a retry does, and what refuses. Tests marked `bug` wait for the fault they name to be mended.
//! What is malformed on purpose is in `hostile.rs`, what concurrent edits mean in `scenarios.rs`.

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
const ROUTES: [(&str, &str); 22] = [
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
    ("POST", "/v1/carts/{cart}/merge"),
    ("GET", "/v1/carts/{cart}/export"),
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

// Sessions.

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened() {
    let shop = shop().await;
    for call in [
        shop.request(Method::POST, "/v1/sessions"),
        shop.request(Method::POST, "/v1/sessions").json(&json!({})),
        shop.request(Method::POST, "/v1/sessions").header("Content-Type", "application/json").body(""),
    ] {
        let answer = Answer::of(call).await.expect(201);
        let body = answer.json();
        assert_eq!(names(&body), ["cart_id", "expires_at", "session_id", "token"]);
        assert!(text(&body, "session_id").starts_with("s_") && text(&body, "cart_id").starts_with("c_weur_"));
        let (token, cookie) = (text(&body, "token"), answer.header("set-cookie"));
        let mut parts: Vec<&str> = cookie.split("; ").collect();
        assert_eq!(parts.remove(0), format!("__Host-evercart={token}"));
        parts.sort_unstable();
        assert_eq!(parts, ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"]);
        assert_eq!(answer.header("cache-control"), "no-store");
        let session = session_of(&answer);
        let view = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200).json();
        assert_eq!(view["cart_id"], body["cart_id"]);
        assert_eq!(view["lines"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_alone_is_enough() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let cookie = format!("theme=dark; __Host-evercart={}; x=y", client.session.token);
    let call = client.shop.request(Method::GET, "/v1/carts/current").header("Cookie", &cookie);
    assert_eq!(Answer::of(call).await.expect(200).json(), client.view().await);
    let call = client.shop.request(Method::POST, "/v1/carts/current/lines").header("Cookie", &cookie);
    let view = Answer::of(call.json(&json!({"sku": BAGELS.0}))).await.expect(200).json();
    assert_eq!(
        (lines(&view), &view["cart_id"]),
        (vec![format!("{}:3", BAGELS.0)], &json!(client.session.cart_id))
    );
}

/// Each write that can be the first opens a session, and says so in header and cookie.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_write_without_a_session_opens_one() {
    let shop = shop().await;
    for (method, path, body, status) in [
        (Method::POST, "/v1/carts/current/lines", json!({"sku": BAGELS.0}), 200),
        (Method::POST, "/v1/carts/current/coupons", json!({"code": "SAVE10"}), 200),
        (Method::PATCH, "/v1/carts/current", json!({"note": "hello"}), 200),
        (
            Method::POST,
            "/v1/carts/current/commands",
            json!({"commands": [{"op": "add", "sku": BAGELS.0}]}),
            200,
        ),
        (Method::POST, "/v1/carts/current/actors", json!({}), 201),
        (Method::POST, "/v1/carts", json!({"currency": "EUR"}), 201),
    ] {
        let answer = Answer::of(shop.request(method, path).json(&body)).await.expect(status);
        let token = answer.header("evercart-token");
        assert!(answer.header("set-cookie").starts_with(&format!("__Host-evercart={token}; ")), "{path}");
        let call = shop.request(Method::GET, "/v1/carts/current").bearer_auth(token);
        let view = Answer::of(call).await.expect(200).json();
        let shown = answer.json();
        if status == 200 {
            assert_eq!(view, shown, "{path}");
        }
        let call = shop.request(Method::GET, "/v1/carts").bearer_auth(token);
        let carts = Answer::of(call).await.expect(200).json();
        assert_eq!(carts["carts"], json!([{"cart_id": view["cart_id"], "current": true}]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_first_write_opens_nothing() {
    let shop = shop().await;
    for (method, path, body, status, code) in [
        (Method::POST, "/v1/carts/current/lines", json!({"sku": "nothing"}), 422, "unknown_sku"),
        (Method::POST, "/v1/carts/current/lines", json!({}), 422, "invalid_field"),
        (Method::PATCH, "/v1/carts/current/lines/l_AevsQg", json!({"quantity": 1}), 404, "line_not_found"),
        (Method::DELETE, "/v1/carts/current/coupons/A", json!({}), 404, "coupon_not_found"),
        (Method::POST, "/v1/carts", json!({"currency": "money"}), 422, "invalid_field"),
    ] {
        let answer = Answer::of(shop.request(method, path).json(&body)).await.refused(status, code);
        assert_eq!((answer.header("evercart-token"), answer.header("set-cookie")), ("", ""), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_session_says_so() {
    let shop = shop().await;
    for (method, path) in [
        (Method::GET, "/v1/carts"),
        (Method::GET, "/v1/carts/current"),
        (Method::GET, "/v1/carts/current/export"),
        (Method::POST, "/v1/sessions/renew"),
        (Method::DELETE, "/v1/sessions/current"),
    ] {
        let answer = Answer::of(shop.request(method, path)).await.refused(401, "session_required");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_erase_without_a_session() {
    let call = shop().await.request(Method::DELETE, "/v1/carts/current");
    Answer::of(call).await.refused(401, "session_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_half_an_hour_and_can_be_renewed() {
    let client = client().await;
    let before = client.add(BAGELS.0, 1).await;
    client.later(30 * MINUTE - 10 * SECOND).get("").await.expect(200);
    let idle = client.later(30 * MINUTE + 10 * SECOND);
    idle.get("").await.refused(401, "session_expired");
    idle.post("/lines", json!({"sku": BAGELS.0})).await.refused(401, "session_expired");
    let answer = Answer::of(idle.call(Method::POST, "/v1/sessions/renew")).await.expect(201);
    let renewed = session_of(&answer);
    assert_eq!(
        (&renewed.session_id, &renewed.cart_id),
        (&client.session.session_id, &client.session.cart_id)
    );
    assert_ne!(renewed.token, client.session.token);
    assert!(answer.header("set-cookie").starts_with(&format!("__Host-evercart={}; ", renewed.token)));
    let renewed = idle.with_token(&renewed.token);
    assert_eq!(renewed.view().await, before);
    // The old token stays ended; it can be renewed for thirty days.
    idle.get("").await.refused(401, "session_expired");
    client.later(30 * DAY - MINUTE).renew().await;
    let late = client.later(30 * DAY + MINUTE);
    Answer::of(late.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_use_is_renewed_on_the_way() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let soon = client.later(4 * MINUTE).get("").await.expect(200);
    assert_eq!((soon.header("evercart-token"), soon.header("set-cookie")), ("", ""));
    let mut token = client.session.token.clone();
    // Used every twenty minutes, it never ends.
    for turn in 1..=5 {
        let answer = client.with_token(&token).later(turn * 20 * MINUTE).get("").await.expect(200);
        token = answer.header("evercart-token").to_owned();
        assert!(answer.header("set-cookie").contains(&token) && !token.is_empty());
    }
    client.later(100 * MINUTE).get("").await.refused(401, "session_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_signed_out_opens_nothing() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let second = client.post("/v1/carts", json!({})).await.expect(201).json();
    let slid = client.later(6 * MINUTE).get("").await.expect(200).header("evercart-token").to_owned();
    let other = Client::at(0).await;
    let out = client.later(7 * MINUTE).delete("/v1/sessions/current").await.expect(204);
    assert_eq!(
        out.header("set-cookie"),
        "__Host-evercart=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    );
    assert_eq!(out.header("evercart-token"), "");
    for token in [&client.session.token, &slid] {
        let client = client.with_token(token).later(8 * MINUTE);
        for path in ["", "/v1/carts", "/v1/carts/current", &format!("/v1/carts/{}", text(&second, "cart_id"))]
        {
            client.get(path).await.refused(401, "session_ended");
        }
        client.post("/lines", json!({"sku": BAGELS.0})).await.refused(401, "session_ended");
        client.post("/v1/carts", json!({})).await.refused(401, "session_ended");
        Answer::of(client.call(Method::POST, "/v1/sessions/renew")).await.refused(401, "session_ended");
        client.delete("/v1/sessions/current").await.refused(401, "session_ended");
    }
    other.get("").await.expect(200);
}

/// A refused `POST /v1/carts` must not leave a cart that gives a fresh token.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_signed_out_cannot_come_back() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    client.delete("/v1/sessions/current").await.expect(204);
    client.keyed("k", Method::POST, "/v1/carts", json!({})).await.refused(401, "session_ended");
    let session: cart_core::id::SessionId =
        serde_json::from_value(json!(client.session.session_id)).expect("an id");
    let made = cart_core::id::CartId::derive(cart_core::id::Region::Weur, &session, "k");
    let later = client.later(6 * MINUTE);
    let answer = later.get(&format!("/v1/carts/{made}")).await;
    assert!(
        answer.status.is_client_error() && answer.header("evercart-token").is_empty(),
        "{}",
        answer.text()
    );
}

// Carts.

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_several_carts_and_the_newest_is_current() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let mut ids = vec![client.session.cart_id.clone()];
    for currency in ["EUR", "GBP"] {
        let answer = client.post("/v1/carts", json!({"currency": currency})).await.expect(201);
        let view = answer.json();
        let id = text(&view, "cart_id").to_owned();
        assert_eq!(answer.header("location"), format!("/v1/carts/{id}"));
        assert!(!answer.header("idempotency-key").is_empty());
        assert_eq!((text(&view, "currency"), &view["lines"]), (currency, &json!([])));
        assert_eq!(client.get(answer.header("location")).await.expect(200).json(), view);
        assert_eq!(client.get("/v1/carts/current").await.expect(200).json(), view);
        ids.push(id);
    }
    // Edits of `current` go to the newest, those by id where they say.
    let view = client.post("/v1/carts/current/lines", json!({"sku": BANANAS.0})).await.expect(200).json();
    assert_eq!(view["cart_id"], json!(ids[2]));
    assert_eq!(lines(&client.view().await), [format!("{}:1", BAGELS.0)]);
    let carts = client.get("/v1/carts").await.expect(200).json();
    let expected: Vec<Value> =
        ids.iter().rev().enumerate().map(|(at, id)| json!({"cart_id": id, "current": at == 0})).collect();
    assert_eq!(carts, json!({"carts": expected, "next_cursor": null}));
    // When the newest goes, the one before is current.
    client.delete("/v1/carts/current").await.expect(204);
    assert_eq!(client.get("/v1/carts/current").await.expect(200).json()["cart_id"], json!(ids[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_carts_comes_in_pages() {
    let client = client().await;
    let mut ids = vec![client.session.cart_id.clone()];
    for _ in 0..54 {
        ids.push(text(&client.post("/v1/carts", json!({})).await.expect(201).json(), "cart_id").to_owned());
    }
    ids.reverse();
    let page = client.get("/v1/carts").await.expect(200).json();
    let cursor = text(&page, "next_cursor");
    let rest = client.get(&format!("/v1/carts?cursor={cursor}")).await.expect(200).json();
    assert_eq!(page["carts"].as_array().map(Vec::len), Some(50));
    assert_eq!(rest["next_cursor"], Value::Null);
    let pages = [&page, &rest].into_iter().flat_map(|page| page["carts"].as_array().expect("carts"));
    let listed: Vec<&str> = pages.map(|cart| text(cart, "cart_id")).collect();
    assert_eq!(listed, ids);
    client.get("/v1/carts?cursor=c_weur_00000000000000000000000g").await.refused(422, "invalid_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_cart_again_with_its_key_makes_the_same() {
    let client = client().await;
    let make = async |key: &str, body: Value| client.keyed(key, Method::POST, "/v1/carts", body).await;
    let first = make("one", json!({"currency": "EUR"})).await.expect(201);
    let again = make("one", json!({"currency": "EUR"})).await.expect(201);
    assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    make("one", json!({"currency": "GBP"})).await.refused(422, "key_reused");
    let other = make("two", json!({"currency": "EUR"})).await.expect(201);
    assert_ne!(other.header("location"), first.header("location"));
    let carts = client.get("/v1/carts").await.expect(200).json();
    assert_eq!(carts["carts"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_cart_again_is_told() {
    let client = client().await;
    let make = async |body: Value| client.keyed("one", Method::POST, "/v1/carts", body).await;
    make(json!({})).await.expect(201);
    assert_eq!(make(json!({})).await.expect(201).header("idempotency-replayed"), "true");
    make(json!({"currency": "EUR"})).await.refused(422, "key_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_shows_what_the_contract_says() {
    let client = client().await;
    client.add(BAGELS.0, 3).await;
    client.post("/coupons", json!({"code": "SAVE10"})).await.expect(200);
    let answer = client.patch("", json!({"locale": "en-US"})).await.expect(200);
    let view = answer.json();
    let usd = |minor: i64| json!({"amount_minor": minor, "currency": "USD"});
    let expected = json!({
        "cart_id": client.session.cart_id, "version": view["version"], "context": view["context"],
        "region": "weur",
        "lines": [{
            "line_id": line_id(BAGELS.0), "sku": BAGELS.0, "variant": null, "customization": null,
            "title": "Rolls: Bagels, 4 oz", "quantity": 3, "unit_price": usd(50), "total": usd(150),
        }],
        "saved": [], "partial": false, "coupons": ["SAVE10"], "note": null, "currency": "USD",
        "locale": "en-US", "delivery_region": null,
        "totals": {"quantity": 3, "subtotal": usd(150), "discount": usd(0), "total": usd(150)},
        "updated_at": view["updated_at"],
    });
    assert_eq!(view, expected);
    assert_eq!(text(&view, "version").len(), 32);
    assert!(text(&view, "updated_at").ends_with('Z'), "RFC 3339 in UTC: {}", view["updated_at"]);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(client.view().await, view);
}

// Lines.

#[tokio::test(flavor = "multi_thread")]
async fn adds_sum_and_lines_stand_in_the_order_first_added() {
    let client = client().await;
    client.post("/lines", json!({"sku": BANANAS.0})).await.expect(200);
    client.add(BAGELS.0, 2).await;
    let view = client.add(BANANAS.0, 4).await;
    assert_eq!(lines(&view), [format!("{}:5", BANANAS.0), format!("{}:2", BAGELS.0)]);
    assert_eq!(view["totals"]["total"]["amount_minor"], json!(5 * BANANAS.1 + 2 * BAGELS.1));
    assert_eq!(view["totals"]["quantity"], json!(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_not_in_the_catalog_is_refused() {
    let client = client().await;
    for sku in ["nothing", "0", "1095275 ", "01095275", "-1"] {
        client.post("/lines", json!({"sku": sku})).await.refused(422, "unknown_sku");
    }
    let batch = json!({"commands": [{"op": "add", "sku": BAGELS.0}, {"op": "add", "sku": "nothing"}]});
    client.post("/commands", batch).await.refused(422, "unknown_sku");
    assert_eq!(lines(&client.view().await), [""; 0]);
}

/// Through sync it is accepted: a device may be offline.
#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_a_price_stays_and_counts_for_nothing() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    client.add(NOT_FOR_SALE, 2).await;
    let mut device = client.shop.device(&client.session, &client.session.cart_id).await;
    let key = LineKey::new("nothing", None, None).expect("a key");
    let change = Change::Add { key, details: None, quantity: 3, at: Location::Cart };
    device.edit(change, cart_core::time::Millis(1_000_000_000_000));
    let learned = client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    assert_eq!(learned, Learned::Acknowledged);
    let view = client.view().await;
    assert_eq!(lines(&view).len(), 3);
    for line in view["lines"].as_array().expect("lines") {
        let sold = line["sku"] == BAGELS.0;
        assert_eq!(line["problem"] == "not_for_sale", !sold, "{line}");
        assert_eq!((line["unit_price"].is_null(), line["total"].is_null()), (!sold, !sold), "{line}");
    }
    let usd = |minor: i64| json!({"amount_minor": minor, "currency": "USD"});
    let totals = json!({"quantity": 1, "subtotal": usd(50), "discount": usd(0), "total": usd(50)});
    assert_eq!(view["totals"], totals);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_changed_in_each_way() {
    let client = client().await;
    client.add(BAGELS.0, 5).await;
    let path = line(BAGELS.0);
    let change = async |body: Value| client.patch(&path, body).await.expect(200).json();
    for (body, cart, saved) in [
        (json!({"quantity": 7}), "7", ""),
        (json!({"increment": 2}), "9", ""),
        (json!({"decrement": 4, "in": "cart"}), "5", ""),
        (json!({"location": "saved"}), "", "5"),
        (json!({"increment": 1, "in": "saved"}), "", "6"),
        (json!({"decrement": 2, "in": "saved"}), "", "4"),
        (json!({"quantity": 3, "in": "saved"}), "", "3"),
        (json!({"location": "cart", "in": "saved"}), "3", ""),
        (json!({"location": "saved", "in": "cart"}), "", "3"),
        (json!({"location": "cart"}), "3", ""),
        (json!({"decrement": 9}), "", ""),
    ] {
        let view = change(body.clone()).await;
        let expected = |count: &str| match count {
            "" => vec![],
            count => vec![format!("{}:{count}", BAGELS.0)],
        };
        assert_eq!(quantities(&view, "lines"), expected(cart), "{body}");
        assert_eq!(quantities(&view, "saved"), expected(saved), "{body}");
    }
    client.add(BAGELS.0, 5).await;
    assert_eq!(lines(&change(json!({"quantity": 0})).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_removed_where_they_are() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    client.add(BANANAS.0, 2).await;
    client.patch(&line(BANANAS.0), json!({"location": "saved"})).await.expect(200);
    client.add(BANANAS.0, 3).await;
    let view = client.delete(&format!("{}?in=saved", line(BANANAS.0))).await.expect(200).json();
    assert_eq!((lines(&view).len(), quantities(&view, "saved").len()), (2, 0));
    let view = client.delete(&line(BAGELS.0)).await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:3", BANANAS.0)]);
    client.patch(&line(BANANAS.0), json!({"location": "saved"})).await.expect(200);
    client.add(BAGELS.0, 1).await;
    let view = client.delete("/lines").await.expect(200).json();
    assert_eq!((lines(&view).len(), quantities(&view, "saved")), (0, vec![format!("{}:3", BANANAS.0)]));
    // Clearing an empty cart is no fault.
    client.delete("/lines").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_not_there_is_not_found() {
    let client = client().await;
    let view = client.add(BAGELS.0, 1).await;
    let (there, elsewhere) = (line(BAGELS.0), line(BANANAS.0));
    for (path, body) in [
        (&elsewhere, json!({"quantity": 1})),
        (&elsewhere, json!({"decrement": 1})),
        (&elsewhere, json!({"location": "saved"})),
        (&there, json!({"quantity": 1, "in": "saved"})),
        (&there, json!({"decrement": 1, "in": "saved"})),
        (&there, json!({"location": "cart"})),
        (&"/lines/l_".to_owned(), json!({"quantity": 1})),
        (&"/lines/nonsense".to_owned(), json!({"quantity": 1})),
        (&format!("{there}A"), json!({"quantity": 1})),
    ] {
        client.patch(path, body.clone()).await.refused(404, "line_not_found");
    }
    for path in [&elsewhere, &format!("{there}?in=saved"), &"/lines/l_".to_owned()] {
        client.delete(path).await.refused(404, "line_not_found");
    }
    assert_eq!(client.view().await, view);
}

/// An increment is an add: in parallel with a removal it counts (R2), so the line need not be there. The
/// product must be in the catalog all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_increment_is_an_add() {
    let client = client().await;
    client.patch(&line("nothing"), json!({"increment": 1})).await.refused(422, "unknown_sku");
    client.patch(&line("nothing"), json!({"increment": 1, "in": "saved"})).await.refused(422, "unknown_sku");
    let commands = json!({"commands": [{"op": "increment", "line_id": line_id("nothing"), "quantity": 1}]});
    client.post("/commands", commands).await.refused(422, "unknown_sku");
    client.add(BAGELS.0, 3).await;
    client.delete(&line(BAGELS.0)).await.expect(200);
    let view = client.patch(&line(BAGELS.0), json!({"increment": 2})).await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:2", BAGELS.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_line_names_one_thing() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    for body in [
        json!({}),
        json!({"in": "cart"}),
        json!({"quantity": 1, "increment": 1}),
        json!({"decrement": 1, "location": "saved"}),
        json!({"location": "saved", "in": "saved"}),
        json!({"quantity": null}),
    ] {
        client.patch(&line(BAGELS.0), body).await.refused(422, "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_and_customizations_make_lines_of_their_own() {
    let client = client().await;
    let add = async |variant: Value, customization: Value| {
        let body = json!({"sku": BAGELS.0, "variant": variant, "customization": customization});
        client.post("/lines", body).await.expect(200).json()
    };
    // Each group is one line: its customisations have the same canonical JSON (RFC 8785).
    let groups = [
        (json!(null), vec![json!(null), json!({})]),
        (json!("large"), vec![json!(null), json!({})]),
        (json!("Large"), vec![json!(null)]),
        (json!(null), vec![json!({"engraving": "Ann"}), json!({"engraving": "\u{41}nn"})]),
        (json!(null), vec![json!({"engraving": "ann"})]),
        (json!(null), vec![json!({"engraving": "Ann "})]),
        (json!(null), vec![json!({"engraving": "\u{e9}"})]),
        // Not normalised: an e with an accent of its own is another text.
        (json!(null), vec![json!({"engraving": "e\u{301}"})]),
        (json!("large"), vec![json!({"engraving": "Ann"})]),
    ];
    for (variant, customizations) in &groups {
        for customization in customizations {
            add(variant.clone(), customization.clone()).await;
        }
    }
    // As text, since a JSON library would write them alike.
    let written = [
        r#"{"b":[1,2],"a":{"y":1,"x":2}}"#,
        r#"{ "a" : {"x":2.0,"y":1e0}, "b" : [1.0, 0.2e1] }"#,
        r#"{"\u0061":{"x":2,"y":1},"b":[1,2]}"#,
    ];
    let mut view = Value::Null;
    for customization in written {
        let body = format!(r#"{{"sku":"{}","customization":{customization}}}"#, BAGELS.0);
        let call = client.call(Method::POST, "/lines").header("Content-Type", "application/json").body(body);
        view = Answer::of(call).await.expect(200).json();
    }
    let found: Vec<i64> = view["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| line["quantity"].as_i64().expect("one"))
        .collect();
    let mut expected: Vec<i64> = groups.iter().map(|(_, same)| same.len() as i64).collect();
    expected.push(written.len() as i64);
    assert_eq!(found, expected);
    for line in view["lines"].as_array().expect("lines") {
        let object: Map<String, Value> = line["customization"].as_object().cloned().unwrap_or_default();
        let hash = Customization::of(&object).expect("canonical").map(|custom| custom.hash);
        let key = LineKey::new(BAGELS.0, line["variant"].as_str(), hash).expect("a key");
        assert_eq!(text(line, "line_id"), key.line_id(), "the same on every device");
        // It can be named in a path, and is found.
        client.patch(&format!("/lines/{}", key.line_id()), json!({"increment": 1})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_cart_are_told() {
    let client = client().await;
    client.add(BAGELS.0, 9_998).await;
    client.add(BAGELS.0, 1).await;
    client.post("/lines", json!({"sku": BAGELS.0})).await.refused(422, "quantity_limit");
    client.patch(&line(BAGELS.0), json!({"increment": 1})).await.refused(422, "quantity_limit");
    for body in [json!({"quantity": 10_000}), json!({"quantity": -1}), json!({"increment": 0})] {
        client.patch(&line(BAGELS.0), body).await.refused(422, "invalid_field");
    }
    let custom = json!({"sku": BAGELS.0, "customization": {"text": "x".repeat(1_013)}});
    client.post("/lines", custom).await.expect(200);
    let custom = json!({"sku": BAGELS.0, "customization": {"text": "x".repeat(1_014)}});
    client.post("/lines", custom).await.refused(422, "invalid_field");
    let variant = |count: usize| json!({"sku": BAGELS.0, "variant": "v".repeat(count)});
    client.post("/lines", variant(57)).await.expect(200);
    client.post("/lines", variant(58)).await.refused(422, "invalid_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_has_500_lines() {
    let client = client().await;
    for batch in 0..5 {
        let add = |at: i64| json!({"op": "add", "sku": BAGELS.0, "variant": format!("{batch}-{at}")});
        client
            .post("/commands", json!({"commands": (0..100).map(add).collect::<Vec<_>>()}))
            .await
            .expect(200);
    }
    let more = json!({"sku": BAGELS.0});
    client.post("/lines", more.clone()).await.refused(422, "too_many_lines");
    let view = client.view().await;
    assert_eq!(view["lines"].as_array().map(Vec::len), Some(500));
    // What makes it no larger still works, with the context of the whole.
    let first = text(&view["lines"][0], "line_id");
    client.patch(&format!("/lines/{first}"), json!({"quantity": 2})).await.expect(200);
    client.patch(&format!("/lines/{first}"), json!({"location": "saved"})).await.expect(200);
    client.post("/lines", more.clone()).await.refused(422, "too_many_lines");
    let seen = client.delete(&format!("/lines/{first}?in=saved")).await.expect(200).json();
    client.post("/lines", more).await.expect(200);
    let clear = client.call(Method::DELETE, "/lines").header("Evercart-Context", text(&seen, "context"));
    assert_eq!(lines(&Answer::of(clear).await.expect(200).json()), [format!("{}:1", BAGELS.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_edited_too_often_is_folded_by_setting_it() {
    let client = client().await;
    let adds = |count: usize| json!({"commands": vec![json!({"op": "add", "sku": BAGELS.0}); count]});
    for count in [100, 100, 100, 100, 100, 12] {
        client.post("/commands", adds(count)).await.expect(200);
    }
    client.post("/lines", json!({"sku": BAGELS.0})).await.refused(422, "too_many_contributions");
    client.patch(&line(BAGELS.0), json!({"decrement": 1})).await.refused(422, "too_many_contributions");
    client.patch(&line(BAGELS.0), json!({"quantity": 512})).await.expect(200);
    assert_eq!(lines(&client.add(BAGELS.0, 1).await), [format!("{}:513", BAGELS.0)]);
}

/// A state of nearly 64 KiB: its context is larger still, and goes wherever a context goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_cart_at_its_size_limit_is_busy_and_can_be_made_smaller() {
    let client = client().await;
    let custom = |at: usize| json!({"text": format!("{at:04}{}", "x".repeat(950))});
    let add = |at: usize| json!({"op": "add", "sku": BAGELS.0, "customization": custom(at)});
    client.post("/commands", json!({"commands": (0..60).map(add).collect::<Vec<_>>()})).await.expect(200);
    let mut at = 60;
    let busy = loop {
        let answer = client.post("/lines", json!({"sku": BAGELS.0, "customization": custom(at)})).await;
        if answer.status != 200 {
            break answer.refused(429, "cart_busy");
        }
        at += 1;
    };
    assert!((60..70).contains(&at), "{at} lines");
    assert_eq!(busy.header("retry-after"), "1");
    let view = client.view().await;
    let first = text(&view["lines"][0], "line_id");
    client.patch(&format!("/lines/{first}"), json!({"quantity": 3})).await.expect(200);
    let seen = client.patch(&format!("/lines/{first}"), json!({"quantity": 2})).await.expect(200).json();
    let context = text(&seen, "context");
    assert!(context.len() > 80_000, "{}", context.len());
    let second = text(&view["lines"][1], "line_id");
    // In a header: no URL is as long as that.
    let remove = client.call(Method::DELETE, &format!("/lines/{second}")).header("Evercart-Context", context);
    let removed = Answer::of(remove).await.expect(200).json();
    assert_eq!(lines(&removed).len(), at - 1);
    let third = text(&view["lines"][2], "line_id");
    client.patch(&format!("/lines/{third}"), json!({"quantity": 2, "context": context})).await.expect(200);
    client.post("/lines", json!({"sku": BAGELS.0})).await.expect(200);
    let clear = client.call(Method::DELETE, "/lines").header("Evercart-Context", context);
    assert_eq!(lines(&Answer::of(clear).await.expect(200).json()).len(), 2);
}

// Coupons, fields, commands.

#[tokio::test(flavor = "multi_thread")]
async fn coupons_are_applied_and_taken_off() {
    let client = client().await;
    for code in ["SAVE10", "A/B%2F&?=#", "SAVE10", "save10"] {
        client.post("/coupons", json!({"code": code})).await.expect(200);
    }
    let view = client.view().await;
    assert_eq!(view["coupons"], json!(["A/B%2F&?=#", "SAVE10", "save10"]));
    let view = client.delete("/coupons/A%2FB%252F%26%3F%3D%23").await.expect(200).json();
    assert_eq!(view["coupons"], json!(["SAVE10", "save10"]));
    client.delete("/coupons/NONE").await.refused(404, "coupon_not_found");
    for at in 0..30 {
        client.post("/coupons", json!({"code": format!("C{at}")})).await.expect(200);
    }
    client.post("/coupons", json!({"code": "ONE-MORE"})).await.refused(422, "invalid_field");
    client.post("/coupons", json!({"code": "C1"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_written_and_taken_away() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let all = json!({"note": "Ring twice.\n\u{1f6d2}", "currency": "EUR", "locale": "de-DE", "delivery_region": "DE-BE"});
    let view = client.patch("", all.clone()).await.expect(200).json();
    for (name, value) in all.as_object().expect("fields") {
        assert_eq!(view[name], *value);
    }
    // A price in another currency is none.
    assert_eq!(view["lines"][0]["problem"], "not_for_sale");
    assert_eq!(view["totals"]["total"], json!({"amount_minor": 0, "currency": "EUR"}));
    let view = client.patch("", json!({"note": null, "currency": "USD"})).await.expect(200).json();
    assert_eq!((&view["note"], text(&view, "locale")), (&Value::Null, "de-DE"));
    assert_eq!(view["totals"]["total"]["amount_minor"], json!(BAGELS.1));
    let view = client.patch("", json!({"locale": null, "delivery_region": null})).await.expect(200).json();
    assert_eq!((&view["locale"], &view["delivery_region"]), (&Value::Null, &Value::Null));
    client.patch("", json!({})).await.refused(422, "invalid_field");
    client.patch("", json!({"note": "x".repeat(2_000)})).await.expect(200);
    client.patch("", json!({"note": "x".repeat(2_001)})).await.refused(422, "invalid_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_done_in_order() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let (bagels, bananas) = (line_id(BAGELS.0), line_id(BANANAS.0));
    let commands = json!([
        {"op": "add", "sku": BANANAS.0, "quantity": 9},
        {"op": "set", "line_id": bagels, "quantity": 4},
        {"op": "increment", "line_id": bagels, "quantity": 3},
        {"op": "decrement", "line_id": bananas, "quantity": 2},
        {"op": "move", "line_id": bananas, "location": "saved"},
        {"op": "add", "sku": BANANAS.0},
        {"op": "set", "line_id": bananas, "quantity": 5, "in": "saved"},
        {"op": "remove", "line_id": bananas},
        {"op": "apply_coupon", "code": "A"},
        {"op": "apply_coupon", "code": "B"},
        {"op": "remove_coupon", "code": "A"},
        {"op": "update", "note": "hello", "locale": "en"},
    ]);
    let view = client.post("/commands", json!({"commands": commands})).await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:7", BAGELS.0)]);
    assert_eq!(quantities(&view, "saved"), [format!("{}:5", BANANAS.0)]);
    assert_eq!((&view["coupons"], text(&view, "note")), (&json!(["B"]), "hello"));
    let view = client.post("/commands", json!({"commands": [{"op": "clear"}]})).await.expect(200).json();
    assert_eq!((lines(&view).len(), quantities(&view, "saved").len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_all_done_or_none() {
    let client = client().await;
    let before = client.add(BAGELS.0, 1).await;
    let (bagels, bananas) = (line_id(BAGELS.0), line_id(BANANAS.0));
    for (last, status, code) in [
        (json!({"op": "add", "sku": "nothing"}), 422, "unknown_sku"),
        (json!({"op": "add", "sku": BAGELS.0, "quantity": 9_999}), 422, "quantity_limit"),
        (json!({"op": "set", "line_id": bananas, "quantity": 1}), 404, "line_not_found"),
        (json!({"op": "remove", "line_id": bagels, "in": "saved"}), 404, "line_not_found"),
        (json!({"op": "remove_coupon", "code": "B"}), 404, "coupon_not_found"),
        (json!({"op": "update"}), 422, "invalid_field"),
        (json!({"op": "fly"}), 422, "invalid_field"),
    ] {
        let commands = json!([
            {"op": "clear"}, {"op": "add", "sku": BAGELS.0}, {"op": "apply_coupon", "code": "A"}, last,
        ]);
        client.post("/commands", json!({"commands": commands})).await.refused(status, code);
        assert_eq!(client.view().await, before, "{last}");
    }
    let adds = |count: usize| json!({"commands": vec![json!({"op": "add", "sku": BAGELS.0}); count]});
    client.post("/commands", adds(0)).await.refused(422, "invalid_field");
    client.post("/commands", adds(101)).await.refused(422, "invalid_field");
    assert_eq!(client.view().await, before);
    assert_eq!(
        lines(&client.post("/commands", adds(100)).await.expect(200).json()),
        [format!("{}:101", BAGELS.0)]
    );
}

/// A change means what its maker saw: the edits made since stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_context_says_what_a_change_has_seen() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let seen = client.add(BAGELS.0, 3).await;
    let context = text(&seen, "context");
    let path = line(BAGELS.0);
    for (method, query, body, shown) in [
        (Method::PATCH, String::new(), json!({"quantity": 4, "context": context}), 5),
        (Method::DELETE, format!("?context={context}"), Value::Null, 1),
        (Method::PATCH, String::new(), json!({"decrement": 9, "context": context}), 1),
    ] {
        client.patch(&path, json!({"increment": 1})).await.expect(200);
        let mut call = client.call(method, &format!("{path}{query}"));
        if !body.is_null() {
            call = call.json(&body);
        }
        let view = Answer::of(call).await.expect(200).json();
        assert_eq!(lines(&view), [format!("{}:{shown}", BAGELS.0)], "{body}");
        let reset = json!({"commands": [{"op": "clear"}, {"op": "add", "sku": BAGELS.0, "quantity": 0}]});
        client.post("/commands", reset).await.refused(422, "invalid_field");
        client.delete(&path).await.expect(200);
    }
}

// Retries.

/// Every kind of write, sent three times with its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_sent_again_with_its_key_is_done_once() {
    let client = client().await;
    client.add(BAGELS.0, 5).await;
    client.add(BANANAS.0, 5).await;
    client.post("/coupons", json!({"code": "A"})).await.expect(200);
    let (bagels, bananas) = (line(BAGELS.0), line(BANANAS.0));
    let writes = [
        (Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 2})),
        (Method::PATCH, &bagels, json!({"quantity": 3})),
        (Method::PATCH, &bagels, json!({"increment": 4})),
        (Method::PATCH, &bagels, json!({"decrement": 1})),
        (Method::PATCH, &bagels, json!({"location": "saved"})),
        (Method::PATCH, &bagels, json!({"location": "cart"})),
        (Method::DELETE, &bananas, json!({})),
        (Method::POST, "/coupons", json!({"code": "B"})),
        (Method::DELETE, "/coupons/A", json!({})),
        (Method::PATCH, "", json!({"note": "hello"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "add", "sku": BANANAS.0}]})),
        (Method::POST, "/v1/carts/current/lines", json!({"sku": BAGELS.0})),
        (Method::DELETE, "/lines", json!({})),
    ];
    for (at, (method, path, body)) in writes.iter().enumerate() {
        let key = format!("write-{at}");
        let first = client.keyed(&key, method.clone(), path, body.clone()).await.expect(200);
        assert_eq!(first.header("idempotency-replayed"), "", "{method} {path}");
        for _ in 0..2 {
            let again = client.keyed(&key, method.clone(), path, body.clone()).await.expect(200);
            assert_eq!(again.header("idempotency-replayed"), "true", "{method} {path}");
            assert_eq!(again.json(), first.json(), "{method} {path}");
        }
    }
    // After all of them, the first still answers with the present view, not with that of then.
    let present = client.view().await;
    let (method, path, body) = &writes[0];
    let again = client.keyed("write-0", method.clone(), path, body.clone()).await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", present));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_request_is_refused() {
    let client = client().await;
    client.add(BANANAS.0, 1).await;
    client.keyed("k", Method::POST, "/lines", json!({"sku": BAGELS.0})).await.expect(200);
    let before = client.view().await;
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 2})),
        (Method::POST, "/lines", json!({"sku": BANANAS.0})),
        (Method::PATCH, &line(BANANAS.0), json!({"quantity": 3})),
        (Method::DELETE, "/lines", json!({})),
        (Method::POST, "/coupons", json!({"code": "A"})),
    ] {
        client.keyed("k", method, path, body).await.refused(422, "key_reused");
    }
    assert_eq!(client.view().await, before);
    // The same body in other words is the same request.
    let again = client
        .keyed("k", Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 1, "variant": null}))
        .await;
    assert_eq!(again.expect(200).header("idempotency-replayed"), "true");
    // A key is its session's.
    let other = Client::at(0).await;
    let answer =
        other.keyed("k", Method::POST, "/lines", json!({"sku": BAGELS.0, "quantity": 2})).await.expect(200);
    assert_eq!(answer.header("idempotency-replayed"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_edge_made_is_returned_and_good() {
    let client = client().await;
    client.add(BANANAS.0, 1).await;
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": BAGELS.0})),
        (Method::PATCH, &*line(BANANAS.0), json!({"increment": 1})),
        (Method::POST, "/coupons", json!({"code": "A"})),
        (Method::PATCH, "", json!({"note": "x"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "add", "sku": BAGELS.0}]})),
        (Method::DELETE, &*line(BANANAS.0), json!({})),
    ] {
        let answer = Answer::of(client.call(method.clone(), path).json(&body)).await.expect(200);
        let key = answer.header("idempotency-key");
        assert!(!key.is_empty(), "{method} {path}");
        let again = client.keyed(key, method, path, body).await.expect(200);
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", answer.json()));
        assert_eq!(again.header("idempotency-key"), "", "the client knows its own");
    }
}

/// More edits than a page of the ledger holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_after_many_others() {
    let client = client().await;
    let body = |at: i64| json!({"sku": BAGELS.0, "variant": format!("{}", at % 50)});
    for at in 0..150 {
        client.keyed(&format!("k{at}"), Method::POST, "/lines", body(at)).await.expect(200);
    }
    let before = client.view().await;
    for at in [0, 1, 63, 64, 65, 127, 128, 149] {
        let again = client.keyed(&format!("k{at}"), Method::POST, "/lines", body(at)).await.expect(200);
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", before.clone()), "{at}");
        client
            .keyed(&format!("k{at}"), Method::POST, "/lines", body(at + 1))
            .await
            .refused(422, "key_reused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_write_at_once_is_done_once() {
    let client = client().await;
    for round in 0..10 {
        let key = format!("round-{round}");
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, key) = (client.clone(), key.clone());
            calls.spawn(
                async move { client.keyed(&key, Method::POST, "/lines", json!({"sku": BAGELS.0})).await },
            );
        }
        let answers = calls.join_all().await;
        let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty());
        assert_eq!(first.count(), 1);
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(lines(&client.view().await), [format!("{}:{}", BAGELS.0, round + 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_after_a_day() {
    let client = client().await;
    let add = json!({"sku": BAGELS.0});
    client.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
    let before_end = client.later(DAY - MINUTE).renew().await;
    let again = before_end.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
    assert_eq!(
        (again.header("idempotency-replayed"), lines(&again.json())),
        ("true", vec![format!("{}:1", BAGELS.0)])
    );
    let after = client.later(DAY + MINUTE).renew().await;
    after.keyed("k", Method::POST, "/lines", add.clone()).await.refused(410, "key_expired");
    // Also when later edits have swept the ledger.
    after.add(BANANAS.0, 1).await;
    after.keyed("k", Method::POST, "/lines", add).await.refused(410, "key_expired");
    after.keyed("k", Method::POST, "/lines", json!({"sku": BANANAS.0})).await.refused(410, "key_expired");
}

/// The dots of a retry are those of the day on which its token was issued: it is looked for further back.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_known_after_midnight_with_a_renewed_token() {
    for (issued, used, retried) in [
        (until(1, DAY - 10 * MINUTE), until(1, DAY - 10 * MINUTE), until(2, 5 * MINUTE)),
        (until(1, DAY - 10 * MINUTE), until(2, 5 * MINUTE), until(2, 15 * MINUTE)),
        (until(1, DAY - 10 * MINUTE), until(2, 10 * MINUTE), until(3, 5 * MINUTE)),
        (until(1, 12 * HOUR), until(1, 12 * HOUR + MINUTE), until(2, 12 * HOUR)),
    ] {
        let client = Client::at(issued).await.later(used);
        let add = json!({"sku": BAGELS.0});
        client.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
        let renewed = client.later(retried).renew().await;
        for client in [&renewed, &renewed.renew().await] {
            let again = client.keyed("k", Method::POST, "/lines", add.clone()).await.expect(200);
            assert_eq!(
                again.header("idempotency-replayed"),
                "true",
                "issued {issued} used {used} retried {retried}"
            );
            assert_eq!(lines(&again.json()), [format!("{}:1", BAGELS.0)]);
        }
        renewed
            .keyed("k", Method::POST, "/lines", json!({"sku": BANANAS.0}))
            .await
            .refused(422, "key_reused");
        assert_eq!(lines(&renewed.add(BAGELS.0, 1).await), [format!("{}:2", BAGELS.0)]);
    }
}

/// Edits of many days: nothing is lost when actors retire, and each day's retries are known.
#[tokio::test(flavor = "multi_thread")]
async fn edits_stay_while_the_horizon_passes() {
    let mut client = client().await;
    for day in 0..8 {
        client = client.later(day * DAY).renew().await;
        let body = json!({"sku": BAGELS.0});
        let view = client
            .keyed(&format!("day-{day}"), Method::POST, "/lines", body.clone())
            .await
            .expect(200)
            .json();
        assert_eq!(lines(&view), [format!("{}:{}", BAGELS.0, day + 1)]);
        let again = client.keyed(&format!("day-{day}"), Method::POST, "/lines", body).await.expect(200);
        assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", view));
    }
    client.delete(&line(BAGELS.0)).await.expect(200);
    assert_eq!(lines(&client.view().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_if_match_is_a_retry() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let etag = client.get("").await.expect(200).header("etag").to_owned();
    let send = async || {
        let call =
            client.call(Method::POST, "/lines").header("If-Match", &etag).header("Idempotency-Key", "k");
        Answer::of(call.json(&json!({"sku": BAGELS.0}))).await
    };
    let first = send().await.expect(200);
    let again = send().await.expect(200);
    assert_eq!((again.header("idempotency-replayed"), again.json()), ("true", first.json()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_to_current_reaches_the_cart_of_the_first() {
    let client = client().await;
    let send = async |key: &str| {
        let add = json!({"sku": BAGELS.0});
        client.keyed(key, Method::POST, "/v1/carts/current/lines", add).await.expect(200)
    };
    let at = |answer: &Answer| text(&answer.json(), "cart_id").to_owned();
    let mut firsts = Vec::new();
    for key in ["first", "second", "third"] {
        firsts.push(at(&send(key).await));
        client.post("/v1/carts", json!({})).await.expect(201);
    }
    assert_eq!(firsts.iter().collect::<BTreeSet<_>>().len(), 3, "a cart each");
    for (key, first) in ["first", "second", "third"].iter().zip(&firsts) {
        let again = send(key).await;
        assert_eq!((again.header("idempotency-replayed"), &at(&again)), ("true", first), "{key}");
    }
    assert_eq!(lines(&client.get("/v1/carts/current").await.expect(200).json()), [""; 0]);
}

// Conditions and preferences.

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_has_not_changed_is_not_sent_again() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let answer = client.get("").await.expect(200);
    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "a strong ETag: {etag}");
    let conditional =
        async |tags: &str| Answer::of(client.call(Method::GET, "").header("If-None-Match", tags)).await;
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let same = conditional(&tags).await.expect(304);
        assert_eq!((same.bytes.len(), same.header("etag")), (0, &*etag), "{tags}");
        assert_eq!(same.header("evercart-context"), text(&answer.json(), "context"));
    }
    conditional("\"x\"").await.expect(200);
    conditional("").await.expect(200);
    client.add(BAGELS.0, 1).await;
    let changed = conditional(&etag).await.expect(200);
    assert_ne!(changed.header("etag"), etag);
    // What an edit answers with has the ETag of the view it shows.
    let edited = client.post("/lines", json!({"sku": BAGELS.0})).await.expect(200);
    conditional(edited.header("etag")).await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_304_as_get_does() {
    let client = client().await;
    let etag = client.get("").await.expect(200).header("etag").to_owned();
    Answer::of(client.call(Method::HEAD, "").header("If-None-Match", &etag)).await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_can_be_made_to_depend_on_what_was_seen() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    let edit = async |tags: &str, method: Method, path: &str, body: Value| {
        Answer::of(client.call(method, path).header("If-Match", tags).json(&body)).await
    };
    let old = client.get("").await.expect(200).header("etag").to_owned();
    let add = json!({"sku": BAGELS.0});
    let new = edit(&old, Method::POST, "/lines", add.clone()).await.expect(200).header("etag").to_owned();
    let before = client.view().await;
    for (method, path, body) in [
        (Method::POST, "/lines", add.clone()),
        (Method::POST, "/v1/carts/current/lines", add.clone()),
        (Method::PATCH, &line(BAGELS.0), json!({"quantity": 3})),
        (Method::DELETE, &line(BAGELS.0), json!({})),
        (Method::DELETE, "/lines", json!({})),
        (Method::POST, "/coupons", json!({"code": "A"})),
        (Method::PATCH, "", json!({"note": "x"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "clear"}]})),
    ] {
        edit(&old, method, path, body).await.refused(412, "version_mismatch");
    }
    assert_eq!(client.view().await, before);
    let listed = format!("\"x\", {new}");
    let third = edit(&listed, Method::PATCH, &line(BAGELS.0), json!({"quantity": 3})).await.expect(200);
    edit(third.header("etag"), Method::POST, "/v1/carts/current/lines", add.clone()).await.expect(200);
    edit("*", Method::POST, "/lines", add).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_tag_matches_no_edit() {
    let client = client().await;
    let etag = client.get("").await.expect(200).header("etag").to_owned();
    let call = client.call(Method::POST, "/lines").header("If-Match", format!("W/{etag}"));
    Answer::of(call.json(&json!({"sku": BAGELS.0}))).await.refused(412, "version_mismatch");
}

/// Clients take 8 to 16 KiB of headers: a context that is longer comes in the view only.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_context_fits_no_header_is_not_left_out() {
    let client = client().await;
    let engraved = |at: usize| json!({"op": "add", "sku": BAGELS.0, "customization": {"text": format!("{at}-{}", "x".repeat(900))}});
    let commands = json!({"commands": (0..20).map(engraved).collect::<Vec<_>>()});
    let call = client.call(Method::POST, "/commands").header("Prefer", "return=minimal").json(&commands);
    let answer = Answer::of(call).await.expect(200);
    assert_eq!((answer.header("preference-applied"), answer.header("evercart-context")), ("", ""));
    let view = answer.json();
    assert_eq!(view["lines"].as_array().map(Vec::len), Some(20));
    let call = client.call(Method::GET, "").header("If-None-Match", answer.header("etag"));
    assert_eq!(Answer::of(call).await.expect(304).header("evercart-context"), "");
    client.add(BANANAS.0, 1).await;
    let body = json!({"commands": [{"op": "clear"}], "context": view["context"]});
    let left = client.post("/commands", body).await.expect(200).json();
    assert_eq!(lines(&left), [format!("{}:1", BANANAS.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_left_out() {
    let client = client().await;
    let minimal = async |method: Method, path: &str, body: Value| {
        Answer::of(client.call(method, path).header("Prefer", "respond-async, return=minimal").json(&body))
            .await
    };
    client.add(BANANAS.0, 3).await;
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": BAGELS.0})),
        (Method::PATCH, &line(BAGELS.0), json!({"quantity": 3})),
        (Method::DELETE, &line(BAGELS.0), json!({})),
        (Method::POST, "/coupons", json!({"code": "A"})),
        (Method::DELETE, "/coupons/A", json!({})),
        (Method::PATCH, "", json!({"note": "x"})),
        (Method::POST, "/commands", json!({"commands": [{"op": "add", "sku": BAGELS.0}]})),
    ] {
        let answer = minimal(method.clone(), path, body).await.expect(204);
        assert_eq!((answer.bytes.len(), answer.header("preference-applied")), (0, "return=minimal"));
        let view = client.get("").await.expect(200);
        assert_eq!(answer.header("etag"), view.header("etag"), "{method} {path}");
        assert_eq!(answer.header("evercart-context"), text(&view.json(), "context"), "{method} {path}");
        assert_eq!(answer.header("evercart-version"), text(&view.json(), "version"), "{method} {path}");
    }
    let made = minimal(Method::POST, "/v1/carts", json!({})).await.expect(204);
    client.get(made.header("location")).await.expect(200);
    // A refusal is told whole; a view that was asked for is sent.
    minimal(Method::POST, "/lines", json!({"sku": "nothing"})).await.refused(422, "unknown_sku");
    Answer::of(client.call(Method::GET, "").header("Prefer", "return=minimal")).await.expect(200).json();
}

// What every answer carries.

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_where_it_was_served() {
    let client = client().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (method, path) in [
        (Method::GET, "/healthz"),
        (Method::GET, "/readyz"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/nothing"),
        (Method::PUT, "/v1/carts"),
        (Method::GET, "/v1/carts"),
        (Method::GET, "/v1/carts/current"),
        (Method::HEAD, "/v1/carts/current"),
        (Method::GET, "/v1/carts/nonsense"),
        (Method::POST, "/v1/sessions"),
        (Method::POST, "/v1/carts/current/lines"),
        (Method::POST, "/v1/carts/current/actors"),
        (Method::OPTIONS, "/v1/carts"),
    ] {
        let call = client.shop.call(&client.session, method.clone(), path).header("traceparent", trace);
        let answer = Answer::of(call).await;
        assert_eq!(answer.header("evercart-region"), "weur", "{method} {path}");
        assert_eq!(answer.header("traceparent"), trace, "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
    }
    let here = client.call(Method::GET, "").header("Evercart-Region", "weur");
    Answer::of(here).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_its_body() {
    let client = client().await;
    client.add(BAGELS.0, 1).await;
    for path in
        ["/healthz", "/readyz", "/openapi.json", "/v1/carts", "/v1/carts/current", "/v1/carts/current/export"]
    {
        let call = |method| client.shop.call(&client.session, method, path);
        let (get, head) = (Answer::of(call(Method::GET)).await, Answer::of(call(Method::HEAD)).await);
        assert_eq!((head.status, head.bytes.len()), (get.status, 0), "{path}");
        for name in ["content-type", "etag", "cache-control", "evercart-region", "evercart-sequence"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    Answer::of(client.shop.request(Method::HEAD, "/v1/carts/current")).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_of_another_site_is_answered_in_development() {
    let client = client().await;
    let origin = "https://shop.example";
    let paths: BTreeSet<&str> = ROUTES.iter().map(|(_, path)| *path).collect();
    for path in paths {
        let concrete =
            path.replace("{cart}", "current").replace("{line_id}", "l_AevsQg").replace("{code}", "A");
        let call = client.shop.request(Method::OPTIONS, &concrete).header("Origin", origin);
        let answer = Answer::of(call.header("Access-Control-Request-Method", "POST")).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{path}");
        assert_eq!(sorted(answer.header("access-control-allow-methods")), methods_of(path), "{path}");
        let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
        for name in [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "prefer",
            "evercart-context",
            "traceparent",
        ] {
            assert!(sorted(&allowed).contains(&name), "{name} in {allowed}");
        }
    }
    for (method, path, token, status) in [
        (Method::GET, "/v1/carts/current", &*client.session.token, 200),
        (Method::POST, "/v1/sessions", "", 201),
        (Method::GET, "/v1/carts/nonsense", &client.session.token, 404),
        (Method::GET, "/v1/carts/current", "forged", 401),
        (Method::GET, "/nothing", "", 404),
    ] {
        let mut call = client.shop.request(method, path).header("Origin", origin);
        if !token.is_empty() {
            call = call.bearer_auth(token);
        }
        let answer = Answer::of(call).await.expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
        assert_eq!(answer.header("vary"), "Origin", "{path}");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in
            ["etag", "location", "evercart-token", "evercart-context", "idempotency-replayed", "retry-after"]
        {
            assert!(sorted(&exposed).contains(&name), "{name} in {exposed}");
        }
    }
    let plain = client.get("").await.expect(200);
    assert_eq!((plain.header("access-control-allow-origin"), plain.header("vary")), ("", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_of_another_site_can_read_every_refusal() {
    let call =
        shop().await.request(Method::GET, "/v1/carts/current").header("Origin", "https://shop.example");
    let answer = Answer::of(call.header("Authorization", "Basic abc")).await.refused(401, "token_invalid");
    assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_refused() {
    let shop = shop().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/carts",
        "/v1/carts/",
        "/v1/carts/current/",
        "/v1/carts/current/nothing",
        "/V1/carts",
    ] {
        Answer::of(shop.request(Method::GET, path)).await.refused(404, "not_found");
        Answer::of(shop.request(Method::POST, path)).await.refused(404, "not_found");
    }
    let paths: BTreeSet<&str> = ROUTES.iter().map(|(_, path)| *path).collect();
    for path in paths {
        let concrete =
            path.replace("{cart}", "current").replace("{line_id}", "l_AevsQg").replace("{code}", "A");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if !methods_of(path).contains(&method) {
                let call = shop.request(Method::from_bytes(method.as_bytes()).expect("a method"), &concrete);
                let answer = Answer::of(call).await.refused(405, "method_not_allowed");
                assert_eq!(sorted(answer.header("allow")), methods_of(path), "{method} {path}");
            }
        }
    }
}

fn methods_of(path: &str) -> Vec<&'static str> {
    let mut methods: Vec<&str> =
        ROUTES.iter().filter(|(_, there)| *there == path).map(|(method, _)| *method).collect();
    methods.sort_unstable();
    methods
}

fn sorted(list: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = list.split(',').map(str::trim).collect();
    parts.sort_unstable();
    parts
}

// Who may do what.

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

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_an_absent_and_a_malformed_cart_are_the_same_404() {
    let (owner, stranger, guest) = (client().await, client().await, client().await);
    owner.add(BAGELS.0, 3).await;
    owner.post("/coupons", json!({"code": "SAVE10"})).await.expect(200);
    guest.add(BAGELS.0, 1).await;
    let second = owner.post("/v1/carts", json!({})).await.expect(201).json();
    let (first, second) = (owner.session.cart_id.clone(), text(&second, "cart_id").to_owned());
    let before = owner.view().await;
    let ids: Vec<&str> = [&*first, &*second].into_iter().chain(NO_CARTS).collect();
    let mut bodies = BTreeSet::new();
    let mut count = 0;
    for id in ids {
        for (name, call) in cart_calls(&owner.shop, id, &guest.session) {
            for token in [None, Some(&stranger.session.token)] {
                let call = call.try_clone().expect("a body in memory");
                let call = token.iter().fold(call, |call, token| call.bearer_auth(token));
                let answer = Answer::of(call).await.expect(404);
                assert_eq!((answer.header("set-cookie"), answer.header("etag")), ("", ""), "{name} of {id}");
                assert_eq!(answer.header("content-type"), "application/problem+json", "{name} of {id}");
                if name != "head" {
                    bodies.insert(answer.text());
                }
                count += 1;
            }
        }
    }
    assert_eq!(count, 14 * 17 * 2);
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    assert!(bodies.pop_first().expect("one").contains("\"cart_not_found\""));
    assert_eq!(owner.view().await, before);
    // The owner itself has no cart of those ids either; its own it has.
    for id in NO_CARTS {
        owner.get(&format!("/v1/carts/{id}")).await.refused(404, "cart_not_found");
    }
    for id in [&first, &second] {
        owner.get(&format!("/v1/carts/{id}")).await.expect(200);
    }
    for (name, call) in cart_calls(&owner.shop, &first, &guest.session) {
        let answer = Answer::of(call.bearer_auth(&owner.session.token)).await;
        let status = match name {
            "remove" | "uncoupon" => 404,
            "if-match" => 412,
            "actors" => 201,
            "sync" => 422,
            "erase" => 204,
            _ => 200,
        };
        // Those that find nothing have cleared it themselves before.
        let expected = if ["remove", "set", "move"].contains(&name) { 404 } else { status };
        let expected = if name == "uncoupon" { 200 } else { expected };
        assert_eq!(answer.status, expected, "{name}: {}", answer.text());
    }
}

/// A foreign cart's sequence number is not told either.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_cart_does_not_tell_its_sequence() {
    let (owner, stranger) = (client().await, client().await);
    owner.add(BAGELS.0, 3).await;
    for id in [&*owner.session.cart_id, NO_CARTS[0], NO_CARTS[1]] {
        let answer = stranger.get(&format!("/v1/carts/{id}")).await.refused(404, "cart_not_found");
        assert_eq!(answer.header("evercart-sequence"), "", "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_only_while_it_is_whole() {
    let client = client().await;
    for header in [
        "Basic abc",
        "Bearer",
        "Bearer ",
        "Token x",
        "Bearer forged",
        &format!("Bearer {}x", client.session.token),
    ] {
        let call = client.shop.request(Method::GET, "/v1/carts/current").header("Authorization", header);
        Answer::of(call).await.refused(401, "token_invalid");
    }
    let call =
        client.shop.request(Method::GET, "/v1/carts/current").header("Cookie", "__Host-evercart=forged");
    Answer::of(call).await.refused(401, "token_invalid");
    let call = client.shop.request(Method::GET, "/v1/carts/current");
    Answer::of(call.header("Authorization", format!("bearer {}", client.session.token))).await.expect(200);
}

// Erasure and export.

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_cart_is_gone_for_ever() {
    let (client, guest) = (client().await, client().await);
    guest.add(BAGELS.0, 1).await;
    client.add(BAGELS.0, 3).await;
    let second = client.keyed("second", Method::POST, "/v1/carts", json!({})).await.expect(201).json();
    let device = client.shop.device(&client.session, &client.session.cart_id).await;
    let mut ids = vec![text(&second, "cart_id").to_owned(), client.session.cart_id.clone()];
    // First a further cart, then the session's first.
    for id in ids.clone() {
        let path = format!("/v1/carts/{id}");
        let answer = client.delete(&path).await.expect(204);
        assert_eq!(answer.bytes.len(), 0);
        for (name, call) in cart_calls(&client.shop, &id, &guest.session) {
            let answer = Answer::of(call.bearer_auth(&client.session.token)).await.expect(404);
            assert!(name == "head" || answer.code() == "cart_not_found", "{name}");
        }
        let sync = client.shop.sync(&client.session, &id, device.clone().request().to_bytes()).await;
        sync.refused(404, "cart_not_found");
        client.keyed("second", Method::POST, "/v1/carts", json!({})).await.refused(404, "cart_not_found");
        ids.remove(0);
        let carts = client.get("/v1/carts").await.expect(200).json();
        let listed: Vec<&str> =
            carts["carts"].as_array().expect("carts").iter().map(|cart| text(cart, "cart_id")).collect();
        assert_eq!(listed, ids);
    }
    client.get("/v1/carts/current").await.refused(404, "cart_not_found");
    // The session goes on with a new cart.
    let third = client.post("/v1/carts", json!({})).await.expect(201).json();
    assert_eq!(client.get("/v1/carts/current").await.expect(200).json(), third);
    client.later(DAY).renew().await.get("/v1/carts/current").await.expect(200);
    client.get("").await.refused(404, "cart_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_held_can_be_exported() {
    let client = client().await;
    client.add(BAGELS.0, 3).await;
    let view = client.patch("", json!({"note": "hello"})).await.expect(200).json();
    let answer = client.get("/export").await.expect(200);
    let export = answer.json();
    assert_eq!(names(&export), ["created_at", "exported_at", "sequence", "session_id", "state", "view"]);
    assert_eq!((&export["view"], text(&export, "session_id")), (&view, &*client.session.session_id));
    assert_eq!(answer.header("cache-control"), "no-store");
    let state = Cart::from_bytes(&base64(text(&export, "state"))).expect("a state");
    assert_eq!(state.version().to_hex(), text(&view, "version"));
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} in base64"),
    };
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes() {
        bits = bits << 6 | u32::from(digit(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

// Merging.

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_cart_joins_the_users() {
    let (user, guest, other) = (client().await, client().await, client().await);
    user.add(BAGELS.0, 1).await;
    user.patch("", json!({"note": "mine", "locale": "de"})).await.expect(200);
    guest.add(BAGELS.0, 2).await;
    guest.add(BANANAS.0, 1).await;
    guest.post("/coupons", json!({"code": "GUEST"})).await.expect(200);
    guest.patch("", json!({"note": "theirs", "delivery_region": "DE"})).await.expect(200);
    let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    let merge = async |client: &Client, cart: &str| client.post(&format!("{cart}/merge"), body.clone()).await;
    let view = merge(&user, "/v1/carts/current").await.expect(200).json();
    assert_eq!(lines(&view), [format!("{}:3", BAGELS.0), format!("{}:1", BANANAS.0)]);
    assert_eq!(
        (&view["coupons"], text(&view, "note"), text(&view, "locale")),
        (&json!(["GUEST"]), "mine", "de")
    );
    assert_eq!(view["delivery_region"], Value::Null);
    assert_eq!(merge(&user, "").await.expect(200).json(), view, "once more changes nothing");
    merge(&other, "").await.refused(409, "already_merged");
    assert_eq!(lines(&other.view().await), [""; 0]);
    // Not even into another cart of the same user.
    let second = user.post("/v1/carts", json!({})).await.expect(201).json();
    merge(&user, &format!("/v1/carts/{}", text(&second, "cart_id"))).await.refused(409, "already_merged");
    // What the guest still does arrives.
    guest.add(BANANAS.0, 4).await;
    guest.delete(&line(BAGELS.0)).await.expect(200);
    let began = Instant::now();
    while lines(&user.view().await) != [format!("{}:1", BAGELS.0), format!("{}:5", BANANAS.0)] {
        assert!(began.elapsed() < Duration::from_secs(10), "{}", user.view().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The guest's device goes on with the user's cart.
    guest.post("/actors", json!({})).await.refused(409, "already_merged");
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_are_not_merged_in_a_circle() {
    let (a, b, c) = (client().await, client().await, client().await);
    for client in [&a, &b, &c] {
        client.add(BAGELS.0, 1).await;
    }
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        into.post("/merge", body).await
    };
    merge(&a, &a).await.refused(409, "merge_cycle");
    merge(&a, &b).await.expect(200);
    merge(&b, &a).await.refused(409, "merge_cycle");
    merge(&b, &b).await.refused(409, "merge_cycle");
    merge(&c, &a).await.expect(200);
    merge(&b, &c).await.refused(409, "merge_cycle");
    merge(&a, &c).await.refused(409, "merge_cycle");
    assert_eq!(lines(&c.view().await), [format!("{}:3", BAGELS.0)]);
}

/// In a ring each cart sends the others' items on under new names, for ever.
async fn stays_at_rest(clients: &[Client], quantity: i64) {
    for _ in 0..30 {
        for client in clients {
            let view = client.view().await;
            let shown = view["lines"][0]["quantity"].as_i64().expect("a line");
            assert!(shown <= quantity, "{shown} of the {quantity} that were added");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_merged_into_each_other_at_once_make_no_ring() {
    let pair = [client().await, client().await];
    for client in &pair {
        client.add(BAGELS.0, 1).await;
    }
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        into.post("/merge", body).await
    };
    let answers = tokio::join!(merge(&pair[0], &pair[1]), merge(&pair[1], &pair[0]));
    assert!([answers.0, answers.1].iter().all(|answer| [200, 409, 429].contains(&answer.status.as_u16())));
    stays_at_rest(&pair, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_carts_merged_into_each_other_at_once_one_stays_open() {
    for _ in 0..20 {
        let pair = [client().await, client().await];
        let merge = async |into: &Client, guest: &Client| {
            let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
            into.post("/merge", body).await
        };
        tokio::join!(merge(&pair[0], &pair[1]), merge(&pair[1], &pair[0]));
        let leases = [pair[0].post("/actors", json!({})).await, pair[1].post("/actors", json!({})).await];
        assert!(leases.iter().any(|lease| lease.status == 201), "both carts are sealed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chain_of_carts_is_not_closed() {
    let mut chain = Vec::new();
    for _ in 0..20 {
        chain.push(client().await);
        chain.last().expect("just pushed").add(BAGELS.0, 1).await;
    }
    let merge = async |into: &Client, guest: &Client| {
        let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
        into.post("/merge", body).await
    };
    for pair in chain.windows(2) {
        merge(&pair[1], &pair[0]).await.expect(200);
    }
    merge(&chain[0], &chain[19]).await.expect(409);
    stays_at_rest(&chain[18..], 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_cart_is_merged_with_its_own_token_only() {
    let (user, guest, other) = (client().await, client().await, client().await);
    user.add(BAGELS.0, 1).await;
    guest.add(BAGELS.0, 1).await;
    let before = user.view().await;
    let cart = &guest.session.cart_id;
    for (cart, token, status, code) in [
        (cart.as_str(), "forged", 422, "invalid_field"),
        (cart, "", 422, "invalid_field"),
        (cart, &*user.session.token, 404, "cart_not_found"),
        (cart, &*other.session.token, 404, "cart_not_found"),
        (NO_CARTS[0], &*guest.session.token, 404, "cart_not_found"),
        ("nonsense", &*guest.session.token, 404, "cart_not_found"),
    ] {
        user.post("/merge", json!({"cart_id": cart, "token": token})).await.refused(status, code);
    }
    assert_eq!(user.view().await, before);
    // Nothing was sealed meanwhile; also an idle guest's token will do.
    let body = json!({"cart_id": cart, "token": guest.session.token});
    user.later(2 * HOUR).renew().await.post("/merge", body).await.expect(200);
}

// Devices.

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_leased_for_thirty_days() {
    let client = client().await;
    let first = client.keyed("tab-1", Method::POST, "/actors", json!({})).await.expect(201).json();
    assert_eq!(names(&first), ["actor", "expires_at"]);
    assert_eq!(text(&first, "actor").len(), 16);
    let again = client.keyed("tab-1", Method::POST, "/actors", json!({})).await.expect(201).json();
    assert_eq!(first, again, "a retry leases the same");
    let other = client.post("/actors", json!({})).await.expect(201).json();
    assert_ne!(first["actor"], other["actor"]);
    // A lease is its cart's.
    let device = client.shop.device(&client.session, &client.session.cart_id).await;
    let second = client.post("/v1/carts", json!({})).await.expect(201).json();
    let request = device.clone().request().to_bytes();
    client
        .shop
        .sync(&client.session, text(&second, "cart_id"), request.clone())
        .await
        .refused(403, "actor_unknown");
    // It ends.
    let late = client.later(30 * DAY - MINUTE).renew().await;
    let sync = async |client: &Client| {
        Answer::of(client.call(Method::POST, "/sync").header("Content-Type", DELTA).body(request.clone()))
            .await
    };
    sync(&late).await.expect(200);
    sync(&client.later(30 * DAY - 2 * SECOND).renew().await.later(30 * DAY + MINUTE))
        .await
        .refused(410, "actor_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_leases_256_actors() {
    let client = client().await;
    for _ in 0..256 {
        client.post("/actors", json!({})).await.expect(201);
    }
    let busy = client.post("/actors", json!({})).await.refused(429, "cart_busy");
    assert_eq!(busy.header("retry-after"), "1");
    client.add(BAGELS.0, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_answers_with_what_the_device_lacks() {
    let client = client().await;
    client.add(BAGELS.0, 2).await;
    let mut device = client.shop.device(&client.session, &client.session.cart_id).await;
    let request = device.request().to_bytes();
    let answer = client.shop.sync(&client.session, &client.session.cart_id, request).await.expect(200);
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), (DELTA, "no-store"));
    client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    let before = client.view().await;
    assert_eq!(device.cart().version().to_hex(), text(&before, "version"));
    assert_eq!(device.sequence(), answer.sequence());
    let key = LineKey::new(BANANAS.0, None, None).expect("a key");
    device.edit(
        Change::Add { key, details: None, quantity: 4, at: Location::Cart },
        cart_core::time::Millis(0),
    );
    client.shop.exchange(&client.session, &client.session.cart_id, &mut device).await;
    let view = client.view().await;
    assert_eq!(lines(&view), [format!("{}:2", BAGELS.0), format!("{}:4", BANANAS.0)]);
    assert_eq!(device.cart().version().to_hex(), text(&view, "version"));
    // The same over `current`, by the session's cookie.
    let request = device.request().to_bytes();
    let call = client.shop.request(Method::POST, "/v1/carts/current/sync").header("Content-Type", DELTA);
    let cookie = format!("__Host-evercart={}", client.session.token);
    Answer::of(call.header("Cookie", cookie).body(request)).await.expect(200);
}

// The operator's routes and the description.

#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_how_it_is() {
    let shop = shop().await;
    let get = async |path: &str| Answer::of(shop.request(Method::GET, path)).await.expect(200);
    assert_eq!(get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(get("/readyz").await.json(), json!({"status": "ok", "checks": {"catalog": "ok"}}));
    assert_eq!(get("/openapi.json").await.header("content-type"), "application/json");
    assert!(get("/openapi.json").await.json()["paths"].is_object());
}

/// Every body of the main routes has only fields that the schema of its status names, and all it requires.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_described() {
    let client = client().await;
    let spec = Answer::of(client.shop.request(Method::GET, "/openapi.json")).await.expect(200).json();
    let paths = spec["paths"].as_object().expect("paths");
    if paths.is_empty() {
        eprintln!("skipped: /openapi.json describes no paths yet");
        return;
    }
    let described: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().expect("an item").keys().map(move |method| (method, path)))
        .filter(|(method, _)| ["get", "post", "patch", "put", "delete"].contains(&method.as_str()))
        .map(|(method, path)| (method.to_uppercase(), path.as_str()))
        .collect();
    let served: BTreeSet<(String, &str)> =
        ROUTES.iter().map(|(method, path)| ((*method).to_owned(), *path)).collect();
    assert!(served.is_subset(&described), "not described: {:?}", served.difference(&described));

    let cart = "/v1/carts/{cart}";
    let check = |path: &str, method: &str, answer: &Answer| check_described(&spec, path, method, answer);
    check("/v1/sessions", "post", &client.post("/v1/sessions", json!({})).await.expect(201));
    check("/v1/sessions/renew", "post", &client.post("/v1/sessions/renew", json!({})).await.expect(201));
    let add = json!({"sku": BAGELS.0, "variant": "v", "customization": {"engraving": {"name": "Ann"}}});
    check(&format!("{cart}/lines"), "post", &client.post("/lines", add).await.expect(200));
    client.add(NOT_FOR_SALE, 1).await;
    client.add(BANANAS.0, 1).await;
    let saved = client.patch(&line(BANANAS.0), json!({"location": "saved"})).await.expect(200);
    check(&format!("{cart}/lines/{{line_id}}"), "patch", &saved);
    check(
        &format!("{cart}/coupons"),
        "post",
        &client.post("/coupons", json!({"code": "A"})).await.expect(200),
    );
    check(cart, "patch", &client.patch("", json!({"note": "x", "locale": "de"})).await.expect(200));
    check(cart, "get", &client.get("").await.expect(200));
    check(&format!("{cart}/export"), "get", &client.get("/export").await.expect(200));
    let commands = json!({"commands": [{"op": "add", "sku": BAGELS.0}]});
    check(&format!("{cart}/commands"), "post", &client.post("/commands", commands).await.expect(200));
    check(&format!("{cart}/actors"), "post", &client.post("/actors", json!({})).await.expect(201));
    check(&format!("{cart}/coupons/{{code}}"), "delete", &client.delete("/coupons/A").await.expect(200));
    let removed = client.delete(&format!("{}?in=saved", line(BANANAS.0))).await.expect(200);
    check(&format!("{cart}/lines/{{line_id}}"), "delete", &removed);
    check(&format!("{cart}/lines"), "delete", &client.delete("/lines").await.expect(200));
    let guest = Client::at(0).await;
    let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    check(&format!("{cart}/merge"), "post", &client.post("/merge", body).await.expect(200));
    check("/v1/carts", "post", &client.post("/v1/carts", json!({"currency": "EUR"})).await.expect(201));
    check("/v1/carts", "get", &client.get("/v1/carts").await.expect(200));
    for path in ["/healthz", "/readyz"] {
        check(path, "get", &Answer::of(client.shop.request(Method::GET, path)).await.expect(200));
    }
    // Refusals too.
    check(&format!("{cart}/lines"), "post", &client.post("/lines", json!({})).await.expect(422));
    check(cart, "get", &client.get("/v1/carts/nonsense").await.expect(404));
    check(cart, "get", &client.with_token("forged").get("").await.expect(401));
}

fn check_described(spec: &Value, path: &str, method: &str, answer: &Answer) {
    let status = answer.status.as_str();
    let responses = &spec["paths"][path][method]["responses"];
    let class = format!("{}XX", &status[..1]);
    let response = [status, &class, "default"].into_iter().find_map(|name| responses.get(name));
    let response =
        resolved(spec, response.unwrap_or_else(|| panic!("{method} {path}: {status} is not described")));
    let media = answer.header("content-type");
    let schema = &response["content"][media]["schema"];
    assert!(!schema.is_null(), "{method} {path}: {status} with {media} is not described");
    check_schema(spec, schema, &answer.json(), &format!("{method} {path} {status}"));
}

fn resolved<'a>(spec: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').expect("a reference into the same document");
        schema = spec.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
    }
    schema
}

/// Fields that are named, fields that are required, types; of alternatives one has to fit.
fn check_schema(spec: &Value, schema: &Value, value: &Value, at: &str) {
    if let Err(fault) = fits(spec, schema, value, at) {
        panic!("{fault}");
    }
}

fn fits(spec: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(spec, schema);
    for word in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[word].as_array() {
            let faults: Vec<String> =
                choices.iter().filter_map(|choice| fits(spec, choice, value, at).err()).collect();
            if faults.len() == choices.len() {
                return Err(faults.join("; "));
            }
            return Ok(());
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = kinds.is_empty() || kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number");
    if !is_kind {
        return Err(format!("{at}: is {kind}, described as {kinds:?}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{at}: {value} is none of {allowed:?}"));
    }
    match value {
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    return Err(format!("{at}: {name} is required and missing"));
                }
            }
            let named = &schema["properties"];
            let open = named.is_null() || schema["additionalProperties"].is_object();
            for (name, value) in fields {
                match named.get(name) {
                    Some(schema) => fits(spec, schema, value, &format!("{at}.{name}"))?,
                    None if open || schema["additionalProperties"] == true => {}
                    None => return Err(format!("{at}: {name} is not described")),
                }
            }
            Ok(())
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| fits(spec, &schema["items"], item, &format!("{at}[]")))
        }
        _ => Ok(()),
    }
}

fn names(body: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
