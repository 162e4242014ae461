//! Sync as data: what a device and a replica say to each other, and the device's own replica.
//! A device edits on what it has, shows it at once, and sends what is not acknowledged when it can.

use std::sync::Arc;

use unsigned_varint::{decode, encode};

use crate::cart::{Cart, Delta};
use crate::change::{Change, Stamp};
use crate::context::Context;
use crate::id::{Actor, Dot, Scope};
use crate::line::{LineKey, Payload};
use crate::ordered::Ordered;
use crate::reject::Reject;
use crate::time::{HybridClock, HybridTime, Millis};

mod at_rest;

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
#[derive(Clone, PartialEq, Debug)]
pub struct Device {
    actor: Actor,
    scope: Scope,
    cart: Cart,
    /// What a replica of the service has told: all but what is not acknowledged, here and in `heard`.
    base: Arc<Cart>,
    clock: HybridClock,
    /// The highest counter used, the highest sent or known to the service, in the latest request, and told to devices
    /// nearby.
    used: u64,
    sent: u64,
    asked: u64,
    disclosed: u64,
    /// Another instance uses the actor too.
    shared: bool,
    pending: Vec<Pending>,
    /// Of the latest response.
    sequence: u64,
    /// What other devices nearby have told that the service has not acknowledged to them.
    heard: Ordered<Actor, Delta>,
}

/// A change that is not acknowledged, with what its maker had beside the pending changes before it.
#[derive(Clone, PartialEq, Debug)]
struct Pending {
    change: Change,
    counter: u64,
    made: Millis,
    time: HybridTime,
    base: Arc<Cart>,
    delta: Delta,
    /// A device nearby has told that it removed it.
    removed: bool,
}

/// What a device learned from a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learned {
    /// All that was sent is acknowledged.
    Acknowledged,
    /// The service knew counters that had not been sent: those of another instance with this actor, unless a device
    /// nearby removed what it was told of. Call [`Device::not_taken`] and [`Device::request_all`].
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
            asked: 0,
            disclosed: 0,
            shared: false,
            pending: Vec::new(),
            sequence: 0,
            heard: Ordered::default(),
        }
    }

    /// The device's present state.
    pub fn cart(&self) -> &Cart {
        &self.cart
    }

    /// What of it a replica of the service has.
    pub fn settled(&self) -> &Cart {
        &self.base
    }

    /// Its actor.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// How many changes wait for their acknowledgement.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The join of the changes that wait for their acknowledgement.
    pub fn pending_delta(&self) -> Delta {
        joined(&self.pending)
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
        let base = if self.heard.is_empty() { Arc::clone(&self.base) } else { Arc::new(self.all_heard()) };
        let (counter, time) = (stamp.dot.counter, stamp.time);
        self.pending.push(Pending { change, counter, made: now, time, base, delta, removed: false });
        stamp
    }

    /// What to send. Store the device before it goes out, so that what was sent is not forgotten; to send
    /// again, ask for a new request.
    pub fn request(&mut self) -> SyncRequest {
        self.request_first(usize::MAX)
    }

    /// The same with no more than the first `count` of the changes.
    pub fn request_first(&mut self, count: usize) -> SyncRequest {
        let first = self.pending.get(..count).unwrap_or(&self.pending);
        let delta = joined(first);
        let last = if first.len() < self.pending.len() { first.last().map(|p| p.counter) } else { None };
        let sent = self.sent;
        self.sent = sent.max(last.unwrap_or(self.used));
        self.asked = first.last().map_or(0, |pending| pending.counter);
        // What was only heard from a device nearby is not named as seen: the details of it are still lacking.
        let mut context = self.base.context().clone();
        self.pending.iter().for_each(|pending| context.join(pending.delta.context()));
        SyncRequest { actor: self.actor, sent, context, delta }
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
        // Not whatever the service knows of: another device may have removed what it only heard of.
        let known = response.lacking.context().highest(self.actor).min(self.asked);
        self.settle(&response.lacking, known);
        self.sequence = response.sequence;
        Learned::Acknowledged
    }

    /// Nothing was taken of a request before which `sent_before` was the highest counter sent: the service knew more of
    /// the actor than that.
    pub fn not_taken(&mut self, sent_before: u64) {
        self.sent = self.sent.min(sent_before);
    }

    /// A request for all that the service has: of the pending changes nothing is named as seen. The response to it
    /// goes to [`Device::look`].
    pub fn request_all(&self) -> SyncRequest {
        let (context, delta) = (self.base.context().clone(), Delta::default());
        SyncRequest { actor: self.actor, sent: self.sent, context, delta }
    }

    /// Takes in all that the service has, and looks what is there under the dots of the pending changes: they
    /// themselves, or something of another instance with this actor ([`Device::is_shared`]).
    pub fn look(&mut self, response: &SyncResponse) {
        self.base_joins(&response.lacking);
        self.sequence = response.sequence;
        let taken =
            self.pending.iter().find(|pending| pending.counter <= self.sent && self.is_taken(pending));
        if let Some(counter) = taken.map(|taken| taken.counter) {
            // From there on none was taken.
            (self.shared, self.sent) = (true, counter - 1);
        }
        self.make_way();
        self.show();
    }

    /// Whether another instance uses the actor too: send what may be known to the service by it, the first
    /// [`Device::maybe_sent`], then lease a new one and call [`Device::abandon`].
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// How many of the changes that wait have been sent.
    pub fn maybe_sent(&self) -> usize {
        self.pending.iter().filter(|pending| pending.counter <= self.sent).count()
    }

    /// Takes in what the replica tells unasked: a delta of what it committed after its sequence number
    /// `after`, up to `sequence`. Whether nothing lies between that and what this device knew; if not, ask.
    pub fn follow(&mut self, after: u64, sequence: u64, delta: &Delta) -> bool {
        self.settle(delta, 0);
        let whole = after <= self.sequence;
        if whole {
            self.sequence = self.sequence.max(sequence);
        }
        whole
    }

    /// Takes in what a device nearby has told: what it knows of the service's, and what is not acknowledged
    /// to it, in place of what it had told before.
    pub fn hear(&mut self, from: Actor, settled: &Cart, unsettled: Delta) {
        if from == self.actor {
            // What both have, one of them has read from what the other had stored: it is one edit.
            let both = self.pending.iter().filter(|pending| {
                let dot = Dot::new(self.actor, pending.counter);
                made(&unsettled, dot).is_some_and(|there| made(&pending.delta, dot) == Some(there))
            });
            self.sent = both.map(|pending| pending.counter).fold(self.sent, u64::max);
            self.shared = true;
            return;
        }
        self.heard.remove(&from);
        self.clock.observe(unsettled.latest_time());
        for pending in &mut self.pending {
            // Other changes do more than that.
            pending.removed |= matches!(pending.change, Change::Add { .. })
                && unsettled.context().contains(Dot::new(self.actor, pending.counter));
        }
        if unsettled != Delta::default() {
            self.heard.insert(from, unsettled);
        }
        self.settle(settled, 0);
        self.show();
    }

    /// Forgets what devices nearby have told: where they are now, they tell it again.
    pub fn forget_heard(&mut self) {
        self.heard = Ordered::default();
        self.show();
    }

    /// Before others are told of its pending changes: from then on they may remove them before they were sent.
    pub fn disclose(&mut self) {
        self.disclosed = self.used;
    }

    /// Of what was at rest it is not known whether it was sent: a copy of it may have been. The same change under the
    /// same dot is the same edit.
    pub fn wake(&mut self) {
        (self.sent, self.disclosed) = (self.used, self.used);
    }

    /// Abandons the actor after any doubt: the changes that are not acknowledged are made again under a
    /// new one, each on what its maker saw. Returns their new stamps, in order.
    pub fn abandon(&mut self, actor: Actor) -> Vec<Stamp> {
        self.adopt(actor, self.scope)
    }

    /// The same where the cart was not known before: what was done meanwhile is done in that of `scope`.
    pub fn adopt(&mut self, actor: Actor, scope: Scope) -> Vec<Stamp> {
        // What the service has told of meanwhile is not made twice, and what others have removed not again.
        let pending = std::mem::take(&mut self.pending).into_iter();
        self.pending = pending.filter(|pending| !pending.removed && !self.is_done(pending)).collect();
        (self.actor, self.scope, self.shared) = (actor, scope, false);
        (self.used, self.sent, self.asked, self.disclosed) = (0, 0, 0, 0);
        self.remake(&|device, pending| device.stamp(pending.made))
    }

    /// Gives up the first `count` of the changes, which were refused; those after them are made again as if
    /// they had not been, under the same dots.
    pub fn refuse(&mut self, count: usize) {
        self.pending.drain(..count.min(self.pending.len()));
        self.remake(&|device, pending| device.stamp_of(pending.counter, pending.time));
    }

    /// Stamps the changes that are not acknowledged again, at `now`: their times were refused.
    pub fn restamp(&mut self, now: Millis) {
        self.clock = HybridClock::default();
        self.clock.observe(self.all_heard().latest_time());
        for pending in &mut self.pending {
            pending.made = now;
        }
        self.remake(&|device, pending| {
            let time = device.clock.tick(now);
            device.stamp_of(pending.counter, time)
        });
    }

    /// Makes the pending changes again, each on what its maker saw, stamped anew.
    fn remake(&mut self, stamp: &dyn Fn(&mut Self, &Pending) -> Stamp) -> Vec<Stamp> {
        let mut again = Cart::default();
        let mut stamps = Vec::new();
        for mut pending in std::mem::take(&mut self.pending) {
            let stamp = stamp(self, &pending);
            let mut seen = Cart::clone(&pending.base);
            seen.join(&again);
            pending.delta = seen.change(&pending.change, stamp);
            (pending.counter, pending.time) = (stamp.dot.counter, stamp.time);
            again.join(&pending.delta);
            self.pending.push(pending);
            stamps.push(stamp);
        }
        self.show();
        stamps
    }

    /// The service has `news`, and the pending changes up to the counter `known`.
    fn settle(&mut self, news: &Delta, known: u64) {
        let (acknowledged, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.counter <= known);
        self.pending = pending;
        let settled = joined(&acknowledged);
        if !acknowledged.is_empty() {
            // Later changes saw those before them, which are now part of what they were made on. Changes made
            // on one state go on sharing it.
            let mut last: Option<(Arc<Cart>, Arc<Cart>)> = None;
            for pending in &mut self.pending {
                let after = match &last {
                    Some((before, after)) if Arc::ptr_eq(before, &pending.base) => Arc::clone(after),
                    _ => {
                        let mut after = Cart::clone(&pending.base);
                        after.join(&settled);
                        Arc::new(after)
                    }
                };
                last = Some((std::mem::replace(&mut pending.base, Arc::clone(&after)), after));
            }
        }
        Arc::make_mut(&mut self.base).join(&settled);
        self.base_joins(news);
        self.make_way();
    }

    fn base_joins(&mut self, news: &Delta) {
        Arc::make_mut(&mut self.base).join(news);
        self.cart.join(news);
        self.clock.observe(news.latest_time());
    }

    /// Where the service knows more of the actor than was sent. It may have what a device nearby removed, which is sent
    /// all the same. All else there is another instance's, and the changes that were not sent go out of its way.
    fn make_way(&mut self) {
        let highest = self.base.context().highest(self.actor);
        if highest <= self.sent {
            return;
        }
        let mut unsent = self.pending.iter().filter(|pending| pending.counter > self.sent);
        let others = highest > self.used || unsent.any(|pending| self.is_taken(pending));
        if !others {
            self.sent = highest;
            return;
        }
        let sent = self.sent;
        self.pending.retain(|pending| pending.counter <= sent || !pending.removed);
        (self.shared, self.used, self.sent) = (true, self.used.max(highest), highest);
        self.remake(&|device, pending| {
            if pending.counter > sent {
                device.stamp(pending.made)
            } else {
                device.stamp_of(pending.counter, pending.time)
            }
        });
    }

    /// Whether the service has a pending change.
    fn is_done(&self, pending: &Pending) -> bool {
        self.base.context().contains(Dot::new(self.actor, pending.counter)) && !self.is_taken(pending)
    }

    /// Whether the service has something of another instance under the dot of a pending change. Of what was not sent
    /// all is, but that a device nearby removed what it was told of.
    fn is_taken(&self, pending: &Pending) -> bool {
        let dot = Dot::new(self.actor, pending.counter);
        let here = made(&pending.delta, dot);
        match made(&self.base, dot) {
            Some(there) => pending.counter > self.sent || here != Some(there),
            None => {
                let context = self.base.context();
                let told = pending.counter <= self.disclosed && here.is_some();
                let by_neighbour = pending.removed || told && context.highest(self.actor) <= self.used;
                pending.counter > self.sent && !by_neighbour && context.contains(dot)
            }
        }
    }

    /// What it has but its own pending changes.
    fn all_heard(&self) -> Cart {
        let mut all = Cart::clone(&self.base);
        self.heard.values().for_each(|delta| all.join(delta));
        all
    }

    fn show(&mut self) {
        self.cart = self.all_heard();
        self.pending.iter().for_each(|pending| self.cart.join(&pending.delta));
    }

    fn stamp(&mut self, now: Millis) -> Stamp {
        self.used += 1;
        let time = self.clock.tick(now);
        self.stamp_of(self.used, time)
    }

    fn stamp_of(&self, counter: u64, time: HybridTime) -> Stamp {
        Stamp { dot: Dot::new(self.actor, counter), time, scope: self.scope }
    }
}

/// The contribution of a dot, if it is still there.
fn made(cart: &Cart, dot: Dot) -> Option<(&LineKey, &Payload)> {
    cart.lines().find_map(|(key, line)| Some((key, line.get(dot)?.payload.as_ref()?)))
}

fn joined(changes: &[Pending]) -> Delta {
    let mut delta = Delta::default();
    changes.iter().for_each(|pending| delta.join(&pending.delta));
    delta
}
