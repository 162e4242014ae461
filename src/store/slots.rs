//! Which database of a region holds a cart: one of 1,024 slots by the hash of its id, and each database says
//! in a table which slots it owns. Every write asks that table in its own statement, so that nobody can write
//! to a database that has given the slot away. Moving one is described in docs/adr/0013-slots-move-by-reference.md.

use std::cell::RefCell;

use cart_core::id::{CartId, Region};

/// How many slots there are, in every region.
pub const SLOTS: u16 = 1_024;

thread_local! {
    /// Slots that were found elsewhere than where they began.
    static MOVED: RefCell<Vec<(Region, u16, String)>> = const { RefCell::new(Vec::new()) };
}

/// The slot of a cart.
pub fn slot_of(cart_id: &CartId) -> u16 {
    // The scope is the first 32 bits of the SHA-256 of the id.
    (cart_id.scope().0 >> 22) as u16
}

/// Where a slot begins: as many follow one another in each database.
pub fn begins_at(slot: u16, stores: usize) -> usize {
    usize::from(slot) * stores / usize::from(SLOTS)
}

/// Where a slot was found last, if it was looked for.
pub fn last_found(region: Region, slot: u16) -> Option<String> {
    MOVED.with_borrow(|moved| {
        let (_, _, name) = moved.iter().find(|(there, at, _)| (*there, *at) == (region, slot))?;
        Some(name.clone())
    })
}

/// Remembers where a slot was found.
pub fn found(region: Region, slot: u16, database: &str) {
    MOVED.with_borrow_mut(|moved| {
        moved.retain(|(there, at, _)| (*there, *at) != (region, slot));
        moved.push((region, slot, database.to_owned()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spread_evenly() {
        for stores in 1..=7 {
            let mut counts = vec![0_u16; stores];
            (0..SLOTS).for_each(|slot| counts[begins_at(slot, stores)] += 1);
            let (least, most) = (counts.iter().min(), counts.iter().max());
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{counts:?}");
        }
    }

    #[test]
    fn a_slot_is_the_first_ten_bits_of_the_hash() {
        // sha256("c_weur_000000000000000000000000") begins with the bits of the slot.
        let id = CartId::mint(Region::Weur, [0; 15]);
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(id.as_str().as_bytes()).into();
        assert_eq!(slot_of(&id), u16::from_be_bytes([digest[0], digest[1]]) >> 6);
        assert!(slot_of(&id) < SLOTS);
    }
}
