//! What a replica refuses, each with its code: the row, the version and the book stay as they were, to the
//! byte, and nothing follows but the reply. And what it writes for what it does not refuse.

mod shop;

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::command::{Command, Fields, Place};
use cart_core::id::{Actor, CartId, Dot, OrderId, Region, Scope, SessionId};
use cart_core::idem::Ledger;
use cart_core::ingress::COUNTER_WINDOW;
use cart_core::limits::Limits;
use cart_core::line::{Contributions, LineKey, Location};
use cart_core::meta::{Code, Field};
use cart_core::replica::{
    Caller, Effect, Input, LEASE_MS, LEASES_MANY, LEASES_MAX, RETRY_DAYS, Reply, ReplyKind, SESSION_CARTS_MAX,
};
use cart_core::sync::SyncRequest;
use cart_core::time::{HybridClock, HybridTime, Millis};
use shop::{BEGIN, Shop, actor, add, cart_id, engraved, key, order, remove, seen, stamp};

const AT: Location = Location::Cart;
/// How long a page is kept: until no retry looks for an actor in it.
const PAGE_MS: u64 = (RETRY_DAYS as u64 + 2) * Millis::DAY;
/// The device that sends, and another one.
const ME: u64 = 2;
const OTHER: u64 = 1;

/// X:5 by the other device, Y:2 over plain HTTP, and leases for both devices.
fn fixture() -> Shop {
    let mut shop = Shop::new(1);
    let mut device = shop.device(OTHER);
    device.edit(add("X", 5), BEGIN);
    shop.exchange(&mut device, BEGIN).expect("an exchange");
    shop.edit("y", order("Y", 2), BEGIN).expect("an edit");
    shop.lease(ME);
    shop
}

/// Refused with this code, and without a trace.
fn refused(shop: &mut Shop, caller: &Caller, input: Input, now: Millis, code: &str) {
    let (row, version, book) = (shop.row.clone(), shop.cart().version(), shop.replica.book().clone());
    let what = format!("{input:?}");
    let effects = shop.step(caller, input, now);
    match effects.as_slice() {
        [Effect::Reply(Err(reject))] => assert_eq!(reject.code(), code, "{reject}: {what}"),
        _ => panic!("{code} is wanted: {effects:?}: {what}"),
    }
    assert_eq!((shop.row.clone(), shop.cart().version()), (row, version), "{code}");
    assert_eq!(shop.replica.book(), &book, "{code}");
}

/// A device's delta is refused.
fn no_delta(shop: &mut Shop, delta: Delta, code: &str) {
    let caller = shop.shopper();
    refused(shop, &caller, sync_of(ME, delta), BEGIN, code);
}

/// Plain HTTP commands are refused.
fn no_edit(shop: &mut Shop, key: &str, command: Command, now: Millis, code: &str) {
    let (caller, edit) = (shop.shopper(), shop.edit_of(key, vec![command], now));
    refused(shop, &caller, Input::Edit(edit), now, code);
}

/// A device's delta is taken in.
fn takes(shop: &mut Shop, delta: Delta) {
    let reply = shop.ask(&shop.shopper(), sync_of(ME, delta), BEGIN);
    assert!(matches!(reply, Ok(Reply { kind: ReplyKind::Synced(_), .. })), "{reply:?}");
}

fn sync_of(name: u64, delta: Delta) -> Input {
    // As a device that has sent all counters before those of the delta.
    let sent = delta.context().highest(actor(name)).saturating_sub(1);
    let request = SyncRequest { actor: actor(name), sent, context: delta.context().clone(), delta };
    Input::Sync { request: request.to_bytes() }
}

/// A change made on what the replica holds.
fn made(shop: &Shop, change: Change, stamp: Stamp) -> Delta {
    shop.cart().change(&change, stamp)
}

// Devices: whose changes.

#[test]
fn dots_of_others_are_refused() {
    let shop = &mut fixture();
    for change in [add("X", 1), set("X", 1), fewer("X", 1), save("X"), coupon("C"), note("n")] {
        let mut delta = made(shop, change, stamp(OTHER, 2, 1));
        delta.join(&seen([Dot::new(actor(ME), 1)]));
        no_delta(shop, delta, "foreign_dot");
    }
    // Hidden among changes of one's own.
    let mut mixed = made(shop, add("Y", 1), stamp(ME, 1, 1));
    mixed.join(&made(shop, add("Z", 1), stamp(9, 1, 1)));
    no_delta(shop, mixed, "foreign_dot");
    let whole = shop.cart().clone();
    no_delta(shop, whole, "not_yours");
}

#[test]
fn what_only_the_service_writes_is_refused() {
    let shop = &mut fixture();
    let mut horizon = made(shop, add("X", 1), stamp(ME, 1, 1));
    horizon.raise_horizon(BEGIN.day());
    no_delta(shop, horizon, "not_yours");
    let fence = made(shop, Change::Checkout { fence: 1, order: OrderId(1) }, stamp(ME, 1, 1));
    no_delta(shop, fence, "not_yours");
    no_delta(shop, Cart::erased(), "not_yours");
    // weur present with epoch 1; weur home with term 1.
    for bytes in [&[1, 0x80, 2, 0, 1, 3, 2][..], &[1, 0x80, 4, 0, 1, 3]] {
        no_delta(shop, Cart::from_bytes(bytes).expect("a state"), "not_yours");
    }
    let elsewhere = Stamp { scope: Scope(1), ..stamp(ME, 1, 1) };
    let delta = made(shop, set("X", 3), elsewhere);
    no_delta(shop, delta, "not_yours");
}

#[test]
fn actors_without_a_lease_are_refused() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    let delta = made(shop, add("X", 1), stamp(7, 1, 1));
    refused(shop, &caller, sync_of(7, delta.clone()), BEGIN, "actor_unknown");
    refused(shop, &caller, sync_of(7, Cart::default()), BEGIN, "actor_unknown");
    let old = Actor::mint(BEGIN.day().before(9), 7);
    let request =
        SyncRequest { actor: old, sent: 0, context: delta.context().clone(), delta: Cart::default() };
    refused(shop, &caller, Input::Sync { request: request.to_bytes() }, BEGIN, "actor_expired");
    let ended = BEGIN.plus(LEASE_MS + 1);
    let delta = made(shop, add("X", 1), stamp(ME, 1, 1));
    refused(shop, &caller, sync_of(ME, delta.clone()), ended, "actor_expired");
    shop.ask(&caller, sync_of(ME, delta), BEGIN.plus(LEASE_MS)).expect("the last moment");
}

#[test]
fn leases_are_bounded() {
    let shop = &mut fixture();
    for name in 3..=LEASES_MAX as u64 {
        shop.lease(name);
    }
    // Those that were given when there were many have all made an edit since.
    let many: Vec<Actor> = shop
        .replica
        .book()
        .ties
        .leases
        .iter()
        .filter(|lease| *lease.1 < BEGIN.plus(LEASE_MS))
        .map(|lease| *lease.0)
        .collect();
    assert_eq!(many.len(), LEASES_MAX - LEASES_MANY);
    for device in many {
        let stamp = Stamp { dot: Dot::new(device, 1), ..stamp(0, 1, 1) };
        let delta = made(shop, add("X", 1), stamp);
        let request = SyncRequest { actor: device, sent: 0, context: delta.context().clone(), delta };
        let caller = shop.shopper();
        shop.ask(&caller, Input::Sync { request: request.to_bytes() }, BEGIN.plus(2_000))
            .expect("its first edit");
    }
    let caller = shop.shopper();
    refused(shop, &caller, Input::Lease { actor: actor(999) }, BEGIN, "too_many_devices");
    shop.lease(ME);
    let later = BEGIN.plus(LEASE_MS - 1);
    assert_eq!(shop.replica.book().ties.leases.values().filter(|until| **until > later).count(), LEASES_MAX);
    refused(shop, &caller, Input::Lease { actor: Actor::mint(later.day(), 1) }, later, "too_many_devices");
    // When to come again is said where that helps: the first ends within the day.
    let mut waits = |now: Millis| {
        let refused = shop.ask(&caller, Input::Lease { actor: Actor::mint(now.day(), 7_777) }, now);
        refused.expect_err("there is no room").retry_after_s()
    };
    assert_eq!((waits(BEGIN), waits(later), waits(later.less(3_599_999))), (None, Some(1), Some(3_600)));
    shop.ask(&caller, Input::Lease { actor: actor(999) }, BEGIN.plus(LEASE_MS)).expect("others have ended");
}

#[test]
fn leases_that_made_no_edit_make_room_for_others() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    // A page that keeps nothing leases anew with each load, for weeks.
    let mut last = Actor(0);
    for load in 0..4 * LEASES_MAX as u64 {
        let now = BEGIN.plus(load * 600_000);
        last = Actor::mint(now.day(), 1_000 + load);
        shop.ask(&caller, Input::Lease { actor: last }, now).expect("there is room");
    }
    let now = BEGIN.plus(4 * LEASES_MAX as u64 * 600_000);
    let leases = shop.replica.book().ties.leases.clone();
    assert!(leases.len() <= LEASES_MAX, "{}", leases.len());
    assert!(leases.contains_key(&actor(ME)), "a device that was there before keeps its own");
    assert!(leases.contains_key(&last));
    // The last of them edits at last: then it lasts as long as any.
    let delta = made(shop, add("X", 1), Stamp { dot: Dot::new(last, 1), ..stamp(0, 1, 1) });
    let request = SyncRequest { actor: last, sent: 0, context: delta.context().clone(), delta };
    shop.ask(&caller, Input::Sync { request: request.to_bytes() }, now).expect("its first edit");
    let until = shop.replica.book().ties.leases[&last];
    assert_eq!(until, now.less(600_000).plus(LEASE_MS), "counted from when it was given");
}

#[test]
fn a_lease_that_was_ended_for_room_comes_back_from_where_it_was_used() {
    let here = &mut fixture();
    for name in 3..=LEASES_MAX as u64 {
        here.lease(name);
    }
    let first =
        here.replica.book().ties.leases.iter().map(|(actor, until)| (*until, *actor)).min().expect("many").1;
    let there = &mut here.in_region(Region::Enam);
    let (caller, now) = (here.shopper(), BEGIN.plus(1_000));
    here.ask(&caller, Input::Lease { actor: actor(999) }, now).expect("it makes room");
    let unknown = SyncRequest {
        actor: first,
        sent: 0,
        context: Cart::default().context().clone(),
        delta: Cart::default(),
    };
    refused(here, &caller, Input::Sync { request: unknown.to_bytes() }, now, "actor_unknown");
    // In another region, which has not heard of that, it makes an edit: acknowledged, and so never lost.
    let delta = made(there, add("X", 2), Stamp { dot: Dot::new(first, 1), ..stamp(0, 1, 1) });
    let request = SyncRequest { actor: first, sent: 0, context: delta.context().clone(), delta };
    there.ask(&caller, Input::Sync { request: request.to_bytes() }, now).expect("its first edit");
    let mut ties = here.replica.book().ties.clone();
    ties.join(&there.replica.book().ties);
    assert_eq!(ties.leases[&first], BEGIN.plus(LEASE_MS));
    assert!(ties.leases.contains_key(&actor(999)));
    here.arrive(there.cart());
    assert_eq!(here.shown("X"), there.shown("X"));
}

// Devices: counters and clocks.

#[test]
fn counters_that_skip_too_much_are_refused() {
    let shop = &mut fixture();
    for counter in [COUNTER_WINDOW + 1, u64::MAX] {
        for change in
            [add("Z", 1), set("X", 3), fewer("X", 1), save("X"), remove("X"), coupon("C"), note("n")]
        {
            let delta = made(shop, change, stamp(ME, counter, 1));
            no_delta(shop, delta, "counter_window");
        }
        for name in [OTHER, 9] {
            let beyond = counter.saturating_add(shop.cart().context().highest(actor(name)));
            let removal = seen([Dot::new(actor(ME), 1), Dot::new(actor(name), beyond)]);
            no_delta(shop, removal, "counter_window");
            let mut elsewhere = shop.cart().clone();
            elsewhere.join(&made(shop, add("X", 9), stamp(name, beyond, 1)));
            no_delta(shop, elsewhere.change(&save("X"), stamp(ME, 1, 1)), "counter_window");
        }
    }
    // A whole clock of one's own, up to the end.
    let mut clock = seen([]);
    crdts::ResetRemove::reset_remove(&mut clock, &crdts::Dot::new(actor(ME), u64::MAX).into());
    no_delta(shop, clock, "counter_window");
    // Nothing is poisoned, and the window moves on.
    let delta = made(shop, add("X", 1), stamp(ME, COUNTER_WINDOW, 1));
    takes(shop, delta);
    let delta = made(shop, add("X", 1), stamp(ME, 2 * COUNTER_WINDOW, 1));
    takes(shop, delta);
    assert_eq!(shop.shown("X"), 7);
}

#[test]
fn times_too_far_ahead_are_refused() {
    let shop = &mut fixture();
    for change in [set("X", 3), save("X"), note("n")] {
        let at = |ms| Stamp { time: HybridTime::at(BEGIN.plus(ms)), ..stamp(ME, 1, 0) };
        let delta = made(shop, change.clone(), at(HybridClock::AHEAD_MS_MAX + 1));
        no_delta(shop, delta, "clock_ahead");
        let delta = made(shop, change.clone(), Stamp { time: HybridTime(u64::MAX), ..stamp(ME, 1, 0) });
        no_delta(shop, delta, "clock_ahead");
        let delta = made(&fixture(), change, at(HybridClock::AHEAD_MS_MAX));
        takes(&mut fixture(), delta);
    }
    // The time of an add plays no part.
    let delta = made(shop, add("X", 1), Stamp { time: HybridTime(u64::MAX), ..stamp(ME, 1, 0) });
    takes(shop, delta);
}

#[test]
fn a_dot_with_another_payload_is_refused() {
    let shop = &mut fixture();
    let delta = made(shop, add("X", 1), stamp(ME, 1, 1));
    takes(shop, delta.clone());
    for change in [add("X", 2), set("X", 1)] {
        let other = made(shop, change, stamp(ME, 1, 1));
        no_delta(shop, other, "dot_conflict");
    }
    takes(shop, delta);
    assert_eq!(shop.shown("X"), 6, "the same again is none");
}

#[test]
fn changes_of_an_actor_that_sent_more_elsewhere_are_refused() {
    let shop = &mut fixture();
    let delta = made(shop, add("X", 1), stamp(ME, 1, 1));
    takes(shop, delta.clone());
    let caller = shop.shopper();
    let input = |delta: Delta, sent| {
        let request = SyncRequest { actor: actor(ME), sent, context: delta.context().clone(), delta };
        Input::Sync { request: request.to_bytes() }
    };
    let next = made(shop, add("Z", 1), stamp(ME, 2, 2));
    refused(shop, &caller, input(next.clone(), 0), BEGIN, "actor_shared");
    shop.ask(&caller, input(delta, 0), BEGIN).expect("a repeat changes nothing");
    shop.ask(&caller, input(next, 1), BEGIN).expect("the next change");
}

// Devices: what a change may hold.

#[test]
fn quantities_out_of_range_are_refused() {
    let shop = &mut fixture();
    for quantity in [0, 10_000, u32::MAX] {
        let delta = made(shop, add("X", quantity), stamp(ME, 1, 1));
        no_delta(shop, delta, "invalid_field");
        no_edit(shop, "k", order("X", i64::from(quantity)), BEGIN, "invalid_field");
    }
    for quantity in [10_000, u32::MAX] {
        let delta = made(shop, set("X", quantity), stamp(ME, 1, 1));
        no_delta(shop, delta, "invalid_field");
    }
    let (line_id, at) = (key("X").line_id(), Place::Cart);
    for quantity in [-1, 10_000, i64::MIN, i64::MAX] {
        let line_id = line_id.clone();
        no_edit(shop, "k", order("X", quantity), BEGIN, "invalid_field");
        no_edit(shop, "k", Command::Set { line_id: line_id.clone(), quantity, at }, BEGIN, "invalid_field");
        let increment = Command::Increment { line_id: line_id.clone(), quantity, at };
        no_edit(shop, "k", increment, BEGIN, "invalid_field");
        no_edit(shop, "k", Command::Decrement { line_id, quantity, at }, BEGIN, "invalid_field");
    }
    no_edit(
        shop,
        "k",
        Command::Increment { line_id: line_id.clone(), quantity: 0, at },
        BEGIN,
        "invalid_field",
    );
    no_edit(shop, "k", Command::Decrement { line_id, quantity: 0, at }, BEGIN, "invalid_field");
}

#[test]
fn a_decrement_of_more_than_a_contribution_added_is_refused() {
    let shop = &mut fixture();
    let mut elsewhere = Cart::default().change(&add("X", 9), stamp(OTHER, 1, 0));
    let larger = elsewhere.change(&fewer("X", 6), stamp(ME, 1, 1));
    no_delta(shop, larger, "invalid_field");
    let all = elsewhere.change(&fewer("X", 5), stamp(ME, 1, 1));
    takes(shop, all);
    assert_eq!(shop.shown("X"), 0);
    // Of one not met yet, no more than any can add.
    elsewhere = Cart::from_bytes(&hex("01 02 01 aba201 000000000003 01 00 01 51 00 01 00 01 01 a09c01"))
        .expect("20,000 of Q");
    let of_unknown = elsewhere.change(&fewer("Q", 10_000), stamp(ME, 2, 1));
    no_delta(shop, of_unknown, "invalid_field");
}

#[test]
fn details_that_are_not_those_of_their_line_are_refused() {
    let shop = &mut fixture();
    let (ann, ann_json) = engraved("X", "Ann");
    let (_, bob_json) = engraved("X", "Bob");
    let with = |line: &LineKey, json: &str| {
        let details = Some(json.into());
        let change = Change::Add { key: line.clone(), details, quantity: 1, at: AT };
        Cart::default().change(&change, stamp(ME, 1, 1))
    };
    no_delta(shop, with(&ann, &bob_json), "malformed_delta");
    no_delta(shop, with(&key("X"), &ann_json), "malformed_delta");
    no_delta(shop, with(&ann, r#"{ "engraving": "Ann" }"#), "invalid_field");
    no_delta(shop, with(&ann, "not JSON"), "invalid_field");
    takes(shop, with(&ann, &ann_json));
    let long = Some(serde_json::Map::from_iter([("engraving".to_owned(), "x".repeat(1_024).into())]));
    let command = Command::Add { sku: "X".to_owned(), quantity: 1, variant: None, customization: long };
    no_edit(shop, "k", command, BEGIN, "invalid_field");
}

#[test]
fn fields_and_codes_out_of_form_are_refused() {
    let shop = &mut fixture();
    for (field, value) in [
        (Field::NOTE, "x".repeat(2_001)),
        (Field::CURRENCY, "euro".to_owned()),
        (Field::LOCALE, "en US".to_owned()),
        (Field::DELIVERY_REGION, String::new()),
        (Field(200), "x".repeat(2_001)),
    ] {
        let delta = made(shop, Change::Write(field, Some(value.into())), stamp(ME, 1, 1));
        no_delta(shop, delta, "invalid_field");
    }
    no_edit(shop, "k", Command::ApplyCoupon { code: "a code".to_owned() }, BEGIN, "invalid_field");
    no_edit(shop, "k", Command::Update(Fields::default()), BEGIN, "invalid_field");
    no_edit(shop, "k", order("", 1), BEGIN, "invalid_field");
    no_edit(shop, "k", order(&"7".repeat(65), 1), BEGIN, "invalid_field");
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    let delta = made(shop, add("X", 1), stamp(ME, 1, 1));
    let Input::Sync { request } = sync_of(ME, delta) else { unreachable!() };
    for length in 0..request.len() {
        let request = request[..length].to_vec();
        refused(shop, &caller, Input::Sync { request }, BEGIN, "malformed_delta");
    }
    refused(shop, &Caller::Service, Input::Join { state: vec![1], path: vec![] }, BEGIN, "malformed_delta");
}

// Bounds of a cart.

#[test]
fn the_501st_line_is_refused() {
    let shop = &mut fixture();
    shop.arrive(&lines(3, 498));
    assert_eq!(shop.cart().line_count(), 500);
    no_edit(shop, "k", order("Z", 1), BEGIN, "too_many_lines");
    let delta = made(shop, add("Z", 1), stamp(ME, 1, 1));
    no_delta(shop, delta, "too_many_lines");
    shop.edit("k", order("X", 1), BEGIN).expect("more of a line that is there");
    let delta = made(shop, add("Y", 1), stamp(ME, 1, 1));
    takes(shop, delta);
    still_possible(shop);
}

#[test]
fn honest_carts_that_pass_the_bound_together_still_join() {
    let shop = &mut fixture();
    shop.arrive(&lines(3, 300));
    let caller = Caller::Service;
    let state = lines(4, 300).to_bytes();
    shop.ask(&caller, Input::Join { state, path: vec![] }, BEGIN).expect("a guest's cart");
    assert_eq!(shop.cart().line_count(), 602);
    no_edit(shop, "k", order("Z", 1), BEGIN, "too_many_lines");
    still_possible(shop);
    assert!(shop.cart().line_count() < 602);
}

#[test]
fn the_513th_contribution_is_refused() {
    let shop = &mut fixture();
    let mut many = Cart::default();
    for counter in 1..Contributions::COUNT_MAX as u64 {
        many.join(&Cart::default().change(&add("X", 1), stamp(3, counter, 0)));
    }
    shop.arrive(&many);
    assert_eq!(shop.cart().line(&key("X")).map(Contributions::count), Some(Contributions::COUNT_MAX));
    let (line_id, at) = (key("X").line_id(), Place::Cart);
    no_edit(shop, "k", order("X", 1), BEGIN, "too_many_contributions");
    no_edit(
        shop,
        "k",
        Command::Increment { line_id: line_id.clone(), quantity: 1, at },
        BEGIN,
        "too_many_contributions",
    );
    no_edit(shop, "k", Command::Decrement { line_id, quantity: 1, at }, BEGIN, "too_many_contributions");
    for change in [add("X", 1), fewer("X", 1)] {
        let delta = made(shop, change, stamp(ME, 1, 1));
        no_delta(shop, delta, "too_many_contributions");
    }
    shop.edit("k", order("Y", 1), BEGIN).expect("another line");
    still_possible(shop);
    assert_eq!(shop.cart().line(&key("X")), None);
}

#[test]
fn a_state_beyond_64_kib_is_refused() {
    let shop = &mut fixture();
    let mut large = Cart::default();
    for at in 0.. {
        let (line, json) = engraved("X", &format!("{at:03}{}", "x".repeat(980)));
        let change = Change::Add { key: line, details: Some(json), quantity: 1, at: AT };
        let mut next = large.clone();
        next.join(&large.change(&change, stamp(3, at + 1, 0)));
        if next.to_bytes().len() + 200 > Limits::default().state_bytes_max {
            break;
        }
        large = next;
    }
    shop.arrive(&large);
    let engraving = serde_json::Map::from_iter([("engraving".to_owned(), "y".repeat(980).into())]);
    let command =
        Command::Add { sku: "X".to_owned(), quantity: 1, variant: None, customization: Some(engraving) };
    no_edit(shop, "k", command, BEGIN, "cart_busy");
    no_edit(shop, "k", note_of("y".repeat(1_500)), BEGIN, "cart_busy");
    let (line, json) = engraved("Z", &"y".repeat(980));
    let change = Change::Add { key: line, details: Some(json), quantity: 1, at: AT };
    let delta = made(shop, change, stamp(ME, 1, 1));
    no_delta(shop, delta, "cart_busy");
    shop.edit("k", order("Y", 1), BEGIN).expect("a small edit still fits");
    still_possible(shop);
}

/// Remove, set and clear, over plain HTTP and from a device, whatever bound the cart is at.
fn still_possible(shop: &mut Shop) {
    let line_id = |sku: &str| key(sku).line_id();
    let quantity = 3;
    shop.edit("at the bound 1", Command::Set { line_id: line_id("X"), quantity, at: Place::Cart }, BEGIN)
        .expect("a set");
    assert_eq!(shop.shown("X"), 3);
    shop.edit("at the bound 2", Command::Remove { line_id: line_id("X"), at: Place::Cart }, BEGIN)
        .expect("a removal");
    let highest = shop.cart().context().highest(actor(ME));
    let delta = made(shop, set("Y", 7), stamp(ME, highest + 1, 5));
    takes(shop, delta);
    assert_eq!(shop.shown("Y"), 7);
    let delta = made(shop, remove("Y"), stamp(ME, highest + 2, 6));
    takes(shop, delta);
    shop.edit("at the bound 3", Command::Clear {}, BEGIN).expect("all cleared");
    assert_eq!(shop.cart().line_count(), 0);
}

#[test]
fn a_quantity_past_the_limit_as_the_replica_sees_it_is_refused() {
    let shop = &mut fixture();
    let (line_id, at) = (key("X").line_id(), Place::Cart);
    no_edit(shop, "k", order("X", 9_995), BEGIN, "quantity_limit");
    no_edit(shop, "k", Command::Increment { line_id, quantity: 9_995, at }, BEGIN, "quantity_limit");
    shop.edit("k", order("X", 9_994), BEGIN).expect("just the limit");
    no_edit(shop, "l", order("X", 1), BEGIN, "quantity_limit");
}

// Plain HTTP.

#[test]
fn what_is_not_there_is_refused() {
    let shop = &mut fixture();
    let at = Place::Cart;
    for line_id in [key("Z").line_id(), "l_".to_owned(), "X".to_owned()] {
        let id = || line_id.clone();
        no_edit(shop, "k", Command::Set { line_id: id(), quantity: 1, at }, BEGIN, "line_not_found");
        no_edit(shop, "k", Command::Decrement { line_id: id(), quantity: 1, at }, BEGIN, "line_not_found");
        no_edit(shop, "k", Command::Remove { line_id: id(), at }, BEGIN, "line_not_found");
        no_edit(shop, "k", Command::Move { line_id: id(), location: Place::Saved }, BEGIN, "line_not_found");
    }
    let line_id = key("X").line_id();
    no_edit(
        shop,
        "k",
        Command::Remove { line_id: line_id.clone(), at: Place::Saved },
        BEGIN,
        "line_not_found",
    );
    no_edit(shop, "k", Command::Move { line_id, location: Place::Cart }, BEGIN, "line_not_found");
    no_edit(shop, "k", Command::RemoveCoupon { code: "C".to_owned() }, BEGIN, "coupon_not_found");
    // By its context, a caller saw only X.
    let mut edit = shop.edit_of("k", vec![Command::Remove { line_id: key("Y").line_id(), at }], BEGIN);
    edit.seen = Some(Cart::default().change(&add("X", 5), stamp(OTHER, 1, 0)).seen());
    let caller = shop.shopper();
    refused(shop, &caller, Input::Edit(edit), BEGIN, "line_not_found");
}

#[test]
fn commands_are_all_or_none() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    let commands = vec![order("X", 1), order("Z", 1), Command::RemoveCoupon { code: "C".to_owned() }];
    let edit = shop.edit_of("k", commands, BEGIN);
    refused(shop, &caller, Input::Edit(edit), BEGIN, "coupon_not_found");
    let edit = shop.edit_of("k", vec![], BEGIN);
    refused(shop, &caller, Input::Edit(edit), BEGIN, "invalid_field");
    let mut edit = shop.edit_of("k", vec![Command::Clear {}], BEGIN);
    edit.seen = Some(vec![1, 2, 3]);
    refused(shop, &caller, Input::Edit(edit), BEGIN, "malformed_delta");
    let edit = shop.edit_of("k", vec![order("X", 1), order("Z", 1), Command::Clear {}], BEGIN);
    shop.ask(&caller, Input::Edit(edit), BEGIN).expect("an edit");
    assert_eq!(shop.cart().line_count(), 0);
}

#[test]
fn another_version_than_if_match_says_is_refused() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    let version = shop.cart().version().to_hex();
    let mut edit = shop.edit_of("k", vec![order("X", 1)], BEGIN);
    edit.if_version = Some("0".repeat(32));
    refused(shop, &caller, Input::Edit(edit.clone()), BEGIN, "version_mismatch");
    edit.if_version = Some(version.clone());
    shop.ask(&caller, Input::Edit(edit.clone()), BEGIN).expect("the present version");
    assert!(replayed(shop.ask(&caller, Input::Edit(edit), BEGIN)), "a retry is told first");
    let mut edit = shop.edit_of("l", vec![order("X", 1)], BEGIN);
    edit.if_version = Some(version);
    refused(shop, &caller, Input::Edit(edit), BEGIN, "version_mismatch");
}

#[test]
fn a_key_stands_for_one_edit() {
    let shop = &mut fixture();
    shop.edit("k", order("X", 1), BEGIN).expect("an edit");
    assert!(replayed(shop.edit("k", order("X", 1), BEGIN)));
    no_edit(shop, "k", order("X", 2), BEGIN, "key_reused");
    no_edit(shop, "k", Command::Clear {}, BEGIN, "key_reused");
    let mut edit = shop.edit_of("k", vec![order("X", 1)], BEGIN);
    edit.seen = Some(Cart::default().seen());
    let caller = shop.shopper();
    assert!(replayed(shop.ask(&caller, Input::Edit(edit), BEGIN)), "what was seen is no part of the body");
    // From the page put aside, when 64 others came since.
    for at in 0..Ledger::PAGE_ENTRIES_MAX {
        shop.edit(&format!("other {at}"), order("Y", 1), BEGIN).expect("an edit");
    }
    assert!(shop.replica.wants_pages(&shop.edit_of("k", vec![], BEGIN)));
    assert!(replayed(shop.edit("k", order("X", 1), BEGIN)));
    no_edit(shop, "k", order("X", 2), BEGIN, "key_reused");
    assert_eq!(shop.shown("X"), 6);
}

#[test]
fn a_key_is_known_over_midnight_and_expires_after_a_day() {
    let shop = &mut fixture();
    let midnight = BEGIN.plus(Millis::DAY).day().start();
    let (evening, morning) = (Millis(midnight.0 - 600_000), midnight.plus(600_000));
    shop.edit("k", order("X", 1), evening).expect("an edit");
    assert!(replayed(shop.edit("k", order("X", 1), morning)), "under a token renewed since");
    no_edit(shop, "k", order("X", 2), morning, "key_reused");
    let last = evening.plus(Ledger::KEY_MS);
    assert!(replayed(shop.edit("k", order("X", 1), last)));
    no_edit(shop, "k", order("X", 1), last.plus(1), "key_expired");
    // Also when its entry has been purged, until the horizon passes its day.
    shop.edit("l", order("Y", 1), last.plus(2)).expect("an edit");
    no_edit(shop, "k", order("X", 1), last.plus(3), "key_expired");
    assert_eq!(shop.shown("X"), 6);
}

// Whose cart.

#[test]
fn a_cart_is_open_to_its_session_only() {
    let shop = &mut fixture();
    let stranger =
        Caller::Session { id: SessionId::mint([9; 15]), root: cart_id(9), issued: BEGIN, current: false };
    let delta = made(shop, add("X", 1), stamp(ME, 1, 1));
    let edit = shop.edit_of("k", vec![order("X", 1)], BEGIN);
    let inputs = || {
        let all = [Input::Read, Input::Carts, Input::SignOut, Input::Erase, Input::Lease { actor: actor(5) }];
        let more = [
            Input::Edit(edit.clone()),
            Input::Open(edit.clone()),
            Input::Enroll { cart: cart_id(9) },
            Input::Seal { into: cart_id(9) },
            Input::Join { state: delta.to_bytes(), path: vec![] },
            sync_of(ME, delta.clone()),
        ];
        all.into_iter().chain(more)
    };
    for input in inputs() {
        refused(shop, &stranger, input, BEGIN, "cart_not_found");
    }
    let owner = shop.shopper();
    shop.ask(&owner, Input::SignOut, BEGIN.plus(1)).expect("signed out");
    // Whenever its token was issued: where this was not known yet, it may have been renewed since.
    let later =
        Caller::Session { id: shop.session.clone(), root: cart_id(1), issued: BEGIN.plus(9), current: false };
    for caller in [&owner, &later] {
        for input in inputs().filter(|input| !matches!(input, Input::SignOut)) {
            refused(shop, caller, input, BEGIN.plus(10), "session_ended");
        }
        let again = shop.ask(caller, Input::SignOut, BEGIN.plus(10)).expect("it can be said again");
        assert_eq!(again.kind, ReplyKind::Carts(vec![cart_id(1)]));
    }
    shop.ask(&Caller::Service, Input::Erase, BEGIN).expect("erased");
    for input in [Input::Read, Input::Edit(edit.clone()), sync_of(ME, delta.clone())] {
        refused(shop, &later, input, BEGIN.plus(10), "cart_not_found");
    }
}

#[test]
fn a_sealed_cart_goes_to_one_cart_only() {
    let (guest, user) = (&mut fixture(), &mut Shop::new(2));
    refused(guest, &Caller::Service, Input::Seal { into: cart_id(1) }, BEGIN, "merge_cycle");
    guest.merge_into(user, BEGIN).expect("a merge");
    refused(guest, &Caller::Service, Input::Seal { into: cart_id(3) }, BEGIN, "already_merged");
    let caller = guest.shopper();
    refused(guest, &caller, Input::Lease { actor: actor(8) }, BEGIN, "already_merged");
    let delta = made(guest, add("X", 1), stamp(ME, 1, 1));
    takes(guest, delta);
}

#[test]
fn the_carts_of_a_session_are_bounded() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    let other = |at: usize| {
        let mut random = [0; 15];
        random[..8].copy_from_slice(&(at as u64).to_be_bytes());
        CartId::mint(Region::Weur, random)
    };
    for at in 0..SESSION_CARTS_MAX {
        shop.ask(&caller, Input::Enroll { cart: other(at) }, BEGIN).expect("one more");
    }
    shop.ask(&caller, Input::Enroll { cart: other(0) }, BEGIN).expect("there already");
    refused(shop, &caller, Input::Enroll { cart: other(SESSION_CARTS_MAX) }, BEGIN, "too_many_carts");
}

// What is written.

#[test]
fn an_edit_writes_one_row_and_a_page_once_in_64() {
    let mut shop = Shop::new(1);
    for at in 1..=200 {
        let edit = shop.edit_of(&format!("k{at}"), vec![order("X", 1)], BEGIN);
        let effects = shop.step(&shop.shopper(), Input::Edit(edit.clone()), BEGIN.plus(at));
        let full = at > 1 && (at - 1) % Ledger::PAGE_ENTRIES_MAX as u64 == 0;
        match effects.as_slice() {
            [Effect::Put(_), Effect::Reply(Ok(_))] => assert!(!full, "edit {at}"),
            [Effect::Put(_), Effect::PutPage { entries, until }, Effect::Reply(Ok(_))] => {
                assert!(full, "edit {at}");
                assert_eq!(entries.len(), Ledger::PAGE_ENTRIES_MAX * 24);
                assert_eq!(*until, BEGIN.plus(at + PAGE_MS));
            }
            other => panic!("edit {at}: {other:?}"),
        }
        let repeat = shop.step(&shop.shopper(), Input::Edit(edit), BEGIN.plus(at));
        assert!(matches!(repeat.as_slice(), [Effect::Reply(Ok(_))]), "{repeat:?}");
    }
    let commands = (0..100).map(|_| order("X", 1)).collect();
    let edit = shop.edit_of("many", commands, BEGIN);
    let effects = shop.step(&shop.shopper(), Input::Edit(edit), BEGIN);
    assert!(matches!(effects.as_slice(), [Effect::Put(_), Effect::Reply(Ok(_))]), "{effects:?}");
}

#[test]
fn pages_are_dropped_by_an_edit_after_their_time() {
    let mut shop = Shop::new(1);
    for at in 0..=Ledger::PAGE_ENTRIES_MAX {
        shop.edit(&format!("k{at}"), order("X", 1), BEGIN).expect("an edit");
    }
    let late = BEGIN.plus(PAGE_MS + 1);
    let edit = shop.edit_of("late", vec![order("X", 1)], late);
    let effects = shop.step(&shop.shopper(), Input::Edit(edit), late);
    let [Effect::Put(row), Effect::DropPages { until }, Effect::Reply(Ok(_))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((*until, row.ledger.len()), (late, 24), "the open page is purged too");
    let edit = shop.edit_of("later", vec![order("X", 1)], late);
    let effects = shop.step(&shop.shopper(), Input::Edit(edit), late);
    assert!(matches!(effects.as_slice(), [Effect::Put(_), Effect::Reply(Ok(_))]), "{effects:?}");
}

#[test]
fn a_delta_writes_one_row_and_its_repeat_none() {
    let shop = &mut fixture();
    let caller = shop.shopper();
    let delta = made(shop, add("X", 1), stamp(ME, 1, 1));
    let effects = shop.step(&caller, sync_of(ME, delta.clone()), BEGIN);
    assert!(matches!(effects.as_slice(), [Effect::Put(_), Effect::Reply(Ok(_))]), "{effects:?}");
    for delta in [delta, Cart::default()] {
        let effects = shop.step(&caller, sync_of(ME, delta), BEGIN);
        assert!(matches!(effects.as_slice(), [Effect::Reply(Ok(_))]), "{effects:?}");
    }
    for input in [Input::Read, Input::Carts] {
        let effects = shop.step(&caller, input, BEGIN);
        assert!(matches!(effects.as_slice(), [Effect::Reply(Ok(_))]), "{effects:?}");
    }
}

/// Only a sealed cart arms an alarm: one for all that is to be forwarded.
#[test]
fn a_sealed_cart_arms_one_alarm_for_a_burst() {
    let (mut guest, mut user) = (fixture(), Shop::new(2));
    let armed =
        |effects: &[Effect]| effects.iter().filter(|effect| matches!(effect, Effect::Wake(_))).count();
    let effects = guest.step(&Caller::Service, Input::Seal { into: cart_id(2) }, BEGIN);
    assert_eq!(armed(&effects), 1, "{effects:?}");
    for round in 0..2 {
        let mut wakes = 0;
        for at in 0..10 {
            let edit = guest.edit_of(&format!("k{round}{at}"), vec![order("X", 1)], BEGIN);
            let effects = guest.step(&guest.shopper(), Input::Edit(edit), BEGIN.plus(round * 5_000 + at));
            wakes += armed(&effects);
            assert_eq!(effects.len(), 2 + armed(&effects), "a row, a reply, an alarm: {effects:?}");
        }
        assert_eq!(wakes, round as usize, "the seal's own alarm serves the first burst");
        guest.forward(&mut user);
    }
    let idle = guest.step(&Caller::Service, Input::Tick, BEGIN.plus(60_000));
    assert!(matches!(idle.as_slice(), [Effect::Reply(Ok(_))]), "nothing to send costs no row: {idle:?}");
    assert_eq!(user.shown("X"), guest.shown("X"));
}

// Changes.

fn set(sku: &str, quantity: u32) -> Change {
    Change::Set { key: key(sku), quantity, at: AT }
}

fn fewer(sku: &str, quantity: u32) -> Change {
    Change::Decrement { key: key(sku), quantity, at: AT }
}

fn save(sku: &str) -> Change {
    Change::Move { key: key(sku), to: Location::Saved }
}

fn coupon(code: &str) -> Change {
    Change::Coupon(Code::try_from(code).expect("a code"))
}

fn note(text: &str) -> Change {
    Change::Write(Field::NOTE, Some(text.into()))
}

fn note_of(text: String) -> Command {
    Command::Update(Fields { note: Some(Some(text)), ..Fields::default() })
}

/// A cart of so many lines, made by one actor.
fn lines(name: u64, count: u64) -> Cart {
    let mut cart = Cart::default();
    for at in 1..=count {
        let change = add(&format!("{}", name * 1_000 + at), 1);
        cart.join(&Cart::default().change(&change, stamp(name, at, 0)));
    }
    cart
}

fn replayed(reply: Result<Reply, cart_core::reject::Reject>) -> bool {
    matches!(reply.expect("a reply").kind, ReplyKind::State { replayed: true, .. })
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split(' ').collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hexadecimal digits")
}
