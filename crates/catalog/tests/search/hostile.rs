//! Anything as a query: an answer or a refusal, within bounds, and the same again.

use catalog::query::{Filters, LIMIT_MAX, QUERY_WORDS_MAX, Query, Search as _, Sort, text_of};
use catalog::reject::Reject;
use proptest::prelude::*;

use crate::demo::demo;

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        match text_of(&bytes) {
            Ok(text) => answered(text),
            Err(reject) => prop_assert_eq!(reject.status(), 400),
        }
        answered(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}", cursor in "[A-Za-z0-9_-]{0,60}") {
        answered(&text);
        let query = Query { text, cursor: Some(cursor), ..Query::default() };
        let refused = demo().index.search(&query);
        prop_assert!(matches!(refused, Ok(_) | Err(Reject::CursorInvalid | Reject::CursorExpired)));
    }

    #[test]
    fn words_with_anything_between_are_answered(words in proptest::collection::vec("(milk|2%|1/2|gal|[.,%/-]|bred|oz|\\PC{0,3})", 0..30)) {
        answered(&words.concat());
        answered(&words.join(" "));
    }
}

fn answered(text: &str) {
    let query = Query { text: text.to_owned(), limit: 5, facets: true, ..Query::default() };
    let index = &demo().index;
    let answer = index.search(&query).expect("an answer");
    assert!(!answer.hits.is_empty(), "{text:?}");
    for hit in &answer.hits {
        assert!(hit.marks.iter().all(|range| hit.title.get(range.clone()).is_some()), "{text:?}");
    }
    assert_eq!(index.search(&query), Ok(answer), "{text:?}");
    let suggestions = index.suggest(text, 5);
    assert!(
        suggestions.words.len() <= 5 && suggestions.categories.len() <= 5 && suggestions.products.len() <= 5
    );
}

#[test]
fn what_is_too_long_is_cut_and_said() {
    let index = &demo().index;
    let ask = |text: String| index.search(&Query { text, ..Query::default() }).expect("an answer");
    for text in
        ["milk ".repeat(2_000), "m".repeat(10_000), "é".repeat(5_000), "1".repeat(10_000), "a-".repeat(5_000)]
    {
        assert!(ask(text).said.ignored);
    }
    let ten = ["milk"; QUERY_WORDS_MAX].join(" ");
    assert!(!ask(ten.clone()).said.ignored);
    let eleven = ask(format!("{ten} bread"));
    assert!(eleven.said.ignored && eleven.said.dropped_words.is_empty());
    // Cut between letters, where a letter has two bytes.
    assert!(ask(format!("{}é", "a ".repeat(99) + "b")).said.ignored);
}

#[test]
fn bounds_are_kept_and_named() {
    let index = &demo().index;
    for limit in [0, LIMIT_MAX + 1, usize::MAX] {
        assert_eq!(index.search(&Query { limit, ..Query::default() }), Err(Reject::Limit(limit)));
    }
    let filters = Filters { brands: vec![String::new(); 51], ..Filters::default() };
    assert_eq!(index.search(&Query { filters, ..Query::default() }), Err(Reject::FilterValues(51)));
    let backwards = std::ops::Range { start: i64::MAX, end: i64::MIN };
    let filters = Filters { prices: vec![backwards, i64::MIN..i64::MAX], ..Filters::default() };
    let query = Query { filters, sort: Sort::PriceDown, facets: true, ..Query::default() };
    assert!(index.search(&query).expect("an answer").found > 0);
    assert_eq!(text_of(b"caf\xe9"), Err(Reject::NotText));
}
