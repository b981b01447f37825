//! Until when a list is complete, where several processes record in front of one store.
//!
//! Each spool has a line in the store: whatever it recorded that was asked until then is here. The least of all lines is
//! what holds. True it is by these rules:
//!
//! - A spool has its line before its first record, or others would call complete what they cannot know of. A file in
//!   its folder says that it has one, so that it may start again while the store is away.
//! - A request is recorded within its time limit. So a round of the mover speaks for what was asked a limit before the
//!   round began, and a second for the machine to be late; as far may clocks of several machines be apart.
//! - Who ends with an empty spool takes its line away. The line of one who died stays, and holds the others back, until
//!   its spool is opened again and moved, by its next start or by `ficha spool ship`.
//! - A record that needs a person's eyes holds the line too: it is not in the store.

use crate::{
    EvidenceError,
    shared::{Gate, Shared},
    spool::{disk::Disk, recovery::Recovered},
    store::{ConsultationStore, SpoolId},
};
use ficha_contract::StoreError;
use ficha_domain::World;
use jiff::Timestamp;
use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::task::spawn_blocking;

/// Says in the folder that the spool has its line in the store.
const NOTE: &str = "registered";
const LATE: Duration = Duration::from_secs(1);

/// One spool's line. Does nothing in front of a store that is not shared.
pub(crate) struct Watermark {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) store: Arc<dyn ConsultationStore>,
    pub(crate) spool: SpoolId,
    pub(crate) world: World,
    pub(crate) shared: Arc<Shared>,
    pub(crate) request_max: Duration,
}

impl Watermark {
    /// Before the first record: what the folder holds is not moved yet, what comes is asked from now on.
    pub(crate) async fn register(&self, recovered: &Recovered) -> Result<(), EvidenceError> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let is_known = self.disk.list()?.iter().any(|name| name == NOTE);
        let now = self.now();
        match self.note(until(recovered, now), now).await {
            Ok(()) if is_known => Ok(()),
            Ok(()) => Ok(self.on_disk(make_note).await?),
            Err(error) if is_known => {
                tracing::warn!(%error, "the store of consultations is away; the spool keeps them meanwhile");
                Ok(())
            }
            Err(error) => Err(EvidenceError::Unknown(error)),
        }
    }

    /// Now, as rounds of the mover begin.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// A round that began then has moved everything that was durable.
    pub(crate) async fn moved(&self, began: Timestamp) -> Result<(), StoreError> {
        if !self.speaks_for_all() {
            return Ok(());
        }
        self.note(self.limit_before(began), began).await
    }

    /// Everything is moved, and nothing comes any more.
    pub(crate) async fn retire(&self) -> Result<(), StoreError> {
        if !self.speaks_for_all() {
            return Ok(());
        }
        // First: a folder that says it has a line must have one.
        self.on_disk(remove_note).await.map_err(StoreError::new)?;
        self.store.retire(self.spool).await
    }

    /// Whether all that this spool ever acknowledged was moved when nothing waits.
    fn speaks_for_all(&self) -> bool {
        let is_whole = self.shared.alarms.load(Relaxed) == 0 && self.shared.gate() != Gate::Failed;
        self.store.is_shared() && is_whole
    }

    /// Notes it, and learns what holds for all. Never more than a limit before now: who begins after the store was asked
    /// may have a clock that is behind.
    async fn note(&self, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let all = self.store.note_complete(self.spool, until).await?.min(self.limit_before(now));
        self.shared.complete_until.store(all.as_millisecond(), Relaxed);
        Ok(())
    }

    fn limit_before(&self, instant: Timestamp) -> Timestamp {
        let limit = i64::try_from((self.request_max + LATE).as_millis()).unwrap_or(i64::MAX);
        ms(instant.as_millisecond().saturating_sub(limit))
    }

    async fn on_disk(&self, work: fn(&dyn Disk) -> io::Result<()>) -> io::Result<()> {
        let disk = self.disk.clone();
        spawn_blocking(move || work(&*disk)).await.map_err(io::Error::other)?
    }
}

fn make_note(disk: &dyn Disk) -> io::Result<()> {
    disk.create(NOTE)?;
    disk.sync_dir()
}

fn remove_note(disk: &dyn Disk) -> io::Result<()> {
    match disk.remove(NOTE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => disk.sync_dir(),
    }
}

/// Until when all that was ever recorded here is in the store: what the folder holds is not.
fn until(recovered: &Recovered, now: Timestamp) -> Timestamp {
    if recovered.alarms > 0 {
        return Timestamp::UNIX_EPOCH;
    }
    let now = now.as_millisecond();
    let oldest = recovered.entries.iter().map(|entry| entry.label.at_ms).min();
    ms(oldest.map_or(now, |oldest| oldest.min(now)).saturating_sub(1))
}

/// So many milliseconds after 1970; 1970 itself where there is no such instant.
fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
