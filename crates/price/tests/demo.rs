//! The demo's data: tables of taxes, shipping and zones, and the real coupons as promotions.
#![cfg(not(target_arch = "wasm32"))]

mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use price::campaign::{AMOUNT_WITHOUT_PRICES, AMOUNTS, campaigns};
use price::currency::Currency;
use price::promotion::index::Promotions;
use price::promotion::{Kind, Promotion};
use price::shipping::ShippingTable;
use price::tax::{Address, TaxSource, TaxTable};
use price::zone::Zone;
use serde_json::json;
use shop::{Shop, coupon, money, utc};

const TAXES: &str = include_str!("../../../data/tax.json");
const SHIPPING: &str = include_str!("../../../data/shipping.json");
const ZONES: &str = include_str!("../../../data/zones.txt");
const COUPONS: &[u8] = include_bytes!("../../../data/coupons.csv.gz");
const PRODUCTS: &[u8] = include_bytes!("../../../data/products.csv.gz");

fn text(gzipped: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(gzipped).read_to_string(&mut text).expect("gzipped text");
    text
}

/// Shelf prices by product: a package size may hold a comma, and then it is quoted; the price is last.
fn prices() -> BTreeMap<String, i64> {
    let priced = |line: &str| {
        let (sku, cents) = (line.split(',').next()?, line.rsplit(',').next()?);
        Some((sku.to_owned(), cents.parse().ok()?))
    };
    text(PRODUCTS).lines().skip(1).filter_map(priced).collect()
}

fn demo(moved_days: i32) -> Vec<Promotion> {
    campaigns(&text(COUPONS), &prices(), moved_days).expect("the coupons")
}

#[test]
fn taxes_and_shipping_are_of_ten_countries_of_three_regions_and_have_sources() {
    let taxes: TaxTable = serde_json::from_str(TAXES).unwrap();
    let shipping: ShippingTable = serde_json::from_str(SHIPPING).unwrap();
    let countries: BTreeSet<&str> = taxes.areas.iter().map(|area| &area.place[..2]).collect();
    assert!(countries.len() >= 20, "{countries:?}");
    for region in [["DE", "FR", "GB", "CH"], ["US", "CA", "MX", "BR"], ["JP", "AU", "SG", "KR"]] {
        assert!(region.iter().all(|country| countries.contains(country)), "{region:?}");
    }
    let places: BTreeSet<&str> = taxes.areas.iter().map(|area| area.place.as_str()).collect();
    assert_eq!(places.len(), taxes.areas.len(), "each place once");
    for area in &taxes.areas {
        assert!(!area.source.is_empty() && area.classes.contains_key("standard"), "{}", area.place);
        let address = Address { country: area.place[..2].to_owned(), subdivision: Some(area.place.clone()) };
        assert_eq!(taxes.area(&address), Some(area));
        let options = price::shipping::ShippingSource::options(&shipping, &address);
        assert!(!options.is_empty(), "something is sent to {}", area.place);
        for option in options {
            assert!(!option.source.is_empty() && option.days.0 <= option.days.1, "{}", option.id);
            let tiers: Vec<u64> =
                option.tiers.iter().map(|tier| tier.weight_g_max.unwrap_or(u64::MAX)).collect();
            assert!(tiers.is_sorted() && !tiers.is_empty(), "{}", option.id);
        }
    }
}

#[test]
fn all_zones_can_be_read() {
    let names: Vec<&str> = ZONES.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(names.len() > 50 && names.contains(&"Europe/Berlin"));
    for name in names {
        Zone::named(name, ZONES).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    }
}

#[test]
fn the_real_coupons_are_promotions_by_the_stated_table() {
    let promotions = demo(0);
    assert_eq!(promotions.len(), 1_197, "coupons of campaigns");
    let codes: BTreeSet<&String> = promotions.iter().flat_map(|promotion| &promotion.codes).collect();
    assert_eq!(codes.len(), 981);
    let products: usize = promotions.iter().map(|promotion| promotion.products.skus.len()).sum();
    let lines: BTreeSet<(String, String, String)> = text(COUPONS)
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|fields| (fields[0].to_owned(), fields[1].to_owned(), fields[2].to_owned()))
        .collect();
    assert_eq!(products, lines.len(), "each line is in one of them");
    let mut by_amount: BTreeMap<i64, usize> = BTreeMap::new();
    for promotion in &promotions {
        let Kind::Amount(amounts) = &promotion.kind else { panic!("an amount") };
        *by_amount.entry(amounts[&Currency::of("USD").unwrap()]).or_default() += 1;
    }
    println!("coupons by what they take off: {by_amount:?}");
    let stated = AMOUNTS.iter().map(|(_, amount)| *amount).chain([AMOUNT_WITHOUT_PRICES]);
    assert!(by_amount.keys().copied().collect::<BTreeSet<_>>() == stated.collect(), "{by_amount:?}");
    Promotions::new(1, promotions, &Zone::named("America/New_York", ZONES).unwrap())
        .expect("all can be meant");
}

#[test]
fn a_real_coupon_is_taken_off_in_its_campaign_and_moves_with_the_baskets() {
    let prices = prices();
    let (sku, cents) = ("9676830", prices["9676830"]);
    let of_campaign =
        |moved| demo(moved).into_iter().find(|promotion| promotion.id == "campaign-26-10000085207").unwrap();
    let price_at = |moved, at: &str| {
        let mut shop = Shop::new();
        shop.product(sku, json!({"base": money(cents, "USD"), "tax_class": "food"}));
        shop.promotions = vec![json!(of_campaign(moved))];
        shop.coupons = vec!["10000085207".to_owned()];
        shop.now_s = utc(at);
        coupon(&shop.price(&[(sku, 2)]), 0)
    };
    let applied = price_at(0, "2017-02-19T23:59:59");
    assert!(applied.starts_with("applied "), "{applied}");
    assert_eq!(price_at(0, "2017-02-20T00:00:00"), "expired");
    assert_eq!(price_at(0, "2016-12-27T23:59:59"), "not_yet");
    assert_eq!(price_at(3_650, "2027-02-17T23:59:59"), applied);
    assert_eq!(price_at(3_650, "2027-02-18T00:00:00"), "expired");
}

#[test]
fn what_is_no_file_of_coupons_is_refused() {
    let head = "coupon_upc,product_id,campaign_id,campaign_type,start_date,end_date\n";
    for file in ["", "coupon\n", &format!("{head}1,2,3\n"), &format!("{head}1,2,3,A,soon,2017-01-01\n")] {
        assert!(campaigns(file, &BTreeMap::new(), 0).is_err(), "{file:?}");
    }
    let one = campaigns(&format!("{head}1,2,3,A,2017-01-01,2017-01-31\n"), &BTreeMap::new(), 0).unwrap();
    assert_eq!((one.len(), one[0].codes[0].as_str()), (1, "1"));
}
