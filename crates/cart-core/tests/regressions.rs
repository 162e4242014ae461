//! Faults that were found in the core: the smallest case of each, named after what must hold.

mod shop;

use cart_core::cart::Cart;
use cart_core::change::Change;
use cart_core::command::{Command, Place};
use cart_core::id::{Actor, Region};
use cart_core::limits::Limits;
use cart_core::line::Location;
use cart_core::meta::{Code, Field};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, EXPECT_MS, EXPECTED_MAX, Effect, Input, ReplyKind};
use cart_core::sync::{Device, Learned, SyncRequest};
use cart_core::time::Millis;
use shop::{BEGIN, Shop, actor, add, cart_id, engraved, key, order, remove, stamp};

// Merging a guest's cart: the horizon of one cart says nothing about the dots of the other.

#[test]
fn a_merge_keeps_the_users_lines_of_last_week() {
    let (mut user, mut guest) = (Shop::new(1), Shop::new(2));
    let next_week = BEGIN.plus(7 * Millis::DAY);
    user.edit("a", order("X", 1), BEGIN).expect("an edit");
    guest.edit("b", order("Y", 1), next_week).expect("an edit");
    guest.merge_into(&mut user, next_week).expect("a merge");
    assert_eq!((user.shown("X"), user.shown("Y")), (1, 1));
}

#[test]
fn a_merge_keeps_the_guests_lines_of_last_week() {
    let (mut user, mut guest) = (Shop::new(1), Shop::new(2));
    let next_week = BEGIN.plus(7 * Millis::DAY);
    guest.edit("b", order("Y", 1), BEGIN).expect("an edit");
    user.edit("a", order("X", 1), next_week).expect("an edit");
    guest.merge_into(&mut user, next_week).expect("a merge");
    assert_eq!((user.shown("X"), user.shown("Y")), (1, 1));
}

#[test]
fn a_merge_of_two_carts_of_one_session_keeps_both() {
    let (mut first, mut second) = (Shop::new(1), Shop::new(2));
    second.session = first.session.clone();
    first.edit("k", order("X", 1), BEGIN).expect("an edit");
    second.edit("k", order("Y", 1), BEGIN).expect("an edit");
    second.merge_into(&mut first, BEGIN).expect("a merge");
    assert_eq!((first.shown("X"), first.shown("Y")), (1, 1));
}

/// Sealed, and the user's cart never joined: what is sealed goes there by itself.
#[test]
fn a_merge_that_is_cut_off_after_the_seal_still_arrives() {
    let (mut user, mut guest) = (Shop::new(1), Shop::new(2));
    guest.edit("b", order("Y", 1), BEGIN).expect("an edit");
    guest.ask(&Caller::Service, Input::Seal { into: cart_id(1) }, BEGIN).expect("a seal");
    guest.forward(&mut user);
    assert_eq!(user.shown("Y"), 1);
}

// Contexts of views.

#[test]
fn the_context_of_a_view_of_two_lines_can_be_sent_back() {
    let mut shop = Shop::new(1);
    shop.edit("a", order("X", 1), BEGIN).expect("an edit");
    shop.edit("b", order("Y", 1), BEGIN).expect("an edit");
    let mut edit = shop.edit_of("c", vec![Command::Clear {}], BEGIN);
    edit.seen = Some(shop.cart().seen());
    shop.ask(&shop.shopper(), Input::Edit(edit), BEGIN).expect("an edit with a context");
    assert_eq!((shop.shown("X"), shop.shown("Y")), (0, 0));
}

// Customised lines: their details are the same wherever the line is.

#[test]
fn an_increment_of_an_engraved_line_in_parallel_with_its_removal_keeps_the_engraving() {
    let (line, json) = engraved("X", "Ann");
    let first = Change::Add { key: line.clone(), details: Some(json), quantity: 1, at: Location::Cart };
    let mut a = Cart::default().change(&first, stamp(1, 1, 0));
    let mut b = a.clone();
    let more = Change::Add { key: line.clone(), details: None, quantity: 1, at: Location::Cart };
    let more = a.change(&more, stamp(2, 1, 1));
    let gone = b.change(&Change::Remove { key: line.clone(), at: Location::Cart }, stamp(3, 1, 1));
    for delta in [&more, &gone] {
        a.join(delta);
    }
    for delta in [&gone, &more] {
        b.join(delta);
    }
    assert!(a.details(&line).is_some());
    assert_eq!(a, b);
}

#[test]
fn the_details_of_a_line_do_not_depend_on_the_order_of_arrival() {
    let (line, json) = engraved("X", "Ann");
    let one = Change::Add { key: line.clone(), details: Some(json), quantity: 5, at: Location::Cart };
    let first = Cart::default().change(&one, stamp(1, 1, 0));
    let gone = first.change(&Change::Remove { key: line.clone(), at: Location::Cart }, stamp(2, 1, 1));
    let mut elsewhere = first.clone();
    elsewhere.join(&first.change(&one, stamp(3, 1, 1)));
    let fewer = Change::Decrement { key: line, quantity: 1, at: Location::Cart };
    let fewer = elsewhere.change(&fewer, stamp(4, 1, 2));
    let joined = |order: [&Cart; 3]| {
        order.into_iter().fold(Cart::default(), |mut cart, delta| {
            cart.join(delta);
            cart
        })
    };
    assert_eq!(joined([&first, &fewer, &gone]), joined([&first, &gone, &fewer]));
}

#[test]
fn details_that_differ_join_alike_both_ways() {
    let (line, json) = engraved("X", "Ann");
    let with = |json| Change::Add { key: line.clone(), details: Some(json), quantity: 5, at: Location::Cart };
    let honest = Cart::default().change(&with(json), stamp(1, 1, 0));
    let forged = Cart::default().change(&with(engraved("X", "Bob").1), stamp(1, 1, 0));
    let (mut here, mut there) = (honest.clone(), forged.clone());
    here.join(&forged);
    there.join(&honest);
    assert_eq!(here, there);
}

// Devices that share an actor, and devices that leave one.

#[test]
fn two_tabs_with_one_actor_lose_nothing_when_they_add_different_things() {
    let mut shop = Shop::new(1);
    let mut first = shop.device(1);
    let mut second = first.clone();
    first.edit(add("X", 1), BEGIN);
    second.edit(add("Y", 1), BEGIN);
    assert_eq!(shop.exchange(&mut first, BEGIN), Ok(Learned::Acknowledged));
    if shop.exchange(&mut second, BEGIN) != Ok(Learned::Acknowledged) {
        second.abandon(shop.lease(2));
        assert_eq!(shop.exchange(&mut second, BEGIN), Ok(Learned::Acknowledged));
    }
    assert_eq!((shop.shown("X"), shop.shown("Y")), (1, 1));
}

#[test]
fn a_device_that_abandons_its_actor_after_a_response_doubles_nothing() {
    let mut shop = Shop::new(1);
    let mut device = Device::new(shop.lease(1), cart_id(1).scope());
    device.edit(add("X", 1), BEGIN);
    let (sent_before, request) = (device.sent(), device.request());
    device.edit(add("X", 1), BEGIN);
    let response = shop.sync(&request, BEGIN).expect("a response");
    assert_eq!(device.receive(&response, sent_before), Learned::Acknowledged);
    device.abandon(shop.lease(2));
    assert_eq!(device.cart().shown(&key("X"), Location::Cart), 2);
}

/// A dot is one change. In two lines of a state it is counted twice, where a clock is written as the number
/// of its live dots: the next change gives a row that cannot be read.
#[test]
fn a_dot_in_two_lines_is_refused() {
    let mut shop = Shop::new(1);
    shop.lease(1);
    let twice = [
        &[1, 3, 1, 0xab, 0xa2, 1, 0, 0, 0, 0, 0, 1, 1, 2][..],
        &[0, 1, b'X', 0, 1, 0, 1, 0x41],
        &[0, 1, b'Y', 0, 1, 0, 1, 0x41],
    ];
    if let Ok(twice) = Cart::from_bytes(&twice.concat()) {
        let first = send(&mut shop, twice, 0);
        send(&mut shop, Cart::default().change(&remove("Z"), stamp(1, 2, 1)), 1).expect("a removal");
        assert_eq!(first, Err("dot_conflict"));
    }
}

#[test]
fn a_dot_that_names_another_line_is_refused() {
    let mut shop = Shop::new(1);
    shop.lease(1);
    send(&mut shop, Cart::default().change(&add("X", 2), stamp(1, 1, 0)), 0).expect("an add");
    let again = send(&mut shop, Cart::default().change(&add("Y", 2), stamp(1, 1, 0)), 1);
    assert_eq!((again, shop.shown("X"), shop.shown("Y")), (Err("dot_conflict"), 2, 0));
}

fn send(shop: &mut Shop, delta: Cart, sent: u64) -> Result<(), &'static str> {
    let request = SyncRequest { actor: actor(1), sent, context: delta.context().clone(), delta };
    shop.sync(&request, BEGIN).map(drop).map_err(|reject| reject.code())
}

// Replies.

#[test]
fn an_edit_of_an_actor_before_the_horizon_is_refused() {
    let mut shop = Shop::new(1);
    shop.edit("a", order("X", 1), BEGIN).expect("an edit");
    let mut edit = shop.edit_of("b", vec![order("Y", 1)], BEGIN);
    edit.actors = vec![Actor::derive(BEGIN.day().before(9), &shop.session, "b")];
    let reply = shop.ask(&shop.shopper(), Input::Edit(edit), BEGIN);
    assert!(reply.is_err() || shop.shown("Y") == 1, "acknowledged, and not in the cart");
}

#[test]
fn a_refused_open_has_no_effect_but_its_reply() {
    let mut shop = Shop::new(1);
    let edit = shop.edit_of("a", vec![order("X", 0)], BEGIN);
    let effects = shop.step(&shop.shopper(), Input::Open(edit), BEGIN);
    assert!(matches!(effects.as_slice(), [Effect::Reply(Err(_))]), "{effects:?}");
}

#[test]
fn a_retry_in_a_region_that_the_state_has_reached_is_a_replay() {
    let mut a = Shop::new(1);
    a.edit("before", order("X", 1), BEGIN).expect("an edit");
    let mut b = a.in_region(Region::Enam);
    a.edit("k", order("X", 1), BEGIN).expect("an edit");
    b.arrive(a.cart());
    let kind = b.edit("k", order("X", 1), BEGIN).map(|reply| reply.kind);
    assert_eq!(kind, Ok(ReplyKind::State { replayed: true, merged_into: None }));
}

// Bounds.

#[test]
fn no_part_of_a_state_may_grow_beyond_the_bound() {
    let writes = (5..=255).map(|field| Change::Write(Field(field), Some("x".repeat(2_000).into())));
    let coupons = (0..40_000).map(|_| Change::Coupon(Code::try_from("C").expect("a code")));
    grows_no_further("fields", writes, 1);
    grows_no_further("dots of a coupon", coupons, 1);
    grows_no_further("gaps", (0..40_000).map(|_| remove("X")), 2);
}

/// A device makes these changes, every `stride`-th of its counters, and sends 500 at a time.
fn grows_no_further(what: &str, changes: impl Iterator<Item = Change>, stride: u64) {
    let mut shop = Shop::new(1);
    let sender = shop.lease(1);
    let mut delta = Cart::default();
    for (at, change) in changes.enumerate() {
        delta.join(&Cart::default().change(&change, stamp(1, 1 + at as u64 * stride, 0)));
        if at % 500 < 499 && delta.to_bytes().len() < 50_000 {
            continue;
        }
        let request = SyncRequest { actor: sender, sent: 0, context: delta.context().clone(), delta };
        if shop.sync(&request, BEGIN).is_err() {
            return;
        }
        let bytes = shop.row.cart.len();
        assert!(bytes <= Limits::default().state_bytes_max, "{what}: {bytes} bytes and no refusal");
        delta = Cart::default();
    }
    panic!("{what}: {} bytes of all", shop.row.cart.len());
}

#[test]
fn a_device_may_set_a_line_in_a_state_beyond_the_bound() {
    let mut shop = Shop::new(1);
    shop.lease(1);
    let mut large = Cart::default().change(&add("X", 1), stamp(2, 1, 0));
    for at in 2..80 {
        let (line, json) = engraved("X", &format!("{at}{}", "x".repeat(980)));
        let change = Change::Add { key: line, details: Some(json), quantity: 1, at: Location::Cart };
        large.join(&Cart::default().change(&change, stamp(2, at, 0)));
    }
    shop.arrive(&large);
    let set = Change::Set { key: key("X"), quantity: 3, at: Location::Cart };
    let delta = shop.cart().change(&set, stamp(1, 1, 1));
    let request = SyncRequest { actor: actor(1), sent: 0, context: delta.context().clone(), delta };
    assert_eq!(shop.sync(&request, BEGIN).map(drop), Ok(()));
}

#[test]
fn a_move_past_the_limit_of_a_line_is_refused() {
    let mut shop = Shop::new(1);
    let line_id = key("X").line_id();
    shop.edit("a", order("X", 9_999), BEGIN).expect("an edit");
    shop.edit("b", Command::Move { line_id: line_id.clone(), location: Place::Saved }, BEGIN)
        .expect("a move");
    shop.edit("c", order("X", 9_999), BEGIN).expect("an edit");
    let back = shop.edit("d", Command::Move { line_id, location: Place::Cart }, BEGIN);
    assert_eq!(back.map(drop).map_err(|reject| reject.code()), Err("quantity_limit"));
}

#[test]
fn a_delta_of_another_actor_alone_is_told_so() {
    let mut shop = Shop::new(1);
    shop.lease(1);
    let delta = shop.cart().change(&add("X", 1), stamp(2, 1, 1));
    let request = SyncRequest { actor: actor(1), sent: 0, context: delta.context().clone(), delta };
    assert_eq!(shop.sync(&request, BEGIN).map_err(|reject| reject.code()), Err("foreign_dot"));
}

// Canonical bytes (I5).

#[test]
fn the_dots_of_a_coupon_are_read_in_order_only() {
    let code = Code::try_from("C").expect("a code");
    let mut cart = Cart::default().change(&Change::Coupon(code.clone()), stamp(1, 1, 0));
    cart.join(&Cart::default().change(&Change::Coupon(code), stamp(1, 2, 0)));
    let bytes = cart.to_bytes();
    let (rest, dots) = bytes.split_at(bytes.len() - 4);
    assert_eq!(dots, [0, 1, 0, 2], "actor and counter of each");
    for dots in [[0, 2, 0, 1], [0, 1, 0, 1]] {
        assert!(Cart::from_bytes(&[rest, &dots].concat()).is_err(), "{dots:?}");
    }
}

#[test]
fn an_erased_cart_has_no_content() {
    let erased = Cart::erased().to_bytes();
    assert_eq!(erased, [1, 0x80, 8, 0]);
    let with_a_horizon = [1, 0x80 | 0x10, 8, 0, 5];
    assert!(Cart::from_bytes(&with_a_horizon).is_err());
}

#[test]
fn a_coupon_without_a_dot_is_refused() {
    let bytes = [&[1, 0x20, 0, 1, 4][..], b"SAVE", &[0]].concat();
    assert!(Cart::from_bytes(&bytes).is_err());
}

#[test]
fn a_cart_past_its_horizon_is_what_its_bytes_say() {
    let (line, json) = engraved("X", "Ann");
    let one = Change::Add { key: line.clone(), details: Some(json), quantity: 5, at: Location::Cart };
    let mut cart = Cart::default().change(&one, stamp(1, 1, 0));
    let mut elsewhere = cart.clone();
    elsewhere.join(&cart.change(&one, stamp(3, 1, 1)));
    let fewer = Change::Decrement { key: line, quantity: 1, at: Location::Cart };
    cart.join(&elsewhere.change(&fewer, stamp(4, 1, 2)));
    let gone = Cart::default().change(&remove("X"), stamp(1, 1, 0));
    cart.join(&gone);
    cart.raise_horizon(BEGIN.plus(Millis::DAY).day());
    assert_eq!(Cart::from_bytes(&cart.to_bytes()).as_ref(), Ok(&cart));
}

/// Both were sealed, and no device could lease an actor of either.
#[test]
fn of_two_carts_that_wait_for_each_other_one_may_be_sealed() {
    let mut shops = [Shop::new(1), Shop::new(2)];
    for (at, guest) in [(0, 2), (1, 1)] {
        shops[at]
            .ask(&Caller::Service, Input::Expect { guest: cart_id(guest), bytes: 0 }, BEGIN)
            .expect("noted");
    }
    let mut seal = |at: usize, into: u8, now| {
        let effects = shops[at].step(&Caller::Service, Input::Seal { into: cart_id(into) }, now);
        let refused = matches!(effects.as_slice(), [Effect::Reply(Err(Reject::MergeBusy))]);
        assert!(refused || effects.len() > 1, "{effects:?}");
        !refused
    };
    assert!(!seal(0, 3, BEGIN), "it waits for another than that");
    assert!(!seal(1, 1, BEGIN), "of two the lesser may");
    assert!(seal(0, 2, BEGIN));
    assert!(seal(1, 3, BEGIN.plus(EXPECT_MS)), "what did not come is not waited for any more");
}

#[test]
fn a_cart_that_waits_for_too_many_says_so_and_writes_nothing() {
    let mut shop = Shop::new(1);
    for guest in 0..EXPECTED_MAX {
        let guest = cart_id(100 + guest as u8);
        shop.ask(&Caller::Service, Input::Expect { guest, bytes: 0 }, BEGIN).expect("noted");
    }
    let one_more = Input::Expect { guest: cart_id(99), bytes: 0 };
    let effects = shop.step(&Caller::Service, one_more.clone(), BEGIN.plus(EXPECT_MS - 1));
    assert!(matches!(effects.as_slice(), [Effect::Reply(Err(Reject::MergeBusy))]), "{effects:?}");
    shop.ask(&Caller::Service, one_more, BEGIN.plus(EXPECT_MS)).expect("those are not waited for any more");
}

/// The merge had handed all over before the alarm went off; an edit at that very moment armed none.
#[test]
fn an_edit_when_an_alarm_is_due_for_nothing_has_its_own() {
    let mut guest = Shop::new(1);
    guest.edit("a", order("X", 1), BEGIN).expect("an edit");
    guest.ask(&Caller::Service, Input::Seal { into: cart_id(2) }, BEGIN).expect("sealed");
    let book = guest.replica.book();
    let (due, delta) = (book.wake, book.forwarding.as_ref().map(|there| there.outbox.to_bytes()));
    let (due, delta) = (due.expect("armed"), delta.expect("sealed"));
    guest.ask(&Caller::Service, Input::Forwarded { delta }, BEGIN.plus(1)).expect("arrived");
    let edit = guest.edit_of("b", vec![order("X", 1)], BEGIN);
    let effects = guest.step(&guest.shopper(), Input::Edit(edit), due);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Wake(_))), "{effects:?}");
}
