//! Time zones, for what a merchant says by the clock on the wall. A zone is its rule as POSIX writes it (IEEE 1003.1,
//! `TZ`), which the time zone database has for each: `data/zones.txt`, which the crate `jiff` reads. It says how clocks are
//! set from now on, and not how they once were: promotions are of now. A page need not load the database for that
//! (`docs/prices.md` has the sizes).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::refusal::Refusal;
use crate::time::{DAY_S, LocalTime};

/// How a place's clocks are set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(TimeZone);

/// Which is meant by a time that the clock shows twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twice {
    /// The first: what begins then has begun.
    First,
    /// The second: what ends then has not ended yet.
    Second,
}

impl Zone {
    /// Greenwich.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// From its rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn parse(rule: &str) -> Result<Self, Refusal> {
        let invalid =
            |_| Refusal::invalid("zone", format!("{rule:?} is no rule such as CET-1CEST,M3.5.0,M10.5.0/3"));
        TimeZone::posix(rule).map(Self).map_err(invalid)
    }

    /// By its name in a table of `name rule` lines.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is not there.
    pub fn named(name: &str, table: &str) -> Result<Self, Refusal> {
        let rule = table.lines().find_map(|line| line.split_once(' ').filter(|(there, _)| *there == name));
        let (_, rule) =
            rule.ok_or_else(|| Refusal::invalid("zone", format!("{name:?} is not in the table of zones")))?;
        Self::parse(rule)
    }

    /// What the clock shows at a moment, given as seconds since 1970-01-01 UTC.
    pub fn local(&self, at_s: i64) -> LocalTime {
        let at = at_s.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let offset = Timestamp::from_second(at).map_or(0, |at| self.0.to_offset(at).seconds());
        LocalTime(at_s + i64::from(offset))
    }

    /// The moment at which the clock shows a time. One that it shows twice is as `twice` says; one that it skips is the
    /// moment of the skip.
    pub fn moment(&self, time: LocalTime, twice: Twice) -> i64 {
        match self.0.to_ambiguous_timestamp(civil(time)).offset() {
            AmbiguousOffset::Unambiguous { offset } => time.0 - i64::from(offset.seconds()),
            AmbiguousOffset::Fold { before, after } => {
                let offset = if twice == Twice::First { before } else { after };
                time.0 - i64::from(offset.seconds())
            }
            AmbiguousOffset::Gap { before, .. } => {
                // By the clock of before it is after the skip, which was the last.
                let after_s = time.0 - i64::from(before.seconds());
                let skip =
                    Timestamp::from_second(after_s + 1).ok().and_then(|after| self.0.preceding(after).next());
                skip.map_or(after_s, |skip| skip.timestamp().as_second())
            }
        }
    }
}

fn civil(time: LocalTime) -> DateTime {
    let (year, month, day) = time.date().civil();
    let s = time.0.rem_euclid(DAY_S);
    let (hour, minute, second) = ((s / 3_600) as i8, (s / 60 % 60) as i8, (s % 60) as i8);
    // A day that was read is of the years 0 to 9999, which it knows.
    DateTime::new(year as i16, month as i8, day as i8, hour, minute, second, 0).unwrap_or(DateTime::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &str, local: &str, first: i64, second: i64) {
        let zone = Zone::parse(rule).unwrap();
        let time = LocalTime::parse(local).unwrap();
        assert_eq!(
            (zone.moment(time, Twice::First), zone.moment(time, Twice::Second)),
            (first, second),
            "{local} {rule}"
        );
    }

    fn utc(text: &str) -> i64 {
        LocalTime::parse(text).unwrap().0
    }

    #[test]
    fn pr8_a_time_that_is_skipped_is_the_skip_and_one_shown_twice_is_both() {
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        let skip = utc("2026-03-29T01:00:00");
        check(berlin, "2026-03-29T02:30:00", skip, skip);
        check(berlin, "2026-03-29T02:00:00", skip, skip);
        check(berlin, "2026-03-29T03:00:00", skip, skip);
        check(berlin, "2026-10-25T02:30:00", utc("2026-10-25T00:30:00"), utc("2026-10-25T01:30:00"));
        check(berlin, "2026-10-25T03:00:00", utc("2026-10-25T02:00:00"), utc("2026-10-25T02:00:00"));
        // In the south, and where the clock moves by half an hour.
        let lord_howe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
        let skip = utc("2026-10-03T15:30:00");
        check(lord_howe, "2026-10-04T02:15:00", skip, skip);
        check(lord_howe, "2026-04-05T01:45:00", utc("2026-04-04T14:45:00"), utc("2026-04-04T15:15:00"));
        // Where the standard time is that of summer.
        check(
            "IST-1GMT0,M10.5.0,M3.5.0/1",
            "2026-07-01T12:00:00",
            utc("2026-07-01T11:00:00"),
            utc("2026-07-01T11:00:00"),
        );
        check(
            "NST3:30NDT,M3.2.0,M11.1.0",
            "2026-01-01T00:00:00",
            utc("2026-01-01T03:30:00"),
            utc("2026-01-01T03:30:00"),
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rule in [
            "",
            "CET",
            "C-1",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1,M3.5.0",
            "<CET-1",
            "CET-200",
        ] {
            assert!(Zone::parse(rule).is_err(), "{rule:?}");
        }
        assert!(Zone::named("Mars/Olympus", "UTC UTC0").is_err());
        assert_eq!(Zone::named("UTC", "A B\nUTC UTC0\n"), Ok(Zone::parse("UTC0").unwrap()));
    }
}
