//! A site: one replica of the core with its oracle beside it, its actor, and a clock that goes wrong.
//! Whatever reaches the one reaches the other.

use std::rc::Rc;

use cart_core::cart::{Cart, Delta};
use cart_core::id::{Actor, Dot};
use cart_core::ingress::{self, Sender};
use cart_core::limits::Limits;
use cart_core::time::{HybridClock, HybridTime, Millis};

use crate::catalog::Catalog;
use crate::trace::edit::View;
use crate::trace::network::{Load, Message};
use crate::trace::oracle::{Op, Oracle};
use crate::trace::witness::{Memory, Witness};
use crate::violation::{Check, Fault, Invariant};

/// A replica under test.
#[derive(Debug)]
pub struct Site {
    /// The core's state.
    pub cart: Cart,
    /// What it must show.
    pub oracle: Oracle,
    /// Its own actor.
    pub actor: Actor,
    /// The highest counter it has used.
    pub used: u64,
    clock: HybridClock,
    skew_ms: i64,
    memory: Memory,
}

impl Site {
    /// A site with nothing, whose clock is wrong by `skew_ms`.
    pub fn new(actor: Actor, skew_ms: i64) -> Self {
        Self {
            cart: Cart::default(),
            oracle: Oracle::default(),
            actor,
            used: 0,
            clock: HybridClock::default(),
            skew_ms,
            memory: Memory::default(),
        }
    }

    /// A change of actor.
    pub fn renew(&mut self, actor: Actor) {
        (self.actor, self.used) = (actor, 0);
    }

    /// The next hybrid time of this site.
    pub fn tick(&mut self, now: Millis) -> HybridTime {
        self.clock.tick(Millis(now.0.saturating_add_signed(self.skew_ms)))
    }

    /// A time was seen.
    pub fn observe(&mut self, seen: HybridTime) {
        self.clock.observe(seen);
    }

    /// The latest hybrid time it has given or seen.
    pub fn latest(&self) -> HybridTime {
        self.clock.last()
    }

    /// Its own change is applied to both.
    pub fn apply(&mut self, delta: &Delta, ops: &[Op]) {
        self.cart.join(delta);
        ops.iter().for_each(|op| self.oracle.apply(op));
    }

    /// A message arrives.
    pub fn receive(&mut self, message: &Message) {
        self.observe(message.time);
        self.cart.join(&message.cart);
        match &message.load {
            Load::Delta { ops, .. } => ops.iter().for_each(|op| self.oracle.apply(op)),
            Load::State(oracle) | Load::Lacking(oracle) | Load::Guest(oracle) => self.oracle.merge(oracle),
        }
    }

    /// What a caller is shown now, to be sent back with a later change.
    pub fn view(&self) -> Result<View, Fault> {
        let cart = Cart::from_bytes(&self.cart.seen()).map_err(|reject| Fault {
            invariant: Invariant::I5EqualBytes,
            text: format!("a view's context cannot be read: {reject}"),
        })?;
        Ok(View { cart: Rc::new(cart), oracle: Rc::new(self.oracle.clone()), time: self.latest() })
    }

    /// Everything that must hold at a site after every step.
    pub fn check(&mut self, witness: &Witness, catalog: &Catalog) -> Check {
        witness.look(&mut self.memory, &self.cart)?;
        let difference = self.oracle.difference(&self.cart, catalog);
        difference.map_or(Ok(()), |text| Err(Fault { invariant: Invariant::Oracle, text }))
    }

    /// Whether a device's delta would be let in here, and would do there what it says.
    pub fn check_ingress(&self, message: &Message) -> Check {
        let Load::Delta { sender: Some((actor, scope)), .. } = &message.load else { return Ok(()) };
        let sender = Sender {
            actor: *actor,
            scope: *scope,
            now: message.time.millis(),
            limits: Limits { state_bytes_max: usize::MAX, ..Limits::default() },
        };
        let retired = actor.day() < self.cart.context().horizon();
        let fault = |text| Err(Fault { invariant: Invariant::Ingress, text });
        match ingress::admit(&self.cart, &message.cart, &sender) {
            Err(_) if retired => Ok(()),
            Err(reject) => fault(format!("refused: {reject}: {:?}", message.cart)),
            Ok(_) if retired => fault(format!("admitted beyond the horizon: {:?}", message.cart)),
            Ok(admitted) => {
                let (mut by_admitted, mut by_delta) = (self.cart.clone(), self.cart.clone());
                by_admitted.join(&admitted);
                by_delta.join(&message.cart);
                Fault::unless(by_admitted == by_delta, Invariant::Ingress, || {
                    format!("admitted as {admitted:?}, which differs from {:?}", message.cart)
                })
            }
        }
    }

    /// Whether one of these dots is new here.
    pub fn lacks(&self, mut dots: impl Iterator<Item = Dot>) -> bool {
        dots.any(|dot| !self.cart.context().contains(dot))
    }
}
