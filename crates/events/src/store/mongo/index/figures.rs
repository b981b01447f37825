//! What an operator sees of the index, and how often it does what it does.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Counted in this process.
#[derive(Debug, Default)]
pub struct IndexFigures {
    position_ms: AtomicI64,
    written: AtomicU64,
    rebuilds: AtomicU64,
    rebuilt: AtomicU64,
    to_rebuild: AtomicU64,
    store_answered: AtomicU64,
}

impl IndexFigures {
    /// Up to when the index was last seen to be complete, in ms since 1970; 0 before it was seen.
    #[must_use]
    pub fn position_ms(&self) -> i64 {
        self.position_ms.load(Relaxed)
    }

    /// Documents that were news to the index.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// How often it was made anew.
    #[must_use]
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds.load(Relaxed)
    }

    /// How many of how many movements are in the index that is being made; zeros while none is.
    #[must_use]
    pub fn rebuilding(&self) -> (u64, u64) {
        (self.rebuilt.load(Relaxed), self.to_rebuild.load(Relaxed))
    }

    /// Questions that the store answered since the index could not.
    #[must_use]
    pub fn store_answered(&self) -> u64 {
        self.store_answered.load(Relaxed)
    }

    pub(super) fn seen(&self, position_ms: i64) {
        self.position_ms.store(position_ms, Relaxed);
    }

    pub(super) fn wrote(&self, count: u64) {
        self.written.fetch_add(count, Relaxed);
    }

    pub(super) fn has_rebuilt(&self) {
        self.rebuilds.fetch_add(1, Relaxed);
    }

    pub(super) fn progress(&self, done: u64, all: u64) {
        self.rebuilt.store(done, Relaxed);
        self.to_rebuild.store(all, Relaxed);
    }

    pub(crate) fn went_to_the_store(&self) {
        self.store_answered.fetch_add(1, Relaxed);
    }
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A beat, a note of where the index stands, and a look whether somebody else feeds it.
    pub beat: Duration,
    /// Forgetting what has been gone for a day.
    pub sweep: Duration,
    /// After something went wrong.
    pub rest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let (beat, sweep, rest) = (Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(1));
        Self { beat, sweep, rest }
    }
}
