//! Dossiers in a SQLite file.

use super::IDEMPOTENCY_LIFE_MS;
use crate::{Blinded, DossierStore, Filter, Known, NewRow, Row, Written};
use async_trait::async_trait;
use ficha_contract::{SectionStatus, StoreError};
use ficha_seal::Vault;
use ficha_sqlite::{Database, IDEMPOTENCY_TABLE, KEY_TABLE, Migration, Remembered};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Type, types::Value};
use std::{path::Path, time::Duration};
use uuid::Uuid;

const MIGRATIONS: &[Migration] = &[
    KEY_TABLE,
    // The reply to a key is the dossier's id: no second copy of what is personal.
    IDEMPOTENCY_TABLE,
    "CREATE TABLE dossier (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        client TEXT NOT NULL,
        cpf_index BLOB NOT NULL,         -- 16 bytes, blinded
        key_id INTEGER NOT NULL,         -- which key blinded it
        person BLOB NOT NULL,            -- the CPF, sealed
        purpose TEXT NOT NULL,
        composed_at INTEGER NOT NULL,    -- ms since 1970
        complete INTEGER NOT NULL,
        debts TEXT NOT NULL,             -- states of the sections
        score TEXT NOT NULL,
        events TEXT NOT NULL,
        expires_at INTEGER NOT NULL,     -- ms since 1970
        body BLOB NOT NULL               -- sealed
    ) STRICT;
    CREATE INDEX dossier_by_client ON dossier (client, number);
    CREATE INDEX dossier_by_person ON dossier (cpf_index, number);
    CREATE INDEX dossier_by_expiry ON dossier (expires_at);
    CREATE TABLE counter (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('number', 0);",
];

const COLUMNS: &str = "id, number, client, person, purpose, composed_at, complete, debts, score, events";
/// A list walks an index; a filter that is rarely met may make it walk far.
const LIST_DEADLINE: Duration = Duration::from_secs(5);

/// The embedded engine.
pub struct SqliteDossiers(Database);

impl SqliteDossiers {
    /// Opens the file, made when absent, and refuses one that was written with other keys.
    ///
    /// # Errors
    /// [`ficha_sqlite::Error`], which names the file and says what to do.
    pub async fn open(path: &Path, vault: &Vault) -> Result<Self, ficha_sqlite::Error> {
        let database = Database::open(path, MIGRATIONS)?;
        database.check_keys(vault.fingerprints().map(|print| (print.key, print.check)).collect()).await?;
        Ok(Self(database))
    }
}

#[async_trait]
impl DossierStore for SqliteDossiers {
    async fn keep(&self, new: NewRow) -> Result<Written, StoreError> {
        let written = self.0.write(move |connection| keep(connection, &new)).await;
        written.map_err(StoreError::new)?.map_err(StoreError::new)
    }

    /// In a write transaction, so that keys older than a day are forgotten first. One that changes nothing is not
    /// synced.
    async fn recall(&self, key: Blinded, now: Timestamp) -> Result<Known, StoreError> {
        let known = self.0.write(move |connection| recall(connection, &key, now.as_millisecond())).await;
        known.map_err(StoreError::new)?.map_err(StoreError::new)
    }

    async fn find(&self, id: Uuid, now: Timestamp) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        let find = |connection: &Connection| {
            let sql = format!("SELECT {COLUMNS}, body FROM dossier WHERE id = ?1 AND expires_at > ?2");
            find(connection, &sql, params![id.as_bytes(), now.as_millisecond()])
        };
        self.0.read(find).map_err(StoreError::new)
    }

    async fn find_by_number(
        &self,
        number: u64,
        now: Timestamp,
    ) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        let find = |connection: &Connection| {
            let sql = format!("SELECT {COLUMNS}, body FROM dossier WHERE number = ?1 AND expires_at > ?2");
            find(connection, &sql, params![number.cast_signed(), now.as_millisecond()])
        };
        self.0.read(find).map_err(StoreError::new)
    }

    async fn latest(&self, filter: Filter, oldest_first: bool) -> Result<Vec<Row>, StoreError> {
        let latest = move |connection: &Connection| latest(connection, &filter, oldest_first);
        self.0.read_long(LIST_DEADLINE, latest).await.map_err(StoreError::new)
    }

    async fn list(&self, filter: Filter) -> Result<Vec<Row>, StoreError> {
        let list = move |connection: &Connection| list(connection, &filter);
        self.0.read_long(LIST_DEADLINE, list).await.map_err(StoreError::new)
    }
}

fn keep(connection: &Connection, new: &NewRow) -> rusqlite::Result<Written> {
    let now_ms = new.now.as_millisecond();
    delete_expired(connection, now_ms)?;
    if let Some(key) = &new.idempotency {
        match recall(connection, key, now_ms)? {
            Known::New => {}
            Known::Dossier(id) => return Ok(Written::Before(id)),
            Known::OtherRequest => return Ok(Written::OtherRequest),
        }
        ficha_sqlite::remember(connection, &key.key, &key.request, new.row.id.as_bytes(), now_ms)?;
    }
    let number = next_number(connection)?;
    insert(connection, new, number)?;
    Ok(Written::Kept(number))
}

fn insert(connection: &Connection, new: &NewRow, number: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO dossier VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let (row, [debts, score, events]) = (&new.row, new.row.states.map(SectionStatus::as_str));
    connection
        .prepare_cached(sql)?
        .execute(params![
            number.cast_signed(),
            row.id.as_bytes(),
            row.client,
            new.index.value,
            new.index.key,
            row.person,
            row.purpose.as_str(),
            row.composed_at.as_millisecond(),
            row.complete,
            debts,
            score,
            events,
            new.expires_at.as_millisecond(),
            (new.body)(number),
        ])
        .map(drop)
}

/// Never given again, also after the dossier has expired.
fn next_number(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "UPDATE counter SET last = last + 1 WHERE name = 'number' RETURNING last";
    connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

fn delete_expired(connection: &Connection, now_ms: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM dossier WHERE number IN \
        (SELECT number FROM dossier WHERE expires_at <= ?1 ORDER BY expires_at LIMIT 16)";
    connection.prepare_cached(sql)?.execute([now_ms]).map(drop)
}

fn recall(connection: &Connection, key: &Blinded, now_ms: i64) -> rusqlite::Result<Known> {
    ficha_sqlite::forget_before(connection, now_ms - IDEMPOTENCY_LIFE_MS)?;
    match ficha_sqlite::recall(connection, &key.key, &key.request)? {
        Remembered::New => Ok(Known::New),
        Remembered::OtherRequest => Ok(Known::OtherRequest),
        Remembered::Reply(id) => match Uuid::from_slice(&id) {
            Ok(id) if is_there(connection, id, now_ms)? => Ok(Known::Dossier(id)),
            _ => {
                connection.prepare_cached("DELETE FROM idempotency WHERE key = ?1")?.execute([key.key])?;
                Ok(Known::New)
            }
        },
    }
}

fn is_there(connection: &Connection, id: Uuid, now_ms: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM dossier WHERE id = ?1 AND expires_at > ?2";
    connection.prepare_cached(sql)?.exists(params![id.as_bytes(), now_ms])
}

fn find(
    connection: &Connection,
    sql: &str,
    by: impl rusqlite::Params,
) -> rusqlite::Result<Option<(Row, Vec<u8>)>> {
    let mut select = connection.prepare_cached(sql)?;
    select.query_row(by, |row| Ok((read_row(row)?, row.get(10)?))).optional()
}

fn list(connection: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Row>> {
    let (conditions, values) = conditions(filter);
    let sql = format!("SELECT {COLUMNS} FROM dossier WHERE {conditions} ORDER BY number DESC LIMIT ?");
    rows(connection, &sql, values, filter.limit)
}

fn latest(connection: &Connection, filter: &Filter, oldest_first: bool) -> rusqlite::Result<Vec<Row>> {
    let (conditions, values) = conditions(filter);
    let direction = if oldest_first { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM dossier WHERE number IN \
            (SELECT max(number) FROM dossier WHERE {conditions} GROUP BY cpf_index) \
         ORDER BY number {direction} LIMIT ?"
    );
    rows(connection, &sql, values, filter.limit)
}

fn rows(
    connection: &Connection,
    sql: &str,
    mut values: Vec<Value>,
    limit: usize,
) -> rusqlite::Result<Vec<Row>> {
    values.push((limit as i64).into());
    let mut select = connection.prepare_cached(sql)?;
    select.query_map(params_from_iter(values), read_row)?.collect()
}

/// Of constant pieces, so that only conditions that are asked for stand in the way of an index.
fn conditions(filter: &Filter) -> (String, Vec<Value>) {
    let mut sql = "expires_at > ?".to_owned();
    let mut values: Vec<Value> = vec![filter.now.as_millisecond().into()];
    let mut and = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(client) = &filter.client {
        and(" AND client = ?", client.to_string().into());
    }
    if let Some(purpose) = filter.purpose {
        and(" AND purpose = ?", purpose.as_str().to_owned().into());
    }
    if filter.complete {
        and(" AND complete = ?", true.into());
    }
    if let Some(before) = filter.before {
        and(" AND number < ?", before.cast_signed().into());
    }
    for (at, index) in filter.indexes.iter().enumerate() {
        and(if at == 0 { " AND cpf_index IN (?" } else { ", ?" }, index.value.to_vec().into());
    }
    if !filter.indexes.is_empty() {
        sql.push(')');
    }
    (sql, values)
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let purpose = row.get_ref(4)?.as_str()?.parse().map_err(|()| unknown(4))?;
    Ok(Row {
        id: Uuid::from_bytes(row.get(0)?),
        number: row.get::<_, i64>(1)?.cast_unsigned(),
        client: row.get(2)?,
        person: row.get(3)?,
        purpose,
        composed_at: Timestamp::from_millisecond(row.get(5)?).unwrap_or_default(),
        complete: row.get(6)?,
        states: [read_state(row, 7)?, read_state(row, 8)?, read_state(row, 9)?],
    })
}

fn read_state(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<SectionStatus> {
    super::read_state(row.get_ref(column)?.as_str()?).ok_or_else(|| unknown(column))
}

/// A word that this version does not know.
fn unknown(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "a word of another version".into(), Type::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ficha_seal::{FileKeys, Keyring};

    /// A store, opened twice, with the folder that it lives in.
    async fn store() -> (SqliteDossiers, SqliteDossiers, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let keys = FileKeys::at(&dir.path().join("root.key"));
        keys.create(&crate::store::contract::world()).unwrap();
        let vault = Keyring::open(&keys).unwrap().vault("test");
        let path = dir.path().join("dossier.sqlite");
        let open = async || SqliteDossiers::open(&path, &vault).await.unwrap();
        (open().await, open().await, dir)
    }

    crate::store::contract::suite!(store);

    #[tokio::test]
    async fn expired_rows_leave_the_file_a_few_at_a_time() {
        let (store, _same, _dir) = store().await;
        crate::store::contract::keep_many(&store, 40).await;
        let count = || {
            let count = |connection: &Connection| {
                connection.query_row("SELECT count(*) FROM dossier", [], |row| row.get::<_, i64>(0))
            };
            store.0.read(count).unwrap()
        };
        assert_eq!(count(), 40);
        for (id, left) in [(40, 40 - 16 + 1), (41, 40 - 32 + 2), (42, 3), (43, 4)] {
            crate::store::contract::keep_later(&store, id).await;
            assert_eq!(count(), left);
        }
    }
}
