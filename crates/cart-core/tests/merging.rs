//! What follows from a merge: who goes with an erased cart, what a user's cart takes of a guest's beside its lines, and
//! how much.

mod shop;

use std::collections::BTreeSet;

use cart_core::id::{CartId, Region};
use cart_core::regions::{Place, Regions};
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
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    guest.ask(&Caller::Service, Input::Seal { into: cart_id(2) }, BEGIN).expect("a seal");
    erase(&mut user);
    // Whoever sealed it did not live to hand it over: it goes there by itself.
    let [(_, join, _)] = <[_; 1]>::try_from(ring(&mut guest)).expect("one");
    user.ask(&Caller::Service, join, BEGIN).expect("taken");
    assert!(user.cart().is_erased());
    assert_eq!(ring(&mut user).len(), 1);
}

#[test]
fn whoever_becomes_the_home_tells_all_that_must_be_told() {
    let (mut guest, mut user) = (with_an_item(1), with_an_item(2));
    merge(&mut guest, &mut user);
    erase(&mut user);
    // The home is lost with what it knew of answers.
    let place = |region, longitude| Place { region, latitude: 0.0, longitude, share: None, stores: vec![] };
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
