//! What is done in tabs: production's device under a lease edits offline and syncs with the replica of whatever
//! region. An answer that does not come leaves it with what it has sent.

use cart_core::cart::Cart;
use cart_core::change::{Change, Stamp};
use cart_core::id::{Actor, Dot};
use cart_core::line::{LineKey, Location};
use cart_core::reject::Reject;
use cart_core::replica::{Input, ReplyKind};
use cart_core::sync::{Device, Learned, SyncResponse};
use cart_core::time::{Day, HybridTime};

use super::fault::Kind;
use super::shopper::{ADDED, ANY};
use super::site::{Crash, Held, Turn};
use super::tab::{Changed, Tab};
use super::world::World;
use crate::violation::Invariant;

/// The most tabs that are open at once.
const TABS_MAX: usize = 3;
/// How many of a tab's requests may still be on their way.
const SENT_MAX: usize = 4;

impl World {
    /// A tab is opened, edits or syncs with the replica in a region.
    pub fn use_tab(&mut self, at: usize) {
        let cart = self.sites[at].cart;
        let of_cart: Vec<usize> = (0..self.tabs.len()).filter(|tab| self.tabs[*tab].cart == cart).collect();
        if of_cart.is_empty() || (self.tabs.len() < TABS_MAX && self.dice.chance(10)) {
            return self.open_tab(at);
        }
        let tab = *self.dice.pick(&of_cart);
        if self.dice.chance(60) {
            self.edit_in(tab);
        }
        if self.dice.chance(70) {
            self.sync(tab, at);
        }
        if self.tabs.get(tab).is_some_and(|there| there.cart == self.sites[at].cart) && self.dice.chance(3) {
            self.forge(tab, at);
        }
        if self.tabs.len() > tab && self.dice.chance(15) {
            self.sync_late(tab, at);
        }
    }

    /// A request that a tab sent before comes again, or only now, to the replica of whatever region. Nobody waits for
    /// what is answered.
    fn sync_late(&mut self, tab: usize, at: usize) {
        let sent = &self.tabs[tab].sent;
        if sent.is_empty() || self.tabs[tab].cart != self.sites[at].cart {
            return;
        }
        let (request, removes) = sent[self.dice.below(sent.len())].clone();
        self.faults.fire(Kind::SyncedAgain);
        self.tell(|world| format!("a tab's request comes late to {}", world.sites[at].region));
        self.prepare(at, &Input::Read, false);
        let crash = self.crash();
        self.take_request(tab, at, request, removes, crash);
    }

    /// A replica takes a request of a tab, and what it writes is noted.
    fn take_request(
        &mut self,
        tab: usize,
        at: usize,
        request: Vec<u8>,
        removes: Vec<Dot>,
        crash: Option<Crash>,
    ) -> Turn {
        let cart = self.sites[at].cart;
        self.removing = removes;
        let turn = self.step(at, &self.caller(cart), Input::Sync { request }, crash);
        let passed = self.passed_unknown(at);
        if let Some(held) = &self.sites[at].held {
            for change in self.tabs[tab].changes.iter().filter(|change| held.knows(change.dot)) {
                let facts = &mut self.facts[cart];
                if change.dot.actor.day() < passed && !facts.known.contains_key(&change.dot) {
                    facts.excused.insert(change.dot);
                }
                facts.note(change.dot, &change.key, change.quantity, held, false);
            }
        }
        turn
    }

    /// A tab sends what it has, and a dot of an actor of a day that is not to come for long.
    fn forge(&mut self, tab: usize, at: usize) {
        let Tab { cart, device, .. } = &self.tabs[tab];
        let (cart, mut request) = (*cart, device.clone().request());
        let day = Day(self.now.day().0 + 3 + self.dice.below(20_000) as u16);
        let dot = Dot::new(Actor::mint(day, self.dice.bits()), 1 + self.dice.below(3) as u64);
        let stamp = Stamp { dot, time: HybridTime::at(self.now), scope: self.carts[cart].scope() };
        request.delta.join(&Cart::default().change(&Change::Clear, stamp));
        self.prepare(at, &Input::Read, false);
        let turn = self.step(at, &self.caller(cart), Input::Sync { request: request.to_bytes() }, None);
        self.faults.fire(Kind::Forged);
        if !matches!(turn.reply, Some(Err(_)) | None) {
            self.facts_at(at).breaks(Invariant::Ingress, "an actor of a day to come was taken in".into());
        }
    }

    fn open_tab(&mut self, at: usize) {
        let actor = Actor::mint(self.now.day(), self.dice.bits());
        if self.lease(at, actor).is_ok() {
            let cart = self.sites[at].cart;
            let device = Device::new(actor, self.carts[cart].scope());
            self.tabs.push(Tab { cart, device, changes: Vec::new(), sent: Vec::new() });
            let tab = self.tabs.len() - 1;
            self.sync(tab, at);
        }
    }

    fn lease(&mut self, at: usize, actor: Actor) -> Result<(), Option<Reject>> {
        self.prepare(at, &Input::Read, false);
        let (crash, caller) = (self.crash(), self.caller(self.sites[at].cart));
        let turn = self.step(at, &caller, Input::Lease { actor }, crash);
        turn.reply.ok_or(None)?.map(drop).map_err(Some)
    }

    fn edit_in(&mut self, tab: usize) {
        let change = self.change_in(tab);
        self.calls += 1;
        let (key, now) = (format!("tab {}", self.calls), self.now);
        let quantity = if let Change::Add { quantity, .. } = &change { u64::from(*quantity) } else { 0 };
        let Tab { device, changes, .. } = &mut self.tabs[tab];
        let before = Held::of(device.cart()).live;
        let text = format!("{key} {change:?}");
        let dot = device.edit(change, now).dot;
        let after = Held::of(device.cart());
        let removes = before.into_iter().filter(|dot| !after.shows(*dot)).collect();
        changes.push(Changed { dot, key, quantity, removes });
        self.tell(|_| text);
    }

    fn change_in(&mut self, tab: usize) -> Change {
        let sku = if self.dice.chance(50) { *self.dice.pick(&ADDED) } else { *self.dice.pick(&ANY) };
        let key = LineKey::new(sku, None, None).expect("a key");
        let quantity = 1 + self.dice.below(3) as u32;
        let at = if self.dice.chance(80) { Location::Cart } else { Location::Saved };
        let shown = self.tabs[tab].device.cart().shown(&key, at);
        let what = if ADDED.contains(&sku) || shown == 0 { 0 } else { self.dice.below(10) };
        match what {
            0..4 => Change::Add { key, details: None, quantity, at: Location::Cart },
            4..6 => Change::Set { key, quantity, at },
            6..8 => Change::Decrement { key, quantity, at },
            8 => Change::Remove { key, at },
            _ if at == Location::Cart => Change::Move { key, to: Location::Saved },
            _ => Change::Move { key, to: Location::Cart },
        }
    }

    /// A tab sends what is not acknowledged, and takes in the answer if it comes.
    pub fn sync(&mut self, tab: usize, at: usize) {
        self.prepare(at, &Input::Read, false);
        let sent_before = self.tabs[tab].device.sent();
        let request = self.tabs[tab].device.request();
        let (bytes, crash) = (request.to_bytes(), self.crash());
        let removes: Vec<Dot> =
            self.tabs[tab].changes.iter().flat_map(|change| change.removes.clone()).collect();
        let sent = &mut self.tabs[tab].sent;
        sent.push((bytes.clone(), removes.clone()));
        if sent.len() > SENT_MAX {
            sent.remove(0);
        }
        self.tell(|world| format!("a tab syncs with {}", world.sites[at].region));
        let mut turn = self.take_request(tab, at, bytes.clone(), removes.clone(), crash);
        let (mut at, mut first) = (at, true);
        // The edge gets no answer, and makes the request again in the next region.
        if turn.reply.is_none() && self.faulty && self.dice.chance(50) {
            let start = self.sites_of(self.sites[at].cart).start;
            (at, first) = (start + (at - start + 1) % self.places(), false);
            self.faults.fire(Kind::SyncedElsewhere);
            self.tell(|world| format!("which goes on to {}", world.sites[at].region));
            self.prepare(at, &Input::Read, false);
            let crash = self.crash();
            turn = self.take_request(tab, at, bytes, removes, crash);
        }
        let heard = !self.faulty || self.dice.chance(85);
        match turn.reply.filter(|_| heard) {
            Some(Ok(reply)) => {
                let ReplyKind::Synced(bytes) = reply.kind else { return };
                let response = SyncResponse::from_bytes(&bytes).expect("its own response");
                let response = if first { response } else { response.as_first(&request) };
                self.learn(tab, &response, sent_before);
            }
            Some(Err(Reject::ActorShared)) => self.shared(tab),
            // Its lease has not come to this region yet, or was lost with a disk.
            Some(Err(Reject::ActorUnknown)) => {
                self.faults.fire(Kind::LeasedAgain);
                let actor = self.tabs[tab].device.actor();
                if let Err(Some(_)) = self.lease(at, actor) {
                    self.tabs.swap_remove(tab);
                }
            }
            Some(Err(Reject::ActorExpired | Reject::CartNotFound)) => drop(self.tabs.swap_remove(tab)),
            _ => {}
        }
    }

    /// No tab shares its actor: told so, it would make again what may have been done.
    fn shared(&mut self, tab: usize) {
        let Tab { cart, device, .. } = &self.tabs[tab];
        let text = format!("a tab is told that its actor {:?} is shared", device.actor());
        self.facts[*cart].breaks(Invariant::Honest, text);
    }

    fn learn(&mut self, tab: usize, response: &SyncResponse, sent_before: u64) {
        self.faults.fire(Kind::Synced);
        let Tab { cart, device, changes, .. } = &mut self.tabs[tab];
        if device.receive(response, sent_before) == Learned::ActorShared {
            return self.shared(tab);
        }
        let known = response.lacking.context().highest(device.actor());
        for change in changes.extract_if(.., |change| change.dot.counter <= known) {
            if let Some(known) = self.facts[*cart].known.get_mut(&change.dot) {
                known.acknowledged = true;
            }
        }
    }
}
