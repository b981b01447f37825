//! Who asks a server that does not answer.
//!
//! Without it everybody who asks waits out a time limit of his own, for as long as the server hangs. With it the first
//! do; then all fail at once, and each second one of them tries.

use crate::{Error, error::is_away};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

const REST: Duration = Duration::from_secs(1);

pub(crate) struct Gate {
    start: Instant,
    /// In ms since the start: when the next one may try. 0 while the server answers.
    shut_until: AtomicU64,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), shut_until: AtomicU64::new(0) }
    }

    /// Whether to ask at all.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        let until = self.shut_until.load(Ordering::Relaxed);
        if until == 0 {
            return Ok(());
        }
        let next = self.after_rest();
        let mine = self.now() >= until
            && self.shut_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine { Ok(()) } else { Err(Error::Down) }
    }

    /// The server answered, whatever it said.
    pub(crate) fn up(&self) {
        if self.shut_until.load(Ordering::Relaxed) != 0 {
            self.shut_until.store(0, Ordering::Relaxed);
            tracing::info!("MongoDB answers again");
        }
    }

    /// It did not.
    pub(crate) fn down(&self) {
        if self.shut_until.swap(self.after_rest(), Ordering::Relaxed) == 0 {
            tracing::warn!("MongoDB does not answer");
        }
    }

    /// It was asked, and this came of it. A server that says why not is there.
    pub(crate) fn judge(&self, error: &mongodb::error::Error) {
        if is_away(error) { self.down() } else { self.up() }
    }

    fn after_rest(&self) -> u64 {
        self.now() + u64::try_from(REST.as_millis()).unwrap_or(u64::MAX)
    }

    /// From 1 on, so that 0 means open.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_tries_each_second_and_success_opens() {
        let gate = Gate::new();
        assert!(gate.enter().is_ok());
        gate.down();
        assert!(matches!(gate.enter(), Err(Error::Down)));
        tokio::time::advance(Duration::from_millis(1001)).await;
        let entered = (0..10).filter(|_| gate.enter().is_ok()).count();
        assert_eq!(entered, 1, "one tries, the others do not wait for it");
        gate.up();
        assert!((0..10).all(|_| gate.enter().is_ok()));
    }
}
