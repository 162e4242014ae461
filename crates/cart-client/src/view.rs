//! The view of the local cart: the service's, but with what this page has learned of prices, and what of it
//! is still to be acknowledged. Prices, discounts and what is for sale are the service's to say.
//!
//! It is written by hand: a page loads it, and serde's writer is twice the size of the rest.

use std::fmt::Write as _;

use cart_core::limits::Limits;
use cart_core::line::{Contribution, Kind, LineKey, Location};
use cart_core::meta::Field;
use cart_core::money::Money;
use cart_core::ordered::Ordered;
use cart_core::sync::Device;
use cart_core::view::{Offer, shown_lines};
use cart_core::wire::Version;

/// What is shown, and with what.
pub struct Shown<'a> {
    /// The cart's id, once it is known.
    pub cart_id: Option<&'a str>,
    /// Its replica here.
    pub device: &'a Device,
    /// Names and prices as far as they were learned.
    pub offers: &'a Ordered<String, Offer>,
    /// The currency of a cart that names none.
    pub currency: &'a str,
    /// Whether the service has answered at all: else its edits may be missing.
    pub partial: bool,
    /// How many lines an undo brings back.
    pub undo: usize,
}

impl Shown<'_> {
    /// The view as JSON, with how many changes are `pending` and how many lines an `undo` brings back.
    pub fn to_json(&self) -> String {
        let cart = self.device.cart();
        let field = |field| cart.meta(field).and_then(|register| register.value.as_deref());
        let currency = field(Field::CURRENCY).unwrap_or(self.currency);
        let mut json = Json::default();
        json.open('{');
        json.text("cart_id", self.cart_id);
        json.text("version", Some(&cart.version().to_hex()));
        let (quantity, subtotal) = self.lines(&mut json, "lines", Location::Cart, currency);
        self.lines(&mut json, "saved", Location::Saved, currency);
        json.raw("partial", self.partial);
        json.name("coupons");
        json.open('[');
        cart.coupons().for_each(|code| json.item(code.as_str()));
        json.close(']');
        json.text("note", field(Field::NOTE));
        json.text("currency", Some(currency));
        json.text("locale", field(Field::LOCALE));
        json.text("delivery_region", field(Field::DELIVERY_REGION));
        json.name("totals");
        json.open('{');
        json.raw("quantity", quantity);
        for (name, amount) in [("subtotal", subtotal), ("discount", 0), ("total", subtotal)] {
            json.money(name, Some((amount, currency)));
        }
        json.close('}');
        json.raw("pending", self.device.pending());
        json.raw("undo", self.undo);
        json.close('}');
        json.out
    }

    /// Writes the lines at a location: how many units are for sale, and what they cost.
    fn lines(&self, json: &mut Json, name: &str, at: Location, currency: &str) -> (u64, i64) {
        let cart = self.device.cart();
        let (mut units, mut sum) = (0, 0i64);
        json.name(name);
        json.open('[');
        for (key, quantity) in shown_lines(cart, at) {
            let offer = self.offers.get(&key.sku.to_string());
            let price =
                offer.and_then(|offer| offer.price.as_ref()).filter(|price| price.currency == currency);
            let total = price.and_then(|price| price.times(quantity));
            json.open('{');
            identity(json, key);
            json.text("variant", key.variant.as_deref());
            json.raw("customization", cart.details(key).map_or("null", |details| details));
            json.text("title", offer.map(|offer| offer.title.as_str()).filter(|title| !title.is_empty()));
            json.raw("quantity", quantity);
            let amount = |money: &Money| (money.amount_minor, currency);
            json.money("unit_price", price.filter(|_| total.is_some()).map(amount));
            json.money("total", total.as_ref().map(amount));
            // Of a product that is not known yet nothing is said.
            if offer.is_some() && total.is_none() {
                json.text("problem", Some("not_for_sale"));
            } else if quantity > u64::from(Limits::default().line_quantity_max) {
                json.text("problem", Some("over_limit"));
            }
            json.raw("pending", self.device.settled().line(key) != cart.line(key));
            json.close('}');
            if let Some(total) = total {
                units += quantity;
                sum = sum.saturating_add(total.amount_minor);
            }
        }
        json.close(']');
        (units, sum)
    }
}

/// The dots and digests of a device as JSON, for those who want to see what a replica is made of.
pub fn inspect(device: &Device) -> String {
    let cart = device.cart();
    let bytes = cart.to_bytes();
    let mut json = Json::default();
    json.open('{');
    json.text("actor", Some(&device.actor().to_hex()));
    json.raw("sequence", device.sequence());
    json.raw("pending", device.pending());
    json.text("version", Some(&cart.version().to_hex()));
    json.text("settled_version", Some(&device.settled().version().to_hex()));
    json.text("digest", Some(&Version::of_bytes(&bytes).to_hex()));
    json.raw("bytes", bytes.len());
    json.name("seen");
    json.open('[');
    let clock = cart.context().clock().dots.iter().map(|(actor, counter)| (*actor, *counter));
    for (actor, counter) in clock.chain(cart.context().cloud().iter().map(|dot| (dot.actor, dot.counter))) {
        json.open('{');
        json.text("actor", Some(&actor.to_hex()));
        json.raw("counter", counter);
        json.close('}');
    }
    json.close(']');
    json.name("lines");
    json.open('[');
    for (key, line) in cart.lines() {
        json.open('{');
        identity(&mut json, key);
        json.name("dots");
        json.open('[');
        for (dot, contribution) in line.iter() {
            json.open('{');
            json.text("actor", Some(&dot.actor.to_hex()));
            json.raw("counter", dot.counter);
            json.text("kind", Some(kind(contribution)));
            json.raw("quantity", contribution.quantity());
            json.raw("taken", contribution.decremented());
            json.text("location", Some(contribution.location().name()));
            let settled = device.settled().line(key).and_then(|line| line.get(dot));
            json.raw("settled", settled == Some(contribution));
            json.close('}');
        }
        json.close(']');
        json.close('}');
    }
    json.close(']');
    json.close('}');
    json.out
}

fn identity(json: &mut Json, key: &LineKey) {
    json.text("line_id", Some(&key.line_id()));
    json.text("sku", Some(&key.sku));
}

fn kind(contribution: &Contribution) -> &'static str {
    match contribution.payload.as_ref().map(|payload| &payload.kind) {
        Some(Kind::Add) => "add",
        Some(Kind::Set { .. }) => "set",
        Some(Kind::Unknown(_)) => "unknown",
        None => "hole",
    }
}

/// JSON as it is written.
#[derive(Default)]
struct Json {
    out: String,
}

impl Json {
    fn comma(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(',');
        }
    }

    fn open(&mut self, bracket: char) {
        self.comma();
        self.out.push(bracket);
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
    }

    fn name(&mut self, name: &str) {
        self.item(name);
        self.out.push(':');
    }

    /// A field whose value is JSON as it prints.
    fn raw(&mut self, name: &str, value: impl std::fmt::Display) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        self.name(name);
        match value {
            Some(text) => self.item(text),
            None => self.out.push_str("null"),
        }
    }

    fn money(&mut self, name: &str, money: Option<(i64, &str)>) {
        let Some((amount_minor, currency)) = money else { return self.text(name, None) };
        self.name(name);
        self.open('{');
        self.raw("amount_minor", amount_minor);
        self.text("currency", Some(currency));
        self.close('}');
    }

    fn item(&mut self, text: &str) {
        self.comma();
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => {
                    self.out.push('\\');
                    self.out.push(char);
                }
                '\0'..='\x1f' => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(char));
                }
                _ => self.out.push(char),
            }
        }
        self.out.push('"');
    }
}
