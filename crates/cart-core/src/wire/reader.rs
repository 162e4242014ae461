//! Reading: whatever is not of the form ends as [`Reject::Malformed`]; that it is canonical is for the caller
//! to see, by writing it again.

use std::sync::Arc;

use crdts::VClock;
use unsigned_varint::decode;

use crate::cart::{Cart, Home, Presence};
use crate::context::Context;
use crate::id::{Actor, Dot, OrderId, Region, Scope};
use crate::line::{Contribution, Contributions, Kind, LineKey, Location, Move, Payload};
use crate::meta::{Code, Field, Register};
use crate::ordered::Ordered;
use crate::reject::Reject;
use crate::time::{Day, HybridTime, Millis};

use super::*;

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

const SHORT: Reject = Reject::Malformed("it ends too early");

impl<'a> Reader<'a> {
    pub(super) fn cart(&mut self) -> Result<Cart, Reject> {
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
        let mut details = Ordered::default();
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
        let mut coupons = Ordered::default();
        if has(COUPONS) {
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
            coupons.extend(pairs);
        }
        let mut meta = Ordered::default();
        if has(META) {
            let pairs = self.list(5, |reader, _: &[(Field, Register)]| reader.register(&actors))?;
            meta.extend(pairs);
        }
        let mut fences = Ordered::default();
        if has(FENCES) {
            let pairs = self.list(17, |reader, _: &[(u64, OrderId)]| {
                Ok((reader.number()?, OrderId(u128::from_be_bytes(reader.array()?))))
            })?;
            fences.extend(pairs);
        }
        let mut replicas = Ordered::default();
        if has(REPLICAS) {
            let pairs = self.list(2, |reader, _: &[(Region, Presence)]| {
                let region = reader.region()?;
                let packed = reader.number()?;
                let epoch =
                    u32::try_from(packed >> 1).map_err(|_| Reject::Malformed("an epoch is out of range"))?;
                Ok((region, Presence { epoch, left: packed & 1 == 1 }))
            })?;
            replicas.extend(pairs);
        }
        let home = if has(HOME) { Some(Home { term: self.small()?, region: self.region()? }) } else { None };
        if !self.rest.is_empty() {
            return Err(Reject::Malformed("bytes follow its end"));
        }
        let erased = has(ERASED);
        if erased && sections & !(REPLICAS | HOME) != ERASED {
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

    pub(super) fn key(&mut self) -> Result<(LineKey, Option<Arc<str>>), Reject> {
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
