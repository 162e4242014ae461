//! What is known to have been written to disks, dot by dot: which edits, what they removed, what was lost with
//! the last disk that had it. Followed without joins, by what the rows show before and after each turn.

use std::collections::{BTreeMap, BTreeSet};

use cart_core::id::Dot;
use cart_core::ties::Ties;

use super::site::Held;
use crate::violation::{Check, Fault, Invariant};

/// An edit that is on a disk, or was.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its key.
    pub key: String,
    /// How many it adds.
    pub quantity: u64,
    /// Whether its maker was told.
    pub acknowledged: bool,
    /// Whether it left a contribution.
    pub contributes: bool,
}

/// All of it.
#[derive(Default)]
pub struct Facts {
    /// The edits, by their dots.
    pub known: BTreeMap<Dot, Known>,
    /// Edits of a guest's cart, by the dots that they have where it was merged.
    pub aliases: BTreeMap<Dot, Known>,
    /// What edits have removed, having seen it.
    pub removed: BTreeSet<Dot>,
    /// Dots that no disk had any more at some moment, or whose removal none had: either may be seen.
    pub excused: BTreeSet<Dot>,
    /// The ties that some disk has.
    pub ties: Option<Ties>,
    /// Whether a disk was lost, but what it had told is still on its way: ties come to disks with frames, too.
    pub lost: bool,
    /// Whether some disk has it that the cart was erased.
    pub erased: bool,
    /// Whether it was ever erased.
    pub ever_erased: bool,
    /// The first promise that a turn has broken.
    pub broken: Option<Fault>,
}

impl Facts {
    /// An edit is on the disk of its replica.
    pub fn note(&mut self, dot: Dot, key: &str, quantity: u64, held: &Held, acknowledged: bool) {
        let contributes = held.shows(dot);
        let known = self.known.entry(dot).or_insert_with(|| Known {
            key: key.to_owned(),
            quantity,
            acknowledged,
            contributes,
        });
        known.acknowledged |= acknowledged;
        known.contributes |= contributes;
    }

    /// A row that held `before` now holds `after`, by an edit or by what another holder told.
    pub fn follow(&mut self, before: Option<&Held>, after: Option<&Held>, by_edit: bool, place: &str) {
        let Some(after) = after else { return };
        if after.cart.is_erased() {
            (self.erased, self.ever_erased) = (true, true);
            return;
        }
        let none = Vec::new();
        let gone = before.map_or(&none, |before| &before.live).iter().filter(|dot| !after.shows(**dot));
        for dot in gone {
            if by_edit {
                self.removed.insert(*dot);
                self.excused.remove(dot);
            } else if !self.removed.contains(dot) && !self.excused.contains(dot) {
                let text = format!("{dot:?} left {place}, and no edit has removed it");
                self.breaks(Invariant::I1NoLostAdd, text);
            }
        }
        let Some(before) = before else { return };
        if let Some(dot) = after.live.iter().find(|dot| !before.shows(**dot) && before.knows(**dot)) {
            self.breaks(Invariant::I2NoReturn, format!("{dot:?} is back in {place}, which had it removed"));
        }
    }

    /// A promise is broken, if none was before.
    pub fn breaks(&mut self, invariant: Invariant, text: String) {
        self.broken.get_or_insert(Fault { invariant, text });
    }

    /// As a check that is passed on.
    pub fn check(&self) -> Check {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// All dots that may be in the cart.
    pub fn dots(&self) -> impl Iterator<Item = &Dot> {
        self.known.keys().chain(self.aliases.keys())
    }

    /// The edit of a dot.
    pub fn made(&self, dot: Dot) -> Option<&Known> {
        self.known.get(&dot).or_else(|| self.aliases.get(&dot))
    }

    /// A disk was lost, which held `lost`; `left` are the others.
    pub fn lose(&mut self, lost: Option<&Held>, left: &[&Held], ties: Vec<Ties>) {
        self.erased = left.iter().any(|held| held.cart.is_erased());
        self.lost = true;
        let unknown = |dot: &&Dot| !left.iter().any(|held| held.knows(**dot));
        self.excused.extend(self.known.keys().filter(unknown));
        // What the guest's cart has not handed over yet is still to come.
        let came = |dot: &&Dot| lost.is_some_and(|lost| lost.knows(**dot));
        self.excused.extend(self.aliases.keys().filter(|dot| came(dot) && unknown(dot)));
        let undone = |dot: &&Dot| !left.iter().any(|held| held.knows(**dot) && !held.shows(**dot));
        self.excused.extend(self.removed.iter().filter(undone));
        self.ties = ties.into_iter().reduce(|mut one, other| {
            one.join(&other);
            one
        });
    }
}
