//! Names and prices of products, from D1, kept in the isolate for a minute. What is not there is kept too.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use cart_core::money::Money;
use cart_core::time::Millis;
use cart_core::view::Offer;
use lru::LruCache;
use serde::Deserialize;
use worker::Env;

use crate::error::Problem;

/// How long an entry serves, in milliseconds.
const FRESH_MS: u64 = 60 * Millis::SECOND;
/// The most products kept in an isolate: about 2 MB.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

thread_local! {
    static KEPT: RefCell<LruCache<String, (Option<Offer>, Millis)>> = RefCell::new(LruCache::new(KEPT_MAX));
}

#[derive(Deserialize)]
struct Product {
    sku: String,
    title: String,
    price_minor: Option<i32>,
    currency: String,
}

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
    env.d1("CATALOG")?
        .prepare("SELECT sku, title, price_minor, currency FROM products WHERE sku IN (SELECT value FROM json_each(?))")
        .bind(&[list.into()])?
        .all()
        .await?
        .results()
}
