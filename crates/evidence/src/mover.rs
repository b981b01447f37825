//! The mover: takes what is durable to the store, in batches, each record once.

use crate::{
    pending::Entry,
    shared::Shared,
    spool::{
        disk::Disk,
        segment::{ReadError, Segment},
    },
    store::{ConsultationStore, RecordKey, SealedConsultation},
    watermark::Watermark,
};
use ficha_contract::StoreError;
use ficha_seal::Vault;
use std::{
    collections::HashSet,
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{Instant, sleep},
};

/// How long the mover rests when the store is away.
const REST_AWAY: Duration = Duration::from_secs(1);
/// So many records are forgotten at once: `last` waits for it.
const FORGET: usize = 256;

/// Asks the mover to move everything that is durable by now.
pub(crate) struct Flush {
    /// Whether the mover ends after it.
    pub(crate) last: bool,
    pub(crate) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Moves records until it is told to stop.
pub(crate) struct Mover {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) store: Arc<dyn ConsultationStore>,
    /// Seals what the store keeps.
    pub(crate) vault: Vault,
    pub(crate) watermark: Watermark,
}

impl Mover {
    /// Runs until the service is gone, or its last flush is answered.
    pub(crate) async fn run(self, mut flushes: mpsc::Receiver<Flush>) {
        let mut is_away = false;
        loop {
            let rest = if is_away { self.shared.tuning.rest.max(REST_AWAY) } else { self.shared.tuning.rest };
            let flush = tokio::select! {
                biased;
                flush = flushes.recv() => match flush {
                    None => return,
                    flush => flush,
                },
                () = self.shared.wake.notified(), if !is_away => None,
                () = sleep(rest) => None,
            };
            let outcome = self.round(flush.as_ref()).await;
            self.tell(outcome.as_ref().err(), &mut is_away);
            if let Some(Flush { last, answer }) = flush {
                if last {
                    flushes.close();
                    // The folder's lock goes with it, before anybody knows.
                    drop(self);
                    let _ = answer.send(outcome);
                    // Who asks at this moment is told that nobody is there, rather than nothing.
                    while flushes.recv().await.is_some() {}
                    return;
                }
                let _ = answer.send(outcome);
            }
        }
    }

    /// Says in the log when moving begins to fail and when it works again, not at every attempt.
    fn tell(&self, error: Option<&StoreError>, is_away: &mut bool) {
        if let Some(error) = error {
            self.shared.moves_failed.fetch_add(1, Relaxed);
            if !*is_away {
                tracing::warn!(%error, "consultations cannot be moved to their store; the spool keeps them meanwhile");
            }
        } else if *is_away {
            tracing::info!("consultations are moved to their store again");
        }
        *is_away = error.is_some();
    }

    /// Moves everything, and notes that; who ends has nothing more to note.
    async fn round(&self, flush: Option<&Flush>) -> Result<(), StoreError> {
        let began = self.watermark.now();
        self.move_all(flush.is_none()).await?;
        self.watermark.moved(began).await?;
        match flush {
            Some(Flush { last: true, .. }) => self.watermark.retire().await,
            _ => Ok(()),
        }
    }

    /// Moves everything that is durable at the beginning.
    async fn move_all(&self, unhurried: bool) -> Result<(), StoreError> {
        let mut left = self.shared.pending().len();
        while left > 0 {
            let moved = self.move_batch(unhurried).await?;
            left = left.saturating_sub(moved);
            self.sweep().await?;
        }
        // Segments in which nothing was left to move: a torn tail, an end without records.
        self.sweep().await
    }

    /// Removes the segments of which everything is in the store.
    async fn sweep(&self) -> Result<(), StoreError> {
        let done = self.shared.pending().done();
        if !done.is_empty() {
            let disk = self.disk.clone();
            spawn_blocking(move || remove(&*disk, &done)).await.map_err(StoreError::new)?;
        }
        Ok(())
    }

    /// Moves the next batch; `unhurried` where nobody waits for it.
    async fn move_batch(&self, unhurried: bool) -> Result<usize, StoreError> {
        let batch = self.shared.pending().batch(self.shared.tuning.batch);
        let (entries, vault) = (batch.clone(), self.vault.clone());
        // Milliseconds of sealing, perhaps reads of the disk: not on a thread that answers.
        let sealed = spawn_blocking(move || seal_all(&entries, &vault)).await.map_err(StoreError::new)?;
        let (sealed, mut refused) = sealed.map_err(StoreError::new)?;
        refused.extend(self.append(sealed, unhurried).await?);
        self.finish(&batch, &refused);
        Ok(batch.len())
    }

    /// Whether more waits than is being moved: resting as long as a part took halves what can be moved.
    fn is_behind(&self) -> bool {
        self.shared.pending().len() > 2 * self.shared.tuning.batch
    }

    /// Appends a sorted batch part by part: a part changes pages that no other one does, so that together they write no
    /// more than the whole would, and none holds the disk for long, which the spool's syncs wait for. Names what the
    /// store refuses.
    async fn append(
        &self,
        mut sealed: Vec<SealedConsultation>,
        unhurried: bool,
    ) -> Result<Vec<RecordKey>, StoreError> {
        let mut others = Vec::new();
        while !sealed.is_empty() {
            let part = sealed.split_off(sealed.len().saturating_sub(self.shared.tuning.part));
            let since = Instant::now();
            others.extend(self.store.append(part).await?.others);
            // A server has disks of its own.
            if unhurried && !self.store.is_shared() && !self.is_behind() {
                sleep(since.elapsed()).await;
            }
        }
        for key in &others {
            tracing::error!(spool = %key.spool, sequence = key.sequence,
                "the store keeps another consultation under this key: is this spool a copy? Its segment is kept");
        }
        Ok(others)
    }

    fn finish(&self, batch: &[Entry], refused: &HashSet<RecordKey>) {
        for part in batch.chunks(FORGET) {
            self.shared.pending().forget(part);
        }
        self.shared.pending().finish();
        let is_refused = |entry: &&Entry| refused.contains(&entry.segment.key(entry.sequence));
        let (kept, moved): (Vec<&Entry>, Vec<&Entry>) = batch.iter().partition(is_refused);
        // What is refused goes on taking room, so that a copy that runs on comes to a stop.
        kept.iter().for_each(|entry| entry.segment.keep());
        self.shared.release(moved.iter().map(|entry| u64::from(entry.len)).sum());
        self.shared.set_full(false);
        self.shared.alarms.fetch_add(kept.len() as u64, Relaxed);
        self.shared.moved.fetch_add(moved.len() as u64, Relaxed);
    }
}

/// Seals a batch for the store, sorted by blind index, so that neighbours in its tree are written together. Names what
/// cannot be read any more besides.
fn seal_all(entries: &[Entry], vault: &Vault) -> io::Result<(Vec<SealedConsultation>, HashSet<RecordKey>)> {
    let mut refused = HashSet::new();
    let mut sealed = Vec::with_capacity(entries.len());
    for entry in entries {
        let key = entry.segment.key(entry.sequence);
        match entry.record() {
            Ok(record) => sealed.push(SealedConsultation {
                key,
                label: entry.label,
                hash: entry.hash,
                body: vault.seal(key.nonce(), &key.to_bytes(), &record),
            }),
            Err(ReadError::Io(error)) => return Err(error),
            Err(ReadError::Open(error)) => {
                tracing::error!(spool = %key.spool, sequence = key.sequence, %error, "a record of the spool is damaged; its segment is kept");
                refused.insert(key);
            }
        }
    }
    sealed.sort_unstable_by_key(|consultation| consultation.label.person.value);
    Ok((sealed, refused))
}

/// Removes segments; what cannot be removed is read again at the next start, and known by the store.
fn remove(disk: &dyn Disk, segments: &[Arc<Segment>]) {
    for segment in segments.iter().filter(|segment| !segment.is_kept()) {
        if let Err(error) = disk.remove(&segment.name) {
            tracing::warn!(%error, segment = segment.name, "a segment of the spool cannot be removed");
        }
    }
}
