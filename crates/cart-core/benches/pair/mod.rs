//! The same cart twice: ours, and as `crdts`' `Map<String, PNCounter>`. Every edit is made on both, so that
//! what is measured beside each other holds the same and means the same.
#![allow(dead_code)]

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::id::{Actor, Dot, Scope};
use cart_core::line::{LineKey, Location};
use cart_core::time::{Day, HybridTime, Millis};
use crdts::map::{Map, Op};
use crdts::{CmRDT, PNCounter};

/// The crate's map of a cart.
pub type CrateMap = Map<String, PNCounter<u64>, u64>;
/// An operation of it.
pub type CrateOp = Op<String, PNCounter<u64>, u64>;

/// A cart, twice.
#[derive(Clone, Default)]
pub struct Pair {
    /// Ours.
    pub cart: Cart,
    /// The crate's.
    pub map: CrateMap,
}

impl Pair {
    /// So many lines with `each` adds, by `actors` in turn.
    pub fn of(lines: u64, each: u64, actors: u64) -> Self {
        let mut pair = Self::default();
        pair.add_many(lines, each, 1..=actors);
        pair
    }

    /// Adds to every line, by these actors in turn.
    pub fn add_many(&mut self, lines: u64, each: u64, actors: impl Iterator<Item = u64> + Clone) {
        let mut turn = actors.cycle();
        for line in 0..lines {
            for _ in 0..each {
                self.edit(turn.next().expect("an actor"), line);
            }
        }
    }

    /// An add, as a delta and as an operation; the pair stays as it is.
    pub fn add(&self, name: u64, line: u64, quantity: u32) -> (Delta, CrateOp) {
        (self.add_ours(name, line, quantity), self.add_map(name, line, quantity))
    }

    /// An add as a delta.
    pub fn add_ours(&self, name: u64, line: u64, quantity: u32) -> Delta {
        let actor = actor(name);
        let dot = Dot::new(actor, self.cart.context().highest(actor) + 1);
        let stamp = Stamp { dot, time: HybridTime::at(Millis(dot.counter)), scope: Scope(1) };
        let change = Change::Add { key: key(line), details: None, quantity, at: Location::Cart };
        self.cart.change(&change, stamp)
    }

    /// An add as an operation.
    pub fn add_map(&self, name: u64, line: u64, quantity: u32) -> CrateOp {
        let context = self.map.read_ctx().derive_add_ctx(actor(name).0);
        let many = u64::from(quantity);
        self.map.update(sku(line), context, |counter, context| counter.inc_many(context.dot.actor, many))
    }

    /// Two carts of 20 lines, each line with an add of each of three actors; half of the lines are shared,
    /// in the others the actors are other ones.
    pub fn half_shared() -> [Self; 2] {
        let shared = Self::of(10, 3, 3);
        [1..=3, 4..=6].map(|actors| {
            let mut cart = shared.clone();
            for line in 10..20 {
                actors.clone().for_each(|name| cart.edit(name, line));
            }
            cart
        })
    }

    fn edit(&mut self, name: u64, line: u64) {
        let (delta, op) = self.add(name, line, 2);
        self.cart.join(&delta);
        self.map.apply(op);
    }
}

/// The line of this product.
pub fn key(line: u64) -> LineKey {
    LineKey::new(&sku(line), None, None).expect("a key")
}

/// The product of this number: seven digits, as in the catalog.
pub fn sku(line: u64) -> String {
    format!("{}", 1_095_275 + line * 7_919)
}

/// The actor of this name.
pub fn actor(name: u64) -> Actor {
    Actor::mint(Day(20_779), name.wrapping_mul(0x9e37_79b9_7f4a))
}
