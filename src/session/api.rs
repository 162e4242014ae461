//! Opening, renewing and ending a session.

use cart_core::id::CartId;
use cart_core::replica::{Input, ReplyKind};
use cart_core::session::Session;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;

use crate::cart::call::odd_reply;
use crate::door::exchange::Exchange;
use crate::door::headers::cookie;
use crate::door::route::Entry;
use crate::platform::answer::{self, Answer, refused, rfc3339};
use crate::platform::body::{self, Empty};
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::session::call::must_live;

/// What can be asked of sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    Open,
    Renew,
    End,
}

/// Where.
pub const ROUTES: [Entry<Endpoint>; 3] = [
    ("POST", "/v1/sessions", Endpoint::Open),
    ("POST", "/v1/sessions/renew", Endpoint::Renew),
    ("DELETE", "/v1/sessions/current", Endpoint::End),
];

/// Answers.
pub async fn serve(exchange: &mut Exchange<'_>, endpoint: Endpoint) -> Result<Answer, Problem> {
    match endpoint {
        Endpoint::Open => exchange.open_session().await,
        Endpoint::Renew => exchange.renew_session().await,
        Endpoint::End => exchange.end_session().await,
    }
}

/// How many carts of a session are told at a time that it was signed out: a Worker has six connections.
const SIGN_OUTS_AT_ONCE: usize = 6;

impl Exchange<'_> {
    async fn open_session(&mut self) -> Result<Answer, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.open(self.config)?.clone();
        shown(self.config, &session, &session.root)
    }

    async fn renew_session(&mut self) -> Result<Answer, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.renewable(&self.request.head, self.config)?;
        // Whoever renews may have travelled: what was shown elsewhere is asked for there.
        (self.visitor.session, self.visitor.travels) = (Some(session.clone()), true);
        let newest = match self.newest(&session).await {
            // Every cart was erased: the session goes on, and makes a new one.
            Err(problem) if problem.status == 404 => session.root.clone(),
            newest => newest?.0,
        };
        must_live(self, &session).await?;
        self.visitor.issue = true;
        let renewed = self.visitor.renewed().unwrap_or(session);
        shown(self.config, &renewed, &newest)
    }

    /// Ends the session, whose token may have been idle. A cookie that opens nothing any more goes as well, so that a
    /// browser is not left with it.
    async fn end_session(&mut self) -> Result<Answer, Problem> {
        let signed_out = self.sign_out().await;
        self.visitor.session = None;
        let mut answer = match signed_out {
            Ok(()) => answer::empty(204),
            Err(problem) if problem.status == 401 => refused(&problem),
            Err(problem) => return Err(problem),
        };
        answer.put("Set-Cookie", cookie("", 0));
        Ok(answer)
    }

    /// Once the root has it, it is done: it is what renewal asks, and it tells the others by itself until each has
    /// answered. That they are told here as well is for who looks on, so nothing fails by it.
    async fn sign_out(&mut self) -> Result<(), Problem> {
        let session = self.visitor.renewable(&self.request.head, self.config)?;
        self.visitor.session = Some(session.clone());
        let (reply, _) = self.call_as(&session, &session.root, Input::SignOut).await?;
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        let others = carts.iter().filter(|cart| **cart != session.root);
        let told = others.map(|cart| self.call_as(&session, cart, Input::SignOut));
        stream::iter(told).buffer_unordered(SIGN_OUTS_AT_ONCE).for_each(|_| async {}).await;
        Ok(())
    }
}

/// A session as JSON.
fn shown(config: &Config, session: &Session, cart_id: &CartId) -> Result<Answer, Problem> {
    #[derive(Serialize)]
    struct Body<'a> {
        session_id: &'a str,
        token: String,
        cart_id: &'a CartId,
        expires_at: String,
    }
    let body = Body {
        session_id: session.id.as_str(),
        token: config.signer.token(session),
        cart_id,
        expires_at: rfc3339(session.expires()),
    };
    answer::json_of(&body, 201)
}
