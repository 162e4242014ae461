//! Times queries on an index of the products in a file, for `tools/search_times`, which asks others the same. The file
//! has a line for each product: sku, title, category, size, price and popularity, with tabs between; standard input has
//! a query a line. Prints the index's bytes, the milliseconds to open it, and for each query the hits and the
//! microseconds of the median of so many times: with the hits alone, and with all facets.

use std::io::BufRead as _;

use catalog::demo::SYNONYMS;
use catalog::index::{Edition, Index, build};
use catalog::product::{Draft, Product};
use catalog::query::{Query, Search as _};
use catalog::synonyms::Synonyms;

const TIMES: usize = 15;

#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures")]
fn micros(mut what: impl FnMut()) -> u128 {
    let mut took: Vec<u128> = (0..TIMES)
        .map(|_| {
            let began = std::time::Instant::now();
            what();
            began.elapsed().as_micros()
        })
        .collect();
    took.sort_unstable();
    took[TIMES / 2]
}

fn main() {
    let file = std::env::args().nth(1).expect("a file of products");
    let text = std::fs::read_to_string(file).expect("the products");
    let products: Vec<Product> = text.lines().map(product).collect();
    let edition = Edition { version: 1, before: None, currency: "USD".to_owned(), digits: 2 };
    let bytes = build(&products, &Synonyms::read(SYNONYMS).expect("synonyms"), &edition).expect("an index");
    let opened = micros(|| drop(Index::open(bytes.clone()).expect("an index")));
    println!("{}\t{opened}", bytes.len());
    let index = Index::open(bytes).expect("an index");
    for line in std::io::stdin().lock().lines() {
        let query = Query { text: line.expect("a query"), limit: 24, ..Query::default() };
        let found = index.search(&query).expect("an answer").products;
        let hits = micros(|| drop(index.search(&query)));
        let query = Query { facets: true, ..query };
        let facets = micros(|| drop(index.search(&query)));
        println!("{found}\t{hits}\t{facets}");
    }
}

fn product(line: &str) -> Product {
    let columns: Vec<&str> = line.split('\t').collect();
    let [sku, title, category, size, price, popularity] = columns.try_into().expect("six columns");
    let draft = Draft {
        sku: sku.to_owned(),
        title: title.to_owned(),
        category: category.split('>').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        size: Some(size.to_owned()),
        price_minor: price.parse().ok(),
        popularity: popularity.parse().unwrap_or(0),
        ..Draft::default()
    };
    Product::check(draft).expect("a product")
}
