//! The sockets of a cart: who has one, what is told over it when a turn has changed something, who makes room and who is
//! closed. They hibernate with the object, and cost no row and no alarm.

use std::cell::RefCell;

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::packed::{Format, pack_as};
use cart_core::replica::Replica;
use cart_core::time::Millis;
use unsigned_varint::{decode, encode};
use wasm_bindgen::prelude::*;
use worker::worker_sys::WebSocketRequestResponsePair;
use worker::{Response, Result, State, WebSocket, WebSocketPair, web_sys};

use crate::cart::call::{Opening, opening_of};
use crate::cart::events::ASKED;
use crate::platform::clock;
use crate::platform::problem::Problem;

/// The most sockets of devices that a cart has in a region; of the edge it has as many again.
pub const SOCKETS_MAX: usize = 64;
/// How many messages a socket may send at once.
pub const BURST_MAX: u64 = 60;
/// After what time it may send a further one, in milliseconds.
pub const MESSAGE_MS: u64 = 50;

/// After what time without a proof that its events are read a socket of the edge makes room, in milliseconds: the
/// edge gives one every fifteen seconds.
const UNREAD_MS: u64 = 45_000;

#[wasm_bindgen]
extern "C" {
    type RawState;
    /// When the runtime has answered a socket by itself last.
    #[wasm_bindgen(method, catch, js_name = getWebSocketAutoResponseTimestamp)]
    fn answered_at(this: &RawState, socket: &web_sys::WebSocket) -> Result<Option<js_sys::Date>, JsValue>;
}

/// Of devices, which are told what is new.
pub(super) const DEVICES: &str = "live";
/// Of the edge, which is told that something is.
const NUDGED: &str = "events";

/// The kinds of messages.
pub const SYNC: u8 = 1;
pub const REFUSED: u8 = 2;
const NEWS: u8 = 3;

/// Why a socket is closed.
#[derive(Clone, Copy)]
pub enum Closing {
    /// The object goes: connect again.
    Restart = 1012,
    /// The token has ended.
    SignIn = 4001,
    /// The cart is gone or has moved into another: ask by HTTP.
    Gone = 4004,
    /// What came is no message.
    Unreadable = 4009,
    /// Too many messages.
    TooMany = 4029,
}

/// What of a replica concerns its sockets.
#[derive(PartialEq, Eq)]
pub struct Standing {
    sequence: u64,
    signed_out: bool,
    merged: bool,
    erased: bool,
}

impl Standing {
    pub fn of(replica: &Replica) -> Self {
        let book = replica.book();
        Self {
            sequence: book.sequence,
            signed_out: book.ties.signed_out.is_some(),
            merged: book.ties.seal.is_some(),
            erased: replica.cart().is_erased(),
        }
    }
}

/// The sockets that have sent something since the object woke: a bucket of messages each, and which of them
/// the present turn is for.
#[derive(Default)]
pub struct Speakers {
    /// When each may send a further message, were all sent at their pace.
    paced: RefCell<Vec<(WebSocket, Millis)>>,
    pub speaking: RefCell<Option<WebSocket>>,
}

impl Speakers {
    /// Whether a socket may send one more message.
    pub fn admit(&self, socket: &WebSocket, now: Millis) -> bool {
        let mut paced = self.paced.borrow_mut();
        let at = match paced.iter().position(|(there, _)| there == socket) {
            Some(at) => at,
            None => {
                paced.push((socket.clone(), now));
                paced.len() - 1
            }
        };
        let Some((_, next)) = paced.get_mut(at) else { return false };
        let after = next.0.max(now.0) + MESSAGE_MS;
        let admitted = after <= now.0 + BURST_MAX * MESSAGE_MS;
        if admitted {
            *next = Millis(after);
        }
        admitted
    }

    pub fn forget(&self, socket: &WebSocket) {
        self.paced.borrow_mut().retain(|(there, _)| there != socket);
    }

    fn is_speaking(&self, socket: &WebSocket) -> bool {
        self.speaking.borrow().as_ref() == Some(socket)
    }
}

/// Room for a stream of events, by ending the one that nobody reads, if there is one; else why there is none. From the
/// half on all are asked whether they are read, so that who has gone is known of before there is no room.
pub fn make_room(state: &State) -> Option<Problem> {
    let edge = state.get_websockets_with_tag(NUDGED);
    if edge.len() >= SOCKETS_MAX / 2 {
        // One that is closing already need not be asked.
        edge.iter().for_each(|socket| _ = socket.send_with_str(ASKED));
    }
    if edge.len() < SOCKETS_MAX {
        return None;
    }
    let proofs: Vec<Millis> = edge.iter().map(|socket| proved_at(state, socket)).collect();
    match unread(&proofs, clock::now(0)).and_then(|at| edge.get(at)) {
        Some(socket) => {
            close(socket, Closing::Restart);
            None
        }
        None => {
            let detail = format!(
                "a cart may have {SOCKETS_MAX} streams of events, and all of them are read; close one, or use GET"
            );
            Some(Problem::retry(429, "too_many_streams", detail))
        }
    }
}

/// When the edge has said last that what this socket tells is read, or when it was opened.
fn proved_at(state: &State, socket: &WebSocket) -> Millis {
    let raw = AsRef::<JsValue>::as_ref(state.as_raw()).unchecked_ref::<RawState>();
    let answered = raw.answered_at(socket.as_ref()).ok().flatten();
    let answered = answered.map_or(0, |at| at.get_time() as u64);
    // Its second tag, see `accept`.
    let opened = state.get_tags(socket).iter().find_map(|tag| tag.parse().ok());
    Millis(answered.max(opened.unwrap_or(0)))
}

pub fn accept(state: &State, opening: &Opening, format: Format) -> Result<Response> {
    let WebSocketPair { client, server } = WebSocketPair::new()?;
    let tag = if opening.nudged { NUDGED } else { DEVICES };
    state.accept_websocket_with_tags(&server, &[tag, &clock::now(0).0.to_string()]);
    attach(&server, opening, format)?;
    // Answered without waking the object.
    state.set_websocket_auto_response(&WebSocketRequestResponsePair::new("ping", "pong")?);
    Response::from_websocket(client)
}

/// Tells the sockets what a turn has changed. The output gate holds it until that is on disk.
pub fn announce(state: &State, speakers: &Speakers, before: &Standing, replica: &Replica, forgotten: bool) {
    let after = Standing::of(replica);
    if after == *before && !forgotten {
        return;
    }
    let devices = state.get_websockets_with_tag(DEVICES);
    let nudged = state.get_websockets_with_tag(NUDGED);
    let all = || devices.iter().chain(&nudged);
    if after.erased || forgotten {
        let why = if after.erased { Closing::Gone } else { Closing::Restart };
        return all().for_each(|socket| close(socket, why));
    }
    if after.merged && !before.merged {
        devices.iter().for_each(|socket| close(socket, Closing::Gone));
    }
    if after.signed_out && !before.signed_out {
        return all().for_each(|socket| close(socket, Closing::SignIn));
    }
    if after.sequence == before.sequence {
        return;
    }
    nudged.iter().for_each(|socket| send(socket, &[NEWS]));
    // One that sends nothing but pings is not told for longer than its token lasts.
    let (told, ended): (Vec<_>, Vec<_>) = devices.iter().partition(|socket| {
        attached(socket).is_some_and(|(opening, _)| clock::now(opening.call.skew_ms) <= opening.until)
    });
    ended.into_iter().for_each(|socket| close(socket, Closing::SignIn));
    let mut others = told.into_iter().filter(|socket| !speakers.is_speaking(socket)).peekable();
    if others.peek().is_some() {
        let changes = replica.since(before.sequence);
        let news = message_of(NEWS, &[before.sequence, after.sequence], &changes);
        others.for_each(|socket| send(socket, &news));
    }
}

/// Of sockets by when each was last said to be read, the one that makes room.
fn unread(proofs: &[Millis], now: Millis) -> Option<usize> {
    let (at, proved) = proofs.iter().enumerate().min_by_key(|(_, proved)| **proved)?;
    (proved.plus(UNREAD_MS) <= now).then_some(at)
}

pub fn attach(socket: &WebSocket, opening: &Opening, format: Format) -> Result<()> {
    socket.serialize_attachment(Base64Unpadded::encode_string(&pack_as(format, opening)))
}

/// What was said of a socket when it was opened.
pub fn attached(socket: &WebSocket) -> Option<(Opening, Format)> {
    opening_of(&socket.deserialize_attachment::<String>().ok()??).ok()
}

/// The number and the request of a message.
pub fn sync_of(message: &[u8]) -> Option<(u64, &[u8])> {
    let (kind, rest) = message.split_first()?;
    decode::u64(rest).ok().filter(|_| *kind == SYNC)
}

pub fn message_of(kind: u8, numbers: &[u64], rest: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    for number in numbers {
        message.extend_from_slice(encode::u64(*number, &mut encode::u64_buffer()));
    }
    message.extend_from_slice(rest);
    message
}

/// One that is closing already is not told any more.
pub fn send(socket: &WebSocket, message: &[u8]) {
    let _ = socket.send_with_bytes(message);
}

pub fn close(socket: &WebSocket, why: Closing) {
    let reason = match why {
        Closing::Restart => "connect again",
        Closing::SignIn => "the session has ended: renew it or sign in",
        Closing::Gone => "the cart is gone or was merged: ask by HTTP",
        Closing::Unreadable => "send binary messages: 1, a number, a sync request",
        Closing::TooMany => "too many messages: send fewer",
    };
    let _ = socket.close(Some(why as u16), Some(reason));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_been_read_for_longest_makes_room_and_nobody_who_is_read() {
        let now = Millis(UNREAD_MS * 10);
        let ago = |ms| now.less(ms);
        assert_eq!(unread(&[ago(15_000), ago(UNREAD_MS - 1), ago(0)], now), None);
        assert_eq!(unread(&[ago(15_000), ago(UNREAD_MS), ago(UNREAD_MS + 1), ago(0)], now), Some(2));
        assert_eq!(unread(&[], now), None);
    }
}
