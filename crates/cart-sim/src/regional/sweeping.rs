//! What the stores do by themselves: the sweep of idle carts, by the rows that each store has and no more, as in
//! production; and pairs of stores that change while all goes on, with the rows given to where they belong.

use std::sync::Arc;

use cart_core::frame::Holder;
use cart_core::id::Region;
use cart_core::regions::Regions;
use cart_core::replica::{IDLE_MS, Input, ReplyKind};
use cart_core::store::Stored;
use cart_core::time::Millis;

use super::fault::Kind;
use super::store::Store;
use super::world::World;
use crate::violation::{Check, Fault, Invariant};

/// After how many days without a shopper no replica has its storage any more, if nothing fails: one that was away from
/// home leaves on the first, which is a change at the home and its stores.
const DAYS_MAX: usize = 8;

impl World {
    /// The sweep of each store that is up: of the rows that were not written for a day it calls the replicas.
    pub fn sweep(&mut self) {
        for store in 0..self.stores.len() {
            let there = &self.stores[store];
            let idle = there.resident && there.updated.plus(IDLE_MS) <= self.now && !there.down;
            if !idle || there.row.is_none() {
                continue;
            }
            if !self.is_asked(&self.stores[store]) {
                self.give(store);
            } else if self.visit(store) {
                self.stores[store].resident = false;
            }
        }
    }

    /// Whether somebody would look for a row where it is, by what the operator has said.
    pub fn is_asked(&self, store: &Store) -> bool {
        let Some(row) = &store.row else { return true };
        let home = row.home(&self.carts[store.cart]);
        let before = self.regions.place(home).map_or(&[][..], |place| &place.second_before);
        row.cart.home().is_some()
            || self.regions.stores_of(home).contains(&store.region)
            || before.contains(&store.region)
    }

    /// The region of a store with a row that nobody looks for there.
    fn stray(&self) -> Option<Region> {
        self.stores
            .iter()
            .find(|store| store.row.is_some() && !self.is_asked(store))
            .map(|store| store.region)
    }

    /// What any store has of a cart, those that hold it for its home have, too: either of these may be lost.
    pub fn check_stores(&self, cart: usize) -> Check {
        let rows = || {
            let stores = self.stores[self.sites_of(cart)].iter();
            stores.filter_map(|store| Some((store.region, store.row.as_ref()?)))
        };
        let Some(home) = rows().filter_map(|(_, row)| row.cart.home()).max_by_key(|home| home.term) else {
            return Ok(());
        };
        let holding = self.regions.stores_of(home.region);
        for (region, row) in rows().filter(|(region, _)| holding.contains(region)) {
            let lacks = |other: &Stored| {
                let mut both = row.cart.clone();
                both.join(&other.cart);
                both != row.cart
            };
            let more = rows().find(|(_, other)| lacks(other)).map(|(other, _)| other);
            Fault::unless(more.is_none(), Invariant::RegionsEqual, || {
                format!(
                    "the store of {region} lacks what {more:?} has of a cart whose home is {}",
                    home.region
                )
            })?;
        }
        Ok(())
    }

    /// Calls those whom a row says; whether none of them has its storage any more.
    fn visit(&mut self, store: usize) -> bool {
        let cart = self.stores[store].cart;
        let Some(row) = self.stores[store].row.clone() else { return false };
        let visit = row.visit(&self.carts[cart], &self.regions);
        let bytes = row.frame(self.stores[store].region).to_bytes();
        for region in visit.tell {
            self.tell_row(store, region, &bytes);
        }
        let mut gone = true;
        for region in visit.away {
            gone &= self.asks_to_go(store, region);
        }
        gone && visit.home.is_none_or(|home| self.asks_to_go(store, home))
    }

    fn asks_to_go(&mut self, store: usize, region: Region) -> bool {
        let at = self.at(self.stores[store].cart, region);
        if !self.passes(store, at) {
            return false;
        }
        self.prepare(at, &Input::Retire, false);
        let turn = self.serve(at, Input::Retire);
        let gone = matches!(turn.reply, Some(Ok(reply)) if reply.kind == ReplyKind::Answer(true));
        if gone && self.sites[at].disk.row.is_some() {
            let text = format!("{region} says that its storage is gone, and has it");
            self.facts_at(at).breaks(Invariant::AllLeave, text);
        }
        gone
    }

    fn tell_row(&mut self, store: usize, region: Region, bytes: &[u8]) {
        let at = self.at(self.stores[store].cart, region);
        if self.passes(store, at) {
            self.faults.fire(Kind::Swept);
            let input = Input::Frame { bytes: bytes.to_vec() };
            self.prepare(at, &input, false);
            self.serve(at, input);
        }
    }

    /// The part of a sweep by which carts whose home has moved are told of.
    pub fn tell_moved(&mut self) {
        for store in 0..self.stores.len() {
            let there = &self.stores[store];
            let Some(row) = there.row.as_ref().filter(|_| !there.down) else { continue };
            let (tell, bytes) =
                (row.visit(&self.carts[there.cart], &self.regions).tell, row.frame(there.region).to_bytes());
            for region in tell {
                self.tell_row(store, region, &bytes);
            }
        }
    }

    /// The operator gives a region another second store, all objects starting anew with it; the one before is asked
    /// until all rows are where they belong. Now and then the region is lost before that.
    pub fn change_pair(&mut self, at: usize) {
        let place = at % self.places();
        let home = self.regions.places[place].region;
        let before = self.regions.stores_of(home).get(1).copied();
        let choices: Vec<Region> =
            self.regions.with_stores().filter(|region| *region != home && Some(*region) != before).collect();
        // One change at a time, as the operator is told.
        let busy = self.regions.places.iter().any(|place| !place.second_before.is_empty());
        if let (false, Some(before), false) = (choices.is_empty(), before, busy) {
            let second = *self.dice.pick(&choices);
            self.faults.fire(Kind::PairChanged);
            self.tell(|_| {
                format!("the second store of {home} is that of {second}, no longer that of {before}")
            });
            self.configure(|regions| {
                regions.places[place].second = Some(second);
                regions.places[place].second_before = vec![before];
            });
            if self.habits.wipes && self.dice.chance(30) {
                self.lose_region(place);
            }
        }
    }

    /// Every store gives what it has to where it belongs. When each has, the operator says so, and what lies where it no
    /// longer belongs goes.
    pub fn backfill(&mut self) {
        if (0..self.stores.len()).all(|store| self.give(store)) {
            self.faults.fire(Kind::Backfilled);
            self.tell(|_| "all rows are where they belong".into());
            self.configure(|regions| {
                regions.places.iter_mut().for_each(|place| place.second_before.clear());
            });
            for store in 0..self.stores.len() {
                self.give(store);
            }
        }
    }

    /// A row is joined into those of the other stores that are to hold it; whether it is in all of them. One that is
    /// to hold it no longer goes.
    fn give(&mut self, store: usize) -> bool {
        let there = &self.stores[store];
        let (cart, region) = (there.cart, there.region);
        let Some(row) = there.row.clone() else { return !there.down };
        if there.down {
            return false;
        }
        let home = row.home(&self.carts[cart]);
        for other in self.regions.stores_of(home).into_iter().filter(|other| *other != region) {
            let to = self.at(cart, other);
            if self.stores[to].down || !self.passes(store, to) {
                return false;
            }
            let held = self.stores[to].held.clone();
            let frames = [vec![row.frame(region)]];
            self.stores[to].take(&frames, self.now, &mut self.dice, &mut self.faults);
            let name = format!("the store of {other}");
            self.facts[cart].follow(held.as_ref(), self.stores[to].held.as_ref(), false, &name);
        }
        if !self.is_asked(&self.stores[store]) {
            self.stores[store].drop_row();
        }
        true
    }

    /// A deployment: other settings, and every object starts anew.
    fn configure(&mut self, change: impl FnOnce(&mut Regions)) {
        change(Arc::make_mut(&mut self.regions));
        for at in 0..self.sites.len() {
            self.sites[at].crash(self.now);
        }
    }

    /// A good day, at its end the sweeps. What was not called for so long is not in memory any more.
    pub fn pass_and_sweep(&mut self) {
        self.pass(Millis::DAY + 700_000);
        for at in 0..self.sites.len() {
            self.sites[at].crash(self.now);
        }
        self.sweep();
        self.pass(Millis::DAY / 4);
    }

    /// After days without a shopper the sweeps have found every replica of which any store knows, and every row that
    /// lies where nobody looks for it.
    ///
    /// # Errors
    /// One that keeps its storage, or a row that is left.
    pub fn all_leave(&mut self) -> Check {
        // Where storage was lost, one that no row names is found by nobody, as after the loss of the home with all that
        // the stores had of it. Else there is none such.
        let lost = [Kind::Wipe, Kind::RegionLost, Kind::StoreLost, Kind::StoreBack].into_iter();
        let lost = lost.map(|kind| self.faults.count(kind)).sum::<u64>() > 0;
        // One whose alarm was lost before it had told anybody waits for a shopper.
        let lost = lost || (self.habits.deserted && self.faults.count(Kind::AlarmLost) > 0);
        let known = |world: &Self, at: usize| {
            if !lost {
                return true;
            }
            let (cart, region) = (world.sites[at].cart, world.sites[at].region);
            let named = |row: &Stored| {
                let home = [row.home(&world.carts[cart]), world.carts[cart].first_home()];
                home.contains(&region) || row.cart.replicas().contains_key(&region)
            };
            world.stores[world.sites_of(cart)].iter().filter_map(|store| store.row.as_ref()).any(named)
        };
        for _ in 0..DAYS_MAX {
            self.pass_and_sweep();
            let left = (0..self.sites.len()).any(|at| self.sites[at].disk.row.is_some() && known(self, at));
            if !left && self.stray().is_none() {
                return Ok(());
            }
        }
        if let Some(region) = self.stray() {
            let text =
                format!("the store of {region} has a row for {DAYS_MAX} days where nobody looks for it");
            return Err(Fault { invariant: Invariant::AllLeave, text });
        }
        let stay = (0..self.sites.len()).find(|at| self.sites[*at].disk.row.is_some() && known(self, *at));
        let Some(at) = stay else { return Ok(()) };
        let region = self.sites[at].region;
        let links = self.load(at).book().links.clone();
        let stores: Vec<_> =
            self.load(at).holders().into_iter().filter(|it| matches!(it, Holder::Store(_))).collect();
        Err(Fault {
            invariant: Invariant::AllLeave,
            text: format!("{region} keeps its storage for {DAYS_MAX} days; {stores:?}, {links:?}"),
        })
    }
}
