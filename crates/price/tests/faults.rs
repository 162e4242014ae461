//! What shops get wrong in public, a test each, with the value that is right. The names are those of the reports.

mod shop;

use price::gift_card::CardCode;
use serde_json::json;
use shop::{Shop, area, became, coupon, discounts, money, of};

/// "The discount rounding policy is ROUND_DOWN": 25 % of 19.99 left 15.00.
#[test]
fn saleor_12040_a_quarter_off_19_99_leaves_14_99() {
    let mut shop = Shop::selling(&[("a", 1_999)]);
    shop.with(json!({"id": "p", "kind": {"percentage": 250_000}, "target": "lines"}));
    assert_eq!(shop.price(&[("a", 1)]).totals.total_minor, 1_499);
}

/// 25 at 366.06 are 9,151.50; less 915.14 they were 8,236.25, since the discount went through unit prices.
#[test]
fn vendure_3091_what_is_left_is_the_price_less_the_discount() {
    let mut shop = Shop::selling(&[("a", 36_606)]);
    shop.with(json!({"id": "p", "kind": {"amount": {"USD": 91_514}}, "target": "order"}));
    let totals = shop.price(&[("a", 25)]).totals;
    assert_eq!((totals.list_minor, totals.discount_minor, totals.total_minor), (915_150, 91_514, 823_636));
}

/// A voucher's amount over lines did not add up to it.
#[test]
fn saleor_17004_ten_over_three_lines_is_ten() {
    let mut shop = Shop::selling(&[("a", 333), ("b", 333), ("c", 333)]);
    shop.with(json!({"id": "p", "kind": {"amount": {"USD": 1_000}}, "target": "order"}));
    assert_eq!(
        shop.price(&[("a", 1), ("b", 1), ("c", 1)]).totals.discount_minor,
        999,
        "and never more than there is"
    );
    shop.promotions[0]["kind"] = json!({"amount": {"USD": 100}});
    assert_eq!(discounts(&shop.price(&[("a", 1), ("b", 1), ("c", 1)])), [34, 33, 33]);
}

/// 40 % and 70 % together made 110 %: free goods.
#[test]
fn saleor_17453_40_and_70_percent_leave_18_percent() {
    let mut shop = Shop::selling(&[("a", 10_000)]);
    shop.with(json!({"id": "a", "kind": {"percentage": 400_000}, "target": "lines", "allows": "all"}));
    shop.with(json!({"id": "b", "kind": {"percentage": 700_000}, "target": "order", "allows": "all"}));
    assert_eq!(shop.price(&[("a", 1)]).totals.total_minor, 1_800);
}

/// Free shipping with a discount on it was −13.14.
#[test]
fn vendure_3140_shipping_is_not_below_zero() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.sending(1_314);
    shop.with(json!({"id": "a", "kind": "free_shipping", "target": "shipping", "allows": "all"}));
    shop.with(json!({"id": "b", "kind": {"amount": {"USD": 1_314}}, "target": "shipping", "allows": "all"}));
    let priced = shop.price(&[("a", 1)]);
    assert_eq!((priced.totals.shipping_minor, priced.totals.total_minor), (0, 1_000));
    assert_eq!(became(&priced, "b"), "beaten_by a");
}

/// With ten in one step more was given than with ten steps of one.
#[test]
fn medusa_14432_ten_at_once_are_ten_times_one() {
    let mut shop = Shop::selling(&[("a", 700)]);
    shop.with(
        json!({"id": "p", "kind": {"buy_get": {"buy": 2, "get": 1, "off": 1_000_000}}, "target": "lines"}),
    );
    assert_eq!(shop.price(&[("a", 10)]).totals.discount_minor, 2_100);
    assert_eq!(shop.price(&[("a", 1); 10]).totals.discount_minor, 2_100);
    assert_eq!(shop.price(&[("a", 2)]).totals.discount_minor, 0, "too few");
}

/// Parallel checkouts passed a coupon's limit: the pure part is that a coupon without uses takes nothing off.
#[test]
fn vendure_4660_medusa_13760_shopper_510_a_coupon_that_is_used_up_takes_nothing_off() {
    let mut shop = Shop::selling(&[("a", 1_000)]);
    shop.with(json!({"id": "p", "kind": {"percentage": 100_000}, "target": "order", "codes": ["TEN"]}));
    shop.coupons = vec!["TEN".to_owned()];
    shop.limits = of(json!({"uses": {"TEN": 1}}));
    assert_eq!(coupon(&shop.price(&[("a", 1)]), 0), "applied 100");
    for limits in [
        json!({"uses": {"TEN": 0}}),
        json!({"customer_uses": {"TEN": 0}}),
        json!({"budgets_minor": {"p": 99}}),
    ] {
        shop.limits = of(limits);
        let priced = shop.price(&[("a", 1)]);
        assert_eq!((coupon(&priced, 0).as_str(), priced.totals.discount_minor), ("used_up", 0));
    }
}

/// A card was spent twice.
#[test]
fn spree_13734_saleor_13640_a_card_pays_once_and_not_more_than_it_has() {
    let mut shop = Shop::selling(&[("a", 10_000)]);
    let code = CardCode::of_bits([7; 10]).to_string();
    let card = json!({"code": code, "balance": {"amount": money(3_000, "USD")}});
    shop.cards = vec![of(card.clone()), of(card)];
    let priced = shop.price(&[("a", 1)]);
    assert_eq!(priced.cards.iter().map(|card| card.paid_minor).collect::<Vec<_>>(), [Some(3_000), None]);
    assert_eq!((priced.totals.total_minor, priced.totals.to_pay_minor), (10_000, 7_000));
}

/// 2.6 % of 164.02 were 4.27, summed from lines whose units were rounded.
#[test]
fn vendure_2662_tax_of_164_02_at_2_6_percent_is_4_26() {
    let mut shop = Shop::selling(&[("a", 1_033), ("b", 2_203), ("c", 3_217)]);
    let mut area = area("CH", 26_000, false);
    area["per"] = json!("rate");
    shop.taxed(area);
    let priced = shop.price(&[("a", 5), ("b", 2), ("c", 1), ("b", 1), ("a", 1)]);
    assert_eq!(priced.totals.list_minor, 16_024);
    let mut shop = shop;
    shop.product("d", json!({"base": money(189, "USD"), "tax_class": "standard"}));
    let lines = [("a", 5), ("b", 2), ("c", 1), ("b", 1), ("a", 1), ("d", 2)];
    let priced = shop.price(&lines);
    assert_eq!(
        (priced.totals.list_minor, priced.totals.tax_minor, priced.totals.total_minor),
        (16_402, 426, 16_828)
    );
    assert_eq!(priced.lines.iter().map(|line| line.taxes[0].amount_minor).sum::<i64>(), 426);
}

/// After another currency was chosen the prices stayed as they were.
#[test]
fn bagisto_4246_another_currency_reprices_all_lines_or_says_not_for_sale() {
    let mut shop = Shop::selling(&[("a", 1_000), ("b", 2_000)]);
    shop.product("c", json!({"tax_class": "standard"}));
    shop.currency = price::currency::Currency::EUR;
    let not_for_sale = |shop: &Shop| {
        let priced = shop.price(&[("a", 1), ("b", 1), ("c", 1)]);
        priced.lines.iter().map(|line| line.problem.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(not_for_sale(&shop), [true, true, true], "there is no rate");
    shop.rates = of(
        json!({"version": 1, "pinned": true, "per_euro": {"USD": {"day": "2026-10-30", "per_euro": "1.25"}}}),
    );
    assert_eq!(not_for_sale(&shop), [false, false, true]);
    let priced = shop.price(&[("a", 1), ("b", 1), ("c", 1)]);
    assert_eq!((priced.lines[0].amount_minor, priced.totals.total_minor), (800, 2_400));
    assert!(json!(priced).to_string().contains("not_for_sale"));
}

/// A cart kept the price of when it was filled, and was charged that.
#[test]
fn spree_11801_a_price_that_changed_is_shown_and_the_new_one_is_charged() {
    let shop = Shop::selling(&[("a", 1_200)]);
    let line = json!({"id": "l", "sku": "a", "quantity": 2, "added": money(1_000, "USD")});
    let priced = shop.try_price(&[of(line)]).unwrap();
    let changed = priced.lines[0].price_changed.unwrap();
    assert_eq!((changed.from_minor, changed.to_minor, priced.totals.total_minor), (1_000, 1_200, 2_400));
}
