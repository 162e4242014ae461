//! What an edit costs where nothing fails: frames and rows, in proportion to edits and holders.

use crate::regional::fault::Kind;
use crate::regional::world::World;
use crate::violation::{Check, Fault, Invariant};

/// How many frames a holder, and rows a region, each change may cost. A change is told to each holder, and
/// relayed to it by some before they know.
const MOST: (u64, u64) = (2, 4);

pub(super) fn check(world: &mut World) -> Check {
    let fails = Kind::ALL.iter().filter(|kind| kind.makes_more()).any(|kind| world.faults.count(*kind) > 0);
    if fails {
        return Ok(());
    }
    let (regions, carts) = (world.places() as u64, world.carts.len() as u64);
    let changes = world.changes + regions * carts;
    let (frames, rows) = (MOST.0 * (regions + 2) * changes, MOST.1 * regions * changes);
    let within = world.frames <= frames && world.rows <= rows;
    Fault::unless(within, Invariant::Costs, || {
        format!(
            "{} frames and {} rows for {changes} changes in {regions} regions, at most {frames} and {rows}",
            world.frames, world.rows
        )
    })
}
