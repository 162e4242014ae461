//! A replica of a cart in a region: `step(call, now) -> effects`, the one way through for all that
//! reaches it. It decides; the shell writes the effects of a step in one transaction, then replies.
//! A refused call has no effect but its reply.

mod book;
mod call;

pub use book::{
    Book, ERASURES_MAX, EXPECT_MS, EXPECTED_MAX, Erasure, Expected, Further, Hold, LEASE_MS, LEASES_MAX,
    Lease, RETRY_CARTS_MAX, Row, SESSION_CARTS_MAX, Seal,
};
pub use call::{Caller, Edit, Effect, Input, RETRY_DAYS, Reply, ReplyKind, actors_of_key};

use crate::cart::Cart;
use crate::change::{Change, Stamp};
use crate::id::{Actor, CartId, Dot, Region};
use crate::idem::{Entry, Ledger};
use crate::ingress::{self, Sender};
use crate::limits::Limits;
use crate::line::Location;
use crate::reject::Reject;
use crate::sync::{SyncRequest, SyncResponse};
use crate::time::{Day, HybridClock, Millis};
use crate::transplant::Transplant;
use crate::wire;

/// How long edits of a sealed cart wait for others before they are forwarded, in milliseconds.
const FORWARD_MS: u64 = 200;
/// When a forward is tried again, in milliseconds; twice as long after each further try.
const RETRY_MS: u64 = 2_000;
/// How late an alarm may be before it counts as lost, in milliseconds.
const LATE_MS: u64 = 10_000;
/// How often a retry is doubled: to a good minute.
const RETRY_DOUBLINGS_MAX: u32 = 5;

/// A replica of a cart.
#[derive(Clone, Debug)]
pub struct Replica {
    cart: Cart,
    book: Book,
    ledger: Ledger,
    limits: Limits,
    key_ms: u64,
}

impl Replica {
    /// A replica that has no storage yet. `incarnation` is random.
    pub fn new(cart_id: CartId, region: Region, incarnation: u64, now: Millis) -> Self {
        let book = Book {
            cart_id,
            region,
            incarnation,
            owner: None,
            sequence: 0,
            clock: HybridClock::default(),
            created: now,
            updated: now,
            leases: Vec::new(),
            carts: Vec::new(),
            seal: None,
            erasures: Vec::new(),
            expected: Vec::new(),
            signed_out: None,
            hold: None,
            pages: Vec::new(),
            wake: None,
        };
        Self {
            cart: Cart::default(),
            book,
            ledger: Ledger::default(),
            limits: Limits::default(),
            key_ms: Ledger::KEY_MS,
        }
    }

    /// Reads a row that this replica wrote.
    ///
    /// # Errors
    /// [`Reject::Malformed`] if the row is damaged.
    pub fn from_row(row: &Row) -> Result<Self, Reject> {
        Ok(Self {
            cart: Cart::from_bytes(&row.cart)?,
            book: serde_json::from_str(&row.book).map_err(|_| Reject::Malformed("the book is damaged"))?,
            ledger: Ledger::from_bytes(&row.ledger).ok_or(Reject::Malformed("the ledger is damaged"))?,
            limits: Limits::default(),
            key_ms: Ledger::KEY_MS,
        })
    }

    /// With other bounds and another life of idempotency keys, in milliseconds.
    pub fn configured(self, limits: Limits, key_ms: u64) -> Self {
        Self { limits, key_ms, ..self }
    }

    /// The state.
    pub fn cart(&self) -> &Cart {
        &self.cart
    }

    /// The book.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Whether an edit's key was used before and its entry must be looked for in pages put aside.
    pub fn wants_pages(&self, edit: &Edit) -> bool {
        self.applied_as(edit).is_some_and(|actor| self.ledger.find(actor).is_none())
    }

    /// One step: decides, changes this replica, and says what follows.
    pub fn step(&mut self, caller: &Caller, input: Input, now: Millis) -> Vec<Effect> {
        let sequence = self.book.sequence;
        let before = self.book.clone();
        let mut effects = Vec::new();
        let reply = match (self.admits(caller, &input), self.elsewhere(caller, &input, now)) {
            (Ok(()), Some(elsewhere)) => Ok(elsewhere),
            (Ok(()), None) => self.decide(caller, input, now, &mut effects),
            (Err(reject), _) => Err(reject),
        };
        if reply.is_err() {
            effects.clear();
            self.book.clone_from(&before);
        } else {
            self.arm(now, &mut effects);
        }
        if self.book.sequence != sequence {
            self.book.updated = now;
        }
        if self.book != before {
            effects.insert(0, Effect::Put(self.row()));
        }
        effects.push(Effect::Reply(reply.map(|kind| self.reply(kind))));
        effects
    }

    fn decide(
        &mut self,
        caller: &Caller,
        input: Input,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        match input {
            Input::Read => Ok(self.state(false)),
            Input::Edit(edit) => self.edit(caller, &edit, now, effects),
            Input::Sync { request } => self.sync(caller, &request, now),
            Input::Lease { actor } => self.lease(caller, actor, now),
            Input::Replay(edit) => self.replay(&edit, now).unwrap_or(Ok(ReplyKind::Done)),
            Input::Open(edit) => self.open(caller, &edit, now, effects),
            Input::Enroll { cart } => self.enroll(caller, cart, now),
            Input::Strike { cart, actor, erased } => {
                let listed = self.book.carts.iter().any(|there| there.cart == cart);
                self.book.carts.retain(|there| there.cart != cart);
                if erased || listed {
                    self.note_erasure(Erasure { actor, at: now });
                }
                Ok(ReplyKind::Answer(erased || listed))
            }
            Input::Erased { actors } => {
                let lately = self.book.erasures.iter().filter(|erasure| now <= erasure.at.plus(self.key_ms));
                Ok(ReplyKind::Answer(lately.into_iter().any(|erasure| actors.contains(&erasure.actor))))
            }
            Input::Carts => Ok(ReplyKind::Carts(self.carts())),
            Input::SignOut => {
                self.own(caller);
                self.book.signed_out = Some(now);
                Ok(ReplyKind::Done)
            }
            Input::Expect { guest } => self.expect_guest(caller, guest, now),
            Input::Unexpect { guest } => {
                self.book.expected.retain(|expected| expected.guest != guest);
                Ok(ReplyKind::Done)
            }
            Input::Seal { into } => self.seal(caller, into, now),
            Input::Join { state, path } => self.join(caller, &state, path, now),
            Input::Forwarded { delta } => {
                if let Some(seal) = &mut self.book.seal {
                    seal.tries = 0;
                    if seal.outbox.to_bytes() == delta {
                        seal.outbox = Cart::default();
                        seal.path.clear();
                    }
                    // An alarm that is still to come finds nothing to do, or what is armed anew for the rest.
                    self.book.wake = None;
                }
                Ok(ReplyKind::Done)
            }
            Input::Erase => {
                self.cart = Cart::erased();
                self.ledger = Ledger::default();
                self.book.leases.clear();
                if let Some(seal) = &mut self.book.seal {
                    seal.outbox = Cart::default();
                }
                self.book.sequence += 1;
                self.drop_pages(Millis(u64::MAX >> 11), effects);
                Ok(ReplyKind::Done)
            }
            Input::Tick => {
                self.tick(effects);
                Ok(ReplyKind::Done)
            }
        }
    }

    /// A cart is open to the session that owns it, and a session's root cart to it even before its first
    /// write. An erased, a foreign and an absent cart are told apart by nobody.
    fn admits(&self, caller: &Caller, input: &Input) -> Result<(), Reject> {
        let Caller::Session { id, root, issued, .. } = caller else { return Ok(()) };
        let may_own = *root == self.book.cart_id || matches!(input, Input::Open(_));
        let owns = self.book.owner.as_ref().map_or(may_own, |owner| owner == id);
        // An erased root cart still keeps the list of the session's others.
        let of_session = matches!(
            input,
            Input::Enroll { .. }
                | Input::Strike { .. }
                | Input::Erased { .. }
                | Input::Carts
                | Input::SignOut
        ) || self.asks_newest(caller);
        if !owns || (self.cart.is_erased() && !of_session) {
            return Err(Reject::CartNotFound);
        }
        if self.book.signed_out.is_some_and(|at| *issued <= at) {
            return Err(Reject::SignedOut);
        }
        Ok(())
    }

    /// Whether the session's newest cart was asked for, and is another.
    fn asks_newest(&self, caller: &Caller) -> bool {
        matches!(caller, Caller::Session { current: true, .. }) && !self.book.carts.is_empty()
    }

    /// Where to go, if the session's newest cart was asked for and is another. A retry stays where the first
    /// try was answered.
    fn elsewhere(&self, caller: &Caller, input: &Input, now: Millis) -> Option<ReplyKind> {
        let retries = matches!(input, Input::Edit(edit) if self.applied_as(edit).is_some());
        if !self.asks_newest(caller) || retries {
            return None;
        }
        let (newest, earlier) = self.book.carts.split_last()?;
        // Each was the newest until the one behind it was made.
        let ends = self.book.carts.iter().skip(1).map(|next| next.made.plus(self.key_ms));
        let lately = earlier.iter().zip(ends).rev().take_while(|(_, end)| *end >= now).take(RETRY_CARTS_MAX);
        Some(ReplyKind::Elsewhere {
            newest: newest.cart.clone(),
            before: lately.map(|(further, _)| further.cart.clone()).collect(),
        })
    }

    fn own(&mut self, caller: &Caller) {
        if let (None, Caller::Session { id, .. }) = (&self.book.owner, caller) {
            self.book.owner = Some(id.clone());
        }
    }

    /// The actor under which an edit was applied before.
    fn applied_as(&self, edit: &Edit) -> Option<Actor> {
        let context = self.cart.context();
        let kept = |actor: &Actor| actor.day() >= context.horizon();
        edit.actors.iter().copied().filter(kept).find(|actor| context.contains(Dot::new(*actor, 1)))
    }

    /// The answer for an edit that was applied before; `None` if it was not.
    fn replay(&self, edit: &Edit, now: Millis) -> Option<Result<ReplyKind, Reject>> {
        let actor = self.applied_as(edit)?;
        let mut pages = std::iter::once(&self.ledger).chain(&edit.pages);
        Some(match pages.find_map(|page| page.find(actor)) {
            Some(entry) if now > entry.at.plus(self.key_ms) => Err(Reject::KeyExpired),
            Some(entry) if entry.body != edit.body_digest() => Err(Reject::KeyReused),
            // Without an entry it was applied in another region, by whose state the dot came here.
            Some(_) | None => Ok(self.state(true)),
        })
    }

    /// Makes the cart for its session. Its id is derived from the key: a cart that is there was made by it.
    fn open(
        &mut self,
        caller: &Caller,
        edit: &Edit,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        if self.book.owner.is_some() && now > self.book.created.plus(self.key_ms) {
            return Err(Reject::KeyExpired);
        }
        match (self.book.owner.is_some(), edit.commands.is_empty(), self.replay(edit, now)) {
            (false, true, _) => {
                self.own(caller);
                Ok(self.state(false))
            }
            (false, false, _) => self.edit(caller, edit, now, effects),
            (true, true, None) => Ok(self.state(true)),
            (true, false, None) => Err(Reject::KeyReused),
            (true, _, Some(replayed)) => replayed,
        }
    }

    fn edit(
        &mut self,
        caller: &Caller,
        edit: &Edit,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> Result<ReplyKind, Reject> {
        if let Some(replayed) = self.replay(edit, now) {
            return replayed;
        }
        if edit.if_version.as_ref().is_some_and(|wanted| *wanted != self.cart.version().to_hex()) {
            return Err(Reject::VersionMismatch);
        }
        let actor = *edit.actors.first().ok_or(Reject::Malformed("an edit without an actor"))?;
        if actor.day() < self.cart.context().horizon() {
            return Err(Reject::ActorExpired);
        }
        let mut after = self.cart.clone();
        let mut clock = self.book.clock;
        let mut seen = edit.seen.as_deref().map(Cart::from_bytes).transpose()?;
        if let Some(seen) = &seen {
            // Another region may have shown it: what is done to it is later than what was done there.
            clock.observe(seen.latest_time());
        }
        let mut whole = Cart::default();
        let mut counter = 0;
        for command in &edit.commands {
            for change in command.to_changes(self.limits.line_quantity_max)? {
                counter += 1;
                let stamp = Stamp {
                    dot: Dot::new(actor, counter),
                    time: clock.tick(now),
                    scope: self.book.cart_id.scope(),
                };
                self.check(&change, seen.as_ref().unwrap_or(&after), &after)?;
                let delta = seen.as_ref().unwrap_or(&after).change(&change, stamp);
                after.join(&delta);
                whole.join(&delta);
                if let Some(seen) = &mut seen {
                    seen.join(&delta);
                }
                let adds = !matches!(
                    change,
                    Change::Set { .. } | Change::Remove { .. } | Change::Clear | Change::Uncoupon(_)
                );
                self.limits.check_growth(&self.cart, &after, adds)?;
            }
        }
        if counter == 0 {
            return Err(Reject::invalid("commands", "name at least one command"));
        }
        self.own(caller);
        self.book.clock = clock;
        self.change(after, &whole, now);
        // Purged here, where the row is written anyway: no alarm and no row of its own.
        let days = RETRY_DAYS + 1;
        self.ledger.forget(now.day().before(days));
        if self.book.pages.first().is_some_and(|until| *until <= now) {
            self.drop_pages(now, effects);
        }
        if let Some(page) = self.ledger.note(Entry { actor, body: edit.body_digest(), at: now }) {
            let until = now.plus(u64::from(days + 1) * Millis::DAY);
            self.book.pages.push(until);
            effects.push(Effect::PutPage { entries: page.to_bytes(), until });
        }
        Ok(self.state(false))
    }

    /// Refuses a change that its caller cannot mean: of a line that it did not see, or past the limit.
    fn check(&self, change: &Change, seen: &Cart, state: &Cart) -> Result<(), Reject> {
        let named = match change {
            Change::Set { key, at, .. } | Change::Decrement { key, at, .. } | Change::Remove { key, at } => {
                Some((key, *at))
            }
            Change::Move { key, to: Location::Saved } => Some((key, Location::Cart)),
            Change::Move { key, to: Location::Cart } => Some((key, Location::Saved)),
            Change::Add { key, details: None, at, .. } if key.customization.is_some() => Some((key, *at)),
            _ => None,
        };
        if let Some((key, at)) = named
            && seen.shown(key, at) == 0
        {
            return Err(Reject::LineNotFound { location: at.name() });
        }
        let more = match change {
            Change::Add { key, quantity, at, .. } => Some((key, *at, u64::from(*quantity))),
            Change::Move { key, to } => named.map(|(_, from)| (key, *to, seen.shown(key, from))),
            _ => None,
        };
        if let Some((key, at, more)) = more {
            let would_be = state.shown(key, at) + more;
            let max = self.limits.line_quantity_max;
            if would_be > u64::from(max) {
                return Err(Reject::QuantityLimit { would_be, max });
            }
        }
        match change {
            Change::Coupon(code) => {
                let max = crate::meta::Code::COUNT_MAX;
                if state.coupons().count() >= max && !state.coupons().any(|there| there == code) {
                    return Err(Reject::invalid("code", format!("a cart takes at most {max} coupons")));
                }
            }
            Change::Uncoupon(code) if !seen.coupons().any(|there| there == code) => {
                return Err(Reject::CouponNotFound);
            }
            _ => {}
        }
        Ok(())
    }

    fn sync(&mut self, caller: &Caller, request: &[u8], now: Millis) -> Result<ReplyKind, Reject> {
        let request = SyncRequest::from_bytes(request)?;
        let lease = self.book.leases.iter().find(|lease| lease.actor == request.actor);
        match lease {
            Some(lease) if now > lease.until => return Err(Reject::ActorExpired),
            None if request.actor.day() < self.cart.context().horizon() => return Err(Reject::ActorExpired),
            None => return Err(Reject::ActorUnknown),
            Some(_) => {}
        }
        let prior = self.cart.context().highest(request.actor);
        if request.delta != Cart::default() {
            let sender =
                Sender { actor: request.actor, scope: self.book.cart_id.scope(), now, limits: self.limits };
            let admitted = ingress::admit(&self.cart, &request.delta, &sender)?;
            let mut after = self.cart.clone();
            after.join(&admitted);
            if after != self.cart {
                if prior > request.sent {
                    return Err(Reject::ActorShared);
                }
                self.own(caller);
                self.book.clock.observe(admitted.latest_time());
                self.change(after, &admitted, now);
            }
        }
        let lacking = self.cart.lacking(&request.context);
        Ok(ReplyKind::Synced(SyncResponse { prior, sequence: self.book.sequence, lacking }.to_bytes()))
    }

    fn lease(&mut self, caller: &Caller, actor: Actor, now: Millis) -> Result<ReplyKind, Reject> {
        if self.book.seal.is_some() {
            return Err(Reject::AlreadyMerged);
        }
        if let Some(lease) = self.book.leases.iter().find(|lease| lease.actor == actor) {
            return Ok(ReplyKind::Leased(*lease));
        }
        self.book.leases.retain(|lease| lease.until > now);
        if self.book.leases.len() >= LEASES_MAX {
            return Err(Reject::CartBusy);
        }
        self.own(caller);
        let lease = Lease { actor, until: now.plus(LEASE_MS) };
        self.book.leases.push(lease);
        Ok(ReplyKind::Leased(lease))
    }

    /// The session's carts, oldest first: this, its root, unless it was erased, and the others.
    fn carts(&self) -> Vec<CartId> {
        let root = (!self.cart.is_erased()).then(|| self.book.cart_id.clone());
        root.into_iter().chain(self.book.carts.iter().map(|further| further.cart.clone())).collect()
    }

    fn enroll(&mut self, caller: &Caller, cart: CartId, now: Millis) -> Result<ReplyKind, Reject> {
        if !self.book.carts.iter().any(|further| further.cart == cart) {
            if self.book.carts.len() >= SESSION_CARTS_MAX {
                return Err(Reject::CartBusy);
            }
            self.own(caller);
            self.book.carts.push(Further { cart, made: now });
        }
        Ok(ReplyKind::Done)
    }

    fn note_erasure(&mut self, erasure: Erasure) {
        if !self.book.erasures.iter().any(|known| known.actor == erasure.actor) {
            let too_many = (self.book.erasures.len() + 1).saturating_sub(ERASURES_MAX);
            self.book.erasures.drain(..too_many);
            self.book.erasures.push(erasure);
        }
    }

    /// Holds the horizon for a guest's devices: their leases end with this one at the latest.
    fn expect_guest(&mut self, caller: &Caller, guest: CartId, now: Millis) -> Result<ReplyKind, Reject> {
        self.book.expected.retain(|expected| expected.guest != guest && expected.until > now);
        if self.book.expected.len() >= EXPECTED_MAX {
            return Err(Reject::MergeBusy);
        }
        self.own(caller);
        self.book.expected.push(Expected { guest, until: now.plus(EXPECT_MS) });
        let day = now.day().before(1);
        let day = self.book.hold.filter(|hold| hold.until > now).map_or(day, |hold| hold.day.min(day));
        self.book.hold = Some(Hold { day, until: now.plus(LEASE_MS) });
        Ok(self.state(false))
    }

    fn seal(&mut self, caller: &Caller, into: CartId, now: Millis) -> Result<ReplyKind, Reject> {
        let seal = match &self.book.seal {
            Some(seal) if seal.into != into => return Err(Reject::AlreadyMerged),
            _ if into == self.book.cart_id => return Err(Reject::MergeCycle),
            Some(seal) => seal,
            // Else carts merged into one another at once would all be sealed. Of two, the lesser may.
            None if self.book.expected.iter().any(|expected| {
                expected.until > now && (expected.guest != into || into < self.book.cart_id)
            }) =>
            {
                return Err(Reject::MergeBusy);
            }
            None => {
                self.own(caller);
                // Whoever asked for the seal may not live to hand it over: it goes there by itself, too.
                let day = now.day();
                let outbox = Transplant { from: &self.book.cart_id, sealed: day }.of(&self.cart);
                self.book.seal.insert(Seal { into, day, outbox, path: Vec::new(), tries: 0 })
            }
        };
        let transplant = Transplant { from: &self.book.cart_id, sealed: seal.day };
        Ok(ReplyKind::Sealed(transplant.of(&self.cart).to_bytes()))
    }

    fn join(
        &mut self,
        caller: &Caller,
        state: &[u8],
        path: Vec<CartId>,
        now: Millis,
    ) -> Result<ReplyKind, Reject> {
        let guest = Cart::from_bytes(state)?;
        self.book.expected.retain(|expected| !path.contains(&expected.guest));
        // Two carts merged into each other at once make a ring: what has gone around it ends here.
        if path.contains(&self.book.cart_id) {
            return Ok(self.state(false));
        }
        let mut after = self.cart.clone();
        after.join(&guest);
        if after != self.cart && !self.cart.is_erased() {
            self.own(caller);
            self.book.clock.observe(guest.latest_time());
            self.change(after, &guest, now);
            if let Some(seal) = &mut self.book.seal {
                seal.path.extend(path);
                seal.path.sort();
                seal.path.dedup();
            }
        }
        Ok(self.state(false))
    }

    /// A new state, made by joining `delta`: one more in sequence. The horizon follows, at no row of its
    /// own, and what a sealed cart takes in is to be forwarded.
    fn change(&mut self, after: Cart, delta: &Cart, now: Millis) {
        self.cart = after;
        self.book.sequence += 1;
        if let Some(seal) = &mut self.book.seal {
            let transplant = Transplant { from: &self.book.cart_id, sealed: seal.day };
            seal.outbox.join(&transplant.of(delta));
        }
        self.follow_horizon(now);
    }

    /// Actors retire: those of HTTP edits with the end of their key, devices' with that of their lease.
    /// A key used under a token of day d is used on d or d + 1, and forgotten by the end of d + 2.
    fn follow_horizon(&mut self, now: Millis) {
        self.book.leases.retain(|lease| lease.until > now);
        let held = self.book.hold.filter(|hold| hold.until > now).map(|hold| hold.day);
        let leased = self.book.leases.iter().map(|lease| lease.actor.day()).chain(held).min();
        let ended = now.day().before(RETRY_DAYS);
        let alone = self.cart.replicas.values().filter(|replica| !replica.left).count() <= 1;
        if alone && !self.cart.is_erased() {
            self.cart.raise_horizon(leased.map_or(ended, |leased: Day| leased.min(ended)));
        }
    }

    fn tick(&mut self, effects: &mut Vec<Effect>) {
        if let Some(seal) = self.book.seal.as_mut().filter(|seal| seal.outbox != Cart::default()) {
            self.book.wake = None;
            seal.tries += 1;
            let mut path = seal.path.clone();
            path.push(self.book.cart_id.clone());
            effects.push(Effect::Forward { into: seal.into.clone(), delta: seal.outbox.to_bytes(), path });
        }
    }

    /// Drops the ledger's pages whose time has come by `until`.
    fn drop_pages(&mut self, until: Millis, effects: &mut Vec<Effect>) {
        if !self.book.pages.is_empty() {
            effects.push(Effect::DropPages { until });
            self.book.pages.retain(|there| *there > until);
        }
    }

    /// Arms the alarm for edits to be forwarded, and again for the case that forwarding fails.
    fn arm(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let Some(seal) = self.book.seal.as_ref().filter(|seal| seal.outbox != Cart::default()) else {
            return;
        };
        let due = now.plus(match seal.tries {
            0 => FORWARD_MS,
            tries => RETRY_MS << (tries - 1).min(RETRY_DOUBLINGS_MAX),
        });
        // One that should have gone off long ago was lost.
        if self.book.wake.is_none_or(|armed| armed > due || armed.plus(LATE_MS) < now) {
            self.book.wake = Some(due);
            effects.push(Effect::Wake(due));
        }
    }

    fn state(&self, replayed: bool) -> ReplyKind {
        ReplyKind::State { replayed, merged_into: self.book.seal.as_ref().map(|seal| seal.into.clone()) }
    }

    fn reply(&self, kind: ReplyKind) -> Reply {
        let cart = if matches!(kind, ReplyKind::State { .. }) { self.cart.to_bytes() } else { Vec::new() };
        Reply {
            kind,
            sequence: self.book.sequence,
            time: self.book.clock.last(),
            updated: self.book.updated,
            created: self.book.created,
            cart,
        }
    }

    fn row(&self) -> Row {
        Row {
            cart: self.cart.to_bytes(),
            book: serde_json::to_string(&self.book).expect("a book is a JSON value"),
            ledger: self.ledger.to_bytes(),
        }
    }
}

/// What a view's context holds: lines and coupons as shown, with which a change sent back is computed.
pub fn seen_of(cart: &Cart) -> Vec<u8> {
    let mut seen = Cart {
        lines: cart.lines.clone(),
        details: cart.details.clone(),
        coupons: cart.coupons.clone(),
        ..Cart::default()
    };
    seen.context.extend(wire::live_dots(cart));
    seen.to_bytes()
}
