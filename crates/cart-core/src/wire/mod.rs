//! The canonical wire format, version 1: equal carts are equal bytes (I5), and only canonical bytes are
//! read. `docs/protocol.md` draws it. A state, a delta and the context of a view are all this format.
//!
//! ```text
//! format (1) | sections (varint bit set) | actors: n, (day - previous day, 6 bytes)*
//! CLOCK      a counter for each actor of the table, 0 where it has none
//! CLOUD      n, dot*                          without the live dots of lines and coupons: they are implied
//! HORIZON    day
//! SCOPES     n, 4 bytes*
//! LINES      n, (key, details?, place, n, contribution*)*
//! COUPONS    n, (text, n, dot*)*
//! META       n, (field, time, actor, text?)*
//! FENCES     n, (number, 16 bytes)*     REPLICAS n, (region, epoch, left)*     HOME term, region     ERASED
//! ```
//! All integers are minimal LEB128 varints. A dot is an index into the actors and a counter. Times are
//! milliseconds since the start of the day of the actor they belong to, zigzag, and the logical count.

use sha2::{Digest as _, Sha256};

use crate::cart::Cart;
use crate::id::{Actor, Dot};
use crate::reject::Reject;

mod key;
mod reader;
mod writer;

pub(crate) use key::{key_from_bytes, key_to_bytes};
use reader::Reader;
use writer::{Part, encode_cart};

/// The first byte of every message.
pub const FORMAT: u8 = 1;

const CLOCK: u64 = 1 << 0;
const LINES: u64 = 1 << 1;
const CLOUD: u64 = 1 << 2;
const SCOPES: u64 = 1 << 3;
const HORIZON: u64 = 1 << 4;
const COUPONS: u64 = 1 << 5;
const META: u64 = 1 << 6;
const FENCES: u64 = 1 << 7;
const REPLICAS: u64 = 1 << 8;
const HOME: u64 = 1 << 9;
const ERASED: u64 = 1 << 10;
const KNOWN: u64 = (1 << 11) - 1;

const KEY_NUMERIC: u8 = 1;
const KEY_VARIANT: u8 = 2;
const KEY_CUSTOM: u8 = 4;
const KEY_DETAILS: u8 = 8;

const KIND_MASK: u8 = 3;
const KIND_HOLE: u8 = 0;
const KIND_ADD: u8 = 1;
const KIND_SET: u8 = 2;
const KIND_UNKNOWN: u8 = 3;
const HAS_DECREMENTS: u8 = 4;
const HAS_MOVE: u8 = 8;
const HAS_PLACE: u8 = 16;
const QUANTITY_SHIFT: u32 = 5;
const QUANTITY_INLINE_MAX: u32 = 7;

/// A digest of canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub [u8; 16]);

impl Version {
    /// That of bytes: the first 16 of their SHA-256.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let mut version = [0; 16];
        version.copy_from_slice(&digest[..16]);
        Self(version)
    }

    /// 32 hexadecimal digits.
    pub fn to_hex(self) -> String {
        base16ct::lower::encode_string(&self.0)
    }
}

impl Cart {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode_cart(self, Part::Whole)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for anything but the canonical bytes of a cart.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let cart = Reader { rest: bytes }.cart()?;
        if cart.to_bytes() != bytes {
            return Err(Reject::Malformed("not in canonical form"));
        }
        Ok(cart)
    }

    /// The same of what another build of the service may have written.
    ///
    /// # Errors
    /// [`Reject::FrameTooNew`] if a later one has, in a format of its own; [`Reject::Malformed`] else.
    pub fn from_any_build(bytes: &[u8]) -> Result<Self, Reject> {
        match bytes.first() {
            Some(format) if *format > FORMAT => Err(Reject::FrameTooNew { reads: FORMAT }),
            _ => Self::from_bytes(bytes),
        }
    }

    /// The cart's `version`: a digest of what shoppers change, which is lines, details, coupons, fields and the orders
    /// taken. That a replica has come, that the home has moved or that an actor is forgotten does not change it. Whether
    /// two replicas are equal is told by all their bytes: see [`crate::frame::digest`].
    pub fn version(&self) -> Version {
        Version::of_bytes(&encode_cart(self, Part::Changed))
    }

    /// What a view's context holds: lines and coupons as shown, with which a change sent back is computed. The canonical
    /// bytes of a cart that has nothing else.
    pub fn seen(&self) -> Vec<u8> {
        encode_cart(self, Part::Seen)
    }

    /// What a view's context holds, and the version, which most often is its digest.
    pub fn seen_and_version(&self) -> (Vec<u8>, Version) {
        let seen = self.seen();
        let is_all = self.meta.is_empty() && self.fences.is_empty() && !self.erased;
        let version = if is_all { Version::of_bytes(&seen) } else { self.version() };
        (seen, version)
    }
}

/// All actors that a cart names, sorted.
pub(crate) fn actors_of(cart: &Cart) -> Vec<Actor> {
    writer::actors_of(cart, Part::Whole)
}

/// The dots that are in the context because a line or coupon has them.
pub(crate) fn live_dots(cart: &Cart) -> impl Iterator<Item = Dot> {
    let lines = cart.lines.iter().flat_map(|(_, line)| line.iter());
    let in_lines = lines.filter(|(_, contribution)| contribution.payload.is_some()).map(|(dot, _)| dot);
    in_lines.chain(cart.coupons.values().flatten().copied())
}

/// A sku of digits, as most catalogs number theirs, is written as a number.
fn numeric_sku(sku: &str) -> Option<u64> {
    let plain = !sku.starts_with('0') && sku.bytes().all(|byte| byte.is_ascii_digit());
    sku.parse().ok().filter(|_| plain)
}
