//! Which promotions can concern a cart: an index by product, category and brand, built once for each version of them. A
//! thousand promotions of other products cost a cart nothing.

use std::collections::BTreeMap;

use super::select::{Selector, Traits};
use super::{Kind, Promotion};
use crate::order::sort_by;
use crate::refusal::Refusal;
use crate::zone::{Twice, Zone};

/// All promotions of a version, in the order of their ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promotions {
    version: u64,
    all: Vec<Entry>,
    by_sku: BTreeMap<String, Vec<usize>>,
    by_category: BTreeMap<String, Vec<usize>>,
    by_brand: BTreeMap<String, Vec<usize>>,
    of_all_products: Vec<usize>,
    by_code: BTreeMap<String, Vec<usize>>,
}

/// A promotion, and from when until when it runs: seconds since 1970-01-01 UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The promotion.
    pub promotion: Promotion,
    /// Its first second.
    pub from_s: i64,
    /// The second after its last.
    pub until_s: i64,
}

/// A promotion that has products of a cart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Candidate {
    /// The cart's products that it is for, as they are numbered, ascending.
    pub lines: Vec<usize>,
    /// Those that it may give, likewise.
    pub given: Vec<usize>,
}

/// A code as it is compared: people write coupons in any case and with spaces.
pub fn plain_code(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_ascii_uppercase()).collect()
}

impl Promotions {
    /// Builds the index. `zone` is the merchant's.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if a promotion cannot be meant, or two have one id.
    pub fn new(version: u64, promotions: Vec<Promotion>, zone: &Zone) -> Result<Self, Refusal> {
        let mut promotions = promotions;
        sort_by(&mut promotions, |a, b| a.id.cmp(&b.id));
        if let Some(pair) = promotions.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(Refusal::invalid("id", format!("{} is there twice", pair[0].id)));
        }
        let mut index = Self {
            version,
            all: Vec::with_capacity(promotions.len()),
            by_sku: BTreeMap::new(),
            by_category: BTreeMap::new(),
            by_brand: BTreeMap::new(),
            of_all_products: Vec::new(),
            by_code: BTreeMap::new(),
        };
        for promotion in promotions {
            promotion.check()?;
            index.add(promotion, zone);
        }
        Ok(index)
    }

    /// Counts their changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One by its number.
    pub fn entry(&self, at: usize) -> &Entry {
        &self.all[at]
    }

    /// The numbers of those that a code stands for, in any spelling.
    pub fn with_code(&self, code: &str) -> &[usize] {
        self.by_code.get(&plain_code(code)).map_or(&[], Vec::as_slice)
    }

    /// Those that run now, need no code and are for some of the products; and how many steps it took to find them.
    pub fn running(&self, products: &[Traits<'_>], now_s: i64) -> (BTreeMap<usize, Candidate>, u64) {
        let mut found: BTreeMap<usize, Candidate> = BTreeMap::new();
        let (mut steps, mut looked_up) = (0, 0);
        for (number, product) in products.iter().enumerate() {
            let by_category = product.categories.iter().map(|name| self.by_category.get(name));
            let by_brand = product.brand.map(|brand| self.by_brand.get(brand));
            let lists = [self.by_sku.get(product.sku)].into_iter().chain(by_brand).chain(by_category);
            let chosen = lists.inspect(|_| looked_up += 1).flatten().flatten();
            for &at in chosen.chain(&self.of_all_products) {
                steps += 1;
                let entry = &self.all[at];
                if (entry.from_s..entry.until_s).contains(&now_s) {
                    entry.promotion.look_at(number, *product, found.entry(at).or_default());
                }
            }
        }
        found.retain(|_, candidate| !candidate.lines.is_empty());
        (found, steps + looked_up)
    }

    /// One by its number, for the products.
    pub fn candidate(&self, at: usize, products: &[Traits<'_>]) -> Candidate {
        let mut candidate = Candidate::default();
        for (number, product) in products.iter().enumerate() {
            self.all[at].promotion.look_at(number, *product, &mut candidate);
        }
        candidate
    }

    fn add(&mut self, promotion: Promotion, zone: &Zone) {
        let at = self.all.len();
        if promotion.codes.is_empty() {
            let given = match &promotion.kind {
                Kind::BuyGet(rule) => rule.of.as_ref(),
                _ => None,
            };
            for selector in [Some(&promotion.products), given].into_iter().flatten() {
                self.index(at, selector);
            }
        }
        for code in &promotion.codes {
            push(self.by_code.entry(plain_code(code)).or_default(), at);
        }
        let from_s = promotion.from.map_or(i64::MIN, |time| zone.moment(time, Twice::First));
        let until_s = promotion.until.map_or(i64::MAX, |time| zone.moment(time, Twice::Second));
        self.all.push(Entry { promotion, from_s, until_s });
    }

    /// By the narrowest that a selector names.
    fn index(&mut self, at: usize, selector: &Selector) {
        let (names, lists) = match selector {
            Selector { skus, .. } if !skus.is_empty() => (skus, &mut self.by_sku),
            Selector { brands, .. } if !brands.is_empty() => (brands, &mut self.by_brand),
            Selector { categories, .. } if !categories.is_empty() => (categories, &mut self.by_category),
            _ => return push(&mut self.of_all_products, at),
        };
        for name in names {
            push(lists.entry(name.clone()).or_default(), at);
        }
    }
}

impl Promotion {
    /// Takes note of a product, if it is for it. A product may come more than once, one after the other.
    fn look_at(&self, number: usize, product: Traits<'_>, candidate: &mut Candidate) {
        if self.products.has(product) {
            push(&mut candidate.lines, number);
        }
        if let Kind::BuyGet(rule) = &self.kind
            && rule.of.as_ref().unwrap_or(&self.products).has(product)
        {
            push(&mut candidate.given, number);
        }
    }
}

/// Adds a number that is at least the last.
fn push(numbers: &mut Vec<usize>, number: usize) {
    if numbers.last() != Some(&number) {
        numbers.push(number);
    }
}
