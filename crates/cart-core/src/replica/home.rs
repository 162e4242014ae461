//! Where a cart lives: its home, a term in the state; hand-over and take-over of it; leaving when idle.
//! A term is granted once: by the present home, or, when that is lost, by the operator. Who gets it acts as the home
//! once both its stores know, and a home that lost its storage once it knows what both its stores do.

use super::{Effect, Forwarding, Hold, LEASE_MS, Replica, ReplyKind};
use crate::cart::{Cart, Home, Presence};
use crate::frame::Holder;
use crate::id::Region;
use crate::reject::Reject;
use crate::time::Millis;

/// How long a cart is not touched before its replica may delete its storage, in milliseconds; never less
/// than the life of an idempotency key.
pub const IDLE_MS: u64 = Millis::DAY;

impl Replica {
    /// The home of the cart: as the state says, else where it was made.
    pub fn home(&self) -> Home {
        self.cart.home.unwrap_or(Home { term: 0, region: self.book.cart_id.first_home() })
    }

    /// Whether this replica is the cart's home.
    pub fn is_home(&self) -> bool {
        self.home().region == self.book.region
    }

    /// Whether this replica does what only the home may. One to which the home has moved waits until both its
    /// stores have held the same since: who is made anew from a store knows of it then. One that was made anew itself
    /// waits for the same: a store that did not answer may know of a seal, or of another home.
    pub fn acts_as_home(&self) -> bool {
        self.is_home() && self.book.joined && self.book.homed.is_none_or(|since| self.stores_agree(since))
    }

    /// Whether each store of the home has held the same as this replica at a sequence number or later.
    fn stores_agree(&self, since: u64) -> bool {
        let stores = self.regions.stores_of(self.book.region).into_iter().map(Holder::Store);
        let agreed = |store| self.book.links.get(&store).map_or(0, |link| link.agreed);
        stores.map(agreed).all(|agreed| agreed >= since)
    }

    /// A replica without storage has heard from another holder what was there before it. Replicas that only the lost
    /// storage knew of may still have edits of the days since.
    pub(super) fn note_joined(&mut self, now: Millis) {
        self.book.joined = true;
        self.hold_horizon(now);
        if self.is_home() {
            self.book.homed = Some(self.book.sequence);
        }
    }

    /// The stores have answered, and none has the cart. Replicas that a home could not hear, be it that its disk was
    /// full for days, may have edits of these.
    pub(super) fn note_unstored(&mut self, now: Millis) {
        self.book.joined = true;
        self.hold_horizon(now);
        for store in self.stores() {
            self.book.links.or_default(Holder::Store(store)).heard = now;
        }
    }

    /// A home that no store could answer at first has heard what was there before it once each holds the same.
    pub(super) fn note_agreed(&mut self, now: Millis) {
        if !self.book.joined && self.is_home() && self.stores_agree(self.book.homed.unwrap_or(1)) {
            self.book.joined = true;
            self.hold_horizon(now);
        }
    }

    /// Notes that the home has come here since it was `before`, or that both stores know.
    pub(super) fn note_home(&mut self, before: Home, now: Millis) {
        if !self.is_home() {
            self.book.homed = None;
        } else if self.home() != before {
            self.book.homed = Some(self.book.sequence);
            self.hold_horizon(now);
        } else if self.acts_as_home() {
            self.book.homed = None;
        }
    }

    /// For as long as a lease lasts the horizon stays where it is: of what it would pass only others may know,
    /// replicas that only a lost storage knew of, or the home before this, which held it for guests' devices.
    pub(super) fn hold_horizon(&mut self, now: Millis) {
        let day = self.cart.context().horizon();
        self.book.hold = Some(Hold { day, until: now.plus(LEASE_MS) });
    }

    /// Where to go with what only the home may do.
    pub(super) fn home_elsewhere(&self) -> Option<ReplyKind> {
        (!self.is_home()).then(|| ReplyKind::AtHome(self.home().region))
    }

    /// The present home grants the next term to another region.
    pub(super) fn hand_over(&mut self, to: Region, now: Millis) -> Result<ReplyKind, Reject> {
        if let Some(elsewhere) = self.home_elsewhere() {
            return Ok(elsewhere);
        }
        self.check_region(to)?;
        if !self.acts_as_home() {
            return Err(Reject::HomeSettles);
        }
        if to != self.book.region {
            self.grant(to, now);
        }
        Ok(self.state(false))
    }

    /// This replica becomes the home after the one of `term`, which was lost. Repeated, it changes nothing.
    pub(super) fn take_over(&mut self, term: u32, now: Millis) -> Result<ReplyKind, Reject> {
        let home = self.home();
        if home.term != term && !(self.is_home() && home.term == term + 1) {
            return Err(Reject::HomeMoved { term: home.term, region: home.region.name() });
        }
        if !self.is_home() {
            self.grant(self.book.region, now);
        }
        Ok(self.state(false))
    }

    fn grant(&mut self, to: Region, now: Millis) {
        if to == self.book.region {
            self.hold_horizon(now);
        }
        let before = self.home();
        let mut delta = Cart { home: Some(Home { term: before.term + 1, region: to }), ..Cart::default() };
        // The old home stays a replica, which the new one tells; and the new one is there.
        for region in [before.region, to] {
            let epoch = self.cart.replicas.get(&region).map_or(0, |presence| presence.epoch) + 1;
            delta.replicas.insert(region, Presence { epoch, left: false });
        }
        let mut after = self.cart.clone();
        after.join(&delta);
        self.change(after, &delta, now);
    }

    fn check_region(&self, region: Region) -> Result<(), Reject> {
        let known = self.regions.places.iter().any(|place| place.region == region);
        known.then_some(()).ok_or_else(|| Reject::invalid("region", "use a region of GET /v1/admin/regions"))
    }

    /// An idle replica goes: the home once its stores hold the same, another once it has marked itself as left
    /// and the home holds the same. Answers whether it has no storage, also where that went long ago.
    pub(super) fn retire(&mut self, now: Millis, effects: &mut Vec<Effect>) -> Result<ReplyKind, Reject> {
        if !self.stored {
            return Ok(ReplyKind::Answer(true));
        }
        let idle = self.book.updated.plus(IDLE_MS.max(self.key_ms)) <= now;
        let owes = self.book.forwarding.as_ref().is_some_and(Forwarding::is_owed);
        if !idle || owes || self.owes_notice() {
            return Ok(ReplyKind::Answer(false));
        }
        if self.is_home() {
            return Ok(ReplyKind::Answer(self.forget(effects)));
        }
        if self.is_active(self.book.region) {
            let epoch = self.cart.replicas.get(&self.book.region).map_or(0, |presence| presence.epoch);
            let updated = self.book.updated;
            self.be(Presence { epoch, left: true }, now);
            // Leaving is no use of the cart.
            self.book.updated = updated;
        } else {
            // It left, and stayed for what came meanwhile. A home that has been lost since does not hold that any
            // more, whatever it acknowledged.
            self.ask_holder(Holder::Replica(self.home().region), now);
        }
        Ok(ReplyKind::Answer(false))
    }

    /// Goes if it has left and the home knows.
    pub(super) fn forget_if_left(&mut self, effects: &mut Vec<Effect>) {
        let left = self.cart.replicas.get(&self.book.region).is_some_and(|presence| presence.left);
        if left && !self.is_home() {
            self.forget(effects);
        }
    }

    fn forget(&mut self, effects: &mut Vec<Effect>) -> bool {
        let home = self.home().region;
        let keeps = |holder: &Holder| matches!(holder, Holder::Store(_)) || *holder == Holder::Replica(home);
        let keepers: Vec<Holder> = self.holders().into_iter().filter(keeps).collect();
        // Who holds more may know of another home, which then has to be told first.
        let agrees = |holder: &Holder| {
            self.book.links.get(holder).is_some_and(|link| link.agreed >= self.book.sequence)
        };
        let kept = !keepers.is_empty() && keepers.iter().all(agrees);
        if kept {
            effects.push(Effect::Forget);
        }
        kept
    }
}
