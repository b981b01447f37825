//! Consultations on a PostgreSQL server that several processes share.
//!
//! What a spool sends is removed from it afterwards, so a commit has to be durable: not for a server whose
//! `synchronous_commit` is off.

use crate::{
    record::{purpose_code, purpose_of},
    store::{Appended, ConsultationStore, Label, RecordKey, SealedConsultation, SpoolId},
};
use async_trait::async_trait;
use ficha_contract::{LastConsultation, StoreError};
use ficha_domain::Purpose;
use ficha_postgres::{Error, KEY_TABLE, Params, Postgres, Repeat, Row, Settings, Step, Stop, Transaction};
use ficha_seal::{BlindIndex, Vault};
use jiff::Timestamp;
use std::{convert::Infallible, ops::ControlFlow, time::Duration};
use tokio::{
    sync::OnceCell,
    time::{sleep, timeout},
};
use uuid::Uuid;

const STEPS: &[Step] = &[
    KEY_TABLE,
    // The second index answers `last` without the table, as far as the visibility map allows.
    Step::adds(
        "CREATE TABLE consultation (
            spool uuid NOT NULL,       -- which spool acknowledged it
            sequence bigint NOT NULL,  -- its number there
            key_id bigint NOT NULL,    -- which key made the next
            person uuid NOT NULL,      -- blind index of the CPF
            at bigint NOT NULL,        -- ms since 1970
            purpose smallint NOT NULL, -- its code, see record.rs
            counts boolean NOT NULL,   -- whether others are told of it
            hash bytea NOT NULL,       -- of the record as the spool sealed it
            body bytea NOT NULL,       -- the record, sealed
            PRIMARY KEY (spool, sequence)
        );
        CREATE INDEX consultation_person ON consultation (person, at DESC) INCLUDE (purpose) WHERE counts",
    ),
    Step::adds(
        "CREATE TABLE spool (
            id uuid PRIMARY KEY,
            complete_until bigint NOT NULL -- ms since 1970: what it recorded that was asked until then is here
        )",
    ),
];

const APPEND_DEADLINE: Duration = Duration::from_secs(10);
const NOTE_DEADLINE: Duration = Duration::from_secs(5);
/// How long a person's list may take.
const LIST_DEADLINE: Duration = Duration::from_secs(5);

/// How long a start waits for a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// Consultations in a schema of a shared server.
pub struct PostgresStore {
    settings: Settings,
    schema: String,
    keys: Vec<(u32, [u8; 16])>,
    sql: Sql,
    /// Empty until its schema and its keys were compared.
    store: OnceCell<Postgres>,
}

/// The statements, with the schema in front of every name.
struct Sql {
    insert: String,
    others: String,
    last: String,
    of_person: String,
    note: String,
    complete: String,
    retire: String,
}

impl Sql {
    fn of(schema: &str) -> Self {
        let table = format!("{schema}.consultation");
        Self {
            insert: format!(
                "INSERT INTO {table} (spool, sequence, key_id, person, at, purpose, counts, hash, body)
                SELECT spool, sequence, key_id, person, at, purpose, counts, hash, body
                FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::uuid[], $5::int8[], $6::int2[], $7::bool[],
                    $8::bytea[], $9::bytea[])
                    AS new (spool, sequence, key_id, person, at, purpose, counts, hash, body)
                ON CONFLICT (spool, sequence) DO NOTHING"
            ),
            others: format!(
                "SELECT sent.spool, sent.sequence
                FROM unnest($1::uuid[], $2::int8[], $3::bytea[]) AS sent (spool, sequence, hash)
                JOIN {table} AS kept ON kept.spool = sent.spool AND kept.sequence = sent.sequence
                WHERE kept.hash <> sent.hash"
            ),
            last: format!(
                "SELECT at, purpose FROM {table} WHERE person = $1 AND counts ORDER BY at DESC LIMIT 1"
            ),
            of_person: format!(
                "SELECT spool, sequence, key_id, person, at, purpose, counts, hash, body FROM {table}
                WHERE person = $1 AND counts ORDER BY at DESC LIMIT $2"
            ),
            note: format!(
                "INSERT INTO {schema}.spool AS kept (id, complete_until) VALUES ($1, $2)
                ON CONFLICT (id) DO UPDATE SET complete_until = greatest(kept.complete_until, $2)"
            ),
            complete: format!("SELECT min(complete_until) FROM {schema}.spool"),
            retire: format!("DELETE FROM {schema}.spool WHERE id = $1"),
        }
    }
}

impl PostgresStore {
    /// Opens the store in this schema. Refuses one that is not of this version, or was written with other keys. A server
    /// that does not answer is compared when it does, before anything is written: the spool keeps consultations
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error`], which names the schema and says what to do.
    pub async fn open(settings: &Settings, schema: &str, vault: &Vault) -> Result<Self, Error> {
        let store = Self {
            settings: settings.clone(),
            schema: schema.to_owned(),
            keys: vault.fingerprints().map(|print| (print.key, print.check)).collect(),
            sql: Sql::of(schema),
            store: OnceCell::new(),
        };
        match timeout(PATIENCE, store.answer()).await {
            Ok(Err(error)) => Err(error),
            _ => Ok(store),
        }
    }

    /// Waits until the server says yes or no.
    async fn answer(&self) -> Result<(), Error> {
        loop {
            match self.opened().await {
                Err(error) if is_away(&error) => sleep(PAUSE).await,
                said => return said.map(drop),
            }
        }
    }

    /// The store, compared before its first use.
    async fn opened(&self) -> Result<&Postgres, Error> {
        let open = async || {
            let store = Postgres::open(&self.settings, &self.schema, STEPS).await?;
            store.check_keys(&self.keys).await?;
            Ok(store)
        };
        let opened = self.store.get_or_try_init(open).await;
        if let Err(error) = &opened
            && !is_away(error)
        {
            // Waiting does not mend it. Said each time: the mover only says that something is wrong.
            tracing::error!(%error, "the store of consultations cannot be used");
        }
        opened
    }

    /// The store for those who do not wait: the mover is the one who opens it.
    fn at_once(&self) -> Result<&Postgres, StoreError> {
        self.store.get().ok_or_else(|| StoreError::new(Error::Down))
    }

    /// Makes the schema, or brings it up to this version.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn migrate(settings: &Settings, schema: &str) -> Result<(), Error> {
        Postgres::migrate(settings, schema, STEPS).await
    }
}

#[async_trait]
impl ConsultationStore for PostgresStore {
    async fn append(&self, batch: Vec<SealedConsultation>) -> Result<Appended, StoreError> {
        let with = (&self.sql, Columns::of(&batch));
        let store = self.opened().await.map_err(StoreError::new)?;
        // Sent again, a record is the same record.
        let appended =
            store.transaction(APPEND_DEADLINE, Repeat::Always, &with, |(sql, columns), transaction| {
                Box::pin(append(sql, columns, transaction))
            });
        let Ok(appended) = appended.await.map_err(StoreError::new)?;
        Ok(appended)
    }

    async fn last(&self, person: BlindIndex) -> Result<Option<LastConsultation>, StoreError> {
        let person = Uuid::from_bytes(person.value);
        let found = self.at_once()?.one(&self.sql.last, &[&person]).await.map_err(StoreError::new)?;
        found.map(|row| Ok(LastConsultation { at: at(&row, 0)?, purpose: purpose(&row, 1)? })).transpose()
    }

    async fn of_person(
        &self,
        person: BlindIndex,
        limit: usize,
    ) -> Result<Vec<SealedConsultation>, StoreError> {
        let person = Uuid::from_bytes(person.value);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        let read = |row: &Row| {
            found.push(consultation(row));
            ControlFlow::Continue(())
        };
        let of_whom: Params<'_> = &[&person, &limit];
        let read = self.at_once()?.walk(LIST_DEADLINE, &self.sql.of_person, of_whom, read);
        read.await.map_err(StoreError::new)?;
        found.into_iter().collect()
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn note_complete(&self, spool: SpoolId, until: Timestamp) -> Result<Timestamp, StoreError> {
        let with = (&self.sql, Uuid::from_bytes(spool.0), until.as_millisecond());
        let store = self.opened().await.map_err(StoreError::new)?;
        let noted = store.transaction(NOTE_DEADLINE, Repeat::Always, &with, |with, transaction| {
            Box::pin(async move {
                let (sql, spool, until) = with;
                transaction.execute(&sql.note, &[spool, until]).await?;
                let rows = transaction.query(&sql.complete, &[]).await?;
                let complete = rows.first().map(|row| row.try_get(0)).transpose()?;
                Ok::<i64, Stop<Infallible>>(complete.unwrap_or(*until))
            })
        });
        let Ok(complete) = noted.await.map_err(StoreError::new)?;
        Timestamp::from_millisecond(complete).map_err(StoreError::new)
    }

    async fn retire(&self, spool: SpoolId) -> Result<(), StoreError> {
        let with = (&self.sql, Uuid::from_bytes(spool.0));
        let store = self.opened().await.map_err(StoreError::new)?;
        let retired = store.transaction(NOTE_DEADLINE, Repeat::Always, &with, |with, transaction| {
            Box::pin(async move {
                let (sql, spool) = with;
                transaction.execute(&sql.retire, &[spool]).await?;
                Ok::<(), Stop<Infallible>>(())
            })
        });
        let Ok(()) = retired.await.map_err(StoreError::new)?;
        Ok(())
    }
}

/// Whether the server may say something else later: it is not there, stops, starts, or has no connection left.
fn is_away(error: &Error) -> bool {
    match error {
        Error::Postgres(error) => error.code().is_none_or(|code| {
            let class = &code.code()[..2];
            class == "57" || class == "53" || class == "08"
        }),
        Error::Down | Error::Late | Error::Busy | Error::Contended | Error::Unknown => true,
        _ => false,
    }
}

/// A batch as one statement takes it.
#[derive(Default)]
struct Columns<'a> {
    spools: Vec<Uuid>,
    sequences: Vec<i64>,
    keys: Vec<i64>,
    people: Vec<Uuid>,
    at: Vec<i64>,
    purposes: Vec<i16>,
    counts: Vec<bool>,
    hashes: Vec<&'a [u8]>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a [SealedConsultation]) -> Self {
        let mut columns = Self::default();
        for SealedConsultation { key, label, hash, body } in batch {
            columns.spools.push(Uuid::from_bytes(key.spool.0));
            columns.sequences.push(key.sequence.cast_signed());
            columns.keys.push(i64::from(label.person.key));
            columns.people.push(Uuid::from_bytes(label.person.value));
            columns.at.push(label.at_ms);
            columns.purposes.push(i16::from(purpose_code(label.purpose)));
            columns.counts.push(label.counts);
            columns.hashes.push(hash);
            columns.bodies.push(body);
        }
        columns
    }
}

async fn append(
    sql: &Sql,
    columns: &Columns<'_>,
    transaction: &Transaction<'_>,
) -> Result<Appended, Stop<Infallible>> {
    let Columns { spools, sequences, keys, people, at, purposes, counts, hashes, bodies } = columns;
    let new: Params<'_> = &[spools, sequences, keys, people, at, purposes, counts, hashes, bodies];
    let added = transaction.execute(&sql.insert, new).await?;
    let mut appended = Appended { added, others: Vec::new() };
    if added < spools.len() as u64 {
        // What was there is committed, and never changes.
        for row in transaction.query(&sql.others, &[spools, sequences, hashes]).await? {
            let spool: Uuid = row.try_get(0)?;
            let sequence: i64 = row.try_get(1)?;
            let key = RecordKey { spool: SpoolId(spool.into_bytes()), sequence: sequence.cast_unsigned() };
            appended.others.push(key);
        }
    }
    Ok(appended)
}

fn consultation(row: &Row) -> Result<SealedConsultation, StoreError> {
    let spool: Uuid = row.try_get(0).map_err(StoreError::new)?;
    let sequence: i64 = row.try_get(1).map_err(StoreError::new)?;
    let key: i64 = row.try_get(2).map_err(StoreError::new)?;
    let person: Uuid = row.try_get(3).map_err(StoreError::new)?;
    let hash: &[u8] = row.try_get(7).map_err(StoreError::new)?;
    Ok(SealedConsultation {
        key: RecordKey { spool: SpoolId(spool.into_bytes()), sequence: sequence.cast_unsigned() },
        label: Label {
            person: BlindIndex {
                key: u32::try_from(key).map_err(StoreError::new)?,
                value: person.into_bytes(),
            },
            at_ms: row.try_get(4).map_err(StoreError::new)?,
            purpose: purpose(row, 5)?,
            counts: row.try_get(6).map_err(StoreError::new)?,
        },
        hash: hash.try_into().map_err(StoreError::new)?,
        body: row.try_get(8).map_err(StoreError::new)?,
    })
}

fn at(row: &Row, column: usize) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(row.try_get(column).map_err(StoreError::new)?).map_err(StoreError::new)
}

fn purpose(row: &Row, column: usize) -> Result<Purpose, StoreError> {
    let code: i16 = row.try_get(column).map_err(StoreError::new)?;
    let purpose = u8::try_from(code).ok().and_then(purpose_of);
    purpose.ok_or_else(|| StoreError::new(format!("{code} is no purpose that this version knows")))
}

#[cfg(test)]
mod tests;
