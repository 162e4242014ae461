//! The view of the local cart: the service's, but with what this page has learned of prices, and what of it
//! is still to be acknowledged. Prices, discounts and what is for sale are the service's to say.

use std::collections::BTreeMap;

use cart_core::limits::Limits;
use cart_core::line::{Contribution, Kind, LineKey, Location};
use cart_core::meta::Field;
use cart_core::money::Money;
use cart_core::sync::Device;
use cart_core::view::{Offer, Problem, shown_lines};
use serde::Serialize;
use serde_json::value::RawValue;

/// A cart as shown.
#[derive(Serialize)]
pub struct View<'a> {
    cart_id: Option<&'a str>,
    version: String,
    lines: Vec<Line<'a>>,
    saved: Vec<Line<'a>>,
    partial: bool,
    coupons: Vec<&'a str>,
    note: Option<&'a str>,
    currency: &'a str,
    locale: Option<&'a str>,
    delivery_region: Option<&'a str>,
    totals: Totals<'a>,
    /// How many changes the service has not acknowledged.
    pending: usize,
    /// How many lines an undo brings back.
    undo: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    line_id: String,
    sku: &'a str,
    variant: Option<&'a str>,
    customization: Option<&'a RawValue>,
    title: Option<&'a str>,
    quantity: u64,
    unit_price: Option<&'a Money>,
    total: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// Whether something of it is not acknowledged.
    pending: bool,
}

#[derive(Serialize)]
struct Totals<'a> {
    quantity: u64,
    subtotal: Amount<'a>,
    discount: Amount<'a>,
    total: Amount<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct Amount<'a> {
    amount_minor: i64,
    currency: &'a str,
}

/// What is shown, and with what.
pub struct Shown<'a> {
    /// The cart's id, once it is known.
    pub cart_id: Option<&'a str>,
    /// Its replica here.
    pub device: &'a Device,
    /// Names and prices as far as they were learned.
    pub offers: &'a BTreeMap<String, Offer>,
    /// The currency of a cart that names none.
    pub currency: &'a str,
    /// Whether the service has answered at all: else its edits may be missing.
    pub partial: bool,
    /// How many lines an undo brings back.
    pub undo: usize,
}

impl<'a> Shown<'a> {
    /// The view as JSON.
    pub fn to_json(&self) -> String {
        let cart = self.device.cart();
        let field = |field| cart.meta(field).and_then(|register| register.value.as_deref());
        let currency = field(Field::CURRENCY).unwrap_or(self.currency);
        let lines = self.lines(Location::Cart, currency);
        let sold = || lines.iter().filter_map(|line| Some((line.quantity, line.total.as_ref()?)));
        let amount = |amount_minor| Amount { amount_minor, currency };
        let subtotal = amount(sold().map(|(_, total)| total.amount_minor).fold(0, i64::saturating_add));
        let view = View {
            cart_id: self.cart_id,
            version: cart.version().to_hex(),
            saved: self.lines(Location::Saved, currency),
            partial: self.partial,
            coupons: cart.coupons().map(|code| code.as_str()).collect(),
            note: field(Field::NOTE),
            locale: field(Field::LOCALE),
            delivery_region: field(Field::DELIVERY_REGION),
            totals: Totals {
                quantity: sold().map(|(quantity, _)| quantity).sum(),
                subtotal,
                discount: amount(0),
                total: subtotal,
            },
            currency,
            lines,
            pending: self.device.pending(),
            undo: self.undo,
        };
        serde_json::to_string(&view).unwrap_or_default()
    }

    fn lines(&self, at: Location, currency: &str) -> Vec<Line<'a>> {
        let (cart, offers) = (self.device.cart(), self.offers);
        let line = |(key, quantity): (&'a LineKey, u64)| {
            let offer = offers.get(&*key.sku);
            let unit_price =
                offer.and_then(|offer| offer.price.as_ref()).filter(|price| price.currency == currency);
            let total = unit_price.and_then(|price| price.times(quantity));
            let over = quantity > u64::from(Limits::default().line_quantity_max);
            let problem = match offer {
                Some(_) if total.is_none() => Some(Problem::NotForSale),
                _ => over.then_some(Problem::OverLimit),
            };
            Line {
                line_id: key.line_id(),
                sku: &key.sku,
                variant: key.variant.as_deref(),
                customization: cart.details(key).and_then(|json| serde_json::from_str(json).ok()),
                title: offer.map(|offer| offer.title.as_str()),
                quantity,
                unit_price: unit_price.filter(|_| total.is_some()),
                total,
                problem,
                pending: self.device.settled().line(key) != cart.line(key),
            }
        };
        shown_lines(cart, at).into_iter().map(line).collect()
    }
}

/// What a replica is made of, for those who want to see it: dots and digests.
#[derive(Serialize)]
pub struct Inspection<'a> {
    actor: String,
    sequence: u64,
    pending: usize,
    version: String,
    settled_version: String,
    bytes: usize,
    seen: Vec<Seen>,
    lines: Vec<Inspected<'a>>,
}

#[derive(Serialize)]
struct Seen {
    actor: String,
    counter: u64,
}

#[derive(Serialize)]
struct Inspected<'a> {
    line_id: String,
    sku: &'a str,
    dots: Vec<InspectedDot>,
}

#[derive(Serialize)]
struct InspectedDot {
    actor: String,
    counter: u64,
    kind: &'static str,
    quantity: u32,
    taken: u64,
    location: &'static str,
    settled: bool,
}

/// The dots and digests of a device as JSON.
pub fn inspect(device: &Device) -> String {
    let cart = device.cart();
    let kind = |contribution: &Contribution| match contribution.payload.as_ref().map(|payload| &payload.kind)
    {
        Some(Kind::Add) => "add",
        Some(Kind::Set { .. }) => "set",
        Some(Kind::Unknown(_)) => "unknown",
        None => "hole",
    };
    let lines = cart.lines().map(|(key, line)| Inspected {
        line_id: key.line_id(),
        sku: &key.sku,
        dots: line
            .iter()
            .map(|(dot, contribution)| InspectedDot {
                actor: dot.actor.to_hex(),
                counter: dot.counter,
                kind: kind(contribution),
                quantity: contribution.quantity(),
                taken: contribution.decremented(),
                location: contribution.location().name(),
                settled: device.settled().line(key).and_then(|line| line.get(dot)) == Some(contribution),
            })
            .collect(),
    });
    let clock = cart.context().clock().dots.iter().map(|(actor, counter)| (*actor, *counter));
    let cloud = cart.context().cloud().iter().map(|dot| (dot.actor, dot.counter));
    let seen = clock.chain(cloud).map(|(actor, counter)| Seen { actor: actor.to_hex(), counter });
    let inspection = Inspection {
        actor: device.actor().to_hex(),
        sequence: device.sequence(),
        pending: device.pending(),
        version: cart.version().to_hex(),
        settled_version: device.settled().version().to_hex(),
        bytes: cart.to_bytes().len(),
        seen: seen.collect(),
        lines: lines.collect(),
    };
    serde_json::to_string(&inspection).unwrap_or_default()
}
