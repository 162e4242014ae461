//! Any edits in any order on three pages, killed and cut off at any moment: nothing acknowledged is lost, and all
//! end with the replica's bytes.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../../cart-core/tests/shop/mod.rs"]
mod shop;

mod page;

use cart_client::live::Gossip;
use cart_client::session::Input;
use cart_core::change::Change;
use cart_core::line::Location;
use page::Page;
use proptest::prelude::*;
use shop::{Shop, add, key, remove};

const SKUS: [&str; 3] = ["a", "b", "c"];

/// What happens to a page.
#[derive(Clone, Debug)]
enum Event {
    Edit(u8, u8, u8),
    Open,
    Pump,
    /// The service takes what is sent, and the answer is lost.
    Lose,
    Close,
    Kill,
    Gossip(u8),
}

fn event() -> impl Strategy<Value = (u8, Event)> {
    let event = prop_oneof![
        6 => (0..6u8, 0..3u8, 1..4u8).prop_map(|(what, sku, count)| Event::Edit(what, sku, count)),
        2 => Just(Event::Open),
        2 => Just(Event::Pump),
        1 => Just(Event::Lose),
        1 => Just(Event::Close),
        1 => Just(Event::Kill),
        1 => (0..3u8).prop_map(Event::Gossip),
    ];
    (0..3u8, event)
}

fn change(what: u8, sku: u8, quantity: u32) -> Change {
    let (name, at) = (SKUS[usize::from(sku)], Location::Cart);
    match what {
        0 | 1 => add(name, quantity),
        2 => Change::Set { key: key(name), quantity, at },
        3 => Change::Decrement { key: key(name), quantity, at },
        4 => remove(name),
        _ => Change::Move { key: key(name), to: Location::Saved },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_converge(events in prop::collection::vec(event(), 1..60)) {
        let mut shop = Shop::new(1);
        let mut pages: Vec<Page> =
            (0..3).map(|name| Page::leased(&mut shop, name, name != 1)).collect();
        pages.iter_mut().for_each(|page| page.step(Input::Heard(Gossip::Hello.to_bytes())));
        // Of product "d" nothing is ever removed: each add of it is to arrive, once.
        let mut added = 0;
        for (at, event) in events {
            let at = usize::from(at);
            let page = &mut pages[at];
            match event {
                Event::Edit(what, sku, count) => {
                    page.edit(change(what, sku, u32::from(count)));
                    if what == 0 {
                        page.edit(add("d", 1));
                        added += 1;
                    }
                }
                Event::Open => reopen(page),
                Event::Pump => page.pump(&mut shop),
                Event::Lose => lose(page, &mut shop),
                Event::Close => page.close(),
                Event::Kill => *page = page.restored(),
                // None hears itself.
                Event::Gossip(to) if usize::from(to) == at => {}
                Event::Gossip(to) => {
                    let told = page.told.last().cloned();
                    told.into_iter().for_each(|told| {
                        pages[usize::from(to)].step(Input::Heard(told));
                    });
                }
            }
        }
        for _ in 0..2 {
            for page in &mut pages {
                page.close();
                page.open();
                page.pump(&mut shop);
            }
        }
        // Each has told the others that nothing is left.
        let told: Vec<_> = pages.iter().filter_map(|page| page.told.last().cloned()).collect();
        for page in &mut pages {
            told.iter().for_each(|told| page.step(Input::Heard(told.clone())));
        }
        prop_assert_eq!(shop.shown("d"), added);
        for page in &pages {
            prop_assert!(page.refused.iter().all(|code| code == "line_not_found"));
            prop_assert_eq!(page.session.device().pending(), 0);
            prop_assert_eq!(page.session.device().cart(), shop.cart());
        }
    }

    /// The same of pages of which some are copies of others, with their actors: nothing is lost and nothing is doubled.
    #[test]
    fn copies_converge(events in prop::collection::vec(event(), 1..60)) {
        let mut shop = Shop::new(1);
        let mut pages = vec![Page::leased(&mut shop, 0, true)];
        pages[0].open();
        pages[0].pump(&mut shop);
        for live in [false, true] {
            let copy = Page { live, ..pages[0].restored() };
            pages.push(copy);
        }
        let (mut added, first) = (0, actor_of(&pages[0]));
        for (at, event) in events {
            let page = &mut pages[usize::from(at)];
            let shared = actor_of(page) == first;
            // Of what had no answer, and was read from what was stored, none can tell whose it is.
            if shared && matches!(event, Event::Open | Event::Lose | Event::Close) {
                page.pump(&mut shop);
            }
            match event {
                Event::Edit(what, sku, count) => {
                    page.edit(change(what, sku, u32::from(count)));
                    page.edit(add("d", 1));
                    added += 1;
                }
                Event::Open => reopen(page),
                Event::Pump => page.pump(&mut shop),
                Event::Lose => lose(page, &mut shop),
                Event::Close => page.close(),
                Event::Kill if shared && page.session.device().pending() > 0 => {}
                Event::Kill => *page = page.restored(),
                // What others did comes unasked.
                Event::Gossip(_) => {
                    let known = page.session.device().sequence();
                    page.step(Input::Message(page::news(known, known, &shop.cart().to_bytes())));
                }
            }
        }
        for _ in 0..3 {
            for page in &mut pages {
                page.pump(&mut shop);
                page.close();
                page.open();
                page.pump(&mut shop);
            }
        }
        prop_assert_eq!(shop.shown("d"), added);
        for page in &pages {
            prop_assert!(page.refused.iter().all(|code| code == "line_not_found"));
            prop_assert_eq!(page.session.device().pending(), 0);
            prop_assert_eq!(page.session.device().cart(), shop.cart());
        }
    }
}

fn actor_of(page: &Page) -> cart_core::id::Actor {
    page.session.device().actor()
}

/// What was asked before has no answer any more, as where a page tries for a socket.
fn reopen(page: &mut Page) {
    page.close();
    page.open();
}

/// The service takes what was sent last, and the answer is lost.
fn lose(page: &mut Page, shop: &mut Shop) {
    if let Some(message) = page.sends.pop() {
        drop(page.ask(shop, &message));
    }
    page.close();
}
