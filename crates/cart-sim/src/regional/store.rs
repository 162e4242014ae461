//! The store of a region: a row that changes by compare-and-set on its `rev`, written by two consumers of a
//! queue that race each other.

use cart_core::frame::{Frame, Holder};
use cart_core::id::Region;
use cart_core::store::{self, Stored, Taken};
use cart_core::time::Millis;

use super::fault::{Faults, Kind};
use super::site::Held;
use crate::dice::Dice;

/// A store.
pub struct Store {
    /// Of which cart the row is.
    pub cart: usize,
    /// Where it is.
    pub region: Region,
    /// It takes nothing and tells nothing.
    pub down: bool,
    /// The cart's row.
    pub row: Option<Stored>,
    /// A replica may have its storage, as far as the sweep of the store knows.
    pub resident: bool,
    /// When the row was last written.
    pub updated: Millis,
    /// What it holds.
    pub held: Option<Held>,
    /// Whether it once lost the row, or what was last written to it.
    pub lost: bool,
    /// What the row was before it was last written.
    older: Option<Stored>,
}

impl Store {
    /// A store without the cart.
    pub fn new(cart: usize, region: Region) -> Self {
        Self {
            cart,
            region,
            down: false,
            row: None,
            resident: false,
            updated: Millis(0),
            held: None,
            lost: false,
            older: None,
        }
    }

    /// Whether it is a frame that no consumer can take.
    pub fn is_poison(&self, frame: &Frame) -> bool {
        store::take(self.row.as_ref(), std::slice::from_ref(frame), self.region, 0).is_err()
    }

    /// Two consumers take what has come: both read, one writes, the other finds another `rev` and reads again.
    /// What is to be told to the senders of each consumer's frames.
    pub fn take(
        &mut self,
        batches: &[Vec<Frame>],
        now: Millis,
        dice: &mut Dice,
        faults: &mut Faults,
    ) -> Vec<Taken> {
        let read = self.row.clone();
        let mut all = Vec::new();
        for batch in batches {
            let first = store::take(read.as_ref(), batch, self.region, dice.bits());
            let taken = match first {
                Ok(taken) if self.sets(read.as_ref(), &taken, now) => taken,
                _ => {
                    faults.fire(Kind::StoreRace);
                    let again = self.row.clone();
                    let taken = store::take(again.as_ref(), batch, self.region, dice.bits());
                    let taken = taken.expect("frames that were read before");
                    self.sets(again.as_ref(), &taken, now);
                    taken
                }
            };
            // Whoever sent it has its storage, or has it again by the answer. Of a home that has moved the sweep of
            // each store makes one again, which tells the others: they would call it without end.
            let moved = self.row.as_ref().is_some_and(|row| row.cart.home().is_some());
            let by_replica = batch.iter().any(|frame| matches!(frame.from, Holder::Replica(_)));
            self.resident |= taken.answer.is_some() || by_replica && !moved;
            all.push(taken);
        }
        all
    }

    /// Writes only if the row is as it was read. What needs no write needs no look either.
    fn sets(&mut self, read: Option<&Stored>, taken: &Taken, now: Millis) -> bool {
        let rev = |row: Option<&Stored>| row.map(|row| (row.incarnation, row.rev));
        match &taken.write {
            None => true,
            Some(row) if rev(read) == rev(self.row.as_ref()) => {
                self.held = Some(Held::of(&row.cart));
                (self.resident, self.updated) = (true, now);
                self.older = self.row.replace(row.clone());
                true
            }
            Some(_) => false,
        }
    }

    /// The row is lost.
    pub fn lose(&mut self) {
        self.lost = true;
        self.drop_row();
    }

    /// The row goes, as it is looked for elsewhere.
    pub fn drop_row(&mut self) {
        (self.row, self.held, self.older) = (None, None, None);
    }

    /// The row is put back to what it was.
    pub fn put_back(&mut self) {
        if let Some(older) = self.older.take() {
            self.lost = true;
            self.held = Some(Held::of(&older.cart));
            self.row = Some(older);
        }
    }

    /// Whether it can be.
    pub fn has_older(&self) -> bool {
        self.older.is_some()
    }
}
