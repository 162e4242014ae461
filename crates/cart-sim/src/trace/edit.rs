//! An edit: one or more changes made at once on what their maker saw, and how a trace thinks one up.

use std::rc::Rc;
use std::sync::Arc;

use cart_core::cart::Cart;
use cart_core::change::Change;
use cart_core::id::{Actor, OrderId, Scope};
use cart_core::line::{LineKey, Location};
use cart_core::time::HybridTime;

use crate::catalog::Catalog;
use crate::dice::Dice;
use crate::trace::coverage::Mark;
use crate::trace::oracle::Oracle;

/// What a caller was shown some time ago, as in the context of a view: lines and coupons, not the clock.
#[derive(Clone, Debug)]
pub struct View {
    /// What the core gave out.
    pub cart: Rc<Cart>,
    /// What the oracle showed then.
    pub oracle: Rc<Oracle>,
    /// The latest hybrid time known where it was made: a change made on it is later.
    pub time: HybridTime,
}

/// Changes made at once.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Who makes them.
    pub actor: Actor,
    /// The counter of the first.
    pub first: u64,
    /// The cart in which they are made.
    pub scope: Scope,
    /// What is done, in order.
    pub changes: Vec<Change>,
    /// What their maker saw; `None` is the replica's present state.
    pub view: Option<View>,
}

impl Edit {
    /// Whether it can be made where `seen` is seen: its first change may rely on a line being there.
    pub fn fits(&self, seen: &Cart) -> bool {
        match self.changes.first() {
            Some(Change::Add { key, details: None, at, .. } | Change::Set { key, at, .. }) => {
                key.customization.is_none() || seen.shown(key, *at) > 0
            }
            _ => true,
        }
    }

    /// Whether a retry in another region is allowed: a decrement there may come off other contributions,
    /// and then both would count, unless it is bound to what its maker saw.
    pub fn may_be_retried(&self) -> bool {
        self.view.is_some() || !self.changes.iter().any(|change| matches!(change, Change::Decrement { .. }))
    }
}

/// The kinds of change a trace chooses from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Add,
    Set,
    Decrement,
    Remove,
    Clear,
    Move,
    Coupon,
    Uncoupon,
    Write,
}

const WISHES: [(Wish, u32); 9] = [
    (Wish::Add, 26),
    (Wish::Set, 14),
    (Wish::Decrement, 24),
    (Wish::Remove, 10),
    (Wish::Clear, 4),
    (Wish::Move, 14),
    (Wish::Coupon, 3),
    (Wish::Uncoupon, 3),
    (Wish::Write, 4),
];

/// What shoppers of one trace tend to do. Each trace has others, and many leave some kinds out, so that
/// what is left meets more often.
#[derive(Clone, Debug)]
pub struct Habits {
    wishes: Vec<(Wish, u32)>,
    lines: usize,
    saved_percent: u32,
    other_scope_percent: u32,
}

impl Habits {
    /// The habits of a trace.
    pub fn of(dice: &mut Dice, catalog: &Catalog) -> Self {
        let keeps_all = dice.chance(40);
        let mut wishes: Vec<_> = WISHES.into_iter().filter(|_| keeps_all || dice.chance(60)).collect();
        if !wishes.iter().any(|(wish, _)| matches!(wish, Wish::Add | Wish::Set)) {
            wishes.push(WISHES[0]);
        }
        Self {
            wishes,
            lines: (*dice.pick(&[1, 1, 2, 3, 4])).min(catalog.lines.len()),
            saved_percent: *dice.pick(&[0, 10, 40]),
            other_scope_percent: *dice.pick(&[0, 0, 30]),
        }
    }

    /// In which cart a change is made: `cart`, or now and then another that was joined.
    pub fn scope(&self, dice: &mut Dice, cart: Scope) -> Scope {
        if dice.chance(self.other_scope_percent) { Scope(!cart.0) } else { cart }
    }

    /// A change that the viewer of `seen` may wish for. The first of an edit may rely on what is seen of
    /// a line, such as its engraving; those after it may meet that line gone.
    pub fn change(&self, dice: &mut Dice, seen: &Cart, catalog: &Catalog, first: bool) -> Change {
        if let Some((key, details)) = self.line_in_debt(seen, catalog).filter(|_| dice.chance(30)) {
            let (key, details) = (key.clone(), details.clone());
            return Change::Add { key, details, quantity: quantity(dice), at: Location::Cart };
        }
        let wish = dice.weighted(&self.wishes);
        let saved_percent = if wish == Wish::Move { 40 } else { self.saved_percent };
        let at = if dice.chance(saved_percent) { Location::Saved } else { Location::Cart };
        let (key, details) = self.line(dice, seen, at, catalog);
        let shown = seen.shown(key, at);
        let must_tell = !first || shown == 0;
        match wish {
            Wish::Add => {
                // Who sees the line need not say again what it is engraved with.
                let details = details.clone().filter(|_| must_tell || dice.chance(50));
                Change::Add { key: key.clone(), details, quantity: quantity(dice), at }
            }
            Wish::Set if must_tell && details.is_some() => {
                let (key, details) = (key.clone(), details.clone());
                Change::Add { key, details, quantity: quantity(dice), at }
            }
            Wish::Set => {
                let quantity = if dice.chance(15) { 0 } else { quantity(dice) };
                Change::Set { key: key.clone(), quantity, at }
            }
            Wish::Decrement => {
                // Often all but one: two of these at once take off more than there is.
                let quantity = match shown {
                    2.. if dice.chance(40) => u32::try_from(shown - 1).unwrap_or(u32::MAX),
                    _ => 1 + dice.below(1 + shown.min(6) as usize) as u32,
                };
                Change::Decrement { key: key.clone(), quantity, at }
            }
            Wish::Remove => Change::Remove { key: key.clone(), at },
            Wish::Clear => Change::Clear,
            Wish::Move if at == Location::Cart => Change::Move { key: key.clone(), to: Location::Saved },
            Wish::Move => Change::Move { key: key.clone(), to: Location::Cart },
            Wish::Coupon => Change::Coupon(dice.pick(&catalog.codes).clone()),
            Wish::Uncoupon => Change::Uncoupon(dice.pick(&catalog.codes).clone()),
            Wish::Write => {
                let (field, values) = dice.pick(&catalog.fields);
                let value = (!dice.chance(20)).then(|| dice.pick(values).clone());
                Change::Write(*field, value)
            }
        }
    }

    /// Mostly a line that shows something.
    fn line<'a>(
        &self,
        dice: &mut Dice,
        seen: &Cart,
        at: Location,
        catalog: &'a Catalog,
    ) -> &'a (LineKey, Option<Arc<str>>) {
        let lines = &catalog.lines[..self.lines];
        let any = dice.below(lines.len());
        let seeks = dice.chance(70);
        let mut lines_from_any = (any..any + lines.len()).map(|index| &lines[index % lines.len()]);
        lines_from_any.find(|(key, _)| seeks && seen.shown(key, at) > 0).unwrap_or(&lines[any])
    }

    /// A line that is in the cart but shows nothing: more was taken off at once than there was.
    fn line_in_debt<'a>(&self, seen: &Cart, catalog: &'a Catalog) -> Option<&'a (LineKey, Option<Arc<str>>)> {
        catalog.lines[..self.lines].iter().find(|(key, _)| {
            let line = seen.line(key).filter(|line| line.shown(Location::Cart) == 0);
            line.is_some_and(|line| line.at(Location::Cart).any(|(_, there)| there.payload.is_some()))
        })
    }
}

fn quantity(dice: &mut Dice) -> u32 {
    *dice.pick(&[1, 1, 2, 2, 3, 4, 5, 7, 8, 9_999])
}

/// A checkout.
pub fn checkout(fence: u64) -> Change {
    Change::Checkout { fence, order: OrderId(u128::from(fence) << 64 | 0xe7e2) }
}

/// The mark of a change.
pub fn mark_of(change: &Change) -> Mark {
    match change {
        Change::Add { .. } => Mark::Add,
        Change::Set { quantity: 0, .. } => Mark::SetZero,
        Change::Set { .. } => Mark::Set,
        Change::Decrement { .. } => Mark::Decrement,
        Change::Remove { .. } => Mark::Remove,
        Change::Clear => Mark::Clear,
        Change::Move { to: Location::Saved, .. } => Mark::Save,
        Change::Move { to: Location::Cart, .. } => Mark::Unsave,
        Change::Coupon(_) => Mark::Coupon,
        Change::Uncoupon(_) => Mark::Uncoupon,
        Change::Write(..) => Mark::Write,
        Change::Checkout { .. } => Mark::Checkout,
    }
}
