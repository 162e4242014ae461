//! Deltas from devices that mean harm.

mod attack;

use super::*;
use attack::Dice;

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
        (
            "a removal of one minted in a hundred years",
            with_dot(seen([Dot::new(Actor::mint(Day(60_000), 7), 1)])),
            &["actor_ahead"],
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
    // Which of the last two depends on whether the stores have let the horizon come so far.
    let codes = &["malformed_delta", "actor_unknown", "actor_expired", "counter_window"];
    let mut bad: Vec<Bad> = bytes.into_iter().map(|body| sync(body, codes)).collect();
    bad.extend([128 * 1_024 + 1, 10 << 20].map(|length| sync(vec![1; length], &["body_too_large"])));
    refused_by("bytes", vec![attacker.victim; CLIENTS], bad).await;
}

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

fn sync(body: Vec<u8>, codes: &'static [&'static str]) -> Bad {
    Bad::new(Method::POST, "~/sync", codes).header("Content-Type", DELTA).body(body)
}
