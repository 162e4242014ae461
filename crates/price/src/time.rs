//! Days and local times of the proleptic Gregorian calendar, as numbers. What now is, the caller says.
//!
//! Between numbers and dates by H. Hinnant's `days_from_civil` and `civil_from_days` (2014).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// The seconds of a day.
pub const DAY_S: i64 = 86_400;

/// A day, as days since 1970-01-01. Written `2026-10-30`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Date(pub i32);

/// A time by the clock on a wall, as seconds since 1970-01-01T00:00:00 there. Written `2026-10-30T16:00:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LocalTime(pub i64);

impl Date {
    /// By year, month from 1, and day from 1; `None` if the month has no such day.
    pub fn of(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(0..=9_999).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > 31 {
            return None;
        }
        let (year_from_march, month_from_march) =
            if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let era = year_from_march.div_euclid(400);
        let year_of_era = year_from_march.rem_euclid(400);
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year as i32;
        let date = Self(era * 146_097 + day_of_era - 719_468);
        (date.civil() == (year, month, day)).then_some(date)
    }

    /// Its year, month and day.
    pub fn civil(self) -> (i32, u32, u32) {
        let from_march = self.0 + 719_468;
        let era = from_march.div_euclid(146_097);
        let day_of_era = from_march.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i32::from(month <= 2), month as u32, day as u32)
    }

    /// The day of the week: 0 is Sunday.
    pub fn weekday(self) -> u32 {
        (self.0 + 4).rem_euclid(7) as u32
    }

    /// The midnight it begins with.
    pub fn start(self) -> LocalTime {
        LocalTime(i64::from(self.0) * DAY_S)
    }

    /// From its text.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.split('-').collect();
        let date = match parts[..] {
            [year, month, day] => number(year, 4)
                .zip(number(month, 2))
                .zip(number(day, 2))
                .and_then(|((year, month), day)| Self::of(year as i32, month, day)),
            _ => None,
        };
        date.ok_or_else(|| Refusal::invalid("date", format!("{text:?} is no day such as 2026-10-30")))
    }
}

impl LocalTime {
    /// From its text.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refusal =
            || Refusal::invalid("time", format!("{text:?} is no local time such as 2026-10-30T16:00:00"));
        let (date, clock) = text.split_once('T').ok_or_else(refusal)?;
        let date = Date::parse(date).map_err(|_| refusal())?;
        let parts: Vec<Option<u32>> = clock.split(':').map(|part| number(part, 2)).collect();
        match parts[..] {
            [Some(hour @ 0..=23), Some(minute @ 0..=59), Some(second @ 0..=59)] => {
                Ok(Self(date.start().0 + i64::from(hour * 3_600 + minute * 60 + second)))
            }
            _ => Err(refusal()),
        }
    }

    /// The day it falls in.
    pub fn date(self) -> Date {
        Date(self.0.div_euclid(DAY_S) as i32)
    }
}

fn number(text: &str, digits: usize) -> Option<u32> {
    let all_digits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.rem_euclid(DAY_S);
        write!(f, "{}T{:02}:{:02}:{:02}", self.date(), s / 3_600, s / 60 % 60, s % 60)
    }
}

/// Text in JSON, as people write it.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Date);
as_text!(LocalTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbers_and_back() {
        for day in -719_000..200_000 {
            let (year, month, of_month) = Date(day).civil();
            if (0..=9_999).contains(&year) {
                assert_eq!(Date::of(year, month, of_month), Some(Date(day)));
            }
        }
        assert_eq!(Date::parse("1970-01-01").unwrap().weekday(), 4, "a Thursday");
    }

    #[test]
    fn a_leap_day_is_a_day_where_there_is_one() {
        for (text, is) in
            [("2024-02-29", true), ("2023-02-29", false), ("2000-02-29", true), ("1900-02-29", false)]
        {
            assert_eq!(Date::parse(text).is_ok(), is, "{text}");
        }
        assert_eq!(LocalTime::parse("2024-02-29T23:59:59").unwrap().to_string(), "2024-02-29T23:59:59");
        for text in
            ["2024-02-29", "2024-02-29T24:00:00", "2024-2-9T00:00:00", "2024-02-29T00:00", "T", "+024-01-01"]
        {
            assert!(LocalTime::parse(text).is_err(), "{text}");
        }
    }
}
