//! What a replica keeps: its row, and the book of what it knows beside the state.

use serde::{Deserialize, Serialize};

use crate::cart::Cart;
use crate::id::{Actor, CartId, Region, SessionId};
use crate::time::{Day, HybridClock, Millis};

/// How long a device's lease of an actor lasts, in milliseconds.
pub const LEASE_MS: u64 = 30 * Millis::DAY;
/// The most actors leased for one cart at a time.
pub const LEASES_MAX: usize = 256;
/// How long a cart that is to be merged here keeps this one from being merged elsewhere, in milliseconds.
pub const EXPECT_MS: u64 = 10 * Millis::SECOND;
/// The most carts that are waited for at a time.
pub const EXPECTED_MAX: usize = 16;
/// Of how many erasures the key is known, so that a repeat erases nothing else.
pub const ERASURES_MAX: usize = 64;
/// In how many carts that were a session's newest before a retry to `current` is looked for.
pub const RETRY_CARTS_MAX: usize = 8;
/// The most carts of one session.
pub const SESSION_CARTS_MAX: usize = 1_000;

/// The replica's row at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The cart's canonical bytes.
    pub cart: Vec<u8>,
    /// The book, as JSON.
    pub book: String,
    /// The ledger's open page.
    pub ledger: Vec<u8>,
}

/// What is known of the cart beside its state, at this replica.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Book {
    /// The cart.
    pub cart_id: CartId,
    /// Where this replica is.
    pub region: Region,
    /// New whenever the replica starts without its storage.
    pub incarnation: u64,
    /// The session that owns the cart.
    pub owner: Option<SessionId>,
    /// One more for each change of the state.
    pub sequence: u64,
    /// Later than every hybrid time given or seen.
    pub clock: HybridClock,
    /// When the cart was made.
    pub created: Millis,
    /// When it was last changed.
    pub updated: Millis,
    /// The actors leased to devices.
    pub leases: Vec<Lease>,
    /// Further carts of the session, oldest first; only in its root cart.
    pub carts: Vec<Further>,
    /// The cart into which this guest's cart was merged, once it was.
    pub seal: Option<Seal>,
    /// Tokens issued until then open nothing.
    pub signed_out: Option<Millis>,
    /// Under which keys carts of the session were erased lately, oldest first; only in its root cart.
    pub erasures: Vec<Erasure>,
    /// The carts that are about to be merged here.
    pub expected: Vec<Expected>,
    /// The horizon's hold for the devices of guests' carts that were merged here.
    pub hold: Option<Hold>,
    /// When each page of the ledger that was put aside may be dropped, oldest first.
    pub pages: Vec<Millis>,
    /// When the alarm is armed for.
    pub wake: Option<Millis>,
}

/// The seal of a guest's cart: the first wins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// The user's cart.
    pub into: CartId,
    /// The day of the seal: what goes there is named by it, see [`crate::transplant`].
    pub day: Day,
    /// The changes that have not arrived there yet, joined; empty if all have.
    #[serde(with = "super::call::base64_cart")]
    pub outbox: Cart,
    /// The carts that changes in it have come through.
    pub path: Vec<CartId>,
    /// How often it was sent in vain since something last arrived.
    pub tries: u32,
}

/// A further cart of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Further {
    /// The cart.
    pub cart: CartId,
    /// When it was made, and so became the newest.
    pub made: Millis,
}

/// The erasure of a cart of the session, which itself remembers nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// The actor derived from its key.
    pub actor: Actor,
    /// When it was done.
    pub at: Millis,
}

/// A cart that is about to be merged here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// The guest's cart.
    pub guest: CartId,
    /// When it is not waited for any more.
    pub until: Millis,
}

/// While it lasts, the horizon does not pass its day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// The day.
    pub day: Day,
    /// When it ends.
    pub until: Millis,
}

/// An actor leased to a replica instance of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// The actor.
    pub actor: Actor,
    /// When the lease ends.
    pub until: Millis,
}
