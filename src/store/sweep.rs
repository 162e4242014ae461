//! The sweep: carts that nobody has touched for a day give up the storage of their replicas, since the stores hold
//! all of it. Who is called is the core's decision, by the row of any store that has the cart; a replica decides by
//! itself whether it may go. The next request brings it back. Those who cannot go keep nobody else.

use cart_core::id::{CartId, Region};
use cart_core::replica::{IDLE_MS, Input, ReplyKind};
use cart_core::time::Millis;
use futures_util::future::join_all;
use worker::Env;

use crate::cart::call::{Call, send};
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::backfill;
use crate::store::databases::D1Store;
use crate::store::orders::Stepped;
use crate::store::region::{Place, RegionStore as _, Row, Write};

/// How many carts a step visits. Of each at most all regions are called, and its row read and written.
const CARTS_MAX: usize = 100;

/// Visits the next of the idle carts of a database.
pub async fn step(
    env: &Env,
    config: &Config,
    store: &D1Store,
    database: &str,
    after: &Place,
) -> Result<Stepped, Problem> {
    let before = clock::now(config.skew_ms).less(IDLE_MS);
    let (idle, next) = store.at_rest(database, true, before, after, CARTS_MAX).await?;
    let passed = idle.len();
    let belongs = |(cart_id, row): &(CartId, Row)| row.stored.belongs(cart_id, store.region, &config.regions);
    let (idle, strays): (Vec<_>, Vec<_>) = idle.into_iter().partition(belongs);
    // A letter of before the pairs were others has come since.
    if !strays.is_empty() {
        backfill::give_on(env, config, store, database, strays).await?;
    }
    let visits = idle.into_iter().map(async |(cart_id, row)| {
        goes(env, config, store.region, &cart_id, &row).await.then(|| {
            let mut after = Row { resident: false, ..row.clone() };
            after.stored.rev += 1;
            Write { cart_id, before: Some(row), after }
        })
    });
    let left: Vec<Write> = join_all(visits).await.into_iter().flatten().collect();
    // A row that was written meanwhile stays resident.
    let marked = if left.is_empty() { Vec::new() } else { store.write(&left, None).await? };
    let done = marked.into_iter().filter(|marked| *marked).count();
    Ok(Stepped { passed, done, next })
}

/// Tells the replicas of a cart to go; whether none is left. The home is the last: the others leave by telling it.
async fn goes(env: &Env, config: &Config, store: Region, cart_id: &CartId, row: &Row) -> bool {
    let visit = row.stored.visit(cart_id, &config.regions);
    let call = async |region, input| {
        let call = Call::of_service(cart_id.clone(), region, input, config.skew_ms);
        let reply = send(env, config, store, &call).await.map(|(reply, _)| reply.kind);
        let next = "the next sweep comes again";
        let failed = |problem: &Problem| log::failed_for(cart_id, "sweep a cart", &problem.detail, next);
        reply.inspect_err(failed).ok()
    };
    let bytes = if visit.tell.is_empty() { Vec::new() } else { row.stored.frame(store).to_bytes() };
    for region in visit.tell {
        call(region, Input::Frame { bytes: bytes.clone() }).await;
    }
    let mut gone = true;
    for region in visit.away {
        gone &= call(region, Input::Retire).await == Some(ReplyKind::Answer(true));
    }
    let Some(home) = visit.home.filter(|_| gone) else { return gone };
    match visit.to {
        Some(to) => {
            call(home, Input::HandOver { to }).await;
            false
        }
        None => call(home, Input::Retire).await == Some(ReplyKind::Answer(true)),
    }
}

const _: () = assert!(IDLE_MS >= Millis::DAY);
