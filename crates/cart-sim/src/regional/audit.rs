//! The auditors: once everything is healed and quiet, all holders of the cart have the same bytes, what was
//! acknowledged is there once, nothing removed is back, and they have stopped talking.

use std::collections::BTreeMap;

use cart_core::line::{LineKey, Location};
use cart_core::replica::ASK_MS;

use super::shopper::ADDED;
use super::world::World;
use crate::violation::{Check, Fault, Invariant};

/// The most that may still come once nothing changes any more, for each pair of holders. Backoffs and
/// receipts of stores are what is left.
const QUIET_MAX: usize = 60;

impl World {
    /// Ends all faults and lets everything come that is due, until nothing is.
    pub fn heal(&mut self) -> Check {
        self.end_faults();
        let most = QUIET_MAX * (self.sites.len() + 2) * (self.sites.len() + 2);
        for _ in 0..6 {
            self.look_everywhere();
            let mut came = 0;
            while let Some((at, due)) = self.next_due() {
                self.now = self.now.max(at);
                self.come(due);
                came += 1;
                Fault::unless(came <= most, Invariant::Quiet, || {
                    format!("{came} letters and alarms after the last change, and no end")
                })?;
            }
            // What waits for a receipt that was lost is sent again by the next request, and a home that was
            // not heard of is asked.
            self.now = self.now.plus(ASK_MS);
        }
        Ok(())
    }

    /// What must hold in the end. Returns the bytes in which all ended.
    pub fn audit(&mut self) -> Result<Vec<u8>, Fault> {
        let holders = self.holders();
        self.tell(|_| holders);
        let home = (0..self.sites.len()).filter_map(|at| self.sites[at].stored().map(|cart| (at, cart)));
        let Some((first, cart)) = home.into_iter().next() else {
            return Ok(Vec::new());
        };
        for at in 0..self.sites.len() {
            let Some(other) = self.sites[at].stored() else { continue };
            if other != cart {
                let (one, two) = (self.sites[first].region, self.sites[at].region);
                let holders = self.holders();
                return Err(Fault {
                    invariant: Invariant::I6SameEnd,
                    text: format!("{one} and {two} are not equal:\n    {cart:?}\n    {other:?}\n{holders}"),
                });
            }
        }
        let fresh = 0;
        let now = self.now;
        let replica = self.sites[first].replica(&self.cart, &self.regions, fresh, now);
        let (home, ties, stores) = (replica.home().region, replica.book().ties.clone(), replica.stores());
        let at_home = self.sites.iter().any(|site| site.region == home && site.row.is_some());
        for region in stores.into_iter().filter(|_| at_home) {
            let stored = self.stores.iter().find(|store| store.region == region);
            let row = stored.and_then(|store| store.row.as_ref());
            let equal = row.is_some_and(|row| row.cart == cart && row.ties == ties);
            Fault::unless(equal, Invariant::Stores, || {
                format!("the store of {region} is not equal:\n    {cart:?} {ties:?}\n    {row:?}")
            })?;
        }
        self.audit_adds(&cart)?;
        let back = cart.lines().flat_map(|(_, line)| line.iter()).map(|(dot, _)| dot);
        let back = back.into_iter().find(|dot| self.dead.contains(dot));
        Fault::unless(back.is_none(), Invariant::I2NoReturn, || format!("{back:?} was removed and is back"))?;
        Ok(cart.to_bytes())
    }

    /// Of what was only added, each acknowledged add is there once; such as no disk had any more may be.
    fn audit_adds(&self, cart: &cart_core::cart::Cart) -> Check {
        let mut least: BTreeMap<&str, u64> = BTreeMap::new();
        for (dot, (sku, quantity)) in &self.acknowledged {
            // The home's horizon does not wait for a replica that it does not know of: see docs/adr/0012.
            let passed = dot.actor.day() < cart.context().horizon() && self.unheard.contains(dot);
            if self.lost.contains(dot) || passed {
                continue;
            }
            let key = LineKey::new(sku, None, None).expect("a key");
            let there = cart.line(&key).is_some_and(|line| line.get(*dot).is_some());
            Fault::unless(there, Invariant::I1NoLostAdd, || {
                let seen = cart.context().contains(*dot);
                format!("{sku} {quantity} of {dot:?} was acknowledged and is not there (seen: {seen})")
            })?;
            *least.entry(sku).or_default() += quantity;
        }
        for sku in ADDED {
            let key = LineKey::new(sku, None, None).expect("a key");
            let shown = cart.shown(&key, Location::Cart);
            let dots = cart.line(&key).map_or(0, |line| line.count() as u64);
            let least = least.get(sku).copied().unwrap_or_default();
            // An edit that was not acknowledged, or lost and made again, adds at most three by its one dot.
            Fault::unless((least..=dots * 3).contains(&shown), Invariant::I1NoLostAdd, || {
                format!("{sku} shows {shown}; {least} were acknowledged, in {dots} dots")
            })?;
        }
        Ok(())
    }

    /// What each replica takes for known elsewhere.
    fn holders(&mut self) -> String {
        let mut text = String::new();
        for at in 0..self.sites.len() {
            let (stored, now) = (self.sites[at].row.is_some(), self.now);
            let replica = self.sites[at].replica(&self.cart, &self.regions, 0, now);
            let (book, home) = (replica.book(), replica.home());
            text += &format!(
                "    {} stored: {stored}, incarnation {:x}, sequence {}, home {} of term {}, replicas {:?}\n",
                book.region,
                book.incarnation,
                book.sequence,
                home.region,
                home.term,
                replica.replicas().collect::<Vec<_>>()
            );
            for (holder, link) in &book.links {
                text += &format!("        {holder}: {link:x?}\n");
            }
        }
        text
    }
}
