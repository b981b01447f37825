//! Failed authentications, counted so that they can be slowed.

use crate::client::sha256;
use ficha_domain::World;
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

const FAILURES_PER_MINUTE: u64 = 10;
const MINUTE_S: i64 = 60;
const PLACES: usize = 1024;

/// Failures of this minute, per client id.
///
/// They slow only those who fail: a right secret or signature is never asked for its count, so nobody can lock a
/// client out by failing in its name, from wherever. Guessing is not what has to be stopped (a secret has 256 bits)
/// but a broken or hostile client that fills logs and keeps us verifying.
///
/// A fixed number of counters, however many ids are made up; which ids share one cannot be known outside. Sharing
/// costs a neighbour nothing but a 429 in place of its 401.
pub(crate) struct Failures {
    salt: [u8; 16],
    /// The minute in the upper half, its failures in the lower one.
    places: Vec<AtomicU64>,
}

impl Failures {
    pub(crate) fn new(world: &World) -> Self {
        let places = std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self { salt: world.random(), places }
    }

    /// Counts a failure. `Err`: there were too many; try again after so many seconds.
    pub(crate) fn count(&self, client: &str, now: Timestamp) -> Result<(), u32> {
        let minute = now.as_second().div_euclid(MINUTE_S).unsigned_abs() << 32;
        let more = |known: u64| {
            let failures = if known & !0xffff_ffff == minute { known & 0xffff_ffff } else { 0 };
            Some(minute | (failures + 1).min(0xffff_ffff))
        };
        let place = &self.places[self.place(client)];
        let before = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).unwrap_or_default();
        let failures = more(before).unwrap_or_default() & 0xffff_ffff;
        if failures <= FAILURES_PER_MINUTE {
            return Ok(());
        }
        Err(u32::try_from(MINUTE_S - now.as_second().rem_euclid(MINUTE_S)).unwrap_or(1))
    }

    fn place(&self, client: &str) -> usize {
        let hash = sha256(&[&self.salt, client.as_bytes()].concat());
        usize::from(u16::from_be_bytes([hash[0], hash[1]])) % PLACES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use jiff::ToSpan;

    #[test]
    fn ten_a_minute_then_wait_for_the_next() {
        let (failures, now) =
            (Failures::new(&testing::world().world), Timestamp::from_second(1_800_000_020).unwrap());
        for _ in 0..10 {
            assert_eq!(failures.count("a", now), Ok(()));
        }
        assert_eq!(failures.count("a", now), Err(40));
        assert_eq!(failures.count("a", now + 39.seconds()), Err(1));
        assert_eq!(failures.count("b", now), Ok(()), "another client has its own count");
        assert_eq!(failures.count("a", now + 40.seconds()), Ok(()));
    }
}
