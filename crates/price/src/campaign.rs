//! The demo's real campaigns as promotions. The data say which coupon is for which products and when, not what it takes
//! off: that is the stated table below, by what its products cost. A coupon takes its amount off once, of those of its
//! products that are in the cart.

use std::collections::{BTreeMap, BTreeSet};

use crate::currency::Currency;
use crate::promotion::select::{Conditions, Selector};
use crate::promotion::{Allows, Amounts, Kind, Promotion, Spread, Target};
use crate::refusal::Refusal;
use crate::time::Date;

/// What a coupon takes off, in US cents, by the median shelf price of its products: below the first of a row, the second.
pub const AMOUNTS: [(i64, i64); 4] = [(200, 40), (400, 75), (800, 100), (i64::MAX, 200)];
/// What it takes off where none of its products has a price.
pub const AMOUNT_WITHOUT_PRICES: i64 = 50;

const HEAD: &str = "coupon_upc,product_id,campaign_id,campaign_type,start_date,end_date";

/// A coupon of a campaign.
#[derive(Default)]
struct Found<'a> {
    products: BTreeSet<&'a str>,
    begins: Option<Date>,
    ends: Option<Date>,
}

/// Promotions of `coupons.csv`, one for each coupon of each campaign, with the coupon's number as its code. `prices_cents`
/// has the shelf prices of products; all dates are moved by so many days, as the demo's baskets are.
///
/// # Errors
/// [`Refusal::Invalid`] if it is no such file.
pub fn campaigns(
    csv: &str,
    prices_cents: &BTreeMap<String, i64>,
    moved_days: i32,
) -> Result<Vec<Promotion>, Refusal> {
    let invalid =
        |line: &str| Refusal::Invalid { field: "coupons", problem: format!("{line:?} is no line of it") };
    let mut lines = csv.lines();
    if lines.next() != Some(HEAD) {
        return Err(invalid("the head"));
    }
    let mut found: BTreeMap<(&str, &str), Found<'_>> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let [coupon, product, campaign, _, begins, ends] = fields[..] else { return Err(invalid(line)) };
        let there = found.entry((coupon, campaign)).or_default();
        there.products.insert(product);
        if there.begins.is_none() {
            let moved = |date: &str| Date::parse(date).map(|date| Date(date.0.saturating_add(moved_days)));
            (there.begins, there.ends) = (Some(moved(begins)?), Some(moved(ends)?));
        }
    }
    let usd = Currency::of("USD")?;
    let promotion = |((coupon, campaign), found): ((&str, &str), Found<'_>)| {
        let amount = amount_cents(&found.products, prices_cents);
        Promotion {
            id: format!("campaign-{campaign}-{coupon}"),
            kind: Kind::Amount(Amounts::from([(usd, amount)])),
            target: Target::Lines,
            spread: Spread::Share,
            priority: 0,
            products: Selector {
                skus: found.products.into_iter().map(str::to_owned).collect(),
                ..Selector::default()
            },
            conditions: Conditions::default(),
            from: found.begins.map(Date::start),
            // Its last day is one on which it can be used.
            until: found.ends.map(|day| Date(day.0 + 1).start()),
            codes: vec![coupon.to_owned()],
            per_customer: false,
            allows: Allows::None,
        }
    };
    Ok(found.into_iter().map(promotion).collect())
}

fn amount_cents(products: &BTreeSet<&str>, prices_cents: &BTreeMap<String, i64>) -> i64 {
    let mut prices: Vec<i64> = products.iter().filter_map(|sku| prices_cents.get(*sku)).copied().collect();
    prices.sort_unstable();
    // The lower of the two in the middle.
    let Some(median) = prices.get(prices.len().saturating_sub(1) / 2) else { return AMOUNT_WITHOUT_PRICES };
    AMOUNTS.iter().find(|(below, _)| median < below).map_or(AMOUNT_WITHOUT_PRICES, |(_, amount)| *amount)
}
