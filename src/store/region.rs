//! The durable store of a region: it holds the carts at home there, and those of another region nearby. A row changes
//! only by join, and only against the row that was read. [`RegionStore`] is what a company with another database
//! implements; what a cart becomes by a frame is decided by the core (`cart_core::store`).

use cart_core::cart::Cart;
use cart_core::id::{CartId, Region};
use cart_core::store::Stored;
use cart_core::time::Millis;

use crate::platform::problem::Problem;
use crate::store::call::{Ask, Freshness, Listed};

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
pub fn push<K: PartialEq, V>(pairs: &mut Vec<(K, Vec<V>)>, key: K, value: V) {
    match pairs.iter_mut().find(|(there, _)| *there == key) {
        Some((_, values)) => values.push(value),
        None => pairs.push((key, vec![value])),
    }
}

/// The home of a cart, as its state says.
pub fn home_of(cart_id: &CartId, cart: &Cart) -> Region {
    cart.home().map_or_else(|| cart_id.first_home(), |home| home.region)
}

/// A place among rows: a number and an id.
pub type Place = (u64, String);
