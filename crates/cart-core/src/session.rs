//! Sessions and contexts as signed text: nothing is kept for them on the server. Both are HMAC-SHA-256
//! over a purpose and the payload, compared in constant time.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::id::{CartId, Region, SessionId};
use crate::reject::Reject;
use crate::time::{Day, Millis};

/// How long a session lives without a request, in milliseconds.
pub const IDLE_MS: u64 = 30 * 60 * Millis::SECOND;
/// How long a session lives after its last use by any of its devices, in milliseconds. Its root cart knows of that.
pub const RENEW_MS: u64 = 30 * Millis::DAY;
/// How old a token may be at all, in milliseconds: an older one opens and ends nothing, whatever the session did since.
pub const TOKEN_MS: u64 = 365 * Millis::DAY;
/// How long a ticket opens a socket, in milliseconds.
pub const TICKET_MS: u64 = 60 * Millis::SECOND;
/// A token older than this is renewed on the way, in milliseconds.
pub const SLIDE_MS: u64 = 5 * 60 * Millis::SECOND;
/// How old a call between regions may be, in milliseconds: repeated later, it is refused.
pub const PEER_MS: u64 = 5 * 60 * Millis::SECOND;
const MAC_BYTES: usize = 16;

/// What a session's token says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The session.
    #[serde(rename = "s")]
    pub id: SessionId,
    /// The cart it was born with.
    #[serde(rename = "c")]
    pub root: CartId,
    /// The region that serves it.
    #[serde(rename = "r")]
    pub region: Region,
    /// Other regions that have shown it its carts, and of which not all may have come to the one that serves it.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Region>,
    /// The region nearest to the shopper at opening, where another serves it by its share: going there is no travel.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Region>,
    /// When it was opened.
    #[serde(rename = "o")]
    pub opened: Millis,
    /// When this token was issued: its day is that of the actors derived from it.
    #[serde(rename = "i")]
    pub issued: Millis,
}

impl Session {
    /// The day of derived actors.
    pub fn day(&self) -> Day {
        self.issued.day()
    }

    /// When the token ends unless it is renewed.
    pub fn expires(&self) -> Millis {
        self.issued.plus(IDLE_MS)
    }

    /// Whether it has ended for want of use, if `last` was the last by any of its devices as far as is known: the issue
    /// of this token is a use.
    pub fn is_lapsed(&self, last: Option<Millis>, now: Millis) -> bool {
        now > self.issued.max(last.unwrap_or_default()).plus(RENEW_MS)
    }

    /// The same session, issued anew.
    pub fn renewed(&self, now: Millis) -> Self {
        Self { issued: now.max(self.issued), ..self.clone() }
    }
}

/// Why a token opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenFault {
    /// Not made by this service.
    Invalid,
    /// Idle for too long; it can be renewed.
    Expired,
    /// The session has ended for want of use.
    Lapsed,
}

/// The secret that signs.
#[derive(Clone)]
pub struct Signer {
    /// With the secret as its key.
    keyed: Hmac<Sha256>,
}

impl Signer {
    /// The least bytes of a secret.
    pub const SECRET_BYTES_MIN: usize = 32;

    /// From a secret of at least 32 bytes; `None` if it is shorter.
    pub fn new(secret: &[u8]) -> Option<Self> {
        let keyed = Hmac::new_from_slice(secret).ok()?;
        (secret.len() >= Self::SECRET_BYTES_MIN).then_some(Self { keyed })
    }

    /// The token of a session.
    pub fn token(&self, session: &Session) -> String {
        let payload = serde_json::to_vec(session).expect("a session is a JSON value");
        self.seal("session", &payload)
    }

    /// Reads a token that is not idle for too long.
    ///
    /// # Errors
    /// The fault.
    pub fn session(&self, token: &str, now: Millis) -> Result<Session, TokenFault> {
        let session = self.renewable(token, now)?;
        if now > session.expires() {
            return Err(TokenFault::Expired);
        }
        Ok(session)
    }

    /// Reads a token that may still be renewed: whether its session lives, its root cart knows.
    ///
    /// # Errors
    /// The fault.
    pub fn renewable(&self, token: &str, now: Millis) -> Result<Session, TokenFault> {
        let payload = self.open("session", token).ok_or(TokenFault::Invalid)?;
        let session: Session = serde_json::from_slice(&payload).map_err(|_| TokenFault::Invalid)?;
        if now > session.issued.plus(TOKEN_MS) {
            return Err(TokenFault::Lapsed);
        }
        Ok(session)
    }

    /// What opens a socket of the cart that `path` names, for a minute, and nothing else: it goes where logs may keep
    /// it, which a token must not.
    pub fn ticket(&self, session: &Session, path: &str, now: Millis) -> String {
        let payload = serde_json::to_vec(session).expect("a session is a JSON value");
        format!("{}.{}", now.0, self.seal(&ticket_for(path, now), &payload))
    }

    /// Reads a ticket for the cart that `path` names.
    ///
    /// # Errors
    /// The fault.
    pub fn ticketed(&self, ticket: &str, path: &str, now: Millis) -> Result<Session, TokenFault> {
        let (at, sealed) = ticket.split_once('.').ok_or(TokenFault::Invalid)?;
        let at = at.parse().map(Millis).map_err(|_| TokenFault::Invalid)?;
        let payload = self.open(&ticket_for(path, at), sealed).ok_or(TokenFault::Invalid)?;
        let session: Session = serde_json::from_slice(&payload).map_err(|_| TokenFault::Invalid)?;
        if now > at.plus(TICKET_MS).min(session.expires()) {
            return Err(TokenFault::Expired);
        }
        Ok(session)
    }

    /// The text of a view's context.
    pub fn context(&self, cart: &CartId, seen: &[u8]) -> String {
        self.seal(cart.as_str(), seen)
    }

    /// Reads the context of a view of this cart.
    ///
    /// # Errors
    /// [`Reject::ContextInvalid`].
    pub fn seen(&self, cart: &CartId, context: &str) -> Result<Vec<u8>, Reject> {
        self.open(cart.as_str(), context).ok_or(Reject::ContextInvalid)
    }

    /// What authenticates a call between regions, made at `now`.
    pub fn peer_tag(&self, body: &[u8], now: Millis) -> String {
        let tag = self.mac(&format!("peer {}", now.0), body).finalize().into_bytes();
        format!("{}.{}", now.0, Base64UrlUnpadded::encode_string(&tag))
    }

    /// Whether a call between regions is one of this service, made less than [`PEER_MS`] from `now`.
    pub fn is_peer(&self, tag: &str, body: &[u8], now: Millis) -> bool {
        let Some((at, tag)) = tag.split_once('.') else { return false };
        let Ok(at) = at.parse::<u64>() else { return false };
        let Ok(tag) = Base64UrlUnpadded::decode_vec(tag) else { return false };
        at.abs_diff(now.0) <= PEER_MS && self.mac(&format!("peer {at}"), body).verify_slice(&tag).is_ok()
    }

    fn seal(&self, purpose: &str, payload: &[u8]) -> String {
        let tag = self.mac(purpose, payload).finalize().into_bytes();
        let mut sealed = tag[..MAC_BYTES].to_vec();
        sealed.extend_from_slice(payload);
        Base64UrlUnpadded::encode_string(&sealed)
    }

    fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let sealed = Base64UrlUnpadded::decode_vec(text).ok()?;
        let (tag, payload) = sealed.split_at_checked(MAC_BYTES)?;
        self.mac(purpose, payload).verify_truncated_left(tag).ok()?;
        Some(payload.to_vec())
    }

    fn mac(&self, purpose: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(payload);
        mac
    }
}

/// The purpose of a ticket, which no context has: a cart's id has no space.
fn ticket_for(path: &str, at: Millis) -> String {
    format!("ticket {path} {}", at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENED: Millis = Millis(1_795_316_400_000);

    fn session() -> (Signer, Session) {
        let signer = Signer::new(&[7; 32]).expect("a secret");
        let (id, root) = (SessionId::mint([1; 15]), CartId::mint(Region::Weur, [2; 15]));
        let session = Session {
            id,
            root,
            region: Region::Weur,
            also: Vec::new(),
            nearest: None,
            opened: OPENED,
            issued: OPENED,
        };
        (signer, session)
    }

    #[test]
    fn a_token_opens_for_half_an_hour_and_renews_for_a_year() {
        let (signer, session) = session();
        let token = signer.token(&session);
        assert_eq!(signer.session(&token, OPENED.plus(IDLE_MS)), Ok(session.clone()));
        assert_eq!(signer.session(&token, OPENED.plus(IDLE_MS + 1)), Err(TokenFault::Expired));
        assert_eq!(signer.renewable(&token, OPENED.plus(TOKEN_MS)), Ok(session));
        assert_eq!(signer.renewable(&token, OPENED.plus(TOKEN_MS + 1)), Err(TokenFault::Lapsed));
        assert_eq!(signer.renewable(&token[1..], OPENED), Err(TokenFault::Invalid));
    }

    #[test]
    fn a_session_lapses_a_month_after_the_last_use_that_is_known() {
        let (_, session) = session();
        let (month, later) = (OPENED.plus(RENEW_MS), OPENED.plus(5));
        assert!(!session.is_lapsed(None, month));
        assert!(session.is_lapsed(None, month.plus(1)) && !session.is_lapsed(Some(later), month.plus(5)));
        assert!(session.is_lapsed(Some(later), month.plus(6)));
        assert!(!session.is_lapsed(Some(Millis(0)), month), "its own issue is a use");
    }

    #[test]
    fn a_ticket_is_for_one_cart_and_a_minute_and_is_no_token() {
        let (signer, session) = session();
        let (cart, other) = (session.root.to_string(), CartId::mint(Region::Weur, [3; 15]).to_string());
        let ticket = signer.ticket(&session, &cart, OPENED);
        assert_eq!(signer.ticketed(&ticket, &cart, OPENED.plus(TICKET_MS)), Ok(session.clone()));
        assert_eq!(signer.ticketed(&ticket, &cart, OPENED.plus(TICKET_MS + 1)), Err(TokenFault::Expired));
        let later = OPENED.plus(TICKET_MS).0;
        let moved = ticket.replacen(&OPENED.0.to_string(), &later.to_string(), 1);
        for (ticket, cart) in [
            (&*ticket, &*other),
            (&ticket, "current"),
            (&moved, &cart),
            (&signer.token(&session), &cart),
            (&ticket[1..], &cart),
            ("", &cart),
            (".", &cart),
        ] {
            assert_eq!(signer.ticketed(ticket, cart, OPENED), Err(TokenFault::Invalid), "{ticket} {cart}");
        }
        assert_eq!(signer.session(&ticket, OPENED), Err(TokenFault::Invalid));
        let (_, sealed) = ticket.split_once('.').expect("a time before it");
        assert_eq!(signer.renewable(sealed, OPENED), Err(TokenFault::Invalid));
        // It lasts no longer than the token it was given for.
        let late = OPENED.plus(IDLE_MS);
        let ticket = signer.ticket(&session, &cart, late);
        assert_eq!(signer.ticketed(&ticket, &cart, late.plus(1)), Err(TokenFault::Expired));
        // A context has the purpose of its cart, which has no space in it.
        assert!(signer.seen(&session.root, sealed).is_err());
    }
}
