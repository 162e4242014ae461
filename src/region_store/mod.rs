//! The durable stores of the regions: each holds the carts at home there, and those of another region nearby.
//! A row changes only by join, and only against the row that was read. [`RegionStore`] is what a company with
//! another database implements; what a cart becomes by a frame is decided by the core (`cart_core::store`).

pub mod d1;
pub mod dead;
mod fields;
mod intake;
pub mod queue;
pub mod slots;
pub mod sweep;

use cart_core::frame::Frame;
use cart_core::id::{CartId, Region};
use cart_core::store::Stored;
use cart_core::time::Millis;
use worker::Env;

use self::d1::D1Store;
use crate::config::Config;
use crate::error::Problem;

/// The store of one region.
pub trait RegionStore {
    /// Which.
    fn region(&self) -> Region;
    /// The rows of those carts that it has.
    async fn read(&self, carts: &[CartId]) -> Result<Vec<(CartId, Row)>, Problem>;
    /// Writes each row where the one before it is still as it was, and says of each whether it was.
    /// `freshness` becomes durable with them.
    async fn write(&self, writes: &[Write], freshness: Option<Freshness>) -> Result<Vec<bool>, Problem>;
    /// A page of the carts at home in a region, in the order of [`Position`].
    async fn list(&self, ask: &Ask) -> Result<Vec<Listed>, Problem>;
    /// How late what it took last was; `None` before it has taken anything.
    async fn freshness(&self) -> Result<Option<Freshness>, Problem>;
    /// Carts at home here that may still have their storage and were not written since, longest first.
    async fn idle(&self, since: Millis, count_max: usize) -> Result<Vec<(CartId, Row)>, Problem>;
    /// Puts a message aside. Put aside twice, it is there once.
    async fn bury(&self, letter: &DeadLetter) -> Result<(), Problem>;
    /// The messages put aside, oldest first.
    async fn dead_letters(&self, count_max: usize) -> Result<Vec<DeadLetter>, Problem>;
    /// One of them.
    async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, Problem>;
    /// Forgets one. Says whether it was there.
    async fn forget(&self, id: &str) -> Result<bool, Problem>;
}

/// A cart's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub stored: Stored,
    /// The version of the home that was last taken in.
    pub sequence: u64,
    /// When the row was last written.
    pub updated: Millis,
    /// The cart's home is here and may still have its storage.
    pub resident: bool,
    /// It was read where it is being moved away from: the next write makes it anew.
    pub elsewhere: bool,
}

/// A row as it was read and as it is to be.
pub struct Write {
    pub cart_id: CartId,
    pub before: Option<Row>,
    pub after: Row,
}

/// When a store last took something, and how late that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freshness {
    pub taken: Millis,
    /// From being sent until being durable.
    pub late_ms: u64,
    /// How many of the home's versions came at once.
    pub late_versions: u64,
}

/// Where a row stands in lists: by the minute of its last change, then by its id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub minute: u64,
    pub cart_id: String,
}

/// What a list is to have.
#[derive(Clone, Debug)]
pub struct Ask {
    pub home: Region,
    pub owner: Option<String>,
    pub updated_since: Millis,
    pub after: Option<Position>,
    pub count_max: usize,
}

/// A row as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub cart_id: String,
    pub owner: Option<String>,
    pub quantity: u64,
    pub lines: u64,
    pub created: Millis,
    pub updated: Millis,
    pub erased: bool,
    /// Of state and ties.
    pub digest: Vec<u8>,
    pub rev: u64,
}

/// A message that could not be taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    pub id: String,
    pub died: Millis,
    pub reason: String,
    pub body: Vec<u8>,
}

impl Position {
    /// Of a row.
    pub fn of(row: &Listed) -> Self {
        Self { minute: minute(row.updated), cart_id: row.cart_id.clone() }
    }
}

/// Adds to the values of a key. Batches are small, and lists of pairs take far less code than maps do.
fn push<K: PartialEq, V>(pairs: &mut Vec<(K, Vec<V>)>, key: K, value: V) {
    match pairs.iter_mut().find(|(there, _)| *there == key) {
        Some((_, values)) => values.push(value),
        None => pairs.push((key, vec![value])),
    }
}

/// The minute of a moment.
pub fn minute(at: Millis) -> u64 {
    at.0 / (60 * Millis::SECOND)
}

/// The home of a cart, as its state says.
pub fn home_of(cart_id: &CartId, stored: &Stored) -> Region {
    stored.cart.home().map_or_else(|| cart_id.first_home(), |home| home.region)
}

/// The store of a region.
pub fn open(env: &Env, config: &Config, region: Region) -> Result<D1Store, Problem> {
    let place = config.regions.place(region).filter(|place| !place.stores.is_empty());
    let place = place.ok_or_else(|| {
        Problem::invalid("region", format!("{region} has no store; use a region of GET /v1/admin/stores"))
    })?;
    D1Store::open(env, region, &place.stores)
}

/// All that the store of a region has of a cart.
pub async fn read(
    env: &Env,
    config: &Config,
    store: Region,
    cart_id: &CartId,
) -> Result<Option<Frame>, Problem> {
    if let Some(url) = config.peer(store) {
        return queue::ask_peer(config, url, store, cart_id).await;
    }
    let rows = open(env, config, store)?.read(std::slice::from_ref(cart_id)).await?;
    Ok(rows.into_iter().next().map(|(_, row)| row.stored.frame(store)))
}
