//! The wire format: golden bytes, hostile bytes, and how many bytes there are. `docs/protocol.md` draws what
//! the golden files spell out; they may gain companions, but published bytes never change.

mod shop;
mod trace;

use std::collections::BTreeMap;

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::command::{Command, Place};
use cart_core::id::{Dot, OrderId};
use cart_core::line::{Kind, LineKey, Location};
use cart_core::meta::{Code, Field};
use cart_core::time::{Day, Millis};
use data_encoding::HEXLOWER_PERMISSIVE;
use shop::{BEGIN, Shop, actor, add, engraved, key, order, remove, seen, stamp};
use trace::Op;

const AT: Location = Location::Cart;

/// The golden files, whole.
const GOLDEN: &[(&str, &str)] = &[
    ("empty", include_str!("golden/empty.hex")),
    ("add", include_str!("golden/add.hex")),
    ("text-sku", include_str!("golden/text-sku.hex")),
    ("engraved", include_str!("golden/engraved.hex")),
    ("set", include_str!("golden/set.hex")),
    ("decrement", include_str!("golden/decrement.hex")),
    ("move", include_str!("golden/move.hex")),
    ("remove", include_str!("golden/remove.hex")),
    ("coupon", include_str!("golden/coupon.hex")),
    ("note", include_str!("golden/note.hex")),
    ("no-note", include_str!("golden/no-note.hex")),
    ("full", include_str!("golden/full.hex")),
    ("erased", include_str!("golden/erased.hex")),
    ("unknown", include_str!("golden/unknown.hex")),
];

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn golden_bytes_are_written_and_read() {
    let nothing = Cart::default();
    let first = nothing.change(&add("1095275", 2), stamp(1, 1, 0));
    let mut two = first.clone();
    two.join(&first.change(&add("1095275", 3), stamp(1, 2, 1)));
    let line = key("1095275");
    let blue = LineKey::new("MUG", Some("blue"), None).expect("a key");
    let (mug, json) = engraved("MUG", "Ann");
    let save10 = Change::Coupon(Code::try_from("SAVE10").expect("a code"));

    check("empty", &nothing);
    check("add", &first);
    check("text-sku", &nothing.change(&added(blue, 300, None), stamp(1, 1, 0)));
    check("engraved", &nothing.change(&added(mug, 1, Some(json)), stamp(1, 1, 0)));
    check("set", &first.change(&set("1095275", 10), stamp(1, 2, 12)));
    check("decrement", &two.change(&decrement("1095275", 4), stamp(2, 1, 12)));
    check("move", &first.change(&Change::Move { key: line, to: Location::Saved }, stamp(2, 1, 12)));
    check("remove", &first.change(&remove("1095275"), stamp(2, 1, 12)));
    check("coupon", &nothing.change(&save10, stamp(1, 1, 0)));
    check("note", &nothing.change(&Change::Write(Field::NOTE, Some("ring twice".into())), stamp(1, 1, 12)));
    check("no-note", &nothing.change(&Change::Write(Field::NOTE, None), stamp(1, 2, 13)));
    check("erased", &Cart::erased());

    let mut full = first;
    let mut edit = |change: Change, stamp: Stamp| {
        let delta = full.change(&change, stamp);
        full.join(&delta);
    };
    edit(save10, stamp(2, 1, 0));
    edit(set("930118", 4), stamp(2, 2, 5));
    edit(decrement("1095275", 1), stamp(3, 4, 6));
    edit(Change::Checkout { fence: 1, order: OrderId(7) }, stamp(3, 5, 7));
    edit(add("1095275", 3), stamp(1, 2, 8));
    edit(decrement("1095275", 1), stamp(3, 6, 9));
    full.raise_horizon(BEGIN.day().before(2));
    // Replicas and home are the service's to write: joined from bytes of just these.
    full.join(&Cart::from_bytes(&hex("01 8006 00 02 0302 0503 0203")).expect("a state"));
    check("full", &full);
}

fn check(name: &str, cart: &Cart) {
    let bytes = golden(name);
    assert_eq!(HEXLOWER_PERMISSIVE.encode(&cart.to_bytes()), HEXLOWER_PERMISSIVE.encode(&bytes), "{name}");
    assert_eq!(Cart::from_bytes(&bytes).as_ref(), Ok(cart), "{name}");
}

// What a later version says.

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn unknown_kinds_and_fields_are_kept_and_joined_as_registers() {
    let bytes = golden("unknown");
    let later = Cart::from_bytes(&bytes).expect("read");
    let (line, unknown) = (key("1095275"), Dot::new(actor(1), 2));
    let kind = |cart: &Cart| cart.line(&line)?.get(unknown)?.payload.clone();
    assert_eq!(kind(&later).map(|payload| payload.kind), Some(Kind::Unknown([0xbe, 0xef].into())));
    assert_eq!(later.shown(&line, AT), 2, "it counts as nothing");
    assert_eq!(later.to_bytes(), bytes, "it is written as it came");

    // The same dot with other bytes, and the same field written later.
    let other = Cart::from_bytes(&replaced("unknown", "beef", "bef0")).expect("read");
    let newer =
        Cart::from_bytes(&replaced("unknown", "c0e9a70a00 046e6577", "90f9a70a00 04616e79")).expect("read");
    for order in [[&later, &other, &newer], [&newer, &other, &later], [&other, &later, &newer]] {
        let mut joined = Cart::default();
        order.into_iter().for_each(|cart| joined.join(cart));
        assert_eq!(kind(&joined).map(|payload| payload.kind), Some(Kind::Unknown([0xbe, 0xf0].into())));
        assert_eq!(joined.meta(Field(200)).and_then(|field| field.value.as_deref()), Some("any"));
        assert_eq!(joined.shown(&line, AT), 2);
    }

    // It is observed like any other: what it takes off counts as no debt, and a removal takes it too.
    let mut fewer = later.clone();
    fewer.join(&later.change(&decrement("1095275", 1), stamp(2, 1, 1)));
    assert_eq!(fewer.shown(&line, AT), 1);
    assert!(kind(&fewer).is_some());
    let mut gone = fewer.clone();
    gone.join(&fewer.change(&remove("1095275"), stamp(2, 2, 2)));
    gone.join(&later);
    assert_eq!(gone.line(&line), None);
}

// Hostile bytes.

/// All that is read is canonical, and what it joins into can be written and read again.
fn refused_or_canonical(bytes: &[u8]) -> bool {
    let Ok(cart) = Cart::from_bytes(bytes) else { return false };
    assert_eq!(cart.to_bytes(), bytes, "{}", HEXLOWER_PERMISSIVE.encode(bytes));
    for (_, known) in samples() {
        let known = Cart::from_bytes(&known).expect("golden");
        let (mut here, mut there) = (known.clone(), cart.clone());
        here.join(&cart);
        there.join(&known);
        let hex = || HEXLOWER_PERMISSIVE.encode(bytes);
        assert_eq!(here.to_bytes(), there.to_bytes(), "joined both ways: {}", hex());
        assert_eq!(Cart::from_bytes(&here.to_bytes()).as_ref(), Ok(&here), "{}", hex());
        for (key, line) in here.lines() {
            assert_eq!(LineKey::from_line_id(&key.line_id()).as_ref(), Some(key));
            assert!(line.shown(AT) <= line.iter().map(|(_, one)| u64::from(one.quantity())).sum());
        }
    }
    true
}

#[test]
fn what_is_cut_off_or_too_long_is_refused() {
    for (name, bytes) in samples() {
        for length in 0..bytes.len() {
            assert!(Cart::from_bytes(&bytes[..length]).is_err(), "{name} cut at {length}");
        }
        for more in 0..=u8::MAX {
            assert!(Cart::from_bytes(&[&bytes[..], &[more]].concat()).is_err(), "{name} and {more}");
        }
    }
}

#[test]
fn flipped_bits_are_refused_or_canonical() {
    let (mut tried, mut read) = (0, 0);
    for (_, bytes) in samples() {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            tried += 1;
            read += u32::from(refused_or_canonical(&flipped));
        }
    }
    println!("{tried} flipped bits, {read} read");
    assert!(read > tried / 10, "most flips are of names and numbers, and read");
}

#[test]
fn changed_inserted_and_removed_bytes_are_refused_or_canonical() {
    let mut random = Random(1);
    let samples = samples();
    let mut read = 0;
    for _ in 0..60_000 {
        let mut bytes = samples[random.below(samples.len())].1.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] = random.below(4) as u8,
                2 => bytes.insert(at, random.below(256) as u8),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        read += u32::from(refused_or_canonical(&bytes));
    }
    println!("60000 mangled messages, {read} read");
    assert!(read > 1_000);
}

/// A count is believed only as far as its items could be there: nothing is reserved for the others. (This
/// would end in an abort: there is no memory for 2^40 items.)
#[test]
fn lying_counts_reserve_nothing() {
    let lies: [&[u8]; 4] = [
        &[0xff, 0xff, 0x03],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ];
    for (_, bytes) in samples() {
        for at in 1..bytes.len() {
            for lie in lies {
                refused_or_canonical(&[&bytes[..at], lie, &bytes[at + 1..]].concat());
            }
        }
    }
}

/// Numbers not minimal, parts out of order, parts that say nothing: each has one canonical form, and this is
/// not it.
#[test]
fn other_spellings_are_refused() {
    let refused = |what: &str, bytes: &[u8]| {
        assert!(Cart::from_bytes(bytes).is_err(), "{what}: {}", HEXLOWER_PERMISSIVE.encode(bytes));
    };
    refused("another format", &hex("02 00 00"));
    refused("an unknown section", &hex("01 8010 00"));
    refused("a section without content", &hex("01 02 00 00"));
    refused("a number that is not minimal", &hex("01 00 8000"));
    refused("an actor that is not used", &hex("01 00 01 aba201 000000000001"));
    refused(
        "actors out of order",
        &replaced("remove", "000000000001 00 000000000002", "000000000002 00 000000000001"),
    );
    refused("a counter of 0", &replaced("add", "00 01 41", "00 00 41"));
    refused(
        "a place that is not the line's",
        &replaced("add", "ebec42 00 01 00 01 41", "ebec42 01 01 00 01 51 00"),
    );
    refused(
        "a clock that the dots imply",
        &replaced("add", "01 02 01 aba201 000000000001", "01 03 01 aba201 000000000001 01"),
    );
    refused("a quantity that fits the flags", &replaced("add", "00 01 41", "00 01 01 02"));
    refused("a number as text", &replaced("add", "01 ebec42", "00 07 31303935323735"));
    refused("an unknown flag of a key", &replaced("add", "01 ebec42", "11 ebec42"));
    refused("an empty line", &hex("01 02 00 01 01 ebec42 00 00"));
    refused("a decrement of 0", &replaced("decrement", "04 01 01 03", "04 01 01 00"));
    refused("no decrements", &replaced("decrement", "04 01 01 03", "04 00"));
    refused(
        "contributions out of order",
        &replaced("decrement", "00 01 04 01 01 01 00 02", "00 02 04 01 01 01 00 01"),
    );
    refused("a scope that is not used", &replaced("set", "01 e46c416a", "02 e46c416a e46c416b"));
    refused("fields out of order", &hex("01 41 01 aba201 000000000001 01 02 02 00 00 00 00 01 00 00 00 00"));
    refused("an unknown region", &replaced("full", "05 03 02 03", "0b 03 02 03"));
    refused("a text that is not UTF-8", &replaced("text-sku", "4d5547", "ff5547"));
    refused("a control character", &replaced("text-sku", "4d5547", "0a5547"));
    refused(
        "a dot that is live and beyond the clock",
        &hex("01 06 01 aba201 000000000001 01 00 02 01 01 ebec42 00 01 00 02 41"),
    );
}

// How many bytes.

/// The budget: the mean delta of the trace, and the state after it, at rest.
#[test]
fn a_thousand_edits_of_three_devices_fit_their_budget() {
    const DELTA_BYTES_MEAN_MAX: f64 = 45.0;
    const REST_BYTES_MAX: usize = 1_300;
    let mut cart = Cart::default();
    let mut counters = BTreeMap::new();
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for edit in trace::edits() {
        let counter = counters.entry(edit.device).or_insert(0);
        *counter += 1;
        let change = match edit.op {
            Op::Add => add(edit.sku, edit.quantity),
            Op::Set => set(edit.sku, edit.quantity),
            Op::Decrement => decrement(edit.sku, edit.quantity),
            Op::Remove => remove(edit.sku),
        };
        let delta = cart.change(&change, stamp(edit.device, *counter, edit.seconds));
        let bytes = delta.to_bytes();
        let kind = kinds.entry(name(edit.op)).or_default();
        *kind = (kind.0 + 1, kind.1 + bytes.len());
        cart.join(&Cart::from_bytes(&bytes).expect("a delta"));
    }
    assert_trace_end(&cart);
    let (count, bytes) = kinds.values().fold((0, 0), |sum, kind| (sum.0 + kind.0, sum.1 + kind.1));
    let mean = bytes as f64 / count as f64;
    let rest = cart.to_bytes().len();
    println!("1,000 edits of three devices over 20 lines: {mean:.1} bytes a delta, {rest} at rest");
    for (kind, (count, bytes)) in kinds {
        println!("  {kind}: {count}, {:.1} bytes each", bytes as f64 / count as f64);
    }
    assert_eq!(count, 1_000);
    assert!(mean <= DELTA_BYTES_MEAN_MAX, "{mean:.1} bytes a delta");
    assert!(rest <= REST_BYTES_MAX, "{rest} bytes at rest");
}

/// The same edits over plain HTTP: an actor for each, forgotten when the horizon passes.
#[test]
fn a_thousand_plain_edits_shrink_with_the_horizon() {
    let mut shop = Shop::new(1);
    for (at, edit) in trace::edits().into_iter().enumerate() {
        let line_id = key(edit.sku).line_id();
        let (quantity, place) = (i64::from(edit.quantity), Place::Cart);
        let command = match edit.op {
            Op::Add => order(edit.sku, quantity),
            Op::Set => Command::Set { line_id, quantity, at: place },
            Op::Decrement => Command::Decrement { line_id, quantity, at: place },
            Op::Remove => Command::Remove { line_id, at: place },
        };
        shop.edit(&format!("key {at}"), command, BEGIN.plus(edit.seconds * Millis::SECOND)).expect("an edit");
    }
    assert_trace_end(shop.cart());
    let rest = |shop: &Shop| (shop.row.cart.len(), shop.cart().context().clock().dots.len());
    let (before, actors_before) = rest(&shop);
    let note = |text: &str| {
        let fields = cart_core::command::Fields { note: Some(Some(text.to_owned())), ..Default::default() };
        Command::Update(fields)
    };
    shop.edit("the day after", note("a"), BEGIN.plus(Millis::DAY)).expect("an edit");
    assert!(rest(&shop).0 > before, "the keys of yesterday may still come again");
    shop.edit("days later", note("b"), BEGIN.plus(4 * Millis::DAY)).expect("an edit");
    let (after, actors_after) = rest(&shop);
    println!(
        "the same over plain HTTP: {before} bytes at rest ({actors_before} actors), \
         after the horizon {after} ({actors_after})"
    );
    assert!(after < before);
    assert_trace_end(shop.cart());
}

fn assert_trace_end(cart: &Cart) {
    for (sku, quantity) in trace::then() {
        assert_eq!(cart.shown(&key(sku), AT), quantity, "{sku}");
    }
    let shown = cart.lines().filter(|(_, line)| line.shown(AT) > 0).count();
    assert_eq!(shown, trace::then().len());
}

fn name(op: Op) -> &'static str {
    match op {
        Op::Add => "add",
        Op::Set => "set",
        Op::Decrement => "decrement",
        Op::Remove => "remove",
    }
}

fn added(key: LineKey, quantity: u32, details: Option<std::sync::Arc<str>>) -> Change {
    Change::Add { key, details, quantity, at: AT }
}

fn set(sku: &str, quantity: u32) -> Change {
    Change::Set { key: key(sku), quantity, at: AT }
}

fn decrement(sku: &str, quantity: u32) -> Change {
    Change::Decrement { key: key(sku), quantity, at: AT }
}

fn golden(name: &str) -> Vec<u8> {
    let (_, text) = GOLDEN.iter().find(|(golden, _)| *golden == name).expect("a golden file");
    hex(text)
}

/// The golden bytes with some of them replaced, once.
fn replaced(name: &str, old: &str, new: &str) -> Vec<u8> {
    let (text, old, new) = (HEXLOWER_PERMISSIVE.encode(&golden(name)), plain(old), plain(new));
    assert_eq!(text.matches(&old).count(), 1, "{old} in {name}: {text}");
    hex(&text.replace(&old, &new))
}

/// Reads hexadecimal digits; what follows a bar, and lines that begin with a number sign, is a comment.
fn hex(text: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(plain(text).as_bytes()).expect("hexadecimal digits")
}

fn plain(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| line.split('|').next()).flat_map(str::split_whitespace).collect()
}

/// The golden bytes, and what is not among them.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let mut samples: Vec<_> = GOLDEN.iter().map(|(name, text)| (*name, hex(text))).collect();
    let mut two_scopes = Cart::default().change(&set("1", 9), stamp(1, 1, 0));
    let elsewhere = Stamp { scope: shop::cart_id(2).scope(), ..stamp(2, 3, 0) };
    two_scopes.join(&Cart::default().change(&set("1", 8), elsewhere));
    two_scopes.join(&seen([Dot::new(actor(2), 9)]));
    two_scopes.raise_horizon(Day(1));
    samples.push(("two scopes", two_scopes.to_bytes()));
    samples
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}
