//! The machine's own clock and chance: the only place that asks for them.

use ficha_domain::{Clock, Random, World};
use jiff::Timestamp;
use std::sync::Arc;

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the process")]
    fn now(&self) -> Timestamp {
        // To the millisecond, as everything is kept: what was answered reads back the same.
        Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default()
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    /// The kernel's own (`getrandom`): AWS-LC's generator measures the processor's jitter first, which takes a tenth
    /// of a second at every start.
    #[expect(clippy::disallowed_methods, reason = "the one source of chance")]
    fn fill(&self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            // Keys and nonces that somebody can guess are worse than no service.
            std::process::abort();
        }
    }
}

/// The world of a process that serves.
pub fn system() -> World {
    World::new(Arc::new(SystemClock), Arc::new(SystemRandom))
}
