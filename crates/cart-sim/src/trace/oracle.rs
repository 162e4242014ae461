//! The independent oracle: the same rules written as `crdts::Orswot`, as the design says, with nothing of
//! the core's join, change or sums. It is driven by the same events and messages as the replica it stands
//! beside and must show the same after every step.
//!
//! Members are `Add` and `Set` of a line, `Dec` of a contribution, and coupons. An Orswot's version vector
//! has no gaps, so operations of one actor must come in order; a network that loses and reorders breaks
//! that. Hence every change is its own Orswot actor, with the one counter 1: a vector is then any set of
//! changes, and operations in any order are exact (removals ahead of their adds wait in `deferred`).
//! Deltas are delivered as operations, full states by merging the snapshot taken when they were sent.
//! When a set was made, in which scope, and where a contribution was moved to are last-writer maps beside
//! the Orswot: they can change while the member stays. It knows no horizon: to raise one must change nothing that shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::id::{Actor, Dot, OrderId, Scope};
use cart_core::line::{Kind, LineKey, Location};
use cart_core::meta::Field;
use cart_core::time::HybridTime;
use crdts::{CmRDT as _, CvRDT as _, Orswot, VClock, orswot};

use crate::catalog::Catalog;

/// A member of the set. Lines and coupons are indices into the catalog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Member {
    Add {
        line: usize,
        dot: Dot,
        quantity: u32,
    },
    Set {
        line: usize,
        dot: Dot,
        quantity: u32,
    },
    /// All that `actor` has taken off the contribution `target`; of several the greatest counts, and
    /// only while the target is a member.
    Dec {
        target: Dot,
        actor: Actor,
        total: u32,
    },
    Coupon(usize),
}

type Placed = (HybridTime, Actor, Location);
type Written = (HybridTime, Actor, Option<Arc<str>>);

/// A part of a change, for any replica at any time.
#[derive(Clone, Debug)]
pub enum Op {
    /// Of the set.
    Members(MemberOp),
    /// When and in which scope a set was made.
    Made(Dot, HybridTime, Scope),
    /// Where a contribution was moved to.
    Moved(Dot, HybridTime, Actor, Location),
    /// A field was written.
    Wrote(Field, HybridTime, Actor, Option<Arc<str>>),
    /// A field was written in a guest's cart that was merged into this one.
    Took(Field, HybridTime, Option<Arc<str>>),
    /// An order was made.
    Fence(u64, OrderId),
}

/// An operation of the Orswot.
#[derive(Clone, Debug)]
pub struct MemberOp(orswot::Op<Member, Dot>);

impl Op {
    /// The same under other names of actors; of a fence nothing, and of a field that it is a guest's.
    pub fn renamed(&self, rename: &impl Fn(Actor) -> Actor) -> Self {
        let dot_of = |dot: Dot| Dot::new(rename(dot.actor), dot.counter);
        let all = |members: &[Member]| members.iter().map(|member| member.renamed(rename)).collect();
        match self {
            Self::Members(MemberOp(orswot::Op::Add { dot, members })) => add(dot_of(dot.actor), all(members)),
            Self::Members(MemberOp(orswot::Op::Rm { clock, members })) => {
                let clock = clock.iter().map(|dot| crdts::Dot::new(dot_of(*dot.actor), 1)).collect();
                Self::Members(MemberOp(orswot::Op::Rm { clock, members: all(members) }))
            }
            Self::Made(dot, time, scope) => Self::Made(dot_of(*dot), *time, *scope),
            Self::Moved(dot, time, actor, to) => Self::Moved(dot_of(*dot), *time, rename(*actor), *to),
            Self::Wrote(field, time, _, value) => Self::Took(*field, *time, value.clone()),
            Self::Took(..) | Self::Fence(..) => {
                let (clock, members) = Default::default();
                Self::Members(MemberOp(orswot::Op::Rm { clock, members }))
            }
        }
    }
}

impl Member {
    fn renamed(self, rename: &impl Fn(Actor) -> Actor) -> Self {
        let dot_of = |dot: Dot| Dot::new(rename(dot.actor), dot.counter);
        match self {
            Self::Add { line, dot, quantity } => Self::Add { line, dot: dot_of(dot), quantity },
            Self::Set { line, dot, quantity } => Self::Set { line, dot: dot_of(dot), quantity },
            Self::Dec { target, actor, total } => {
                Self::Dec { target: dot_of(target), actor: rename(actor), total }
            }
            Self::Coupon(code) => Self::Coupon(code),
        }
    }
}

/// The oracle of one replica.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    set: Orswot<Member, Dot>,
    made: BTreeMap<Dot, (HybridTime, Scope)>,
    moved: BTreeMap<Dot, Placed>,
    fields: BTreeMap<Field, Written>,
    /// Fields of guests' carts that were merged into this one: shown where it has none of its own.
    taken: BTreeMap<Field, (HybridTime, Option<Arc<str>>)>,
    fences: BTreeMap<u64, OrderId>,
}

/// A contribution that is in the set.
#[derive(PartialEq, Eq, Debug)]
struct Contribution {
    line: usize,
    dot: Dot,
    quantity: u32,
    set: Option<(HybridTime, Scope)>,
    at: Location,
    /// What each actor has taken off, sorted.
    taken: Vec<(Actor, u32)>,
}

impl Contribution {
    fn taken(&self) -> u64 {
        self.taken.iter().map(|(_, total)| u64::from(*total)).sum()
    }

    fn member(&self) -> Member {
        let Self { line, dot, quantity, .. } = *self;
        match self.set {
            None => Member::Add { line, dot, quantity },
            Some(_) => Member::Set { line, dot, quantity },
        }
    }
}

impl Oracle {
    /// The operations of a change whose maker sees `self`.
    pub fn change(&self, change: &Change, stamp: Stamp, catalog: &Catalog) -> Vec<Op> {
        let Stamp { dot, time, scope } = stamp;
        let sight = self.sight();
        let line = |key: &LineKey| line_of(catalog, key).expect("traces deal in the catalog's lines");
        let mut ops = Vec::new();
        match change {
            Change::Add { key, quantity, at, .. } => {
                if sight.shown(line(key), *at) == 0 {
                    ops.extend(sight.remove(|seen| seen.line == line(key) && seen.at == *at));
                }
                ops.push(add(dot, vec![Member::Add { line: line(key), dot, quantity: *quantity }]));
                ops.extend(born_at(*at, stamp));
            }
            Change::Set { key, quantity, at } => {
                ops.extend(sight.remove(|seen| seen.line == line(key) && seen.at == *at));
                if *quantity > 0 {
                    ops.push(Op::Made(dot, time, sight.scope_of_set(line(key), *at, scope)));
                    let member = Member::Set { line: line(key), dot, quantity: *quantity };
                    ops.push(add(dot, vec![member]));
                    ops.extend(born_at(*at, stamp));
                }
            }
            Change::Decrement { key, quantity, at } => {
                if u64::from(*quantity) >= sight.shown(line(key), *at) {
                    ops.extend(sight.remove(|seen| seen.line == line(key) && seen.at == *at));
                } else {
                    ops.push(add(dot, sight.take_off(line(key), *at, *quantity, dot.actor)));
                }
            }
            Change::Remove { key, at } => {
                ops.extend(sight.remove(|seen| seen.line == line(key) && seen.at == *at));
            }
            Change::Clear => ops.extend(sight.remove(|seen| seen.at == Location::Cart)),
            Change::Move { key, to } => {
                let observed =
                    sight.contributions.iter().filter(|seen| seen.line == line(key) && seen.at != *to);
                let moves: Vec<Op> = observed.map(|seen| Op::Moved(seen.dot, time, dot.actor, *to)).collect();
                if !moves.is_empty() && sight.shown(line(key), *to) == 0 {
                    ops.extend(sight.remove(|seen| seen.line == line(key) && seen.at == *to));
                }
                ops.extend(moves);
            }
            Change::Coupon(code) => {
                let code = catalog.codes.iter().position(|known| known == code).expect("in the catalog");
                ops.push(add(dot, vec![Member::Coupon(code)]));
            }
            Change::Uncoupon(code) => {
                let code = catalog.codes.iter().position(|known| known == code).expect("in the catalog");
                let clock = self.set.contains(&Member::Coupon(code)).rm_clock;
                let members = vec![Member::Coupon(code)];
                ops.push(Op::Members(MemberOp(orswot::Op::Rm { clock, members })));
            }
            Change::Write(field, value) => {
                ops.push(Op::Wrote(*field, time, dot.actor, value.clone()));
            }
            Change::Checkout { fence, order } => {
                ops.push(Op::Fence(*fence, *order));
                ops.extend(sight.remove(|seen| seen.at == Location::Cart));
            }
        }
        ops
    }

    /// Takes in a part of a change.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Members(MemberOp(op)) => self.set.apply(op.clone()),
            Op::Made(dot, time, scope) => latest(&mut self.made, *dot, (*time, *scope)),
            Op::Moved(dot, time, actor, to) => latest(&mut self.moved, *dot, (*time, *actor, *to)),
            Op::Wrote(field, time, actor, value) => {
                latest(&mut self.fields, *field, (*time, *actor, value.clone()));
            }
            Op::Took(field, time, value) => latest(&mut self.taken, *field, (*time, value.clone())),
            Op::Fence(fence, order) => drop(self.fences.insert(*fence, *order)),
        }
    }

    /// Takes in a whole state.
    pub fn merge(&mut self, other: &Self) {
        self.set.merge(other.set.clone());
        other.made.iter().for_each(|(dot, made)| latest(&mut self.made, *dot, *made));
        other.moved.iter().for_each(|(dot, placed)| latest(&mut self.moved, *dot, *placed));
        other.fields.iter().for_each(|(field, written)| latest(&mut self.fields, *field, written.clone()));
        other.taken.iter().for_each(|(field, taken)| latest(&mut self.taken, *field, taken.clone()));
        self.fences.extend(&other.fences);
    }

    /// What a user's cart takes of a guest's, under other names of its actors: no fences.
    pub fn transplanted(&self, rename: &impl Fn(Actor) -> Actor) -> Self {
        let mut members = BTreeMap::<Dot, Vec<Member>>::new();
        for dot in self.set.clock() {
            members.entry(dot.actor).or_default();
        }
        for entry in self.set.iter() {
            for dot in entry.rm_clock {
                members.entry(dot.actor).or_default().push(*entry.val);
            }
        }
        let mut there = Self::default();
        let ops = members.into_iter().map(|(dot, members)| add(dot, members));
        let made = self.made.iter().map(|(dot, (time, scope))| Op::Made(*dot, *time, *scope));
        let moved = self.moved.iter().map(|(dot, (time, actor, to))| Op::Moved(*dot, *time, *actor, *to));
        let wrote = self
            .fields
            .iter()
            .map(|(field, (time, actor, value))| Op::Wrote(*field, *time, *actor, value.clone()));
        ops.chain(made).chain(moved).chain(wrote).for_each(|op| there.apply(&op.renamed(rename)));
        there
    }

    /// What the replica shows otherwise than the oracle, if anything: quantities, contributions with what
    /// was taken off and where they are, details, coupons, fields and fences.
    pub fn difference(&self, cart: &Cart, catalog: &Catalog) -> Option<String> {
        let sight = self.sight();
        let mut rest = sight.contributions.as_slice();
        for (index, (key, details)) in catalog.lines.iter().enumerate() {
            let (here, after) = rest.split_at(rest.partition_point(|seen| seen.line == index));
            rest = after;
            for at in [Location::Cart, Location::Saved] {
                let (shown, expected) = (cart.shown(key, at), shown_of(here, at));
                if shown != expected {
                    return Some(format!("{key:?} shows {shown} in {}, the oracle {expected}", at.name()));
                }
            }
            let core = cart.line(key).into_iter().flat_map(|line| line.iter());
            let mut core = core.filter(|(_, contribution)| contribution.payload.is_some());
            for seen in here {
                let same = core.next().is_some_and(|(dot, there)| dot == seen.dot && equals(there, seen));
                if !same {
                    return Some(format!("{key:?} has {:?}, the oracle {here:?}", cart.line(key)));
                }
            }
            if core.next().is_some() {
                return Some(format!("{key:?} has {:?}, the oracle only {here:?}", cart.line(key)));
            }
            let expected = details.as_ref().filter(|_| !here.is_empty());
            if cart.details(key) != expected {
                return Some(format!("{key:?} has the details {:?}, not {expected:?}", cart.details(key)));
            }
        }
        self.difference_beside_lines(cart, catalog, &sight.coupons)
    }

    fn difference_beside_lines(&self, cart: &Cart, catalog: &Catalog, coupons: &[usize]) -> Option<String> {
        for (index, code) in catalog.codes.iter().enumerate() {
            let expected = coupons.contains(&index);
            if cart.coupons().any(|there| there == code) != expected {
                return Some(format!("coupon {code:?}: the oracle says {expected}"));
            }
        }
        for (field, _) in &catalog.fields {
            let expected = self.fields.get(field);
            let there = cart.meta(*field).map(|there| (there.time, there.actor, there.value.clone()));
            // Of a guest's it is the value that counts.
            let taken = self.taken.get(field).filter(|_| expected.is_none());
            let same = match taken {
                Some((_, value)) => there.as_ref().map(|(.., there)| there) == Some(value),
                None => there.as_ref() == expected,
            };
            if !same {
                return Some(format!("{field:?} is {there:?}, in the oracle {expected:?}"));
            }
        }
        (!cart.fences().iter().eq(&self.fences))
            .then(|| format!("fences are {:?}, in the oracle {:?}", cart.fences(), self.fences))
    }

    fn sight(&self) -> Sight {
        let members = self.set.read().val;
        let mut taken = BTreeMap::<(Dot, Actor), u32>::new();
        let mut contributions = Vec::with_capacity(members.len());
        let mut coupons = Vec::new();
        for member in members {
            let (line, dot, quantity, set) = match member {
                Member::Add { line, dot, quantity } => (line, dot, quantity, None),
                Member::Set { line, dot, quantity } => {
                    (line, dot, quantity, Some(self.made.get(&dot).copied().unwrap_or_default()))
                }
                Member::Dec { target, actor, total } => {
                    latest(&mut taken, (target, actor), total);
                    continue;
                }
                Member::Coupon(code) => {
                    coupons.push(code);
                    continue;
                }
            };
            let at = self.moved.get(&dot).map_or(Location::Cart, |(_, _, to)| *to);
            contributions.push(Contribution { line, dot, quantity, set, at, taken: Vec::new() });
        }
        for ((target, actor), total) in taken {
            if let Some(there) = contributions.iter_mut().find(|there| there.dot == target) {
                there.taken.push((actor, total));
            }
        }
        contributions.sort_unstable_by_key(|there| (there.line, there.dot));
        Sight { contributions, coupons }
    }
}

/// What is in the set.
struct Sight {
    /// Sorted by line and dot.
    contributions: Vec<Contribution>,
    coupons: Vec<usize>,
}

impl Sight {
    fn shown(&self, line: usize, at: Location) -> u64 {
        let from = self.contributions.partition_point(|seen| seen.line < line);
        let to = self.contributions.partition_point(|seen| seen.line <= line);
        shown_of(&self.contributions[from..to], at)
    }

    /// Orswot's removal, in the context of what was observed.
    fn remove(&self, which: impl Fn(&Contribution) -> bool) -> Option<Op> {
        let observed: Vec<_> = self.contributions.iter().filter(|seen| which(seen)).collect();
        let clock: VClock<Dot> = observed.iter().map(|seen| crdts::Dot::new(seen.dot, 1)).collect();
        let members: Vec<_> = observed.iter().map(|seen| seen.member()).collect();
        (!members.is_empty()).then_some(Op::Members(MemberOp(orswot::Op::Rm { clock, members })))
    }

    /// A set does not rival one that its maker saw at the other location: it is of the generation of its
    /// scope that follows (docs/adr/0007).
    fn scope_of_set(&self, line: usize, at: Location, own: Scope) -> Scope {
        let elsewhere = self.contributions.iter().filter(|seen| seen.line == line && seen.at != at);
        let generations = elsewhere.filter_map(|seen| seen.set?.1.generation_of(own));
        generations.max().map_or(own, |latest| own.generation(latest + 1))
    }

    /// Newest first, from what counts, each down to nothing.
    fn take_off(&self, line: usize, at: Location, quantity: u32, actor: Actor) -> Vec<Member> {
        let here: Vec<_> =
            self.contributions.iter().filter(|seen| seen.line == line && seen.at == at).collect();
        let mut counting: Vec<_> = here.iter().filter(|seen| counts(seen, &here)).collect();
        counting.sort_by_key(|seen| (seen.dot.counter, seen.dot.actor));
        let mut missing = u64::from(quantity);
        let mut members = Vec::new();
        while let Some(seen) = counting.pop().filter(|_| missing > 0) {
            let here = missing.min(u64::from(seen.quantity).saturating_sub(seen.taken()));
            let before = seen.taken.iter().find(|(who, _)| *who == actor).map_or(0, |(_, total)| *total);
            if here > 0 {
                members.push(Member::Dec { target: seen.dot, actor, total: before + here as u32 });
            }
            missing -= here;
        }
        members
    }
}

/// What the contributions of one line show at a location.
fn shown_of(line: &[Contribution], at: Location) -> u64 {
    let here: Vec<_> = line.iter().filter(|seen| seen.at == at).collect();
    let counting = here.iter().filter(|seen| counts(seen, &here));
    let sum: i64 = counting.map(|seen| i64::from(seen.quantity) - seen.taken() as i64).sum();
    sum.max(0) as u64
}

/// Adds count, and of each scope the latest set.
fn counts(seen: &Contribution, here: &[&Contribution]) -> bool {
    let Some((time, scope)) = seen.set else { return true };
    let rivals = here.iter().filter_map(|rival| Some((rival.set?, rival.dot)));
    rivals.filter(|((_, other), _)| *other == scope).all(|((at, _), dot)| (at, dot) <= (time, seen.dot))
}

fn equals(core: &cart_core::line::Contribution, seen: &Contribution) -> bool {
    let kind = match core.payload.as_ref().map(|payload| &payload.kind) {
        Some(Kind::Add) => seen.set.is_none(),
        Some(Kind::Set { time, scope }) => seen.set == Some((*time, *scope)),
        _ => false,
    };
    kind && core.quantity() == seen.quantity && core.location() == seen.at && *core.decrements() == seen.taken
}

fn add(dot: Dot, members: Vec<Member>) -> Op {
    Op::Members(MemberOp(orswot::Op::Add { dot: crdts::Dot::new(dot, 1), members }))
}

fn born_at(at: Location, stamp: Stamp) -> Option<Op> {
    (at != Location::Cart).then_some(Op::Moved(stamp.dot, stamp.time, stamp.dot.actor, at))
}

fn line_of(catalog: &Catalog, key: &LineKey) -> Option<usize> {
    catalog.lines.iter().position(|(known, _)| known == key)
}

fn latest<K: Ord, V: Ord>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    match map.entry(key) {
        std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(value)),
        std::collections::btree_map::Entry::Occupied(mut entry) if *entry.get() < value => {
            entry.insert(value);
        }
        std::collections::btree_map::Entry::Occupied(_) => {}
    }
}
