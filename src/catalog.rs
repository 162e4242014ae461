//! The catalog in D1. Names and prices of what is in carts are kept in the isolate for a minute, what is not
//! there too. What is browsed is not kept here: browsers and caches may keep the answers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use cart_core::money::Money;
use cart_core::time::Millis;
use cart_core::view::Offer;
use lru::LruCache;
use serde::{Deserialize, Serialize};
use worker::Env;
use worker::wasm_bindgen::JsValue;

use crate::error::Problem;
use crate::transport;

/// How long an entry serves, in milliseconds.
const FRESH_MS: u64 = 60 * Millis::SECOND;
/// The most products kept in an isolate: about 2 MB.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

thread_local! {
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

/// What the catalog has of these products; those it does not have are absent.
pub async fn offers(
    env: &Env,
    skus: impl IntoIterator<Item = &str>,
    now: Millis,
) -> Result<BTreeMap<String, Offer>, Problem> {
    let mut found = BTreeMap::new();
    let mut missing = BTreeSet::new();
    KEPT.with_borrow_mut(|kept| {
        for sku in skus {
            match kept.get(sku) {
                Some((offer, at)) if now.0 < at.0 + FRESH_MS && at.0 <= now.0 => {
                    found.extend(offer.clone().map(|offer| (sku.to_owned(), offer)));
                }
                _ => drop(missing.insert(sku.to_owned())),
            }
        }
    });
    if missing.is_empty() {
        return Ok(found);
    }
    let products = fetch(env, &missing).await.map_err(|error| Problem::catalog(&error))?;
    for product in products {
        let price =
            product.price_minor.map(|minor| Money { amount_minor: minor.into(), currency: product.currency });
        found.insert(product.sku, Offer { title: product.title, price });
    }
    KEPT.with_borrow_mut(|kept| {
        for sku in missing {
            let offer = found.get(&sku).cloned();
            kept.put(sku, (offer, now));
        }
    });
    Ok(found)
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
    query(env, &sql, &values).await.map_err(|error| Problem::catalog(&error))
}

/// The departments: a row read for each, 32 of the demo's.
pub async fn departments(env: &Env) -> Result<Vec<Department>, Problem> {
    let sql = "SELECT name, products FROM departments ORDER BY products DESC, name";
    query(env, sql, &[]).await.map_err(|error| Problem::catalog(&error))
}

/// One product: one row read.
pub async fn product(env: &Env, sku: &str) -> Result<Option<Product>, Problem> {
    let found = query(env, &format!("{COLUMNS} WHERE sku = ?"), &[sku.into()]).await;
    found.map(|found| found.into_iter().next()).map_err(|error| Problem::catalog(&error))
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
    let asked = env.d1("CATALOG")?.prepare(sql).bind(values)?;
    let answer = transport::within(transport::CALL_MS, asked.all()).await;
    answer.ok_or("it did not answer in time")??.results()
}
