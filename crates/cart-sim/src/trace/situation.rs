//! The situations in which carts go wrong: finds and marks them in a state or a change, so that a run can
//! tell whether it has met them. And what a state shows, for the history.

use cart_core::cart::Cart;
use cart_core::change::Change;
use cart_core::id::{Dot, Scope};
use cart_core::line::{Kind, Location};

use crate::trace::coverage::{Coverage, Mark};
use crate::trace::edit;
use crate::trace::network::{Load, Message};
use crate::trace::postcondition::Step;

/// The dots of contributions of which only an update has been met.
pub fn holes(cart: &Cart) -> impl Iterator<Item = Dot> + '_ {
    let contributions = cart.lines().flat_map(|(_, line)| line.iter());
    contributions.filter(|(_, contribution)| contribution.payload.is_none()).map(|(dot, _)| dot)
}

/// Whether the contribution of a dot is there, not only an update of it.
pub fn is_met(cart: &Cart, dot: Dot) -> bool {
    let mut found = cart.lines().filter_map(|(_, line)| line.get(dot));
    found.any(|contribution| contribution.payload.is_some())
}

/// Marks what is rare about a message that arrives at a state.
pub fn mark_message(coverage: &mut Coverage, state: &Cart, message: &Message) {
    let context = message.cart.context();
    let is_state = matches!(message.load, Load::State(_));
    coverage.mark_if(is_state && state.context().covers(context), Mark::StaleState);
    let horizon = state.context().horizon();
    coverage.mark_if(context.clock().iter().any(|dot| dot.actor.day() < horizon), Mark::BeyondHorizon);
}

/// What a cart shows, in one line.
pub fn shown(cart: &Cart) -> String {
    let mut text = String::new();
    for (key, _) in cart.lines() {
        for (at, sign) in [(Location::Cart, ':'), (Location::Saved, '~')] {
            match cart.shown(key, at) {
                0 => {}
                quantity => text += &format!("{key:?}{sign}{quantity} "),
            }
        }
    }
    if text.is_empty() { "nothing".into() } else { text }
}

/// Marks what kind of change was made, and on what.
pub fn mark_step(coverage: &mut Coverage, step: &Step<'_>) {
    let (seen, state) = (step.seen.0, step.state.0);
    let observed = step.observed();
    coverage.mark(edit::mark_of(step.change));
    let (at, all_off) = match step.change {
        Change::Add { at, .. } | Change::Set { at, .. } | Change::Remove { at, .. } => (*at, false),
        Change::Decrement { key, quantity, at } => (*at, seen.shown(key, *at) <= u64::from(*quantity)),
        _ => (Location::Cart, false),
    };
    coverage.mark_if(at == Location::Saved, Mark::AtSaved);
    coverage.mark_if(all_off, Mark::DecrementAll);
    let is_add = matches!(step.change, Change::Add { .. });
    coverage.mark_if(is_add && !observed.is_empty(), Mark::AddOnDebt);
    let is_order = matches!(step.change, Change::Checkout { .. });
    coverage.mark_if(is_order && !observed.is_empty(), Mark::CheckoutOfSome);
    let updates = step.delta.lines().map(|(_, line)| line.len()).sum::<usize>();
    let is_decrement = matches!(step.change, Change::Decrement { .. });
    coverage.mark_if(is_decrement && updates > 1, Mark::DecrementSeveral);
    coverage.mark_if(observed.iter().any(|dot| !state.context().contains(*dot)), Mark::DeadOnArrival);
}

/// Marks what is rare about a state.
pub fn mark_state(coverage: &mut Coverage, cart: &Cart) {
    coverage.mark_if(holes(cart).next().is_some(), Mark::Hole);
    coverage.mark_if(!cart.context().cloud().is_empty(), Mark::Gap);
    for (_, line) in cart.lines() {
        let met = line.at(Location::Cart).filter(|(_, contribution)| contribution.payload.is_some());
        coverage.mark_if(met.count() > 0 && line.shown(Location::Cart) == 0, Mark::Debt);
        let scopes: Vec<Scope> = line
            .at(Location::Cart)
            .filter_map(|(_, contribution)| match contribution.payload.as_ref()?.kind {
                Kind::Set { scope, .. } => Some(scope),
                Kind::Add | Kind::Unknown(_) => None,
            })
            .collect();
        coverage.mark_if(scopes.iter().any(|scope| *scope != scopes[0]), Mark::TwoScopes);
        let twice = |scope: &Scope| scopes.iter().filter(|other| *other == scope).count() > 1;
        coverage.mark_if(scopes.iter().any(twice), Mark::ParallelSets);
    }
}
