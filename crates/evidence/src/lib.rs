//! Who saw what, when and why: durable before the answer leaves, kept once.
//!
//! ```text
//! record() ─▶ queue ─▶ thread "spool": one write, one sync ─▶ answers
//!                          │                    └▶ Pending: found by `last` at once
//!                          ▼                          │
//!                       segments  ◀─ removed after ── mover ─▶ ConsultationStore
//! ```
//!
//! - [`EvidenceService`] is `contract::Evidence`: it encodes a consultation, blinds its CPF, and waits for the spool.
//! - The **spool** (`spool`) is a folder of sealed, checksummed segments, written with zeros beforehand. Its thread
//!   takes everything that waits, writes it once and syncs it once. What failed once fails until the restart.
//! - **Pending** (`pending`) knows what is durable and not yet moved: by blind index for `last`, in order for the mover.
//! - The **mover** (`mover`) hands batches to the [`ConsultationStore`], sorted by blind index; (spool, sequence) makes
//!   each record one record, however often it is sent. A segment goes after the store's commit, never before.
//! - The **watermark** (`watermark`) says until when a list is complete, where several processes share a store.
//!
//! What a restart relies on: a sequence is never used twice, not even one that nobody was told of. Every segment owns as
//! many sequences as it has bytes, and the next one begins above all of them; so its name is known, and its file made
//! ready, before this one is full.
//!
//! # To add a field to the record
//! The field in `contract::Consultation`; its writing and reading at the end of both lists in `record.rs`, behind a new
//! version number: what was sealed under the old one is read for as long as it is kept.
//!
//! # To add a store
//! Implement [`ConsultationStore`] in `store/<engine>.rs`, keep its promises (they are sentences on the trait), and run
//! `consultation_store_tests!` of `store/contract.rs` on it, and `shared_store_tests!` where several processes may have it.
//! Hand it to [`EvidenceService::over`].

mod error;
mod mover;
mod pending;
mod record;
mod service;
mod shared;
mod spool;
mod store;
mod watermark;

#[cfg(test)]
mod tests;

pub use error::EvidenceError;
pub use service::{EvidenceService, SpoolSettings};
pub use shared::{Figures, Gate};
pub use store::{
    Appended, ConsultationStore, Label, RecordKey, SealedConsultation, SpoolId, postgres::PostgresStore,
    sqlite::SqliteStore,
};

/// What the fuzzer reads: bytes as a disk may give them back.
#[doc(hidden)]
pub mod fuzzing {
    use crate::spool::{frame, segment};

    /// Whether a segment begins here.
    #[must_use]
    pub fn header(bytes: &[u8]) -> bool {
        segment::Header::read(bytes).is_some()
    }

    /// Where frames were found, and how long they are.
    #[must_use]
    pub fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
        let found = frame::scan(bytes, 0, 0, 1..1 + bytes.len() as u64);
        found.frames.iter().map(|(offset, frame)| (*offset, frame.len())).collect()
    }
}
