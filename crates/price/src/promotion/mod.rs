//! Promotions as data: what they take off, of what, for whom and when (PR8). `index.rs` finds those that can concern a
//! cart, `take.rs` puts them in order (PR6), `off.rs` and `buy_get.rs` say what one takes off.

pub mod buy_get;
pub mod index;
pub mod off;
pub mod outcome;
pub mod select;
pub mod table;
pub mod take;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::money::Ppm;
use crate::refusal::Refusal;
use crate::time::LocalTime;
use select::{Conditions, Selector};

/// An amount in each currency that has one, in minor units.
pub type Amounts = BTreeMap<Currency, i64>;

/// A promotion. A coupon is a code that refers to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Its name, unlike those of others. Decides last which of two comes first.
    pub id: String,
    /// What it takes off.
    pub kind: Kind,
    /// Of what.
    pub target: Target,
    /// How it is spread over several lines.
    #[serde(default)]
    pub spread: Spread,
    /// Of those of one target, the lower number comes first.
    #[serde(default)]
    pub priority: i32,
    /// For which products. One of another target looks at these for its conditions and amounts.
    #[serde(default)]
    pub products: Selector,
    /// For whom, where, and from how much on.
    #[serde(default)]
    pub conditions: Conditions,
    /// When it begins, by the merchant's clock.
    #[serde(default)]
    pub from: Option<LocalTime>,
    /// When it has ended, by the merchant's clock.
    #[serde(default)]
    pub until: Option<LocalTime>,
    /// The codes of its coupons, any spelling; with none it needs no code.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Whether its coupons have a limit per customer: then a customer who is not known has none (PR10).
    #[serde(default)]
    pub per_customer: bool,
    /// With which others it may be on a line.
    #[serde(default)]
    pub allows: Allows,
}

/// What a promotion takes off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// A share of what is left, at most all.
    Percentage(Ppm),
    /// An amount; with [`Spread::Each`] of each unit.
    Amount(Amounts),
    /// What is above a price; with [`Spread::Each`] the price of a unit, else of all its lines together.
    FixedPrice(Amounts),
    /// Of units that were bought others are given, whole or in part. Only products that are counted in pieces.
    BuyGet(BuyGet),
    /// From an amount on a step, from a larger one another.
    Threshold(Vec<Step>),
    /// All of shipping.
    FreeShipping,
    /// Something that is sent along and costs nothing.
    Gift(Gift),
}

/// So many bought, so many given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuyGet {
    /// How many are bought, of the promotion's products.
    pub buy: u32,
    /// How many are given.
    pub get: u32,
    /// Of which products; none: of those that are bought.
    #[serde(default)]
    pub of: Option<Selector>,
    /// How much of their price they are given.
    pub off: Ppm,
    /// How often at most.
    #[serde(default)]
    pub times_max: Option<u32>,
}

/// A step of a threshold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From which amount on.
    pub from: Amounts,
    /// What is taken off then.
    pub off: StepOff,
}

/// What a step takes off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOff {
    /// A share of what is left.
    Percentage(Ppm),
    /// An amount.
    Amount(Amounts),
}

/// Something that is sent along.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gift {
    /// The product.
    pub sku: String,
    /// How many.
    pub quantity: u64,
}

/// Of what something is taken off; also the order of their classes (PR6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The lines of its products.
    Lines,
    /// The order.
    Order,
    /// Shipping.
    Shipping,
}

/// How an amount is spread over several lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// By what is left of each.
    #[default]
    Share,
    /// The same for each product.
    Evenly,
    /// It is not: each line has its own.
    Each,
}

/// With which other promotions one may be on a line. Both must allow each other.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allows {
    /// With none.
    #[default]
    None,
    /// With any.
    All,
    /// With these.
    Only(BTreeSet<String>),
}

impl Allows {
    /// Whether one of that id.
    pub fn has(&self, id: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(ids) => ids.contains(id),
        }
    }
}

impl Promotion {
    /// The most codes of a promotion in this table; more are a matter of their own.
    pub const CODES_MAX: usize = 1_000;

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming the field.
    pub fn check(&self) -> Result<(), Refusal> {
        let refuse = |field, problem: &str| Err(Refusal::invalid(field, format!("{}: {problem}", self.id)));
        if self.id.is_empty() || self.id.len() > 64 {
            return refuse("id", "use 1 to 64 bytes");
        }
        if self.from.zip(self.until).is_some_and(|(from, until)| from >= until) {
            return refuse("until", "must be after from");
        }
        if self.codes.len() > Self::CODES_MAX {
            return refuse("codes", "use at most 1,000");
        }
        if self.per_customer && self.codes.is_empty() {
            return refuse("per_customer", "only what needs a code has a limit per customer");
        }
        let none_below_zero =
            |amounts: &Amounts| !amounts.is_empty() && amounts.values().all(|amount| *amount >= 0);
        if self.conditions.minimum.as_ref().is_some_and(|amounts| !none_below_zero(amounts)) {
            return refuse("minimum", "name an amount of at least 0 in a currency");
        }
        let at_most_all = |rate: Ppm| rate <= Ppm::ONE;
        let ok = match &self.kind {
            Kind::Percentage(rate) => at_most_all(*rate),
            Kind::Amount(amounts) | Kind::FixedPrice(amounts) => none_below_zero(amounts),
            Kind::BuyGet(rule) => {
                rule.buy > 0 && rule.get > 0 && at_most_all(rule.off) && self.target == Target::Lines
            }
            Kind::Threshold(steps) => {
                let sound = |step: &Step| {
                    none_below_zero(&step.from)
                        && match &step.off {
                            StepOff::Percentage(rate) => at_most_all(*rate),
                            StepOff::Amount(amounts) => none_below_zero(amounts),
                        }
                };
                !steps.is_empty() && steps.iter().all(sound) && self.spread != Spread::Each
            }
            Kind::FreeShipping => self.target == Target::Shipping,
            Kind::Gift(gift) => gift.quantity > 0 && self.target == Target::Order,
        };
        if ok { Ok(()) } else { refuse("kind", "its numbers or its target cannot be meant") }
    }
}
