//! The records of the walks through a database.

use cart_core::time::Millis;

use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::store::call::Walked;
use crate::store::databases::D1Store;
use crate::store::region::Place;
use crate::store::rows::fields::Fields;

/// A walk as its database has it.
pub struct Record {
    pub name: String,
    pub run: u64,
    pub goal: String,
    pub goal_before: String,
    pub place: Place,
    pub beat: Millis,
    pub ended: Millis,
    pub passed: u64,
    pub done: u64,
    pub queries_max: u64,
    pub calls_max: u64,
}

/// Begins a walk anew.
pub const BEGIN: &str = "INSERT INTO walks (name, run, goal, goal_before, number, id, beat, ended, passed, done, \
    queries_max, calls_max) VALUES (?1, ?2, ?3, ?4, 0, '', ?2, 0, 0, 0, 0, 0) \
    ON CONFLICT (name) DO UPDATE SET run = ?2, goal = ?3, goal_before = ?4, number = 0, id = '', beat = ?2, \
    ended = 0, passed = 0, done = 0, queries_max = 0, calls_max = 0";

/// Those of a database.
pub async fn records(store: &D1Store, database: &str) -> Result<Vec<Record>, Problem> {
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
