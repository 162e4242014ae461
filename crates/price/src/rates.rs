//! Rates of exchange as the European Central Bank publishes them: units of a currency for one euro. Each is kept with the
//! day it was published for. Between two currencies it goes through the euro exactly, and is rounded once, by whoever
//! converts.
//!
//! What cannot be a rate is not taken: the one before stays, and gets old by its date.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::currency::Currency;
use crate::decimal::Decimal;
use crate::money::times;
use crate::order::sort_by_key;
use crate::refusal::Refusal;
use crate::time::{Date, LocalTime};
use crate::zone::{Twice, Zone};

/// How long after a rate was due its lack is warned of, and prices by the one before are marked.
pub const STALE_S: i64 = 36 * 3_600;
/// How long after a rate was due nothing is sold by the one before.
pub const REFUSED_S: i64 = 7 * 86_400;
/// From one rate to the next it changes at most so many times, up or down.
pub const CHANGE_MAX: i64 = 2;
/// A first rate is no larger, and no smaller than one by this.
pub const FIRST_MAX: i64 = 1_000_000;
/// When the bank has published, by Frankfurt's clock.
const PUBLISHED_S: i64 = 16 * 3_600;
const FRANKFURT: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// A day's rates, as they were published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    /// The banking day.
    pub day: Date,
    /// Units of each for one euro, as they were read.
    pub per_euro: Vec<(Currency, Decimal)>,
}

/// The rates that are used.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Counts each publication of which something was taken.
    pub version: u64,
    /// Whether their last day counts as today, as in a demo whose data end in the past.
    pub pinned: bool,
    /// The newest of each currency that could be used.
    pub per_euro: BTreeMap<Currency, Rate>,
}

/// A rate and its day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The banking day it is of.
    pub day: Date,
    /// Units for one euro.
    pub per_euro: Decimal,
}

/// How far a rate is to be trusted. The later, the less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// The newest there can be.
    Current,
    /// The last of a demo: it counts as today's.
    Pinned,
    /// A newer one was due more than [`STALE_S`] ago: prices are marked, the operator is warned.
    Stale,
    /// A newer one was due more than [`REFUSED_S`] ago, or there never was one: nothing is sold by it.
    Refused,
}

/// Why a rate was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nonsense {
    /// Zero or less.
    NotPositive,
    /// More than [`CHANGE_MAX`] times the one before, or less than that part of it. If it is true, an operator sets it.
    Jump,
    /// The first of its currency, and beyond [`FIRST_MAX`].
    Implausible,
}

/// Why nothing of a publication was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// It is of a day to come.
    Future,
    /// All that it has is known of that day or a later one.
    NotNewer,
}

impl Rates {
    /// Takes of a publication what can be a rate and is newer than what is known; what could not be, and why.
    ///
    /// # Errors
    /// [`NotTaken`]: nothing was changed.
    pub fn take(
        &mut self,
        publication: &Publication,
        today: Date,
    ) -> Result<Vec<(Currency, Nonsense)>, NotTaken> {
        // Frankfurt's day may have begun where it is still yesterday.
        if publication.day.0 > today.0 + 1 {
            return Err(NotTaken::Future);
        }
        let is_newer =
            |currency: &Currency| self.per_euro.get(currency).is_none_or(|known| known.day < publication.day);
        if !publication.per_euro.iter().any(|(currency, _)| is_newer(currency)) {
            return Err(NotTaken::NotNewer);
        }
        let mut refused = Vec::new();
        let mut taken = 0;
        for &(currency, per_euro) in &publication.per_euro {
            let known = self.per_euro.get(&currency);
            if known.is_some_and(|known| known.day >= publication.day) {
                continue;
            }
            match nonsense(per_euro, known.map(|known| known.per_euro)) {
                Some(reason) => refused.push((currency, reason)),
                None => {
                    self.per_euro.insert(currency, Rate { day: publication.day, per_euro });
                    taken += 1;
                }
            }
        }
        self.version += u64::from(taken > 0);
        Ok(refused)
    }

    /// Sets a rate by an operator's word: it may jump.
    ///
    /// # Errors
    /// [`Nonsense::NotPositive`].
    pub fn set(&mut self, currency: Currency, day: Date, per_euro: Decimal) -> Result<(), Nonsense> {
        if per_euro.units <= 0 {
            return Err(Nonsense::NotPositive);
        }
        self.per_euro.insert(currency, Rate { day, per_euro });
        self.version += 1;
        Ok(())
    }

    /// How far the rate between two currencies is to be trusted at a moment: as far as the worse of them.
    pub fn freshness(&self, from: Currency, to: Currency, now_s: i64) -> Freshness {
        let of = |currency: Currency| {
            if currency == Currency::EUR || from == to {
                return Freshness::Current;
            }
            let Some(rate) = self.per_euro.get(&currency) else { return Freshness::Refused };
            let late_s = now_s - due_s(rate.day);
            match () {
                () if self.pinned => Freshness::Pinned,
                () if late_s > REFUSED_S => Freshness::Refused,
                () if late_s > STALE_S => Freshness::Stale,
                () => Freshness::Current,
            }
        };
        of(from).max(of(to))
    }

    /// By what an amount in minor units of one currency becomes one of another: numerator and denominator, exactly.
    /// `None` if a rate is not known.
    ///
    /// # Errors
    /// [`Refusal::PriceOverflow`].
    pub fn ratio(&self, from: Currency, to: Currency) -> Result<Option<(i128, i128)>, Refusal> {
        let (Some(per_from), Some(per_to)) = (self.decimal(from), self.decimal(to)) else { return Ok(None) };
        if from == to {
            return Ok(Some((1, 1)));
        }
        let ten = |exponent: u32| 10_i128.checked_pow(exponent).ok_or(Refusal::PriceOverflow);
        let numerator = times(i128::from(per_to.units), ten(per_from.scale + to.exponent())?)?;
        let denominator = times(i128::from(per_from.units), ten(per_to.scale + from.exponent())?)?;
        let common = greatest_common_divisor(numerator, denominator);
        Ok(Some((numerator / common, denominator / common)))
    }

    /// The day of the older rate of a pair; `None` where no rate is needed, or none is known.
    pub fn day(&self, from: Currency, to: Currency) -> Option<Date> {
        let of = |currency| self.per_euro.get(&currency).map(|rate| rate.day);
        if from == to {
            return None;
        }
        match (of(from), of(to)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn decimal(&self, currency: Currency) -> Option<Decimal> {
        if currency == Currency::EUR {
            return Some(Decimal { units: 1, scale: 0 });
        }
        self.per_euro.get(&currency).map(|rate| rate.per_euro).filter(|rate| rate.units > 0)
    }
}

fn nonsense(new: Decimal, known: Option<Decimal>) -> Option<Nonsense> {
    if new.units <= 0 {
        return Some(Nonsense::NotPositive);
    }
    let most = |a: Decimal, b: Decimal, factor: i64| a.at_most(b, factor);
    match known {
        Some(known) if !most(new, known, CHANGE_MAX) || !most(known, new, CHANGE_MAX) => Some(Nonsense::Jump),
        Some(_) => None,
        None => {
            let one = Decimal { units: 1, scale: 0 };
            let plausible = most(new, one, FIRST_MAX) && most(one, new, FIRST_MAX);
            (!plausible).then_some(Nonsense::Implausible)
        }
    }
}

/// The moment at which the rate after that of a day is due: 16:00 of the next banking day in Frankfurt.
pub fn due_s(day: Date) -> i64 {
    let next = (day.0.saturating_add(1)..).map(Date).find(|day| is_banking_day(*day)).expect("weeks go on");
    let frankfurt = Zone::parse(FRANKFURT).expect("a rule");
    frankfurt.moment(LocalTime(next.start().0 + PUBLISHED_S), Twice::First)
}

/// Whether the bank publishes on a day: no weekend, and none of the closing days of its payment system (T2).
fn is_banking_day(day: Date) -> bool {
    let (year, month, of_month) = day.civil();
    let from_easter = day.0 - easter(year).0;
    let fixed = [(1, 1), (5, 1), (12, 25), (12, 26)].contains(&(month, of_month));
    !(matches!(day.weekday(), 0 | 6) || fixed || from_easter == -2 || from_easter == 1)
}

/// Easter Sunday, by the anonymous Gregorian algorithm (Meeus, *Astronomical Algorithms*, chapter 8).
fn easter(year: i32) -> Date {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let of_march = h + l - 7 * m + 114;
    Date::of(year, (of_march / 31) as u32, (of_march % 31 + 1) as u32).unwrap_or(Date(i32::MIN / 2))
}

fn greatest_common_divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The bank's file: a head with the currencies' codes, then a day a line, in any order; the oldest comes first here. A
/// rate that is not there, or `N/A`, is left out. Currencies that ISO 4217 no longer has are left out too.
///
/// # Errors
/// [`Refusal::Invalid`] if it is no such file: nothing of a file that cannot be read is used.
pub fn publications(csv: &str) -> Result<Vec<Publication>, Refusal> {
    let invalid = |problem: String| Refusal::Invalid { field: "rates", problem };
    let mut lines = csv.lines().map(|line| line.trim_end_matches([',', ' ', '\r']));
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    if head.len() < 2 || !head[0].eq_ignore_ascii_case("date") {
        return Err(invalid("the first line must be date and codes of currencies".to_owned()));
    }
    let mut all = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let values: Vec<&str> = line.split(',').map(str::trim).collect();
        if values.len() > head.len() {
            return Err(invalid(format!("{line:?} has more values than there are currencies")));
        }
        let mut per_euro = Vec::new();
        for (code, value) in head.iter().zip(&values).skip(1) {
            let Ok(currency) = Currency::of(code) else { continue };
            if !value.is_empty() && *value != "N/A" {
                per_euro.push((currency, Decimal::parse(value)?));
            }
        }
        all.push(Publication { day: Date::parse(values[0])?, per_euro });
    }
    sort_by_key(&mut all, |publication: &Publication| publication.day);
    Ok(all)
}
