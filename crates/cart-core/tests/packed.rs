//! The bytes of what goes between objects and regions and lies in their rows, by format: those of each format that
//! was ever served are read for ever, and say what they said. `docs/formats.md` tells how a type is changed.
#![cfg(not(target_arch = "wasm32"))]

mod shop;

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use cart_core::cart::Cart;
use cart_core::frame::{Frame, Holder, Receipt};
use cart_core::id::{Actor, Dot, Region, SessionId};
use cart_core::idem::{Entry, Ledger};
use cart_core::packed::{FORMAT, Format, OLDEST, pack_as, unpack};
use cart_core::reject::Reject;
use cart_core::replica::{
    Book, Edit, Expected, Forwarding, Hold, Input, Lease, Link, Notice, Notices, Replica, Reply, ReplyKind,
    Row, Tried,
};
use cart_core::store::Stored;
use cart_core::ties::{Further, Seal, Ties};
use cart_core::time::{HybridClock, HybridTime, Millis};
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shop::{BEGIN, Shop, actor, add, cart_id, order, stamp};

/// All that is packed, by name: its bytes, and what other bytes of that name say, as text.
struct Sample {
    name: &'static str,
    bytes: Vec<u8>,
    says: String,
    read: fn(&[u8]) -> Result<String, Reject>,
}

impl Sample {
    fn of<T: Serialize + DeserializeOwned + Debug>(name: &'static str, value: &T) -> Self {
        let read = |bytes: &[u8]| unpack::<T>(bytes).map(|value| format!("{value:?}"));
        Self { name, bytes: pack_as(Format::LATEST, value), says: format!("{value:?}"), read }
    }
}

/// What format 3 had.
fn samples() -> Vec<Sample> {
    let mut samples =
        vec![Sample::of("frame", &frame()), Sample::of("receipt", &receipt()), Sample::of("book", &book())];
    samples.extend(inputs().iter().map(|(name, input)| Sample::of(name, input)));
    samples.extend(replies().into_iter().map(|(name, kind)| Sample::of(name, &reply(kind))));
    samples
}

/// And what is new.
fn samples_now() -> Vec<Sample> {
    let mut samples = samples();
    samples.push(Sample::of("frame-with-more", &frame_with_more()));
    samples.push(Sample::of("book-with-more", &book_with_more()));
    samples.extend(inputs_with_more().iter().map(|(name, input)| Sample::of(name, input)));
    samples.push(Sample::of("last-use-is", &reply(ReplyKind::LastUse(Some(BEGIN)))));
    samples
}

#[test]
fn all_formats_that_were_served_are_read() {
    for format in OLDEST..=FORMAT {
        let golden = golden(format);
        let (samples, text) = (samples_now(), std::fs::read_to_string(&golden));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}; make it: {MAKE}", golden.display()));
        for line in text.lines() {
            let (name, hex) = line.split_once(' ').expect("a name and bytes");
            let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
            assert_eq!(bytes[0], format, "{name}");
            let sample = samples.iter().find(|sample| sample.name == name);
            let sample = sample.unwrap_or_else(|| panic!("what {name} said is not known any more"));
            assert_eq!((sample.read)(&bytes).as_ref(), Ok(&sample.says), "format {format}: {name}; {FIELDS}");
        }
    }
}

/// `EVERCART_GOLDEN=write` makes the file of the present format, until that has been served.
#[test]
fn golden_bytes_of_the_present_format() {
    let line = |sample: Sample| format!("{} {}\n", sample.name, HEXLOWER.encode(&sample.bytes));
    let written: String = samples_now().into_iter().map(line).collect();
    let golden = golden(FORMAT);
    if std::env::var("EVERCART_GOLDEN").as_deref() == Ok("write") {
        assert!(!was_served(FORMAT), "format {FORMAT} was served: its bytes do not change any more");
        std::fs::write(&golden, &written).expect("the golden file");
    }
    let text = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        text == written,
        "the format's layout has changed; {}",
        if was_served(FORMAT) { FIELDS } else { MAKE }
    );
}

const MAKE: &str = "EVERCART_GOLDEN=write cargo test -p cart-core --test packed";
const FIELDS: &str = "see docs/formats.md: a new field has #[serde(default)] and its line in src/packed/changes.rs, \
                      a new variant goes to the end";

fn golden(format: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/packed-{format}.txt"))
}

/// Whether the formats' list names the last commit of one.
fn was_served(format: u8) -> bool {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let list = std::fs::read_to_string(list).expect("docs/formats.md");
    let row = list.lines().find(|line| line.starts_with(&format!("| {format} |")));
    let row = row.unwrap_or_else(|| panic!("docs/formats.md has no row of format {format}"));
    row.split('|').nth(2).is_some_and(|commit| commit.trim().trim_matches('`').len() == 40)
}

#[test]
fn the_bytes_of_a_format_are_those_of_postcard() {
    fn same<T: Serialize + DeserializeOwned + Debug>(value: &T) {
        let ours = pack_as(Format::LATEST, value);
        assert_eq!(ours[1..], postcard::to_allocvec(value).expect("can be written"), "{value:?}");
        let read: T = unpack(&ours).expect("can be read");
        assert_eq!(format!("{read:?}"), format!("{value:?}"));
        for length in 0..ours.len() {
            let cut = unpack::<T>(&ours[..length]).err().map(|reject| reject.code());
            assert_eq!(cut, Some("malformed_delta"), "{value:?} cut at {length}");
        }
    }
    same(&frame_with_more());
    same(&receipt());
    same(&book_with_more());
    inputs().iter().chain(&inputs_with_more()).for_each(|(_, input)| same(input));
    replies().into_iter().for_each(|(_, kind)| same(&reply(kind)));
    same(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, (0_u8, 127_u16, 128_u32, 0_u64)));
    same(&(i16::MIN, i32::MIN, i64::MIN, i64::MAX, (0_i64, -1_i64, 1_i32, 63_i16)));
    same(&(true, false, String::from("é"), Some(()), [1_u8; 5], vec![String::new()]));
    same(&Err::<u32, String>("no".to_owned()));
}

#[test]
fn hostile_lengths_take_no_room() {
    let whole = pack_as(Format::LATEST, &vec![7_u64; 3]);
    let long = [&whole[..1], &[0xff; 9], &[1], &whole[2..]].concat();
    for bytes in [long.clone(), [&long[..], &[0; 100]].concat()] {
        assert!(matches!(unpack::<Vec<u64>>(&bytes), Err(Reject::Malformed(_))));
        assert!(matches!(unpack::<String>(&bytes), Err(Reject::Malformed(_))));
        assert!(matches!(unpack::<Option<bool>>(&bytes), Err(Reject::Malformed(_))));
    }
    assert!(matches!(unpack::<u16>(&pack_as(Format::LATEST, &70_000_u32)), Err(Reject::Malformed(_))));
    assert!(matches!(unpack::<Region>(&[FORMAT, 99]), Err(Reject::Malformed(_))));
}

#[test]
fn formats_are_told_apart() {
    let bytes = |format: u8| [&[format], &pack_as(Format::LATEST, &1_u8)[1..]].concat();
    for format in 0..=u8::MAX {
        let read = unpack::<u8>(&bytes(format));
        match format {
            OLDEST..=FORMAT => assert_eq!(read, Ok(1)),
            0..OLDEST => assert_eq!(read, Err(Reject::FrameTooOld { reads: OLDEST })),
            _ => assert_eq!(read, Err(Reject::FrameTooNew { reads: FORMAT })),
        }
        let answer = Format::answering(&[format]);
        assert!((Format::EARLIEST..=Format::LATEST).contains(&answer));
        assert_eq!(Format::of(format).is_some(), Format::of(format) == Some(answer), "{format}");
    }
    assert_eq!((Format::default(), Format::answering(&[])), (Format::EARLIEST, Format::EARLIEST));
    assert_eq!(Format::of(OLDEST), None, "what is only read is never written");
}

/// A row that a later build has written is not taken for damaged, nor for none.
#[test]
fn a_row_of_a_later_build_says_so() {
    let mut shop = Shop::new(1);
    shop.edit("k", order("1095275", 2), BEGIN).expect("an edit");
    let row = shop.row.clone();
    assert!(Replica::from_row(&row).is_ok());
    let mut later = row.clone();
    later.book[0] = FORMAT + 1;
    assert_eq!(Replica::from_row(&later).err(), Some(Reject::FrameTooNew { reads: FORMAT }));
    let mut later = row.clone();
    later.cart[0] = 2;
    assert_eq!(Replica::from_row(&later).err(), Some(Reject::FrameTooNew { reads: 1 }));
    let mut later = row;
    later.ledger = [&[2], &later.ledger[..]].concat();
    assert!(matches!(Replica::from_row(&later), Err(Reject::FrameTooNew { .. })));
}

/// A page of the ledger, as in all rows.
#[test]
fn golden_bytes_of_a_ledger() {
    let mut ledger = Ledger::default();
    ledger.note(Entry { key: Actor(1), body: [2; 8], at: BEGIN });
    ledger.note(Entry { key: Actor(u64::MAX), body: [3; 8], at: BEGIN.plus(1) });
    let bytes = HEXLOWER.encode(&ledger.to_bytes());
    let golden =
        "00000000000000010202020202020202000001a201323f80ffffffffffffffff0303030303030303000001a201323f81";
    assert_eq!(bytes, golden);
    assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Ok(ledger));
}

// What is packed. A field that came later is not named: it is as its default says.

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
        edited: Millis(0),
        ties: Some(ties()),
        state: vec![6, 7],
    }
}

fn frame_with_more() -> Frame {
    Frame { ties: Some(with_more(ties())), edited: BEGIN.plus(9), ..frame() }
}

fn receipt() -> Receipt {
    Receipt { from: Holder::Store(Region::Enam), incarnation: 1, echo: 2, acknowledged: 3, digest: [4; 16] }
}

fn ties() -> Ties {
    Ties {
        owner: Some(Shop::new(1).session),
        signed_out: Some(BEGIN.plus(1)),
        ended: BEGIN.plus(2),
        leases: [(actor(1), BEGIN.plus(3))].into_iter().collect(),
        carts: vec![Further { cart: cart_id(2), made: BEGIN.plus(4), struck: Some(BEGIN.plus(5)) }],
        erasures: [(actor(2), BEGIN.plus(6))].into_iter().collect(),
        seal: Some(Seal {
            day: BEGIN.day(),
            at: Millis(0),
            into: cart_id(3),
            retired: vec![Dot::new(actor(3), 7)],
        }),
        ..Ties::new(BEGIN)
    }
}

/// With all that format 3 had not.
fn with_more(mut ties: Ties) -> Ties {
    ties.root = Some(cart_id(1));
    ties.edited = BEGIN.plus(8);
    ties.seal.iter_mut().for_each(|seal| seal.at = BEGIN.plus(10));
    ties.note_merged(&cart_id(4));
    ties.used = BEGIN.plus(7);
    ties.more.put(vec![1], vec![2, 3]);
    ties.more.put(vec![200, 1], Vec::new());
    ties
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
        joined: true,
        ties: ties(),
        sequence: 2,
        clock,
        updated: BEGIN.plus(1),
        tied: 3,
        links: [(Holder::Replica(Region::Apac), link)].into_iter().collect(),
        homed: Some(4),
        forwarding: Some(Forwarding { outbox, path: vec![cart_id(2)], tries: 5 }),
        expected: vec![Expected { guest: cart_id(3), until: BEGIN.plus(2), bytes: 0 }],
        hold: Some(Hold { day: BEGIN.day(), until: BEGIN.plus(3) }),
        pages: vec![BEGIN.plus(4)],
        wake: Some(BEGIN.plus(5)),
        ..Replica::new(cart_id(1), Region::Weur, 1, BEGIN).book().clone()
    }
}

fn book_with_more() -> Book {
    let notices = Notices { told: [(cart_id(4), Notice::Erased)].into(), tries: 6 };
    let mut book = Book { ties: with_more(ties()), notices, ..book() };
    book.expected.iter_mut().for_each(|expected| expected.bytes = 7);
    book.more.put(vec![1], vec![4]);
    book
}

/// One of each kind that passes between regions; a new one goes to the end of the type.
fn inputs() -> Vec<(&'static str, Input)> {
    let edit = Edit {
        seen: Some(vec![1]),
        if_version: Some("00".to_owned()),
        keys: Vec::new(),
        actors: vec![actor(1)],
        ..Edit::of(BEGIN.day(), &SessionId::mint([1; 15]), "k", vec![order("1095275", 2)])
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
        ("expect", Input::Expect { guest: cart_id(2), bytes: 0 }),
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
    ]
}

/// Those that came with format 4, and fields that did.
fn inputs_with_more() -> Vec<(&'static str, Input)> {
    let edit = Edit {
        keys: vec![actor(2)],
        actors: vec![actor(1)],
        tried: Tried::Unknown,
        ..Edit::of(BEGIN.day(), &SessionId::mint([1; 15]), "k", vec![order("1095275", 2)])
    };
    vec![
        ("edit-with-keys", Input::Edit(edit)),
        ("expect-bytes", Input::Expect { guest: cart_id(2), bytes: 3 }),
        ("use", Input::Use),
        ("last-use", Input::LastUse),
        ("room", Input::Room { cart: cart_id(2) }),
        ("told", Input::Told { cart: cart_id(2), notice: Notice::SignedOut }),
        ("unstored", Input::Unstored),
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
    ]
}

/// Format 3 does not say when a shopper changed a cart: it was when the row was last written, not when it was made, by
/// which lists would leave it out and its row would go too early.
#[test]
fn what_format_3_has_was_changed_when_it_was_last_written() {
    let text = std::fs::read_to_string(golden(3)).expect("the samples of format 3");
    let book = text.lines().find_map(|line| line.strip_prefix("book ")).expect("a book");
    let book = HEXLOWER.decode(book.as_bytes()).expect("hex");
    let row = Row { cart: Cart::default().to_bytes(), book, ledger: Ledger::default().to_bytes() };
    let replica = Replica::from_row(&row).expect("a row");
    let book = replica.book();
    assert!(book.updated > book.ties.created, "the sample tells them apart");
    assert_eq!(book.ties.updated(), book.updated);
    // The ties of a row of a store: no owner, made at 5, and no more.
    let ties = [3, 0, 5, 0, 0, 0, 0, 0, 0];
    let stored = Stored::from_parts(1, 1, Millis(70), &Cart::default().to_bytes(), &ties).expect("a row");
    assert_eq!((stored.ties.created, stored.ties.updated()), (Millis(5), Millis(70)));
    let now = stored.ties_bytes();
    let stored = Stored::from_parts(1, 1, Millis(90), &Cart::default().to_bytes(), &now).expect("a row");
    assert_eq!(stored.ties.updated(), Millis(70), "from format 4 on it is said");
}
