//! What promotions act on, for whom, where and when, and what of it is left.

use super::select::Traits;
use crate::currency::Currency;
use crate::money::Rounding;
use crate::quantity::Measure;
use crate::quote::request::Limits;

/// Which promotions hold something, and what each took off of it, in the order in which they acted.
pub type Holding = Vec<(usize, i64)>;

/// All of one product and price in a cart.
#[derive(Clone, Debug)]
pub struct Goods<'a> {
    /// What promotions know it by.
    pub traits: Traits<'a>,
    /// How it is counted.
    pub measure: &'a Measure,
    /// How much of it.
    pub quantity: u64,
    /// The list price of a unit, minor units.
    pub unit_minor: i64,
    /// What is left to pay.
    pub left: i64,
    /// What acted on it.
    pub holding: Holding,
}

/// Shipping as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// What is left to pay.
    pub left: i64,
    /// What acted on it.
    pub holding: Holding,
}

/// What promotions act on.
#[derive(Clone, Debug, Default)]
pub struct Table<'a> {
    /// The goods, in the order of their identity.
    pub goods: Vec<Goods<'a>>,
    /// Shipping, if something is sent.
    pub shipping: Option<Sent>,
}

/// For whom, where and when.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Of all amounts.
    pub currency: Currency,
    /// The customer's groups.
    pub groups: &'a [String],
    /// Whether it is known who the customer is.
    pub known: bool,
    /// Whether it is the customer's first order.
    pub first_order: bool,
    /// Country, and subdivision where it is known.
    pub places: &'a [&'a str],
    /// Seconds since 1970-01-01 UTC.
    pub now_s: i64,
    /// The merchant's.
    pub rounding: Rounding,
    /// What is left of uses and budgets.
    pub limits: &'a Limits,
}
