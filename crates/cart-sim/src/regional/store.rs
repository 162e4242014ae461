//! The store of a region: a row, a queue before it that repeats and reorders, consumers that race.

use cart_core::frame::Frame;
use cart_core::id::Region;
use cart_core::store::{self, Stored, Taken};

use super::fault::{FaultKind, Faults};
use crate::dice::Dice;

/// A store.
pub struct Store {
    /// Where it is.
    pub region: Region,
    /// It takes nothing and tells nothing.
    pub down: bool,
    /// The cart's row.
    pub row: Option<Stored>,
}

impl Store {
    /// Takes a batch from the queue. Now and then another consumer was there first: then it reads again.
    pub fn take(&mut self, frames: &[Frame], dice: &mut Dice, faults: &mut Faults) -> Option<Taken> {
        if self.down {
            faults.fire(FaultKind::StoreDown);
            return None;
        }
        let mut read = self.row.clone();
        if frames.len() > 1 && dice.chance(30) {
            let first = store::take(self.row.as_ref(), &frames[..1], self.region, dice.bits()).ok()?;
            self.write(first.write);
        }
        loop {
            let taken = store::take(read.as_ref(), frames, self.region, dice.bits()).ok()?;
            let unchanged = read.as_ref().map(|row| row.rev) == self.row.as_ref().map(|row| row.rev);
            if unchanged {
                self.write(taken.write.clone());
                return Some(taken);
            }
            faults.fire(FaultKind::StoreRace);
            read = self.row.clone();
        }
    }

    fn write(&mut self, row: Option<Stored>) {
        if let Some(row) = row {
            self.row = Some(row);
        }
    }
}
