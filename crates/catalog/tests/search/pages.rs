//! Pages by cursor: each product once, also while the catalog changes under them.

use std::collections::BTreeSet;

use catalog::index::{Edition, Index, build};
use catalog::product::Product;
use catalog::query::{DEPTH_MAX, Filters, Hit, Query, Search as _, Sort};
use catalog::reject::Reject;
use catalog::synonyms::Synonyms;

use crate::demo::{demo, edition};

const SORTS: [Sort; 5] = [Sort::Relevance, Sort::PriceUp, Sort::PriceDown, Sort::Newest, Sort::Popularity];

/// All hits, page by page, of one index and then of another.
fn walk(first: &Index, then: &Index, query: &Query) -> Vec<Hit> {
    let (mut hits, mut cursor, mut index) = (Vec::new(), None, first);
    loop {
        let answer = index.search(&Query { cursor: cursor.take(), ..query.clone() }).expect("an answer");
        hits.extend(answer.hits);
        match answer.next {
            Some(next) => cursor = Some(next),
            None => return hits,
        }
        index = then;
    }
}

#[test]
fn a_walk_sees_each_product_once() {
    let index = &demo().index;
    for sort in SORTS {
        for collapse in [true, false] {
            let filters = Filters { departments: vec!["Grocery".to_owned()], ..Filters::default() };
            let query =
                Query { text: "milk".to_owned(), sort, collapse, filters, limit: 7, ..Query::default() };
            let hits = walk(index, index, &query);
            let skus: BTreeSet<&String> = hits.iter().map(|hit| &hit.sku).collect();
            assert_eq!(skus.len(), hits.len(), "{sort:?}");
            let answer = index.search(&query).expect("an answer");
            assert_eq!(hits.len(), answer.found, "{sort:?}");
            assert_eq!(hits.iter().map(|hit| hit.same).sum::<usize>(), answer.products, "{sort:?}");
        }
    }
}

fn some() -> Vec<Product> {
    demo().products.iter().filter(|product| product.title().contains("Milk")).cloned().collect()
}

fn index_of(products: &[Product], version: u64, before: Option<u64>) -> Index {
    let edition = Edition { version, before, ..edition() };
    Index::open(build(products, &Synonyms::default(), &edition).expect("bytes")).expect("an index")
}

/// What did not change is seen once; what has changed is seen at most twice, before and after.
#[test]
fn a_walk_goes_on_in_the_next_version() {
    let products = some();
    let mut changed = products.clone();
    let mut touched = BTreeSet::new();
    for (at, product) in changed.iter_mut().enumerate().filter(|(at, _)| at % 9 == 0) {
        touched.insert(product.sku().to_owned());
        let mut draft = product.clone().into_draft();
        match at % 4 {
            0 => draft.price_minor = draft.price_minor.map(|price| price * 2),
            1 => draft.availability = catalog::product::Availability::Stopped,
            2 => draft.title = "Bread".to_owned(),
            _ => draft.sku = format!("new-{at}"),
        }
        *product = Product::check(draft).expect("a product");
    }
    let (old, new) = (index_of(&products, 5, None), index_of(&changed, 8, Some(5)));
    let later = index_of(&changed, 9, Some(8));
    for sort in SORTS {
        let query = Query { text: "milk ".to_owned(), sort, collapse: false, limit: 10, ..Query::default() };
        let hits = walk(&old, &new, &query);
        for product in products.iter().filter(|product| !touched.contains(product.sku())) {
            let seen = hits.iter().filter(|hit| hit.sku == product.sku()).count();
            assert_eq!(seen, 1, "{sort:?} {}", product.sku());
        }
        let cursor = old.search(&query).expect("an answer").next;
        assert!(cursor.is_some());
        assert_eq!(later.search(&Query { cursor, ..query }), Err(Reject::CursorExpired));
    }
}

#[test]
fn pages_end_at_their_depth() {
    let index = &demo().index;
    let query = Query { collapse: false, limit: 100, ..Query::default() };
    let hits = walk(index, index, &query);
    assert_eq!(hits.len(), DEPTH_MAX);
    assert_eq!(hits.iter().map(|hit| &hit.sku).collect::<BTreeSet<_>>().len(), DEPTH_MAX);
}

#[test]
fn a_cursor_is_of_its_query_alone() {
    let index = &demo().index;
    let query = Query { text: "milk".to_owned(), ..Query::default() };
    let cursor = index.search(&query).expect("an answer").next;
    let filters = Filters { in_stock: true, ..Filters::default() };
    for other in [
        Query { text: "bread".to_owned(), ..query.clone() },
        Query { sort: Sort::Newest, ..query.clone() },
        Query { collapse: false, ..query.clone() },
        Query { filters, ..query.clone() },
    ] {
        let asked = Query { cursor: cursor.clone(), ..other };
        assert_eq!(index.search(&asked), Err(Reject::CursorInvalid));
    }
    // Of how many a page has, it is not.
    assert!(index.search(&Query { cursor, limit: 3, ..query }).is_ok());
}
