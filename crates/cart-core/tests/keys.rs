//! What an idempotency key stands for where regions do not hear of each other: one edit, done once to what was there
//! where it was made first; and of two bodies under one key both.

mod shop;

use cart_core::cart::Cart;
use cart_core::command::{self, Command, Place};
use cart_core::id::Region;
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Edit, Input, ReplyKind, Tried};
use cart_core::time::Millis;
use data_encoding::HEXLOWER;
use shop::{BEGIN, Shop, key, order};

fn at(seconds: u64) -> Millis {
    BEGIN.plus(seconds * Millis::SECOND)
}

fn remove(sku: &str) -> Command {
    Command::Remove { line_id: key(sku).line_id(), at: Place::Cart }
}

#[test]
fn one_key_with_two_bodies_in_two_regions_makes_two_edits() {
    let mut weur = Shop::new(1);
    weur.edit("first", order("X", 1), at(0)).expect("an edit");
    let mut enam = weur.in_region(Region::Enam);
    weur.edit("K", order("A", 1), at(1)).expect("acknowledged");
    enam.edit("K", order("B", 1), at(1)).expect("acknowledged");
    weur.arrive(&enam.cart().clone());
    assert_eq!((weur.shown("A"), weur.shown("B")), (1, 1), "nothing acknowledged is lost");
    // Each is repeated as itself, wherever both are known.
    for body in [order("A", 1), order("B", 1)] {
        let reply = weur.edit("K", body, at(2)).map(|reply| reply.kind);
        assert_eq!(reply, Ok(ReplyKind::State { replayed: true, merged_into: None }));
    }
    assert_eq!(weur.edit("K", order("C", 1), at(2)).expect_err("one region can tell").code(), "key_reused");
}

/// A retry is looked for where the token says. A traveller's first try elsewhere, of which no answer came, would be made
/// once more at home, on what was added since.
#[test]
fn what_acts_on_what_is_held_is_made_where_the_token_says() {
    let mut weur = Shop::new(1);
    weur.edit("first", order("X", 1), at(0)).expect("an edit");
    let mut enam = weur.in_region(Region::Enam);
    let caller = weur.shopper();
    let tries = |shop: &mut Shop, region: Region, commands: Vec<Command>| {
        let mut edit = shop.edit_of("K", commands, at(1));
        edit.comes_to(region, Region::Weur);
        shop.ask(&caller, Input::Edit(edit), at(1)).map(|_| ()).map_err(|reject| reject.code())
    };
    assert_eq!(tries(&mut enam, Region::Enam, vec![remove("X")]), Err("outcome_unknown"));
    assert_eq!(tries(&mut weur, Region::Weur, vec![remove("X")]), Ok(()));
    assert_eq!(
        tries(&mut enam, Region::Enam, vec![order("Y", 1)]),
        Ok(()),
        "an add is the same wherever it is made"
    );
}

/// Builds that serve beside one another derive the same actors: each digest is of the text below its commands, as
/// `docs/protocol.md` says.
#[test]
fn golden_digests_of_commands() {
    for (commands, digest) in [
        ("[]", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            r#"[{"quantity": 2, "sku": "1095275", "op": "add"}]"#,
            // {"op":"add","sku":"1095275","quantity":2,"variant":null,"customization":null}
            "573fb8874fd1d735e2fac8db0a0524a4d39ee0ff65403df8c1cfae0927db5381",
        ),
        (
            r#"[{"op": "add", "sku": "1095275", "variant": "blue", "customization": {"text": "For Ada"}}]"#,
            // {"op":"add","sku":"1095275","quantity":1,"variant":"blue","customization":null}, and the first 16 bytes
            // of the SHA-256 of {"text":"For Ada"}
            "7547f3c4d4e71ca73b324a749977052406c12bc3a8fe9a1d603065fdb27224a1",
        ),
        (
            r#"[{"op": "set", "line_id": "1095275", "quantity": 3},
                {"op": "increment", "line_id": "1095275", "quantity": 1, "in": "cart"},
                {"op": "decrement", "line_id": "1095275", "quantity": 1, "in": "saved"}]"#,
            // {"op":"set","line_id":"1095275","quantity":3,"in":"cart"}
            // {"op":"increment","line_id":"1095275","quantity":1,"in":"cart"}
            // {"op":"decrement","line_id":"1095275","quantity":1,"in":"saved"}, with nothing between them
            "4d68b9adf5d714bf9713005b60de7aedb84beeff93a49319b29fc3c954a1726d",
        ),
        (
            r#"[{"op": "remove", "line_id": "1095275"},
                {"op": "move", "line_id": "1095275", "location": "saved"},
                {"op": "clear"},
                {"op": "apply_coupon", "code": "SPRING"},
                {"op": "remove_coupon", "code": "SPRING"}]"#,
            // {"op":"remove","line_id":"1095275","in":"cart"}{"op":"move","line_id":"1095275","location":"saved"}
            // {"op":"clear"}{"op":"apply_coupon","code":"SPRING"}{"op":"remove_coupon","code":"SPRING"}
            "ee9439451fc43220d6c651db2611514e5404f00fb393548e365f5a7bc96a33d4",
        ),
        (
            r#"[{"op": "update", "currency": "EUR", "note": null}]"#,
            // {"op":"update","note":null,"currency":"EUR"}
            "4ef168438d7b77d2f832e9f27e8c7ce0c8c709fc552977cdb3ed9297f222d967",
        ),
    ] {
        let parsed: Vec<Command> = serde_json::from_str(commands).expect("commands");
        assert_eq!(HEXLOWER.encode(&command::digest(&parsed)), digest, "{commands}");
    }
}

/// The state that `docs/protocol.md` spells out byte by byte: the actor in it is derived from session, key and body.
#[test]
fn golden_bytes_of_an_edit_under_a_key() {
    let mut shop = Shop::new(1);
    assert_eq!(shop.session.as_str(), "s_040g2081040g2081040g2081");
    shop.edit("k1", order("1095275", 2), BEGIN).expect("an edit");
    let bytes = HEXLOWER.encode(&shop.row.cart);
    assert_eq!(bytes, "011201aba20108e99bcfdff8a9a2010101ebec420001000141");
    assert_eq!(shop.cart().version().to_hex(), "a318919a775608a36243c35239589941");
}

#[test]
fn a_retry_with_the_context_of_a_newer_view_is_the_same_edit() {
    let mut shop = Shop::new(1);
    shop.edit("first", order("X", 2), at(0)).expect("an edit");
    let edit = |shop: &Shop| {
        let mut edit = shop.edit_of("K", vec![order("Y", 1)], at(2));
        edit.seen = Some(shop.cart().seen());
        edit
    };
    let caller = shop.shopper();
    let made = edit(&shop);
    shop.ask(&caller, Input::Edit(made.clone()), at(1)).expect("an edit");
    let again = edit(&shop);
    assert_eq!(made.actors, again.actors);
    let reply = shop.ask(&caller, Input::Edit(again), at(2)).map(|reply| reply.kind);
    assert_eq!(reply, Ok(ReplyKind::State { replayed: true, merged_into: None }));
}

/// What acts on what its replica holds, and what does not, on a cart with X in it, Y saved and a coupon.
fn commands() -> Vec<(Command, bool)> {
    let (line_id, at) = (key("X").line_id(), Place::Cart);
    let fields = serde_json::from_str(r#"{"op": "update", "note": "ring twice"}"#).expect("a command");
    vec![
        (Command::Set { line_id: line_id.clone(), quantity: 2, at }, true),
        (Command::Decrement { line_id: line_id.clone(), quantity: 1, at }, true),
        (remove("X"), true),
        (Command::Clear {}, true),
        (Command::Move { line_id: line_id.clone(), location: Place::Saved }, true),
        (Command::Move { line_id: key("Y").line_id(), location: Place::Cart }, true),
        (Command::RemoveCoupon { code: "SAVE10".into() }, true),
        (order("X", 1), false),
        (Command::Increment { line_id, quantity: 1, at }, false),
        (Command::ApplyCoupon { code: "MORE".into() }, false),
        (fields, false),
    ]
}

/// Two regions that hold the same.
fn regions() -> (Shop, Shop) {
    let mut weur = Shop::new(1);
    weur.edit("x", order("X", 5), at(0)).expect("an edit");
    weur.edit("y", order("Y", 1), at(0)).expect("an edit");
    let save = Command::Move { line_id: key("Y").line_id(), location: Place::Saved };
    weur.edit("save", save, at(0)).expect("an edit");
    weur.edit("coupon", Command::ApplyCoupon { code: "SAVE10".into() }, at(0)).expect("an edit");
    let enam = weur.in_region(Region::Enam);
    (weur, enam)
}

#[test]
fn what_acts_on_what_is_held_is_not_made_where_its_outcome_is_unknown() {
    for (command, acts) in commands() {
        let (mut weur, mut enam) = regions();
        let before = enam.row.clone();
        let caller = enam.shopper();
        // A retry under the caller's own key, where the region that may have made it does not answer; in a batch too.
        let mut edit = enam.edit_of("K", vec![order("Z", 1), command.clone()], at(1));
        edit.doubt(false);
        let reply = enam.ask(&caller, Input::Edit(edit.clone()), at(1)).map_err(|reject| reject.code());
        assert_eq!(reply.as_ref().err(), acts.then_some(&"outcome_unknown"), "{command:?}");
        assert_eq!(enam.row == before, acts, "{command:?}: a refused edit changes nothing");
        // What its caller saw says what it is meant for.
        let mut with_context = edit.clone();
        with_context.seen = Some(enam.cart().seen());
        enam.ask(&caller, Input::Edit(with_context), at(2)).expect("made, or made already");
        // Where it is known to be done it is answered.
        weur.arrive(&enam.cart().clone());
        let reply = weur.ask(&caller, Input::Edit(edit), at(3)).map(|reply| reply.kind);
        assert_eq!(reply, Ok(ReplyKind::State { replayed: true, merged_into: None }), "{command:?}");
    }
}

#[test]
fn a_key_made_for_the_request_is_of_no_earlier_try() {
    let (_, mut enam) = regions();
    let caller = enam.shopper();
    let mut edit = enam.edit_of("minted", vec![remove("X")], at(1));
    edit.tried = Tried::Never;
    edit.doubt(false);
    enam.ask(&caller, Input::Edit(edit), at(1)).expect("no region was asked before");
    // Unless this request itself has asked one that did not answer.
    let (_, mut enam) = regions();
    let mut edit = enam.edit_of("minted", vec![remove("X")], at(1));
    edit.tried = Tried::Never;
    edit.doubt(true);
    let refused = enam.ask(&caller, Input::Edit(edit), at(1)).expect_err("it may have been done");
    assert_eq!((refused.code(), refused.status()), ("outcome_unknown", 503));
}

#[test]
fn the_same_body_in_other_words_is_the_same_edit() {
    let commands = |text: &str| vec![serde_json::from_str::<Command>(text).expect("a command")];
    let same = [
        (
            r#"{"op": "add", "sku": "X", "quantity": 1, "customization": {"b": 1, "a": {"d": 2.0, "c": "é"}}}"#,
            r#"{"customization": {"a": {"c": "\u00e9", "d": 2}, "b": 1}, "sku": "X", "op": "add"}"#,
        ),
        (
            r#"{"op": "add", "sku": "X", "customization": {}}"#,
            r#"{"op": "add", "sku": "X", "variant": null}"#,
        ),
    ];
    let shop = Shop::new(1);
    for (one, other) in same {
        let [one, other] = [one, other].map(|text| shop.edit_of("K", commands(text), at(0)).actors);
        assert_eq!(one, other);
    }
    let more = shop.edit_of("K", commands(r#"{"op": "add", "sku": "X", "quantity": 2}"#), at(0)).actors;
    let null = shop.edit_of("K", commands(r#"{"op": "update", "note": null}"#), at(0)).actors;
    assert_ne!(more, null);
}

/// What the build before made under a key is found by this one: its actor was the key's, whatever the body, and of
/// the body that it noted what the caller saw was a part.
#[test]
fn an_edit_of_the_build_before_is_found_under_its_key() {
    let (mut weur, _) = regions();
    let caller = weur.shopper();
    let mut made = weur.edit_of("K", vec![remove("X")], at(1));
    made.seen = Some(weur.cart().seen());
    made.actors.clone_from(&made.keys);
    weur.ask(&caller, Input::Edit(made.clone()), at(1)).expect("an edit");
    let body = serde_json::to_vec(&(&made.commands, made.seen.as_deref())).expect("JSON");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&body);
    let last = weur.row.ledger.len() - 16;
    weur.row.ledger[last..last + 8].copy_from_slice(&digest[..8]);
    weur.arrive(&Cart::default());
    let mut again = weur.edit_of("K", vec![remove("X")], at(2));
    again.seen.clone_from(&made.seen);
    assert_ne!(again.actors, made.actors);
    let reply = weur.ask(&caller, Input::Edit(again.clone()), at(2)).map(|reply| reply.kind);
    assert_eq!(reply, Ok(ReplyKind::State { replayed: true, merged_into: None }));
    assert_eq!(weur.edit("K", order("X", 1), at(3)).expect_err("another body").code(), "key_reused");
    // Where the state has brought it, without its entry.
    let mut enam = weur.in_region(Region::Enam);
    let reply = enam.ask(&caller, Input::Edit(again), at(4)).map(|reply| reply.kind);
    assert_eq!(reply, Ok(ReplyKind::State { replayed: true, merged_into: None }));
}

/// `current` is another cart by now: who does not know whether the edit was made in the one that was it then does not
/// have it made in the next, whatever it is.
#[test]
fn a_retry_to_the_newest_cart_is_not_made_there_where_its_outcome_is_unknown() {
    let (mut weur, _) = regions();
    let Caller::Session { id, root, issued, .. } = weur.shopper() else { panic!("a shopper") };
    let caller = Caller::Session { id, root, issued, current: true };
    weur.ask(&caller, Input::Enroll { cart: shop::cart_id(9) }, at(10)).expect("a further cart");
    let mut edit = weur.edit_of("K", vec![order("Z", 1)], at(20));
    let asked = |weur: &mut Shop, edit: &Edit, now| {
        weur.ask(&caller, Input::Edit(edit.clone()), now).map(|reply| reply.kind)
    };
    let elsewhere = |kind| matches!(kind, Ok(ReplyKind::Elsewhere { .. }));
    assert!(elsewhere(asked(&mut weur, &edit, at(20))), "all have told what they have");
    edit.doubt(false);
    assert_eq!(asked(&mut weur, &edit, at(20)), Err(Reject::OutcomeUnknown));
    // Keys of the time before have ended.
    assert!(elsewhere(asked(&mut weur, &edit, at(10 + 24 * 3_600 + 1))));
}
