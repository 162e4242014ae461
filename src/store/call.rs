//! What is said to the stores of the regions, and what they answer.

use cart_core::frame::Holder;
use cart_core::id::{CartId, Region};
use cart_core::packed::pack_as;
use cart_core::time::Millis;
use serde::{Deserialize, Serialize};

use crate::net::{breakers, stores};
use crate::platform::config::Config;
use crate::platform::problem::Problem;

/// A frame on its way to the store of a region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Letter {
    pub store: Region,
    pub cart_id: CartId,
    pub sent: Millis,
    /// The bytes of a [`cart_core::frame::Frame`].
    #[serde(with = "serde_bytes")]
    pub frame: Vec<u8>,
}

/// What is asked of a store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Errand {
    /// Take a frame in. Nothing is answered; the receipt comes to the frame's sender later.
    Take(Letter),
    /// Answer with all there is of a cart: the bytes of a frame, or none.
    Read { store: Region, cart_id: CartId },
    /// Answer with how the store does: a packed [`Report`].
    Report { store: Region },
    /// Answer with a page of carts: a packed list of [`Listed`], and how late it is.
    List { store: Region, ask: Ask },
    /// Answer with what there is of root carts: a packed list of each with its [`cart_core::sweep::Rooted`].
    Peek { store: Region, carts: Vec<CartId> },
    /// Take in at once what another store has: the bytes of a frame each. Answer with how many rows changed by it.
    Keep { store: Region, frames: Vec<(CartId, Vec<u8>)> },
}

impl Errand {
    /// To which region's store.
    pub fn store(&self) -> Region {
        match self {
            Self::Take(Letter { store, .. })
            | Self::Read { store, .. }
            | Self::Report { store }
            | Self::List { store, .. }
            | Self::Peek { store, .. }
            | Self::Keep { store, .. } => *store,
        }
    }
}

/// Sends to the store of a region, from a region; what it answers.
pub async fn run(
    config: &Config,
    from: Region,
    errand: &Errand,
    deadline_ms: u64,
) -> Result<Vec<u8>, Problem> {
    let store = errand.store();
    // An operator asks how it is now, not how it was when others asked.
    if matches!(errand, Errand::Report { .. }) {
        breakers::probe(Holder::Store(store));
    }
    Ok(stores::ask(config, from, store, &pack_as(config.format, errand), deadline_ms).await?)
}

/// How the store of a region does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether all its databases answer.
    pub available: bool,
    /// How late what it took last was; `None` before it has taken anything.
    pub freshness: Option<Freshness>,
    /// What waits in its queue, where the platform says that.
    pub waiting: Option<Waiting>,
    /// How many messages were put aside.
    pub dead_letters: u64,
    /// How many rows this isolate has written to stores, entries of indexes included.
    pub rows_written: u64,
    /// How much has gone from its databases, by kind; nothing in format 3.
    #[serde(default)]
    pub gone: Vec<(String, u64)>,
    /// How the walks through its rows stand; none in format 3.
    #[serde(default)]
    pub walks: Vec<Walked>,
}

/// How a walk through the rows of a store stands: its last run in each database, or the present one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    pub name: String,
    pub began: Millis,
    /// `None` while it lasts.
    pub ended: Option<Millis>,
    pub passed: u64,
    /// With how many rows something was done.
    pub done: u64,
    /// The most that one of its steps has asked of databases, and of all.
    pub queries_max: u64,
    pub calls_max: u64,
    /// It is for the pairs of stores as they are configured.
    pub current: bool,
    /// The pairs before.
    pub before: String,
}

impl Walked {
    /// With that of another database.
    pub fn join(&mut self, other: Self) {
        self.began = self.began.min(other.began);
        self.ended = self.ended.zip(other.ended).map(|(one, other)| one.max(other));
        (self.passed, self.done) = (self.passed + other.passed, self.done + other.done);
        self.queries_max = self.queries_max.max(other.queries_max);
        self.calls_max = self.calls_max.max(other.calls_max);
        self.current &= other.current;
    }
}

/// What waits in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub messages: u64,
    pub bytes: u64,
    /// Since when the oldest does.
    pub oldest: Option<Millis>,
}

/// When a store last took something, and how late that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Freshness {
    pub taken: Millis,
    /// From being sent until being durable.
    pub late_ms: u64,
    /// How many of the home's versions came at once.
    pub late_versions: u64,
}

impl Report {
    /// How old what the store shows may be, in milliseconds: as late as what it took last, or as what has been
    /// waiting for it since.
    pub fn lag_ms(&self, now: Millis) -> u64 {
        let waited = self
            .waiting
            .and_then(|waiting| waiting.oldest)
            .map_or(0, |oldest| now.0.saturating_sub(oldest.0));
        self.freshness.map_or(0, |freshness| freshness.late_ms).max(waited)
    }
}

/// Where a row stands in lists: by the minute of its last change, then by its id.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Position {
    pub minute: u64,
    pub cart_id: String,
}

/// What a list is to have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ask {
    pub home: Region,
    pub owner: Option<String>,
    /// Changed at or after.
    pub since: Millis,
    /// Changed before.
    pub before: Millis,
    pub after: Option<Position>,
    pub count_max: usize,
}

/// A row as lists show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listed {
    pub cart_id: String,
    pub owner: Option<String>,
    pub home: Region,
    pub quantity: u64,
    pub lines: u64,
    pub created: Millis,
    pub updated: Millis,
    pub erased: bool,
    /// Of state and ties.
    pub digest: Vec<u8>,
    pub rev: u64,
}

impl Position {
    /// Of a row.
    pub fn of(row: &Listed) -> Self {
        Self { minute: minute(row.updated), cart_id: row.cart_id.clone() }
    }
}

/// The minute of a moment.
pub fn minute(at: Millis) -> u64 {
    at.0 / (60 * Millis::SECOND)
}
