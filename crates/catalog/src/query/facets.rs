//! Counts by property. A facet counts what passes all other filters, so that its own alternatives keep their counts.
//! What is counted are products, also where several are one hit.

use std::cmp::Reverse;

use super::FACET_VALUES_MAX;
use super::filters::{BRAND, CATEGORY, DEPARTMENT, IN_STOCK, MANUFACTURER, PRICE};
use crate::index::{Amounts, Column, Index, Names, Part};

/// Where price bands end, in the currency's major unit.
const BANDS_MAJOR: [i64; 3] = [50, 100, 500];

/// A value and how many products have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// As filters name it.
    pub value: String,
    /// How many.
    pub products: usize,
}

/// How many products are in a band of prices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceBand {
    /// From this price on, in minor units.
    pub from_minor: i64,
    /// Up to but without this one; none: no bound.
    pub to_minor: Option<i64>,
    /// How many.
    pub products: usize,
}

/// Prices at which the products, by price, are parted in four.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quartiles {
    /// The lowest, the first, second and third quarter's end, and the highest, in minor units.
    pub minor: [i64; 5],
}

/// All counts.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Facets {
    /// By department, the largest first; of equal ones by name.
    pub departments: Vec<Counted>,
    /// By narrowest category.
    pub categories: Vec<Counted>,
    /// By brand.
    pub brands: Vec<Counted>,
    /// By manufacturer.
    pub manufacturers: Vec<Counted>,
    /// By price, all bands.
    pub prices: Vec<PriceBand>,
    /// None, where no product has a price.
    pub quartiles: Option<Quartiles>,
    /// How many can be sold.
    pub in_stock: usize,
    /// How many cannot.
    pub out_of_stock: usize,
}

/// Counts on the way.
pub struct Tally<'a> {
    index: &'a Index,
    departments: Values<'a>,
    categories: Values<'a>,
    brands: Values<'a>,
    manufacturers: Values<'a>,
    prices: (Amounts<'a>, Vec<u32>),
    stock: [usize; 2],
}

struct Values<'a> {
    column: Column<'a>,
    names: Names<'a>,
    counts: Vec<u32>,
}

impl Values<'_> {
    fn count(&mut self, row: usize, products: u32) {
        if let Some(count) = self.counts.get_mut(self.column.get(row) as usize) {
            *count += products;
        }
    }

    fn listed(&self) -> Vec<Counted> {
        let mut some: Vec<(usize, u32)> =
            self.counts.iter().copied().enumerate().skip(1).filter(|(_, count)| *count > 0).collect();
        // Names are in order, so their numbers are.
        some.sort_by_key(|(id, count)| (Reverse(*count), *id));
        some.truncate(FACET_VALUES_MAX);
        let listed = |(id, count): (usize, u32)| Counted {
            value: self.names.get(id - 1).to_owned(),
            products: count as usize,
        };
        some.into_iter().map(listed).collect()
    }
}

impl<'a> Tally<'a> {
    pub fn of(index: &'a Index) -> Self {
        let values = |column: Part, names: Part| {
            let names = index.strings(names);
            Values { column: index.ids(column), names, counts: vec![0; names.len() + 1] }
        };
        let prices = index.values(Part::Price);
        Self {
            index,
            departments: values(Part::TextDepartment, Part::Departments),
            categories: values(Part::TextCategory, Part::Categories),
            brands: values(Part::TextBrand, Part::Brands),
            manufacturers: values(Part::Maker, Part::Manufacturers),
            prices: (prices, vec![0; prices.len()]),
            stock: [0; 2],
        }
    }

    /// Counts a product that fails these filters.
    pub fn product(&mut self, text: usize, product: usize, failed: u8) {
        let counts = |bit: u8| failed & !bit == 0;
        if counts(DEPARTMENT) {
            self.departments.count(text, 1);
        }
        if counts(CATEGORY) {
            self.categories.count(text, 1);
        }
        if counts(BRAND) {
            self.brands.count(text, 1);
        }
        if counts(MANUFACTURER) {
            self.manufacturers.count(product, 1);
        }
        if counts(PRICE)
            && let Some(count) = self.prices.0.rank(product).and_then(|rank| self.prices.1.get_mut(rank))
        {
            *count += 1;
        }
        if counts(IN_STOCK) {
            self.stock[usize::from(self.index.can_be_sold(product))] += 1;
        }
    }

    pub fn facets(self) -> Facets {
        let minor = 10_i64.pow(u32::from(self.index.edition().digits));
        let (amounts, counts) = &self.prices;
        let priced =
            || counts.iter().enumerate().filter_map(|(rank, count)| Some((amounts.amount(rank)?, *count)));
        let ends = BANDS_MAJOR.map(|major| Some(major * minor)).into_iter().chain([None]);
        let begins = [0].into_iter().chain(BANDS_MAJOR.map(|major| major * minor));
        let band = |(from, to): (i64, Option<i64>)| {
            let within = priced().filter(|(price, _)| *price >= from && to.is_none_or(|to| *price < to));
            let products = within.map(|(_, count)| count as usize).sum();
            PriceBand { from_minor: from, to_minor: to, products }
        };
        Facets {
            departments: self.departments.listed(),
            categories: self.categories.listed(),
            brands: self.brands.listed(),
            manufacturers: self.manufacturers.listed(),
            prices: begins.zip(ends).map(band).collect(),
            quartiles: quartiles(priced()),
            in_stock: self.stock[1],
            out_of_stock: self.stock[0],
        }
    }
}

/// The price of the product at each quarter, nearest rank.
fn quartiles(priced: impl Iterator<Item = (i64, u32)>) -> Option<Quartiles> {
    let priced: Vec<(i64, u32)> = priced.filter(|(_, count)| *count > 0).collect();
    let all: u64 = priced.iter().map(|(_, count)| u64::from(*count)).sum();
    let at = |quarter: u64| {
        let rank = (all * quarter).div_ceil(4).max(1);
        let mut before = 0;
        let found = priced.iter().find(|(_, count)| {
            before += u64::from(*count);
            before >= rank
        });
        found.map(|(price, _)| *price)
    };
    let minor = [at(0)?, at(1)?, at(2)?, at(3)?, at(4)?];
    Some(Quartiles { minor })
}
