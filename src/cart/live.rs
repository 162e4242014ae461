//! What comes over a cart's sockets: a wish for one, and syncs, each in the same turn as one over HTTP. What is longer
//! than any message may be never comes here: see `src/main.js`.

use cart_core::packed::{Format, pack_as};
use cart_core::reject::Reject;
use cart_core::replica::{Input, Reply, ReplyKind};
use cart_core::session::TokenFault;
use worker::{Request, Response, Result, WebSocket, WebSocketIncomingMessage};

use crate::cart::call::{Call, Opening, opening_of};
use crate::cart::object::CartObject;
use crate::cart::sockets::{
    Closing, DEVICES, REFUSED, SOCKETS_MAX, SYNC, accept, attach, attached, close, make_room, message_of,
    send, sync_of,
};
use crate::door::visitor::fault;
use crate::net::peers::OPENING;
use crate::platform::answer::refused;
use crate::platform::body::{self, DELTA_BYTES_MAX};
use crate::platform::clock;
use crate::platform::problem::{Kind, Problem};
use crate::platform::sql::Rows;

impl CartObject {
    /// Opens a socket to whom the cart may be shown; else answers as a read does.
    pub(super) async fn open(&self, request: &Request) -> Result<Response> {
        let text = request.headers().get(OPENING)?.unwrap_or_default();
        let (opening, format) = match opening_of(&text) {
            Ok(opening) => opening,
            Err(reject) => return Ok(refused(&reject.into()).response(false)?.into()),
        };
        let call = Call { input: Input::Read, ..opening.call };
        let mut rows = Rows::default();
        let current = self.prepare(&call, &mut rows).await;
        let mut head = self.turn(&call, rows, current);
        if let Ok(Reply { kind: ReplyKind::State { merged_into, .. }, .. }) = &head.reply {
            let refusal = if merged_into.is_some() && !opening.nudged {
                Some(Problem::from(Reject::AlreadyMerged))
            } else if opening.nudged {
                make_room(&self.state)
            } else if self.state.get_websockets_with_tag(DEVICES).len() >= SOCKETS_MAX {
                let detail = format!("a cart may have {SOCKETS_MAX} sockets; close one, or sync over HTTP");
                Some(Problem::retry(429, "too_many_sockets", detail))
            } else {
                None
            };
            match refusal {
                Some(problem) => head.reply = Err(problem),
                None => {
                    // Those who could not be asked are asked before each message, until they have answered.
                    let shown_by = if current { Vec::new() } else { call.shown_by.clone() };
                    return accept(
                        &self.state,
                        &Opening { call: Call { shown_by, ..call }, ..opening },
                        format,
                    );
                }
            }
        }
        Response::from_bytes(pack_as(format, &head))
    }

    /// Takes in a message: `1 | seq | request`.
    pub(super) async fn hear(&self, socket: &WebSocket, message: WebSocketIncomingMessage) {
        let Some((opening, format)) = attached(socket) else { return close(socket, Closing::Restart) };
        if !self.speakers.admit(socket, clock::now(0)) {
            return close(socket, Closing::TooMany);
        }
        let WebSocketIncomingMessage::Binary(bytes) = message else {
            return close(socket, Closing::Unreadable);
        };
        let Some((seq, request)) = sync_of(&bytes).filter(|_| !opening.nudged) else {
            return close(socket, Closing::Unreadable);
        };
        let problem = match self.sync(socket, opening, format, request).await {
            Ok(response) => return send(socket, &message_of(SYNC, &[seq], &response)),
            Err(problem) => problem,
        };
        send(socket, &message_of(REFUSED, &[seq], &problem.body()));
        match problem.kind() {
            Kind::SessionExpired | Kind::SessionEnded => close(socket, Closing::SignIn),
            Kind::CartNotFound => close(socket, Closing::Gone),
            Kind::ActorUnknown
            | Kind::TooManyCarts
            | Kind::SessionLapsed
            | Kind::Unavailable
            | Kind::Unreachable
            | Kind::Damaged
            | Kind::OtherBuild
            | Kind::Unread
            | Kind::Full
            | Kind::Other => {}
        }
    }

    /// What `POST ../sync` does.
    async fn sync(
        &self,
        socket: &WebSocket,
        opening: Opening,
        format: Format,
        request: &[u8],
    ) -> Result<Vec<u8>, Problem> {
        if request.len() > DELTA_BYTES_MAX {
            return Err(body::too_large(DELTA_BYTES_MAX));
        }
        if clock::now(opening.call.skew_ms) > opening.until {
            return Err(fault(TokenFault::Expired));
        }
        let call = Call { fresh: false, ..opening.call };
        let mut rows = Rows::default();
        let current = self.prepare(&call, &mut rows).await;
        if current && !call.shown_by.is_empty() {
            let call = Call { shown_by: Vec::new(), ..call.clone() };
            let opening = Opening { call, ..opening };
            attach(socket, &opening, format).map_err(|error| Problem::object(&error))?;
        }
        let call = Call { input: Input::Sync { request: request.to_vec() }, ..call };
        self.speakers.speaking.replace(Some(socket.clone()));
        let head = self.turn(&call, rows, current);
        self.speakers.speaking.take();
        let ReplyKind::Synced(response) = head.reply?.kind else {
            return Err(Problem::retry(503, "replica_unavailable", "the replica gave another answer"));
        };
        Ok(response)
    }

    /// A socket has ended.
    pub(super) fn lose(&self, socket: &WebSocket) {
        self.speakers.forget(socket);
        // Where the platform has answered already, this does nothing.
        let _ = socket.close(Some(1000), Some(""));
    }
}
