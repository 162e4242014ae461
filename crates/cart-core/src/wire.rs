//! The canonical wire format, version 1: equal carts are equal bytes (I5), and only canonical bytes are
//! read. `docs/protocol.md` draws it. A state, a delta and the context of a view are all this format.
//!
//! ```text
//! format (1) | sections (varint bit set) | actors: n, (day - previous day, 6 bytes)*
//! CLOCK      a counter for each actor of the table, 0 where it has none
//! CLOUD      n, dot*                          without the live dots of lines and coupons: they are implied
//! HORIZON    day
//! SCOPES     n, 4 bytes*
//! LINES      n, (key, details?, place, n, contribution*)*
//! COUPONS    n, (text, n, dot*)*
//! META       n, (field, time, actor, text?)*
//! FENCES     n, (number, 16 bytes)*     REPLICAS n, (region, epoch, left)*     HOME term, region     ERASED
//! ```
//! All integers are minimal LEB128 varints. A dot is an index into the actors and a counter. Times are
//! milliseconds since the start of the day of the actor they belong to, zigzag, and the logical count.

use std::collections::BTreeMap;
use std::sync::Arc;

use crdts::VClock;
use sha2::{Digest as _, Sha256};
use unsigned_varint::{decode, encode};

use crate::cart::{Cart, Home, Presence};
use crate::context::Context;
use crate::id::{Actor, Dot, OrderId, Region, Scope};
use crate::line::{Contribution, Contributions, Kind, LineKey, Location, Move, Payload};
use crate::meta::{Code, Field, Register};
use crate::reject::Reject;
use crate::time::{Day, HybridTime, Millis};

/// The first byte of every message.
pub const FORMAT: u8 = 1;

const CLOCK: u64 = 1 << 0;
const LINES: u64 = 1 << 1;
const CLOUD: u64 = 1 << 2;
const SCOPES: u64 = 1 << 3;
const HORIZON: u64 = 1 << 4;
const COUPONS: u64 = 1 << 5;
const META: u64 = 1 << 6;
const FENCES: u64 = 1 << 7;
const REPLICAS: u64 = 1 << 8;
const HOME: u64 = 1 << 9;
const ERASED: u64 = 1 << 10;
const KNOWN: u64 = (1 << 11) - 1;

const KEY_NUMERIC: u8 = 1;
const KEY_VARIANT: u8 = 2;
const KEY_CUSTOM: u8 = 4;
const KEY_DETAILS: u8 = 8;

const KIND_MASK: u8 = 3;
const KIND_HOLE: u8 = 0;
const KIND_ADD: u8 = 1;
const KIND_SET: u8 = 2;
const KIND_UNKNOWN: u8 = 3;
const HAS_DECREMENTS: u8 = 4;
const HAS_MOVE: u8 = 8;
const HAS_PLACE: u8 = 16;
const QUANTITY_SHIFT: u32 = 5;
const QUANTITY_INLINE_MAX: u32 = 7;

/// A digest of a cart's canonical bytes: its `version`, and the cheap "are we equal?" between replicas.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(pub [u8; 16]);

impl Version {
    /// The version of canonical bytes: the first 16 bytes of their SHA-256.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let mut version = [0; 16];
        version.copy_from_slice(&digest[..16]);
        Self(version)
    }

    /// 32 hexadecimal digits.
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl Cart {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode_cart(self)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for anything but the canonical bytes of a cart.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Reject> {
        let cart = Reader { rest: bytes }.cart()?;
        if cart.to_bytes() != bytes {
            return Err(Reject::Malformed("not in canonical form"));
        }
        Ok(cart)
    }

    /// The digest of the canonical bytes.
    pub fn version(&self) -> Version {
        Version::of_bytes(&self.to_bytes())
    }
}

/// The bytes by which two payloads of one dot are compared.
pub(crate) fn payload_bytes(payload: &Payload) -> Vec<u8> {
    let mut out = Vec::new();
    match &payload.kind {
        Kind::Add => out.push(KIND_ADD),
        Kind::Set { time, scope } => {
            out.push(KIND_SET);
            out.extend(time.0.to_be_bytes());
            out.extend(scope.0.to_be_bytes());
        }
        Kind::Unknown(bytes) => {
            out.push(KIND_UNKNOWN);
            out.extend(bytes.iter());
        }
    }
    out.extend(payload.quantity.to_be_bytes());
    out.extend(payload.place.to_be_bytes());
    out
}

/// The bytes of a line's key, as in LINES.
pub(crate) fn key_to_bytes(key: &LineKey) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.key(key, None);
    writer.out
}

/// Reads [`key_to_bytes`].
pub(crate) fn key_from_bytes(bytes: &[u8]) -> Result<LineKey, Reject> {
    let (key, details) = Reader { rest: bytes }.key()?;
    if details.is_some() || key_to_bytes(&key) != bytes {
        return Err(Reject::Malformed("not a canonical key"));
    }
    Ok(key)
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    actors: Vec<Actor>,
    scopes: Vec<Scope>,
}

fn encode_cart(cart: &Cart) -> Vec<u8> {
    let mut writer = Writer { actors: actors_of(cart), scopes: scopes_of(cart), ..Writer::default() };
    let context = cart.context();
    let cloud: Vec<Dot> = context.cloud().iter().filter(|dot| !is_live(cart, **dot)).copied().collect();
    let clock = clock_to_write(cart, &writer.actors);
    let sections = [
        (CLOCK, !clock.is_empty()),
        (LINES, !cart.lines.is_empty()),
        (CLOUD, !cloud.is_empty()),
        (SCOPES, !writer.scopes.is_empty()),
        (HORIZON, context.horizon() > Day(0)),
        (COUPONS, !cart.coupons.is_empty()),
        (META, !cart.meta.is_empty()),
        (FENCES, !cart.fences.is_empty()),
        (REPLICAS, !cart.replicas.is_empty()),
        (HOME, cart.home.is_some()),
        (ERASED, cart.erased),
    ];
    let present: u64 = sections.iter().filter(|(_, present)| *present).map(|(bit, _)| bit).sum();
    writer.out.reserve(32 + cart.lines.len() * 40);
    writer.out.push(FORMAT);
    writer.number(present);
    writer.actor_table();
    clock.iter().for_each(|counter| writer.number(*counter));
    if present & CLOUD != 0 {
        writer.number(cloud.len() as u64);
        cloud.iter().for_each(|dot| writer.dot(*dot));
    }
    if present & HORIZON != 0 {
        writer.number(u64::from(context.horizon().0));
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
    if let Some(home) = cart.home {
        writer.number(u64::from(home.term));
        writer.out.push(home.region as u8);
    }
    writer.out
}

/// Whether a dot of the context need not be written because a line or coupon has it.
pub(crate) fn is_live(cart: &Cart, dot: Dot) -> bool {
    let in_lines = cart.lines.iter().any(|(_, line)| line.get(dot).is_some_and(|c| c.payload.is_some()));
    in_lines || cart.coupons.values().any(|dots| dots.binary_search(&dot).is_ok())
}

/// The dots that are in the context because a line or coupon has them.
pub(crate) fn live_dots(cart: &Cart) -> impl Iterator<Item = Dot> {
    let lines = cart.lines.iter().flat_map(|(_, line)| line.iter());
    let in_lines = lines.filter(|(_, contribution)| contribution.payload.is_some()).map(|(dot, _)| dot);
    in_lines.chain(cart.coupons.values().flatten().copied())
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

fn actors_of(cart: &Cart) -> Vec<Actor> {
    let mut actors: Vec<Actor> = cart.context.clock().dots.keys().copied().collect();
    actors.extend(cart.context.cloud().iter().map(|dot| dot.actor));
    for (_, line) in &cart.lines {
        for (dot, contribution) in line.iter() {
            actors.push(dot.actor);
            actors.extend(contribution.decrements().iter().map(|(actor, _)| *actor));
            actors.extend(contribution.moved().map(|moved| moved.actor));
        }
    }
    actors.extend(cart.coupons.values().flatten().map(|dot| dot.actor));
    actors.extend(cart.meta.values().map(|register| register.actor));
    actors.sort_unstable();
    actors.dedup();
    actors
}

fn scopes_of(cart: &Cart) -> Vec<Scope> {
    let contributions = cart.lines.iter().flat_map(|(_, line)| line.iter());
    let mut scopes: Vec<Scope> = contributions
        .filter_map(|(_, contribution)| match contribution.payload.as_ref()?.kind {
            Kind::Set { scope, .. } => Some(scope),
            Kind::Add | Kind::Unknown(_) => None,
        })
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
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

    fn key(&mut self, key: &LineKey, details: Option<&Arc<str>>) {
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

/// A sku of digits, as most catalogs number theirs, is written as a number.
fn numeric_sku(sku: &str) -> Option<u64> {
    let plain = !sku.starts_with('0') && sku.bytes().all(|byte| byte.is_ascii_digit());
    sku.parse().ok().filter(|_| plain)
}

struct Reader<'a> {
    rest: &'a [u8],
}

const SHORT: Reject = Reject::Malformed("it ends too early");

impl<'a> Reader<'a> {
    fn cart(&mut self) -> Result<Cart, Reject> {
        if self.byte()? != FORMAT {
            return Err(Reject::Malformed("unknown format; this service reads format 1"));
        }
        let sections = self.number()?;
        if sections & !KNOWN != 0 {
            return Err(Reject::Malformed("unknown sections"));
        }
        let has = |section| sections & section != 0;
        let actors = Actors(self.list(7, |reader, actors: &[Actor]| {
            let before = actors.last().map_or(0, |actor| u64::from(actor.day().0));
            let day = u16::try_from(before.saturating_add(reader.number()?))
                .map_err(|_| Reject::Malformed("an actor's day is out of range"))?;
            let [a, b, c, d, e, f] = reader.array::<6>()?;
            let actor = Actor::mint(Day(day), u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
            ascending(actors.last(), &actor)?;
            Ok(actor)
        })?);
        let mut clock = VClock::new();
        if has(CLOCK) {
            for actor in &actors.0 {
                match self.number()? {
                    0 => {}
                    counter => drop(clock.dots.insert(*actor, counter)),
                }
            }
        }
        let mut cloud =
            if has(CLOUD) { self.list(2, |reader, _: &[Dot]| reader.dot(&actors))? } else { Vec::new() };
        let horizon = if has(HORIZON) { Day(self.small()?) } else { Day(0) };
        let scopes = if has(SCOPES) {
            self.list(4, |reader, _: &[Scope]| Ok(Scope(u32::from_be_bytes(reader.array()?))))?
        } else {
            Vec::new()
        };
        let mut details = BTreeMap::new();
        let lines = if has(LINES) {
            self.list(4, |reader, lines: &[(LineKey, Contributions)]| {
                let (key, text) = reader.key()?;
                ascending(lines.last().map(|(key, _)| key), &key)?;
                if let Some(text) = text {
                    details.insert(key.clone(), text);
                }
                Ok((key, reader.contributions(&actors, &scopes)?))
            })?
        } else {
            Vec::new()
        };
        let coupons = if has(COUPONS) {
            let pairs = self.list(4, |reader, _: &[(Code, Vec<Dot>)]| {
                let code = Code::try_from(reader.text()?)?;
                let dots = reader.list(2, |reader, dots: &[Dot]| {
                    let dot = reader.dot(&actors)?;
                    ascending(dots.last(), &dot)?;
                    Ok(dot)
                })?;
                if dots.is_empty() {
                    return Err(Reject::Malformed("a coupon without a dot"));
                }
                Ok((code, dots))
            })?;
            BTreeMap::from_iter(pairs)
        } else {
            BTreeMap::new()
        };
        let meta = if has(META) {
            let pairs = self.list(5, |reader, _: &[(Field, Register)]| reader.register(&actors))?;
            BTreeMap::from_iter(pairs)
        } else {
            BTreeMap::new()
        };
        let fences = if has(FENCES) {
            let pairs = self.list(17, |reader, _: &[(u64, OrderId)]| {
                Ok((reader.number()?, OrderId(u128::from_be_bytes(reader.array()?))))
            })?;
            BTreeMap::from_iter(pairs)
        } else {
            BTreeMap::new()
        };
        let replicas = if has(REPLICAS) {
            let pairs = self.list(2, |reader, _: &[(Region, Presence)]| {
                let region = reader.region()?;
                let packed = reader.number()?;
                let epoch =
                    u32::try_from(packed >> 1).map_err(|_| Reject::Malformed("an epoch is out of range"))?;
                Ok((region, Presence { epoch, left: packed & 1 == 1 }))
            })?;
            BTreeMap::from_iter(pairs)
        } else {
            BTreeMap::new()
        };
        let home = if has(HOME) { Some(Home { term: self.small()?, region: self.region()? }) } else { None };
        if !self.rest.is_empty() {
            return Err(Reject::Malformed("bytes follow its end"));
        }
        let erased = has(ERASED);
        if erased && sections != ERASED {
            return Err(Reject::Malformed("an erased cart has a content"));
        }
        let context = Context::default();
        let mut cart = Cart { context, lines, details, coupons, meta, fences, replicas, home, erased };
        check_dots_are_used_once(&cart)?;
        cloud.extend(live_dots(&cart));
        cart.context = Context::from_parts(clock, cloud, horizon);
        Ok(cart)
    }

    fn byte(&mut self) -> Result<u8, Reject> {
        let (first, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*first)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reject> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*first)
    }

    fn bytes(&mut self, count: u64) -> Result<&'a [u8], Reject> {
        let count = usize::try_from(count).ok().filter(|count| *count <= self.rest.len()).ok_or(SHORT)?;
        let (first, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(first)
    }

    fn number(&mut self) -> Result<u64, Reject> {
        let (number, rest) =
            decode::u64(self.rest).map_err(|_| Reject::Malformed("a number is cut off or not minimal"))?;
        self.rest = rest;
        Ok(number)
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Reject> {
        T::try_from(self.number()?).map_err(|_| Reject::Malformed("a number is out of range"))
    }

    fn text(&mut self) -> Result<&'a str, Reject> {
        let count = self.number()?;
        std::str::from_utf8(self.bytes(count)?).map_err(|_| Reject::Malformed("a text is not UTF-8"))
    }

    /// A counted list; `bytes_min` is the least an item takes, so that a lying count reserves nothing.
    fn list<T>(
        &mut self,
        bytes_min: usize,
        mut item: impl FnMut(&mut Self, &[T]) -> Result<T, Reject>,
    ) -> Result<Vec<T>, Reject> {
        let count: usize = self.small()?;
        if count > self.rest.len() / bytes_min {
            return Err(SHORT);
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self, &items)?);
        }
        Ok(items)
    }

    fn dot(&mut self, actors: &Actors) -> Result<Dot, Reject> {
        let actor = actors.get(self.number()?)?;
        match self.number()? {
            0 => Err(Reject::Malformed("a counter is 0; counters start at 1")),
            counter => Ok(Dot::new(actor, counter)),
        }
    }

    fn time(&mut self, base: Actor) -> Result<HybridTime, Reject> {
        let zigzag = self.number()?;
        let since = ((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64);
        let count: u16 = self.small()?;
        let ms = since.checked_add(base.day().start().0 as i64).and_then(|ms| u64::try_from(ms).ok());
        let ms = ms.filter(|ms| *ms <= HybridTime::MILLIS_MAX);
        let ms = ms.ok_or(Reject::Malformed("a time is out of range"))?;
        Ok(HybridTime(HybridTime::at(Millis(ms)).0 | u64::from(count)))
    }

    fn key(&mut self) -> Result<(LineKey, Option<Arc<str>>), Reject> {
        let flags = self.byte()?;
        let number;
        let sku = if flags & KEY_NUMERIC != 0 {
            number = self.number()?.to_string();
            number.as_str()
        } else {
            self.text()?
        };
        let variant = if flags & KEY_VARIANT != 0 { Some(self.text()?) } else { None };
        let custom = if flags & KEY_CUSTOM != 0 { Some(self.array()?) } else { None };
        let key = LineKey::new(sku, variant, custom)?;
        let details = if flags & KEY_DETAILS != 0 { Some(Arc::from(self.text()?)) } else { None };
        Ok((key, details))
    }

    fn contributions(&mut self, actors: &Actors, scopes: &[Scope]) -> Result<Contributions, Reject> {
        let place: u32 = self.small()?;
        let pairs = self.list(3, |reader, pairs: &[(Dot, Contribution)]| {
            let dot = reader.dot(actors)?;
            ascending(pairs.last().map(|(dot, _)| dot), &dot)?;
            Ok((dot, reader.contribution(dot, place, actors, scopes)?))
        })?;
        if pairs.is_empty() {
            return Err(Reject::Malformed("a line is empty"));
        }
        Ok(Contributions::from_sorted(pairs))
    }

    fn contribution(
        &mut self,
        dot: Dot,
        line_place: u32,
        actors: &Actors,
        scopes: &[Scope],
    ) -> Result<Contribution, Reject> {
        let flags = self.byte()?;
        let kind = flags & KIND_MASK;
        let quantity = match (kind, flags >> QUANTITY_SHIFT) {
            (KIND_HOLE, _) => 0,
            (_, 0) => self.small()?,
            (_, inline) => u32::from(inline),
        };
        let further: u32 = if flags & HAS_PLACE != 0 { self.small()? } else { 0 };
        let place = line_place.checked_add(further).ok_or(Reject::Malformed("a place is out of range"))?;
        let kind = match kind {
            KIND_HOLE => None,
            KIND_ADD => Some(Kind::Add),
            KIND_SET => {
                let time = self.time(dot.actor)?;
                let at = if scopes.len() > 1 { self.number()? } else { 0 };
                let scope = usize::try_from(at).ok().and_then(|at| scopes.get(at));
                Some(Kind::Set { time, scope: *scope.ok_or(Reject::Malformed("an unknown scope"))? })
            }
            _ => {
                let count = self.number()?;
                Some(Kind::Unknown(self.bytes(count)?.into()))
            }
        };
        let decrements = if flags & HAS_DECREMENTS != 0 {
            self.list(2, |reader, before: &[(Actor, u32)]| {
                let actor = actors.get(reader.number()?)?;
                ascending(before.last().map(|(actor, _)| actor), &actor)?;
                match reader.small()? {
                    0 => Err(Reject::Malformed("a decrement of 0")),
                    count => Ok((actor, count)),
                }
            })?
        } else {
            Vec::new()
        };
        let moved = if flags & HAS_MOVE != 0 {
            let packed = self.number()?;
            let actor = actors.get(packed >> 1)?;
            let to = if packed & 1 == 1 { Location::Saved } else { Location::Cart };
            Some(Move { time: self.time(actor)?, actor, to })
        } else {
            None
        };
        let payload = kind.map(|kind| Payload { kind, quantity, place });
        Ok(Contribution::from_parts(payload, decrements, moved))
    }

    fn register(&mut self, actors: &Actors) -> Result<(Field, Register), Reject> {
        let field = Field(self.byte()?);
        let actor = actors.get(self.number()?)?;
        let time = self.time(actor)?;
        let value = match self.number()?.checked_sub(1) {
            None => None,
            Some(count) => {
                let bytes = self.bytes(count)?;
                let text =
                    std::str::from_utf8(bytes).map_err(|_| Reject::Malformed("a text is not UTF-8"))?;
                Some(Arc::from(text))
            }
        };
        Ok((field, Register { time, actor, value }))
    }

    fn region(&mut self) -> Result<Region, Reject> {
        let number = usize::from(self.byte()?);
        Region::ALL.get(number).copied().ok_or(Reject::Malformed("an unknown region"))
    }
}

/// The actor table of a message.
struct Actors(Vec<Actor>);

impl Actors {
    fn get(&self, index: u64) -> Result<Actor, Reject> {
        let actor = usize::try_from(index).ok().and_then(|at| self.0.get(at));
        actor.copied().ok_or(Reject::Malformed("an index beyond the actors"))
    }
}

/// A dot is one change: the dot of a contribution or a coupon is nowhere else. Holes of one dot may stand in
/// several lines, from which its contribution will show the right one. Joins keep that.
fn check_dots_are_used_once(cart: &Cart) -> Result<(), Reject> {
    let mut live: Vec<Dot> = live_dots(cart).collect();
    live.sort_unstable();
    let twice = live.windows(2).any(|pair| pair[0] == pair[1]);
    let holes = cart.lines.iter().flat_map(|(_, line)| line.iter()).filter(|(_, c)| c.payload.is_none());
    if twice || holes.into_iter().any(|(dot, _)| live.binary_search(&dot).is_ok()) {
        return Err(Reject::Malformed("a dot is used twice"));
    }
    Ok(())
}

fn ascending<T: Ord>(before: Option<&T>, next: &T) -> Result<(), Reject> {
    if before.is_some_and(|before| before >= next) {
        return Err(Reject::Malformed("not in ascending order"));
    }
    Ok(())
}
