//! The databases of a region's store in D1, each with some of the slots: statements run in one of them, what goes is
//! tallied, and where a slot is, each says itself.

use std::cell::{Cell, RefCell};

use cart_core::id::Region;
use wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Env};

use crate::platform::config::Config;
use crate::platform::problem::Problem;
use crate::store::rows::fields::{Fields, number, text};
use crate::store::slots::{self, SLOTS, begins_at};

const TALLY: &str = "INSERT INTO tallies (name, count) VALUES (?, ?) \
    ON CONFLICT (name) DO UPDATE SET count = count + excluded.count";

thread_local! {
    static ROWS_WRITTEN: Cell<u64> = const { Cell::new(0) };
    static QUERIES: Cell<u64> = const { Cell::new(0) };
}

/// How many statements this isolate has given to databases.
pub fn queries() -> u64 {
    QUERIES.get()
}

/// How many rows this isolate has written to stores, entries of indexes included.
pub fn rows_written() -> u64 {
    ROWS_WRITTEN.get()
}

/// The databases of a region.
pub struct D1Store {
    pub region: Region,
    databases: Vec<(String, D1Database)>,
    /// In which term which database had the slot of a cart, when a read first asked it for that cart.
    pub terms: RefCell<Vec<(String, String, u64)>>,
}

impl D1Store {
    pub fn open(env: &Env, region: Region, names: &[String]) -> Result<Self, Problem> {
        let open = |name: &String| Ok((name.clone(), env.d1(name).map_err(|error| Problem::store(&error))?));
        let databases = names.iter().map(open).collect::<Result<_, Problem>>()?;
        Ok(Self { region, databases, terms: RefCell::default() })
    }

    /// The databases' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(|(name, _)| name.as_str())
    }

    /// The database that keeps what is the region's as a whole.
    pub fn first(&self) -> Result<&str, Problem> {
        self.names().next().ok_or_else(|| Problem::misconfigured("a region in REGIONS has no stores"))
    }

    fn database(&self, name: &str) -> Result<&D1Database, Problem> {
        let found = self.databases.iter().find(|(there, _)| there == name);
        let unknown = || Problem::misconfigured("REGIONS lacks a database that still has rows of a store");
        found.map(|(_, database)| database).ok_or_else(unknown)
    }

    fn statement(&self, name: &str, sql: &str, values: &[JsValue]) -> Result<D1PreparedStatement, Problem> {
        let statement = self.database(name)?.prepare(sql);
        if values.is_empty() {
            return Ok(statement);
        }
        statement.bind(values).map_err(|error| Problem::store(&error))
    }

    /// The rows that a query gives.
    pub async fn rows(&self, name: &str, sql: &str, values: &[JsValue]) -> Result<Vec<JsValue>, Problem> {
        let statement = self.statement(name, sql, values)?;
        QUERIES.set(QUERIES.get() + 1);
        statement.raw_js_value().await.map_err(|error| Problem::store(&error))
    }

    /// Runs a statement; how many rows it changed.
    pub async fn run(&self, name: &str, sql: &str, values: &[JsValue]) -> Result<u64, Problem> {
        let changed = self.batch(name, vec![(sql, values.to_vec())]).await?;
        Ok(changed.into_iter().next().unwrap_or(0))
    }

    /// Runs statements, all or none; how many rows each changed.
    pub async fn batch(
        &self,
        name: &str,
        statements: Vec<(&str, Vec<JsValue>)>,
    ) -> Result<Vec<u64>, Problem> {
        let prepare = |(sql, values): (&str, Vec<JsValue>)| self.statement(name, sql, &values);
        let prepared = statements.into_iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
        let failed = |error: worker::Error| Problem::store(&error);
        QUERIES.set(QUERIES.get() + prepared.len() as u64);
        let results = self.database(name)?.batch(prepared).await.map_err(failed)?;
        let mut changed = Vec::with_capacity(results.len());
        for result in results {
            let meta = result.meta().map_err(failed)?;
            let written = meta.as_ref().and_then(|meta| meta.rows_written).unwrap_or(0);
            ROWS_WRITTEN.set(ROWS_WRITTEN.get() + written as u64);
            changed.push(meta.and_then(|meta| meta.changes).unwrap_or(0) as u64);
        }
        Ok(changed)
    }

    /// Runs a statement by which something goes, and adds to the tally how much: it.
    pub async fn tallied(
        &self,
        name: &str,
        tally: &str,
        sql: &str,
        values: &[JsValue],
    ) -> Result<u64, Problem> {
        let gone = self.run(name, sql, values).await?;
        self.tally(name, tally, gone).await?;
        Ok(gone)
    }

    /// Adds to a tally.
    pub async fn tally(&self, name: &str, tally: &str, gone: u64) -> Result<(), Problem> {
        if gone > 0 {
            self.run(name, TALLY, &[text(Some(tally)), number(gone)]).await?;
        }
        Ok(())
    }

    /// How much has gone of the region's store, by kind.
    pub async fn tallies(&self) -> Result<Vec<(String, u64)>, Problem> {
        let mut tallies: Vec<(String, u64)> = Vec::new();
        for name in self.names() {
            for mut row in
                self.rows(name, "SELECT name, count FROM tallies", &[]).await?.iter().map(Fields::of)
            {
                let (kind, count) = (row.text().unwrap_or_default(), row.number());
                match tallies.iter_mut().find(|(there, _)| *there == kind) {
                    Some((_, sum)) => *sum += count,
                    None => tallies.push((kind, count)),
                }
            }
        }
        Ok(tallies)
    }

    /// The database where a slot probably is: where it was last found, else where it began.
    pub fn place_of(&self, slot: u16) -> Result<&str, Problem> {
        let moved = slots::last_found(self.region, slot);
        let known = moved.and_then(|name| self.names().find(|there| *there == name));
        let begun = || self.names().nth(begins_at(slot, self.names().count()));
        known.or_else(begun).ok_or_else(|| Problem::misconfigured("a region in REGIONS has no stores"))
    }

    /// Remembers where a slot was found.
    pub fn found_at(&self, slot: u16, database: &str) {
        slots::found(self.region, slot, database);
    }

    /// Gives every slot of a region that is new to the databases configured now; afterwards only a move
    /// changes that. The first database comes last, so that this is done again if it was cut off. Says
    /// whether the region was new.
    pub async fn spread_if_new(&self) -> Result<bool, Problem> {
        let first = self.first()?;
        let known = self.rows(first, "SELECT 1 FROM slots LIMIT 1", &[]).await?;
        if !known.is_empty() {
            return Ok(false);
        }
        let count = self.names().count();
        for (at, name) in self.names().enumerate().collect::<Vec<_>>().into_iter().rev() {
            let own = (0..SLOTS).filter(|slot| begins_at(*slot, count) == at).collect::<Vec<_>>();
            let own = serde_json::to_string(&own).map_err(|error| Problem::store(&error.into()))?;
            let give = "INSERT INTO slots (slot, owned, term) SELECT value, 1, 1 FROM json_each(?) WHERE true \
                ON CONFLICT DO NOTHING";
            self.run(name, give, &[text(Some(&own))]).await?;
        }
        Ok(true)
    }
}

/// The store of a region.
pub fn open(env: &Env, config: &Config, region: Region) -> Result<D1Store, Problem> {
    let place = config.regions.place(region).filter(|place| !place.stores.is_empty());
    let place = place.ok_or_else(|| {
        Problem::invalid("region", format!("{region} has no store; use a region of GET /v1/admin/stores"))
    })?;
    D1Store::open(env, region, &place.stores)
}
