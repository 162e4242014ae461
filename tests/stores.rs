//! The regional stores on the real runtime: frames in any order and number become one row, writers that race
//! lose nothing, poison is put aside and replayed, slots move while they are written. Frames are made here
//! and handed in as a peer region does. What a flush writes is counted exactly.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::frame::{self, Frame, Holder};
use cart_core::id::{Actor, CartId, Dot, Region, SessionId};
use cart_core::line::{LineKey, Location};
use cart_core::packed::FORMAT;
use cart_core::ties::Ties;
use cart_core::time::{HybridTime, Millis};
use evercart::store::call::Errand;
use harness::{ARRIVES_MAX, Answer, Operator, Options, Runtime, now};
use reqwest::Method;
use serde_json::Value;

/// How long one that nobody takes may take to be put aside, where stores are tried for seconds.
const DIES_MAX: Duration = harness::EVENTUALLY;

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_delivered_one_to_five_times_in_any_order_gives_the_same_row() {
    let operator = Operator::of(Runtime::shared().await);
    let mut dice = fastrand::Rng::with_seed(7);
    let owner = session(&mut dice);
    let frames = Maker::new(&owner).edits(8);
    let expected = frames.last().map(digest_of).expect("frames");
    let mut all = Vec::new();
    for store in [Region::Weur, Region::Enam] {
        let carts: Vec<_> = (0..5).map(|_| cart(Region::Weur, &mut dice)).collect();
        for cart in &carts {
            let mut deliveries: Vec<&Frame> = Vec::new();
            frames.iter().for_each(|(frame, _)| {
                deliveries.extend(std::iter::repeat_n(frame, dice.usize(1..=5)));
            });
            dice.shuffle(&mut deliveries);
            for frame in deliveries {
                operator.deliver(store, cart, frame).await;
            }
        }
        for cart in &carts {
            let row = operator.arrived(store, cart, &expected).await;
            assert_eq!(row["resident"], true, "whoever sent it has its storage");
            all.push((store, cart.clone()));
        }
    }
    // Nor do repeats that come later change it: what was put into the queue behind them has come.
    let (whole, _) = frames.last().expect("frames");
    for store in [Region::Weur, Region::Enam] {
        let last = cart(Region::Weur, &mut dice);
        operator.deliver(store, &last, whole).await;
        operator.arrived(store, &last, &expected).await;
    }
    for (store, cart) in &all {
        assert_eq!(operator.row(*store, cart).await.expect("a row")["digest"], expected);
    }
}

/// Frames too large for the queue are written by the request that brings them, so that several read the same
/// row and only one of them can write it.
#[tokio::test(flavor = "multi_thread")]
async fn racing_writers_lose_nothing() {
    let operator = Operator::of(Runtime::shared().await);
    let mut dice = fastrand::Rng::with_seed(8);
    let mut maker = Maker::new(&session(&mut dice));
    for n in 0..2_200 {
        maker.add(&format!("too-large-for-a-message-of-the-queue-{n:05}"));
    }
    assert!(maker.cart.to_bytes().len() > 100 * 1_024, "{}", maker.cart.to_bytes().len());
    let cart = cart(Region::Weur, &mut dice);
    operator.deliver(Region::Weur, &cart, &maker.frame()).await;
    let large = maker.cart.clone();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        // Each brings what no other brings.
        let mut state = large.clone();
        state.join(&maker.add("raced"));
        let frame = Frame { state: state.to_bytes(), ..maker.frame() };
        let (operator, cart) = (operator.clone(), cart.clone());
        tasks.push(tokio::spawn(async move { operator.deliver(Region::Weur, &cart, &frame).await }));
    }
    for task in tasks {
        task.await.expect("delivered");
    }
    operator.arrived(Region::Weur, &cart, &maker.digest()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_put_aside_and_can_be_replayed_and_dropped() {
    let operator = Operator::of(Runtime::shared().await);
    let mut dice = fastrand::Rng::with_seed(9);
    let (cart, healthy) = (cart(Region::Apac, &mut dice), cart(Region::Apac, &mut dice));
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("a");
    let mut bytes = maker.frame().to_bytes();
    bytes.truncate(bytes.len() / 2);
    operator.deliver_bytes(Region::Apac, &cart, bytes).await;
    operator.deliver(Region::Apac, &healthy, &maker.frame()).await;
    operator.arrived(Region::Apac, &healthy, &maker.digest()).await;
    let letter = operator.dead_letter(&cart, ARRIVES_MAX).await;
    assert_eq!((&letter["store"], &letter["kept_in"]), (&"apac".into(), &"apac".into()));
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("cut off")), "{letter}");

    let id = letter["id"].as_str().expect("an id").to_owned();
    operator.post(&format!("/dead-letters/{id}/replay")).await.expect(202);
    operator.post(&format!("/dead-letters/{id}/replay")).await.refused(404, "dead_letter_not_found");
    let again = operator.dead_letter(&cart, ARRIVES_MAX).await;
    assert_ne!(again["id"], letter["id"], "it has been through the queue again");
    let id = again["id"].as_str().expect("an id").to_owned();
    let dlq = |words: &[&str]| {
        let mut command = Command::new(harness::root().join("tools/evercart"));
        let done = command.arg("dlq").args(words).args(["--url", &operator.shop.url]).output();
        let done = done.expect("tools/evercart");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    assert!(dlq(&["list"]).contains(&format!("{cart} to apac")), "{}", dlq(&["list"]));
    dlq(&["drop", &id]);
    assert!(operator.dead_letters(&cart).await.is_empty());
}

/// What they say is to be nowhere: neither those that were there before the erasure, of a build that did not say of
/// which cart, nor those that come after it.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_go_with_their_cart_and_at_their_end() {
    const LETTERS: usize = 60;
    let mut runtime = Runtime::start(Options::default()).await;
    let operator = Operator::of(&runtime);
    let mut dice = fastrand::Rng::with_seed(16);
    let (gone, other) = (cart(Region::Apac, &mut dice), cart(Region::Apac, &mut dice));
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("engraved");
    let mut cut = maker.frame().to_bytes();
    cut.truncate(cut.len() - 1);
    for _ in 0..LETTERS {
        operator.deliver_bytes(Region::Apac, &gone, cut.clone()).await;
    }
    operator.deliver_bytes(Region::Weur, &gone, cut.clone()).await;
    operator.deliver_bytes(Region::Apac, &other, cut.clone()).await;
    operator.dead_letter(&other, ARRIVES_MAX).await;
    let count = async |cart: &CartId, wanted: usize| {
        let began = Instant::now();
        loop {
            let found = operator.dead_letters(cart).await.len();
            if found == wanted {
                return;
            }
            assert!(began.elapsed() < ARRIVES_MAX, "{found} dead letters of {cart}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    count(&gone, LETTERS + 1).await;
    runtime.kill();
    let unnamed = "db.execute('UPDATE dead_letters SET cart_id = NULL WHERE rowid % 2')";
    each_store(runtime.state(), unnamed, &[]);
    runtime.restart().await;
    let erased = Frame { state: Cart::erased().to_bytes(), ..maker.frame() };
    operator.deliver(Region::Apac, &gone, &erased).await;
    count(&gone, 0).await;
    count(&other, 1).await;
    operator.deliver_bytes(Region::Apac, &gone, cut.clone()).await;
    operator.deliver_bytes(Region::Apac, &other, cut).await;
    count(&other, 2).await;
    count(&gone, 0).await;
    // For as long as the operator says: forty days, then the thirty that it is where nothing is said.
    runtime.set("DEAD_LETTER_DAYS", "40");
    runtime.set("CLOCK_SKEW_MS", &(31 * Millis::DAY).to_string());
    runtime.restart().await;
    operator.walk("letters").await;
    count(&other, 2).await;
    runtime.set("DEAD_LETTER_DAYS", "");
    runtime.restart().await;
    Answer::of(runtime.shop().request(Method::GET, "/cdn-cgi/local/scheduled")).await.expect(200);
    count(&other, 0).await;
    let regions = operator.regions().await;
    let apac = regions.iter().find(|region| region["region"] == "apac").expect("it is named");
    let gone = (&apac["gone"]["letters_scrubbed"], &apac["gone"]["letters_expired"]);
    assert_eq!(gone, (&LETTERS.into(), &2.into()), "{apac}");
}

/// A slot that nobody owns, as if a move had been cut off between its two steps.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_did_not_take_is_replayed_once_it_can() {
    let state = tempfile::tempdir().expect("a folder");
    let vars = vec![("STORE_PATIENCE_S".to_owned(), "4".to_owned())];
    let options = Options { vars, state: Some(state.path().to_owned()), ..Options::default() };
    let mut runtime = Runtime::start(options).await;
    let mut dice = fastrand::Rng::with_seed(10);
    let cart = cart(Region::Enam, &mut dice);
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("a");
    let operator = Operator::of(&runtime);
    let before = maker.digest();
    operator.deliver(Region::Enam, &cart, &maker.frame()).await;
    operator.arrived(Region::Enam, &cart, &before).await;
    runtime.kill();
    own(state.path(), slot(&cart), false);
    runtime.restart().await;
    maker.add("b");
    operator.deliver(Region::Enam, &cart, &maker.frame()).await;
    let letter = operator.dead_letter(&cart, DIES_MAX).await;
    assert_eq!(operator.row(Region::Enam, &cart).await.expect("a row")["digest"], before, "still readable");
    runtime.kill();
    own(state.path(), slot(&cart), true);
    runtime.restart().await;
    let id = letter["id"].as_str().expect("an id").to_owned();
    operator.post(&format!("/dead-letters/{id}/replay")).await.expect(202);
    operator.arrived(Region::Enam, &cart, &maker.digest()).await;
}

/// What is for it comes in one batch with what is for another database of the region.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_holds_no_other_up_and_is_not_written_over() {
    let state = tempfile::tempdir().expect("a folder");
    let vars = vec![("STORE_PATIENCE_S".to_owned(), "4".to_owned())];
    let options = Options { vars, state: Some(state.path().to_owned()), ..Options::default() };
    let mut runtime = Runtime::start(options).await;
    let mut dice = fastrand::Rng::with_seed(14);
    let damaged = cart_of(Region::Weur, &mut dice, |slot| slot < 512);
    let healthy = cart_of(Region::Weur, &mut dice, |slot| slot >= 512);
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("a");
    let operator = Operator::of(&runtime);
    operator.deliver(Region::Weur, &damaged, &maker.frame()).await;
    operator.arrived(Region::Weur, &damaged, &maker.digest()).await;
    runtime.kill();
    // Of the format that is read, and then no more than that.
    let damage = "db.execute(\"UPDATE carts SET state = x'01ff' WHERE cart_id = ?\", sys.argv[2:])";
    each_store(state.path(), damage, &[damaged.as_str()]);
    runtime.restart().await;
    maker.add("b");
    operator.deliver(Region::Weur, &damaged, &maker.frame()).await;
    operator.deliver(Region::Weur, &healthy, &maker.frame()).await;
    operator.arrived(Region::Weur, &healthy, &maker.digest()).await;
    let letter = operator.dead_letter(&damaged, DIES_MAX).await;
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("cannot be read")), "{letter}");
    operator.get(&format!("/carts/{damaged}?region=weur")).await.refused(503, "store_damaged");
}

/// While builds follow one another: a row and a letter of the later one, for as long as a store is tried. They hold no
/// other up, and are not written over.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_build_has_written_waits_for_it() {
    const PATIENCE: Duration = Duration::from_secs(8);
    let state = tempfile::tempdir().expect("a folder");
    let vars = vec![("STORE_PATIENCE_S".to_owned(), PATIENCE.as_secs().to_string())];
    let options = Options { vars, state: Some(state.path().to_owned()), ..Options::default() };
    let mut runtime = Runtime::start(options).await;
    let mut dice = fastrand::Rng::with_seed(15);
    let [row, letter, healthy] = [(); 3].map(|()| cart(Region::Weur, &mut dice));
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("a");
    let (operator, before) = (Operator::of(&runtime), maker.digest());
    operator.deliver(Region::Weur, &row, &maker.frame()).await;
    operator.arrived(Region::Weur, &row, &before).await;
    runtime.kill();
    let set_format = |format: u8| {
        let script = format!(
            "for (ties,) in db.execute('SELECT ties FROM carts WHERE cart_id = ?', sys.argv[2:]).fetchall():\n    \
             db.execute('UPDATE carts SET ties = ? WHERE cart_id = ?', (bytes([{format}]) + ties[1:], sys.argv[2]))"
        );
        each_store(state.path(), &script, &[row.as_str()]);
    };
    set_format(FORMAT + 1);
    runtime.restart().await;
    maker.add("b");
    let later = [&[FORMAT + 1], &maker.frame().to_bytes()[1..]].concat();
    let sent = Instant::now();
    operator.deliver(Region::Weur, &row, &maker.frame()).await;
    operator.deliver_bytes(Region::Weur, &letter, later).await;
    operator.deliver(Region::Weur, &healthy, &maker.frame()).await;
    operator.arrived(Region::Weur, &healthy, &maker.digest()).await;
    for cart in [&row, &letter] {
        let dead = operator.dead_letter(cart, DIES_MAX).await;
        assert!(sent.elapsed() >= PATIENCE, "tried again, and not put aside at once");
        assert!(dead["reason"].as_str().is_some_and(|reason| reason.contains("of a later format")), "{dead}");
    }
    operator.get(&format!("/carts/{row}?region=weur")).await.refused(503, "builds_differ");
    runtime.kill();
    set_format(FORMAT);
    runtime.restart().await;
    assert_eq!(
        operator.row(Region::Weur, &row).await.expect("a row")["digest"],
        before,
        "as that build left it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_moves_while_it_is_written_and_nothing_is_lost() {
    const BUSY: usize = 6;
    const MOVES: usize = 12;
    let operator = Operator::of(Runtime::shared().await);
    let mut dice = fastrand::Rng::with_seed(11);
    let first = cart(Region::Weur, &mut dice);
    let mut carts = vec![first.clone()];
    while carts.len() < 130 {
        let another = cart(Region::Weur, &mut dice);
        if slot(&another) == slot(&first) {
            carts.push(another);
        }
    }
    let mut still = Maker::new(&session(&mut dice));
    still.add("still");
    for cart in &carts[BUSY..] {
        operator.deliver(Region::Weur, cart, &still.frame()).await;
    }
    operator.arrived(Region::Weur, carts.last().expect("carts"), &still.digest()).await;

    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for cart in &carts[..BUSY] {
        let (operator, cart, owner) = (operator.clone(), cart.clone(), session(&mut dice));
        let stop = Arc::clone(&stop);
        writers.push(tokio::spawn(async move {
            let mut maker = Maker::new(&owner);
            while !stop.load(Ordering::Relaxed) {
                // A delta each: one that is lost is missing in the end.
                let delta = maker.add("busy");
                let frame = Frame { state: delta.to_bytes(), ..maker.frame() };
                operator.deliver(Region::Weur, &cart, &frame).await;
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
            (cart, maker)
        }));
    }
    let slot = slot(&first);
    for moves in 0..MOVES {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let to = if moves % 2 == 0 { "STORE_WEUR_1" } else { "STORE_WEUR_0" };
        let path = format!("/slots/{slot}/move?region=weur&to={to}");
        while operator.post(&path).await.expect(200).json()["done"] != true {}
    }
    stop.store(true, Ordering::Relaxed);
    operator
        .post(&format!("/slots/{slot}/move?region=weur&to=STORE_ENAM_0"))
        .await
        .refused(422, "invalid_field");
    let mut edits = 0;
    for writer in writers {
        let (cart, maker) = writer.await.expect("a writer");
        operator.arrived(Region::Weur, &cart, &maker.digest()).await;
        edits += maker.sequence;
    }
    for cart in &carts[BUSY..] {
        operator.arrived(Region::Weur, cart, &still.digest()).await;
    }
    println!("slot {slot}: {} carts moved {MOVES} times during {edits} edits of {BUSY} of them", carts.len());
}

/// Between two pages of a move the databases come to be as they are when somebody else has finished the same
/// move, and then moved the slot back.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_held_up_takes_nothing_from_who_has_the_slot_now() {
    const PAGE: usize = 50;
    let state = tempfile::tempdir().expect("a folder");
    let options = Options { state: Some(state.path().to_owned()), ..Options::default() };
    let mut runtime = Runtime::start(options).await;
    let operator = Operator::of(&runtime);
    let mut dice = fastrand::Rng::with_seed(15);
    let first = cart_of(Region::Weur, &mut dice, |slot| slot < 512);
    let mut carts: Vec<_> =
        (0..PAGE + 10).map(|_| cart_of(Region::Weur, &mut dice, |there| there == slot(&first))).collect();
    carts.sort();
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("a");
    for cart in &carts {
        operator.deliver(Region::Weur, cart, &maker.frame()).await;
    }
    for cart in &carts {
        operator.arrived(Region::Weur, cart, &maker.digest()).await;
    }
    runtime.kill();
    let held_up = "slot, page = map(int, sys.argv[2:])
count = f'(SELECT count(*) FROM carts WHERE slot = {slot})'
rows = db.execute('SELECT ' + count).fetchone()[0]
at, left, then = ('DELETE', rows - page, 'owned = 1, term = 3') if rows else ('INSERT', page, 'owned = 0')
db.execute(f'''CREATE TRIGGER held_up AFTER {at} ON carts WHEN {count} = {left} BEGIN
    UPDATE slots SET {then}, moved_to = NULL, moved_from = NULL WHERE slot = {slot}; END''')";
    each_store(state.path(), held_up, &[&slot(&first).to_string(), &PAGE.to_string()]);
    runtime.restart().await;
    let path = format!("/slots/{}/move?region=weur&to=STORE_WEUR_1", slot(&first));
    operator.post(&path).await.refused(409, "slot_moving");
    for cart in &carts[PAGE..] {
        let row = operator.row(Region::Weur, cart).await;
        assert_eq!(row.expect("where the slot is")["digest"], maker.digest());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_are_listed_by_owner_and_by_time() {
    let elsewhere = Operator::of(Runtime::shared().await);
    let operator = Operator { near: Some("apac"), ..elsewhere.clone() };
    let mut dice = fastrand::Rng::with_seed(12);
    let (owner, other) = (session(&mut dice), session(&mut dice));
    let (mut mine, mut theirs) = (Maker::new(&owner), Maker::new(&other));
    mine.add("a");
    mine.add("a");
    mine.add("b");
    theirs.add("c");
    let carts: Vec<_> = (0..60).map(|_| cart(Region::Apac, &mut dice)).collect();
    let foreign = cart(Region::Apac, &mut dice);
    for cart in &carts {
        operator.deliver(Region::Apac, cart, &mine.frame()).await;
    }
    operator.deliver(Region::Apac, &foreign, &theirs.frame()).await;
    operator.deliver(Region::Weur, &foreign, &theirs.frame()).await;
    operator.arrived_any(Region::Weur, &foreign).await;
    for cart in carts.iter().chain([&foreign]) {
        operator.arrived_any(Region::Apac, cart).await;
    }
    let row = operator.row(Region::Apac, &carts[0]).await.expect("a row");
    let since = row["updated_at"].as_str().expect("a time").to_owned();

    let ask = format!("/carts?home=apac&owner={}", owner.as_str());
    let first = operator.get(&ask).await.expect(200).json();
    assert_eq!(first["carts"].as_array().map(Vec::len), Some(50));
    let cursor = first["next_cursor"].as_str().expect("a further page");
    let second = operator.get(&format!("{ask}&cursor={cursor}")).await.expect(200).json();
    assert_eq!(second["next_cursor"], Value::Null);
    let pages = [&first, &second].map(|page| page["carts"].as_array().expect("carts").clone()).concat();
    let mut listed: Vec<_> = pages.iter().map(|cart| cart["cart_id"].as_str().expect("an id")).collect();
    listed.sort_unstable();
    let mut expected: Vec<_> = carts.iter().map(CartId::as_str).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert_eq!((&pages[0]["quantity"], &pages[0]["lines"]), (&3.into(), &2.into()));
    assert_eq!(pages[0]["digest"], mine.digest());
    let source = &first["sources"][0];
    assert_eq!((&source["home"], &source["store"]), (&"apac".into(), &"apac".into()));
    assert_eq!(source["within_tolerance"], true);
    // Without a home, of all.
    let all = operator.get(&format!("/carts?owner={}", owner.as_str())).await.expect(200).json();
    assert_eq!(all["carts"], first["carts"]);
    assert_eq!(all["sources"].as_array().map(Vec::len), Some(3));
    let there = elsewhere.get(&ask).await.expect(200).json();
    assert_eq!(
        there["sources"][0]["store"], "weur",
        "the other store of these carts is nearer to western Europe"
    );

    let since = operator.get(&format!("/carts?home=apac&updated_since={since}")).await.expect(200).json();
    assert!(since["carts"].as_array().is_some_and(|carts| !carts.is_empty()));
    let abandoned =
        operator.get(&format!("{ask}&updated_before=2020-01-01T00:00:00Z")).await.expect(200).json();
    assert_eq!(abandoned["carts"].as_array().map(Vec::len), Some(0));
    let abandoned =
        operator.get(&format!("{ask}&updated_before=2999-01-01T00:00:00Z")).await.expect(200).json();
    assert_eq!(abandoned["carts"], first["carts"]);
    let later = operator.get("/carts?home=apac&updated_since=2999-01-01T00:00:00Z").await.expect(200).json();
    assert_eq!(later["carts"].as_array().map(Vec::len), Some(0));
    // No store has taken anything within no time at all, and the answer says so.
    let strict = operator.get("/carts?home=apac&tolerance_ms=0").await.expect(200).json();
    assert_eq!(strict["sources"][0]["within_tolerance"], false, "{strict}");
    for (query, field) in [("owners=x", "owners"), ("tolerance_ms=x", "tolerance_ms"), ("home=mars", "home")]
    {
        let refused = operator.get(&format!("/carts?{query}")).await;
        refused.clone().refused(422, "invalid_field");
        assert!(refused.text().contains(field), "{}", refused.text());
    }

    // Erased, it says no more than that.
    let gone = Frame { state: Cart::erased().to_bytes(), ..mine.frame() };
    operator.deliver(Region::Apac, &carts[0], &gone).await;
    let began = Instant::now();
    while operator.row(Region::Apac, &carts[0]).await.expect("a row")["erased"] != true {
        assert!(began.elapsed() < ARRIVES_MAX, "not erased");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let listed = operator.get(&ask).await.expect(200).json();
    assert!(!listed.to_string().contains(carts[0].as_str()), "no longer the owner's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_writes_few_rows() {
    let runtime = Runtime::start(Options::default()).await;
    let operator = Operator::of(&runtime);
    let mut dice = fastrand::Rng::with_seed(13);
    let mut maker = Maker::new(&session(&mut dice));
    maker.add("a");
    // The first write gives the region its slots.
    let warm = cart(Region::Weur, &mut dice);
    operator.deliver(Region::Weur, &warm, &maker.frame()).await;
    operator.arrived(Region::Weur, &warm, &maker.digest()).await;
    let costs = loop {
        let minute = now().0 / 60_000;
        let (cart, mut costs) = (cart(Region::Weur, &mut dice), Vec::new());
        for sku in ["a", "b", "c"] {
            let before = operator.rows_written().await;
            maker.add(sku);
            operator.deliver(Region::Weur, &cart, &maker.frame()).await;
            operator.arrived(Region::Weur, &cart, &maker.digest()).await;
            costs.push(operator.rows_written().await - before);
        }
        let before = operator.rows_written().await;
        operator.deliver(Region::Weur, &cart, &maker.frame()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        costs.push(operator.rows_written().await - before);
        // Not across a minute, where the entry of an index moves.
        if now().0 / 60_000 == minute {
            break costs;
        }
    };
    println!(
        "rows written to D1: {} for a new cart, {} for a flush, {} for what is known",
        costs[0], costs[1], costs[3]
    );
    assert_eq!(costs, [5, 2, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_gets_in() {
    let operator = Operator::of(Runtime::shared().await);
    for token in ["", "forged"] {
        let stranger = Operator { token: token.to_owned(), ..operator.clone() };
        for path in ["/carts", "/regions", "/dead-letters"] {
            stranger.get(path).await.refused(401, "operator_required");
        }
        stranger.post("/slots/0/move?to=STORE_WEUR_1").await.refused(401, "operator_required");
    }
    let regions = operator.regions().await;
    let names: Vec<_> = regions.iter().map(|region| &region["region"]).collect();
    assert_eq!(names, ["enam", "weur", "apac"]);
    for region in &regions {
        assert!(region["health"] == "ok" || region["health"] == "slow", "{region}");
        assert_eq!(region["breaker"], "closed", "{region}");
        assert!(region["backlog"]["messages"].is_u64() && region["lag_ms"].is_u64(), "{region}");
    }
}

/// The way of a real cart: edited, stored in two regions, its object lost, given up when idle, back.
#[tokio::test(flavor = "multi_thread")]
async fn a_cart_outlives_its_object_and_gives_up_its_storage_when_idle() {
    const TWO_DAYS_MS: u64 = 2 * Millis::DAY;
    let mut runtime = Runtime::start(Options::default()).await;
    let operator = Operator::of(&runtime);
    let shop = runtime.shop();
    let session = shop.open().await;
    let cart = CartId::try_from(session.cart_id.clone()).expect("an id");
    shop.add(&session, "1095275", 2).await.expect(200);
    let quantity = async || {
        // Not so new that nobody else would be asked for it.
        let call = shop.call(&session, Method::GET, "/v1/carts/current");
        let view = Answer::of(call.header("Evercart-Clock-Skew-Ms", "120000")).await.expect(200).json();
        (view["totals"]["quantity"].clone(), view["partial"].clone())
    };
    operator.arrived_any(Region::Weur, &cart).await;
    let added = shop.add(&session, "1095275", 1).await.expect(200).json();
    let settled = async |version: &Value| {
        let began = Instant::now();
        loop {
            let (here, there) =
                (operator.row(Region::Weur, &cart).await, operator.row(Region::Enam, &cart).await);
            if let (Some(here), Some(there)) = (&here, &there)
                && here["digest"] == there["digest"]
                && here["version"] == *version
            {
                break;
            }
            assert!(began.elapsed() < ARRIVES_MAX, "{here:?} and {there:?}");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    settled(&added["version"]).await;
    runtime.wipe().await;
    assert_eq!(quantity().await, (3.into(), false.into()), "from the store");
    shop.add(&session, "1095275", 1).await.expect(200);
    // A replica in another region, which is idle as well and leaves first.
    let away = shop.in_region("enam");
    away.add(&session, "1095275", 1).await.expect(200);
    let version = harness::equal(&[&shop, &away], &session, ARRIVES_MAX).await[0]["version"].clone();
    settled(&version).await;

    // More than a step of the sweep sees, which never go.
    runtime.kill();
    let stuck = "db.execute('''INSERT INTO carts
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
    SELECT slot, 'stuck-' || i, incarnation, rev, state, ties, digest, sequence, NULL, home, quantity, lines,
        created, updated, 0, erased, resident FROM carts, n WHERE resident = 1''')";
    each_store(runtime.state(), stuck, &[]);
    let resident = async || operator.row(Region::Weur, &cart).await.expect("a row")["resident"] == true;
    for days in 1..=3 {
        runtime.set("CLOCK_SKEW_MS", &(days * TWO_DAYS_MS).to_string());
        runtime.restart().await;
        operator.walk("sweep").await;
        settled(&version).await;
        if !resident().await {
            break;
        }
    }
    // By its other store, too, and with what one invocation may ask.
    operator.walk("sweep").await;
    assert_eq!(operator.row(Region::Enam, &cart).await.expect("a row")["resident"], false);
    for region in operator.regions().await {
        let sweep = &region["walks"]["sweep"];
        assert!(sweep["queries_max"].as_u64().is_some_and(|queries| (1..500).contains(&queries)), "{sweep}");
        assert!(sweep["calls_max"].as_u64().is_some_and(|calls| (1..5_000).contains(&calls)), "{sweep}");
    }
    assert!(!resident().await, "it gave up its storage");
    runtime.set("CLOCK_SKEW_MS", "0");
    runtime.restart().await;
    assert_eq!(quantity().await, (5.into(), false.into()), "it is back");

    // What was only read is found again, too.
    assert!(resident().await, "it has its storage again");
    runtime.set("CLOCK_SKEW_MS", &TWO_DAYS_MS.to_string());
    runtime.restart().await;
    operator.walk("sweep").await;
    assert!(!resident().await, "it gave up its storage again");
    // A letter with which it once asked comes late: by the answer it is back, without a change of the row.
    let whole = operator.run(&Errand::Read { store: Region::Enam, cart_id: cart.clone() }).await.expect(200);
    let whole = Frame::from_bytes(&whole.bytes).expect("a frame");
    let asking = Frame { from: Holder::Replica(Region::Weur), pull: true, ..whole };
    operator.deliver(Region::Weur, &cart, &asking).await;
    let began = Instant::now();
    while !resident().await {
        assert!(began.elapsed() < ARRIVES_MAX, "the sweep would not find it");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    runtime.set("CLOCK_SKEW_MS", "0");
    runtime.restart().await;
    assert_eq!(quantity().await, (5.into(), false.into()), "it is back again");
    let there = shop.in_region("enam").view(&session).await;
    assert_eq!((&there["totals"]["quantity"], &there["partial"]), (&5.into(), &false.into()));
}

/// A root cart, and another of its session, which was not touched since: at rest they are nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn carts_go_a_month_after_their_session_was_last_used() {
    const DAY_MS: u64 = Millis::DAY;
    let mut runtime = Runtime::start(Options::default()).await;
    let operator = Operator::of(&runtime);
    let mut dice = fastrand::Rng::with_seed(17);
    let stores = [Region::Weur, Region::Enam];
    let mut sessions = Vec::new();
    for used in [0, 25] {
        let owner = session(&mut dice);
        let root = cart(Region::Weur, &mut dice);
        let further = cart(Region::Weur, &mut dice);
        let mut maker = Maker::new(&owner);
        maker.ties.root = Some(root.clone());
        maker.add("a");
        for store in stores {
            operator.deliver(store, &further, &maker.frame()).await;
        }
        maker.ties.used = now().plus(used * DAY_MS);
        maker.ties.enroll(further.clone(), now());
        for store in stores {
            operator.deliver(store, &root, &maker.frame()).await;
        }
        sessions.push([root, further]);
    }
    // Of nobody's, and erased.
    let erased = cart(Region::Apac, &mut dice);
    let gone = Frame { state: Cart::erased().to_bytes(), ..Maker::new(&session(&mut dice)).frame() };
    operator.deliver(Region::Apac, &erased, &gone).await;
    for carts in &sessions {
        for (store, cart) in stores.iter().flat_map(|store| carts.iter().map(move |cart| (store, cart))) {
            operator.arrived_any(*store, cart).await;
        }
    }
    operator.arrived_any(Region::Apac, &erased).await;
    let there = async |cart: &CartId| {
        let mut found = Vec::new();
        for store in stores {
            found.push(operator.row(store, cart).await.is_some());
        }
        found
    };
    // The cron begins a sweep whenever the last has ended, but the others only once a day.
    let after = async |runtime: &mut Runtime, days: u64| {
        runtime.set("CLOCK_SKEW_MS", &(days * DAY_MS).to_string());
        runtime.restart().await;
        operator.walk("ends").await;
        operator.walk("sweep").await;
    };
    after(&mut runtime, 2).await;
    // One that somebody has come back for, of a session that has ended.
    let [ended, lives] = &sessions[..] else { panic!("two") };
    operator.state(Region::Weur, &ended[1]).await;
    assert_eq!(operator.row(Region::Weur, &ended[1]).await.expect("a row")["resident"], true);
    // For as long as the operator says: two months, then the month that is said where nothing is.
    runtime.set("CART_DAYS", "60");
    runtime.set("CLOCK_SKEW_MS", &(39 * DAY_MS).to_string());
    runtime.restart().await;
    operator.walk("ends").await;
    assert!(there(&ended[1]).await[1], "which it was to be");
    runtime.set("CART_DAYS", "");
    runtime.set("CLOCK_SKEW_MS", &(40 * DAY_MS).to_string());
    runtime.restart().await;
    operator.walk("ends").await;
    assert!(!there(&ended[1]).await[1], "which was not touched since");
    for cart in lives {
        assert_eq!(there(cart).await, [true, true], "its session was used since");
    }
    assert!(operator.row(Region::Apac, &erased).await.is_some(), "what is late is to meet it");
    // A root goes after its last cart.
    for days in [42, 44, 46] {
        after(&mut runtime, days).await;
    }
    for cart in ended {
        assert_eq!(there(cart).await, [false, false], "{cart}");
    }
    for days in [90, 92, 94] {
        after(&mut runtime, days).await;
    }
    for cart in lives {
        assert_eq!(there(cart).await, [false, false], "{cart}");
    }
    assert!(operator.row(Region::Apac, &erased).await.is_none());
    let regions = operator.regions().await;
    let counts =
        |name: &str| regions.iter().find(|region| region["region"] == name).expect(name)["gone"].clone();
    assert_eq!((&counts("weur")["carts_ended"], &counts("apac")["erased_ended"]), (&4.into(), &1.into()));
}

/// Whose second store was that of enam gets that of apac: nothing is lost then with the home and its own store, neither
/// before all rows have been given on nor after.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_gets_another_second_store_and_loses_its_own() {
    let regions = |weur: &str| {
        let (enam, apac) =
            (r#""latitude": 39.0, "longitude": -77.5"#, r#""latitude": 35.7, "longitude": 139.7"#);
        format!(
            r#"[{{"region": "enam", {enam}, "second": "weur", "stores": ["STORE_ENAM_0"]}},
            {{"region": "weur", "latitude": 50.1, "longitude": 8.7, {weur}, "stores": ["STORE_WEUR_0", "STORE_WEUR_1"]}},
            {{"region": "apac", {apac}, "second": "weur", "stores": ["STORE_APAC_0"]}}]"#
        )
    };
    let mut runtime = Runtime::start(Options::default()).await;
    let operator = Operator::of(&runtime);
    let shop = runtime.shop();
    let session = shop.open().await;
    let cart = CartId::try_from(session.cart_id.clone()).expect("an id");
    shop.add(&session, "1095275", 2).await.expect(200);
    operator.arrived_any(Region::Weur, &cart).await;
    operator.arrived_any(Region::Enam, &cart).await;
    operator.walk("backfill").await;
    let lose = |runtime: &mut Runtime, regions: &str| {
        runtime.kill();
        let drop = "db.execute('DELETE FROM carts WHERE cart_id = ? AND EXISTS (SELECT 1 FROM slots) AND (SELECT count(*) FROM slots) < 1024', sys.argv[2:])";
        each_store(runtime.state(), drop, &[cart.as_str()]);
        runtime.set("REGIONS", regions);
    };
    let quantity = async || {
        let call = shop.call(&session, Method::GET, "/v1/carts/current");
        let view = Answer::of(call.header("Evercart-Clock-Skew-Ms", "120000")).await.expect(200).json();
        (view["totals"]["quantity"].clone(), view["partial"].clone())
    };
    let changed = regions(r#""second": "apac", "second_before": ["enam"]"#);
    // The databases of weur have half of the slots each.
    lose(&mut runtime, &changed);
    runtime.wipe().await;
    assert_eq!(quantity().await, (2.into(), false.into()), "from the store before");
    operator.walk("backfill").await;
    operator.arrived_any(Region::Apac, &cart).await;
    lose(&mut runtime, &regions(r#""second": "apac""#));
    runtime.wipe().await;
    assert_eq!(quantity().await, (2.into(), false.into()), "from the store since");
    operator.walk("backfill").await;
    assert!(operator.row(Region::Enam, &cart).await.is_none(), "it is not where nobody would look for it");
}

/// Its carts are served on while it is closed, and move before it is taken out.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_closes_gives_its_carts_away_before_it_goes() {
    let regions = |apac: &str| {
        format!(
            r#"[{{"region": "enam", "latitude": 39.0, "longitude": -77.5, "second": "weur", "stores": ["STORE_ENAM_0"]}},
            {{"region": "weur", "latitude": 50.1, "longitude": 8.7, "second": "enam", "stores": ["STORE_WEUR_0", "STORE_WEUR_1"]}}{apac}]"#
        )
    };
    let closing = r#", {"region": "apac", "latitude": 35.7, "longitude": 139.7, "second": "weur",
        "stores": ["STORE_APAC_0"], "closing": true}"#;
    let mut runtime = Runtime::start(Options::default()).await;
    let (operator, shop) = (Operator::of(&runtime), runtime.shop().in_region("apac"));
    let session = shop.open().await;
    let cart = CartId::try_from(session.cart_id.clone()).expect("an id");
    assert_eq!(cart.first_home(), Region::Apac);
    shop.add(&session, "1095275", 2).await.expect(200);
    operator.arrived_any(Region::Apac, &cart).await;
    operator.arrived_any(Region::Weur, &cart).await;
    runtime.set("REGIONS", &regions(closing));
    runtime.restart().await;
    assert!(!shop.open().await.cart_id.contains("apac"), "it gets no new sessions");
    let served = shop.add(&session, "1095275", 1).await.expect(200);
    assert_eq!(served.header("evercart-region"), "apac", "its carts are served on");
    let home = async || {
        let row = operator.row(Region::Weur, &cart).await.expect("a row");
        row["home"]["region"].as_str().expect("a region").to_owned()
    };
    for days in [2, 4] {
        runtime.set("CLOCK_SKEW_MS", &(days * Millis::DAY).to_string());
        runtime.restart().await;
        operator.walk("backfill").await;
        operator.walk("sweep").await;
        if home().await != "apac" {
            break;
        }
    }
    let began = Instant::now();
    loop {
        let listed = operator.get("/carts?home=apac").await.expect(200).json();
        if listed["carts"] == serde_json::json!([]) {
            break;
        }
        assert!(began.elapsed() < ARRIVES_MAX, "they stay at home there: {listed}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    runtime.set("CLOCK_SKEW_MS", "0");
    runtime.set("REGIONS", &regions(""));
    runtime.restart().await;
    // Their token and the cart's id name it all the same.
    let shop = runtime.shop();
    let view = shop.view(&session).await;
    assert_eq!((&view["totals"]["quantity"], &view["partial"]), (&3.into(), &false.into()));
    let edited = shop.add(&session, "1095275", 1).await.expect(200);
    assert_ne!(edited.header("evercart-region"), "apac");
    assert_eq!(edited.json()["totals"]["quantity"], 4);
}

// Frames.

/// A replica, as far as it makes frames. Not the home, so that a receipt for it wakes no real one.
struct Maker {
    cart: Cart,
    ties: Ties,
    sequence: u64,
    actor: Actor,
}

impl Maker {
    fn new(owner: &SessionId) -> Self {
        let mut ties = Ties::new(Millis(1_795_316_400_000));
        ties.owner = Some(owner.clone());
        Self { cart: Cart::default(), ties, sequence: 0, actor: Actor::mint(now().day(), 7) }
    }

    /// One more of a product: the delta.
    fn add(&mut self, sku: &str) -> Cart {
        self.sequence += 1;
        let key = LineKey::new(sku, None, None).expect("a key");
        let change = Change::Add { key, details: None, quantity: 1, at: Location::Cart };
        let dot = Dot::new(self.actor, self.sequence);
        let scope = CartId::mint(Region::Weur, [0; 15]).scope();
        let delta = self.cart.change(&change, Stamp { dot, time: HybridTime::at(now()), scope });
        self.cart.join(&delta);
        delta
    }

    fn frame(&self) -> Frame {
        Frame {
            from: Holder::Replica(Region::Oc),
            incarnation: 1,
            to: 0,
            base: 0,
            sequence: self.sequence,
            digest: frame::digest(&self.cart, &self.ties),
            joined: true,
            pull: false,
            edited: self.ties.edited,
            ties: Some(self.ties.clone()),
            state: self.cart.to_bytes(),
        }
    }

    fn digest(&self) -> String {
        hex(&frame::digest(&self.cart, &self.ties))
    }

    /// So many edits, each as its delta or as all there is, and the digest after it.
    fn edits(mut self, count: usize) -> Vec<(Frame, String)> {
        let edit = |n| {
            let delta = self.add(["a", "b", "c"][n % 3]);
            let state = if n % 2 == 0 { delta } else { self.cart.clone() };
            (Frame { state: state.to_bytes(), ..self.frame() }, self.digest())
        };
        (0..count).map(edit).collect()
    }
}

fn digest_of((_, digest): &(Frame, String)) -> String {
    digest.clone()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cart(home: Region, dice: &mut fastrand::Rng) -> CartId {
    CartId::mint(home, std::array::from_fn(|_| dice.u8(..)))
}

/// A cart in one of some slots.
fn cart_of(home: Region, dice: &mut fastrand::Rng, wanted: impl Fn(u32) -> bool) -> CartId {
    std::iter::repeat_with(|| cart(home, dice)).find(|cart| wanted(slot(cart))).expect("there is no end")
}

fn session(dice: &mut fastrand::Rng) -> SessionId {
    SessionId::mint(std::array::from_fn(|_| dice.u8(..)))
}

fn slot(cart: &CartId) -> u32 {
    cart.scope().0 >> 22
}

/// Gives a slot to, or takes it from, the databases that had it: in the files of a runtime at rest.
fn own(state: &std::path::Path, slot: u32, owned: bool) {
    let script = "db.execute('UPDATE slots SET owned = ? WHERE slot = ?', sys.argv[2:])";
    each_store(state, script, &[&u8::from(owned).to_string(), &slot.to_string()]);
}

/// Does something, in Python, to each database `db` of the stores, in the files of a runtime at rest.
fn each_store(state: &std::path::Path, script: &str, words: &[&str]) {
    let script = script.replace('\n', "\n        ");
    let script = format!(
        "import glob, sqlite3, sys
for file in glob.glob(sys.argv[1] + '/v3/d1/*/*.sqlite'):
    db = sqlite3.connect(file)
    if db.execute(\"SELECT 1 FROM sqlite_master WHERE name = 'slots'\").fetchone():
        {script}
        db.commit()
    db.close()"
    );
    let done = Command::new("python3").args(["-c", &script]).arg(state).args(words).status();
    assert!(done.is_ok_and(|status| status.success()), "the files of the databases could not be changed");
}
