//! The causal context: which dots a replica has seen. A version vector, the dots beyond its gaps, and
//! a horizon: dots of actors minted before that day count as seen, so that actors can be forgotten.
//! (Almeida, Shoker, Baquero: Delta State Replicated Data Types, arXiv 1603.01529, section 7.2.)
//! Always compact, so that equal contexts are equal values.

use std::ops::RangeInclusive;

use crdts::VClock;

use crate::id::{Actor, Dot};
use crate::time::Day;

/// A set of dots, compact. Grows only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// For each actor all counters from 1 to this.
    clock: VClock<Actor>,
    /// Dots beyond the gaps of `clock`, sorted, none that `clock` or `horizon` covers.
    cloud: Vec<Dot>,
    /// Every dot of an actor minted before this day is in the set.
    horizon: Day,
}

impl Context {
    /// Puts parts together, in any order and with any overlap.
    pub fn from_parts(clock: VClock<Actor>, cloud: Vec<Dot>, horizon: Day) -> Self {
        let mut context = Self { clock, cloud, horizon };
        context.cloud.sort_unstable();
        context.cloud.dedup();
        context.compact();
        context
    }

    /// Whether the dot is in the set.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.actor.day() < self.horizon
            || self.clock.get(&dot.actor) >= dot.counter
            || (!self.cloud.is_empty() && self.cloud.binary_search(&dot).is_ok())
    }

    /// Adds a dot.
    pub fn insert(&mut self, dot: Dot) {
        if self.contains(dot) {
            return;
        }
        if self.clock.get(&dot.actor) + 1 == dot.counter {
            self.clock.dots.insert(dot.actor, dot.counter);
            if !self.cloud.is_empty() {
                self.compact();
            }
        } else if let Err(at) = self.cloud.binary_search(&dot) {
            self.cloud.insert(at, dot);
        }
    }

    /// Adds many dots at once.
    pub fn extend(&mut self, dots: impl IntoIterator<Item = Dot>) {
        self.cloud.extend(dots);
        self.cloud.sort_unstable();
        self.cloud.dedup();
        self.compact();
    }

    /// The union with another context.
    pub fn join(&mut self, other: &Self) {
        let raised = other.horizon > self.horizon;
        self.horizon = self.horizon.max(other.horizon);
        for (actor, counter) in &other.clock.dots {
            if actor.day() >= self.horizon {
                let mine = self.clock.dots.entry(*actor).or_insert(0);
                *mine = (*mine).max(*counter);
            }
        }
        // Nearly every join is of a delta, whose context is a dot or two: no pass over the whole.
        if !raised && self.cloud.is_empty() && other.cloud.len() <= 4 {
            other.cloud.iter().for_each(|dot| self.insert(*dot));
        } else {
            self.extend(other.cloud.iter().copied());
        }
    }

    /// Whether every dot of `other` is in this set.
    pub fn covers(&self, other: &Self) -> bool {
        self.horizon >= other.horizon
            && other
                .clock
                .dots
                .iter()
                .all(|(actor, counter)| actor.day() < self.horizon || self.clock.get(actor) >= *counter)
            && other.cloud.iter().all(|dot| self.contains(*dot))
    }

    /// The highest counter of `actor` in the set, 0 if there is none.
    pub fn highest(&self, actor: Actor) -> u64 {
        let beyond = self.cloud.partition_point(|dot| dot.actor <= actor);
        let in_cloud = beyond
            .checked_sub(1)
            .and_then(|at| self.cloud.get(at))
            .filter(|dot| dot.actor == actor)
            .map_or(0, |dot| dot.counter);
        self.clock.get(&actor).max(in_cloud)
    }

    /// Whether it has a dot of one of these actors. Of those before the horizon it does not know.
    pub fn names_any(&self, actors: RangeInclusive<Actor>) -> bool {
        let beyond = self.cloud.partition_point(|dot| dot.actor < *actors.start());
        self.cloud.get(beyond).is_some_and(|dot| dot.actor <= *actors.end())
            || self.clock.dots.range(actors).next().is_some()
    }

    /// Its dots, if they are but a few, as in a delta.
    pub fn few(&self) -> Option<impl Iterator<Item = Dot>> {
        const FEW: u64 = 4;
        let few = self.horizon == Day(0)
            && self.clock.dots.len() + self.cloud.len() <= FEW as usize
            && self.clock.dots.values().all(|counter| *counter <= FEW);
        let clock = self.clock.dots.iter();
        let dots = clock.flat_map(|(actor, counter)| (1..=*counter).map(|counter| Dot::new(*actor, counter)));
        few.then(|| dots.chain(self.cloud.iter().copied()))
    }

    /// Raises the horizon to `day`, forgetting the actors before it. A lower day changes nothing.
    pub fn raise_horizon(&mut self, day: Day) {
        if day > self.horizon {
            self.horizon = day;
            self.compact();
        }
    }

    /// The version vector.
    pub fn clock(&self) -> &VClock<Actor> {
        &self.clock
    }

    /// The dots beyond the vector's gaps, sorted.
    pub fn cloud(&self) -> &[Dot] {
        &self.cloud
    }

    /// The horizon's day.
    pub fn horizon(&self) -> Day {
        self.horizon
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.clock.is_empty() && self.cloud.is_empty() && self.horizon == Day(0)
    }

    /// Drops what the horizon covers, moves into the clock what touches it.
    fn compact(&mut self) {
        let first_kept = Actor::mint(self.horizon, 0);
        if self.clock.dots.first_key_value().is_some_and(|(actor, _)| *actor < first_kept) {
            self.clock.dots = self.clock.dots.split_off(&first_kept);
        }
        let clock = &mut self.clock;
        self.cloud.retain(|dot| {
            let reached = clock.get(&dot.actor);
            if dot.actor < first_kept || dot.counter <= reached {
                return false;
            }
            let touches = dot.counter - 1 == reached;
            if touches {
                clock.dots.insert(dot.actor, dot.counter);
            }
            !touches
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(actor: u64, counter: u64) -> Dot {
        Dot::new(Actor::mint(Day(10), actor), counter)
    }

    #[test]
    fn gaps_close_in_any_order() {
        let mut forwards = Context::default();
        let mut backwards = Context::default();
        for counter in 1..=5 {
            forwards.insert(dot(1, counter));
            backwards.insert(dot(1, 6 - counter));
        }
        assert_eq!(forwards, backwards);
        assert!(backwards.cloud().is_empty());
        assert_eq!(backwards.highest(dot(1, 1).actor), 5);
    }

    #[test]
    fn the_horizon_covers_what_it_forgets() {
        let mut context = Context::default();
        context.extend([dot(1, 1), dot(1, 7)]);
        context.raise_horizon(Day(11));
        assert!(context.clock().is_empty() && context.cloud().is_empty());
        assert!(context.contains(dot(9, 99)));
        assert!(!context.contains(Dot::new(Actor::mint(Day(11), 9), 1)));
        let mut late = Context::default();
        late.insert(dot(2, 1));
        late.join(&context);
        assert_eq!(late, context);
    }

    #[test]
    fn a_counter_at_its_end_does_not_overflow() {
        let mut context = Context::default();
        context.extend([dot(1, 1), dot(1, u64::MAX)]);
        context.join(&context.clone());
        assert!(context.contains(dot(1, u64::MAX)));
        let full = Context::from_parts(
            [crdts::Dot::new(dot(1, 1).actor, u64::MAX)].into_iter().collect(),
            vec![],
            Day(0),
        );
        context.join(&full);
        context.insert(dot(1, 3));
        assert_eq!(context, full);
    }
}
