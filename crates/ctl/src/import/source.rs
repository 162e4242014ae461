//! What is known of a product where the catalog comes from.

use serde::Deserialize;

/// A row as the source has it.
#[derive(Deserialize)]
pub struct Source {
    pub product_id: String,
    pub manufacturer_id: i64,
    pub department: String,
    pub brand: String,
    pub product_category: String,
    pub product_type: String,
    pub package_size: String,
    /// None, where it was never sold.
    pub price_cents: Option<i64>,
}
