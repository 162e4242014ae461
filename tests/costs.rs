//! What edits and reads cost on the real runtime: rows read and written, as the object counts them for
//! each call and since it woke, alarms included; bytes of a sync; the size of the Wasm. The numbers are
//! exact, so that a change which costs a row more does not pass unseen.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use cart_core::change::Change;
use cart_core::id::{Actor, CartId};
use cart_core::line::{LineKey, Location};
use cart_core::sync::{Device, SyncRequest, SyncResponse};
use cart_core::time::Millis;
use harness::{Answer, EVENTUALLY, Operator, Options, Runtime, Session, Shop, without_stores};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Products that have a price.
const SKUS: [&str; 3] = ["1095275", "1082185", "1029743"];
/// The most that the Wasm of the edge may have, gzipped, in bytes.
const WASM_BYTES_MAX: usize = 400_000;

/// What a call costs: rows read, rows written.
type Rows = (u64, u64);
/// The object is awake and nothing is to be read.
const NOTHING: Rows = (0, 0);
/// The object wakes: its one row is read.
const WAKES: Rows = (1, 0);
/// An edit: `UPDATE` finds the row, and writes it.
const EDIT: Rows = (1, 1);
/// The first edit: it looks for the row, makes the table (two rows of the schema), and writes it.
const FIRST_EDIT: Rows = (2, 3);

/// A runtime without stores that the tests share.
async fn alone() -> &'static Runtime {
    static ALONE: OnceCell<Runtime> = OnceCell::const_new();
    ALONE.get_or_init(|| Runtime::start(Options { vars: vec![without_stores()], ..Options::default() })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_writes_a_row_and_a_burst_one_more_each_64_edits() {
    const BURST: usize = 201;
    let buyer = Buyer::new(&alone().await.shop()).await;
    let mut costs = Vec::new();
    for _ in 0..BURST {
        costs.push(buyer.add(SKUS[0]).await.rows());
    }
    println!("the first edit of a new cart: {} rows read, {} written", costs[0].0, costs[0].1);
    let mut expected = vec![EDIT; BURST];
    expected[0] = FIRST_EDIT;
    // The edit that finds the ledger's page full puts it aside: a row.
    for full in [64, 128, 192] {
        expected[full] = plus(EDIT, (0, 1));
    }
    assert_eq!(costs, expected);
    let burst = costs[1..].iter().copied().fold(NOTHING, plus);
    println!("the 200 edits after it: {} rows read, {} written", burst.0, burst.1);
    assert_eq!(burst, (200, 203));
    assert!(costs[1..].iter().all(|(_, written)| *written <= 2));
    // No alarm and nothing else comes after them.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(buyer.view().await.rows_since_wake(), costs.into_iter().fold(NOTHING, plus));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_edit_writes_one_row() {
    let buyer = Buyer::new(&alone().await.shop()).await;
    buyer.add(SKUS[0]).await;
    let line = line_id(SKUS[0]);
    let at_line = format!("/lines/{line}");
    let every_command = json!([
        {"op": "add", "sku": SKUS[0], "quantity": 5},
        {"op": "add", "sku": SKUS[1], "customization": {"engraving": "a"}},
        {"op": "increment", "line_id": line, "quantity": 2},
        {"op": "decrement", "line_id": line, "quantity": 1},
        {"op": "set", "line_id": line, "quantity": 3},
        {"op": "move", "line_id": line, "location": "saved"},
        {"op": "apply_coupon", "code": "SAVE20"},
        {"op": "update", "note": "by the door", "currency": "USD", "locale": "en-US"},
    ]);
    for (method, path, body) in [
        (Method::POST, "/lines", json!({"sku": SKUS[0], "quantity": 5, "customization": {"engraving": "b"}})),
        (Method::PATCH, at_line.as_str(), json!({"increment": 5})),
        (Method::PATCH, &at_line, json!({"decrement": 2})),
        (Method::PATCH, &at_line, json!({"quantity": 7})),
        (Method::PATCH, &at_line, json!({"location": "saved"})),
        (Method::PATCH, &at_line, json!({"location": "cart", "in": "saved"})),
        (Method::DELETE, &at_line, json!({})),
        (Method::POST, "/coupons", json!({"code": "SAVE10"})),
        (Method::DELETE, "/coupons/SAVE10", json!({})),
        (Method::PATCH, "", json!({"note": "ring twice", "locale": "de-DE"})),
        (Method::POST, "/commands", json!({ "commands": every_command })),
        (Method::DELETE, "/lines", json!({})),
    ] {
        let answer = Answer::of(buyer.call(method.clone(), path).json(&body)).await.expect(200);
        assert_eq!(answer.rows(), EDIT, "{method} {path} {body}");
    }
    let mut device = buyer.shop.device(&buyer.session, &buyer.session.cart_id).await;
    assert_eq!(buyer.exchange(&mut device, Some(SKUS[2])).await.rows(), EDIT, "sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_writes_nothing() {
    let buyer = Buyer::new(&alone().await.shop()).await;
    let keyed =
        |body: Value| buyer.call(Method::POST, "/lines").header("Idempotency-Key", "the-key").json(&body);
    let body = json!({"sku": SKUS[0], "quantity": 9_000});
    Answer::of(keyed(body.clone())).await.expect(200);
    let lease = buyer.lease().await;
    assert_eq!(lease.rows(), EDIT, "a lease writes one row");
    let before = buyer.view().await;

    // Repeated: once known from the open page, then from one that was put aside, which is read.
    let repeated = Answer::of(keyed(body.clone())).await.expect(200);
    assert_eq!((repeated.header("idempotency-replayed"), repeated.rows()), ("true", NOTHING));

    // Refused, by the edge or by the cart. Refusals carry no count of their own.
    let stranger = Buyer::new(&buyer.shop).await;
    let foreign = format!("/v1/carts/{}/lines", buyer.session.cart_id);
    let line = line_id(SKUS[0]);
    let (at_line, at_other) = (format!("/lines/{line}"), format!("/lines/{}", line_id(SKUS[1])));
    let half = json!({"commands": [{"op": "increment", "line_id": line, "quantity": 1}, {"op": "set", "line_id": line_id(SKUS[1]), "quantity": 1}]});
    for (call, status, code) in [
        (buyer.call(Method::POST, "/lines").json(&json!({"sku": "no-such"})), 422, "unknown_sku"),
        (
            buyer.call(Method::POST, "/lines").json(&json!({"sku": SKUS[0], "quantity": 1_000})),
            422,
            "quantity_limit",
        ),
        (buyer.call(Method::PATCH, &at_line).json(&json!({"increment": 0})), 422, "invalid_field"),
        (buyer.call(Method::PATCH, &at_other).json(&json!({"decrement": 1})), 404, "line_not_found"),
        (buyer.call(Method::DELETE, &at_other), 404, "line_not_found"),
        (buyer.call(Method::POST, "/commands").json(&half), 404, "line_not_found"),
        (buyer.call(Method::DELETE, "/coupons/NONE"), 404, "coupon_not_found"),
        (keyed(json!({"sku": SKUS[1]})), 422, "key_reused"),
        (
            buyer.call(Method::PATCH, &at_line).header("If-Match", "\"old\"").json(&json!({"increment": 1})),
            412,
            "version_mismatch",
        ),
        (
            buyer.shop.call(&stranger.session, Method::POST, &foreign).json(&json!({"sku": SKUS[0]})),
            404,
            "cart_not_found",
        ),
    ] {
        Answer::of(call).await.refused(status, code);
    }
    let device = buyer.device(&lease);
    let stranger = Actor::mint(now().day(), 1);
    let unleased = SyncRequest { actor: stranger, ..device.clone().request() };
    buyer.sync(unleased.to_bytes()).await.refused(403, "actor_unknown");

    // Read.
    let etag = before.header("etag").to_owned();
    let unchanged = Answer::of(buyer.call(Method::GET, "").header("If-None-Match", &etag)).await.expect(304);
    assert_eq!((unchanged.rows(), unchanged.bytes.len()), (NOTHING, 0));
    assert_eq!(buyer.view().await.rows(), NOTHING);
    Answer::of(buyer.call(Method::GET, "/export")).await.expect(200);
    Answer::of(buyer.shop.call(&buyer.session, Method::GET, "/v1/carts")).await.expect(200);

    // A pull, and what is known already.
    let mut device = device;
    assert_eq!(buyer.exchange(&mut device, None).await.rows(), NOTHING, "a pull");
    let after = buyer.view().await;
    assert_eq!(after.rows_since_wake(), before.rows_since_wake(), "all of them together");
    assert_eq!(after.json(), before.json());
    device.edit(add(SKUS[1]), now());
    let known = device.request().to_bytes();
    assert_eq!(buyer.sync(known.clone()).await.expect(200).rows(), EDIT);
    assert_eq!(buyer.sync(known).await.expect(200).rows(), NOTHING, "a sync that was applied before");

    for _ in 0..64 {
        buyer.add(SKUS[1]).await;
    }
    let before = buyer.view().await;
    let repeated = Answer::of(keyed(body)).await.expect(200);
    assert_eq!((repeated.header("idempotency-replayed"), repeated.rows()), ("true", (1, 0)), "one page");
    Answer::of(keyed(json!({"sku": SKUS[1]}))).await.refused(422, "key_reused");
    let after = buyer.view().await;
    assert_eq!(after.rows_since_wake(), plus(before.rows_since_wake(), (2, 0)));
    assert_eq!(after.json(), before.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_that_was_never_written_stays_so() {
    let buyer = Buyer::new(&alone().await.shop()).await;
    let first = buyer.view().await;
    assert_eq!(first.rows_since_wake(), NOTHING);
    Answer::of(buyer.call(Method::DELETE, &format!("/lines/{}", line_id(SKUS[0]))))
        .await
        .refused(404, "line_not_found");
    let etag = first.header("etag").to_owned();
    let again = Answer::of(buyer.call(Method::GET, "").header("If-None-Match", &etag)).await.expect(304);
    assert_eq!(again.rows_since_wake(), NOTHING);
}

/// Most calls wake the object: it sleeps after ten seconds, and a shopper acts every twelve. A restart
/// does the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_call_wakes_the_object_with_one_row() {
    let mut runtime = Runtime::start(Options { vars: vec![without_stores()], ..Options::default() }).await;
    let buyer = Buyer::new(&runtime.shop()).await;
    let unwritten = Buyer::new(&runtime.shop()).await;
    buyer.add(SKUS[0]).await;
    let lease = buyer.lease().await;
    let keyed = || {
        let call = buyer.call(Method::POST, "/lines").header("Idempotency-Key", "the-key");
        Answer::of(call.json(&json!({"sku": SKUS[1]})))
    };
    let etag = keyed().await.expect(200).header("etag").to_owned();
    unwritten.view().await;

    runtime.restart().await;
    let unchanged = Answer::of(buyer.call(Method::GET, "").header("If-None-Match", &etag)).await.expect(304);
    assert_eq!((unchanged.rows(), unchanged.rows_since_wake()), (WAKES, WAKES), "a GET with its ETag");
    assert_eq!(unwritten.view().await.rows_since_wake(), NOTHING, "nothing was stored for a read");

    runtime.restart().await;
    let repeated = keyed().await.expect(200);
    assert_eq!((repeated.header("idempotency-replayed"), repeated.rows_since_wake()), ("true", WAKES));

    runtime.restart().await;
    let mut device = buyer.device(&lease);
    assert_eq!(buyer.exchange(&mut device, None).await.rows_since_wake(), WAKES, "a pull");

    runtime.restart().await;
    assert_eq!(buyer.add(SKUS[0]).await.rows(), plus(WAKES, EDIT), "a lone edit");
    // Whatever it leaves to be done later has been done by now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (read, written) = buyer.view().await.rows_since_wake();
    println!("a lone edit of an existing cart, all in all: {read} rows read, {written} written");
    assert_eq!((read, written), plus(WAKES, EDIT));
    assert!(read + written <= 4);
}

/// With stores a quiet moment after edits costs an alarm, and one row for the receipts of both stores, however
/// many edits it was; each store two rows: the cart's and how fresh the store is.
#[tokio::test(flavor = "multi_thread")]
async fn a_flush_to_the_stores_costs_two_rows_here_and_two_in_each() {
    let runtime = Runtime::start(Options::default()).await;
    let (operator, buyer) = (Operator::of(&runtime), Buyer::new(&runtime.shop()).await);
    // What was counted once it is as much as is to come, and nothing more comes.
    let quiet = async |least: (Rows, u64)| {
        let (began, mut before) = (Instant::now(), None);
        loop {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let now = (buyer.view().await.rows_since_wake(), operator.rows_written().await);
            let all = now.0.0 >= least.0.0 && now.0.1 >= least.0.1 && now.1 >= least.1;
            if before == Some(now) && (all || began.elapsed() > EVENTUALLY) {
                return now;
            }
            before = Some(now);
        }
    };
    // The edit, the alarm, the receipts. It reads to write, and by the alarm. In each store two.
    const FLUSHED: (Rows, u64) = ((3, 3), 4);
    let after = |(rows, stores): (Rows, u64)| (plus(rows, FLUSHED.0), stores + FLUSHED.1);
    let mut edited = now().0 / 60_000;
    buyer.add(SKUS[0]).await;
    let first = quiet(after((NOTHING, 0))).await;
    let (mut costs, mut before) = (Vec::new(), first);
    for edits in [1, 5] {
        costs.push(loop {
            let minute = now().0 / 60_000;
            let body: Vec<Value> = (0..edits).map(|_| json!({"op": "add", "sku": SKUS[1]})).collect();
            let body = json!({ "commands": body });
            Answer::of(buyer.call(Method::POST, "/commands").json(&body)).await.expect(200);
            let now_written = quiet(after(before)).await;
            let cost = (minus(now_written.0, before.0), now_written.1 - before.1);
            before = now_written;
            // Not in another minute than the edit before, where an entry of an index moves in the store.
            if std::mem::replace(&mut edited, minute) == minute && now().0 / 60_000 == minute {
                break cost;
            }
        });
    }
    println!("the first edit with its flush: {first:?}; a later one: {:?}", costs[0]);
    assert_eq!(costs, [FLUSHED; 2]);
}

/// The only edit with an alarm where there are no stores: one of a guest's cart that was merged goes on to the user's cart by itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_merged_cart_costs_its_alarm_too() {
    let shop = alone().await.shop();
    let (user, guest) = (Buyer::new(&shop).await, Buyer::new(&shop).await);
    user.add(SKUS[0]).await;
    guest.add(SKUS[0]).await;
    let body = json!({"cart_id": guest.session.cart_id, "token": guest.session.token});
    Answer::of(user.call(Method::POST, "/merge").json(&body)).await.expect(200);
    // Longer than it takes to forward, and to see that there is no need to try again.
    let quiet = Duration::from_secs(5);
    tokio::time::sleep(quiet).await;
    let (user_before, guest_before) = (user.view().await, guest.view().await);
    let edit = guest.add(SKUS[1]).await.rows();
    let began = Instant::now();
    while user.view().await.json()["totals"]["quantity"] != 3 && began.elapsed() < EVENTUALLY {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    tokio::time::sleep(quiet).await;
    let user_after = user.view().await;
    assert_eq!(user_after.json()["totals"]["quantity"], 3, "it has arrived");
    let at_user = minus(user_after.rows_since_wake(), user_before.rows_since_wake());
    let at_guest = minus(guest.view().await.rows_since_wake(), guest_before.rows_since_wake());
    println!(
        "an edit of a merged cart: {edit:?}, with alarms {at_guest:?}, and {at_user:?} in the user's cart"
    );
    assert_eq!(at_user, EDIT);
    assert_eq!(edit, plus(EDIT, (0, 1)), "the row and the alarm");
    assert_eq!(at_guest, (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_one_edit_is_small() {
    let buyer = Buyer::new(&alone().await.shop()).await;
    let lease = buyer.lease().await;
    let mut device = buyer.device(&lease);
    for (name, bytes_max) in [("first edit of a cart", 96), ("second edit", 128), ("third edit", 128)] {
        device.edit(add(SKUS[0]), now());
        let asked = device.clone().request().to_bytes().len();
        let answered = buyer.exchange(&mut device, None).await.bytes.len();
        println!("sync, {name}: {asked} bytes there, {answered} back");
        assert!(asked + answered <= bytes_max, "{asked} and {answered} bytes");
    }
    let add = buyer.add(SKUS[0]).await;
    println!("the same over HTTP: {} bytes back", add.bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wasm_is_small() {
    Runtime::shared().await; // Has built it.
    let wasm = harness::root().join("build/index_bg.wasm");
    let gzipped = Command::new("gzip").arg("-9c").arg(&wasm).output().expect("gzip");
    assert!(gzipped.status.success(), "{}", String::from_utf8_lossy(&gzipped.stderr));
    let whole = std::fs::metadata(&wasm).expect("was built").len();
    println!("Wasm: {whole} bytes, gzipped {}", gzipped.stdout.len());
    assert!((1..=WASM_BYTES_MAX).contains(&gzipped.stdout.len()));
}

/// A session with its cart.
struct Buyer {
    shop: Shop,
    session: Session,
}

impl Buyer {
    async fn new(shop: &Shop) -> Self {
        Self { shop: shop.clone(), session: shop.open().await }
    }

    /// A request to the current cart.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.shop.call(&self.session, method, &format!("/v1/carts/current{path}"))
    }

    async fn add(&self, sku: &str) -> Answer {
        self.shop.add(&self.session, sku, 1).await.expect(200)
    }

    async fn view(&self) -> Answer {
        Answer::of(self.call(Method::GET, "")).await.expect(200)
    }

    async fn lease(&self) -> Answer {
        Answer::of(self.call(Method::POST, "/actors").json(&json!({}))).await.expect(201)
    }

    /// The device to which that lease was given, with nothing seen.
    fn device(&self, lease: &Answer) -> Device {
        let actor = lease.json()["actor"].as_str().and_then(Actor::from_hex);
        let cart_id = CartId::try_from(self.session.cart_id.clone()).expect("an id");
        Device::new(actor.expect("an actor"), cart_id.scope())
    }

    async fn sync(&self, request: Vec<u8>) -> Answer {
        self.shop.sync(&self.session, &self.session.cart_id, request).await
    }

    /// Sends what the device has, after one more edit if `sku` is given.
    async fn exchange(&self, device: &mut Device, sku: Option<&str>) -> Answer {
        if let Some(sku) = sku {
            device.edit(add(sku), now());
        }
        let sent_before = device.sent();
        let answer = self.sync(device.request().to_bytes()).await.expect(200);
        let response = SyncResponse::from_bytes(&answer.bytes).expect("a response");
        device.receive(&response, sent_before);
        assert_eq!(device.pending(), 0);
        answer
    }
}

fn add(sku: &str) -> Change {
    Change::Add { key: key(sku), details: None, quantity: 1, at: Location::Cart }
}

fn key(sku: &str) -> LineKey {
    LineKey::new(sku, None, None).expect("a key")
}

fn line_id(sku: &str) -> String {
    key(sku).line_id()
}

fn plus(rows: Rows, more: Rows) -> Rows {
    (rows.0 + more.0, rows.1 + more.1)
}

fn minus(rows: Rows, less: Rows) -> Rows {
    (rows.0 - less.0, rows.1 - less.1)
}

fn now() -> Millis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Millis(now.as_millis() as u64)
}
