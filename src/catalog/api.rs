//! The catalog, to browse and to search: public, without a session, and the same for everybody.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use cart_core::money::Money;
use serde::Serialize;
use worker::{Env, Response};

use crate::cart::asked::Browse;
use crate::catalog::d1::{self as catalog, Department, Product};
use crate::door::headers::{self as respond, Setter};
use crate::platform::problem::Problem;
use crate::serve::ours;

#[derive(Serialize)]
struct Listed {
    products: Vec<Shown>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<Department>>,
}

#[derive(Serialize)]
struct Shown {
    sku: String,
    title: String,
    brand: String,
    category: String,
    package_size: Option<String>,
    unit_price: Option<Money>,
}

/// A page of the products asked for; with the first page of the whole catalog, its departments.
pub async fn list(env: &Env, query: &str) -> Result<Response, Problem> {
    let Browse { words, category, after, size } = Browse::of(query)?;
    let whole = words.is_empty() && category.is_none() && after.is_none();
    // One more than is shown tells whether there is more.
    let mut products = catalog::page(env, &words, category, after, size + 1).await?;
    let more = products.len() > size;
    products.truncate(size);
    let next_cursor =
        products.last().filter(|_| more).map(|last| Base64UrlUnpadded::encode_string(last.sku.as_bytes()));
    let categories = if whole { Some(catalog::departments(env).await?) } else { None };
    let products: Vec<_> = products.into_iter().map(shown).collect();
    answer(&Listed { products, next_cursor, categories })
}

pub async fn show(env: &Env, sku: &str) -> Result<Response, Problem> {
    let product = catalog::product(env, sku).await?;
    let product = product.ok_or_else(|| {
        Problem::new(404, "product_not_found", "the catalog has no such product; GET /v1/products lists all")
    })?;
    answer(&shown(product))
}

fn shown(product: Product) -> Shown {
    let Product { sku, title, department, brand, package_size, price_minor, currency } = product;
    let unit_price = price_minor.map(|minor| Money { amount_minor: minor.into(), currency });
    Shown { sku, title, brand, category: department, package_size, unit_price }
}

fn answer<T: Serialize>(body: &T) -> Result<Response, Problem> {
    let response = respond::json_of(body, 200).map_err(ours)?;
    let mut set = Setter(response.headers());
    set.put("Cache-Control", "public, max-age=60");
    // An answer kept for one site names no other.
    set.put("Vary", "Origin");
    Ok(response)
}
