//! What is asked: a cart, and all that its price hangs on. Each table has a version; now is whole seconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::gift_card::Card;
use crate::list::Lists;
use crate::money::{Money, Rounding};
use crate::promotion::index::Promotions;
use crate::quantity::{Content, Measure};
use crate::rates::Rates;
use crate::shipping::ShippingSource;
use crate::tax::{Address, Exemption, TaxSource};

/// All that a price hangs on.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Seconds since 1970-01-01 UTC.
    pub now_s: i64,
    /// What all amounts are in: a cart has one currency.
    pub currency: Currency,
    /// The cart's lines, each id once. Their order changes nothing but the order of the answer's.
    pub lines: &'a [Line],
    /// The codes of its coupons, as they were typed.
    pub coupons: &'a [String],
    /// Gift cards to pay with.
    pub cards: &'a [Card],
    /// Who buys.
    pub customer: &'a Customer,
    /// Where it goes, if that is known.
    pub address: Option<&'a Address>,
    /// The way of sending that was chosen.
    pub shipping_option: Option<&'a str>,
    /// Who sells.
    pub merchant: &'a Merchant,
    /// The products of the lines.
    pub catalog: &'a Catalog,
    /// Price lists.
    pub lists: &'a Lists,
    /// Rates of exchange.
    pub rates: &'a Rates,
    /// Promotions.
    pub promotions: &'a Promotions,
    /// What is left of them.
    pub limits: &'a Limits,
    /// Taxes.
    pub taxes: &'a dyn TaxSource,
    /// Ways of sending.
    pub shipping: &'a dyn ShippingSource,
}

/// A line of a cart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its identity.
    pub id: String,
    /// The product.
    pub sku: String,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<String>,
    /// How much, as the product's [`Measure`] counts.
    pub quantity: u64,
    /// The list price of a unit when it was added.
    #[serde(default)]
    pub added: Option<Money>,
}

/// Products, as far as a cart needs them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Counts its changes.
    pub version: u64,
    /// By sku; a variant that differs by `sku/variant`.
    pub products: BTreeMap<String, Product>,
}

/// What prices need to know of a product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The base price of a unit; without one it is sold by lists only.
    #[serde(default)]
    pub base: Option<Money>,
    /// From the widest category to the narrowest.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Its brand.
    #[serde(default)]
    pub brand: Option<String>,
    /// As what it is taxed: `standard`, `food`.
    pub tax_class: String,
    /// How it is counted.
    #[serde(default)]
    pub measure: Measure,
    /// What is in a pack.
    #[serde(default)]
    pub content: Option<Content>,
    /// What a unit weighs, in grams; none: it is not sent.
    #[serde(default)]
    pub weight_g: Option<u64>,
}

/// Who buys.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Customer {
    /// Whether it is known who: by sign-in, or by a verified e-mail.
    pub known: bool,
    /// Groups with lists and promotions of their own.
    pub groups: Vec<String>,
    /// Whether nothing was ordered before.
    pub first_order: bool,
    /// Why there is no tax.
    pub exemption: Option<Exemption>,
}

/// Who sells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merchant {
    /// How halves are rounded.
    #[serde(default)]
    pub rounding: Rounding,
    /// Where a cart without an address is thought to go: of the region that serves it.
    pub place: Address,
}

/// What is left of what is limited: uses and money that many regions take from, seen from here.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// By coupon, plainly written: how often it can still be used. What is not here has no limit.
    pub uses: BTreeMap<String, u64>,
    /// The same, by this customer.
    pub customer_uses: BTreeMap<String, u64>,
    /// By promotion: what it can still take off, minor units of the request's currency.
    pub budgets_minor: BTreeMap<String, i64>,
}

impl Catalog {
    /// The product of a line.
    pub fn product(&self, sku: &str, variant: Option<&str>) -> Option<&Product> {
        let own = variant.and_then(|variant| self.products.get(&format!("{sku}/{variant}")));
        own.or_else(|| self.products.get(sku))
    }
}
