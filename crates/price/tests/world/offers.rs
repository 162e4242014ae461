//! Generated promotions, of each kind.

use price::money::Ppm;
use price::promotion::select::{Conditions, Selector};
use price::promotion::{Allows, Amounts, BuyGet, Gift, Kind, Promotion, Spread, Step, StepOff, Target};
use price::time::LocalTime;

use super::dice::Dice;
use super::{BRANDS, CURRENCIES, GROUPS, currency, owned};

/// A promotion.
pub fn promotion(number: i64, dice: &mut Dice) -> Promotion {
    let targets = [Target::Lines, Target::Lines, Target::Order, Target::Shipping];
    let (kind, target) = match dice.below(10) {
        0 => (Kind::FreeShipping, Target::Shipping),
        1 => (
            Kind::Gift(Gift { sku: format!("s{:02}", dice.below(6)), quantity: 1 + dice.below(2) }),
            Target::Order,
        ),
        2 | 3 => (Kind::BuyGet(buy_get(dice)), Target::Lines),
        4 => (Kind::Threshold(steps(dice)), *dice.one(&[Target::Order, Target::Lines])),
        5 => (Kind::FixedPrice(amounts(dice, 1_500)), *dice.one(&targets)),
        6 | 7 => (Kind::Amount(amounts(dice, 800)), *dice.one(&targets)),
        _ => (Kind::Percentage(percentage(dice)), *dice.one(&targets)),
    };
    let codes: &[String] = &[format!("CODE{number}"), format!("EXTRA{number}"), "SHARED".to_owned()];
    let codes = if dice.once_in(3) { dice.some(codes, 2) } else { Vec::new() };
    let spreads = [Spread::Share, Spread::Evenly, Spread::Each];
    let (from, until) = window(dice);
    Promotion {
        id: format!("p{:02}", number),
        spread: match kind {
            Kind::Threshold(_) => Spread::Share,
            _ => *dice.one(&spreads),
        },
        kind,
        target,
        priority: dice.within(0, 2) as i32,
        products: selector(dice),
        conditions: conditions(dice),
        from,
        until,
        per_customer: !codes.is_empty() && dice.once_in(4),
        codes,
        allows: match dice.below(4) {
            0 => Allows::None,
            1 => Allows::Only(
                (0..12).filter(|_| dice.once_in(2)).map(|number| format!("p{number:02}")).collect(),
            ),
            _ => Allows::All,
        },
    }
}

fn percentage(dice: &mut Dice) -> Ppm {
    Ppm(*dice.one(&[1_000_000, 100_000, 250_000, 333_333, 62_000, 0, 999_999]))
}

/// In most currencies.
fn amounts(dice: &mut Dice, most: i64) -> Amounts {
    let mut amounts = Amounts::from([(currency("USD"), dice.within(0, most))]);
    for code in CURRENCIES {
        if !dice.once_in(5) {
            amounts.insert(currency(code), dice.within(0, most));
        }
    }
    amounts
}

fn buy_get(dice: &mut Dice) -> BuyGet {
    BuyGet {
        buy: dice.within(1, 3) as u32,
        get: dice.within(1, 2) as u32,
        of: dice.once_in(2).then(|| selector(dice)),
        off: if dice.once_in(3) { percentage(dice) } else { Ppm::ONE },
        times_max: dice.once_in(4).then(|| dice.within(1, 3) as u32),
    }
}

fn steps(dice: &mut Dice) -> Vec<Step> {
    let step = |dice: &mut Dice| Step {
        from: amounts(dice, 20_000),
        off: if dice.once_in(2) {
            StepOff::Percentage(percentage(dice))
        } else {
            StepOff::Amount(amounts(dice, 900))
        },
    };
    (0..dice.within(1, 3)).map(|_| step(dice)).collect()
}

fn selector(dice: &mut Dice) -> Selector {
    let mut selector = Selector::default();
    match dice.below(5) {
        0 => selector.skus = (0..8).map(|_| format!("s{:02}", dice.below(24))).collect(),
        1 => selector.categories = [format!("c{}", dice.below(3))].into(),
        2 => selector.brands = [dice.text(&BRANDS).to_owned()].into(),
        3 => {
            selector.categories = [format!("c{}", dice.below(3)), format!("d{}", dice.below(5))].into();
            selector.except = (0..3).map(|_| format!("s{:02}", dice.below(24))).collect();
        }
        _ => {}
    }
    if dice.once_in(8) {
        selector.brands.insert(BRANDS[0].to_owned());
    }
    selector
}

fn conditions(dice: &mut Dice) -> Conditions {
    Conditions {
        minimum: dice.once_in(3).then(|| amounts(dice, 15_000)),
        groups: if dice.once_in(6) {
            dice.some(&owned(&GROUPS), 2).into_iter().collect()
        } else {
            Default::default()
        },
        places: match dice.below(10) {
            0 => owned(&["DE", "US", "JP", "CA-QC"]).into_iter().collect(),
            1 => owned(&["US-NY", "HU", "KW", "ID"]).into_iter().collect(),
            _ => Default::default(),
        },
        currencies: if dice.once_in(10) {
            [currency("USD"), currency(dice.text(&CURRENCIES))].into()
        } else {
            Default::default()
        },
        first_order: dice.once_in(12),
    }
}

/// Also at hours that clocks skip or show twice.
fn window(dice: &mut Dice) -> (Option<LocalTime>, Option<LocalTime>) {
    let turns = [
        "2026-03-08T02:30:00",
        "2026-11-01T01:30:00",
        "2026-03-29T02:30:00",
        "2026-10-25T02:30:00",
        "2026-04-05T01:45:00",
        "2026-10-04T02:10:00",
        "2026-02-28T23:59:59",
        "2026-06-15T00:00:00",
    ];
    let mut two = [(); 2].map(|()| LocalTime::parse(dice.text(&turns)).expect("a time"));
    two.sort();
    let until = (two[0] < two[1] && dice.once_in(2)).then_some(two[1]);
    (dice.once_in(3).then_some(two[0]), until)
}
