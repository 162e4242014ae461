//! A decimal number, exactly as it was written: what a rate of exchange is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// `units / 10^scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decimal {
    /// All its digits.
    pub units: i64,
    /// How many of them are behind the point.
    pub scale: u32,
}

impl Decimal {
    /// The most digits.
    pub const DIGITS_MAX: usize = 15;

    /// From text such as `20275.17`. A sign is read: who asks refuses what is below zero.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid =
            || Refusal::invalid("number", format!("{text:?} is no decimal number such as 20275.17"));
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all = format!("{whole}{fraction}");
        let plain =
            !whole.is_empty() && !fraction.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || all.len() > Self::DIGITS_MAX {
            return Err(invalid());
        }
        let units: i64 = all.parse().map_err(|_| invalid())?;
        let (mut units, mut scale) = (sign * units, fraction.len() as u32);
        while scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        Ok(Self { units, scale })
    }

    /// Whether it is at most `factor` times another. Both are positive.
    pub fn at_most(self, other: Self, factor: i64) -> bool {
        // At most 15 digits, and 15 more of the scale, and 7 of the factor: they fit.
        let ten = |scale: u32| 10_i128.pow(scale);
        let ours = i128::from(self.units) * ten(other.scale);
        ours <= i128::from(other.units) * ten(self.scale) * i128::from(factor)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = 10_u64.pow(self.scale);
        let units = self.units.unsigned_abs();
        let sign = if self.units < 0 { "-" } else { "" };
        write!(f, "{sign}{}", units / of)?;
        match self.scale {
            0 => Ok(()),
            scale => write!(f, ".{:0width$}", units % of, width = scale as usize),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_as_it_was_written() {
        for (text, units, scale) in [
            ("1.1172", 11_172, 4),
            ("136", 136, 0),
            ("0.83380", 8_338, 4),
            ("20275.17", 2_027_517, 2),
            ("-1.5", -15, 1),
            ("0.0", 0, 0),
        ] {
            assert_eq!(Decimal::parse(text), Ok(Decimal { units, scale }), "{text}");
        }
        for (text, shown) in [("1.050", "1.05"), ("-0.5", "-0.5"), ("12", "12")] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", ".", "1.", ".5", "1e3", "+1", "--1", "1,5", "NaN", "1234567890123456", "١"] {
            assert!(Decimal::parse(text).is_err(), "{text:?}");
        }
    }
}
