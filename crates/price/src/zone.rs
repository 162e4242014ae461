//! Time zones, for what a merchant says by the clock on the wall. A zone is its rule as POSIX writes it (IEEE 1003.1,
//! `TZ`), which the time zone database has for each: `data/zones.txt`. It says how clocks are set from now on, and not
//! how they once were: promotions are of now. A database of history would be a hundred times as large
//! (`docs/prices.md` has the sizes).

use crate::refusal::Refusal;
use crate::time::{DAY_S, Date, LocalTime};

/// How a place's clocks are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Seconds east of Greenwich, while clocks are not moved.
    standard_s: i64,
    moved: Option<Moved>,
}

/// When clocks are moved, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moved {
    /// Seconds east of Greenwich meanwhile.
    offset_s: i64,
    begins: Turn,
    ends: Turn,
}

/// A weekday of a month of each year: `M3.5.0/3`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Turn {
    month: u32,
    /// 1 is the first, 5 the last.
    week: u32,
    weekday: u32,
    /// After that day's midnight, by the clock before it is moved.
    after_s: i64,
}

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
    pub const UTC: Self = Self { standard_s: 0, moved: None };

    /// From its rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], also for days that are not given as weekdays: no zone has them.
    pub fn parse(rule: &str) -> Result<Self, Refusal> {
        let invalid =
            || Refusal::invalid("zone", format!("{rule:?} is no rule such as CET-1CEST,M3.5.0,M10.5.0/3"));
        let mut parts = rule.split(',');
        let (standard_s, rest) = parts.next().and_then(named_offset).ok_or_else(invalid)?;
        let standard_s = standard_s.ok_or_else(invalid)?;
        if rest.is_empty() {
            return parts.next().is_none().then_some(Self { standard_s, moved: None }).ok_or_else(invalid);
        }
        let (offset_s, rest) = named_offset(rest).ok_or_else(invalid)?;
        let turns: Option<Vec<Turn>> = parts.map(Turn::parse).collect();
        match turns.as_deref() {
            Some(&[begins, ends]) if rest.is_empty() => {
                let offset_s = offset_s.unwrap_or(standard_s + 3_600);
                Ok(Self { standard_s, moved: Some(Moved { offset_s, begins, ends }) })
            }
            _ => Err(invalid()),
        }
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
    pub fn local(self, at_s: i64) -> LocalTime {
        LocalTime(at_s + self.offset(at_s))
    }

    /// The moment at which the clock shows a time. One that it shows twice is as `twice` says; one that it skips is the
    /// moment of the skip.
    pub fn moment(self, time: LocalTime, twice: Twice) -> i64 {
        let Some(moved) = self.moved else { return time.0 - self.standard_s };
        let shows = |offset_s: i64| Some(time.0 - offset_s).filter(|at_s| self.offset(*at_s) == offset_s);
        match (shows(self.standard_s), shows(moved.offset_s)) {
            (Some(a), Some(b)) if twice == Twice::First => a.min(b),
            (Some(a), Some(b)) => a.max(b),
            (Some(at_s), None) | (None, Some(at_s)) => at_s,
            (None, None) => {
                let (begins_s, ends_s) = self.turns(moved, time.date().civil().0);
                // Clocks skip as far as the two differ: no other turn is as near.
                let near = |at_s: i64| (at_s - (time.0 - self.standard_s)).abs();
                if near(begins_s) < near(ends_s) { begins_s } else { ends_s }
            }
        }
    }

    fn offset(self, at_s: i64) -> i64 {
        let Some(moved) = self.moved else { return self.standard_s };
        let year = LocalTime(at_s + self.standard_s).date().civil().0;
        let (begins_s, ends_s) = self.turns(moved, year);
        let is_moved = if begins_s < ends_s {
            (begins_s..ends_s).contains(&at_s)
        } else {
            // In the south the year begins with clocks moved.
            !(ends_s..begins_s).contains(&at_s)
        };
        if is_moved { moved.offset_s } else { self.standard_s }
    }

    /// When clocks are moved in a year, and back.
    fn turns(self, moved: Moved, year: i32) -> (i64, i64) {
        (moved.begins.of_year(year).0 - self.standard_s, moved.ends.of_year(year).0 - moved.offset_s)
    }
}

impl Turn {
    fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('/').map_or((text, None), |(day, time)| (day, Some(time)));
        let numbers: Option<Vec<u32>> =
            day.strip_prefix('M')?.split('.').map(|part| part.parse().ok()).collect();
        let [month @ 1..=12, week @ 1..=5, weekday @ 0..=6] = numbers?[..] else { return None };
        let after_s = match time {
            None => 7_200,
            Some(time) => clock(time).filter(|(_, rest)| rest.is_empty())?.0,
        };
        Some(Self { month, week, weekday, after_s })
    }

    fn of_year(self, year: i32) -> LocalTime {
        let first = Date::of(year, self.month, 1).unwrap_or(Date(0));
        let mut day =
            first.0 + ((self.weekday + 7 - first.weekday()) % 7) as i32 + 7 * (self.week as i32 - 1);
        if Date(day).civil().1 != self.month {
            day -= 7;
        }
        LocalTime(i64::from(day) * DAY_S + self.after_s)
    }
}

/// A zone's name and, where it is said, its offset; what follows.
fn named_offset(text: &str) -> Option<(Option<i64>, &str)> {
    let name_end = match text.strip_prefix('<') {
        Some(inner) => inner.find('>')? + 2,
        None => text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len()),
    };
    if name_end < 3 {
        return None;
    }
    let rest = &text[name_end..];
    if rest.is_empty() {
        return Some((None, rest));
    }
    // West is what POSIX counts up.
    clock(rest).map(|(west_s, rest)| (Some(-west_s), rest))
}

/// Hours, and maybe minutes and seconds, as seconds; what follows.
fn clock(text: &str) -> Option<(i64, &str)> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let end = digits.find(|letter: char| !letter.is_ascii_digit() && letter != ':').unwrap_or(digits.len());
    let parts: Option<Vec<i64>> = digits[..end].split(':').map(|part| part.parse().ok()).collect();
    let parts = parts?;
    let seconds = match parts[..] {
        [hours @ 0..=167] => hours * 3_600,
        [hours @ 0..=167, minutes @ 0..=59] => hours * 3_600 + minutes * 60,
        [hours @ 0..=167, minutes @ 0..=59, seconds @ 0..=59] => hours * 3_600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some((sign * seconds, &digits[end..]))
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
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1,M3.5.0",
            "<CET-1",
            "CET-1CEST,J60,J300",
            "CET-200",
        ] {
            assert!(Zone::parse(rule).is_err(), "{rule:?}");
        }
        assert!(Zone::named("Mars/Olympus", "UTC UTC0").is_err());
        assert_eq!(Zone::named("UTC", "A B\nUTC UTC0\n"), Ok(Zone::UTC));
    }
}
