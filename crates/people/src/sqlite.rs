//! People in a SQLite file.

use crate::{Change, Kind, Numbers, Outcome, PeopleStore, Row, Slot, Verdict};
use async_trait::async_trait;
use ficha_contract::{ErrorCode, Problem, StoreError};
use ficha_seal::{BlindIndex, Vault};
use ficha_sqlite::{Database, IDEMPOTENCY_TABLE, KEY_TABLE, Migration, Remembered};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

const MIGRATIONS: &[Migration] = &[
    KEY_TABLE,
    IDEMPOTENCY_TABLE,
    "CREATE TABLE person (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again
        person_index BLOB NOT NULL,            -- 16 bytes: of whom it is, blinded where the base is sealed
        key_id INTEGER NOT NULL,               -- which key blinded it
        version INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,           -- ms since 1970
        body BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX person_by_index ON person (person_index, key_id);
    CREATE TABLE counter (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('number', 0);",
];

/// A day, as the draft suggests, in milliseconds.
const IDEMPOTENCY_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// The embedded engine.
pub struct SqlitePeople(Database);

impl SqlitePeople {
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
impl PeopleStore for SqlitePeople {
    async fn find(&self, indexes: &[BlindIndex]) -> Result<Option<Row>, StoreError> {
        self.0.read(|connection| find(connection, indexes)).map_err(StoreError::new)
    }

    async fn change(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, Problem> {
        let all = move |connection: &Connection| {
            let mut given = Given::new(connection);
            let outcomes = changes.iter().map(|change| apply(connection, change, &mut given));
            let outcomes = outcomes.collect::<Result<_, _>>()?;
            given.note().map_err(store)?;
            // The caller lets the changes go: of a bulk load they are thousands, and the writer has others to write.
            Ok((outcomes, changes))
        };
        let written: Result<_, Problem> = self.0.write(all).await.map_err(StoreError::new)?;
        written.map(|(outcomes, _)| outcomes)
    }
}

fn find(connection: &Connection, indexes: &[BlindIndex]) -> rusqlite::Result<Option<Row>> {
    let sql = "SELECT id, version, updated_at, body FROM person WHERE person_index = ?1 AND key_id = ?2";
    let mut select = connection.prepare_cached(sql)?;
    for index in indexes {
        if let Some(row) = select.query_row(params![index.value, index.key], read_row).optional()? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let updated_at = Timestamp::from_millisecond(row.get(2)?).unwrap_or_default();
    Ok(Row { id: row.get(0)?, version: row.get(1)?, updated_at, body: row.get(3)? })
}

fn apply(connection: &Connection, change: &Change, given: &mut Given<'_>) -> Result<Outcome, Problem> {
    if let Some(key) = &change.idempotency {
        ficha_sqlite::forget_before(connection, change.now.as_millisecond() - IDEMPOTENCY_LIFE_MS)
            .map_err(store)?;
        match ficha_sqlite::recall(connection, &key.key, &key.request).map_err(store)? {
            Remembered::New => {}
            Remembered::Reply(reply) => return Ok(Outcome::Replayed(reply)),
            Remembered::OtherRequest => return Ok(Outcome::OtherRequest),
        }
    }
    let current = find(connection, &change.indexes).map_err(store)?;
    let slot = Slot {
        id: current.as_ref().map_or_else(|| given.next_person(), |row| Ok(row.id)).map_err(store)?,
        version: current.as_ref().map_or(1, |row| row.version + 1),
        current: current.as_ref(),
    };
    let verdict = (change.decide)(&slot, given)?;
    let (kind, reply) = carry_out(connection, change, &slot, verdict).map_err(store)?;
    if kind == Kind::Created {
        given.person = Some(slot.id);
    }
    if let Some(key) = &change.idempotency {
        let at_ms = change.now.as_millisecond();
        ficha_sqlite::remember(connection, &key.key, &key.request, &reply, at_ms).map_err(store)?;
    }
    Ok(Outcome::Done(kind, reply))
}

fn carry_out(
    connection: &Connection,
    change: &Change,
    slot: &Slot<'_>,
    verdict: Verdict,
) -> rusqlite::Result<(Kind, Vec<u8>)> {
    match verdict {
        Verdict::Keep { reply } => Ok((Kind::Unchanged, reply)),
        Verdict::Delete { reply } => {
            connection.prepare_cached("DELETE FROM person WHERE id = ?1")?.execute([slot.id])?;
            Ok((Kind::Deleted, reply))
        }
        Verdict::Put { body, reply } => {
            let sql = if slot.current.is_some() {
                "UPDATE person SET person_index = ?2, key_id = ?3, version = ?4, updated_at = ?5, body = ?6 \
                    WHERE id = ?1"
            } else {
                "INSERT INTO person VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            };
            let (index, now_ms) = (change.indexes[0], change.now.as_millisecond());
            let row = params![slot.id, index.value, index.key, slot.version, now_ms, body];
            connection.prepare_cached(sql)?.execute(row)?;
            Ok((if slot.current.is_some() { Kind::Replaced } else { Kind::Created }, reply))
        }
    }
}

/// The numbers that this transaction gave, looked up once and noted once: a bulk load gives thousands.
struct Given<'a> {
    connection: &'a Connection,
    person: Option<i64>,
    number: Option<i64>,
    noted: Option<i64>,
}

impl<'a> Given<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self { connection, person: None, number: None, noted: None }
    }

    /// The id that AUTOINCREMENT would give: above every one it ever gave.
    fn next_person(&mut self) -> rusqlite::Result<i64> {
        if let Some(last) = self.person {
            return Ok(last + 1);
        }
        let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'person'), 0)";
        let last = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        self.person = Some(last);
        Ok(last + 1)
    }

    fn last(&mut self) -> rusqlite::Result<i64> {
        if let Some(last) = self.number {
            return Ok(last);
        }
        let sql = "SELECT last FROM counter WHERE name = 'number'";
        let last = self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        (self.number, self.noted) = (Some(last), Some(last));
        Ok(last)
    }

    fn note(&self) -> rusqlite::Result<()> {
        if self.number != self.noted {
            let sql = "UPDATE counter SET last = ?1 WHERE name = 'number'";
            self.connection.prepare_cached(sql)?.execute([self.number])?;
        }
        Ok(())
    }
}

impl Numbers for Given<'_> {
    fn next(&mut self) -> Result<i64, StoreError> {
        let next = self.last().map_err(StoreError::new)? + 1;
        self.number = Some(next);
        Ok(next)
    }

    fn taken(&mut self, number: i64) -> Result<(), StoreError> {
        let last = self.last().map_err(StoreError::new)?;
        self.number = Some(last.max(number));
        Ok(())
    }
}

fn store(error: rusqlite::Error) -> Problem {
    Problem::new(ErrorCode::BaseUnavailable).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ficha_seal::{FileKeys, Keyring};

    /// A store with the folder that it lives in.
    pub(crate) async fn store() -> (SqlitePeople, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let keys = FileKeys::at(&dir.path().join("root.key"));
        keys.create(&crate::contract::world()).unwrap();
        let vault = Keyring::open(&keys).unwrap().vault("test");
        (SqlitePeople::open(&dir.path().join("people.sqlite"), &vault).await.unwrap(), dir)
    }

    crate::contract::suite!(store);
}
