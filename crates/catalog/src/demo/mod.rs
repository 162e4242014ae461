//! The demo catalog's rows as products: `data/products.csv.gz`, as `data/README.md` describes it. The source has no
//! titles, so they are made; what is cut off in a bracket of its types, often brands, is the description.

pub mod title;

use serde::Deserialize;

use crate::product::{Draft, Product};
use crate::refusal::Refusal;

/// How the demo shop speaks, beside the words of its products: see [`crate::synonyms`].
pub const SYNONYMS: &str = include_str!("../../data/synonyms.txt");

/// A row as the source has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Source {
    /// The SKU.
    pub product_id: String,
    /// Who makes it: a number, without a name.
    pub manufacturer_id: i64,
    /// As the till has it, in capitals.
    pub department: String,
    /// `National` or `Private`.
    pub brand: String,
    /// As the till has it; may be empty.
    pub product_category: String,
    /// As the till has it, cut off at 30 characters; may be empty.
    pub product_type: String,
    /// As `22 LB`; may be empty, or have letters of shops before it.
    pub package_size: String,
    /// In US cents; none, where it was never sold.
    pub price_cents: Option<i64>,
}

impl Source {
    /// The row as a product. `popularity` is how often it was bought.
    pub fn product(&self, popularity: u64) -> Result<Product, Refusal> {
        let category = [&self.department, &self.product_category];
        let category = category.into_iter().filter(|name| !name.trim().is_empty());
        let size = title::package(&self.package_size);
        Product::check(Draft {
            sku: self.product_id.clone(),
            title: title::of(self),
            description: bracketed(&self.product_type),
            category: category.map(|name| title::words(name)).collect(),
            brand: Some(self.brand.clone()).filter(|brand| !brand.is_empty()),
            manufacturer: Some(self.manufacturer_id.to_string()),
            size: Some(size).filter(|size| !size.is_empty()),
            price_minor: self.price_cents,
            popularity,
            ..Draft::default()
        })
    }
}

/// What a title leaves out of a type: `CHEESE CRACKERS (CHEEZ-ITS/GOL` has Cheez-its/gol.
fn bracketed(product_type: &str) -> Option<String> {
    let closed = product_type.rfind(')').map_or(0, |at| at + 1);
    let (_, inner) = product_type[closed..].split_once('(')?;
    let inner = title::words(inner);
    (!inner.is_empty()).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_product_with_words() {
        let row = Source {
            product_id: "1".to_owned(),
            manufacturer_id: 69,
            department: "GROCERY".to_owned(),
            brand: "Private".to_owned(),
            product_category: "CRACKERS/MISC BKD FD".to_owned(),
            product_type: "CHEESE CRACKERS (CHEEZ-ITS/GOL".to_owned(),
            package_size: "AB  13.5 OZ".to_owned(),
            price_cents: Some(219),
        };
        let product = row.product(4).expect("a product");
        assert_eq!(product.title(), "Cheese Crackers, 13.5 oz");
        assert_eq!(product.category(), ["Grocery", "Crackers/Miscellaneous Bkd Food"]);
        assert_eq!(product.description(), Some("Cheez-Its/Gol"));
        assert_eq!(
            (product.size(), product.price_minor(), product.popularity()),
            (Some("13.5 oz"), Some(219), 4)
        );
    }
}
