//! Edits at once on the real runtime: none is lost, none counts twice, each line is one, and no session
//! sees another's. What is shown is compared with exact sums, however the edits were ordered.

use std::collections::BTreeSet;

use harness::{Answer, Runtime, Session, Shop};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const AT_ONCE: usize = 160;
/// Products that have a price.
const SKUS: [&str; 8] = ["1095275", "1082185", "1029743", "995242", "1106523", "981760", "840361", "916122"];

#[tokio::test(flavor = "multi_thread")]
async fn adds_to_one_line_of_a_cart_all_count() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let answers = adds_at_once(&shop, &session, &SKUS[..1]).await;
    // Each saw all that came before it: the sequence numbers have no gap, and the sums follow them.
    let sequences: BTreeSet<u64> = answers.iter().map(Answer::sequence).collect();
    assert!(sequences.iter().copied().eq(2..=1 + AT_ONCE as u64), "{sequences:?}");
    for answer in &answers {
        assert_eq!(lines(&answer.json()), [(SKUS[0].to_owned(), answer.sequence())]);
    }
    assert_eq!(lines(&shop.view(&session).await), [(SKUS[0].to_owned(), 1 + AT_ONCE as u64)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn adds_to_eight_lines_of_a_cart_all_count() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    adds_at_once(&shop, &session, &SKUS).await;
    let each = (AT_ONCE / SKUS.len()) as u64;
    let mut expected = sorted(SKUS.map(|sku| (sku.to_owned(), each)).into());
    expected.iter_mut().filter(|(sku, _)| sku == SKUS[0]).for_each(|(_, quantity)| *quantity += 1);
    assert_eq!(lines(&shop.view(&session).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_very_first_edits_of_a_session_all_count() {
    let shop = Runtime::shared().await.shop();
    for skus in [&SKUS[..1], &SKUS] {
        let session = shop.open().await;
        let answers = adds_at_once(&shop, &session, skus).await;
        let carts: BTreeSet<String> = answers.iter().map(|answer| text(&answer.json()["cart_id"])).collect();
        assert_eq!(carts, BTreeSet::from([session.cart_id.clone()]), "one cart");
        let each = (AT_ONCE / skus.len()) as u64;
        let expected = skus.iter().map(|sku| ((*sku).to_owned(), each)).collect();
        assert_eq!(lines(&shop.view(&session).await), sorted(expected));
        let listed = Answer::of(shop.call(&session, Method::GET, "/v1/carts")).await.expect(200).json();
        assert_eq!(listed["carts"].as_array().map(Vec::len), Some(1), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_eight_times_at_once_counts_once() {
    const TIMES: usize = 8;
    const KEYS: usize = 20;
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let add = |key: usize| {
        let call = shop.call(&session, Method::POST, "/v1/carts/current/lines");
        call.header("Idempotency-Key", format!("key-{key}")).json(&json!({"sku": SKUS[0]}))
    };
    // One key at a time, the first of them with the session's first edit: all show the same.
    for key in 1..=KEYS {
        let answers = at_once((0..TIMES).map(|_| add(key)).collect()).await;
        assert_eq!(replayed(&answers), TIMES - 1, "key {key}");
        for answer in answers {
            assert_eq!(lines(&answer.expect(200).json()), [(SKUS[0].to_owned(), key as u64)]);
        }
    }
    // Many keys at a time.
    let answers = at_once((0..KEYS * TIMES).map(|nth| add(KEYS + 1 + nth % KEYS)).collect()).await;
    answers.iter().for_each(|answer| assert_eq!(answer.status, 200, "{}", answer.text()));
    for answers in (0..KEYS).map(|key| answers.iter().skip(key).step_by(KEYS).cloned().collect::<Vec<_>>()) {
        assert_eq!((answers.len(), replayed(&answers)), (TIMES, TIMES - 1));
    }
    assert_eq!(lines(&shop.view(&session).await), [(SKUS[0].to_owned(), 2 * KEYS as u64)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_and_decrements_at_once_all_count() {
    const BEGIN: u64 = 400;
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    // Several contributions, so that decrements are spread over more than one.
    for _ in 0..4 {
        shop.add(&session, SKUS[0], BEGIN as u32 / 4).await.expect(200);
    }
    let view = shop.view(&session).await;
    let mut expected = BEGIN;
    let mut edits = Vec::new();
    for nth in 0..AT_ONCE as u64 {
        let (more, less) = (1 + nth / 2 % 3, 1 + nth / 2 % 2);
        let mut body = if nth % 2 == 0 { json!({"increment": more}) } else { json!({"decrement": less}) };
        expected = if nth % 2 == 0 { expected + more } else { expected - less };
        // Every second one on what was shown before all of them, the others on what the replica holds.
        if nth % 4 < 2 {
            body["context"] = view["context"].clone();
        }
        edits.push(patch(&shop, &session, &view["lines"][0], body));
    }
    for answer in at_once(edits).await {
        answer.expect(200);
    }
    assert_eq!(lines(&shop.view(&session).await), [(SKUS[0].to_owned(), expected)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn first_edits_without_a_session_make_one_cart_each() {
    const SHOPPERS: usize = 64;
    let shop = Runtime::shared().await.shop();
    let first = |nth: usize| {
        let call = shop.request(Method::POST, "/v1/carts/current/lines");
        // The same key for all: keys belong to a session, and each has its own.
        let call = call.header("Idempotency-Key", "the-first");
        call.json(&json!({"sku": SKUS[0], "quantity": 1 + nth}))
    };
    let answers = at_once((0..SHOPPERS).map(first).collect()).await;
    assert_eq!(replayed(&answers), 0);
    let mut carts = BTreeSet::new();
    let mut tokens = BTreeSet::new();
    let mut views = Vec::new();
    for (nth, answer) in answers.into_iter().enumerate() {
        let (view, token) = (answer.clone().expect(200).json(), answer.header("evercart-token").to_owned());
        let expected = [(SKUS[0].to_owned(), 1 + nth as u64)];
        assert_eq!(lines(&view), expected);
        assert!(answer.header("set-cookie").contains(&token) && !token.is_empty(), "{:?}", answer.headers);
        let session = Session { session_id: String::new(), token, cart_id: text(&view["cart_id"]) };
        assert!(carts.insert(session.cart_id.clone()) && tokens.insert(session.token.clone()), "its own");
        views.push((session, view));
    }
    for (session, view) in views {
        assert_eq!(shop.view(&session).await, view, "the token opens that cart, as it was");
    }
}

/// R2 and R8: what the removal had not seen stays, whenever it arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_by_an_old_context_leaves_exactly_the_increments_it_had_not_seen() {
    const ROUNDS: u64 = 8;
    const INCREMENTS: u64 = 40;
    let shop = Runtime::shared().await.shop();
    for round in 0..ROUNDS {
        let session = shop.open().await;
        shop.add(&session, SKUS[1], 7).await.expect(200);
        shop.add(&session, SKUS[0], 2).await.expect(200);
        shop.add(&session, SKUS[0], 3).await.expect(200);
        let view = shop.view(&session).await;
        let line = view["lines"].as_array().expect("lines").iter().find(|line| line["sku"] == SKUS[0]);
        let line = line.expect("was added");
        let old = text(&view["context"]);
        // Before the removal, but not seen by it.
        let mut unseen = 0;
        for by in 1..=round {
            Answer::of(patch(&shop, &session, line, json!({"increment": by}))).await.expect(200);
            unseen += by;
        }
        let mut edits = Vec::new();
        for nth in 0..INCREMENTS {
            let by = 1 + nth % 3;
            unseen += by;
            // Every second one was made on the old view, too.
            let mut body = json!({"increment": by});
            if nth % 2 == 0 {
                body["context"] = json!(old);
            }
            edits.push(patch(&shop, &session, line, body));
        }
        // Two tabs remove it, in the midst of the increments.
        for at in [INCREMENTS / 3, INCREMENTS * 2 / 3] {
            let path = format!("/v1/carts/current/lines/{}?context={old}", text(&line["line_id"]));
            edits.insert(at as usize, shop.call(&session, Method::DELETE, &path));
        }
        for answer in at_once(edits).await {
            answer.expect(200);
        }
        let expected = sorted(vec![(SKUS[0].to_owned(), unseen), (SKUS[1].to_owned(), 7)]);
        assert_eq!(lines(&shop.view(&session).await), expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_do_not_see_each_other() {
    let shop = Runtime::shared().await.shop();
    let sessions = [shop.open().await, shop.open().await];
    // The same keys in both, with other bodies: within one session that would be refused.
    let add = |nth: usize| {
        let call = shop.call(&sessions[nth % 2], Method::POST, "/v1/carts/current/lines");
        let body = json!({"sku": SKUS[0], "quantity": 1 + nth % 2});
        call.header("Idempotency-Key", format!("key-{}", nth / 2)).json(&body)
    };
    let answers = at_once((0..AT_ONCE).map(add).collect()).await;
    assert_eq!(replayed(&answers), 0);
    for (nth, answer) in answers.into_iter().enumerate() {
        let view = answer.expect(200).json();
        assert_eq!(view["cart_id"], sessions[nth % 2].cart_id);
        assert_eq!(lines(&view)[0].1 % (1 + nth as u64 % 2), 0, "only its own: {view}");
    }
    for (session, each) in sessions.iter().zip([1, 2]) {
        let expected = [(SKUS[0].to_owned(), each * AT_ONCE as u64 / 2)];
        assert_eq!(lines(&shop.view(session).await), expected);
    }
    for (session, other) in [(&sessions[0], &sessions[1]), (&sessions[1], &sessions[0])] {
        let foreign = format!("/v1/carts/{}", other.cart_id);
        Answer::of(shop.call(session, Method::GET, &foreign)).await.refused(404, "cart_not_found");
        let call = shop.call(session, Method::POST, &format!("{foreign}/lines"));
        Answer::of(call.json(&json!({"sku": SKUS[0]}))).await.refused(404, "cart_not_found");
    }
}

/// Adds one, so many times at once, to the lines in turn.
async fn adds_at_once(shop: &Shop, session: &Session, skus: &[&str]) -> Vec<Answer> {
    let add = |nth: usize| {
        let body = json!({"sku": skus[nth % skus.len()], "quantity": 1});
        shop.call(session, Method::POST, "/v1/carts/current/lines").json(&body)
    };
    let answers = at_once((0..AT_ONCE).map(add).collect()).await;
    answers.iter().for_each(|answer| assert_eq!(answer.status, 200, "{}", answer.text()));
    answers
}

fn patch(shop: &Shop, session: &Session, line: &Value, body: Value) -> RequestBuilder {
    let path = format!("/v1/carts/current/lines/{}", text(&line["line_id"]));
    shop.call(session, Method::PATCH, &path).json(&body)
}

/// Sends all of them before the first answer is read. The answers in the order of the requests.
async fn at_once(requests: Vec<RequestBuilder>) -> Vec<Answer> {
    let sent: Vec<_> = requests.into_iter().map(|request| tokio::spawn(Answer::of(request))).collect();
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.expect("an answer"));
    }
    answers
}

fn replayed(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.header("idempotency-replayed") == "true").count()
}

/// What a view shows, by product; each is one line.
fn lines(view: &Value) -> Vec<(String, u64)> {
    let lines = view["lines"].as_array().unwrap_or_else(|| panic!("no lines in {view}"));
    let shown = lines.iter().map(|line| (text(&line["sku"]), line["quantity"].as_u64().expect("a number")));
    let shown = sorted(shown.collect());
    assert!(shown.windows(2).all(|pair| pair[0].0 != pair[1].0), "one line each: {view}");
    let total: u64 = shown.iter().map(|(_, quantity)| quantity).sum();
    assert_eq!(view["totals"]["quantity"], total, "{view}");
    shown
}

fn sorted(mut lines: Vec<(String, u64)>) -> Vec<(String, u64)> {
    lines.sort();
    lines
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
