//! Who saw what, when and why.

use crate::{BaseName, SectionStatus};
use async_trait::async_trait;
use ficha_domain::{Cpf, Purpose};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The record of one answer about one person.
#[derive(Clone, Debug)]
pub struct Consultation {
    /// Id of the consultation; also the `request_id` of the answer.
    pub id: Uuid,
    /// When it was asked.
    pub at: Timestamp,
    /// About whom.
    pub cpf: Cpf,
    /// Which client asked.
    pub client: Arc<str>,
    /// On whose behalf.
    pub subject: Arc<str>,
    /// Why.
    pub purpose: Purpose,
    /// What was asked: the route's template (`GET /divida/{cpf}`).
    pub operation: Arc<str>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Which sections were answered, and how.
    pub seen: Seen,
    /// SHA-256 of the answer's body; of nothing, where the answer is an error and tells nothing of the person.
    pub answer_sha256: [u8; 32],
    /// Whether others are told of it as "última consulta": a person's own access is not, nor a glance at a list.
    pub counts: bool,
}

/// What became of each section in an answer; `None` where it was not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Base A.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub debts: Option<SectionStatus>,
    /// Base B.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score: Option<SectionStatus>,
    /// Base C.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub events: Option<SectionStatus>,
}

impl Seen {
    /// One section only.
    #[must_use]
    pub fn one(base: BaseName, status: SectionStatus) -> Self {
        let mut seen = Self::default();
        seen.set(base, status);
        seen
    }

    /// Notes what became of a section.
    pub fn set(&mut self, base: BaseName, status: SectionStatus) {
        match base {
            BaseName::Debts => self.debts = Some(status),
            BaseName::Score => self.score = Some(status),
            BaseName::Events => self.events = Some(status),
        }
    }
}

/// "Última consulta": what others are told of the latest consultation that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LastConsultation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub purpose: Purpose,
}

/// The consultation is not durable, so the answer must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefused {
    /// Writing failed; the gate stays closed until the process starts anew on a disk that works.
    #[error("the spool cannot be written")]
    Failed,
    /// The spool has reached its bound.
    #[error("the spool is full")]
    Full,
}

/// The record of consultations.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// Makes consultations durable: when this returns `Ok`, they survive the loss of the machine's memory, and will
    /// be in the store exactly once. Grouped: one sync of the disk serves many callers.
    async fn record(&self, consultations: Vec<Consultation>) -> Result<(), RecordRefused>;

    /// The latest consultation of a person that counts; those recorded but not yet moved to the store included.
    async fn last(&self, cpf: Cpf) -> Result<Option<LastConsultation>, crate::StoreError>;

    /// The consultations of a person that count, the latest first, at most `limit`.
    async fn of_person(&self, cpf: Cpf, limit: usize) -> Result<Vec<Consultation>, crate::StoreError>;

    /// Up to when [`Evidence::of_person`] knows every consultation.
    fn complete_until(&self) -> Timestamp;
}
