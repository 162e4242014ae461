//! PR7: buy so many, get so many. A unit is bought or given, never both; ten at once are ten times one; too few give
//! nothing. Counted by product and not by unit: a million units take no longer than one.

use super::BuyGet;
use crate::order::sort_by_key;

/// Units of one product, in the order of identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    /// Which, as the cart numbers it.
    pub line: usize,
    /// The list price of one, minor units.
    pub unit_minor: i64,
    /// How many.
    pub pieces: u64,
    /// Whether they count as bought.
    pub bought: bool,
    /// Whether they can be given.
    pub given: bool,
}

/// What is given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// Of which lines how many, the cheapest first.
    pub given: Vec<(usize, u64)>,
    /// The lines that were bought for it, the dearest first.
    pub bought: Vec<usize>,
}

/// The cheapest that can be given are, and the dearest that remain were bought for them, as often as there are enough of
/// both. Of equal prices the first by identity is given first, and bought last.
pub fn give(rule: &BuyGet, units: &[Units]) -> Given {
    let count = |is: fn(&Units) -> bool| {
        units.iter().filter(|there| is(there)).map(|there| u128::from(there.pieces)).sum()
    };
    let only_bought: u128 = count(|there| there.bought && !there.given);
    let only_given: u128 = count(|there| there.given && !there.bought);
    let both: u128 = count(|there| there.given && there.bought);
    let (buy, get) = (u128::from(rule.buy), u128::from(rule.get));
    // Enough to buy, enough to give, and enough for both together: by Hall's theorem that suffices.
    let times = ((only_bought + both) / buy)
        .min((only_given + both) / get)
        .min((only_bought + only_given + both) / (buy + get))
        .min(rule.times_max.map_or(u128::MAX, u128::from));
    if times == 0 {
        return Given::default();
    }
    let mut sorted: Vec<&Units> = units.iter().collect();
    sort_by_key(&mut sorted, |there| there.unit_minor);

    let mut out = Given::default();
    let mut to_give = times * get;
    // What must remain to be bought is not given.
    let mut both_to_give = both - (times * buy).saturating_sub(only_bought);
    let mut rest: Vec<u128> = Vec::with_capacity(sorted.len());
    for there in &sorted {
        let pieces = u128::from(there.pieces);
        let most = match (there.given, there.bought) {
            (false, _) => 0,
            (true, true) => both_to_give,
            (true, false) => u128::MAX,
        };
        let given = pieces.min(to_give).min(most);
        to_give -= given;
        both_to_give -= if there.bought { given } else { 0 };
        if given > 0 {
            out.given.push((there.line, given as u64));
        }
        rest.push(pieces - given);
    }
    let mut to_buy = times * buy;
    for (there, rest) in sorted.iter().zip(rest).rev().filter(|(there, _)| there.bought) {
        let bought = rest.min(to_buy);
        to_buy -= bought;
        if bought > 0 {
            out.bought.push(there.line);
        }
    }
    assert!(to_give == 0 && to_buy == 0, "PR7: {to_give} not given, {to_buy} not bought");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Ppm;

    fn rule(buy: u32, get: u32) -> BuyGet {
        BuyGet { buy, get, of: None, off: Ppm::ONE, times_max: None }
    }

    fn same(prices: &[(i64, u64)]) -> Vec<Units> {
        let units = |(line, &(unit_minor, pieces)): (usize, &(i64, u64))| Units {
            line,
            unit_minor,
            pieces,
            bought: true,
            given: true,
        };
        prices.iter().enumerate().map(units).collect()
    }

    #[test]
    fn pr7_ten_at_once_are_ten_times_one() {
        assert_eq!(give(&rule(2, 1), &same(&[(100, 10)])).given, [(0, 3)]);
        let apart = give(&rule(2, 1), &same(&[(100, 1); 10]));
        assert_eq!(apart.given.iter().map(|(_, count)| count).sum::<u64>(), 3);
        assert_eq!(give(&rule(1, 1), &same(&[(100, 20)])).given, [(0, 10)]);
    }

    #[test]
    fn pr7_too_few_give_nothing() {
        assert_eq!(give(&rule(2, 1), &same(&[(100, 2)])), Given::default());
        assert_eq!(give(&rule(2, 1), &same(&[])), Given::default());
    }

    #[test]
    fn pr7_the_cheapest_are_given_and_no_unit_is_both() {
        let given = give(&rule(2, 1), &same(&[(300, 2), (100, 1), (200, 3)]));
        assert_eq!(given.given, [(1, 1), (2, 1)]);
        assert_eq!(given.bought, [0, 2]);
    }

    #[test]
    fn pr7_what_only_can_be_bought_is_bought_first_where_it_must() {
        // One that can be both, one that can be given only: the one must be bought.
        let units = [
            Units { line: 0, unit_minor: 100, pieces: 1, bought: true, given: true },
            Units { line: 1, unit_minor: 900, pieces: 1, bought: false, given: true },
        ];
        assert_eq!(give(&rule(1, 1), &units), Given { given: vec![(1, 1)], bought: vec![0] });
    }

    /// Against trying all ways, on all small carts.
    #[test]
    fn pr7_as_often_as_it_is_possible_at_all() {
        for code in 0..4_096_u32 {
            let digit = |at: u32| (code >> (2 * at)) & 3;
            let (buy, get) = (1 + digit(0) % 3, 1 + digit(1) % 2);
            let pieces = [digit(2), digit(3), digit(4) + digit(5)];
            let kinds = [(true, false), (false, true), (true, true)];
            let units: Vec<Units> = (0..3)
                .map(|line| Units {
                    line,
                    unit_minor: [50, 30, 40][line],
                    pieces: u64::from(pieces[line]),
                    bought: kinds[line].0,
                    given: kinds[line].1,
                })
                .collect();
            let possible = |times: u32| {
                (0..=pieces[2]).any(|both_bought| {
                    pieces[0] + both_bought >= times * buy
                        && pieces[1] + (pieces[2] - both_bought) >= times * get
                })
            };
            let most = (0..20).rev().find(|times| possible(*times)).unwrap();
            let out = give(&rule(buy, get), &units);
            assert_eq!(out.given.iter().map(|(_, n)| n).sum::<u64>(), u64::from(most * get), "{units:?}");
        }
    }
}
