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
// What is to follow from a new variant is said where it is made.
#![warn(clippy::wildcard_enum_match_arm)]
// The runtime's bindings expand to unsafe code; none is written here.
#![allow(unsafe_code, missing_docs)]
// Two Wasm modules are built of this crate: that of the edge, and, with the feature `stores`, that of the
// regions' stores and the operator's requests. src/main.js puts both into one Worker.
#![cfg_attr(feature = "stores", allow(dead_code))]

pub mod cart;
mod catalog;
mod door;
#[cfg(test)]
mod house;
mod net;
pub mod ops;
pub mod platform;
mod serve;
mod session;
pub mod store;

/// What comes to the edge's module.
#[cfg(not(feature = "stores"))]
mod events {
    use worker::{Context, Env, Result, event, web_sys};

    use crate::platform::log::{self, PARENT, Work};
    use crate::platform::request::Request;

    #[event(fetch)]
    async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
        let request = Request::from(request);
        let work = Work::of(request.head.header(PARENT));
        log::within(work, crate::serve::serve(&request, &env, &context)).await
    }
}

/// What comes to the stores' module.
#[cfg(feature = "stores")]
mod events {
    use wasm_bindgen::JsValue;
    use worker::{Context, Env, MessageBatch, Result, ScheduleContext, ScheduledEvent, event, web_sys};

    use crate::platform::log::{self, PARENT, Work};
    use crate::platform::request::Request;
    use crate::{ops, store};

    #[event(fetch)]
    async fn fetch(request: web_sys::Request, env: Env, _context: Context) -> Result<web_sys::Response> {
        let request = Request::from(request);
        let work = Work::of(request.head.header(PARENT));
        log::within(work, ops::stores::serve(&request, &env)).await
    }

    #[event(queue)]
    async fn queue(batch: MessageBatch<JsValue>, env: Env, _context: Context) -> Result<()> {
        store::queue::consume(&batch, &env).await;
        Ok(())
    }

    #[event(scheduled)]
    async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
        store::walk::scheduled(&env).await;
    }
}
