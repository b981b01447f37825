//! Consultations in an SQLite file.

use crate::{
    record::{purpose_code, purpose_of},
    store::{Appended, ConsultationStore, Label, RecordKey, SealedConsultation, SpoolId},
};
use async_trait::async_trait;
use ficha_contract::{LastConsultation, StoreError};
use ficha_domain::Purpose;
use ficha_seal::{BlindIndex, Vault};
use ficha_sqlite::{Database, KEY_TABLE, Migration};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};
use std::{path::Path, time::Duration};

/// One index that grows at its end and one that does not: each costs as much as the row itself.
/// The second answers `last` without touching the table.
const CONSULTATION_TABLE: Migration = "
    CREATE TABLE consultation (
        spool BLOB NOT NULL,       -- which spool acknowledged it
        sequence INTEGER NOT NULL, -- its number there
        key_id INTEGER NOT NULL,   -- which key made the next
        person BLOB NOT NULL,      -- blind index of the CPF
        at INTEGER NOT NULL,       -- ms since 1970
        purpose INTEGER NOT NULL,  -- its code, see record.rs
        counts INTEGER NOT NULL,   -- whether others are told of it
        hash BLOB NOT NULL,        -- of the record as the spool sealed it
        body BLOB NOT NULL,        -- the record, sealed
        UNIQUE (spool, sequence)
    ) STRICT;
    CREATE INDEX consultation_person ON consultation (person, counts, at, purpose);";

const MIGRATIONS: &[Migration] = &[KEY_TABLE, CONSULTATION_TABLE];

/// How long a person's list may take.
const LIST_DEADLINE: Duration = Duration::from_secs(5);

/// Consultations in an SQLite file. Cloning shares it.
#[derive(Clone)]
pub struct SqliteStore(Database);

impl SqliteStore {
    /// Opens the file, made when absent, and refuses when it was written with keys that `vault` has not.
    ///
    /// # Errors
    /// [`ficha_sqlite::Error`], with what to do about it.
    pub async fn open(path: &Path, vault: &Vault) -> Result<Self, ficha_sqlite::Error> {
        let database = Database::open(path, MIGRATIONS)?;
        database.check_keys(vault.fingerprints().map(|print| (print.key, print.check)).collect()).await?;
        // Small checkpoints: a large one holds the disk, which the spool's syncs, and so all answers, wait for.
        let small = |connection: &Connection| connection.pragma_update(None, "wal_autocheckpoint", 1024);
        database.write(small).await?.map_err(ficha_sqlite::Error::from)?;
        Ok(Self(database))
    }
}

#[async_trait]
impl ConsultationStore for SqliteStore {
    async fn append(&self, batch: Vec<SealedConsultation>) -> Result<Appended, StoreError> {
        let written = self.0.write(move |connection| append(connection, &batch)).await;
        written.map_err(StoreError::new)?.map_err(StoreError::new)
    }

    async fn last(&self, person: BlindIndex) -> Result<Option<LastConsultation>, StoreError> {
        let found = self.0.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT at, purpose FROM consultation WHERE person = ?1 AND counts = 1 ORDER BY at DESC LIMIT 1",
                )?
                .query_row([person.value], |row| Ok(LastConsultation { at: at(row, 0)?, purpose: purpose(row, 1)? }))
                .optional()
        });
        found.map_err(StoreError::new)
    }

    async fn of_person(
        &self,
        person: BlindIndex,
        limit: usize,
    ) -> Result<Vec<SealedConsultation>, StoreError> {
        let found = self.0.read_long(LIST_DEADLINE, move |connection| of_person(connection, person, limit));
        found.await.map_err(StoreError::new)
    }
}

fn append(connection: &Connection, batch: &[SealedConsultation]) -> rusqlite::Result<Appended> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO consultation (spool, sequence, key_id, person, at, purpose, counts, hash, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (spool, sequence) DO NOTHING",
    )?;
    let mut appended = Appended::default();
    for SealedConsultation { key, label, hash, body } in batch {
        let sequence = key.sequence.cast_signed();
        let Label { person, at_ms, purpose, counts } = label;
        let purpose = purpose_code(*purpose);
        let added = insert.execute(params![
            key.spool.0,
            sequence,
            person.key,
            person.value,
            at_ms,
            purpose,
            counts,
            hash,
            body
        ])?;
        if added == 1 {
            appended.added += 1;
        } else if kept_hash(connection, *key)? != *hash {
            appended.others.push(*key);
        }
    }
    Ok(appended)
}

fn kept_hash(connection: &Connection, key: RecordKey) -> rusqlite::Result<[u8; 16]> {
    connection
        .prepare_cached("SELECT hash FROM consultation WHERE spool = ?1 AND sequence = ?2")?
        .query_row(params![key.spool.0, key.sequence.cast_signed()], |row| row.get(0))
}

fn of_person(
    connection: &Connection,
    person: BlindIndex,
    limit: usize,
) -> rusqlite::Result<Vec<SealedConsultation>> {
    let mut found = connection.prepare_cached(
        "SELECT spool, sequence, key_id, person, at, purpose, counts, hash, body FROM consultation
         WHERE person = ?1 AND counts = 1 ORDER BY at DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    found.query_map(params![person.value, limit], consultation)?.collect()
}

fn consultation(row: &Row<'_>) -> rusqlite::Result<SealedConsultation> {
    Ok(SealedConsultation {
        key: RecordKey { spool: SpoolId(row.get(0)?), sequence: row.get::<_, i64>(1)?.cast_unsigned() },
        label: Label {
            person: BlindIndex { key: row.get(2)?, value: row.get(3)? },
            at_ms: row.get(4)?,
            purpose: purpose(row, 5)?,
            counts: row.get(6)?,
        },
        hash: row.get(7)?,
        body: row.get(8)?,
    })
}

fn at(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let wrong = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error));
    Timestamp::from_millisecond(row.get(column)?).map_err(wrong)
}

fn purpose(row: &Row<'_>, column: usize) -> rusqlite::Result<Purpose> {
    let code: u8 = row.get(column)?;
    purpose_of(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{store::contract::consultation_store_tests, tests::keyring};

    async fn open() -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let vault = keyring(1).vault("evidence");
        let store = SqliteStore::open(&dir.path().join("evidence.sqlite"), &vault).await.unwrap();
        (dir, store)
    }

    consultation_store_tests!(open());

    #[tokio::test]
    async fn another_key_is_refused() {
        let (dir, store) = open().await;
        drop(store);
        let other =
            SqliteStore::open(&dir.path().join("evidence.sqlite"), &keyring(2).vault("evidence")).await;
        assert!(matches!(other, Err(ficha_sqlite::Error::WrongKey { .. })));
    }

    #[tokio::test]
    async fn last_reads_the_index_alone() {
        let (_dir, store) = open().await;
        let plan: String = store
            .0
            .read(|connection| {
                let sql = "EXPLAIN QUERY PLAN SELECT at, purpose FROM consultation WHERE person = ?1 AND counts = 1 ORDER BY at DESC LIMIT 1";
                connection.query_row(sql, [[0; 16]], |row| row.get(3))
            })
            .unwrap();
        assert!(plan.contains("COVERING INDEX consultation_person"), "{plan}");
    }
}
