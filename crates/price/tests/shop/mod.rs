//! A small shop for tests of single rules: US dollars, no tax and nothing to send, unless a test says otherwise.
#![allow(dead_code)]

use price::currency::Currency;
use price::gift_card::Card;
use price::list::Lists;
use price::money::Money;
use price::promotion::index::Promotions;
use price::promotion::outcome::Outcome;
use price::quote::answer::Priced;
use price::quote::price;
use price::quote::request::{Catalog, Customer, Limits, Line, Merchant, Product, Request};
use price::rates::Rates;
use price::refusal::Refusal;
use price::shipping::ShippingTable;
use price::tax::{Address, TaxTable};
use price::time::LocalTime;
use price::zone::Zone;
use serde_json::{Value, json};

pub struct Shop {
    pub now_s: i64,
    pub currency: Currency,
    pub zone: Zone,
    pub coupons: Vec<String>,
    pub cards: Vec<Card>,
    pub customer: Customer,
    pub address: Option<Address>,
    pub option: Option<String>,
    pub merchant: Merchant,
    pub catalog: Catalog,
    pub lists: Lists,
    pub rates: Rates,
    pub promotions: Vec<Value>,
    pub limits: Limits,
    pub taxes: TaxTable,
    pub shipping: ShippingTable,
}

pub fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("of its form")
}

pub fn utc(text: &str) -> i64 {
    LocalTime::parse(text).expect("a time").0
}

pub fn money(amount_minor: i64, code: &str) -> Money {
    Money { amount_minor, currency: Currency::of(code).expect("a currency") }
}

/// An area that taxes everything at one rate.
pub fn area(place: &str, rate: u32, included: bool) -> Value {
    json!({
        "place": place, "currency": "USD", "included": included, "per": "line", "source": "a test",
        "classes": {"standard": [{"name": "VAT", "rate": rate}], "food": [{"name": "VAT", "rate": 70_000}]},
        "shipping": {"class": "standard"},
    })
}

impl Shop {
    pub fn new() -> Self {
        Self {
            now_s: utc("2026-06-15T12:00:00"),
            currency: Currency::of("USD").expect("a currency"),
            zone: Zone::utc(),
            coupons: Vec::new(),
            cards: Vec::new(),
            customer: Customer::default(),
            address: Some(Address { country: "US".to_owned(), subdivision: None }),
            option: None,
            merchant: of(json!({"place": {"country": "US"}})),
            catalog: Catalog::default(),
            lists: of(json!({"version": 1})),
            rates: Rates::default(),
            promotions: Vec::new(),
            limits: Limits::default(),
            taxes: of(json!({"version": 1, "areas": [{
                "place": "US", "currency": "USD", "included": false, "per": "line", "classes": {}, "shipping": "none",
                "source": "a test",
            }]})),
            shipping: of(json!({"version": 1, "options": []})),
        }
    }

    /// With products at prices in cents.
    pub fn selling(products: &[(&str, i64)]) -> Self {
        let mut shop = Self::new();
        for (sku, cents) in products {
            shop.product(
                sku,
                json!({"base": {"amount_minor": cents, "currency": "USD"}, "tax_class": "standard"}),
            );
        }
        shop
    }

    pub fn product(&mut self, sku: &str, product: Value) -> &mut Self {
        self.catalog.products.insert(sku.to_owned(), of::<Product>(product));
        self
    }

    pub fn with(&mut self, promotion: Value) -> &mut Self {
        self.promotions.push(promotion);
        self
    }

    pub fn taxed(&mut self, area: Value) -> &mut Self {
        let country = area["place"].as_str().expect("a place").to_owned();
        self.address = Some(Address { country: country[..2].to_owned(), subdivision: None });
        self.taxes.areas = vec![of(area)];
        self
    }

    /// Everything that is sold is sent, for so much.
    pub fn sending(&mut self, cents: i64) -> &mut Self {
        for product in self.catalog.products.values_mut() {
            product.weight_g = Some(100);
        }
        let option = json!({
            "id": "post", "title": "Post", "places": ["US", "DE"], "days": [1, 2], "source": "a test",
            "tiers": [{"price": {"amount_minor": cents, "currency": "USD"}}],
        });
        self.shipping.options = vec![of(option)];
        self.option = Some("post".to_owned());
        self
    }

    pub fn lines(lines: &[(&str, u64)]) -> Vec<Line> {
        let line = |(number, (sku, quantity)): (usize, &(&str, u64))| {
            of(json!({"id": format!("l{number}"), "sku": sku, "quantity": quantity}))
        };
        lines.iter().enumerate().map(line).collect()
    }

    pub fn price(&self, lines: &[(&str, u64)]) -> Priced {
        self.try_price(&Self::lines(lines)).expect("a price")
    }

    pub fn try_price(&self, lines: &[Line]) -> Result<Priced, Refusal> {
        let promotions = self.promotions.iter().cloned().map(of).collect();
        let promotions = Promotions::new(1, promotions, &self.zone)?;
        price(&Request {
            now_s: self.now_s,
            currency: self.currency,
            lines,
            coupons: &self.coupons,
            cards: &self.cards,
            customer: &self.customer,
            address: self.address.as_ref(),
            shipping_option: self.option.as_deref(),
            merchant: &self.merchant,
            catalog: &self.catalog,
            lists: &self.lists,
            rates: &self.rates,
            promotions: &promotions,
            limits: &self.limits,
            taxes: &self.taxes,
            shipping: &self.shipping,
        })
    }
}

/// What was taken off of each line.
pub fn discounts(priced: &Priced) -> Vec<i64> {
    priced.lines.iter().map(|line| line.list_minor - line.amount_minor).collect()
}

/// What became of a promotion, in words: `applied 250`, `threshold 1200`, `beaten_by p1`.
pub fn became(priced: &Priced, id: &str) -> String {
    let promoted = priced.promotions.iter().find(|promoted| promoted.id == id);
    promoted.map_or_else(|| "nothing".to_owned(), |promoted| words(&promoted.outcome))
}

/// The same of a coupon.
pub fn coupon(priced: &Priced, at: usize) -> String {
    words(&priced.coupons[at].outcome)
}

fn words(outcome: &Outcome) -> String {
    let json = json!(outcome);
    let word = json.get("reason").unwrap_or(&json["outcome"]).as_str().expect("a word");
    match (json.get("amount_minor").or(json.get("missing_minor")), json.get("id")) {
        (Some(amount), _) => format!("{word} {amount}"),
        (None, Some(id)) => format!("{word} {}", id.as_str().expect("an id")),
        (None, None) => word.to_owned(),
    }
}
