//! PR1: where a list price comes from. That of a list of the customer's groups, else of a list of the currency, else the
//! base price by the day's rate and the region's multiplier, finished as the currency's prices end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::money::{Money, Ppm, Rounding, minor, times};
use crate::rates::Rates;
use crate::refusal::Refusal;
use crate::time::Date;

/// Prices of products in one currency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// Its name, unlike those of others.
    pub id: String,
    /// Of all its prices.
    pub currency: Currency,
    /// The customers' group it is for; none: for all.
    #[serde(default)]
    pub group: Option<String>,
    /// By product, and where a variant has a price of its own `sku/variant`: minor units.
    pub prices: BTreeMap<String, i64>,
}

/// All that makes list prices of base prices.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    /// Counts their changes.
    pub version: u64,
    /// The lists.
    #[serde(default)]
    pub lists: Vec<PriceList>,
    /// By country or subdivision (`CH`, `US-AK`), which of the base price is asked there.
    #[serde(default)]
    pub multipliers: BTreeMap<String, Ppm>,
    /// How converted prices end, by currency.
    #[serde(default)]
    pub endings: BTreeMap<Currency, Ending>,
}

/// Prices that end alike: `of × n + at`. For .99 100 and 99, for a step of 0.05 5 and 0, for whole ones 100 and 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// From one price to the next, in minor units. From 1.
    pub of: i64,
    /// What all have at their end, less than `of`.
    pub at: i64,
}

/// Where a list price comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A price list.
    List {
        /// Which.
        id: String,
    },
    /// The product's own price.
    Base,
    /// The product's own price, converted.
    Converted {
        /// What it was converted from.
        from: Money,
        /// The day of the rate; none if only the multiplier acted.
        #[serde(skip_serializing_if = "Option::is_none")]
        rate: Option<Date>,
        /// The region's multiplier.
        multiplier: Ppm,
    },
}

impl Lists {
    /// The list price of a product: minor units of `currency` for a unit, and where it comes from. `None` if it has no
    /// price in that currency. Of several lists of the customer's groups the cheapest counts.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn price(
        &self,
        product: (&str, Option<&str>, Option<Money>),
        currency: Currency,
        groups: &[String],
        places: &[&str],
        rates: &Rates,
        rounding: Rounding,
    ) -> Result<Option<(i64, Origin)>, Refusal> {
        let (sku, variant, base) = product;
        if let Some(listed) = self.listed(sku, variant, currency, groups) {
            return Ok(Some(listed));
        }
        let Some(base) = base.filter(|base| base.amount_minor >= 0) else { return Ok(None) };
        let multiplier =
            places.iter().find_map(|place| self.multipliers.get(*place)).copied().unwrap_or(Ppm::ONE);
        if base.currency == currency && multiplier == Ppm::ONE {
            return Ok(Some((base.amount_minor, Origin::Base)));
        }
        let Some(price) = self.convert(base, currency, multiplier, rates, rounding)? else { return Ok(None) };
        let rate = rates.day(base.currency, currency);
        Ok(Some((price, Origin::Converted { from: base, rate, multiplier })))
    }

    /// An amount in another currency, by the day's rate and a multiplier, finished as that currency's prices end; rounded
    /// once. Nothing becomes free by it. `None` without a rate.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn convert(
        &self,
        from: Money,
        to: Currency,
        multiplier: Ppm,
        rates: &Rates,
        rounding: Rounding,
    ) -> Result<Option<i64>, Refusal> {
        let Some((numerator, denominator)) = rates.ratio(from.currency, to)? else { return Ok(None) };
        let numerator = times(times(i128::from(from.amount_minor), numerator)?, i128::from(multiplier.0))?;
        let denominator = times(denominator, i128::from(Ppm::ONE.0))?;
        let ending = self.endings.get(&to).copied().unwrap_or(Ending { of: 1, at: 0 });
        ending.nearest(numerator, denominator, rounding).map(Some)
    }

    fn listed(
        &self,
        sku: &str,
        variant: Option<&str>,
        currency: Currency,
        groups: &[String],
    ) -> Option<(i64, Origin)> {
        let of_variant = variant.map(|variant| format!("{sku}/{variant}"));
        let price = |list: &PriceList| {
            let own = of_variant.as_ref().and_then(|key| list.prices.get(key));
            own.or_else(|| list.prices.get(sku)).copied().filter(|price| *price >= 0)
        };
        let cheapest = |is_for: &dyn Fn(&PriceList) -> bool| {
            let lists = self.lists.iter().filter(|list| list.currency == currency && is_for(list));
            lists.filter_map(|list| price(list).map(|price| (price, &list.id))).min()
        };
        let of_group = cheapest(&|list| list.group.as_ref().is_some_and(|group| groups.contains(group)));
        let (price, id) = of_group.or_else(|| cheapest(&|list| list.group.is_none()))?;
        Some((price, Origin::List { id: id.clone() }))
    }
}

impl Ending {
    /// The nearest such price to `numerator / denominator`, in minor units. What costs something does not become free.
    fn nearest(self, numerator: i128, denominator: i128, rounding: Rounding) -> Result<i64, Refusal> {
        let (of, at) = (self.of.max(1), self.at.clamp(0, self.of.max(1) - 1));
        if numerator == 0 {
            return Ok(0);
        }
        let above = numerator - times(i128::from(at), denominator)?;
        let steps = if above > 0 { rounding.divide(above, times(i128::from(of), denominator)?)? } else { 0 };
        let price =
            times(steps, i128::from(of))?.checked_add(i128::from(at)).ok_or(Refusal::PriceOverflow)?;
        minor(if price == 0 { i128::from(of) } else { price })
    }
}
