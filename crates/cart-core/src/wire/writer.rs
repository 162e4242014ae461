//! Writing: tables of actors and scopes, which sections there are, then each section.

use std::sync::Arc;

use unsigned_varint::encode;

use crate::cart::Cart;
use crate::id::{Actor, Dot, Scope};
use crate::line::{Contribution, Contributions, Kind, LineKey, Payload};
use crate::meta::{Field, Register};
use crate::ordered::Ordered;
use crate::time::{Day, HybridTime};

use super::*;

#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    actors: Vec<Actor>,
    scopes: Vec<Scope>,
}

/// How much of a cart is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// What a view's context holds: lines and coupons. All dots are live, so that the causal context is implied.
    Seen,
    /// What shoppers change: fields and fences too.
    Changed,
    Whole,
}

pub(super) fn encode_cart(cart: &Cart, part: Part) -> Vec<u8> {
    let whole = part == Part::Whole;
    let mut writer = Writer { actors: actors_of(cart, part), scopes: scopes_of(cart), ..Writer::default() };
    let horizon = if whole { cart.context().horizon() } else { Day(0) };
    let cloud = if whole { cloud_to_write(cart) } else { Vec::new() };
    let clock = if whole { clock_to_write(cart, &writer.actors) } else { Vec::new() };
    let sections = [
        (CLOCK, !clock.is_empty()),
        (LINES, !cart.lines.is_empty()),
        (CLOUD, !cloud.is_empty()),
        (SCOPES, !writer.scopes.is_empty()),
        (HORIZON, horizon > Day(0)),
        (COUPONS, !cart.coupons.is_empty()),
        (META, part >= Part::Changed && !cart.meta.is_empty()),
        (FENCES, part >= Part::Changed && !cart.fences.is_empty()),
        (REPLICAS, whole && !cart.replicas.is_empty()),
        (HOME, whole && cart.home.is_some()),
        (ERASED, part >= Part::Changed && cart.erased),
    ];
    let present: u64 = sections.iter().filter(|(_, present)| *present).map(|(bit, _)| bit).sum();
    writer.out.reserve(64 + cart.lines.len() * 40 + writer.actors.len() * 9);
    writer.out.push(FORMAT);
    writer.number(present);
    writer.actor_table();
    clock.iter().for_each(|counter| writer.number(*counter));
    if present & CLOUD != 0 {
        writer.number(cloud.len() as u64);
        cloud.iter().for_each(|dot| writer.dot(*dot));
    }
    if present & HORIZON != 0 {
        writer.number(u64::from(horizon.0));
    }
    if present & SCOPES != 0 {
        writer.number(writer.scopes.len() as u64);
        for at in 0..writer.scopes.len() {
            let scope = writer.scopes[at];
            writer.out.extend(scope.0.to_be_bytes());
        }
    }
    if present & LINES != 0 {
        writer.number(cart.lines.len() as u64);
        for (key, line) in &cart.lines {
            writer.line(key, cart.details.get(key), line);
        }
    }
    if present & COUPONS != 0 {
        writer.number(cart.coupons.len() as u64);
        for (code, dots) in &cart.coupons {
            writer.text(code.as_str());
            writer.number(dots.len() as u64);
            dots.iter().for_each(|dot| writer.dot(*dot));
        }
    }
    if present & META != 0 {
        writer.number(cart.meta.len() as u64);
        for (field, register) in &cart.meta {
            writer.register(*field, register);
        }
    }
    if present & FENCES != 0 {
        writer.number(cart.fences.len() as u64);
        for (number, order) in &cart.fences {
            writer.number(*number);
            writer.out.extend(order.0.to_be_bytes());
        }
    }
    if present & REPLICAS != 0 {
        writer.number(cart.replicas.len() as u64);
        for (region, presence) in &cart.replicas {
            writer.out.push(*region as u8);
            writer.number(u64::from(presence.epoch) << 1 | u64::from(presence.left));
        }
    }
    if let Some(home) = cart.home.filter(|_| whole) {
        writer.number(u64::from(home.term));
        writer.out.push(home.region as u8);
    }
    writer.out
}

/// The clock as it is written: a counter for each actor of the table, 0 where the actor has none or where
/// all of its dots up to there are live, and so implied. Empty if there is none to write.
fn clock_to_write(cart: &Cart, actors: &[Actor]) -> Vec<u64> {
    let clock = cart.context.clock();
    let mut written: Vec<u64> = actors.iter().map(|actor| clock.get(actor)).collect();
    let mut live = vec![0; actors.len()];
    for dot in live_dots(cart) {
        if let Ok(at) = actors.binary_search(&dot.actor) {
            live[at] += u64::from(dot.counter <= written[at]);
        }
    }
    for (counter, live) in written.iter_mut().zip(live) {
        if *counter == live {
            *counter = 0;
        }
    }
    if written.iter().all(|counter| *counter == 0) { Vec::new() } else { written }
}

/// The dots beyond the clock but those that a line or coupon has, which are implied.
fn cloud_to_write(cart: &Cart) -> Vec<Dot> {
    let cloud = cart.context().cloud();
    if cloud.is_empty() {
        return Vec::new();
    }
    let mut live: Vec<Dot> = live_dots(cart).collect();
    live.sort_unstable();
    let mut live = live.into_iter().peekable();
    let mut implied = |dot: &Dot| {
        while live.next_if(|there| there < dot).is_some() {}
        live.peek() == Some(dot)
    };
    cloud.iter().filter(|dot| !implied(dot)).copied().collect()
}

/// All actors that a part of a cart names, sorted: the table of its message.
pub(super) fn actors_of(cart: &Cart, part: Part) -> Vec<Actor> {
    let mut actors = Vec::new();
    if part == Part::Whole {
        actors.extend(cart.context.clock().dots.keys());
        actors.extend(cart.context.cloud().iter().map(|dot| dot.actor));
    }
    for (_, line) in &cart.lines {
        for (dot, contribution) in line.iter() {
            actors.push(dot.actor);
            actors.extend(contribution.decrements().iter().map(|(actor, _)| *actor));
            actors.extend(contribution.moved().map(|moved| moved.actor));
        }
    }
    actors.extend(cart.coupons.values().flatten().map(|dot| dot.actor));
    if part >= Part::Changed {
        actors.extend(cart.meta.values().map(|register| register.actor));
    }
    actors.sort_unstable();
    actors.dedup();
    actors
}

fn scopes_of(cart: &Cart) -> Vec<Scope> {
    let contributions = cart.lines.iter().flat_map(|(_, line)| line.iter());
    let scopes: Ordered<Scope, ()> = contributions
        .filter_map(|(_, contribution)| match contribution.payload.as_ref()?.kind {
            Kind::Set { scope, .. } => Some((scope, ())),
            Kind::Add | Kind::Unknown(_) => None,
        })
        .collect();
    scopes.keys().copied().collect()
}

impl Writer {
    fn number(&mut self, value: u64) {
        self.out.extend_from_slice(encode::u64(value, &mut encode::u64_buffer()));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.out.extend(text.as_bytes());
    }

    fn actor_table(&mut self) {
        self.number(self.actors.len() as u64);
        let mut day = 0;
        for at in 0..self.actors.len() {
            let actor = self.actors[at];
            self.number(u64::from(actor.day().0 - day));
            day = actor.day().0;
            self.out.extend_from_slice(&actor.0.to_be_bytes()[2..]);
        }
    }

    fn actor_index(&self, actor: Actor) -> u64 {
        self.actors.binary_search(&actor).expect("every actor is in the table") as u64
    }

    fn dot(&mut self, dot: Dot) {
        self.number(self.actor_index(dot.actor));
        self.number(dot.counter);
    }

    fn time(&mut self, time: HybridTime, base: Actor) {
        let since = (time.millis().0 as i64) - (base.day().start().0 as i64);
        self.number(((since << 1) ^ (since >> 63)) as u64);
        self.number(u64::from(time.count()));
    }

    pub(super) fn key(&mut self, key: &LineKey, details: Option<&Arc<str>>) {
        let numeric = numeric_sku(&key.sku);
        let flag = |present, bit| if present { bit } else { 0 };
        self.out.push(
            flag(numeric.is_some(), KEY_NUMERIC)
                | flag(key.variant.is_some(), KEY_VARIANT)
                | flag(key.customization.is_some(), KEY_CUSTOM)
                | flag(details.is_some(), KEY_DETAILS),
        );
        match numeric {
            Some(number) => self.number(number),
            None => self.text(&key.sku),
        }
        if let Some(variant) = &key.variant {
            self.text(variant);
        }
        if let Some(hash) = &key.customization {
            self.out.extend(hash);
        }
        if let Some(details) = details {
            self.text(details);
        }
    }

    fn line(&mut self, key: &LineKey, details: Option<&Arc<str>>, line: &Contributions) {
        self.key(key, details);
        let place = line.place().unwrap_or(0);
        self.number(u64::from(place));
        self.number(line.len() as u64);
        for (dot, contribution) in line.iter() {
            self.contribution(dot, contribution, place);
        }
    }

    fn contribution(&mut self, dot: Dot, contribution: &Contribution, line_place: u32) {
        self.dot(dot);
        let (kind, quantity, place) = match &contribution.payload {
            None => (KIND_HOLE, 0, line_place),
            Some(Payload { kind: Kind::Add, quantity, place }) => (KIND_ADD, *quantity, *place),
            Some(Payload { kind: Kind::Set { .. }, quantity, place }) => (KIND_SET, *quantity, *place),
            Some(Payload { kind: Kind::Unknown(_), quantity, place }) => (KIND_UNKNOWN, *quantity, *place),
        };
        let inline = if (1..=QUANTITY_INLINE_MAX).contains(&quantity) { quantity } else { 0 };
        let flag = |present, bit| if present { bit } else { 0 };
        self.out.push(
            kind | flag(!contribution.decrements().is_empty(), HAS_DECREMENTS)
                | flag(contribution.moved().is_some(), HAS_MOVE)
                | flag(place != line_place, HAS_PLACE)
                | (inline as u8) << QUANTITY_SHIFT,
        );
        if kind != KIND_HOLE && inline == 0 {
            self.number(u64::from(quantity));
        }
        if place != line_place {
            self.number(u64::from(place - line_place));
        }
        match contribution.payload.as_ref().map(|payload| &payload.kind) {
            Some(Kind::Set { time, scope }) => {
                self.time(*time, dot.actor);
                if self.scopes.len() > 1 {
                    let at = self.scopes.binary_search(scope).expect("every scope is in the table");
                    self.number(at as u64);
                }
            }
            Some(Kind::Unknown(bytes)) => {
                self.number(bytes.len() as u64);
                self.out.extend(bytes.iter());
            }
            Some(Kind::Add) | None => {}
        }
        if !contribution.decrements().is_empty() {
            self.number(contribution.decrements().len() as u64);
            for (actor, count) in contribution.decrements() {
                self.number(self.actor_index(*actor));
                self.number(u64::from(*count));
            }
        }
        if let Some(moved) = contribution.moved() {
            self.number(self.actor_index(moved.actor) << 1 | moved.to as u64);
            self.time(moved.time, moved.actor);
        }
    }

    fn register(&mut self, field: Field, register: &Register) {
        self.out.push(field.0);
        self.number(self.actor_index(register.actor));
        self.time(register.time, register.actor);
        match &register.value {
            None => self.number(0),
            Some(value) => {
                self.number(value.len() as u64 + 1);
                self.out.extend(value.as_bytes());
            }
        }
    }
}
