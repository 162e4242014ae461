//! Orders: whoever believes to be the cart's home takes the next fence, and an order of that name is made
//! only if there is none. Whoever comes second adopts the order of the first, and what that one has sold.
//! The replica's own checkout comes later; until then the fence is written as what another holder tells.

use cart_core::cart::Home;
use cart_core::change::{Change, Stamp};
use cart_core::frame::{Frame, Holder};
use cart_core::id::{Actor, Dot, OrderId, Region};
use cart_core::replica::Input;
use cart_core::time::HybridTime;

use super::fault::Kind;
use super::order::Order;
use super::site::Held;
use super::world::World;
use crate::violation::Invariant;

impl World {
    /// A home that acts is one of which both its stores know, unless they have lost it.
    pub fn check_granted(&mut self, at: usize, home: Home) {
        // A store that has since come to be one of the two is told like others.
        let losses = [Kind::StoreLost, Kind::StoreBack, Kind::RegionLost, Kind::PairChanged];
        if losses.into_iter().any(|kind| self.faults.count(kind) > 0) {
            return;
        }
        let known = |region: &Region| {
            let row = self.stores[self.at(self.sites[at].cart, *region)].row.as_ref();
            row.and_then(|row| row.cart.home()).is_some_and(|there| there >= home)
        };
        if home.term > 0 && !self.regions.stores_of(home.region).iter().all(known) {
            let text = format!("{} acts as the home {home:?} before its stores know", home.region);
            self.facts_at(at).breaks(Invariant::HomeMoves, text);
        }
    }

    /// The object of a region takes an order, if it takes itself for the home and there is something to sell.
    pub fn order(&mut self, at: usize) {
        self.prepare(at, &Input::Read, false);
        let (cart, now) = (self.sites[at].cart, self.now);
        let (random, id) = (self.dice.bits(), OrderId(u128::from(self.dice.bits())));
        let scope = self.carts[cart].scope();
        let replica = self.load(at);
        if !replica.acts_as_home() || replica.cart().is_erased() {
            return;
        }
        let home = replica.home();
        let before = Held::of(replica.cart());
        let fence = replica.cart().fences().keys().next_back().map_or(1, |last| last + 1);
        let stamp =
            Stamp { dot: Dot::new(Actor::mint(now.day(), random), 1), time: HybridTime::at(now), scope };
        let delta = replica.cart().change(&Change::Checkout { fence, order: id }, stamp);
        let mut after = replica.cart().clone();
        after.join(&delta);
        let (after, to) = (Held::of(&after), replica.book().incarnation);
        let sold: Vec<Dot> = before.live.into_iter().filter(|dot| !after.shows(*dot)).collect();
        if sold.is_empty() {
            return;
        }
        self.check_granted(at, home);
        let adopts = self.orders.contains_key(&(cart, fence));
        self.faults.fire(if adopts { Kind::OrderAdopted } else { Kind::Ordered });
        self.tell(|world| format!("{} orders {fence}", world.sites[at].region));
        let order = Order { id, sold, delta: delta.to_bytes() };
        let order = self.orders.entry((cart, fence)).or_insert(order).clone();
        // The order is there, and its home may not live to write so.
        if self.faulty && self.dice.chance(60) {
            return;
        }
        let frame = Frame {
            from: Holder::Replica(self.sites[at].region),
            incarnation: to,
            to,
            base: 1,
            sequence: 1,
            digest: [0; 16],
            joined: false,
            pull: false,
            edited: self.now,
            ties: None,
            state: order.delta,
        };
        self.removing = order.sold;
        self.serve(at, Input::Frame { bytes: frame.to_bytes() });
    }
}
