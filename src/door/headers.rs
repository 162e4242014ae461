//! Answers: the view of a cart with its headers, and what every answer carries.

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::replica::{Reply, seen_of};
use cart_core::session::{Session, TOKEN_MS};
use cart_core::time::Millis;
use cart_core::view::{self, Occasion};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasm_bindgen::JsValue;
use worker::{Env, Headers, Request, Response};

use crate::cart::call::Head;
use crate::catalog::d1 as catalog;
use crate::door::visitor::{COOKIE, Visitor};
use crate::platform::config::{CURRENCY, Config};
use crate::platform::log;
use crate::platform::problem::Problem;

/// The longest context sent as a header, in bytes: clients take 8 to 16 KiB of headers in all.
const CONTEXT_HEADER_MAX: usize = 6 * 1_024;

/// A cart as it goes out: the body and what identifies it.
pub struct Shown {
    pub body: String,
    /// Strong: the version, and a digest of all that is shown.
    pub etag: String,
    pub version: String,
    pub context: String,
}

/// Prices and words for the state of a reply.
pub async fn show(
    env: &Env,
    config: &Config,
    cart_id: &CartId,
    reply: &Reply,
    region: Region,
    now: Millis,
) -> Result<Shown, Problem> {
    let cart = Cart::from_bytes(&reply.cart)?;
    let offers = catalog::offers(env, cart.lines().map(|(key, _)| &*key.sku), now).await;
    let context = config.signer.context(cart_id, &seen_of(&cart));
    let occasion = Occasion {
        cart_id,
        region,
        context: context.clone(),
        partial: reply.partial,
        updated_at: rfc3339(reply.updated),
        currency: CURRENCY,
    };
    let view = view::view(&cart, occasion, &offers, &config.limits);
    let body = serde_json::to_string(&view).map_err(|error| Problem::object(&error.into()))?;
    let digest: [u8; 32] = Sha256::digest(body.as_bytes()).into();
    Ok(Shown {
        etag: format!("\"{}.{}\"", view.version, base16ct::lower::encode_string(&digest[..8])),
        body,
        version: view.version,
        context,
    })
}

impl Shown {
    /// The answer: 304 or 204 where the request asked for no more, else the view with `status`.
    pub fn response(self, request: &Request, status: u16) -> Result<Response, Problem> {
        let header = |name: &str| request.headers().get(name).ok().flatten().unwrap_or_default();
        let reads = matches!(request.method(), worker::Method::Get | worker::Method::Head);
        let matches = reads && etag_matches(&header("If-None-Match"), &self.etag);
        let prefers = header("Prefer").split(',').any(|preference| preference.trim() == "return=minimal");
        // A preference only: a client whose headers are bounded would not get the answer at all.
        let minimal = prefers && !reads && self.context.len() <= CONTEXT_HEADER_MAX;
        let response = if matches {
            Response::empty().map(|response| response.with_status(304))
        } else if minimal {
            Response::empty().map(|response| response.with_status(204))
        } else {
            json(&self.body, status)
        };
        let response = response.map_err(|error| Problem::object(&error))?;
        let mut set = Setter(response.headers());
        set.put("ETag", &self.etag);
        set.put("Cache-Control", "private, no-cache");
        if matches || minimal {
            set.put("Evercart-Version", &self.version);
        }
        // Who is told that nothing has changed has the context of what it has.
        if (matches || minimal) && self.context.len() <= CONTEXT_HEADER_MAX {
            set.put("Evercart-Context", &self.context);
        }
        if minimal {
            set.put("Preference-Applied", "return=minimal");
        }
        Ok(response)
    }
}

/// Whether a list of entity tags, or `*`, names this one, weakly as `If-None-Match` does (RFC 9110, 13.1.2).
pub fn etag_matches(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|there| there == "*" || there.trim_start_matches("W/") == etag)
}

/// The versions that `If-Match` names (RFC 9110, 13.1.1), with commas between: of each entity tag its first part. `None`
/// for `*`, which any cart matches; a weak tag names none.
pub fn versions_of(list: &str) -> Option<String> {
    let tags = || list.split(',').map(str::trim);
    if tags().any(|tag| tag == "*") {
        return None;
    }
    let version = |tag: &str| Some(tag.strip_prefix('"')?.strip_suffix('"')?.split_once('.')?.0.to_owned());
    Some(tags().filter_map(version).collect::<Vec<_>>().join(","))
}

/// What the replica said of itself: where it stands, and in development what it cost.
pub fn replica_headers(response: &Response, reply: &Reply, head: &Head, config: &Config) {
    let mut set = Setter(response.headers());
    set.put("Evercart-Sequence", &reply.sequence.to_string());
    set.put("Evercart-Time", &format!("{}.{}", reply.time.millis().0, reply.time.count()));
    if config.development {
        let (now, all) = (head.rows, head.rows_since_wake);
        set.put("Evercart-Rows", &format!("read={} written={}", now.read, now.written));
        set.put("Evercart-Rows-Since-Wake", &format!("read={} written={}", all.read, all.written));
        #[cfg(target_arch = "wasm32")]
        set.put("Evercart-Memory", &(core::arch::wasm32::memory_size(0) * 65_536).to_string());
    }
}

/// In development, the whole state that an answer is of: what an account of edits needs to know of what they saw.
pub fn state_header(response: &Response, reply: &Reply) {
    Setter(response.headers()).put("Evercart-State", &Base64Unpadded::encode_string(&reply.cart));
}

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
pub fn preflight(methods: &str) -> worker::Result<Response> {
    let response = Response::empty()?.with_status(204);
    let mut set = Setter(response.headers());
    set.put("Access-Control-Allow-Methods", methods);
    set.put("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Evercart-Context, Evercart-Region, Evercart-Clock-Skew-Ms, Evercart-Place, Evercart-Show-State, traceparent");
    set.put("Access-Control-Max-Age", "86400");
    Ok(response)
}

/// A session as JSON.
pub fn session(config: &Config, session: &Session, cart_id: &CartId) -> worker::Result<Response> {
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
    json_of(&body, 201)
}

/// A JSON answer that is not kept anywhere.
pub fn json_of<T: Serialize>(body: &T, status: u16) -> worker::Result<Response> {
    let response = json(&serde_json::to_string(body)?, status)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}

fn json(body: &str, status: u16) -> worker::Result<Response> {
    let response = Response::from_bytes(body.as_bytes().to_vec())?.with_status(status);
    response.headers().set("Content-Type", "application/json")?;
    Ok(response)
}

/// A moment as RFC 3339 in UTC, of the year 9999 at the latest.
pub fn rfc3339(at: Millis) -> String {
    const LAST: Millis = Millis(253_402_300_799_999);
    js_sys::Date::new(&JsValue::from_f64(at.min(LAST).0 as f64)).to_iso_string().into()
}

/// Sets headers of a fresh response; their names and values are ours and valid.
pub struct Setter<'a>(pub &'a Headers);

impl Setter<'_> {
    pub fn put(&mut self, name: &str, value: &str) {
        if let Err(error) = self.0.set(name, value) {
            log::failed(&format!("set the header {name}"), &error, "the answer goes out without it");
        }
    }
}
