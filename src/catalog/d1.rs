//! The catalog in D1. What is browsed is not kept here: browsers and caches may keep the answers. Searches, which read
//! the whole table, have a budget of their own, so that no cart waits for them.

use std::cell::{Cell, RefCell};
use std::thread::LocalKey;

use cart_core::breaker::Breaker;
use cart_core::time::Millis;
use serde::{Deserialize, Serialize};
use worker::wasm_bindgen::JsValue;
use worker::{D1Result, Env};

use crate::net::faults;
use crate::platform::clock::present;
use crate::platform::deadline::{CALL_MS, within};
use crate::platform::log;
use crate::platform::problem::Problem;

/// How long a view waits for prices, in milliseconds: then it is shown without them.
const VIEW_MS: u64 = 1_000;
/// How long a search may take, in milliseconds.
const SEARCH_MS: u64 = 2_000;
/// How many searches of an isolate may wait for the catalog at a time.
const SEARCHES_MAX: usize = 2;

thread_local! {
    /// Of the look-ups of views: while it is open they are not made.
    static VIEWS: Cell<Breaker> = Cell::default();
    /// Of the searches. One that hung goes on in the database, so that a further one would make it worse.
    static SEARCHES: Cell<Breaker> = Cell::default();
    /// How many searches there were, and of those that wait which it was and when it began. One whose caller has gone
    /// is heard of no more.
    static SEARCHING: RefCell<(u64, Vec<(u64, Millis)>)> = RefCell::default();
}

/// A product as it is in the table.
#[derive(Deserialize)]
pub struct Product {
    pub sku: String,
    pub title: String,
    pub department: String,
    pub brand: String,
    pub package_size: Option<String>,
    pub price_minor: Option<i32>,
    pub currency: String,
}

#[derive(Serialize, Deserialize)]
pub struct Department {
    name: String,
    products: u32,
}

const COLUMNS: &str =
    "SELECT sku, title, department, brand, package_size, price_minor, currency FROM products";

/// The place of a search among those that wait.
struct Searching(u64);

impl Searching {
    fn begin() -> Option<Self> {
        let now = present();
        SEARCHING.with_borrow_mut(|(number, waiting)| {
            waiting.retain(|(_, began)| now.0 < began.0 + SEARCH_MS);
            (waiting.len() < SEARCHES_MAX).then(|| {
                *number += 1;
                waiting.push((*number, now));
                Self(*number)
            })
        })
    }
}

impl Drop for Searching {
    fn drop(&mut self) {
        SEARCHING.with_borrow_mut(|(_, waiting)| waiting.retain(|(number, _)| *number != self.0));
    }
}

/// At most `size` products by their sku: those after one, of one department, with all these words in title,
/// brand or type.
///
/// Rows read: two a product shown of a department (one of them of its index), one without. With words it is
/// all rows up to the last one shown, and the whole department or catalog, 92,331 rows of the demo's, where
/// fewer have the words than a page holds.
pub async fn page(
    env: &Env,
    words: &[String],
    department: Option<String>,
    after: Option<String>,
    size: usize,
) -> Result<Vec<Product>, Problem> {
    let mut sql = format!("{COLUMNS} WHERE sku > ?");
    let mut values: Vec<JsValue> = vec![after.unwrap_or_default().into()];
    if let Some(department) = department {
        sql.push_str(" AND department = ?");
        values.push(department.into());
    }
    // Not LIKE, whose patterns D1 bounds to 50 bytes, and in which some characters mean others. No word has a
    // space, so none is found across two columns.
    for word in words {
        sql.push_str(" AND instr(lower(title || ' ' || brand || ' ' || coalesce(product_type, '')), ?) > 0");
        values.push(word.as_str().into());
    }
    sql.push_str(" ORDER BY sku LIMIT ?");
    values.push((size as f64).into());
    if words.is_empty() {
        return Ok(query(env, &sql, &values, &BROWSING).await?);
    }
    let busy = || {
        let detail =
            "too many search the catalog at this moment; search again in a second, or browse a category";
        Problem::retry(429, "search_busy", detail)
    };
    let _searching = Searching::begin().ok_or_else(busy)?;
    match query(env, &sql, &values, &Patience { ms: SEARCH_MS, breaker: Some(&SEARCHES), weighs: true }).await
    {
        Err(Fault::Unasked) => Err(busy()),
        found => Ok(found?),
    }
}

/// The departments: a row read for each, 32 of the demo's.
pub async fn departments(env: &Env) -> Result<Vec<Department>, Problem> {
    let sql = "SELECT name, products FROM departments ORDER BY products DESC, name";
    Ok(query(env, sql, &[], &BROWSING).await?)
}

/// One product: one row read.
pub async fn product(env: &Env, sku: &str) -> Result<Option<Product>, Problem> {
    let found = query(env, &format!("{COLUMNS} WHERE sku = ?"), &[sku.into()], &BROWSING).await?;
    Ok(found.into_iter().next())
}

/// Whether the catalog answers.
pub async fn is_ready(env: &Env) -> bool {
    let answer = async {
        env.d1("CATALOG")?
            .prepare("SELECT count(*) FROM (SELECT 1 FROM products LIMIT 1)")
            .first::<i32>(Some("count(*)"))
            .await
    };
    matches!(answer.await, Ok(Some(1)))
}

/// These products, for a view.
pub async fn fetch(env: &Env, skus: impl Iterator<Item = &String>) -> Result<Vec<Product>, Fault> {
    let list =
        serde_json::to_string(&skus.collect::<Vec<_>>()).map_err(|error| Fault::Failed(error.into()))?;
    let sql = format!("{COLUMNS} WHERE sku IN (SELECT value FROM json_each(?))");
    let patience = Patience { ms: VIEW_MS, breaker: Some(&VIEWS), weighs: false };
    query(env, &sql, &[list.into()], &patience).await
}

/// Why the catalog says nothing.
pub enum Fault {
    /// It has failed lately, and was not asked.
    Unasked,
    Hung,
    Failed(worker::Error),
}

const ASKED: &str = "ask the catalog";
const UNPRICED: &str = "what was known of it, or nothing, is shown as its price";

impl Fault {
    pub fn log(&self) {
        match self {
            Self::Unasked => {}
            Self::Hung => log::failed(ASKED, &"no answer in time", UNPRICED),
            Self::Failed(error) => log::failed(ASKED, &error, UNPRICED),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        fault.log();
        Self::catalog()
    }
}

/// How long a query is waited for, and by which breaker.
struct Patience {
    ms: u64,
    breaker: Option<&'static LocalKey<Cell<Breaker>>>,
    /// One that hung opens the breaker by itself.
    weighs: bool,
}

/// Of what is read by an index for its own sake.
const BROWSING: Patience = Patience { ms: CALL_MS, breaker: None, weighs: false };

impl Patience {
    fn admits(&self) -> bool {
        self.breaker.is_none_or(|kept| {
            let mut breaker = kept.get();
            let admitted = breaker.admits(present());
            kept.set(breaker);
            admitted
        })
    }

    fn note(&self, answer: &Result<D1Result, Fault>) {
        let Some(kept) = self.breaker else { return };
        let mut breaker = kept.get();
        match answer {
            Ok(_) => breaker.succeeded(),
            Err(fault) => {
                breaker.failed(self.weighs && matches!(fault, Fault::Hung), present());
            }
        }
        kept.set(breaker);
    }
}

async fn query<T: for<'a> Deserialize<'a>>(
    env: &Env,
    sql: &str,
    values: &[JsValue],
    patience: &Patience,
) -> Result<Vec<T>, Fault> {
    asked(env, sql, values, patience).await?.results().map_err(Fault::Failed)
}

async fn asked(env: &Env, sql: &str, values: &[JsValue], patience: &Patience) -> Result<D1Result, Fault> {
    if !patience.admits() {
        return Err(Fault::Unasked);
    }
    let answer = async {
        faults::in_catalog().await?;
        env.d1("CATALOG")?.prepare(sql).bind(values)?.all().await
    };
    let answer = match within(patience.ms, answer).await {
        Some(answer) => answer.map_err(Fault::Failed),
        None => Err(Fault::Hung),
    };
    patience.note(&answer);
    answer
}
