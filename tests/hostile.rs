//! Bad input against the real runtime: whatever is sent, the answer is a refusal with a stable code, never a
//! 5xx; the cart's bytes stay; and a bystander on the same isolate, who adds all the while, loses nothing.
//! Tests marked `bug` wait for the fault they name to be mended.
//!
//! What the runtime refuses before the Worker sees it is in `docs/runtime-refusals.md`, which a test here
//! holds true: `EVERCART_UPDATE=1 cargo test -p evercart-tests --test hostile the_runtime` writes it anew.

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
    "actor_expired",
    "actor_shared",
    "actor_unknown",
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

// Bodies.

/// What a field holds, so what is bad for it.
#[derive(Clone, Copy)]
enum Kind {
    /// A quantity from this.
    Quantity(i64),
    Sku,
    Variant,
    Customization,
    LineId,
    Place,
    /// A place that may be null.
    PlaceOrNull,
    Code,
    Note,
    Currency,
    Locale,
    DeliveryRegion,
    Context,
    CartId,
    Token,
    Commands,
    Op,
}

const FIELD: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8"];
const SKU: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "unknown_sku"];
const LINE: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "line_not_found"];
const CONTEXT: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "context_invalid"];
const CART: &[&str] = &["invalid_field", "invalid_json", "invalid_utf8", "cart_not_found"];

/// Bad values as they stand in the body, bytes and all.
#[rustfmt::skip] // The lists are read as lists.
fn bad_values(kind: Kind) -> (Vec<Vec<u8>>, &'static [&'static str]) {
    let mut values: Vec<Vec<u8>> = Vec::new();
    let mut all = |list: &[&str]| values.extend(list.iter().map(|text| text.as_bytes().to_vec()));
    // Of no type that any field has.
    all(&[
        "tru", "NaN", "Infinity", "-Infinity", "undefined", "'x'", "0x10", "01", "+1", ".5", "1e400", "\"",
        "\"\\x\"",
    ]);
    let text_of = |length: usize| format!("\"{}\"", "x".repeat(length));
    let not_text: &[&str] =
        &["7", "-1", "1.5", "true", "false", "[]", "[\"x\"]", "{}", "{\"x\":1}", "\"\\ud800\""];
    let codes = match kind {
        Kind::Quantity(min) => {
            all(&[
                "true", "\"3\"", "\"\"", "[]", "[3]", "{}", "1.5", "2.0", "1e2", "-0", "-0.0", "1e308",
                "-1", "10000", "2147483648", "4294967296", "9007199254740992", "9007199254740993",
                "9223372036854775807", "9223372036854775808", "18446744073709551615",
                "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "1e-400",
                "1e999999999", "null",
            ]);
            if min > 0 {
                all(&["0"]);
            }
            all(&[&format!("1{}", "0".repeat(10_000))]);
            FIELD
        }
        Kind::Sku | Kind::Variant => {
            all(not_text);
            all(&[
                "\"\"",
                "\"a\\u0000b\"",
                "\"a\\nb\"",
                "\"\\u007f\"",
                "\"\\u0085\"",
                &text_of(65),
                &text_of(100_000),
            ]);
            if matches!(kind, Kind::Sku) {
                all(&[
                    "null", "\" \"", "\"nothing\"", "\"%00\"", "\"1095275\\u0000\"", "\"' OR 1=1 --\"",
                    "\"\u{1f6d2}\"",
                ]);
            }
            SKU
        }
        Kind::Customization => {
            all(&[
                "7", "\"x\"", "true", "[]", "[{}]", "{\"a\":1e400}", "{\"a\":\"\\ud800\"}", "{\"a\":}",
                "{1:2}",
            ]);
            all(&[&format!("{{\"a\":{}}}", text_of(1_020)), &format!("{{\"a\":{}}}", text_of(100_000))]);
            all(&[&format!("{{\"a\":{}{}}}", "[".repeat(600), "]".repeat(600))]);
            FIELD
        }
        Kind::LineId => {
            all(not_text);
            all(&[
                "null", "\"\"", "\"l_\"", "\"nonsense\"", "\"l_AevsQ\"", "\"l_AevsQgA\"", "\"l_AevsQh\"",
                "\"L_AevsQg\"",
            ]);
            all(&[
                "\"l_AevsQg==\"",
                "\"l_////\"",
                "\"a\\u0000b\"",
                &text_of(100_000),
                &format!("\"l_{}\"", "A".repeat(10_000)),
            ]);
            LINE
        }
        Kind::Place | Kind::PlaceOrNull => {
            all(not_text);
            all(&["\"\"", "\"Cart\"", "\"moon\"", "\"cart \"", "\"saved\\u0000\"", &text_of(10_000)]);
            if matches!(kind, Kind::Place) {
                all(&["null"]);
            }
            FIELD
        }
        Kind::Code => {
            all(not_text);
            all(&[
                "null", "\"\"", "\" \"", "\"a b\"", "\"\u{e9}\"", "\"a\\u0000\"", "\"a\\t\"",
                &text_of(65),
                &text_of(100_000),
            ]);
            FIELD
        }
        Kind::Note => {
            all(not_text);
            all(&[&text_of(2_001), &text_of(100_000), &format!("\"{}\"", "\u{e9}".repeat(1_001))]);
            FIELD
        }
        Kind::Currency => {
            all(not_text);
            all(&[
                "\"\"", "\"EU\"", "\"EURO\"", "\"eur\"", "\"$$$\"", "\"E\\u0000R\"", "\"ZZZ\"",
                &text_of(10_000),
            ]);
            FIELD
        }
        Kind::Locale => {
            all(not_text);
            all(&[
                "\"\"", "\"e\"", "\"en_US\"", "\"en US\"", "\"\\u0000\\u0000\"", "\"\u{e9}\u{e9}\"",
                &text_of(36),
                &text_of(10_000),
            ]);
            FIELD
        }
        Kind::DeliveryRegion => {
            all(not_text);
            all(&["\"\"", "\"D\"", "\"DE-BE-1\"", "\"D E\"", "\"\\u0000\\u0000\"", &text_of(10_000)]);
            FIELD
        }
        Kind::Context => {
            all(not_text);
            all(&[
                "\"\"",
                "\"nonsense\"",
                "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
                "\"====\"",
                "\"\\u0000\"",
                &text_of(100_000),
            ]);
            CONTEXT
        }
        Kind::CartId => {
            all(not_text);
            all(&[
                "null", "\"\"", "\"current\"", "\"nonsense\"", "\"c_weur_\"",
                "\"c_moon_00000000000000000000000g\"",
                &text_of(100_000),
            ]);
            CART
        }
        Kind::Token => {
            all(not_text);
            all(&[
                "null",
                "\"\"",
                "\"forged\"",
                "\"a\\u0000\"",
                "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
                &text_of(100_000),
            ]);
            FIELD
        }
        Kind::Commands => {
            let many = |command: &str, count: usize| format!("[{}]", vec![command; count].join(","));
            all(&[
                "null", "7", "\"x\"", "{}", "[]", "[null]", "[7]", "[\"clear\"]", "[[]]", "[{}]",
                "[[{\"op\":\"clear\"}]]",
            ]);
            all(&[
                "[{\"op\":\"clear\"},]",
                "[{\"op\":\"clear\"},null]",
                "{\"op\":\"clear\"}",
                "[{\"op\":\"clear\",\"x\":1}]",
            ]);
            all(&[&many("{\"op\":\"clear\"}", 101), &many("{\"op\":\"clear\"}", 20_000), &many("{}", 100)]);
            FIELD
        }
        Kind::Op => {
            all(not_text);
            all(&[
                "null", "\"\"", "\"Add\"", "\"ADD\"", "\"add \"", "\"fly\"", "\"update\\u0000\"",
                "\"__proto__\"", "0",
            ]);
            FIELD
        }
    };
    // Not UTF-8: a byte alone, an overlong slash, half a surrogate, a text cut off.
    for bytes in
        [&b"\"\xff\""[..], b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"\"\xe2\x82\"", b"\"a\0b\"", b"\"a\nb\""]
    {
        values.push(bytes.to_vec());
    }
    (values, codes)
}

/// A request body that would do, field by field.
struct Form {
    method: Method,
    path: &'static str,
    /// What stands around the fields.
    around: (&'static str, &'static str),
    fields: Vec<(&'static str, String, Kind)>,
    /// The fields that must be there.
    required: &'static [&'static str],
    /// The codes with which another body is refused.
    codes: &'static [&'static str],
}

fn forms() -> Vec<Form> {
    let text = |value: &str| json!(value).to_string();
    let line = format!("~/lines/{}", line_id(BAGELS));
    let line: &'static str = line.leak();
    let form =
        |method: Method, path: &'static str, fields: Vec<(&'static str, String, Kind)>, required, codes| {
            Form { method, path, around: ("{", "}"), fields, required, codes }
        };
    let custom = json!({"engraving": "Bob"}).to_string();
    let mut forms = vec![
        form(Method::POST, "/v1/sessions", vec![], &[], FIELD),
        form(Method::POST, "/v1/sessions/renew", vec![], &[], FIELD),
        form(Method::POST, "/v1/carts", vec![("currency", text("EUR"), Kind::Currency)], &[], FIELD),
        form(
            Method::POST,
            "~/lines",
            vec![
                ("sku", text(BAGELS), Kind::Sku),
                ("quantity", "2".into(), Kind::Quantity(1)),
                ("variant", text("large"), Kind::Variant),
                ("customization", custom.clone(), Kind::Customization),
            ],
            &["sku"],
            SKU,
        ),
        form(Method::POST, "~/coupons", vec![("code", text("A"), Kind::Code)], &["code"], FIELD),
        form(Method::POST, "~/actors", vec![], &[], FIELD),
        form(
            Method::POST,
            "~/merge",
            vec![
                ("cart_id", text("c_weur_00000000000000000000000g"), Kind::CartId),
                ("token", text("x"), Kind::Token),
            ],
            &["cart_id", "token"],
            CART,
        ),
        form(
            Method::POST,
            "~/commands",
            vec![("commands", "[]".into(), Kind::Commands)],
            &["commands"],
            FIELD,
        ),
    ];
    for (name, value, kind) in [
        ("note", text("x"), Kind::Note),
        ("currency", text("EUR"), Kind::Currency),
        ("locale", text("de"), Kind::Locale),
        ("delivery_region", text("DE"), Kind::DeliveryRegion),
    ] {
        forms.push(form(Method::PATCH, "~", vec![(name, value, kind)], &[], FIELD));
    }
    for (name, value, kind) in [
        ("quantity", "2", Kind::Quantity(0)),
        ("increment", "2", Kind::Quantity(1)),
        ("decrement", "2", Kind::Quantity(1)),
        ("location", "\"saved\"", Kind::Place),
    ] {
        let mut fields = vec![(name, value.to_owned(), kind)];
        if name != "location" {
            fields.push(("in", "\"cart\"".into(), Kind::PlaceOrNull));
        }
        fields.push(("context", text("x"), Kind::Context));
        forms.push(form(Method::PATCH, line, fields, &[], CONTEXT));
    }
    let id = || ("line_id", text(&line_id(BAGELS)), Kind::LineId);
    let at = || ("in", "\"cart\"".to_owned(), Kind::Place);
    for (op, mut fields, required) in [
        (
            "add",
            vec![
                ("sku", text(BAGELS), Kind::Sku),
                ("quantity", "2".into(), Kind::Quantity(1)),
                ("variant", text("large"), Kind::Variant),
                ("customization", custom.clone(), Kind::Customization),
            ],
            &["op", "sku"][..],
        ),
        (
            "set",
            vec![id(), ("quantity", "2".into(), Kind::Quantity(0)), at()],
            &["op", "line_id", "quantity"],
        ),
        (
            "increment",
            vec![id(), ("quantity", "2".into(), Kind::Quantity(1)), at()],
            &["op", "line_id", "quantity"],
        ),
        (
            "decrement",
            vec![id(), ("quantity", "2".into(), Kind::Quantity(1)), at()],
            &["op", "line_id", "quantity"],
        ),
        ("remove", vec![id(), at()], &["op", "line_id"]),
        ("clear", vec![], &["op"]),
        ("move", vec![id(), ("location", "\"saved\"".into(), Kind::Place)], &["op", "line_id", "location"]),
        ("apply_coupon", vec![("code", text("A"), Kind::Code)], &["op", "code"]),
        ("remove_coupon", vec![("code", text("SAVE10"), Kind::Code)], &["op", "code"]),
        ("update", vec![("note", text("x"), Kind::Note)], &["op"]),
    ] {
        fields.push(("op", text(op), Kind::Op));
        let around = ("{\"commands\":[{\"op\":\"apply_coupon\",\"code\":\"FIRST\"},{", "}]}");
        let codes = &["invalid_field", "invalid_json", "invalid_utf8", "unknown_sku", "line_not_found"];
        forms.push(Form { around, ..form(Method::POST, "~/commands", fields, required, codes) });
    }
    forms
}

impl Form {
    fn body(&self, fields: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = self.around.0.as_bytes().to_vec();
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            body.extend(json!(name).to_string().into_bytes());
            body.push(b':');
            body.extend_from_slice(value);
        }
        body.extend(self.around.1.as_bytes());
        body
    }

    /// All fields but a context: there is none that is good for all.
    fn good(&self) -> Vec<(&str, &[u8])> {
        let fields = self.fields.iter().filter(|(_, _, kind)| !matches!(kind, Kind::Context));
        fields.map(|(name, value, _)| (*name, value.as_bytes())).collect()
    }

    fn with<'a>(&'a self, name: &'a str, value: &'a [u8]) -> Vec<(&'a str, &'a [u8])> {
        let mut fields = self.good();
        fields.retain(|(there, _)| *there != name);
        fields.push((name, value));
        fields
    }

    fn bad(&self, body: Vec<u8>, codes: &'static [&'static str], what: String) -> Bad {
        let path = format!("{} {}", self.method, self.path);
        Bad::json(self.method.clone(), self.path, body, codes).named(format!("{path}: {what}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_checked() {
    let mut bad = Vec::new();
    for form in forms() {
        for (name, good, kind) in &form.fields {
            let (values, codes) = bad_values(*kind);
            for value in values {
                let fields = form.with(name, &value);
                let shown: String = String::from_utf8_lossy(&value).chars().take(40).collect();
                bad.push(form.bad(form.body(&fields), codes, format!("{name} = {shown}")));
            }
            let mut twice = form.with(name, good.as_bytes());
            twice.push((name, good.as_bytes()));
            bad.push(form.bad(form.body(&twice), form.codes, format!("{name} twice")));
            if form.required.contains(name) {
                let mut without = form.good();
                without.retain(|(there, _)| there != name);
                bad.push(form.bad(form.body(&without), form.codes, format!("without {name}")));
            }
        }
        let long = "n".repeat(10_000);
        for name in [
            "x",
            "",
            "__proto__",
            "constructor",
            "toString",
            "Sku",
            "quantity ",
            "$ref",
            "\0",
            "\u{e9}",
            &long,
        ] {
            let mut more = form.good();
            more.push((name, b"1"));
            bad.push(form.bad(form.body(&more), form.codes, format!("more: {name:.20}")));
        }
    }
    all_refused("fields", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn every_body_is_checked() {
    let mut bad = Vec::new();
    for form in forms() {
        let good = form.body(&form.good());
        let mut bodies: Vec<Vec<u8>> = [
            "null", "true", "7", "1.5", "\"x\"", "{", "}", "]", "{]", "{\"", "{\"a", "{\"a\":", "{\"a\":1",
            "{\"a\":1,}", "{a:1}", "{'a':1}", "{} {}", "{}x", "{},", "//\n{}", "nul", "\u{feff}{}", " ",
            "\n\n", "\0", "{}\0", "<xml/>", "a=b&c=d", "--", "%7B%7D",
        ]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
        bodies.extend(
            [&b"\xff\xfe{\0}\0"[..], b"\xff", b"\x1f\x8b\x08\0\0\0\0\0", b"{\"\xff\":1}"].map(<[u8]>::to_vec),
        );
        bodies.push("[".repeat(10_000).into_bytes());
        bodies.push("{\"a\":".repeat(10_000).into_bytes());
        bodies.push(format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes());
        bodies.push([&good[..], b"garbage"].concat());
        // Cut off in many places.
        let step = good.len().div_ceil(30);
        bodies.extend((1..good.len()).step_by(step).map(|end| good[..end].to_vec()));
        for body in bodies {
            let shown: String = String::from_utf8_lossy(&body).chars().take(40).collect();
            bad.push(form.bad(body, form.codes, format!("the body {shown}")));
        }
    }
    all_refused("bodies", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_customization_is_taken_or_refused() {
    let shop = Runtime::shared().await.shop();
    let mut victim = Victim::new(&shop).await;
    for depth in 100..130 {
        let body = format!(
            "{{\"sku\":\"{BAGELS}\",\"customization\":{}1{}}}",
            "{\"a\":".repeat(depth),
            "}".repeat(depth)
        );
        let answer = victim.send(&Bad::json(Method::POST, "~/lines", body, FIELD)).await;
        assert!(answer.status == 200 || answer.status.is_client_error(), "{depth}: {}", answer.text());
        victim.view = victim.get().await;
        Answer::of(shop.call(&victim.session, Method::GET, &format!("{}/export", victim.cart())))
            .await
            .expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_no_object() {
    let mut bad = vec![];
    for form in forms().iter().filter(|form| form.around.0 == "{") {
        let values: Vec<&str> = form.fields.iter().map(|(_, value, _)| value.as_str()).collect();
        bad.push(form.bad(format!("[{}]", values.join(",")).into_bytes(), form.codes, "an array".into()));
        bad.push(form.bad(b"[]".to_vec(), form.codes, "an empty array".into()));
    }
    for command in
        [json!(["clear"]), json!(["add", BAGELS]), json!(["apply_coupon", "A"]), json!(["update", "x"])]
    {
        let body = json!({"commands": [command]}).to_string();
        bad.push(Bad::json(Method::POST, "~/commands", body, FIELD).named("a command as an array"));
    }
    all_refused("arrays", bad).await;
}

/// What a text may hold that looks hostile and is only text: it comes back as it went in.
#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn odd_text_is_only_text() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let all: String = (1..0x3000).step_by(131).filter_map(char::from_u32).collect();
    let texts = [
        "\0", "\u{202e}abc", "<script>alert(1)</script>", "'; DROP TABLE replica; --", "\u{feff}",
        "\\\"\u{2028}\u{1f468}\u{200d}\u{1f469}", "{\"op\":\"clear\"}", "%00%0d%0a", "\r\nSet-Cookie: a=b",
        &all,
    ];
    for text in texts {
        let call = shop.call(&session, Method::PATCH, "/v1/carts/current").json(&json!({"note": text}));
        assert_eq!(Answer::of(call).await.expect(200).json()["note"], json!(text));
        let body = json!({"sku": BAGELS, "customization": {text: text, "__proto__": {"admin": true}}});
        let call = shop.call(&session, Method::POST, "/v1/carts/current/lines").json(&body);
        let view = Answer::of(call).await.expect(200).json();
        let last = view["lines"].as_array().and_then(|lines| lines.last()).expect("a line");
        assert_eq!(last["customization"], body["customization"]);
        Answer::of(shop.call(&session, Method::GET, "/v1/carts/current/export")).await.expect(200).json();
    }
}

// Headers, paths, parameters.

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn every_header_is_checked() {
    let mut bad = Vec::new();
    let add = json!({"sku": BAGELS}).to_string();
    let lines = |codes| Bad::json(Method::POST, "~/lines", add.clone(), codes);
    let line = format!("~/lines/{}", line_id(BAGELS));
    let mut header = |name: &'static str, values: &[&[u8]], codes: &'static [&'static str]| {
        for value in values {
            for bad_call in [
                lines(codes),
                Bad::json(Method::PATCH, &line, "{\"quantity\":1}", codes),
                Bad::new(Method::DELETE, &line, codes),
                Bad::json(Method::PATCH, "~", "{\"note\":\"x\"}", codes),
            ] {
                bad.push(
                    bad_call
                        .header(name, *value)
                        .named(format!("{name}: {}", String::from_utf8_lossy(value))),
                );
            }
        }
    };
    let long = |length: usize| vec![b'k'; length];
    header(
        "Idempotency-Key",
        &[
            b"", b"a b", b"a\tb", b"\xe9\xff", b"\x80", b"key\xc2\xa0", &long(256), &long(10_000),
            &long(60_000),
        ],
        &["invalid_field"],
    );
    // An empty one does not arrive.
    header(
        "If-Match",
        &[b"x", b"\"x\"", b"\"x\", \"y\"", b",,,", b"\xff", &long(60_000)],
        &["version_mismatch"],
    );
    header(
        "Evercart-Context",
        &[b"", b"x", b"AAAA", b"====", b"\xff", b"../../etc/passwd", &long(60_000)],
        &["context_invalid"],
    );
    header("Evercart-Region", &[b"", b"moon", b"WEUR", b"enam", b"\xff", &long(10_000)], &["invalid_field"]);
    header(
        "Evercart-Clock-Skew-Ms",
        &[
            b"", b"x", b"1.5", b"1e3", b"0x10", b"9223372036854775808", b"-9223372036854775809", b"NaN",
            b"--1", &long(10_000),
        ],
        &["invalid_field"],
    );
    for form in forms() {
        for value in [
            "", "text/plain", "application/xml", "text/json", "application/jsonx",
            "multipart/form-data; boundary=x", "json", "application/x-www-form-urlencoded",
            "application/vnd.evercart.delta", "application/ld+json", ";", "application/json, text/plain",
        ] {
            let body = form.body(&form.good());
            let call = Bad::new(form.method.clone(), form.path, &["unsupported_media_type"]).body(body);
            let call = if value.is_empty() { call } else { call.header("Content-Type", value) };
            bad.push(call.named(format!("{} {} as {value}", form.method, form.path)));
        }
    }
    for value in ["", "text/plain", JSON, "application/octet-stream", "application/vnd.evercart"] {
        let call = Bad::new(Method::POST, "~/sync", &["unsupported_media_type"]).body(vec![0; 9]);
        bad.push(if value.is_empty() { call } else { call.header("Content-Type", value) });
    }
    // Encodings are not undone: what comes is read as it is.
    for encoding in ["gzip", "br", "deflate", "chunked", "moon"] {
        let zipped = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabVJ\xceMQ\xb2R".to_vec();
        let call = Bad::json(Method::POST, "~/lines", zipped, &["invalid_utf8", "invalid_json"]);
        bad.push(call.header("Content-Encoding", encoding).named(encoding));
    }
    all_refused("headers", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn every_path_and_parameter_is_checked() {
    let mut bad = Vec::new();
    let long = "x".repeat(20_000);
    for path in [
        "/", "//", "/v1", "/v1/", "/v1//carts", "//v1/carts", "/v1/carts/", "/v1/carts/current/",
        "/v1/carts/current//lines", "/v1/carts/current/lines/", "/v1/carts/current/lines/x/y",
        "/v1/carts/current/nothing", "/v1/orders", "/v2/carts", "/V1/CARTS", "/v1/carts%2Fcurrent",
        "/v1%2Fcarts", "/%76%31/carts", "/.env", "/.git/config", "/index.php", "/wp-login.php",
        "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/cdn-cgi/x", "/v1/sessions/../../admin",
        "/v1/carts;x=y", "/%00", "/%", "/%zz", "/%ff%fe", "/v1/carts/current/lines;",
        &format!("/{long}"),
        &format!("/v1/carts/{long}/nothing"),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            bad.push(Bad::new(method, path, &["not_found", "method_not_allowed"]).named(path));
        }
    }
    for id in [
        "", "%20", "%00", "%FF", "..%2F..", "c_", "c_weur_", "c_weur_0",
        "c_weur_00000000000000000000000g%00", "CURRENT", "current%20", "%63urrent%00",
        "c_weur_00000000000000000000000g%2Flines", "c_weur_00000000000000000000000h", "null", "undefined",
        "0", "-1", &long,
    ] {
        for suffix in ["/export", "/lines/l_AevsQg", "/coupons/A"] {
            let method = if suffix == "/export" { Method::GET } else { Method::DELETE };
            let codes = &["cart_not_found", "not_found"];
            bad.push(Bad::new(method, &format!("/v1/carts/{id}{suffix}"), codes).named(id));
        }
    }
    for id in [
        "%20", "%00", "%FF", "l_", "l_%00", "l_A", "l_AA", "l_AevsQ", "l_AevsQgAA", "l_AevsQh", "L_AevsQg",
        "l_AevsQg%3D", "l_..", "1095275", "l_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "l_________",
        &format!("l_{}", "A".repeat(20_000)),
        "__proto__",
        "l_BevsQg",
        "l_AgA",
        "l_AAA",
        "l_AAE",
    ] {
        let path = format!("~/lines/{id}");
        let codes = &["line_not_found"];
        bad.push(Bad::new(Method::DELETE, &path, codes).named(id));
        bad.push(Bad::new(Method::DELETE, &format!("{path}?in=saved"), codes).named(id));
        bad.push(Bad::json(Method::PATCH, &path, "{\"quantity\":1}", codes).named(id));
        bad.push(Bad::json(Method::PATCH, &path, "{\"location\":\"saved\"}", codes).named(id));
    }
    for code in ["%20", "%00", "%FF", "a%20b", "NONE", "%C3%A9", "save10", &"x".repeat(65), &long, "A%0D%0AB"]
    {
        let codes = &["coupon_not_found", "invalid_field"];
        bad.push(Bad::new(Method::DELETE, &format!("~/coupons/{code}"), codes).named(code));
    }
    for query in [
        "x=1", "in=moon", "in=", "in", "in=Cart", "in=cart%00", "in=moon&in=cart", "context=", "context=x",
        "context=%00", "context=%FF", "Context=x", "context[]=x", "%00=1", "=", "&x", "a=b=c",
        "in=cart;context=x",
        &format!("context={long}"),
        &format!("{long}=1"),
        "__proto__=1",
    ] {
        for (method, path) in
            [(Method::DELETE, format!("~/lines/{}", line_id(BAGELS))), (Method::DELETE, "~/lines".to_owned())]
        {
            let codes = &["invalid_field", "context_invalid"];
            bad.push(Bad::new(method, &format!("{path}?{query}"), codes).named(query));
        }
    }
    for query in [
        "cursor=x",
        "cursor=",
        "cursor=c_weur_00000000000000000000000g",
        "cursor=%00",
        "page=1",
        &format!("cursor={long}"),
    ] {
        bad.push(Bad::new(Method::GET, &format!("/v1/carts?{query}"), &["invalid_field"]).named(query));
    }
    for method in ["PUT", "TRACE", "REPORT"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        for path in ["/v1/carts", "~", "~/lines", "~/sync", "/v1/sessions", "/healthz"] {
            bad.push(Bad::new(method.clone(), path, &["method_not_allowed"]));
        }
    }
    all_refused("paths", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
#[rustfmt::skip]
async fn an_odd_method_is_no_get() {
    let odd = [
        "ACL", "CHECKOUT", "COPY", "LOCK", "MERGE", "MKACTIVITY", "MKCOL", "MOVE", "NOTIFY", "PROPFIND",
        "PROPPATCH", "PURGE", "QUERY", "SEARCH", "SUBSCRIBE", "UNLOCK", "UNSUBSCRIBE",
    ];
    let call = |name: &&str| {
        Bad::new(Method::from_bytes(name.as_bytes()).expect("one"), "~", &["method_not_allowed"])
    };
    all_refused("methods", odd.iter().map(call).collect()).await;
}

// Tokens and contexts.

/// The same text with one thing wrong: each character changed, and each length that is too short.
fn forgeries(text: &str) -> Vec<String> {
    let mut forged: Vec<String> = (0..text.len()).map(|end| text[..end].to_owned()).collect();
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if bytes != text.as_bytes() {
            forged.push(String::from_utf8(bytes).expect("ASCII"));
        }
        if at % 8 == 0 {
            let mut bytes = text.as_bytes().to_vec();
            bytes.swap(at, (at + 7) % text.len());
            if bytes != text.as_bytes() {
                forged.push(String::from_utf8(bytes).expect("ASCII"));
            }
        }
    }
    for end in ["A", "AA", "AAAA", "=", "==", " x", ".", "%"] {
        forged.push(format!("{text}{end}"));
    }
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_opens_nothing() {
    let shop = Runtime::shared().await.shop();
    let (one, two) = (shop.open().await, shop.open().await);
    let mut forged = forgeries(&one.token);
    // The tag of one session before what another's token says, and none at all.
    forged.push(format!("{}{}", &one.token[..22], &two.token[22..]));
    forged.push(one.token[22..].to_owned());
    forged.push(format!("{}{}", "A".repeat(22), &one.token[22..]));
    forged.extend(["null", "e30", "eyJhbGciOiJub25lIn0.e30.", "../..", "x"].map(str::to_owned));
    let mut bad = Vec::new();
    for (at, token) in forged.iter().enumerate().filter(|(_, token)| !token.is_empty()) {
        let call = match at % 4 {
            0 => Bad::json(
                Method::POST,
                "/v1/carts/current/lines",
                json!({"sku": BAGELS}).to_string(),
                &["token_invalid"],
            ),
            1 => Bad::new(Method::POST, "/v1/sessions/renew", &["token_invalid"]),
            _ => Bad::new(Method::GET, "/v1/carts/current", &["token_invalid"]),
        };
        let call = if at % 3 == 0 && !token.contains(' ') {
            call.header("Cookie", format!("__Host-evercart={token}"))
        } else {
            call.header("Authorization", format!("Bearer {token}"))
        };
        bad.push(call.unsigned().named(format!("token {at}")));
        if at % 25 == 0 {
            let body = json!({"cart_id": one.cart_id, "token": token}).to_string();
            bad.push(
                Bad::json(Method::POST, "~/merge", body, &["invalid_field"])
                    .named(format!("merge token {at}")),
            );
        }
    }
    for value in [
        "Basic dTpw",
        "Bearer",
        "Bearer  ",
        "bearer",
        "Token x",
        "Bearer a b",
        "Digest x=y",
        "\u{7f}",
        "Bearer \u{e9}",
    ] {
        let bytes: Vec<u8> = value.chars().map(|char| char as u8).collect();
        if reqwest::header::HeaderValue::from_bytes(&bytes).is_ok() {
            let call =
                Bad::new(Method::GET, "/v1/carts/current", &["token_invalid"]).header("Authorization", bytes);
            bad.push(call.unsigned().named(value));
        }
    }
    all_refused("tokens", bad).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_context_changes_nothing() {
    let shop = Runtime::shared().await.shop();
    let (victim, other) = (Victim::new(&shop).await, Victim::new(&shop).await);
    let context = |victim: &Victim| victim.view.json()["context"].as_str().expect("a context").to_owned();
    let mut forged = forgeries(&context(&victim));
    forged.extend([context(&other), victim.session.token.clone(), other.session.token.clone()]);
    let line = format!("~/lines/{}", line_id(BAGELS));
    let mut bad = Vec::new();
    for (at, context) in forged.into_iter().enumerate() {
        let codes = &["context_invalid"];
        let body = |mut body: Value| {
            body["context"] = json!(context);
            body.to_string()
        };
        let safe = !context.contains(['%', ' ', '=']);
        bad.push(match at % 4 {
            0 => Bad::json(Method::PATCH, &line, body(json!({"quantity": 9})), codes),
            1 => Bad::json(Method::POST, "~/commands", body(json!({"commands": [{"op": "clear"}]})), codes),
            2 if safe => Bad::new(Method::DELETE, &format!("~/lines?context={context}"), codes),
            _ => Bad::new(Method::DELETE, &line, codes).header("Evercart-Context", context.clone()),
        });
    }
    refused_by("contexts", vec![victim; CLIENTS], bad).await;
}

// Deltas.

fn now() -> Millis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    Millis(now as u64)
}

fn key(sku: &str) -> LineKey {
    LineKey::new(sku, None, None).expect("a key")
}

fn add(sku: &str, quantity: u32) -> Change {
    Change::Add { key: key(sku), details: None, quantity, at: Location::Cart }
}

/// A device with a lease that has seen its cart, and what hostile deltas are made of.
struct Attacker {
    victim: Victim,
    device: Device,
    scope: Scope,
}

impl Attacker {
    async fn new(shop: &Shop) -> Self {
        let victim = Victim::new(shop).await;
        let scope = CartId::try_from(victim.session.cart_id.clone()).expect("an id").scope();
        let mut device = shop.device(&victim.session, &victim.session.cart_id).await;
        shop.exchange(&victim.session, &victim.session.cart_id, &mut device).await;
        Self { victim, device, scope }
    }

    fn stamp(&self, counter: u64) -> Stamp {
        Stamp { dot: Dot::new(self.device.actor(), counter), time: HybridTime::at(now()), scope: self.scope }
    }

    fn change(&self, change: &Change, stamp: Stamp) -> Delta {
        self.device.cart().change(change, stamp)
    }

    fn request(&self, delta: Delta) -> SyncRequest {
        SyncRequest {
            actor: self.device.actor(),
            sent: 0,
            context: self.device.cart().context().clone(),
            delta,
        }
    }

    /// Whether cart and lease are still good for an honest device and an honest page.
    async fn is_still_in_use(&mut self) {
        let (shop, session) = (self.victim.shop.clone(), self.victim.session.clone());
        let variant = |name: &str| json!({"sku": BAGELS, "variant": name});
        let call = shop.call(&session, Method::POST, &format!("{}/lines", self.victim.cart()));
        Answer::of(call.json(&variant("after-http"))).await.expect(200);
        let mut device = shop.device(&session, &session.cart_id).await;
        shop.exchange(&session, &session.cart_id, &mut device).await;
        let key = LineKey::new(BAGELS, Some("after-sync"), None).expect("a key");
        device.edit(Change::Add { key: key.clone(), details: None, quantity: 4, at: Location::Cart }, now());
        assert_eq!(shop.exchange(&session, &session.cart_id, &mut device).await, Learned::Acknowledged);
        let view = self.victim.get().await.json();
        let shown = |name: &str| {
            let lines = view["lines"].as_array().expect("lines");
            lines.iter().find(|line| line["variant"] == name).map(|line| line["quantity"].clone())
        };
        assert_eq!((shown("after-http"), shown("after-sync")), (Some(json!(1)), Some(json!(4))), "{view}");
        assert_eq!(device.cart().version().to_hex(), view["version"], "the device holds the server's bytes");
    }

    /// The bytes of the state at rest.
    async fn state_bytes(&self) -> usize {
        let path = format!("{}/export", self.victim.cart());
        let export =
            Answer::of(self.victim.shop.call(&self.victim.session, Method::GET, &path)).await.expect(200);
        export.json()["state"].as_str().expect("a state").len() * 3 / 4
    }
}

fn sync(body: Vec<u8>, codes: &'static [&'static str]) -> Bad {
    Bad::new(Method::POST, "~/sync", codes).header("Content-Type", DELTA).body(body)
}

/// A delta that has only seen these dots.
fn seen(dots: impl IntoIterator<Item = Dot>) -> Delta {
    let mut seen = Cart::default();
    let mut part = Cart::default();
    for (at, dot) in dots.into_iter().enumerate() {
        let stamp = Stamp { dot, time: HybridTime::default(), scope: Scope(0) };
        part.join(&Cart::default().change(&Change::Clear, stamp));
        if at % 256 == 255 {
            seen.join(&std::mem::take(&mut part));
        }
    }
    seen.join(&part);
    seen
}

fn today(number: u64) -> Actor {
    Actor::mint(now().day(), number)
}

/// One of each thing that a device may not say.
#[tokio::test(flavor = "multi_thread")]
async fn a_delta_may_say_only_what_is_its_senders() {
    let shop = Runtime::shared().await.shop();
    let mut attacker = Attacker::new(&shop).await;
    let own = attacker.device.actor();
    let foreign = Stamp { dot: Dot::new(today(7), 1), ..attacker.stamp(1) };
    let at = |time: HybridTime| Stamp { time, ..attacker.stamp(1) };
    let ahead = at(HybridTime::at(now().plus(5 * 60 * Millis::SECOND)));
    let never = at(HybridTime(u64::MAX));
    let set = |quantity: u32| Change::Set { key: key(BAGELS), quantity, at: Location::Cart };
    let save = Change::Move { key: key(BAGELS), to: Location::Saved };
    let note = |text: &str| Change::Write(Field::NOTE, Some(Arc::from(text)));
    let change = |change: &Change, stamp: Stamp| attacker.change(change, stamp);
    let with_dot = |mut delta: Delta| {
        delta.join(&seen([Dot::new(own, 1)]));
        delta
    };
    let engraved = |name: &str| {
        let object = serde_json::Map::from_iter([("engraving".to_owned(), json!(name))]);
        Customization::of(&object).expect("short").expect("not empty")
    };
    let (ann, bob) = (engraved("Ann"), engraved("Bob"));
    let custom = |details: &str| Change::Add {
        key: LineKey::new(BAGELS, None, Some(bob.hash)).expect("a key"),
        details: Some(Arc::from(details)),
        quantity: 1,
        at: Location::Cart,
    };
    let dead_lines = || {
        let mut horizon = Cart::default();
        horizon.raise_horizon(Day(1));
        horizon
    };
    let mut too_many = Cart::default();
    for line in 0..501 {
        let key = LineKey::new(BAGELS, Some(&format!("{line}")), None).expect("a key");
        let add = Change::Add { key, details: None, quantity: 1, at: Location::Cart };
        too_many.join(&Cart::default().change(&add, attacker.stamp(line + 1)));
    }
    let mut too_often = Cart::default();
    for counter in 1..=513 {
        too_often.join(&Cart::default().change(&add(BAGELS, 1), attacker.stamp(counter)));
    }
    let other_scope = Stamp { scope: Scope(attacker.scope.0.wrapping_add(1_000_000)), ..attacker.stamp(1) };
    let bad = [
        ("a new dot of another", change(&add(BAGELS, 1), foreign), &["foreign_dot"][..]),
        ("a set of another", change(&set(4), foreign), &["foreign_dot"]),
        (
            "a decrement of another",
            with_dot(change(
                &Change::Decrement { key: key(BAGELS), quantity: 1, at: Location::Cart },
                foreign,
            )),
            &["foreign_dot"],
        ),
        ("a move of another", with_dot(change(&save, foreign)), &["foreign_dot"]),
        (
            "a coupon of another",
            with_dot(change(&Change::Coupon(Code::try_from("A").expect("one")), foreign)),
            &["foreign_dot"],
        ),
        ("a note of another", with_dot(change(&note("x"), foreign)), &["foreign_dot"]),
        ("a removal of another alone", change(&Change::Clear, foreign), &["malformed_delta"]),
        ("a counter beyond the window", change(&add(BAGELS, 1), attacker.stamp(1_025)), &["counter_window"]),
        ("the last counter", change(&add(BAGELS, 1), attacker.stamp(u64::MAX)), &["counter_window"]),
        ("the last counter, removing", change(&Change::Clear, attacker.stamp(u64::MAX)), &["counter_window"]),
        (
            "a removal beyond the window of another",
            with_dot(seen([Dot::new(today(7), 1_025)])),
            &["counter_window"],
        ),
        (
            "a removal of the last dot of another",
            with_dot(seen([Dot::new(today(7), u64::MAX)])),
            &["counter_window"],
        ),
        (
            "a removal far ahead of an edit",
            {
                let context = attacker.device.cart().context();
                let there = context.clock().dots.keys().next().copied().expect("an edit");
                with_dot(seen([Dot::new(there, 5_000)]))
            },
            &["counter_window"],
        ),
        ("a set ahead of time", change(&set(4), ahead), &["clock_ahead"]),
        ("a move ahead of time", change(&save, ahead), &["clock_ahead"]),
        ("a note ahead of time", change(&note("x"), ahead), &["clock_ahead"]),
        ("a set at the end of time", change(&set(4), never), &["clock_ahead", "malformed_delta"]),
        ("a note at the end of time", change(&note("x"), never), &["clock_ahead", "malformed_delta"]),
        ("a set of another cart", change(&set(4), other_scope), &["not_yours"]),
        ("no quantity", change(&add(BAGELS, 0), attacker.stamp(1)), &["invalid_field"]),
        ("a quantity past the limit", change(&add(BAGELS, 10_000), attacker.stamp(1)), &["invalid_field"]),
        ("the largest quantity", change(&add(BAGELS, u32::MAX), attacker.stamp(1)), &["invalid_field"]),
        ("the largest set", change(&set(u32::MAX), attacker.stamp(1)), &["invalid_field"]),
        (
            "a checkout",
            change(&Change::Checkout { fence: 1, order: OrderId(1) }, attacker.stamp(1)),
            &["not_yours"],
        ),
        ("an erasure", Cart::erased(), &["not_yours"]),
        ("a horizon", dead_lines(), &["not_yours"]),
        ("another's customization", change(&custom(&ann.json), attacker.stamp(1)), &["malformed_delta"]),
        (
            "a customization that is not canonical",
            change(&custom("{ \"engraving\":\"Bob\"}"), attacker.stamp(1)),
            &["invalid_field"],
        ),
        ("a customization that is no object", change(&custom("[1]"), attacker.stamp(1)), &["invalid_field"]),
        ("a customization that is no JSON", change(&custom("{"), attacker.stamp(1)), &["invalid_field"]),
        (
            "a customization 10,000 deep",
            change(&custom(&format!("{{\"a\":{}", "[".repeat(10_000))), attacker.stamp(1)),
            &["invalid_field"],
        ),
        (
            "a long customization",
            change(&custom(&format!("{{\"a\":\"{}\"}}", "x".repeat(2_000))), attacker.stamp(1)),
            &["invalid_field"],
        ),
        (
            "a currency that is none",
            change(&Change::Write(Field::CURRENCY, Some(Arc::from("money"))), attacker.stamp(1)),
            &["invalid_field"],
        ),
        (
            "a locale that is none",
            change(&Change::Write(Field::LOCALE, Some(Arc::from("\0\0"))), attacker.stamp(1)),
            &["invalid_field"],
        ),
        ("a long note", change(&note(&"x".repeat(2_001)), attacker.stamp(1)), &["invalid_field"]),
        (
            "a long unknown field",
            change(&Change::Write(Field(200), Some(Arc::from("x".repeat(2_001)))), attacker.stamp(1)),
            &["invalid_field"],
        ),
        ("501 lines", too_many, &["too_many_lines"]),
        ("513 contributions", too_often, &["too_many_contributions"]),
    ];
    let mut requests = Vec::new();
    for (what, delta, codes) in bad {
        // As the sender's own, and as if it had sent more before.
        for sent in [0, 1, u64::MAX] {
            let request = SyncRequest { sent, ..attacker.request(delta.clone()) };
            requests.push(sync(request.to_bytes(), codes).named(what));
        }
    }
    // As another actor: one that nobody leased, one of another cart, one of long ago, one to come.
    let stranger = Attacker::new(&shop).await;
    let good = attacker.change(&add(BAGELS, 1), attacker.stamp(1));
    for (actor, codes) in [
        (today(7), &["actor_unknown"][..]),
        (stranger.device.actor(), &["actor_unknown"]),
        (Actor(0), &["actor_unknown", "actor_expired"]),
        (Actor(u64::MAX), &["actor_unknown"]),
    ] {
        let stamp = Stamp { dot: Dot::new(actor, 1), ..attacker.stamp(1) };
        for delta in [good.clone(), attacker.change(&add(BAGELS, 1), stamp), Cart::default()] {
            let request = SyncRequest { actor, ..attacker.request(delta) };
            requests.push(sync(request.to_bytes(), codes));
        }
    }
    refused_by("deltas", vec![attacker.victim.clone(); CLIENTS], requests).await;
    attacker.is_still_in_use().await;
}

/// Bytes that are no request: cut off, prolonged, of another format, random.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_delta_are_refused() {
    let shop = Runtime::shared().await.shop();
    let attacker = Attacker::new(&shop).await;
    let mut bytes = Vec::new();
    let mut good = attacker.change(&add(BAGELS, 1), attacker.stamp(1));
    good.join(&attacker.change(&Change::Coupon(Code::try_from("A").expect("one")), attacker.stamp(2)));
    let good = attacker.request(good).to_bytes();
    bytes.extend((0..good.len()).map(|end| good[..end].to_vec()));
    bytes.extend([&b"\0"[..], b"x", b"\xff\xff\xff\xff"].map(|more| [&good[..], more].concat()));
    let head = &good[..9];
    for format in [0, 2, 7, 127, 128, 255] {
        bytes.push([head, &[3, format, 0, 0, 1, 0, 0]].concat());
        bytes.push([head, &[3, 1, 0, 0, format, 0, 0]].concat());
    }
    // Counts that lie: as many as a varint can say, in each place where one is read first.
    let huge = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    for section in 0..14u8 {
        let sections = if section < 7 { vec![1 << section] } else { vec![0x80, 1 << (section - 7)] };
        bytes.push([head, &[3, 1, 0, 0, 1], &sections, &huge].concat());
        bytes.push([head, &[3, 1, 0, 0, 1], &sections, &[0], &huge].concat());
        bytes.push([head, &[3, 1, 0, 0, 1], &sections, &[1, 0, 0, 0, 0, 0, 0, 1], &huge].concat());
    }
    bytes.push([head, &huge].concat());
    bytes.push([&good[..8], &huge, &huge, &huge].concat());
    bytes.push([head, &[3, 1, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]].concat());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for length in (0..600).step_by(3) {
        let random: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
        bytes.push(random.clone());
        bytes.push([head, &random].concat());
    }
    bytes.push(vec![0; 128 * 1_024]);
    bytes.push([head, &vec![1; 128 * 1_024 - 9]].concat());
    let codes = &["malformed_delta", "actor_unknown", "actor_expired"];
    let mut bad: Vec<Bad> = bytes.into_iter().map(|body| sync(body, codes)).collect();
    bad.extend([128 * 1_024 + 1, 10 << 20].map(|length| sync(vec![1; length], &["body_too_large"])));
    refused_by("bytes", vec![attacker.victim; CLIENTS], bad).await;
}

/// A generator of small random numbers (SplitMix64); the seed is printed where it matters.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Sends a delta of which it is not known whether it is good: it is refused and changes nothing, or taken.
/// Returns whether it was taken.
async fn taken_or_refused(attacker: &mut Attacker, bytes: Vec<u8>, place: &str) -> bool {
    let began = Instant::now();
    let answer = attacker.victim.send(&sync(bytes, CODES)).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{place}: took {took:?}");
    if answer.status == 200 {
        attacker.victim.view = attacker.victim.get().await;
        let view = attacker.victim.view.json();
        let lines =
            view["lines"].as_array().expect("lines").iter().chain(view["saved"].as_array().expect("lines"));
        assert!(
            lines.into_iter().all(|line| line["quantity"].as_u64().is_some_and(|shown| shown > 0)),
            "{place}: {view}"
        );
        return true;
    }
    assert!(answer.status.is_client_error(), "{place}: {} {}", answer.status, answer.text());
    let (_, code) = answer.problem();
    assert!(CODES.contains(&&*code), "{place}: {code}");
    assert!(attacker.victim.is_unchanged().await, "{place}: refused with {code}, but the cart has changed");
    false
}

/// Clients at once, each with a cart of its own, each doing `each` so often with its own dice.
async fn attack(name: &'static str, rounds: usize, each: fn(&mut Attacker, &mut Dice) -> Vec<u8>) {
    let shop = Runtime::shared().await.shop();
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let taken = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (shop, taken) = (shop.clone(), Arc::clone(&taken));
        clients.spawn(async move {
            let mut attacker = Attacker::new(&shop).await;
            for round in 0..rounds / CLIENTS {
                let seed = (client * rounds + round) as u64;
                let bytes = each(&mut attacker, &mut Dice(seed));
                if taken_or_refused(&mut attacker, bytes, &format!("{name}, seed {seed}")).await {
                    taken.fetch_add(1, Ordering::Relaxed);
                    let (session, cart_id) =
                        (attacker.victim.session.clone(), attacker.victim.session.cart_id.clone());
                    // Seen by the next: a device that knows what it has done before.
                    attacker.device = Device::new(shop.lease(&session, &cart_id).await, attacker.scope);
                    shop.exchange(&session, &cart_id, &mut attacker.device).await;
                    attacker.victim.view = attacker.victim.get().await;
                }
                // Leases are counted, and so is what was added: a fresh cart from time to time.
                if round % 40 == 39 {
                    attacker.is_still_in_use().await;
                    assert!(attacker.state_bytes().await <= 2 * STATE_BYTES_MAX);
                    attacker = Attacker::new(&shop).await;
                }
            }
        });
    }
    finish(clients).await;
    println!("{name}: {} of {rounds} were good after all and taken", taken.load(Ordering::Relaxed));
    report(name, rounds, began, bystander).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_mutated_deltas_do_no_harm() {
    fn mutated(attacker: &mut Attacker, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = honest(attacker, dice);
        let other = honest(attacker, dice);
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(8) {
                0 | 1 => bytes[at] ^= 1 << dice.below(8),
                2 => bytes[at] = dice.next() as u8,
                3 => bytes[at] = dice.of(&[0, 1, 127, 128, 255]),
                4 => bytes.insert(at, dice.next() as u8),
                5 => drop(bytes.remove(at)),
                6 => bytes.truncate(at.max(9)),
                _ => {
                    let from = dice.below(other.len());
                    bytes.splice(at.., other[from..].iter().copied());
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        // Mostly under the right lease: what is behind it is to be reached.
        if dice.below(4) > 0 && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&attacker.device.actor().0.to_be_bytes());
        }
        bytes
    }
    attack("mutated deltas", 2_000, mutated).await;
}

/// A request that an honest device might send.
fn honest(attacker: &Attacker, dice: &mut Dice) -> Vec<u8> {
    let mut device = attacker.device.clone();
    for _ in 0..1 + dice.below(3) {
        let key = dice.of(&[key(BAGELS), key(BANANAS), key("a-text")]);
        let at = dice.of(&[Location::Cart, Location::Cart, Location::Saved]);
        let quantity = 1 + dice.below(9) as u32;
        let change = match dice.below(9) {
            0 | 1 => Change::Add { key, details: None, quantity, at },
            2 => Change::Set { key, quantity, at },
            3 => Change::Decrement { key, quantity, at },
            4 => Change::Remove { key, at },
            5 => Change::Move { key, to: at },
            6 => Change::Coupon(Code::try_from(dice.of(&["A", "SAVE10"])).expect("a code")),
            7 => Change::Uncoupon(Code::try_from("SAVE10").expect("a code")),
            _ => Change::Write(dice.of(&[Field::NOTE, Field(77)]), Some(Arc::from("text"))),
        };
        device.edit(change, now());
    }
    device.request().to_bytes()
}

/// Deltas of the right form with anything in them: actors, counters, times, scopes, quantities, sections.
#[tokio::test(flavor = "multi_thread")]
async fn invented_deltas_do_no_harm() {
    fn invented(attacker: &mut Attacker, dice: &mut Dice) -> Vec<u8> {
        let own = attacker.device.actor();
        let others: Vec<Actor> = attacker.device.cart().context().clock().dots.keys().copied().collect();
        let mut delta = Cart::default();
        for _ in 0..1 + dice.below(6) {
            let actor = match dice.below(8) {
                0 => dice.of(&others),
                1 => dice.of(&[
                    Actor(0),
                    Actor(u64::MAX),
                    today(7),
                    Actor::mint(Day(65_535), 3),
                    Actor::mint(Day(1), 3),
                ]),
                _ => own,
            };
            let counter = dice.of(&[1, 1, 1, 2, 3, 500, 1_024, 1_025, u64::MAX / 2, u64::MAX - 1, u64::MAX]);
            let time = match dice.below(6) {
                0 => HybridTime(dice.next()),
                1 => dice.of(&[HybridTime(0), HybridTime(u64::MAX), HybridTime::at(now().plus(120_000))]),
                _ => HybridTime::at(now()),
            };
            let scope = dice.of(&[
                attacker.scope,
                attacker.scope,
                Scope(attacker.scope.0.wrapping_add(63)),
                Scope(0),
            ]);
            let stamp = Stamp { dot: Dot::new(actor, counter), time, scope };
            let key = dice.of(&[
                key(BAGELS),
                key(BANANAS),
                key("\u{1f6d2}"),
                LineKey::new(BAGELS, Some("v"), Some([7; 16])).expect("a key"),
            ]);
            let at = dice.of(&[Location::Cart, Location::Saved]);
            let quantity = dice.of(&[0, 1, 1, 2, 9_999, 10_000, u32::MAX]);
            let details = dice.of(&[None, None, None, Some(Arc::from("{\"a\":1}")), Some(Arc::from("x"))]);
            let change = match dice.below(12) {
                0 | 1 => Change::Add { key, details, quantity, at },
                2 | 3 => Change::Set { key, quantity, at },
                4 => Change::Decrement { key, quantity, at },
                5 => Change::Remove { key, at },
                6 => Change::Move { key, to: at },
                7 => Change::Coupon(Code::try_from("B").expect("a code")),
                8 => Change::Uncoupon(Code::try_from("SAVE10").expect("a code")),
                9 => Change::Clear,
                10 => Change::Checkout { fence: dice.next(), order: OrderId(1) },
                _ => Change::Write(Field(dice.next() as u8), dice.of(&[None, Some(Arc::from("text"))])),
            };
            let maker = dice.of(&[attacker.device.cart().clone(), Cart::default(), delta.clone()]);
            delta.join(&maker.change(&change, stamp));
        }
        let sent = dice.of(&[0, 0, 0, 1, 5_000, u64::MAX]);
        SyncRequest { sent, ..attacker.request(delta) }.to_bytes()
    }
    attack("invented deltas", 800, invented).await;
}

/// What a device can make of a cart, whatever it sends, has a bound; past it the cart still serves.
async fn is_bounded(what: &str, part: impl Fn(&Attacker, u64) -> Delta) {
    let shop = Runtime::shared().await.shop();
    let attacker = Attacker::new(&shop).await;
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for round in 0..24 {
        let request = SyncRequest { sent: u64::MAX, ..attacker.request(part(&attacker, round)) };
        let began = Instant::now();
        let answer = attacker.victim.send(&sync(request.to_bytes(), CODES)).await;
        slowest = slowest.max(began.elapsed());
        assert!(!answer.status.is_server_error(), "{what}, round {round}: {}", answer.text());
        refused += usize::from(answer.status != 200);
    }
    let bytes = attacker.state_bytes().await;
    println!(
        "{what}: 24 requests, {refused} refused, the slowest took {} ms, {bytes} bytes at the end",
        slowest.as_millis()
    );
    assert!(bytes <= 2 * STATE_BYTES_MAX, "{what}: {bytes} bytes");
    let line = format!("{}/lines/{}", attacker.victim.cart(), line_id(BAGELS));
    Answer::of(shop.call(&attacker.victim.session, Method::DELETE, &line)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_in_what_was_seen_are_bounded() {
    is_bounded("gaps", |attacker, round| {
        let actors = (0..40).map(|number| today(1_000 + round * 100 + number));
        let gaps = actors.flat_map(|actor| (1..=512).map(move |counter| Dot::new(actor, 2 * counter)));
        seen(gaps.chain([Dot::new(attacker.device.actor(), 1 + round)]))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_in_what_was_seen_are_bounded() {
    is_bounded("actors", |attacker, round| {
        let actors = (0..14_000).map(|number| Dot::new(today(1_000 + round * 20_000 + number), 1));
        seen(actors.chain([Dot::new(attacker.device.actor(), 1 + round)]))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_new_lines_are_bounded() {
    is_bounded("sets", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..500 {
            let line = key(&format!("{}", 1_000 + round * 500 + at));
            let set = Change::Set { key: line, quantity: 1, at: Location::Cart };
            delta.join(&Cart::default().change(&set, attacker.stamp(round * 500 + at + 1)));
        }
        delta
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_one_line_are_bounded() {
    is_bounded("sets of a line", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..1_000 {
            let set = Change::Set { key: key(BAGELS), quantity: 1, at: Location::Cart };
            delta.join(&Cart::default().change(&set, attacker.stamp(round * 1_000 + at + 1)));
        }
        delta
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_bounded() {
    is_bounded("fields", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..10 {
            let field = Field((10 + (round * 10 + at) % 240) as u8);
            let write = Change::Write(field, Some(Arc::from("x".repeat(2_000))));
            delta.join(&Cart::default().change(&write, attacker.stamp(round * 10 + at + 1)));
        }
        delta
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_of_a_coupon_are_bounded() {
    is_bounded("coupon", |attacker, round| {
        let mut delta = Cart::default();
        for at in 0..1_000 {
            let apply = Change::Coupon(Code::try_from("A").expect("a code"));
            delta.join(&Cart::default().change(&apply, attacker.stamp(round * 1_000 + at + 1)));
        }
        delta
    })
    .await;
}

/// The dearest bytes of the right form that we know: many gaps beside many lines.
#[tokio::test(flavor = "multi_thread")]
async fn a_dear_delta_is_read_in_time() {
    let shop = Runtime::shared().await.shop();
    let attacker = Attacker::new(&shop).await;
    let actors = (0..40).map(|number| today(1_000 + number));
    let mut delta = seen(actors.flat_map(|actor| (1..=900).map(move |counter| Dot::new(actor, 2 * counter))));
    for line in 0..500 {
        let change = add(&format!("{}", 1_000 + line), 1);
        delta.join(&Cart::default().change(&change, attacker.stamp(line + 1)));
    }
    let request = attacker.request(delta).to_bytes();
    let began = Instant::now();
    attacker.victim.refuses(&sync(request.clone(), &["counter_window", "cart_busy"])).await;
    let took = began.elapsed();
    println!("a dear delta of {} bytes took {} ms", request.len(), took.as_millis());
    assert!(took < Duration::from_secs(3), "took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_products_do_not_fill_the_memory() {
    let runtime = Runtime::start(harness::Options::default()).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    let mut memory = Vec::new();
    for part in 0..3 {
        for at in 0..300 {
            let sku = format!("{part}-{at}-{}", "x".repeat(500_000));
            let call =
                shop.call(&session, Method::POST, "/v1/carts/current/lines").json(&json!({"sku": sku}));
            Answer::of(call).await.refused(422, "invalid_field");
        }
        memory.push(memory_mb(runtime.port()));
    }
    println!("after 300, 600 and 900 unknown products of 500 KB: {memory:?} MB");
    assert!(memory[2] < memory[0] + 150, "{memory:?} MB");
}

/// The memory of the largest workerd below the process group that serves a port.
fn memory_mb(port: u16) -> usize {
    let list = std::process::Command::new("ps").args(["-eo", "pid,pgid,rss,args"]).output().expect("ps");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = list.lines().map(words).collect();
    let serves = |line: &&Vec<String>| line.windows(2).any(|pair| pair == ["--port", &port.to_string()]);
    let group = &lines.iter().find(serves).expect("wrangler")[1];
    let workers = lines.iter().filter(|line| line[1] == *group && line[3].ends_with("workerd"));
    workers.filter_map(|line| line[2].parse::<usize>().ok()).max().expect("workerd") / 1_024
}

// The wire itself.

/// What is sent byte by byte, and what comes of it.
struct Raw {
    stream: TcpStream,
    /// What came behind the last answer.
    rest: Vec<u8>,
}

/// An answer as it came: status, whether the Worker gave it, the body's first words, and the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RawAnswer {
    status: u16,
    by_worker: bool,
    body: String,
    open: bool,
}

impl Raw {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, rest: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next answer; `None` if the connection ends or `wait` passes without one.
    fn answer(&mut self, wait: Duration) -> Option<RawAnswer> {
        self.stream.set_read_timeout(Some(wait)).expect("a timeout");
        let mut bytes = std::mem::take(&mut self.rest);
        let mut open = true;
        loop {
            if let Some((head, body)) = split(&bytes) {
                let head = String::from_utf8_lossy(head).into_owned();
                let length = header(&head, "content-length").and_then(|text| text.parse::<usize>().ok());
                if head.starts_with("HTTP/1.1 100") {
                    bytes = body.to_vec();
                    continue;
                }
                if !open || length.is_some_and(|length| body.len() >= length) {
                    let status =
                        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
                    let open = open && header(&head, "connection").as_deref() != Some("close");
                    let by_worker = header(&head, "evercart-region").is_some();
                    let (body, rest) = body.split_at(length.unwrap_or(body.len()).min(body.len()));
                    self.rest = rest.to_vec();
                    return Some(RawAnswer {
                        status,
                        by_worker,
                        body: String::from_utf8_lossy(body).into_owned(),
                        open,
                    });
                }
            } else if !open {
                return None;
            }
            let mut buffer = [0; 16_384];
            match self.stream.read(&mut buffer) {
                Ok(0) => open = false,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(_) if bytes.is_empty() => return None,
                Err(_) => open = false,
            }
        }
    }

    fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((&bytes[..at], &bytes[at + 4..]))
}

fn header(head: &str, name: &str) -> Option<String> {
    let find = |line: &str| {
        let (there, value) = line.split_once(':')?;
        there.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
    };
    head.lines().find_map(find)
}

const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n";
const QUICK: Duration = Duration::from_millis(700);
const LONG: Duration = Duration::from_secs(20);

/// What is sent, and whether the sender then closes its half.
fn raw_cases(token: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
    // Good but for the product, so that none of them changes anything.
    let body = r#"{"sku":"nothing"}"#;
    let post = |headers: &str, body: &str| {
        let head =
            "POST /v1/carts/current/lines HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n";
        format!("{head}Authorization: Bearer {token}\r\n{headers}\r\n{body}").into_bytes()
    };
    let get = |line: &str, headers: &str| format!("{line}\r\nHost: shop\r\n{headers}\r\n").into_bytes();
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let health = "GET /healthz HTTP/1.1";
    let mut cases = vec![
        ("a chunk whose size is no number", post(chunked, &format!("zz\r\n{body}\r\n0\r\n\r\n")), false),
        ("a chunk longer than its size", post(chunked, &format!("5\r\n{body}\r\n0\r\n\r\n")), false),
        ("a chunk of negative size", post(chunked, &format!("-1\r\n{body}\r\n0\r\n\r\n")), false),
        (
            "a chunk whose size passes 64 bits",
            post(chunked, &format!("fffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
            false,
        ),
        (
            "chunks that end in the middle, then the end of the connection",
            post(chunked, &format!("20\r\n{body}")),
            true,
        ),
        (
            "chunks without the last, then the end of the connection",
            post(chunked, &chunks[..chunks.len() - 5]),
            true,
        ),
        ("a Content-Length that is no number", post("Content-Length: abc\r\n", body), false),
        ("a negative Content-Length", post("Content-Length: -1\r\n", body), false),
        ("a Content-Length with a sign", post("Content-Length: +17\r\n", body), false),
        ("a Content-Length past 64 bits", post("Content-Length: 18446744073709551616\r\n", body), false),
        ("the largest Content-Length", post("Content-Length: 18446744073709551615\r\n", body), false),
        ("two Content-Lengths that differ", post(&format!("{length}Content-Length: 5\r\n"), body), false),
        (
            "a Content-Length longer than the body, then the end of the connection",
            post("Content-Length: 50\r\n", body),
            true,
        ),
        ("a Content-Length shorter than the body", post("Content-Length: 5\r\n", body), false),
        ("Content-Length and chunks", post(&format!("Content-Length: 5\r\n{chunked}"), &chunks), false),
        ("an unknown transfer encoding", post("Transfer-Encoding: xchunked\r\n", &chunks), false),
        ("the transfer encoding identity", post("Transfer-Encoding: identity\r\n", body), false),
        ("an unknown method", get("FOO /v1/carts HTTP/1.1", ""), false),
        ("a method in small letters", get("get /healthz HTTP/1.1", ""), false),
        ("the method CONNECT", get("CONNECT shop:80 HTTP/1.1", ""), false),
        ("the method TRACE", get("TRACE /v1/carts HTTP/1.1", ""), false),
        ("a NUL in the path", get("GET /health\0z HTTP/1.1", ""), false),
        ("a space in the path", get("GET /healthz x HTTP/1.1", ""), false),
        ("a byte over 127 in the path", b"GET /\xff HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), false),
        ("a path without its slash", get("GET healthz HTTP/1.1", ""), false),
        ("the path *", get("OPTIONS * HTTP/1.1", ""), false),
        ("an absolute address of another host", get("GET http://evil.example/healthz HTTP/1.1", ""), false),
        ("dots in the path", get("GET /v1/carts/../../healthz HTTP/1.1", ""), false),
        ("a path of 60,000 bytes", get(&format!("GET /{} HTTP/1.1", "a".repeat(60_000)), ""), false),
        ("a path of 100,000 bytes", get(&format!("GET /{} HTTP/1.1", "a".repeat(100_000)), ""), false),
        ("no Host", b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), false),
        ("two Hosts", get(health, "Host: other\r\n"), false),
        ("HTTP/1.0 without Host", b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(), false),
        ("HTTP/2.0", get("GET /healthz HTTP/2.0", ""), false),
        ("HTTP/9.9", get("GET /healthz HTTP/9.9", ""), false),
        ("no version", b"GET /healthz\r\n\r\n".to_vec(), false),
        ("a TLS hello", [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], &[0; 60]].concat(), false),
        ("NULs", b"\0\0\0\0\r\n\r\n".to_vec(), false),
        ("a NUL in a header", get(health, "traceparent: a\0b\r\n"), false),
        ("a CR in a header", get(health, "traceparent: a\rb: c\r\n"), false),
        ("a folded header", get(health, "traceparent: a\r\n b\r\n"), false),
        ("a header without a colon", get(health, "nothing\r\n"), false),
        ("a space before a header's colon", get(health, "traceparent : a\r\n"), false),
        ("a header without a name", get(health, ": a\r\n"), false),
        (
            "bytes over 127 in a header",
            b"GET /healthz HTTP/1.1\r\nHost: shop\r\ntraceparent: \xe9\xff\r\n\r\n".to_vec(),
            false,
        ),
        ("a header of 250,000 bytes", get(health, &format!("X-Long: {}\r\n", "a".repeat(250_000))), false),
        (
            "5,000 headers",
            get(health, &(0..5_000).map(|at| format!("X-{at}: a\r\n")).collect::<String>()),
            false,
        ),
        ("an expectation", post(&format!("{length}Expect: 100-continue\r\n"), body), false),
        ("an unknown expectation", post(&format!("{length}Expect: the-worst\r\n"), body), false),
        (
            "an upgrade to HTTP/2",
            get(health, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
            false,
        ),
        (
            "a body with a GET",
            get(health, "Content-Length: 5\r\n").into_iter().chain(*b"hello").collect(),
            false,
        ),
        ("two requests at once", [ALIVE, ALIVE].concat(), false),
    ];
    cases.push(("a declared body that does not come", post("Content-Length: 100000000\r\n", ""), false));
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_refuses_what_is_no_http() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let mut rows = Vec::new();
    let cases = raw_cases(&victim.session.token);
    let count = cases.len();
    for (what, bytes, ends) in cases {
        let mut raw = Raw::connect(runtime.port());
        raw.send(&bytes);
        if ends {
            raw.half_close();
        }
        let waits = what.contains("does not come");
        let answer = tokio::task::block_in_place(|| raw.answer(if waits { QUICK } else { LONG }));
        let connection = match &answer {
            None if waits => "waits for the body",
            None => "closed",
            Some(answer) if answer.open && !ends && raw.send(ALIVE) => {
                // A lying length makes the rest of the body a request of its own.
                let lies = what.contains("shorter than the body");
                let next = tokio::task::block_in_place(|| raw.answer(LONG));
                match next.map(|next| next.status) {
                    Some(200) => "stays open",
                    Some(_) if lies => "the rest is refused as a request",
                    _ => "closed",
                }
            }
            Some(_) => "closed",
        };
        match answer {
            Some(answer) if answer.by_worker => {
                let fine = answer.status < 300 || (400..500).contains(&answer.status);
                assert!(fine, "{what}: {answer:?}");
                if answer.status >= 400 {
                    let problem: Value = serde_json::from_str(&answer.body).expect("a problem");
                    assert!(CODES.contains(&problem["code"].as_str().expect("a code")), "{what}: {problem}");
                }
                assert_ne!(connection, "waits for the body");
            }
            other => {
                let (status, body) = other.map_or(("none".to_owned(), String::new()), |answer| {
                    let body = answer.body.lines().next().unwrap_or_default().to_owned();
                    (answer.status.to_string(), body)
                });
                rows.push(format!(
                    "| {what} | {status} | {} | {connection} |",
                    if body.is_empty() { "-" } else { &body }
                ));
            }
        }
        let mut fresh = Raw::connect(runtime.port());
        fresh.send(ALIVE);
        let alive =
            tokio::task::block_in_place(|| fresh.answer(LONG)).expect("an answer on a fresh connection");
        assert_eq!((alive.status, alive.by_worker), (200, true), "after {what}");
        assert!(victim.is_unchanged().await, "{what}: the cart has changed");
    }
    report("raw bytes", count, began, bystander).await;
    let file = root().join("docs/runtime-refusals.md");
    let text = format!("{INTRODUCTION}{}\n", rows.join("\n"));
    if std::env::var_os("EVERCART_UPDATE").is_some() {
        std::fs::create_dir_all(root().join("docs")).expect("a folder");
        std::fs::write(&file, &text).expect("the file is written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(committed, text, "docs/runtime-refusals.md is not true any more; see the head of hostile.rs");
}

const INTRODUCTION: &str = "\
# What the runtime refuses by itself

These requests never reach the Worker, or reach it without a body that could be read, so their answers are the
runtime's: plain text or none, without `code`, sometimes a 5xx. None changes a cart, none disturbs another
connection, and a later request on a fresh connection is served. Everything else that is wrong is answered by the
Worker with `application/problem+json`.

Measured against `wrangler dev` by `tests/hostile.rs`, which fails when a row stops being true and writes this file
with `EVERCART_UPDATE=1 cargo test -p evercart-tests --test hostile the_runtime`. Cloudflare's edge has a front of
its own with other words for the same refusals.

| what is sent | status | first line of the answer | the connection |
|---|---|---|---|
";

/// 100 MB, declared and in chunks: refused, the connection goes on, and nobody else waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mb_is_refused() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let block = vec![b' '; 64 * 1_024];
    let mut count = 0;
    for (path, media, sizes_kb) in [("lines", JSON, [513, 100 * 1_024]), ("sync", DELTA, [129, 1_024])] {
        for chunked in [false, true] {
            for kb in sizes_kb {
                let length = if chunked {
                    "Transfer-Encoding: chunked".to_owned()
                } else {
                    format!("Content-Length: {}", kb * 1_024)
                };
                let head = format!(
                    "POST {}/{path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {}\r\nContent-Type: {media}\r\n{length}\r\n\r\n",
                    victim.cart(),
                    victim.session.token,
                );
                let mut raw = Raw::connect(runtime.port());
                let answer = tokio::task::block_in_place(|| {
                    raw.send(head.as_bytes());
                    let mut left = kb * 1_024;
                    while left > 0 {
                        let part = left.min(block.len());
                        if chunked {
                            raw.send(format!("{part:x}\r\n").as_bytes());
                        }
                        raw.send(&block[..part]);
                        if chunked {
                            raw.send(b"\r\n");
                        }
                        left -= part;
                    }
                    if chunked {
                        raw.send(b"0\r\n\r\n");
                    }
                    raw.answer(LONG)
                });
                let answer =
                    answer.unwrap_or_else(|| panic!("{path}, {kb} KB, chunked {chunked}: no answer"));
                assert_eq!(
                    (answer.status, answer.by_worker),
                    (413, true),
                    "{path}, {kb} KB, chunked {chunked}: {answer:?}"
                );
                assert!(answer.body.contains("\"body_too_large\""), "{answer:?}");
                // On the same connection, then on a fresh one.
                raw.send(ALIVE);
                let next = tokio::task::block_in_place(|| raw.answer(LONG))
                    .expect("an answer on the same connection");
                assert_eq!(next.status, 200, "{path}, {kb} KB, chunked {chunked}");
                Answer::of(shop.request(Method::GET, "/healthz")).await.expect(200);
                assert!(victim.is_unchanged().await);
                count += 1;
            }
        }
    }
    report("100 MB", count, began, bystander).await;
}

/// A client that goes away in the middle of its body leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_forgotten() {
    let runtime = Runtime::shared().await;
    let shop = runtime.shop();
    let victim = Victim::new(&shop).await;
    let bystander = Bystander::start(&shop);
    let began = Instant::now();
    let body = json!({"sku": BAGELS, "quantity": 2}).to_string();
    let count = 100;
    for at in 0..count {
        let head = format!(
            "POST {}/lines HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {}\r\nContent-Type: {JSON}\r\nContent-Length: {}\r\n\r\n",
            victim.cart(),
            victim.session.token,
            body.len()
        );
        let mut raw = Raw::connect(runtime.port());
        let all = [head.as_bytes(), body.as_bytes()].concat();
        raw.send(&all[..all.len() - 1 - at % body.len()]);
        drop(raw);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(victim.is_unchanged().await);
    report("gone", count, began, bystander).await;
}

#[test]
fn the_codes_are_sorted() {
    let sorted: BTreeSet<&str> = CODES.iter().copied().collect();
    assert!(CODES.iter().copied().eq(sorted));
}
