//! The golden scenarios S1 to S38 on the real runtime, from the file that the core's tests read. Each goes
//! over plain HTTP and over sync. A and B do not see each other: over HTTP an edit carries the `context` of
//! the view it was made on (adds need none), over sync both devices edit offline. Either side comes first,
//! all that was sent is sent again, and at the end the server, both devices and a fresh device hold the same
//! bytes, and show exactly what the scenario says.
//!
//! Where the table says more than this deployment has:
//! - S18, S19: there is no checkout yet; both are ignored.
//! - S7, S17, S24: over sync the times are those of the devices' clocks, over HTTP those of arrival.
//! - S31, S34, S35: there is one region. S31 sends the same edit with the same key there twice; in S34 and
//!   S35 the context that comes with the edit is older, or the only one, as it would be in the other region.
//! - S33: over HTTP the second add sees the first and is refused; over sync neither does.

#[path = "../crates/cart-core/tests/scenario/mod.rs"]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cart_core::change::Change;
use cart_core::customization::Customization;
use cart_core::line::{LineKey, Location};
use cart_core::meta::{Code, Field};
use cart_core::sync::{Device, Learned};
use cart_core::time::Millis;
use harness::{Answer, Runtime, Session, Shop};
use reqwest::Method;
use scenario::{Action, COUNT, Item, Scenario, Shown, Stage, Step, Who};
use serde_json::{Map, Value, json};

/// What stands for the scenarios' X, Y and Z: products that have a price.
const SKUS: [(&str, &str); 3] = [("X", "1095275"), ("Y", "1082185"), ("Z", "1029743")];
/// How long before the server's time the scenarios begin.
const BEGAN_BEFORE_MS: u64 = 6 * 3_600 * Millis::SECOND;
/// Within which time a late edit of a guest's cart arrives in the user's.
const FORWARDED_WITHIN: Duration = harness::EVENTUALLY;
const BOTH_ORDERS: [[Who; 2]; 2] = [[Who::A, Who::B], [Who::B, Who::A]];

/// Each id once: a test of its name, and the list that must be that of the file.
macro_rules! scenarios {
    ($($id:ident $(: $missing:literal)?)*) => {
        const LISTED: &[&str] = &[$(stringify!($id)),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            #[allow(non_snake_case)]
            $(#[ignore = $missing])?
            async fn $id() {
                run(stringify!($id)).await;
            }
        )*
    };
}

scenarios! {
    S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17
    S18: "there is no checkout yet"
    S19: "there is no checkout yet"
    S20 S21 S22 S23 S24 S25 S26 S27 S28 S29 S30 S31 S32 S33 S34 S35 S36 S37 S38
}

#[test]
fn all_scenarios_are_listed() {
    let ids: Vec<String> = scenario::all().into_iter().map(|scenario| scenario.id).collect();
    assert_eq!(ids, LISTED);
    assert_eq!(ids.len(), COUNT);
}

async fn run(id: &str) {
    let scenario = scenario::all().into_iter().find(|scenario| scenario.id == id).expect("an id of the file");
    let shop = Runtime::shared().await.shop();
    match scenario.stage {
        Stage::Devices => {
            for order in BOTH_ORDERS {
                over_http(&shop, &scenario, order).await;
                if scenario.rounds.iter().all(|round| can_be_batched(round)) {
                    in_batches(&shop, &scenario, order).await;
                }
                over_sync(&shop, &scenario, order).await;
            }
        }
        Stage::Regions => {
            in_one_region(&shop, &scenario).await;
            for order in BOTH_ORDERS {
                over_sync(&shop, &scenario, order).await;
            }
        }
        Stage::Tabs => {
            over_http(&shop, &scenario, BOTH_ORDERS[0]).await;
            for order in BOTH_ORDERS {
                in_tabs(&shop, &scenario, order).await;
            }
        }
        Stage::Carts => {
            carts_over_http(&shop, &scenario).await;
            carts_over_sync(&shop, &scenario).await;
        }
    }
}

// Over plain HTTP.

/// A shopper with a cart, and all that was sent for it.
struct Shopper<'a> {
    shop: &'a Shop,
    session: Session,
    sent: Vec<Sent>,
}

/// An edit as it was sent, to be sent again.
#[derive(Clone)]
struct Sent {
    method: Method,
    path: String,
    body: Option<Value>,
    key: String,
}

impl<'a> Shopper<'a> {
    async fn new(shop: &'a Shop) -> Self {
        Self { shop, session: shop.open().await, sent: Vec::new() }
    }

    fn cart(&self) -> String {
        format!("/v1/carts/{}", self.session.cart_id)
    }

    async fn view(&self) -> Value {
        Answer::of(self.shop.call(&self.session, Method::GET, &self.cart())).await.expect(200).json()
    }

    async fn context(&self) -> String {
        context_of(&self.view().await)
    }

    /// Does a step with what it was made on, and notes what was sent.
    async fn take(&mut self, step: &Step, context: Option<&str>) -> Answer {
        let sent = self.edit(step, context);
        let answer = self.send(&sent).await;
        self.sent.push(sent);
        answer
    }

    async fn send(&self, sent: &Sent) -> Answer {
        let call = self.shop.call(&self.session, sent.method.clone(), &sent.path);
        let mut call = call.header("Idempotency-Key", &sent.key);
        if let Some(body) = &sent.body {
            call = call.json(body);
        }
        Answer::of(call).await
    }

    fn edit(&self, step: &Step, context: Option<&str>) -> Sent {
        let cart = self.cart();
        let line = |item: &Item| format!("{cart}/lines/{}", key(item).line_id());
        let patch = |item: &Item, body: Value| (Method::PATCH, line(item), Some(body));
        let (method, mut path, mut body) = match &step.action {
            Action::Add(item, count) => (Method::POST, format!("{cart}/lines"), Some(new_line(item, *count))),
            Action::Set(item, count) => patch(item, json!({"quantity": count})),
            Action::Decrement(item, count) => patch(item, json!({"decrement": count})),
            Action::Save(item) => patch(item, json!({"location": "saved"})),
            Action::Unsave(item) => patch(item, json!({"location": "cart", "in": "saved"})),
            Action::Remove { item, .. } => (Method::DELETE, line(item), None),
            Action::Clear => (Method::DELETE, format!("{cart}/lines"), None),
            Action::Coupon(code) => (Method::POST, format!("{cart}/coupons"), Some(json!({"code": code}))),
            Action::Uncoupon(code) => (Method::DELETE, format!("{cart}/coupons/{code}"), None),
            Action::Note(text) => (Method::PATCH, cart.clone(), Some(json!({"note": text}))),
            other => panic!("{other:?} is no edit"),
        };
        if body.is_none() {
            let saved = matches!(step.action, Action::Remove { saved: true, .. });
            path += if saved { "?in=saved" } else { "?in=cart" };
        }
        match (context, &mut body) {
            (Some(context), Some(body)) => body["context"] = json!(context),
            (Some(context), None) => path += &format!("&context={context}"),
            (None, _) => {}
        }
        let minted = format!("{}-{}", self.session.session_id, self.sent.len());
        let key = step.key.as_ref().map_or(minted, |key| format!("{}-{key}", self.session.session_id));
        Sent { method, path, body, key }
    }

    /// All that was sent comes once more, in order and backwards: nothing changes.
    async fn repeat(&self) {
        let before = self.view().await;
        for sent in self.sent.iter().chain(self.sent.iter().rev()) {
            let answer = self.send(sent).await.expect(200);
            assert_eq!(answer.header("idempotency-replayed"), "true", "{} {}", sent.method, sent.path);
            assert_eq!(answer.json(), before, "an answer to a repeated edit is the present view");
        }
    }
}

/// Edit by edit: first all of one side, then all of the other, or by their times where it has some.
async fn over_http(shop: &Shop, scenario: &Scenario, order: [Who; 2]) {
    let mut shopper = Shopper::new(shop).await;
    for step in &scenario.given {
        shopper.take(step, None).await.expect(200);
    }
    let given = shopper.sent.clone();
    for round in &scenario.rounds {
        let mut seen = Contexts::new(shopper.context().await);
        for step in in_order(round, order) {
            match step.action {
                Action::Redeliver(nth) => {
                    let answer = shopper.send(&given[nth - 1]).await.expect(200);
                    assert_eq!(answer.header("idempotency-replayed"), "true");
                }
                Action::Duplicate => {}
                _ => {
                    let context = needs_context(&step.action).then(|| seen.of(step.who));
                    let answer = shopper.take(step, context.as_deref()).await.expect(200);
                    seen.acted(step.who, &answer.json());
                }
            }
        }
    }
    shopper.repeat().await;
    check_end(&shopper, scenario, &scenario.then, &[]).await;
}

/// Each side's edits as one batch of commands, with the context of what both held.
async fn in_batches(shop: &Shop, scenario: &Scenario, order: [Who; 2]) {
    let shopper = Shopper::new(shop).await;
    let batch = async |commands: Vec<Value>, context: Option<&str>| {
        let mut body = json!({"commands": commands});
        if let Some(context) = context {
            body["context"] = json!(context);
        }
        let path = format!("{}/commands", shopper.cart());
        Answer::of(shop.call(&shopper.session, Method::POST, &path).json(&body)).await.expect(200)
    };
    if !scenario.given.is_empty() {
        batch(scenario.given.iter().map(command).collect(), None).await;
    }
    for round in &scenario.rounds {
        let context = shopper.context().await;
        for who in order {
            let commands: Vec<Value> = round.iter().filter(|step| step.who == who).map(command).collect();
            if !commands.is_empty() {
                batch(commands, Some(&context)).await;
            }
        }
    }
    check_end(&shopper, scenario, &scenario.then, &[]).await;
}

/// The scenarios of two regions, in the one there is.
async fn in_one_region(shop: &Shop, scenario: &Scenario) {
    let mut shopper = Shopper::new(shop).await;
    let mut views = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut then = scenario.then.clone();
    for step in scenario.given.iter().chain(scenario.rounds.iter().flatten()) {
        if let Action::View(name) = &step.action {
            views.insert(name, shopper.context().await);
            continue;
        }
        let context = step.seen.as_ref().map(|name| views[name].as_str());
        if scenario.id == "S33" && step.who == Who::B {
            let sent = shopper.edit(step, context);
            shopper.send(&sent).await.refused(422, "quantity_limit");
            then = Shown { lines: vec![(step_item(step), 9_999)], problems: vec![], ..then };
            continue;
        }
        let answer = shopper.take(step, context).await.expect(200);
        let again = step.key.as_ref().is_some_and(|key| !used.insert(key));
        assert_eq!(answer.header("idempotency-replayed") == "true", again, "{}: {step:?}", scenario.id);
    }
    shopper.repeat().await;
    check_end(&shopper, scenario, &then, &[]).await;
}

/// What each side has seen: what both held, then its own edits, as long as the other has made none.
struct Contexts {
    begin: String,
    own: BTreeMap<Who, Option<String>>,
}

impl Contexts {
    fn new(begin: String) -> Self {
        Self { begin, own: BTreeMap::new() }
    }

    fn of(&self, who: Who) -> String {
        match self.own.get(&who) {
            None => self.begin.clone(),
            Some(own) => own.clone().expect("a view without the other side's edits"),
        }
    }

    fn acted(&mut self, who: Who, view: &Value) {
        let alone = self.own.keys().all(|there| *there == who);
        self.own.insert(who, alone.then(|| context_of(view)));
    }
}

/// Adds, coupons and notes mean the same whatever was seen.
fn needs_context(action: &Action) -> bool {
    !matches!(action, Action::Add(..) | Action::Coupon(_) | Action::Note(_))
}

fn in_order(round: &[Step], order: [Who; 2]) -> Vec<&Step> {
    let mut steps: Vec<&Step> =
        order.iter().flat_map(|who| round.iter().filter(move |step| step.who == *who)).collect();
    if round.iter().any(|step| step.clock_s.is_some()) {
        steps.sort_by_key(|step| step.clock_s);
    }
    steps
}

/// The times of a batch are one, and a repeated delta is none.
fn can_be_batched(round: &[Step]) -> bool {
    round.iter().all(|step| step.clock_s.is_none() && !matches!(step.action, Action::Redeliver(_)))
}

fn new_line(item: &Item, quantity: u32) -> Value {
    let mut body = json!({"sku": sku(item), "quantity": quantity});
    if let Some(name) = &item.engraving {
        body["customization"] = json!({"engraving": name});
    }
    body
}

/// A step as a command.
fn command(step: &Step) -> Value {
    let line = |item: &Item| key(item).line_id();
    match &step.action {
        Action::Add(item, count) => {
            let mut body = new_line(item, *count);
            body["op"] = json!("add");
            body
        }
        Action::Set(item, count) => json!({"op": "set", "line_id": line(item), "quantity": count}),
        Action::Decrement(item, count) => {
            json!({"op": "decrement", "line_id": line(item), "quantity": count})
        }
        Action::Remove { item, saved } => {
            json!({"op": "remove", "line_id": line(item), "in": if *saved { "saved" } else { "cart" }})
        }
        Action::Clear => json!({"op": "clear"}),
        Action::Save(item) => json!({"op": "move", "line_id": line(item), "location": "saved"}),
        Action::Unsave(item) => json!({"op": "move", "line_id": line(item), "location": "cart"}),
        Action::Coupon(code) => json!({"op": "apply_coupon", "code": code}),
        Action::Uncoupon(code) => json!({"op": "remove_coupon", "code": code}),
        Action::Note(text) => json!({"op": "update", "note": text}),
        other => panic!("{other:?} is no command"),
    }
}

// Over sync.

/// A device and the cart it edits.
struct Replica<'a> {
    shop: &'a Shop,
    session: Session,
    device: Device,
    /// What it sent, as bytes.
    sent: Vec<Vec<u8>>,
}

impl<'a> Replica<'a> {
    async fn new(shop: &'a Shop, session: &Session) -> Self {
        let device = shop.device(session, &session.cart_id).await;
        Self { shop, session: session.clone(), device, sent: Vec::new() }
    }

    fn edit(&mut self, step: &Step, begin: Millis) {
        let seconds = step.clock_s.unwrap_or(if step.who == Who::Given { 0 } else { 1 });
        self.device.edit(change(&step.action), begin.plus(seconds * Millis::SECOND));
    }

    async fn exchange(&mut self) -> Learned {
        self.sent.push(self.device.clone().request().to_bytes());
        self.shop.exchange(&self.session, &self.session.cart_id, &mut self.device).await
    }

    async fn exchanged(&mut self) {
        assert_eq!(self.exchange().await, Learned::Acknowledged);
        assert_eq!(self.device.pending(), 0);
    }

    /// All that it sent comes once more.
    async fn resend(&self) {
        for request in &self.sent {
            self.shop.sync(&self.session, &self.session.cart_id, request.clone()).await.expect(200);
        }
    }
}

async fn over_sync(shop: &Shop, scenario: &Scenario, order: [Who; 2]) {
    let begin = begin();
    let shopper = Shopper::new(shop).await;
    let mut maker = Replica::new(shop, &shopper.session).await;
    for step in &scenario.given {
        maker.edit(step, begin);
        maker.exchanged().await;
    }
    let mut devices = BTreeMap::new();
    for who in [Who::A, Who::B] {
        devices.insert(who, Replica::new(shop, &shopper.session).await);
    }
    let mut keyed: BTreeMap<&String, Vec<u8>> = BTreeMap::new();
    for round in &scenario.rounds {
        for device in devices.values_mut() {
            device.exchanged().await;
        }
        for step in round {
            let device = devices.get_mut(&step.who).expect("A or B");
            match (&step.action, &step.key) {
                (Action::Redeliver(nth), _) => {
                    let request = maker.sent[nth - 1].clone();
                    shop.sync(&shopper.session, &shopper.session.cart_id, request).await.expect(200);
                }
                // The device that will act by this view has it from here on.
                (Action::View(_), _) => {
                    device.exchanged().await;
                    devices.get_mut(&Who::B).expect("there").exchanged().await;
                }
                (_, Some(key)) => match keyed.get(key) {
                    Some(request) => {
                        shop.sync(&shopper.session, &shopper.session.cart_id, request.clone())
                            .await
                            .expect(200);
                    }
                    None => {
                        device.edit(step, begin);
                        device.exchanged().await;
                        keyed.insert(key, device.sent.last().expect("just sent").clone());
                    }
                },
                _ => device.edit(step, begin),
            }
        }
        for who in [order, order].concat() {
            devices.get_mut(&who).expect("A or B").exchanged().await;
        }
    }
    let before = shopper.view().await;
    for replica in devices.values().chain([&maker]) {
        replica.resend().await;
    }
    assert_eq!(shopper.view().await, before, "{}: all that was sent, sent again", scenario.id);
    let devices: Vec<&Device> = devices.values().map(|replica| &replica.device).collect();
    check_end(&shopper, scenario, &scenario.then, &devices).await;
}

/// A browser duplicates a tab: two replica instances with one actor. The second to be heard finds out.
async fn in_tabs(shop: &Shop, scenario: &Scenario, order: [Who; 2]) {
    let begin = begin();
    let shopper = Shopper::new(shop).await;
    let mut first = Replica::new(shop, &shopper.session).await;
    for step in &scenario.given {
        first.edit(step, begin);
    }
    first.exchanged().await;
    let copy = |of: &Replica<'_>| of.device.clone();
    let mut tabs = BTreeMap::from([(Who::A, copy(&first))]);
    for step in scenario.rounds.iter().flatten() {
        if step.action == Action::Duplicate {
            tabs.insert(step.who, copy(&first));
        } else {
            let tab = tabs.get_mut(&step.who).expect("the tab is open");
            tab.edit(change(&step.action), begin.plus(Millis::SECOND));
        }
    }
    let (session, cart_id) = (&shopper.session, &shopper.session.cart_id);
    let mut learned = Vec::new();
    for who in order {
        let tab = tabs.get_mut(&who).expect("the tab is open");
        learned.push(shop.exchange(session, cart_id, tab).await);
        if learned.last() == Some(&Learned::ActorShared) {
            tab.abandon(shop.lease(session, cart_id).await);
            assert_eq!(shop.exchange(session, cart_id, tab).await, Learned::Acknowledged);
        }
    }
    assert_eq!(learned, [Learned::Acknowledged, Learned::ActorShared]);
    for tab in tabs.values_mut() {
        assert_eq!(shop.exchange(session, cart_id, tab).await, Learned::Acknowledged);
    }
    let tabs: Vec<&Device> = tabs.values().collect();
    check_end(&shopper, scenario, &scenario.then, &tabs).await;
}

// Carts: those of two users, and a guest's.

async fn carts_over_http(shop: &Shop, scenario: &Scenario) {
    let (mut user, mut other, mut guest) =
        (Shopper::new(shop).await, Shopper::new(shop).await, Shopper::new(shop).await);
    for step in scenario.given.iter().chain(scenario.rounds.iter().flatten()) {
        let guests = guest.session.clone();
        let into = match step.who {
            Who::Given | Who::A => &mut user,
            Who::B => &mut other,
            Who::Guest => &mut guest,
        };
        let answer = match step.action {
            Action::Join => merge(into, &guests).await,
            _ => into.take(step, None).await,
        };
        check_outcome(scenario, step, answer);
    }
    wait_until_shown(&user, scenario).await;
    for shopper in [&user, &other] {
        shopper.repeat().await;
    }
    check_end(&user, scenario, &scenario.then, &[]).await;
}

async fn carts_over_sync(shop: &Shop, scenario: &Scenario) {
    let begin = begin();
    let shoppers = [Shopper::new(shop).await, Shopper::new(shop).await, Shopper::new(shop).await];
    let mut devices = Vec::new();
    for shopper in &shoppers {
        devices.push(Replica::new(shop, &shopper.session).await);
    }
    for step in scenario.given.iter().chain(scenario.rounds.iter().flatten()) {
        let at = match step.who {
            Who::Given | Who::A => 0,
            Who::B => 1,
            Who::Guest => 2,
        };
        if step.action == Action::Join {
            // The user's device has edited meanwhile, and has not heard of it.
            check_outcome(scenario, step, merge(&shoppers[at], &shoppers[2].session).await);
        } else {
            devices[at].edit(step, begin);
            devices[at].exchanged().await;
        }
    }
    wait_until_shown(&shoppers[0], scenario).await;
    let before = shoppers[0].view().await;
    for device in &devices {
        device.resend().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(shoppers[0].view().await, before, "{}: all that was sent, sent again", scenario.id);
    devices[0].exchanged().await;
    check_end(&shoppers[0], scenario, &scenario.then, &[&devices[0].device]).await;
}

async fn merge(into: &Shopper<'_>, guest: &Session) -> Answer {
    let path = format!("{}/merge", into.cart());
    let body = json!({"cart_id": guest.cart_id, "token": guest.token});
    Answer::of(into.shop.call(&into.session, Method::POST, &path).json(&body)).await
}

fn check_outcome(scenario: &Scenario, step: &Step, answer: Answer) {
    match &step.refused {
        None => drop(answer.expect(200)),
        Some(code) => assert_eq!(answer.problem(), (409, code.clone()), "{}: {step:?}", scenario.id),
    }
}

/// What a guest adds after its cart was merged arrives by itself.
async fn wait_until_shown(user: &Shopper<'_>, scenario: &Scenario) {
    let began = Instant::now();
    while shown(&user.view().await) != scenario.then {
        assert!(began.elapsed() < FORWARDED_WITHIN, "{}: {}", scenario.id, user.view().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

// What is shown at the end.

/// The server shows exactly that, one line an identity, and `devices` and a fresh one hold its bytes.
async fn check_end(shopper: &Shopper<'_>, scenario: &Scenario, then: &Shown, devices: &[&Device]) {
    let view = shopper.view().await;
    let id = &scenario.id;
    assert_eq!(shown(&view), *then, "{id} ({}): left is what it shows: {view}", scenario.rule);
    for lines in ["lines", "saved"] {
        let lines = view[lines].as_array().expect("lines");
        let ids: BTreeSet<&str> = lines.iter().map(|line| line["line_id"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), lines.len(), "{id}: one line for each identity");
    }
    let version = view["version"].as_str().expect("a version");
    let mut fresh = shopper.shop.device(&shopper.session, &shopper.session.cart_id).await;
    shopper.shop.exchange(&shopper.session, &shopper.session.cart_id, &mut fresh).await;
    for device in devices.iter().copied().chain([&fresh]) {
        assert_eq!(device.cart().version().to_hex(), version, "{id}: a device holds other bytes");
    }
    assert_eq!(shopper.view().await, view, "{id}: a pull changes nothing");
}

fn shown(view: &Value) -> Shown {
    let mut shown = Shown { note: view["note"].as_str().map(str::to_owned), ..Shown::default() };
    let coupons = view["coupons"].as_array().expect("coupons");
    shown.coupons = coupons.iter().map(|code| code.as_str().expect("a code").to_owned()).collect();
    for (name, into) in [("lines", &mut shown.lines), ("saved", &mut shown.saved)] {
        for line in view[name].as_array().expect("lines") {
            let sku = SKUS.iter().find(|(_, sku)| line["sku"] == *sku).expect("X, Y or Z").0.to_owned();
            let engraving = line["customization"]["engraving"].as_str().map(str::to_owned);
            let item = Item { sku, engraving };
            if let Some(problem) = line["problem"].as_str() {
                shown.problems.push((item.clone(), problem.to_owned()));
            }
            into.push((item, line["quantity"].as_u64().expect("a quantity")));
        }
        into.sort();
    }
    shown
}

fn context_of(view: &Value) -> String {
    view["context"].as_str().expect("a context").to_owned()
}

// What the scenarios' words stand for.

/// Some hours before the server's time, so that no device's clock is ahead.
fn begin() -> Millis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    Millis(now as u64 - BEGAN_BEFORE_MS)
}

fn sku(item: &Item) -> &'static str {
    SKUS.iter().find(|(name, _)| *name == item.sku).expect("X, Y or Z").1
}

fn step_item(step: &Step) -> Item {
    match &step.action {
        Action::Add(item, _) => item.clone(),
        other => panic!("{other:?} is no add"),
    }
}

fn key(item: &Item) -> LineKey {
    LineKey::new(sku(item), None, custom(item).map(|custom| custom.hash)).expect("a key")
}

fn custom(item: &Item) -> Option<Customization> {
    let name = item.engraving.as_ref()?;
    let object: Map<String, Value> = Map::from_iter([("engraving".to_owned(), json!(name))]);
    Customization::of(&object).expect("a customization")
}

/// An action as a device's change.
fn change(action: &Action) -> Change {
    let at = Location::Cart;
    match action {
        Action::Add(item, quantity) => {
            let details = custom(item).map(|custom| custom.json);
            Change::Add { key: key(item), details, quantity: *quantity, at }
        }
        Action::Set(item, quantity) => Change::Set { key: key(item), quantity: *quantity, at },
        Action::Decrement(item, quantity) => Change::Decrement { key: key(item), quantity: *quantity, at },
        Action::Remove { item, saved } => {
            Change::Remove { key: key(item), at: if *saved { Location::Saved } else { at } }
        }
        Action::Clear => Change::Clear,
        Action::Save(item) => Change::Move { key: key(item), to: Location::Saved },
        Action::Unsave(item) => Change::Move { key: key(item), to: Location::Cart },
        Action::Coupon(code) => Change::Coupon(Code::try_from(code.as_str()).expect("a code")),
        Action::Uncoupon(code) => Change::Uncoupon(Code::try_from(code.as_str()).expect("a code")),
        Action::Note(text) => Change::Write(Field::NOTE, Some(Arc::from(text.as_str()))),
        other => panic!("{other:?} is no change"),
    }
}
