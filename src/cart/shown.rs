//! A cart as it is shown: its view with prices, what identifies it, and what its replica said of itself.

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::replica::{Reply, ReplyKind, seen_of};
use cart_core::time::Millis;
use cart_core::view::{self, Occasion, Offers};
use sha2::{Digest as _, Sha256};
use worker::{Env, Request, Response};

use crate::cart::call::Head;
use crate::catalog::call::offers;
use crate::door::exchange::Exchange;
use crate::platform::answer::{self, Setter, rfc3339};
use crate::platform::config::{CURRENCY, Config};
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

/// Prices and words for the state of a reply. What is `known` already the catalog is not asked for again.
pub async fn show(
    env: &Env,
    config: &Config,
    cart_id: &CartId,
    reply: &Reply,
    region: Region,
    now: Millis,
    known: Offers,
) -> Result<Shown, Problem> {
    let cart = Cart::from_bytes(&reply.cart)?;
    let skus = cart.lines().map(|(key, _)| &*key.sku);
    let offers = offers(env, known, skus, now).await;
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
        const KEPT: &str = "private, no-cache";
        let response = if matches {
            answer::empty(304)?
        } else if minimal {
            answer::empty(204)?
        } else {
            answer::json(self.body.into_bytes(), status, KEPT)?
        };
        let mut set = Setter(response.headers());
        set.put("ETag", &self.etag);
        if matches || minimal {
            set.put("Cache-Control", KEPT);
        }
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
fn etag_matches(list: &str, etag: &str) -> bool {
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
fn state_header(response: &Response, reply: &Reply) {
    Setter(response.headers()).put("Evercart-State", &Base64Unpadded::encode_string(&reply.cart));
}

impl Exchange<'_> {
    /// The view after a call.
    pub(super) async fn view(
        &self,
        cart_id: &CartId,
        reply: &Reply,
        head: &Head,
        status: u16,
        known: Offers,
    ) -> Result<Response, Problem> {
        let shown = show(self.env, self.config, cart_id, reply, head.region, self.visitor.now, known).await?;
        let response = shown.response(self.request, status)?;
        replica_headers(&response, reply, head, self.config);
        if self.config.development && self.request.headers().has("Evercart-Show-State").unwrap_or(false) {
            state_header(&response, reply);
        }
        Ok(response)
    }
}

/// Whether an answer is of an edit that was done before.
pub fn is_replayed(reply: &Reply) -> bool {
    matches!(reply.kind, ReplyKind::State { replayed: true, .. })
}
