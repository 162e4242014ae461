//! What bounds a cart and what is beside it, from outside: how much there may be, that the most there may be
//! fits a frame, and that what is done with it takes time in proportion. An actor is never of a day to come.
#![cfg(not(target_arch = "wasm32"))]
// What takes how long is measured.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod shop;

use std::hint::black_box;
use std::time::{Duration, Instant};

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::context::Context;
use cart_core::frame::{FRAME_BYTES_MAX, Frame, Holder};
use cart_core::id::{Actor, CartId, Dot, Region, SessionId};
use cart_core::ingress::{self, Sender};
use cart_core::limits::Limits;
use cart_core::line::Location;
use cart_core::meta::Code;
use cart_core::packed::pack;
use cart_core::replica::{Input, LEASES_MAX, ReplyKind, SESSION_CARTS_MAX};
use cart_core::sync::SyncRequest;
use cart_core::ties::{Seal, Ties};
use cart_core::time::{Day, HybridTime, Millis};
use shop::{BEGIN, Shop, actor, add, cart_id, key, order, seen};

/// A further cart of this number, made in a region.
fn further(region: Region, number: u64) -> CartId {
    let mut random = [7; 15];
    random[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    CartId::mint(region, random)
}

#[test]
fn carts_that_were_erased_lately_count_among_those_of_a_session() {
    let mut shop = Shop::new(1);
    shop.edit("k", order("X", 1), BEGIN).expect("an edit");
    let caller = shop.shopper();
    let enroll = |shop: &mut Shop, number: usize, now: Millis| {
        shop.ask(&caller, Input::Enroll { cart: further(Region::Weur, number as u64) }, now)
    };
    let strike = |shop: &mut Shop, number: usize| {
        let cart = further(Region::Weur, number as u64);
        let strike = Input::Strike { cart, actor: actor(number as u64), erased: true };
        shop.ask(&caller, strike, BEGIN).expect("it is struck");
    };
    for number in 0..SESSION_CARTS_MAX {
        enroll(&mut shop, number, BEGIN).expect("there is room");
        if number > 0 {
            strike(&mut shop, number);
        }
    }
    let full = enroll(&mut shop, SESSION_CARTS_MAX, BEGIN).expect_err("there is none");
    assert_eq!((full.code(), full.status()), ("too_many_carts", 422), "{full}");
    let ties = &shop.replica.book().ties;
    assert_eq!((ties.carts.len(), ties.listed().count()), (SESSION_CARTS_MAX, 1));
    enroll(&mut shop, 0, BEGIN).expect("it is there already");
    // Thirty days later they are forgotten.
    let later = BEGIN.plus(Ties::STRUCK_MS);
    enroll(&mut shop, SESSION_CARTS_MAX, later).expect("there is room again");
    assert_eq!(shop.replica.book().ties.listed().count(), 2);
}

/// Before a cart is made, its session's root says whether there will be room for it: else it was listed nowhere.
#[test]
fn a_root_says_beforehand_whether_it_takes_a_further_cart() {
    let mut shop = Shop::new(1);
    let caller = shop.shopper();
    let room = |shop: &mut Shop, number: u64| {
        shop.ask(&caller, Input::Room { cart: further(Region::Enam, number) }, BEGIN)
    };
    let carts = room(&mut shop, 0).expect("there is room").kind;
    assert_eq!(carts, ReplyKind::Carts(vec![cart_id(1)]));
    for number in 0..SESSION_CARTS_MAX as u64 {
        let cart = further(Region::Weur, number);
        shop.ask(&caller, Input::Enroll { cart }, BEGIN).expect("there is room");
    }
    let full = room(&mut shop, SESSION_CARTS_MAX as u64).expect_err("there is none");
    assert_eq!(full.code(), "too_many_carts");
    // A retry may come with a token that names another region than the first try.
    let ReplyKind::Carts(carts) = room(&mut shop, 3).expect("it is there already").kind else {
        panic!("carts")
    };
    assert_eq!(carts.len(), SESSION_CARTS_MAX + 1);
}

/// The largest of all: every region there is has filled the list of carts and the leases while it heard of no
/// other, as much was erased as is remembered, and a state at twice its bound was sealed of which the horizon has
/// passed all.
#[test]
fn the_most_that_a_cart_and_its_ties_may_hold_fits_a_frame() {
    let mut ties = Ties::new(BEGIN);
    ties.owner = Some(SessionId::mint([1; 15]));
    ties.signed_out = Some(BEGIN);
    for region in Region::ALL {
        let mut there = Ties::new(BEGIN);
        for number in 0..SESSION_CARTS_MAX as u64 {
            let cart = further(region, number);
            there.enroll(cart.clone(), BEGIN.plus(number));
            assert!(there.strike(&cart, BEGIN.plus(number)));
        }
        for number in 0..LEASES_MAX as u64 {
            let actor = Actor::mint(BEGIN.day(), (region as u64) << 40 | number << 8);
            there.leases.insert(actor, BEGIN.plus(number));
        }
        (0..2 * Ties::ERASURES_MAX as u64).for_each(|n| there.note_erasure(actor(n), BEGIN.plus(n)));
        ties.join(&there);
    }
    assert_eq!(ties.carts.len(), Region::ALL.len() * SESSION_CARTS_MAX);
    assert_eq!(ties.leases.len(), Region::ALL.len() * LEASES_MAX);
    assert_eq!(ties.erasures.len(), Ties::ERASURES_MAX);
    // The most dots that so many bytes hold: adds of one, of few actors, in few lines.
    let bytes_max = Limits::default().merged_bytes_max * 5 / 4;
    let mut state = Cart::default();
    for number in 0_u64.. {
        let mut more = Cart::default();
        for nth in 0..2_000 {
            let at = number * 2_000 + nth;
            let stamp = stamp_of(Dot::new(actor(at / 120), at % 120 + 1));
            more.join(&Cart::default().change(&add(&format!("{}", 1 + at / 512), 1), stamp));
        }
        more.join(&state);
        if more.to_bytes().len() > bytes_max {
            break;
        }
        state = more;
    }
    assert!(state.to_bytes().len() > bytes_max - 10_000);
    state.raise_horizon(Day(BEGIN.day().0 + 1));
    let retired = Seal::retired_in(&state);
    assert!(retired.len() > 25_000, "{} dots", retired.len());
    ties.seal = Some(Seal { day: BEGIN.day(), at: BEGIN, into: cart_id(2), retired });
    let frame = Frame { ties: Some(ties.clone()), state: state.to_bytes(), ..empty_frame() };
    let bytes = frame.to_bytes();
    println!("{} bytes, {} of them ties", bytes.len(), pack(&ties).len());
    assert!(bytes.len() <= FRAME_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(Frame::from_bytes(&bytes), Ok(frame));
}

/// What a region has made by itself, up to so many bytes: adds, of as few bytes each as an add may have.
fn made_apart(region: Region, bytes_max: usize) -> Cart {
    let mut state = Cart::default();
    for number in 0_u64.. {
        let mut more = Cart::default();
        for nth in 0..1_000 {
            let at = number * 1_000 + nth;
            let maker = actor(((region as u64 + 1) << 24) | (at / 120));
            let line = add(&format!("{}", ((region as u64 + 1) << 16) | (at / 512)), 1);
            more.join(&Cart::default().change(&line, stamp_of(Dot::new(maker, at % 120 + 1))));
        }
        more.join(&state);
        if more.to_bytes().len() > bytes_max {
            break;
        }
        state = more;
    }
    state
}

/// As ADR 0010 says: regions that were cut off from one another have each made what is admitted there. Every region
/// there is has edited up to the bound of those and the home taken merges in; or three have been homes that did.
#[test]
fn what_regions_made_apart_at_their_bounds_fits_a_frame_together() {
    let limits = Limits::default();
    let (edited, merged) = (limits.state_bytes_max * 2, limits.merged_bytes_max * 5 / 4);
    let homes = |count: usize| move |at: usize| if at < count { merged } else { edited };
    let parted = |count: usize, bytes_max: &dyn Fn(usize) -> usize| {
        let mut joined = Cart::default();
        let mut apart = 0;
        for (at, region) in Region::ALL.into_iter().take(count).enumerate() {
            let state = made_apart(region, bytes_max(at));
            assert!(state.to_bytes().len() > bytes_max(at) - 12_000, "{region} is at its bound");
            apart += state.to_bytes().len();
            joined.join(&state);
        }
        (apart, joined.to_bytes())
    };
    for (apart, state) in [parted(Region::ALL.len(), &homes(1)), parted(3, &homes(3))] {
        let frame = Frame { state, ties: Some(Ties::new(BEGIN)), ..empty_frame() };
        let bytes = frame.to_bytes();
        println!("{apart} bytes apart, {} as a frame", bytes.len());
        assert!(bytes.len() <= FRAME_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(Frame::from_bytes(&bytes), Ok(frame));
    }
}

/// A frame of the largest numbers, without what it tells.
fn empty_frame() -> Frame {
    Frame {
        from: Holder::Replica(Region::ApacNe),
        incarnation: u64::MAX,
        to: u64::MAX,
        base: u64::MAX,
        sequence: u64::MAX,
        digest: [255; 16],
        joined: true,
        pull: true,
        ties: None,
        edited: BEGIN,
        state: Vec::new(),
    }
}

/// Days ahead of the service's: a region's clock may be a little ahead of another's, and so across midnight, not more.
#[test]
fn no_actor_of_a_day_to_come_is_admitted() {
    let ahead = |days: u16| Actor::mint(Day(BEGIN.day().0 + days), 9);
    let deltas = |of: Actor| {
        let hole = Change::Move { key: key("Z"), to: Location::Saved };
        let there = Cart::default().change(&add("Z", 1), stamp_of(Dot::new(of, 2)));
        let update = there.change(&hole, stamp_of(Dot::new(actor(2), 1)));
        [
            ("the clock", seen([Dot::new(actor(2), 1), Dot::new(of, 1)])),
            ("the cloud", seen([Dot::new(actor(2), 1), Dot::new(of, 7)])),
            ("an update", update),
        ]
    };
    for (days, code) in [(0, None), (1, None), (2, Some("actor_ahead")), (40_000, Some("actor_ahead"))] {
        for (place, delta) in deltas(ahead(days)) {
            let mut shop = Shop::new(1);
            shop.edit("k", order("X", 1), BEGIN).expect("an edit");
            shop.lease(2);
            let request = SyncRequest { actor: actor(2), sent: 0, context: Context::default(), delta };
            let before = shop.row.clone();
            let refused = shop.sync(&request, BEGIN).err();
            assert_eq!(refused.as_ref().map(|reject| reject.code()), code, "{days} days ahead, {place}");
            assert_eq!(code.is_some(), shop.row == before, "nothing of it is kept");
        }
    }
}

/// What a device has made its cart heavy with is forgotten with the horizon, like all it has seen.
#[test]
fn dots_of_nobody_go_with_the_horizon() {
    let mut shop = Shop::new(1);
    shop.edit("k", order("X", 1), BEGIN).expect("an edit");
    shop.lease(2);
    let tomorrow = Day(BEGIN.day().0 + 1);
    let junk = (0..20).flat_map(|name| (1..=500).map(move |n| Dot::new(Actor::mint(tomorrow, name), 2 * n)));
    let delta = context_of(junk.chain([Dot::new(actor(2), 1)]));
    let request = SyncRequest { actor: actor(2), sent: 0, context: Context::default(), delta };
    shop.sync(&request, BEGIN).expect("it may have seen them");
    assert_eq!(shop.cart().context().cloud().len(), 10_000);
    let later = BEGIN.plus(40 * Millis::DAY);
    shop.edit("later", order("X", 1), later).expect("an edit");
    assert_eq!(shop.cart().context().cloud().len(), 0);
    assert_eq!(shop.shown("X"), 2);
}

#[test]
fn joining_ties_takes_time_in_proportion() {
    takes_time_in_proportion("joining ties", 3_000, |n| {
        let mut ties = Ties::new(BEGIN);
        (0..n as u64).for_each(|number| ties.enroll(further(Region::Weur, number), BEGIN.plus(number)));
        for further in &mut ties.carts {
            further.struck = Some(BEGIN);
        }
        // Half of them both have, and each has others.
        let mut other = ties.clone();
        (0..n / 2).for_each(|at| other.carts[at].cart = further(Region::Enam, at as u64));
        move || {
            let mut joined = ties.clone();
            joined.join(&other);
            assert_eq!(joined.carts.len(), n + n / 2);
        }
    });
}

#[test]
fn forgetting_erasures_takes_time_in_proportion() {
    takes_time_in_proportion("forgetting erasures", 2_000, |n| {
        let mut other = Ties::new(BEGIN);
        other.erasures = (0..n as u64).map(|number| (actor(number), BEGIN.plus(number))).collect();
        move || {
            let mut joined = Ties::new(BEGIN);
            joined.join(&other);
            assert_eq!(joined.erasures.len(), Ties::ERASURES_MAX);
        }
    });
}

/// A state of lines, with as many dots beyond gaps.
fn heavy(n: usize) -> Cart {
    let mut cart = Cart::default();
    for at in 0..n as u64 / 8 {
        let line = add(&format!("{}", 1 + at), 1);
        cart.join(&Cart::default().change(&line, stamp_of(Dot::new(actor(1), at + 1))));
    }
    cart.join(&context_of((0..n as u64).map(|at| Dot::new(actor(100 + at / 500), 2 + 2 * (at % 500)))));
    cart
}

#[test]
fn writing_and_reading_a_state_takes_time_in_proportion() {
    takes_time_in_proportion("writing a state", 500, |n| {
        let cart = heavy(n);
        move || drop(black_box(cart.to_bytes()))
    });
    takes_time_in_proportion("reading a state", 500, |n| {
        let bytes = heavy(n).to_bytes();
        move || drop(black_box(Cart::from_bytes(&bytes).expect("a cart")))
    });
}

#[test]
fn admitting_a_delta_takes_time_in_proportion() {
    takes_time_in_proportion("admitting a delta", 128, |n| {
        let state = heavy(n);
        let mut delta = Cart::default();
        for at in 0..n as u64 {
            let line = add(&format!("{}", 1 + at), 1);
            delta.join(&Cart::default().change(&line, stamp_of(Dot::new(actor(2), at + 1))));
        }
        let limits = Limits { lines_max: usize::MAX, state_bytes_max: usize::MAX, ..Limits::default() };
        let sender = Sender { actor: actor(2), scope: cart_id(1).scope(), now: BEGIN, limits };
        // What is known already counts in the window of counters.
        let mut state = state;
        state.join(&context_of((2..=n as u64).map(|at| Dot::new(actor(2), at))));
        move || drop(black_box(ingress::admit(&state, &delta, &sender).expect("is admitted")))
    });
}

#[test]
fn joining_coupons_takes_time_in_proportion() {
    takes_time_in_proportion("joining coupons", 500, |n| {
        let coupon = Change::Coupon(Code::try_from("SAVE10").expect("a code"));
        let mut one = Cart::default();
        for at in 0..n as u64 {
            one.join(&Cart::default().change(&coupon, stamp_of(Dot::new(actor(1), at + 1))));
        }
        let other = one.clone();
        move || {
            let mut joined = one.clone();
            joined.join(&other);
            black_box(joined);
        }
    });
}

#[test]
fn showing_a_line_of_sets_takes_time_in_proportion() {
    takes_time_in_proportion("showing sets", 64, |n| {
        let mut cart = Cart::default();
        let set = Change::Set { key: key("X"), quantity: 3, at: Location::Cart };
        for at in 0..n as u64 {
            let scope = cart_id(1).scope().generation((at * 7 % 512) as u32);
            let stamp = Stamp { scope, ..stamp_of(Dot::new(actor(at), 1)) };
            cart.join(&Cart::default().change(&set, stamp));
        }
        move || assert_eq!(black_box(cart.shown(&key("X"), Location::Cart)), 3 * n as u64)
    });
}

/// A device's delta is joined to a state with gaps by what it changes, not by a pass over all of them.
fn context_of(dots: impl IntoIterator<Item = Dot>) -> Delta {
    let dots: Vec<Dot> = dots.into_iter().collect();
    // Each by itself would be a join each.
    let mut parts: Vec<Delta> = dots.into_iter().map(|dot| seen([dot])).collect();
    while parts.len() > 1 {
        let mut pairs = parts.into_iter();
        let mut joined = Vec::new();
        while let Some(mut one) = pairs.next() {
            pairs.next().iter().for_each(|other| one.join(other));
            joined.push(one);
        }
        parts = joined;
    }
    parts.pop().unwrap_or_default()
}

fn stamp_of(dot: Dot) -> Stamp {
    Stamp { dot, time: HybridTime::at(BEGIN), scope: cart_id(1).scope() }
}

/// Runs what `of` gives for `n` and for eight times as many. In proportion the second takes eight times as long,
/// and somewhat more for what is sorted; by the square sixty-four times. What else runs on the machine makes
/// either slower, never faster: of several tries of each the fastest counts, and one pair that is in proportion
/// shows it, since by the square no pair is.
fn takes_time_in_proportion<F: FnMut()>(what: &str, n: usize, of: impl Fn(usize) -> F) {
    const TIMES: usize = 8;
    const RATIO_MAX: f64 = 24.0;
    const TRIES: usize = 40;
    let (mut few, mut many) = (of(n), of(TIMES * n));
    let took = |run: &mut dyn FnMut()| {
        let tries = (0..3).map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        });
        tries.min().unwrap_or(Duration::MAX).as_nanos() as f64
    };
    let mut ratio = f64::MAX;
    for _ in 0..TRIES {
        let one = took(&mut few);
        ratio = ratio.min(took(&mut many) / one.max(1.0));
        if ratio <= RATIO_MAX {
            println!("{what}: {TIMES} times as much took {ratio:.1} times as long");
            return;
        }
    }
    panic!("{what}: {TIMES} times as much took {ratio:.1} times as long in {TRIES} tries, at least");
}
