//! Rows given to other stores, where pairs have changed: every row of a store is joined into those that hold the
//! carts of its home now. What a store has that is no longer one of them goes once they have it. A cart whose region
//! closes is marked for the sweep, which gives it another home.

use cart_core::id::{CartId, Region};
use cart_core::packed::unpack;
use worker::Env;

use super::d1::D1Store;
use super::walk::{Place, Stepped};
use super::{RegionStore as _, Row, Write, ask, push};
use crate::config::Config;
use crate::error::Problem;
use crate::letter::Errand;
use crate::transport::CALL_MS;

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
    let (mut given, mut leaves, mut marks): (Vec<(Region, Vec<(CartId, Vec<u8>)>)>, _, _) =
        (Vec::new(), Vec::new(), Vec::new());
    for (cart_id, row) in rows {
        let home = row.stored.home(&cart_id);
        let others = config.regions.stores_of(home).into_iter().filter(|there| *there != store.region);
        let frame = row.stored.frame(store.region).to_bytes();
        others.for_each(|there| push(&mut given, there, (cart_id.clone(), frame.clone())));
        // Once a home has moved, all stores hold the cart.
        let moved = row.stored.cart.home().is_some();
        if !moved
            && config.regions.place(home).is_some()
            && !config.regions.holding(home).contains(&store.region)
        {
            leaves.push((cart_id, row));
        } else if !row.resident && row.stored.visit(&cart_id, &config.regions).to.is_some() {
            let mut after = Row { resident: true, ..row.clone() };
            after.stored.rev += 1;
            marks.push(Write { cart_id, before: Some(row), after });
        }
    }
    let mut done = 0;
    for (there, frames) in given {
        let mut some = Vec::new();
        let mut size = 0;
        for frame in frames {
            size += frame.1.len();
            some.push(frame);
            if size >= BYTES_MAX {
                done += give(env, config, there, std::mem::take(&mut some)).await?;
                size = 0;
            }
        }
        if !some.is_empty() {
            done += give(env, config, there, some).await?;
        }
    }
    if !marks.is_empty() {
        store.write(&marks, None).await?;
    }
    // All of it is durable where it belongs.
    store.leave(database, &leaves).await?;
    Ok(Stepped { passed, done, next })
}

/// How many of the rows the other store did not have like that.
async fn give(
    env: &Env,
    config: &Config,
    store: Region,
    frames: Vec<(CartId, Vec<u8>)>,
) -> Result<usize, Problem> {
    let bytes = ask(env, config, Errand::Keep { store, frames }, CALL_MS).await?;
    Ok(unpack::<u64>(&bytes)? as usize)
}
