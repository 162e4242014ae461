//! What shoppers do: plain HTTP edits, all or none, once for each key; sync of devices; leases of their actors.

use super::{
    Caller, Edit, Effect, LEASE_MS, LEASES_MANY, LEASES_MAX, Lease, RETRY_DAYS, Replica, ReplyKind, UNUSED_MS,
};
use crate::cart::Cart;
use crate::change::{Change, Stamp};
use crate::id::{Actor, Dot};
use crate::idem::Entry;
use crate::ingress::{self, Sender};
use crate::reject::Reject;
use crate::sync::{SyncRequest, SyncResponse};
use crate::time::Millis;

impl Replica {
    /// Whether the state has the change that was made under one of these actors.
    fn has_applied(&self, actors: &[Actor]) -> bool {
        let context = self.cart.context();
        let kept = |actor: &&Actor| actor.day() >= context.horizon();
        actors.iter().filter(kept).any(|actor| context.contains(Dot::new(*actor, 1)))
    }

    /// The answer for an edit whose key was used before; `None` if it was not, as far as can be told here.
    pub(super) fn replay(&self, edit: &Edit, now: Millis) -> Option<Result<ReplyKind, Reject>> {
        let mut pages = std::iter::once(&self.ledger).chain(&edit.pages);
        let entry = pages.find_map(|page| page.find(edit.keys()));
        // By the build before, edits were made under the key's own actor. No more of them come to be: once the keys of
        // then have ended, none is found.
        let (applied, before) = (self.has_applied(&edit.actors), self.has_applied(edit.keys()));
        match entry {
            Some(entry) if now > entry.at.plus(self.key_ms) => Some(Err(Reject::KeyExpired)),
            // Of two bodies under one key, in two regions, each is repeated as itself.
            _ if applied => Some(Ok(self.state(true))),
            Some(entry) if entry.body != edit.body_digest() => {
                let same = before && entry.body == edit.body_digest_with_seen();
                Some(if same { Ok(self.state(true)) } else { Err(Reject::KeyReused) })
            }
            // Without an entry it was applied in another region, by whose state the dot came here.
            Some(_) | None => before.then(|| Ok(self.state(true))),
        }
    }

    /// Makes the cart for its session. Its id is derived from the key: a cart that is there was made by it.
    pub(super) fn open(
        &mut self,
        caller: &Caller,
        edit: &Edit,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        if self.book.ties.owner.is_some() && now > self.book.ties.created.plus(self.key_ms) {
            return Err(Reject::KeyExpired);
        }
        match (self.book.ties.owner.is_some(), edit.commands.is_empty(), self.replay(edit, now)) {
            (false, true, _) => {
                self.own(caller);
                Ok(self.state(false))
            }
            (false, false, _) => self.edit(caller, edit, now, effects),
            (true, true, None) => Ok(self.state(true)),
            (true, false, None) => Err(Reject::KeyReused),
            (true, _, Some(replayed)) => replayed,
        }
    }

    pub(super) fn edit(
        &mut self,
        caller: &Caller,
        edit: &Edit,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        if let Some(replayed) = self.replay(edit, now) {
            return replayed;
        }
        if edit.hangs_on_its_outcome() {
            return Err(Reject::OutcomeUnknown);
        }
        if let Some(wanted) = &edit.if_version {
            let version = self.cart.version().to_hex();
            if wanted.split(',').all(|wanted| wanted != version) {
                return Err(Reject::VersionMismatch);
            }
        }
        let actor = *edit.actors.first().ok_or(Reject::Malformed("an edit without an actor"))?;
        if actor.day() < self.cart.context().horizon() {
            return Err(Reject::ActorExpired);
        }
        let mut after = self.cart.clone();
        let mut clock = self.book.clock;
        let mut seen = edit.seen.as_deref().map(Cart::from_bytes).transpose()?;
        if let Some(seen) = &seen {
            // Another region may have shown it: what is done to it is later than what was done there.
            clock.observe(seen.latest_time());
        }
        let mut whole = Cart::default();
        let (mut counter, mut adds) = (0, false);
        for command in &edit.commands {
            for change in command.to_changes(self.limits.line_quantity_max)? {
                counter += 1;
                let stamp = Stamp {
                    dot: Dot::new(actor, counter),
                    time: clock.tick(now),
                    scope: self.book.cart_id.scope(),
                };
                change.check(seen.as_ref().unwrap_or(&after), &after, &self.limits)?;
                let delta = seen.as_ref().unwrap_or(&after).change(&change, stamp);
                after.join(&delta);
                whole.join(&delta);
                if let Some(seen) = &mut seen {
                    seen.join(&delta);
                }
                adds |= !matches!(
                    change,
                    Change::Set { .. } | Change::Remove { .. } | Change::Clear | Change::Uncoupon(_)
                );
            }
        }
        // Of all of them at once: what is between is kept nowhere, and a look at it costs as much as all of them.
        self.limits.check_growth(&self.cart, &after, adds)?;
        if counter == 0 {
            return Err(Reject::invalid("commands", "name at least one command"));
        }
        self.own(caller);
        self.book.clock = clock;
        self.edited(now);
        self.change(after, &whole, now);
        // Purged here, where the row is written anyway: no alarm and no row of its own.
        let days = RETRY_DAYS + 1;
        self.ledger.forget(now.day().before(days));
        if self.book.pages.first().is_some_and(|until| *until <= now) {
            self.drop_pages(now, effects);
        }
        let key = edit.keys().first().copied().unwrap_or(actor);
        if let Some(page) = self.ledger.note(Entry { key, body: edit.body_digest(), at: now }) {
            let until = now.plus(u64::from(days + 1) * Millis::DAY);
            self.book.pages.push(until);
            effects.push(Effect::PutPage { entries: page.to_bytes(), until });
        }
        Ok(self.state(false))
    }

    pub(super) fn sync(&mut self, caller: &Caller, request: &[u8], now: Millis) -> Result<ReplyKind, Reject> {
        let request = SyncRequest::from_bytes(request)?;
        match self.book.ties.leases.get(&request.actor) {
            Some(until) if now > *until => return Err(Reject::ActorExpired),
            None if request.actor.day() < self.cart.context().horizon() => return Err(Reject::ActorExpired),
            None => return Err(Reject::ActorUnknown),
            Some(_) => {}
        }
        let prior = self.cart.context().highest(request.actor);
        if request.delta != Cart::default() {
            let sender =
                Sender { actor: request.actor, scope: self.book.cart_id.scope(), now, limits: self.limits };
            let admitted = ingress::admit(&self.cart, &request.delta, &sender)?;
            let mut after = self.cart.clone();
            after.join(&admitted);
            if after != self.cart {
                if prior > request.sent {
                    return Err(Reject::ActorShared);
                }
                self.own(caller);
                self.book.clock.observe(admitted.latest_time());
                self.edited(now);
                self.prolong(request.actor, now);
                self.change(after, &admitted, now);
            }
        }
        let lacking = self.cart.lacking(&request.context);
        Ok(ReplyKind::Synced(SyncResponse { prior, sequence: self.book.sequence, lacking }.to_bytes()))
    }

    pub(super) fn lease(&mut self, caller: &Caller, actor: Actor, now: Millis) -> Result<ReplyKind, Reject> {
        if self.book.ties.seal.is_some() {
            return Err(Reject::AlreadyMerged);
        }
        if let Some(until) = self.book.ties.leases.get(&actor) {
            return Ok(ReplyKind::Leased(Lease { actor, until: *until }));
        }
        self.book.ties.forget_ended(now);
        // Pages that were left without an edit make room, those first that were opened first.
        let context = self.cart.context();
        let is_unused = |actor, until| ends_soon(actor, until, now) && context.highest(actor) == 0;
        while self.book.ties.leases.len() >= LEASES_MAX {
            if !self.book.ties.evict_lease(is_unused) {
                let first = self.book.ties.leases.values().min().map_or(0, |until| until.0 - now.0);
                let ends_s = (first <= UNUSED_MS).then(|| first.div_ceil(1_000) as u32);
                return Err(Reject::TooManyDevices { max: LEASES_MAX, ends_s });
            }
        }
        self.own(caller);
        let many = self.book.ties.leases.len() >= LEASES_MANY;
        let until = now.plus(if many { UNUSED_MS } else { LEASE_MS });
        self.book.ties.leases.insert(actor, until);
        Ok(ReplyKind::Leased(Lease { actor, until }))
    }

    /// With its first edit any lease lasts its whole time, counted from when it was given: the same in all regions.
    fn prolong(&mut self, actor: Actor, now: Millis) {
        if let Some(until) =
            self.book.ties.leases.get_mut(&actor).filter(|until| ends_soon(actor, **until, now))
        {
            *until = until.plus(LEASE_MS - UNUSED_MS);
        }
    }
}

/// Whether a lease has made no edit as far as its end tells: it was given lately, and not for long.
fn ends_soon(actor: Actor, until: Millis, now: Millis) -> bool {
    actor.day() >= now.day().before(1) && until <= now.plus(UNUSED_MS)
}
