//! The view: what a cart shows, priced. Lines stand in the order first added.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::cart::Cart;
use crate::id::{CartId, Region};
use crate::limits::Limits;
use crate::line::{LineKey, Location};
use crate::meta::Field;
use crate::money::Money;
use crate::ordered::{Ordered, sorted_by};
use crate::wire::Version;

/// What the catalog says of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Its name.
    pub title: String,
    /// Its unit price, if it is for sale.
    pub price: Option<Money>,
}

/// What the catalog says of the products of a cart, as far as it could be asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offers {
    /// By sku: what is neither here nor in `unknown` the catalog does not have.
    pub known: Ordered<String, Offer>,
    /// Of these it has not been heard; sorted.
    pub unknown: Vec<String>,
    /// Some of what is known is of before, and could not be looked up again.
    pub stale: bool,
}

impl Offers {
    /// Whether nothing has been heard of a sku.
    pub fn is_unknown(&self, sku: &str) -> bool {
        self.unknown.binary_search_by(|there| (**there).cmp(sku)).is_ok()
    }

    /// How a view says it.
    pub fn prices(&self) -> Prices {
        match (self.unknown.is_empty(), self.stale) {
            (false, _) => Prices::Unavailable,
            (true, true) => Prices::Stale,
            (true, false) => Prices::Current,
        }
    }
}

/// What the prices of a view are worth.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Prices {
    /// As the catalog has them.
    Current,
    /// The catalog could not be asked, and some are of before.
    Stale,
    /// The catalog could not be asked, and some are not known.
    Unavailable,
}

/// Where and as of when a view is made.
#[derive(Clone, Debug)]
pub struct Occasion<'a> {
    /// The cart.
    pub cart_id: &'a CartId,
    /// The region that serves it.
    pub region: Region,
    /// The cart's version.
    pub version: Version,
    /// The authenticated context of this state.
    pub context: String,
    /// Whether edits made elsewhere may be missing.
    pub partial: bool,
    /// When the state was last changed, RFC 3339.
    pub updated_at: String,
    /// The currency of a cart that names none.
    pub currency: &'a str,
}

/// A cart as shown.
#[derive(Clone, Serialize, Debug)]
pub struct View {
    /// The cart.
    pub cart_id: CartId,
    /// The digest of the state: equal everywhere when replicas are equal.
    pub version: String,
    /// What the caller sees, to send back with a change.
    pub context: String,
    /// The region that served it.
    pub region: Region,
    /// The lines in the cart.
    pub lines: Vec<LineView>,
    /// The lines saved for later.
    pub saved: Vec<LineView>,
    /// Whether edits made elsewhere may be missing.
    pub partial: bool,
    /// The coupons' codes, sorted.
    pub coupons: Vec<String>,
    /// The shopper's note.
    pub note: Option<String>,
    /// The currency.
    pub currency: String,
    /// The locale.
    pub locale: Option<String>,
    /// Where it is delivered to.
    pub delivery_region: Option<String>,
    /// What the prices are worth.
    pub prices: Prices,
    /// The sums of the lines in the cart.
    pub totals: Totals,
    /// When the state was last changed, RFC 3339.
    pub updated_at: String,
}

/// A line as shown.
#[derive(Clone, Serialize, Debug)]
pub struct LineView {
    /// Opaque, the same on every device.
    pub line_id: String,
    /// The product.
    pub sku: String,
    /// Its variant.
    pub variant: Option<String>,
    /// Its customisation.
    pub customization: Option<Box<RawValue>>,
    /// The product's name, if the catalog has it.
    pub title: Option<String>,
    /// How many.
    pub quantity: u64,
    /// The price of one, if it is for sale.
    pub unit_price: Option<Money>,
    /// The price of all.
    pub total: Option<Money>,
    /// What hinders checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What hinders the checkout of a line.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The product is gone or has no price in the cart's currency.
    NotForSale,
    /// A merge brought the line past the limit.
    OverLimit,
    /// The catalog could not be asked for it: later it may have a price.
    PriceUnavailable,
}

/// The sums of the lines in the cart that are for sale.
#[derive(Clone, Serialize, Debug)]
pub struct Totals {
    /// How many units.
    pub quantity: u64,
    /// Before discounts.
    pub subtotal: Money,
    /// Taken off by coupons.
    pub discount: Money,
    /// To pay.
    pub total: Money,
}

/// The view of a cart, with what the catalog has of its products.
pub fn view(cart: &Cart, occasion: Occasion<'_>, offers: &Offers, limits: &Limits) -> View {
    let field = |field| cart.meta(field).and_then(|register| register.value.as_deref()).map(str::to_owned);
    let currency = field(Field::CURRENCY).unwrap_or_else(|| occasion.currency.to_owned());
    let lines = lines_at(cart, Location::Cart, &currency, offers, limits);
    let sold = || lines.iter().filter(|line| line.total.is_some());
    let subtotal = sold().filter_map(|line| line.total.as_ref()).map(|total| total.amount_minor).sum();
    let quantity = sold().map(|line| line.quantity).sum();
    let money = |amount_minor| Money { amount_minor, currency: currency.clone() };
    View {
        cart_id: occasion.cart_id.clone(),
        version: occasion.version.to_hex(),
        context: occasion.context,
        region: occasion.region,
        prices: offers.prices(),
        totals: Totals { quantity, subtotal: money(subtotal), discount: money(0), total: money(subtotal) },
        saved: lines_at(cart, Location::Saved, &currency, offers, limits),
        lines,
        partial: occasion.partial,
        coupons: cart.coupons().map(|code| code.as_str().to_owned()).collect(),
        note: field(Field::NOTE),
        locale: field(Field::LOCALE),
        delivery_region: field(Field::DELIVERY_REGION),
        currency,
        updated_at: occasion.updated_at,
    }
}

/// The lines that show something at a location: key and quantity, in the order first added.
pub fn shown_lines(cart: &Cart, at: Location) -> Vec<(&LineKey, u64)> {
    let lines = cart
        .lines()
        .map(|(key, line)| (line.place(), key, line.shown(at)))
        .filter(|(_, _, quantity)| *quantity > 0);
    sorted_by(lines, |(place, _, _)| *place).into_iter().map(|(_, key, quantity)| (key, quantity)).collect()
}

fn lines_at(cart: &Cart, at: Location, currency: &str, offers: &Offers, limits: &Limits) -> Vec<LineView> {
    let line = |(key, quantity): (&LineKey, u64)| {
        let offer = offers.known.get(&*key.sku);
        let unit_price =
            offer.and_then(|offer| offer.price.clone()).filter(|price| price.currency == currency);
        let total = unit_price.as_ref().and_then(|price| price.times(quantity));
        let problem = if offers.is_unknown(&key.sku) {
            Some(Problem::PriceUnavailable)
        } else if total.is_none() {
            Some(Problem::NotForSale)
        } else {
            (quantity > u64::from(limits.line_quantity_max)).then_some(Problem::OverLimit)
        };
        LineView {
            line_id: key.line_id(),
            sku: key.sku.to_string(),
            variant: key.variant.as_deref().map(str::to_owned),
            customization: cart.details(key).and_then(|json| RawValue::from_string(json.to_string()).ok()),
            title: offer.map(|offer| offer.title.clone()),
            quantity,
            unit_price: unit_price.filter(|_| total.is_some()),
            total,
            problem,
        }
    };
    shown_lines(cart, at).into_iter().map(line).collect()
}
