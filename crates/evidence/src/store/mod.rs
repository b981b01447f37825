//! Where consultations are kept for good.

use async_trait::async_trait;
use ficha_contract::{Consultation, LastConsultation, StoreError};
use ficha_domain::{Cpf, Purpose};
use ficha_seal::{BlindIndex, Vault};
use jiff::Timestamp;
use std::fmt;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
pub(crate) mod memory;
pub(crate) mod postgres;
pub(crate) mod sqlite;

/// Keeps consultations: sealed, each once. What it promises is what `store/contract.rs` tests on every engine.
#[async_trait]
pub trait ConsultationStore: Send + Sync {
    /// Keeps a batch.
    ///
    /// - All of it or, when it returns an error, perhaps all, perhaps nothing; never a part.
    /// - Durable when it returns `Ok`.
    /// - One record per [`RecordKey`]: what is there already is left as it is, and named in [`Appended::others`] when
    ///   its hash is not the one that was sent.
    async fn append(&self, batch: Vec<SealedConsultation>) -> Result<Appended, StoreError>;

    /// The latest consultation of a person that counts. Sees every append that was answered before it was called. On
    /// the way of every answer: a point read.
    async fn last(&self, person: BlindIndex) -> Result<Option<LastConsultation>, StoreError>;

    /// The consultations of a person that count, the latest first, at most `limit`. Sees every append that was
    /// answered before it was called.
    async fn of_person(
        &self,
        person: BlindIndex,
        limit: usize,
    ) -> Result<Vec<SealedConsultation>, StoreError>;

    /// Whether others write to it as well: then what it said once is not the whole a moment later. Only such a store is
    /// asked what follows.
    fn is_shared(&self) -> bool {
        false
    }

    /// Notes that of what this spool recorded, everything that was asked until then is here; what was noted before
    /// stays where it is later. Says until when that holds for all spools that were noted and not retired. Durable when
    /// it returns `Ok`.
    async fn note_complete(&self, spool: SpoolId, until: Timestamp) -> Result<Timestamp, StoreError> {
        let _ = spool;
        Ok(until)
    }

    /// Forgets what was noted of this spool: everything that it recorded is here, and it records no more.
    async fn retire(&self, spool: SpoolId) -> Result<(), StoreError> {
        let _ = spool;
        Ok(())
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// So many records are new.
    pub added: u64,
    /// Records that were refused: another one is kept under their key. A cloned volume, or worse.
    pub others: Vec<RecordKey>,
}

/// The random name of a spool, made once with its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpoolId(pub [u8; 16]);

impl fmt::Display for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What makes a record one record, wherever it is and however often it is sent. What is sealed is bound to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// The spool that acknowledged it.
    pub spool: SpoolId,
    /// Its number there; grows, with gaps.
    pub sequence: u64,
}

impl RecordKey {
    /// As what is sealed is bound to it.
    pub(crate) fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.spool.0);
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// A nonce for the store's seal: the sequence, told apart by the spool's first bytes. Random ones would be used up in
    /// a day, and a record that is sent again seals to the same bytes. Two spools whose ids begin alike cost nothing:
    /// SIV gives away no more than whether two records are equal, and no two are.
    pub(crate) fn nonce(self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.spool.0[..4]);
        nonce[4..].copy_from_slice(&self.sequence.to_be_bytes());
        nonce
    }
}

/// What is known of a consultation without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The person's blind index.
    pub person: BlindIndex,
    /// When it was asked, in milliseconds since 1970.
    pub at_ms: i64,
    /// Why.
    pub purpose: Purpose,
    /// Whether others are told of it.
    pub counts: bool,
}

impl Label {
    /// The label of a consultation, under the key that seals.
    pub(crate) fn of(vault: &Vault, consultation: &Consultation) -> Self {
        Self {
            person: vault.index(&person_key(consultation.cpf)),
            at_ms: consultation.at.as_millisecond(),
            purpose: consultation.purpose,
            counts: consultation.counts,
        }
    }

    /// What others are told of it.
    pub(crate) fn told(&self) -> Option<LastConsultation> {
        Some(LastConsultation { at: Timestamp::from_millisecond(self.at_ms).ok()?, purpose: self.purpose })
    }
}

/// What a blind index is made of.
pub(crate) fn person_key(cpf: Cpf) -> [u8; 8] {
    cpf.as_u64().to_be_bytes()
}

/// A consultation as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedConsultation {
    /// What makes it one record.
    pub key: RecordKey,
    /// What it is found by.
    pub label: Label,
    /// A keyed hash of the record, the same at every sending: tells another record under the same key.
    pub hash: [u8; 16],
    /// Everything, sealed and bound to the key.
    pub body: Vec<u8>,
}
