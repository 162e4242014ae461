//! PR12: what is sold has a unit, a scale and a step: bananas by 0.01 lb in steps of 25. And the price of a kilogram, a
//! litre or a metre beside that of a pack, where a region demands it.

use serde::{Deserialize, Serialize};

use crate::money::{Rounding, minor, times};
use crate::refusal::Refusal;

/// How a product is counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Measure {
    /// What its price is for: `piece`, `lb`, `kg`.
    pub unit: String,
    /// A quantity of 1 is a unit by `10^scale`.
    pub scale: u32,
    /// Quantities are multiples of it. From 1.
    pub step: u64,
}

impl Default for Measure {
    fn default() -> Self {
        Self { unit: "piece".to_owned(), scale: 0, step: 1 }
    }
}

impl Measure {
    /// The most digits a quantity has behind the point.
    pub const SCALE_MAX: u32 = 6;

    /// How many of a quantity are a unit.
    pub fn per_unit(&self) -> i64 {
        10_i64.pow(self.scale.min(Self::SCALE_MAX))
    }

    /// Whether a quantity can be sold: more than nothing, and a multiple of the step.
    pub fn has(&self, quantity: u64) -> bool {
        quantity > 0 && quantity.is_multiple_of(self.step.max(1))
    }

    /// The price of a quantity by that of a unit: rounded once.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn price(&self, unit_minor: i64, quantity: u64, rounding: Rounding) -> Result<i64, Refusal> {
        let exact = times(i128::from(unit_minor), i128::from(quantity))?;
        minor(rounding.divide(exact, i128::from(self.per_unit()))?)
    }
}

/// What is in a pack, by which packs are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// How much: grams, millilitres, millimetres.
    pub amount: u64,
    /// Of which kind.
    pub per: Per,
}

/// What a unit price is for: a thousand of what [`Content`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Per {
    /// A kilogram; contents are in grams.
    #[serde(rename = "kg")]
    Kilogram,
    /// A litre; contents are in millilitres.
    #[serde(rename = "l")]
    Litre,
    /// A metre; contents are in millimetres.
    #[serde(rename = "m")]
    Metre,
}

/// A price to compare packs by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct UnitPrice {
    /// In the minor unit of the line's currency.
    pub amount_minor: i64,
    /// Of what.
    pub per: Per,
}

impl Content {
    /// The unit price of a pack, rounded once; `None` of an empty one.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn unit_price(self, pack_minor: i64, rounding: Rounding) -> Result<Option<UnitPrice>, Refusal> {
        if self.amount == 0 {
            return Ok(None);
        }
        let exact = times(i128::from(pack_minor), 1_000)?;
        let amount_minor = minor(rounding.divide(exact, i128::from(self.amount))?)?;
        Ok(Some(UnitPrice { amount_minor, per: self.per }))
    }
}
