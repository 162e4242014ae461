//! Carts by the ten thousand, equal in each amount and each reason to a calculation in Python's `decimal` that was written
//! from `docs/prices.md`: `tests/price/oracle.py`. EVERCART_CARTS says how many, EVERCART_SEED which.
#![cfg(not(target_arch = "wasm32"))]

mod world;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use serde_json::json;
use world::dice::Dice;
use world::{RATES, World};

/// Carts of a shop.
const CARTS: u64 = 100;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Runs the oracle on what is written to it; it fails if anything differs.
fn judged(what: &str, write: impl FnOnce(&mut BufWriter<ChildStdin>)) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/price/oracle.py");
    let mut oracle =
        Command::new("python3").arg(script).arg(what).stdin(Stdio::piped()).spawn().expect("python3");
    let mut out = BufWriter::new(oracle.stdin.take().expect("its input"));
    write(&mut out);
    out.flush().expect("it reads to the end");
    drop(out);
    assert!(oracle.wait().expect("it ends").success(), "the oracle calculates something else");
}

#[test]
fn pr16_carts_are_equal_to_the_decimal_calculation() {
    let (carts, seed) = (number("EVERCART_CARTS", 20_000), number("EVERCART_SEED", 1));
    judged("carts", |out| {
        for shop in 0..carts.div_ceil(CARTS) {
            let world = World::of(seed.wrapping_mul(1_000_003).wrapping_add(shop));
            writeln!(out, "{}", json!({ "world": world })).expect("it reads");
            let mut dice = Dice::of(seed ^ (shop << 20));
            for _ in 0..CARTS.min(carts - shop * CARTS) {
                let case = world.case(&mut dice);
                let answer = match world.price(&case) {
                    Ok(priced) => json!(priced),
                    Err(refusal) => json!({ "refusal": refusal.code() }),
                };
                writeln!(out, "{}", json!({ "case": case, "answer": answer })).expect("it reads");
            }
        }
    });
}

/// All pairs of 29 currencies and the euro, on each day, of amounts with awkward digits.
#[test]
fn conversions_of_29_currencies_on_120_days_are_equal_to_the_decimal_calculation() {
    use price::list::Lists;
    use price::money::{Money, Ppm, Rounding};
    use price::rates::{Rates, publications};
    judged("rates", |out| {
        let lists = Lists {
            version: 1,
            lists: Vec::new(),
            multipliers: Default::default(),
            endings: Default::default(),
        };
        for publication in publications(RATES).expect("the bank's file") {
            let mut rates = Rates::default();
            rates.take(&publication, publication.day).expect("it can be taken");
            let mut all: Vec<_> = rates.per_euro.keys().copied().collect();
            all.push(price::currency::Currency::EUR);
            assert_eq!(all.len(), 30);
            for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to))) {
                let converted: Vec<_> = [1, 99, 1_999, 123_456_789]
                    .map(|amount_minor| {
                        let from = Money { amount_minor, currency: from };
                        let to = lists.convert(from, to, Ppm::ONE, &rates, Rounding::HalfUp);
                        (amount_minor, to.expect("it fits").expect("there is a rate"))
                    })
                    .into();
                let line = json!({ "day": publication.day, "from": from, "to": to, "converted": converted });
                writeln!(out, "{line}").expect("it reads");
            }
        }
    });
}

/// Each zone of the table through ten years, at every turn of its clocks and between.
#[test]
fn pr8_zones_are_those_of_the_time_zone_database() {
    use price::time::{Date, LocalTime};
    use price::zone::{Twice, Zone};
    judged("zones", |out| {
        for name in world::ZONES.lines().filter_map(|line| line.split(' ').next()) {
            let zone = Zone::named(name, world::ZONES).expect("a zone");
            let first = Date::parse("2026-01-01").expect("a day").start().0;
            // An odd step, so that all minutes of an hour are met; hours of nights in which clocks are set.
            for step in 0..9_000 {
                let at_s = first + step * 35_100;
                let time = LocalTime(at_s - at_s.rem_euclid(900));
                let moments = [zone.moment(time, Twice::First), zone.moment(time, Twice::Second)];
                let line = json!({ "zone": name, "local": time, "moments": moments, "shown": zone.local(at_s), "at": at_s });
                writeln!(out, "{line}").expect("it reads");
            }
            for day in 0..3_653 {
                for half_hour in [1, 2, 3, 4, 5, 6] {
                    let time = LocalTime(first + day * 86_400 + half_hour * 1_800 + 900);
                    let offset = |twice| zone.moment(time, twice) - time.0;
                    // Where both are as a day before, there is nothing to see.
                    let before = LocalTime(time.0 - 86_400);
                    let plain = zone.moment(before, Twice::First) - before.0;
                    if offset(Twice::First) != plain || offset(Twice::Second) != plain {
                        let moments = [zone.moment(time, Twice::First), zone.moment(time, Twice::Second)];
                        let shown = zone.local(moments[0]);
                        let line = json!({ "zone": name, "local": time, "moments": moments, "shown": shown, "at": moments[0] });
                        writeln!(out, "{line}").expect("it reads");
                    }
                }
            }
        }
    });
}
