//! Which calls were taken: a call that somebody wrote down and sends again opens nothing.

use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};
use uuid::Uuid;

/// Calls are forgotten together with those that end in the same span.
const SPAN_S: i64 = 4;

/// The ids of calls that could still be taken. Only signed ones get here, so nobody else can fill it.
#[derive(Default)]
pub(crate) struct Seen(Mutex<BTreeMap<i64, HashSet<Uuid>>>);

impl Seen {
    /// Notes a call that is taken until then; `false`: it was taken before.
    pub(crate) fn take(&self, id: Uuid, until: Timestamp, now: Timestamp) -> bool {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = now.as_second().div_euclid(SPAN_S);
        while spans.first_key_value().is_some_and(|(span, _)| *span < over) {
            spans.pop_first();
        }
        spans.entry(until.as_second().div_euclid(SPAN_S)).or_default().insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn a_call_is_taken_once_for_as_long_as_it_could_be_taken_and_then_forgotten() {
        let (seen, start) = (Seen::default(), Timestamp::UNIX_EPOCH + 1.hour());
        let until = start + 6.seconds();
        assert!(seen.take(Uuid::from_u128(1), until, start));
        for second in 0..6 {
            assert!(!seen.take(Uuid::from_u128(1), until, start + second.seconds()), "second {second}");
        }
        for number in 0..1000 {
            let now = start + number.seconds();
            assert!(seen.take(Uuid::from_u128(100 + number as u128), now + 6.seconds(), now));
        }
        let kept: usize = seen.0.lock().unwrap().values().map(HashSet::len).sum();
        assert!(kept < 20, "{kept}");
    }
}
