//! Rows given to other stores, where pairs have changed: every row of a store is joined into those that hold the
//! carts of its home now. What a store has that is no longer one of them goes once they have it. A cart whose region
//! closes is marked for the sweep, which gives it another home.

use cart_core::id::{CartId, Region};
use cart_core::packed::unpack;
use worker::Env;

use crate::platform::config::Config;
use crate::platform::deadline::CALL_MS;
use crate::platform::problem::Problem;
use crate::store::call::Errand;
use crate::store::databases::D1Store;
use crate::store::errands::ask;
use crate::store::orders::Stepped;
use crate::store::region::{Place, RegionStore as _, Row, Write, push};

/// How many rows a step gives.
const ROWS_MAX: usize = 40;
/// How many bytes of frames go together, at most, unless one has more.
const BYTES_MAX: usize = 512 * 1_024;

/// Gives the next rows of a database.
pub async fn step(
    env: &Env,
    config: &Config,
    store: &D1Store,
    database: &str,
    after: &Place,
) -> Result<Stepped, Problem> {
    let (rows, next) = store.all_rows(database, after, ROWS_MAX).await?;
    let passed = rows.len();
    let closes = |(cart_id, row): &&(CartId, Row)| {
        !row.resident && row.stored.visit(cart_id, &config.regions).to.is_some()
    };
    let mark = |(cart_id, row): &(CartId, Row)| {
        let mut after = Row { resident: true, ..row.clone() };
        after.stored.rev += 1;
        Write { cart_id: cart_id.clone(), before: Some(row.clone()), after }
    };
    let marks: Vec<Write> = rows.iter().filter(closes).map(mark).collect();
    let done = give_on(env, config, store, database, rows).await?;
    if !marks.is_empty() {
        store.write(&marks, None).await?;
    }
    Ok(Stepped { passed, done, next })
}

/// Frames, each with its cart.
type Frames = Vec<(CartId, Vec<u8>)>;

/// Joins rows into those of the stores that hold the carts, and deletes those that do not belong here once they are
/// durable there. How many of them were not there like that.
pub async fn give_on(
    env: &Env,
    config: &Config,
    store: &D1Store,
    database: &str,
    rows: Vec<(CartId, Row)>,
) -> Result<usize, Problem> {
    let mut given: Vec<(Region, Frames)> = Vec::new();
    for (cart_id, row) in &rows {
        let others = config.regions.stores_of(row.stored.home(cart_id)).into_iter();
        let frame = row.stored.frame(store.region).to_bytes();
        let others = others.filter(|there| *there != store.region);
        others.for_each(|there| push(&mut given, there, (cart_id.clone(), frame.clone())));
    }
    let mut done = 0;
    for (there, frames) in given {
        for some in parcels(frames) {
            done += give(env, config, there, some).await?;
        }
    }
    let belongs = |(cart_id, row): &(CartId, Row)| row.stored.belongs(cart_id, store.region, &config.regions);
    let leaves: Vec<_> = rows.into_iter().filter(|row| !belongs(row)).collect();
    store.leave(database, &leaves).await?;
    Ok(done)
}

/// Frames in their order, as they go together.
fn parcels(frames: Frames) -> Vec<Frames> {
    let (mut parcels, mut size): (Vec<Frames>, usize) = (Vec::new(), 0);
    for frame in frames {
        size += frame.1.len();
        match parcels.last_mut() {
            Some(parcel) if size <= BYTES_MAX => parcel.push(frame),
            _ => {
                size = frame.1.len();
                parcels.push(vec![frame]);
            }
        }
    }
    parcels
}

/// How many of the rows the other store did not have like that.
async fn give(env: &Env, config: &Config, store: Region, frames: Frames) -> Result<usize, Problem> {
    let bytes = ask(env, config, Errand::Keep { store, frames }, CALL_MS).await?;
    Ok(unpack::<u64>(&bytes)? as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::peers::CALL_BYTES_MAX;
    use cart_core::frame::FRAME_BYTES_MAX;
    use cart_core::packed::pack;

    #[test]
    fn what_goes_together_fits_a_call() {
        let frame = |bytes: &usize| (CartId::mint(Region::Weur, [1; 15]), vec![7; *bytes]);
        for (sizes, together) in [
            (&[][..], &[][..]),
            (&[1, 2, 3], &[3][..]),
            (&[BYTES_MAX / 2; 5], &[2, 2, 1]),
            (&[BYTES_MAX - 1, FRAME_BYTES_MAX, 1], &[1, 1, 1]),
            (&[FRAME_BYTES_MAX, FRAME_BYTES_MAX], &[1, 1]),
            (&[1; ROWS_MAX], &[ROWS_MAX]),
        ] {
            let frames: Frames = sizes.iter().map(frame).collect();
            let parcels = parcels(frames.clone());
            assert_eq!(parcels.concat(), frames, "all of them, in their order");
            assert_eq!(parcels.iter().map(Vec::len).collect::<Vec<_>>(), together);
            for frames in parcels {
                let call = pack(&Errand::Keep { store: Region::Enam, frames }).len();
                assert!(call <= CALL_BYTES_MAX, "{sizes:?}: a call of {call} bytes");
            }
        }
    }
}
