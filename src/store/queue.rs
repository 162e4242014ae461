//! The way of a frame to a store: a message of the region's queue, in batches into the rows. A message is
//! acknowledged once it is durable, tried again where the store did not take it, and put aside where it cannot
//! be read, or when it was tried for too long.

use cart_core::cart::Cart;
use cart_core::frame::Frame;
use cart_core::id::{CartId, Region};
use cart_core::packed::{pack_as, unpack};
use cart_core::time::Millis;
use js_sys::{Date, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{
    Env, MessageBatch, MessageExt as _, QueueContentType, QueueRetryOptions, QueueRetryOptionsBuilder,
    RawMessage, RawMessageBuilder,
};

use super::intake::{Arrival, Told, take_in, tell};
use super::walk::{self, Order};
use super::{dead, open, push};
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Letter, Waiting};

/// The binding of a region's queue is this and its name.
const QUEUE: &str = "STORE_QUEUE_";
/// The largest message, in bytes; the platform takes 128 KB. A larger frame goes to the store directly.
const MESSAGE_BYTES_MAX: usize = 100 * 1_024;
/// A message that was not taken is tried again after as long as it has been waiting, in seconds, from this
const RETRY_S_MIN: u64 = 2;
/// to this. The platform tries a hundred times: for seven hours.
const RETRY_S_MAX: u64 = 300;

/// How many orders one batch follows: each may ask a thousand times, and databases a hundred.
const ORDERS_MAX: usize = 2;

/// Puts a letter into the queue of its store. The receipt comes to the frame's sender later.
pub async fn enqueue(env: &Env, config: &Config, letter: Letter) -> Result<(), Problem> {
    let bytes = pack_as(config.format, &letter);
    if bytes.len() <= MESSAGE_BYTES_MAX {
        return send_bytes(env, letter.store, &bytes).await;
    }
    let store = open(env, config, letter.store)?;
    let arrivals = vec![(letter.cart_id.clone(), vec![arrival(&letter.frame, letter.sent)?])];
    let outcomes = take_in(env, config, &store, arrivals).await;
    let told = outcomes.into_iter().map(|(_, told)| told).collect::<Result<Vec<_>, _>>()?;
    tell(env, config, told).await;
    Ok(())
}

/// Puts the bytes of a message into the queue of a region.
pub async fn send_bytes(env: &Env, region: Region, bytes: &[u8]) -> Result<(), Problem> {
    // Structured clone: as JSON it would be five times as long.
    send(env, region, Uint8Array::from(bytes).into(), QueueContentType::V8).await
}

/// Puts an order into the queue of a region: a text, where letters are bytes.
pub async fn send_text(env: &Env, region: Region, text: &str) -> Result<(), Problem> {
    send(env, region, JsValue::from_str(text), QueueContentType::Text).await
}

async fn send(env: &Env, region: Region, body: JsValue, kind: QueueContentType) -> Result<(), Problem> {
    let failed = |error: worker::Error| Problem::store(&error);
    let message = RawMessageBuilder::new(body).build_with_content_type(kind);
    env.queue(&binding(region)).map_err(failed)?.send_raw(message).await.map_err(failed)
}

fn binding(region: Region) -> String {
    format!("{QUEUE}{}", region.name().replace('-', "_").to_uppercase())
}

#[wasm_bindgen]
extern "C" {
    type RawQueue;
    #[wasm_bindgen(method, catch)]
    fn metrics(this: &RawQueue) -> Result<Promise, JsValue>;
}

/// What waits in the queue of a region; `None` where the platform does not say.
pub async fn waiting(env: &Env, region: Region) -> Option<Waiting> {
    let queue = Reflect::get(env, &binding(region).into()).ok().filter(JsValue::is_object)?;
    let metrics = JsFuture::from(queue.unchecked_ref::<RawQueue>().metrics().ok()?).await.ok()?;
    let field = |name: &str| Reflect::get(&metrics, &name.into()).ok();
    let oldest =
        field("oldestMessageTimestamp").filter(|it| !it.is_falsy()).map(|it| Date::new(&it).get_time());
    Some(Waiting {
        messages: field("backlogCount")?.as_f64()? as u64,
        bytes: field("backlogBytes")?.as_f64()? as u64,
        oldest: oldest.filter(|ms| ms.is_finite()).map(|ms| Millis(ms as u64)),
    })
}

/// A frame with a state that can be read.
pub fn arrival(frame: &[u8], sent: Millis) -> Result<Arrival, Problem> {
    let frame = Frame::from_bytes(frame)?;
    Cart::from_any_build(&frame.state)?;
    Ok(Arrival { frame, sent })
}

/// Takes in a batch of a queue. Never fails: that would reset the isolate.
pub async fn consume(batch: &MessageBatch<JsValue>, env: &Env) {
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(problem) => {
            log::failed("take in a batch", &problem.detail, "all of it again in five minutes");
            // Until the configuration is mended: tried at once, a message would be given up within minutes.
            let later = QueueRetryOptionsBuilder::new().with_delay_seconds(RETRY_S_MAX as u32).build();
            return batch.retry_all_with_options(&later);
        }
    };
    let messages = batch.raw_iter();
    if batch.queue().ends_with("-dead") {
        return dead::keep(env, &config, messages).await;
    }
    let (mut mail, mut orders) = (Vec::new(), Vec::new());
    for message in messages {
        if let Some(order) = order_of(&message) {
            orders.push((message, order));
            continue;
        }
        let letter = bytes_of(&message)
            .ok_or_else(|| Problem::new(422, "malformed", "it is no message of this service"))
            .and_then(|bytes| Ok(unpack::<Letter>(&bytes)?));
        let store = letter.as_ref().ok().map(|letter| letter.store);
        match letter.and_then(|letter| Ok((arrival(&letter.frame, letter.sent)?, letter))) {
            Ok((arrival, letter)) => push(&mut mail, letter.store, (letter.cart_id, message, arrival)),
            // Of a build that is only coming: that takes it.
            Err(problem) if problem.status == 503 && waited(&message) <= config.store_patience_s => {
                log::failed("take in a letter", &problem.detail, "again later, for STORE_PATIENCE_S");
                message.retry_with_options(&later(&message));
            }
            Err(problem) => {
                settle(&message, dead::bury(env, &config, store, &message, &problem.detail).await);
            }
        }
    }
    let mut told = Vec::new();
    for (store, mail) in mail {
        told.extend(take_mail(env, &config, store, mail).await);
    }
    tell(env, &config, told).await;
    follow_orders(env, &config, orders).await;
}

/// What a text asks for; `None` where the message is no text.
pub fn order_of(message: &RawMessage) -> Option<Option<Order>> {
    message.body().as_string().map(|text| serde_json::from_str(&text).ok())
}

/// Follows as many orders as one invocation may; the others come again.
async fn follow_orders(env: &Env, config: &Config, orders: Vec<(RawMessage, Option<Order>)>) {
    let mut followed: Vec<Order> = Vec::new();
    for (message, order) in orders {
        let outcome = match order {
            // Of a later build: its cron will say it again.
            None => Ok(()),
            Some(order) if followed.contains(&order) => Ok(()),
            Some(order) if followed.len() >= ORDERS_MAX => walk::order(env, &order).await,
            Some(order) => {
                let outcome = walk::follow(env, config, &order).await;
                followed.push(order);
                outcome
            }
        };
        match outcome {
            Ok(()) => message.ack(),
            Err(problem) => {
                log::failed("walk through a database", &problem.detail, "the same step again later");
                message.retry_with_options(&later(&message));
            }
        }
    }
}

async fn take_mail(
    env: &Env,
    config: &Config,
    store: Region,
    mail: Vec<(CartId, RawMessage, Arrival)>,
) -> Vec<Told> {
    let mut arrivals = Vec::new();
    mail.iter().for_each(|(cart_id, _, arrival)| push(&mut arrivals, cart_id.clone(), arrival.clone()));
    let outcomes = match open(env, config, store) {
        Ok(store) => take_in(env, config, &store, arrivals).await,
        Err(problem) => arrivals.into_iter().map(|(cart_id, _)| (cart_id, Err(problem.clone()))).collect(),
    };
    for (cart_id, message, _) in &mail {
        match outcomes.iter().find(|(there, _)| there == cart_id).map(|(_, outcome)| outcome) {
            Some(Ok(_)) => message.ack(),
            Some(Err(problem)) if waited(message) > config.store_patience_s => {
                let reason =
                    format!("the store has not taken it for {} s: {}", waited(message), problem.detail);
                settle(message, dead::bury(env, config, Some(store), message, &reason).await);
            }
            Some(Err(_)) | None => message.retry_with_options(&later(message)),
        }
    }
    outcomes.into_iter().filter_map(|(_, outcome)| outcome.ok()).collect()
}

/// Acknowledges a message that was put aside.
pub fn settle(message: &RawMessage, outcome: Result<(), Problem>) {
    match outcome {
        Ok(()) => message.ack(),
        Err(problem) => {
            log::failed("put a dead letter aside", &problem.detail, "again later");
            message.retry_with_options(&later(message));
        }
    }
}

/// The bytes of a message, if it is of bytes.
pub fn bytes_of(message: &RawMessage) -> Option<Vec<u8>> {
    message.body().dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

/// For how long a message has been in the queue, in seconds.
fn waited(message: &RawMessage) -> u64 {
    clock::now(0).0.saturating_sub(message.timestamp().as_millis()) / Millis::SECOND
}

fn later(message: &RawMessage) -> QueueRetryOptions {
    let delay_s = waited(message).clamp(RETRY_S_MIN, RETRY_S_MAX) as u32;
    QueueRetryOptionsBuilder::new().with_delay_seconds(delay_s).build()
}
