//! The way of a frame to a store: a message of the queue, in batches into the rows. A message is acknowledged
//! once it is durable, tried again where the store did not take it, and put aside where it cannot be read.

use cart_core::cart::Cart;
use cart_core::frame::Frame;
use cart_core::id::{CartId, Region};
use cart_core::time::Millis;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{
    Env, MessageBatch, MessageExt as _, QueueContentType, QueueRetryOptions, QueueRetryOptionsBuilder,
    RawMessage, RawMessageBuilder, Request, Response,
};

use super::intake::{Arrival, Told, take_in, tell};
use super::{dead, open, push};
use crate::config::Config;
use crate::error::Problem;
use crate::sys;
use crate::transport::{STORE_PATH, post, verified};

/// The binding of the queue.
pub const QUEUE: &str = "STORE_QUEUE";
/// The largest message, in bytes; the platform takes 128 KB. A larger frame goes to the store directly.
pub const MESSAGE_BYTES_MAX: usize = 100 * 1_024;
/// When a message that was not taken is tried again, in seconds.
const RETRY_S: u32 = 5;
/// The first byte of messages.
const FORMAT: u8 = 1;

/// A frame on its way to the store of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    pub store: Region,
    pub cart_id: CartId,
    pub sent: Millis,
    /// The bytes of a [`Frame`].
    pub frame: Vec<u8>,
}

impl Letter {
    /// `format | sent (8) | length of the address | store, a space, cart | frame`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let address = format!("{} {}", self.store, self.cart_id);
        let mut bytes = vec![FORMAT];
        bytes.extend(self.sent.0.to_be_bytes());
        bytes.push(address.len() as u8);
        bytes.extend_from_slice(address.as_bytes());
        bytes.extend_from_slice(&self.frame);
        bytes
    }

    /// Reads [`Letter::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        let (sent, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (address, frame) = rest.split_at_checked(usize::from(*length)).filter(|_| *format == FORMAT)?;
        let (store, cart_id) = std::str::from_utf8(address).ok()?.split_once(' ')?;
        Some(Self {
            store: Region::parse(store)?,
            cart_id: CartId::try_from(cart_id.to_owned()).ok()?,
            sent: Millis(u64::from_be_bytes(*sent)),
            frame: frame.to_vec(),
        })
    }

    /// The frame, with a state that can be read.
    fn arrival(&self) -> Result<Arrival, Problem> {
        let frame = Frame::from_bytes(&self.frame)?;
        Cart::from_bytes(&frame.state)?;
        Ok(Arrival { frame, sent: self.sent })
    }
}

/// Sends a frame to the store of a region. The receipt comes to the frame's sender later.
pub async fn enqueue(
    env: &Env,
    config: &Config,
    store: Region,
    cart_id: &CartId,
    frame: &[u8],
) -> Result<(), Problem> {
    let letter = Letter { store, cart_id: cart_id.clone(), sent: sys::now(0), frame: frame.to_vec() };
    let bytes = letter.to_bytes();
    if let Some(url) = config.peer(store) {
        post(config, url, STORE_PATH, &bytes).await.map_err(|error| Problem::store(&error))?;
        return Ok(());
    }
    if bytes.len() <= MESSAGE_BYTES_MAX {
        return send_bytes(env, &bytes).await;
    }
    let arrivals = vec![(cart_id.clone(), vec![letter.arrival()?])];
    let outcomes = take_in(&open(env, config, store)?, arrivals).await;
    let told = outcomes.into_iter().map(|(_, told)| told).collect::<Result<Vec<_>, _>>()?;
    tell(env, config, told).await;
    Ok(())
}

/// What the store of a region that another process serves has of a cart. A letter without a frame asks.
pub async fn ask_peer(
    config: &Config,
    url: &str,
    store: Region,
    cart_id: &CartId,
) -> Result<Option<Frame>, Problem> {
    let letter = Letter { store, cart_id: cart_id.clone(), sent: sys::now(0), frame: Vec::new() };
    let answer = post(config, url, STORE_PATH, &letter.to_bytes()).await;
    let answer = answer.map_err(|error| Problem::store(&error))?;
    let frame = (!answer.is_empty()).then(|| Frame::from_bytes(&answer)).transpose()?;
    Ok(frame)
}

/// A letter of another process for a store that is served here.
pub async fn receive(request: &mut Request, env: &Env, config: &Config) -> Result<Response, Problem> {
    let body = verified(request, config).await?;
    let malformed = || Problem::new(422, "malformed", "the body is no letter for a store");
    let letter = Letter::from_bytes(&body).ok_or_else(malformed)?;
    if config.peer(letter.store).is_some() {
        return Err(Problem::new(421, "misdirected", "the region is not served here: see PEERS"));
    }
    let mut answer = Vec::new();
    if letter.frame.is_empty() {
        let frame = super::read(env, config, letter.store, &letter.cart_id).await?;
        answer = frame.map(|frame| frame.to_bytes()).unwrap_or_default();
    } else {
        enqueue(env, config, letter.store, &letter.cart_id, &letter.frame).await?;
    }
    Response::from_bytes(answer).map_err(|error| Problem::store(&error))
}

/// Puts the bytes of a message into the queue.
pub async fn send_bytes(env: &Env, bytes: &[u8]) -> Result<(), Problem> {
    let failed = |error: worker::Error| Problem::store(&error);
    // Structured clone: as JSON it would be five times as long.
    let message = RawMessageBuilder::new(Uint8Array::from(bytes).into());
    let message = message.build_with_content_type(QueueContentType::V8);
    env.queue(QUEUE).map_err(failed)?.send_raw(message).await.map_err(failed)
}

/// Takes in a batch of the queue. Never fails: that would reset the isolate.
pub async fn consume(batch: &MessageBatch<JsValue>, env: &Env) {
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(problem) => {
            worker::console_error!("queue: {}", problem.detail);
            return batch.retry_all_with_options(&later());
        }
    };
    let messages = batch.raw_iter();
    if batch.queue().ends_with("-dead") {
        return dead::keep(env, &config, messages).await;
    }
    let mut mail = Vec::new();
    for message in messages {
        let letter = bytes_of(&message).and_then(|bytes| Letter::from_bytes(&bytes));
        let read = match &letter {
            Some(letter) => letter.arrival().map_err(|problem| problem.detail),
            None => Err("it is no message of this service".to_owned()),
        };
        match (letter, read) {
            (Some(letter), Ok(arrival)) => {
                push(&mut mail, letter.store, (letter.cart_id, message, arrival));
            }
            (letter, Err(reason)) => {
                settle(
                    &message,
                    dead::bury(env, &config, letter.map(|letter| letter.store), &message, &reason).await,
                );
            }
            (None, Ok(_)) => message.retry_with_options(&later()),
        }
    }
    let mut told = Vec::new();
    for (store, mail) in mail {
        told.extend(take_mail(env, &config, store, mail).await);
    }
    tell(env, &config, told).await;
}

async fn take_mail(
    env: &Env,
    config: &Config,
    store: Region,
    mail: Vec<(CartId, RawMessage, Arrival)>,
) -> Vec<Told> {
    let outcomes = match open(env, config, store) {
        Ok(store) => {
            let mut arrivals = Vec::new();
            mail.iter()
                .for_each(|(cart_id, _, arrival)| push(&mut arrivals, cart_id.clone(), arrival.clone()));
            take_in(&store, arrivals).await
        }
        Err(problem) => {
            worker::console_error!("store {store}: {}", problem.detail);
            Vec::new()
        }
    };
    for (cart_id, message, _) in &mail {
        let taken = |(there, outcome): &(CartId, Result<_, _>)| there == cart_id && outcome.is_ok();
        if outcomes.iter().any(taken) { message.ack() } else { message.retry_with_options(&later()) }
    }
    outcomes.into_iter().filter_map(|(_, outcome)| outcome.ok()).collect()
}

/// Acknowledges a message that was put aside.
pub fn settle(message: &RawMessage, outcome: Result<(), Problem>) {
    match outcome {
        Ok(()) => message.ack(),
        Err(problem) => {
            worker::console_error!("dead letter: {}", problem.detail);
            message.retry_with_options(&later());
        }
    }
}

/// The bytes of a message, if it is of bytes.
pub fn bytes_of(message: &RawMessage) -> Option<Vec<u8>> {
    message.body().dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

fn later() -> QueueRetryOptions {
    QueueRetryOptionsBuilder::new().with_delay_seconds(RETRY_S).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let cart_id = CartId::mint(Region::ApacNe, [7; 15]);
        for frame in [vec![], vec![1, 2, 3]] {
            let letter =
                Letter { store: Region::ApacSe, cart_id: cart_id.clone(), sent: Millis(1 << 41), frame };
            let bytes = letter.to_bytes();
            assert_eq!(Letter::from_bytes(&bytes), Some(letter));
            for end in 0..50 {
                assert_eq!(Letter::from_bytes(&bytes[..end]), None, "cut off at {end}");
            }
        }
        assert_eq!(Letter::from_bytes(&[2; 100]), None, "another format");
    }
}
