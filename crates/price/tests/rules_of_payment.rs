//! PR9 to PR16 and overflow, a test or more each, with figures that can be checked by hand.

mod shop;

use price::gift_card::CardCode;
use price::rates::Freshness;
use serde_json::{Value, json};
use shop::{Shop, area, became, coupon, money, of};

fn percent(id: &str, percent: u32, more: Value) -> Value {
    let mut promotion = json!({"id": id, "kind": {"percentage": percent * 10_000}, "target": "lines"});
    promotion.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    promotion
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
