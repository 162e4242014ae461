//! The bytes of a session at rest: all that it needs to go on after the page was closed or killed.
//!
//! ```text
//! format (1) | check (4) | ahead_ms | cart id | currency | device | n, (sku, title, price: 0, or 1, minor, currency)*
//! ```
//! The check is the beginning of the SHA-256 of what follows it: bytes that were damaged are told from good ones.

use cart_core::id::CartId;
use cart_core::money::Money;
use cart_core::reject::Reject;
use cart_core::sync::Device;
use cart_core::view::Offer;
use sha2::{Digest as _, Sha256};
use unsigned_varint::{decode, encode};

use super::Session;

/// The first byte.
const FORMAT: u8 = 1;
const CHECK_BYTES: usize = 4;
const HEAD: usize = 1 + CHECK_BYTES;

impl Session {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT; HEAD];
        number(&mut out, self.ahead_ms);
        bytes(&mut out, self.cart_id.as_ref().map_or("", CartId::as_str).as_bytes());
        bytes(&mut out, self.currency.as_bytes());
        bytes(&mut out, &self.device.to_bytes());
        number(&mut out, self.offers.len() as u64);
        for (sku, offer) in &self.offers {
            bytes(&mut out, sku.as_bytes());
            bytes(&mut out, offer.title.as_bytes());
            number(&mut out, u64::from(offer.price.is_some()));
            if let Some(price) = &offer.price {
                out.extend(price.amount_minor.to_be_bytes());
                bytes(&mut out, price.currency.as_bytes());
            }
        }
        let digest = Sha256::digest(&out[HEAD..]);
        out[1..HEAD].copy_from_slice(&digest[..CHECK_BYTES]);
        out
    }

    /// Reads [`Session::to_bytes`].
    ///
    /// # Errors
    /// [`Reject::Malformed`]: start anew, and ask the service for what it has.
    pub fn from_bytes(stored: &[u8]) -> Result<Self, Reject> {
        let (head, body) = stored.split_at_checked(HEAD).ok_or(DAMAGED)?;
        if head[0] != FORMAT || head[1..] != Sha256::digest(body)[..CHECK_BYTES] {
            return Err(DAMAGED);
        }
        let mut from = Reader(body);
        let ahead_ms = from.number()?;
        let cart_id = Some(from.text()?).filter(|id| !id.is_empty());
        let cart_id = cart_id.map(|id| CartId::try_from(id.to_owned())).transpose()?;
        let currency = from.text()?;
        let mut device = Device::from_bytes(from.bytes()?)?;
        // Another tab may have found it here meanwhile.
        device.wake();
        let mut session = Self::of(cart_id, device, currency);
        session.ahead_ms = ahead_ms;
        for _ in 0..from.number()? {
            let (sku, title) = (from.text()?.to_owned(), from.text()?.to_owned());
            let price = match from.number()? {
                0 => None,
                _ => Some(Money { amount_minor: from.signed()?, currency: from.text()?.to_owned() }),
            };
            session.offers.insert(sku, Offer { title, price });
        }
        Ok(session)
    }
}

const DAMAGED: Reject = Reject::Malformed("the stored session is damaged or of another version");

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, Reject> {
        let (number, rest) = decode::u64(self.0).map_err(|_| DAMAGED)?;
        self.0 = rest;
        Ok(number)
    }

    fn signed(&mut self) -> Result<i64, Reject> {
        let (first, rest) = self.0.split_first_chunk().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(i64::from_be_bytes(*first))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Reject> {
        let count = usize::try_from(self.number()?).map_err(|_| DAMAGED)?;
        let (first, rest) = self.0.split_at_checked(count).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(first)
    }

    fn text(&mut self) -> Result<&'a str, Reject> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DAMAGED)
    }
}
