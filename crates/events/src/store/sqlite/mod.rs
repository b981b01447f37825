//! Base C in a SQLite file.
//!
//! CPFs are in the clear here, unlike in bases A and B: what is fastest is an integer key, and by design this base is
//! protected by who may open the file. What clients themselves send as idempotency keys is blinded all the same.

mod change;
mod hot;
mod rows;

use super::{LastPurchase, MovementStore, Selection, Write, WriteRefused};
use crate::{Movement, Zone, store::codes};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use ficha_contract::{Ingested, Reply, StoreError};
use ficha_domain::Cpf;
use ficha_sqlite::{Database, Error, IDEMPOTENCY_TABLE, Migration};
use jiff::Timestamp;
use rusqlite::OptionalExtension;
use std::{path::Path, sync::Arc, time::Duration};

/// A person's rows lie together, the latest first, so that a list is one stretch of the file. There is no text index:
/// a search is always one person's, and folds the descriptions of his rows as it passes them.
const MOVEMENTS: Migration = "
    CREATE TABLE movement (
        cpf INTEGER NOT NULL,
        at INTEGER NOT NULL,           -- ms since 1970
        id BLOB NOT NULL,              -- 12 bytes
        version INTEGER NOT NULL,      -- the entity tag
        cents INTEGER NOT NULL,
        kind INTEGER NOT NULL,         -- 0 unknown, 1 Credit, 2 Debit
        payment_type INTEGER NOT NULL, -- 0 unknown, 1 CreditCard, 2 DebitCard, 3 PaymentSlip, 4 Money
        description TEXT NOT NULL,
        PRIMARY KEY (cpf, at DESC, id DESC)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX movement_id ON movement (id);
    CREATE INDEX movement_card ON movement (cpf, at DESC, id DESC) WHERE kind = 2 AND payment_type = 1;
    CREATE TABLE hot (
        cpf INTEGER PRIMARY KEY,
        updated_at INTEGER NOT NULL,   -- ms since 1970
        last_purchase TEXT NOT NULL,   -- ready JSON, or null
        rest TEXT NOT NULL             -- ready JSON, from the comma on
    ) STRICT;
    CREATE TABLE counter (version INTEGER NOT NULL) STRICT;
    INSERT INTO counter VALUES (0);
    CREATE TABLE hot_layout (layout TEXT NOT NULL) STRICT;";

const MIGRATIONS: &[Migration] = &[MOVEMENTS, IDEMPOTENCY_TABLE];

/// After this, a list is given up: a person's movements are many, not endless.
const LIST_DEADLINE: Duration = Duration::from_secs(2);

/// Movements in a SQLite file.
pub struct SqliteMovements {
    database: Database,
    zone: Zone,
    blinding: Arc<hmac::Key>,
}

impl SqliteMovements {
    /// Opens the file, made when absent. Hot records that were made for another zone or by another version are made
    /// anew first, which takes a minute or two for each million people.
    ///
    /// # Errors
    /// The engine's.
    pub async fn open(path: &Path, zone: Zone, blinding: [u8; 32]) -> Result<Self, Error> {
        let database = Database::open(path, MIGRATIONS)?;
        hot::renew(&database, &zone).await?;
        let blinding = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &blinding));
        Ok(Self { database, zone, blinding })
    }
}

#[async_trait]
impl MovementStore for SqliteMovements {
    async fn append_hot(&self, cpf: Cpf, answer: &mut Vec<u8>) -> Result<Option<Timestamp>, StoreError> {
        self.database
            .read(|connection| hot::append(connection, codes::key(cpf), answer).optional())
            .map_err(StoreError::new)
    }

    async fn last_purchase(&self, cpf: Cpf) -> Result<Option<LastPurchase>, StoreError> {
        self.database
            .read(|connection| hot::last_purchase(connection, codes::key(cpf)).optional())
            .map_err(StoreError::new)
    }

    async fn list(&self, cpf: Cpf, selection: Selection) -> Result<Option<Vec<Movement>>, StoreError> {
        self.database
            .read_long(LIST_DEADLINE, move |connection| rows::list(connection, cpf, &selection))
            .await
            .map_err(StoreError::new)
    }

    async fn write(&self, write: Write) -> Result<Reply, WriteRefused> {
        let (zone, blinding) = (self.zone.clone(), self.blinding.clone());
        let written =
            self.database.write(move |connection| change::once(connection, &zone, &blinding, write));
        written.await.map_err(StoreError::new)?
    }

    async fn ingest(&self, batch: Vec<Movement>, now: Timestamp) -> Result<Ingested, StoreError> {
        let zone = self.zone.clone();
        let written = self.database.write(move |connection| change::batch(connection, &zone, &batch, now));
        written.await.map_err(StoreError::new)?.map_err(StoreError::new)
    }
}

#[cfg(test)]
mod tests;
