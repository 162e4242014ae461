//! Who may pass: origin, then session. Yields a verified [`Visitor`]; what a session may touch is decided
//! by the cart itself.

use cart_core::id::{CartId, IdempotencyKey, SessionId};
use cart_core::replica::Caller;
use cart_core::session::{SLIDE_MS, Session, TokenFault};
use cart_core::time::Millis;
use worker::{Headers, Request};

use crate::config::Config;
use crate::error::Problem;
use crate::sys;

/// The session's cookie. The prefix makes browsers insist on Secure and Path=/.
pub const COOKIE: &str = "__Host-evercart";

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
}

impl Visitor {
    /// Checks origin and session of a request.
    pub fn of(request: &Request, config: &Config) -> Result<Self, Problem> {
        let headers = request.headers();
        let skew_ms = skew(headers, config)?;
        check_region(headers, config)?;
        let now = sys::now(skew_ms);
        let origin = check_origin(request, config)?;
        Ok(Self { now, skew_ms, origin, session: None, issue: false, by_cookie: false })
    }

    /// Takes the session of the token. Without a token there is none.
    pub fn enter(&mut self, headers: &Headers, config: &Config) -> Result<(), Problem> {
        let Some(token) = self.token(headers)? else { return Ok(()) };
        let session = config.signer.session(&token, self.now).map_err(fault)?;
        // The token stays as it came for this request: dots are derived from its day.
        self.issue = self.now > session.issued.plus(SLIDE_MS);
        self.session = Some(session);
        Ok(())
    }

    /// The session of the token, also if it has been idle.
    pub fn renewable(&mut self, headers: &Headers, config: &Config) -> Result<Session, Problem> {
        let token = self.token(headers)?.ok_or_else(required)?;
        config.signer.renewable(&token, self.now).map_err(fault)
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

    /// Opens a new session with a new cart.
    pub fn open(&mut self, config: &Config) -> Result<&Session, Problem> {
        let failed = |error: worker::Error| Problem::object(&error);
        self.session = Some(Session {
            id: SessionId::mint(sys::random().map_err(failed)?),
            root: CartId::mint(config.region, sys::random().map_err(failed)?),
            region: config.region,
            opened: self.now,
            issued: self.now,
        });
        self.issue = true;
        self.session()
    }

    /// The token as it came: the header's before the cookie's.
    fn token(&mut self, headers: &Headers) -> Result<Option<String>, Problem> {
        if let Some(header) = headers.get("Authorization").ok().flatten() {
            let (scheme, token) = header.split_once(' ').unwrap_or((&header, ""));
            if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
                let detail = "send Authorization: Bearer and the session's token";
                return Err(Problem::new(401, "token_invalid", detail));
            }
            return Ok(Some(token.trim().to_owned()));
        }
        let cookies = headers.get("Cookie").ok().flatten().unwrap_or_default();
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        let token = pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token.to_owned());
        self.by_cookie = token.is_some();
        Ok(token)
    }
}

/// A session as a replica's caller. `issued` is that of the token that came: a sign-out ends it.
pub fn caller(session: &Session, current: bool) -> Caller {
    Caller::Session { id: session.id.clone(), root: session.root.clone(), issued: session.issued, current }
}

/// The request's idempotency key, and whether the edge made it.
pub fn idempotency_key(headers: &Headers) -> Result<(IdempotencyKey, bool), Problem> {
    match headers.get("Idempotency-Key").ok().flatten() {
        Some(key) => Ok((IdempotencyKey::try_from(key)?, false)),
        None => {
            let random = sys::random().map_err(|error| Problem::object(&error))?;
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

fn fault(fault: TokenFault) -> Problem {
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
    }
}

fn skew(headers: &Headers, config: &Config) -> Result<i64, Problem> {
    let Some(text) = headers.get("Evercart-Clock-Skew-Ms").ok().flatten().filter(|_| config.development)
    else {
        return Ok(0);
    };
    text.parse().map_err(|_| Problem::invalid("Evercart-Clock-Skew-Ms", "use a whole number of milliseconds"))
}

/// In development the caller may name the region. One is in use so far.
fn check_region(headers: &Headers, config: &Config) -> Result<(), Problem> {
    match headers.get("Evercart-Region").ok().flatten().filter(|_| config.development) {
        Some(name) if name != config.region.name() => Err(Problem::invalid(
            "Evercart-Region",
            format!("is {name:?}; the region in use is {}", config.region),
        )),
        _ => Ok(()),
    }
}

/// A browser's request from another site: any in development, those of the list in production.
fn check_origin(request: &Request, config: &Config) -> Result<Option<String>, Problem> {
    let Some(origin) = request.headers().get("Origin").ok().flatten() else { return Ok(None) };
    let own = request.inner().url().strip_prefix(&origin).is_some_and(|rest| rest.starts_with('/'));
    if own || config.development || config.origins.contains(&origin) {
        return Ok(Some(origin));
    }
    Err(Problem::new(
        403,
        "origin_refused",
        "this origin may not use the service; the operator can add it to ALLOWED_ORIGINS",
    ))
}
