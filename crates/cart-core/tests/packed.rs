//! The layout of what goes between objects and regions and lies in their rows. It is not self-describing: who changes
//! it raises `packed::FORMAT`, so that another build's bytes are refused and not misread, and makes the golden file of
//! that format.
#![cfg(not(target_arch = "wasm32"))]

mod shop;

use cart_core::cart::Cart;
use cart_core::frame::{Frame, Holder, Receipt};
use cart_core::id::{Dot, Region};
use cart_core::packed::{FORMAT, pack, unpack};
use cart_core::replica::{Book, Edit, Expected, Forwarding, Hold, Input, Lease, Link, Reply, ReplyKind};
use cart_core::ties::{Further, Seal, Ties};
use cart_core::time::{HybridClock, HybridTime};
use data_encoding::HEXLOWER;
use shop::{BEGIN, Shop, actor, add, cart_id, order, stamp};

#[test]
fn golden_bytes_of_the_present_format() {
    const GOLDEN: (u8, &str) = (3, include_str!("golden/packed-3.txt"));
    let mut lines = Vec::new();
    let mut line = |name: &str, bytes: Vec<u8>| lines.push(format!("{name} {}\n", HEXLOWER.encode(&bytes)));
    line("frame", frame().to_bytes());
    line("receipt", receipt().to_bytes());
    line("book", pack(&book()));
    for (name, input) in inputs() {
        line(name, pack(&input));
    }
    for (name, kind) in replies() {
        line(name, pack(&reply(kind)));
    }
    let written = lines.concat();
    assert_eq!(GOLDEN.0, FORMAT, "make the golden file of this format:\n{written}");
    assert!(GOLDEN.1 == written, "raise packed::FORMAT, and make its golden file:\n{written}");
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(Frame::from_bytes(&frame().to_bytes()), Ok(frame()));
    assert_eq!(Receipt::from_bytes(&receipt().to_bytes()), Ok(receipt()));
    assert_eq!(unpack::<Book>(&pack(&book())), Ok(book()));
}

fn frame() -> Frame {
    Frame {
        from: Holder::Replica(Region::Apac),
        incarnation: 1,
        to: 2,
        base: 3,
        sequence: 4,
        digest: [5; 16],
        joined: true,
        pull: false,
        ties: Some(ties()),
        state: vec![6, 7],
    }
}

fn receipt() -> Receipt {
    Receipt { from: Holder::Store(Region::Enam), incarnation: 1, echo: 2, acknowledged: 3, digest: [4; 16] }
}

fn ties() -> Ties {
    Ties {
        owner: Some(Shop::new(1).session),
        root: Some(cart_id(4)),
        created: BEGIN,
        signed_out: Some(BEGIN.plus(1)),
        ended: BEGIN.plus(2),
        leases: [(actor(1), BEGIN.plus(3))].into(),
        carts: vec![Further { cart: cart_id(2), made: BEGIN.plus(4), struck: Some(BEGIN.plus(5)) }],
        erasures: [(actor(2), BEGIN.plus(6))].into(),
        seal: Some(Seal { day: BEGIN.day(), into: cart_id(3), retired: vec![Dot::new(actor(3), 7)] }),
        used: BEGIN.plus(7),
    }
}

fn book() -> Book {
    let outbox = Cart::default().change(&add("1095275", 2), stamp(1, 1, 0));
    let link = Link {
        incarnation: 1,
        acknowledged: 2,
        agreed: 3,
        behind: Some(BEGIN),
        heard: BEGIN.plus(1),
        equal: BEGIN.plus(2),
    };
    let mut clock = HybridClock::default();
    clock.tick(BEGIN);
    Book {
        cart_id: cart_id(1),
        region: Region::Weur,
        incarnation: 1,
        joined: true,
        ties: ties(),
        sequence: 2,
        clock,
        updated: BEGIN.plus(1),
        tied: 3,
        links: [(Holder::Replica(Region::Apac), link)].into(),
        homed: Some(4),
        forwarding: Some(Forwarding { outbox, path: vec![cart_id(2)], tries: 5 }),
        expected: vec![Expected { guest: cart_id(3), until: BEGIN.plus(2) }],
        hold: Some(Hold { day: BEGIN.day(), until: BEGIN.plus(3) }),
        pages: vec![BEGIN.plus(4)],
        wake: Some(BEGIN.plus(5)),
    }
}

/// One of each kind that passes between regions; a new one goes to the end of the type.
fn inputs() -> Vec<(&'static str, Input)> {
    let edit = Edit {
        seen: Some(vec![1]),
        if_version: Some("00".to_owned()),
        ..Edit::of(vec![actor(1)], vec![order("1095275", 2)])
    };
    vec![
        ("read", Input::Read),
        ("edit", Input::Edit(edit.clone())),
        ("replay", Input::Replay(edit.clone())),
        ("sync", Input::Sync { request: vec![1] }),
        ("lease", Input::Lease { actor: actor(1) }),
        ("open", Input::Open(edit)),
        ("enroll", Input::Enroll { cart: cart_id(2) }),
        ("strike", Input::Strike { cart: cart_id(2), actor: actor(1), erased: true }),
        ("erased", Input::Erased { actors: vec![actor(1)] }),
        ("carts", Input::Carts),
        ("sign-out", Input::SignOut),
        ("expect", Input::Expect { guest: cart_id(2) }),
        ("unexpect", Input::Unexpect { guest: cart_id(2) }),
        ("seal", Input::Seal { into: cart_id(2) }),
        ("join", Input::Join { state: vec![1], path: vec![cart_id(2)] }),
        ("forwarded", Input::Forwarded { delta: vec![1] }),
        ("erase", Input::Erase),
        ("frame-of", Input::Frame { bytes: vec![1] }),
        ("receipts", Input::Receipts { receipts: vec![vec![1]] }),
        ("fresh", Input::Fresh),
        ("missed", Input::Missed { to: Holder::Store(Region::Weur) }),
        ("pull", Input::Pull { from: Holder::Replica(Region::Enam) }),
        ("retire", Input::Retire),
        ("hand-over", Input::HandOver { to: Region::Enam }),
        ("take-over", Input::TakeOver { term: 1 }),
        ("tick", Input::Tick),
        ("use", Input::Use),
        ("last-use", Input::LastUse),
    ]
}

fn reply(kind: ReplyKind) -> Reply {
    let (time, cart) = (HybridTime::at(BEGIN), vec![1]);
    Reply { kind, sequence: 1, time, updated: BEGIN.plus(1), created: BEGIN, partial: true, cart }
}

fn replies() -> Vec<(&'static str, ReplyKind)> {
    vec![
        ("state", ReplyKind::State { replayed: true, merged_into: Some(cart_id(2)) }),
        ("elsewhere", ReplyKind::Elsewhere { newest: cart_id(2), before: vec![cart_id(3)] }),
        ("synced", ReplyKind::Synced(vec![1])),
        ("sealed", ReplyKind::Sealed(vec![1])),
        ("leased", ReplyKind::Leased(Lease { actor: actor(1), until: BEGIN })),
        ("carts-of", ReplyKind::Carts(vec![cart_id(2)])),
        ("answer", ReplyKind::Answer(true)),
        ("taken", ReplyKind::Taken { receipt: vec![1], frame: Some(vec![2]) }),
        ("at-home", ReplyKind::AtHome(Region::Enam)),
        ("done", ReplyKind::Done),
        ("last-use", ReplyKind::LastUse(Some(BEGIN))),
    ]
}
