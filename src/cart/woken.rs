//! What wakes a cart's object: a call, a message of a socket, the alarm.

use cart_core::packed::{Format, pack_as, unpack};
use cart_core::replica::Input;
use worker::{DurableObject, Env, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage};

use crate::cart::call::Call;
use crate::cart::object::CartObject;
use crate::net::objects::{LIVE, READ_ONLY};
use crate::platform::log::{self, Work};
use crate::platform::problem::{Kind, Problem};
use crate::platform::sql::Rows;

impl DurableObject for CartObject {
    fn new(state: State, env: Env) -> Self {
        Self::asleep(state, env)
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        log::within(Work::of(request.headers()), self.answer(request)).await
    }

    async fn websocket_message(&self, socket: WebSocket, message: WebSocketIncomingMessage) -> Result<()> {
        log::within(Work::default(), self.hear(&socket, message)).await;
        Ok(())
    }

    async fn websocket_close(&self, socket: WebSocket, _: usize, _: String, _: bool) -> Result<()> {
        self.lose(&socket);
        Ok(())
    }

    async fn websocket_error(&self, socket: WebSocket, _: worker::Error) -> Result<()> {
        self.lose(&socket);
        Ok(())
    }

    async fn alarm(&self) -> Result<Response> {
        log::within(Work::default(), self.ring()).await
    }
}

impl CartObject {
    async fn answer(&self, mut request: Request) -> Result<Response> {
        if request.inner().url() == LIVE {
            return self.open(&request).await;
        }
        let bytes = request.bytes().await?;
        let call: Call = match unpack(&bytes) {
            Ok(call) => call,
            Err(reject) => return Problem::from(reject).response(),
        };
        // Whoever calls reads what it writes.
        let format = Format::answering(&bytes);
        if request.inner().url() == READ_ONLY {
            return Response::from_bytes(pack_as(format, &self.read_only(&call)));
        }
        let mut rows = Rows::default();
        let current = self.prepare(&call, &mut rows).await;
        let mut head = self.turn(&call, rows, current);
        // A read may set an alarm that was lost; where that has no room, it reads all the same.
        if matches!(call.input, Input::Read)
            && head.reply.as_ref().is_err_and(|problem| problem.kind() == Kind::Full)
        {
            head = self.read_only(&call);
            if let Ok(reply) = &mut head.reply {
                reply.partial |= !current;
            }
        }
        Response::from_bytes(pack_as(format, &head))
    }
}
