//! What can be done to a cart. Each change is computed on what its maker saw and gives a delta; joined
//! into any replica, whatever that has met meanwhile, it does what its maker meant (R1 to R15).
//!
//! Every change takes one dot of its actor, which enters the context, also when the change only removes:
//! so the context always moves, and a repeated change is recognised wherever it arrives.

use std::sync::Arc;

use crate::cart::{Cart, Delta};
use crate::id::{Actor, Dot, OrderId, Scope};
use crate::limits::Limits;
use crate::line::{Contribution, Contributions, Kind, LineKey, Location, Move};
use crate::meta::{Code, Field, Register};
use crate::ordered::sorted_by;
use crate::reject::Reject;
use crate::time::HybridTime;

/// A change of a cart, in the shopper's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// So many more.
    Add {
        /// Which line.
        key: LineKey,
        /// The canonical JSON of its customisation, where it has one.
        details: Option<Arc<str>>,
        /// How many, from 1.
        quantity: u32,
        /// Where: `Cart` unless said.
        at: Location,
    },
    /// Exactly so many; 0 removes.
    Set {
        /// Which line.
        key: LineKey,
        /// How many.
        quantity: u32,
        /// Where.
        at: Location,
    },
    /// So many fewer.
    Decrement {
        /// Which line.
        key: LineKey,
        /// How many, from 1.
        quantity: u32,
        /// Where.
        at: Location,
    },
    /// The line goes.
    Remove {
        /// Which line.
        key: LineKey,
        /// Where.
        at: Location,
    },
    /// All lines in the cart go; saved ones stay.
    Clear,
    /// Saved for later, or back to the cart.
    Move {
        /// Which line.
        key: LineKey,
        /// Where to: what moves is at the other location.
        to: Location,
    },
    /// Apply a coupon.
    Coupon(Code),
    /// Take a coupon off.
    Uncoupon(Code),
    /// Write a field, or take its value away.
    Write(Field, Option<Arc<str>>),
    /// At the home only: an order takes exactly what is in the cart.
    Checkout {
        /// The number of the checkout, unused before.
        fence: u64,
        /// The order.
        order: OrderId,
    },
}

impl Change {
    /// Refuses a change that its caller cannot mean: of a line that it did not see, or past the limit. `seen` is
    /// what it saw, `state` what there is.
    ///
    /// # Errors
    /// [`Reject::LineNotFound`], [`Reject::CouponNotFound`], [`Reject::QuantityLimit`] or [`Reject::Invalid`].
    pub fn check(&self, seen: &Cart, state: &Cart, limits: &Limits) -> Result<(), Reject> {
        let named = match self {
            Self::Set { key, at, .. } | Self::Decrement { key, at, .. } | Self::Remove { key, at } => {
                Some((key, *at))
            }
            Self::Move { key, to: Location::Saved } => Some((key, Location::Cart)),
            Self::Move { key, to: Location::Cart } => Some((key, Location::Saved)),
            Self::Add { key, details: None, at, .. } if key.customization.is_some() => Some((key, *at)),
            _ => None,
        };
        if let Some((key, at)) = named
            && seen.shown(key, at) == 0
        {
            return Err(Reject::LineNotFound { location: at.name() });
        }
        let more = match self {
            Self::Add { key, quantity, at, .. } => Some((key, *at, u64::from(*quantity))),
            Self::Move { key, to } => named.map(|(_, from)| (key, *to, seen.shown(key, from))),
            _ => None,
        };
        if let Some((key, at, more)) = more {
            let would_be = state.shown(key, at) + more;
            let max = limits.line_quantity_max;
            if would_be > u64::from(max) {
                return Err(Reject::QuantityLimit { would_be, max });
            }
        }
        match self {
            Self::Coupon(code) => {
                let max = Code::COUNT_MAX;
                let is_full = state.coupons().count() >= max && !state.coupons().any(|there| there == code);
                // Nobody could take off by its address what is named so: none can say it.
                if is_full || matches!(code.as_str(), "." | "..") {
                    let problem = format!("a cart takes at most {max} coupons, and none named . or ..");
                    return Err(Reject::invalid("code", problem));
                }
            }
            Self::Uncoupon(code) if !seen.coupons().any(|there| there == code) => {
                return Err(Reject::CouponNotFound);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Who makes a change, as which of its changes, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The dot of the change, new.
    pub dot: Dot,
    /// Later than all its maker has seen.
    pub time: HybridTime,
    /// The cart it is made in.
    pub scope: Scope,
}

impl Cart {
    /// The delta of a change made on this state: `self` is what the maker saw. The state is not changed;
    /// join the delta to do so. A change of what is not there only takes its dot.
    pub fn change(&self, change: &Change, stamp: Stamp) -> Delta {
        let mut delta = Delta::default();
        delta.context.insert(stamp.dot);
        match change {
            Change::Add { key, details, quantity, at } => {
                if self.shown(key, *at) == 0 {
                    self.remove(&mut delta, key, *at); // no hidden debt (R7)
                }
                self.put(&mut delta, key, Kind::Add, *quantity, *at, stamp);
                let details = details.as_ref().or(self.details(key));
                delta.details.extend(details.map(|details| (key.clone(), Arc::clone(details))));
            }
            Change::Set { key, quantity, at } => {
                self.remove(&mut delta, key, *at);
                if *quantity > 0 {
                    let kind =
                        Kind::Set { time: stamp.time, scope: self.scope_of_set(key, *at, stamp.scope) };
                    self.put(&mut delta, key, kind, *quantity, *at, stamp);
                    let details = self.details(key).map(|details| (key.clone(), Arc::clone(details)));
                    delta.details.extend(details);
                }
            }
            Change::Decrement { key, quantity, at } => {
                if u64::from(*quantity) >= self.shown(key, *at) {
                    self.remove(&mut delta, key, *at);
                } else {
                    self.take_off(&mut delta, key, *quantity, *at, stamp.dot.actor);
                }
            }
            Change::Remove { key, at } => self.remove(&mut delta, key, *at),
            Change::Clear => self.lines().for_each(|(key, _)| self.remove(&mut delta, key, Location::Cart)),
            Change::Move { key, to } => {
                let from = if *to == Location::Cart { Location::Saved } else { Location::Cart };
                let moved = Move { time: stamp.time, actor: stamp.dot.actor, to: *to };
                let moves = |dot| (dot, Contribution::from_parts(None, Vec::new(), Some(moved)));
                let update: Contributions = self.observed(key, from).map(moves).collect();
                if !update.is_empty() {
                    if self.shown(key, *to) == 0 {
                        self.remove(&mut delta, key, *to); // as an add does: what comes there is shown (R7)
                    }
                    delta.lines.push((key.clone(), update));
                }
            }
            Change::Coupon(code) => {
                delta.coupons.insert(code.clone(), vec![stamp.dot]);
            }
            Change::Uncoupon(code) => {
                delta.context.extend(self.coupons.get(code).into_iter().flatten().copied());
            }
            Change::Write(field, value) => {
                let register = Register { time: stamp.time, actor: stamp.dot.actor, value: value.clone() };
                delta.meta.insert(*field, register);
            }
            Change::Checkout { fence, order } => {
                delta.fences.insert(*fence, *order);
                self.lines().for_each(|(key, _)| self.remove(&mut delta, key, Location::Cart));
            }
        }
        delta
    }

    /// The observed dots of the line enter the delta's context: they are dead wherever it arrives.
    fn remove(&self, delta: &mut Delta, key: &LineKey, at: Location) {
        delta.context.extend(self.observed(key, at));
    }

    /// The dots of the line at a location that its maker saw. Of a hole only an update has been met: its
    /// contribution was not seen, and whoever made it means it to count (R2).
    fn observed(&self, key: &LineKey, at: Location) -> impl Iterator<Item = Dot> {
        let there = self.line(key).into_iter().flat_map(move |line| line.at(at));
        there.filter(|(_, contribution)| contribution.payload.is_some()).map(|(dot, _)| dot)
    }

    fn put(&self, delta: &mut Delta, key: &LineKey, kind: Kind, quantity: u32, at: Location, stamp: Stamp) {
        let place = self.line(key).and_then(Contributions::place).unwrap_or_else(|| self.next_place());
        let mut contribution = Contribution::new(kind, quantity, place);
        if at != Location::Cart {
            contribution.move_to(Move { time: stamp.time, actor: stamp.dot.actor, to: at });
        }
        delta.lines.push((key.clone(), Contributions::one(stamp.dot, contribution)));
    }

    /// A set rivals the sets made in parallel, not one that its maker saw at the other location: five saved
    /// and then three set in the cart are eight when the three are saved too (docs/adr/0007). So it is made
    /// in the next generation of its scope.
    fn scope_of_set(&self, key: &LineKey, at: Location, own: Scope) -> Scope {
        let elsewhere =
            self.line(key).into_iter().flat_map(|line| line.iter()).filter(|(_, c)| c.location() != at);
        let generations =
            elsewhere.filter_map(|(_, contribution)| match contribution.payload.as_ref()?.kind {
                Kind::Set { scope, .. } => scope.generation_of(own),
                Kind::Add | Kind::Unknown(_) => None,
            });
        generations.max().map_or(own, |seen| own.generation(seen + 1))
    }

    /// Counts a decrement against the observed dots that count, newest first, each up to what is left.
    fn take_off(&self, delta: &mut Delta, key: &LineKey, quantity: u32, at: Location, actor: Actor) {
        let Some(line) = self.line(key) else { return };
        let targets = sorted_by(line.counting(at), |(dot, _)| std::cmp::Reverse(dot.age()));
        let mut missing = quantity;
        let mut update = Vec::new();
        for (dot, contribution) in targets {
            let taken = missing.min(contribution.left());
            if taken > 0 {
                let before = contribution.decrements().iter().find(|(who, _)| *who == actor);
                let before = before.map_or(0, |(_, count)| *count);
                let mut hole = Contribution::default();
                hole.decrement(actor, before + taken);
                update.push((dot, hole));
                missing -= taken;
            }
        }
        debug_assert_eq!(missing, 0, "a line that shows more than is taken off has that much left");
        if !update.is_empty() {
            delta.lines.push((key.clone(), update.into_iter().collect()));
        }
    }

    /// One beyond the places of all lines.
    fn next_place(&self) -> u32 {
        let last = self.lines().filter_map(|(_, line)| line.place()).max();
        last.map_or(0, |place| place.saturating_add(1))
    }
}
