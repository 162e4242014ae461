//! What a replica keeps: its row, and the book of what it knows beside the state.

use serde::{Deserialize, Serialize};

use crate::cart::Cart;
use crate::frame::Holder;
use crate::id::{Actor, CartId, Region};
use crate::ordered::Ordered;
use crate::packed::More;
use crate::ties::Ties;
use crate::time::{Day, HybridClock, Millis};

/// How long a device's lease of an actor lasts, in milliseconds.
pub const LEASE_MS: u64 = 30 * Millis::DAY;
/// How long one lasts that was given where many are and has made no edit, in milliseconds. Less than
/// [`super::RETRY_DAYS`], behind which the horizon stays: whoever ends it before its time puts no dot behind that.
pub const UNUSED_MS: u64 = Millis::DAY;
/// The most actors leased for one cart at a time.
pub const LEASES_MAX: usize = 256;
/// From so many on, a lease lasts only [`UNUSED_MS`] until its first edit, and is ended earlier for want of room.
pub const LEASES_MANY: usize = 128;
/// How long a cart that is to be merged here keeps this one from being merged elsewhere, in milliseconds.
pub const EXPECT_MS: u64 = 10 * Millis::SECOND;
/// How long after that there is still room for it, in milliseconds: it may have been sealed, and not have come yet.
pub const RESERVE_MS: u64 = 600 * Millis::SECOND;
/// The most carts for which there is room kept.
pub const RESERVED_MAX: usize = 64;
/// The most carts that are waited for at a time.
pub const EXPECTED_MAX: usize = 16;
/// In how many carts that were a session's newest before a retry to `current` is looked for.
pub const RETRY_CARTS_MAX: usize = 8;
/// The most further carts of one session, those erased within [`Ties::STRUCK_MS`] too.
pub const SESSION_CARTS_MAX: usize = 1_000;

/// The replica's row at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The cart's canonical bytes.
    pub cart: Vec<u8>,
    /// The book, packed.
    pub book: Vec<u8>,
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
    /// Whether it has once had what was there before it: until then its answers are partial.
    pub joined: bool,
    /// What all replicas share beside the state.
    pub ties: Ties,
    /// One more for each change of the state or the ties.
    pub sequence: u64,
    /// Later than every hybrid time given or seen.
    pub clock: HybridClock,
    /// When this replica was last changed, by whatever: until when it counts as in use.
    pub updated: Millis,
    /// The sequence number at which the ties changed last.
    pub tied: u64,
    /// What is known of each other holder of the cart.
    pub links: Ordered<Holder, Link>,
    /// The sequence number at which the home came here, or came back, until both its stores have held the same since.
    pub homed: Option<u64>,
    /// What this guest's cart has to hand over, once it was merged and while this replica is its home.
    pub forwarding: Option<Forwarding>,
    /// The carts that are about to be merged here.
    pub expected: Vec<Expected>,
    /// The horizon's hold for the devices of guests' carts that were merged here.
    pub hold: Option<Hold>,
    /// When each page of the ledger that was put aside may be dropped, oldest first.
    pub pages: Vec<Millis>,
    /// When the alarm is armed for.
    pub wake: Option<Millis>,
    /// What other carts were told of this one. Nothing in format 3.
    #[serde(default)]
    pub notices: Notices,
    /// What later builds have added; none in format 3.
    #[serde(default)]
    pub more: More,
}

/// What is known of another holder of the cart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Link {
    /// Its incarnation; 0 before it has said anything.
    pub incarnation: u64,
    /// Up to which of this replica's sequence numbers it has everything.
    pub acknowledged: u64,
    /// At which of this replica's sequence numbers both held the same.
    pub agreed: u64,
    /// Since when it lacks something; `None` if it lacks nothing.
    pub behind: Option<Millis>,
    /// When it was last heard of, to half of [`super::ASK_MS`].
    pub heard: Millis,
    /// When this replica sent that to which it answered with an equal digest.
    pub equal: Millis,
}

/// Late changes of a sealed cart, on their way to the cart into which it was merged.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Forwarding {
    /// The changes that have not arrived there yet, joined; empty if all have.
    #[serde(with = "canonical")]
    pub outbox: Cart,
    /// The carts that changes in it have come through. Where there is one, the other cart is to hear of the merge
    /// though nothing changes there.
    pub path: Vec<CartId>,
    /// How often it was sent in vain since something last arrived.
    pub tries: u32,
}

impl Forwarding {
    /// All that a cart had when it was sealed. Be it nothing: the other cart must know whom it takes along when it is
    /// erased.
    pub fn of(cart_id: &CartId, outbox: Cart) -> Self {
        Self { outbox, path: vec![cart_id.clone()], tries: 0 }
    }

    /// Whether something has not arrived yet.
    pub fn is_owed(&self) -> bool {
        self.outbox != Cart::default() || !self.path.is_empty()
    }
}

/// What another cart must be told of this one, since it follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Notice {
    /// It was erased, and the other was merged into it.
    Erased,
    /// Its session was signed out, of which it is the root.
    SignedOut,
}

/// What other carts were told while this replica was the home. That they must be told follows from the state and the
/// ties: a home that has not heard of the answers tells them again, which changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Notices {
    /// What was answered, of that which they must be told.
    pub told: Vec<(CartId, Notice)>,
    /// How often they were called since one last answered.
    pub tries: u32,
}

/// A cart that is about to be merged here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// The guest's cart.
    pub guest: CartId,
    /// When it is not waited for any more.
    pub until: Millis,
    /// How many bytes it is said to bring: there is room for so many until it has come. None in format 3.
    #[serde(default)]
    pub bytes: u64,
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

/// A cart as its canonical bytes.
mod canonical {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    use crate::cart::Cart;

    pub fn serialize<S: Serializer>(cart: &Cart, to: S) -> Result<S::Ok, S::Error> {
        cart.to_bytes().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cart, D::Error> {
        Cart::from_bytes(&Vec::<u8>::deserialize(from)?).map_err(D::Error::custom)
    }
}
