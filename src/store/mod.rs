//! The durable stores of the regions: each holds the carts at home there, and those of another region nearby.
//! A row changes only by join, and only against the row that was read. [`RegionStore`] is what a company with
//! another database implements; what a cart becomes by a frame is decided by the core (`cart_core::store`).

mod backfill;
pub mod call;
pub mod d1;
pub mod dead;
mod ends;
mod fields;
mod intake;
pub mod letters;
mod passes;
pub mod queue;
pub mod slots;
mod sweep;
pub mod walk;

use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::packed::{Format, pack_as, unpack};
use cart_core::store::Stored;
use cart_core::sweep::Rooted;
use cart_core::time::Millis;
use worker::{Env, Request, Response};

use self::d1::D1Store;
use self::intake::take_in;
use self::letters::DeadLetters as _;
use crate::net::peers::{self as transport, within};
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Ask, Errand, Freshness, Listed, Report};

/// How often a row is read again, since it was written when it was to be marked.
const READS_MAX: u32 = 8;

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
}

/// A cart's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub stored: Stored,
    /// The version of the home that was last taken in.
    pub sequence: u64,
    /// When a shopper last changed the cart.
    pub updated: Millis,
    /// A replica of the cart may have its storage, wherever it is: the sweep has not found it gone since this was
    /// last written, or read by one that came back.
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
    let done = within(deadline_ms, carry_out(env, config, errand, config.format)).await;
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
    let answer = carry_out(env, config, errand, Format::answering(&body)).await?;
    Response::from_bytes(answer).map_err(|error| Problem::store(&error))
}

/// What is answered is packed in a format: that of the question.
async fn carry_out(env: &Env, config: &Config, errand: Errand, format: Format) -> Result<Vec<u8>, Problem> {
    match errand {
        Errand::Take(letter) => queue::enqueue(env, config, letter).await.map(|()| Vec::new()),
        Errand::Read { store, cart_id } => read(&open(env, config, store)?, &cart_id, format).await,
        Errand::Report { store } => Ok(pack_as(format, &report(env, config, store).await?)),
        Errand::List { store, ask } => Ok(pack_as(format, &open(env, config, store)?.list(&ask).await?)),
        Errand::Peek { store, carts } => {
            Ok(pack_as(format, &peek(&open(env, config, store)?, &carts).await?))
        }
        Errand::Keep { store, frames } => {
            let arrivals = frames.into_iter().map(|(cart_id, bytes)| {
                let arrival = queue::arrival(&bytes, clock::now(0))?;
                Ok((cart_id, vec![arrival]))
            });
            let arrivals = arrivals.collect::<Result<_, Problem>>()?;
            let outcomes = take_in(env, config, &open(env, config, store)?, arrivals).await;
            let told = outcomes.into_iter().map(|(_, told)| told).collect::<Result<Vec<_>, _>>()?;
            Ok(pack_as(format, &(told.iter().filter(|told| told.wrote).count() as u64)))
        }
    }
}

/// All that a store has of a cart; nothing, if it has none. A replica that comes back from it may have its storage
/// from now on, also if it never has anything to tell: it gets the row only with that written, so that the row is
/// not deleted meanwhile, and the sweep finds it.
async fn read(store: &impl RegionStore, cart_id: &CartId, format: Format) -> Result<Vec<u8>, Problem> {
    for _ in 0..READS_MAX {
        let rows = store.read(std::slice::from_ref(cart_id)).await?;
        let Some(row) = rows.into_iter().next().map(|(_, row)| row).transpose()? else {
            return Ok(Vec::new());
        };
        let bytes = row.stored.frame(store.region()).to_bytes_as(format);
        if row.resident {
            return Ok(bytes);
        }
        let mut after = Row { resident: true, ..row.clone() };
        after.stored.rev += 1;
        let write = Write { cart_id: cart_id.clone(), before: Some(row), after };
        match store.write(&[write], None).await {
            // Somebody has written it meanwhile, or deleted it.
            Ok(written) if !written.contains(&true) => {}
            Ok(_) => return Ok(bytes),
            // What cannot write does not delete either, and the cart is to be read all the same.
            Err(problem) => {
                log::failed_for(
                    cart_id,
                    "mark a row that a replica has come back from",
                    &problem.detail,
                    "it is read all the same",
                );
                return Ok(bytes);
            }
        }
    }
    Err(Problem::retry(503, "store_unavailable", "the row could not be marked; try again"))
}

/// What a store has of root carts, without waking anybody.
async fn peek(store: &impl RegionStore, carts: &[CartId]) -> Result<Vec<(CartId, Rooted)>, Problem> {
    let mut known = Vec::new();
    for (cart_id, row) in store.read(carts).await? {
        let row = row?;
        // A use of the session is a change of its root cart.
        let used = row.stored.ties.last_use().map_or(row.updated, |used| used.max(row.updated));
        known.push((cart_id, Rooted { resident: row.resident, used }));
    }
    Ok(known)
}

/// How the store of a region does. One that does not answer is not available, which is no refusal.
async fn report(env: &Env, config: &Config, region: Region) -> Result<Report, Problem> {
    if config.regions.place(region).is_none_or(|place| place.stores.is_empty()) {
        return Ok(Report::default());
    }
    let waiting = queue::waiting(env, region).await;
    let store = open(env, config, region)?;
    let (Ok(freshness), Ok(dead_letters), Ok(gone), Ok(walks)) = (
        store.freshness().await,
        store.count_dead_letters().await,
        store.tallies().await,
        walk::walked(config, &store).await,
    ) else {
        return Ok(Report { waiting, ..Report::default() });
    };
    let rows_written = d1::rows_written();
    Ok(Report { available: true, freshness, waiting, dead_letters, rows_written, gone, walks })
}
