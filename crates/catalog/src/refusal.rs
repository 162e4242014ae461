//! Why a product was refused: the closed set of reasons, each with a stable code and a message that says what to do.
//! An import lists them with the lines they come from, and goes on.

use thiserror::Error;

use crate::limits;

/// A refusal of one product.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nothing names the product.
    #[error("the product has no SKU; give it one that no other product has")]
    SkuMissing,
    /// A SKU that does not fit into addresses and labels.
    #[error(
        "the SKU {0:?} is not 1 to {max} visible ASCII characters without spaces; choose another",
        max = limits::SKU_LENGTH_MAX
    )]
    SkuForm(String),
    /// Nothing to show.
    #[error("the product has no title; give it one")]
    TitleMissing,
    /// A text over its bound.
    #[error("{field} has {bytes} bytes, and may have {max}; shorten it")]
    TooLong {
        /// Which text.
        field: &'static str,
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// A text with characters that nothing shows.
    #[error("{0} has a control character; take it out")]
    Control(&'static str),
    /// More entries than a list may have.
    #[error("{field} has {entries} entries, and may have {max}; take some out")]
    TooMany {
        /// Which list.
        field: &'static str,
        /// How many entries it has.
        entries: usize,
        /// How many it may have.
        max: usize,
    },
    /// An entry without a name.
    #[error("{0} has an entry that is empty; take it out or name it")]
    Empty(&'static str),
    /// The same name twice in a list.
    #[error("{field} names {name:?} twice; take one out")]
    Twice {
        /// Which list.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A price below nothing.
    #[error("the price {0} is below 0; give the amount in minor units, or none if it is not known")]
    PriceNegative(i64),
    /// A price that nobody means.
    #[error("the price {0} is above {max} minor units; check its unit", max = limits::PRICE_MINOR_MAX)]
    PriceAbsurd(i64),
    /// Bounds of a quantity that no quantity meets.
    #[error(
        "no quantity is between {min} and {max} in steps of {step}; give a minimum up to the maximum, and a step from 1"
    )]
    QuantityBounds {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
        /// The step from the smallest one on.
        step: u32,
    },
    /// A GTIN whose check digit is wrong, or that is none.
    #[error(
        "the GTIN {0:?} is not 8, 12, 13 or 14 digits of which the last checks the others; read it again from the package"
    )]
    Gtin(String),
    /// A picture that a page of the shop could not load.
    #[error("the picture {0:?} is not an address that begins with https:// or /; give one")]
    Picture(String),
    /// A weight that nobody ships.
    #[error("the weight {0} g is not from 1 to {max}; leave it out if it is not known", max = limits::WEIGHT_G_MAX)]
    Weight(u64),
    /// An age that nobody has.
    #[error("the minimum age {0} is not from 1 to {max}; leave it out if anybody may buy it", max = limits::AGE_MAX)]
    Age(u32),
    /// What is no region.
    #[error(
        "{0:?} is no ISO 3166-1 code of two capital letters, with up to three letters or digits behind a hyphen; use those"
    )]
    Region(String),
    /// A kit that has itself in it, or nothing of something.
    #[error("the kit's component {0:?} is the kit itself, or its quantity is 0; correct or remove it")]
    Component(String),
}

impl Refusal {
    /// The stable word for programs. It never changes once published.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SkuMissing => "sku_missing",
            Self::SkuForm(_) => "sku_form",
            Self::TitleMissing => "title_missing",
            Self::TooLong { .. } => "too_long",
            Self::Control(_) => "control_character",
            Self::TooMany { .. } => "too_many",
            Self::Empty(_) => "empty_entry",
            Self::Twice { .. } => "named_twice",
            Self::PriceNegative(_) => "price_negative",
            Self::PriceAbsurd(_) => "price_absurd",
            Self::QuantityBounds { .. } => "quantity_bounds",
            Self::Gtin(_) => "gtin_invalid",
            Self::Picture(_) => "picture_address",
            Self::Weight(_) => "weight_bounds",
            Self::Age(_) => "age_bounds",
            Self::Region(_) => "region_unknown",
            Self::Component(_) => "component_invalid",
        }
    }
}
