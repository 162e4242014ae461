//! A region's store in D1: one or more databases, each with some of the slots. The SQL of
//! rows; which database is asked is in `slots.rs`.

use std::cell::{Cell, RefCell};

use cart_core::frame;
use cart_core::id::{CartId, Region};
use cart_core::line::Location;
use cart_core::reject::Reject;
use cart_core::store::Stored;
use cart_core::time::Millis;
use cart_core::view::shown_lines;
use wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, Env};

use super::fields::{Fields, bytes, flag, number, text};
use super::slots::slot_of;
use super::{RegionStore, Row, Write, home_of, push};
use crate::platform::log;
use crate::platform::problem::Problem;
use crate::store::call::{Ask, Freshness, Listed, Position, minute};

/// How many rows are read at once, and how many statements go in one batch.
const BATCH_MAX: usize = 40;
/// A batch that has so many bytes of states and ties gets no further row.
const BATCH_BYTES_MAX: usize = 256 * 1_024;

macro_rules! columns {
    () => {
        "cart_id, slot, incarnation, rev, state, ties, digest, sequence, owner, home, quantity, lines, created, \
         updated, minute, erased, resident"
    };
}

/// All columns of a cart.
pub const COLUMNS: &str = columns!();
/// A row that is not there yet. In the term in which it was looked for, or began to be copied: in a later one
/// it may have been here and gone elsewhere, and is not made again of what it was.
pub const INSERT: &str = concat!(
    "INSERT INTO carts (",
    columns!(),
    ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17 \
     WHERE EXISTS (SELECT 1 FROM slots WHERE slot = ?2 AND owned AND term = ?18) ON CONFLICT DO NOTHING"
);
/// Of `[id, slot]` each: whether the slot is owned here, in which term, and the row.
const READ: &str = "SELECT ask.value ->> 0, coalesce(owned, 0), term, moved_from, \
    incarnation, rev, state, ties, sequence, updated, resident \
    FROM json_each(?) AS ask \
    LEFT JOIN slots ON slots.slot = ask.value ->> 1 \
    LEFT JOIN carts ON carts.slot = ask.value ->> 1 AND carts.cart_id = ask.value ->> 0";
const FRESHNESS: &str = "INSERT INTO freshness (id, taken, late_ms, late_versions) VALUES (1, ?, ?, ?) \
    ON CONFLICT (id) DO UPDATE SET taken = excluded.taken, late_ms = excluded.late_ms, \
    late_versions = excluded.late_versions";

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
    terms: RefCell<Vec<(String, String, u64)>>,
}

/// What a database says of a cart.
struct Answer {
    cart_id: String,
    owned: bool,
    term: u64,
    moved_from: Option<String>,
    /// `None` if it has none; an error if that cannot be read.
    row: Option<Result<Row, Problem>>,
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

    /// What a database says of carts. A row that is damaged holds no other up.
    async fn ask(&self, name: &str, carts: &[CartId]) -> Result<Vec<Answer>, Problem> {
        let pairs: Vec<_> = carts.iter().map(|cart_id| (cart_id.as_str(), slot_of(cart_id))).collect();
        let pairs = serde_json::to_string(&pairs).map_err(|error| Problem::store(&error.into()))?;
        let rows = self.rows(name, READ, &[text(Some(&pairs))]).await?;
        let answers: Vec<Answer> = rows.iter().map(answer).collect();
        let titled = answers.iter().filter(|answer| answer.term > 0);
        let term = |answer: &Answer| (name.to_owned(), answer.cart_id.clone(), answer.term);
        self.terms.borrow_mut().extend(titled.map(term));
        Ok(answers)
    }

    /// In which term a database had the slot of a cart when the last read first asked it for that cart.
    fn term(&self, name: &str, cart_id: &CartId) -> u64 {
        let terms = self.terms.borrow();
        let found = terms.iter().find(|(there, cart, _)| there == name && cart == cart_id.as_str());
        found.map_or(0, |(.., term)| *term)
    }

    /// The row of a cart whose slot is owned here, also where it is still where the slot came from.
    async fn follow(&self, name: &str, cart_id: &CartId, answer: Answer) -> Result<Option<Row>, Problem> {
        let (None, Some(from)) = (&answer.row, &answer.moved_from) else { return answer.row.transpose() };
        let only = std::slice::from_ref(cart_id);
        let there = self.ask(from, only).await?.into_iter().find_map(|answer| answer.row).transpose()?;
        if let Some(row) = there {
            return Ok(Some(Row { elsewhere: true, ..row }));
        }
        // It may have come here meanwhile.
        self.ask(name, only).await?.into_iter().find_map(|answer| answer.row).transpose()
    }

    /// A cart whose slot is not where it was thought to be. If nobody owns it, between two steps of a move,
    /// what is there is shown; it cannot be written.
    async fn find(&self, cart_id: &CartId) -> Result<Option<Row>, Problem> {
        for last in [false, true] {
            let mut left = None;
            for name in self.names() {
                let answers = self.ask(name, std::slice::from_ref(cart_id)).await?;
                let Some(answer) = answers.into_iter().next() else { continue };
                if answer.owned {
                    self.found_at(slot_of(cart_id), name);
                    return self.follow(name, cart_id, answer).await;
                }
                left = left.or(answer.row);
            }
            if last || !self.spread_if_new().await? {
                return Ok(left.transpose()?.map(|row| Row { elsewhere: true, ..row }));
            }
        }
        Ok(None)
    }
}

impl RegionStore for D1Store {
    fn region(&self) -> Region {
        self.region
    }

    async fn read(&self, carts: &[CartId]) -> Result<Vec<(CartId, Result<Row, Problem>)>, Problem> {
        self.terms.borrow_mut().clear();
        let mut places: Vec<(&str, Vec<CartId>)> = Vec::new();
        for cart_id in carts {
            push(&mut places, self.place_of(slot_of(cart_id))?, cart_id.clone());
        }
        let mut rows = Vec::new();
        for (name, carts) in places {
            for some in carts.chunks(BATCH_MAX) {
                for answer in self.ask(name, some).await? {
                    let Ok(cart_id) = CartId::try_from(answer.cart_id.clone()) else { continue };
                    let row = match answer.owned {
                        true => self.follow(name, &cart_id, answer).await,
                        false => self.find(&cart_id).await,
                    };
                    rows.extend(row.transpose().map(|row| (cart_id, row)));
                }
            }
        }
        Ok(rows)
    }

    async fn write(&self, writes: &[Write], freshness: Option<Freshness>) -> Result<Vec<bool>, Problem> {
        let mut places: Vec<(&str, Vec<(usize, &Write)>)> = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            push(&mut places, self.place_of(slot_of(&write.cart_id))?, (at, write));
        }
        let mut done = vec![false; writes.len()];
        for (name, writes) in places {
            let mut rest = writes.into_iter().peekable();
            while rest.peek().is_some() {
                let (mut statements, mut ats, mut size) = (Vec::new(), Vec::new(), 0);
                while let Some((at, write)) =
                    rest.next_if(|_| ats.len() < BATCH_MAX && size < BATCH_BYTES_MAX)
                {
                    let (sql, values, more) = statement(write, self.term(name, &write.cart_id));
                    size += more;
                    ats.push(at);
                    statements.push((sql, values));
                }
                let fresh = freshness.map(|fresh| {
                    vec![number(fresh.taken.0), number(fresh.late_ms), number(fresh.late_versions)]
                });
                let mut all: Vec<(&str, _)> =
                    statements.iter().map(|(sql, values)| (sql.as_str(), values.clone())).collect();
                all.extend(fresh.map(|values| (FRESHNESS, values)));
                let changed = self.batch(name, all).await?;
                for (at, changed) in ats.into_iter().zip(changed) {
                    if let Some(done) = done.get_mut(at) {
                        *done = changed == 1;
                    }
                }
            }
        }
        Ok(done)
    }

    async fn list(&self, ask: &Ask) -> Result<Vec<Listed>, Problem> {
        let since = ask.after.clone().unwrap_or_default();
        let since_minute = since.minute.max(minute(ask.since));
        let values = [
            text(Some(ask.home.name())),
            number(ask.since.0),
            number(since_minute),
            number(since.minute),
            text(Some(&since.cart_id)),
            number(ask.count_max as u64),
            number(ask.before.0),
            text(ask.owner.as_deref()),
        ];
        let sql = list_statement(ask.owner.is_some());
        let values = if ask.owner.is_some() {
            &values[..]
        } else {
            values.split_last().map_or(&[][..], |(_, some)| some)
        };
        let mut listed: Vec<Listed> = Vec::new();
        for name in self.names() {
            for row in self.rows(name, &sql, values).await? {
                let row = listed_of(&row);
                // During a move a row may be at both, at the target as a later one.
                if let Some(at) = listed.iter().position(|there| there.cart_id == row.cart_id) {
                    if listed.get(at).is_some_and(|there| there.rev >= row.rev) {
                        continue;
                    }
                    listed.remove(at);
                }
                let at = listed.partition_point(|there| Position::of(there) < Position::of(&row));
                listed.insert(at, row);
            }
        }
        listed.truncate(ask.count_max);
        Ok(listed)
    }

    async fn freshness(&self) -> Result<Option<Freshness>, Problem> {
        let mut latest: Option<Freshness> = None;
        for name in self.names() {
            let rows = self.rows(name, "SELECT taken, late_ms, late_versions FROM freshness", &[]).await?;
            for mut row in rows.iter().map(Fields::of) {
                let (taken, late_ms, late_versions) = (Millis(row.number()), row.number(), row.number());
                if latest.is_none_or(|there| there.taken <= taken) {
                    latest = Some(Freshness { taken, late_ms, late_versions });
                }
            }
        }
        Ok(latest)
    }
}

/// The statement that writes a row, its values, and how many bytes they have. An index is named only if its
/// entry changes: naming it would write it.
fn statement(write: &Write, term: u64) -> (String, Vec<JsValue>, usize) {
    let Write { cart_id, before, after } = write;
    let Stored { incarnation, rev, cart, ties } = &after.stored;
    let (state, ties_bytes) = (cart.to_bytes(), after.stored.ties_bytes());
    let size = state.len() + ties_bytes.len();
    let shown = shown_lines(cart, Location::Cart);
    let quantity = shown.iter().map(|(_, quantity)| *quantity).fold(0, u64::saturating_add);
    let owner_of = |stored: &Stored| match stored.cart.is_erased() {
        true => None,
        false => stored.ties.owner.as_ref().map(|owner| owner.as_str().to_owned()),
    };
    let owner = owner_of(&after.stored);
    let resident = after.resident;
    let incarnation = bytes(&incarnation.to_be_bytes());
    // In the order of the columns.
    let mut values = vec![
        text(Some(cart_id.as_str())),
        number(slot_of(cart_id).into()),
        incarnation.clone(),
        number(*rev),
        bytes(&state),
        bytes(&ties_bytes),
        bytes(&frame::digest(cart, ties)),
        number(after.sequence),
        text(owner.as_deref()),
        text(Some(home_of(cart_id, &after.stored.cart).name())),
        number(quantity),
        number(shown.len() as u64),
        number(ties.created.0),
        number(after.updated.0),
        number(minute(after.updated)),
        flag(cart.is_erased()),
        flag(resident),
    ];
    let Some(before) = before.as_ref().filter(|before| !before.elsewhere) else {
        values.push(number(term));
        return (INSERT.to_owned(), values, size);
    };
    let moves = minute(before.updated) != minute(after.updated) || before.resident != resident;
    let changes = |column: &str| match column {
        "cart_id" | "slot" | "incarnation" => false,
        "owner" => owner_of(&before.stored) != owner,
        "minute" | "resident" => moves,
        _ => true,
    };
    let columns = COLUMNS.split(',').map(str::trim).zip(values.iter());
    let (mut sql, mut changed) = (String::from("UPDATE carts SET"), Vec::new());
    for (column, value) in columns.filter(|(column, _)| changes(column)) {
        let comma = if changed.is_empty() { ' ' } else { ',' };
        sql.extend([comma]);
        sql.push_str(column);
        sql.push_str(" = ?");
        changed.push(value.clone());
    }
    sql.push_str(
        " WHERE cart_id = ? AND slot = ? AND incarnation = ? AND rev = ? \
         AND EXISTS (SELECT 1 FROM slots WHERE slots.slot = carts.slot AND owned)",
    );
    changed.extend(values.into_iter().take(3));
    changed.push(number(before.stored.rev));
    (sql, changed, size)
}

/// Reads in the order of the index, from each of its two halves a page.
fn list_statement(by_owner: bool) -> String {
    let columns = "cart_id, owner, home, quantity, lines, created, updated, erased, digest, rev, minute";
    let page = |index: &str| {
        format!(
            "SELECT {columns} FROM carts WHERE {index} AND home = ?1 AND updated >= ?2 AND updated < ?7 \
             AND (minute, cart_id) > (?4, ?5) AND EXISTS (SELECT 1 FROM slots \
             WHERE slots.slot = carts.slot AND (owned OR moved_to IS NOT NULL)) \
             ORDER BY minute, cart_id LIMIT ?6"
        )
    };
    if by_owner {
        return page("owner = ?8 AND +minute >= ?3");
    }
    let halves = ["resident = 0 AND minute >= ?3", "resident = 1 AND minute >= ?3"];
    let halves = halves.map(|index| format!("SELECT * FROM ({})", page(index)));
    format!("{} ORDER BY minute, cart_id LIMIT ?6", halves.join(" UNION ALL "))
}

fn answer(row: &JsValue) -> Answer {
    let mut row = Fields::of(row);
    let (cart_id, owned) = (row.text().unwrap_or_default(), row.flag());
    let (term, moved_from) = (row.number(), row.text());
    let incarnation = row.bytes().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let (rev, state, ties) = (row.number(), row.bytes(), row.bytes());
    let (sequence, updated, resident) = (row.number(), Millis(row.number()), row.flag());
    let mut found = None;
    if let (Some(incarnation), Some(state), Some(ties)) = (incarnation, state, ties) {
        match Stored::from_parts(u64::from_be_bytes(incarnation), rev, updated, &state, &ties) {
            Ok(stored) => found = Some(Ok(Row { stored, sequence, updated, resident, elsewhere: false })),
            Err(reject) => {
                if let Ok(cart) = CartId::try_from(cart_id.clone()) {
                    let next = "it is not written over; the cart is asked for elsewhere";
                    log::failed_for(&cart, "read the row of a cart", &reject, next);
                }
                let detail = "the row of the store cannot be read";
                found = Some(Err(match reject {
                    Reject::FrameTooNew { .. } => Problem::other_build(),
                    _ => Problem::retry(503, "store_damaged", detail),
                }));
            }
        }
    }
    Answer { cart_id, owned, term, moved_from, row: found }
}

fn listed_of(row: &JsValue) -> Listed {
    let mut row = Fields::of(row);
    Listed {
        cart_id: row.text().unwrap_or_default(),
        owner: row.text(),
        home: row.text().and_then(|name| Region::parse(&name)).unwrap_or(Region::Weur),
        quantity: row.number(),
        lines: row.number(),
        created: Millis(row.number()),
        updated: Millis(row.number()),
        erased: row.flag(),
        digest: row.bytes().unwrap_or_default(),
        rev: row.number(),
    }
}
