//! The catalog in D1. Names and prices of what is in carts are kept in the isolate, what is not there too: for a
//! minute they serve, and longer where the catalog does not answer, since a cart is shown without it. What is
//! browsed is not kept here: browsers and caches may keep the answers. Searches, which read the whole table, have a
//! budget of their own, so that no cart waits for them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use cart_core::breaker::Breaker;
use cart_core::money::Money;
use cart_core::time::Millis;
use cart_core::view::{Offer, Offers};
use lru::LruCache;
use serde::{Deserialize, Serialize};
use worker::Env;
use worker::wasm_bindgen::JsValue;

use crate::error::Problem;
use crate::{faults, transport};

/// How long an entry serves, in milliseconds.
const FRESH_MS: u64 = 60 * Millis::SECOND;
/// The most products kept in an isolate: about 2 MB.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

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
    static KEPT: RefCell<LruCache<String, (Option<Offer>, Millis)>> = RefCell::new(LruCache::new(KEPT_MAX));
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

/// What the catalog has of these products. Where it cannot be asked, what it had when it was asked last.
pub async fn offers(env: &Env, skus: impl IntoIterator<Item = &str>, now: Millis) -> Offers {
    let mut offers = Offers::default();
    let (mut missing, mut before) = (BTreeSet::new(), Vec::new());
    KEPT.with_borrow_mut(|kept| {
        for sku in skus {
            match kept.get(sku) {
                Some((offer, at)) if now.0 < at.0 + FRESH_MS && at.0 <= now.0 => {
                    offers.known.extend(offer.clone().map(|offer| (sku.to_owned(), offer)));
                }
                old => {
                    before.extend(old.and_then(|(offer, _)| Some((sku.to_owned(), offer.clone()?))));
                    missing.insert(sku.to_owned());
                }
            }
        }
    });
    if missing.is_empty() {
        return offers;
    }
    match asked(&VIEWS, fetch(env, &missing), VIEW_MS, false).await {
        Some(Ok(products)) => {
            for product in products {
                let currency = product.currency;
                let price = product.price_minor.map(|minor| Money { amount_minor: minor.into(), currency });
                offers.known.insert(product.sku, Offer { title: product.title, price });
            }
            KEPT.with_borrow_mut(|kept| {
                for sku in missing {
                    let offer = offers.known.get(&sku).cloned();
                    kept.put(sku, (offer, now));
                }
            });
        }
        failed => {
            if let Some(Err(error)) = failed {
                worker::console_error!("catalog: {error}");
            }
            offers.stale = !before.is_empty();
            for (sku, offer) in before {
                missing.remove(&sku);
                offers.known.insert(sku, offer);
            }
            offers.unknown = missing;
        }
    }
    offers
}

/// What a query gives, if its breaker lets it through. `weighs` says that one that hung opens it by itself.
async fn asked<T>(
    breaker: &'static std::thread::LocalKey<Cell<Breaker>>,
    query: impl Future<Output = worker::Result<T>>,
    deadline_ms: u64,
    weighs: bool,
) -> Option<worker::Result<T>> {
    let with = |take: &dyn Fn(&mut Breaker) -> bool| {
        let mut there = breaker.get();
        let said = take(&mut there);
        breaker.set(there);
        said
    };
    if !with(&|there| there.admits(transport::now())) {
        return None;
    }
    let answer = transport::within(deadline_ms, query).await;
    with(&|there| {
        match &answer {
            Some(Ok(_)) => there.succeeded(),
            Some(Err(_)) => there.failed(false, transport::now()),
            None => there.failed(weighs, transport::now()),
        }
        true
    });
    Some(answer.unwrap_or_else(|| Err("it did not answer in time".into())))
}

/// The place of a search among those that wait.
struct Searching(u64);

impl Searching {
    fn begin() -> Option<Self> {
        let now = transport::now();
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
        return browsed(query(env, &sql, &values)).await;
    }
    let busy = || {
        let detail =
            "too many search the catalog at this moment; search again in a second, or browse a category";
        Problem::retry(429, "search_busy", detail)
    };
    let _searching = Searching::begin().ok_or_else(busy)?;
    let found = asked(&SEARCHES, query(env, &sql, &values), SEARCH_MS, true).await;
    found.ok_or_else(busy)?.map_err(|error| Problem::catalog(&error))
}

/// What is read by an index.
async fn browsed<T>(query: impl Future<Output = worker::Result<T>>) -> Result<T, Problem> {
    let answer = transport::within(transport::CALL_MS, query).await;
    let answer = answer.unwrap_or_else(|| Err("it did not answer in time".into()));
    answer.map_err(|error| Problem::catalog(&error))
}

/// The departments: a row read for each, 32 of the demo's.
pub async fn departments(env: &Env) -> Result<Vec<Department>, Problem> {
    let sql = "SELECT name, products FROM departments ORDER BY products DESC, name";
    browsed(query(env, sql, &[])).await
}

/// One product: one row read.
pub async fn product(env: &Env, sku: &str) -> Result<Option<Product>, Problem> {
    let found = browsed(query(env, &format!("{COLUMNS} WHERE sku = ?"), &[sku.into()])).await?;
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

async fn fetch(env: &Env, skus: &BTreeSet<String>) -> worker::Result<Vec<Product>> {
    let list = serde_json::to_string(skus)?;
    query(env, &format!("{COLUMNS} WHERE sku IN (SELECT value FROM json_each(?))"), &[list.into()]).await
}

async fn query<T: for<'a> Deserialize<'a>>(
    env: &Env,
    sql: &str,
    values: &[JsValue],
) -> worker::Result<Vec<T>> {
    faults::in_catalog().await?;
    env.d1("CATALOG")?.prepare(sql).bind(values)?.all().await?.results()
}
