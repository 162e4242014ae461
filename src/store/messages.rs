//! The messages of the regions' queues: sent, acknowledged, tried again.

use cart_core::id::Region;
use cart_core::time::Millis;
use js_sys::{Date, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{
    Env, MessageExt as _, QueueContentType, QueueRetryOptions, QueueRetryOptionsBuilder, RawMessage,
    RawMessageBuilder,
};

use crate::platform::clock;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::Waiting;

/// The binding of a region's queue is this and its name.
const QUEUE: &str = "STORE_QUEUE_";
/// A message that was not taken is tried again after as long as it has been waiting, in seconds, from this
const RETRY_S_MIN: u64 = 2;
/// to this. The platform tries a hundred times: for seven hours.
pub const RETRY_S_MAX: u64 = 300;

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
pub fn waited(message: &RawMessage) -> u64 {
    clock::now(0).0.saturating_sub(message.timestamp().as_millis()) / Millis::SECOND
}

/// When it is tried again.
pub fn later(message: &RawMessage) -> QueueRetryOptions {
    let delay_s = waited(message).clamp(RETRY_S_MIN, RETRY_S_MAX) as u32;
    QueueRetryOptionsBuilder::new().with_delay_seconds(delay_s).build()
}
