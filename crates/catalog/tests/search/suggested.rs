//! Suggestions while somebody types.

use catalog::query::Search as _;

use crate::demo::demo;

#[test]
fn two_letters_suggest_words_categories_and_products() {
    let index = &demo().index;
    for text in ["", "m", " ", "é", "12 oz m"] {
        assert_eq!(index.suggest(text, 5), Default::default(), "{text}");
    }
    let milk = index.suggest("mil", 5);
    assert_eq!(milk.words[0], "milk");
    assert_eq!(milk.categories[0].value, "Ice Cream/Milk/Sherbts");
    assert_eq!(milk.products.len(), 5);
    assert!(milk.products.iter().all(|hit| hit.title.contains("Mil")), "{:?}", milk.products);
}

#[test]
fn what_was_typed_before_stays_and_fits() {
    let index = &demo().index;
    let chips = index.suggest("Potato chi", 5);
    assert_eq!(chips.words[0], "potato chips");
    let none = index.suggest("toothpaste ban", 5);
    assert!(!none.words.contains(&"toothpaste bananas".to_owned()), "{:?}", none.words);
    assert_eq!(index.suggest("bannana", 3).words[0], "bananas");
    assert_eq!(index.suggest("ch", 99).words.len(), 10);
    assert_eq!(index.suggest("ch", 0), Default::default());
}
