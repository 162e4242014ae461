//! A cart as it is shown: its view with prices, what identifies it, and what its replica said of itself.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hasher as _};
use std::num::NonZeroUsize;
use std::rc::Rc;

use base64ct::{Base64Unpadded, Encoding as _};
use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::replica::{Reply, ReplyKind};
use cart_core::time::Millis;
use cart_core::view::{self, Occasion, Offers};
use lru::LruCache;
use worker::Env;

use crate::cart::call::Head;
use crate::catalog::call::offers;
use crate::door::exchange::Exchange;
use crate::platform::answer::{self, Answer, rfc3339};
use crate::platform::config::{CURRENCY, Config};
use crate::platform::problem::Problem;
use crate::platform::request::Head as Asked;

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

/// How many views are kept, and of how many bytes at most: 4 MB in all.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(256).unwrap();
const KEPT_BYTES_MAX: usize = 16 * 1_024;

thread_local! {
    /// What this isolate has shown lately, by the cart's id: who looks again whether something has changed gets it again.
    static KEPT: RefCell<LruCache<String, Kept>> = RefCell::new(LruCache::new(KEPT_MAX));
}

/// A view, with all that it was made of but the catalog, and from when until when that would give the same.
struct Kept {
    state: Vec<u8>,
    region: Region,
    partial: bool,
    updated: Millis,
    from: Millis,
    until: Millis,
    shown: Rc<Shown>,
}

impl Kept {
    fn is_of(&self, reply: &Reply, region: Region, now: Millis) -> bool {
        let same = (self.region, self.partial, self.updated) == (region, reply.partial, reply.updated);
        same && self.from <= now && now < self.until && self.state == reply.cart
    }
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
) -> Result<Rc<Shown>, Problem> {
    let kept = KEPT.with_borrow_mut(|kept| {
        let kept = kept.get(cart_id.as_str()).filter(|kept| kept.is_of(reply, region, now))?;
        Some(Rc::clone(&kept.shown))
    });
    if let Some(shown) = kept {
        return Ok(shown);
    }
    let (shown, until) = make(env, config, cart_id, reply, region, now, known).await?;
    let shown = Rc::new(shown);
    if now < until && shown.body.len() <= KEPT_BYTES_MAX {
        let (state, partial, updated) = (reply.cart.clone(), reply.partial, reply.updated);
        let kept = Kept { state, region, partial, updated, from: now, until, shown: Rc::clone(&shown) };
        KEPT.with_borrow_mut(|all| all.put(cart_id.as_str().to_owned(), kept));
    }
    Ok(shown)
}

/// The view, and until when it would be the same.
async fn make(
    env: &Env,
    config: &Config,
    cart_id: &CartId,
    reply: &Reply,
    region: Region,
    now: Millis,
    known: Offers,
) -> Result<(Shown, Millis), Problem> {
    let cart = Cart::from_bytes(&reply.cart)?;
    let skus = cart.lines().map(|(key, _)| &*key.sku);
    let (offers, until) = offers(env, known, skus, now).await;
    let (seen, version) = cart.seen_and_version();
    let context = config.signer.context(cart_id, &seen);
    let occasion = Occasion {
        cart_id,
        region,
        version,
        context: context.clone(),
        partial: reply.partial,
        updated_at: rfc3339(reply.updated),
        currency: CURRENCY,
    };
    let view = view::view(&cart, occasion, &offers, &config.limits);
    let body = serde_json::to_string(&view).map_err(|error| Problem::object(&error.into()))?;
    let etag = format!("\"{}.{:016x}\"", view.version, digest_of(&body));
    Ok((Shown { etag, body, version: view.version, context }, until))
}

/// What an entity tag says of all that is shown, which need not be kept from anybody who would have two views with one
/// tag: they are that shopper's own. A build after this may hash otherwise: then who asks gets the view once more.
fn digest_of(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body.as_bytes());
    hasher.finish()
}

impl Shown {
    /// The answer: 304 or 204 where the request asked for no more, else the view with `status`.
    pub fn answer(&self, asked: &Asked, status: u16) -> Answer {
        let header = |name: &str| asked.header(name).unwrap_or_default();
        let reads = matches!(asked.method(), "GET" | "HEAD");
        let matches = reads && etag_matches(header("If-None-Match"), &self.etag);
        let prefers = header("Prefer").split(',').any(|preference| preference.trim() == "return=minimal");
        // A preference only: a client whose headers are bounded would not get the answer at all.
        let minimal = prefers && !reads && self.context.len() <= CONTEXT_HEADER_MAX;
        const KEPT: &str = "private, no-cache";
        let mut answer = if matches {
            answer::empty(304)
        } else if minimal {
            answer::empty(204)
        } else {
            answer::json(self.body.clone().into_bytes(), status, KEPT)
        };
        answer.put("ETag", self.etag.clone());
        if matches || minimal {
            answer.put("Cache-Control", KEPT);
            answer.put("Evercart-Version", self.version.clone());
        }
        // Who is told that nothing has changed has the context of what it has.
        if (matches || minimal) && self.context.len() <= CONTEXT_HEADER_MAX {
            answer.put("Evercart-Context", self.context.clone());
        }
        if minimal {
            answer.put("Preference-Applied", "return=minimal");
        }
        answer
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
pub fn replica_headers(answer: &mut Answer, reply: &Reply, head: &Head, config: &Config) {
    answer.put("Evercart-Sequence", reply.sequence.to_string());
    answer.put("Evercart-Time", format!("{}.{}", reply.time.millis().0, reply.time.count()));
    if config.development {
        let (now, all) = (head.rows, head.rows_since_wake);
        answer.put("Evercart-Rows", format!("read={} written={}", now.read, now.written));
        answer.put("Evercart-Rows-Since-Wake", format!("read={} written={}", all.read, all.written));
        #[cfg(target_arch = "wasm32")]
        answer.put("Evercart-Memory", (core::arch::wasm32::memory_size(0) * 65_536).to_string());
    }
}

/// In development, the whole state that an answer is of: what an account of edits needs to know of what they saw.
fn state_header(answer: &mut Answer, reply: &Reply) {
    answer.put("Evercart-State", Base64Unpadded::encode_string(&reply.cart));
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
    ) -> Result<Answer, Problem> {
        let shown = show(self.env, self.config, cart_id, reply, head.region, self.visitor.now, known).await?;
        let mut answer = shown.answer(&self.request.head, status);
        replica_headers(&mut answer, reply, head, self.config);
        if self.config.development && self.header("Evercart-Show-State").is_some() {
            state_header(&mut answer, reply);
        }
        Ok(answer)
    }
}

/// Whether an answer is of an edit that was done before.
pub fn is_replayed(reply: &Reply) -> bool {
    matches!(reply.kind, ReplyKind::State { replayed: true, .. })
}
