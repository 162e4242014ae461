//! Time as the core sees it: milliseconds and days given by the caller, and hybrid logical time.
//! The hybrid clock follows Kulkarni et al., "Logical Physical Clocks" (2014), section 4: physical
//! milliseconds in the upper 48 bits, a counter in the lower 16 that breaks ties while a clock stands still.

use serde::{Deserialize, Serialize};

use crate::reject::Reject;

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// A second.
    pub const SECOND: u64 = 1_000;
    /// A day.
    pub const DAY: u64 = 86_400_000;

    /// The day it falls in. Days end in 2149; later moments count as the last day.
    pub const fn day(self) -> Day {
        let day = self.0 / Self::DAY;
        Day(if day > u16::MAX as u64 { u16::MAX } else { day as u16 })
    }

    /// This moment and `ms` more.
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This moment less `ms`, not before the first.
    pub const fn less(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

/// Days since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub u16);

impl Day {
    /// Midnight at which it begins.
    pub const fn start(self) -> Millis {
        Millis(self.0 as u64 * Millis::DAY)
    }

    /// Its last millisecond.
    pub const fn end(self) -> Millis {
        self.start().plus(Millis::DAY - 1)
    }

    /// The day `days` before, not before the first.
    pub const fn before(self, days: u16) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// Hybrid time: 48 bits of milliseconds, 16 bits of counter. Zero is "before all".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HybridTime(pub u64);

impl HybridTime {
    const COUNTER_BITS: u32 = 16;
    /// The latest millisecond that fits.
    pub const MILLIS_MAX: u64 = (1 << 48) - 1;

    /// The first hybrid time of a millisecond.
    pub const fn at(now: Millis) -> Self {
        let ms = if now.0 > Self::MILLIS_MAX { Self::MILLIS_MAX } else { now.0 };
        Self(ms << Self::COUNTER_BITS)
    }

    /// Its physical part.
    pub const fn millis(self) -> Millis {
        Millis(self.0 >> Self::COUNTER_BITS)
    }

    /// Its logical part.
    pub const fn count(self) -> u16 {
        self.0 as u16
    }
}

/// A replica's hybrid clock: its ticks exceed all that it has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HybridClock {
    last: HybridTime,
}

impl HybridClock {
    /// How far ahead of the server a device's time may be, in milliseconds. Refused beyond, not clamped.
    pub const AHEAD_MS_MAX: u64 = 60 * Millis::SECOND;

    /// The time of an event of this replica: later than every tick and every time observed.
    pub fn tick(&mut self, now: Millis) -> HybridTime {
        let next = HybridTime(self.last.0.saturating_add(1));
        self.last = next.max(HybridTime::at(now));
        self.last
    }

    /// Takes note of a time seen in a message.
    pub fn observe(&mut self, seen: HybridTime) {
        self.last = self.last.max(seen);
    }

    /// The latest time given or seen.
    pub fn last(&self) -> HybridTime {
        self.last
    }

    /// Refuses a device's time that is too far ahead of `now`.
    ///
    /// # Errors
    /// [`Reject::ClockAhead`].
    pub fn check(seen: HybridTime, now: Millis) -> Result<(), Reject> {
        if seen.millis() > now.plus(Self::AHEAD_MS_MAX) {
            return Err(Reject::ClockAhead { ahead_ms_max: Self::AHEAD_MS_MAX });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_exceeds_all_that_was_seen() {
        let mut clock = HybridClock::default();
        let first = clock.tick(Millis(1_000));
        assert!(clock.tick(Millis(1_000)) > first, "the clock stands still");
        assert!(clock.tick(Millis(500)) > first, "the clock goes backwards");
        clock.observe(HybridTime::at(Millis(9_000)));
        assert!(clock.tick(Millis(2_000)) > HybridTime::at(Millis(9_000)));
        clock.observe(HybridTime(u64::MAX));
        assert_eq!(clock.tick(Millis(0)), HybridTime(u64::MAX), "saturates, does not wrap");
    }

    #[test]
    fn a_time_ahead_is_refused_not_clamped() {
        let now = Millis(1_000_000);
        assert!(HybridClock::check(HybridTime::at(now.plus(60_000)), now).is_ok());
        assert!(HybridClock::check(HybridTime::at(now.plus(60_001)), now).is_err());
    }
}
