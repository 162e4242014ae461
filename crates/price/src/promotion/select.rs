//! Which products, which customers, which places: the conditions of a promotion (PR8).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Amounts;
use crate::currency::Currency;

/// Products. What is empty does not choose; what is not must have the product.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selector {
    /// Any of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub skus: BTreeSet<String>,
    /// In any of these categories.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<String>,
    /// Of any of these brands.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub brands: BTreeSet<String>,
    /// And none of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<String>,
}

/// What promotions know a product by.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    /// Its sku.
    pub sku: &'a str,
    /// The categories it is in, from the widest to the narrowest.
    pub categories: &'a [String],
    /// Its brand.
    pub brand: Option<&'a str>,
}

impl Selector {
    /// Whether it has a product.
    pub fn has(&self, product: Traits<'_>) -> bool {
        names_any(&self.skus, [product.sku])
            && names_any(&self.categories, product.categories.iter().map(String::as_str))
            && names_any(&self.brands, product.brand)
            && !self.except.contains(product.sku)
    }
}

/// Whether a set names one of some; an empty set does not choose.
pub fn names_any<'a>(set: &BTreeSet<String>, some: impl IntoIterator<Item = &'a str>) -> bool {
    set.is_empty() || some.into_iter().any(|there| set.contains(there))
}

/// For whom, where, and from how much on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// What must be left of its products before it acts. Only in these currencies.
    pub minimum: Option<Amounts>,
    /// Customers of any of these groups.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// To any of these countries or subdivisions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub places: BTreeSet<String>,
    /// In any of these currencies.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub currencies: BTreeSet<Currency>,
    /// Only with a customer's first order.
    pub first_order: bool,
}
