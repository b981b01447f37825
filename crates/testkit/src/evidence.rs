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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestShell;
    use ficha_contract::Seen;
    use ficha_domain::Purpose;

    fn consultation(cpf: Cpf, minute: i64, purpose: Purpose) -> Consultation {
        Consultation {
            id: Default::default(),
            at: Timestamp::from_second(minute * 60).unwrap(),
            cpf,
            client: "shop".into(),
            subject: "shop".into(),
            purpose,
            operation: "GET /divida/{cpf}".into(),
            status: 200,
            seen: Seen::default(),
            answer_sha256: [0; 32],
            counts: purpose.counts(),
        }
    }

    #[tokio::test]
    async fn answers_like_a_record_and_breaks_when_told() {
        let (evidence, cpf) = (TestShell::new().evidence, Cpf::from_base(1).unwrap());
        let asked = [(2, Purpose::RiskAnalysis), (1, Purpose::CreditGranting), (3, Purpose::OwnAccess)];
        let records = asked.map(|(minute, purpose)| consultation(cpf, minute, purpose));
        evidence.record(records.into()).await.unwrap();
        let latest = evidence.last(cpf).await.unwrap().unwrap();
        assert_eq!((latest.at.as_second(), latest.purpose), (120, Purpose::RiskAnalysis));
        assert_eq!(evidence.of_person(cpf, 9).await.unwrap().len(), 2, "own access does not count");
        assert_eq!(evidence.of_person(cpf, 1).await.unwrap()[0].at, latest.at);
        assert!(evidence.last(Cpf::from_base(2).unwrap()).await.unwrap().is_none());
        evidence.fail_reads(true);
        assert!(evidence.last(cpf).await.is_err() && evidence.of_person(cpf, 1).await.is_err());
        evidence.refuse(RecordRefused::Full);
        assert_eq!(evidence.record(Vec::new()).await, Err(RecordRefused::Full));
        assert_eq!((evidence.take().len(), evidence.consultations().len()), (3, 0));
    }
}
