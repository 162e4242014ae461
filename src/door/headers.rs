//! What every answer carries, and the answer to a browser that asks before it sends.

use cart_core::session::TOKEN_MS;
use cart_core::time::Millis;

use crate::door::visitor::{COOKIE, Visitor};
use crate::platform::answer::{self, Answer};
use crate::platform::config::Config;
use crate::platform::log::PARENT;
use crate::platform::request::Head;

/// What every answer carries.
pub fn common_headers(answer: &mut Answer, head: &Head, config: Option<&Config>, visitor: Option<&Visitor>) {
    if let Some(visitor) = visitor {
        answer.put("Evercart-Region", visitor.served.get().name());
    } else if let Some(here) = config.and_then(|config| config.here) {
        answer.put("Evercart-Region", here.name());
    }
    if let Some(parent) = head.header(PARENT) {
        answer.put(PARENT, parent.to_owned());
    }
    answer.put("X-Content-Type-Options", "nosniff");
    if let Some(origin) = visitor.and_then(|visitor| visitor.origin.as_ref()) {
        answer.put("Access-Control-Allow-Origin", origin.clone());
        answer.put("Access-Control-Allow-Credentials", "true");
        answer.put("Access-Control-Expose-Headers", EXPOSED);
        answer.put("Vary", "Origin");
    }
    if let (Some(config), Some(visitor)) = (config, visitor)
        && let Some(session) = visitor.renewed()
        // Where no replica has answered, nobody has looked whether the session was signed out.
        && answer.status < 400
    {
        let token = config.signer.token(&session);
        // A script that has only the cookie is not given the token.
        if !visitor.by_cookie {
            answer.put("Evercart-Token", token.clone());
        }
        // While another device is in use the session goes on, so it is not for the browser to end it.
        answer.put("Set-Cookie", cookie(&token, TOKEN_MS / Millis::SECOND));
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
pub fn preflight(methods: String) -> Answer {
    let mut answer = answer::empty(204);
    answer.put("Access-Control-Allow-Methods", methods);
    answer.put("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Evercart-Context, Evercart-Region, Evercart-Clock-Skew-Ms, Evercart-Place, Evercart-Show-State, traceparent");
    answer.put("Access-Control-Max-Age", "86400");
    answer
}
