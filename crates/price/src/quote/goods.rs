//! PR16: what of a cart is priced as one. Lines of one product, variant and price are; afterwards each amount is shared
//! among them by PR4. So no order of lines and no splitting changes a sum.

use std::collections::BTreeMap;

use super::answer::{ListPrice, Problem};
use super::request::{Line, Product, Request};
use crate::list::Origin;
use crate::order::sort_by;
use crate::promotion::select::Traits;
use crate::promotion::table::Goods;
use crate::rates::Freshness;
use crate::refusal::Refusal;
use crate::share::{Share, spread};

/// What is priced as one: sku, variant, unit price.
type Key<'a> = (&'a str, Option<&'a str>, i64);

/// Lines that are priced as one.
pub struct Group<'a> {
    /// The product.
    pub product: &'a Product,
    /// Its sku.
    pub sku: &'a str,
    /// The list price of a unit.
    pub price: ListPrice,
    /// Of all of it.
    pub list_minor: i64,
    /// How much.
    pub quantity: u64,
    /// Its lines as the request numbers them, in the order of their ids.
    pub lines: Vec<usize>,
}

/// A cart's lines by what they are priced as.
pub struct Grouped<'a> {
    /// In the order of their identity.
    pub groups: Vec<Group<'a>>,
    /// By line, why it is not sold.
    pub problems: Vec<Option<Problem>>,
    /// Of the rates that were used.
    pub freshness: Freshness,
}

/// Groups the lines, each with its list price.
///
/// # Errors
/// [`Refusal::PriceOverflow`].
pub fn group<'a>(request: &Request<'a>, places: &[&str]) -> Result<Grouped<'a>, Refusal> {
    let mut groups: BTreeMap<Key<'a>, Group<'a>> = BTreeMap::new();
    let mut problems = Vec::with_capacity(request.lines.len());
    let mut freshness = Freshness::Current;
    for (at, line) in request.lines.iter().enumerate() {
        problems.push(match sold(request, line, places)? {
            Err(problem) => Some(problem),
            Ok((product, price)) => {
                freshness = freshness.max(freshness_of(&price.origin, request));
                let key = (line.sku.as_str(), line.variant.as_deref(), price.unit_minor);
                let new = || Group {
                    product,
                    sku: &line.sku,
                    price,
                    list_minor: 0,
                    quantity: 0,
                    lines: Vec::new(),
                };
                let group = groups.entry(key).or_insert_with(new);
                group.quantity = group.quantity.checked_add(line.quantity).ok_or(Refusal::PriceOverflow)?;
                group.lines.push(at);
                None
            }
        });
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    for group in &mut groups {
        sort_by(&mut group.lines, |&a, &b| request.lines[a].id.cmp(&request.lines[b].id));
        let measure = &group.product.measure;
        group.list_minor =
            measure.price(group.price.unit_minor, group.quantity, request.merchant.rounding)?;
    }
    Ok(Grouped { groups, problems, freshness })
}

fn sold<'a>(
    request: &Request<'a>,
    line: &'a Line,
    places: &[&str],
) -> Result<Result<(&'a Product, ListPrice), Problem>, Refusal> {
    let variant = line.variant.as_deref();
    let Some(product) = request.catalog.product(&line.sku, variant) else {
        return Ok(Err(Problem::UnknownProduct));
    };
    if !product.measure.has(line.quantity) {
        return Ok(Err(Problem::OffStep { step: product.measure.step }));
    }
    let price = request.lists.price(
        (&line.sku, variant, product.base),
        request.currency,
        &request.customer.groups,
        places,
        request.rates,
        request.merchant.rounding,
    )?;
    Ok(match price {
        Some((unit_minor, origin)) => Ok((product, ListPrice { unit_minor, origin })),
        None => Err(Problem::NotForSale),
    })
}

fn freshness_of(origin: &Origin, request: &Request<'_>) -> Freshness {
    match origin {
        Origin::Converted { from, .. } => {
            request.rates.freshness(from.currency, request.currency, request.now_s)
        }
        Origin::List { .. } | Origin::Base => Freshness::Current,
    }
}

impl Group<'_> {
    /// As promotions see it.
    pub fn goods(&self) -> Goods<'_> {
        Goods {
            traits: Traits {
                sku: self.sku,
                categories: &self.product.categories,
                brand: self.product.brand.as_deref(),
            },
            measure: &self.product.measure,
            quantity: self.quantity,
            unit_minor: self.price.unit_minor,
            left: self.list_minor,
            holding: Vec::new(),
        }
    }

    /// What it weighs, rounded up; none: it is not sent.
    pub fn weight_g(&self) -> Option<u64> {
        let of_unit = self.product.weight_g?;
        let exact = u128::from(of_unit) * u128::from(self.quantity);
        Some(u64::try_from(exact.div_ceil(self.product.measure.per_unit() as u128)).unwrap_or(u64::MAX))
    }

    /// An amount shared among its lines by their quantities, each at most what `room` has for it.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn by_quantity(&self, amount: i64, lines: &[Line], room: &[i64]) -> Result<Vec<i64>, Refusal> {
        // A quantity that does not fit was an overflow before.
        let weight = |at: &usize| i64::try_from(lines[*at].quantity).unwrap_or(i64::MAX);
        let shares: Vec<Share> =
            self.lines.iter().zip(room).map(|(at, cap)| Share { weight: weight(at), cap: *cap }).collect();
        spread(amount, &shares)
    }
}
