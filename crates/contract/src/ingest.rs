//! How bases are fed in bulk: by the import, the demo, a replica.

use crate::Problem;
use async_trait::async_trait;
use ficha_domain::Cpf;
use serde::Serialize;

/// A base that takes many rows at once.
#[async_trait]
pub trait Ingest<Row>: Send + Sync {
    /// Merges a batch in one transaction: all of it is durable when this returns, or nothing of it happened.
    ///
    /// A movement whose id is known is replaced. A person of base A or B keeps what the row does not speak of: a name,
    /// address or birth that is sent takes the place of the old one, an empty one leaves it; an item with an id is the
    /// one of that id, an item without one is the equal one that no other item of this row is, else a new one; no item
    /// is ever removed. So a row that comes again changes nothing.
    ///
    /// # Errors
    /// With `errors` in it, a row is to blame, and each of the others could go in without it: of people also what only
    /// shows beside what is there (a name for somebody new, the bound of a list). Otherwise the store is.
    async fn ingest(&self, batch: Vec<Row>) -> Result<Ingested, Problem>;

    /// Whether the base would take this row, as far as the row alone can tell: whoever feeds it sets bad rows aside
    /// one by one.
    ///
    /// # Errors
    /// `invalid_cpf`, `invalid_field`: which field, and what it takes.
    fn check(&self, row: &Row) -> Result<(), Problem>;

    /// Where a person's rows lie: people of near regions lie near each other. Batches that go along with it change few
    /// pages of the base, those that leap about in it one for each row.
    fn region(&self, cpf: Cpf) -> u64 {
        cpf.as_u64()
    }
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
