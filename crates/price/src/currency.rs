//! Currencies: ISO 4217's codes and the digits of their minor units. HUF and IDR have two: what a browser shows without
//! digits is still charged to the last of them.
//!
//! The table is made from the crate `iso_currency`, and a test holds it to that: the crate itself would cost a page more
//! than all of the rest of its money.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// A currency that has a minor unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro, which the rates of the European Central Bank go through.
    pub const EUR: Self = Self(*b"EUR");

    /// By its code, in capitals.
    ///
    /// # Errors
    /// [`Refusal::UnknownCurrency`].
    pub fn of(code: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::UnknownCurrency { code: code.to_owned() };
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| unknown())?;
        exponent(letters).map(|_| Self(letters)).ok_or_else(unknown)
    }

    /// Its ISO 4217 code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters")
    }

    /// How many digits its minor unit has: 2 of EUR, 0 of JPY, 3 of KWD.
    pub fn exponent(self) -> u32 {
        exponent(self.0).expect("it is in the table")
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

fn exponent(code: [u8; 3]) -> Option<u32> {
    let has = |table: &[u8]| table.chunks(4).any(|there| there[..3] == code);
    BY_EXPONENT.iter().find(|(_, table)| has(table.as_bytes())).map(|(exponent, _)| *exponent)
}

/// Codes by the digits of their minor units, a byte apart.
const BY_EXPONENT: [(u32, &str); 4] = [
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
         CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD \
         HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK \
         MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB \
         SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD \
         USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ZWL",
    ),
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_iso_currency() {
        let mut known = 0;
        let letters = || b'A'..=b'Z';
        for code in letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c]))) {
            let code = std::str::from_utf8(&code).unwrap();
            let ours = Currency::of(code).ok().map(Currency::exponent);
            let theirs = iso_currency::Currency::from_code(code).and_then(|there| there.exponent());
            assert_eq!(ours, theirs.map(u32::from), "{code}");
            known += usize::from(ours.is_some());
        }
        let in_table: usize = BY_EXPONENT.iter().map(|(_, table)| table.split(' ').count()).sum();
        assert_eq!(known, in_table, "nothing else is in the table");
    }

    #[test]
    fn an_unknown_code_is_refused() {
        for code in ["", "eur", "EURO", "XXX", "D E", "R E", "ÄÖ"] {
            assert!(Currency::of(code).is_err(), "{code:?}");
        }
        assert_eq!(
            ["JPY", "HUF", "IDR", "KWD"].map(|code| Currency::of(code).unwrap().exponent()),
            [0, 2, 2, 3]
        );
    }
}
