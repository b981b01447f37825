//! The evidence, as everybody else knows it.

use crate::{
    EvidenceError, Figures,
    mover::{Flush, Mover},
    pending::{Entry, Told},
    record,
    shared::{Gate, Shared, Tuning},
    spool::{
        disk::{Disk, RealDisk},
        log::{Fresh, Log, Making},
        recovery::{Recovered, Recovery},
        writer::Writer,
    },
    store::{ConsultationStore, Label, SealedConsultation, person_key},
    watermark::Watermark,
};
use async_trait::async_trait;
use ficha_contract::{Consultation, Evidence, LastConsultation, RecordRefused, StoreError};
use ficha_domain::{Cpf, World};
use ficha_seal::{BlindIndex, Keyring, OpenError, Vault};
use jiff::Timestamp;
use std::{
    cmp::Reverse,
    collections::HashSet,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

/// What an operator chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// How much may wait for the store. The disk holds up to three segments (4 MiB each)
    /// more, memory about as much again while it waits.
    pub max_bytes: u64,
    /// How long after it was asked a consultation may be recorded: the time limit of a request.
    pub request_max: Duration,
    /// Whether this process records everything that is recorded: another one may answer about the same people.
    pub alone: bool,
}

/// The record of consultations: a spool and its store.
pub struct EvidenceService {
    shared: Arc<Shared>,
    writer: Writer,
    flushes: mpsc::Sender<Flush>,
    store: Arc<dyn ConsultationStore>,
    vault: Vault,
    world: World,
    alone: bool,
}

/// What a service is made of.
pub(crate) struct Parts {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) store: Arc<dyn ConsultationStore>,
    /// Seals the spool.
    pub(crate) spool: Vault,
    /// Finds people, and seals what the store keeps.
    pub(crate) evidence: Vault,
    pub(crate) world: World,
    pub(crate) settings: SpoolSettings,
    pub(crate) tuning: Tuning,
}

impl Parts {
    fn recover(self) -> Result<(Self, Recovered), EvidenceError> {
        let recovery = Recovery {
            disk: &*self.disk,
            world: &self.world,
            vault: &self.spool,
            people: &self.evidence,
            segment_bytes: self.tuning.segment_bytes,
        };
        let recovered = recovery.run()?;
        Ok((self, recovered))
    }
}

/// Work that waits for the disk.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, EvidenceError> {
    spawn_blocking(work).await.map_err(std::io::Error::other)?
}

impl EvidenceService {
    /// Opens the spool in this folder, made when absent, in front of a store. Inside a Tokio runtime; reads what the
    /// spool holds before it returns.
    ///
    /// # Errors
    /// [`EvidenceError`], with what to do about it.
    pub async fn over(
        store: Arc<dyn ConsultationStore>,
        spool: &Path,
        keyring: &Keyring,
        world: World,
        settings: SpoolSettings,
    ) -> Result<Self, EvidenceError> {
        let parts = Parts {
            disk: Arc::new(RealDisk::open(spool)?),
            store,
            spool: keyring.vault("spool"),
            evidence: keyring.vault("evidence"),
            world,
            settings,
            tuning: Tuning::default(),
        };
        Self::start(parts).await
    }

    /// Recovers the spool, has the store know of it, then starts its thread and the mover.
    pub(crate) async fn start(parts: Parts) -> Result<Self, EvidenceError> {
        // After a long absence of the store the whole spool is read.
        let (parts, recovered) = beside(move || parts.recover()).await?;
        let watermark = Watermark {
            disk: parts.disk.clone(),
            store: parts.store.clone(),
            spool: recovered.spool,
            world: parts.world.clone(),
            shared: Arc::new(Shared::new(parts.settings.max_bytes, parts.tuning)),
            request_max: parts.settings.request_max,
        };
        watermark.register(&recovered).await?;
        beside(move || Self::launch(parts, recovered, watermark)).await
    }

    fn launch(parts: Parts, recovered: Recovered, watermark: Watermark) -> Result<Self, EvidenceError> {
        let Parts { disk, store, spool: spool_vault, evidence: vault, world, tuning, settings } = parts;
        let shared = watermark.shared.clone();
        let making = Making {
            disk: disk.clone(),
            vault: spool_vault.clone(),
            world: world.clone(),
            spool: recovered.spool,
            segment_bytes: tuning.segment_bytes,
        };
        // Before anything is moved or removed: from here on the folder remembers that its sequences are used.
        let segment = making.segment(recovered.first)?;
        for name in &recovered.unused {
            disk.remove(name)?;
        }
        take_over(&shared, recovered);
        let writer = Writer::start(Log::new(making, segment), &spool_vault, shared.clone())?;
        let (flushes, asked) = mpsc::channel(8);
        let mover =
            Mover { shared: shared.clone(), disk, store: store.clone(), vault: vault.clone(), watermark };
        tokio::spawn(mover.run(asked));
        Ok(Self { shared, writer, flushes, store, vault, world, alone: settings.alone })
    }

    /// Moves everything that is recorded by now to the store.
    ///
    /// # Errors
    /// The store's: it is away. Nothing is lost; the mover goes on trying.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask_mover(false).await
    }

    /// Writes what waits, moves it to the store, and stops. Consultations that come later are refused. What the store
    /// does not take now is moved by the next start.
    ///
    /// # Errors
    /// The store's: it is away. Everything is stopped nevertheless.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.writer.stop().await;
        self.ask_mover(true).await
    }

    async fn ask_mover(&self, last: bool) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::new("the mover has stopped");
        self.flushes.send(Flush { last, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// The state in numbers, for metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// How long ago that was until when every spool's records are in the store, where several share it; -1 before the
    /// store has told.
    #[must_use]
    pub fn oldest_spool_s(&self) -> Option<i64> {
        let until = self.shared.complete_until.load(Relaxed);
        let age = (self.world.now().as_millisecond() - until) / 1000;
        self.store.is_shared().then_some(if until == 0 { -1 } else { age })
    }

    /// What the store keeps beside what is known here. Where nobody else writes to it, what it said once, and what
    /// went into it since, is the whole; one that is shared has to be asked each time.
    async fn last_kept(
        &self,
        person: BlindIndex,
        told: &Told,
    ) -> Result<Option<LastConsultation>, StoreError> {
        if told.known {
            return Ok(None);
        }
        let kept = self.store.last(person).await?;
        if !self.store.is_shared() {
            self.shared.pending().learn(person, kept, told.moves);
        }
        Ok(kept)
    }

    /// Opens what the store keeps of a person.
    fn open_kept(&self, kept: &SealedConsultation) -> Result<Consultation, StoreError> {
        let record = self.vault.open(&kept.key.to_bytes(), &kept.body).map_err(StoreError::new)?;
        record::decode(&record).ok_or_else(|| StoreError::new(OpenError::Damaged))
    }
}

/// What was durable before this start waits for the mover, whatever the bound is today.
fn take_over(shared: &Shared, recovered: Recovered) {
    shared.alarms.store(recovered.alarms, Relaxed);
    shared.occupy(recovered.entries.iter().map(|entry| u64::from(entry.len)).sum());
    let mut pending = shared.pending();
    pending.add(recovered.entries.into_iter());
    recovered.closed.into_iter().for_each(|segment| pending.close(segment));
}

/// Reads records that are not in the store yet.
fn read_waiting(waiting: &[Entry]) -> Result<Vec<Consultation>, StoreError> {
    let read = |entry: &Entry| {
        let record = entry.record().map_err(StoreError::new)?;
        record::decode(&record).ok_or_else(|| StoreError::new(OpenError::Damaged))
    };
    waiting.iter().map(read).collect()
}

#[async_trait]
impl Evidence for EvidenceService {
    async fn record(&self, consultations: Vec<Consultation>) -> Result<(), RecordRefused> {
        if self.shared.gate() == Gate::Failed {
            return Err(RecordRefused::Failed);
        }
        if consultations.is_empty() {
            return Ok(());
        }
        let fresh = |consultation: &Consultation| Fresh {
            label: Label::of(&self.vault, consultation),
            record: record::encode(consultation),
        };
        self.writer.record(consultations.iter().map(fresh).collect()).await
    }

    async fn last(&self, cpf: Cpf) -> Result<Option<LastConsultation>, StoreError> {
        let key = person_key(cpf);
        let mut last: Option<LastConsultation> = None;
        for person in self.vault.indexes(&key) {
            // In this order: what leaves the first is in the second by then.
            let told = self.shared.pending().last(person);
            let kept = self.last_kept(person, &told).await?;
            last = [last, kept, told.last].into_iter().flatten().max_by_key(|last| last.at);
        }
        Ok(last)
    }

    async fn of_person(&self, cpf: Cpf, limit: usize) -> Result<Vec<Consultation>, StoreError> {
        let key = person_key(cpf);
        let mut found = Vec::new();
        for person in self.vault.indexes(&key) {
            // In this order: what leaves the first is in the second by then.
            let waiting = self.shared.pending().of_person(person, limit);
            let kept = self.store.of_person(person, limit).await?;
            if !waiting.is_empty() {
                let read = spawn_blocking(move || read_waiting(&waiting)).await;
                found.extend(read.map_err(StoreError::new)??);
            }
            for kept in &kept {
                found.push(self.open_kept(kept)?);
            }
        }
        let mut ids = HashSet::new();
        found.retain(|consultation| ids.insert(consultation.id));
        found.sort_by_key(|consultation| Reverse(consultation.at));
        found.truncate(limit);
        Ok(found)
    }

    /// Now, where nobody else records: a list includes what this process has recorded and not moved yet. Where others
    /// record into stores of their own, nothing is known of them: a list is complete until 1970.
    fn complete_until(&self) -> Timestamp {
        match (self.store.is_shared(), self.alone) {
            (false, true) => return self.world.now(),
            (false, false) => return Timestamp::UNIX_EPOCH,
            (true, _) => {}
        }
        Timestamp::from_millisecond(self.shared.complete_until.load(Relaxed)).unwrap_or_default()
    }
}
