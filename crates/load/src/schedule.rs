//! When requests are due. In an open loop that is settled beforehand, and a late answer delays no other request: what
//! waited for a free connection has waited as a shopper would have, and that time counts.

use std::time::Duration;

/// When each request is due.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Schedule {
    /// As soon as the one before it on the same connection is answered: how much there can be.
    Full,
    /// So many a second, evenly.
    Rate(f64),
}

impl Schedule {
    /// How long after the start a request is due, by its number from 0.
    pub fn due(self, number: usize) -> Option<Duration> {
        match self {
            Self::Full => None,
            Self::Rate(rate) => Some(Duration::from_secs_f64(number as f64 / rate)),
        }
    }

    /// From when a request's time counts: when it was due, if then no connection was free, so that it was taken late;
    /// else when it was sent, since a timer's lateness is the generator's own.
    pub fn counts_from(due: Option<Duration>, taken: Duration, sent: Duration) -> Duration {
        match due {
            Some(due) if due < taken => due,
            _ => sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_rate_is_kept_whatever_the_answers() {
        let schedule = Schedule::Rate(200.0);
        assert_eq!(schedule.due(0), Some(MS(0)));
        assert_eq!(schedule.due(1), Some(MS(5)));
        assert_eq!(schedule.due(1_000), Some(MS(5_000)));
        assert_eq!(Schedule::Full.due(7), None);
    }

    #[test]
    fn who_waited_for_a_connection_has_waited() {
        // Due at 5, taken at 30, when a connection was free again.
        assert_eq!(Schedule::counts_from(Some(MS(5)), MS(30), MS(30)), MS(5));
        // Taken in time; the timer went off a bit late.
        assert_eq!(Schedule::counts_from(Some(MS(5)), MS(2), MS(6)), MS(6));
        assert_eq!(Schedule::counts_from(None, MS(2), MS(2)), MS(2));
    }
}
