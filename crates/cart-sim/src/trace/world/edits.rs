//! The edits of a trace: on a device, over plain HTTP on what a caller saw some time ago, retried at another
//! replica, and orders. Each is made by the core and told to the oracle, then held to its post-conditions.

use cart_core::cart::{Cart, Delta};
use cart_core::change::{Change, Stamp};
use cart_core::id::{Actor, Dot, Scope};
use cart_core::transplant::Transplant;

use super::messages::renamed;
use super::{FIRST_DAY, HOME, SCOPE, World, keep, tell};
use crate::trace::coverage::Mark;
use crate::trace::edit::{self, Edit};
use crate::trace::laws;
use crate::trace::oracle::{Op, Oracle};
use crate::trace::postcondition::Step;
use crate::trace::site::Site;
use crate::trace::situation;
use crate::violation::{Check, Fault};

impl World {
    /// Some edits that all sites of the user know before the trace begins.
    pub fn begin_together(&mut self) -> Check {
        for _ in 0..=self.dice.below(4) {
            let change = self.habits.change(&mut self.dice, &self.sites[HOME].cart, &self.catalog, true);
            self.own_edit(HOME, change, SCOPE)?;
        }
        for to in 1..self.users {
            self.tell_state(HOME, to)?;
        }
        Ok(())
    }

    /// A change on a device.
    pub fn device_edit(&mut self) -> Check {
        let site = self.dice.below(self.sites.len());
        let is_user = site < self.users;
        let cart = if is_user { SCOPE } else { Scope(!SCOPE.0) };
        let scope = self.habits.scope(&mut self.dice, cart);
        let change = self.habits.change(&mut self.dice, &self.sites[site].cart, &self.catalog, true);
        self.coverage.mark(if is_user { Mark::DeviceEdit } else { Mark::GuestEdit });
        self.own_edit(site, change, scope)
    }

    /// An order at the home.
    pub fn checkout(&mut self) -> Check {
        self.fences += 1;
        self.own_edit(HOME, edit::checkout(self.fences), SCOPE)
    }

    fn own_edit(&mut self, site: usize, change: Change, scope: Scope) -> Check {
        let is_device = !matches!(change, Change::Checkout { .. });
        let Site { actor, used, .. } = &mut self.sites[site];
        *used += 1;
        let edit = Edit { actor: *actor, first: *used, scope, changes: vec![change], view: None };
        self.edit(site, &edit, is_device)
    }

    /// An edit over plain HTTP: an actor of its own, and often bound to what its maker saw some time ago.
    pub fn http_edit(&mut self) -> Check {
        let site = self.any_user();
        let old = !self.views.is_empty() && self.dice.chance(50);
        let view = old.then(|| self.dice.pick(&self.views).clone());
        let seen = view.as_ref().map_or(&self.sites[site].cart, |view| &view.cart);
        let count = *self.dice.pick(&[1, 1, 1, 2, 3]);
        let changes =
            (0..count).map(|at| self.habits.change(&mut self.dice, seen, &self.catalog, at == 0)).collect();
        let scope = self.habits.scope(&mut self.dice, SCOPE);
        let actor = Actor::mint(self.day, self.dice.bits());
        let edit = Edit { actor, first: 1, scope, changes, view };
        self.coverage.mark(Mark::HttpEdit);
        self.coverage.mark_if(count > 1, Mark::EditOfSeveral);
        self.coverage.mark_if(edit.view.is_some(), Mark::OldView);
        if edit.may_be_retried() {
            keep(&mut self.retries, edit.clone(), &mut self.dice);
        }
        self.edit(site, &edit, false)
    }

    /// The same HTTP edit reaches another replica, which has not met it: the same dots are made again.
    pub fn retry(&mut self) -> Check {
        if self.retries.is_empty() {
            return Ok(());
        }
        let edit = self.dice.pick(&self.retries).clone();
        let site = self.any_user();
        let cart = &self.sites[site].cart;
        let fits = edit.view.is_some() || edit.fits(cart);
        if !fits || cart.context().contains(Dot::new(edit.actor, edit.first)) {
            return Ok(());
        }
        self.coverage.mark(Mark::Retry);
        self.retried = true;
        self.edit(site, &edit, false)
    }

    /// Makes an edit at a site, checks what it did, and sends it to the others.
    fn edit(&mut self, at: usize, edit: &Edit, is_device: bool) -> Check {
        let (mut whole, mut all_ops) = (Delta::default(), Vec::new());
        let start = self.sites[at].cart.clone();
        let mut seen = edit.view.as_ref().map(|view| {
            self.sites[at].observe(view.time);
            (Cart::clone(&view.cart), (*view.oracle).clone())
        });
        for (change, counter) in edit.changes.iter().zip(edit.first..) {
            let time = self.sites[at].tick(self.now);
            let stamp = Stamp { dot: Dot::new(edit.actor, counter), time, scope: edit.scope };
            tell(&mut self.history, || {
                let seen = if edit.view.is_some() { ", on an old view" } else { "" };
                format!("#{} site {at}: {change:?} as {:?} at {:x}{seen}", self.event, stamp.dot, time.0)
            });
            let (delta, ops) = self.change(at, &mut seen, change, stamp)?;
            whole.join(&delta);
            all_ops.extend(ops);
        }
        self.check_site(at)?;
        if self.event.is_multiple_of(2) {
            let other = self.any_user();
            laws::check_delta(&start, &whole, &self.sites[at].cart, &self.sites[other].cart)?;
        }
        let sender = is_device.then_some((edit.actor, edit.scope)).filter(|_| at < self.users);
        self.send_delta(at, &whole, all_ops, sender);
        Ok(())
    }

    /// Makes one change at a site, on what it has or on a view, and checks what the change did.
    fn change(
        &mut self,
        at: usize,
        view: &mut Option<(Cart, Oracle)>,
        change: &Change,
        stamp: Stamp,
    ) -> Result<(Delta, Vec<Op>), Fault> {
        let site = &mut self.sites[at];
        let before = site.cart.clone();
        let (cart, oracle) =
            view.as_ref().map_or((&site.cart, &site.oracle), |(cart, oracle)| (cart, oracle));
        let (delta, ops) = (cart.change(change, stamp), oracle.change(change, stamp, &self.catalog));
        site.apply(&delta, &ops);
        let seen_before = view.as_ref().map(|(cart, _)| cart.clone());
        if let Some((cart, oracle)) = view {
            cart.join(&delta);
            ops.iter().for_each(|op| oracle.apply(op));
        }
        let seen_after = view.as_ref().map_or(&site.cart, |(cart, _)| cart);
        let step = Step {
            change,
            stamp,
            seen: (seen_before.as_ref().unwrap_or(&before), seen_after),
            state: (&before, &site.cart),
            delta: &delta,
        };
        situation::mark_step(&mut self.coverage, &step);
        let (born, gone) = (step.bears().then_some(stamp.dot), step.observed());
        if let Change::Checkout { fence, order } = change {
            self.witness.fence(*fence, *order);
        }
        step.check()?;
        self.witness.remove(gone.iter().copied());
        if at < self.users {
            self.witness.acknowledge(born);
        } else {
            let at = FIRST_DAY.start();
            let transplant = Transplant { from: &self.guest_cart, sealed: FIRST_DAY, at };
            let elsewhere = |dot: Dot| Dot::new(renamed(&transplant, dot.actor), dot.counter);
            self.witness.acknowledge(born.map(elsewhere));
            self.witness.remove(gone.into_iter().map(elsewhere));
        }
        Ok((delta, ops))
    }
}
