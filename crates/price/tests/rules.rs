//! PR1 to PR16, a test or more each, with figures that can be checked by hand.

mod shop;

use price::gift_card::CardCode;
use price::rates::Freshness;
use serde_json::{Value, json};
use shop::{Shop, area, became, coupon, discounts, money, of, utc};

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

#[test]
fn pr9_pr10_a_limit_by_customer_needs_one_who_is_known() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.with(percent("p", 10, json!({"codes": ["ONCE"], "per_customer": true})));
    shop.coupons = vec!["ONCE".to_owned()];
    assert_eq!(coupon(&shop.price(&[("a", 1)]), 0), "not_eligible");
    shop.customer.known = true;
    assert_eq!(coupon(&shop.price(&[("a", 1)]), 0), "applied 100");
}

#[test]
fn pr10_a_card_pays_and_takes_nothing_off_and_all_that_fail_answer_alike() {
    let code = |byte: u8| CardCode::of_bits([byte; 10]).to_string();
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.taxed(area("DE", 200_000, false));
    shop.cards = [
        json!({"code": code(1), "balance": {"amount": money(700, "USD")}}),
        json!({"code": code(2), "balance": {"amount": money(300, "USD"), "until_s": shop.now_s + 1}}),
        json!({"code": code(3)}),
        json!({"code": code(4), "balance": {"amount": money(0, "USD")}}),
        json!({"code": code(5), "balance": {"amount": money(300, "USD"), "until_s": shop.now_s}}),
        json!({"code": code(6), "balance": {"amount": money(300, "EUR")}}),
    ]
    .map(of)
    .to_vec();
    let priced = shop.price(&[("a", 1)]);
    let paid: Vec<_> = priced.cards.iter().map(|card| card.paid_minor).collect();
    assert_eq!(paid, [Some(700), Some(300), None, None, None, None]);
    let totals = priced.totals;
    assert_eq!(
        (totals.tax_minor, totals.total_minor, totals.cards_minor, totals.to_pay_minor),
        (200, 1_200, 1_000, 200)
    );
    // The one that ends first pays first.
    shop.catalog.products.get_mut("a").unwrap().base = Some(money(250, "USD"));
    let paid: Vec<_> = shop.price(&[("a", 1)]).cards.iter().take(2).map(|card| card.paid_minor).collect();
    assert_eq!(paid, [Some(0), Some(300)]);
}

#[test]
fn pr10_a_code_is_read_as_people_write_it_and_a_slip_is_found() {
    let code = CardCode::of_bits([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x10, 0x32]);
    let text = code.to_string();
    assert_eq!(text.len(), 17 + 3);
    let spaced = format!("  {} ", text.to_lowercase().replace('-', " "));
    let mistaken = text.replace('0', "o").replace('1', "l");
    for spelling in [text.clone(), spaced, mistaken, text.replace('-', "")] {
        assert_eq!(CardCode::parse(&spelling).unwrap(), code, "{spelling}");
    }
    let letters: Vec<char> = text.chars().filter(|letter| *letter != '-').collect();
    let parse = |letters: &[char]| CardCode::parse(&letters.iter().collect::<String>());
    for at in 0..letters.len() {
        for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|other| *other != letters[at]) {
            let mut wrong = letters.clone();
            wrong[at] = other;
            assert!(parse(&wrong).is_err(), "a wrong letter at {at}");
        }
        for with in (0..at).filter(|with| letters[*with] != letters[at]) {
            let mut swapped = letters.clone();
            swapped.swap(at, with);
            assert!(parse(&swapped).is_err(), "{with} and {at} changed places");
        }
    }
    for text in ["", "0", "U000-0000-0000-00000", "0000-0000-0000-000000", "ÄÖÜ", "😀"] {
        assert!(CardCode::parse(text).is_err(), "{text}");
    }
}

#[test]
fn pr11_included_tax_is_rounded_as_tax_or_as_net() {
    // 0.25 with a quarter: exactly 0.05 of tax. 0.03 with 100 %: 0.015 each.
    for (price, rate, aim, tax) in [
        (25, 250_000, "tax", 5),
        (3, 1_000_000, "tax", 2),
        (3, 1_000_000, "net", 1),
        (10_000, 190_000, "tax", 1_597),
    ] {
        let mut shop = Shop::selling(&[("a", price)]);
        let mut area = area("DE", rate, true);
        area["aim"] = json!(aim);
        shop.taxed(area);
        let totals = shop.price(&[("a", 1)]).totals;
        assert_eq!((totals.tax_minor, totals.total_minor), (tax, price), "{price} at {rate} by {aim}");
    }
}

#[test]
fn pr11_a_line_at_a_time_or_a_rate_at_a_time() {
    for (per, tax) in [("line", 9), ("rate", 8)] {
        let mut shop = Shop::selling(&[("a", 25), ("b", 25), ("c", 25)]);
        let mut area = area("DE", 100_000, false);
        area["per"] = json!(per);
        shop.taxed(area);
        let priced = shop.price(&[("a", 1), ("b", 1), ("c", 1)]);
        assert_eq!(priced.totals.tax_minor, tax, "2.5 three times, {per}");
        assert_eq!(priced.lines.iter().map(|line| line.taxes[0].amount_minor).sum::<i64>(), tax);
        assert_eq!(priced.lines.iter().map(|line| line.total_minor).sum::<i64>(), priced.totals.total_minor);
    }
}

#[test]
fn pr11_discounts_come_before_tax_and_shipping_has_its_rate_or_the_highest() {
    for (rule, tax) in
        [(json!({"class": "food"}), 35 + 171), (json!("highest"), 95 + 171), (json!("none"), 171)]
    {
        let mut shop = Shop::selling(&[("a", 1_000)]);
        let mut area = area("DE", 190_000, false);
        area["shipping"] = rule.clone();
        shop.taxed(area).sending(500);
        shop.with(percent("p", 10, json!({})));
        assert_eq!(shop.price(&[("a", 1)]).totals.tax_minor, tax, "{rule}");
    }
}

#[test]
fn pr11_who_is_exempt_pays_none_and_without_an_address_it_is_an_estimate() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.taxed(area("DE", 190_000, false));
    for why in [json!({"exempt": {"reference": "ST-5"}}), json!({"reverse_charge": {"vat_id": "ATU1"}})] {
        shop.customer.exemption = Some(of(why.clone()));
        let priced = shop.price(&[("a", 1)]);
        assert_eq!((priced.totals.tax_minor, json!(priced.exemption)), (0, why));
    }
    shop.customer.exemption = None;
    assert_eq!(shop.price(&[("a", 1)]).estimated, []);
    shop.address = None;
    shop.merchant = of(json!({"place": {"country": "DE"}}));
    let priced = shop.price(&[("a", 1)]);
    assert_eq!((json!(priced.estimated), json!(priced.obstacles)), (json!(["address"]), json!(["address"])));
    assert_eq!(priced.totals.tax_minor, 190);
    shop.address = Some(of(json!({"country": "XX"})));
    assert_eq!(shop.try_price(&[]).unwrap_err().code(), "unknown_country");
}

#[test]
fn pr12_bananas_by_the_quarter_pound_and_the_price_of_a_kilogram() {
    let mut shop = Shop::new();
    let pound = json!({"unit": "lb", "scale": 2, "step": 25});
    shop.product("banana", json!({"base": money(59, "USD"), "tax_class": "food", "measure": pound}));
    let pack = json!({"amount": 750, "per": "kg"});
    shop.product("rice", json!({"base": money(199, "USD"), "tax_class": "food", "content": pack}));
    let priced = shop.price(&[("banana", 125), ("banana", 110), ("rice", 1)]);
    assert_eq!(priced.lines[0].amount_minor, 74, "1.25 lb at 0.59 are 0.7375");
    assert_eq!(json!(priced.lines[1].problem), json!({"off_step": {"step": 25}}));
    assert_eq!(priced.lines[2].unit_price, None, "nobody demands it");
    let mut area = area("DE", 70_000, true);
    area["unit_prices"] = json!(true);
    shop.taxed(area);
    assert_eq!(
        json!(shop.price(&[("rice", 2)]).lines[0].unit_price),
        json!({"amount_minor": 265, "per": "kg"})
    );
}

#[test]
fn pr13_a_currency_without_an_amount_is_the_wrong_one() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.currency = price::currency::Currency::EUR;
    shop.lists = of(json!({"version": 1, "lists": [{"id": "eur", "currency": "EUR", "prices": {"a": 900}}]}));
    shop.with(json!({"id": "p", "kind": {"amount": {"USD": 100}}, "target": "order"}));
    shop.with(percent("q", 10, json!({"conditions": {"minimum": {"USD": 1}}})));
    let priced = shop.price(&[("a", 1)]);
    assert_eq!(
        (became(&priced, "p"), became(&priced, "q")),
        ("wrong_currency".into(), "wrong_currency".into())
    );
    assert_eq!((priced.totals.total_minor, priced.rates), (900, Freshness::Current), "a list needs no rate");
}

#[test]
fn pr14_a_price_is_not_compared_with_one_of_another_currency() {
    let shop = Shop::selling(&[("a", 1_200)]);
    for (added, is_changed) in
        [(money(1_200, "USD"), false), (money(1_100, "USD"), true), (money(1_100, "EUR"), false)]
    {
        let line = json!({"id": "l", "sku": "a", "quantity": 1, "added": added});
        assert_eq!(
            shop.try_price(&[of(line)]).unwrap().lines[0].price_changed.is_some(),
            is_changed,
            "{added:?}"
        );
    }
}

#[test]
fn pr15_each_reason_is_said() {
    let mut shop = Shop::selling(&[("a", 1_000), ("b", 500)]);
    let coded = |id: &str, more: Value| {
        let mut more = more;
        more["codes"] = json!([id.to_uppercase()]);
        percent(id, 10, more)
    };
    shop.with(coded("old", json!({"until": "2026-06-15T12:00:00"})));
    shop.with(coded("new", json!({"from": "2026-06-15T12:00:01"})));
    shop.with(coded("rich", json!({"conditions": {"minimum": {"USD": 9_000}}})));
    shop.with(coded("gone", json!({})));
    shop.with(coded("vip", json!({"conditions": {"groups": ["vip"]}})));
    shop.with(coded("euro", json!({"conditions": {"currencies": ["EUR"]}})));
    shop.with(coded("other", json!({"products": {"skus": ["z"]}})));
    shop.with(coded("best", json!({"products": {"skus": ["a"]}, "priority": -1})));
    shop.with(coded("less", json!({"products": {"skus": ["a"]}})));
    shop.with(coded("whole", json!({"products": {"skus": ["a"]}, "target": "order"})));
    shop.limits.uses.insert("GONE".to_owned(), 0);
    let codes = [
        "nosuch",
        "old",
        "new",
        "rich",
        "gone",
        "vip",
        "euro",
        "other",
        "best",
        "less",
        "whole",
        " b E s T ",
    ];
    shop.coupons = codes.map(str::to_owned).to_vec();
    let priced = shop.price(&[("a", 1), ("b", 1)]);
    let became: Vec<String> = (0..codes.len()).map(|at| coupon(&priced, at)).collect();
    assert_eq!(
        became,
        [
            "unknown",
            "expired",
            "not_yet",
            "threshold 7600",
            "used_up",
            "not_eligible",
            "wrong_currency",
            "not_eligible",
            "applied 100",
            "beaten_by best",
            "conflicts best",
            "applied 100"
        ]
    );
    assert_eq!(priced.totals.discount_minor, 100, "the same coupon in two spellings counts once");
}

#[test]
fn pr15_two_codes_of_one_promotion_count_once_and_one_code_may_have_two() {
    let mut shop = Shop::selling(&[("a", 1_000), ("b", 1_000)]);
    shop.with(percent("p", 10, json!({"codes": ["X1", "X2"], "products": {"skus": ["a"]}})));
    shop.with(percent(
        "q",
        20,
        json!({"codes": ["X3"], "products": {"skus": ["a"]}, "until": "2026-01-01T00:00:00"}),
    ));
    shop.with(percent("r", 20, json!({"codes": ["X3"], "products": {"skus": ["b"]}})));
    shop.coupons = ["x2", "x1", "x3"].map(str::to_owned).to_vec();
    let priced = shop.price(&[("a", 1), ("b", 1)]);
    assert_eq!([0, 1, 2].map(|at| coupon(&priced, at)), ["beaten_by p", "applied 100", "applied 200"]);
    shop.limits.uses.insert("X1".to_owned(), 0);
    let priced = shop.price(&[("a", 1), ("b", 1)]);
    assert_eq!([0, 1].map(|at| coupon(&priced, at)), ["applied 100", "used_up"]);
}

#[test]
fn pr16_lines_of_one_product_are_priced_as_one() {
    let mut shop = Shop::selling(&[("a", 333)]);
    shop.taxed(area("DE", 190_000, true));
    shop.with(percent("p", 15, json!({})));
    let (one, apart) = (shop.price(&[("a", 7)]), shop.price(&[("a", 1), ("a", 4), ("a", 2)]));
    assert_eq!(one.totals, apart.totals);
    assert_eq!(apart.lines.iter().map(|line| line.amount_minor).sum::<i64>(), one.lines[0].amount_minor);
}

#[test]
fn an_overflow_is_an_error() {
    let mut shop = Shop::selling(&[("a", i64::MAX), ("b", 1), ("c", i64::MAX / 2 + 1)]);
    shop.taxed(area("DE", 190_000, false));
    for lines in [
        vec![("a", 2)],
        vec![("a", 1), ("b", 1)],
        vec![("a", 1)],
        vec![("b", u64::MAX)],
        vec![("b", u64::MAX), ("b", 1)],
        vec![("c", 1), ("c", 1)],
    ] {
        let refusal = shop.try_price(&Shop::lines(&lines)).unwrap_err();
        assert_eq!(refusal.code(), "price_overflow", "{lines:?}");
    }
    shop.taxes.areas[0].included = true;
    assert_eq!(shop.price(&[("a", 1)]).totals.total_minor, i64::MAX, "the largest is still a price");
}
