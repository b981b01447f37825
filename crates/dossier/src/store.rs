//! What an engine has to do. It sees sealed bytes and blind indexes only.

pub(crate) mod postgres;
pub(crate) mod sqlite;

#[cfg(test)]
pub(crate) mod contract;

use async_trait::async_trait;
use ficha_contract::{SectionStatus, StoreError};
use ficha_domain::Purpose;
use ficha_seal::BlindIndex;
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// How long a key is remembered: a day, as the draft suggests, in milliseconds.
const IDEMPOTENCY_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// Makes the sealed body of a dossier, once its number is known. May be called again when an engine has to repeat the
/// transaction.
pub type SealBody = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// What is kept of a dossier beside its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Permanent id; what is sealed is bound to it.
    pub id: Uuid,
    /// Counts the kept dossiers from 1.
    pub number: u64,
    /// Whose dossier it is.
    pub client: Arc<str>,
    /// The CPF, sealed.
    pub person: Vec<u8>,
    /// Why it was composed.
    pub purpose: Purpose,
    /// When, to the millisecond.
    pub composed_at: Timestamp,
    /// Whether every section is fresh or not_found.
    pub complete: bool,
    /// What became of debts, score and events.
    pub states: [SectionStatus; 3],
}

/// A dossier to be kept.
#[derive(Clone)]
pub struct NewRow {
    /// As it will be kept; its number is given by the store.
    pub row: Row,
    /// The CPF's blind index.
    pub index: BlindIndex,
    /// From when on it is no longer there.
    pub expires_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The request's idempotency key, blinded.
    pub idempotency: Option<Blinded>,
    /// Its body.
    pub body: SealBody,
}

/// An idempotency key and its request, of which nothing can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blinded {
    /// Names the key.
    pub key: [u8; 16],
    /// Tells one request from another.
    pub request: [u8; 16],
}

/// What is known of an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: go on.
    New,
    /// The same request made this dossier, which is still there.
    Dossier(Uuid),
    /// The key belongs to another request.
    OtherRequest,
}

/// What became of a dossier that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is kept under this number.
    Kept(u64),
    /// The same request was kept before, as this dossier; nothing was done.
    Before(Uuid),
    /// The key belongs to another request; nothing was done.
    OtherRequest,
}

/// Which dossiers are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this client only.
    pub client: Option<Arc<str>>,
    /// Of the person with one of these indexes only; empty: of everybody.
    pub indexes: Vec<BlindIndex>,
    /// For this purpose only.
    pub purpose: Option<Purpose>,
    /// Complete ones only.
    pub complete: bool,
    /// With a smaller number only.
    pub before: Option<u64>,
    /// Now: what has expired is not there.
    pub now: Timestamp,
    /// At most so many.
    pub limit: usize,
}

/// The state of a section by its word; none where another version wrote it.
fn read_state(word: &str) -> Option<SectionStatus> {
    use SectionStatus::{Denied, Fresh, NotFound, Stale, Unavailable};
    [Fresh, Stale, NotFound, Denied, Unavailable].into_iter().find(|state| state.as_str() == word)
}

/// Keeps dossiers for a time. Other processes may use the same store.
#[async_trait]
pub trait DossierStore: Send + Sync {
    /// Gives the next number, one more than the last ever given, and keeps the dossier with the body made for it: in
    /// one transaction, durable when this returns; when it fails, nothing of it happened and the number is free. The
    /// idempotency key is looked up and kept inside, and forgotten a day after. Each call deletes a few dossiers that
    /// have expired.
    async fn keep(&self, new: NewRow) -> Result<Written, StoreError>;

    /// What is known of a key; one whose dossier is gone is new.
    async fn recall(&self, key: Blinded, now: Timestamp) -> Result<Known, StoreError>;

    /// A dossier with its sealed body, if it has not expired. Every dossier that was kept before this call began is
    /// seen. A point read: microseconds on an embedded engine.
    async fn find(&self, id: Uuid, now: Timestamp) -> Result<Option<(Row, Vec<u8>)>, StoreError>;

    /// As [`DossierStore::find`], by number.
    async fn find_by_number(&self, number: u64, now: Timestamp)
    -> Result<Option<(Row, Vec<u8>)>, StoreError>;

    /// Of each person the newest of the dossiers that fit the filter and have not expired; the newest first, or the
    /// oldest of them if so asked. Of a person who is kept under two keys there may be two.
    async fn latest(&self, filter: Filter, oldest_first: bool) -> Result<Vec<Row>, StoreError>;

    /// Dossiers that have not expired, the newest first.
    async fn list(&self, filter: Filter) -> Result<Vec<Row>, StoreError>;
}
