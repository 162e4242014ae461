//! Names of things: actors and dots, carts, sessions and orders, regions.
//! Each is a newtype built only from a checked value; the limit stands beside the type.

use std::fmt;
use std::ops::RangeInclusive;

use base32::Alphabet;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::reject::Reject;
use crate::time::Day;

/// The digits of ids and of the keys that the edge makes: `0` to `9`, then `a` to `v`.
const BASE32: Alphabet = Alphabet::Rfc4648HexLower { padding: false };

/// Who makes dots: one replica instance of a device, one plain HTTP edit, or one regional replica.
/// The upper 16 bits are the day it was minted, the lower 48 are random or derived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub u64);

impl Actor {
    const RANDOM_BITS: u32 = 48;

    /// An actor minted on `day` from 48 random bits (the upper bits of `random` are ignored).
    pub const fn mint(day: Day, random: u64) -> Self {
        Self((day.0 as u64) << Self::RANDOM_BITS | (random & ((1 << Self::RANDOM_BITS) - 1)))
    }

    const BODY_BITS: u32 = 24;

    /// The actor of a key: a hash of session and idempotency key with the token's day. It names the key in the ledger,
    /// a lease and an erasure; an edit has one [`Actor::of_body`].
    pub fn derive(day: Day, session: &SessionId, key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"evercart actor\0");
        hash.update(session.as_bytes());
        hash.update([0]);
        hash.update(key.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self::mint(day, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// The actor of a plain HTTP edit: this key's with a hash of key and body in its lower bits. A retry in any region
    /// derives the same one and so makes the same dots, and another body under the key makes others.
    pub fn of_body(self, key: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"evercart edit\0");
        hash.update(self.0.to_be_bytes());
        hash.update(key.as_bytes());
        hash.update([0]);
        hash.update(body);
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, ..] = digest;
        let low = u64::from(u32::from_be_bytes([0, a, b, c]));
        Self(self.0 >> Self::BODY_BITS << Self::BODY_BITS | low)
    }

    /// The actors that edits under this key may have, whatever their body, and few others.
    pub const fn of_any_body(self) -> RangeInclusive<Self> {
        let first = self.0 >> Self::BODY_BITS << Self::BODY_BITS;
        Self(first)..=Self(first | ((1 << Self::BODY_BITS) - 1))
    }

    /// The day it was minted.
    pub const fn day(self) -> Day {
        Day((self.0 >> Self::RANDOM_BITS) as u16)
    }

    /// The 16 hexadecimal digits used in JSON.
    pub fn to_hex(self) -> String {
        base16ct::lower::encode_string(&self.0.to_be_bytes())
    }

    /// Reads [`Actor::to_hex`].
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = base16ct::lower::decode_vec(text).ok()?.try_into().ok()?;
        Some(Self(u64::from_be_bytes(bytes)))
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The name of one change: the counter-th of its actor. Ordered by actor, then counter.
/// (`crdts::Dot` orders only dots of one actor and `crdts::OrdDot` is not `Copy`.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Dot {
    /// Who made the change.
    pub actor: Actor,
    /// Which of its changes, from 1.
    pub counter: u64,
}

impl Dot {
    /// The dot of `actor`'s change number `counter`.
    pub const fn new(actor: Actor, counter: u64) -> Self {
        Self { actor, counter }
    }

    /// The order in which decrements are counted: the greatest is the newest.
    pub fn age(&self) -> (u64, Actor) {
        (self.counter, self.actor)
    }
}

impl From<Dot> for crdts::Dot<Actor> {
    fn from(dot: Dot) -> Self {
        Self::new(dot.actor, dot.counter)
    }
}

/// The cart in which a set was made: after a guest signs in, sets of two carts add up. Sets of one cart
/// that did not compete, since one was seen saved when the other was made, are generations of its scope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Scope(pub u32);

impl Scope {
    /// How many generations there may be; a line has no more contributions than that.
    const GENERATIONS: u32 = 512;

    /// The generation of a cart's own scope, from 0. The last one serves all beyond it.
    pub const fn generation(self, number: u32) -> Self {
        let last = Self::GENERATIONS - 1;
        Self(self.0.wrapping_add(if number > last { last } else { number }))
    }

    /// Which generation of a cart's own scope this is, if it is one.
    pub const fn generation_of(self, own: Self) -> Option<u32> {
        let number = self.0.wrapping_sub(own.0);
        if number < Self::GENERATIONS { Some(number) } else { None }
    }
}

/// A region, by the platform's location hint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Region {
    Wnam,
    Enam,
    Sam,
    Weur,
    Eeur,
    Apac,
    ApacNe,
    ApacSe,
    Oc,
    Afr,
    Me,
}

impl Region {
    /// Every region, in the order of its wire number.
    pub const ALL: [Self; 11] = [
        Self::Wnam,
        Self::Enam,
        Self::Sam,
        Self::Weur,
        Self::Eeur,
        Self::Apac,
        Self::ApacNe,
        Self::ApacSe,
        Self::Oc,
        Self::Afr,
        Self::Me,
    ];

    /// The platform's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wnam => "wnam",
            Self::Enam => "enam",
            Self::Sam => "sam",
            Self::Weur => "weur",
            Self::Eeur => "eeur",
            Self::Apac => "apac",
            Self::ApacNe => "apac-ne",
            Self::ApacSe => "apac-se",
            Self::Oc => "oc",
            Self::Afr => "afr",
            Self::Me => "me",
        }
    }

    /// Reads [`Region::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.name() == name)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A cart's public id, `c_{region}_{24 base32 characters}`: its first home and 120 random bits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct CartId(String);

impl CartId {
    const RANDOM_BYTES: usize = 15;

    /// A cart first at home in `home`, from 15 random or derived bytes.
    pub fn mint(home: Region, random: [u8; Self::RANDOM_BYTES]) -> Self {
        Self(format!("c_{home}_{}", base32::encode(BASE32, &random)))
    }

    /// The cart that `session` makes with idempotency key `key`: a retry makes the same cart.
    pub fn derive(home: Region, session: &SessionId, key: &str) -> Self {
        let digest: [u8; 32] =
            Sha256::digest([b"evercart cart\0", session.as_bytes(), b"\0", key.as_bytes()].concat()).into();
        let mut random = [0; Self::RANDOM_BYTES];
        random.copy_from_slice(&digest[..Self::RANDOM_BYTES]);
        Self::mint(home, random)
    }

    /// The region in which the cart was made.
    pub fn first_home(&self) -> Region {
        let region = self.0[2..].split_once('_').and_then(|(region, _)| Region::parse(region));
        region.expect("a CartId is checked when built")
    }

    /// Whether the two are one but for the region in which they were made.
    pub fn same_but_for_home(&self, other: &Self) -> bool {
        let rest = |id: &Self| id.0.rsplit('_').next().map(str::to_owned);
        rest(self) == rest(other)
    }

    /// The name of the cart's object in `region`.
    pub fn object_name(&self, region: Region) -> String {
        format!("{}@{region}", self.0)
    }

    /// The scope of sets made in this cart.
    pub fn scope(&self) -> Scope {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let [a, b, c, d, ..] = digest;
        Scope(u32::from_be_bytes([a, b, c, d]))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its 15 bytes fill 24 digits whole: each text of so many digits is of some bytes, and no two of the same.
    fn is_one(text: &str) -> bool {
        let Some((region, random)) = text.strip_prefix("c_").and_then(|rest| rest.split_once('_')) else {
            return false;
        };
        let digits = random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
        digits && random.len() == Self::RANDOM_BYTES * 8 / 5 && Region::parse(region).is_some()
    }
}

impl TryFrom<String> for CartId {
    type Error = Reject;
    fn try_from(text: String) -> Result<Self, Reject> {
        Self::is_one(&text).then_some(Self(text)).ok_or(Reject::CartNotFound)
    }
}

impl From<CartId> for String {
    fn from(id: CartId) -> Self {
        id.0
    }
}

impl Serialize for CartId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl fmt::Display for CartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session's id: `s_` and 120 random bits. It names the session, it does not open it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// A session from 15 random bytes.
    pub fn mint(random: [u8; 15]) -> Self {
        Self(format!("s_{}", base32::encode(BASE32, &random)))
    }

    /// The bytes of its text, for hashing.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An order's id: 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OrderId(pub u128);

/// The idempotency key of a plain HTTP edit, 1 to 255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const BYTES_MAX: usize = 255;

    /// A key from 15 random bytes, for a request that came without one.
    pub fn mint(random: [u8; 15]) -> Self {
        Self(base32::encode(BASE32, &random))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = Reject;
    fn try_from(text: String) -> Result<Self, Reject> {
        let visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if text.is_empty() || text.len() > Self::BYTES_MAX || !visible {
            return Err(Reject::invalid(
                "Idempotency-Key",
                "use 1 to 255 visible ASCII characters, for example a UUID",
            ));
        }
        Ok(Self(text))
    }
}
