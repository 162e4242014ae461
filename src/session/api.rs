//! Opening, renewing and ending a session.

use cart_core::id::Region;
use cart_core::replica::{Input, ReplyKind};
use cart_core::session::{Session, TokenFault};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use worker::{Context, Env, Response};

use crate::cart::asked::Empty;
use crate::cart::call::Call;
use crate::door::headers::{self as respond, Setter};
use crate::door::visitor::{self as guard, Visitor};
use crate::net::peers as transport;
use crate::platform::body;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::serve::{Exchange, odd_reply, ours};

/// How many carts of a session are told at a time that it was signed out: a Worker has six connections.
const SIGN_OUTS_AT_ONCE: usize = 6;

impl Exchange<'_> {
    pub(crate) async fn open_session(&mut self) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.open(self.config)?.clone();
        respond::session(self.config, &session, &session.root).map_err(ours)
    }

    pub(crate) async fn renew_session(&mut self) -> Result<Response, Problem> {
        let Empty {} = body::json(self.request).await?;
        let session = self.visitor.renewable(self.request.headers(), self.config)?;
        // Whoever renews may have travelled: what was shown elsewhere is asked for there.
        (self.visitor.session, self.visitor.travels) = (Some(session.clone()), true);
        let newest = match self.newest(&session).await {
            // Every cart was erased: the session goes on, and makes a new one.
            Err(problem) if problem.status == 404 => session.root.clone(),
            newest => newest?.0,
        };
        self.must_live(&session).await?;
        self.visitor.issue = true;
        let renewed = self.visitor.renewed().unwrap_or(session);
        respond::session(self.config, &renewed, &newest).map_err(ours)
    }

    /// Ends the session, whose token may have been idle. A cookie that opens nothing any more goes as well, so that a
    /// browser is not left with it.
    pub(crate) async fn end_session(&mut self) -> Result<Response, Problem> {
        let signed_out = self.sign_out().await;
        self.visitor.session = None;
        let response = match signed_out {
            Ok(()) => Response::empty().map(|response| response.with_status(204)),
            Err(problem) if problem.status == 401 => problem.response(),
            Err(problem) => return Err(problem),
        };
        let response = response.map_err(ours)?;
        Setter(response.headers()).put("Set-Cookie", &respond::cookie("", 0));
        Ok(response)
    }

    /// Once the root has it, it is done: it is what renewal asks, and it tells the others by itself until each has
    /// answered. That they are told here as well is for who looks on, so nothing fails by it.
    async fn sign_out(&mut self) -> Result<(), Problem> {
        let session = self.visitor.renewable(self.request.headers(), self.config)?;
        self.visitor.session = Some(session.clone());
        let (reply, _) = self.call_as(&session, &session.root, Input::SignOut).await?;
        let ReplyKind::Carts(carts) = reply.kind else { return Err(odd_reply()) };
        let others = carts.iter().filter(|cart| **cart != session.root);
        let told = others.map(|cart| self.call_as(&session, cart, Input::SignOut));
        stream::iter(told).buffer_unordered(SIGN_OUTS_AT_ONCE).for_each(|_| async {}).await;
        Ok(())
    }

    /// Refuses a session of which no device has been seen for too long. A token of these days says enough itself;
    /// of an older one any region may know that another device is in use, so none is left out.
    pub(crate) async fn must_live(&self, session: &Session) -> Result<(), Problem> {
        let (config, now) = (self.config, self.visitor.now);
        if !session.is_lapsed(None, now) {
            return Ok(());
        }
        let ask = async |region: Region| {
            let root = session.root.clone();
            let call = Call::of_service(root, region, Input::LastUse, self.visitor.skew_ms);
            transport::send(self.env, config, self.visitor.near, &call).await
        };
        let mut all_know = true;
        let regions = config.regions.places.iter().map(|place| place.region);
        for answer in join_all(regions.map(ask)).await {
            match answer.map(|(reply, _)| (reply.kind, reply.partial)) {
                Ok((ReplyKind::LastUse(last), _)) if !session.is_lapsed(last, now) => return Ok(()),
                Ok((_, partial)) => all_know &= !partial,
                Err(_) => all_know = false,
            }
        }
        if all_know {
            return Err(guard::fault(TokenFault::Lapsed));
        }
        let detail =
            "whether the session has ended is not known, since a region cannot be reached; try again";
        Err(Problem::retry(503, "region_unreachable", detail))
    }
}

/// Tells the session's root cart that it was used today, behind the answer and whatever becomes of it: once a day for
/// each device, when the token of a day before is renewed.
pub(crate) fn note_use(context: &Context, env: &Env, config: &Config, visitor: &Visitor) {
    let of_before = |session: &&Session| session.issued.day() < visitor.now.day() && !visitor.by_ticket;
    let Some(session) = visitor.session.as_ref().filter(of_before) else { return };
    let call = Call {
        caller: guard::caller(session, false),
        ..Call::of_service(session.root.clone(), visitor.near, Input::Use, visitor.skew_ms)
    };
    let (env, config, near) = (env.clone(), config.clone(), visitor.near);
    let regions = config.regions.nearest_to(visitor.region(&config));
    context.wait_until(log::within(log::Work::present(), async move {
        for region in regions {
            match transport::send(&env, &config, near, &Call { region, ..call.clone() }).await {
                Err(problem) if problem.elsewhere() => {}
                _ => return,
            }
        }
    }));
}
