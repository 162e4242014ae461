//! What a product may be: each bound from both sides, each refusal with its word and a message that says what to do.

use catalog::limits::*;
use catalog::product::*;
use catalog::refusal::Refusal;

fn draft() -> Draft {
    Draft { sku: "A-1".to_owned(), title: "Milk".to_owned(), price_minor: Some(349), ..Draft::default() }
}

/// Changes a good draft, and says by which word it is refused; `""` if it is not.
fn refused(change: impl FnOnce(&mut Draft)) -> &'static str {
    let mut draft = draft();
    change(&mut draft);
    match Product::check(draft) {
        Ok(_) => "",
        Err(refusal) => {
            assert!(refusal.to_string().contains([';', ':']), "{refusal}");
            refusal.code()
        }
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("n{at}")).collect()
}

#[test]
fn texts_are_within_their_bounds() {
    assert_eq!(refused(|_| {}), "");
    assert_eq!(refused(|draft| draft.sku.clear()), "sku_missing");
    assert_eq!(refused(|draft| draft.sku = "  ".to_owned()), "sku_missing");
    assert_eq!(refused(|draft| draft.sku = "a b".to_owned()), "sku_form");
    assert_eq!(refused(|draft| draft.sku = "ä".to_owned()), "sku_form");
    assert_eq!(refused(|draft| draft.sku = "a".repeat(SKU_LENGTH_MAX)), "");
    assert_eq!(refused(|draft| draft.sku = "a".repeat(SKU_LENGTH_MAX + 1)), "sku_form");
    assert_eq!(refused(|draft| draft.title = " \n".to_owned()), "title_missing");
    assert_eq!(refused(|draft| draft.title = "a\u{7}b".to_owned()), "control_character");
    assert_eq!(refused(|draft| draft.title = "a".repeat(TITLE_LENGTH_MAX)), "");
    assert_eq!(refused(|draft| draft.title = "a".repeat(TITLE_LENGTH_MAX + 1)), "too_long");
    assert_eq!(refused(|draft| draft.description = some("two\nlines")), "");
    assert_eq!(refused(|draft| draft.description = Some("a".repeat(DESCRIPTION_LENGTH_MAX + 1))), "too_long");
    assert_eq!(refused(|draft| draft.brand = Some("a".repeat(NAME_LENGTH_MAX + 1))), "too_long");
    assert_eq!(refused(|draft| draft.tax_class = some("a\tb")), "control_character");
}

#[test]
fn lists_are_within_their_bounds() {
    assert_eq!(refused(|draft| draft.category = names(CATEGORY_DEPTH_MAX)), "");
    assert_eq!(refused(|draft| draft.category = names(CATEGORY_DEPTH_MAX + 1)), "too_many");
    assert_eq!(refused(|draft| draft.category = vec![String::new()]), "empty_entry");
    let choice = |name: &str| Choice { name: name.to_owned(), value: "red".to_owned() };
    assert_eq!(refused(|draft| draft.options = vec![choice("a"), choice("b")]), "");
    assert_eq!(refused(|draft| draft.options = vec![choice("a"), choice("a ")]), "named_twice");
    let regions = |regions: &[&str]| regions.iter().map(|region| (*region).to_owned()).collect::<Vec<_>>();
    assert_eq!(refused(|draft| draft.regions = regions(&["DE", "US-CA", "FR-75C"])), "");
    for wrong in ["de", "DEU", "US-", "US-CALI", "U5"] {
        assert_eq!(refused(|draft| draft.regions = regions(&[wrong])), "region_unknown", "{wrong}");
    }
    assert_eq!(refused(|draft| draft.regions = regions(&["DE", "DE"])), "named_twice");
    let component = |sku: &str, quantity| Component { sku: sku.to_owned(), quantity };
    assert_eq!(refused(|draft| draft.components = vec![component("B", 2)]), "");
    assert_eq!(refused(|draft| draft.components = vec![component("A-1", 2)]), "component_invalid");
    assert_eq!(refused(|draft| draft.components = vec![component("B", 0)]), "component_invalid");
    assert_eq!(refused(|draft| draft.components = vec![component("B", 1), component("B", 2)]), "named_twice");
}

#[test]
fn numbers_are_within_their_bounds() {
    // A laptop in IDR does not fit into 32 bits.
    for (price, code) in [
        (Some(0), ""),
        (Some(3_500_000_000), ""),
        (Some(PRICE_MINOR_MAX), ""),
        (Some(PRICE_MINOR_MAX + 1), "price_absurd"),
        (Some(i64::MAX), "price_absurd"),
        (Some(-1), "price_negative"),
        (Some(i64::MIN), "price_negative"),
        (None, ""),
    ] {
        assert_eq!(refused(|draft| draft.price_minor = price), code, "{price:?}");
    }
    for ((min, max, step), code) in [
        ((1, 1, 1), ""),
        ((2, 12, 2), ""),
        ((0, 5, 1), "quantity_bounds"),
        ((3, 2, 1), "quantity_bounds"),
        ((1, 2, 0), "quantity_bounds"),
    ] {
        assert_eq!(refused(|draft| draft.quantities = Some(Quantities { min, max, step })), code);
    }
    for (weight, code) in
        [(1, ""), (WEIGHT_G_MAX, ""), (0, "weight_bounds"), (WEIGHT_G_MAX + 1, "weight_bounds")]
    {
        assert_eq!(refused(|draft| draft.weight_g = Some(weight)), code);
    }
    for (age, code) in [(18, ""), (0, "age_bounds"), (AGE_MAX + 1, "age_bounds")] {
        assert_eq!(refused(|draft| draft.age_min = Some(age)), code);
    }
}

#[test]
fn a_gtin_checks_itself() {
    for gtin in ["4006381333931", "96385074", "036000291452", "10036000291459", ""] {
        assert_eq!(refused(|draft| draft.gtin = some(gtin)), "", "{gtin}");
    }
    for gtin in ["4006381333932", "4006383133931", "963850745", "40063813339-1"] {
        assert_eq!(refused(|draft| draft.gtin = some(gtin)), "gtin_invalid", "{gtin}");
    }
}

#[test]
fn a_picture_is_one_that_a_page_may_load() {
    for address in ["https://example.com/a.png", "/pictures/a.webp"] {
        assert_eq!(refused(|draft| draft.picture = some(address)), "", "{address}");
    }
    for address in
        ["http://example.com/a.png", "//example.com/a.png", "javascript:alert(1)", "https://", "/a b"]
    {
        assert_eq!(refused(|draft| draft.picture = some(address)), "picture_address", "{address}");
    }
}

#[test]
fn what_is_not_known_is_absent() {
    let draft = Draft { brand: some(" "), size: some(""), title: " Milk ".to_owned(), ..draft() };
    let product = Product::check(draft).expect("a product");
    assert_eq!((product.brand(), product.size(), product.title()), (None, None, "Milk"));
    assert!(product.can_be_sold());
    for unsold in [
        Draft { price_minor: None, ..product.as_draft().clone() },
        Draft { availability: Availability::OutOfStock, ..product.as_draft().clone() },
        Draft { availability: Availability::Stopped, ..product.as_draft().clone() },
    ] {
        assert!(!Product::check(unsold).expect("a product").can_be_sold());
    }
    assert_eq!(Refusal::SkuMissing.code(), "sku_missing");
}
