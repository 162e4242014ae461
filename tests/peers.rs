//! The way between regions as an attacker meets it, and a region that has the secret and lies. Whatever is
//! refused has a stable code and leaves no trace. Whatever is believed, good regions end equal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::command::Command;
use cart_core::frame::{FRAME_BYTES_MAX, Frame, Holder, Receipt};
use cart_core::id::{Actor, CartId, Dot, Region, Scope, SessionId};
use cart_core::line::{LineKey, Location};
use cart_core::packed::{FORMAT, OLDEST, pack, unpack};
use cart_core::replica::{Caller, Edit, Input, ReplyKind};
use cart_core::session::PEER_MS;
use cart_core::ties::Ties;
use cart_core::time::{HybridTime, Millis};
use evercart::cart::call::{Call, Head};
use evercart::platform::problem::Problem;
use harness::{Answer, Faults, Operator, Regions, RegionsOptions, Rewrite, Session, Shop, now};
use reqwest::Method;
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["apac", "enam", "weur"];
const SKU: &str = "1095275";
const OTHER_SKU: &str = "1082185";
const CALL_BYTES_MAX: usize = 2 * 1_024 * 1_024;
/// How long regions may take to become equal once they can.
const EQUAL_MAX: Duration = harness::EVENTUALLY;

/// All in one world: a start takes longer than what is asked here.
#[tokio::test(flavor = "multi_thread")]
async fn regions_withstand_strangers_liars_and_other_versions() {
    let mut regions = Regions::start(&NAMES, RegionsOptions::default()).await;
    strangers_are_refused(&regions).await;
    what_a_peer_gets_wrong_is_refused(&regions).await;
    a_replayed_call_does_nothing(&regions).await;
    a_liar_does_not_keep_good_regions_apart(&regions).await;
    a_lie_about_what_arrived_is_found_out(&regions).await;
    an_erasure_is_everywhere(&regions).await;
    a_cart_too_large_to_be_told_can_be_emptied(&regions).await;
    another_version_is_refused_and_caught_up_with(&regions).await;
    for name in NAMES {
        let log = regions.runtime(name).log();
        assert!(!log.contains("panicked") && !log.contains("RuntimeError"), "{name}:\n{log}");
    }
    regions.kill("apac");
}

async fn strangers_are_refused(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    let before = world.state("weur").await;
    let body = pack(&world.call("weur", Input::Erase));
    let good = world.weur.signer.peer_tag(&body, now());
    let (at, mac) = good.split_once('.').expect("a tag");
    let of_another = world.weur.signer.peer_tag(b"another body", now());
    let stranger = cart_core::session::Signer::new(&[7; 32]).expect("a secret");
    let tags = [
        None,
        Some(String::new()),
        Some(mac.to_owned()),
        Some(format!(".{mac}")),
        Some(format!("{at}.")),
        Some(format!("{at}.{}", &mac[1..])),
        Some(format!("{}.{mac}", u64::MAX)),
        Some(format!("{at}.{}", "A".repeat(43))),
        Some(of_another),
        Some(stranger.peer_tag(&body, now())),
        Some(world.weur.signer.peer_tag(&body, now().less(PEER_MS + 60_000))),
        Some(world.weur.signer.peer_tag(&body, now().plus(PEER_MS + 60_000))),
        // What the service signs for others is no tag.
        Some(world.session.token.clone()),
    ];
    for (path, method) in
        [("/peer", Method::POST), ("/peer/store", Method::POST), ("/peer/live", Method::GET)]
    {
        for tag in &tags {
            let request = world.weur.shop.request(method.clone(), path).body(body.clone());
            let request = match tag {
                Some(tag) => request.header("Evercart-Peer", tag),
                None => request,
            };
            let problem = Answer::of(request).await.problem();
            assert_eq!(problem, (401, "peer_refused".to_owned()), "{path} {tag:?}");
        }
    }
    let too_large = vec![0; CALL_BYTES_MAX + 1];
    world.weur.peer("/peer", too_large).await.refused(413, "frame_too_large");
    let largest = vec![0; CALL_BYTES_MAX];
    world.weur.peer("/peer", largest).await.refused(503, "frame_too_old");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = Answer::of(world.weur.shop.request(method, "/peer")).await;
        answer.refused(404, "not_found");
    }
    assert_eq!(world.state("weur").await, before);
}

/// By who has the secret, and another build or a fault.
async fn what_a_peer_gets_wrong_is_refused(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    let before = world.state("weur").await;
    let good = pack(&world.call("weur", Input::Read));
    let with_format = |format: u8| [&[format], &good[1..]].concat();
    let id = good.windows(7).position(|part| part == b"c_weur_").expect("the cart's id");
    let with_id = |name: &[u8]| {
        let mut damaged = good.clone();
        damaged[id..id + name.len()].copy_from_slice(name);
        damaged
    };
    let mut calls: Vec<(Vec<u8>, u16, &str)> = vec![
        (vec![], 422, "malformed_delta"),
        (with_format(FORMAT + 1), 503, "frame_too_new"),
        (with_format(255), 503, "frame_too_new"),
        (with_format(OLDEST - 1), 503, "frame_too_old"),
        ([&good[..], &[0]].concat(), 422, "malformed_delta"),
        (with_id(b"c_nowh_"), 422, "malformed_delta"),
        (with_id(b"x_weur_"), 422, "malformed_delta"),
        (with_id(b"c_weur_\0"), 422, "malformed_delta"),
        (with_id(b"c_weur_\xff\xfe"), 422, "malformed_delta"),
    ];
    calls.extend((1..good.len()).step_by(7).map(|length| (good[..length].to_vec(), 422, "malformed_delta")));
    // One that others serve, and one that nobody does.
    for region in ["enam", "sam"] {
        calls.push((pack(&world.call(region, Input::Read)), 421, "misdirected"));
    }
    // What only the object says to itself.
    let to = Holder::Replica(Region::Enam);
    for input in [Input::Fresh, Input::Tick, Input::Missed { to }, Input::Pull { from: to }] {
        calls.push((pack(&world.call("weur", input)), 422, "not_yours"));
    }
    for (body, status, code) in calls {
        let answer = world.weur.peer("/peer", body.clone()).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{body:?}");
    }

    // Refused by the replica: the call itself is answered.
    let frame = world.frame(&Cart::default()).to_bytes();
    let receipt = Receipt { from: to, incarnation: 1, echo: 1, acknowledged: 1, digest: [0; 16] }.to_bytes();
    let later = |bytes: &[u8]| [&[FORMAT + 1], &bytes[1..]].concat();
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    let damaged = Frame { state: vec![1, 255, 255], ..world.frame(&Cart::default()) }.to_bytes();
    let too_large = Frame { state: vec![1; FRAME_BYTES_MAX], ..world.frame(&Cart::default()) }.to_bytes();
    let edit = |edit: Edit| Input::Edit(edit);
    let under = |actors| Edit { actors, ..Edit::of(now().day(), &world.owner(), "hostile", vec![]) };
    let inputs: Vec<(Input, &str)> = vec![
        (Input::Frame { bytes: vec![] }, "malformed_delta"),
        (Input::Frame { bytes: cut(&frame) }, "malformed_delta"),
        (Input::Frame { bytes: damaged }, "malformed_delta"),
        (Input::Frame { bytes: later(&frame) }, "frame_too_new"),
        (Input::Frame { bytes: too_large }, "frame_too_large"),
        (Input::Receipts { receipts: vec![receipt.clone(), cut(&receipt)] }, "malformed_delta"),
        (Input::Receipts { receipts: vec![later(&receipt)] }, "frame_too_new"),
        (edit(under(vec![])), "malformed_delta"),
        (edit(under(vec![Actor(u64::MAX)])), "invalid_field"),
        (edit(Edit { seen: Some(vec![9; 9]), ..under(vec![Actor(u64::MAX)]) }), "malformed_delta"),
        (Input::Sync { request: vec![1; 99] }, "malformed_delta"),
        (Input::Join { state: vec![7; 7], path: vec![] }, "malformed_delta"),
        (Input::TakeOver { term: 77 }, "home_moved"),
        (Input::HandOver { to: Region::Sam }, "invalid_field"),
    ];
    for (input, code) in inputs {
        let problem = world.refusal("weur", input.clone()).await;
        assert_eq!(problem.map(|problem| problem.code).as_deref(), Some(code), "{input:?}");
    }
    // A session that is none of this cart's learns nothing of it.
    let session = SessionId::mint([9; 15]);
    let caller = Caller::Session { id: session, root: cart(99), issued: now(), current: false };
    let head = world.ask(&Call { caller, ..world.call("weur", Input::Read) }).await;
    assert_eq!(head.reply.err().map(|problem| problem.code).as_deref(), Some("cart_not_found"));
    assert_eq!(world.state("weur").await, before);
}

/// Heard by who listens and sent again, at once and when its time is over.
async fn a_replayed_call_does_nothing(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    let frame = world.frame(&world.add(OTHER_SKU, 3, 1)).to_bytes();
    let body = pack(&world.call("weur", Input::Frame { bytes: frame }));
    let tag = world.weur.signer.peer_tag(&body, now());
    let send = || {
        let request = world.weur.shop.request(Method::POST, "/peer").header("Evercart-Peer", tag.clone());
        Answer::of(request.body(body.clone()))
    };
    send().await.expect(200);
    let once = world.state("weur").await;
    assert_eq!(once["totals"]["quantity"], 5);
    for _ in 0..3 {
        send().await.expect(200);
    }
    assert_eq!(world.state("weur").await, once);
    // The line is removed: what is replayed does not bring it back.
    let line = once["lines"].as_array().expect("lines").iter().find(|line| line["sku"] == OTHER_SKU);
    let line = line.expect("the line")["line_id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/carts/current/lines/{line}");
    Answer::of(world.weur.shop.call(&world.session, Method::DELETE, &path)).await.expect(200);
    send().await.expect(200);
    assert_eq!(world.state("weur").await["totals"]["quantity"], 2);
    world.equal(&NAMES).await;
}

/// apac is cut off, and a liar speaks in its name to each of the others by itself.
async fn a_liar_does_not_keep_good_regions_apart(regions: &Regions) {
    regions.isolate("apac");
    let world = World::open(regions).await;
    let good = ["enam", "weur"];
    world.equal(&good).await;
    let ours = Actor::mint(now().day(), 0xbad);
    let key = |sku| LineKey::new(sku, None, None).expect("a key");
    let change = |change: Change, counter, time| {
        let stamp = Stamp { dot: Dot::new(ours, counter), time, scope: Scope(u32::MAX) };
        Cart::default().change(&change, stamp)
    };
    let far = HybridTime(u64::MAX);
    let most = Change::Add { key: key(OTHER_SKU), details: None, quantity: u32::MAX, at: Location::Cart };
    let set = Change::Set { key: key(SKU), quantity: 7, at: Location::Cart };
    let mut others = Cart::default();
    // It claims changes that good regions' shoppers have yet to make.
    let to_come = vec![Command::Add { sku: SKU.into(), quantity: 1, variant: None, customization: None }];
    let actors = Edit::of(now().day(), &world.owner(), "to-come", to_come).actors;
    for actor in actors.into_iter().chain([Actor(u64::MAX), Actor(0), Actor::mint(now().day(), 1)]) {
        others.join(&seen(Dot::new(actor, u64::MAX)));
    }
    let told: Vec<(&str, &str, Frame)> = vec![
        ("enam", "as much as there can be", world.frame(&change(most.clone(), 1, far))),
        ("weur", "the same dot with another payload", world.frame(&change(set, 1, far))),
        ("weur", "a line that nobody sells", world.frame(&world.add("no-such-product", 1, 2))),
        ("enam", "dots of others", world.frame(&others)),
        ("weur", "dots that others do not have", world.frame(&seen(Dot::new(ours, u64::MAX)))),
        ("enam", "another digest", Frame { digest: [7; 16], ..world.frame(&world.add(SKU, 1, 3)) }),
        (
            "weur",
            "the highest numbers",
            Frame {
                incarnation: u64::MAX,
                to: u64::MAX,
                base: u64::MAX,
                sequence: u64::MAX,
                ..world.frame(&world.add(SKU, 1, 4))
            },
        ),
        ("weur", "an empty whole", Frame { pull: true, ..world.frame(&Cart::default()) }),
        (
            "enam",
            "in the name of weur",
            Frame {
                from: Holder::Replica(Region::Weur),
                incarnation: 12,
                ..world.frame(&world.add(SKU, 1, 5))
            },
        ),
        (
            "weur",
            "in its own name",
            Frame { from: Holder::Replica(Region::Weur), ..world.frame(&world.add(SKU, 1, 6)) },
        ),
        (
            "weur",
            "in the name of a store",
            Frame { from: Holder::Store(Region::Weur), ..world.frame(&world.add(SKU, 1, 7)) },
        ),
        ("enam", "odd ties", {
            let mut ties = Ties::new(Millis(u64::MAX));
            ties.leases.insert(ours, Millis(u64::MAX));
            ties.enroll(cart(98), Millis(u64::MAX));
            Frame { ties: Some(ties), ..world.frame(&Cart::default()) }
        }),
    ];
    let mut acknowledged = 0;
    for (to, what, frame) in told {
        let head = world.ask(&world.call(to, Input::Frame { bytes: frame.to_bytes() })).await;
        assert!(matches!(&head.reply, Ok(reply) if matches!(reply.kind, ReplyKind::Taken { .. })), "{what}");
        // Shoppers go on, on both sides.
        for name in good {
            world.edit(name, acknowledged).await;
            acknowledged += 1;
        }
    }
    // Receipts for what was never sent, of holders and incarnations that never were.
    for from in [Region::Apac, Region::Enam, Region::Sam].map(Holder::Replica) {
        for incarnation in [0, 1, u64::MAX] {
            let lie =
                Receipt { from, incarnation, echo: incarnation, acknowledged: u64::MAX, digest: [1; 16] };
            let receipts = vec![lie.to_bytes()];
            assert!(world.refusal("weur", Input::Receipts { receipts }).await.is_none());
        }
    }
    world.edit("enam", acknowledged).await;
    let view = world.equal(&good).await;
    // Each edit that was acknowledged has its line, once.
    for nth in 0..=acknowledged {
        assert_eq!(world.count(&view, nth), 1, "edit {nth}");
    }
    // The region itself, once it can be reached again, is as the others.
    regions.heal();
    let all = world.equal(&NAMES).await;
    assert!((0..=acknowledged).all(|nth| world.count(&all, nth) == 1), "in the region that lied too");
}

/// In the name of enam, to weur, that it has what it never got.
async fn a_lie_about_what_arrived_is_found_out(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    // What a liar has heard of both.
    let incarnation = |head: Head| match head.reply.expect("taken").kind {
        ReplyKind::Taken { receipt, .. } => Receipt::from_bytes(&receipt).expect("a receipt").incarnation,
        other => panic!("{other:?}"),
    };
    let nothing = || Input::Frame { bytes: world.frame(&Cart::default()).to_bytes() };
    let weur = incarnation(world.ask(&world.call("weur", nothing())).await);
    let enam = incarnation(world.ask(&world.call("enam", nothing())).await);
    world.equal(&NAMES).await;
    for name in ["enam", "apac"] {
        regions.partition(&["weur"], &[name]);
    }
    world.edit("weur", 0).await;
    let from = Holder::Replica(Region::Enam);
    let lie = Receipt { from, incarnation: enam, echo: weur, acknowledged: u64::MAX, digest: [1; 16] };
    assert!(world.refusal("weur", Input::Receipts { receipts: vec![lie.to_bytes()] }).await.is_none());
    // Only these two, so that no third tells enam.
    regions.link("weur", "enam").heal();
    regions.link("enam", "weur").heal();
    regions.isolate("apac");
    let began = Instant::now();
    let mut nth = 1;
    loop {
        world.edit("enam", nth).await;
        nth += 1;
        let view = world.state("enam").await;
        if world.count(&view, 0) == 1 {
            break;
        }
        assert!(began.elapsed() < EQUAL_MAX, "the lie is believed: {view:#}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    regions.heal();
    world.equal(&NAMES).await;
}

async fn an_erasure_is_everywhere(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    let frame = Frame { ties: None, ..world.frame(&Cart::erased()) };
    world.ask(&world.call("weur", Input::Frame { bytes: frame.to_bytes() })).await;
    // It is believed; then it holds in all regions, and its shopper goes on with another cart.
    let began = Instant::now();
    for name in NAMES {
        let shop = regions.shop(name).in_region(name);
        let path = format!("/v1/carts/{}", world.session.cart_id);
        while Answer::of(shop.call(&world.session, Method::GET, &path)).await.status != 404 {
            assert!(began.elapsed() < EQUAL_MAX, "{name} still shows it");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let bystander = World::open(regions).await;
    bystander.equal(&NAMES).await;
}

/// Each of two good regions is filled with something else, so that neither can tell the other all.
async fn a_cart_too_large_to_be_told_can_be_emptied(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    for (to, part) in [("weur", 0), ("enam", 1)] {
        let actor = Actor::mint(now().day(), 0x0bad_0000 + part);
        let mut garbage = Cart::default();
        for counter in 1.. {
            let key = LineKey::new(&format!("garbage-{part}-{counter:040}"), None, None).expect("a key");
            let change = Change::Add { key, details: None, quantity: 1, at: Location::Cart };
            let stamp = Stamp { dot: Dot::new(actor, counter), time: HybridTime(0), scope: Scope(1) };
            garbage.join(&Cart::default().change(&change, stamp));
            // Two of them are more than a frame holds, and less than a row does.
            if counter % 500 == 0 && garbage.to_bytes().len() > FRAME_BYTES_MAX / 2 + 10_000 {
                break;
            }
        }
        let bytes = world.frame(&garbage).to_bytes();
        let head = world.ask(&world.call(to, Input::Frame { bytes })).await;
        assert!(head.reply.is_ok(), "{:?}", head.reply);
    }
    // Other carts do not notice.
    let bystander = World::open(regions).await;
    bystander.equal(&NAMES).await;
    // Its shopper cannot add, and can clear; cleared, it is small again, and equal.
    let add = world.weur.shop.add(&world.session, SKU, 1).await;
    add.refused(429, "cart_busy");
    for name in ["weur", "enam", "apac"] {
        let shop = regions.shop(name).in_region(name);
        let clear = shop.call(&world.session, Method::DELETE, "/v1/carts/current/lines").json(&json!({}));
        Answer::of(clear).await.expect(200);
    }
    let began = Instant::now();
    loop {
        let mut quantities = Vec::new();
        for name in NAMES {
            quantities.push(world.state(name).await["totals"]["quantity"].clone());
        }
        if quantities.iter().all(|quantity| *quantity == 0) {
            break;
        }
        assert!(began.elapsed() < EQUAL_MAX, "not cleared: {quantities:?}");
        let clear = world.weur.shop.call(&world.session, Method::DELETE, "/v1/carts/current/lines");
        Answer::of(clear.json(&json!({}))).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    world.weur.shop.add(&world.session, SKU, 1).await.expect(200);
    world.equal(&NAMES).await;
}

/// During a rolling upgrade to another format, apac's calls are too new for the others, and theirs too old.
async fn another_version_is_refused_and_caught_up_with(regions: &Regions) {
    let world = World::open(regions).await;
    world.equal(&NAMES).await;
    let as_format = |format: u8| {
        let signer = world.weur.signer.clone();
        Rewrite(Arc::new(move |body: &mut Vec<u8>| {
            body[0] = format;
            signer.peer_tag(body, now())
        }))
    };
    for other in ["enam", "weur"] {
        let there = Faults { rewrite: Some(as_format(OLDEST - 1)), ..Faults::default() };
        let back = Faults { rewrite: Some(as_format(FORMAT + 1)), ..Faults::default() };
        regions.link(other, "apac").set(there);
        regions.link("apac", other).set(back);
    }
    let counted = |from: &str, to: &str| regions.link(from, to).counts();
    let before = (counted("weur", "apac").answered, counted("apac", "weur").answered);
    for nth in 0..30 {
        world.edit(NAMES[nth % 3], nth).await;
    }
    // Both were told, and both refused.
    let began = Instant::now();
    loop {
        let after = (counted("weur", "apac").answered, counted("apac", "weur").answered);
        if after.0 > before.0 && after.1 > before.1 {
            break;
        }
        assert!(began.elapsed() < EQUAL_MAX, "nobody was told: {before:?} {after:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.equal(&["enam", "weur"]).await;
    let here = world.state("apac").await;
    assert_eq!((0..30).filter(|nth| world.count(&here, *nth) == 1).count(), 10, "only its own");
    // They are not called again and again.
    let calls = counted("weur", "apac").frames;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let more = counted("weur", "apac").frames - calls;
    assert!(more <= 6, "{more} calls of weur in two seconds");
    regions.heal();
    let view = world.equal(&NAMES).await;
    for nth in 0..30 {
        assert_eq!(world.count(&view, nth), 1, "edit {nth}");
    }
}

// A cart whose home is weur, its shopper, and the secret of all regions.

struct World<'a> {
    regions: &'a Regions,
    session: Session,
    cart: CartId,
    weur: Operator,
}

impl<'a> World<'a> {
    /// Two are in the cart.
    async fn open(regions: &'a Regions) -> Self {
        let weur = Operator::of(regions.runtime("weur"));
        let session = weur.shop.open().await;
        weur.shop.add(&session, SKU, 2).await.expect(200);
        for name in ["enam", "apac"] {
            regions.shop(name).in_region(name).view(&session).await;
        }
        let cart = CartId::try_from(session.cart_id.clone()).expect("a cart's id");
        Self { regions, session, cart, weur }
    }

    fn owner(&self) -> SessionId {
        serde_json::from_value(json!(self.session.session_id)).expect("a session's id")
    }

    /// As a peer region calls.
    fn call(&self, region: &str, input: Input) -> Call {
        let region = Region::parse(region).expect("a region");
        let (cart_id, caller) = (self.cart.clone(), Caller::Service);
        // The clock of the receiver is its own, whatever is said.
        Call { cart_id, region, caller, input, fresh: false, shown_by: Vec::new(), skew_ms: 99_000_000_000 }
    }

    async fn ask(&self, call: &Call) -> Head {
        let operator = Operator::of(self.regions.runtime(call.region.name()));
        let answer = operator.peer("/peer", pack(call)).await.expect(200);
        unpack(&answer.bytes).expect("an answer")
    }

    async fn refusal(&self, region: &str, input: Input) -> Option<Problem> {
        self.ask(&self.call(region, input)).await.reply.err()
    }

    /// A frame of apac's that says so.
    fn frame(&self, state: &Cart) -> Frame {
        let from = Holder::Replica(Region::Apac);
        let (digest, state) = (cart_core::frame::digest(state, &Ties::new(Millis(0))), state.to_bytes());
        Frame {
            from,
            incarnation: 666,
            to: 0,
            base: 0,
            sequence: 1,
            digest,
            joined: true,
            pull: false,
            edited: Millis(0),
            ties: None,
            state,
        }
    }

    /// An add by an actor of apac's.
    fn add(&self, sku: &str, quantity: u32, actor: u64) -> Cart {
        let key = LineKey::new(sku, None, None).expect("a key");
        let change = Change::Add { key, details: None, quantity, at: Location::Cart };
        let dot = Dot::new(Actor::mint(now().day(), 0xa9ac_0000 + actor), 1);
        Cart::default().change(&change, Stamp { dot, time: HybridTime::at(now()), scope: self.cart.scope() })
    }

    async fn state(&self, region: &str) -> Value {
        // By its id: which of a session's carts is the current one, a liar may have said.
        let path = format!("/v1/carts/{}", self.cart);
        let call = self.place(region).call(&self.session, Method::GET, &path);
        Answer::of(call).await.expect(200).json()
    }

    fn place(&self, region: &str) -> Shop {
        self.regions.shop(region).in_region(region)
    }

    /// The nth edit: a line of its own.
    async fn edit(&self, region: &str, nth: usize) {
        let body = json!({"sku": SKU, "customization": {"engraving": format!("edit {nth}")}});
        let path = format!("/v1/carts/{}/lines", self.cart);
        let call = self.place(region).call(&self.session, Method::POST, &path);
        let answer = Answer::of(call.header("Idempotency-Key", format!("edit-{nth}")).json(&body)).await;
        answer.expect(200);
    }

    /// What a view shows of the nth edit.
    fn count(&self, view: &Value, nth: usize) -> u64 {
        let engraving = format!("edit {nth}");
        let lines = view["lines"].as_array().expect("lines");
        let mine = lines.iter().filter(|line| line["customization"]["engraving"] == engraving.as_str());
        mine.map(|line| line["quantity"].as_u64().expect("a quantity")).sum()
    }

    /// What regions show, once it is the same.
    async fn equal(&self, names: &[&str]) -> Value {
        let began = Instant::now();
        loop {
            let mut views = Vec::new();
            for name in names {
                views.push(self.state(name).await);
            }
            if views.iter().all(|view| view["version"] == views[0]["version"]) {
                return views.remove(0);
            }
            assert!(began.elapsed() < EQUAL_MAX, "not equal: {views:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A delta that has seen a dot, and so removes it.
fn seen(dot: Dot) -> Cart {
    Cart::default().change(&Change::Clear, Stamp { dot, time: HybridTime(0), scope: Scope(0) })
}

fn cart(name: u8) -> CartId {
    CartId::mint(Region::Weur, [name; 15])
}
