//! Walks through the rows of stores: the sweep of idle carts, the end of old ones, that of dead letters, and the rows
//! given to other stores where pairs have changed. A database has a record of each walk. A step is a message of the
//! region's queue: it does what is next by the record, moves that on only if no other step has, and sends the next.
//! So it is bounded, may come twice or never, and what was lost the cron begins again where it was.

use cart_core::id::Region;
use cart_core::time::Millis;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use worker::Env;

use super::d1::{self, D1Store};
use super::fields::{Fields, number, text};
use super::{backfill, dead, ends, open, queue, sweep};
use crate::net::peers as transport;
use crate::platform::clock;
use crate::platform::config::Config;
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::Walked;

/// How many databases of a region are looked at by one message that begins walks.
const BEGIN_MAX: usize = 50;
/// A walk whose last step is so long ago was lost, in milliseconds.
const LOST_MS: u64 = 10 * 60 * Millis::SECOND;
/// How often the walks begin that need not begin each hour, in milliseconds.
const DAILY_MS: u64 = 20 * 3_600 * Millis::SECOND;
/// How many dead letters are looked at in a step.
const LETTERS_MAX: usize = 40;

/// Which walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Idle carts give up the storage of their replicas.
    Sweep,
    /// Carts whose session ended long ago go.
    Ends,
    /// Dead letters go at their end.
    Letters,
    /// Rows are given to the stores that are to hold them.
    Backfill,
}

/// What a message of the queue asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// To begin the walks that are due in a region's databases, from one of them on.
    Begin { store: Region, from: usize },
    /// To go a step on.
    Step { store: Region, database: String, walk: Walk },
}

/// A place among rows: a number and an id.
pub type Place = (u64, String);

/// What a step has done.
pub struct Stepped {
    pub passed: usize,
    pub done: usize,
    /// After which place there may be more.
    pub next: Option<Place>,
}

/// A walk as its database has it.
struct Record {
    name: String,
    run: u64,
    goal: String,
    goal_before: String,
    place: Place,
    beat: Millis,
    ended: Millis,
    passed: u64,
    done: u64,
    queries_max: u64,
    calls_max: u64,
}

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
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(problem) => return log::failed("begin the walks", &problem.detail, "the next cron does"),
    };
    join_all(dead::here(&config).map(async |store| {
        if let Err(problem) = order(env, &Order::Begin { store, from: 0 }).await {
            log::failed(&format!("begin the walks of {store}"), &problem.detail, "the next cron does");
        }
    }))
    .await;
}

/// Puts an order into the queue of its store.
pub async fn order(env: &Env, order: &Order) -> Result<(), Problem> {
    let (Order::Begin { store, .. } | Order::Step { store, .. }) = order;
    let text = serde_json::to_string(order).map_err(|error| Problem::store(&error.into()))?;
    queue::send_text(env, *store, &text).await
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
            if step(env, config, &store, database, *walk).await? { order(env, asked).await } else { Ok(()) }
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
            order(env, &step).await?;
        }
    }
    if store.names().count() > from + BEGIN_MAX {
        order(env, &Order::Begin { store: store.region, from: from + BEGIN_MAX }).await?;
    }
    Ok(())
}

const BEGIN: &str = "INSERT INTO walks (name, run, goal, goal_before, number, id, beat, ended, passed, done, \
    queries_max, calls_max) VALUES (?1, ?2, ?3, ?4, 0, '', ?2, 0, 0, 0, 0, 0) \
    ON CONFLICT (name) DO UPDATE SET run = ?2, goal = ?3, goal_before = ?4, number = 0, id = '', beat = ?2, \
    ended = 0, passed = 0, done = 0, queries_max = 0, calls_max = 0";

/// Goes one step on; whether there is another.
async fn step(
    env: &Env,
    config: &Config,
    store: &D1Store,
    database: &str,
    walk: Walk,
) -> Result<bool, Problem> {
    let (queries, calls) = (d1::queries(), transport::calls());
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
    let queries = d1::queries().saturating_sub(queries) + 1;
    let calls = transport::calls().saturating_sub(calls) + queries + 1;
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

async fn records(store: &D1Store, database: &str) -> Result<Vec<Record>, Problem> {
    let ask = "SELECT name, run, goal, goal_before, number, id, beat, ended, passed, done, queries_max, \
        calls_max FROM walks";
    let record = |row: &wasm_bindgen::JsValue| {
        let mut row = Fields::of(row);
        Record {
            name: row.text().unwrap_or_default(),
            run: row.number(),
            goal: row.text().unwrap_or_default(),
            goal_before: row.text().unwrap_or_default(),
            place: (row.number(), row.text().unwrap_or_default()),
            beat: Millis(row.number()),
            ended: Millis(row.number()),
            passed: row.number(),
            done: row.number(),
            queries_max: row.number(),
            calls_max: row.number(),
        }
    };
    Ok(store.rows(database, ask, &[]).await?.iter().map(record).collect())
}

/// How the walks of a store stand, those of its databases taken together.
pub async fn walked(config: &Config, store: &D1Store) -> Result<Vec<Walked>, Problem> {
    let goal = config.regions.pairs();
    let mut all: Vec<Walked> = Vec::new();
    for database in store.names() {
        for record in records(store, database).await? {
            let stands = Walked {
                name: record.name,
                began: Millis(record.run),
                ended: Some(record.ended).filter(|ended| *ended > Millis(0)),
                passed: record.passed,
                done: record.done,
                queries_max: record.queries_max,
                calls_max: record.calls_max,
                current: record.goal == goal,
                before: record.goal_before,
            };
            match all.iter_mut().find(|there| there.name == stands.name) {
                Some(there) => there.join(stands),
                None => all.push(stands),
            }
        }
    }
    Ok(all)
}
