//! Whether a session lives, and that it was used: both are known to its root cart.

use std::rc::Rc;

use cart_core::id::Region;
use cart_core::replica::{Input, ReplyKind};
use cart_core::session::{Session, TokenFault};
use futures_util::future::join_all;
use worker::{Context, Env};

use crate::cart::call::{Call, caller, send};
use crate::door::exchange::Exchange;
use crate::door::visitor::{Visitor, fault};
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;

/// Refuses a session of which no device has been seen for too long. A token of these days says enough itself;
/// of an older one any region may know that another device is in use, so none is left out.
pub async fn must_live(exchange: &Exchange<'_>, session: &Session) -> Result<(), Problem> {
    let (config, visitor) = (exchange.config, &exchange.visitor);
    let now = visitor.now;
    if !session.is_lapsed(None, now) {
        return Ok(());
    }
    let ask = async |region: Region| {
        let root = session.root.clone();
        let call = Call::of_service(root, region, Input::LastUse, visitor.skew_ms);
        send(exchange.env, config, visitor.near, &call).await
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
        return Err(fault(TokenFault::Lapsed));
    }
    let detail = "whether the session has ended is not known, since a region cannot be reached; try again";
    Err(Problem::retry(503, "region_unreachable", detail))
}

/// Tells the session's root cart that it was used today, behind the answer and whatever becomes of it: once a day for
/// each device, when the token of a day before is renewed.
pub fn note_use(context: &Context, env: &Env, config: &Rc<Config>, visitor: &Visitor) {
    let of_before = |session: &&Session| session.issued.day() < visitor.now.day() && !visitor.by_ticket;
    let Some(session) = visitor.session.as_ref().filter(of_before) else { return };
    let call = Call {
        caller: caller(session, false),
        ..Call::of_service(session.root.clone(), visitor.near, Input::Use, visitor.skew_ms)
    };
    let (env, config, near) = (env.clone(), Rc::clone(config), visitor.near);
    let regions = config.regions.nearest_to(visitor.region(&config));
    context.wait_until(log::within(log::Work::present(), async move {
        for region in regions {
            match send(&env, &config, near, &Call { region, ..call.clone() }).await {
                Err(problem) if problem.elsewhere() => {}
                _ => return,
            }
        }
    }));
}
