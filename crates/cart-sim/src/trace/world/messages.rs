//! The messages of a trace: deltas, full states, what a device lacks, guests' carts. What the core sends
//! and what the oracle is told travel together, and the receiver is checked after each.

use std::rc::Rc;

use cart_core::cart::{Cart, Delta};
use cart_core::id::{Actor, Dot, Scope};
use cart_core::transplant::Transplant;
use crdts::{CvRDT as _, ResetRemove as _};

use super::{HOME, World, keep, tell};
use crate::trace::coverage::Mark;
use crate::trace::network::{Load, Message};
use crate::trace::oracle::Op;
use crate::trace::site::Site;
use crate::trace::situation;
use crate::violation::Check;

impl World {
    /// A change is sent to the other replicas; one in the guest's cart to a replica of the user's.
    pub(super) fn send_delta(
        &mut self,
        from: usize,
        delta: &Delta,
        ops: Vec<Op>,
        sender: Option<(Actor, Scope)>,
    ) {
        let is_user = from < self.users;
        let (delta, ops) = if is_user { (delta.clone(), ops) } else { self.transplanted(delta, &ops) };
        let (delta, ops) = (Rc::new(delta), Rc::<[Op]>::from(ops));
        keep(&mut self.samples, Rc::clone(&delta), &mut self.dice);
        let receivers = if is_user { 0..self.users } else { HOME..HOME + 1 };
        for to in receivers.filter(|to| *to != from) {
            let load = Load::Delta { ops: Rc::clone(&ops), sender };
            self.send(from, to, Rc::clone(&delta), load);
        }
    }

    fn transplanted(&self, delta: &Delta, ops: &[Op]) -> (Delta, Vec<Op>) {
        let transplant = self.transplant();
        let rename = |actor| renamed(&transplant, actor);
        (transplant.of(delta), ops.iter().map(|op| op.renamed(&rename)).collect())
    }

    /// A site tells another its full state.
    pub fn send_state(&mut self) -> Check {
        let (from, to) = (self.dice.below(self.sites.len()), self.any_user());
        if to != from {
            let message = self.state_message(from, to);
            keep(&mut self.samples, Rc::clone(&message.cart), &mut self.dice);
            self.network.send(message, &mut self.dice, &mut self.coverage);
        }
        Ok(())
    }

    /// The full state of a site; of a guest's cart what the user's takes of it.
    fn state_message(&self, from: usize, to: usize) -> Message {
        let Site { cart, oracle, .. } = &self.sites[from];
        let (cart, load) = if from < self.users {
            (cart.clone(), Load::State(Rc::new(oracle.clone())))
        } else {
            let transplant = self.transplant();
            let oracle = oracle.transplanted(&|actor| renamed(&transplant, actor));
            (transplant.of(cart), Load::Guest(Rc::new(oracle)))
        };
        let time = self.sites[from].latest();
        Message { from, to, sent: self.event, time, cart: Rc::new(cart), load }
    }

    pub(super) fn tell_state(&mut self, from: usize, to: usize) -> Check {
        let message = self.state_message(from, to);
        self.receive(&message)
    }

    /// A site asks another with its context, and is answered with what it lacked.
    pub fn send_lacking(&mut self) -> Check {
        let (from, to) = (self.any_user(), self.any_user());
        if from != to {
            let lacking = self.sites[from].cart.lacking(self.sites[to].cart.context());
            let oracle = Rc::new(self.sites[from].oracle.clone());
            self.send(from, to, Rc::new(lacking), Load::Lacking(oracle));
        }
        Ok(())
    }

    fn send(&mut self, from: usize, to: usize, cart: Rc<Cart>, load: Load) {
        let time = self.sites[from].latest();
        let message = Message { from, to, sent: self.event, time, cart, load };
        self.network.send(message, &mut self.dice, &mut self.coverage);
    }

    /// Two deltas become one message.
    pub fn coalesce(&mut self) -> Check {
        self.network.coalesce(&mut self.dice, &mut self.coverage);
        Ok(())
    }

    /// Any message in flight arrives.
    pub fn deliver(&mut self) -> Check {
        match self.network.take(&mut self.dice, &mut self.coverage) {
            Some(message) => self.receive(&message),
            None => Ok(()),
        }
    }

    fn receive(&mut self, message: &Message) -> Check {
        let Message { from, to, sent, cart, .. } = message;
        let site = &mut self.sites[*to];
        let mark = message.load.mark();
        self.coverage.mark(mark);
        tell(&mut self.history, || {
            format!("#{} site {to} receives {mark:?} of #{sent} from site {from}", self.event)
        });
        if sent.is_multiple_of(4) {
            site.check_ingress(message)?;
        }
        if self.retried {
            self.coverage.mark_if(site.cart.validate_merge(cart).is_err(), Mark::Conflict);
        }
        situation::mark_message(&mut self.coverage, &site.cart, message);
        let holes: Vec<Dot> = situation::holes(&site.cart).collect();
        site.receive(message);
        let filled = holes.iter().any(|dot| situation::is_met(&site.cart, *dot));
        self.coverage.mark_if(filled, Mark::HoleFilled);
        self.check_site(*to)
    }

    /// The network falls in two for a while.
    pub fn cut(&mut self) -> Check {
        let side = self.dice.below(1 << self.users) as u32;
        self.network.cut(side, self.event + 2 + self.dice.below(6));
        Ok(())
    }
}

/// The name of an actor of a sealed cart elsewhere, as the core has it.
pub(super) fn renamed(transplant: &Transplant<'_>, actor: Actor) -> Actor {
    let clock = std::iter::once(crdts::Dot::new(actor, 1)).collect();
    let mut probe = Cart::default();
    probe.reset_remove(&clock);
    let moved = transplant.of(&probe);
    moved.context().clock().dots.keys().next().copied().unwrap_or(actor)
}
