//! What holds of every cart, on generated ones: PR16, sums, and that nothing is below zero.

mod world;

use std::collections::BTreeMap;

use price::quote::answer::{Priced, PricedLine};
use world::dice::Dice;
use world::{Case, World};

const SHOPS: u64 = 60;
const CARTS: u64 = 50;

/// Each cart of many shops that has a price.
fn all(mut check: impl FnMut(&World, &Case, &Priced, &mut Dice)) {
    let mut priced_at_all = 0;
    for shop in 0..SHOPS {
        let world = World::of(0x0de5 + shop);
        let mut dice = Dice::of(shop);
        for _ in 0..CARTS {
            let case = world.case(&mut dice);
            if let Ok(priced) = world.price(&case) {
                priced_at_all += 1;
                check(&world, &case, &priced, &mut dice);
            }
        }
    }
    assert!(priced_at_all > SHOPS * CARTS * 9 / 10, "most carts have a price: {priced_at_all}");
}

fn by_id(priced: &Priced) -> BTreeMap<&str, &PricedLine> {
    priced.lines.iter().map(|line| (line.id.as_str(), line)).collect()
}

#[test]
fn pr16_no_order_of_lines_changes_anything() {
    all(|world, case, priced, dice| {
        let mut shuffled = case.clone();
        for at in (1..shuffled.lines.len()).rev() {
            shuffled.lines.swap(at, dice.below(at as u64 + 1) as usize);
        }
        let again = world.price(&shuffled).expect("a price");
        assert_eq!(by_id(priced), by_id(&again));
        assert_eq!((&priced.digest, priced.totals), (&again.digest, again.totals));
        assert_eq!((&priced.promotions, &priced.shipping), (&again.promotions, &again.shipping));
    });
}

#[test]
fn pr16_no_splitting_of_lines_changes_a_sum() {
    all(|world, case, priced, dice| {
        let mut split = case.clone();
        split.lines.clear();
        for line in &case.lines {
            let step = world
                .catalog
                .product(&line.sku, line.variant.as_deref())
                .map_or(1, |there| there.measure.step);
            // What is off its step is not sold, and parts of it would be.
            let steps = if line.quantity.is_multiple_of(step) { line.quantity / step } else { 0 };
            let first = step * dice.below(steps + 1);
            for (part, quantity) in [("a", first), ("b", line.quantity - first)] {
                if quantity > 0 {
                    let mut line = line.clone();
                    line.id = format!("{part}{}", line.id);
                    line.quantity = quantity;
                    split.lines.push(line);
                }
            }
        }
        let again = world.price(&split).expect("a price");
        assert_eq!((priced.totals, &priced.taxes), (again.totals, &again.taxes));
        assert_eq!((&priced.promotions, &priced.coupons), (&again.promotions, &again.coupons));
        assert_eq!((&priced.shipping, &priced.cards), (&again.shipping, &again.cards));
    });
}

#[test]
fn pr4_sums_of_parts_are_wholes() {
    all(|_, _, priced, _| {
        let totals = &priced.totals;
        let sum = |of: fn(&PricedLine) -> i64| priced.lines.iter().map(of).sum::<i64>();
        assert_eq!(sum(|line| line.list_minor), totals.list_minor);
        assert_eq!(sum(|line| line.list_minor - line.amount_minor), totals.discount_minor);
        for line in &priced.lines {
            let off: i64 = line.discounts.iter().map(|discount| discount.amount_minor).sum();
            assert_eq!(line.amount_minor, line.list_minor - off);
            let tax: i64 = line.taxes.iter().map(|tax| tax.amount_minor).sum();
            assert_eq!(line.total_minor, line.amount_minor + if priced.tax_included { 0 } else { tax });
        }
        let of_shipping = priced.shipping.iter().flat_map(|shipping| &shipping.taxes);
        let of_lines = priced.lines.iter().flat_map(|line| &line.taxes);
        let tax: i64 = of_lines.chain(of_shipping).map(|tax| tax.amount_minor).sum();
        assert_eq!(
            (tax, priced.taxes.iter().map(|tax| tax.amount_minor).sum()),
            (totals.tax_minor, totals.tax_minor)
        );
        let whole = sum(|line| line.total_minor)
            + priced.shipping.as_ref().map_or(0, |shipping| shipping.total_minor);
        assert_eq!(whole, totals.total_minor);
        assert_eq!(totals.to_pay_minor, totals.total_minor - totals.cards_minor);
        for promoted in &priced.promotions {
            let price::promotion::outcome::Outcome::Applied { amount_minor } = promoted.outcome else {
                continue;
            };
            let discounts = priced.lines.iter().flat_map(|line| &line.discounts);
            let discounts = discounts.chain(priced.shipping.iter().flat_map(|shipping| &shipping.discounts));
            let taken: i64 = discounts
                .filter(|there| there.promotion == promoted.id)
                .map(|there| there.amount_minor)
                .sum();
            assert_eq!(taken, amount_minor, "PR15: {}", promoted.id);
        }
    });
}

#[test]
fn pr5_nothing_is_below_zero() {
    all(|_, _, priced, _| {
        let mut amounts =
            vec![priced.totals.total_minor, priced.totals.to_pay_minor, priced.totals.shipping_minor];
        for line in &priced.lines {
            amounts.extend([line.list_minor, line.amount_minor, line.total_minor]);
            amounts.extend(line.discounts.iter().map(|discount| discount.amount_minor));
            amounts.extend(line.taxes.iter().map(|tax| tax.amount_minor));
            if priced.tax_included {
                let tax: i64 = line.taxes.iter().map(|tax| tax.amount_minor).sum();
                assert!(tax <= line.amount_minor, "there is no more tax in a price than the price");
            }
        }
        amounts.extend(priced.shipping.iter().map(|shipping| shipping.amount_minor));
        assert!(amounts.iter().all(|amount| *amount >= 0), "{amounts:?}");
    });
}
