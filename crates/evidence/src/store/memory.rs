//! A store that is a map: the double of the crash test.

use crate::{
    store::{Appended, ConsultationStore, RecordKey, SealedConsultation, SpoolId},
    tests::fuse::Fuse,
};
use async_trait::async_trait;
use ficha_contract::{LastConsultation, StoreError};
use ficha_seal::BlindIndex;
use jiff::Timestamp;
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Cloning shares what is kept: as when the machine crashes and the store does not.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore {
    kept: Arc<Mutex<BTreeMap<RecordKey, SealedConsultation>>>,
    away: Arc<AtomicBool>,
    fuse: Arc<Fuse>,
    is_shared: bool,
    spools: Arc<Mutex<BTreeMap<SpoolId, Timestamp>>>,
}

impl MemoryStore {
    /// One that several processes have.
    pub(crate) fn shared() -> Self {
        Self { is_shared: true, ..Self::default() }
    }

    /// The same records, for a machine with another fuse.
    pub(crate) fn with_fuse(&self, fuse: Arc<Fuse>) -> Self {
        Self { fuse, ..self.clone() }
    }

    /// Lets it go away, and come back.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Everything that is kept.
    pub(crate) fn all(&self) -> Vec<SealedConsultation> {
        self.kept.lock().unwrap().values().cloned().collect()
    }

    /// The spools that hold others back.
    pub(crate) fn spools(&self) -> Vec<SpoolId> {
        self.spools.lock().unwrap().keys().copied().collect()
    }

    fn ask(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreError::new("away"));
        }
        Ok(())
    }

    fn of(&self, person: BlindIndex) -> Result<Vec<SealedConsultation>, StoreError> {
        self.ask()?;
        let mut found = self.all();
        found.retain(|row| row.label.person == person && row.label.counts);
        found.sort_by_key(|row| Reverse(row.label.at_ms));
        Ok(found)
    }
}

#[async_trait]
impl ConsultationStore for MemoryStore {
    async fn append(&self, batch: Vec<SealedConsultation>) -> Result<Appended, StoreError> {
        self.ask()?;
        self.fuse.burn().map_err(StoreError::new)?;
        let mut appended = Appended::default();
        for row in batch {
            let mut kept = self.kept.lock().unwrap();
            match kept.get(&row.key) {
                None => {
                    appended.added += 1;
                    kept.insert(row.key, row);
                }
                Some(other) if other.hash != row.hash => appended.others.push(row.key),
                Some(_) => {}
            }
        }
        // The commit is done, its answer is lost.
        self.fuse.burn().map_err(StoreError::new)?;
        Ok(appended)
    }

    async fn last(&self, person: BlindIndex) -> Result<Option<LastConsultation>, StoreError> {
        let latest = self.of(person)?.into_iter().next();
        Ok(latest.map(|row| LastConsultation {
            at: Timestamp::from_millisecond(row.label.at_ms).unwrap(),
            purpose: row.label.purpose,
        }))
    }

    async fn of_person(
        &self,
        person: BlindIndex,
        limit: usize,
    ) -> Result<Vec<SealedConsultation>, StoreError> {
        let mut found = self.of(person)?;
        found.truncate(limit);
        Ok(found)
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    async fn note_complete(&self, spool: SpoolId, until: Timestamp) -> Result<Timestamp, StoreError> {
        self.ask()?;
        self.fuse.burn().map_err(StoreError::new)?;
        let mut spools = self.spools.lock().unwrap();
        let line = spools.entry(spool).or_insert(until);
        *line = until.max(*line);
        Ok(*spools.values().min().unwrap())
    }

    async fn retire(&self, spool: SpoolId) -> Result<(), StoreError> {
        self.ask()?;
        self.fuse.burn().map_err(StoreError::new)?;
        self.spools.lock().unwrap().remove(&spool);
        Ok(())
    }
}

mod tests {
    use super::*;

    async fn open() -> ((), MemoryStore) {
        ((), MemoryStore::default())
    }

    crate::store::contract::consultation_store_tests!(open());

    async fn open_shared() -> ((), MemoryStore, MemoryStore) {
        let store = MemoryStore::shared();
        ((), store.clone(), store)
    }

    crate::store::contract::shared_store_tests!(open_shared());
}
