//! Opening, renewing and ending a session.

use cart_core::replica::{Input, ReplyKind};
use worker::Response;

use super::asked::Empty;
use super::{Exchange, odd_reply, ours};
use crate::body;
use crate::error::Problem;
use crate::respond::{self, Setter};

impl Exchange<'_> {
    pub(super) async fn open_session(&mut self) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.open(self.config)?.clone();
        respond::session(self.config, &session, &session.root).map_err(ours)
    }

    pub(super) async fn renew_session(&mut self) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.renewable(self.request.headers(), self.config)?;
        // Whoever renews may have travelled: what was shown elsewhere is asked for there.
        (self.visitor.session, self.visitor.travels) = (Some(session.clone()), true);
        let newest = match self.newest(&session).await {
            // Every cart was erased: the session goes on, and makes a new one.
            Err(problem) if problem.status == 404 => session.root.clone(),
            newest => newest?.0,
        };
        self.visitor.issue = true;
        let renewed = self.visitor.renewed().unwrap_or(session);
        respond::session(self.config, &renewed, &newest).map_err(ours)
    }

    pub(super) async fn end_session(&mut self) -> Result<Response, Problem> {
        let session = self.visitor.session()?.clone();
        let (reply, _) = self.call_as(&session, &session.root, Input::Carts).await?;
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        for cart in carts.iter().filter(|cart| **cart != session.root) {
            self.call_as(&session, cart, Input::SignOut).await?;
        }
        // The root last: it is what renewal asks.
        self.call_as(&session, &session.root, Input::SignOut).await?;
        self.visitor.session = None;
        let response = Response::empty().map_err(ours)?.with_status(204);
        Setter(response.headers()).put("Set-Cookie", &respond::cookie("", 0));
        Ok(response)
    }
}
