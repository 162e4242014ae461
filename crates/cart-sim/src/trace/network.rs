//! The network of a trace: messages in flight, lost, repeated, overtaken, cut off, joined on the way.
//! A message carries what the core sends and what the oracle is told of it.

use std::rc::Rc;

use cart_core::cart::Cart;
use cart_core::id::{Actor, Scope};
use cart_core::time::HybridTime;

use crate::dice::Dice;
use crate::trace::coverage::{Coverage, Mark};
use crate::trace::oracle::{Op, Oracle};

/// The most messages in flight; one more pushes out another.
const FLIGHT_MAX: usize = 24;

/// What a message is to its receiver.
#[derive(Clone, Debug)]
pub enum Load {
    /// A delta, or several joined.
    Delta {
        /// What happened, in the oracle's words.
        ops: Rc<[Op]>,
        /// Whose change it is, if one device's alone.
        sender: Option<(Actor, Scope)>,
    },
    /// A full state.
    State(Rc<Oracle>),
    /// What the receiver lacked of a state when it asked.
    Lacking(Rc<Oracle>),
    /// The state of a guest's cart, for a user's cart to join.
    Guest(Rc<Oracle>),
}

impl Load {
    /// Its mark when it is delivered.
    pub fn mark(&self) -> Mark {
        match self {
            Self::Delta { .. } => Mark::Delta,
            Self::State(_) => Mark::State,
            Self::Lacking(_) => Mark::Lacking,
            Self::Guest(_) => Mark::GuestJoined,
        }
    }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// The site that sent it.
    pub from: usize,
    /// The site it is for.
    pub to: usize,
    /// The event in which it was sent.
    pub sent: usize,
    /// The latest hybrid time in it.
    pub time: HybridTime,
    /// What the core sends.
    pub cart: Rc<Cart>,
    /// What it is.
    pub load: Load,
}

/// A partition: sites of different sides do not hear each other.
#[derive(Clone, Copy, Debug)]
struct Partition {
    side: u32,
    until: usize,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    flight: Vec<Message>,
    loss_percent: u32,
    repeat_percent: u32,
    partition: Option<Partition>,
}

impl Network {
    /// A network with faults of its own.
    pub fn of(dice: &mut Dice) -> Self {
        Self {
            flight: Vec::new(),
            loss_percent: *dice.pick(&[0, 10, 30, 50]),
            repeat_percent: *dice.pick(&[0, 10, 30]),
            partition: None,
        }
    }

    /// Cuts the sites in two until an event.
    pub fn cut(&mut self, side: u32, until: usize) {
        self.partition = Some(Partition { side, until });
    }

    /// Sends a message, which may get lost.
    pub fn send(&mut self, message: Message, dice: &mut Dice, coverage: &mut Coverage) {
        let side = |site: usize, partition: Partition| partition.side >> site & 1;
        let cut = self.partition.filter(|partition| message.sent < partition.until);
        if cut.is_some_and(|cut| side(message.from, cut) != side(message.to, cut)) {
            coverage.mark(Mark::Cut);
        } else if dice.chance(self.loss_percent) {
            coverage.mark(Mark::Lost);
        } else {
            self.flight.push(message);
            if self.flight.len() > FLIGHT_MAX {
                self.flight.swap_remove(dice.below(FLIGHT_MAX));
            }
        }
    }

    /// A message that arrives: any of those in flight, which may come again.
    pub fn take(&mut self, dice: &mut Dice, coverage: &mut Coverage) -> Option<Message> {
        if self.flight.is_empty() {
            return None;
        }
        let at = dice.below(self.flight.len());
        let message = if dice.chance(self.repeat_percent) {
            coverage.mark(Mark::Repeated);
            self.flight[at].clone()
        } else {
            self.flight.swap_remove(at)
        };
        let earlier = |other: &Message| {
            (other.from, other.to) == (message.from, message.to) && other.sent < message.sent
        };
        coverage.mark_if(self.flight.iter().any(earlier), Mark::Reordered);
        Some(message)
    }

    /// Joins two deltas for the same site into one message.
    pub fn coalesce(&mut self, dice: &mut Dice, coverage: &mut Coverage) {
        if self.flight.is_empty() {
            return;
        }
        let first = dice.below(self.flight.len());
        let Load::Delta { ops: first_ops, .. } = self.flight[first].load.clone() else { return };
        for second in 0..self.flight.len() {
            let Load::Delta { ops, .. } = &self.flight[second].load else { continue };
            if second == first || self.flight[second].to != self.flight[first].to {
                continue;
            }
            let ops: Rc<[Op]> = first_ops.iter().chain(ops.iter()).cloned().collect();
            let mut cart = Cart::clone(&self.flight[first].cart);
            cart.join(&self.flight[second].cart);
            let time = self.flight[first].time.max(self.flight[second].time);
            let load = Load::Delta { ops, sender: None };
            self.flight[first] = Message { time, cart: Rc::new(cart), load, ..self.flight[first].clone() };
            self.flight.swap_remove(second);
            coverage.mark(Mark::Coalesced);
            return;
        }
    }

    /// What is still in flight.
    pub fn flight(&self) -> &[Message] {
        &self.flight
    }
}
