//! PR11: taxes of an address. Where rates come from is a trait; a table of areas, as data, is what the demo has. The
//! arithmetic is the same for all: included or added, a line at a time or a rate at a time, to the last unit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::money::{Ppm, Rounding, minor, sum, times};
use crate::refusal::Refusal;
use crate::share::{Share, spread};

/// Where an order goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// ISO 3166-1, such as `DE`.
    pub country: String,
    /// ISO 3166-2, such as `US-NY`, where it is known.
    #[serde(default)]
    pub subdivision: Option<String>,
}

/// Knows the taxes of places.
pub trait TaxSource {
    /// Counts changes of what it knows.
    fn version(&self) -> u64;
    /// The area of an address: of its subdivision, else of its country.
    fn area(&self, address: &Address) -> Option<&TaxArea>;
}

/// Taxes as a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxTable {
    /// Counts its changes.
    pub version: u64,
    /// The areas.
    pub areas: Vec<TaxArea>,
}

/// How a place taxes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxArea {
    /// ISO 3166-1 or 3166-2.
    pub place: String,
    /// What is paid in there.
    pub currency: Currency,
    /// Whether prices have the tax in them.
    pub included: bool,
    /// What is rounded where they do.
    #[serde(default)]
    pub aim: Aim,
    /// Over what a tax is rounded.
    pub per: Per,
    /// By a product's tax class, its rates; a class that is not here has those of `standard`, and without that none.
    pub classes: BTreeMap<String, Vec<Component>>,
    /// How shipping is taxed.
    pub shipping: ShippingTax,
    /// Whether a price of the kilogram or litre must stand beside that of a pack.
    #[serde(default)]
    pub unit_prices: bool,
    /// Whether rates differ inside of it, so that they are an estimate until the address says more.
    #[serde(default)]
    pub approximate: bool,
    /// Where its rates are written down.
    pub source: String,
}

/// A tax of its own name: of a country, a state, a city.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// As an invoice calls it.
    pub name: String,
    /// Its rate.
    pub rate: Ppm,
}

/// What is rounded where a price has its tax in it; the other is the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// The tax.
    #[default]
    Tax,
    /// The price without it.
    Net,
}

/// Over what a tax is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each line, and shipping.
    Line,
    /// The sum of all with the same rates; the lines get their shares of it by PR4.
    Rate,
}

/// How shipping is taxed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShippingTax {
    /// As goods of a class.
    Class(String),
    /// As those goods of the order that are taxed most.
    Highest,
    /// Not at all.
    None,
}

/// Why a customer is not taxed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exemption {
    /// By a certificate.
    Exempt {
        /// Its number, or what else an invoice has to say.
        reference: String,
    },
    /// A business of another country, which pays the tax itself.
    ReverseCharge {
        /// Its number there.
        vat_id: String,
    },
}

/// What is taxed: a line's products or shipping, after all that was taken off.
#[derive(Clone, Copy, Debug)]
pub struct Taxable<'a> {
    /// Its rates.
    pub rates: &'a [Component],
    /// In minor units.
    pub amount_minor: i64,
}

/// The taxes of one thing: a component each, in the order of its rates. Minor units.
pub type Taxes = Vec<i64>;

impl TaxSource for TaxTable {
    fn version(&self) -> u64 {
        self.version
    }

    fn area(&self, address: &Address) -> Option<&TaxArea> {
        let of = |place: &str| self.areas.iter().find(|area| area.place == place);
        address.subdivision.as_deref().and_then(of).or_else(|| of(&address.country))
    }
}

impl TaxArea {
    /// The rates of a class of goods.
    pub fn rates(&self, class: &str) -> &[Component] {
        self.classes.get(class).or_else(|| self.classes.get("standard")).map_or(&[], Vec::as_slice)
    }

    /// The rates of shipping, for goods with such rates.
    pub fn shipping_rates<'a>(&'a self, goods: impl Iterator<Item = &'a [Component]>) -> &'a [Component] {
        match &self.shipping {
            ShippingTax::Class(class) => self.rates(class),
            // Of equal rates the first by name: the order of lines is nobody's choice.
            ShippingTax::Highest => {
                goods.max_by(|a, b| whole(a).cmp(&whole(b)).then_with(|| b.cmp(a))).unwrap_or(&[])
            }
            ShippingTax::None => &[],
        }
    }

    /// The taxes of each.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn taxes(&self, items: &[Taxable<'_>], rounding: Rounding) -> Result<Vec<Taxes>, Refusal> {
        match self.per {
            Per::Line => items.iter().map(|item| self.tax(item.rates, item.amount_minor, rounding)).collect(),
            Per::Rate => self.per_rate(items, rounding),
        }
    }

    fn per_rate(&self, items: &[Taxable<'_>], rounding: Rounding) -> Result<Vec<Taxes>, Refusal> {
        let mut by_rates: BTreeMap<&[Component], Vec<usize>> = BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            by_rates.entry(item.rates).or_default().push(at);
        }
        let mut taxes: Vec<Taxes> = items.iter().map(|item| vec![0; item.rates.len()]).collect();
        for (rates, members) in by_rates {
            let amount = sum(members.iter().map(|&at| items[at].amount_minor))?;
            let mut room: Vec<i64> = members.iter().map(|&at| items[at].amount_minor).collect();
            for (component, tax) in self.tax(rates, amount, rounding)?.into_iter().enumerate() {
                let share = |(at, room): (&usize, &i64)| Share {
                    weight: items[*at].amount_minor,
                    // What has its tax in it has no more in it than itself.
                    cap: if self.included { *room } else { i64::MAX },
                };
                let shares: Vec<Share> = members.iter().zip(&room).map(share).collect();
                for ((part, &at), room) in spread(tax, &shares)?.into_iter().zip(&members).zip(&mut room) {
                    taxes[at][component] = part;
                    *room -= if self.included { part } else { 0 };
                }
            }
        }
        Ok(taxes)
    }

    /// The taxes of one amount.
    fn tax(&self, rates: &[Component], amount: i64, rounding: Rounding) -> Result<Taxes, Refusal> {
        if !self.included {
            return rates.iter().map(|component| component.rate.of(amount, rounding)).collect();
        }
        let one = i128::from(Ppm::ONE.0);
        let rate = whole(rates);
        let part = |of: i128| minor(rounding.divide(times(i128::from(amount), of)?, one + rate)?);
        let tax = match self.aim {
            Aim::Tax => part(rate)?,
            Aim::Net => amount - part(one)?,
        };
        let shares =
            rates.iter().map(|component| Share { weight: i64::from(component.rate.0), cap: i64::MAX });
        spread(tax, &shares.collect::<Vec<_>>())
    }
}

/// All rates together, in millionths.
fn whole(rates: &[Component]) -> i128 {
    rates.iter().map(|component| i128::from(component.rate.0)).sum()
}
