//! How bases are fed in bulk: by the import, the demo, a replica.

use crate::Problem;
use async_trait::async_trait;
use serde::Serialize;

/// A base that takes many rows at once.
#[async_trait]
pub trait Ingest<Row>: Send + Sync {
    /// Writes a batch in one transaction: all of it is durable when this returns, or nothing of it happened.
    /// A row known already (person of base A or B by CPF, movement by id) is replaced; one that is equal is left alone.
    async fn ingest(&self, batch: Vec<Row>) -> Result<Ingested, Problem>;
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ingested {
    /// Rows that were new.
    pub created: u64,
    /// Rows that replaced others.
    pub replaced: u64,
    /// Rows that were there, equal.
    pub unchanged: u64,
}

impl std::ops::AddAssign for Ingested {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.replaced += other.replaced;
        self.unchanged += other.unchanged;
    }
}
