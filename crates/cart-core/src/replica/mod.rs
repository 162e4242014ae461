//! A replica of a cart in a region: `step(call, now) -> effects`, the one way through for all that
//! reaches it. It decides; the shell writes the effects of a step in one transaction, then replies.
//! A refused call has no effect but its reply.

pub mod asking;
mod book;
mod call;
mod edits;
mod exchange;
mod home;
mod merging;
mod notices;
pub mod telling;

pub use book::{
    Book, EXPECT_MS, EXPECTED_MAX, Expected, Forwarding, Hold, LEASE_MS, LEASES_MANY, LEASES_MAX, Lease,
    Link, Notice, Notices, RESERVE_MS, RESERVED_MAX, RETRY_CARTS_MAX, Row, SESSION_CARTS_MAX, UNUSED_MS,
};
pub use call::{Caller, Edit, Effect, Input, RETRY_DAYS, Reply, ReplyKind, Tried, actors_of_key};
pub use exchange::{ASK_MS, COALESCE_MS, RECEIPT_MS, RELAY_MS, STORE_MS};
pub use home::IDLE_MS;

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use crate::cart::Cart;
use crate::frame::Holder;
use crate::id::{Actor, CartId, Region};
use crate::idem::Ledger;
use crate::limits::Limits;
use crate::ordered::Ordered;
use crate::packed::{Format, More, pack_as, unpack};
use crate::regions::{Place, Regions};
use crate::reject::Reject;
use crate::ties::Ties;
use crate::time::{Day, HybridClock, Millis};
use exchange::Pace;

/// How late an alarm may be before it counts as lost, in milliseconds.
const LATE_MS: u64 = 10_000;
/// A replica of a cart.
#[derive(Clone, Debug)]
pub struct Replica {
    cart: Cart,
    /// The state's canonical bytes, once something has asked for them: of a state they are made once.
    bytes: Bytes,
    book: Book,
    ledger: Ledger,
    limits: Limits,
    key_ms: u64,
    format: Format,
    regions: Arc<Regions>,
    /// The stores of a cart by its home, as [`Regions::holding`] says, and all there are.
    stores_of: Vec<(Region, Vec<Region>)>,
    all_stores: Vec<Region>,
    /// Whether it has a row.
    stored: bool,
    /// The changes since it was read, by the sequence number they led to; not all of them, and then none.
    recent: Vec<(u64, Cart)>,
    /// When to send to which holder next.
    pace: Ordered<Holder, Pace>,
    /// With which digest each holder differed for no reason when it was last told all.
    doubted: Ordered<Holder, [u8; 16]>,
    /// The alarm that went off last.
    rung: Option<Millis>,
    /// Who has told what this step took in.
    heard: Option<Holder>,
}

/// What can be made again at any time, and so is no part of what a replica is.
#[derive(Clone, Default)]
struct Bytes(OnceCell<Vec<u8>>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Replica {
    /// A replica that has no storage yet. `incarnation` is random. Its answers are partial until it has heard
    /// of the cart from another holder, or [`Input::Fresh`] or [`Input::Unstored`] says that there is none.
    pub fn new(cart_id: CartId, region: Region, incarnation: u64, now: Millis) -> Self {
        let book = Book {
            cart_id,
            region,
            incarnation,
            joined: false,
            ties: Ties::new(now),
            sequence: 0,
            clock: HybridClock::default(),
            updated: now,
            tied: 0,
            links: Ordered::default(),
            homed: None,
            forwarding: None,
            expected: Vec::new(),
            hold: None,
            pages: Vec::new(),
            wake: None,
            notices: Notices::default(),
            more: More::default(),
        };
        Self::of(Cart::default(), book, Ledger::default(), false)
    }

    /// Reads a row that this replica wrote.
    ///
    /// # Errors
    /// [`Reject::Malformed`] if the row is damaged, [`Reject::FrameTooNew`] if a later build has written it.
    pub fn from_row(row: &Row) -> Result<Self, Reject> {
        let mut book: Book = unpack(&row.book)?;
        book.ties.assume_edited(&row.book, book.updated);
        let ledger = Ledger::from_bytes(&row.ledger)?;
        let replica = Self::of(Cart::from_any_build(&row.cart)?, book, ledger, true);
        Ok(Self { bytes: Bytes(row.cart.clone().into()), ..replica })
    }

    fn of(cart: Cart, book: Book, ledger: Ledger, stored: bool) -> Self {
        Self {
            cart,
            bytes: Bytes::default(),
            book,
            ledger,
            limits: Limits::default(),
            key_ms: Ledger::KEY_MS,
            format: Format::default(),
            regions: Arc::default(),
            stores_of: Vec::new(),
            all_stores: Vec::new(),
            stored,
            recent: Vec::new(),
            pace: Ordered::default(),
            doubted: Ordered::default(),
            rung: None,
            heard: None,
        }
    }

    /// With other bounds and another life of idempotency keys, in milliseconds.
    pub fn configured(self, limits: Limits, key_ms: u64) -> Self {
        Self { limits, key_ms, ..self }
    }

    /// Writing in a format.
    pub fn writing(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Among the regions in use, of which some have stores.
    pub fn among(self, regions: Arc<Regions>) -> Self {
        let stores_of = |place: &Place| (place.region, regions.holding(place.region));
        let all_stores = regions.with_stores().collect();
        Self { stores_of: regions.places.iter().map(stores_of).collect(), all_stores, regions, ..self }
    }

    /// The state.
    pub fn cart(&self) -> &Cart {
        &self.cart
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.0.get_or_init(|| self.cart.to_bytes())
    }

    /// The book.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Whether an edit's key may have been used before, whatever for, and its entry is to be looked for in pages put
    /// aside.
    pub fn wants_pages(&self, edit: &Edit) -> bool {
        let context = self.cart.context();
        let used = |key: &Actor| context.names_any(key.of_any_body());
        edit.keys().iter().any(used) && self.ledger.find(edit.keys()).is_none()
    }

    /// One step: decides, changes this replica, and says what follows.
    pub fn step(&mut self, caller: &Caller, input: Input, now: Millis) -> Vec<Effect> {
        let (before, home) = (self.book.clone(), self.home());
        let mut effects = Vec::new();
        // What others say is kept where a replica is, not wherever somebody asked for the cart.
        let heard = matches!(input, Input::Frame { .. } | Input::Receipts { .. });
        let receipts = matches!(input, Input::Receipts { .. });
        // One without storage is not brought back by the word that it may go, by an alarm that has outlived it, nor by
        // what was asked for a call that may yet be refused: nobody would know of it, and it would never go.
        let passes = matches!(
            input,
            Input::Fresh
                | Input::Unstored
                | Input::Retire
                | Input::Tick
                | Input::Pull { .. }
                | Input::Missed { .. }
        );
        let reply = match (self.admits(caller, &input), self.elsewhere(caller, &input, now)) {
            (Ok(()), Some(elsewhere)) => elsewhere,
            (Ok(()), None) => self.decide(caller, input, now, &mut effects),
            (Err(reject), _) => Err(reject),
        };
        // Once signed out, nobody comes any more who is not refused: that must not leave an alarm lost by which
        // others are to hear of it.
        let ended = self.stored && matches!(reply, Err(Reject::SignedOut));
        if reply.is_err() {
            effects.clear();
            self.book.clone_from(&before);
            if ended {
                self.follow_links(None, &before, now);
            }
        } else {
            let calls = matches!(caller, Caller::Session { .. });
            // What the service does here is kept, too, and others must hear of it, and this one of them.
            if calls || (!self.stored && !passes && !heard && self.book != before) {
                self.enter(now);
            }
            if calls {
                self.ask(now);
            }
            self.note_ties(&before.ties, before.sequence);
            self.note_home(home, now);
            let teller = self.heard.take();
            self.follow_links(teller, &before, now);
        }
        // Of a cart that nobody has made there is nothing to keep.
        let made = self.cart != Cart::default() || self.book.ties != Ties::new(self.book.ties.created);
        let here = made && (self.is_home() || self.is_active(self.book.region));
        let links_only = || Book { links: before.links.clone(), ..self.book.clone() } == before;
        // Nor by the service's calls that change nothing, as those that belong at the home.
        let calls = matches!(caller, Caller::Session { .. });
        let kept = self.stored || (!passes && (here || (!heard && (calls || !links_only()))));
        // The alarm of what has no row would go off for nothing, and then count as still to come.
        if (reply.is_ok() || ended) && kept {
            self.arm(now, &mut effects);
        }
        // Who has acknowledged is written with the last who was told: until then it costs no row.
        let awaits = receipts && self.awaits_receipts();
        let links_only = awaits && Book { links: before.links.clone(), ..self.book.clone() } == before;
        if self.book != before && kept && !links_only {
            effects.insert(0, Effect::Put(self.row()));
            self.stored = true;
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
            Input::Room { cart } => self.has_room(&cart, now),
            Input::Strike { cart, actor, erased } => {
                let listed = self.book.ties.strike(&cart, now);
                if erased || listed {
                    self.book.ties.note_erasure(actor, now);
                }
                Ok(ReplyKind::Answer(erased || listed))
            }
            Input::Erased { actors } => {
                let erased_at = actors.iter().filter_map(|actor| self.book.ties.erasures.get(actor));
                Ok(ReplyKind::Answer(erased_at.into_iter().any(|at| now <= at.plus(self.key_ms))))
            }
            Input::Carts => Ok(ReplyKind::Carts(self.carts())),
            Input::SignOut => {
                self.own(caller);
                self.book.ties.signed_out.get_or_insert(now);
                Ok(ReplyKind::Carts(self.carts()))
            }
            Input::Expect { guest, bytes } => self.expect_guest(caller, guest, bytes, now),
            Input::Unexpect { guest } => {
                self.book.expected.retain(|expected| expected.guest != guest);
                Ok(ReplyKind::Done)
            }
            Input::Seal { into } => self.seal(caller, into, now),
            Input::Join { state, path } => self.join(caller, &state, path, now),
            Input::Forwarded { delta } => {
                self.forwarded(&delta);
                Ok(ReplyKind::Done)
            }
            Input::Erase if self.cart.is_erased() => Ok(ReplyKind::Done),
            Input::Erase => {
                let mut after = self.cart.clone();
                after.join(&Cart::erased());
                self.set(after);
                self.book.ties.leases.clear();
                if let Some(forwarding) = &mut self.book.forwarding {
                    *forwarding = Forwarding::default();
                }
                self.edited(now);
                self.changed(None, now);
                self.forget_keys(effects);
                Ok(ReplyKind::Done)
            }
            Input::Fresh => {
                self.book.joined = true;
                Ok(ReplyKind::Done)
            }
            Input::Unstored => {
                self.note_unstored(now);
                Ok(ReplyKind::Done)
            }
            Input::Frame { bytes } => self.take_frame(&bytes, now, effects),
            Input::Receipts { receipts } => self.take_receipts(&receipts, now, effects),
            Input::Missed { to } => {
                self.missed(to, now);
                Ok(ReplyKind::Done)
            }
            Input::Pull { from } => {
                effects
                    .push(Effect::Send { to: from, frame: self.frame(from, true).to_bytes_as(self.format) });
                Ok(ReplyKind::Done)
            }
            Input::Retire => self.retire(now, effects),
            Input::HandOver { to } => self.hand_over(to, now),
            Input::TakeOver { term } => self.take_over(term, now),
            Input::Tick if !self.stored => Ok(ReplyKind::Done),
            Input::Tick => {
                self.rung = self.book.wake;
                self.send_links(now.max(self.book.wake.unwrap_or(now)), effects);
                self.forward(effects);
                self.give_notice(effects);
                Ok(ReplyKind::Done)
            }
            Input::Told { cart, notice } => {
                self.note_told(cart, notice);
                Ok(ReplyKind::Done)
            }
            Input::Use => {
                if self.book.ties.owner.is_some() {
                    self.own(caller);
                }
                self.book.ties.note_use(now);
                Ok(ReplyKind::Done)
            }
            Input::LastUse => Ok(ReplyKind::LastUse(self.book.ties.last_use())),
        }
    }

    /// A cart is open to the session that owns it, and a session's root cart to it even before its first
    /// write. An erased, a foreign and an absent cart are told apart by nobody.
    fn admits(&self, caller: &Caller, input: &Input) -> Result<(), Reject> {
        let Caller::Session { id, root, .. } = caller else { return Ok(()) };
        let may_own = *root == self.book.cart_id || matches!(input, Input::Open(_));
        let owns = self.book.ties.owner.as_ref().map_or(may_own, |owner| owner == id);
        // An erased root cart still keeps the list of the session's others.
        let of_session = matches!(
            input,
            Input::Enroll { .. }
                | Input::Room { .. }
                | Input::Strike { .. }
                | Input::Erased { .. }
                | Input::Carts
                | Input::SignOut
                | Input::Use
        ) || self.asks_newest(caller);
        if !owns || (self.cart.is_erased() && !of_session) {
            return Err(Reject::CartNotFound);
        }
        // Whatever was issued since: where this was not known yet, a token may have been renewed. It can be said again.
        if self.book.ties.signed_out.is_some() && !matches!(input, Input::SignOut) {
            return Err(Reject::SignedOut);
        }
        Ok(())
    }

    /// Whether the session's newest cart was asked for, and is another.
    fn asks_newest(&self, caller: &Caller) -> bool {
        matches!(caller, Caller::Session { current: true, .. }) && self.book.ties.listed().next().is_some()
    }

    /// Where to go, if the session's newest cart was asked for and is another. A retry stays where the first
    /// try was answered.
    fn elsewhere(&self, caller: &Caller, input: &Input, now: Millis) -> Option<Result<ReplyKind, Reject>> {
        let retries = matches!(input, Input::Edit(edit) if self.replay(edit, now).is_some());
        if !self.asks_newest(caller) || retries {
            return None;
        }
        let mut listed = self.book.ties.listed().rev();
        let mut behind = listed.next()?;
        let doubted = matches!(input, Input::Edit(edit) if edit.tried == Tried::Unknown);
        if doubted && behind.made.plus(self.key_ms) >= now {
            // It may have been made in the cart that was the newest then: in this one it would be made once more.
            return Some(Err(Reject::OutcomeUnknown));
        }
        let newest = behind.cart.clone();
        // Each was the newest until the one behind it was made.
        let mut before = Vec::new();
        for further in listed.take(RETRY_CARTS_MAX) {
            if behind.made.plus(self.key_ms) < now {
                break;
            }
            before.push(further.cart.clone());
            behind = further;
        }
        Some(Ok(ReplyKind::Elsewhere { newest, before }))
    }

    /// The session's carts, oldest first: this, its root, unless it was erased, and the others.
    fn carts(&self) -> Vec<CartId> {
        let root = (!self.cart.is_erased()).then(|| self.book.cart_id.clone());
        root.into_iter().chain(self.book.ties.listed().map(|further| further.cart.clone())).collect()
    }

    fn enroll(&mut self, caller: &Caller, cart: CartId, now: Millis) -> Result<ReplyKind, Reject> {
        if !self.book.ties.carts.iter().any(|further| further.cart == cart) {
            self.book.ties.forget_ended(now);
            if self.book.ties.carts.len() >= SESSION_CARTS_MAX {
                return Err(Reject::TooManyCarts { max: SESSION_CARTS_MAX });
            }
            self.own(caller);
            self.book.ties.enroll(cart, now);
        }
        Ok(ReplyKind::Done)
    }

    /// The session's carts, if a further one is among them, wherever it was made, or has room there.
    fn has_room(&self, cart: &CartId, now: Millis) -> Result<ReplyKind, Reject> {
        let ties = &self.book.ties;
        let among = |there: &CartId| there.same_but_for_home(cart);
        let taken = ties.carts.iter().filter(|further| !further.is_forgotten(now)).count();
        if taken >= SESSION_CARTS_MAX && !ties.carts.iter().any(|further| among(&further.cart)) {
            return Err(Reject::TooManyCarts { max: SESSION_CARTS_MAX });
        }
        Ok(ReplyKind::Carts(self.carts()))
    }

    fn own(&mut self, caller: &Caller) {
        let Caller::Session { id, root, .. } = caller else { return };
        let ties = &mut self.book.ties;
        if *ties.owner.get_or_insert_with(|| id.clone()) == *id {
            ties.root.get_or_insert_with(|| root.clone());
        }
    }

    /// A new state, made by joining `delta`: the horizon follows, at no row of its own, and what a sealed
    /// cart takes in is to be forwarded from its home.
    fn change(&mut self, after: Cart, delta: &Cart, now: Millis) {
        self.set(after);
        self.keep_late(delta);
        let horizon = self.cart.context().horizon();
        self.follow_horizon(now);
        // What a horizon forgets travels in full states only.
        let whole = self.cart.context().horizon() > horizon;
        self.changed(Some(delta).filter(|_| !whole), now);
    }

    fn set(&mut self, after: Cart) {
        self.cart = after;
        self.bytes = Bytes::default();
    }

    /// A shopper has changed the cart, here or in a guest's that was merged into it.
    fn edited(&mut self, now: Millis) {
        self.book.ties.edited = self.book.ties.edited.max(now);
    }

    /// One more in sequence, by `delta`, or by what no delta says.
    fn changed(&mut self, delta: Option<&Cart>, now: Millis) {
        self.book.sequence += 1;
        self.book.updated = now;
        self.note_recent(delta);
    }

    /// Actors retire: those of HTTP edits with the end of their key, devices' with that of their lease.
    /// A key used under a token of day d is used on d or d + 1, and forgotten by the end of d + 2. The home
    /// decides, and of other holders only as far as they have been found equal since: what they still have
    /// of retired actors would be lost. That of a sealed cart stays: what leaves it later is to be named where
    /// it went.
    fn follow_horizon(&mut self, now: Millis) {
        self.book.ties.forget_ended(now);
        let held = self.book.hold.filter(|hold| hold.until > now).map(|hold| hold.day);
        let leased = self.book.ties.leases.keys().map(|actor| actor.day()).chain(held).min();
        let holders = self.holders();
        let equal = |holder: &Holder| self.book.links.get(holder).map_or(Millis(0), |link| link.equal);
        let since =
            holders.iter().map(equal).min().map_or(now, |equal| equal.min(now).less(exchange::SKEW_MS));
        let ended = since.day().before(RETRY_DAYS);
        if self.is_home() && !self.cart.is_erased() && self.book.ties.seal.is_none() {
            self.cart.raise_horizon(leased.map_or(ended, |leased: Day| leased.min(ended)));
            self.bytes = Bytes::default();
        }
    }

    /// Of an erased cart no key is known.
    fn forget_keys(&mut self, effects: &mut Vec<Effect>) {
        self.ledger = Ledger::default();
        self.drop_pages(Millis(u64::MAX >> 11), effects);
    }

    /// Drops the ledger's pages whose time has come by `until`.
    fn drop_pages(&mut self, until: Millis, effects: &mut Vec<Effect>) {
        if !self.book.pages.is_empty() {
            effects.push(Effect::DropPages { until });
            self.book.pages.retain(|there| *there > until);
        }
    }

    /// Arms the alarm for what is to be sent, forwarded or told. Not for receipts that are awaited, which would be a row
    /// a flush: a letter to a store is lost only with its queue, and then a next step sends it again, be it the
    /// sweep's.
    fn arm(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let Some(due) = self.next_due(now) else { return };
        let armed = self.book.wake.filter(|armed| self.rung != Some(*armed));
        // One that should have gone off long ago was lost.
        if armed.is_none_or(|armed| armed > due || armed.plus(LATE_MS) < now) {
            self.book.wake = Some(due);
            effects.push(Effect::Wake(due));
        }
    }

    fn next_due(&self, now: Millis) -> Option<Millis> {
        [self.link_due(), self.forward_due(now), self.notices_due(now)].into_iter().flatten().min()
    }

    fn state(&self, replayed: bool) -> ReplyKind {
        ReplyKind::State { replayed, merged_into: self.book.ties.seal.as_ref().map(|seal| seal.into.clone()) }
    }

    fn reply(&self, kind: ReplyKind) -> Reply {
        let cart = if matches!(kind, ReplyKind::State { .. }) { self.bytes().to_vec() } else { Vec::new() };
        Reply {
            kind,
            sequence: self.book.sequence,
            time: self.book.clock.last(),
            updated: self.book.ties.updated(),
            created: self.book.ties.created,
            partial: !self.book.joined,
            cart,
        }
    }

    fn row(&self) -> Row {
        let book = pack_as(self.format, &self.book);
        Row { cart: self.bytes().to_vec(), book, ledger: self.ledger.to_bytes() }
    }
}
