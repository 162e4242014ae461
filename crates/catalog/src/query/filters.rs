//! Filters over the columns of an index. A product fails some of them: one that fails a single one still counts for the
//! facet of that one.

use super::{FILTER_VALUES_MAX, Filters};
use crate::index::{Amounts, Column, Index, Part};
use crate::reject::Reject;

/// The filters, as bits of what a product fails.
pub const DEPARTMENT: u8 = 1;
pub const CATEGORY: u8 = 2;
pub const BRAND: u8 = 4;
pub const MANUFACTURER: u8 = 8;
pub const PRICE: u8 = 16;
pub const IN_STOCK: u8 = 32;

impl Filters {
    /// Whether no filter names too much.
    pub(super) fn check(&self) -> Result<(), Reject> {
        let lists = [&self.departments, &self.categories, &self.brands, &self.manufacturers].map(Vec::len);
        match lists.into_iter().chain([self.prices.len()]).max().unwrap_or(0) {
            most if most > FILTER_VALUES_MAX => Err(Reject::FilterValues(most)),
            _ => Ok(()),
        }
    }
}

/// Filters, resolved for an index.
pub struct Sieve<'a> {
    index: &'a Index,
    by_text: [(u8, Column<'a>, Option<Vec<bool>>); 3],
    maker: (Column<'a>, Option<Vec<bool>>),
    price: Amounts<'a>,
    filters: &'a Filters,
}

impl<'a> Sieve<'a> {
    pub fn of(index: &'a Index, filters: &'a Filters) -> Self {
        let wanted = |names: Part, wanted: &[String]| {
            // Names that are not there match nothing.
            let names = index.strings(names);
            let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == name);
            (!wanted.is_empty()).then(|| [false].into_iter().chain(names.iter().map(is_wanted)).collect())
        };
        Self {
            index,
            by_text: [
                (
                    DEPARTMENT,
                    index.ids(Part::TextDepartment),
                    wanted(Part::Departments, &filters.departments),
                ),
                (CATEGORY, index.ids(Part::TextCategory), wanted(Part::Categories, &filters.categories)),
                (BRAND, index.ids(Part::TextBrand), wanted(Part::Brands, &filters.brands)),
            ],
            maker: (index.ids(Part::Maker), wanted(Part::Manufacturers, &filters.manufacturers)),
            price: index.values(Part::Price),
            filters,
        }
    }

    /// What all products of a text fail.
    pub fn text(&self, text: usize) -> u8 {
        let fails = |(bit, column, wanted): &(u8, Column<'_>, Option<Vec<bool>>)| {
            if passes(wanted.as_deref(), column.get(text)) { 0 } else { *bit }
        };
        self.by_text.iter().map(fails).sum()
    }

    /// What a product fails besides.
    pub fn product(&self, product: usize) -> u8 {
        let mut failed = 0;
        if !passes(self.maker.1.as_deref(), self.maker.0.get(product)) {
            failed |= MANUFACTURER;
        }
        if !self.filters.prices.is_empty() {
            let price = self.price.get(product);
            let fits =
                price.is_some_and(|price| self.filters.prices.iter().any(|band| band.contains(&price)));
            failed |= if fits { 0 } else { PRICE };
        }
        if self.filters.in_stock && !self.index.can_be_sold(product) {
            failed |= IN_STOCK;
        }
        failed
    }
}

fn passes(wanted: Option<&[bool]>, id: u32) -> bool {
    wanted.is_none_or(|wanted| wanted.get(id as usize).copied().unwrap_or(false))
}
