//! The face in a real browser: what JavaScript calls, as Wasm.
#![cfg(target_arch = "wasm32")]

use cart_client::face::Replica;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const NOW: f64 = 1_795_316_400_000.0;
const CART: &str = "c_weur_040g2081040g2081040g2081";
const SHOW: u8 = 0;
const STORE: u8 = 1;
const SEND: u8 = 2;
const TELL: u8 = 3;
const LEASE: u8 = 4;
const REJECTED: u8 = 6;

/// The kinds of the effects, in their order.
fn kinds(effects: &[u8]) -> Vec<u8> {
    let (mut kinds, mut rest) = (Vec::new(), effects);
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = unsigned_varint::decode::usize(after).expect("a length");
        kinds.push(*kind);
        rest = &after[length..];
    }
    kinds
}

#[wasm_bindgen_test]
fn an_edit_is_shown_stored_and_sent() {
    let mut page = Replica::new("USD", "8f3c2a5b01d4e697", NOW);
    assert_eq!(page.note("add", "1095275", 2.0, false, None, Some("{\"a\":1}".to_owned())), None);
    assert_eq!(kinds(&page.commit(NOW)), [SHOW, STORE]);
    assert!(page.view().contains("\"quantity\":2") && page.wants_products());
    page.product("1095275".to_owned(), "Bagel".to_owned(), 158.0, "USD".to_owned(), NOW);
    assert!(page.view().contains("\"amount_minor\":316") && !page.wants_products());
    let mut page = Replica::read(&page.bytes()).expect("its own bytes");
    assert_eq!(kinds(&page.opened(true, NOW)), [LEASE]);
    let sent = page.leased(CART, "512b000000000001", NOW);
    assert_eq!(kinds(&sent), [SHOW, TELL, STORE, STORE, SEND]);
    assert_eq!((page.pending(), page.syncing(), page.actor().as_str()), (1, true, "512b000000000001"));
    assert!(page.inspect().contains("\"kind\":\"add\""));
}

#[wasm_bindgen_test]
fn what_is_none_is_refused_and_nothing_panics() {
    let mut page = Replica::new("USD", "8f3c2a5b01d4e697", NOW);
    for quantity in [f64::NAN, f64::INFINITY, -1.0, 0.5, 1e18] {
        let refused = page.note("add", "a", quantity, false, None, None).expect("refused");
        assert!(refused.starts_with("422\ninvalid_field"), "{refused}");
    }
    assert!(page.note("fly", "a", 1.0, false, None, None).is_some());
    assert!(page.note("update", "currency", 0.0, false, None, Some("euros".to_owned())).is_some());
    assert_eq!(page.note("remove", "l_AevsQg", 0.0, false, None, None), None);
    assert_eq!(kinds(&page.commit(NOW)), [REJECTED]);
    assert!(Replica::read(&[1, 2, 3]).is_none());
    for bytes in [vec![], vec![1], vec![3, 0xff], vec![0xff; 40]] {
        page.message(bytes.clone(), NOW);
        page.heard(bytes.clone(), NOW);
        page.found(bytes.clone(), NOW);
        page.answer(bytes, NOW);
    }
    assert!(page.leased("no cart", "no actor", NOW).is_empty());
}
