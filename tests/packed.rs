//! The bytes of what the Worker's objects, regions and stores say to each other, and of what lies beside sockets and in
//! queues, by format: those of each format that was served are read for ever. Those of the core are in its own test.

use std::fmt::Debug;
use std::path::PathBuf;

use cart_core::id::{Actor, CartId, Region, SessionId};
use cart_core::packed::{FORMAT, Format, pack_as, unpack};
use cart_core::reject::Reject;
use cart_core::replica::{Caller, Edit, Input, Reply, ReplyKind};
use cart_core::sweep::Rooted;
use cart_core::time::{HybridTime, Millis};
use data_encoding::HEXLOWER;
use evercart::cart::call::{Call, Head, Opening};
use evercart::platform::problem::Problem;
use evercart::platform::sql::Rows;
use evercart::store::call::{Ask, Errand, Freshness, Letter, Listed, Position, Report, Waiting, Walked};
use evercart::store::orders::{Order, Walk};
use harness::root;
use serde::Serialize;
use serde::de::DeserializeOwned;

const MAKE: &str = "EVERCART_GOLDEN=write cargo test --locked -p evercart-tests --test packed";
const BEGIN: Millis = Millis(1_795_316_400_000);

/// Something packed: its bytes, what it says, and what other bytes of that name say.
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

#[test]
fn golden_bytes_of_calls_letters_and_answers() {
    let samples = samples();
    if std::env::var("EVERCART_GOLDEN").as_deref() == Ok("write") {
        assert!(!was_served(FORMAT), "format {FORMAT} was served: its bytes do not change any more");
        let line = |sample: &Sample| format!("{} {}\n", sample.name, HEXLOWER.encode(&sample.bytes));
        std::fs::write(golden(FORMAT), samples.iter().map(line).collect::<String>())
            .expect("the golden file");
    }
    for format in 3..=FORMAT {
        let text = std::fs::read_to_string(golden(format));
        let text = text.unwrap_or_else(|error| panic!("format {format}: {error}; make it: {MAKE}"));
        for line in text.lines() {
            let (name, hex) = line.split_once(' ').expect("a name and bytes");
            let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
            let sample = samples.iter().find(|sample| sample.name == name).expect(name);
            assert_eq!((sample.read)(&bytes).as_ref(), Ok(&sample.says), "format {format}: {name}");
            let same = format != FORMAT || bytes == sample.bytes;
            assert!(same, "the layout of {name} has changed: see docs/formats.md; {MAKE}");
        }
        assert!(format != FORMAT || text.lines().count() == samples.len(), "some are not in it: {MAKE}");
    }
}

/// Under the secret of all `k`s: what was signed once opens for as long as it says.
#[test]
fn golden_texts_of_tokens_tickets_and_contexts() {
    use cart_core::session::{Session, Signer};
    const TOKEN: &str = "CGd8wrNjl5EpVB885S9cVXsicyI6InNfMDQwZzIwODEwNDBnMjA4MTA0MGcyMDgxIiwiYyI6ImNfd2V1cl8wNDBnMjA4MTA0MGcyMDgxMDQwZzIwODEiLCJyIjoid2V1ciIsImEiOlsiZW5hbSJdLCJuIjoiYXBhYyIsIm8iOjE3OTUzMTY0MDAwMDAsImkiOjE3OTUzMTY0MDAwMDF9";
    const TICKET: &str = "1795316400002.I09shXLolfof9s9vnv4b2HsicyI6InNfMDQwZzIwODEwNDBnMjA4MTA0MGcyMDgxIiwiYyI6ImNfd2V1cl8wNDBnMjA4MTA0MGcyMDgxMDQwZzIwODEiLCJyIjoid2V1ciIsImEiOlsiZW5hbSJdLCJuIjoiYXBhYyIsIm8iOjE3OTUzMTY0MDAwMDAsImkiOjE3OTUzMTY0MDAwMDF9";
    const CONTEXT: &str = "veerMCzfnGID2V4quhshGQEAAA";
    let signer = Signer::new(&[b'k'; 32]).expect("32 bytes");
    let token = Session {
        id: SessionId::mint([1; 15]),
        root: cart(1),
        region: Region::Weur,
        also: vec![Region::Enam],
        nearest: Some(Region::Apac),
        opened: BEGIN,
        issued: BEGIN.plus(1),
    };
    assert_eq!(signer.session(TOKEN, BEGIN.plus(2)), Ok(token.clone()), "{}", signer.token(&token));
    assert_eq!(signer.ticketed(TICKET, "current", BEGIN.plus(3)), Ok(token.clone()));
    assert_eq!(signer.ticket(&token, "current", BEGIN.plus(2)), TICKET);
    let context = signer.context(&cart(1), &[1, 0, 0]);
    assert_eq!(signer.seen(&cart(1), CONTEXT), Ok(vec![1, 0, 0]), "{context}");
}

/// In the queues of stores, beside letters.
#[test]
fn golden_texts_of_orders() {
    let step = |walk| Order::Step { store: Region::ApacNe, database: "STORE_0".into(), walk };
    let walks = [
        ("sweep", Walk::Sweep),
        ("ends", Walk::Ends),
        ("letters", Walk::Letters),
        ("backfill", Walk::Backfill),
    ];
    let text = |name| format!(r#"{{"step":{{"store":"apac-ne","database":"STORE_0","walk":"{name}"}}}}"#);
    let mut orders = vec![(
        r#"{"begin":{"store":"weur","from":50}}"#.to_owned(),
        Order::Begin { store: Region::Weur, from: 50 },
    )];
    orders.extend(walks.map(|(name, walk)| (text(name), step(walk))));
    for (text, order) in orders {
        assert_eq!(serde_json::from_str::<Order>(&text).ok().as_ref(), Some(&order), "{text}");
        assert_eq!(serde_json::to_string(&order).expect("JSON"), text);
    }
}

fn golden(format: u8) -> PathBuf {
    root().join(format!("crates/cart-core/tests/golden/packed-{format}-calls.txt"))
}

/// Whether the formats' list names the last commit of one.
fn was_served(format: u8) -> bool {
    let list = std::fs::read_to_string(root().join("docs/formats.md")).expect("docs/formats.md");
    let row =
        list.lines().find(|line| line.starts_with(&format!("| {format} |"))).expect("a row of the format");
    row.split('|').nth(2).is_some_and(|commit| commit.trim().trim_matches('`').len() == 40)
}

fn cart(name: u8) -> CartId {
    CartId::mint(Region::Weur, [name; 15])
}

// A field that came later is not named: it is as its default says.

fn call(input: Input) -> Call {
    let caller =
        Caller::Session { id: SessionId::mint([1; 15]), root: cart(1), issued: BEGIN, current: true };
    Call {
        caller,
        fresh: true,
        shown_by: vec![Region::Enam],
        ..Call::of_service(cart(1), Region::Weur, input, -5)
    }
}

fn samples() -> Vec<Sample> {
    let commands =
        serde_json::from_str(r#"[{"op": "add", "sku": "1095275", "quantity": 2}]"#).expect("commands");
    let edit = Edit::of(BEGIN.day(), &SessionId::mint([1; 15]), "k", commands);
    let edit = Edit { keys: Vec::new(), actors: vec![Actor(1)], seen: Some(vec![1, 0, 0]), ..edit };
    let (time, cart_bytes) = (HybridTime::at(BEGIN), vec![1, 0, 0]);
    let reply = Reply {
        kind: ReplyKind::State { replayed: false, merged_into: None },
        sequence: 1,
        time,
        updated: BEGIN,
        created: BEGIN,
        partial: false,
        cart: cart_bytes,
    };
    let rows = Rows { read: 1, written: 2 };
    let head =
        |reply| Head { reply, region: Region::Weur, sequence: 3, rows, rows_since_wake: rows, again: false };
    let problem = Problem { sequence: Some(4), idempotency_key: Some("k".into()), ..Problem::full() };
    let letter = Letter { store: Region::Enam, cart_id: cart(1), sent: BEGIN, frame: vec![1, 2, 3] };
    let ask = Ask {
        home: Region::Apac,
        owner: Some("s".into()),
        since: BEGIN,
        before: BEGIN.plus(1),
        after: Some(Position { minute: 1, cart_id: "c".into() }),
        count_max: 5,
    };
    let report = Report {
        available: true,
        freshness: Some(Freshness { taken: BEGIN, late_ms: 1, late_versions: 2 }),
        waiting: Some(Waiting { messages: 1, bytes: 2, oldest: Some(BEGIN) }),
        dead_letters: 3,
        rows_written: 4,
        ..Report::default()
    };
    let walked = Walked {
        name: "sweep".into(),
        began: BEGIN,
        ended: Some(BEGIN.plus(1)),
        passed: 1,
        done: 2,
        queries_max: 3,
        calls_max: 4,
        current: true,
        before: "weur enam".into(),
    };
    let walks = vec![Walked { name: "backfill".into(), ended: None, ..walked.clone() }, walked];
    let report_with_walks = Report { gone: vec![("carts_ended".into(), 6)], walks, ..report.clone() };
    let listed = Listed {
        cart_id: "c".into(),
        owner: None,
        home: Region::Weur,
        quantity: 1,
        lines: 2,
        created: BEGIN,
        updated: BEGIN,
        erased: true,
        digest: vec![3],
        rev: 4,
    };
    vec![
        Sample::of("call-edit", &call(Input::Edit(edit))),
        Sample::of("call-of-service", &Call::of_service(cart(1), Region::Apac, Input::Tick, 0)),
        Sample::of("head", &head(Ok(reply))),
        Sample::of("head-refused", &head(Err(problem))),
        Sample::of("opening", &Opening { call: call(Input::Read), until: BEGIN, nudged: true }),
        Sample::of("letter", &letter),
        Sample::of("errand-take", &Errand::Take(letter.clone())),
        Sample::of("errand-read", &Errand::Read { store: Region::Weur, cart_id: cart(1) }),
        Sample::of("errand-report", &Errand::Report { store: Region::Weur }),
        Sample::of("errand-list", &Errand::List { store: Region::Weur, ask }),
        Sample::of("report", &report),
        Sample::of("listed", &vec![listed]),
        Sample::of("errand-peek", &Errand::Peek { store: Region::Weur, carts: vec![cart(1), cart(2)] }),
        Sample::of("peeked", &vec![(cart(1), Rooted { resident: true, used: BEGIN })]),
        Sample::of(
            "errand-keep",
            &Errand::Keep { store: Region::Enam, frames: vec![(cart(1), vec![1, 2, 3])] },
        ),
        Sample::of("kept", &5_u64),
        Sample::of("report-with-walks", &report_with_walks),
    ]
}
