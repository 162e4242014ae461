//! The way of a frame to a store: a message of the queue, in batches into the rows. A message is acknowledged
//! once it is durable, tried again where the store did not take it, and put aside where it cannot be read.

use std::collections::BTreeMap;

use cart_core::cart::Cart;
use cart_core::frame::Frame;
use cart_core::id::{CartId, Region};
use cart_core::time::Millis;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{
    Env, MessageBatch, MessageExt as _, QueueContentType, QueueRetryOptions, QueueRetryOptionsBuilder,
    RawMessage, RawMessageBuilder,
};

use super::intake::{Arrival, take_in, tell};
use super::{dead, open};
use crate::config::Config;
use crate::error::Problem;
use crate::sys;

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
    if bytes.len() <= MESSAGE_BYTES_MAX {
        return send_bytes(env, &bytes).await;
    }
    let arrivals = BTreeMap::from([(cart_id.clone(), vec![letter.arrival()?])]);
    let outcomes = take_in(&open(env, config, store)?, arrivals).await;
    let told = outcomes.into_values().collect::<Result<Vec<_>, _>>()?;
    tell(env, told).await;
    Ok(())
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
    let mut mail: BTreeMap<Region, BTreeMap<CartId, Vec<(RawMessage, Arrival)>>> = BTreeMap::new();
    for message in messages {
        let letter = bytes_of(&message).and_then(|bytes| Letter::from_bytes(&bytes));
        let read = match &letter {
            Some(letter) => letter.arrival().map_err(|problem| problem.detail),
            None => Err("it is no message of this service".to_owned()),
        };
        match (letter, read) {
            (Some(letter), Ok(arrival)) => {
                let carts = mail.entry(letter.store).or_default();
                carts.entry(letter.cart_id).or_default().push((message, arrival));
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
    for (store, carts) in mail {
        take_mail(env, &config, store, carts).await;
    }
}

async fn take_mail(
    env: &Env,
    config: &Config,
    store: Region,
    carts: BTreeMap<CartId, Vec<(RawMessage, Arrival)>>,
) {
    let mut outcomes = BTreeMap::new();
    match open(env, config, store) {
        Ok(store) => {
            let arrived =
                |mail: &Vec<(RawMessage, Arrival)>| mail.iter().map(|(_, arrival)| arrival.clone()).collect();
            let arrivals = carts.iter().map(|(cart_id, mail)| (cart_id.clone(), arrived(mail))).collect();
            outcomes = take_in(&store, arrivals).await;
        }
        Err(problem) => worker::console_error!("store {store}: {}", problem.detail),
    }
    let mut told = Vec::new();
    for (cart_id, messages) in carts {
        let outcome = outcomes.remove(&cart_id);
        let taken = matches!(outcome, Some(Ok(_)));
        for (message, _) in &messages {
            if taken { message.ack() } else { message.retry_with_options(&later()) }
        }
        told.extend(outcome.and_then(Result::ok));
    }
    tell(env, told).await;
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
