//! Amounts with a unit, so that "1 gal", "128 fl oz" and "3.78 l" find one another. Integers throughout. A plain ounce
//! is of weight or of volume, as the package pleases: it stands for itself and is compared with both.

use std::fmt;
use std::ops::RangeInclusive;

/// How far two amounts may be apart and still be the same size, one part in so many: packages round.
const TOLERANCE_PARTS: u64 = 100;
/// An ounce in milligrams.
const OUNCE_MG: u64 = 28_350;
/// A fluid ounce (US) in microlitres.
const FLUID_OUNCE_UL: u64 = 29_574;
/// The highest amount, so that kind and amount fit into 64 bits.
const AMOUNT_MAX: u64 = (1 << 56) - 1;

/// What is measured, in which smallest unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Dimension {
    /// Pieces, in thousandths.
    Count = 1,
    /// Ounces of either kind, in thousandths.
    Ounce = 2,
    /// Milligrams.
    Weight = 3,
    /// Microlitres.
    Volume = 4,
    /// Micrometres.
    Length = 5,
    /// Square millimetres.
    Area = 6,
    /// Thousandths of a percent.
    Percent = 7,
    /// Washes, in thousandths.
    Loads = 8,
}

/// An amount of something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Measure {
    /// What is measured.
    pub dimension: Dimension,
    /// How much, in the dimension's smallest unit.
    pub amount: u64,
}

impl Measure {
    /// So many thousandths of a unit; none if the unit is not known, or nothing is measured.
    pub fn of(thousandths: u64, unit: &str) -> Option<Self> {
        let (dimension, smallest) = known(unit)?;
        let amount = u128::from(thousandths) * u128::from(smallest) / 1_000;
        let amount = u64::try_from(amount).ok().filter(|amount| (1..=AMOUNT_MAX).contains(amount))?;
        Some(Self { dimension, amount })
    }

    /// The same, of a unit that is clear without a number: gallon, dozen; not pound cake, nor in.
    pub fn spelled_out(thousandths: u64, unit: &str) -> Option<Self> {
        let clear = matches!(
            unit,
            "gallon"
                | "gallons"
                | "gal"
                | "quart"
                | "quarts"
                | "pint"
                | "pints"
                | "liter"
                | "liters"
                | "litre"
                | "litres"
                | "dozen"
        );
        if clear { Self::of(thousandths, unit) } else { None }
    }

    /// So many thousandths of a percent.
    pub fn percent(thousandths: u64) -> Self {
        Self { dimension: Dimension::Percent, amount: thousandths.min(AMOUNT_MAX) }
    }

    /// As one number, ordered by dimension, then amount.
    pub fn key(self) -> u64 {
        (self.dimension as u64) << 56 | self.amount
    }

    /// The keys of all amounts that are the same size.
    pub fn alike(self) -> Vec<RangeInclusive<u64>> {
        let of = |dimension: Dimension, amount: u64| {
            let exact = matches!(dimension, Dimension::Count | Dimension::Percent | Dimension::Loads);
            let off = if exact { 0 } else { amount / TOLERANCE_PARTS };
            let key = |amount: u64| Self { dimension, amount: amount.min(AMOUNT_MAX) }.key();
            key(amount.saturating_sub(off))..=key(amount.saturating_add(off))
        };
        let times = |factor: u64| self.amount.saturating_mul(factor) / 1_000;
        let parts = |factor: u64| self.amount.saturating_mul(1_000) / factor;
        let mut ranges = vec![of(self.dimension, self.amount)];
        match self.dimension {
            Dimension::Ounce => {
                ranges.push(of(Dimension::Weight, times(OUNCE_MG)));
                ranges.push(of(Dimension::Volume, times(FLUID_OUNCE_UL)));
            }
            Dimension::Weight => ranges.push(of(Dimension::Ounce, parts(OUNCE_MG))),
            Dimension::Volume => ranges.push(of(Dimension::Ounce, parts(FLUID_OUNCE_UL))),
            Dimension::Count
            | Dimension::Length
            | Dimension::Area
            | Dimension::Percent
            | Dimension::Loads => {}
        }
        ranges
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", format!("{:?}", self.dimension).to_lowercase(), self.amount)
    }
}

/// Whether a folded word is a unit.
pub fn is_unit(word: &str) -> bool {
    known(word).is_some()
}

/// A unit's dimension, and how many of its smallest units it is.
fn known(unit: &str) -> Option<(Dimension, u64)> {
    Some(match unit {
        "ct" | "count" | "cnt" | "pk" | "pack" | "packs" | "pc" | "pcs" | "piece" | "pieces" | "ea"
        | "rolls" | "roll" => (Dimension::Count, 1_000),
        "dz" | "doz" | "dozen" => (Dimension::Count, 12_000),
        "oz" | "ozs" | "ounce" | "ounces" | "z" => (Dimension::Ounce, 1_000),
        "lb" | "lbs" | "pound" | "pounds" => (Dimension::Weight, 453_592),
        "g" | "gm" | "gr" | "gram" | "grams" => (Dimension::Weight, 1_000),
        "kg" | "kilo" | "kilos" | "kilogram" | "kilograms" => (Dimension::Weight, 1_000_000),
        "mg" => (Dimension::Weight, 1),
        "fl oz" | "fluid oz" | "fluid ounce" | "fluid ounces" | "floz" => (Dimension::Volume, FLUID_OUNCE_UL),
        "ga" | "gal" | "gals" | "gallon" | "gallons" => (Dimension::Volume, 3_785_412),
        "qt" | "qts" | "quart" | "quarts" => (Dimension::Volume, 946_353),
        "pt" | "pts" | "pint" | "pints" => (Dimension::Volume, 473_176),
        "l" | "lt" | "ltr" | "liter" | "liters" | "litre" | "litres" => (Dimension::Volume, 1_000_000),
        "cl" => (Dimension::Volume, 10_000),
        "ml" => (Dimension::Volume, 1_000),
        "in" | "inch" | "inches" => (Dimension::Length, 25_400),
        "ft" | "foot" | "feet" => (Dimension::Length, 304_800),
        "yd" | "yds" | "yard" | "yards" => (Dimension::Length, 914_400),
        "mm" => (Dimension::Length, 1_000),
        "cm" => (Dimension::Length, 10_000),
        "m" | "meter" | "meters" | "metre" | "metres" => (Dimension::Length, 1_000_000),
        "sq ft" | "square feet" | "square foot" => (Dimension::Area, 92_903),
        "load" | "loads" | "ld" | "lds" => (Dimension::Loads, 1_000),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: (u64, &str), other: (u64, &str)) -> bool {
        let key = Measure::of(other.0, other.1).expect("a unit").key();
        Measure::of(one.0, one.1).expect("a unit").alike().iter().any(|range| range.contains(&key))
    }

    #[test]
    fn sizes_are_the_same_in_any_unit() {
        for (one, other) in [
            ((1_000, "gal"), (128_000, "fl oz")),
            ((1_000, "gal"), (128_000, "oz")),
            ((128_000, "oz"), (1_000, "gal")),
            ((1_000, "lb"), (16_000, "oz")),
            ((16_000, "oz"), (1_000, "lb")),
            ((2_000, "l"), (67_600, "oz")),
            ((1_000, "dozen"), (12_000, "ct")),
        ] {
            assert!(same(one, other), "{one:?} {other:?}");
        }
        for (one, other) in [
            ((1_000, "gal"), (500, "gal")),
            ((1_000, "lb"), (1_000, "kg")),
            ((12_000, "ct"), (12_000, "oz")),
            ((1_000, "l"), (1_000, "kg")),
            ((100_000, "ct"), (101_000, "ct")),
        ] {
            assert!(!same(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn absurd_amounts_are_none() {
        assert_eq!(Measure::of(u64::MAX, "gal"), None);
        assert_eq!(Measure::of(0, "gal"), None);
        let most = Measure { dimension: Dimension::Loads, amount: AMOUNT_MAX };
        assert!(most.alike().iter().all(|range| range.contains(&most.key())));
        let ounces = Measure { dimension: Dimension::Ounce, amount: AMOUNT_MAX };
        assert_eq!(ounces.alike().len(), 3);
    }
}
