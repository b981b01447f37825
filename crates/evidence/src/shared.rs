//! What the callers, the spool's thread and the mover share.

use crate::pending::Pending;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Sizes that only tests choose otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// Bytes of a segment.
    pub(crate) segment_bytes: usize,
    /// Bytes of records that are kept in memory until they are moved.
    pub(crate) held_bytes: usize,
    /// Records that are moved together.
    pub(crate) batch: usize,
    /// Records that are appended to the store at once.
    pub(crate) part: usize,
    /// Records that wake the mover before it has rested.
    pub(crate) wake_at: usize,
    /// How long the mover rests.
    pub(crate) rest: Duration,
    /// From one sync to the next, at least, while many callers wait.
    pub(crate) pace: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            segment_bytes: 4 << 20,
            held_bytes: 32 << 20,
            // The larger a batch, the more of its records share a page of the store's index by person, and the less
            // often readers of that index begin anew.
            batch: 65_536,
            part: 4096,
            wake_at: 65_536,
            rest: Duration::from_secs(5),
            pace: Duration::from_millis(1),
        }
    }
}

/// Whether answers may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Consultations are recorded.
    Open,
    /// The spool has reached its bound, or its disk is full; opens again once records have been moved.
    Full,
    /// Writing failed. Closed until the restart.
    Failed,
}

/// The state of the evidence in numbers, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Consultations acknowledged since the start.
    pub records: u64,
    /// Syncs of the disk that acknowledged them.
    pub syncs: u64,
    /// Records that wait to be moved to the store.
    pub backlog_records: u64,
    /// What counts towards the spool's bound: records that wait to be written or moved, and those that an alarm keeps.
    pub backlog_bytes: u64,
    /// The spool's bound.
    pub max_bytes: u64,
    /// Records found in the store after they were sent, since the start.
    pub moved: u64,
    /// Attempts to move that failed since the start.
    pub moves_failed: u64,
    /// What a person has to look at, since the start: another record in the store under the same key, damage, files of
    /// another spool. Named in the log; nothing of it is removed.
    pub alarms: u64,
    /// Whether answers may leave.
    pub gate: Gate,
}

/// What the callers, the spool's thread and the mover share.
pub(crate) struct Shared {
    pending: Mutex<Pending>,
    /// Tells the mover that a batch waits.
    pub(crate) wake: Notify,
    pub(crate) tuning: Tuning,
    max_bytes: u64,
    used_bytes: AtomicU64,
    full: AtomicBool,
    failed: AtomicBool,
    pub(crate) records: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) moved: AtomicU64,
    pub(crate) moves_failed: AtomicU64,
    pub(crate) alarms: AtomicU64,
    /// Until when the store knows all that was recorded, in ms since 1970; see `watermark`.
    pub(crate) complete_until: AtomicI64,
}

impl Shared {
    pub(crate) fn new(max_bytes: u64, tuning: Tuning) -> Self {
        Self {
            pending: Mutex::new(Pending::new(tuning.held_bytes)),
            wake: Notify::new(),
            tuning,
            max_bytes,
            used_bytes: AtomicU64::new(0),
            full: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            records: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            moves_failed: AtomicU64::new(0),
            alarms: AtomicU64::new(0),
            complete_until: AtomicI64::new(0),
        }
    }

    /// What is durable and not yet moved. Held for microseconds: `last` waits for it.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gate(&self) -> Gate {
        match (self.failed.load(Relaxed), self.full.load(Relaxed)) {
            (true, _) => Gate::Failed,
            (false, true) => Gate::Full,
            (false, false) => Gate::Open,
        }
    }

    /// Closes the gate for good.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Relaxed);
    }

    /// Says whether there is room; it is only told, the room itself is what counts.
    pub(crate) fn set_full(&self, full: bool) {
        if self.full.load(Relaxed) != full {
            self.full.store(full, Relaxed);
        }
    }

    /// Counts bytes that are in the spool already, whatever its bound.
    pub(crate) fn occupy(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Relaxed);
    }

    /// Gives the room of records back.
    pub(crate) fn release(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            records: self.records.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            backlog_records: self.pending().len() as u64,
            backlog_bytes: self.used_bytes.load(Relaxed),
            max_bytes: self.max_bytes,
            moved: self.moved.load(Relaxed),
            moves_failed: self.moves_failed.load(Relaxed),
            alarms: self.alarms.load(Relaxed),
            gate: self.gate(),
        }
    }
}

/// Room in the spool, taken before a record is queued; given back unless the record is written.
pub(crate) struct Room {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Room {
    /// Takes room; `None` when the spool's bound is reached.
    pub(crate) fn take(shared: &Arc<Shared>, bytes: u64) -> Option<Self> {
        let used = shared.used_bytes.fetch_add(bytes, Relaxed);
        // From here on dropping it gives the bytes back.
        let room = Self { shared: shared.clone(), bytes };
        let fits = used.saturating_add(bytes) <= shared.max_bytes;
        shared.set_full(!fits);
        fits.then_some(room)
    }

    /// The records are written: the mover gives their room back.
    pub(crate) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.release(self.bytes);
    }
}
