//! An object of the cart in a region: its disk, what is in memory, and a turn: load, step, commit, sends,
//! reply, cut off by a crash at any point between. Memory goes with a crash, the disk only with the region.

use std::collections::BTreeMap;
use std::sync::Arc;

use cart_core::cart::Cart;
use cart_core::frame::Holder;
use cart_core::id::{CartId, Dot, Region};
use cart_core::idem::Ledger;
use cart_core::regions::Regions;
use cart_core::reject::Reject;
use cart_core::replica::asking::{Asked, Asking, Need};
use cart_core::replica::telling::Telling;
use cart_core::replica::{Caller, Effect, Input, Replica, Reply, Row};
use cart_core::time::Millis;

use super::network::Told;

/// What outlives a crash.
#[derive(Clone, Default)]
pub struct Disk {
    /// The replica's row.
    pub row: Option<Row>,
    /// The pages of the ledger, and when each may be dropped.
    pub pages: Vec<(Millis, Ledger)>,
    /// When the alarm goes off, by the world's clock.
    pub alarm: Option<Millis>,
}

/// What a row holds, read.
#[derive(Clone)]
pub struct Held {
    /// The state.
    pub cart: Cart,
    /// The dots of its contributions, sorted.
    pub live: Vec<Dot>,
}

impl Held {
    /// Of a state.
    pub fn of(cart: &Cart) -> Self {
        let there = cart.lines().flat_map(|(_, line)| line.iter());
        let mut live: Vec<Dot> =
            there.filter(|(_, there)| there.payload.is_some()).map(|(dot, _)| dot).collect();
        live.sort_unstable();
        Self { cart: cart.clone(), live }
    }

    /// Whether the state has seen a dot.
    pub fn knows(&self, dot: Dot) -> bool {
        self.cart.is_erased() || self.cart.context().contains(dot)
    }

    /// Whether a contribution is in the state.
    pub fn shows(&self, dot: Dot) -> bool {
        self.live.binary_search(&dot).is_ok()
    }
}

/// The alarm's handler while it waits for answers.
#[derive(Clone)]
pub struct Handler {
    /// What follows from them.
    pub telling: Telling,
    /// The calls that it has made.
    pub calls: Vec<u64>,
    /// Whether something could not be written meanwhile.
    pub failed: bool,
}

/// Where a turn breaks off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// Nothing was written.
    BeforeCommit,
    /// Nothing was sent.
    BeforeSends,
    /// So many were sent.
    AfterSends(usize),
    /// The caller does not hear of it.
    BeforeReply,
}

/// What a turn did.
#[derive(Default)]
pub struct Turn {
    /// The reply, if the caller hears it.
    pub reply: Option<Result<Reply, Reject>>,
    /// What was sent.
    pub sends: Vec<(Holder, Vec<u8>)>,
    /// What the row held before, if it holds something else now.
    pub before: Option<Option<Held>>,
    /// What other carts are to be told.
    pub told: Vec<Told>,
    /// Whether a row was written.
    pub wrote: bool,
    /// How many pages were written.
    pub pages: u64,
    /// Whether the storage was deleted.
    pub forgot: bool,
    /// Whether nothing was done, since nothing could be written.
    pub failed: bool,
}

/// An object.
pub struct Site {
    /// Of which cart.
    pub cart: usize,
    /// Where it is.
    pub region: Region,
    /// Its clock is wrong by so many milliseconds.
    pub skew_ms: i64,
    /// Its disk takes no more: what is to be written fails, and what is in memory is read anew.
    pub full: bool,
    /// Its disk.
    pub disk: Disk,
    /// What the row on the disk holds.
    pub held: Option<Held>,
    /// The alarm's handler, if it waits.
    pub handler: Option<Handler>,
    /// One more with each crash: answers to an earlier life reach nobody.
    pub life: u32,
    /// The incarnation of the replica that last wrote here, also where its storage has gone since.
    pub incarnation: Option<u64>,
    /// What its memory keeps of whom it has asked.
    pub asked: Asked,
    /// When it last took the cart for new, since no store had it.
    pub unstored: Option<Millis>,
    /// Whether it once deleted its storage.
    pub left: bool,
    /// Contributions of the days before of which others have told it, and when.
    pub late: BTreeMap<Dot, Millis>,
    /// What later builds have added to its book.
    pub more: Additions,
    memory: Option<Replica>,
}

/// What later builds have added, by key.
pub type Additions = BTreeMap<Vec<u8>, Vec<u8>>;

impl Site {
    /// An object that nobody has called.
    pub fn new(cart: usize, region: Region) -> Self {
        Self {
            cart,
            region,
            skew_ms: 0,
            full: false,
            disk: Disk::default(),
            held: None,
            handler: None,
            life: 0,
            incarnation: None,
            asked: Asked::default(),
            unstored: None,
            left: false,
            late: BTreeMap::new(),
            more: Additions::new(),
            memory: None,
        }
    }

    /// Its clock.
    pub fn clock(&self, now: Millis) -> Millis {
        Millis(now.0.saturating_add_signed(self.skew_ms))
    }

    /// The replica in memory; `fresh` is the incarnation of one without a row.
    pub fn load(&mut self, cart: &CartId, regions: &Arc<Regions>, fresh: u64, now: Millis) -> &mut Replica {
        let (row, region, local) = (&self.disk.row, self.region, self.clock(now));
        self.memory.get_or_insert_with(|| {
            let replica = match row {
                Some(row) => Replica::from_row(row).expect("a row that this object wrote"),
                None => Replica::new(cart.clone(), region, fresh, local),
            };
            replica.among(Arc::clone(regions))
        })
    }

    /// Whether there is a replica in memory.
    pub fn is_loaded(&self) -> bool {
        self.memory.is_some()
    }

    /// What the replica in memory does before it answers, if it needs something.
    pub fn begin(&mut self, need: Need, now: Millis) -> Option<Asking> {
        let replica = self.memory.as_ref().expect("it was loaded");
        Asking::begin(need, replica, &mut self.asked, now)
    }

    /// A turn of the replica in memory, and when it is cut off.
    pub fn turn(&mut self, caller: &Caller, mut input: Input, now: Millis, crash: Option<Crash>) -> Turn {
        let local = self.clock(now);
        let replica = self.memory.as_mut().expect("it was loaded");
        if let Input::Edit(edit) = &mut input
            && replica.wants_pages(edit)
        {
            edit.pages = self.disk.pages.iter().map(|(_, page)| page.clone()).collect();
        }
        let effects = replica.step(caller, input, local);
        let mut turn = Turn::default();
        if crash == Some(Crash::BeforeCommit) {
            self.crash(now);
            return turn;
        }
        let writes = |effect: &Effect| matches!(effect, Effect::Put(_) | Effect::PutPage { .. });
        if self.full && effects.iter().any(writes) {
            self.memory = None;
            self.handler.iter_mut().for_each(|handler| handler.failed = true);
            turn.failed = true;
            return turn;
        }
        for effect in effects {
            self.commit(effect, &mut turn);
        }
        if turn.forgot {
            turn.before = Some(self.held.take());
            self.disk = Disk::default();
            self.more.clear();
            self.memory = None;
            self.asked = Asked::default();
            self.left = true;
        }
        match crash {
            Some(Crash::BeforeSends) => {
                turn.sends.clear();
                turn.told.clear();
            }
            Some(Crash::AfterSends(count)) => {
                turn.sends.truncate(count);
                turn.told.clear();
            }
            _ => {}
        }
        if crash.is_some() {
            turn.reply = None;
            self.crash(now);
        }
        turn
    }

    fn commit(&mut self, effect: Effect, turn: &mut Turn) {
        match effect {
            Effect::Put(row) => {
                turn.wrote = true;
                if self.disk.row.as_ref().is_none_or(|before| before.cart != row.cart) {
                    let cart = self.memory.as_ref().map(Replica::cart).expect("it is in memory");
                    turn.before = Some(self.held.replace(Held::of(cart)));
                }
                self.disk.row = Some(row);
            }
            Effect::PutPage { entries, until } => {
                turn.pages += 1;
                self.disk.pages.push((until, Ledger::from_bytes(&entries).expect("a page")));
            }
            Effect::DropPages { until } => self.disk.pages.retain(|(there, _)| *there > until),
            Effect::Wake(at) => {
                self.disk.alarm = Some(Millis(at.0.saturating_add_signed(-self.skew_ms)));
            }
            Effect::Forget => turn.forgot = true,
            Effect::Send { to, frame } => turn.sends.push((to, frame)),
            Effect::Reply(reply) => turn.reply = Some(reply),
            Effect::Tell { cart, input, then } => {
                turn.told.push(Told { cart, input: *input, then: *then });
            }
        }
    }

    /// What is in memory is gone. An alarm whose handler was cut off is tried again: returns whether it is.
    pub fn crash(&mut self, now: Millis) -> bool {
        self.memory = None;
        self.asked = Asked::default();
        self.life += 1;
        let again = self.handler.take().is_some() && self.disk.row.is_some();
        if again {
            let at = now.plus(2_000);
            self.disk.alarm = Some(self.disk.alarm.map_or(at, |alarm| alarm.min(at)));
        }
        again
    }

    /// All is gone.
    pub fn wipe(&mut self) {
        let (skew_ms, life, incarnation) = (self.skew_ms, self.life + 1, self.incarnation);
        *self = Self { skew_ms, life, incarnation, ..Self::new(self.cart, self.region) };
    }
}
