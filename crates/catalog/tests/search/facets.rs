//! Counts beside a count by brute force over the products, which uses nothing of the index.

use std::collections::{BTreeMap, BTreeSet};

use catalog::product::Product;
use catalog::query::{Counted, FACET_VALUES_MAX, Filters, Query, Search as _};
use catalog::words::{Kind, sizes, stem, tokens};

use crate::demo::{Numbers, demo};

const QUERIES: usize = 500;

/// All words of a product, as stems.
fn words(product: &Product) -> Vec<String> {
    let category = product.category().iter().map(String::as_str);
    let texts =
        [Some(product.title()), product.brand(), product.description()].into_iter().flatten().chain(category);
    let mut words: Vec<String> = texts
        .flat_map(tokens)
        .map(|token| match token.kind {
            Kind::Word(word) => stem(&word),
            Kind::Measure(measure) => measure.to_string(),
        })
        .collect();
    words.extend(product.size().iter().flat_map(|size| sizes(size)).map(|measure| measure.to_string()));
    words
}

/// What a product is by each property, and whether a filter lets it pass.
fn passes(product: &Product, filters: &Filters) -> [bool; 6] {
    let any = |wanted: &[String], value: Option<&str>| {
        wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
    };
    let price = product.price_minor();
    [
        any(&filters.departments, product.category().first().map(String::as_str)),
        any(&filters.categories, product.category().get(1).map(String::as_str)),
        any(&filters.brands, product.brand()),
        any(&filters.manufacturers, product.manufacturer()),
        filters.prices.is_empty()
            || price.is_some_and(|price| filters.prices.iter().any(|band| band.contains(&price))),
        !filters.in_stock || product.can_be_sold(),
    ]
}

fn listed(values: impl Iterator<Item = Option<String>>) -> Vec<Counted> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    values.flatten().for_each(|value| *counts.entry(value).or_default() += 1);
    let mut counts: Vec<Counted> =
        counts.into_iter().map(|(value, products)| Counted { value, products }).collect();
    counts.sort_by_key(|counted| std::cmp::Reverse(counted.products));
    counts.truncate(FACET_VALUES_MAX);
    counts
}

#[test]
fn counts_are_those_of_a_count_by_hand() {
    let (demo, mut numbers) = (demo(), Numbers(11));
    let mut having: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (at, product) in demo.products.iter().enumerate() {
        for word in words(product) {
            having.entry(word).or_default().insert(at);
        }
    }
    let (mut counted, mut empty) = (0, 0);
    while counted < QUERIES {
        let one = &demo.products[numbers.below(demo.products.len())];
        let tokens: Vec<_> =
            tokens(one.title()).into_iter().filter_map(|token| token.word().map(str::to_owned)).collect();
        if tokens.is_empty() {
            continue;
        }
        let mut asked = vec![tokens[numbers.below(tokens.len())].clone()];
        if numbers.below(3) == 0 {
            asked.push(tokens[numbers.below(tokens.len())].clone());
        }
        // A space behind the last word: it is whole. Words that are said otherwise too are left to other tests.
        let text = format!("{} ", asked.join(" "));
        let stems: Vec<String> = asked.iter().map(|word| stem(word)).collect();
        let value = |of: Option<&str>| of.map(str::to_owned).into_iter().collect::<Vec<String>>();
        let mut filters = Filters::default();
        if numbers.below(3) == 0 {
            filters.departments = value(one.category().first().map(String::as_str));
            filters.departments.push("Grocery".to_owned());
        }
        if numbers.below(4) == 0 {
            filters.categories = value(one.category().get(1).map(String::as_str));
        }
        if numbers.below(4) == 0 {
            filters.brands = value(one.brand());
        }
        if numbers.below(6) == 0 {
            filters.manufacturers = value(one.manufacturer());
        }
        if numbers.below(3) == 0 {
            filters.prices = vec![0..300, 1_000..2_000];
        }
        filters.in_stock = numbers.below(3) == 0;
        let query = Query {
            text: text.clone(),
            filters: filters.clone(),
            facets: true,
            limit: 1,
            ..Query::default()
        };
        let answer = demo.index.search(&query).expect("an answer");
        let has = |at: &&usize| stems.iter().all(|stem| having[stem].contains(at));
        let matching: Vec<&Product> =
            having[&stems[0]].iter().filter(has).map(|at| &demo.products[*at]).collect();
        let plain = demo.index.search(&Query { text, limit: 1, ..Query::default() }).expect("an answer");
        if plain.products != matching.len() {
            // Said otherwise too.
            assert!(plain.products > matching.len(), "{asked:?}");
            continue;
        }
        counted += 1;
        let without = |own: usize| {
            let filters = &filters;
            matching.iter().filter(move |product| {
                passes(product, filters).iter().enumerate().all(|(filter, passes)| *passes || filter == own)
            })
        };
        let all_pass = without(9).count();
        empty += usize::from(all_pass == 0);
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let facets = answer.facets.expect("facets");
        assert_eq!(answer.products, all_pass, "{asked:?} {filters:?}");
        let by =
            |own, of: &dyn Fn(&Product) -> Option<String>| listed(without(own).map(|product| of(product)));
        assert_eq!(
            facets.departments,
            by(0, &|product| product.category().first().cloned()),
            "{asked:?} {filters:?}"
        );
        assert_eq!(
            facets.categories,
            by(1, &|product| product.category().get(1).cloned()),
            "{asked:?} {filters:?}"
        );
        assert_eq!(facets.brands, by(2, &|product| owned(product.brand())), "{asked:?} {filters:?}");
        assert_eq!(
            facets.manufacturers,
            by(3, &|product| owned(product.manufacturer())),
            "{asked:?} {filters:?}"
        );
        let mut prices: Vec<i64> = without(4).filter_map(|product| product.price_minor()).collect();
        prices.sort_unstable();
        for band in &facets.prices {
            let within = prices
                .iter()
                .filter(|price| **price >= band.from_minor && band.to_minor.is_none_or(|to| **price < to));
            assert_eq!(band.products, within.count(), "{asked:?} {filters:?}");
        }
        let quarter = |at: usize| prices[(prices.len() * at).div_ceil(4).max(1) - 1];
        let quartiles = (!prices.is_empty()).then(|| [0, 1, 2, 3, 4].map(quarter));
        assert_eq!(facets.quartiles.map(|quartiles| quartiles.minor), quartiles, "{asked:?} {filters:?}");
        let sold = without(5).filter(|product| product.can_be_sold()).count();
        assert_eq!((facets.in_stock, facets.out_of_stock), (sold, without(5).count() - sold));
    }
    assert!(empty < QUERIES / 2, "{empty} of {QUERIES} have nothing to count");
}
