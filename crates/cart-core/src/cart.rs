//! The cart: one causal dot store, a join semilattice. `Causal<DotMap<K, DotFun<V>>>` of Almeida, Shoker
//! and Baquero (Delta State Replicated Data Types, arXiv 1603.01529, sections 6 and 7) with V a join
//! semilattice: no tombstones, the context remembers. A delta is itself a small cart; applying it is
//! joining it. What may be changed and how is `change`; the bytes of it are `wire`.

use std::sync::Arc;

use crdts::{CmRDT, CvRDT, ResetRemove, VClock};

use crate::context::Context;
use crate::id::{Actor, Dot, OrderId, Region};
use crate::line::{Contributions, Kind, LineKey, Location};
use crate::meta::{Code, Field, Register};
use crate::ordered::Ordered;
use crate::reject::Reject;
use crate::time::{Day, HybridTime};

/// Which replicas of the cart there are: an epoch, raised at each change, and whether it has left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Presence {
    /// Raised by one at each change of this entry.
    pub epoch: u32,
    /// Whether the replica has deleted its storage.
    pub left: bool,
}

/// The replica that coordinates checkout and merges. The higher term wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Home {
    /// Raised by one at each hand-over.
    pub term: u32,
    /// Where the home is.
    pub region: Region,
}

/// A cart's state, or a delta of it. Equal states are equal values (I5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cart {
    /// What has been seen.
    pub(crate) context: Context,
    /// Contributions by line, sorted by key, no empty lines.
    pub(crate) lines: Vec<(LineKey, Contributions)>,
    /// The canonical JSON of each customised line.
    pub(crate) details: Ordered<LineKey, Arc<str>>,
    /// Add-wins set of coupons: the live dots of each, sorted.
    pub(crate) coupons: Ordered<Code, Vec<Dot>>,
    /// Last-writer-wins registers.
    pub(crate) meta: Ordered<Field, Register>,
    /// Checkouts: number to order. Written by the home only, never changed (I4).
    pub(crate) fences: Ordered<u64, OrderId>,
    /// The cart's replicas.
    pub(crate) replicas: Ordered<Region, Presence>,
    /// The cart's home, once it is stated.
    pub(crate) home: Option<Home>,
    /// Absorbs everything.
    pub(crate) erased: bool,
}

/// A change of a cart, itself a small cart: the dots of the change and what it does with others.
pub type Delta = Cart;

impl Cart {
    /// The state after which nothing is: of what it is joined with it keeps only where the replicas are.
    pub fn erased() -> Self {
        Self { erased: true, ..Self::default() }
    }

    /// Whether the cart was erased.
    pub fn is_erased(&self) -> bool {
        self.erased
    }

    /// What has been seen.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The lines, sorted by key.
    pub fn lines(&self) -> impl Iterator<Item = (&LineKey, &Contributions)> {
        self.lines.iter().map(|(key, line)| (key, line))
    }

    /// How many lines there are, saved and such as show 0 too.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The contributions of a line.
    pub fn line(&self, key: &LineKey) -> Option<&Contributions> {
        self.lines.binary_search_by(|(there, _)| there.cmp(key)).ok().map(|at| &self.lines[at].1)
    }

    /// The quantity a line shows at a location.
    pub fn shown(&self, key: &LineKey, at: Location) -> u64 {
        self.line(key).map_or(0, |line| line.shown(at))
    }

    /// The canonical JSON of a customised line.
    pub fn details(&self, key: &LineKey) -> Option<&Arc<str>> {
        self.details.get(key)
    }

    /// The coupons on the cart, sorted by code.
    pub fn coupons(&self) -> impl Iterator<Item = &Code> {
        self.coupons.keys()
    }

    /// The register of a field.
    pub fn meta(&self, field: Field) -> Option<&Register> {
        self.meta.get(&field)
    }

    /// The order of each checkout.
    pub fn fences(&self) -> &Ordered<u64, OrderId> {
        &self.fences
    }

    /// The home, where it is no longer where the cart was made.
    pub fn home(&self) -> Option<Home> {
        self.home
    }

    /// The replicas beside the home, by region.
    pub fn replicas(&self) -> &Ordered<Region, Presence> {
        &self.replicas
    }

    /// Joins another state or a delta: commutative, associative, idempotent.
    pub fn join(&mut self, other: &Self) {
        if self.erased || other.erased {
            // Where replicas are is still to be known: they all have to hear of it, and of the ties after it.
            let mut erased = Self::erased();
            erased.replicas = std::mem::take(&mut self.replicas);
            join_by_max(&mut erased.replicas, &other.replicas);
            erased.home = self.home.max(other.home);
            *self = erased;
            return;
        }
        self.join_lines(other);
        join_by_max(&mut self.details, &other.details);
        self.drop_details();
        self.join_coupons(other);
        join_by_max(&mut self.meta, &other.meta);
        join_by_max(&mut self.fences, &other.fences);
        join_by_max(&mut self.replicas, &other.replicas);
        self.home = self.home.max(other.home);
        self.context.join(&other.context);
    }

    /// What a replica with context `seen` lacks of this state: everything but the details of lines that it
    /// has seen whole. Joined there, it gives what joining this whole state would. (The payloads of
    /// contributions that it has seen go too: two regions may have made one dot with different ones.)
    pub fn lacking(&self, seen: &Context) -> Self {
        let mut lacking = self.clone();
        lacking.details.retain(|key, _| {
            self.line(key).is_some_and(|line| line.iter().any(|(dot, _)| !seen.contains(dot)))
        });
        lacking
    }

    /// The latest hybrid time in it.
    pub fn latest_time(&self) -> HybridTime {
        let contributions = self.lines().flat_map(|(_, line)| line.iter());
        let times = contributions.flat_map(|(_, contribution)| {
            let set = match contribution.payload.as_ref().map(|payload| &payload.kind) {
                Some(Kind::Set { time, .. }) => Some(*time),
                _ => None,
            };
            set.into_iter().chain(contribution.moved().map(|moved| moved.time))
        });
        times.chain(self.meta.values().map(|register| register.time)).max().unwrap_or_default()
    }

    /// Raises the horizon: actors minted before `day` are forgotten, their dots count as seen.
    pub fn raise_horizon(&mut self, day: Day) {
        self.context.raise_horizon(day);
        for (_, line) in &mut self.lines {
            line.retain(|dot, contribution| contribution.payload.is_some() || dot.actor.day() >= day);
        }
        self.lines.retain(|(_, line)| !line.is_empty());
        self.drop_details();
    }

    /// Details go with the last contribution of their line; a hole keeps none.
    fn drop_details(&mut self) {
        if self.details.is_empty() {
            return;
        }
        let mut details = std::mem::take(&mut self.details);
        details.retain(|key, _| {
            self.line(key).is_some_and(|line| line.iter().any(|(_, there)| there.payload.is_some()))
        });
        self.details = details;
    }

    fn join_lines(&mut self, other: &Self) {
        if other.lines.is_empty() && other.context.is_empty() {
            return;
        }
        let (seen_here, seen_there) = (&self.context, &other.context);
        // Nearly every join is of a delta whose dots are new here, and then only its own lines change. (A
        // hole is of a dot not seen yet: such a delta may remove it.)
        let only_new = seen_there.few().is_some_and(|mut dots| dots.all(|dot| !seen_here.contains(dot)))
            && !self.lines.iter().any(|(_, line)| line.has_holes());
        if !only_new {
            let mut theirs = other.lines.iter().peekable();
            for (key, line) in &mut self.lines {
                while theirs.next_if(|(there, _)| there < key).is_some() {}
                if theirs.peek().is_none_or(|(there, _)| there != key) {
                    line.retain(|dot, _| !seen_there.contains(dot));
                }
            }
        }
        let mut from = 0;
        for (key, theirs) in &other.lines {
            let found = if only_new {
                self.lines.binary_search_by(|(there, _)| there.cmp(key))
            } else {
                let at = self.lines[from..].iter().position(|(there, _)| there >= key);
                from = at.map_or(self.lines.len(), |at| from + at);
                if self.lines.get(from).is_some_and(|(there, _)| there == key) { Ok(from) } else { Err(from) }
            };
            match found {
                Ok(at) => {
                    let seen_there = |dot| !only_new && seen_there.contains(dot);
                    self.lines[at].1.join(theirs, |dot| seen_here.contains(dot), seen_there);
                }
                Err(at) => {
                    let mut theirs = theirs.clone();
                    theirs.retain(|dot, _| !seen_here.contains(dot));
                    if !theirs.is_empty() {
                        self.lines.insert(at, (key.clone(), theirs));
                    }
                }
            }
        }
        if !only_new {
            self.lines.retain(|(_, line)| !line.is_empty());
        }
    }

    fn join_coupons(&mut self, other: &Self) {
        if self.coupons.is_empty() && other.coupons.is_empty() {
            return;
        }
        let none = Vec::new();
        for (code, mine) in self.coupons.iter_mut() {
            let theirs = other.coupons.get(code).unwrap_or(&none);
            mine.retain(|dot| theirs.binary_search(dot).is_ok() || !other.context.contains(*dot));
        }
        for (code, theirs) in &other.coupons {
            let mine = self.coupons.or_default(code.clone());
            let new = |dot: &&Dot| mine.binary_search(dot).is_err() && !self.context.contains(**dot);
            let fresh: Vec<Dot> = theirs.iter().filter(new).copied().collect();
            mine.extend(fresh);
            mine.sort_unstable();
        }
        self.coupons.retain(|_, dots| !dots.is_empty());
    }
}

fn join_by_max<K: Ord + Clone, V: Ord + Clone>(mine: &mut Ordered<K, V>, theirs: &Ordered<K, V>) {
    for (key, value) in theirs {
        match mine.get_mut(key) {
            Some(present) if *present >= *value => {}
            Some(present) => present.clone_from(value),
            None => drop(mine.insert(key.clone(), value.clone())),
        }
    }
}

impl CvRDT for Cart {
    type Validation = Reject;

    /// Refuses a state in which a dot known here has another payload: two replicas shared an actor.
    fn validate_merge(&self, other: &Self) -> Result<(), Reject> {
        for (key, theirs) in &other.lines {
            let Some(mine) = self.line(key) else { continue };
            for (dot, contribution) in theirs.iter() {
                let known = mine.get(dot).and_then(|known| known.payload.as_ref());
                if let (Some(known), Some(payload)) = (known, &contribution.payload)
                    && known != payload
                {
                    return Err(Reject::DotConflict);
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.join(&other);
    }
}

impl CmRDT for Cart {
    type Op = Delta;
    type Validation = Reject;

    fn validate_op(&self, delta: &Delta) -> Result<(), Reject> {
        self.validate_merge(delta)
    }

    fn apply(&mut self, delta: Delta) {
        self.join(&delta);
    }
}

impl ResetRemove<Actor> for Cart {
    /// Removes what `clock` has seen.
    fn reset_remove(&mut self, clock: &VClock<Actor>) {
        self.join(&Self {
            context: Context::from_parts(clock.clone(), Vec::new(), Day(0)),
            ..Self::default()
        });
    }
}
