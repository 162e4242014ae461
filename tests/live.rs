//! Carts as they change, on the real runtime: sockets of devices and events of pages. What is told joins to
//! the state, byte for byte; what is not acknowledged is sent again after a kill; who misbehaves is cut off,
//! and the others go on; and none of it costs a row.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cart_core::cart::Cart;
use cart_core::change::Change;
use cart_core::id::{CartId, Dot, Region};
use cart_core::line::{LineKey, Location};
use cart_core::session::IDLE_MS;
use cart_core::sync::{Device, Learned, SyncRequest, SyncResponse};
use cart_core::time::Millis;
use futures_util::{SinkExt as _, StreamExt as _};
use harness::{
    Answer, Options, Regions, RegionsOptions, Runtime, Session, Shop, now, quantity, without_stores,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use unsigned_varint::{decode, encode};

/// Products that have a price.
const SKUS: [&str; 2] = ["1095275", "1082185"];
/// How long a test waits for a message.
const MESSAGE_MAX: Duration = harness::EVENTUALLY;
/// An object that nobody calls sleeps sooner.
const SLEEP: Duration = Duration::from_secs(13);
/// Messages that a socket may send at once, and after how many milliseconds a further one.
const BURST_MAX: u128 = 60;
const MESSAGE_MS: u128 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_over_http_reaches_two_sockets_and_joins_to_the_same_state() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let (mut one, mut two) = (Live::of(&shop, &session).await, Live::of(&shop, &session).await);
    one.sync().await.expect("is taken in");
    two.sync().await.expect("is taken in");
    let before = one.device.sequence();
    let edited = shop.add(&session, SKUS[0], 2).await.expect(200);
    for live in [&mut one, &mut two] {
        let (base, sequence) = live.news().await;
        assert!(base >= before, "news of what was there");
        assert_eq!(sequence, edited.sequence());
        assert_eq!(live.version(), edited.json()["version"]);
    }
    // And an edit of one device, acknowledged by its number, reaches the other.
    one.edit(SKUS[1]);
    one.sync().await.expect("is taken in");
    assert_eq!(one.device.pending(), 0, "acknowledged");
    two.news().await;
    let view = shop.view(&session).await;
    assert_eq!((one.version(), two.version()), (version_in(&view), version_in(&view)));
    // It is not told to who made it: what comes next is the answer to the next message.
    one.sync().await.expect("is taken in");
    one.socket.send(Message::text("ping")).await.expect("is sent");
    assert_eq!(one.next().await, Ok(Message::text("pong")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnect_after_a_kill_resumes_without_gaps() {
    let mut runtime = Runtime::start(Options::default()).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    let mut live = Live::of(&shop, &session).await;
    live.edit(SKUS[0]);
    live.sync().await.expect("is taken in");
    runtime.kill();
    assert!(live.next().await.is_err(), "the connection is lost");
    live.edit(SKUS[1]);
    live.edit(SKUS[1]);
    runtime.restart().await;
    shop.add(&session, SKUS[0], 5).await.expect(200);
    live.reconnect(&shop, &session).await;
    live.sync().await.expect("one round trip");
    assert_eq!(live.device.pending(), 0);
    let view = shop.view(&session).await;
    assert_eq!(view["totals"]["quantity"], 8);
    assert_eq!(live.version(), version_in(&view));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_of_another_region_shows_up() {
    let regions = Regions::start(&["enam", "weur"], RegionsOptions::default()).await;
    let (here, there) = (regions.shop("weur"), regions.shop("enam"));
    let session = here.open().await;
    here.add(&session, SKUS[0], 1).await.expect(200);
    let mut live = Live::of(&here, &session).await;
    live.sync().await.expect("is taken in");
    let mut events = Events::of(&here, &session, None).await;
    assert_eq!(quantity(&events.next().await.1), 1);
    let edited = there.add(&session.moved_to("enam"), SKUS[1], 3).await.expect(200);
    while live.device.cart().lines().count() < 2 {
        live.news().await;
    }
    assert_eq!(quantity(&edited.json()), 4);
    while quantity(&events.next().await.1) < 4 {}
    // A socket goes where the edits go: to the region of the token, though another process is asked.
    let mut far = Live::of(&there, &session).await;
    far.sync().await.expect("is taken in");
    here.add(&session, SKUS[0], 1).await.expect(200);
    far.news().await;
    assert_eq!(far.version(), version_in(&here.view(&session).await));
}

/// A lease of which a replica has not heard is not refused while those who know it cannot be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_beside_a_cut_waits_for_what_the_other_region_has_shown() {
    let regions = Regions::start(&["enam", "weur"], RegionsOptions::default()).await;
    let (here, there) = (regions.shop("weur"), regions.shop("enam"));
    let session = here.open().await;
    here.add(&session, SKUS[0], 1).await.expect(200);
    let away = session.moved_to("enam");
    there.add(&away, SKUS[1], 1).await.expect(200);
    regions.partition(&["weur"], &["enam"]);
    let device = there.device(&away, &session.cart_id).await;
    let back = session.saying(|token| token.also.push(Region::Enam));
    let socket = connect(&here, &session.cart_id, &offer(&back), None).await.expect("a socket");
    let mut live = Live { socket, device, seq: 0 };
    live.edit(SKUS[0]);
    assert_eq!(live.sync().await.expect_err("is refused"), "region_unreachable");
    regions.heal();
    let began = Instant::now();
    while live.sync().await.is_err() {
        assert!(began.elapsed() < MESSAGE_MAX, "it is refused for ever");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(live.device.pending(), 0);
    assert_eq!(quantity(&here.view(&session).await), 3);
}

/// Nobody hears on by pings alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_told_nothing_after_its_token_has_ended() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let old = session.saying(|token| token.issued = Millis(token.issued.0 - IDLE_MS + 3_000));
    let mut live = Live::of(&shop, &old).await;
    live.sync().await.expect("is taken in");
    while now() <= old.said().expires() {
        live.socket.send(Message::text("ping")).await.expect("is sent");
        assert_eq!(live.next().await, Ok(Message::text("pong")));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    shop.add(&session, SKUS[1], 1).await.expect(200);
    assert!(matches!(live.next().await, Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 4001));
    assert_eq!(live.device.cart().lines().count(), 1, "told nothing more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_said_and_the_socket_goes_on() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let mut live = Live::of(&shop, &session).await;
    live.sync().await.expect("is taken in");
    let mut forged = Device::new(live.device.actor(), scope(&session));
    forged.edit(add(SKUS[0]), now());
    let mut request = forged.request();
    // A dot far beyond what is known.
    let far = Cart::default().change(
        &add(SKUS[0]),
        cart_core::change::Stamp {
            dot: Dot::new(live.device.actor(), 1_000_000),
            time: Default::default(),
            scope: scope(&session),
        },
    );
    request.delta = far;
    assert_eq!(live.ask(request.to_bytes()).await.expect_err("is refused"), "counter_window");
    assert_eq!(live.ask(b"no request".to_vec()).await.expect_err("is refused"), "malformed_delta");
    assert_eq!(live.ask(vec![0; 200_000]).await.expect_err("is refused"), "body_too_large");
    live.edit(SKUS[0]);
    live.sync().await.expect("the socket goes on");
    assert_eq!(live.version(), version_in(&shop.view(&session).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_read_or_is_noisy_is_cut_off_alone() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let mut neighbour = Live::of(&shop, &session).await;
    neighbour.sync().await.expect("is taken in");
    for message in [
        Message::text("hello"),
        Message::binary(Vec::new()),
        Message::binary(vec![1]),
        Message::binary(vec![1, 0x80]),
        Message::binary(vec![9, 1, 1]),
    ] {
        let mut live = Live::of(&shop, &session).await;
        live.socket.send(message.clone()).await.expect("is sent");
        assert_eq!(live.closed().await, 4009, "{message:?}");
    }
    let noisy = async {
        let mut noisy = Live::of(&shop, &session).await;
        let began = Instant::now();
        noisy.flood().await;
        let (code, answers) = noisy.closed_after().await;
        (code, answers, began.elapsed().as_millis())
    };
    let go_on = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let began = Instant::now();
            neighbour.edit(SKUS[0]);
            neighbour.sync().await.expect("the neighbour goes on");
            slowest = slowest.max(began.elapsed());
        }
        slowest.as_millis()
    };
    let ((code, answers, took), slowest) = tokio::join!(noisy, go_on);
    assert_eq!(code, 4029);
    assert!(answers <= BURST_MAX + took / MESSAGE_MS, "{answers} messages were taken in within {took} ms");
    println!(
        "a noisy client is cut off after {answers} messages and {took} ms; its neighbour waited {slowest} ms at most"
    );
    assert_eq!(quantity(&shop.view(&session).await), 10);
}

/// The object is gone under them, pings are answered in its sleep, and it knows its sockets when it wakes.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_sleeps_under_its_sockets() {
    let vars = vec![without_stores()];
    let runtime = Runtime::start(Options { vars, ..Options::default() }).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let mut live = Live::of(&shop, &session).await;
    live.sync().await.expect("is taken in");
    let mut events = Events::of(&shop, &session, None).await;
    assert_eq!(quantity(&events.next().await.1), 1);
    let began = Instant::now();
    while began.elapsed() < SLEEP {
        live.socket.send(Message::text("ping")).await.expect("is sent");
        assert_eq!(live.next().await, Ok(Message::text("pong")));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let woken = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200);
    assert_eq!(woken.rows_since_wake(), (1, 0), "it has slept: this call has woken it and read its one row");
    live.edit(SKUS[1]);
    live.sync().await.expect("it knows the socket");
    assert_eq!(quantity(&events.next().await.1), 2);
    let edited = shop.add(&session, SKUS[0], 1).await.expect(200);
    assert_eq!(live.news().await.1, edited.sequence());
    assert_eq!(quantity(&events.next().await.1), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_refused_before_the_upgrade() {
    let shop = Runtime::shared().await.shop();
    let (session, other) = (shop.open().await, shop.open().await);
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let refused = async |cart: &str, protocols: &str| refusal(&shop, cart, protocols, None).await;
    assert_eq!(refused(&session.cart_id, &offer(&other)).await, (404, "cart_not_found".to_owned()));
    assert_eq!(refused("current", "evercart.v1").await, (401, "session_required".to_owned()));
    assert_eq!(refused("current", "evercart.v1, token.forged").await, (401, "token_invalid".to_owned()));
    let plain = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current/live")).await;
    plain.refused(426, "upgrade_required");
    let events = Answer::of(shop.call(&other, Method::GET, &format!("/v1/carts/{}/events", session.cart_id)));
    events.await.refused(404, "cart_not_found");
}

/// Where logs keep what a socket was opened with, they have nothing that is worth a token.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_sockets_of_one_cart_and_nothing_else() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let ask = async |cart: &str| {
        let path = format!("/v1/carts/{cart}/live");
        Answer::of(shop.call(&session, Method::POST, &path).json(&json!({}))).await
    };
    let given = ask(&session.cart_id).await.expect(201);
    let ticket = given.json()["ticket"].as_str().expect("a ticket").to_owned();
    assert!(!ticket.contains(&session.token), "a ticket has no token in it");
    let offer = format!("evercart.v1, ticket.{ticket}");
    connect(&shop, &session.cart_id, &offer, None).await.expect("it opens a socket");
    let refused = async |cart: &str, protocols: &str| refusal(&shop, cart, protocols, None).await;
    let invalid = (401, "token_invalid".to_owned());
    assert_eq!(refused("current", &offer).await, invalid, "it is for the cart that was named");
    assert_eq!(refused(&session.cart_id, &format!("{offer}x")).await, invalid);
    let later = Some([("evercart-clock-skew-ms", "61000".to_owned()), ("x-unused", String::new())]);
    assert_eq!(refusal(&shop, &session.cart_id, &offer, later).await, invalid, "a minute later");
    for (method, path) in [
        (Method::GET, "/v1/carts/current".to_owned()),
        (Method::GET, format!("/v1/carts/{}/export", session.cart_id)),
        (Method::POST, "/v1/sessions/renew".to_owned()),
        (Method::DELETE, "/v1/sessions/current".to_owned()),
    ] {
        let call = shop.request(method.clone(), &path).header("Sec-WebSocket-Protocol", &offer);
        let with_it = Answer::of(call).await;
        assert!([401, 404].contains(&with_it.status.as_u16()), "{path}: {}", with_it.text());
        let as_token = Answer::of(shop.request(method, &path).bearer_auth(&ticket)).await;
        as_token.refused(401, "token_invalid");
    }
    ask("current").await.expect(201);
    let foreign = shop.open().await;
    ask(&foreign.cart_id).await.refused(404, "cart_not_found");
}

/// A page of another site has the browser's cookie, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_another_origin_is_refused() {
    let vars = vec![("ENVIRONMENT".to_owned(), "production".to_owned())];
    let runtime = Runtime::start(Options { vars, ..Options::default() }).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    let by_cookie = |origin: String| {
        let cookie = format!("__Host-evercart={}", session.token);
        [("origin", origin), ("cookie", cookie)]
    };
    let evil = by_cookie("https://evil.example".to_owned());
    let refused = refusal(&shop, "current", "evercart.v1", Some(evil)).await;
    assert_eq!(refused, (403, "origin_refused".to_owned()));
    let own = by_cookie(shop.url.clone());
    connect(&shop, "current", "evercart.v1", Some(own)).await.expect("its own pages may");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_closed_when_the_session_ends_and_when_the_cart_goes() {
    let shop = Runtime::shared().await.shop();
    let (leaver, eraser, guest) = (shop.open().await, shop.open().await, shop.open().await);
    let mut lives = Vec::new();
    for session in [&leaver, &eraser, &guest] {
        shop.add(session, SKUS[0], 1).await.expect(200);
        lives.push(Live::of(&shop, session).await);
    }
    Answer::of(shop.call(&leaver, Method::DELETE, "/v1/sessions/current")).await.expect(204);
    assert_eq!(lives[0].closed().await, 4001);
    let path = format!("/v1/carts/{}", eraser.cart_id);
    Answer::of(shop.call(&eraser, Method::DELETE, &path)).await.expect(204);
    assert_eq!(lives[1].closed().await, 4004);
    let user = shop.open().await;
    let body = json!({"cart_id": guest.cart_id, "token": guest.token});
    Answer::of(shop.call(&user, Method::POST, "/v1/carts/current/merge").json(&body)).await.expect(200);
    assert_eq!(lives[2].closed().await, 4004);
    let again = refusal(&shop, &guest.cart_id, &offer(&guest), None).await;
    assert_eq!(again, (409, "already_merged".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_show_the_view_now_and_after_each_change() {
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    let first = shop.add(&session, SKUS[0], 1).await.expect(200).json();
    let mut events = Events::of(&shop, &session, None).await;
    let (id, view) = events.next().await;
    assert_eq!((Value::from(id.clone()), &view), (first["version"].clone(), &shop.view(&session).await));
    let second = shop.add(&session, SKUS[1], 1).await.expect(200).json();
    let (id, view) = events.next().await;
    assert_eq!((Value::from(id.clone()), view), (second["version"].clone(), shop.view(&session).await));
    // Who has seen that gets the next one first; who has seen less, that.
    let mut again = Events::of(&shop, &session, Some(&id)).await;
    let old = first["version"].as_str().expect("a version");
    assert_eq!(Events::of(&shop, &session, Some(old)).await.next().await.0, id);
    let third = shop.add(&session, SKUS[1], 1).await.expect(200).json();
    for events in [&mut events, &mut again] {
        assert_eq!(Value::from(events.next().await.0), third["version"]);
    }
    Answer::of(shop.call(&session, Method::DELETE, "/v1/sessions/current")).await.expect(204);
    assert!(events.ended().await && again.ended().await);
}

/// A further device is refused, since it can sync over HTTP, and a further stream while all are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_cart_has_so_many_sockets_and_no_more() {
    const SOCKETS_MAX: usize = 64;
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let mut streams = Vec::new();
    for _ in 0..SOCKETS_MAX {
        streams.push(Events::of(&shop, &session, None).await);
    }
    let further = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current/events")).await;
    assert_eq!(further.refused(429, "too_many_streams").header("retry-after"), "1");
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS_MAX {
        sockets.push(connect(&shop, "current", &offer(&session), None).await.expect("a socket"));
    }
    let refused = refusal(&shop, "current", &offer(&session), None).await;
    assert_eq!(refused, (429, "too_many_sockets".to_owned()));
    sockets.pop().expect("a socket").close(None).await.expect("is closed");
    let began = Instant::now();
    while connect(&shop, "current", &offer(&session), None).await.is_err() {
        assert!(began.elapsed() < MESSAGE_MAX, "one that was closed still counts");
    }
    let edited = shop.add(&session, SKUS[0], 1).await.expect(200).json();
    let mut last = streams.pop().expect("a stream");
    while edited["version"] != last.next().await.0 {}
}

/// Readers that close the connection without a word, and such as keep it and read nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_have_vanished_end_no_honest_stream() {
    const VANISHED: usize = 500;
    let shop = Runtime::shared().await.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let mut honest = Events::of(&shop, &session, None).await;
    assert_eq!(quantity(&honest.next().await.1), 1);
    for _ in 0..VANISHED {
        drop(Events::of(&shop, &session, None).await);
    }
    let edited = shop.add(&session, SKUS[0], 1).await.expect(200).json();
    assert_eq!(edited["version"], honest.next().await.0, "it goes on");
    // Who has closed counts no more, so that all of these are let in but the last.
    let mut silent = Vec::new();
    let began = Instant::now();
    loop {
        let call = shop.call(&session, Method::GET, "/v1/carts/current/events");
        let response = call.send().await.expect("an answer");
        match response.status().as_u16() {
            200 => silent.push(response),
            429 => break,
            status => panic!("{status}"),
        }
        assert!(silent.len() < 64, "there is no bound");
    }
    assert!(silent.len() > 32, "those that have closed count still after {:?}", began.elapsed());
    let edited = shop.add(&session, SKUS[0], 1).await.expect(200).json();
    assert_eq!(edited["version"], honest.next().await.0, "it goes on");
    drop(silent);
    let began = Instant::now();
    loop {
        let further = shop.call(&session, Method::GET, "/v1/carts/current/events").send().await;
        if further.expect("an answer").status() == 200 {
            break;
        }
        assert!(began.elapsed() < MESSAGE_MAX, "those that have closed count for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What Wasm is handed it copies, and its memory never shrinks: a message that is too long is not handed to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_long_is_closed_before_it_is_copied() {
    const LONG: usize = 30 * 1_024 * 1_024;
    let runtime = Runtime::start(Options { vars: vec![without_stores()], ..Options::default() }).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let memory = async || -> u64 {
        let read = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200);
        read.header("evercart-memory").parse().expect("bytes")
    };
    let mut lives = Vec::new();
    for _ in 0..3 {
        lives.push(Live::of(&shop, &session).await);
    }
    // What the longest message takes that may be there is taken before.
    assert_eq!(lives[0].ask(vec![0; 200_000]).await.expect_err("is refused"), "body_too_large");
    let before = memory().await;
    for (live, message) in lives.iter_mut().zip([
        Message::binary(vec![1; LONG]),
        Message::text("x".repeat(LONG)),
        Message::binary(vec![1; 300_000]),
    ]) {
        live.socket.send(message).await.expect("is sent");
        assert_eq!(live.closed().await, 1009);
    }
    let after = memory().await;
    assert!(after < before + 4 * 1_024 * 1_024, "Wasm has grown from {before} to {after} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_cost_no_row() {
    const SOCKETS: usize = 10;
    let vars = vec![without_stores()];
    let runtime = Runtime::start(Options { vars, ..Options::default() }).await;
    let shop = runtime.shop();
    let session = shop.open().await;
    shop.add(&session, SKUS[0], 1).await.expect(200);
    let alone = shop.add(&session, SKUS[0], 1).await.expect(200);
    let mut lives = Vec::new();
    for _ in 0..SOCKETS {
        lives.push(Live::of(&shop, &session).await);
    }
    let before = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200);
    assert_eq!(after.rows_since_wake(), before.rows_since_wake(), "no row and no alarm");
    let edited = shop.add(&session, SKUS[0], 1).await.expect(200);
    assert_eq!(edited.rows(), alone.rows(), "with {SOCKETS} sockets as with none");
    for live in &mut lives {
        // Leases of the later ones are news to the earlier ones.
        while live.news().await.1 < edited.sequence() {}
        assert_eq!(live.version(), edited.json()["version"]);
    }
}

/// Many sockets on some carts, all of which converge, while one is noisy.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sockets_converges() {
    const CARTS: usize = 50;
    const SOCKETS: usize = 20;
    let vars = vec![without_stores()];
    let runtime = Runtime::start(Options { vars, ..Options::default() }).await;
    let shop = runtime.shop();
    let before = memory(&runtime);
    let began = Instant::now();
    let cart = async |nth: usize| {
        let session = shop.open().await;
        let mut lives = Vec::new();
        for _ in 0..SOCKETS {
            lives.push(Live::of(&shop, &session).await);
        }
        if nth == 0 {
            lives[0].flood().await;
            assert_eq!(lives.remove(0).closed().await, 4029, "the noisy one is cut off");
        }
        for live in &mut lives {
            live.edit(SKUS[0]);
            live.sync().await.expect("is taken in");
        }
        let answer = Answer::of(shop.call(&session, Method::GET, "/v1/carts/current")).await.expect(200);
        let view = answer.json();
        assert_eq!(view["totals"]["quantity"], lives.len());
        for live in &mut lives {
            while live.version() != version_in(&view) {
                live.news().await;
            }
        }
        let idle: u64 = lives.len() as u64;
        (lives, idle, answer.rows_since_wake().1)
    };
    let done = futures_util::future::join_all((0..CARTS).map(cart)).await;
    let sockets: u64 = done.iter().map(|(_, sockets, _)| sockets).sum();
    let rows: u64 = done.iter().map(|(_, _, rows)| rows).sum();
    let more: Vec<String> = memory(&runtime)
        .into_iter()
        .map(|(name, kb)| {
            format!("{name} {} MB", kb.saturating_sub(before.get(&name).copied().unwrap_or(0)) / 1_024)
        })
        .collect();
    println!(
        "{sockets} sockets on {CARTS} carts have converged after {:.1} s; {rows} rows written, more memory: {}",
        began.elapsed().as_secs_f64(),
        more.join(", ")
    );
    // A lease and an edit of each, and the two rows of the schema of each cart.
    assert!(rows <= 2 * (sockets + 1) + 3 * CARTS as u64, "{rows} rows");
}

/// A socket with its device.
struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    device: Device,
    seq: u64,
}

impl Live {
    async fn of(shop: &Shop, session: &Session) -> Self {
        let device = shop.device(session, &session.cart_id).await;
        let socket = connect(shop, &session.cart_id, &offer(session), None).await.expect("a socket");
        Self { socket, device, seq: 0 }
    }

    async fn reconnect(&mut self, shop: &Shop, session: &Session) {
        self.socket = connect(shop, &session.cart_id, &offer(session), None).await.expect("a socket");
        self.seq = 0;
    }

    fn edit(&mut self, sku: &str) {
        self.device.edit(add(sku), now());
    }

    /// Sends what is not acknowledged, and takes in the answer; the code of a refusal.
    async fn sync(&mut self) -> Result<(), String> {
        let sent_before = self.device.sent();
        let request = self.device.request();
        assert!(SyncRequest::from_bytes(&request.to_bytes()).is_ok());
        let response = self.ask(request.to_bytes()).await?;
        assert_eq!(self.device.receive(&response, sent_before), Learned::Acknowledged);
        Ok(())
    }

    /// Sends a request: the answer to it, or the code of its refusal.
    async fn ask(&mut self, request: Vec<u8>) -> Result<SyncResponse, String> {
        self.send(request).await.expect("is sent");
        loop {
            let message = self.next().await.expect("a message").into_data();
            let (seq, rest) = decode::u64(&message[1..]).expect("a number");
            match message[0] {
                1 if seq == self.seq => return Ok(SyncResponse::from_bytes(rest).expect("a response")),
                2 if seq == self.seq => {
                    let problem: Value = serde_json::from_slice(rest).expect("JSON");
                    return Err(problem["code"].as_str().expect("a code").to_owned());
                }
                3 => drop(self.learn(&message)),
                kind => panic!("a message of kind {kind} for {seq}, not {}", self.seq),
            }
        }
    }

    async fn send(&mut self, request: Vec<u8>) -> Result<(), Error> {
        self.seq += 1;
        let mut message = vec![1];
        message.extend_from_slice(encode::u64(self.seq, &mut encode::u64_buffer()));
        message.extend(request);
        self.socket.send(Message::binary(message)).await
    }

    /// Sends far more at once than anyone may.
    async fn flood(&mut self) {
        for _ in 0..400 {
            let request = self.device.request().to_bytes();
            if self.send(request).await.is_err() {
                break;
            }
        }
    }

    /// Waits for news and joins it: between which sequence numbers it is.
    async fn news(&mut self) -> (u64, u64) {
        let message = self.next().await.expect("a message").into_data();
        assert_eq!(message[0], 3, "news");
        self.learn(&message)
    }

    fn learn(&mut self, message: &[u8]) -> (u64, u64) {
        let (base, rest) = decode::u64(&message[1..]).expect("a number");
        let (sequence, delta) = decode::u64(rest).expect("a number");
        let lacking = Cart::from_bytes(delta).expect("a delta");
        let sent = self.device.sent();
        self.device.receive(&SyncResponse { prior: 0, sequence, lacking }, sent);
        (base, sequence)
    }

    async fn next(&mut self) -> Result<Message, String> {
        let message = tokio::time::timeout(MESSAGE_MAX, self.socket.next()).await.expect("in time");
        message.ok_or("ended")?.map_err(|error| error.to_string())
    }

    /// The code with which the server closes, after whatever else it says.
    async fn closed(&mut self) -> u16 {
        self.closed_after().await.0
    }

    /// The code with which the server closes, and how many syncs it answers before.
    async fn closed_after(&mut self) -> (u16, u128) {
        let mut answers = 0;
        loop {
            match self.next().await {
                Ok(Message::Close(frame)) => {
                    return (frame.map_or(CloseCode::Status, |frame| frame.code).into(), answers);
                }
                Ok(message) => answers += u128::from(message.into_data().first() == Some(&1)),
                Err(error) => panic!("no code: {error}"),
            }
        }
    }

    fn version(&self) -> String {
        self.device.cart().version().to_hex()
    }
}

/// A stream of events.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn of(shop: &Shop, session: &Session, last: Option<&str>) -> Self {
        let mut call = shop.call(session, Method::GET, "/v1/carts/current/events");
        if let Some(last) = last {
            call = call.header("Last-Event-ID", last);
        }
        let response = call.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event: its id and its data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                if let (Some(id), Some("cart"), Some(data)) = (field("id"), field("event"), field("data")) {
                    return (id.to_owned(), serde_json::from_str(data).expect("JSON"));
                }
            }
            let chunk = tokio::time::timeout(MESSAGE_MAX, self.response.chunk()).await.expect("in time");
            self.text += std::str::from_utf8(&chunk.expect("no error").expect("more")).expect("UTF-8");
        }
    }

    async fn ended(&mut self) -> bool {
        loop {
            let chunk = tokio::time::timeout(MESSAGE_MAX, self.response.chunk()).await.expect("in time");
            match chunk {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

type Headers = [(&'static str, String); 2];

async fn connect(
    shop: &Shop,
    cart: &str,
    protocols: &str,
    headers: Option<Headers>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let url = format!("{}/v1/carts/{cart}/live", shop.url.replace("http://", "ws://"));
    let mut request = url.into_client_request().expect("an address");
    let mut put = |name: &'static str, value: &str| {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    };
    put("sec-websocket-protocol", protocols);
    for (name, value) in headers.into_iter().flatten() {
        put(name, &value);
    }
    let (socket, answer) = connect_async(request).await?;
    assert_eq!(answer.headers()["sec-websocket-protocol"], "evercart.v1");
    Ok(socket)
}

/// Status and code with which a socket is refused.
async fn refusal(shop: &Shop, cart: &str, protocols: &str, headers: Option<Headers>) -> (u16, String) {
    let mut call = shop.request(Method::GET, &format!("/v1/carts/{cart}/live"));
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", protocols),
    ] {
        call = call.header(name, value);
    }
    for (name, value) in headers.into_iter().flatten() {
        call = call.header(name, value);
    }
    Answer::of(call).await.problem()
}

fn offer(session: &Session) -> String {
    format!("evercart.v1, token.{}", session.token)
}

fn scope(session: &Session) -> cart_core::id::Scope {
    CartId::try_from(session.cart_id.clone()).expect("a cart's id").scope()
}

fn add(sku: &str) -> Change {
    let key = LineKey::new(sku, None, None).expect("a key");
    Change::Add { key, details: None, at: Location::Cart, quantity: 1 }
}

fn version_in(view: &Value) -> String {
    view["version"].as_str().expect("a version").to_owned()
}

/// What the processes of a runtime have in memory, in KiB, by their names: `workerd` runs the Worker, the others are
/// wrangler's.
fn memory(runtime: &Runtime) -> BTreeMap<String, u64> {
    let group = runtime.group().expect("a process").to_string();
    let listed = std::process::Command::new("ps").args(["-eo", "pgid=,rss=,comm="]).output().expect("ps");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut memory = BTreeMap::new();
    for line in listed.lines() {
        let mut words = line.split_whitespace();
        if let (Some(there), Some(rss), Some(name)) = (words.next(), words.next(), words.next())
            && there == group
        {
            *memory.entry(name.to_owned()).or_default() += rss.parse::<u64>().expect("a size");
        }
    }
    memory
}
