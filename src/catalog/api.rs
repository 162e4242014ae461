//! The catalog, to browse and to search: public, without a session, and the same for everybody.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use cart_core::money::Money;
use serde::Serialize;
use worker::Env;

use crate::catalog::d1::{self, Department, Product};
use crate::door::route::Entry;
use crate::platform::answer::{self, Answer};
use crate::platform::problem::Problem;

/// What can be asked of the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    ListProducts,
    ShowProduct,
}

/// Where.
pub const ROUTES: [Entry<Endpoint>; 2] =
    [("GET", "/v1/products", Endpoint::ListProducts), ("GET", "/v1/products/{sku}", Endpoint::ShowProduct)];

/// Answers, from the parameters or the product that the path names.
pub async fn serve(
    env: &Env,
    endpoint: Endpoint,
    query: &str,
    sku: Option<String>,
) -> Result<Answer, Problem> {
    match endpoint {
        Endpoint::ListProducts => list(env, query).await,
        Endpoint::ShowProduct => show(env, &sku.unwrap_or_default()).await,
    }
}

/// What of the catalog is asked for.
struct Browse {
    /// In lower case, each without a space.
    words: Vec<String>,
    category: Option<String>,
    /// The sku before the first one.
    after: Option<String>,
    size: usize,
}

impl Browse {
    const SIZE: usize = 24;
    const SIZE_MAX: usize = 100;
    /// In bytes, of a search and of a cursor.
    const TEXT_MAX: usize = 100;
    const WORDS_MAX: usize = 8;

    /// The parameters, decoded. Unknown ones are refused.
    fn of(text: &str) -> Result<Self, Problem> {
        let mut browse = Self { words: Vec::new(), category: None, after: None, size: Self::SIZE };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "q" => {
                    let words = value.split(|c: char| c.is_whitespace() || c.is_control());
                    browse.words =
                        words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
                    if value.len() > Self::TEXT_MAX || browse.words.len() > Self::WORDS_MAX {
                        return Err(Problem::invalid(
                            "q",
                            "is too long; search for at most 8 words and 100 bytes",
                        ));
                    }
                }
                "category" => browse.category = Some(value.into_owned()),
                "cursor" => {
                    let mut bytes = [0; Self::TEXT_MAX];
                    let sku = Base64UrlUnpadded::decode(value.as_bytes(), &mut bytes).ok();
                    let sku = sku.and_then(|sku| std::str::from_utf8(sku).ok()).filter(|sku| !sku.is_empty());
                    let sku = sku.ok_or_else(|| {
                        Problem::invalid(
                            "cursor",
                            "is not one of this list; use the next_cursor of the page before",
                        )
                    })?;
                    browse.after = Some(sku.to_owned());
                }
                "size" => {
                    let size = value.parse().ok().filter(|size| (1..=Self::SIZE_MAX).contains(size));
                    browse.size =
                        size.ok_or_else(|| Problem::invalid("size", "use a number from 1 to 100"))?;
                }
                // The guard has read it, where it may be named.
                "region" => {}
                other => {
                    return Err(Problem::new(
                        422,
                        "invalid_field",
                        format!("{other:?} is no parameter here; use q, category, cursor or size"),
                    ));
                }
            }
        }
        Ok(browse)
    }
}

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
async fn list(env: &Env, query: &str) -> Result<Answer, Problem> {
    let Browse { words, category, after, size } = Browse::of(query)?;
    let whole = words.is_empty() && category.is_none() && after.is_none();
    // One more than is shown tells whether there is more.
    let mut products = d1::page(env, &words, category, after, size + 1).await?;
    let more = products.len() > size;
    products.truncate(size);
    let next_cursor =
        products.last().filter(|_| more).map(|last| Base64UrlUnpadded::encode_string(last.sku.as_bytes()));
    let categories = if whole { Some(d1::departments(env).await?) } else { None };
    let products: Vec<_> = products.into_iter().map(shown).collect();
    answer(&Listed { products, next_cursor, categories })
}

async fn show(env: &Env, sku: &str) -> Result<Answer, Problem> {
    let product = d1::product(env, sku).await?;
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

fn answer<T: Serialize>(body: &T) -> Result<Answer, Problem> {
    let mut answer = answer::json_of(body, 200)?;
    answer.put("Cache-Control", "public, max-age=60");
    // An answer kept for one site names no other.
    answer.put("Vary", "Origin");
    Ok(answer)
}
