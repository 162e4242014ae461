//! The hourly sweep: carts that nobody has touched for a day give up the storage of their replicas, since the
//! stores hold all of it. A replica decides by itself whether it may; the next request brings it back. A run
//! that has not come to the end goes on in the next one, so that those who cannot go keep nobody else.

use cart_core::id::{CartId, Region};
use cart_core::replica::{IDLE_MS, Input, ReplyKind};
use cart_core::time::Millis;
use futures_util::future::join_all;
use worker::Env;

use super::{RegionStore, Row, Write, dead, home_of, open};
use crate::call::Call;
use crate::config::Config;
use crate::error::Problem;
use crate::sys;
use crate::transport::send;

/// How many carts are visited together, and how many such pages in a run, in each region.
const PAGE: usize = 100;
const PAGES_MAX: usize = 50;

/// Visits the idle carts of a region that is served here.
async fn sweep(env: &Env, config: &Config, region: Region) -> Result<(), Problem> {
    let store = open(env, config, region)?;
    let since = sys::now(config.skew_ms).less(IDLE_MS);
    let (mut visited, mut left) = (0, 0);
    let mut after = store.sweep_from().await?;
    for _ in 0..PAGES_MAX {
        let (idle, last) = store.idle(since, &after, PAGE).await?;
        visited += idle.len();
        left += visit(env, config, region, &store, idle).await?;
        // One that does not go stays where it is: on past it.
        store.swept(last.as_ref()).await?;
        let Some(last) = last else { break };
        after = last;
    }
    if visited > 0 {
        worker::console_log!("sweep of {region}: {visited} idle carts, {left} gave up their storage");
    }
    Ok(())
}

/// Visits carts; how many have gone.
async fn visit(
    env: &Env,
    config: &Config,
    region: Region,
    store: &impl RegionStore,
    idle: Vec<(CartId, Row)>,
) -> Result<usize, Problem> {
    let visits = idle.into_iter().map(async |(cart_id, row)| {
        goes(env, config, region, &cart_id, &row).await.then(|| {
            let mut after = Row { resident: false, ..row.clone() };
            after.stored.rev += 1;
            Write { cart_id, before: Some(row), after }
        })
    });
    let left: Vec<Write> = join_all(visits).await.into_iter().flatten().collect();
    // A row that was written meanwhile stays resident.
    let marked = if left.is_empty() { Vec::new() } else { store.write(&left, None).await? };
    Ok(marked.into_iter().filter(|marked| *marked).count())
}

/// Tells the replicas of a cart to go; whether the home has. It is the last: the others leave by telling it.
async fn goes(env: &Env, config: &Config, store: Region, cart_id: &CartId, row: &Row) -> bool {
    let home = home_of(cart_id, &row.stored.cart);
    let call = async |region, input| {
        let call = Call::of_service(cart_id.clone(), region, input, config.skew_ms);
        send(env, config, store, &call).await
    };
    if row.stored.cart.home().is_some() {
        // What a home that was lost had put into the queue may have come when all others had looked here.
        let bytes = row.stored.frame(store).to_bytes();
        let first = Some(cart_id.first_home()).filter(|first| *first != home);
        for region in [home].into_iter().chain(first) {
            if let Err(problem) = call(region, Input::Frame { bytes: bytes.clone() }).await {
                worker::console_error!("sweep: {}", problem.detail);
            }
        }
    }
    let replicas = row.stored.cart.replicas().iter();
    let away: Vec<Region> = replicas
        .filter(|(region, presence)| !presence.left && **region != home)
        .map(|(region, _)| *region)
        .collect();
    let mut gone = away.is_empty();
    for region in if gone { vec![home] } else { away } {
        match call(region, Input::Retire).await {
            Ok((reply, _)) => gone &= matches!(reply.kind, ReplyKind::Answer(true)),
            Err(problem) => {
                worker::console_error!("sweep: {}", problem.detail);
                gone = false;
            }
        }
    }
    gone
}

/// The sweep as the event of a cron trigger: it has nobody to fail to.
pub async fn scheduled(env: &Env) {
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(problem) => return worker::console_error!("sweep: {}", problem.detail),
    };
    // Together: one that has much to do, or whose store is down, keeps no other waiting.
    join_all(dead::here(&config).map(async |region| {
        if let Err(problem) = sweep(env, &config, region).await {
            worker::console_error!("sweep of {region}: {}", problem.detail);
        }
    }))
    .await;
}

const _: () = assert!(IDLE_MS >= Millis::DAY);
