//! How much work promotions are: counted, not timed. A promotion that has nothing to do with a cart costs it nothing.

mod shop;

use price::promotion::Promotion;
use price::promotion::index::Promotions;
use price::quote::answer::Priced;
use price::zone::Zone;
use serde_json::{Value, json};
use shop::{Shop, money, of};

/// The lines of the largest basket of the demo.
const LINES: usize = 161;

fn shop() -> (Shop, Vec<(String, u64)>) {
    let mut shop = Shop::new();
    for number in 0..LINES {
        let product = json!({
            "base": money(100 + number as i64, "USD"), "tax_class": "food", "brand": format!("brand{}", number % 40),
            "categories": [format!("department{}", number % 8), format!("aisle{}", number % 60)],
        });
        shop.product(&format!("sku{number}"), product);
    }
    let lines = (0..LINES).map(|number| (format!("sku{number}"), 1 + number as u64 % 3)).collect();
    (shop, lines)
}

fn price(shop: &Shop, lines: &[(String, u64)]) -> Priced {
    let lines: Vec<(&str, u64)> = lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
    shop.price(&lines)
}

/// One in 20 of the shop's products is in this cart, as are promotions: of a product, a brand or an aisle.
fn promotion(number: usize) -> Value {
    let products = match number % 10 {
        0 => json!({"brands": [format!("brand{}", number % 800)]}),
        1 => json!({"categories": [format!("aisle{}", number % 1_200)]}),
        _ => json!({"skus": [format!("sku{}", number % 3_220)]}),
    };
    json!({"id": format!("p{number}"), "kind": {"percentage": 50_000}, "target": "lines", "products": products})
}

#[test]
fn a_thousand_promotions_are_at_most_three_times_the_work_of_none() {
    let (mut shop, lines) = shop();
    let without = price(&shop, &lines).steps;
    shop.promotions = (0..1_000).map(promotion).collect();
    let priced = price(&shop, &lines);
    assert!(priced.promotions.len() > 30, "some act: {}", priced.promotions.len());
    println!("{LINES} lines: {without} steps without promotions, {} with 1,000", priced.steps);
    assert!(without > LINES as u64 && priced.steps <= 3 * without, "{} steps", priced.steps);
}

#[test]
fn ten_thousand_promotions_for_all_products_are_looked_at_three_times_a_line_at_most() {
    let (mut shop, lines) = shop();
    let general = |number: usize| {
        let off = 1 + number % 900_000;
        json!({"id": format!("p{number:05}"), "kind": {"percentage": off}, "target": "order", "allows": "all",
               "priority": number % 5})
    };
    shop.promotions = (0..10_000).map(general).collect();
    let priced = price(&shop, &lines);
    let bound = 3 * 10_000 * (LINES as u64 + 1) + 7 * LINES as u64;
    println!("10,000 promotions for all, {LINES} lines: {} steps", priced.steps);
    assert!(priced.steps <= bound, "{} steps", priced.steps);
    assert_eq!(priced.promotions.len(), 10_000);
}

#[test]
fn a_hundred_coupons_are_a_hundred_looks_at_each_line() {
    let (mut shop, lines) = shop();
    let coded = |number: usize| {
        let mut promotion = promotion(number);
        promotion["codes"] = json!([format!("C{number}")]);
        promotion
    };
    shop.promotions = (0..10_000).map(coded).collect();
    shop.coupons = (0..100).map(|number| format!("c {number}")).collect();
    let priced = price(&shop, &lines);
    assert_eq!(priced.coupons.len(), 100);
    let bound = 3 * 100 * (LINES as u64 + 1) + 7 * LINES as u64;
    assert!(priced.steps <= bound, "{} steps", priced.steps);
}

/// The index is a value of its own: who prices two carts of a version builds it once.
#[test]
fn the_index_is_built_once_for_a_version() {
    let promotions: Vec<Promotion> = (0..10_000).map(|number| of(promotion(number))).collect();
    let index = Promotions::new(7, promotions, &Zone::utc()).unwrap();
    assert_eq!((index.version(), index.len()), (7, 10_000));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let base = json!({"id": "p", "kind": {"percentage": 50_000}, "target": "lines"});
    let with = |field: &str, value: Value| {
        let mut promotion = base.clone();
        promotion[field] = value;
        promotion
    };
    for wrong in [
        with("id", json!("")),
        with("kind", json!({"percentage": 1_000_001})),
        with("kind", json!({"amount": {"USD": -1}})),
        with("kind", json!({"amount": {}})),
        with("kind", json!({"buy_get": {"buy": 0, "get": 1, "off": 1}})),
        with("kind", json!({"threshold": []})),
        with("kind", json!("free_shipping")),
        with("conditions", json!({"minimum": {"USD": -5}})),
        with("per_customer", json!(true)),
        {
            let mut promotion = with("from", json!("2026-01-02T00:00:00"));
            promotion["until"] = json!("2026-01-02T00:00:00");
            promotion
        },
    ] {
        assert!(Promotions::new(1, vec![of(wrong.clone())], &Zone::utc()).is_err(), "{wrong}");
    }
    assert!(
        Promotions::new(1, vec![of(base.clone()), of(base.clone())], &Zone::utc()).is_err(),
        "one id twice"
    );
    assert!(Promotions::new(1, vec![of(base.clone())], &Zone::utc()).is_ok());
    for unknown in [
        with("kind", json!({"amount": {"XXX": 1}})),
        with("from", json!("2026-02-29T00:00:00")),
        with("off", json!(1)),
    ] {
        assert!(serde_json::from_value::<Promotion>(unknown.clone()).is_err(), "{unknown}");
    }
}
