//! Generated shops and carts: what a shop sells and how, and who buys what. A world is a shop; all of it hangs on the seed.
#![allow(dead_code)]

pub mod dice;
pub mod offers;

use std::collections::BTreeMap;

use price::currency::Currency;
use price::gift_card::{Balance, Card, CardCode};
use price::list::{Ending, Lists, PriceList};
use price::money::{Money, Ppm, Rounding};
use price::promotion::Promotion;
use price::promotion::index::Promotions;
use price::quantity::{Content, Measure, Per};
use price::quote::answer::Priced;
use price::quote::price;
use price::quote::request::{Catalog, Customer, Limits, Line, Merchant, Product, Request};
use price::rates::{Rate, Rates, publications};
use price::refusal::Refusal;
use price::shipping::ShippingTable;
use price::tax::{Address, Aim, Exemption, Per as TaxPer, TaxTable};
use price::time::{Date, LocalTime};
use price::zone::{Twice, Zone};
use serde::Serialize;

use dice::Dice;

pub const RATES: &str = include_str!("../../../../data/ecb-rates.csv");
pub const TAXES: &str = include_str!("../../../../data/tax.json");
pub const SHIPPING: &str = include_str!("../../../../data/shipping.json");
pub const ZONES: &str = include_str!("../../../../data/zones.txt");

/// What carts are paid in here.
pub const CURRENCIES: [&str; 9] = ["USD", "EUR", "JPY", "KWD", "HUF", "IDR", "CHF", "GBP", "PLN"];
/// Groups of customers.
pub const GROUPS: [&str; 3] = ["member", "staff", "trade"];
pub const BRANDS: [&str; 3] = ["Aurora", "Brink", "Cove"];

/// A shop.
#[derive(Serialize)]
pub struct World {
    pub zone: String,
    pub merchant: Merchant,
    pub catalog: Catalog,
    pub lists: Lists,
    pub rates: Rates,
    pub promotions: Vec<Promotion>,
    pub taxes: TaxTable,
    pub shipping: ShippingTable,
    #[serde(skip)]
    pub index: Option<Promotions>,
}

/// Who buys what, when.
#[derive(Clone, Serialize)]
pub struct Case {
    pub now_s: i64,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub coupons: Vec<String>,
    pub cards: Vec<Card>,
    pub customer: Customer,
    pub address: Option<Address>,
    pub shipping_option: Option<String>,
    pub limits: Limits,
}

pub fn currency(code: &str) -> Currency {
    Currency::of(code).expect("a currency")
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl World {
    /// The shop of a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let zone = (*dice.one(&["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo"]))
            .to_owned();
        let catalog = catalog(&mut dice);
        let promotions = (0..dice.within(5, 40)).map(|number| offers::promotion(number, &mut dice)).collect();
        let rules = [Rounding::HalfUp, Rounding::HalfUp, Rounding::HalfEven, Rounding::HalfDown];
        let mut taxes: TaxTable = serde_json::from_str(TAXES).expect("the table of taxes");
        for area in &mut taxes.areas {
            area.aim = *dice.one(&[Aim::Tax, Aim::Net]);
            area.per = *dice.one(&[TaxPer::Line, TaxPer::Rate]);
        }
        let mut world = Self {
            merchant: Merchant {
                rounding: *dice.one(&rules),
                place: Address { country: "DE".to_owned(), subdivision: None },
            },
            lists: lists(&catalog, &mut dice),
            rates: rates(&mut dice),
            catalog,
            promotions,
            taxes,
            shipping: serde_json::from_str(SHIPPING).expect("the table of shipping"),
            index: None,
            zone,
        };
        world.index();
        world
    }

    /// Makes the index anew.
    pub fn index(&mut self) {
        let zone = Zone::named(&self.zone, ZONES).expect("a zone of the table");
        let index = Promotions::new(1, self.promotions.clone(), &zone).expect("promotions that can be meant");
        self.index = Some(index);
    }

    pub fn price(&self, case: &Case) -> Result<Priced, Refusal> {
        price(&Request {
            now_s: case.now_s,
            currency: case.currency,
            lines: &case.lines,
            coupons: &case.coupons,
            cards: &case.cards,
            customer: &case.customer,
            address: case.address.as_ref(),
            shipping_option: case.shipping_option.as_deref(),
            merchant: &self.merchant,
            catalog: &self.catalog,
            lists: &self.lists,
            rates: &self.rates,
            promotions: self.index.as_ref().expect("it is made"),
            limits: &case.limits,
            taxes: &self.taxes,
            shipping: &self.shipping,
        })
    }

    /// A buyer of this shop.
    pub fn case(&self, dice: &mut Dice) -> Case {
        let currency = currency(dice.text(&CURRENCIES));
        Case {
            now_s: self.moment(dice),
            currency,
            lines: self.lines(currency, dice),
            coupons: self.coupons(dice),
            cards: cards(currency, dice),
            customer: Customer {
                known: !dice.once_in(3),
                groups: dice.some(&owned(&GROUPS), 4),
                first_order: dice.once_in(4),
                exemption: match dice.below(12) {
                    0 => Some(Exemption::Exempt { reference: "ST-5".to_owned() }),
                    1 => Some(Exemption::ReverseCharge { vat_id: "ATU12345678".to_owned() }),
                    _ => None,
                },
            },
            address: self.address(dice),
            shipping_option: match dice.below(3) {
                0 => None,
                _ => Some(dice.one(&self.shipping.options).id.clone()),
            },
            limits: self.limits(dice),
        }
    }

    fn moment(&self, dice: &mut Dice) -> i64 {
        let year = LocalTime::parse("2026-01-01T00:00:00").expect("a time").0;
        let any = year + dice.within(0, 364 * 86_400);
        if dice.once_in(2) {
            return any;
        }
        // At a turn of a promotion or next to it.
        let zone = Zone::named(&self.zone, ZONES).expect("a zone of the table");
        let promotion = dice.one(&self.promotions);
        let turn = if dice.once_in(2) {
            promotion.from.map(|time| zone.moment(time, Twice::First))
        } else {
            promotion.until.map(|time| zone.moment(time, Twice::Second))
        };
        turn.map_or(any, |turn| turn + dice.within(-1, 1))
    }

    fn lines(&self, currency: Currency, dice: &mut Dice) -> Vec<Line> {
        let skus: Vec<&String> = self.catalog.products.keys().collect();
        let count = if dice.once_in(20) { 0 } else { dice.within(1, 12) };
        let line = |number: i64, dice: &mut Dice| {
            let key = if dice.once_in(60) { "gone" } else { dice.one(&skus).as_str() };
            let (sku, variant) =
                key.split_once('/').map_or((key, None), |(sku, variant)| (sku, Some(variant)));
            let step = self.catalog.product(sku, variant).map_or(1, |product| product.measure.step);
            let off_step = u64::from(dice.once_in(60));
            let most = *dice.one(&[3, 3, 12, 120]);
            let added = dice.once_in(3).then(|| Money { amount_minor: dice.within(1, 5_000), currency });
            Line {
                id: format!("l{:02}-{number}", dice.below(90)),
                sku: sku.to_owned(),
                variant: variant.map(str::to_owned).or_else(|| dice.once_in(8).then(|| "blue".to_owned())),
                quantity: step * (1 + dice.below(most)) + off_step,
                added,
            }
        };
        (0..count).map(|number| line(number, dice)).collect()
    }

    fn coupons(&self, dice: &mut Dice) -> Vec<String> {
        let codes: Vec<&String> = self.promotions.iter().flat_map(|promotion| &promotion.codes).collect();
        let count = *dice.one(&[0, 1, 2, 3, 8]);
        let spelled = |code: &str, dice: &mut Dice| match dice.below(4) {
            0 => code.to_lowercase(),
            1 => format!(" {} {}", &code[..2], &code[2..]),
            _ => code.to_owned(),
        };
        let mut some = Vec::new();
        for _ in 0..count {
            some.push(match codes.len() {
                0 => "NOSUCH".to_owned(),
                _ if dice.once_in(10) => "OTHERSHOP".to_owned(),
                _ => {
                    let code = *dice.one(&codes);
                    spelled(code, dice)
                }
            });
        }
        some
    }

    fn address(&self, dice: &mut Dice) -> Option<Address> {
        if dice.once_in(8) {
            return None;
        }
        if dice.once_in(80) {
            return Some(Address { country: "AQ".to_owned(), subdivision: None });
        }
        let place = &dice.one(&self.taxes.areas).place;
        let subdivision = place.contains('-').then(|| place.clone());
        Some(Address { country: place[..2].to_owned(), subdivision })
    }

    fn limits(&self, dice: &mut Dice) -> Limits {
        let mut limits = Limits::default();
        for promotion in &self.promotions {
            for code in &promotion.codes {
                if dice.once_in(5) {
                    limits.uses.insert(code.clone(), dice.below(2));
                }
                if dice.once_in(8) {
                    limits.customer_uses.insert(code.clone(), dice.below(2));
                }
            }
            if dice.once_in(12) {
                limits.budgets_minor.insert(promotion.id.clone(), dice.within(0, 1_000));
            }
        }
        limits
    }
}

fn catalog(dice: &mut Dice) -> Catalog {
    let mut products = BTreeMap::new();
    for number in 0..dice.within(4, 24) {
        let (scale, step, unit) =
            *dice.one(&[(0, 1, "piece"), (0, 1, "piece"), (0, 6, "piece"), (2, 25, "lb"), (3, 1, "kg")]);
        let base = (!dice.once_in(10)).then(|| Money {
            amount_minor: *dice.one(&[0, 1, 99, 333, 1_999, 12_345, dice_amount(number)]),
            currency: currency(if dice.once_in(4) { "EUR" } else { "USD" }),
        });
        let product = Product {
            base,
            categories: vec![format!("c{}", dice.below(3)), format!("d{}", dice.below(5))],
            brand: (!dice.once_in(4)).then(|| dice.text(&BRANDS).to_owned()),
            tax_class: dice.text(&["standard", "standard", "food", "books"]).to_owned(),
            measure: Measure { unit: unit.to_owned(), scale, step },
            content: (!dice.once_in(3)).then(|| Content {
                amount: *dice.one(&[0, 75, 330, 500, 1_500]),
                per: *dice.one(&[Per::Kilogram, Per::Litre, Per::Metre]),
            }),
            weight_g: (!dice.once_in(6)).then(|| dice.below(900)),
        };
        let variant = if dice.once_in(10) { "/red" } else { "" };
        products.insert(format!("s{number:02}{variant}"), product);
    }
    Catalog { version: 1, products }
}

fn dice_amount(number: i64) -> i64 {
    101 + 37 * number
}

fn lists(catalog: &Catalog, dice: &mut Dice) -> Lists {
    let mut lists = Vec::new();
    for number in 0..dice.below(7) {
        let mut prices = BTreeMap::new();
        for key in catalog.products.keys() {
            if dice.once_in(3) {
                prices.insert(key.clone(), dice.within(1, 30_000));
            }
        }
        let group = dice.once_in(2).then(|| dice.text(&GROUPS).to_owned());
        lists.push(PriceList {
            id: format!("list-{number}"),
            currency: currency(dice.text(&CURRENCIES)),
            group,
            prices,
        });
    }
    let mut endings = BTreeMap::new();
    for code in CURRENCIES {
        if dice.once_in(2) {
            let (of, at) = *dice.one(&[(100, 99), (5, 0), (100, 0), (1_000, 990), (1, 0)]);
            endings.insert(currency(code), Ending { of, at });
        }
    }
    let mut multipliers = BTreeMap::new();
    for place in ["CH", "US", "US-NY", "JP", "DE"] {
        if dice.once_in(3) {
            multipliers.insert(place.to_owned(), Ppm(dice.within(700_000, 1_500_000) as u32));
        }
    }
    Lists { version: 1, lists, multipliers, endings }
}

/// The bank's rates of a day, and a dinar's that it does not publish.
fn rates(dice: &mut Dice) -> Rates {
    let days = publications(RATES).expect("the bank's file");
    let mut rates = Rates { pinned: dice.once_in(3), ..Rates::default() };
    let publication = dice.one(&days);
    rates.take(publication, Date(publication.day.0)).expect("it can be taken");
    if dice.once_in(2) {
        let per_euro = price::decimal::Decimal::parse("0.3592").expect("a number");
        rates.per_euro.insert(currency("KWD"), Rate { day: publication.day, per_euro });
    }
    rates
}

fn cards(currency: Currency, dice: &mut Dice) -> Vec<Card> {
    let mut cards = Vec::new();
    for number in 0..*dice.one(&[0, 0, 1, 3]) {
        let code = CardCode::of_bits([number as u8 + dice.below(2) as u8; 10]).to_string();
        let amount = Money {
            amount_minor: dice.within(0, 20_000),
            currency: if dice.once_in(8) { Currency::EUR } else { currency },
        };
        let until_s = dice.once_in(3).then(|| 1_780_000_000 + dice.within(-10_000_000, 10_000_000));
        cards.push(Card {
            code: match dice.below(6) {
                0 => code.to_lowercase().replace('-', " "),
                1 => format!("{code}0"),
                _ => code,
            },
            balance: (!dice.once_in(6)).then_some(Balance { amount, until_s }),
        });
    }
    cards
}
