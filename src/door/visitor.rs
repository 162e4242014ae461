//! Who may pass: origin, then session. Yields a verified [`Visitor`]; what a session may touch is decided by what it
//! touches.

use std::cell::Cell;

use cart_core::id::{CartId, IdempotencyKey, Region, SessionId};
use cart_core::session::{Session, TokenFault};
use cart_core::time::Millis;

use crate::door::place::{named_region, nearest, skew};
use crate::net::breakers::is_healthy;
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::platform::request::{Head, Request};

/// The session's cookie. The prefix makes browsers insist on Secure and Path=/.
pub const COOKIE: &str = "__Host-evercart";

/// The header of a socket's protocols. One of them may be `ticket.` and a ticket, or `token.` and the session's token.
pub const PROTOCOLS: &str = "Sec-WebSocket-Protocol";

/// Where a request comes from and when, verified.
#[derive(Clone)]
pub struct Visitor {
    pub now: Millis,
    /// Moves this request's clock, in development.
    pub skew_ms: i64,
    /// The allowed origin to name in the answer.
    pub origin: Option<String>,
    /// The session, if it has one that lives.
    pub session: Option<Session>,
    /// The session is new or renewed: its token goes out with the answer.
    pub issue: bool,
    /// The session came as a cookie.
    pub by_cookie: bool,
    /// It came by a ticket, which is worth no token.
    pub by_ticket: bool,
    /// The session's token is old enough for another region, if the shopper has come nearer to one.
    pub travels: bool,
    /// The region that this request is for: named in development, else the nearest.
    pub near: Region,
    /// All, in the order of their distance.
    pub order: Vec<Region>,
    /// Whether the request named it.
    pub named: bool,
    /// Where the request was served.
    pub served: Cell<Region>,
    /// Whether a cart was asked.
    pub shown: Cell<bool>,
    /// Whether what was shown may be older than what the session has been shown.
    pub partial: Cell<bool>,
}

impl Visitor {
    /// Checks origin and session of a request.
    pub fn of(request: &Request, config: &Config) -> Result<Self, Problem> {
        let skew_ms = skew(&request.head, config)?;
        let named = named_region(&request.head, config)?;
        let order = match named.or(config.here) {
            Some(region) => config.regions.nearest_to(region),
            None => nearest(request, config),
        };
        let near = order.first().copied();
        let near = near.ok_or_else(|| Problem::misconfigured("REGIONS names no region"))?;
        let now = clock::now(skew_ms);
        let origin = check_origin(&request.head, config)?;
        Ok(Self {
            now,
            skew_ms,
            origin,
            session: None,
            issue: false,
            by_cookie: false,
            by_ticket: false,
            travels: false,
            near,
            order,
            named: named.is_some(),
            served: Cell::new(near),
            shown: Cell::new(false),
            partial: Cell::new(false),
        })
    }

    /// Takes the session of the token, or of the ticket for `socket`, the cart of which one is asked for. Without
    /// either there is none.
    pub fn enter(&mut self, head: &Head, config: &Config, socket: Option<&str>) -> Result<(), Problem> {
        if let Some((cart, ticket)) = socket.zip(protocol(head, "ticket.")) {
            let session = config.signer.ticketed(ticket, cart, self.now).map_err(|_| ticket_invalid())?;
            (self.session, self.by_ticket) = (Some(session), true);
            return Ok(());
        }
        let Some(token) = self.token(head)? else { return Ok(()) };
        let session = config.signer.session(token, self.now).map_err(fault)?;
        // The token stays as it came for this request: dots are derived from its day. The first request of a day
        // renews it, so that the session's root cart is told of that day by this one only.
        let of_before = session.issued.day() < self.now.day();
        self.issue = of_before || self.now > session.issued.plus(config.slide_ms);
        self.travels = self.issue;
        self.session = Some(session);
        Ok(())
    }

    /// The session of the token, also if it has been idle. Whether it lives, its root cart knows.
    pub fn renewable(&mut self, head: &Head, config: &Config) -> Result<Session, Problem> {
        let token = self.token(head)?.ok_or_else(required)?;
        config.signer.renewable(token, self.now).map_err(fault)
    }

    /// The session, or a refusal.
    pub fn session(&self) -> Result<&Session, Problem> {
        self.session.as_ref().ok_or_else(required)
    }

    /// The session, or a new one with a new cart.
    pub fn session_or_new(&mut self, config: &Config) -> Result<&Session, Problem> {
        if self.session.is_none() {
            self.open(config)?;
        }
        self.session()
    }

    /// Opens a new session with a new cart, in the region that is to serve it.
    pub fn open(&mut self, config: &Config) -> Result<&Session, Problem> {
        let failed = |error: worker::Error| Problem::object(&error);
        let region = if self.named || config.here.is_some() {
            config.regions.nearest_open(&self.order)
        } else {
            let luck = clock::random_u64().map_err(failed)?;
            config.regions.assign(&self.order, is_healthy, luck)
        };
        let region = region.unwrap_or(self.near);
        self.session = Some(Session {
            id: SessionId::mint(clock::random().map_err(failed)?),
            root: CartId::mint(region, clock::random().map_err(failed)?),
            region,
            also: Vec::new(),
            nearest: Some(self.near).filter(|near| *near != region),
            opened: self.now,
            issued: self.now,
        });
        self.issue = true;
        self.session()
    }

    /// The region to ask first: the one that serves the session, or, when its token is renewed, the one that
    /// its shopper has travelled to. In development the one named.
    pub fn region(&self, config: &Config) -> Region {
        let travels = |session: &Session| self.travels && session.nearest != Some(self.near);
        match &self.session {
            Some(session) if !travels(session) => self.serving(config),
            _ => self.near,
        }
    }

    /// The region that serves the session, as its token says, wherever its shopper is. In development the one named.
    pub fn serving(&self, config: &Config) -> Region {
        let serves = self.session.as_ref().filter(|session| config.regions.place(session.region).is_some());
        serves.filter(|_| !self.named).map_or(self.near, |session| session.region)
    }

    /// The region that its token names; in development one that is named counts for it.
    pub fn named(&self) -> Option<Region> {
        let session = self.session.as_ref()?;
        Some(if self.named { self.near } else { session.region })
    }

    /// The session as its new token names it, if it is to have one: served where it was now, if all it has been
    /// shown was there. Else the token names that region too, so that no other shows less.
    pub fn renewed(&self) -> Option<Session> {
        let session = self.session.as_ref()?;
        let (served, partial) = (self.served.get(), self.partial.get());
        let shown = self.shown.get() && !self.named;
        let known = session.region == served || session.also.contains(&served);
        let changed =
            shown && if partial { !known } else { session.region != served || !session.also.is_empty() };
        if self.by_ticket || (!self.issue && !changed) {
            return None;
        }
        let mut session = session.renewed(self.now);
        if shown && !partial {
            (session.region, session.also) = (served, Vec::new());
            session.nearest = session.nearest.filter(|near| *near != served);
        } else if shown && !known {
            session.also.push(served);
        }
        Some(session)
    }

    /// The token as it came: the header's before the cookie's.
    fn token<'a>(&mut self, head: &'a Head) -> Result<Option<&'a str>, Problem> {
        if let Some(header) = head.header("Authorization") {
            let (scheme, token) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
            // Any other scheme is for somebody else, the guard of a staging site say.
            if scheme.eq_ignore_ascii_case("bearer") {
                if token.trim().is_empty() {
                    let detail = "send Authorization: Bearer and the session's token";
                    return Err(Problem::new(401, "token_invalid", detail));
                }
                return Ok(Some(token.trim()));
            }
        }
        // A browser's socket has no header of its own. Programs made before there were tickets send this.
        if let Some(token) = protocol(head, "token.") {
            return Ok(Some(token));
        }
        let cookies = head.header("Cookie").unwrap_or_default();
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        let token = pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token);
        self.by_cookie = token.is_some();
        Ok(token)
    }
}

/// What follows a prefix in a socket's protocols.
fn protocol<'a>(head: &'a Head, prefix: &str) -> Option<&'a str> {
    head.header(PROTOCOLS)?.split(',').find_map(|name| name.trim().strip_prefix(prefix))
}

/// The request's idempotency key, and whether the edge made it.
pub fn idempotency_key(head: &Head) -> Result<(IdempotencyKey, bool), Problem> {
    match head.header("Idempotency-Key") {
        Some(key) => Ok((IdempotencyKey::try_from(key.to_owned())?, false)),
        None => {
            let random = clock::random().map_err(|error| Problem::object(&error))?;
            Ok((IdempotencyKey::mint(random), true))
        }
    }
}

fn required() -> Problem {
    Problem::new(
        401,
        "session_required",
        "open a session with POST /v1/sessions and send its token as Authorization: Bearer",
    )
}

fn ticket_invalid() -> Problem {
    let detail =
        "the ticket is not one for this cart, or is older than a minute; ask for another with POST ../live";
    Problem::new(401, "token_invalid", detail)
}

/// The refusal of a token.
pub fn fault(fault: TokenFault) -> Problem {
    match fault {
        TokenFault::Invalid => Problem::new(
            401,
            "token_invalid",
            "the token is not one of this service; open a session with POST /v1/sessions",
        ),
        TokenFault::Expired => Problem::new(
            401,
            "session_expired",
            "the session was idle for too long; renew it with POST /v1/sessions/renew and the same token",
        ),
        TokenFault::Lapsed => Problem::new(
            401,
            "session_lapsed",
            "the session has ended, since none of its devices used it for 30 days; open a new one with POST /v1/sessions",
        ),
    }
}

/// A browser's request from another site.
fn check_origin(head: &Head, config: &Config) -> Result<Option<String>, Problem> {
    let Some(origin) = head.header("Origin") else { return Ok(None) };
    let own = head.url().strip_prefix(origin).is_some_and(|rest| rest.starts_with('/'));
    if own || config.allows(origin) {
        return Ok(Some(origin.to_owned()));
    }
    Err(Problem::new(
        403,
        "origin_refused",
        "this origin may not use the service; the operator can add it to ALLOWED_ORIGINS",
    ))
}
