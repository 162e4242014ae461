//! Why the cart is not the crate's own map: counter-examples to `crdts` 7.3.2 that every reader can run.
//! Each asserts what the crate's `Map<K, PNCounter>` or `Orswot` does, and beside it what the cart does.
//! If a test fails after an update of the crate, its fault may be gone: read before you adapt it.

use std::collections::BTreeSet;

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::id::{Actor, Dot, Scope};
use cart_core::line::{LineKey, Location};
use cart_core::time::{Day, HybridTime};
use crdts::map::{CmRDTValidation, Map, Op};
use crdts::{CmRDT, CvRDT, Orswot, PNCounter};

type CrateMap = Map<&'static str, PNCounter<u8>, u8>;
type CrateOp = Op<&'static str, PNCounter<u8>, u8>;

const X: &str = "X";

/// Quantity 3, then a remove in parallel with +1 (S3): 1 is right.
#[test]
fn a_remove_in_parallel_with_an_add_leaves_what_was_removed() {
    let mut a = CrateMap::new();
    apply(&mut a, |map| more(map, X, 1, 3));
    let mut b = a.clone();
    let removal = apply(&mut a, |map| gone(map, X));
    let addition = apply(&mut b, |map| more(map, X, 2, 1));

    let mut by_states = (a.clone(), b.clone());
    by_states.0.merge(b.clone());
    by_states.1.merge(a.clone());
    assert_eq!((shown(&by_states.0, X), shown(&by_states.1, X)), (4, 4), "wrong, by states");
    a.apply(addition);
    b.apply(removal);
    assert_eq!((shown(&a, X), shown(&b, X)), (1, 4), "different, by operations");

    let mut a = Ours::default();
    a.edit(1, add(X, 3));
    let mut b = a.clone();
    let removal = a.edit(2, remove(X));
    let addition = b.edit(3, add(X, 1));
    a.cart.join(&addition);
    b.cart.join(&removal);
    assert_eq!((a.shown(X), b.shown(X)), (1, 1));
    assert_eq!(a.cart, b.cart);
}

/// A removed line is added again: with all operations delivered in causal order, and with more to come,
/// two replicas stay different for ever, since the counter's reset compares quantities with event numbers.
#[test]
fn a_line_that_is_added_again_stays_different() {
    let (mut a, mut b) = (CrateMap::new(), CrateMap::new());
    let first = apply(&mut a, |map| more(map, X, 1, 3));
    b.apply(first);
    let others = apply(&mut b, |map| more(map, X, 2, 1));
    let removal = apply(&mut a, |map| gone(map, X));
    let again = apply(&mut a, |map| more(map, X, 1, 2));
    a.apply(others);
    b.apply(removal);
    b.apply(again);
    assert_eq!((shown(&a, X), shown(&b, X)), (3, 4), "different");
    for actor in 3..10 {
        let further = apply(&mut a, |map| more(map, X, actor, 1));
        b.apply(further);
        assert_eq!(shown(&b, X), shown(&a, X) + 1, "still different");
    }

    let (mut a, mut b) = (Ours::default(), Ours::default());
    let first = a.edit(1, add(X, 3));
    b.cart.join(&first);
    let others = b.edit(2, add(X, 1));
    let removal = a.edit(1, remove(X));
    let again = a.edit(1, add(X, 2));
    a.cart.join(&others);
    b.cart.join(&removal);
    b.cart.join(&again);
    assert_eq!((a.shown(X), b.shown(X)), (3, 3));
    assert_eq!(a.cart, b.cart);
}

/// By states, what was removed before a line was added again comes back.
#[test]
fn a_line_that_is_added_again_brings_back_what_was_removed() {
    let mut a = CrateMap::new();
    apply(&mut a, |map| more(map, X, 1, 3));
    let mut b = a.clone();
    apply(&mut a, |map| gone(map, X));
    apply(&mut a, |map| more(map, X, 1, 2));
    b.merge(a.clone());
    assert_eq!((shown(&a, X), shown(&b, X)), (2, 3), "wrong, and different");

    let mut a = Ours::default();
    a.edit(1, add(X, 3));
    let mut b = a.clone();
    a.edit(1, remove(X));
    a.edit(1, add(X, 2));
    b.cart.join(&a.cart);
    assert_eq!((a.shown(X), b.shown(X)), (2, 2));
    assert_eq!(a.cart, b.cart);
}

/// `validate_op` asks each entry for the actor's dots without gaps, so an actor may touch one key only.
#[test]
fn the_second_key_of_an_actor_is_refused() {
    let mut map = CrateMap::new();
    let first = more(&map, X, 1, 3);
    assert_eq!(map.validate_op(&first), Ok(()));
    map.apply(first);
    let second = more(&map, "Y", 1, 2);
    assert!(matches!(map.validate_op(&second), Err(CmRDTValidation::SourceOrder(_))), "refused");

    let mut ours = Ours::default();
    ours.edit(1, add(X, 3));
    let second = ours.delta(1, add("Y", 2));
    assert_eq!(ours.cart.validate_op(&second), Ok(()));
}

/// `Orswot` is written in the order of a `HashMap`: equal sets are different bytes.
#[test]
fn equal_sets_are_different_bytes() {
    let set = || {
        let mut set = Orswot::<u32, u8>::new();
        for member in 0..12 {
            let addition = set.add(member, set.read_ctx().derive_add_ctx(1));
            set.apply(addition);
        }
        set
    };
    assert_eq!(set(), set());
    let texts: BTreeSet<String> =
        (0..10).map(|_| serde_json::to_string(&set()).expect("nothing is deferred")).collect();
    assert!(texts.len() > 1, "ten equal sets of twelve, all written alike");

    let cart = || {
        let mut ours = Ours::default();
        for sku in ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"] {
            ours.edit(1, add(sku, 1));
        }
        ours.cart.to_bytes()
    };
    assert_eq!((0..10).map(|_| cart()).collect::<BTreeSet<_>>().len(), 1);
}

/// A remove that arrives before its add is deferred under a clock as key, which JSON cannot say.
#[test]
fn a_deferred_remove_cannot_be_written_as_json() {
    let mut there = Orswot::<u32, u8>::new();
    let addition = there.add(7, there.read_ctx().derive_add_ctx(1));
    there.apply(addition.clone());
    let removal = there.rm(7, there.contains(&7).derive_rm_ctx());
    let mut here = Orswot::<u32, u8>::new();
    here.apply(removal);
    let error = serde_json::to_string(&here).expect_err("a deferred remove");
    assert_eq!(error.to_string(), "key must be a string");

    let mut there = Ours::default();
    let addition = there.edit(1, add(X, 1));
    let removal = there.edit(2, remove(X));
    let mut here = Cart::default();
    here.join(&removal);
    let mut here = Cart::from_bytes(&here.to_bytes()).expect("written and read");
    here.join(&addition);
    assert_eq!(here, there.cart);
}

// The crate's.

fn apply(map: &mut CrateMap, make: impl Fn(&CrateMap) -> CrateOp) -> CrateOp {
    let op = make(map);
    map.apply(op.clone());
    op
}

fn more(map: &CrateMap, key: &'static str, actor: u8, quantity: u64) -> CrateOp {
    let context = map.read_ctx().derive_add_ctx(actor);
    map.update(key, context, |counter, context| counter.inc_many(context.dot.actor, quantity))
}

fn gone(map: &CrateMap, key: &'static str) -> CrateOp {
    map.rm(key, map.get(&key).derive_rm_ctx())
}

fn shown(map: &CrateMap, key: &'static str) -> i64 {
    map.get(&key).val.map_or(0, |counter| counter.read().try_into().expect("a small number"))
}

// Ours.

#[derive(Clone, Default)]
struct Ours {
    cart: Cart,
}

impl Ours {
    fn edit(&mut self, actor: u64, change: Change) -> Delta {
        let delta = self.delta(actor, change);
        self.cart.join(&delta);
        delta
    }

    fn delta(&self, actor: u64, change: Change) -> Delta {
        let actor = Actor::mint(Day(20_779), actor);
        let dot = Dot::new(actor, self.cart.context().highest(actor) + 1);
        self.cart.change(&change, Stamp { dot, time: HybridTime::default(), scope: Scope(1) })
    }

    fn shown(&self, sku: &str) -> u64 {
        self.cart.shown(&key(sku), Location::Cart)
    }
}

fn add(sku: &str, quantity: u32) -> Change {
    Change::Add { key: key(sku), details: None, quantity, at: Location::Cart }
}

fn remove(sku: &str) -> Change {
    Change::Remove { key: key(sku), at: Location::Cart }
}

fn key(sku: &str) -> LineKey {
    LineKey::new(sku, None, None).expect("a key")
}
