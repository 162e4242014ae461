//! Edits over sockets. A socket of the service takes 60 messages at once and 20 a second after that, so each cart's
//! socket sends fewer than that and then makes room for the next: two at a time, which share what is in flight.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::id::{Actor, CartId, Dot};
use cart_core::line::{LineKey, Location};
use cart_core::sync::{Device, SyncRequest, SyncResponse};
use cart_core::time::{HybridTime, Millis};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};
use unsigned_varint::{decode, encode};

use crate::basket::Basket;
use crate::case::{Contender, Figure};
use crate::drive::used;
use crate::http::{Ask, Connection};
use crate::sample::{percentile, sorted};
use crate::server::Server;
use crate::visit::Visit;

/// How many messages a socket sends, within what it may send at once.
const MESSAGES: usize = 58;
/// How many messages of many edits it sends: each edit stays in the cart as what it was, up to 512 a line.
const MESSAGES_COALESCED: usize = 16;
/// How many lines a cart has at least.
const LINES_MIN: usize = 8;
/// How many sockets send at a time.
const AT_ONCE: usize = 2;
/// How many edits of a socket are in flight: 64 of all.
const IN_FLIGHT: usize = 32;

/// How edits become messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One edit a message, many on the way.
    OneAFrame,
    /// As the client ships it: one message on the way, with all edits made meanwhile.
    Coalesced,
}

impl Way {
    /// How many edits a socket makes.
    fn edits(self) -> usize {
        match self {
            Self::OneAFrame => MESSAGES,
            Self::Coalesced => MESSAGES_COALESCED * IN_FLIGHT,
        }
    }
}

/// An open socket, and who edits by it.
pub struct Open {
    socket: WebSocketStream<TcpStream>,
    device: Option<(Actor, CartId)>,
    basket: Basket,
}

/// Measures so many edits or a few more.
pub async fn figure(
    server: &Server,
    baskets: &mut impl Iterator<Item = Basket>,
    edits: usize,
    way: Way,
) -> Result<Figure, String> {
    let sockets = open_all(server, baskets, edits, way).await?;
    let done = (sockets.len() * way.edits()) as f64;
    let processes = [server.process()];
    let (before, began) = (used(&processes)?, Instant::now());
    let times = sorted(play_all(sockets, way).await?);
    Ok(Figure {
        rate: done / began.elapsed().as_secs_f64(),
        p50_ms: percentile(&times, 50.0),
        p99_ms: percentile(&times, 99.0),
        cpu_ms: (used(&processes)? - before) / done,
    })
}

/// Sockets for so many edits, each of a cart of its own.
pub async fn open_all(
    server: &Server,
    baskets: &mut impl Iterator<Item = Basket>,
    edits: usize,
    way: Way,
) -> Result<Vec<Open>, String> {
    let count = edits.div_ceil(way.edits()).max(AT_ONCE);
    let mut sockets = Vec::new();
    for visit in Visit::open_all(server, count).await? {
        let basket =
            baskets.find(|basket| basket.line_count() >= LINES_MIN).ok_or("there are no more baskets")?;
        sockets.push(open(server, &visit, basket).await?);
    }
    Ok(sockets)
}

/// Plays them, some at a time; how long each answer took, in milliseconds.
pub async fn play_all(sockets: Vec<Open>, way: Way) -> Result<Vec<f64>, String> {
    let (mut playing, mut waiting, mut times) = (JoinSet::new(), sockets.into_iter(), Vec::new());
    loop {
        while playing.len() < AT_ONCE
            && let Some(open) = waiting.next()
        {
            playing.spawn(play(open, way));
        }
        let Some(played) = playing.join_next().await else { return Ok(times) };
        times.extend(played.map_err(|error| error.to_string())??);
    }
}

async fn open(server: &Server, visit: &Visit, basket: Basket) -> Result<Open, String> {
    let mut connection = Connection::open(server.port).await?;
    let device = match visit {
        Visit::Session { cart, .. } => {
            let lease = visit.as_own(Ask::post(format!("{}/actors", visit.path()), "{}")).expecting(201);
            let actor = connection.ask(&lease).await?.text("actor")?;
            let cart = CartId::try_from(cart.clone()).map_err(|error| format!("{cart}: {error:?}"))?;
            Some((Actor::from_hex(&actor).ok_or_else(|| format!("no actor: {actor}"))?, cart))
        }
        Visit::Name(_) => None,
    };
    let url = format!("ws://127.0.0.1:{}{}/live", server.port, visit.path());
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    if let Visit::Session { token, .. } = visit {
        let bearer = format!("Bearer {token}").parse().map_err(|_| "no header".to_owned())?;
        request.headers_mut().insert("Authorization", bearer);
    }
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (socket, _) = client_async(request, stream).await.map_err(|error| format!("no socket: {error}"))?;
    debug_assert_eq!(device.is_some(), server.contender == Contender::Shop);
    Ok(Open { socket, device, basket })
}

/// Sends all messages of a socket; how long each answer took, in milliseconds.
async fn play(mut open: Open, way: Way) -> Result<Vec<f64>, String> {
    let times = match (&open.device, way) {
        (Some(device), Way::Coalesced) => {
            let (actor, cart) = device.clone();
            coalesced(&mut open, Device::new(actor, cart.scope())).await?
        }
        (Some((actor, cart)), Way::OneAFrame) => {
            let frames = syncs(*actor, cart, &open.basket);
            pipelined(&mut open, frames).await?
        }
        (None, _) => {
            let frames = (0..MESSAGES).map(|number| {
                let line = &open.basket.rows[number % open.basket.rows.len()];
                Message::text(json!({ "sku": line.sku, "quantity": 1 }).to_string())
            });
            let frames = frames.collect();
            pipelined(&mut open, frames).await?
        }
    };
    let _ = open.socket.close(None).await;
    Ok(times)
}

/// One edit a message: each says what its maker has seen, and has its own delta alone.
fn syncs(actor: Actor, cart: &CartId, basket: &Basket) -> Vec<Message> {
    let mut seen = Cart::default();
    let mut frames = Vec::new();
    for number in 1..=MESSAGES as u64 {
        let change = add(basket, number as usize);
        let time = HybridTime::at(now());
        let delta = seen.change(&change, Stamp { dot: Dot::new(actor, number), time, scope: cart.scope() });
        let context = seen.context().clone();
        seen.join(&delta);
        let request = SyncRequest { actor, sent: number - 1, context, delta };
        frames.push(message(number, &request.to_bytes()));
    }
    frames
}

/// Keeps so many messages on the way.
async fn pipelined(open: &mut Open, frames: Vec<Message>) -> Result<Vec<f64>, String> {
    let (mut sent, mut times) = (Vec::new(), Vec::new());
    let mut frames = frames.into_iter();
    loop {
        while sent.len() - times.len() < IN_FLIGHT
            && let Some(frame) = frames.next()
        {
            sent.push(Instant::now());
            open.socket.send(frame).await.map_err(|error| error.to_string())?;
        }
        let Some(began) = sent.get(times.len()) else { return Ok(times) };
        answer(open).await?;
        // Answers come in the order of the messages.
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
}

/// One message on the way, with all that was edited meanwhile.
async fn coalesced(open: &mut Open, mut device: Device) -> Result<Vec<f64>, String> {
    let mut times = Vec::new();
    for number in 0..MESSAGES_COALESCED {
        for edit in 0..IN_FLIGHT {
            device.edit(add(&open.basket, number * IN_FLIGHT + edit), now());
        }
        let began = Instant::now();
        let before = device.sent();
        let request = device.request().to_bytes();
        open.socket.send(message(number as u64 + 1, &request)).await.map_err(|error| error.to_string())?;
        let response = answer(open).await?;
        let response = SyncResponse::from_bytes(&response).map_err(|error| format!("{error:?}"))?;
        device.receive(&response, before);
        if device.pending() > 0 {
            return Err("edits were not acknowledged".to_owned());
        }
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times)
}

/// The next answer; what it says, without its number. News is of no concern here.
async fn answer(open: &mut Open) -> Result<Vec<u8>, String> {
    loop {
        let message = open.socket.next().await.ok_or("the socket has ended")?;
        match message.map_err(|error| error.to_string())? {
            Message::Text(text) => return Ok(text.as_bytes().to_vec()),
            Message::Binary(bytes) if bytes.first() == Some(&1) => {
                let (_, rest) = decode::u64(&bytes[1..]).map_err(|error| error.to_string())?;
                return Ok(rest.to_vec());
            }
            Message::Binary(bytes) if bytes.first() == Some(&3) => {}
            other => return Err(format!("refused: {:.500}", other.to_string())),
        }
    }
}

fn message(number: u64, request: &[u8]) -> Message {
    let mut message = vec![1];
    message.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
    message.extend_from_slice(request);
    Message::binary(message)
}

fn add(basket: &Basket, number: usize) -> Change {
    let sku = &basket.rows[number % basket.rows.len()].sku;
    let key = LineKey::new(sku, None, None).expect("a product of the catalog");
    Change::Add { key, details: None, quantity: 1, at: Location::Cart }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Millis(since.as_millis() as u64)
}

/// Bytes of a cart as a device that has nothing gets it.
pub async fn state_bytes(connection: &mut Connection, visit: &Visit) -> Result<usize, String> {
    let lease = visit.as_own(Ask::post(format!("{}/actors", visit.path()), "{}")).expecting(201);
    let actor = connection.ask(&lease).await?.text("actor")?;
    let actor = Actor::from_hex(&actor).ok_or_else(|| format!("no actor: {actor}"))?;
    let request =
        SyncRequest { actor, sent: 0, context: Cart::default().context().clone(), delta: Cart::default() };
    let mut sync = Ask::post(format!("{}/sync", visit.path()), request.to_bytes());
    sync.headers = vec![("Content-Type", "application/vnd.evercart.delta".to_owned())];
    let answer = connection.ask(&visit.as_own(sync)).await?;
    let response = SyncResponse::from_bytes(&answer.body).map_err(|error| format!("{error:?}"))?;
    Ok(response.lacking.to_bytes().len())
}

#[cfg(test)]
mod tests {
    use cart_core::id::Region;

    use super::*;
    use crate::basket::Line;

    #[test]
    fn frames_of_one_edit_each_join_to_all_of_them() {
        let line = |sku: &str| Line { sku: sku.to_owned(), quantity: 1 };
        let basket = Basket { rows: vec![line("10"), line("11"), line("12")] };
        let cart = CartId::mint(Region::Weur, [7; 15]);
        let actor = Actor::mint(now().day(), 5);
        let mut joined = Cart::default();
        for (at, frame) in syncs(actor, &cart, &basket).into_iter().enumerate() {
            let bytes = frame.into_data();
            let (number, rest) = decode::u64(&bytes[1..]).expect("a number");
            assert_eq!((bytes[0], number), (1, at as u64 + 1));
            let request = SyncRequest::from_bytes(rest).expect("a request");
            assert_eq!(request.sent, at as u64);
            assert_eq!(request.context.highest(actor), at as u64, "all before it was seen");
            joined.join(&request.delta);
        }
        let shown: u64 = joined.lines().map(|(_, line)| line.shown(Location::Cart)).sum();
        assert_eq!(shown, MESSAGES as u64);
    }
}
