//! What the sweep of a store does with a row that was long not written: whose storage is to go, and when the row
//! itself does. Every store that has a row goes by it, whether the cart is at home there or not, so that a cart is
//! found by any store that has it. What is asked and deleted how is the shell's.

use serde::{Deserialize, Serialize};

use crate::id::{CartId, Region};
use crate::regions::Regions;
use crate::store::Stored;
use crate::time::Millis;

/// How long the row of an erased cart stays, in milliseconds: what was on its way to it is joined with the erasure.
pub const ERASED_MS: u64 = 60 * Millis::DAY;
/// How long a row stays of which nobody knows the session, in milliseconds.
pub const UNKNOWN_MS: u64 = 365 * Millis::DAY;
/// How much the clocks of two regions may differ for the end of a session, in milliseconds.
const SKEW_MS: u64 = Millis::DAY;

/// Who is to be called about a cart that was long not touched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Who is told all that the row has: its home has moved, and what a home that was lost had put into the queue may
    /// have come when all others had looked here.
    pub tell: Vec<Region>,
    /// The replicas away from home that may be there. They leave first, by telling the home.
    pub away: Vec<Region>,
    /// The home, the last to go, if its region is in use.
    pub home: Option<Region>,
    /// Where the home is to move first, since its region closes.
    pub to: Option<Region>,
}

/// Whether a row at rest goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// It stays.
    Stays,
    /// It goes.
    Goes,
    /// It goes if its session has ended, which this root cart knows.
    WithSession(CartId),
}

/// What a store has of a session's root cart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rooted {
    /// A replica of it may be there, and know more.
    pub resident: bool,
    /// When the session was last used, as far as the row knows.
    pub used: Millis,
}

impl Stored {
    /// The cart's home, as the state says.
    pub fn home(&self, cart_id: &CartId) -> Region {
        self.cart.home().map_or_else(|| cart_id.first_home(), |home| home.region)
    }

    /// Who is to be called about the cart.
    pub fn visit(&self, cart_id: &CartId, regions: &Regions) -> Visit {
        let (home, first) = (self.home(cart_id), cart_id.first_home());
        let in_use = |region: &Region| regions.place(*region).is_some();
        let moved = self.cart.home().is_some();
        let tell = [home].into_iter().chain([first].into_iter().filter(|first| *first != home));
        let away = self.cart.replicas().iter().filter(|(region, there)| !there.left && **region != home);
        let closing = |region: &Region| regions.place(*region).is_some_and(|place| place.closing);
        let open = || regions.nearest_to(home).into_iter().find(|region| !closing(region));
        Visit {
            tell: tell.filter(|region| moved && in_use(region)).collect(),
            away: away.map(|(region, _)| *region).filter(in_use).collect(),
            home: Some(home).filter(in_use),
            to: if closing(&home) { open() } else { None },
        }
    }

    /// Whether the row, last written at `updated`, goes. `cart_ms` is how long the carts of a session live after its
    /// last use. An erased root cart stays as long as its session, whose list of carts it has.
    pub fn end(&self, cart_id: &CartId, updated: Millis, now: Millis, cart_ms: u64) -> End {
        let old = |ms: u64| updated.plus(ms) <= now;
        let ties = &self.ties;
        let is_root = ties.root.as_ref() == Some(cart_id) || !ties.carts.is_empty();
        if self.cart.is_erased() && (!is_root || !old(ERASED_MS)) {
            return if old(ERASED_MS) { End::Goes } else { End::Stays };
        }
        match (&ties.root, &ties.owner) {
            (Some(root), _) if old(cart_ms) => End::WithSession(root.clone()),
            (None, Some(_)) if old(UNKNOWN_MS) => End::Goes,
            (None, None) if old(cart_ms) => End::Goes,
            _ => End::Stays,
        }
    }
}

/// Whether a session has ended so long ago that its carts go, by what all stores have of its root cart. `None` if no
/// store has it: then its replica would have to.
pub fn has_ended(rows: &[Rooted], now: Millis, cart_ms: u64) -> Option<bool> {
    let used = rows.iter().map(|row| row.used).max()?;
    Some(used.plus(cart_ms).plus(SKEW_MS) <= now && rows.iter().all(|row| !row.resident))
}
