//! The witness: it remembers what was acknowledged and what was removed by whom saw it, over all sites,
//! and holds every site to it. It knows no merge rules, only I1, I2 and I4.

use std::collections::{BTreeMap, BTreeSet};

use cart_core::cart::Cart;
use cart_core::id::{Dot, OrderId};

use crate::violation::{Check, Fault, Invariant};

/// What has happened in a trace.
#[derive(Debug, Default)]
pub struct Witness {
    acknowledged: BTreeSet<Dot>,
    removed: BTreeSet<Dot>,
    fences: BTreeMap<u64, OrderId>,
}

/// What one site has had.
#[derive(Debug, Default)]
pub struct Memory {
    live: Vec<Dot>,
    gone: BTreeSet<Dot>,
}

impl Witness {
    /// A contribution was acknowledged, if one was born.
    pub fn acknowledge(&mut self, born: Option<Dot>) {
        self.acknowledged.extend(born);
    }

    /// Contributions were removed by a change whose maker saw them.
    pub fn remove(&mut self, observed: impl IntoIterator<Item = Dot>) {
        self.removed.extend(observed);
    }

    /// An order was made.
    pub fn fence(&mut self, fence: u64, order: OrderId) {
        self.fences.insert(fence, order);
    }

    /// Looks at a site after a step.
    pub fn look(&self, memory: &mut Memory, cart: &Cart) -> Check {
        let live = live_dots(cart);
        for dot in memory.live.iter().filter(|dot| live.binary_search(dot).is_err()) {
            Fault::unless(self.removed.contains(dot), Invariant::I1NoLostAdd, || {
                format!("{dot:?} left, but no removal had seen it")
            })?;
            memory.gone.insert(*dot);
        }
        if let Some(dot) = live.iter().find(|dot| memory.gone.contains(dot)) {
            let text = format!("{dot:?} had left and is back");
            return Err(Fault { invariant: Invariant::I2NoReturn, text });
        }
        memory.live = live;
        for (fence, order) in cart.fences() {
            Fault::unless(self.fences.get(fence) == Some(order), Invariant::I4Fences, || {
                format!("fence {fence} is {order:?}, but {:?} was written", self.fences.get(fence))
            })?;
        }
        Ok(())
    }

    /// Looks at the state in which all ended.
    pub fn look_at_end(&self, cart: &Cart) -> Check {
        let live: BTreeSet<Dot> = live_dots(cart).into_iter().collect();
        let lost = self.acknowledged.iter().find(|dot| !live.contains(dot) && !self.removed.contains(dot));
        if let Some(dot) = lost {
            let text = format!("{dot:?} was acknowledged and never seen by a removal, but is not there");
            return Err(Fault { invariant: Invariant::I1NoLostAdd, text });
        }
        if let Some(dot) = live.iter().find(|dot| self.removed.contains(dot)) {
            let text = format!("{dot:?} was removed but is there in the end");
            return Err(Fault { invariant: Invariant::I2NoReturn, text });
        }
        Fault::unless(cart.fences().iter().eq(&self.fences), Invariant::I4Fences, || {
            format!("fences are {:?} in the end, but {:?} were written", cart.fences(), self.fences)
        })
    }
}

/// The dots of all contributions that have been met and not removed, sorted.
fn live_dots(cart: &Cart) -> Vec<Dot> {
    let contributions = cart.lines().flat_map(|(_, line)| line.iter());
    let met = contributions.filter(|(_, contribution)| contribution.payload.is_some());
    let mut live: Vec<Dot> = met.map(|(dot, _)| dot).collect();
    live.sort_unstable();
    live
}
