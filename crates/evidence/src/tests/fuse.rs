//! Ends a machine before one of its operations.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

/// Counts what changes something outside the process's memory; from a chosen operation on, nothing does any more.
pub(crate) struct Fuse {
    done: AtomicU64,
    limit: u64,
}

impl Fuse {
    /// The machine crashes before operation `limit`, counted from 0.
    pub(crate) fn before(limit: u64) -> Self {
        Self { done: AtomicU64::new(0), limit }
    }

    /// One operation; an error when the machine has crashed.
    pub(crate) fn burn(&self) -> io::Result<()> {
        let done = self.done.fetch_add(1, SeqCst);
        if done < self.limit { Ok(()) } else { Err(io::Error::other("crashed")) }
    }

    /// How many operations there were.
    pub(crate) fn count(&self) -> u64 {
        self.done.load(SeqCst)
    }
}

impl Default for Fuse {
    fn default() -> Self {
        Self::before(u64::MAX)
    }
}
