//! Sessions against a replica as its object holds it: offline, refused, shared, damaged, side by side. Natively, and
//! as Wasm in a browser.

#[path = "../../cart-core/tests/shop/mod.rs"]
mod shop;

mod page;

use cart_client::live::Gossip;
use cart_client::session::{BATCH_MAX, Input, Session};
use cart_client::verdict::Problem;
use cart_core::cart::Cart;
use cart_core::change::Change;
use cart_core::limits::Limits;
use cart_core::line::Location;
use cart_core::meta::Field;
use cart_core::money::Money;
use cart_core::time::Millis;
use cart_core::view::Offer;
use page::{Page, news};
use shop::{BEGIN, Shop, add, engraved, key, order, remove};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

fn set(sku: &str, quantity: u32) -> Change {
    Change::Set { key: key(sku), quantity, at: Location::Cart }
}

#[test]
fn edits_before_the_service_was_ever_reached_arrive() {
    for live in [false, true] {
        let mut shop = Shop::new(1);
        let mut page = Page::new(live);
        page.edit(add("a", 2));
        page.edit(set("a", 5));
        assert_eq!((page.shown("a"), page.session.cart_id()), (5, None));
        let mut page = page.restored();
        assert_eq!(page.shown("a"), 5);
        page.open();
        page.pump(&mut shop);
        assert_eq!((shop.shown("a"), page.session.device().pending()), (5, 0));
        assert_eq!(page.session.device().cart(), shop.cart());
    }
}

/// What pages of earlier builds have stored is read by every later one, with what it had not sent.
#[test]
fn golden_bytes_at_rest_are_read_and_sent() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, false);
    page.edit(add("a", 2));
    let (line, details) = engraved("e", "Ada");
    page.edit(Change::Add { key: line, details: Some(details), quantity: 1, at: Location::Cart });
    let price = Some(Money { amount_minor: 158, currency: "USD".to_owned() });
    page.step(Input::Product("a".to_owned(), Offer { title: "Bagel".to_owned(), price }));
    let golden = include_str!("golden/session-1.hex").trim_end();
    let stored: String = page.session.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(stored, golden, "bytes of another layout are of another format, and this one is still read");
    let bytes =
        (0..golden.len()).step_by(2).map(|at| u8::from_str_radix(&golden[at..at + 2], 16).expect("hex"));
    let mut page = page.stored_as(bytes.collect());
    assert_eq!((page.shown("a"), page.session.device().pending()), (2, 2));
    assert!(page.session.view().contains("Bagel"));
    page.open();
    page.pump(&mut shop);
    assert_eq!((shop.shown("a"), page.session.device().pending()), (2, 0));
}

#[test]
fn two_devices_offline_then_merged_are_equal() {
    let mut shop = Shop::new(1);
    let mut pages = [Page::leased(&mut shop, 1, true), Page::leased(&mut shop, 2, false)];
    for page in &mut pages {
        page.edit(add("a", 2));
        page.edit(add("b", 1));
        page.edit(remove("b"));
    }
    for turn in [0, 1, 0] {
        pages[turn].close();
        pages[turn].open();
        pages[turn].pump(&mut shop);
    }
    assert_eq!((shop.shown("a"), shop.shown("b")), (4, 0));
    assert!(pages.iter().all(|page| page.session.device().cart() == shop.cart()));
}

#[test]
fn an_answer_that_is_lost_changes_nothing() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, false);
    page.edit(add("a", 2));
    page.open();
    let message = page.sends.remove(0);
    page.ask(&mut shop, &message).1.expect("taken");
    let mut page = page.restored();
    page.edit(add("a", 1));
    page.open();
    page.pump(&mut shop);
    assert_eq!((shop.shown("a"), page.session.device().pending()), (3, 0));
    assert!(!page.wants_actor && page.session.device().actor() == shop::actor(1));
}

#[test]
fn a_copied_instance_takes_a_new_actor_and_loses_nothing() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    page.edit(add("a", 1));
    let mut copy = page.restored();
    page.edit(add("b", 1));
    copy.edit(add("c", 1));
    for page in [&mut page, &mut copy] {
        page.open();
        page.pump(&mut shop);
    }
    assert_ne!(page.session.device().actor(), copy.session.device().actor());
    // What both had before the copy cannot be told from two edits by the copy: nothing is lost.
    assert!(shop.shown("a") >= 1);
    assert_eq!((shop.shown("b"), shop.shown("c")), (1, 1));
}

#[test]
fn a_copy_that_hears_of_an_edit_under_its_actor_takes_a_new_one_and_loses_nothing() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    page.open();
    page.pump(&mut shop);
    let mut copy = page.restored();
    copy.open();
    copy.pump(&mut shop);
    page.edit(add("a", 1));
    page.pump(&mut shop);
    let known = copy.session.device().sequence();
    let told = news(known, known + 1, &shop.cart().to_bytes());
    copy.step(Input::Message(told));
    assert_eq!(copy.shown("a"), 1);
    copy.edit(add("b", 3));
    assert_eq!(copy.shown("b"), 3, "shown at once, before there is a new actor");
    copy.pump(&mut shop);
    assert_eq!((shop.shown("a"), shop.shown("b"), copy.session.device().pending()), (1, 3, 0));
    assert_ne!(page.session.device().actor(), copy.session.device().actor());
    assert_eq!(copy.session.device().cart(), shop.cart());
}

/// What it is told of meanwhile has the dot of an edit that it could not send.
#[test]
fn an_edit_of_a_copy_is_shown_whatever_comes_in_under_its_dot() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    page.open();
    page.pump(&mut shop);
    let mut copy = page.restored();
    copy.open();
    copy.pump(&mut shop);
    copy.close();
    copy.edit(add("b", 3));
    page.edit(add("a", 1));
    page.pump(&mut shop);
    let known = copy.session.device().sequence();
    copy.step(Input::Message(news(known, known + 1, &shop.cart().to_bytes())));
    assert_eq!((copy.shown("a"), copy.shown("b")), (1, 3));
    copy.open();
    copy.pump(&mut shop);
    assert_eq!((shop.shown("a"), shop.shown("b"), copy.session.device().pending()), (1, 3, 0));
}

/// Offline, alone and beside other tabs, which may have removed what they were told of.
#[test]
fn the_same_edit_by_a_page_and_its_copy_counts_twice() {
    for neighbours in [false, true] {
        for offline in [false, true] {
            let mut shop = Shop::new(1);
            let mut page = Page::leased(&mut shop, 1, true);
            page.open();
            page.pump(&mut shop);
            let mut copy = page.restored();
            for page in [&mut page, &mut copy] {
                if neighbours {
                    page.step(Input::Heard(Gossip::Hello.to_bytes()));
                }
                page.close();
                if !offline {
                    page.open();
                    page.pump(&mut shop);
                }
                page.edit(add("a", 1));
                page.edit(add("b", 2));
            }
            for page in [&mut page, &mut copy] {
                if offline {
                    page.open();
                }
                page.pump(&mut shop);
            }
            assert_eq!(shop.shown("a"), 2, "neighbours {neighbours}, offline {offline}");
            assert_eq!((shop.shown("b"), copy.session.device().pending()), (4, 0));
            assert_eq!(copy.session.device().cart(), shop.cart());
        }
    }
}

#[test]
fn of_a_copy_what_was_sent_and_had_no_answer_is_not_doubled() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, false);
    let mut copy = page.restored();
    page.open();
    page.pump(&mut shop);
    page.edit(add("a", 2));
    let message = page.sends.remove(0);
    page.ask(&mut shop, &message).1.expect("taken");
    page.close();
    copy.open();
    copy.pump(&mut shop);
    copy.edit(add("b", 1));
    copy.pump(&mut shop);
    copy.edit(add("b", 1));
    page.edit(add("c", 1));
    for page in [&mut page, &mut copy] {
        page.close();
        page.open();
        page.pump(&mut shop);
    }
    assert_eq!([shop.shown("a"), shop.shown("b"), shop.shown("c")], [2, 2, 1]);
}

#[test]
fn tabs_that_hear_their_own_actor_take_new_ones() {
    let mut shop = Shop::new(1);
    let mut one = Page::leased(&mut shop, 1, true);
    one.edit(add("a", 1));
    let mut two = one.restored();
    one.step(Input::Heard(Gossip::Hello.to_bytes()));
    two.step(Input::Heard(one.told.pop().expect("told")));
    one.step(Input::Heard(two.told.pop().expect("told")));
    for page in [&mut one, &mut two] {
        page.edit(add("a", 1));
    }
    for page in [&mut one, &mut two] {
        page.open();
        page.pump(&mut shop);
    }
    assert_eq!(shop.shown("a"), 3, "what the second had read from the first is one edit");
    assert!([&one, &two].iter().all(|page| page.session.device().actor() != shop::actor(1)));
}

/// Though it is made again under an actor that no removal names.
#[test]
fn what_another_tab_removed_before_there_was_a_cart_stays_removed() {
    let mut shop = Shop::new(1);
    let mut pages = [1, 2].map(|number| Page::numbered(number, true));
    pages.iter_mut().for_each(|page| page.step(Input::Heard(Gossip::Hello.to_bytes())));
    pages[0].edit(add("a", 1));
    pages[0].edit(add("b", 1));
    let told = pages[0].told.pop().expect("told");
    pages[1].step(Input::Heard(told));
    pages[1].edit(remove("a"));
    let told = pages[1].told.pop().expect("told");
    pages[0].step(Input::Heard(told));
    for (lease, page) in (11..).zip(&mut pages) {
        shop.lease(lease);
        page.step(Input::Leased(shop::cart_id(1), shop::actor(lease)));
        page.open();
        page.pump(&mut shop);
    }
    assert_eq!([shop.shown("a"), shop.shown("b")], [0, 1]);
}

/// They tell it again with the cart, under their actors of then; or they have another cart.
#[test]
fn what_tabs_told_before_any_cart_was_known_is_forgotten_with_the_cart() {
    let mut shop = Shop::new(1);
    let mut pages = [1, 2].map(|number| Page::numbered(number, true));
    pages.iter_mut().for_each(|page| page.step(Input::Heard(Gossip::Hello.to_bytes())));
    pages.iter_mut().for_each(|page| page.edit(add("a", 1)));
    let told = pages.each_mut().map(|page| page.told.pop().expect("told"));
    pages[0].step(Input::Heard(told[1].clone()));
    pages[1].step(Input::Heard(told[0].clone()));
    assert_eq!(pages.each_ref().map(|page| page.shown("a")), [2, 2]);
    for (lease, page) in (11..).zip(&mut pages) {
        shop.lease(lease);
        page.step(Input::Leased(shop::cart_id(1), shop::actor(lease)));
        assert_eq!(page.shown("a"), 1);
    }
    for page in &mut pages {
        page.open();
        page.pump(&mut shop);
    }
    assert_eq!((shop.shown("a"), pages[0].shown("a"), pages[1].shown("a")), (2, 1, 2));
}

#[test]
fn of_what_is_refused_only_that_is_undone() {
    let limits = Limits { lines_max: 3, ..Limits::default() };
    let mut shop = Shop::new(1).configured(limits, 86_400_000);
    for sku in ["x", "y"] {
        shop.edit(sku, order(sku, 1), BEGIN).expect("an edit");
    }
    for live in [false, true] {
        let mut page = Page::leased(&mut shop, u64::from(live), live);
        page.edit(add("x", 1));
        page.edit(add(if live { "p" } else { "z" }, 1));
        page.edit(add("w", 1));
        page.edit(add("y", 1));
        page.open();
        page.pump(&mut shop);
        assert!(page.refused.iter().all(|code| code == "too_many_lines"));
        assert_eq!(page.refused.len(), if live { 2 } else { 1 });
        assert_eq!((page.shown("w"), page.session.device().pending()), (0, 0));
        assert_eq!(page.session.device().cart(), shop.cart());
    }
    assert_eq!((shop.shown("x"), shop.shown("y"), shop.shown("z")), (3, 3, 1));
}

#[test]
fn a_clock_years_ahead_or_behind_is_no_hindrance() {
    let years = 20 * 365 * Millis::DAY;
    for now in [BEGIN.plus(years), Millis(1_000)] {
        let mut shop = Shop::new(1);
        let mut page = Page::leased(&mut shop, 1, false);
        page.now = now;
        page.edit(add("a", 1));
        page.edit(set("a", 7));
        page.open();
        page.pump(&mut shop);
        assert_eq!((shop.shown("a"), page.refused.len()), (7, 0));
        page.edit(set("a", 8));
        page.pump(&mut shop);
        assert_eq!((shop.shown("a"), page.outside.len()), (8, 0));
    }
}

#[test]
fn an_expired_actor_is_replaced() {
    let mut shop = Shop::new(1);
    let mut page = Page::new(true);
    page.step(Input::Leased(shop::cart_id(1), shop::actor(77)));
    page.edit(add("a", 1));
    page.open();
    page.pump(&mut shop);
    assert_eq!(shop.shown("a"), 1);
    assert_ne!(page.session.device().actor(), shop::actor(77));
}

#[test]
fn damaged_bytes_are_an_error_never_a_panic() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, false);
    page.edit(add("a", 1));
    let (key, details) = engraved("e", "Ada");
    page.edit(Change::Add { key, details: Some(details), quantity: 2, at: Location::Cart });
    assert_eq!(page.restored().session.device().cart(), page.session.device().cart());
    for at in 0..page.stored.len() {
        let mut damaged = page.stored.clone();
        damaged[at] ^= 0x41;
        assert!(Session::from_bytes(&damaged).is_err(), "byte {at}");
        assert!(Session::from_bytes(&page.stored[..at]).is_err());
        let device = page.session.device().to_bytes();
        let mut damaged = device.clone();
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 0x41;
            drop(cart_core::sync::Device::from_bytes(&damaged));
        }
    }
}

#[test]
fn news_that_leave_a_gap_are_followed_by_a_pull() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    page.open();
    page.pump(&mut shop);
    let known = page.session.device().sequence();
    shop.edit("k1", order("a", 1), BEGIN).expect("an edit");
    let first = shop.cart().to_bytes();
    page.step(Input::Message(news(known, known + 1, &first)));
    assert_eq!((page.shown("a"), page.sends.len()), (1, 0), "no gap");
    shop.edit("k2", order("b", 1), BEGIN).expect("an edit");
    shop.edit("k3", order("c", 1), BEGIN).expect("an edit");
    page.step(Input::Message(news(known + 2, known + 3, &first)));
    assert_eq!(page.sends.len(), 1, "a gap");
    page.pump(&mut shop);
    assert_eq!(page.session.device().cart(), shop.cart());
    page.step(Input::Message(vec![9, 1, 2, 3]));
    assert!(page.outside.is_empty(), "a later version's message is skipped");
    page.step(Input::Message(vec![3, 0xff]));
    assert_eq!(page.outside, ["client_too_old"]);
}

#[test]
fn tabs_see_each_other_and_what_was_refused_to_one_leaves_the_other() {
    let limits = Limits { lines_max: 1, ..Limits::default() };
    let mut shop = Shop::new(1).configured(limits, 86_400_000);
    shop.edit("k", order("x", 1), BEGIN).expect("an edit");
    let mut one = Page::leased(&mut shop, 1, true);
    let mut two = Page::leased(&mut shop, 2, true);
    one.step(Input::Heard(Gossip::Hello.to_bytes()));
    one.edit(add("a", 1));
    two.step(Input::Heard(one.told.pop().expect("told")));
    assert_eq!(two.shown("a"), 1);
    two.edit(add("x", 1));
    one.open();
    one.pump(&mut shop);
    assert_eq!(one.refused, ["too_many_lines"]);
    two.step(Input::Heard(one.told.pop().expect("told")));
    assert_eq!((two.shown("a"), two.shown("x")), (0, 2));
    two.open();
    two.pump(&mut shop);
    assert_eq!(two.session.device().cart(), shop.cart());
}

#[test]
fn tabs_without_a_lease_see_each_other_beside_a_horizon() {
    let mut settled = Cart::default();
    settled.raise_horizon(BEGIN.day());
    let neighbour =
        Gossip::State { from: shop::actor(9), pending: Box::default(), settled: Box::new(settled) };
    let mut pages = [1, 2].map(|number| Page::numbered(number, true));
    for page in &mut pages {
        page.step(Input::Heard(neighbour.to_bytes()));
        page.edit(add("a", 2));
    }
    let told = pages.each_mut().map(|page| page.told.pop().expect("told"));
    pages[0].step(Input::Heard(told[1].clone()));
    pages[1].step(Input::Heard(told[0].clone()));
    assert_eq!(pages.map(|page| page.shown("a")), [4, 4]);
}

#[test]
fn what_a_tab_told_before_it_took_a_new_actor_is_not_shown_twice() {
    let mut shop = Shop::new(1);
    let mut one = Page::numbered(1, true);
    let mut two = Page::leased(&mut shop, 2, true);
    one.step(Input::Heard(Gossip::Hello.to_bytes()));
    one.edit(add("a", 2));
    one.open();
    for lease in [1, 3] {
        shop.lease(lease);
        one.step(Input::Leased(shop::cart_id(1), shop::actor(lease)));
        one.told.drain(..).for_each(|told| two.step(Input::Heard(told)));
        assert_eq!(two.shown("a"), 2);
        let gone = Problem { status: 422, code: "actor_expired".to_owned(), detail: String::new() };
        one.step(Input::Refusal(None, gone));
    }
    assert_eq!(one.session.device().actor(), shop::actor(3));
}

#[test]
fn what_an_ended_session_showed_is_carried_over() {
    let mut old = Page::new(true);
    old.edit(add("a", 3));
    let (line, details) = engraved("e", "Ada");
    old.edit(Change::Add { key: line.clone(), details: Some(details), quantity: 1, at: Location::Cart });
    old.edit(Change::Move { key: line.clone(), to: Location::Saved });
    old.edit(Change::Coupon("SAVE10".try_into().expect("a code")));
    old.edit(Change::Write(Field::NOTE, Some("ring twice".into())));
    old.edit(Change::Write(Field::LOCALE, Some("de".into())));
    old.edit(Change::Write(Field::CURRENCY, Some("EUR".into())));
    old.edit(Change::Write(Field::DELIVERY_REGION, Some("AT-9".into())));
    let mut beside = Page::numbered(2, true);
    beside.step(Input::Heard(Gossip::Hello.to_bytes()));
    beside.edit(add("b", 2));
    old.step(Input::Heard(beside.told.pop().expect("told")));
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    page.edit(add("a", 1));
    page.step(Input::Edit(old.session.all_shown(&[Field::LOCALE])));
    page.open();
    page.pump(&mut shop);
    let cart = shop.cart();
    assert_eq!((shop.shown("a"), shop.shown("b"), cart.shown(&line, Location::Saved)), (4, 2, 1));
    assert_eq!(
        (cart.coupons().count(), cart.details(&line).map(|text| &**text)),
        (1, Some("{\"engraving\":\"Ada\"}"))
    );
    let field = |field| cart.meta(field).and_then(|register| register.value.as_deref());
    assert_eq!((field(Field::NOTE), field(Field::CURRENCY)), (Some("ring twice"), Some("EUR")));
    assert_eq!(
        (field(Field::DELIVERY_REGION), field(Field::LOCALE)),
        (Some("AT-9"), None),
        "but what it has"
    );
    assert_eq!((page.session.device().pending(), page.refused.len()), (0, 0));
}

#[test]
fn what_another_instance_stored_is_shown_and_sent_as_its_own() {
    let mut shop = Shop::new(1);
    let mut gone = Page::leased(&mut shop, 1, false);
    gone.edit(add("a", 1));
    let mut page = Page::leased(&mut shop, 2, false);
    page.step(Input::Found(gone.stored.clone()));
    assert_eq!((page.shown("a"), page.session.device().pending()), (1, 0));
    let mut gone = gone.restored();
    gone.open();
    gone.pump(&mut shop);
    page.step(Input::Found(gone.stored.clone()));
    page.open();
    page.pump(&mut shop);
    assert_eq!((shop.shown("a"), page.session.device().cart()), (1, shop.cart()));
}

#[test]
fn what_a_full_cart_refuses_is_taken_back_at_once() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, false);
    page.edit(add("a", 1));
    let busy = Problem { status: 429, code: "cart_busy".to_owned(), detail: String::new() };
    page.open();
    page.sends.clear();
    page.step(Input::Refusal(None, busy));
    assert_eq!((page.refused, page.session.device().pending()), (vec!["cart_busy".to_owned()], 0));
}

/// As of two devices that were filled while they were offline.
#[test]
fn many_that_are_refused_are_found_at_once_and_what_follows_is_sent() {
    let limits = Limits { state_bytes_max: 4_096, ..Limits::default() };
    let mut shop = Shop::new(1).configured(limits, 86_400_000);
    let mut pages = [1, 2].map(|name| Page::leased(&mut shop, name, true));
    let text = "x".repeat(40);
    for (number, page) in pages.iter_mut().enumerate() {
        (0..66).for_each(|line| page.edit(add(&format!("{number}-{line}-{text}"), 1)));
    }
    pages[1].edit(remove(&format!("1-0-{text}")));
    pages[1].edit(add("last", 1));
    for page in &mut pages {
        page.open();
        page.pump(&mut shop);
        assert_eq!(page.session.device().pending(), 0);
        assert!(page.refused.iter().all(|code| code == "cart_busy"));
        assert_eq!(page.session.device().cart(), shop.cart());
        assert!(page.asked <= page.refused.len() + 32, "{} for {}", page.asked, page.refused.len());
    }
    assert!(pages[1].refused.len() > 50, "{}", pages[1].refused.len());
}

#[test]
fn more_edits_than_fit_go_in_parts() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    let count = BATCH_MAX as u32 * 5;
    for _ in 0..count / 2 {
        page.edit(add("a", 2));
        page.edit(set("a", 1));
    }
    page.open();
    page.pump(&mut shop);
    assert_eq!((shop.shown("a"), page.session.device().pending(), page.refused.len()), (1, 0, 0));
}

#[test]
fn an_undo_brings_back_what_was_removed() {
    let mut page = Page::new(true);
    page.edit(add("a", 3));
    page.edit(add("b", 1));
    page.edit(Change::Clear);
    assert_eq!((page.shown("a"), page.shown("b")), (0, 0));
    page.step(Input::Undo);
    assert_eq!((page.shown("a"), page.shown("b")), (3, 1));
    page.step(Input::Undo);
    assert_eq!(page.shown("a"), 3, "once");
    page.edit(Change::Decrement { key: key("a"), quantity: 9, at: Location::Cart });
    page.edit(add("a", 1));
    page.step(Input::Undo);
    assert_eq!(page.shown("a"), 1, "what was added again by hand stays so");
}

#[test]
fn an_undo_that_is_refused_can_be_tried_again() {
    let mut page = Page::new(true);
    page.edit(add("a", 1));
    page.edit(remove("a"));
    let lines = Limits::default().lines_max;
    page.step(Input::Edit((0..lines).map(|line| add(&format!("x{line}"), 1)).collect()));
    page.step(Input::Undo);
    assert_eq!(page.refused, ["too_many_lines"]);
    page.edit(Change::Move { key: key("x0"), to: Location::Saved });
    page.step(Input::Undo);
    assert_eq!(page.refused.len(), 2, "saved lines count too");
    assert!(page.session.view().ends_with("\"undo\":1}"));
}

#[test]
fn an_edit_that_means_nothing_is_rejected_at_once_and_whole() {
    let mut page = Page::new(true);
    page.step(Input::Edit(vec![add("a", 1), remove("b")]));
    page.edit(add("c", 9_999));
    page.edit(add("c", 1));
    assert_eq!(page.refused, ["line_not_found", "quantity_limit"]);
    assert_eq!((page.shown("a"), page.session.device().pending()), (0, 1));
}

#[test]
fn the_view_says_what_is_known_and_no_more() {
    let mut page = Page::new(true);
    page.edit(add("a", 2));
    page.edit(Change::Write(cart_core::meta::Field::NOTE, Some("a \"quote\" \\ \n Ü".into())));
    let (line, details) = engraved("e", "Ada");
    page.edit(Change::Add { key: line, details: Some(details), quantity: 1, at: Location::Cart });
    page.edit(Change::Coupon("SAVE10".try_into().expect("a code")));
    let read =
        |page: &Page| -> serde_json::Value { serde_json::from_str(&page.session.view()).expect("JSON") };
    let view = read(&page);
    assert!(view["lines"][0]["unit_price"].is_null() && view["lines"][0].get("problem").is_none());
    assert_eq!(view["lines"][1]["customization"]["engraving"], "Ada");
    assert_eq!((&view["note"], &view["coupons"][0]), (&"a \"quote\" \\ \n Ü".into(), &"SAVE10".into()));
    let price = Some(Money { amount_minor: 158, currency: "USD".to_owned() });
    page.step(Input::Product("a".to_owned(), Offer { title: "Bagel".to_owned(), price }));
    page.step(Input::Product("e".to_owned(), Offer { title: "Ring".to_owned(), price: None }));
    let view = read(&page);
    assert_eq!(view["totals"]["total"]["amount_minor"], 316);
    assert_eq!(view["lines"][0]["title"], "Bagel");
    page.edit(add("z", 1));
    page.step(Input::Product("z".to_owned(), Offer { title: String::new(), price: None }));
    assert!(read(&page)["lines"][2]["title"].is_null(), "the service does not know it either");
    assert_eq!(view["lines"][1]["problem"], "not_for_sale");
    let dots: serde_json::Value = serde_json::from_str(&page.session.inspect()).expect("JSON");
    assert_eq!(dots["lines"][0]["dots"][0]["quantity"], 2);
}

#[test]
fn a_digest_is_of_all_that_a_replica_holds_and_its_version_of_what_shoppers_change() {
    let mut shop = Shop::new(1);
    let mut page = Page::leased(&mut shop, 1, true);
    let read = |page: &Page| {
        let inspected: serde_json::Value = serde_json::from_str(&page.session.inspect()).expect("JSON");
        ["version", "digest"].map(|name| inspected[name].as_str().expect("a digest").to_owned())
    };
    let [version, digest] = read(&page);
    page.edit(add("a", 2));
    page.edit(remove("a"));
    let [again, changed] = read(&page);
    assert_eq!(again, version, "the cart is as it was");
    assert_ne!(changed, digest, "what has been removed is known here, and elsewhere not yet");
}

#[test]
fn what_one_tab_added_and_another_removed_before_it_was_sent_stays_removed() {
    let mut shop = Shop::new(1);
    let mut one = Page::leased(&mut shop, 1, true);
    let mut two = Page::leased(&mut shop, 2, true);
    one.step(Input::Heard(Gossip::Hello.to_bytes()));
    one.edit(add("a", 1));
    one.edit(set("a", 2));
    two.step(Input::Heard(one.told.pop().expect("told")));
    two.edit(remove("a"));
    for page in [&mut two, &mut one] {
        page.open();
        page.pump(&mut shop);
    }
    assert!(!one.wants_actor && one.session.device().actor() == shop::actor(1));
    assert_eq!((shop.shown("a"), one.shown("a")), (0, 0));
}

#[test]
fn of_two_leases_under_way_one_counts() {
    let mut page = Page::new(true);
    page.edit(add("a", 1));
    page.open();
    page.close();
    page.open();
    page.step(Input::Leased(shop::cart_id(1), shop::actor(1)));
    page.step(Input::Leased(shop::cart_id(1), shop::actor(2)));
    assert_eq!(page.session.device().actor(), shop::actor(1), "what has gone out under it is not made again");
}
