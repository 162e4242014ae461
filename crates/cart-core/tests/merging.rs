//! What follows from a merge: who goes with an erased cart, what a user's cart takes of a guest's beside its lines, and
//! how much.

mod shop;

use std::collections::BTreeSet;

use cart_core::cart::Cart;
use cart_core::command::{Command, Fields, Place};
use cart_core::frame::FRAME_BYTES_MAX;
use cart_core::id::{CartId, Region};
use cart_core::limits::Limits;
use cart_core::meta::Field;
use cart_core::regions::{self, Regions};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Effect, Input, Notice, Replica, ReplyKind};
use cart_core::time::Millis;
use shop::{BEGIN, Shop, cart_id, order};

fn with_an_item(name: u8) -> Shop {
    let mut shop = Shop::new(name);
    shop.edit("a", order("X", 1), BEGIN).expect("an edit");
    shop
}

/// Merges a guest's cart as the edge does it.
fn merge(guest: &mut Shop, user: &mut Shop) {
    let (from, into) = (guest.replica.book().cart_id.clone(), user.replica.book().cart_id.clone());
    let sealed = guest.ask(&Caller::Service, Input::Seal { into }, BEGIN).expect("a seal");
    let ReplyKind::Sealed(state) = sealed.kind else { panic!("a seal gives what to join") };
    let join = Input::Join { state: state.clone(), path: vec![from] };
    user.ask(&Caller::Service, join, BEGIN).expect("joined");
    guest.ask(&Caller::Service, Input::Forwarded { delta: state }, BEGIN).expect("arrived");
}

/// The alarm goes off: whom it tells what, and what follows once that was answered.
fn ring(shop: &mut Shop) -> Vec<(CartId, Input, Input)> {
    let due = shop.replica.book().wake.expect("an alarm");
    let tells = shop.step(&Caller::Service, Input::Tick, due).into_iter();
    let tell = |effect| match effect {
        Effect::Tell { cart, input, then } => Some((cart, *input, *then)),
        _ => None,
    };
    tells.filter_map(tell).collect()
}

fn erase(shop: &mut Shop) {
    shop.ask(&shop.shopper(), Input::Erase, BEGIN).expect("erased");
}

#[test]
fn a_guests_cart_is_erased_with_the_users_it_was_merged_into() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    merge(&mut guest, &mut user);
    assert!(!user.replica.owes_notice());
    erase(&mut user);
    for _ in 0..3 {
        // Nobody has answered: it is told again.
        let tells = ring(&mut user);
        assert_eq!(
            tells,
            [(cart_id(1), Input::Erase, Input::Told { cart: cart_id(1), notice: Notice::Erased })]
        );
    }
    let [(_, input, then)] = <[_; 1]>::try_from(ring(&mut user)).expect("one");
    guest.ask(&Caller::Service, input, BEGIN).expect("erased");
    assert!(guest.cart().is_erased() && user.replica.owes_notice());
    user.step(&Caller::Service, then, BEGIN);
    assert!(!user.replica.owes_notice());
    // Repeated, it is no change.
    let effects = guest.step(&Caller::Service, Input::Erase, BEGIN);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Put(_))), "{effects:?}");
}

#[test]
fn what_is_erased_along_takes_along_what_was_merged_into_it() {
    let (mut first, mut second, mut user) = (with_an_item(1), with_an_item(2), with_an_item(3));
    merge(&mut first, &mut second);
    merge(&mut second, &mut user);
    erase(&mut user);
    let [(cart, input, _)] = <[_; 1]>::try_from(ring(&mut user)).expect("one");
    assert_eq!(cart, cart_id(2));
    second.ask(&Caller::Service, input, BEGIN).expect("erased");
    let [(cart, input, _)] = <[_; 1]>::try_from(ring(&mut second)).expect("one");
    assert_eq!(cart, cart_id(1));
    first.ask(&Caller::Service, input, BEGIN).expect("erased");
    assert!(first.cart().is_erased());
}

#[test]
fn a_guest_that_erases_its_sealed_cart_leaves_the_users_as_it_is() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    merge(&mut guest, &mut user);
    erase(&mut guest);
    assert!(!guest.replica.owes_notice());
    assert_eq!(user.shown("X"), 2);
}

#[test]
fn a_cart_that_is_handed_over_to_an_erased_one_is_erased() {
    handed_over_to_an_erased_one(with_an_item(1));
}

#[test]
fn an_empty_cart_that_is_handed_over_to_an_erased_one_is_erased() {
    handed_over_to_an_erased_one(Shop::new(1));
}

fn handed_over_to_an_erased_one(mut guest: Shop) {
    let mut user = with_an_item(2);
    guest.ask(&Caller::Service, Input::Seal { into: cart_id(2) }, BEGIN).expect("a seal");
    erase(&mut user);
    // Whoever sealed it did not live to hand it over: it goes there by itself.
    let [(_, join, then)] = <[_; 1]>::try_from(ring(&mut guest)).expect("one");
    user.ask(&Caller::Service, join, BEGIN).expect("taken");
    guest.ask(&Caller::Service, then, BEGIN).expect("noted");
    assert!(user.cart().is_erased());
    let [(cart, input, _)] = <[_; 1]>::try_from(ring(&mut user)).expect("one");
    assert_eq!((cart, input), (cart_id(1), Input::Erase));
    let left = guest.step(&Caller::Service, Input::Tick, BEGIN);
    assert!(!left.iter().any(|effect| matches!(effect, Effect::Tell { .. })), "it is handed over once");
}

#[test]
fn whoever_becomes_the_home_tells_all_that_must_be_told() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    merge(&mut guest, &mut user);
    erase(&mut user);
    // The home is lost with what it knew of answers.
    let place = |region, longitude| regions::Place::at(region, 0.0, longitude);
    let regions = Regions { places: vec![place(Region::Weur, 8.0), place(Region::Enam, -77.0)] };
    let mut other = user.in_region(Region::Enam);
    other.replica = other.replica.clone().among(regions.into());
    assert!(!other.replica.owes_notice());
    let taken = other.replica.step(&Caller::Service, Input::TakeOver { term: 0 }, BEGIN);
    assert!(matches!(taken.last(), Some(Effect::Reply(Ok(_)))), "{taken:?}");
    assert!(other.replica.owes_notice());
}

#[test]
fn a_cart_does_not_go_to_rest_while_others_are_to_be_told() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    merge(&mut guest, &mut user);
    erase(&mut user);
    let late = BEGIN.plus(10 * Millis::DAY);
    let effects = user.replica.step(&Caller::Service, Input::Retire, late);
    assert!(!effects.contains(&Effect::Forget));
    let at = Replica::from_row(&user.row).expect("a row").book().wake;
    assert!(at.is_some(), "its alarm is armed");
}

#[test]
fn a_sign_out_at_the_root_reaches_the_other_carts_of_the_session() {
    let mut root = with_an_item(1);
    for name in 2..50 {
        root.ask(&root.shopper(), Input::Enroll { cart: cart_id(name) }, BEGIN).expect("noted");
    }
    root.ask(&root.shopper(), Input::SignOut, BEGIN).expect("signed out");
    let (mut told, mut silent) = (BTreeSet::new(), BTreeSet::new());
    while root.replica.owes_notice() {
        for (cart, input, then) in ring(&mut root) {
            assert_eq!(input, Input::SignOut);
            // None answers at first.
            if !silent.insert(cart.clone()) {
                told.insert(cart);
                root.step(&Caller::Service, then, BEGIN);
            }
        }
    }
    assert_eq!(told.len(), 48);
}

fn note(shop: &mut Shop, key: &str, note: Option<&str>, now: Millis) {
    let fields = Fields { note: Some(note.map(str::to_owned)), ..Fields::default() };
    shop.edit(key, Command::Update(fields), now).expect("an edit");
}

fn noted(shop: &Shop) -> Option<String> {
    shop.cart().meta(Field::NOTE).and_then(|register| register.value.as_deref().map(str::to_owned))
}

#[test]
fn a_merge_takes_the_fields_that_the_users_cart_lacks() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    note(&mut guest, "n", Some("ring twice"), BEGIN.plus(9_000));
    let fields =
        Fields { locale: Some(Some("de-AT".into())), currency: Some("EUR".into()), ..Fields::default() };
    guest.edit("l", Command::Update(fields), BEGIN).expect("an edit");
    let fields = Fields { currency: Some("USD".into()), ..Fields::default() };
    user.edit("c", Command::Update(fields), BEGIN).expect("an edit");
    merge(&mut guest, &mut user);
    let value = |field| user.cart().meta(field).and_then(|register| register.value.as_deref());
    assert_eq!(value(Field::NOTE), Some("ring twice"));
    assert_eq!(value(Field::LOCALE), Some("de-AT"));
    assert_eq!(value(Field::CURRENCY), Some("USD"), "what both have stays the user's");
}

#[test]
fn a_field_that_was_taken_away_is_the_users_own() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    note(&mut user, "n", Some("mine"), BEGIN);
    note(&mut user, "m", None, BEGIN.plus(1));
    note(&mut guest, "n", Some("ring twice"), BEGIN.plus(9_000));
    merge(&mut guest, &mut user);
    assert_eq!(noted(&user), None);
}

#[test]
fn what_a_guest_writes_late_arrives_until_the_user_writes() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    note(&mut guest, "n", Some("early"), BEGIN);
    merge(&mut guest, &mut user);
    note(&mut guest, "m", Some("late"), BEGIN.plus(5_000));
    guest.forward(&mut user);
    assert_eq!(noted(&user).as_deref(), Some("late"));
    // By a clock that is behind, and all the same.
    note(&mut user, "o", Some("mine"), BEGIN.plus(1));
    note(&mut guest, "p", Some("later"), BEGIN.plus(9_000));
    guest.forward(&mut user);
    assert_eq!(noted(&user).as_deref(), Some("mine"));
}

#[test]
fn of_two_guests_the_first_that_was_merged_gives_its_fields() {
    let (mut first, mut second, mut user) = (with_an_item(1), with_an_item(2), with_an_item(3));
    note(&mut first, "n", Some("first"), BEGIN);
    note(&mut second, "n", Some("second"), BEGIN.plus(1_000));
    merge(&mut first, &mut user);
    let before = user.cart().clone();
    let seal = Input::Seal { into: cart_id(3) };
    second.ask(&Caller::Service, seal, BEGIN.plus(2_000)).expect("a seal");
    second.forward(&mut user);
    assert_eq!(noted(&user).as_deref(), Some("first"));
    assert_ne!(*user.cart(), before);
}

#[test]
fn through_a_chain_of_carts_what_each_has_of_its_own_goes_first() {
    let (mut first, mut second, mut user) = (with_an_item(1), with_an_item(2), with_an_item(3));
    note(&mut first, "n", Some("first"), BEGIN.plus(9_000));
    merge(&mut first, &mut second);
    merge(&mut second, &mut user);
    assert_eq!(noted(&user).as_deref(), Some("first"));
    note(&mut first, "m", Some("first, late"), BEGIN.plus(10_000));
    first.forward(&mut second);
    second.forward(&mut user);
    assert_eq!(noted(&user).as_deref(), Some("first, late"));
    note(&mut second, "n", Some("second"), BEGIN);
    second.forward(&mut user);
    assert_eq!((noted(&second).as_deref(), noted(&user).as_deref()), (Some("second"), Some("second")));
    // Whatever of it comes in whatever order, the end is the same.
    let into = second.replica.book().ties.seal.clone().expect("it is sealed");
    let all: Vec<Cart> = second.states.iter().map(|state| into.transplant(&cart_id(2), state)).collect();
    for rotated in 0..all.len() {
        let mut end = Cart::default();
        all.iter().cycle().skip(rotated).take(all.len()).for_each(|part| end.join(part));
        end.join(user.cart());
        assert_eq!(end.to_bytes(), user.cart().to_bytes());
    }
}

/// A cart of so many engravings of a kilobyte.
fn engraved(name: u8, count: u32) -> Shop {
    let mut shop = Shop::new(name);
    for at in 0..count {
        let engraving = format!("{{\"engraving\":\"{name} {at} {}\"}}", "x".repeat(950));
        let command = Command::Add {
            sku: "1095275".to_owned(),
            quantity: 1,
            variant: None,
            customization: serde_json::from_str(&engraving).expect("an object"),
        };
        shop.edit(&format!("engraving {at}"), command, BEGIN).expect("an edit");
    }
    shop
}

fn expect(user: &mut Shop, guest: &Shop) -> Result<(), Reject> {
    let bytes = guest.cart().to_bytes().len() as u64;
    let guest = guest.replica.book().cart_id.clone();
    user.ask(&Caller::Service, Input::Expect { guest, bytes }, BEGIN).map(drop)
}

#[test]
fn merges_are_bounded_by_bytes_before_anything_is_sealed() {
    let mut user = with_an_item(1);
    let mut merged = 0;
    for name in 2..22 {
        let mut guest = engraved(name, 55);
        match expect(&mut user, &guest) {
            Ok(()) => merge(&mut guest, &mut user),
            Err(refusal) => {
                assert_eq!(refusal.code(), "merge_too_large");
                break;
            }
        }
        merged += 1;
        // What has come is expected again, without more room.
        expect(&mut user, &guest).expect("a repeat");
    }
    assert_eq!(merged, 4);
    let bytes = user.cart().to_bytes().len();
    assert!(bytes <= Limits::default().merged_bytes_max, "{bytes}");
    // It can be made smaller, though it is beyond what edits may make.
    let line_id = user.cart().lines().next().expect("a line").0.line_id();
    let set = Command::Set { line_id, quantity: 3, at: Place::Cart };
    user.edit("set", set, BEGIN).expect("a set");
}

#[test]
fn merges_at_once_have_room_together() {
    let mut user = with_an_item(1);
    let guests: Vec<Shop> = (2..8).map(|name| engraved(name, 55)).collect();
    let refused = guests.iter().map(|guest| expect(&mut user, guest)).filter(Result::is_err).count();
    assert_eq!(refused, 2);
    // One of them does not come.
    let guest = guests[0].replica.book().cart_id.clone();
    user.ask(&Caller::Service, Input::Unexpect { guest }, BEGIN).expect("noted");
    expect(&mut user, &guests[5]).expect("there is room");
}

#[test]
fn what_guests_still_do_is_bounded_and_waits() {
    let mut user = with_an_item(1);
    let mut guests: Vec<Shop> = (2..30).map(|name| engraved(name, 1)).collect();
    for guest in &mut guests {
        expect(&mut user, guest).expect("there is room");
        merge(guest, &mut user);
    }
    let mut waits = 0;
    for guest in &mut guests {
        let name = guest.replica.book().cart_id.clone();
        for at in 0..40 {
            let text = format!("{{\"engraving\":\"late {name} {at} {}\"}}", "x".repeat(950));
            let customization = serde_json::from_str(&text).expect("an object");
            let command =
                Command::Add { sku: "1095275".to_owned(), quantity: 1, variant: None, customization };
            guest.edit(&format!("late {at}"), command, BEGIN).expect("an edit");
        }
        let [(_, join, then)] = <[_; 1]>::try_from(ring(guest)).expect("one");
        match user.ask(&Caller::Service, join, BEGIN) {
            Ok(_) => drop(guest.step(&Caller::Service, then, BEGIN)),
            Err(refusal) => {
                assert_eq!(refusal.code(), "merge_too_large");
                waits += 1;
            }
        }
    }
    assert!(waits > 0);
    let bytes = user.cart().to_bytes().len();
    assert!(bytes < FRAME_BYTES_MAX / 3, "{bytes}");
    // Once there is room, it arrives.
    user.edit("clear", Command::Clear {}, BEGIN).expect("an edit");
    let waiting = guests.iter_mut().rfind(|guest| guest.replica.book().forwarding.is_some());
    let [(_, join, _)] = <[_; 1]>::try_from(ring(waiting.expect("one"))).expect("one");
    user.ask(&Caller::Service, join, BEGIN).expect("joined");
}
