//! Replicas and stores of one cart, told by hand: what is sent, what a receipt moves, what a loss does.

mod shop;

use cart_core::cart::Cart;
use cart_core::command::{self, Command};
use cart_core::frame::{Frame, Holder, Receipt};
use cart_core::id::{Actor, CartId, Region};
use cart_core::line::Location;
use cart_core::packed::{FORMAT, OLDEST};
use cart_core::regions::{Place, Regions};
use cart_core::reject::Reject;
use cart_core::replica::{
    ASK_MS, Caller, Edit, Effect, IDLE_MS, Input, LEASE_MS, RELAY_MS, Replica, ReplyKind,
};
use cart_core::store::{self, Stored};
use cart_core::time::Millis;
use shop::{BEGIN, cart_id, order};
use std::collections::BTreeMap;
use std::sync::Arc;

const WEUR: Holder = Holder::Replica(Region::Weur);
const ENAM: Holder = Holder::Replica(Region::Enam);
const APAC: Holder = Holder::Replica(Region::Apac);
const DAY: u64 = Millis::DAY;

/// A replica of cart 1 with its session, in a region; stores of the first two.
struct Site {
    replica: Replica,
    session: shop::Shop,
    alarm: Option<Millis>,
}

impl Site {
    fn new(region: Region, incarnation: u64, stores: bool) -> Self {
        let place = |region, longitude| Place {
            stores: if stores { vec!["STORE".into()] } else { vec![] },
            ..Place::at(region, 0.0, longitude)
        };
        let places = vec![place(Region::Weur, 8.0), place(Region::Enam, -77.0), place(Region::Apac, 139.0)];
        let replica = Replica::new(cart_id(1), region, incarnation, BEGIN);
        let replica = replica.among(Arc::new(Regions { places }));
        Self { replica, session: shop::Shop::new(1), alarm: None }
    }

    fn step(&mut self, caller: &Caller, input: Input, now: Millis) -> (Vec<Effect>, ReplyKind) {
        let mut effects = self.replica.step(caller, input, now);
        for effect in &effects {
            if let Effect::Wake(at) = effect {
                self.alarm = Some(*at);
            }
        }
        match effects.pop() {
            Some(Effect::Reply(Ok(reply))) => (effects, reply.kind),
            other => panic!("refused: {other:?}"),
        }
    }

    fn service(&mut self, input: Input, now: Millis) -> (Vec<Effect>, ReplyKind) {
        self.step(&Caller::Service, input, now)
    }

    fn add(&mut self, key: &str, sku: &str, now: Millis) {
        let edit: Edit = self.session.edit_of(key, vec![order(sku, 1)], now);
        self.step(&self.session.shopper(), Input::Edit(edit), now);
    }

    fn remove(&mut self, key: &str, sku: &str, now: Millis) {
        let (line_id, at) = (shop::key(sku).line_id(), command::Place::Cart);
        let edit = self.session.edit_of(key, vec![Command::Remove { line_id, at }], now);
        self.step(&self.session.shopper(), Input::Edit(edit), now);
    }

    /// It is sealed, and what it holds has come to the user's cart: the state of that.
    fn handed_over(&mut self, now: Millis) -> Cart {
        let (_, sealed) = self.service(Input::Seal { into: cart_id(2) }, now);
        let ReplyKind::Sealed(delta) = sealed else { panic!("{sealed:?}") };
        let user = Cart::from_bytes(&delta).expect("a state");
        self.service(Input::Forwarded { delta }, now);
        user
    }

    /// What it asks its home with.
    fn asks(&mut self, now: Millis) -> Vec<u8> {
        let (effects, _) = self.service(Input::Pull { from: WEUR }, now);
        let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
        frame
    }

    /// The frames that the alarm sends, by receiver. What it hands over to a user's cart arrives there.
    fn ring(&mut self) -> (Millis, Vec<(Holder, Vec<u8>)>) {
        let at = self.alarm.take().expect("an alarm");
        let (effects, _) = self.service(Input::Tick, at);
        for effect in &effects {
            if let Effect::Tell { then, .. } = effect {
                self.service(Input::clone(then), at);
            }
        }
        let frame = |effect| match effect {
            Effect::Send { to, frame } => Some((to, frame)),
            _ => None,
        };
        (at, effects.into_iter().filter_map(frame).collect())
    }

    /// Takes a frame in; its receipt, and what was asked for.
    fn take(&mut self, bytes: Vec<u8>, now: Millis) -> (Vec<u8>, Option<Vec<u8>>) {
        match self.service(Input::Frame { bytes }, now).1 {
            ReplyKind::Taken { receipt, frame } => (receipt, frame),
            other => panic!("{other:?}"),
        }
    }

    fn receipt(&mut self, receipt: Vec<u8>, now: Millis) {
        self.service(Input::Receipts { receipts: vec![receipt] }, now);
    }

    /// Tells the stores, and takes in what they answer, until nothing is due any more.
    fn settle(&mut self, rows: &mut BTreeMap<Holder, Stored>) {
        for _ in 0..9 {
            if self.alarm.is_none() {
                return;
            }
            let (now, frames) = self.ring();
            for (to, bytes) in frames {
                let frame = Frame::from_bytes(&bytes).expect("its own");
                let taken = store::take(rows.get(&to), &[frame], to.region(), 9).expect("taken");
                rows.extend(taken.write.map(|row| (to, row)));
                self.receipt(taken.receipts[0].to_bytes(), now);
                if let Some(answer) = taken.answer {
                    self.take(answer.to_bytes(), now);
                }
            }
        }
        panic!("it finds no rest");
    }

    fn quantity(&self) -> u64 {
        ["X", "Y"]
            .iter()
            .map(|sku| self.replica.cart().shown(&shop::key(sku), cart_core::line::Location::Cart))
            .sum()
    }
}

/// weur at home and enam, which has asked it for all.
fn pair() -> (Site, Site) {
    pair_of(2)
}

fn pair_of(incarnation: u64) -> (Site, Site) {
    let (mut home, mut away) =
        (Site::new(Region::Weur, 1, false), Site::new(Region::Enam, incarnation, false));
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let (effects, _) = away.service(Input::Pull { from: WEUR }, BEGIN);
    assert!(matches!(effects.as_slice(), [Effect::Send { to: WEUR, .. }]), "a question is not written down");
    let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
    let (receipt, answer) = home.take(frame, BEGIN);
    away.receipt(receipt, BEGIN);
    away.take(answer.expect("it was asked for"), BEGIN);
    assert_eq!(away.quantity(), 1);
    away.step(&away.session.shopper(), Input::Read, BEGIN);
    (home, away)
}

#[test]
fn a_replica_enters_itself_when_its_owner_comes_and_is_told_from_then_on() {
    let (mut home, mut away) = pair();
    assert!(!home.replica.is_active(Region::Enam));
    let (now, frames) = away.ring();
    assert_eq!(frames.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [WEUR]);
    for (_, frame) in frames {
        let (receipt, _) = home.take(frame, now);
        away.receipt(receipt, now);
    }
    assert!(home.replica.is_active(Region::Enam));
    assert_eq!(home.replica.digest(), away.replica.digest());
    assert_eq!(home.replica.book().links[&ENAM].behind, None, "equal digests end the exchange");

    home.add("b", "X", now.plus(1_000));
    let (now, frames) = home.ring();
    let frame = Frame::from_bytes(&frames[0].1).expect("a frame");
    assert!(frame.base > 0 && frame.state.len() < 60, "a delta of {} bytes", frame.state.len());
    let (receipt, _) = away.take(frames[0].1.clone(), now);
    assert_eq!(away.quantity(), 2);
    assert!(home.replica.book().links[&ENAM].behind.is_some(), "having sent it is nothing");
    home.receipt(receipt.clone(), now);
    assert_eq!(home.replica.book().links[&ENAM].behind, None);
    // Repeated, neither changes anything.
    let sequence = away.replica.book().sequence;
    away.take(frames[0].1.clone(), now);
    home.receipt(receipt, now);
    assert_eq!(away.replica.book().sequence, sequence);
}

#[test]
fn what_was_missed_is_sent_again_later_and_later() {
    let waits = |incarnation| {
        let (mut home, mut away) = pair_of(incarnation);
        let (now, frames) = away.ring();
        home.take(frames[0].1.clone(), now);
        let (mut waits, mut last) = (Vec::new(), now);
        for _ in 0..9 {
            away.service(Input::Missed { to: WEUR }, last);
            let at = away.alarm.expect("armed again");
            waits.push((at.0 - last.0) as f64 / 1_000.0);
            last = at;
            assert_eq!(away.ring().1.len(), 1);
        }
        waits
    };
    let [one, other] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210].map(waits);
    assert_ne!(one, other, "not all at once");
    for (waited, about) in one.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0]) {
        assert!((0.75 * about..=1.25 * about).contains(waited), "{one:?}");
    }
}

#[test]
fn a_peer_without_its_storage_gets_the_whole_and_gives_all_it_was_given() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    // The home starts anew, knows nothing, and is told the whole at the next change.
    let mut home = Site::new(Region::Weur, 9, false);
    away.add("c", "Y", now.plus(5_000));
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    assert_eq!(
        Receipt::from_bytes(&receipt).expect("a receipt").acknowledged,
        0,
        "it lacks what came before"
    );
    away.receipt(receipt, now);
    let (now, frames) = away.ring();
    assert_eq!(Frame::from_bytes(&frames[0].1).expect("a frame").base, 0);
    home.take(frames[0].1.clone(), now);
    assert_eq!((home.quantity(), away.quantity()), (2, 2));
    assert_eq!(home.replica.digest(), away.replica.digest());
}

#[test]
fn what_came_from_one_region_is_relayed_to_the_third_only_later() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    // A third replica that this one knows, and that the sender tells itself.
    let mut third = Site::new(Region::Apac, 3, false);
    let (effects, _) = third.service(Input::Pull { from: WEUR }, now);
    let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
    let (_, answer) = home.take(frame, now);
    third.take(answer.expect("asked"), now);
    third.step(&third.session.shopper(), Input::Read, now);
    let (now, frames) = third.ring();
    for (to, frame) in frames {
        assert!([WEUR, ENAM].contains(&to), "{to}");
        let site = if to == WEUR { &mut home } else { &mut away };
        let (receipt, _) = site.take(frame, now);
        third.receipt(receipt, now);
    }
    assert!(home.alarm.expect("what apac said is relayed to enam") >= now.plus(RELAY_MS));
    assert_eq!(third.replica.digest(), home.replica.digest());
    assert_eq!(third.replica.book().links[&WEUR].behind, None);
    assert_eq!(APAC.to_string(), "replica apac");
}

#[test]
fn a_store_takes_frames_in_any_order_and_acknowledges_what_it_knows() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    let mut frames = Vec::new();
    for (at, key) in ["a", "b", "c"].into_iter().enumerate() {
        home.add(key, "X", BEGIN.plus(at as u64 * 10_000));
        let (now, sent) = home.ring();
        let stores = sent.iter().map(|(to, _)| *to).collect::<Vec<_>>();
        assert_eq!(stores, [Holder::Store(Region::Weur), Holder::Store(Region::Enam)]);
        let frame = Frame::from_bytes(&sent[0].1).expect("a frame");
        let receipt = Receipt {
            from: sent[0].0,
            incarnation: 77,
            echo: frame.incarnation,
            acknowledged: frame.sequence,
            digest: home.replica.digest(),
        };
        home.receipt(receipt.to_bytes(), now);
        frames.push(frame);
    }
    assert!(frames[0].base == 0 && frames[1].base > 0);
    let after = |order: &[usize]| {
        let mut row: Option<Stored> = None;
        for at in order {
            let taken = store::take(row.as_ref(), &[frames[*at].clone()], Region::Weur, 77).expect("frames");
            row = taken.write.or(row);
        }
        row.expect("a row")
    };
    let expected = after(&[0, 1, 2]);
    assert_eq!(expected.cart.to_bytes(), home.replica.cart().to_bytes());
    for order in [&[0, 2, 1][..], &[0, 1, 1, 2, 0, 2, 2], &[0, 2, 2, 1, 0]] {
        assert_eq!(after(order).cart, expected.cart, "{order:?}");
    }
    // A row that was lost knows no delta, and says so.
    let taken = store::take(None, &frames[1..], Region::Weur, 78).expect("frames");
    assert!(taken.receipts.iter().all(|receipt| receipt.acknowledged == 0));
    // One row that cannot be read hinders all of a call, and is named.
    let mut damaged = frames.clone();
    damaged[1].state = vec![0];
    assert!(matches!(store::take(None, &damaged, Region::Weur, 79), Err((1, Reject::Malformed(_)))));
}

#[test]
fn an_idle_replica_goes_when_others_hold_all_of_it() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    let (effects, _) = away.service(Input::Retire, now.plus(1_000));
    assert!(effects.is_empty(), "it is not idle");
    let later = now.plus(2 * IDLE_MS);
    let (effects, reply) = away.service(Input::Retire, later);
    assert_eq!(reply, ReplyKind::Answer(false), "the home does not know yet");
    assert!(!effects.contains(&Effect::Forget));
    let (later, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), later);
    assert!(!home.replica.is_active(Region::Enam));
    let (effects, _) = away.service(Input::Receipts { receipts: vec![receipt] }, later);
    assert!(effects.contains(&Effect::Forget), "{effects:?}");
}

/// One store may be lost: the home goes when both hold the same.
#[test]
fn an_idle_home_goes_when_each_of_its_stores_holds_all_of_it() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let (now, frames) = home.ring();
    assert_eq!(frames.len(), 2, "two stores");
    for (nth, (to, bytes)) in frames.into_iter().enumerate() {
        let (effects, reply) = home.service(Input::Retire, now.plus(2 * IDLE_MS));
        assert_eq!(reply, ReplyKind::Answer(false), "{nth} of two hold it");
        assert!(!effects.contains(&Effect::Forget));
        let frame = Frame::from_bytes(&bytes).expect("its own");
        let taken = store::take(None, &[frame], to.region(), 9).expect("taken");
        home.receipt(taken.receipts[0].to_bytes(), now);
    }
    let (effects, reply) = home.service(Input::Retire, now.plus(2 * IDLE_MS));
    assert_eq!(reply, ReplyKind::Answer(true));
    assert!(effects.contains(&Effect::Forget));
}

#[test]
fn the_horizon_waits_for_a_region_that_is_behind() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    away.add("mine", "Y", now.plus(1_000));
    let days = |count: u64| BEGIN.plus(count * Millis::DAY);
    for day in 1..6 {
        home.add(&format!("on day {day}"), "X", days(day));
    }
    let horizon = home.replica.cart().context().horizon();
    assert_eq!(horizon, BEGIN.day().before(2), "enam may still have edits of the days since");
    let (now, frames) = away.ring();
    home.take(frames[0].1.clone(), now);
    assert_eq!(home.quantity(), 7);
}

#[test]
fn the_home_is_granted_once_a_term() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    assert_eq!(away.service(Input::HandOver { to: Region::Apac }, now).1, ReplyKind::AtHome(Region::Weur));
    home.service(Input::HandOver { to: Region::Enam }, now);
    assert!(!home.replica.is_home());
    let (now, frames) = home.ring();
    away.take(frames[0].1.clone(), now);
    assert!(away.replica.is_home());
    // A take-over of a term that is over is refused, and says which is.
    let refused = home.replica.step(&Caller::Service, Input::TakeOver { term: 0 }, now);
    assert!(
        matches!(refused.as_slice(), [Effect::Reply(Err(Reject::HomeMoved { term: 1, .. }))]),
        "{refused:?}"
    );
    home.service(Input::TakeOver { term: 1 }, now);
    assert_eq!(home.replica.home().term, 2);
}

#[test]
fn frames_are_refused_by_form_and_nothing_changes() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let good = frames[0].1.clone();
    let cut = |count: usize| good[..count].to_vec();
    let mut later = good.clone();
    later[0] = FORMAT + 1;
    let mut earlier = good.clone();
    earlier[0] = OLDEST - 1;
    let mut longer = good.clone();
    longer.push(0);
    let before = home.replica.book().clone();
    for (bytes, code) in [
        (vec![], "malformed_delta"),
        (cut(1), "malformed_delta"),
        (cut(good.len() / 2), "malformed_delta"),
        (cut(good.len() - 1), "malformed_delta"),
        (longer, "malformed_delta"),
        (later, "frame_too_new"),
        (earlier, "frame_too_old"),
        (vec![1; 2_000_000], "frame_too_large"),
    ] {
        let length = bytes.len();
        match home.replica.step(&Caller::Service, Input::Frame { bytes }, now).as_slice() {
            [Effect::Reply(Err(reject))] => assert_eq!(reject.code(), code, "{length} bytes"),
            other => panic!("{length} bytes: {other:?}"),
        }
        assert_eq!(home.replica.book(), &before);
    }
    home.take(good, now);
}

#[test]
fn a_malicious_region_does_not_keep_good_ones_apart() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    home.take(frames[0].1.clone(), now);
    // It tells each another story, with the highest numbers there are.
    let mut frame = Frame::from_bytes(&frames[0].1).expect("a frame");
    frame.from = APAC;
    (frame.sequence, frame.incarnation, frame.digest) = (u64::MAX, u64::MAX, [7; 16]);
    let poison = shop::seen([cart_core::id::Dot::new(shop::actor(66), u64::MAX)]);
    frame.state = poison.to_bytes();
    home.take(frame.to_bytes(), now);
    let lie = Receipt { from: WEUR, incarnation: 1, echo: 2, acknowledged: u64::MAX, digest: [0; 16] };
    away.receipt(lie.to_bytes(), now);
    home.add("after", "X", now.plus(1_000));
    away.add("as well", "Y", now.plus(1_000));
    for _ in 0..3 {
        for at_home in [true, false] {
            let (from, to) = if at_home { (&mut home, &mut away) } else { (&mut away, &mut home) };
            if from.alarm.is_some() {
                let (now, frames) = from.ring();
                for (_, frame) in frames.into_iter().filter(|(holder, _)| *holder != APAC) {
                    let (receipt, _) = to.take(frame, now);
                    from.receipt(receipt, now);
                }
            }
        }
    }
    assert_eq!((home.quantity(), away.quantity()), (3, 3));
    assert_eq!(home.replica.cart().to_bytes(), away.replica.cart().to_bytes());
}

/// Who has the service's secret can speak for any region: a receipt in the name of one that has got nothing.
#[test]
fn a_receipt_for_what_never_arrived_is_found_out() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    home.add("told nobody", "X", now);
    let lie = Receipt { from: ENAM, incarnation: 2, echo: 1, acknowledged: u64::MAX, digest: [0; 16] };
    home.receipt(lie.to_bytes(), now);
    let (_, nothing) = home.ring();
    assert_eq!((nothing.len(), away.quantity()), (0, 1), "the lie is believed");
    // What is next told either way brings it to light.
    away.add("next", "Y", now.plus(1_000));
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    let (now, frames) = home.ring();
    let (receipt, _) = away.take(frames[0].1.clone(), now);
    home.receipt(receipt, now);
    assert_eq!((home.quantity(), away.quantity()), (3, 3));
    assert_eq!(home.replica.digest(), away.replica.digest());
}

/// Two that differ for a reason which no frame can mend do not tell each other all for ever.
#[test]
fn a_digest_that_is_never_equal_is_answered_with_all_once() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    let mut frame = Frame::from_bytes(&frames[0].1).expect("a frame");
    frame.digest = [7; 16];
    let mut told = 0;
    for second in 1..10 {
        let now = now.plus(second * 1_000);
        home.take(frame.to_bytes(), now);
        let (now, frames) = home.alarm.map_or((now, vec![]), |_| home.ring());
        told += frames.len();
        for (_, frame) in frames {
            let (receipt, _) = away.take(frame, now);
            home.receipt(receipt, now);
        }
    }
    assert_eq!(told, 1);
}

/// A notice may come to a region that has never had the cart: what it keeps then has all of it, and must be found by who
/// erases it, and by the sweep.
#[test]
fn a_replica_that_a_notice_has_made_is_known_to_the_home() {
    for notice in [Input::SignOut, Input::Erase] {
        let mut home = Site::new(Region::Weur, 1, false);
        home.service(Input::Fresh, BEGIN);
        home.add("a", "X", BEGIN);
        let mut away = Site::new(Region::Enam, 2, false);
        let question = away.asks(BEGIN);
        let (receipt, answer) = home.take(question, BEGIN);
        away.receipt(receipt, BEGIN);
        away.take(answer.expect("it was asked for"), BEGIN);
        assert!(!away.replica.is_active(Region::Enam), "what was only asked for is not kept");
        let (effects, _) = away.service(notice, BEGIN.plus(1));
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Put(_))), "it is kept");
        let (now, frames) = away.ring();
        home.take(frames[0].1.clone(), now);
        assert!(home.replica.is_active(Region::Enam));
    }
}

#[test]
fn a_sign_out_ends_what_was_renewed_where_it_was_not_known_yet() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    home.take(frames[0].1.clone(), now);
    let out = now.plus(60_000);
    home.step(&home.session.shopper(), Input::SignOut, out);
    // Cut off from there, a token is renewed.
    let root = away.replica.book().cart_id.clone();
    let issued = out.plus(60_000);
    let renewed = Caller::Session { id: away.session.session.clone(), root, issued, current: false };
    away.step(&renewed, Input::Read, issued);
    let refused = |site: &mut Site, now| match site.replica.step(&renewed, Input::Read, now).pop() {
        Some(Effect::Reply(Err(reject))) => assert_eq!(reject, Reject::SignedOut),
        other => panic!("{other:?}"),
    };
    refused(&mut home, issued.plus(1));
    let (told, frames) = home.ring();
    away.take(frames[0].1.clone(), told.max(issued));
    refused(&mut away, issued.plus(2));
}

#[test]
fn a_sign_out_is_not_taken_back_by_a_slower_clock() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    home.take(frames[0].1.clone(), now);
    home.step(&home.session.shopper(), Input::SignOut, now.plus(300_000));
    let (_, frames) = home.ring();
    away.take(frames[0].1.clone(), now);
    let late = home.replica.book().ties.signed_out;
    away.service(Input::SignOut, now.plus(1_000));
    assert_eq!(away.replica.book().ties.signed_out, late);
}

#[test]
fn a_use_of_the_session_is_one_row_a_day_and_known_elsewhere() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    home.take(frames[0].1.clone(), now);
    let last_use = |site: &mut Site, now| match site.service(Input::LastUse, now) {
        (effects, ReplyKind::LastUse(at)) => {
            assert_eq!(effects, [], "asking changes nothing");
            at
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(last_use(&mut home, now), Some(BEGIN.day().end()), "the day on which the cart was made");
    let writes = |site: &mut Site, now| {
        let (effects, _) = site.step(&site.session.shopper(), Input::Use, now);
        effects.iter().any(|effect| matches!(effect, Effect::Put(_)))
    };
    let (tomorrow, updated) = (now.plus(DAY), home.replica.book().updated);
    assert!(!writes(&mut home, now.plus(1)), "it is known of today");
    assert!(writes(&mut home, tomorrow));
    assert!(!writes(&mut home, tomorrow.plus(1)));
    assert_eq!(last_use(&mut home, tomorrow), Some(tomorrow.day().end()));
    assert_eq!(home.replica.book().updated, updated, "nothing of the cart has changed");
    let (told, frames) = home.ring();
    assert_eq!(frames.len(), 1);
    away.take(frames[0].1.clone(), told);
    assert_eq!(last_use(&mut away, told), Some(tomorrow.day().end()));
    assert_eq!(home.replica.digest(), away.replica.digest());
    assert!(!writes(&mut away, told), "another region has told of today");
}

#[test]
fn of_a_cart_that_nobody_made_no_use_is_known() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    let (effects, _) = home.step(&home.session.shopper(), Input::Use, BEGIN.plus(DAY));
    assert_eq!(effects, [], "there is nothing to keep");
    assert_eq!(home.service(Input::LastUse, BEGIN.plus(DAY)).1, ReplyKind::LastUse(None));
}

#[test]
fn an_erased_cart_knows_whom_to_tell() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    home.step(&home.session.shopper(), Input::Erase, now);
    assert!(home.replica.holders().contains(&ENAM));
    let (now, frames) = home.ring();
    away.take(frames[0].1.clone(), now);
    assert!(away.replica.cart().is_erased());
    assert_eq!(away.replica.cart().to_bytes(), home.replica.cart().to_bytes());
    let read = cart_core::cart::Cart::from_bytes(&home.replica.cart().to_bytes()).expect("what was written");
    assert_eq!(&read, home.replica.cart());
}

#[test]
fn a_replica_without_a_row_arms_no_alarm() {
    let (mut home, mut away) = (Site::new(Region::Weur, 1, false), Site::new(Region::Enam, 2, false));
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let (effects, _) = home.service(Input::Pull { from: ENAM }, BEGIN);
    let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
    away.take(frame, BEGIN);
    assert_eq!((away.alarm, away.replica.book().wake), (None, None));
    // Else the shopper's arrival would take the alarm for still to come.
    away.step(&away.session.shopper(), Input::Read, BEGIN.plus(5_000));
    assert!(away.alarm.is_some_and(|alarm| alarm > BEGIN.plus(5_000)));
}

#[test]
fn the_region_a_cart_is_named_by_tells_its_store_where_the_home_went() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    home.service(Input::HandOver { to: Region::Apac }, BEGIN);
    let stores = home.replica.holders().into_iter().filter(|holder| matches!(holder, Holder::Store(_)));
    assert_eq!(stores.collect::<Vec<_>>(), [Holder::Store(Region::Weur)]);
    let (_, frames) = home.ring();
    let told = frames.iter().any(|(to, _)| *to == Holder::Store(Region::Weur));
    assert!(told || home.alarm.is_some(), "{frames:?}");
    let later = BEGIN.plus(3 * IDLE_MS);
    let (effects, _) = home.service(Input::Retire, later);
    assert!(!effects.contains(&Effect::Forget), "its store does not know yet");
}

#[test]
fn a_home_that_was_taken_over_fetches_what_only_a_store_of_the_lost_one_has() {
    let mut lost = Site::new(Region::Weur, 1, true);
    lost.service(Input::Fresh, BEGIN);
    lost.add("a", "X", BEGIN);
    let (now, frames) = lost.ring();
    let (_, told) =
        frames.into_iter().find(|(to, _)| *to == Holder::Store(Region::Enam)).expect("its second store");
    let frame = Frame::from_bytes(&told).expect("a frame");
    let row = store::take(None, &[frame], Region::Enam, 77).expect("a frame").write.expect("a row");

    // Of the lost home's stores and the new one's, none is the same.
    let mut home = Site::new(Region::Apac, 3, true);
    home.replica = home.replica.among(Arc::new(Regions {
        places: [(Region::Weur, 8.0), (Region::Enam, -17.0), (Region::Apac, 139.0), (Region::Oc, 151.0)]
            .map(|(region, longitude)| Place {
                stores: vec!["STORE".into()],
                ..Place::at(region, 0.0, longitude)
            })
            .into(),
    }));
    home.service(Input::TakeOver { term: 0 }, now);
    let mut asked = None;
    for _ in 0..3 {
        let (now, frames) = home.ring();
        let Some((_, frame)) = frames.into_iter().find(|(to, _)| *to == Holder::Store(Region::Enam)) else {
            continue;
        };
        let frame = Frame::from_bytes(&frame).expect("a frame");
        let taken = store::take(Some(&row), &[frame], Region::Enam, 78).expect("a frame");
        home.receipt(taken.receipts[0].to_bytes(), now);
        asked = taken.answer;
        if asked.is_some() {
            break;
        }
    }
    home.take(asked.expect("the home asks").to_bytes(), now.plus(60_000));
    assert_eq!(home.quantity(), 1);
}

#[test]
fn a_replica_that_has_heard_of_nothing_tells_what_was_done_there() {
    let (mut home, mut away) = (Site::new(Region::Weur, 1, false), Site::new(Region::Enam, 2, false));
    home.service(Input::Fresh, BEGIN);
    away.add("a", "X", BEGIN);
    assert!(!away.replica.book().joined);
    // Its session goes on at home, which asks for what it was shown.
    let (effects, _) = home.service(Input::Pull { from: ENAM }, BEGIN);
    let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
    let (_, answer) = away.take(frame, BEGIN);
    home.take(answer.expect("it has something to tell"), BEGIN);
    assert_eq!(home.quantity(), 1);
}

#[test]
fn a_replica_that_has_left_does_not_go_while_a_shopper_asks() {
    let (mut home, mut away) = pair();
    let exchange = |home: &mut Site, away: &mut Site| {
        let (now, frames) = away.ring();
        let (receipt, _) = home.take(frames[0].1.clone(), now);
        (receipt, now)
    };
    let (receipt, now) = exchange(&mut home, &mut away);
    away.receipt(receipt, now);
    let later = now.plus(2 * IDLE_MS);
    away.service(Input::Retire, later);
    // The home has heard that it leaves; the receipt of that was lost. Then somebody comes, and it asks.
    let (_, now) = exchange(&mut home, &mut away);
    away.service(Input::Missed { to: WEUR }, now);
    let (effects, _) = away.service(Input::Pull { from: WEUR }, now);
    let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
    let (receipt, _) = home.take(frame, now);
    let (effects, _) = away.service(Input::Receipts { receipts: vec![receipt] }, now);
    assert!(!effects.contains(&Effect::Forget), "the shopper would find an empty cart");
    // Much later it asks again before it goes: what a home once acknowledged may have been lost with that.
    let (effects, reply) = away.service(Input::Retire, later.plus(IDLE_MS));
    assert_eq!((effects.contains(&Effect::Forget), reply), (false, ReplyKind::Answer(false)));
    let mut lost = Site::new(Region::Weur, 3, false);
    for (home, goes) in [(&mut lost, false), (&mut home, true)] {
        let (now, frames) = away.ring();
        let (receipt, _) = home.take(frames[0].1.clone(), now);
        let (effects, _) = away.service(Input::Receipts { receipts: vec![receipt] }, now);
        assert_eq!(effects.contains(&Effect::Forget), goes);
        if !goes {
            away.service(Input::Retire, now);
        }
    }
}

/// Where it is told something anyway, it is asked in the same frame.
#[test]
fn who_was_not_heard_of_for_long_is_asked_also_where_something_is_due_to_it() {
    let (mut home, mut away) = pair();
    let (now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    let asks = |frames: &[(Holder, Vec<u8>)]| Frame::from_bytes(&frames[0].1).expect("a frame").pull;
    // Told, and no receipt comes.
    away.add("b", "X", now);
    let (now, frames) = away.ring();
    assert!(!asks(&frames));
    // The home has heard of something meanwhile.
    home.add("c", "Y", now);
    let later = now.plus(2 * ASK_MS);
    away.step(&away.session.shopper(), Input::Read, later);
    // A late receipt of what was told before is no answer.
    let (late, _) = home.take(frames[0].1.clone(), later);
    away.receipt(late, later);
    let (now, frames) = away.ring();
    assert!(asks(&frames));
    let (receipt, answer) = home.take(frames[0].1.clone(), now);
    away.receipt(receipt, now);
    away.take(answer.expect("it was asked for"), now);
    assert_eq!((home.quantity(), away.quantity()), (3, 3));
}

#[test]
fn a_second_receipt_of_the_same_is_no_answer_to_a_question() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let store = Holder::Store(Region::Weur);
    let (now, frames) = home.ring();
    let (_, bytes) = frames.into_iter().find(|(to, _)| *to == store).expect("it is told");
    let told = Frame::from_bytes(&bytes).expect("a frame");
    // The store has more than it was told: it is to be asked for that.
    let receipt = Receipt {
        from: store,
        incarnation: 7,
        echo: told.incarnation,
        acknowledged: told.sequence,
        digest: [9; 16],
    };
    for _ in 0..2 {
        home.receipt(receipt.to_bytes(), now);
    }
    let (_, frames) = home.ring();
    let (_, bytes) = frames.into_iter().find(|(to, _)| *to == store).expect("it is asked");
    assert!(Frame::from_bytes(&bytes).expect("a frame").pull);
}

#[test]
fn a_home_that_hears_of_the_seal_late_hands_over_what_it_took_in_before() {
    let (mut lost, mut home) = pair();
    lost.service(Input::Seal { into: cart_id(2) }, BEGIN);
    home.service(Input::TakeOver { term: 0 }, BEGIN);
    home.add("b", "Y", BEGIN);
    let (now, frames) = home.ring();
    let (receipt, _) = lost.take(frames[0].1.clone(), now);
    home.receipt(receipt, now);
    assert_eq!(lost.replica.cart(), home.replica.cart());
    assert_eq!(home.replica.book().forwarding, None);
    // What comes back changes the ties alone.
    let told = (0..3).find_map(|_| lost.ring().1.into_iter().find(|(to, _)| *to == ENAM));
    home.take(told.expect("it tells the new home").1, now);
    let outbox = home.replica.book().forwarding.clone().expect("it forwards").outbox;
    assert_eq!(outbox.shown(&shop::key("Y"), cart_core::line::Location::Cart), 1);
}

/// A replica that is made anew, told by the state alone, hands over what was removed before the horizon.
#[test]
fn what_left_a_sealed_cart_leaves_the_users_however_old_it_is() {
    let mut home = Site::new(Region::Weur, 1, false);
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let later = BEGIN.plus(5 * DAY);
    home.add("b", "Y", later);
    assert!(home.replica.cart().context().horizon() > BEGIN.day(), "the horizon has passed X");
    let mut user = home.handed_over(later);
    assert_eq!(user.shown(&shop::key("X"), Location::Cart), 1);
    home.remove("c", "X", later);
    // The home is lost before it has forwarded that; what it told is all there is.
    let mut next = Site::new(Region::Enam, 2, false);
    let (_, told) = home.take(next.asks(later), later);
    next.take(told.expect("it has something to tell"), later);
    next.service(Input::TakeOver { term: 0 }, later);
    let outbox = next.replica.book().forwarding.clone().expect("it forwards").outbox;
    user.join(&outbox);
    assert_eq!(user.shown(&shop::key("X"), Location::Cart), 0);
    assert_eq!(user.shown(&shop::key("Y"), Location::Cart), 1);
}

#[test]
fn a_new_home_acts_once_both_its_stores_know() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    home.service(Input::TakeOver { term: 0 }, BEGIN);
    assert!(home.replica.acts_as_home(), "it was the home before");
    let mut next = Site::new(Region::Enam, 2, true);
    next.add("a", "X", BEGIN);
    next.service(Input::TakeOver { term: 0 }, BEGIN);
    let seal = || Input::Seal { into: cart_id(2) };
    let refused = |effects: Vec<Effect>| matches!(effects.as_slice(), [Effect::Reply(Err(_))]);
    assert!(next.replica.is_home() && refused(next.replica.step(&Caller::Service, seal(), BEGIN)));
    let grant = Input::HandOver { to: Region::Apac };
    assert!(refused(next.replica.step(&Caller::Service, grant, BEGIN)));
    let (mut rows, mut acts) = (BTreeMap::<Holder, Stored>::new(), Vec::new());
    for _ in 0..4 {
        if next.alarm.is_none() || next.replica.acts_as_home() {
            break;
        }
        let (now, frames) = next.ring();
        for (to, bytes) in frames.into_iter().filter(|(to, _)| matches!(to, Holder::Store(_))) {
            let frame = Frame::from_bytes(&bytes).expect("its own");
            let taken = store::take(rows.get(&to), &[frame], to.region(), 9).expect("taken");
            rows.extend(taken.write.map(|row| (to, row)));
            next.receipt(taken.receipts[0].to_bytes(), now);
            let both =
                [Region::Weur, Region::Enam].iter().all(|region| rows.contains_key(&Holder::Store(*region)));
            acts.push((both, next.replica.acts_as_home()));
        }
    }
    assert!(acts.iter().all(|(both, acts)| both == acts) && next.replica.acts_as_home(), "{acts:?}");
}

/// The user's cart has never heard of it, and the context of the guest's does not name it any more.
#[test]
fn what_had_left_a_cart_before_its_seal_does_not_come_to_the_users_by_a_late_frame() {
    let (mut home, mut away) = (Site::new(Region::Weur, 1, false), Site::new(Region::Enam, 2, false));
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let (_, told) = home.take(away.asks(BEGIN), BEGIN);
    away.take(told.expect("it has something to tell"), BEGIN);
    let later = BEGIN.plus(5 * DAY);
    home.add("b", "Y", later);
    assert!(home.replica.cart().context().horizon() > BEGIN.day(), "the horizon has passed X");
    home.remove("c", "X", later);
    let mut user = home.handed_over(later);
    // Elsewhere nobody knows of that, and the cart goes on.
    away.add("d", "Y", later);
    assert_eq!(away.quantity(), 2, "X is still there");
    // It tells all: it was put out of memory, say.
    let told = Frame::from_bytes(&away.asks(later)).expect("its own");
    home.take(Frame { base: 0, state: away.replica.cart().to_bytes(), ..told }.to_bytes(), later);
    user.join(&home.replica.book().forwarding.clone().expect("it forwards").outbox);
    let shown = |sku| user.shown(&shop::key(sku), Location::Cart);
    assert_eq!((shown("X"), shown("Y")), (0, 2));
}

/// The home was made anew from what was stored before the horizon passed; of the rest others tell.
#[test]
fn what_leaves_a_sealed_cart_behind_a_horizon_that_others_tell_of_leaves_the_users() {
    let (mut ahead, mut away) = (Site::new(Region::Weur, 1, false), Site::new(Region::Enam, 2, false));
    ahead.service(Input::Fresh, BEGIN);
    ahead.add("a", "X", BEGIN);
    let (_, early) = ahead.take(away.asks(BEGIN), BEGIN);
    let later = BEGIN.plus(5 * DAY);
    ahead.add("b", "Y", later);
    ahead.remove("c", "X", later);
    let (_, late) = ahead.take(away.asks(later), later);
    let told = |bytes: Option<Vec<u8>>| {
        let frame = Frame::from_bytes(&bytes.expect("it was asked")).expect("its own");
        Frame { from: ENAM, ..frame }.to_bytes()
    };

    let mut home = Site::new(Region::Weur, 3, false);
    home.take(told(early), later);
    let mut user = home.handed_over(later);
    assert_eq!(user.shown(&shop::key("X"), Location::Cart), 1);
    home.take(told(late), later);
    assert!(home.replica.cart().context().horizon() > BEGIN.day());
    user.join(&home.replica.book().forwarding.clone().expect("it forwards").outbox);
    let shown = |sku| user.shown(&shop::key(sku), Location::Cart);
    assert_eq!((shown("X"), shown("Y")), (0, 1));
}

/// Else nobody tells it of later changes, nor that the cart was erased.
#[test]
fn a_replica_that_a_guests_cart_was_handed_to_is_told_from_then_on() {
    let (mut home, mut away) = (Site::new(Region::Weur, 1, false), Site::new(Region::Enam, 2, false));
    home.service(Input::Fresh, BEGIN);
    home.add("a", "Y", BEGIN);
    let (_, told) = home.take(away.asks(BEGIN), BEGIN);
    away.take(told.expect("it was asked"), BEGIN);
    assert!(!away.replica.is_active(Region::Enam), "who only looks is not told");
    let guest = &mut with_an_item(3);
    away.service(Input::Join { state: seal(guest, cart_id(1)), path: vec![cart_id(3)] }, BEGIN);
    assert!(away.replica.is_active(Region::Enam));
    let (now, frames) = away.ring();
    for (_, frame) in frames {
        home.take(frame, now);
    }
    assert!(home.replica.is_active(Region::Enam) && home.quantity() == 2);
}

fn with_an_item(name: u8) -> shop::Shop {
    let mut shop = shop::Shop::new(name);
    let edit = shop.edit_of("a", vec![order("X", 1)], BEGIN);
    shop.step(&shop.shopper(), Input::Edit(edit), BEGIN);
    shop
}

fn seal(guest: &mut shop::Shop, into: CartId) -> Vec<u8> {
    match guest.ask(&Caller::Service, Input::Seal { into }, BEGIN).expect("a seal").kind {
        ReplyKind::Sealed(state) => state,
        other => panic!("{other:?}"),
    }
}

/// Each merge asks both carts, one after the other, and two may cross.
#[test]
fn nothing_counts_twice_in_two_carts_that_were_merged_into_each_other() {
    let (one, other) = (&mut with_an_item(1), &mut with_an_item(2));
    let state = seal(one, cart_id(2));
    other.ask(&Caller::Service, Input::Join { state, path: vec![cart_id(1)] }, BEGIN).expect("joined");
    let state = seal(other, cart_id(1));
    one.ask(&Caller::Service, Input::Join { state, path: vec![cart_id(2)] }, BEGIN).expect("heard");
    let shown = |shop: &shop::Shop| shop.replica.cart().shown(&shop::key("X"), Location::Cart);
    assert_eq!((shown(one), shown(other)), (1, 2));
}

/// A guest's cart is sealed under one day only: by another, what it hands over has other names, and counts twice.
#[test]
fn a_home_made_anew_acts_once_it_holds_what_its_stores_do() {
    let mut lost = Site::new(Region::Weur, 1, true);
    lost.service(Input::Fresh, BEGIN);
    lost.add("a", "X", BEGIN);
    lost.step(&lost.session.shopper(), Input::Lease { actor: Actor::mint(BEGIN.day(), 7) }, BEGIN);
    let mut rows = BTreeMap::new();
    lost.settle(&mut rows);
    let told =
        |rows: &BTreeMap<Holder, Stored>, region| rows[&Holder::Store(region)].frame(region).to_bytes();
    let before = told(&rows, Region::Enam);
    let seal = || Input::Seal { into: cart_id(2) };
    lost.service(seal(), BEGIN);
    let sealed = lost.replica.book().ties.seal.clone().expect("a seal");
    lost.settle(&mut rows);

    // The store that answers is the one that does not know of the seal yet; from a peer it hears no more.
    let later = BEGIN.plus(DAY);
    let mut home = Site::new(Region::Weur, 2, true);
    home.take(before, later);
    assert!(home.replica.book().joined && !home.replica.acts_as_home());
    for input in [seal(), Input::HandOver { to: Region::Apac }] {
        let refused = home.replica.step(&Caller::Service, input, later);
        assert!(matches!(refused.as_slice(), [Effect::Reply(Err(Reject::HomeSettles))]), "{refused:?}");
    }
    home.add("b", "X", later);
    home.settle(&mut rows);
    assert!(home.replica.acts_as_home());
    home.service(seal(), later);
    assert_eq!(home.replica.book().ties.seal, Some(sealed));

    // Back from both stores, which hold the same, it acts at once, though a lease has ended.
    let mut home = Site::new(Region::Weur, 3, true);
    for region in [Region::Weur, Region::Enam] {
        home.take(told(&rows, region), later.plus(2 * LEASE_MS));
    }
    assert!(home.replica.acts_as_home());
}

/// It was made while no store answered.
#[test]
fn a_home_that_heard_nothing_acts_once_no_store_knows_more() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.add("a", "X", BEGIN);
    assert!(!home.replica.book().joined && !home.replica.acts_as_home());
    home.settle(&mut BTreeMap::new());
    assert!(home.replica.book().joined && home.replica.acts_as_home());
}

/// It had no room for anything for days, and so its stores know of nothing.
#[test]
fn a_home_holds_the_horizon_where_no_store_has_the_cart() {
    let (mut away, mut home) = (Site::new(Region::Enam, 2, true), Site::new(Region::Weur, 1, true));
    away.add("a", "X", BEGIN);
    let (_, frames) = away.ring();
    home.service(Input::Unstored, BEGIN.plus(4 * DAY));
    home.add("b", "X", BEGIN.plus(4 * DAY));
    home.settle(&mut BTreeMap::new());
    home.add("c", "X", BEGIN.plus(5 * DAY));
    home.take(frames[0].1.clone(), BEGIN.plus(5 * DAY));
    assert_eq!(home.quantity(), 3);
}

/// Else who looks at a cart that nobody made would make it.
#[test]
fn a_cart_that_no_store_has_is_looked_at_without_a_row() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Unstored, BEGIN);
    for hours in 0..5 {
        let (effects, _) = home.step(&home.session.shopper(), Input::Read, BEGIN.plus(hours * ASK_MS));
        assert!(effects.is_empty(), "{effects:?}");
    }
    let mut home = Site::new(Region::Weur, 2, true);
    home.service(Input::Unstored, BEGIN);
    home.add("a", "X", BEGIN);
    let stores = home.ring().1;
    assert_eq!(stores.len(), 2);
    for (to, bytes) in stores {
        assert!(!Frame::from_bytes(&bytes).expect("its own").pull, "{to:?} has said that it has nothing");
    }
}

/// The home before held it for the devices of a guest's cart.
#[test]
fn a_new_home_holds_the_horizon() {
    let (mut home, mut next) = pair();
    home.service(Input::Expect { guest: cart_id(2), bytes: 0 }, BEGIN);
    let horizon = |next: &Site| next.replica.cart().context().horizon();
    let held = horizon(&next);
    next.service(Input::TakeOver { term: 0 }, BEGIN.plus(9 * DAY));
    let mut settle_and_add = |key: &str, days: u64| {
        let (now, frames) = next.ring();
        let (receipt, _) = home.take(frames[0].1.clone(), now);
        next.receipt(receipt, now);
        next.add(key, "X", BEGIN.plus(days * DAY));
        horizon(&next)
    };
    assert_eq!(settle_and_add("b", 10), held);
    assert!(settle_and_add("c", 60) > held, "no lease lasts so long");
}

#[test]
fn who_has_acknowledged_is_written_with_the_last_who_was_told() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let (now, frames) = home.ring();
    let receipts: Vec<Vec<u8>> = frames
        .iter()
        .map(|(to, frame)| {
            let frame = Frame::from_bytes(frame).expect("a frame");
            store::take(None, &[frame], to.region(), 77).expect("a frame").receipts[0].to_bytes()
        })
        .collect();
    let [first, last] = <[Vec<u8>; 2]>::try_from(receipts).expect("two stores");
    let row = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Put(row) => Some(row),
            _ => None,
        })
    };
    assert_eq!(row(home.service(Input::Receipts { receipts: vec![first.clone()] }, now).0), None);
    // A replica that is put out of memory between the two has heard of none, and asks both again.
    let written = row(home.service(Input::Receipts { receipts: vec![last] }, now).0).expect("a row");
    let again = Replica::from_row(&written).expect("its row");
    assert!(again.book().links.values().all(|link| link.acknowledged == again.book().sequence));
    // Who never acknowledges keeps nothing back: the next row has all that is known.
    home.add("b", "X", now);
    home.ring();
    home.service(Input::Receipts { receipts: vec![first] }, now);
    let later = now.plus(1_000);
    let edit = home.session.edit_of("c", vec![order("X", 1)], later);
    let (effects, _) = home.step(&home.session.shopper(), Input::Edit(edit), later);
    let written = row(effects).expect("a row");
    assert_eq!(Replica::from_row(&written).expect("its row").book(), home.replica.book());
}

/// The stores forget it as well, and what comes late to one does not bring it back.
#[test]
fn what_has_ended_is_forgotten_by_all_holders() {
    let (mut home, mut rows) = (Site::new(Region::Weur, 1, true), BTreeMap::new());
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    home.step(&home.session.shopper(), Input::Lease { actor: Actor::mint(BEGIN.day(), 7) }, BEGIN);
    home.step(&home.session.shopper(), Input::Enroll { cart: cart_id(3) }, BEGIN);
    let struck = Input::Strike { cart: cart_id(3), actor: Actor::mint(BEGIN.day(), 8), erased: true };
    home.step(&home.session.shopper(), struck, BEGIN);
    let (_, late) = home.ring();
    home.add("b", "X", BEGIN);
    home.settle(&mut rows);
    assert_eq!(rows.values().map(|row| row.ties.leases.len()).collect::<Vec<_>>(), [1, 1]);

    home.add("c", "X", BEGIN.plus(LEASE_MS + 1_000));
    home.settle(&mut rows);
    for (to, bytes) in late {
        let frame = Frame::from_bytes(&bytes).expect("its own");
        let taken = store::take(rows.get(&to), &[frame], to.region(), 9).expect("taken");
        assert_eq!(taken.write, None, "it was forgotten at {to}");
    }
    for (to, row) in &rows {
        assert_eq!(row.ties, home.replica.book().ties, "{to}");
        assert!(row.ties.leases.is_empty() && row.ties.carts.is_empty(), "{to}");
        let link = home.replica.book().links[to];
        assert_eq!(link.agreed, home.replica.book().sequence, "{to} holds the same");
    }
}

#[test]
fn a_store_that_was_put_back_to_an_older_row_is_told_all() {
    let (mut home, mut rows) = (Site::new(Region::Weur, 1, true), BTreeMap::new());
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    home.settle(&mut rows);
    let older = rows.clone();
    home.add("b", "X", BEGIN.plus(60_000));
    home.settle(&mut rows);
    rows = older;
    // The next change is told as a delta, and brings it to light.
    home.add("c", "Y", BEGIN.plus(120_000));
    home.settle(&mut rows);
    for (to, row) in &rows {
        assert_eq!(&row.cart, home.replica.cart(), "{to}");
        assert_eq!(home.replica.book().links[to].agreed, home.replica.book().sequence, "{to}");
    }
}

#[test]
fn who_asks_for_a_cart_that_never_was_leaves_nothing_at_its_home() {
    let (mut home, mut away) = (Site::new(Region::Weur, 1, true), Site::new(Region::Enam, 2, true));
    home.service(Input::Fresh, BEGIN);
    let (effects, _) = away.service(Input::Pull { from: WEUR }, BEGIN);
    let [Effect::Send { frame, .. }] = <[Effect; 1]>::try_from(effects).expect("one") else { panic!() };
    let mut frame = Frame::from_bytes(&frame).expect("a frame");
    // It was called a moment sooner than the home.
    frame.ties.as_mut().expect("it is whole").created = BEGIN.less(50);
    let (effects, _) = home.service(Input::Frame { bytes: frame.to_bytes() }, BEGIN);
    assert_eq!((effects, home.alarm), (vec![], None), "no row, no alarm");
    // Of a cart that is there what is told is kept, be it little.
    frame.ties.as_mut().expect("it is whole").owner = Some(away.session.session.clone());
    let (effects, _) = home.service(Input::Frame { bytes: frame.to_bytes() }, BEGIN);
    assert!(matches!(effects.as_slice(), [Effect::Put(_), Effect::Wake(_)]), "{effects:?}");
}

#[test]
fn a_region_that_is_lost_is_tried_more_and_more_rarely_until_it_is_heard_of() {
    let (mut home, mut away) = pair();
    let (mut now, frames) = away.ring();
    let (receipt, _) = home.take(frames[0].1.clone(), now);
    let (mut tries, mut wait) = (0, 0);
    while now < BEGIN.plus(2 * DAY) {
        away.service(Input::Missed { to: WEUR }, now);
        let at = away.alarm.expect("armed again");
        (tries, wait, now) = (tries + 1, at.0 - now.0, at);
        assert_eq!(away.ring().1.len(), 1);
    }
    assert!((2_700_000..=4_500_000).contains(&wait), "about an hour: {wait}");
    assert!((60..200).contains(&tries), "{tries} tries in two days");
    // While the cart is edited, it is tried each minute.
    away.service(Input::Missed { to: WEUR }, now);
    away.add("b", "Y", now);
    assert!(away.alarm.expect("an alarm") <= now.plus(64_000));
    // It is there again.
    now = now.plus(1_000);
    away.receipt(receipt, now);
    assert!(away.alarm.expect("an alarm") <= now.plus(1_000));
    let (_, frames) = away.ring();
    assert_eq!(frames.len(), 1);
}

/// What a store's queue has lost waits for the next step, be it that of the sweep a day later.
#[test]
fn a_letter_that_a_store_never_got_is_sent_again_by_the_next_step() {
    let mut home = Site::new(Region::Weur, 1, true);
    home.service(Input::Fresh, BEGIN);
    home.add("a", "X", BEGIN);
    let (now, lost) = home.ring();
    assert_eq!((lost.len(), home.alarm), (2, None), "an alarm would cost a row a flush");
    let (effects, _) = home.service(Input::Retire, now.plus(2 * IDLE_MS));
    assert!(!effects.contains(&Effect::Forget));
    assert_eq!(home.ring().1.len(), 2);
}

#[test]
fn an_erasure_that_is_heard_of_drops_the_pages_of_the_ledger() {
    let (mut home, mut away) = pair();
    for edit in 0..100 {
        away.add(&format!("edit {edit}"), "Y", BEGIN);
    }
    assert_eq!(away.replica.book().pages.len(), 1);
    let (now, frames) = away.ring();
    home.take(frames[0].1.clone(), now);
    home.step(&home.session.shopper(), Input::Erase, now);
    let (now, frames) = home.ring();
    let (effects, _) = away.service(Input::Frame { bytes: frames[0].1.clone() }, now);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::DropPages { .. })), "{effects:?}");
    assert!(away.replica.cart().is_erased() && away.replica.book().pages.is_empty());
}
