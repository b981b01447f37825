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
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one source of chance; a machine without it must not go on"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("the operating system gives random bytes");
    }
}

/// The world of a process that serves.
pub fn system() -> World {
    World::new(Arc::new(SystemClock), Arc::new(SystemRandom))
}
