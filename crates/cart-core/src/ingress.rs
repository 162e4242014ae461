//! What a device may send: devices are leaves. A delta is admitted whole or refused with a reason; what
//! is admitted holds changes of the sender's own actor, removals, and its own updates of contributions.

use crate::cart::{Cart, Delta};
use crate::customization::Customization;
use crate::id::{Actor, Dot, Scope};
use crate::limits::Limits;
use crate::line::{Contribution, Kind, Payload};
use crate::reject::Reject;
use crate::time::{Day, HybridClock, Millis};
use crate::wire;

/// How far beyond what is known of its actor a counter may be.
pub const COUNTER_WINDOW: u64 = 1_024;

/// The longest unknown kind of contribution admitted, in bytes.
const UNKNOWN_BYTES_MAX: usize = 64;

/// Who sends a delta, and by what it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The actor leased to the device.
    pub actor: Actor,
    /// The cart it edits.
    pub scope: Scope,
    /// The server's time.
    pub now: Millis,
    /// The bounds of the cart.
    pub limits: Limits,
}

/// Admits a device's delta to `state`: returns what is to be joined, which is the delta without updates
/// of contributions that are gone.
///
/// # Errors
/// The reason for which it was refused; then nothing of it may be joined.
pub fn admit(state: &Cart, delta: &Delta, sender: &Sender) -> Result<Delta, Reject> {
    if sender.actor.day() < state.context().horizon() {
        return Err(Reject::ActorExpired);
    }
    check_only_changes(delta)?;
    check_days(delta, sender.now)?;
    check_context(state, delta)?;
    let mut admitted = delta.clone();
    // Found once, not for each contribution.
    let mut live: Vec<Dot> = wire::live_dots(state).collect();
    live.sort_unstable();
    let last_place = state.lines().filter_map(|(_, line)| line.place()).max().unwrap_or(0);
    for (key, line) in &mut admitted.lines {
        let known = state.line(key);
        for (dot, contribution) in line.iter() {
            let known = known.and_then(|line| line.get(dot));
            let is_live = live.binary_search(&dot).is_ok();
            check_contribution(state, known, is_live, last_place, dot, contribution, sender)?;
        }
        // An update of a contribution that has been removed is dropped with it; one of a contribution
        // not met yet is kept, as a hole that the contribution fills.
        line.retain(|dot, contribution| {
            contribution.payload.is_some()
                || known.is_some_and(|known| known.get(dot).is_some())
                || !state.context().contains(dot)
        });
    }
    admitted.lines.retain(|(_, line)| !line.is_empty());
    check_rest(&admitted, sender)?;
    if delta.context().highest(sender.actor) == 0 {
        return Err(Reject::Malformed("it has no dot of its sender"));
    }
    let mut after = state.clone();
    after.join(&admitted);
    // A removal of what is not there adds as well: to what was seen.
    let seen = |cart: &Cart| (cart.context().cloud().len(), cart.context().clock().dots.len());
    let ((gaps, actors), (gaps_before, actors_before)) = (seen(&after), seen(state));
    let grows = gaps > gaps_before || actors > actors_before + 1;
    sender.limits.check_growth(state, &after, grows || adds(&admitted))?;
    Ok(admitted)
}

/// Whether a delta does more than set, remove and clear, which stay possible at every bound.
fn adds(delta: &Delta) -> bool {
    let contributions = delta.lines().flat_map(|(_, line)| line.iter());
    let sets = |contribution: &Contribution| matches!(&contribution.payload, Some(payload) if matches!(payload.kind, Kind::Set { .. }));
    contributions.map(|(_, contribution)| contribution).any(|contribution| !sets(contribution))
        || !delta.coupons.is_empty()
        || !delta.meta.is_empty()
}

/// Fences, replicas, home, horizon and erasure are the service's own to write.
fn check_only_changes(delta: &Delta) -> Result<(), Reject> {
    let service_only = [
        (delta.erased, "an erasure"),
        (!delta.fences.is_empty(), "a fence"),
        (!delta.replicas.is_empty(), "a replica"),
        (delta.home.is_some(), "a home"),
        (delta.context.horizon() > Day(0), "a horizon"),
    ];
    match service_only.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Reject::NotYours(what)),
        None => Ok(()),
    }
}

/// The horizon passes an actor once its day is over for long: one of a day to come would stay until then, whatever is
/// done. The clock of the region that minted it may be somewhat ahead, and so a day across midnight.
fn check_days(delta: &Delta, now: Millis) -> Result<(), Reject> {
    let last = wire::actors_of(delta).last().map_or(Day(0), |actor| actor.day());
    if last > Day(now.day().0.saturating_add(1)) {
        return Err(Reject::ActorAhead);
    }
    Ok(())
}

fn check_context(state: &Cart, delta: &Delta) -> Result<(), Reject> {
    let context = delta.context();
    let highest = context.clock().iter().map(|dot| (*dot.actor, dot.counter));
    for (actor, counter) in highest.chain(context.cloud().iter().map(|dot| (dot.actor, dot.counter))) {
        let retired = actor.day() < state.context().horizon();
        if !retired && counter > state.context().highest(actor).saturating_add(COUNTER_WINDOW) {
            return Err(Reject::CounterWindow { window: COUNTER_WINDOW });
        }
    }
    Ok(())
}

fn check_contribution(
    state: &Cart,
    known: Option<&Contribution>,
    is_live: bool,
    last_place: u32,
    dot: Dot,
    contribution: &Contribution,
    sender: &Sender,
) -> Result<(), Reject> {
    let others = dot.actor != sender.actor;
    match &contribution.payload {
        Some(_) if others => return Err(Reject::ForeignDot),
        Some(payload) => {
            match known.and_then(|known| known.payload.as_ref()) {
                Some(known) if known != payload => return Err(Reject::DotConflict),
                None if is_live => return Err(Reject::DotConflict),
                Some(_) | None => {}
            }
            check_payload(last_place, payload, sender)?;
        }
        None => {
            let horizon = state.context().horizon();
            let far = state.context().highest(dot.actor).saturating_add(COUNTER_WINDOW);
            if dot.actor.day() >= horizon && dot.counter > far {
                return Err(Reject::CounterWindow { window: COUNTER_WINDOW });
            }
        }
    }
    let quantity = contribution.payload.as_ref().or_else(|| known?.payload.as_ref()).map(|p| p.quantity);
    for (actor, count) in contribution.decrements() {
        if *actor != sender.actor {
            return Err(Reject::ForeignDot);
        }
        if *count > quantity.unwrap_or(sender.limits.line_quantity_max) {
            return Err(Reject::invalid("decrement", "takes more off a contribution than it added"));
        }
    }
    if let Some(moved) = contribution.moved() {
        if moved.actor != sender.actor {
            return Err(Reject::ForeignDot);
        }
        HybridClock::check(moved.time, sender.now)?;
    }
    Ok(())
}

fn check_payload(last_place: u32, payload: &Payload, sender: &Sender) -> Result<(), Reject> {
    let max = sender.limits.line_quantity_max;
    match &payload.kind {
        Kind::Add | Kind::Set { .. } if !(1..=max).contains(&payload.quantity) => {
            return Err(Reject::invalid("quantity", format!("use 1 to {max}")));
        }
        Kind::Set { scope, .. } if scope.generation_of(sender.scope).is_none() => {
            return Err(Reject::NotYours("a set made in another cart"));
        }
        Kind::Set { time, .. } => HybridClock::check(*time, sender.now)?,
        Kind::Unknown(bytes) if bytes.len() > UNKNOWN_BYTES_MAX || payload.quantity > max => {
            return Err(Reject::Malformed("an unknown contribution is too large"));
        }
        Kind::Add | Kind::Unknown(_) => {}
    }
    if u64::from(payload.place) > u64::from(last_place) + COUNTER_WINDOW {
        return Err(Reject::CounterWindow { window: COUNTER_WINDOW });
    }
    Ok(())
}

fn check_rest(delta: &Delta, sender: &Sender) -> Result<(), Reject> {
    for (key, json) in &delta.details {
        if Some(Customization::parse(json)?.hash) != key.customization {
            return Err(Reject::Malformed("a customization is not that of its line"));
        }
    }
    if delta.coupons.values().flatten().any(|dot| dot.actor != sender.actor) {
        return Err(Reject::ForeignDot);
    }
    for (field, register) in &delta.meta {
        if register.actor != sender.actor {
            return Err(Reject::ForeignDot);
        }
        HybridClock::check(register.time, sender.now)?;
        register.value.as_deref().map_or(Ok(()), |value| field.check(value))?;
    }
    Ok(())
}
