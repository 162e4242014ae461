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
    /// The replicas away from home. They leave first, by telling the home; one that has left may have stayed for what
    /// came meanwhile, and have lost its alarm since.
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

    /// Whether the row is where it would be looked for. Once a home has moved, all stores hold the cart.
    pub fn belongs(&self, cart_id: &CartId, store: Region, regions: &Regions) -> bool {
        self.cart.home().is_some() || regions.holding(self.home(cart_id)).contains(&store)
    }

    /// Who is to be called about the cart.
    pub fn visit(&self, cart_id: &CartId, regions: &Regions) -> Visit {
        let (home, first) = (self.home(cart_id), cart_id.first_home());
        let in_use = |region: &Region| regions.place(*region).is_some();
        let moved = self.cart.home().is_some();
        let tell = [home].into_iter().chain([first].into_iter().filter(|first| *first != home));
        let away = self.cart.replicas().iter().map(|(region, _)| *region).filter(|region| *region != home);
        let closing = |region: &Region| regions.place(*region).is_some_and(|place| place.closing);
        let open = || regions.nearest_to(home).into_iter().find(|region| !closing(region));
        Visit {
            tell: tell.filter(|region| moved && in_use(region)).collect(),
            away: away.filter(in_use).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::{Cart, Home, Presence};
    use crate::id::SessionId;
    use crate::regions::Place;
    use crate::ties::Ties;

    const DAY: u64 = Millis::DAY;
    const CART_MS: u64 = 30 * DAY;

    fn id(name: u8) -> CartId {
        CartId::mint(Region::Weur, [name; 15])
    }

    fn row(root: Option<CartId>) -> Stored {
        let mut ties = Ties::new(Millis(0));
        ties.owner = Some(SessionId::mint([1; 15]));
        ties.root = root;
        Stored { incarnation: 1, rev: 1, cart: Cart::default(), ties }
    }

    fn regions() -> Regions {
        let places = [(Region::Weur, 8.0), (Region::Enam, -77.0), (Region::Apac, 139.0)];
        Regions { places: places.map(|(region, east)| Place::at(region, 0.0, east)).into() }
    }

    #[test]
    fn the_home_is_called_after_those_away_and_one_that_closes_moves() {
        let mut row = row(None);
        let visit = row.visit(&id(1), &regions());
        assert_eq!((visit.away, visit.home, visit.to), (vec![], Some(Region::Weur), None));
        row.cart.replicas.insert(Region::Apac, Presence { epoch: 1, left: false });
        row.cart.replicas.insert(Region::Oc, Presence { epoch: 1, left: false });
        row.cart.home = Some(Home { term: 1, region: Region::Enam });
        let mut closing = regions();
        closing.places[1].closing = true;
        let visit = row.visit(&id(1), &closing);
        assert_eq!(visit.tell, [Region::Enam, Region::Weur], "a home that moved, and where it was first");
        assert_eq!((visit.away, visit.home), (vec![Region::Apac], Some(Region::Enam)), "those in use");
        assert_eq!(visit.to, Some(Region::Weur));
        closing.places.remove(1);
        let visit = row.visit(&id(1), &closing);
        assert_eq!((visit.tell, visit.home, visit.to), (vec![Region::Weur], None, None));
    }

    #[test]
    fn a_row_ends_with_its_session_or_long_after_its_erasure() {
        let end = |row: &Stored, days: u64| row.end(&id(1), Millis(DAY), Millis(DAY + days * DAY), CART_MS);
        let asks = |root| End::WithSession(id(root));
        for (root, days, expected) in [
            (Some(1), 29, End::Stays),
            (Some(1), 30, asks(1)),
            (Some(2), 30, asks(2)),
            // Whose it is nobody can say: not before no session can be left.
            (None, 364, End::Stays),
            (None, 365, End::Goes),
        ] {
            assert_eq!(end(&row(root.map(id)), days), expected, "{root:?} after {days} days");
        }
        let nobodys = Stored { ties: Ties::new(Millis(0)), ..row(None) };
        assert_eq!((end(&nobodys, 29), end(&nobodys, 30)), (End::Stays, End::Goes));
        let erased = |root| Stored { cart: Cart::erased(), ..row(root) };
        assert_eq!((end(&erased(Some(id(2))), 59), end(&erased(Some(id(2))), 60)), (End::Stays, End::Goes));
        let root = erased(Some(id(1)));
        assert_eq!((end(&root, 59), end(&root, 60)), (End::Stays, asks(1)), "it has the list of the others");
        let mut listing = erased(None);
        listing.ties.enroll(id(3), Millis(1));
        assert_eq!(end(&listing, 60), End::Stays);
    }

    #[test]
    fn a_session_has_ended_where_every_row_of_its_root_says_so() {
        let now = Millis(100 * DAY);
        let rooted = |resident, days: u64| Rooted { resident, used: now.less(days * DAY) };
        for (rows, expected) in [
            (vec![], None),
            (vec![rooted(false, 31)], Some(true)),
            (vec![rooted(false, 30)], Some(false)),
            (vec![rooted(false, 40), rooted(false, 5)], Some(false)),
            // A replica may know of a use that no store has heard of.
            (vec![rooted(false, 40), rooted(true, 40)], Some(false)),
        ] {
            assert_eq!(has_ended(&rows, now, CART_MS), expected, "{rows:?}");
        }
    }
}
