//! The hourly sweep: carts that nobody has touched for a day give up the storage of their replicas, since the
//! stores hold all of it. A replica decides by itself whether it may; the next request brings it back.

use cart_core::id::{CartId, Region};
use cart_core::replica::{Caller, IDLE_MS, Input, ReplyKind};
use cart_core::time::Millis;
use worker::Env;

use super::{RegionStore, Row, Write, home_of, open};
use crate::call::Call;
use crate::config::Config;
use crate::error::Problem;
use crate::sys;
use crate::transport::send;

/// How many carts a run visits in each region.
const CARTS_MAX: usize = 200;

/// Visits the idle carts of every region.
pub async fn sweep(env: &Env, config: &Config) -> Result<(), Problem> {
    for place in config.regions.places.iter().filter(|place| !place.stores.is_empty()) {
        let store = open(env, config, place.region)?;
        let since = sys::now(config.skew_ms).less(IDLE_MS);
        let idle = store.idle(since, CARTS_MAX).await?;
        let (visited, left) = visit(env, config, &store, idle).await?;
        if visited > 0 {
            worker::console_log!(
                "sweep of {}: {visited} idle carts, {left} gave up their storage",
                place.region
            );
        }
    }
    Ok(())
}

async fn visit(
    env: &Env,
    config: &Config,
    store: &impl RegionStore,
    idle: Vec<(CartId, Row)>,
) -> Result<(usize, usize), Problem> {
    let visited = idle.len();
    let mut left = Vec::new();
    for (cart_id, row) in idle {
        let home = home_of(&cart_id, &row.stored);
        let replicas = row.stored.cart.replicas().iter();
        let away: Vec<Region> = replicas
            .filter(|(region, presence)| !presence.left && **region != home)
            .map(|(region, _)| *region)
            .collect();
        // The home last: the others leave by telling it.
        let mut gone = away.is_empty();
        for region in if gone { vec![home] } else { away } {
            let call = Call {
                cart_id: cart_id.clone(),
                region,
                caller: Caller::Service,
                input: Input::Retire,
                fresh: false,
                shown_by: None,
                skew_ms: config.skew_ms,
            };
            match send(env, config, &call).await {
                Ok((reply, _)) => gone &= matches!(reply.kind, ReplyKind::Answer(true)),
                Err(problem) => {
                    worker::console_error!("sweep: {}", problem.detail);
                    gone = false;
                }
            }
        }
        if gone {
            let mut after = Row { resident: false, ..row.clone() };
            after.stored.rev += 1;
            left.push(Write { cart_id, before: Some(row), after });
        }
    }
    // A row that was written meanwhile stays resident.
    let marked = if left.is_empty() { Vec::new() } else { store.write(&left, None).await? };
    Ok((visited, marked.into_iter().filter(|marked| *marked).count()))
}

/// The sweep as the event of a cron trigger: it has nobody to fail to.
pub async fn scheduled(env: &Env) {
    let swept = match Config::from_env(env) {
        Ok(config) => sweep(env, &config).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = swept {
        worker::console_error!("sweep: {}", problem.detail);
    }
}

const _: () = assert!(IDLE_MS >= Millis::DAY);
