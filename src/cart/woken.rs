//! What wakes a cart's object: a call, a message of a socket, the alarm.

use cart_core::packed::{Format, pack_as, unpack};
use cart_core::replica::Input;
use wasm_bindgen::prelude::*;
use worker::{DurableObject, Env, Request, Response, State, WebSocket, WebSocketIncomingMessage};

use crate::cart::call::{Call, Head};
use crate::cart::object::CartObject;
use crate::net::peers;
use crate::platform::log::{self, PARENT, Work};
use crate::platform::problem::{Kind, Problem};
use crate::platform::sql::Rows;

impl DurableObject for CartObject {
    fn new(state: State, env: Env) -> Self {
        Self::asleep(state, env)
    }

    /// The wish for a socket, which only a request can be answered with.
    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        let parent = request.headers().get(PARENT)?;
        log::within(Work::of(parent.as_deref()), self.open(&request)).await
    }

    async fn websocket_message(
        &self,
        socket: WebSocket,
        message: WebSocketIncomingMessage,
    ) -> worker::Result<()> {
        log::within(Work::default(), self.hear(&socket, message)).await;
        Ok(())
    }

    async fn websocket_close(&self, socket: WebSocket, _: usize, _: String, _: bool) -> worker::Result<()> {
        self.lose(&socket);
        Ok(())
    }

    async fn websocket_error(&self, socket: WebSocket, _: worker::Error) -> worker::Result<()> {
        self.lose(&socket);
        Ok(())
    }

    async fn alarm(&self) -> worker::Result<Response> {
        log::within(Work::default(), self.ring()).await
    }
}

#[wasm_bindgen(
    wasm_bindgen = ::worker::wasm_bindgen,
    wasm_bindgen_futures = ::worker::wasm_bindgen_futures,
    js_sys = ::worker::js_sys
)]
impl CartObject {
    /// What it answers to a call, if it is awake and nobody else is to be asked first: then in the same turn, and nothing is
    /// waited for. `parent` is the caller's `traceparent`, if it has one; `reads_only` says that nothing is to be written.
    #[wasm_bindgen(js_name = answerNow)]
    pub fn answer_now(
        &self,
        bytes: &[u8],
        parent: Option<String>,
        reads_only: bool,
    ) -> Result<Option<Vec<u8>>, JsValue> {
        log::at_once(Work::of(parent.as_deref()), || {
            let (call, format) = call_of(bytes)?;
            if reads_only {
                return Ok(Some(pack_as(format, &self.read_only(&call))));
            }
            // What waking costs is counted below.
            let mut rows = Rows::default();
            let ready = self.replica.borrow().is_some() && self.is_prepared(&call, &mut rows);
            Ok(ready.then(|| pack_as(format, &self.answer_prepared(&call, rows, true))))
        })
    }

    /// The same, once it knows what it must.
    pub async fn answer(&self, bytes: Vec<u8>, parent: Option<String>) -> Result<Vec<u8>, JsValue> {
        let answer = async {
            let (call, format) = call_of(&bytes)?;
            let mut rows = Rows::default();
            let current = self.prepare(&call, &mut rows).await;
            Ok(pack_as(format, &self.answer_prepared(&call, rows, current)))
        };
        log::within(Work::of(parent.as_deref()), answer).await
    }
}

/// A call, and the format that whoever calls reads: the one that it writes.
fn call_of(bytes: &[u8]) -> Result<(Call, Format), JsValue> {
    let refused = |reject| {
        let problem = Problem::from(reject);
        JsError::new(&peers::said(problem.status, &problem.body()))
    };
    Ok((unpack(bytes).map_err(refused)?, Format::answering(bytes)))
}

impl CartObject {
    fn answer_prepared(&self, call: &Call, rows: Rows, current: bool) -> Head {
        let head = self.turn(call, rows, current);
        // A read may set an alarm that was lost; where that has no room, it reads all the same.
        let full = head.reply.as_ref().is_err_and(|problem| problem.kind() == Kind::Full);
        if !full || !matches!(call.input, Input::Read) {
            return head;
        }
        let mut head = self.read_only(call);
        if let Ok(reply) = &mut head.reply {
            reply.partial |= !current;
        }
        head
    }
}
