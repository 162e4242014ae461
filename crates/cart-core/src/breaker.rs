//! A circuit breaker (Nygard, Release It!, "Circuit Breaker"): closed while calls succeed, open after some
//! failures in a row within a window, then half-open: one call is let through, and what becomes of it decides.
//! And a retry budget (Beyer et al., Site Reliability Engineering, "Handling Overload"): however much fails, what is
//! tried again stays a tenth of what is called, so that retries do not keep down what is about to recover. And the
//! load: how many calls wait, by which a caller sees that a dependency is busy before it fails.

use crate::time::Millis;

/// How many failures within the window open it.
pub const FAILURES_MAX: u32 = 3;
/// Within what time failures count together, in milliseconds.
pub const WINDOW_MS: u64 = 10_000;
/// How long it stays open before a call is tried, in milliseconds.
pub const OPEN_MS: u64 = 5_000;
/// How long that call may take before another is tried, in milliseconds.
pub const PROBE_MS: u64 = 5_000;

/// Of one dependency, as one caller sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// Of the first failure that counts.
    since: Millis,
    opened: Option<Millis>,
    probed: Option<Millis>,
}

/// What it does with calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Circuit {
    /// Calls pass.
    #[default]
    Closed,
    /// None does.
    Open,
    /// One does, to see.
    HalfOpen,
}

impl Circuit {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Breaker {
    /// Its state.
    pub fn circuit(&self, now: Millis) -> Circuit {
        match self.opened {
            None => Circuit::Closed,
            Some(opened) if now < opened.plus(OPEN_MS) => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// Whether a call may be made now. In half-open that is the probe.
    pub fn admits(&mut self, now: Millis) -> bool {
        match self.circuit(now) {
            Circuit::Closed => true,
            Circuit::Open => false,
            Circuit::HalfOpen => {
                let free = self.probed.is_none_or(|probed| probed.plus(PROBE_MS) <= now);
                if free {
                    self.probed = Some(now);
                }
                free
            }
        }
    }

    /// Lets the next call through, whatever became of those before: whoever makes it wants to know how it is now.
    pub fn probe(&mut self) {
        if self.opened.is_some() {
            (self.opened, self.probed) = (Some(Millis(0)), None);
        }
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed. One that hung until its deadline weighs as many as open it: its caller has waited.
    pub fn failed(&mut self, hung: bool, now: Millis) {
        if self.failures == 0 || self.since.plus(WINDOW_MS) < now {
            (self.failures, self.since) = (0, now);
        }
        self.failures += if hung { FAILURES_MAX } else { 1 };
        if self.failures >= FAILURES_MAX || self.opened.is_some() {
            (self.opened, self.probed) = (Some(now), None);
        }
    }
}

/// After how many calls one may be tried again.
const CALLS_A_RETRY: u32 = 10;
/// How many may be tried again at once, after a time without failures.
const RETRIES_MAX: u32 = 50;

/// How much may be tried again, of all calls of one caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryBudget {
    calls: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { calls: RETRIES_MAX * CALLS_A_RETRY }
    }
}

impl RetryBudget {
    /// A call is made, for the first time.
    pub fn called(&mut self) {
        self.calls = (self.calls + 1).min(RETRIES_MAX * CALLS_A_RETRY);
    }

    /// Whether one that has failed may be made again; if so, it is.
    pub fn spend(&mut self) -> bool {
        let left = self.calls.checked_sub(CALLS_A_RETRY);
        self.calls = left.unwrap_or(self.calls);
        left.is_some()
    }
}

/// How many calls of one caller may wait at once before what they go to counts as loaded.
pub const WAITING_MAX: u32 = 128;
/// After as long a call is not counted any more, in milliseconds: its caller may be gone without a word.
pub const WAITING_MS: u64 = 4_000;

/// How many calls to one dependency wait for their answer, as one caller sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// The present span of [`WAITING_MS`], from 1970 on.
    span: u64,
    /// The calls made in it, and those made in the one before.
    waiting: [u32; 2],
}

impl Load {
    /// A call is made. Returns what [`Self::answered`] wants to be told.
    pub fn called(&mut self, now: Millis) -> u64 {
        self.at(now);
        self.waiting[0] += 1;
        self.span
    }

    /// A call of that span has its answer.
    pub fn answered(&mut self, span: u64, now: Millis) {
        self.at(now);
        let of_span = self.span.checked_sub(span).and_then(|back| self.waiting.get_mut(back as usize));
        if let Some(waiting) = of_span {
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// Whether so many wait that others had better go elsewhere.
    pub fn is_high(&mut self, now: Millis) -> bool {
        self.at(now);
        self.waiting.iter().sum::<u32>() >= WAITING_MAX
    }

    fn at(&mut self, now: Millis) {
        let span = now.0 / WAITING_MS;
        self.waiting = match span.saturating_sub(self.span) {
            0 => return,
            1 => [0, self.waiting[0]],
            _ => [0, 0],
        };
        self.span = span;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_all_calls_is_tried_again_whatever_fails() {
        let mut budget = RetryBudget::default();
        let retried = |budget: &mut RetryBudget, calls: u32| {
            (0..calls).filter(|_| (budget.called(), budget.spend()).1).count() as u32
        };
        // What was saved, and a tenth of what comes.
        assert_eq!(retried(&mut budget, 10_000), RETRIES_MAX + 10_000 / CALLS_A_RETRY - 1);
        (0..100_000).for_each(|_| budget.called());
        assert_eq!((0..1_000).filter(|_| budget.spend()).count() as u32, RETRIES_MAX, "no more is saved");
    }

    #[test]
    fn it_is_loaded_while_many_calls_wait_and_forgets_those_that_nobody_answers() {
        let at = |ms: u64| Millis(WAITING_MS * 1_000 + ms);
        let mut load = Load::default();
        let spans: Vec<u64> = (0..WAITING_MAX).map(|_| load.called(at(0))).collect();
        assert!(load.is_high(at(0)) && load.is_high(at(2 * WAITING_MS - 1)));
        load.answered(spans[0], at(WAITING_MS));
        assert!(!load.is_high(at(WAITING_MS)));
        load.called(at(WAITING_MS));
        assert!(load.is_high(at(WAITING_MS)));
        assert!(!load.is_high(at(2 * WAITING_MS)), "the first were never heard of");
        load.answered(spans[1], at(2 * WAITING_MS));
        for _ in 1..WAITING_MAX {
            load.called(at(2 * WAITING_MS));
        }
        assert!(load.is_high(at(2 * WAITING_MS)), "late answers count for nothing");
    }

    /// Every state by every event.
    #[test]
    fn it_opens_probes_and_closes() {
        let at = |seconds: u64| Millis(1_000_000 + seconds * 1_000);
        let mut breaker = Breaker::default();
        assert!(breaker.admits(at(0)));
        breaker.failed(false, at(0));
        breaker.failed(false, at(1));
        assert_eq!(breaker.circuit(at(1)), Circuit::Closed);
        breaker.succeeded();
        breaker.failed(false, at(2));
        breaker.failed(false, at(3));
        breaker.failed(false, at(20));
        assert_eq!(breaker.circuit(at(20)), Circuit::Closed, "those before are out of the window");
        breaker.failed(false, at(21));
        breaker.failed(false, at(22));
        assert_eq!(breaker.circuit(at(22)), Circuit::Open);
        assert!(!breaker.admits(at(26)));
        assert_eq!(breaker.circuit(at(27)), Circuit::HalfOpen);
        assert!(breaker.admits(at(27)) && !breaker.admits(at(28)), "one probe");
        breaker.failed(false, at(28));
        assert_eq!(breaker.circuit(at(28)), Circuit::Open);
        assert!(breaker.admits(at(33)));
        assert!(breaker.admits(at(38)), "the probe was never heard of");
        breaker.succeeded();
        assert_eq!(breaker.circuit(at(38)), Circuit::Closed);
        breaker.failed(true, at(39));
        assert_eq!(breaker.circuit(at(39)), Circuit::Open, "who hangs is not asked again");
        breaker.probe();
        assert!(breaker.admits(at(39)) && !breaker.admits(at(39)), "but to see how it is now, once");
        breaker.failed(false, at(39));
        assert_eq!(breaker.circuit(at(39)), Circuit::Open);
        breaker.succeeded();
        breaker.probe();
        assert_eq!(breaker.circuit(at(39)), Circuit::Closed);
    }
}
