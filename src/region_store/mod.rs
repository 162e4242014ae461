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

use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::packed::{pack, unpack};
use cart_core::store::Stored;
use cart_core::time::Millis;
use worker::{Env, Request, Response};

use self::d1::D1Store;
use crate::config::Config;
use crate::error::Problem;
use crate::letter::{Ask, Errand, Freshness, Listed, Position, Report};
use crate::transport::{self, within};

/// The store of one region.
#[allow(async_fn_in_trait)] // All is on one thread.
pub trait RegionStore {
    /// Which.
    fn region(&self) -> Region;
    /// The rows of those carts that it has. One that cannot be read holds no other up, and is never written
    /// over: what was to be joined into it becomes a dead letter.
    async fn read(&self, carts: &[CartId]) -> Result<Vec<(CartId, Result<Row, Problem>)>, Problem>;
    /// Writes each row where the one before it is still as it was, and says of each whether it was.
    /// `freshness` becomes durable with them.
    async fn write(&self, writes: &[Write], freshness: Option<Freshness>) -> Result<Vec<bool>, Problem>;
    /// A page of the carts at home in a region, in the order of [`Position`].
    async fn list(&self, ask: &Ask) -> Result<Vec<Listed>, Problem>;
    /// How late what it took last was; `None` before it has taken anything.
    async fn freshness(&self) -> Result<Option<Freshness>, Problem>;
    /// Carts at home here that may still have their storage and were not written since, longest first, after a
    /// place among them; and the place after which there may be more.
    async fn idle(
        &self,
        since: Millis,
        after: &Position,
        count_max: usize,
    ) -> Result<(Vec<(CartId, Row)>, Option<Position>), Problem>;
    /// Where a sweep of the idle carts begins: where the last one stopped, or at the first.
    async fn sweep_from(&self) -> Result<Position, Problem>;
    /// Notes where a sweep has come to; `None` where it has come to the end.
    async fn swept(&self, to: Option<&Position>) -> Result<(), Problem>;
    /// Puts a message aside. Put aside twice, it is there once.
    async fn bury(&self, letter: &DeadLetter) -> Result<(), Problem>;
    /// The messages put aside, oldest first.
    async fn dead_letters(&self, count_max: usize) -> Result<Vec<DeadLetter>, Problem>;
    /// One of them.
    async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, Problem>;
    /// How many there are.
    async fn count_dead_letters(&self) -> Result<u64, Problem>;
    /// Forgets one. Says whether it was there.
    async fn forget(&self, id: &str) -> Result<bool, Problem>;
}

/// A cart's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub stored: Stored,
    /// The version of the home that was last taken in.
    pub sequence: u64,
    /// When a shopper last changed the cart.
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

/// A message that could not be taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    pub id: String,
    pub died: Millis,
    pub reason: String,
    pub body: Vec<u8>,
}

/// Adds to the values of a key. Batches are small, and lists of pairs take far less code than maps do.
fn push<K: PartialEq, V>(pairs: &mut Vec<(K, Vec<V>)>, key: K, value: V) {
    match pairs.iter_mut().find(|(there, _)| *there == key) {
        Some((_, values)) => values.push(value),
        None => pairs.push((key, vec![value])),
    }
}

/// The home of a cart, as its state says.
pub fn home_of(cart_id: &CartId, cart: &Cart) -> Region {
    cart.home().map_or_else(|| cart_id.first_home(), |home| home.region)
}

/// The store of a region.
pub fn open(env: &Env, config: &Config, region: Region) -> Result<D1Store, Problem> {
    let place = config.regions.place(region).filter(|place| !place.stores.is_empty());
    let place = place.ok_or_else(|| {
        Problem::invalid("region", format!("{region} has no store; use a region of GET /v1/admin/stores"))
    })?;
    D1Store::open(env, region, &place.stores)
}

/// Asks the store of a region, wherever it is served: the bytes that [`Errand`] says.
pub async fn ask(env: &Env, config: &Config, errand: Errand, deadline_ms: u64) -> Result<Vec<u8>, Problem> {
    let store = errand.store();
    if config.peer(store).is_some() {
        return transport::run(config, store, &errand, deadline_ms).await;
    }
    let done = within(deadline_ms, carry_out(env, config, errand)).await;
    done.unwrap_or_else(|| {
        Err(Problem::retry(503, "store_unavailable", "the region's store did not answer in time"))
    })
}

/// An errand of another process, or of the edge of this one, for a store that is served here.
pub async fn receive(request: &mut Request, env: &Env, config: &Config) -> Result<Response, Problem> {
    let body = transport::verified(request, config).await?;
    let errand: Errand = unpack(&body)?;
    if config.peer(errand.store()).is_some() {
        return Err(Problem::new(421, "misdirected", "the region is not served here: see PEERS"));
    }
    let answer = carry_out(env, config, errand).await?;
    Response::from_bytes(answer).map_err(|error| Problem::store(&error))
}

async fn carry_out(env: &Env, config: &Config, errand: Errand) -> Result<Vec<u8>, Problem> {
    match errand {
        Errand::Take(letter) => queue::enqueue(env, config, letter).await.map(|()| Vec::new()),
        Errand::Read { store, cart_id } => {
            let store = open(env, config, store)?;
            let rows = store.read(std::slice::from_ref(&cart_id)).await?;
            let Some(row) = rows.into_iter().next().map(|(_, row)| row).transpose()? else {
                return Ok(Vec::new());
            };
            note_return(&store, &cart_id, &row).await;
            Ok(row.stored.frame(store.region()).to_bytes())
        }
        Errand::Report { store } => Ok(pack(&report(env, config, store).await?)),
        Errand::List { store, ask } => Ok(pack(&open(env, config, store)?.list(&ask).await?)),
    }
}

/// A home that had given up its storage reads its store to have it back: from now on the sweep is to find it,
/// also if it never has anything to tell.
async fn note_return(store: &impl RegionStore, cart_id: &CartId, row: &Row) {
    if row.resident || home_of(cart_id, &row.stored.cart) != store.region() {
        return;
    }
    let mut after = Row { resident: true, ..row.clone() };
    after.stored.rev += 1;
    let write = Write { cart_id: cart_id.clone(), before: Some(row.clone()), after };
    // Where somebody has written it meanwhile, that has said so.
    if let Err(problem) = store.write(&[write], None).await {
        worker::console_error!("store: {}", problem.detail);
    }
}

/// How the store of a region does. One that does not answer is not available, which is no refusal.
async fn report(env: &Env, config: &Config, region: Region) -> Result<Report, Problem> {
    if config.regions.place(region).is_none_or(|place| place.stores.is_empty()) {
        return Ok(Report::default());
    }
    let waiting = queue::waiting(env, region).await;
    let store = open(env, config, region)?;
    let (Ok(freshness), Ok(dead_letters)) = (store.freshness().await, store.count_dead_letters().await)
    else {
        return Ok(Report { waiting, ..Report::default() });
    };
    Ok(Report { available: true, freshness, waiting, dead_letters, rows_written: d1::rows_written() })
}
