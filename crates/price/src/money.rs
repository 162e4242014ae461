//! Amounts: whole minor units of a currency in an `i64`, never a float. All arithmetic is in `i128` and checked: what
//! does not fit is [`Refusal::PriceOverflow`], never a wrap and never a panic.

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::refusal::Refusal;

/// An amount of a currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// In the currency's minor unit: cents of USD, yen of JPY, fils of KWD. Never below zero.
    pub amount_minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// How a half is rounded; what is not a half goes to the nearest (PR2). A merchant has one of them for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Up: the rule where nothing else is said.
    #[default]
    HalfUp,
    /// To the even neighbour.
    HalfEven,
    /// Down.
    HalfDown,
}

impl Rounding {
    /// The whole number nearest to `numerator / denominator`; both are at least 0, and the second is not 0.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`] where the double of the remainder does not fit.
    pub fn divide(self, numerator: i128, denominator: i128) -> Result<i128, Refusal> {
        assert!(numerator >= 0 && denominator > 0, "a share of nothing: {numerator} / {denominator}");
        let (whole, rest) = (numerator / denominator, numerator % denominator);
        // Not its double, which may not fit.
        let up = match rest.cmp(&(denominator - rest)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => match self {
                Self::HalfUp => true,
                Self::HalfEven => whole % 2 == 1,
                Self::HalfDown => false,
            },
        };
        whole.checked_add(i128::from(up)).ok_or(Refusal::PriceOverflow)
    }

    /// `amount × by / of`, rounded once.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn part(self, amount: i64, by: i64, of: i64) -> Result<i64, Refusal> {
        minor(self.divide(times(i128::from(amount), i128::from(by))?, i128::from(of))?)
    }
}

/// A share of one in millionths: 8.875 % are 88,750.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ppm(pub u32);

impl Ppm {
    /// All of it.
    pub const ONE: Self = Self(1_000_000);

    /// This share of an amount, rounded once.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn of(self, amount: i64, rounding: Rounding) -> Result<i64, Refusal> {
        rounding.part(amount, i64::from(self.0), i64::from(Self::ONE.0))
    }
}

/// The product of two.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn times(a: i128, b: i128) -> Result<i128, Refusal> {
    a.checked_mul(b).ok_or(Refusal::PriceOverflow)
}

/// What was calculated, as an amount.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn minor(amount: i128) -> Result<i64, Refusal> {
    i64::try_from(amount).map_err(|_| Refusal::PriceOverflow)
}

/// The sum of amounts.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn sum(amounts: impl IntoIterator<Item = i64>) -> Result<i64, Refusal> {
    // Sixty-four bits more than an amount has: so many amounts there are not.
    minor(amounts.into_iter().map(i128::from).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pr2_halves_go_as_the_merchant_says_and_the_rest_to_the_nearest() {
        let three = |n, d| {
            [Rounding::HalfUp, Rounding::HalfEven, Rounding::HalfDown].map(|rule| rule.divide(n, d).unwrap())
        };
        assert_eq!(three(5, 2), [3, 2, 2]);
        assert_eq!(three(7, 2), [4, 4, 3]);
        assert_eq!(three(51, 20), [3, 3, 3], "more than a half");
        assert_eq!(three(49, 20), [2, 2, 2], "less than a half");
        assert_eq!(three(0, 3), [0, 0, 0]);
        assert_eq!(three(i128::MAX, i128::MAX), [1, 1, 1]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert_eq!(sum([i64::MAX, 1]), Err(Refusal::PriceOverflow));
        assert_eq!(sum([i64::MAX, 0]), Ok(i64::MAX));
        assert_eq!(times(i128::MAX, 2), Err(Refusal::PriceOverflow));
        assert_eq!(Rounding::HalfUp.part(i64::MAX, 2, 1), Err(Refusal::PriceOverflow));
        assert_eq!(Ppm::ONE.of(i64::MAX, Rounding::HalfUp), Ok(i64::MAX));
    }
}
