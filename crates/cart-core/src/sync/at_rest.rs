//! The bytes of a device at rest: all but what it has only heard from devices nearby, which tell it again.
//!
//! ```text
//! format (1) | actor (8) | scope (4) | clock | used | sent | sequence | base | n, pending*
//! pending    counter | made | time | its state: 0 the base, 1 that of the change before, 2 its own | change
//! ```
//! Integers are varints; a cart is its length and its canonical bytes. The deltas are not kept: a change made
//! again under its stamp, on what its maker saw, gives the same one.

use std::sync::Arc;

use unsigned_varint::{decode, encode};

use super::{Device, Pending};
use crate::cart::Cart;
use crate::change::Change;
use crate::id::{Actor, OrderId, Scope};
use crate::line::{LineKey, Location};
use crate::meta::{Code, Field};
use crate::ordered::Ordered;
use crate::reject::Reject;
use crate::time::{HybridClock, HybridTime, Millis};
use crate::wire;

/// The first byte.
const FORMAT: u8 = 1;

/// On which state a pending change was made.
const ON_BASE: u64 = 0;
const ON_THAT_BEFORE: u64 = 1;
const ON_ITS_OWN: u64 = 2;

const ADD: u64 = 0;
const SET: u64 = 1;
const DECREMENT: u64 = 2;
const REMOVE: u64 = 3;
const CLEAR: u64 = 4;
const MOVE: u64 = 5;
const COUPON: u64 = 6;
const UNCOUPON: u64 = 7;
const WRITE: u64 = 8;
const CHECKOUT: u64 = 9;

impl Device {
    /// Its bytes, to be stored before what it has sent may be forgotten.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(vec![FORMAT]);
        out.0.extend(self.actor.0.to_be_bytes());
        out.0.extend(self.scope.0.to_be_bytes());
        for number in [self.clock.last().0, self.used, self.sent, self.sequence] {
            out.number(number);
        }
        out.bytes(&self.base.to_bytes());
        out.number(self.pending.len() as u64);
        let mut before: Option<&Arc<Cart>> = None;
        for pending in &self.pending {
            out.number(pending.counter);
            out.number(pending.made.0);
            out.number(pending.time.0);
            let same = |other: &Arc<Cart>| Arc::ptr_eq(other, &pending.base) || *other == pending.base;
            if before.is_some_and(same) {
                out.number(ON_THAT_BEFORE);
            } else if same(&self.base) {
                out.number(ON_BASE);
            } else {
                out.number(ON_ITS_OWN);
                out.bytes(&pending.base.to_bytes());
            }
            before = Some(&pending.base);
            out.change(&pending.change);
        }
        out.0
    }

    /// Reads [`Device::to_bytes`].
    ///
    /// # Errors
    /// [`Reject::Malformed`]: what is not acknowledged is lost, the rest can be asked for.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let mut from = Reader(bytes);
        if from.array::<1>()? != [FORMAT] {
            return Err(Reject::Malformed("unknown format of a device at rest"));
        }
        let actor = Actor(u64::from_be_bytes(from.array()?));
        let scope = Scope(u32::from_be_bytes(from.array()?));
        let mut clock = HybridClock::default();
        clock.observe(HybridTime(from.number()?));
        let (used, sent, sequence) = (from.number()?, from.number()?, from.number()?);
        let base = Arc::new(Cart::from_bytes(from.bytes()?)?);
        let heard = Ordered::default();
        let mut device = Self {
            actor,
            scope,
            cart: Cart::default(),
            base,
            clock,
            used,
            sent,
            asked: 0,
            disclosed: 0,
            shared: false,
            pending: vec![],
            sequence,
            heard,
        };
        for _ in 0..from.number()? {
            let (counter, made, time) = (from.number()?, from.number()?, from.number()?);
            let before = device.pending.last();
            if counter <= before.map_or(0, |before| before.counter) || counter > used {
                return Err(Reject::Malformed("the counters of a device at rest do not ascend"));
            }
            let base = match (from.number()?, before) {
                (ON_BASE, _) => Arc::clone(&device.base),
                (ON_THAT_BEFORE, Some(before)) => Arc::clone(&before.base),
                (ON_ITS_OWN, _) => Arc::new(Cart::from_bytes(from.bytes()?)?),
                _ => return Err(Reject::Malformed("a change at rest is on no state")),
            };
            let (change, delta) = (from.change()?, Cart::default());
            let (made, time) = (Millis(made), HybridTime(time));
            device.pending.push(Pending { change, counter, made, time, base, delta, removed: false });
        }
        if !from.0.is_empty() || sent > used || used > u64::MAX / 2 {
            return Err(Reject::Malformed("not a device at rest"));
        }
        device.remake(&|device, pending| device.stamp_of(pending.counter, pending.time));
        Ok(device)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(encode::u64(number, &mut encode::u64_buffer()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn optional(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.bytes(text.unwrap_or_default().as_bytes());
    }

    /// What is done, to which line, where, and how many.
    fn line(&mut self, what: u64, key: &LineKey, at: Location, quantity: u32) {
        self.number(what);
        self.bytes(&wire::key_to_bytes(key));
        self.number(u64::from(at == Location::Saved));
        self.number(u64::from(quantity));
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Add { key, details, quantity, at } => {
                self.line(ADD, key, *at, *quantity);
                self.optional(details.as_deref());
            }
            Change::Set { key, quantity, at } => self.line(SET, key, *at, *quantity),
            Change::Decrement { key, quantity, at } => self.line(DECREMENT, key, *at, *quantity),
            Change::Remove { key, at } => self.line(REMOVE, key, *at, 0),
            Change::Clear => self.number(CLEAR),
            Change::Move { key, to } => self.line(MOVE, key, *to, 0),
            Change::Coupon(code) | Change::Uncoupon(code) => {
                self.number(if matches!(change, Change::Coupon(_)) { COUPON } else { UNCOUPON });
                self.bytes(code.as_str().as_bytes());
            }
            Change::Write(field, value) => {
                self.number(WRITE);
                self.number(u64::from(field.0));
                self.optional(value.as_deref());
            }
            Change::Checkout { fence, order } => {
                self.number(CHECKOUT);
                self.number(*fence);
                self.0.extend(order.0.to_be_bytes());
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

const SHORT: Reject = Reject::Malformed("a device at rest ends too early");

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reject> {
        let (first, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, Reject> {
        let (number, rest) = decode::u64(self.0).map_err(|_| SHORT)?;
        self.0 = rest;
        Ok(number)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Reject> {
        let count = usize::try_from(self.number()?).map_err(|_| SHORT)?;
        let (first, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(first)
    }

    fn text(&mut self) -> Result<&'a str, Reject> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Reject::Malformed("a text is not UTF-8"))
    }

    fn optional(&mut self) -> Result<Option<Arc<str>>, Reject> {
        let there = self.number()? == 1;
        let text = self.text()?;
        Ok(there.then(|| text.into()))
    }

    fn line(&mut self) -> Result<(LineKey, Location, u32), Reject> {
        let key = wire::key_from_bytes(self.bytes()?)?;
        let at = if self.number()? == 1 { Location::Saved } else { Location::Cart };
        let quantity = u32::try_from(self.number()?);
        Ok((key, at, quantity.map_err(|_| Reject::Malformed("a quantity is out of range"))?))
    }

    fn change(&mut self) -> Result<Change, Reject> {
        Ok(match self.number()? {
            ADD => {
                let (key, at, quantity) = self.line()?;
                Change::Add { key, details: self.optional()?, quantity, at }
            }
            SET => {
                let (key, at, quantity) = self.line()?;
                Change::Set { key, quantity, at }
            }
            DECREMENT => {
                let (key, at, quantity) = self.line()?;
                Change::Decrement { key, quantity, at }
            }
            REMOVE => {
                let (key, at, _) = self.line()?;
                Change::Remove { key, at }
            }
            CLEAR => Change::Clear,
            MOVE => {
                let (key, to, _) = self.line()?;
                Change::Move { key, to }
            }
            COUPON => Change::Coupon(Code::try_from(self.text()?)?),
            UNCOUPON => Change::Uncoupon(Code::try_from(self.text()?)?),
            WRITE => {
                let field =
                    u8::try_from(self.number()?).map_err(|_| Reject::Malformed("an unknown field"))?;
                Change::Write(Field(field), self.optional()?)
            }
            CHECKOUT => {
                Change::Checkout { fence: self.number()?, order: OrderId(u128::from_be_bytes(self.array()?)) }
            }
            _ => return Err(Reject::Malformed("an unknown change")),
        })
    }
}
