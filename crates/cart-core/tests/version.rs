//! `version` and `updated_at` say what shoppers change, and nothing else.

mod shop;

use cart_core::cart::Cart;
use cart_core::command::{Command, Fields, Place};
use cart_core::id::Region;
use cart_core::replica::{Caller, Effect, Input, Reply};
use cart_core::time::Millis;
use shop::{BEGIN, Shop, key, order};

fn at(seconds: u64) -> Millis {
    BEGIN.plus(seconds * Millis::SECOND)
}

/// What a reply shows of when and what the cart was changed last.
fn shown(reply: &Reply) -> (String, Millis) {
    (Cart::from_bytes(&reply.cart).expect("a state").version().to_hex(), reply.updated)
}

fn read(shop: &mut Shop, now: Millis) -> (String, Millis) {
    let caller = shop.shopper();
    shown(&shop.ask(&caller, Input::Read, now).expect("a view"))
}

/// What one tells the other when its alarm goes off.
fn tell(from: &mut Shop, to: &mut Shop) {
    let due = from.replica.book().wake.expect("there is something to tell");
    for effect in from.step(&Caller::Service, Input::Tick, due) {
        if let Effect::Send { frame, .. } = effect {
            to.ask(&Caller::Service, Input::Frame { bytes: frame }, due).expect("it takes it in");
        }
    }
}

#[test]
fn a_first_read_from_another_region_changes_neither_version_nor_updated_at_nor_what_if_match_compares() {
    let mut weur = Shop::new(1);
    weur.edit("x", order("X", 1), at(0)).expect("an edit");
    let before = read(&mut weur, at(1));
    assert_eq!(before.1, at(0));
    let mut enam = weur.in_region(Region::Enam);
    assert_eq!(read(&mut enam, at(100)), before, "read there");
    tell(&mut enam, &mut weur);
    assert!(weur.cart() == enam.cart() && weur.replica.is_active(Region::Enam), "the replica is known");
    assert_eq!(read(&mut weur, at(200)), before, "and here, once it has told of itself");
    for (shop, key) in [(&mut weur, "at weur"), (&mut enam, "at enam")] {
        let mut edit = shop.edit_of(key, vec![order("Y", 1)], at(300));
        edit.if_version = Some(format!("{},{}", "0".repeat(32), before.0));
        let caller = shop.shopper();
        shop.ask(&caller, Input::Edit(edit), at(300)).expect("no shopper has changed anything");
    }
}

#[test]
fn when_a_shopper_changed_something_travels_with_it() {
    let mut weur = Shop::new(1);
    weur.edit("x", order("X", 1), at(0)).expect("an edit");
    let mut enam = weur.in_region(Region::Enam);
    read(&mut enam, at(10));
    tell(&mut enam, &mut weur);
    let changed = shown(&enam.edit("y", order("Y", 1), at(50)).expect("an edit"));
    assert_eq!(changed.1, at(50));
    tell(&mut enam, &mut weur);
    assert_eq!(read(&mut weur, at(500)), changed);
    // What comes again later under the same key is no change.
    let caller = weur.shopper();
    let edit = weur.edit_of("y", vec![order("Y", 1)], at(600));
    assert_eq!(shown(&weur.ask(&caller, Input::Edit(edit), at(600)).expect("a replay")), changed);
}

#[test]
fn all_that_shoppers_change_is_in_the_version() {
    let mut shop = Shop::new(1);
    let mut versions = vec![read(&mut shop, at(0)).0];
    let line_id = shop::key("X").line_id();
    let fields = r#"{"op": "update", "note": "ring twice"}"#;
    let commands = [
        order("X", 3),
        Command::Decrement { line_id: line_id.clone(), quantity: 1, at: Default::default() },
        Command::Move { line_id, location: cart_core::command::Place::Saved },
        Command::ApplyCoupon { code: "SAVE10".into() },
        serde_json::from_str(fields).expect("a command"),
    ];
    for (nth, command) in commands.into_iter().enumerate() {
        shop.edit(&format!("k{nth}"), command, at(1)).expect("an edit");
        versions.push(read(&mut shop, at(2)).0);
    }
    // Nothing is there to be cleared: no more than a dot is taken.
    shop.edit("clear", Command::Clear {}, at(3)).expect("an edit");
    assert_eq!(versions.last(), Some(&read(&mut shop, at(4)).0));
    let count = versions.len();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), count, "each is another");
}

/// A browser keeps an `ETag`, and sends its version to any build.
#[test]
fn a_version_is_what_it_was_for_the_build_before() {
    let mut shop = Shop::new(1);
    let mut check = |key: &str, command: Command, version: &str| {
        shop.edit(key, command, at(1)).expect("an edit");
        assert_eq!(shop.cart().version().to_hex(), version, "{key}");
    };
    check("x", order("X", 1), "6bbea9ca046b57f4dbb0c45175752ab1");
    check("y", order("17", 12), "bca3d3766ae62c2c4619f0eafac51589");
    check(
        "set",
        Command::Set { line_id: key("X").line_id(), quantity: 4, at: Place::Cart },
        "de8c717c857b1b862d906df970936061",
    );
    check(
        "less",
        Command::Decrement { line_id: key("17").line_id(), quantity: 5, at: Place::Cart },
        "1b506fe83ea0200f8b5fc104da6f336c",
    );
    check(
        "gone",
        Command::Remove { line_id: key("17").line_id(), at: Place::Cart },
        "7de7d703eca573239ba98493b233565e",
    );
    check("coupon", Command::ApplyCoupon { code: "SPRING".to_owned() }, "e3046a6c98aa28934df4455789077668");
    let note = Fields { note: Some(Some("at the door".to_owned())), ..Fields::default() };
    check("note", Command::Update(note), "8ea6bc763be8590f805513b1fa272458");
}
