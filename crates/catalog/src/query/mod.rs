//! What is asked of the catalog, and what it answers. Behind one trait, so that a catalog beyond one index can have it
//! split, or asked elsewhere. An answer depends on the query and the index alone; a query of words always gets
//! products, and says what was done to find them.

mod asked;
mod corrected;
mod cursor;
mod facets;
mod filters;
mod marks;
mod matching;
mod page;
mod suggested;
mod understood;

pub use crate::limits::{FILTER_VALUES_MAX, LIMIT_MAX};
use std::ops::Range;

pub use asked::{QUERY_BYTES_MAX, QUERY_WORDS_MAX, text_of};
pub use facets::{Counted, Facets, PriceBand, Quartiles};
pub use suggested::{SUGGESTIONS_MAX, Suggestions};

use crate::index::Index;
use crate::reject::Reject;

/// How deep pages go, in hits.
pub const DEPTH_MAX: usize = 50_000;
/// The most values of a facet that are listed, those with most products first.
pub const FACET_VALUES_MAX: usize = 50;

/// Who finds products.
pub trait Search {
    /// A page of products.
    fn search(&self, query: &Query) -> Result<Answer, Reject>;

    /// What somebody may be about to type: words, categories and products, so many of each.
    fn suggest(&self, text: &str, limit: usize) -> Suggestions;
}

/// A query. The default one is all products, the most bought first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// The words, as typed.
    pub text: String,
    /// Only what these ask for.
    pub filters: Filters,
    /// In which order. What cannot be sold is last in any.
    pub sort: Sort,
    /// Whether products of one title, size and price are one hit.
    pub collapse: bool,
    /// Whether facets are counted.
    pub facets: bool,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// How many hits: 1 to [`LIMIT_MAX`].
    pub limit: usize,
}

/// What hits have to be. Values of one list are alternatives; an empty list asks for nothing.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Filters {
    /// Names of departments.
    pub departments: Vec<String>,
    /// Names of narrowest categories.
    pub categories: Vec<String>,
    /// Names of brands.
    pub brands: Vec<String>,
    /// Names or numbers of manufacturers.
    pub manufacturers: Vec<String>,
    /// Prices in minor units, from the first up to but without the second.
    pub prices: Vec<Range<i64>>,
    /// Only what can be sold.
    pub in_stock: bool,
}

/// The order of hits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Sort {
    /// What fits best; without words, what is bought most.
    #[default]
    Relevance,
    /// The cheapest first.
    PriceUp,
    /// The dearest first.
    PriceDown,
    /// The newest first.
    Newest,
    /// What is bought most first.
    Popularity,
}

/// A page of hits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Of which version of the catalog.
    pub version: u64,
    /// In order.
    pub hits: Vec<Hit>,
    /// How many hits there are on all pages.
    pub found: usize,
    /// How many products these are.
    pub products: usize,
    /// Counts by property, if they were asked for.
    pub facets: Option<Facets>,
    /// What was done with the words.
    pub said: Said,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// A product, or several that look alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Of the best of them.
    pub sku: String,
    /// What it is called.
    pub title: String,
    /// Size and unit as written.
    pub size: Option<String>,
    /// Its department.
    pub department: Option<String>,
    /// Its narrowest category.
    pub category: Option<String>,
    /// Its brand.
    pub brand: Option<String>,
    /// Who makes it.
    pub manufacturer: Option<String>,
    /// As the index knows it, in minor units.
    pub price_minor: Option<i64>,
    /// Whether it can be bought.
    pub can_be_sold: bool,
    /// How many products look like this one, itself among them.
    pub same: usize,
    /// Where in the title a word matched: bytes, in order.
    pub marks: Vec<Range<usize>>,
}

/// What was done with the words of a query.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Said {
    /// The query with corrected words, which the hits are of.
    pub did_you_mean: Option<String>,
    /// Words without which the hits were found.
    pub dropped_words: Vec<String>,
    /// The category that is shown, since no word was found.
    pub nearest_category: Option<String>,
    /// Whether the query was longer than what is read of it.
    pub ignored: bool,
}

impl Said {
    /// Whether the words as typed found nothing.
    pub fn in_vain(&self) -> bool {
        !self.dropped_words.is_empty() || self.nearest_category.is_some()
    }
}

impl Default for Query {
    fn default() -> Self {
        let (text, filters, sort, cursor) = (String::new(), Filters::default(), Sort::default(), None);
        Self { text, filters, sort, collapse: true, facets: false, cursor, limit: 24 }
    }
}

impl Search for Index {
    fn search(&self, query: &Query) -> Result<Answer, Reject> {
        if !(1..=LIMIT_MAX).contains(&query.limit) {
            return Err(Reject::Limit(query.limit));
        }
        query.filters.check()?;
        let after =
            query.cursor.as_deref().map(|cursor| cursor::read(cursor, query, self.edition())).transpose()?;
        let understood = understood::of(self, &asked::Asked::of(&query.text));
        Ok(page::of(self, query, after, understood))
    }

    fn suggest(&self, text: &str, limit: usize) -> Suggestions {
        suggested::of(self, text, limit)
    }
}
