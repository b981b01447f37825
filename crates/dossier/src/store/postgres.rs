//! Dossiers on a PostgreSQL server that several processes share.

use super::IDEMPOTENCY_LIFE_MS;
use crate::{Blinded, DossierStore, Filter, Known, NewRow, Row, Written};
use async_trait::async_trait;
use ficha_contract::{SectionStatus, StoreError};
use ficha_postgres::{Error, KEY_TABLE, Postgres, Repeat, Settings, Step, Stop, ToSql, Transaction};
use ficha_seal::Vault;
use jiff::Timestamp;
use std::{error::Error as Cause, ops::ControlFlow, time::Duration};
use uuid::Uuid;

/// One database may hold every role's store; this is ours, and stands in front of every name below.
const SCHEMA: &str = "dossier";

const STEPS: &[Step] = &[
    KEY_TABLE,
    Step::adds(
        "CREATE TABLE dossier (
            number bigint PRIMARY KEY,
            id uuid NOT NULL UNIQUE,
            client text NOT NULL,
            cpf_index uuid NOT NULL,     -- 16 bytes, blinded
            key_id bigint NOT NULL,      -- which key blinded it
            person bytea NOT NULL,       -- the CPF, sealed
            purpose text NOT NULL,
            composed_at bigint NOT NULL, -- ms since 1970
            complete boolean NOT NULL,
            debts text NOT NULL,         -- states of the sections
            score text NOT NULL,
            events text NOT NULL,
            expires_at bigint NOT NULL,  -- ms since 1970
            body bytea NOT NULL          -- sealed
        );
        ALTER TABLE dossier ALTER body SET STORAGE EXTERNAL; -- sealed bytes do not get smaller
        CREATE INDEX dossier_by_client ON dossier (client, number);
        CREATE INDEX dossier_by_person ON dossier (cpf_index, number);
        CREATE INDEX dossier_by_expiry ON dossier (expires_at);
        CREATE TABLE counter (name text PRIMARY KEY, last bigint NOT NULL);
        INSERT INTO counter (name, last) VALUES ('number', 0);
        CREATE TABLE idempotency (
            key bytea PRIMARY KEY,
            request bytea NOT NULL,
            dossier uuid NOT NULL,       -- the reply: no second copy of what is personal
            at bigint NOT NULL
        );
        CREATE INDEX idempotency_at ON idempotency (at)",
    ),
];

const COLUMNS: &str = "id, number, client, person, purpose, composed_at, complete, debts, score, events";

const RECALL: &str = "SELECT kept.request, dossier.id FROM dossier.idempotency AS kept
    LEFT JOIN dossier.dossier ON dossier.id = kept.dossier AND dossier.expires_at > $3
    WHERE kept.key = $1 AND kept.at >= $2";

/// Never given again, also after the dossier has expired. The row's lock is what leaves no gaps: who comes next waits
/// until it is known whether this number was used.
const NEXT_NUMBER: &str = "UPDATE dossier.counter SET last = last + 1 WHERE name = 'number' RETURNING last";

const INSERT: &str =
    "INSERT INTO dossier.dossier (number, id, client, cpf_index, key_id, person, purpose, composed_at,
        complete, debts, score, events, expires_at, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// In place of a key only that is forgotten, or whose dossier is gone.
const REMEMBER: &str =
    "INSERT INTO dossier.idempotency AS kept (key, request, dossier, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key) DO UPDATE SET request = $2, dossier = $3, at = $4
    WHERE kept.at < $5
        OR NOT EXISTS (SELECT 1 FROM dossier.dossier WHERE dossier.id = kept.dossier AND expires_at > $4)";

/// A few at a time, chosen by themselves first, since a plain subquery may be run more than once, and delete more.
const DELETE_EXPIRED: &str = "WITH old AS MATERIALIZED (
        SELECT number FROM dossier.dossier WHERE expires_at <= $1 ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED)
    DELETE FROM dossier.dossier AS kept USING old WHERE kept.number = old.number";

const FORGET: &str = "WITH old AS MATERIALIZED (
        SELECT key FROM dossier.idempotency WHERE at < $1 ORDER BY at LIMIT 16 FOR UPDATE SKIP LOCKED)
    DELETE FROM dossier.idempotency AS kept USING old WHERE kept.key = old.key";

const KEEP_DEADLINE: Duration = Duration::from_secs(5);
/// A list walks an index; a filter that is rarely met may make it walk far.
const LIST_DEADLINE: Duration = Duration::from_secs(5);

type Unreadable = Box<dyn Cause + Send + Sync>;
type Values = Vec<Box<dyn ToSql + Send + Sync>>;

/// Kept dossiers in the schema `dossier` of a shared server.
pub struct PostgresDossiers(Postgres);

impl PostgresDossiers {
    /// Opens the store. Refuses one that is not of this version, or was written with other keys.
    ///
    /// # Errors
    /// [`Error`], which names the schema and says what to do.
    pub async fn open(settings: &Settings, vault: &Vault) -> Result<Self, Error> {
        let store = Postgres::open(settings, SCHEMA, STEPS).await?;
        let prints: Vec<_> = vault.fingerprints().map(|print| (print.key, print.check)).collect();
        store.check_keys(&prints).await?;
        Ok(Self(store))
    }

    /// Makes the schema, or brings it up to this version.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn migrate(settings: &Settings) -> Result<(), Error> {
        Postgres::migrate(settings, SCHEMA, STEPS).await
    }

    async fn purge(&self, sql: &str, before_ms: i64) -> Result<(), Error> {
        self.0.one(sql, &[&before_ms]).await.map(drop)
    }

    async fn find(
        &self,
        condition: &str,
        of: &(dyn ToSql + Sync),
        now: Timestamp,
    ) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS}, body FROM dossier.dossier WHERE {condition} = $1 AND expires_at > $2");
        let found = self.0.one(&sql, &[of, &now.as_millisecond()]).await.map_err(StoreError::new)?;
        let Some(row) = found else { return Ok(None) };
        let body = row.try_get(10).map_err(StoreError::new)?;
        Ok(Some((read_row(&row).map_err(StoreError::new)?, body)))
    }

    async fn rows(&self, sql: &str, mut values: Values, limit: usize) -> Result<Vec<Row>, StoreError> {
        values.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX)));
        let sql = format!("{sql} LIMIT ${}", values.len());
        let params: Vec<_> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let mut rows = Vec::new();
        let collect = |row: &ficha_postgres::Row| {
            rows.push(read_row(row).map_err(StoreError::new));
            ControlFlow::Continue(())
        };
        self.0.walk(LIST_DEADLINE, &sql, &params, collect).await.map_err(StoreError::new)?;
        rows.into_iter().collect()
    }
}

#[async_trait]
impl DossierStore for PostgresDossiers {
    async fn keep(&self, new: NewRow) -> Result<Written, StoreError> {
        let now_ms = new.now.as_millisecond();
        // Beside the transaction: the lock on the counter is held as shortly as can be.
        let purged = tokio::try_join!(
            self.purge(DELETE_EXPIRED, now_ms),
            self.purge(FORGET, now_ms - IDEMPOTENCY_LIFE_MS)
        );
        purged.map_err(StoreError::new)?;
        // With a key whoever comes twice finds what he did the first time.
        let repeat = if new.idempotency.is_some() { Repeat::Always } else { Repeat::IfUndone };
        let kept = self
            .0
            .transaction(KEEP_DEADLINE, repeat, &new, |new, transaction| Box::pin(keep(transaction, new)));
        kept.await.map_err(StoreError::new)?
    }

    async fn recall(&self, key: Blinded, now: Timestamp) -> Result<Known, StoreError> {
        let (now_ms, name) = (now.as_millisecond(), &key.key[..]);
        let asked: ficha_postgres::Params<'_> = &[&name, &(now_ms - IDEMPOTENCY_LIFE_MS), &now_ms];
        let row = self.0.one(RECALL, asked).await.map_err(StoreError::new)?;
        known(row.as_ref(), &key).map_err(StoreError::new)
    }

    async fn find(&self, id: Uuid, now: Timestamp) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        self.find("id", &id, now).await
    }

    async fn find_by_number(
        &self,
        number: u64,
        now: Timestamp,
    ) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        self.find("number", &number.cast_signed(), now).await
    }

    async fn latest(&self, filter: Filter, oldest_first: bool) -> Result<Vec<Row>, StoreError> {
        let (conditions, values) = conditions(&filter);
        let direction = if oldest_first { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM dossier.dossier WHERE number IN
                (SELECT max(number) FROM dossier.dossier WHERE {conditions} GROUP BY cpf_index)
            ORDER BY number {direction}"
        );
        self.rows(&sql, values, filter.limit).await
    }

    async fn list(&self, filter: Filter) -> Result<Vec<Row>, StoreError> {
        let (conditions, values) = conditions(&filter);
        let sql = format!("SELECT {COLUMNS} FROM dossier.dossier WHERE {conditions} ORDER BY number DESC");
        self.rows(&sql, values, filter.limit).await
    }
}

async fn keep(transaction: &Transaction<'_>, new: &NewRow) -> Result<Written, Stop<StoreError>> {
    if let Some(key) = &new.idempotency {
        let now_ms = new.now.as_millisecond();
        let asked: ficha_postgres::Params<'_> = &[&&key.key[..], &(now_ms - IDEMPOTENCY_LIFE_MS), &now_ms];
        let rows = transaction.query(RECALL, asked).await?;
        match known(rows.first(), key)? {
            Known::New => {}
            Known::Dossier(id) => return Ok(Written::Before(id)),
            Known::OtherRequest => return Ok(Written::OtherRequest),
        }
    }
    let number = next_number(transaction).await?;
    insert(transaction, new, number).await?;
    if let Some(key) = &new.idempotency {
        remember(transaction, key, new).await?;
    }
    Ok(Written::Kept(number))
}

/// After the number: whoever came with the same key at once had the counter too, so this statement sees his dossier.
async fn remember(
    transaction: &Transaction<'_>,
    key: &Blinded,
    new: &NewRow,
) -> Result<(), Stop<StoreError>> {
    let now_ms = new.now.as_millisecond();
    let values: ficha_postgres::Params<'_> =
        &[&&key.key[..], &&key.request[..], &new.row.id, &now_ms, &(now_ms - IDEMPOTENCY_LIFE_MS)];
    let kept = transaction.execute(REMEMBER, values).await?;
    // None: somebody with the same key was faster.
    if kept == 1 { Ok(()) } else { Err(Stop::Again) }
}

async fn next_number(transaction: &Transaction<'_>) -> Result<u64, Stop<StoreError>> {
    let rows = transaction.query(NEXT_NUMBER, &[]).await?;
    let row =
        rows.first().ok_or_else(|| Stop::Refused(StoreError::new("the counter of dossiers is gone")))?;
    Ok(row.try_get::<_, i64>(0)?.cast_unsigned())
}

async fn insert(transaction: &Transaction<'_>, new: &NewRow, number: u64) -> Result<(), Stop<StoreError>> {
    let (row, [debts, score, events]) = (&new.row, new.row.states.map(SectionStatus::as_str));
    let values: ficha_postgres::Params<'_> = &[
        &number.cast_signed(),
        &row.id,
        &&*row.client,
        &Uuid::from_bytes(new.index.value),
        &i64::from(new.index.key),
        &row.person,
        &row.purpose.as_str(),
        &row.composed_at.as_millisecond(),
        &row.complete,
        &debts,
        &score,
        &events,
        &new.expires_at.as_millisecond(),
        &(new.body)(number),
    ];
    transaction.execute(INSERT, values).await?;
    Ok(())
}

/// What the answer to [`RECALL`] says.
fn known(row: Option<&ficha_postgres::Row>, key: &Blinded) -> Result<Known, ficha_postgres::RowError> {
    let Some(row) = row else { return Ok(Known::New) };
    let (request, dossier): (&[u8], Option<Uuid>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match dossier {
        _ if request != key.request => Known::OtherRequest,
        Some(id) => Known::Dossier(id),
        None => Known::New,
    })
}

/// Of constant pieces, so that only conditions that are asked for stand in the way of an index.
fn conditions(filter: &Filter) -> (String, Values) {
    let mut values: Values = vec![Box::new(filter.now.as_millisecond())];
    let mut sql = "expires_at > $1".to_owned();
    let mut and = |before: &str, value: Box<dyn ToSql + Send + Sync>, after: &str| {
        values.push(value);
        sql.push_str(&format!(" AND {before}${}{after}", values.len()));
    };
    if let Some(client) = &filter.client {
        and("client = ", Box::new(client.to_string()), "");
    }
    if let Some(purpose) = filter.purpose {
        and("purpose = ", Box::new(purpose.as_str()), "");
    }
    if filter.complete {
        and("complete = ", Box::new(true), "");
    }
    if let Some(before) = filter.before {
        and("number < ", Box::new(before.cast_signed()), "");
    }
    if !filter.indexes.is_empty() {
        let places: Vec<_> = filter.indexes.iter().map(|index| Uuid::from_bytes(index.value)).collect();
        and("cpf_index = ANY(", Box::new(places), ")");
    }
    (sql, values)
}

fn read_row(row: &ficha_postgres::Row) -> Result<Row, Unreadable> {
    const UNKNOWN: &str = "a word of another version";
    let state = |column| super::read_state(row.try_get(column)?).ok_or_else(|| Unreadable::from(UNKNOWN));
    Ok(Row {
        id: row.try_get(0)?,
        number: row.try_get::<_, i64>(1)?.cast_unsigned(),
        client: row.try_get::<_, &str>(2)?.into(),
        person: row.try_get(3)?,
        purpose: row.try_get::<_, &str>(4)?.parse().map_err(|()| UNKNOWN)?,
        composed_at: Timestamp::from_millisecond(row.try_get(5)?).unwrap_or_default(),
        complete: row.try_get(6)?,
        states: [state(7)?, state(8)?, state(9)?],
    })
}

#[cfg(test)]
mod tests;
