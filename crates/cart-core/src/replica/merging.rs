//! A guest's cart joins a user's: sealed at its home, once, and what still reaches it is forwarded from there.

use super::{
    Caller, EXPECT_MS, EXPECTED_MAX, Effect, Expected, Forwarding, Hold, Input, LEASE_MS, RESERVE_MS,
    RESERVED_MAX, Replica, ReplyKind,
};
use crate::cart::Cart;
use crate::id::{CartId, Dot};
use crate::packed::pack;
use crate::reject::Reject;
use crate::ties::Seal;
use crate::time::Millis;
use crate::wire;

/// How long edits of a sealed cart wait for others before they are forwarded, in milliseconds.
const FORWARD_MS: u64 = 200;
/// When a forward is tried again, in milliseconds; twice as long after each further try.
const RETRY_MS: u64 = 2_000;
/// How often a retry is doubled: to half an hour. What does not fit into the other cart waits until it does, which may
/// be never.
const RETRY_DOUBLINGS_MAX: u32 = 10;

impl Replica {
    /// Holds the horizon for a guest's devices: their leases end with this one at the latest. Refused where what it
    /// brings, and others that are on their way, would make the cart too large: before anything is sealed.
    pub(super) fn expect_guest(
        &mut self,
        caller: &Caller,
        guest: CartId,
        bytes: u64,
        now: Millis,
    ) -> Result<ReplyKind, Reject> {
        if let Some(elsewhere) = self.home_elsewhere() {
            return Ok(elsewhere);
        }
        let merged = &self.book.ties.merged;
        self.book.expected.retain(|expected| {
            expected.guest != guest
                && expected.until.plus(RESERVE_MS) > now
                && !merged.contains(&expected.guest)
        });
        let waiting = self.book.expected.iter().filter(|expected| expected.until > now).count();
        if waiting >= EXPECTED_MAX || self.book.expected.len() >= RESERVED_MAX {
            return Err(Reject::MergeBusy);
        }
        // What has come, or was sealed to come, is not refused when it is sent once more.
        let bytes = if merged.contains(&guest) { 0 } else { bytes };
        let expected = self.book.expected.iter().fold(bytes, |sum, there| sum.saturating_add(there.bytes));
        let there = self.bytes().len() + pack(&self.book.ties).len();
        let bytes_max = self.limits.merged_bytes_max;
        if bytes > 0 && expected.saturating_add(there as u64) > bytes_max as u64 {
            return Err(Reject::MergeTooLarge { max: bytes_max });
        }
        self.own(caller);
        self.book.expected.push(Expected { guest, until: now.plus(EXPECT_MS), bytes });
        let day = now.day().before(1);
        let day = self.book.hold.filter(|hold| hold.until > now).map_or(day, |hold| hold.day.min(day));
        self.book.hold = Some(Hold { day, until: now.plus(LEASE_MS) });
        Ok(self.state(false))
    }

    pub(super) fn seal(&mut self, caller: &Caller, into: CartId, now: Millis) -> Result<ReplyKind, Reject> {
        if let Some(elsewhere) = self.home_elsewhere() {
            return Ok(elsewhere);
        }
        let seal = match &self.book.ties.seal {
            Some(seal) if seal.into != into => return Err(Reject::AlreadyMerged),
            _ if into == self.book.cart_id => return Err(Reject::MergeCycle),
            Some(seal) => seal,
            None if !self.acts_as_home() => return Err(Reject::HomeSettles),
            // Else carts merged into one another at once would all be sealed. Of two, the lesser may.
            None if self.book.expected.iter().any(|expected| {
                expected.until > now && (expected.guest != into || into < self.book.cart_id)
            }) =>
            {
                return Err(Reject::MergeBusy);
            }
            None => {
                self.own(caller);
                // Whoever asked for the seal may not live to hand it over: it goes there by itself, too.
                let seal = Seal { day: now.day(), at: now, into, retired: Seal::retired_in(&self.cart) };
                let outbox = seal.transplant(&self.book.cart_id, &self.cart);
                self.book.forwarding = Some(Forwarding::of(&self.book.cart_id, outbox));
                self.book.ties.seal.insert(seal)
            }
        };
        Ok(ReplyKind::Sealed(seal.transplant(&self.book.cart_id, &self.cart).to_bytes()))
    }

    pub(super) fn join(
        &mut self,
        caller: &Caller,
        state: &[u8],
        path: Vec<CartId>,
        now: Millis,
    ) -> Result<ReplyKind, Reject> {
        let guest = Cart::from_bytes(state)?;
        self.book.expected.retain(|expected| !path.contains(&expected.guest));
        // Whatever it brings: if this cart is erased, or will be, the guest's goes with it.
        path.last().into_iter().for_each(|guest| self.book.ties.note_merged(guest));
        // Two carts merged into each other at once make a ring: what has gone around it ends here, or where it would
        // go on to next. What is here is in it under other names already.
        let next = self.book.ties.seal.as_ref().map(|seal| &seal.into);
        if path.iter().any(|cart| *cart == self.book.cart_id || Some(cart) == next) {
            return Ok(self.state(false));
        }
        let mut after = self.cart.clone();
        after.join(&guest);
        if after != self.cart && !self.cart.is_erased() {
            // What does not fit waits in the guest's cart until it does.
            self.limits.check_joined(&self.cart, &after, pack(&self.book.ties).len())?;
            self.own(caller);
            self.book.clock.observe(guest.latest_time());
            self.edited(now);
            self.change(after, &guest, now);
            // What is kept here must hear of what becomes of the cart, whoever brought it.
            self.enter(now);
            if let Some(forwarding) = &mut self.book.forwarding {
                for cart in path {
                    if let Err(at) = forwarding.path.binary_search(&cart) {
                        forwarding.path.insert(at, cart);
                    }
                }
            }
        }
        Ok(self.state(false))
    }

    /// The horizon of a sealed cart stays, but others may tell of a later one than was known at the seal. What is here
    /// of actors before that is named by the seal from then on, too: their removal is told by nothing else.
    pub(super) fn note_retired(&mut self, after: &Cart) {
        let Some(seal) = &mut self.book.ties.seal else { return };
        let horizon = after.context().horizon();
        if horizon > self.cart.context().horizon() {
            seal.retired.extend(wire::live_dots(&self.cart).filter(|dot| dot.actor.day() < horizon));
            seal.retired.sort_unstable();
            seal.retired.dedup();
        }
    }

    /// Keeps what a sealed cart took in. Only its home does: what others take in comes here by itself. Who
    /// has become the home hands all over once more, and so does who was told of what it had removed: the user's
    /// cart may never have heard of that, and it is not to appear there.
    pub(super) fn keep_late(&mut self, delta: &Cart) {
        let Some(seal) = self.book.ties.seal.as_ref().filter(|_| self.is_home()) else {
            self.book.forwarding = None;
            return;
        };
        let of = |cart: &Cart| seal.transplant(&self.book.cart_id, cart);
        match &mut self.book.forwarding {
            Some(forwarding) => {
                let mut here: Vec<Dot> = wire::live_dots(&self.cart).collect();
                here.sort_unstable();
                let taken_in = wire::live_dots(delta).all(|dot| here.binary_search(&dot).is_ok());
                forwarding.outbox.join(&of(if taken_in { delta } else { &self.cart }));
            }
            none => *none = Some(Forwarding::of(&self.book.cart_id, of(&self.cart))),
        }
    }

    pub(super) fn forward(&mut self, effects: &mut Vec<Effect>) {
        let Some(seal) = &self.book.ties.seal else { return };
        if let Some(forwarding) = self.book.forwarding.as_mut().filter(|there| there.is_owed()) {
            forwarding.tries += 1;
            // It is the last.
            let mut path = forwarding.path.clone();
            path.retain(|cart| *cart != self.book.cart_id);
            path.push(self.book.cart_id.clone());
            let delta = forwarding.outbox.to_bytes();
            let input = Box::new(Input::Join { state: delta.clone(), path });
            let then = Box::new(Input::Forwarded { delta });
            effects.push(Effect::Tell { cart: seal.into.clone(), input, then });
        }
    }

    pub(super) fn forwarded(&mut self, delta: &[u8]) {
        if let Some(forwarding) = &mut self.book.forwarding {
            forwarding.tries = 0;
            if forwarding.outbox.to_bytes() == delta {
                forwarding.outbox = Cart::default();
                forwarding.path.clear();
            }
            // An alarm that is still to come finds nothing to do, or what is armed anew for the rest.
            self.book.wake = None;
        }
    }

    /// When the next forward is due.
    pub(super) fn forward_due(&self, now: Millis) -> Option<Millis> {
        let forwarding = self.book.forwarding.as_ref().filter(|there| there.is_owed())?;
        Some(now.plus(match forwarding.tries {
            0 => FORWARD_MS,
            tries => RETRY_MS << (tries - 1).min(RETRY_DOUBLINGS_MAX),
        }))
    }
}
