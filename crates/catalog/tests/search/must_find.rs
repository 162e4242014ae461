//! What must be found, each with what makes it right.

use catalog::query::{Filters, Query, Search as _, Sort};

use crate::demo::{ask, demo, types};

#[test]
fn eggs_are_eggs_and_no_hosiery() {
    for text in ["eggs", "egg", "EGGS", "eggs "] {
        let answer = ask(text);
        assert!(types(&answer).iter().all(|name| name.starts_with("EGGS")), "{text}: {:?}", types(&answer));
        assert_eq!(answer.said, Default::default(), "{text}");
        let all = Query { text: text.to_owned(), limit: 100, ..Query::default() };
        let all = demo().index.search(&all).expect("an answer");
        assert!(!types(&all).contains(&"LEGGS"), "{text}");
    }
    assert!(types(&ask("leggs")).iter().all(|name| *name == "LEGGS"));
}

#[test]
fn milk_by_the_gallon_is_gallons_first() {
    for text in ["milk 1 gal", "milk gallon", "1 gallon milk", "milk 128 fl oz"] {
        let answer = ask(text);
        assert!(types(&answer).iter().all(|name| name.contains("MILK")), "{text}: {:?}", types(&answer));
        let gallons = answer.hits.iter().filter(|hit| {
            let size = hit.size.as_deref().unwrap_or("");
            ["1 ga", "1 gal", "ga", "gal", "128 oz"].contains(&size)
        });
        assert_eq!(gallons.count(), answer.hits.len(), "{text}: {:?}", answer.hits);
    }
    assert_ne!(ask("milk 0.5 gal").hits[0].size, ask("milk 1 gal").hits[0].size);
}

#[test]
fn bread_is_bread() {
    let answer = ask("bread");
    assert!(types(&answer).iter().all(|name| name.contains("BREAD")), "{:?}", types(&answer));
    let aside = ["BREADING", "FRZN BREADED", "CROUTONS", "MUFFIN"];
    assert!(
        !types(&answer).iter().any(|name| aside.iter().any(|aside| name.contains(aside))),
        "{:?}",
        types(&answer)
    );
}

#[test]
fn a_mistyped_banana_is_a_banana_and_says_so() {
    for text in ["bannana", "banan", "bannanas", "bananna", "banaan"] {
        let answer = ask(text);
        assert_eq!(types(&answer)[0], "BANANAS", "{text}");
        assert!(answer.said.dropped_words.is_empty(), "{text}");
    }
    assert_eq!(ask("bannana").said.did_you_mean.as_deref(), Some("bananas"));
}

#[test]
fn cola_by_any_name_is_a_soft_drink() {
    for text in ["coca cola", "coke", "Coca-Cola", "cocacola", "pepsi", "soda"] {
        let answer = ask(text);
        let department = |hit: &catalog::query::Hit| demo().sources[&hit.sku].product_category.clone();
        assert!(
            answer.hits.iter().all(|hit| department(hit) == "SOFT DRINKS"),
            "{text}: {:?}",
            types(&answer)
        );
    }
}

#[test]
fn what_no_milk_has_is_dropped_and_said() {
    let answer = ask("2% milk");
    assert!(types(&answer).iter().all(|name| name.contains("MILK")), "{:?}", types(&answer));
    assert_eq!(answer.said.dropped_words, ["2%"]);
    // What some product has is not dropped.
    let juice = ask("100% juice");
    assert!(types(&juice).iter().all(|name| name.contains("100%")), "{:?}", types(&juice));
    assert!(juice.said.dropped_words.is_empty());
}

#[test]
fn toilet_paper_is_bath_tissue() {
    assert!(types(&ask("toilet paper")).iter().all(|name| *name == "TOILET TISSUE"));
    assert!(types(&ask("bath tissue")).iter().all(|name| *name == "TOILET TISSUE"));
}

#[test]
fn what_cannot_be_sold_comes_last_in_any_order() {
    let index = &demo().index;
    for sort in [Sort::Relevance, Sort::PriceUp, Sort::PriceDown, Sort::Newest, Sort::Popularity] {
        for text in ["milk", "candles", ""] {
            let query = Query { text: text.to_owned(), sort, limit: 100, ..Query::default() };
            let mut cursor = None;
            let mut sold = Vec::new();
            for _ in 0..20 {
                let answer =
                    index.search(&Query { cursor: cursor.take(), ..query.clone() }).expect("an answer");
                sold.extend(answer.hits.iter().map(|hit| (hit.can_be_sold, hit.price_minor)));
                cursor = answer.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert!(sold.is_sorted_by_key(|(sold, _)| !sold), "{text} {sort:?}");
            let prices: Vec<Option<i64>> =
                sold.iter().filter(|(sold, _)| *sold).map(|(_, price)| *price).collect();
            match sort {
                Sort::PriceUp => assert!(prices.is_sorted(), "{text}"),
                Sort::PriceDown => assert!(prices.is_sorted_by(|one, other| one >= other), "{text}"),
                Sort::Relevance | Sort::Newest | Sort::Popularity => {}
            }
        }
    }
}

#[test]
fn no_words_find_nothing() {
    for (text, category) in
        [("qqqqqqqqqqqq", true), ("молоко", true), ("zzxxzz yyvvyy", true), ("chese qqqqqqqqqq", false)]
    {
        let answer = ask(text);
        assert_eq!(answer.hits.len(), 10, "{text}");
        assert_eq!(answer.said.nearest_category.is_some(), category, "{text}: {:?}", answer.said);
        assert!(!answer.said.dropped_words.is_empty(), "{text}");
    }
    // Filters may leave nothing: they were asked for.
    let filters = Filters { departments: vec!["No such".to_owned()], ..Filters::default() };
    let query = Query { text: "milk".to_owned(), filters, ..Query::default() };
    assert_eq!(demo().index.search(&query).expect("an answer").found, 0);
}

#[test]
fn two_words_are_found_as_one_and_one_as_two() {
    assert_eq!(types(&ask("butter milk"))[0], "BUTTERMILK");
    let answer = ask("icecream sandwiches");
    assert_eq!(types(&answer)[0], "ICE CREAM SANDWICHES");
    assert_eq!(answer.said.did_you_mean.as_deref(), Some("ice cream sandwiches"));
}

#[test]
fn the_last_word_is_the_beginning_of_one_first() {
    let answer = ask("strawb");
    assert!(types(&answer)[0].starts_with("STRAWBERR"), "{:?}", types(&answer));
    assert_eq!(answer.said.did_you_mean, None);
    // With a space behind it, it is whole.
    assert_ne!(ask("strawb ").said, ask("strawb").said);
}

#[test]
fn words_that_matched_are_marked() {
    let answer = ask("Mílk gallons");
    for hit in &answer.hits {
        let marked: Vec<&str> = hit.marks.iter().map(|range| &hit.title[range.clone()]).collect();
        assert!(marked.contains(&"Milk"), "{} {marked:?}", hit.title);
    }
    let synonym = ask("toilet paper");
    let hit = &synonym.hits[0];
    let marked: Vec<&str> = hit.marks.iter().map(|range| &hit.title[range.clone()]).collect();
    assert_eq!(marked, ["Toilet", "Tissue"]);
}

#[test]
fn what_looks_alike_is_one_hit_with_a_count() {
    let query = Query { text: "bananas".to_owned(), limit: 100, ..Query::default() };
    let one = demo().index.search(&query).expect("an answer");
    let all = demo().index.search(&Query { collapse: false, ..query }).expect("an answer");
    assert_eq!(one.products, all.products);
    assert_eq!(all.found, all.products);
    assert!(one.found < all.found);
    assert_eq!(one.hits.iter().map(|hit| hit.same).sum::<usize>(), all.products);
    let mut looks: Vec<_> = one.hits.iter().map(|hit| (&hit.title, &hit.size, hit.price_minor)).collect();
    looks.sort();
    assert!(looks.windows(2).all(|pair| pair[0] != pair[1]));
}
