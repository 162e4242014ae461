//! What `merge(guest)` takes of a guest's cart: its context, lines and coupons, its fields where the user's cart has
//! none of its own, never its fences, replicas or home (R13), under dots that the user's cart cannot take for old ones.
//!
//! Both carts have horizons of their own, and a dot of an actor minted before a horizon counts as seen:
//! joined as they are, a guest's week-old items would vanish in a user's cart whose horizon has passed
//! them, and a user's in a guest's. So a sealed cart sends no horizon, and its actors go under actors
//! derived from them and minted on the day of the seal or later: the same ones whenever and from wherever
//! it is sent, so that repeating it changes nothing. (It also parts two carts of one session in which one
//! idempotency key was used, and so one dot made.)
//!
//! Its fields go as registers of a time before all that is ever written: whatever the user's cart has of its own, also
//! that a field was taken away, wins, whenever either of them comes. Among guests the cart that was sealed first
//! wins, as if what it brought were the user's own since; of one guest what was written last.

use crdts::VClock;
use sha2::{Digest as _, Sha256};

use crate::cart::Cart;
use crate::context::Context;
use crate::id::{Actor, CartId, Dot};
use crate::line::{Contribution, Contributions, Move};
use crate::meta::Register;
use crate::ordered::Ordered;
use crate::ties::Seal;
use crate::time::{Day, HybridTime, Millis};
use crate::wire;

/// How the actors of a sealed cart are named elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Transplant<'a> {
    /// The guest's cart.
    pub from: &'a CartId,
    /// The day on which it was sealed.
    pub sealed: Day,
    /// The moment.
    pub at: Millis,
}

/// Registers of an earlier time are fields that were taken from a guest's cart: of the first days of 1970, as a number.
const TAKEN: u64 = 1 << 44;
/// Marks, where else the writer's actor is, that the time beside it is the first guest's own.
const WRITTEN: u64 = 1 << 63;

impl Seal {
    /// What the user's cart is to join of the state, or a delta, of the sealed cart `from`. Of actors that a
    /// horizon has passed its context names nothing: what was there at the seal and is gone is named by the seal.
    pub fn transplant(&self, from: &CartId, cart: &Cart) -> Cart {
        let transplant = Transplant { from, sealed: self.day, at: self.at.max(self.day.start()) };
        let mut moved = transplant.of(cart);
        let seen = self.retired.iter().filter(|dot| cart.context().contains(**dot));
        moved.context.extend(seen.map(|dot| transplant.dot(*dot)));
        moved
    }

    /// What is there of actors before the horizon.
    pub fn retired_in(cart: &Cart) -> Vec<Dot> {
        let horizon = cart.context().horizon();
        let mut retired: Vec<Dot> = wire::live_dots(cart).filter(|dot| dot.actor.day() < horizon).collect();
        retired.sort_unstable();
        retired
    }
}

impl Transplant<'_> {
    /// The state, or a delta, of the guest's cart as the user's cart is to join it.
    pub fn of(&self, guest: &Cart) -> Cart {
        let line = |line: &Contributions| {
            line.iter().map(|(dot, contribution)| (self.dot(dot), self.contribution(contribution))).collect()
        };
        let mut coupons = Ordered::default();
        for (code, dots) in &guest.coupons {
            let mut dots: Vec<Dot> = dots.iter().map(|dot| self.dot(*dot)).collect();
            dots.sort_unstable();
            coupons.insert(code.clone(), dots);
        }
        let mut moved = Cart {
            lines: guest
                .lines
                .iter()
                .map(|(key, contributions)| (key.clone(), line(contributions)))
                .collect(),
            details: guest.details.clone(),
            coupons,
            ..Cart::default()
        };
        for (field, register) in &guest.meta {
            moved.meta.insert(*field, self.register(register));
        }
        moved.context = self.context(guest.context(), &moved);
        moved
    }

    fn context(&self, context: &Context, moved: &Cart) -> Context {
        let clock: VClock<Actor> = context
            .clock()
            .dots
            .iter()
            .map(|(actor, counter)| crdts::Dot::new(self.actor(*actor), *counter))
            .collect();
        let mut cloud: Vec<Dot> = context.cloud().iter().map(|dot| self.dot(*dot)).collect();
        cloud.extend(wire::live_dots(moved));
        Context::from_parts(clock, cloud, Day(0))
    }

    fn contribution(&self, contribution: &Contribution) -> Contribution {
        let mut renamed = Contribution::from_parts(contribution.payload.clone(), Vec::new(), None);
        for (actor, count) in contribution.decrements() {
            renamed.decrement(self.actor(*actor), *count);
        }
        if let Some(moved) = contribution.moved() {
            renamed.move_to(Move { actor: self.actor(moved.actor), ..moved });
        }
        renamed
    }

    /// The order of time and actor is kept, but for the actor where the times are the same. Through a chain of carts,
    /// what each has of its own goes before what it has taken.
    fn register(&self, register: &Register) -> Register {
        let HybridTime(written) = register.time;
        let order = if written < TAKEN { register.actor.0 >> 1 } else { WRITTEN | written };
        let time = HybridTime(TAKEN - 1 - self.at.0.min(TAKEN - 1));
        Register { time, actor: Actor(order), value: register.value.clone() }
    }

    fn dot(&self, dot: Dot) -> Dot {
        Dot::new(self.actor(dot.actor), dot.counter)
    }

    fn actor(&self, actor: Actor) -> Actor {
        let mut hash = Sha256::new();
        hash.update(b"evercart transplant\0");
        hash.update(self.from.as_str().as_bytes());
        hash.update(actor.0.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Actor::mint(self.sealed.max(actor.day()), u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}
