//! The ways in which a cart can be sent, with their prices, and the one that is taken.

use super::answer::OptionPrice;
use super::goods::Group;
use super::request::Request;
use crate::money::Ppm;
use crate::order::sort_by;
use crate::rates::Freshness;
use crate::refusal::Refusal;
use crate::tax::Address;

/// How a cart is sent.
pub struct Sending {
    /// The ways, the cheapest first.
    pub options: Vec<OptionPrice>,
    /// Whether nobody chose the way that is taken.
    pub is_assumed: bool,
    /// Of the rates that were used.
    pub freshness: Freshness,
    chosen: Option<usize>,
    is_needed: bool,
}

impl Sending {
    /// The ways of a cart.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn of(request: &Request<'_>, address: &Address, groups: &[Group<'_>]) -> Result<Self, Refusal> {
        let weights: Vec<u64> = groups.iter().filter_map(Group::weight_g).collect();
        let mut all = Self {
            options: Vec::new(),
            is_assumed: false,
            freshness: Freshness::Current,
            chosen: None,
            is_needed: !weights.is_empty(),
        };
        if !all.is_needed {
            return Ok(all);
        }
        let weight_g = weights.into_iter().fold(0, u64::saturating_add);
        for option in request.shipping.options(address) {
            let Some(price) = option.price(weight_g).filter(|price| price.amount_minor >= 0) else {
                continue;
            };
            let rounding = request.merchant.rounding;
            let converted = if price.currency == request.currency {
                Some(price.amount_minor)
            } else {
                request.lists.convert(price, request.currency, Ppm::ONE, request.rates, rounding)?
            };
            let Some(price_minor) = converted else { continue };
            let freshness = request.rates.freshness(price.currency, request.currency, request.now_s);
            all.freshness = all.freshness.max(freshness);
            let (id, title) = (option.id.clone(), option.title.clone());
            all.options.push(OptionPrice { id, title, days: option.days, price_minor });
        }
        sort_by(&mut all.options, |a, b| (a.price_minor, &a.id).cmp(&(b.price_minor, &b.id)));
        let wanted = request.shipping_option;
        all.chosen = all.options.iter().position(|option| Some(option.id.as_str()) == wanted);
        if all.chosen.is_none() && !all.options.is_empty() {
            all.is_assumed = true;
            all.chosen = Some(0);
        }
        Ok(all)
    }

    /// The way that is taken.
    pub fn chosen(&self) -> Option<&OptionPrice> {
        self.chosen.map(|at| &self.options[at])
    }

    /// Whether it must be sent and cannot.
    pub fn is_missing(&self) -> bool {
        self.is_needed && self.chosen.is_none()
    }
}
