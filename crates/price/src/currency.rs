//! Currencies: ISO 4217's codes and the digits of their minor units, by the crate `iso_currency`. HUF and IDR have two: what
//! a browser shows without digits is still charged to the last of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// A currency that has a minor unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// The euro, which the rates of the European Central Bank go through.
    pub const EUR: Self = Self { code: *b"EUR", exponent: 2 };

    /// By its code, in capitals.
    ///
    /// # Errors
    /// [`Refusal::UnknownCurrency`].
    pub fn of(code: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::UnknownCurrency { code: code.to_owned() };
        let known = iso_currency::Currency::from_code(code).ok_or_else(unknown)?;
        // Gold and the like have none.
        let exponent = known.exponent().and_then(|digits| u8::try_from(digits).ok()).ok_or_else(unknown)?;
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| unknown())?;
        Ok(Self { code: letters, exponent })
    }

    /// Its ISO 4217 code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("letters")
    }

    /// How many digits its minor unit has: 2 of EUR, 0 of JPY, 3 of KWD.
    pub fn exponent(self) -> u32 {
        u32::from(self.exponent)
    }

    /// How many minor units a whole one has.
    pub fn minor_per_unit(self) -> i64 {
        10_i64.pow(self.exponent())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::of(&code).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_refused() {
        for code in ["", "eur", "EURO", "XXX", "D E", "R E", "ÄÖ", "XAU", "XTS"] {
            assert!(Currency::of(code).is_err(), "{code:?}");
        }
        assert_eq!(
            ["JPY", "HUF", "IDR", "KWD"].map(|code| Currency::of(code).unwrap().exponent()),
            [0, 2, 2, 3]
        );
    }
}
