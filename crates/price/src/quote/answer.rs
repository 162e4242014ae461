//! What is answered: every amount, and how it came about. All amounts are minor units of the answer's currency.

use serde::Serialize;

use crate::currency::Currency;
use crate::gift_card::CardPaid;
use crate::list::Origin;
use crate::money::Ppm;
use crate::promotion::outcome::{Coupon, Promoted};
use crate::quantity::UnitPrice;
use crate::rates::Freshness;
use crate::tax::Exemption;

/// A priced cart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Priced {
    /// Of all amounts.
    pub currency: Currency,
    /// The place whose taxes these are.
    pub place: String,
    /// What was assumed: another address or a choice may change the total.
    pub estimated: Vec<Assumed>,
    /// The lines, as they were given.
    pub lines: Vec<PricedLine>,
    /// What is sent along.
    pub gifts: Vec<GiftLine>,
    /// The ways of sending, the cheapest first, before promotions.
    pub shipping_options: Vec<OptionPrice>,
    /// The way that was chosen, else the cheapest.
    pub shipping: Option<PricedShipping>,
    /// What became of promotions that could concern the cart.
    pub promotions: Vec<Promoted>,
    /// What became of coupons, as they were given.
    pub coupons: Vec<Coupon>,
    /// Whether prices have their tax in them.
    pub tax_included: bool,
    /// Taxes by name and rate.
    pub taxes: Vec<TaxSum>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exemption: Option<Exemption>,
    /// The sums.
    pub totals: Totals,
    /// What gift cards pay, as they were given.
    pub cards: Vec<CardPaid>,
    /// How far the rates that were used are to be trusted.
    pub rates: Freshness,
    /// What hinders a checkout.
    pub obstacles: Vec<Obstacle>,
    /// Of which versions this is.
    pub versions: Versions,
    /// What is agreed to: SHA-256, in hexadecimal, over lines, shipping, taxes, totals and cards. The same whatever the
    /// order of lines, and whichever versions it came from.
    pub digest: String,
    /// What it took: visits of a line by a stage, of the index by a product, of a product by a promotion.
    #[serde(skip)]
    pub steps: u64,
}

/// A line with its price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PricedLine {
    /// Its identity.
    pub id: String,
    /// The product.
    pub sku: String,
    /// Its variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// How much.
    pub quantity: u64,
    /// The list price of a unit, and where it comes from.
    #[serde(flatten)]
    pub list: Option<ListPrice>,
    /// The list price of all.
    pub list_minor: i64,
    /// What each promotion took off, in the order in which they acted.
    pub discounts: Vec<Discount>,
    /// What is left.
    pub amount_minor: i64,
    /// The taxes in it or on it.
    pub taxes: Vec<Tax>,
    /// With its taxes.
    pub total_minor: i64,
    /// The price of a kilogram or litre at the list price, where a region demands it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<UnitPrice>,
    /// That the list price is another than when it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_changed: Option<PriceChanged>,
    /// Why it is not sold: it is in no sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A list price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ListPrice {
    /// Of a unit.
    pub unit_minor: i64,
    /// Where it comes from.
    pub origin: Origin,
}

/// What a promotion took off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Discount {
    /// Which.
    pub promotion: String,
    /// How much.
    pub amount_minor: i64,
}

/// A tax of a line, or of shipping.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tax {
    /// Its name.
    pub name: String,
    /// Its rate, in millionths.
    pub rate: Ppm,
    /// How much.
    pub amount_minor: i64,
}

/// The sum of a tax.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TaxSum {
    /// Its name.
    pub name: String,
    /// Its rate, in millionths.
    pub rate: Ppm,
    /// What it is on, or in.
    pub of_minor: i64,
    /// How much.
    pub amount_minor: i64,
}

/// A price that changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PriceChanged {
    /// When it was added.
    pub from_minor: i64,
    /// Now, and what is charged.
    pub to_minor: i64,
}

/// Why a line is not sold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The catalog has no such product.
    UnknownProduct,
    /// It has no price in this currency.
    NotForSale,
    /// Its quantity is nothing, or no multiple of its step.
    OffStep {
        /// The step.
        step: u64,
    },
}

/// What is sent along and costs nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GiftLine {
    /// By which promotion.
    pub promotion: String,
    /// The product.
    pub sku: String,
    /// How much.
    pub quantity: u64,
    /// What it would cost, where that is known.
    pub worth_minor: Option<i64>,
}

/// A way of sending and its price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OptionPrice {
    /// Which.
    pub id: String,
    /// Its name to people.
    pub title: String,
    /// In how many days, from and to.
    pub days: (u16, u16),
    /// Its price.
    pub price_minor: i64,
}

/// Shipping with its price.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PricedShipping {
    /// Which way.
    pub option: String,
    /// Its price.
    pub list_minor: i64,
    /// What each promotion took off.
    pub discounts: Vec<Discount>,
    /// What is left.
    pub amount_minor: i64,
    /// The taxes in it or on it.
    pub taxes: Vec<Tax>,
    /// With its taxes.
    pub total_minor: i64,
}

/// The sums of what is sold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    /// The list prices of goods.
    pub list_minor: i64,
    /// What was taken off of them.
    pub discount_minor: i64,
    /// Shipping, after what was taken off of it.
    pub shipping_minor: i64,
    /// All taxes, in the prices or on them.
    pub tax_minor: i64,
    /// What it costs.
    pub total_minor: i64,
    /// What gift cards pay of it.
    pub cards_minor: i64,
    /// What remains to be paid.
    pub to_pay_minor: i64,
}

/// What was assumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumed {
    /// That it goes to the region's default place, or to none of a country's parts that tax otherwise.
    Address,
    /// That it is sent the cheapest way.
    Shipping,
}

/// What hinders a checkout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// A line is not sold.
    Lines,
    /// There is nothing to sell.
    Empty,
    /// It is not known where it goes.
    Address,
    /// Nothing can be sent there.
    NoShipping,
    /// The rate is older than a week.
    Rates,
}

/// The versions of what a price hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Versions {
    /// Of the catalog.
    pub catalog: u64,
    /// Of the price lists.
    pub lists: u64,
    /// Of the rates.
    pub rates: u64,
    /// Of the promotions.
    pub promotions: u64,
    /// Of the taxes.
    pub taxes: u64,
    /// Of the ways of sending.
    pub shipping: u64,
}
