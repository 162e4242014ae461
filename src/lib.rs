//! The edge shell: the only crate that knows the runtime. It decides nothing about carts: it routes,
//! guards, loads, calls `step`, commits and replies. ARCHITECTURE.md is the map.

// A panic resets the isolate, and with it every cart in it.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice
    )
)]
// The runtime's bindings expand to unsafe code; none is written here.
#![allow(unsafe_code, missing_docs)]

mod api;
mod body;
mod call;
mod catalog;
mod commit;
mod config;
mod error;
mod guard;
mod objects;
mod region_store;
mod respond;
pub mod route;
mod rows;
mod sys;
mod transport;

use wasm_bindgen::JsValue;
use worker::{Context, Env, MessageBatch, Request, Response, Result, ScheduleContext, ScheduledEvent, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    api::serve(request, &env).await
}

#[event(queue)]
async fn queue(batch: MessageBatch<JsValue>, env: Env, _context: Context) -> Result<()> {
    region_store::queue::consume(&batch, &env).await;
    Ok(())
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    region_store::sweep::scheduled(&env).await;
}
