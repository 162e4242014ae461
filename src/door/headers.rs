//! What every answer carries, and the answer to a browser that asks before it sends.

use cart_core::session::TOKEN_MS;
use cart_core::time::Millis;
use worker::{Request, Response};

use crate::door::visitor::{COOKIE, Visitor};
use crate::platform::answer::{self, Setter};
use crate::platform::config::Config;
use crate::platform::problem::Problem;

/// What every answer carries.
pub fn common_headers(
    response: &Response,
    request: &Request,
    config: Option<&Config>,
    visitor: Option<&Visitor>,
) {
    let mut set = Setter(response.headers());
    if let Some(visitor) = visitor {
        set.put("Evercart-Region", visitor.served.get().name());
    } else if let Some(here) = config.and_then(|config| config.here) {
        set.put("Evercart-Region", here.name());
    }
    if let Ok(Some(parent)) = request.headers().get("traceparent") {
        set.put("traceparent", &parent);
    }
    set.put("X-Content-Type-Options", "nosniff");
    if let Some(origin) = visitor.and_then(|visitor| visitor.origin.as_ref()) {
        set.put("Access-Control-Allow-Origin", origin);
        set.put("Access-Control-Allow-Credentials", "true");
        set.put("Access-Control-Expose-Headers", EXPOSED);
        set.put("Vary", "Origin");
    }
    if let (Some(config), Some(visitor)) = (config, visitor)
        && let Some(session) = visitor.renewed()
        // Where no replica has answered, nobody has looked whether the session was signed out.
        && response.status_code() < 400
    {
        let token = config.signer.token(&session);
        // A script that has only the cookie is not given the token.
        if !visitor.by_cookie {
            set.put("Evercart-Token", &token);
        }
        // While another device is in use the session goes on, so it is not for the browser to end it.
        set.put("Set-Cookie", &cookie(&token, TOKEN_MS / Millis::SECOND));
    }
}

const EXPOSED: &str = "ETag, Location, Retry-After, Evercart-Region, Evercart-Token, Evercart-Context, \
    Evercart-Version, Evercart-Sequence, Evercart-Time, Idempotency-Key, Idempotency-Replayed, Preference-Applied, \
    Evercart-Rows, Evercart-Rows-Since-Wake, Evercart-State, traceparent";

/// The cookie of a token, for so many seconds; 0 takes it away.
pub fn cookie(token: &str, age_s: u64) -> String {
    format!("{COOKIE}={token}; Path=/; Max-Age={age_s}; Secure; HttpOnly; SameSite=Lax")
}

/// The answer to a browser that asks before it sends.
pub fn preflight(methods: &str) -> Result<Response, Problem> {
    let response = answer::empty(204)?;
    let mut set = Setter(response.headers());
    set.put("Access-Control-Allow-Methods", methods);
    set.put("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Evercart-Context, Evercart-Region, Evercart-Clock-Skew-Ms, Evercart-Place, Evercart-Show-State, traceparent");
    set.put("Access-Control-Max-Age", "86400");
    Ok(response)
}
