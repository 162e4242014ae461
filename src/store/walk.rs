//! Walks through the rows of stores: the sweep of idle carts, the end of old ones, that of dead letters, and the rows
//! given to other stores where pairs have changed. A database has a record of each walk. A step is a message of the
//! region's queue: it does what is next by the record, moves that on only if no other step has, and sends the next.
//! So it is bounded, may come twice or never, and what was lost the cron begins again where it was.

use cart_core::time::Millis;
use futures_util::future::join_all;
use worker::Env;

use crate::net::breakers::calls;
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::databases::{D1Store, open, queries};
use crate::store::orders::{Order, Stepped, Walk, send};
use crate::store::rows::fields::{number, text};
use crate::store::rows::walks::{BEGIN, Record, records};
use crate::store::{backfill, dead, ends, sweep};

/// How many databases of a region are looked at by one message that begins walks.
const BEGIN_MAX: usize = 50;
/// A walk whose last step is so long ago was lost, in milliseconds.
const LOST_MS: u64 = 10 * 60 * Millis::SECOND;
/// How often the walks begin that need not begin each hour, in milliseconds.
const DAILY_MS: u64 = 20 * 3_600 * Millis::SECOND;
/// How many dead letters are looked at in a step.
const LETTERS_MAX: usize = 40;

impl Walk {
    const ALL: [Self; 4] = [Self::Sweep, Self::Ends, Self::Letters, Self::Backfill];

    fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Ends => "ends",
            Self::Letters => "letters",
            Self::Backfill => "backfill",
        }
    }

    /// Whether it is to begin anew, after what is known of its last run.
    fn is_due(self, last: Option<&Record>, goal: &str, now: Millis) -> bool {
        let Some(last) = last else { return true };
        let ended = last.ended > Millis(0);
        match self {
            Self::Sweep | Self::Letters => ended,
            Self::Ends => ended && now.0.abs_diff(last.run) >= DAILY_MS,
            Self::Backfill => last.goal != goal,
        }
    }
}

/// The event of a cron trigger: it has nobody to fail to.
pub async fn scheduled(env: &Env) {
    let config = match Config::of(env) {
        Ok(config) => config,
        Err(problem) => return log::failed("begin the walks", &problem.detail, "the next cron does"),
    };
    join_all(dead::here(&config).map(async |store| {
        if let Err(problem) = send(env, &Order::Begin { store, from: 0 }).await {
            log::failed(&format!("begin the walks of {store}"), &problem.detail, "the next cron does");
        }
    }))
    .await;
}

/// Does what a message asks for.
pub async fn follow(env: &Env, config: &Config, asked: &Order) -> Result<(), Problem> {
    match asked {
        Order::Begin { store, from } => begin(env, config, &open(env, config, *store)?, *from).await,
        Order::Step { store, database, walk } => {
            let store = open(env, config, *store)?;
            // One that is no longer configured has nothing to walk through.
            if !store.names().any(|name| name == database) {
                return Ok(());
            }
            if step(env, config, &store, database, *walk).await? { send(env, asked).await } else { Ok(()) }
        }
    }
}

async fn begin(env: &Env, config: &Config, store: &D1Store, from: usize) -> Result<(), Problem> {
    let (now, goal) = (clock::now(config.skew_ms), config.regions.pairs());
    for (at, database) in store.names().enumerate().skip(from).take(BEGIN_MAX) {
        let records = records(store, database).await?;
        let (mut begins, mut orders) = (Vec::new(), Vec::new());
        for walk in Walk::ALL.into_iter().filter(|walk| at == 0 || *walk != Walk::Letters) {
            let last = records.iter().find(|record| record.name == walk.name());
            if walk.is_due(last, &goal, now) {
                let values = vec![
                    text(Some(walk.name())),
                    number(now.0),
                    text(Some(&goal)),
                    text(Some(last.map_or("", |last| &last.goal))),
                ];
                begins.push((BEGIN, values));
            } else if last.is_none_or(|last| last.ended > Millis(0) || now.0.abs_diff(last.beat.0) < LOST_MS)
            {
                continue;
            }
            orders.push(Order::Step { store: store.region, database: database.to_owned(), walk });
        }
        if !begins.is_empty() {
            store.batch(database, begins).await?;
        }
        for step in orders {
            send(env, &step).await?;
        }
    }
    if store.names().count() > from + BEGIN_MAX {
        send(env, &Order::Begin { store: store.region, from: from + BEGIN_MAX }).await?;
    }
    Ok(())
}

/// Goes one step on; whether there is another.
async fn step(
    env: &Env,
    config: &Config,
    store: &D1Store,
    database: &str,
    walk: Walk,
) -> Result<bool, Problem> {
    let (queries_before, calls_before) = (queries(), calls());
    let records = records(store, database).await?;
    let here = records.into_iter().find(|record| record.name == walk.name());
    let Some(here) = here.filter(|here| here.ended == Millis(0)) else { return Ok(false) };
    let Stepped { passed, done, next } = match walk {
        Walk::Sweep => sweep::step(env, config, store, database, &here.place).await?,
        Walk::Ends => ends::step(env, config, store, database, &here.place).await?,
        Walk::Letters => dead::tidy(env, config, store, &here.place, LETTERS_MAX).await?,
        Walk::Backfill => backfill::step(env, config, store, database, &here.place).await?,
    };
    let now = clock::now(config.skew_ms);
    // Of the isolate: what else it did meanwhile is in it. This last one, and the next message, too.
    let queries = queries().saturating_sub(queries_before) + 1;
    let calls = calls().saturating_sub(calls_before) + queries + 1;
    let (place, ended) = match &next {
        Some(place) => (place.clone(), 0),
        None => (here.place.clone(), now.0),
    };
    let values = [
        number(place.0),
        text(Some(&place.1)),
        number(now.0),
        number(ended),
        number(here.passed + passed as u64),
        number(here.done + done as u64),
        number(here.queries_max.max(queries)),
        number(here.calls_max.max(calls)),
        text(Some(walk.name())),
        number(here.run),
        number(here.place.0),
        text(Some(&here.place.1)),
    ];
    let statement = "UPDATE walks SET number = ?, id = ?, beat = ?, ended = ?, passed = ?, done = ?, \
        queries_max = ?, calls_max = ? WHERE name = ? AND run = ? AND number = ? AND id = ? AND ended = 0";
    let moved = store.run(database, statement, &values).await? == 1;
    Ok(moved && next.is_some())
}
