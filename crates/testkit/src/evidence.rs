//! The record, in memory.

use async_trait::async_trait;
use ficha_contract::{Consultation, Evidence, LastConsultation, RecordRefused, StoreError};
use ficha_domain::{Cpf, World};
use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A record in memory, which the test may read, fill and break.
pub struct MemoryEvidence {
    world: World,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    consultations: Vec<Consultation>,
    refusing: Option<RecordRefused>,
    unreadable: bool,
}

impl MemoryEvidence {
    /// An empty record that works.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world, state: Mutex::default() }
    }

    /// Everything that was recorded, in order.
    #[must_use]
    pub fn consultations(&self) -> Vec<Consultation> {
        self.state().consultations.clone()
    }

    /// What was recorded since the last time this was asked.
    #[must_use]
    pub fn take(&self) -> Vec<Consultation> {
        std::mem::take(&mut self.state().consultations)
    }

    /// From now on nothing can be recorded, for this reason; `None` mends it.
    pub fn refuse(&self, why: impl Into<Option<RecordRefused>>) {
        self.state().refusing = why.into();
    }

    /// From now on the record can, or cannot, be read.
    pub fn fail_reads(&self, unreadable: bool) {
        self.state().unreadable = unreadable;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latest_first(&self, cpf: Cpf) -> Result<Vec<Consultation>, StoreError> {
        let state = self.state();
        if state.unreadable {
            return Err(StoreError::new("the test says that the record cannot be read"));
        }
        let counts = |kept: &&Consultation| kept.cpf == cpf && kept.counts;
        let mut found: Vec<_> = state.consultations.iter().rev().filter(counts).cloned().collect();
        found.sort_by_key(|kept| std::cmp::Reverse(kept.at));
        Ok(found)
    }
}

#[async_trait]
impl Evidence for MemoryEvidence {
    async fn record(&self, consultations: Vec<Consultation>) -> Result<(), RecordRefused> {
        let mut state = self.state();
        state.refusing.map_or(Ok(()), Err)?;
        state.consultations.extend(consultations);
        Ok(())
    }

    async fn last(&self, cpf: Cpf) -> Result<Option<LastConsultation>, StoreError> {
        let latest = self.latest_first(cpf)?.into_iter().next();
        Ok(latest.map(|kept| LastConsultation { at: kept.at, purpose: kept.purpose }))
    }

    async fn of_person(&self, cpf: Cpf, limit: usize) -> Result<Vec<Consultation>, StoreError> {
        let mut found = self.latest_first(cpf)?;
        found.truncate(limit);
        Ok(found)
    }

    fn complete_until(&self) -> Timestamp {
        self.world.now()
    }
}
