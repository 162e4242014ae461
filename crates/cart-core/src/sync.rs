//! Sync as data: what a device and a replica say to each other, and the device's own replica.
//! A device edits on what it has, shows it at once, and sends what is not acknowledged when it can.

use std::sync::Arc;

use unsigned_varint::{decode, encode};

use crate::cart::{Cart, Delta};
use crate::change::{Change, Stamp};
use crate::context::Context;
use crate::id::{Actor, Dot, Scope};
use crate::reject::Reject;
use crate::time::{HybridClock, Millis};

/// What a device sends: its changes that are not acknowledged, and what it has seen.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncRequest {
    /// The actor leased to the device.
    pub actor: Actor,
    /// All that the device has seen.
    pub context: Context,
    /// The join of its changes that are not acknowledged; empty for a pull.
    pub delta: Delta,
}

/// What a replica answers.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncResponse {
    /// The highest counter of the device's actor that the replica knew before this request. More than the
    /// device has ever sent means that another replica instance uses the actor too.
    pub prior: u64,
    /// The replica's sequence number.
    pub sequence: u64,
    /// What the device lacks.
    pub lacking: Delta,
}

impl SyncRequest {
    /// `actor (8) | bytes of the context | context | delta`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let context = Cart { context: self.context.clone(), ..Cart::default() }.to_bytes();
        let mut out = self.actor.0.to_be_bytes().to_vec();
        out.extend_from_slice(encode::usize(context.len(), &mut encode::usize_buffer()));
        out.extend(context);
        out.extend(self.delta.to_bytes());
        out
    }

    /// Reads [`SyncRequest::to_bytes`].
    ///
    /// # Errors
    /// [`Reject::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let short = Reject::Malformed("the request ends too early");
        let (actor, rest) = bytes.split_first_chunk().ok_or(short.clone())?;
        let (count, rest) = decode::usize(rest).map_err(|_| short.clone())?;
        let (context, delta) = rest.split_at_checked(count).ok_or(short)?;
        Ok(Self {
            actor: Actor(u64::from_be_bytes(*actor)),
            context: Cart::from_bytes(context)?.context,
            delta: Cart::from_bytes(delta)?,
        })
    }
}

impl SyncResponse {
    /// `prior | sequence | delta`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(encode::u64(self.prior, &mut encode::u64_buffer()));
        out.extend_from_slice(encode::u64(self.sequence, &mut encode::u64_buffer()));
        out.extend(self.lacking.to_bytes());
        out
    }

    /// Reads [`SyncResponse::to_bytes`].
    ///
    /// # Errors
    /// [`Reject::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let short = |_| Reject::Malformed("the response ends too early");
        let (prior, rest) = decode::u64(bytes).map_err(short)?;
        let (sequence, rest) = decode::u64(rest).map_err(short)?;
        Ok(Self { prior, sequence, lacking: Cart::from_bytes(rest)? })
    }
}

/// The replica of a device: one instance, one actor.
#[derive(Clone, Debug)]
pub struct Device {
    actor: Actor,
    scope: Scope,
    cart: Cart,
    clock: HybridClock,
    /// The highest counter used, sent and acknowledged.
    used: u64,
    sent: u64,
    acknowledged: u64,
    pending: Vec<Pending>,
    /// Of the latest response.
    sequence: u64,
}

/// A change that is not acknowledged, with what its maker had from others when it was made.
#[derive(Clone, Debug)]
struct Pending {
    change: Change,
    counter: u64,
    made: Millis,
    base: Arc<Cart>,
    delta: Delta,
}

/// What a device learned from a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learned {
    /// All that was sent is acknowledged.
    Acknowledged,
    /// Its actor is used by another instance: lease a new one and call [`Device::abandon`].
    ActorShared,
}

impl Device {
    /// An instance with a leased actor and nothing seen.
    pub fn new(actor: Actor, scope: Scope) -> Self {
        Self {
            actor,
            scope,
            cart: Cart::default(),
            clock: HybridClock::default(),
            used: 0,
            sent: 0,
            acknowledged: 0,
            pending: Vec::new(),
            sequence: 0,
        }
    }

    /// The device's present state.
    pub fn cart(&self) -> &Cart {
        &self.cart
    }

    /// Its actor.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// How many changes wait for their acknowledgement.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The sequence number of the latest response: it saw all that the replica had committed up to there.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Makes a change at the device's time. Returns its stamp.
    pub fn edit(&mut self, change: Change, now: Millis) -> Stamp {
        let base = match self.pending.last() {
            Some(last) => Arc::clone(&last.base),
            None => Arc::new(self.cart.clone()),
        };
        self.used += 1;
        let stamp =
            Stamp { dot: Dot::new(self.actor, self.used), time: self.clock.tick(now), scope: self.scope };
        let delta = self.cart.change(&change, stamp);
        self.cart.join(&delta);
        self.pending.push(Pending { change, counter: self.used, made: now, base, delta });
        stamp
    }

    /// What to send: store the device before it goes out, so that `sent` is not forgotten.
    pub fn request(&mut self) -> SyncRequest {
        let mut delta = Delta::default();
        self.pending.iter().for_each(|pending| delta.join(&pending.delta));
        self.sent = self.used;
        SyncRequest { actor: self.actor, context: self.cart.context().clone(), delta }
    }

    /// Takes in a response to a request made when `sent_before` was the highest counter sent.
    pub fn receive(&mut self, response: &SyncResponse, sent_before: u64) -> Learned {
        if response.prior > sent_before {
            return Learned::ActorShared;
        }
        self.acknowledged = self.sent.min(response.lacking.context().highest(self.actor));
        self.pending.retain(|pending| pending.counter > self.acknowledged);
        self.cart.join(&response.lacking);
        self.sequence = response.sequence;
        // Edits made since see what came with this response from now on.
        if !self.pending.is_empty() {
            let base = Arc::new(self.cart.clone());
            self.pending.iter_mut().for_each(|pending| pending.base = Arc::clone(&base));
        }
        Learned::Acknowledged
    }

    /// The highest counter sent so far: keep it across [`Device::request`] for [`Device::receive`].
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Abandons the actor after any doubt: the changes that are not acknowledged are made again under a
    /// new one, each on what its maker saw. Returns their new stamps, in order.
    pub fn abandon(&mut self, actor: Actor) -> Vec<Stamp> {
        let pending = std::mem::take(&mut self.pending);
        (self.actor, self.used, self.sent, self.acknowledged) = (actor, 0, 0, 0);
        if let Some(first) = pending.first() {
            self.cart = Cart::clone(&first.base);
        }
        pending.into_iter().map(|pending| self.edit(pending.change, pending.made)).collect()
    }
}
