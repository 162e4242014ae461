//! From texts to a page: filters, counts, what looks alike as one, the order, and the hits behind the cursor.

use super::cursor::{self, After, Key};
use super::facets::Tally;
use super::filters::Sieve;
use super::matching::{Fit, NONE};
use super::understood::Understood;
use super::{Answer, DEPTH_MAX, Hit, Query, Sort, marks};
use crate::index::{Index, Part, Sku};

/// A product that is in the answer, with those that look like it.
#[derive(Clone, Copy)]
struct Candidate {
    key: Key,
    text: u32,
    product: u32,
    same: u32,
}

/// The page of a query that means this.
pub fn of(index: &Index, query: &Query, after: Option<After>, understood: Understood) -> Answer {
    let mut gathered = gather(index, query, &understood);
    let candidates = &mut gathered.candidates;
    let found = candidates.len();
    let before = |one: &Candidate, other: &Candidate| {
        let skus = || sku(index, one).cmp(&sku(index, other));
        one.key.cmp(&other.key).then_with(skus)
    };
    if let Some(after) = &after {
        let last = Sku::of(&after.sku);
        candidates.retain(|candidate| (candidate.key, sku(index, candidate)) > (after.key, last));
    }
    let seen = after.map_or(0, |after| after.seen);
    let limit = query.limit.min(DEPTH_MAX.saturating_sub(seen));
    let more = candidates.len() > limit;
    if more && limit > 0 {
        candidates.select_nth_unstable_by(limit - 1, before);
    }
    candidates.truncate(limit);
    candidates.sort_unstable_by(before);
    let seen = seen + candidates.len();
    let last = candidates.last().filter(|_| more && seen < DEPTH_MAX);
    let next = last.map(|last| {
        let after = After { seen, key: last.key, sku: sku(index, last).to_string() };
        cursor::write(&after, query, index.edition().version)
    });
    Answer {
        version: index.edition().version,
        hits: candidates.iter().map(|candidate| hit(index, candidate, &understood)).collect(),
        found,
        products: gathered.products,
        facets: gathered.tally.map(Tally::facets),
        said: understood.said,
        next,
    }
}

struct Gathered<'a> {
    candidates: Vec<Candidate>,
    products: usize,
    tally: Option<Tally<'a>>,
}

fn gather<'a>(index: &'a Index, query: &Query, understood: &Understood) -> Gathered<'a> {
    let sieve = Sieve::of(index, &query.filters);
    let mut tally = query.facets.then(|| Tally::of(index));
    let keys = Keys::of(index, query.sort, understood.all);
    let (titles, sizes) = (index.ids(Part::TextTitle), index.ids(Part::TextSize));
    let price = index.values(Part::Price);
    let (mut candidates, mut products) = (Vec::new(), 0);
    // Those of one title and size, which stand together, by price.
    let mut alike: Vec<(usize, Candidate)> = Vec::new();
    let mut of = None;
    for (text, cost) in understood.costs.iter().enumerate().filter(|(_, cost)| **cost != NONE) {
        let failed = sieve.text(text);
        if failed != 0 && (tally.is_none() || !failed.is_power_of_two()) {
            continue;
        }
        let looks = (titles.get(text), sizes.get(text));
        if of != Some(looks) {
            collapse(index, &mut alike, &mut candidates);
            of = Some(looks);
        }
        let fit = keys.fit.score(text, *cost);
        for product in index.products_of(text) {
            let failed = failed | sieve.product(product);
            if let Some(tally) = &mut tally {
                tally.product(text, product, failed);
            }
            if failed != 0 {
                continue;
            }
            products += 1;
            let candidate = Candidate {
                key: keys.of_product(product, fit),
                text: text as u32,
                product: product as u32,
                same: 1,
            };
            if query.collapse {
                alike.push((price.rank(product).map_or(0, |rank| rank + 1), candidate));
            } else {
                candidates.push(candidate);
            }
        }
    }
    collapse(index, &mut alike, &mut candidates);
    Gathered { candidates, products, tally }
}

/// Of each price, the best with the number of all.
fn collapse(index: &Index, alike: &mut Vec<(usize, Candidate)>, candidates: &mut Vec<Candidate>) {
    alike.sort_unstable_by(|(one_price, one), (other_price, other)| {
        let order = one_price.cmp(other_price).then_with(|| one.key.cmp(&other.key));
        order.then_with(|| sku(index, one).cmp(&sku(index, other)))
    });
    for same in alike.chunk_by(|(one, _), (other, _)| one == other) {
        candidates.extend(same.first().map(|(_, best)| Candidate { same: same.len() as u32, ..*best }));
    }
    alike.clear();
}

/// Sort keys, of columns.
struct Keys<'a> {
    index: &'a Index,
    sort: Sort,
    fit: Fit<'a>,
    price: crate::index::Amounts<'a>,
    popularity: crate::index::Amounts<'a>,
    created: crate::index::Amounts<'a>,
}

impl<'a> Keys<'a> {
    fn of(index: &'a Index, sort: Sort, all: bool) -> Self {
        let sort = if all && sort == Sort::Relevance { Sort::Popularity } else { sort };
        let (price, popularity) = (index.values(Part::Price), index.values(Part::Popularity));
        Self { index, sort, fit: Fit::of(index), price, popularity, created: index.values(Part::Created) }
    }

    fn of_product(&self, product: usize, fit: i64) -> Key {
        // What is not known is last.
        let known =
            |amount: Option<i64>, sign: i64| amount.map_or(i64::MAX, |amount| amount.saturating_mul(sign));
        let popular = || -self.popularity.get(product).unwrap_or(0);
        let (first, second) = match self.sort {
            Sort::Relevance => (fit, popular()),
            Sort::PriceUp => (known(self.price.get(product), 1), fit),
            Sort::PriceDown => (known(self.price.get(product), -1), fit),
            Sort::Newest => (known(self.created.get(product), -1), popular()),
            Sort::Popularity => (popular(), fit),
        };
        Key { cannot: !self.index.can_be_sold(product), first, second }
    }
}

fn sku<'a>(index: &'a Index, candidate: &Candidate) -> Sku<'a> {
    index.sku(candidate.product as usize)
}

fn hit(index: &Index, candidate: &Candidate, understood: &Understood) -> Hit {
    let (text, product) = (candidate.text as usize, candidate.product as usize);
    let shown = index.shown(text, product);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Hit {
        sku: shown.sku.to_string(),
        title: shown.title.to_owned(),
        size: owned(shown.size),
        department: owned(shown.department),
        category: owned(shown.category),
        brand: owned(shown.brand),
        manufacturer: owned(shown.manufacturer),
        price_minor: index.values(Part::Price).get(product),
        can_be_sold: index.can_be_sold(product),
        same: candidate.same as usize,
        marks: marks::of(index, shown.title, &understood.terms),
    }
}
