//! How an order is sent, and what that costs. Where options come from is a trait; a table, as data, is what the demo has.

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::tax::Address;

/// Knows the ways of sending.
pub trait ShippingSource {
    /// Counts changes of what it knows.
    fn version(&self) -> u64;
    /// The ways to an address, in any order, each id once.
    fn options(&self, address: &Address) -> Vec<&ShippingOption>;
}

/// Ways of sending as a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingTable {
    /// Counts its changes.
    pub version: u64,
    /// The ways.
    pub options: Vec<ShippingOption>,
}

/// A way of sending.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingOption {
    /// Its name in the API.
    pub id: String,
    /// Its name to people.
    pub title: String,
    /// To which countries or subdivisions.
    pub places: Vec<String>,
    /// In how many days, from and to.
    pub days: (u16, u16),
    /// What it costs, the lightest first.
    pub tiers: Vec<Tier>,
    /// Who says what it costs.
    pub source: String,
}

/// What sending so much costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Up to so many grams; none: any weight.
    #[serde(default)]
    pub weight_g_max: Option<u64>,
    /// The price, tax as in all prices there.
    pub price: Money,
}

impl ShippingSource for ShippingTable {
    fn version(&self) -> u64 {
        self.version
    }

    fn options(&self, address: &Address) -> Vec<&ShippingOption> {
        let goes_there = |option: &&ShippingOption| {
            let to =
                |place: &String| *place == address.country || address.subdivision.as_ref() == Some(place);
            option.places.iter().any(to)
        };
        self.options.iter().filter(goes_there).collect()
    }
}

impl ShippingOption {
    /// What it costs for a weight; `None` if it takes no such.
    pub fn price(&self, weight_g: u64) -> Option<Money> {
        let takes = |tier: &&Tier| tier.weight_g_max.is_none_or(|most| weight_g <= most);
        self.tiers.iter().find(takes).map(|tier| tier.price)
    }
}
