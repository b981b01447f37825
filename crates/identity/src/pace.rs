//! Things that are done lazily, but not too often.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// When something was last tried, by the clock that tests can move.
#[derive(Debug)]
pub(crate) struct Pace(AtomicI64);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Pace {
    /// Whether the last try was `every_ms` ago. A clock that was set back so far makes it due too: waiting until it
    /// has caught up could take hours.
    pub(crate) fn is_due(&self, now: Timestamp, every_ms: i64) -> bool {
        let age_ms = now.as_millisecond().saturating_sub(self.0.load(Ordering::Acquire));
        age_ms >= every_ms || age_ms <= -every_ms
    }

    /// Notes a try.
    pub(crate) fn note(&self, now: Timestamp) {
        self.0.store(now.as_millisecond(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn is_due_at_first_after_a_while_and_when_the_clock_went_back() {
        let (pace, now) = (Pace::default(), Timestamp::UNIX_EPOCH + 1.hour());
        assert!(pace.is_due(now, 1000));
        pace.note(now);
        assert!(!pace.is_due(now, 1000) && !pace.is_due(now + 999.milliseconds(), 1000));
        assert!(!pace.is_due(now - 1.millisecond(), 1000), "another thread looked at the clock first");
        assert!(pace.is_due(now + 1.second(), 1000) && pace.is_due(now - 1.second(), 1000));
    }
}
