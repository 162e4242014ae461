//! Rates: what is taken of a publication, when a rate is old, what a file may be.

use price::currency::Currency;
use price::decimal::Decimal;
use price::rates::{Freshness, Nonsense, NotTaken, Publication, Rates, due_s, publications};
use price::time::{Date, LocalTime};

const FILE: &str = include_str!("../../../data/ecb-rates.csv");

fn usd() -> Currency {
    Currency::of("USD").unwrap()
}

fn of(day: &str, rates: &[(&str, &str)]) -> Publication {
    let per_euro =
        rates.iter().map(|(code, rate)| (Currency::of(code).unwrap(), Decimal::parse(rate).unwrap()));
    Publication { day: Date::parse(day).unwrap(), per_euro: per_euro.collect() }
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn utc(text: &str) -> i64 {
    LocalTime::parse(text).unwrap().0
}

#[test]
fn the_banks_file_has_29_currencies_on_120_days_and_all_can_be_taken() {
    let all = publications(FILE).unwrap();
    assert_eq!(all.len(), 120);
    let mut rates = Rates::default();
    for publication in &all {
        assert_eq!(publication.per_euro.len(), 29);
        assert_eq!(rates.take(publication, publication.day), Ok(vec![]), "{}", publication.day);
    }
    assert_eq!((rates.version, rates.per_euro.len()), (120, 29));
}

#[test]
fn a_rate_is_due_at_four_in_frankfurt_on_the_next_banking_day() {
    for (of, due) in [
        ("2026-10-22", "2026-10-23T14:00:00"),
        ("2026-10-23", "2026-10-26T15:00:00"),
        ("2026-04-02", "2026-04-07T14:00:00"),
        ("2026-04-30", "2026-05-04T14:00:00"),
        ("2026-12-24", "2026-12-28T15:00:00"),
        ("2027-12-31", "2028-01-03T15:00:00"),
    ] {
        assert_eq!(due_s(day(of)), utc(due), "after {of}");
    }
}

#[test]
fn a_rate_is_stale_36_hours_after_one_was_due_and_refused_after_7_days() {
    let mut rates = Rates::default();
    rates.take(&of("2026-10-22", &[("USD", "1.1"), ("JPY", "170")]), day("2026-10-22")).unwrap();
    let due = utc("2026-10-23T14:00:00");
    for (late_s, freshness) in [
        (-1, Freshness::Current),
        (36 * 3_600, Freshness::Current),
        (36 * 3_600 + 1, Freshness::Stale),
        (7 * 86_400, Freshness::Stale),
        (7 * 86_400 + 1, Freshness::Refused),
    ] {
        assert_eq!(rates.freshness(usd(), Currency::EUR, due + late_s), freshness, "{late_s} s late");
    }
    let late = due + 30 * 86_400;
    assert_eq!(rates.freshness(usd(), usd(), late), Freshness::Current, "none is needed");
    // One that is newer does not make the other newer.
    rates.take(&of("2026-11-20", &[("USD", "1.1")]), day("2026-11-20")).unwrap();
    assert_eq!(rates.freshness(usd(), Currency::EUR, late), Freshness::Current);
    assert_eq!(rates.freshness(usd(), Currency::of("JPY").unwrap(), late), Freshness::Refused);
    assert_eq!(
        rates.freshness(usd(), Currency::of("KWD").unwrap(), late),
        Freshness::Refused,
        "there never was one"
    );
    rates.pinned = true;
    assert_eq!(rates.freshness(usd(), Currency::of("JPY").unwrap(), late), Freshness::Pinned);
}

#[test]
fn nonsense_is_not_taken_and_the_rate_before_stays() {
    let mut rates = Rates::default();
    let today = day("2026-10-23");
    rates.take(&of("2026-10-22", &[("USD", "1.1"), ("JPY", "170"), ("CHF", "0.9")]), today).unwrap();
    let publication = of(
        "2026-10-23",
        &[("USD", "0"), ("JPY", "170000"), ("CHF", "-0.9"), ("SEK", "0"), ("GBP", "0.0000001")],
    );
    let refused: Vec<_> = rates
        .take(&publication, today)
        .unwrap()
        .into_iter()
        .map(|(code, why)| (code.to_string(), why))
        .collect();
    let expected = [
        ("USD", Nonsense::NotPositive),
        ("JPY", Nonsense::Jump),
        ("CHF", Nonsense::NotPositive),
        ("SEK", Nonsense::NotPositive),
        ("GBP", Nonsense::Implausible),
    ];
    assert_eq!(refused, expected.map(|(code, why)| (code.to_owned(), why)));
    assert_eq!(rates.per_euro[&usd()].day, day("2026-10-22"));
    assert_eq!((rates.version, rates.per_euro.len()), (1, 3));
    // A thousandth is nonsense too, a doubling is not; and what is true all the same an operator sets.
    let refused = rates.take(&of("2026-10-23", &[("JPY", "0.17"), ("CHF", "1.8")]), today).unwrap();
    assert_eq!(refused, [(Currency::of("JPY").unwrap(), Nonsense::Jump)]);
    let set = |rates: &mut Rates, rate: &str| rates.set(usd(), today, Decimal::parse(rate).unwrap());
    assert_eq!(set(&mut rates, "-1"), Err(Nonsense::NotPositive));
    assert_eq!(set(&mut rates, "500"), Ok(()));
    assert_eq!(rates.per_euro[&usd()].per_euro.units, 500);
}

#[test]
fn what_is_of_tomorrow_or_known_is_not_taken() {
    let mut rates = Rates::default();
    let today = day("2026-10-23");
    assert_eq!(rates.take(&of("2026-10-25", &[("USD", "1.1")]), today), Err(NotTaken::Future));
    assert_eq!(
        rates.take(&of("2026-10-24", &[("USD", "1.1")]), today),
        Ok(vec![]),
        "Frankfurt may be a day ahead"
    );
    assert_eq!(rates.take(&of("2026-10-24", &[("USD", "1.2")]), today), Err(NotTaken::NotNewer));
    assert_eq!(rates.take(&of("2026-10-22", &[("USD", "1.2"), ("JPY", "170")]), today), Ok(vec![]));
    assert_eq!(rates.per_euro[&usd()].per_euro, Decimal::parse("1.1").unwrap());
}

#[test]
fn a_file_that_is_none_is_refused_whole() {
    let bank = "Date, USD, JPY, HRK, XYZ, \n2026-10-30, 1.1172, N/A, 7.5, 3, \n";
    let read = publications(bank).unwrap();
    let codes: Vec<_> = read[0].per_euro.iter().map(|(code, _)| code.to_string()).collect();
    assert_eq!(codes, ["USD", "HRK"], "as the bank writes it: with spaces and a comma at the end");
    for file in [
        "",
        "<html>",
        "date\n",
        "date,USD\n2026-10-30,one\n",
        "date,USD\n30.10.2026,1.1\n",
        "date,USD\n2026-10-30,1,2\n",
    ] {
        assert!(publications(file).is_err(), "{file:?}");
    }
}
