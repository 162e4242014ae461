//! PR1 to PR8, a test or more each, with figures that can be checked by hand.

mod shop;

use serde_json::{Value, json};
use shop::{Shop, area, became, discounts, money, of, utc};

fn percent(id: &str, percent: u32, more: Value) -> Value {
    let mut promotion = json!({"id": id, "kind": {"percentage": percent * 10_000}, "target": "lines"});
    promotion.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    promotion
}

#[test]
fn pr1_the_groups_list_comes_before_the_currencys_and_that_before_the_base_price() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    let list = |id: &str, group: Option<&str>, price: i64| json!({"id": id, "currency": "USD", "group": group, "prices": {"a": price}});
    let lists = [list("all", None, 900), list("staff", Some("staff"), 950), list("vip", Some("vip"), 800)];
    let unit = |shop: &Shop| shop.price(&[("a", 1)]).lines[0].list.clone().unwrap().unit_minor;
    assert_eq!(unit(&shop), 1_000);
    shop.lists = of(json!({"version": 1, "lists": lists}));
    assert_eq!(unit(&shop), 900);
    shop.customer.groups = vec!["staff".to_owned()];
    assert_eq!(unit(&shop), 950, "that of the group, though it is dearer");
    shop.customer.groups = vec!["staff".to_owned(), "vip".to_owned()];
    assert_eq!(unit(&shop), 800, "of two groups the cheaper");
}

#[test]
fn pr1_a_base_price_is_converted_multiplied_and_finished_in_one_rounding() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.rates = of(json!({"version": 1, "pinned": true, "per_euro": {
        "USD": {"day": "2026-10-30", "per_euro": "1.1172"}, "JPY": {"day": "2026-10-30", "per_euro": "175.68"},
        "CHF": {"day": "2026-10-30", "per_euro": "0.9194"}, "HUF": {"day": "2026-10-30", "per_euro": "366.33"},
        "IDR": {"day": "2026-10-30", "per_euro": "20275.17"},
    }}));
    let unit = |shop: &mut Shop, code: &str| {
        shop.currency = price::currency::Currency::of(code).unwrap();
        shop.price(&[("a", 1)]).lines[0].list.clone().unwrap().unit_minor
    };
    // 10.00 / 1.1172 = 8.95095...; × 175.68 = 1,572.50268; × 0.9194 = 8.22950...; × 366.33 = 3,279.00107..
    assert_eq!(unit(&mut shop, "EUR"), 895);
    assert_eq!(unit(&mut shop, "JPY"), 1_573, "yen have no digits");
    assert_eq!(unit(&mut shop, "CHF"), 823);
    assert_eq!(unit(&mut shop, "HUF"), 327_900, "forints have two, whatever a browser shows");
    assert_eq!(unit(&mut shop, "IDR"), 18_148_201, "rupiahs have two");
    shop.lists = of(json!({"version": 1, "multipliers": {"US": 1_100_000}, "endings": {
        "CHF": {"of": 5, "at": 0}, "EUR": {"of": 100, "at": 99}, "JPY": {"of": 100, "at": 0},
    }}));
    // × 1.1: 9.84604; 9.05245; 1,729.75.
    assert_eq!(unit(&mut shop, "EUR"), 999);
    assert_eq!(unit(&mut shop, "CHF"), 905);
    assert_eq!(unit(&mut shop, "JPY"), 1_700);
    shop.catalog.products.get_mut("a").unwrap().base = Some(money(1, "USD"));
    assert_eq!(unit(&mut shop, "JPY"), 100, "nothing becomes free by an ending");
}

#[test]
fn pr1_kwd_has_three_digits_by_a_price_list() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.lists =
        of(json!({"version": 1, "lists": [{"id": "kw", "currency": "KWD", "prices": {"a": 3_075}}]}));
    shop.currency = price::currency::Currency::of("KWD").unwrap();
    shop.with(percent("p", 10, json!({})));
    let priced = shop.price(&[("a", 3)]);
    // 9.225 less 0.9225, half up.
    assert_eq!(
        (priced.totals.list_minor, priced.totals.discount_minor, priced.currency.exponent()),
        (9_225, 923, 3)
    );
}

#[test]
fn pr2_halves_go_as_the_merchant_says() {
    for (rule, tax) in [("half_up", 3), ("half_even", 2), ("half_down", 2)] {
        let mut shop = Shop::selling(&[("a", 25)]);
        shop.taxed(area("DE", 100_000, false));
        shop.merchant.rounding = of(json!(rule));
        assert_eq!(shop.price(&[("a", 1)]).totals.tax_minor, tax, "2.5 {rule}");
        assert_eq!(
            shop.price(&[("a", 3)]).totals.tax_minor,
            if rule == "half_down" { 7 } else { 8 },
            "7.5 {rule}"
        );
    }
}

#[test]
fn pr3_no_discounted_unit_price_is_multiplied() {
    let mut shop = Shop::selling(&[("a", 333)]);
    shop.with(percent("p", 10, json!({})));
    // 10 % of 3.33 rounded is 0.33; of a thousand of them 333.00.
    assert_eq!(shop.price(&[("a", 1_000)]).totals.discount_minor, 33_300);
    assert_eq!(shop.price(&[("a", 7)]).totals.discount_minor, 233, "2.331");
}

#[test]
fn pr4_an_amount_over_lines_is_that_amount() {
    let mut shop = Shop::selling(&[("a", 100), ("b", 200), ("c", 301)]);
    shop.with(json!({"id": "p", "kind": {"amount": {"USD": 100}}, "target": "order"}));
    // 16.64, 33.28 and 50.08: the two that miss most get the rest.
    assert_eq!(discounts(&shop.price(&[("a", 1), ("b", 1), ("c", 1)])), [17, 33, 50]);
    shop.promotions[0]["spread"] = json!("evenly");
    assert_eq!(discounts(&shop.price(&[("a", 1), ("b", 1), ("c", 1)])), [34, 33, 33]);
    shop.promotions[0]["kind"] = json!({"amount": {"USD": 450}});
    assert_eq!(
        discounts(&shop.price(&[("a", 1), ("b", 1), ("c", 1)])),
        [100, 175, 175],
        "what is too much for one"
    );
    shop.promotions[0]["spread"] = json!("each");
    assert_eq!(
        discounts(&shop.price(&[("a", 2), ("b", 1), ("c", 1)])),
        [200, 200, 301],
        "of each unit, at most all"
    );
}

#[test]
fn pr5_all_off_is_exactly_nothing_with_no_tax() {
    for included in [true, false] {
        let mut shop = Shop::selling(&[("a", 1_999), ("b", 1)]);
        shop.taxed(area("DE", 190_000, included)).sending(499);
        shop.with(percent("p", 100, json!({"target": "order"})));
        shop.with(json!({"id": "q", "kind": "free_shipping", "target": "shipping"}));
        let totals = shop.price(&[("a", 3), ("b", 7)]).totals;
        assert_eq!((totals.tax_minor, totals.total_minor, totals.to_pay_minor), (0, 0, 0));
    }
}

#[test]
fn pr6_classes_then_priority_then_the_larger_benefit_then_the_id() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.with(percent("small", 10, json!({}))).with(percent("large", 20, json!({})));
    let priced = shop.price(&[("a", 1)]);
    assert_eq!(
        (became(&priced, "large"), became(&priced, "small")),
        ("applied 200".into(), "beaten_by large".into())
    );
    shop.promotions[0]["priority"] = json!(-1);
    let priced = shop.price(&[("a", 1)]);
    assert_eq!(
        (became(&priced, "large"), became(&priced, "small")),
        ("beaten_by small".into(), "applied 100".into())
    );
    shop.promotions = vec![percent("b", 10, json!({})), percent("a", 10, json!({}))];
    assert_eq!(became(&shop.price(&[("a", 1)]), "b"), "beaten_by a");
    shop.promotions = vec![
        percent("order", 50, json!({"target": "order", "priority": -5})),
        percent("line", 10, json!({})),
    ];
    let priced = shop.price(&[("a", 1)]);
    assert_eq!(
        (became(&priced, "line"), became(&priced, "order")),
        ("applied 100".into(), "conflicts line".into())
    );
}

#[test]
fn pr6_two_are_together_on_a_line_only_if_both_allow_it() {
    let case = |a: Value, b: Value| {
        let mut shop = Shop::selling(&[("a", 1_000), ("b", 1_000)]);
        shop.with(percent("p", 20, json!({"allows": a})));
        shop.with(percent("q", 10, json!({"allows": b, "products": {"skus": ["a"]}})));
        shop.price(&[("a", 1), ("b", 1)]).totals.discount_minor
    };
    assert_eq!(case(json!("all"), json!("all")), 200 + 200 + 80);
    assert_eq!(case(json!("all"), json!("none")), 400);
    assert_eq!(case(json!("none"), json!("all")), 400);
    assert_eq!(case(json!({"only": ["q"]}), json!({"only": ["p"]})), 480);
    assert_eq!(case(json!({"only": ["q"]}), json!({"only": ["x"]})), 400);
    // The lines that are free are still its own.
    let mut shop = Shop::selling(&[("a", 1_000), ("b", 1_000)]);
    shop.with(percent("p", 20, json!({"products": {"skus": ["a"]}}))).with(percent("q", 5, json!({})));
    assert_eq!(discounts(&shop.price(&[("a", 1), ("b", 1)])), [200, 50]);
}

#[test]
fn pr7_bought_of_one_kind_given_of_another() {
    let mut shop = Shop::selling(&[("shirt", 2_000), ("sock", 500), ("hat", 900)]);
    let rule = json!({"buy": 1, "get": 2, "of": {"skus": ["sock", "hat"]}, "off": 500_000});
    shop.with(
        json!({"id": "p", "kind": {"buy_get": rule}, "target": "lines", "products": {"skus": ["shirt"]}}),
    );
    assert_eq!(discounts(&shop.price(&[("shirt", 1), ("sock", 1), ("hat", 3)])), [0, 250, 450]);
    assert_eq!(discounts(&shop.price(&[("shirt", 3), ("sock", 4), ("hat", 1)])), [0, 1_000, 0]);
    assert_eq!(became(&shop.price(&[("shirt", 3), ("sock", 1)]), "p"), "not_eligible");
    // What was bought for it is not free for another promotion.
    shop.with(percent("q", 1, json!({"priority": 1})));
    assert_eq!(discounts(&shop.price(&[("shirt", 1), ("sock", 2)])), [0, 500]);
}

#[test]
fn pr8_each_kind_takes_off_what_it_says() {
    let check = |kind: Value, target: &str, spread: &str, discount: i64, shipping: i64| {
        let mut shop = Shop::selling(&[("a", 1_000), ("b", 300)]);
        shop.sending(450);
        shop.with(json!({"id": "p", "kind": kind, "target": target, "spread": spread}));
        let priced = shop.price(&[("a", 2), ("b", 3)]);
        assert_eq!(
            (priced.totals.discount_minor, priced.totals.shipping_minor),
            (discount, shipping),
            "{kind} {target}"
        );
        priced
    };
    check(json!({"percentage": 100_000}), "lines", "each", 290, 450);
    check(json!({"percentage": 100_000}), "shipping", "share", 0, 405);
    check(json!({"amount": {"USD": 250}}), "lines", "each", 1_250, 450);
    check(json!({"amount": {"USD": 250}}), "order", "share", 250, 450);
    check(json!({"amount": {"USD": 9_999}}), "order", "share", 2_900, 450);
    check(json!({"amount": {"USD": 9_999}}), "shipping", "share", 0, 0);
    check(json!({"fixed_price": {"USD": 250}}), "lines", "each", 1_650, 450);
    check(json!({"fixed_price": {"USD": 2_500}}), "lines", "share", 400, 450);
    check(json!({"fixed_price": {"USD": 9_999}}), "order", "share", 0, 450);
    check(json!({"fixed_price": {"USD": 99}}), "shipping", "share", 0, 99);
    check(json!({"buy_get": {"buy": 2, "get": 1, "off": 1_000_000}}), "lines", "share", 300, 450);
    let steps = json!({"threshold": [
        {"from": {"USD": 1_000}, "off": {"amount": {"USD": 100}}}, {"from": {"USD": 2_900}, "off": {"percentage": 200_000}},
        {"from": {"USD": 2_901}, "off": {"percentage": 900_000}},
    ]});
    check(steps, "order", "share", 580, 450);
    check(json!("free_shipping"), "shipping", "share", 0, 0);
    let priced = check(json!({"gift": {"sku": "b", "quantity": 2}}), "order", "share", 0, 450);
    assert_eq!(
        (priced.gifts[0].sku.as_str(), priced.gifts[0].quantity, priced.gifts[0].worth_minor),
        ("b", 2, Some(600))
    );
}

#[test]
fn pr8_conditions_are_all_to_be_met() {
    let base = || {
        let mut shop = Shop::new();
        let product = json!({"base": money(1_000, "USD"), "categories": ["food", "cheese"], "brand": "Cove", "tax_class": "food"});
        shop.product("a", product);
        shop
    };
    let taken = |shop: &Shop| shop.price(&[("a", 1)]).totals.discount_minor == 100;
    for (products, is) in [
        (json!({"skus": ["a", "x"]}), true),
        (json!({"skus": ["x"]}), false),
        (json!({"categories": ["cheese"]}), true),
        (json!({"categories": ["wine"]}), false),
        (json!({"brands": ["Cove"], "categories": ["food"]}), true),
        (json!({"brands": ["Brink"], "categories": ["food"]}), false),
        (json!({"categories": ["food"], "except": ["a"]}), false),
    ] {
        let mut shop = base();
        shop.with(percent("p", 10, json!({"products": products})));
        assert_eq!(taken(&shop), is, "{products}");
    }
    let met = |shop: &mut Shop| {
        shop.customer = of(json!({"known": true, "groups": ["vip"], "first_order": true}));
        shop.address = Some(of(json!({"country": "US", "subdivision": "US-NY"})));
    };
    for condition in [
        json!({"groups": ["vip", "staff"]}),
        json!({"first_order": true}),
        json!({"places": ["US-NY", "DE"]}),
        json!({"minimum": {"USD": 1_000}}),
    ] {
        let mut shop = base();
        shop.with(percent("p", 10, json!({"conditions": condition})));
        let is_met_anyhow = condition.get("minimum").is_some();
        assert_eq!(taken(&shop), is_met_anyhow, "{condition}");
        met(&mut shop);
        assert!(taken(&shop), "{condition}");
    }
}

#[test]
fn pr8_a_window_is_by_the_merchants_clock_also_where_it_is_set() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.zone = price::zone::Zone::parse("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let taken = |shop: &mut Shop, at: &str| {
        shop.now_s = utc(at);
        shop.price(&[("a", 1)]).totals.discount_minor > 0
    };
    // Begins in the hour that does not exist, ends in the one that is there twice.
    let window = json!({"from": "2026-03-29T02:30:00", "until": "2026-10-25T02:30:00"});
    shop.with(percent("p", 10, window));
    assert!(!taken(&mut shop, "2026-03-29T00:59:59"));
    assert!(taken(&mut shop, "2026-03-29T01:00:00"), "the moment the clock was set");
    assert!(taken(&mut shop, "2026-10-25T00:30:00"), "the first 2:30");
    assert!(taken(&mut shop, "2026-10-25T01:29:59"));
    assert!(!taken(&mut shop, "2026-10-25T01:30:00"), "the second 2:30");
    shop.promotions =
        vec![percent("p", 10, json!({"from": "2028-02-29T00:00:00", "until": "2028-03-01T00:00:00"}))];
    assert!(!taken(&mut shop, "2028-02-28T22:59:59"));
    assert!(taken(&mut shop, "2028-02-28T23:00:00"), "a leap day");
    assert!(taken(&mut shop, "2028-02-29T22:59:59"));
    assert!(!taken(&mut shop, "2028-02-29T23:00:00"));
}
