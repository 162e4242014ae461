//! What each change must have done, and must not. Convergence alone misses real faults: a checkout that
//! removes nothing converges too. So after every change it is checked which dots left and which stayed,
//! what its maker is shown, that its dot is seen, and that nothing else moved.

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::id::Dot;
use cart_core::line::{Contribution, LineKey, Location};

use crate::violation::{Check, Fault, Invariant};

const PLACES: [Location; 2] = [Location::Cart, Location::Saved];

/// A change that was made.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What was done.
    pub change: &'a Change,
    /// By whom and when.
    pub stamp: Stamp,
    /// What its maker saw, and that with the change.
    pub seen: (&'a Cart, &'a Cart),
    /// The replica's state before and after; other than `seen` if the view was old.
    pub state: (&'a Cart, &'a Cart),
    /// The change.
    pub delta: &'a Delta,
}

impl Step<'_> {
    /// The contributions that the change must remove, and may: those its maker saw and meant.
    pub fn observed(&self) -> Vec<Dot> {
        let (seen, _) = self.seen;
        let of_line = |key: &LineKey, at: Location| dots_at(seen, key, at);
        match self.change {
            Change::Add { key, at, .. } if seen.shown(key, *at) == 0 => of_line(key, *at),
            Change::Set { key, at, .. } | Change::Remove { key, at } => of_line(key, *at),
            Change::Decrement { key, quantity, at } if u64::from(*quantity) >= seen.shown(key, *at) => {
                of_line(key, *at)
            }
            Change::Move { key, to } if seen.shown(key, *to) == 0 && !of_line(key, other(*to)).is_empty() => {
                of_line(key, *to)
            }
            Change::Clear | Change::Checkout { .. } => {
                seen.lines().flat_map(|(key, _)| of_line(key, Location::Cart)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a contribution is born.
    pub fn bears(&self) -> bool {
        matches!(self.change, Change::Add { .. } | Change::Set { quantity: 1.., .. })
    }

    /// All of it.
    pub fn check(&self) -> Check {
        let mut observed = self.observed();
        observed.sort_unstable();
        self.check_context(&observed)?;
        self.check_contributions(&observed)?;
        self.check_shown()?;
        self.check_others_shown()?;
        self.check_rest()
    }

    /// The delta's context has the change's dot and what is removed, nothing more.
    fn check_context(&self, observed: &[Dot]) -> Check {
        let context = self.delta.context();
        let clock = context.clock().iter();
        let clock = clock.flat_map(|dot| (1..=dot.counter).map(move |counter| Dot::new(*dot.actor, counter)));
        let mut claimed: Vec<Dot> = clock.chain(context.cloud().iter().copied()).collect();
        claimed.retain(|dot| *dot != self.stamp.dot);
        claimed.sort_unstable();
        if matches!(self.change, Change::Uncoupon(_)) {
            // These are the coupon's: none may be a contribution.
            claimed.retain(|dot| self.seen.0.lines().any(|(_, line)| line.get(*dot).is_some()));
        }
        let own = context.contains(self.stamp.dot) && self.state.1.context().contains(self.stamp.dot);
        self.unless(own, || "its dot is not in the context".into())?;
        self.unless(claimed == observed, || format!("removes {claimed:?}, should {observed:?}"))
    }

    /// In the replica's state exactly the observed contributions left, the one born came, and of the
    /// others only what the change means is different.
    fn check_contributions(&self, observed: &[Dot]) -> Check {
        let (before, after) = self.state;
        for (key, dot, was) in contributions(before) {
            let is = after.line(key).and_then(|line| line.get(dot));
            if observed.binary_search(&dot).is_ok() {
                self.unless(is.is_none(), || format!("{dot:?} of {key:?} was observed and did not leave"))?;
                continue;
            }
            let Some(is) = is else {
                return self.unless(false, || format!("{dot:?} of {key:?} left without being observed"));
            };
            let moves = matches!(self.change, Change::Move { key: moved, to }
                if moved == key && dots_at(self.seen.0, key, other(*to)).contains(&dot));
            let place = match self.change {
                Change::Move { to, .. } if moves => *to,
                _ => was.location(),
            };
            self.unless(is.location() == place, || format!("{dot:?} of {key:?} is in the wrong place"))?;
            self.unless(is.payload == was.payload, || format!("{dot:?} of {key:?} changed its payload"))?;
            let decrements = matches!(self.change, Change::Decrement { key: changed, .. } if changed == key);
            let fewer = is.decremented() > was.decremented() && decrements;
            self.unless(fewer || is.decrements() == was.decrements(), || {
                format!("{dot:?} of {key:?} was decremented")
            })?;
        }
        let was_seen = before.context().contains(self.stamp.dot);
        for (key, dot, _) in contributions(after) {
            let known = before.line(key).and_then(|line| line.get(dot)).is_some_and(is_met);
            let born = dot == self.stamp.dot && self.bears() && !was_seen;
            self.unless(known || born, || format!("{dot:?} of {key:?} came from nowhere"))?;
        }
        let lives = after.lines().any(|(_, line)| line.get(self.stamp.dot).is_some_and(is_met));
        self.unless(lives || !self.bears() || was_seen, || "its contribution is not there".into())
    }

    /// What the maker is shown of the line changed.
    fn check_shown(&self) -> Check {
        let (before, after) = self.seen;
        if self.is_known() {
            return Ok(());
        }
        let (key, at, expected) = match self.change {
            Change::Add { key, quantity, at, .. } => {
                (key, *at, before.shown(key, *at) + u64::from(*quantity))
            }
            Change::Set { key, quantity, at } => (key, *at, u64::from(*quantity)),
            Change::Decrement { key, quantity, at } => {
                (key, *at, before.shown(key, *at).saturating_sub(u64::from(*quantity)))
            }
            Change::Remove { key, at } => (key, *at, 0),
            Change::Move { key, to } => (key, other(*to), 0),
            Change::Clear | Change::Checkout { .. } => {
                let left = after.lines().find(|(key, _)| after.shown(key, Location::Cart) > 0);
                return self.unless(left.is_none(), || format!("{left:?} is still in the cart"));
            }
            _ => return Ok(()),
        };
        let shown = after.shown(key, at);
        self.unless(shown == expected, || format!("{key:?} shows {shown}, should show {expected}"))
    }

    /// Whether it is a retry of which an update or a removal had been met already: that counts at once.
    fn is_known(&self) -> bool {
        let (seen, _) = self.seen;
        let has_hole = seen.lines().any(|(_, line)| line.get(self.stamp.dot).is_some());
        has_hole || seen.context().contains(self.stamp.dot)
    }

    /// Nothing else that the maker is shown is different. And I3: no more is shown than was put in.
    fn check_others_shown(&self) -> Check {
        let (before, after) = self.seen;
        let is_known = self.is_known();
        for (key, line) in before.lines().chain(after.lines()) {
            for at in PLACES {
                let changed = match self.change {
                    Change::Add { key: changed, at: place, .. }
                    | Change::Set { key: changed, at: place, .. }
                    | Change::Decrement { key: changed, at: place, .. }
                    | Change::Remove { key: changed, at: place } => changed == key && *place == at,
                    Change::Move { key: changed, .. } => changed == key,
                    Change::Clear | Change::Checkout { .. } => at == Location::Cart,
                    _ => false,
                };
                let (was, is) = (before.shown(key, at), after.shown(key, at));
                self.unless(changed || is_known || was == is, || {
                    format!("{key:?} showed {was} and shows {is}")
                })?;
                let most: u64 = line.at(at).map(|(_, contribution)| u64::from(contribution.quantity())).sum();
                Fault::unless(line.shown(at) <= most, Invariant::I3NotNegative, || {
                    format!("{key:?} shows {} of {most} put in", line.shown(at))
                })?;
            }
        }
        Ok(())
    }

    /// Coupons, fields and fences.
    fn check_rest(&self) -> Check {
        let (before, after) = self.state;
        let mut fences = before.fences().clone();
        if let Change::Checkout { fence, order } = self.change {
            fences.insert(*fence, *order);
        }
        self.unless(*after.fences() == fences, || format!("fences are {:?}", after.fences()))?;
        match self.change {
            Change::Coupon(code) if !before.context().contains(self.stamp.dot) => {
                self.unless(after.coupons().any(|there| there == code), || format!("{code:?} is not there"))?;
            }
            Change::Uncoupon(code) => {
                let there = self.seen.1.coupons().any(|there| there == code);
                self.unless(!there, || format!("{code:?} is still there"))?;
            }
            Change::Write(field, value) => {
                let is = after.meta(*field).map(|register| register.value.clone());
                self.unless(is.as_ref() == Some(value), || format!("{field:?} is {is:?}, not {value:?}"))?;
            }
            _ => {}
        }
        let same = before.coupons().eq(after.coupons());
        let coupons = matches!(self.change, Change::Coupon(_) | Change::Uncoupon(_));
        self.unless(same || coupons, || "it changed a coupon".into())
    }

    fn unless(&self, holds: bool, text: impl FnOnce() -> String) -> Check {
        Fault::unless(holds, Invariant::PostCondition, || format!("{:?}: {}", self.change, text()))
    }
}

fn other(place: Location) -> Location {
    match place {
        Location::Cart => Location::Saved,
        Location::Saved => Location::Cart,
    }
}

/// Whether the contribution itself has been met, not only an update of it.
fn is_met(contribution: &Contribution) -> bool {
    contribution.payload.is_some()
}

fn dots_at(cart: &Cart, key: &LineKey, at: Location) -> Vec<Dot> {
    let line = cart.line(key).into_iter().flat_map(|line| line.at(at));
    line.filter(|(_, contribution)| is_met(contribution)).map(|(dot, _)| dot).collect()
}

fn contributions(cart: &Cart) -> impl Iterator<Item = (&LineKey, Dot, &Contribution)> {
    let all = cart.lines().flat_map(|(key, line)| line.iter().map(move |(dot, there)| (key, dot, there)));
    all.filter(|(_, _, contribution)| is_met(contribution))
}
