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
    /// The highest counter that the device had sent before. If the replica knows more, another replica
    /// instance uses the actor too.
    pub sent: u64,
    /// All that the device has seen.
    pub context: Context,
    /// The join of its changes that are not acknowledged; empty for a pull.
    pub delta: Delta,
}

/// What a replica answers.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncResponse {
    /// The highest counter of the device's actor that the replica knew before this request.
    pub prior: u64,
    /// The replica's sequence number.
    pub sequence: u64,
    /// What the device lacks.
    pub lacking: Delta,
}

impl SyncRequest {
    /// `actor (8) | sent | bytes of the context | context | delta`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let context = Cart { context: self.context.clone(), ..Cart::default() }.to_bytes();
        let mut out = self.actor.0.to_be_bytes().to_vec();
        out.extend_from_slice(encode::u64(self.sent, &mut encode::u64_buffer()));
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
        let (sent, rest) = decode::u64(rest).map_err(|_| short.clone())?;
        let (count, rest) = decode::usize(rest).map_err(|_| short.clone())?;
        let (context, delta) = rest.split_at_checked(count).ok_or(short)?;
        Ok(Self {
            actor: Actor(u64::from_be_bytes(*actor)),
            sent,
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

    /// As the answer to the first try of a request that was made again on the device's behalf, since the first
    /// had no answer: what that did counts as done by this. Else a device took its own changes for those of
    /// another instance, and made them once more.
    #[must_use]
    pub fn as_first(self, request: &SyncRequest) -> Self {
        Self { prior: self.prior.min(request.sent), ..self }
    }
}

/// The replica of a device: one instance, one actor.
#[derive(Clone, Debug)]
pub struct Device {
    actor: Actor,
    scope: Scope,
    cart: Cart,
    /// What the device has but its changes that are not acknowledged.
    base: Arc<Cart>,
    clock: HybridClock,
    /// The highest counter used, and the highest sent.
    used: u64,
    sent: u64,
    pending: Vec<Pending>,
    /// Of the latest response.
    sequence: u64,
}

/// A change that is not acknowledged, with what its maker had beside the pending changes before it.
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
            base: Arc::default(),
            clock: HybridClock::default(),
            used: 0,
            sent: 0,
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
        let stamp = self.stamp(now);
        let delta = self.cart.change(&change, stamp);
        self.cart.join(&delta);
        let base = Arc::clone(&self.base);
        self.pending.push(Pending { change, counter: stamp.dot.counter, made: now, base, delta });
        stamp
    }

    /// What to send. Store the device before it goes out, so that what was sent is not forgotten; to send
    /// again, ask for a new request.
    pub fn request(&mut self) -> SyncRequest {
        let mut delta = Delta::default();
        self.pending.iter().for_each(|pending| delta.join(&pending.delta));
        let sent = std::mem::replace(&mut self.sent, self.used);
        SyncRequest { actor: self.actor, sent, context: self.cart.context().clone(), delta }
    }

    /// The highest counter sent so far: keep it from before [`Device::request`] for [`Device::receive`].
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes in a response to a request before which `sent_before` was the highest counter sent.
    pub fn receive(&mut self, response: &SyncResponse, sent_before: u64) -> Learned {
        if response.prior > sent_before {
            return Learned::ActorShared;
        }
        let known = response.lacking.context().highest(self.actor);
        let (acknowledged, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.counter <= known);
        self.pending = pending;
        let mut settled = Cart::default();
        acknowledged.iter().for_each(|pending| settled.join(&pending.delta));
        // Later changes saw those before them, which are now part of what they were made on.
        for pending in &mut self.pending {
            Arc::make_mut(&mut pending.base).join(&settled);
        }
        let base = Arc::make_mut(&mut self.base);
        base.join(&settled);
        base.join(&response.lacking);
        self.cart.join(&response.lacking);
        self.clock.observe(response.lacking.latest_time());
        self.sequence = response.sequence;
        Learned::Acknowledged
    }

    /// Abandons the actor after any doubt: the changes that are not acknowledged are made again under a
    /// new one, each on what its maker saw. Returns their new stamps, in order.
    pub fn abandon(&mut self, actor: Actor) -> Vec<Stamp> {
        (self.actor, self.used, self.sent) = (actor, 0, 0);
        self.cart = Cart::clone(&self.base);
        let mut again = Cart::default();
        let mut stamps = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            let stamp = self.stamp(pending.made);
            let mut seen = Cart::clone(&pending.base);
            seen.join(&again);
            pending.delta = seen.change(&pending.change, stamp);
            pending.counter = stamp.dot.counter;
            again.join(&pending.delta);
            self.cart.join(&pending.delta);
            self.pending.push(pending);
            stamps.push(stamp);
        }
        stamps
    }

    fn stamp(&mut self, now: Millis) -> Stamp {
        self.used += 1;
        Stamp { dot: Dot::new(self.actor, self.used), time: self.clock.tick(now), scope: self.scope }
    }
}
