//! People in a SQLite file.

mod bulk;

use crate::{Change, Kind, Numbers, Outcome, PeopleStore, Row, Slot, Verdict, Visit};
use async_trait::async_trait;
use ficha_contract::{ErrorCode, Problem, StoreError};
use ficha_seal::{BlindIndex, Vault};
use ficha_sqlite::{Database, IDEMPOTENCY_TABLE, KEY_TABLE, Migration, Remembered};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Mutex;

const MIGRATIONS: &[Migration] = &[
    KEY_TABLE,
    IDEMPOTENCY_TABLE,
    "CREATE TABLE person (
        place INTEGER PRIMARY KEY,   -- made of the index: a look-up is one way down one tree, not two
        person_index BLOB NOT NULL,  -- 16 bytes: of whom it is, blinded where the base is sealed
        key_id INTEGER NOT NULL,     -- which key blinded it
        id INTEGER NOT NULL UNIQUE,  -- never given again
        version INTEGER NOT NULL,
        updated_at INTEGER NOT NULL, -- ms since 1970
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE counter (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('number', 0), ('person', 0);",
];

/// Where somebody's place is taken, one of the next is his. Among a thousand million people hardly two share one.
const PLACES: i64 = 8;

/// A walk that selects rarely may go far.
const WALK_DEADLINE: Duration = Duration::from_secs(5);
/// A day, as the draft suggests, in milliseconds.
const IDEMPOTENCY_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// The embedded engine.
pub struct SqlitePeople {
    database: Database,
    /// As they will be when every bulk load that is decided is written.
    ahead: Mutex<Option<Given>>,
}

impl SqlitePeople {
    /// Opens the file, made when absent, and refuses one that was written with other keys.
    ///
    /// # Errors
    /// [`ficha_sqlite::Error`], which names the file and says what to do.
    pub async fn open(path: &Path, vault: &Vault) -> Result<Self, ficha_sqlite::Error> {
        let database = Database::open(path, MIGRATIONS)?;
        database.check_keys(vault.fingerprints().map(|print| (print.key, print.check)).collect()).await?;
        Ok(Self { database, ahead: Mutex::new(None) })
    }
}

#[async_trait]
impl PeopleStore for SqlitePeople {
    async fn find(&self, indexes: &[BlindIndex]) -> Result<Option<Row>, StoreError> {
        self.database.read(|connection| find(connection, indexes)).map_err(StoreError::new)
    }

    async fn find_id(&self, id: i64) -> Result<Option<Row>, StoreError> {
        self.database.read(|connection| find_id(connection, id)).map_err(StoreError::new)
    }

    async fn walk(&self, down: bool, visit: Visit) -> Result<(), StoreError> {
        let walk = move |connection: &Connection| walk(connection, down, visit);
        self.database.read_long(WALK_DEADLINE, walk).await.map_err(StoreError::new)
    }

    async fn change(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, Problem> {
        let changes = Arc::new(changes);
        let decided = self.decide_ahead(&changes).await?;
        let is_ahead = decided.is_some();
        let all = move |connection: &Connection| {
            let mut given = Given::load(connection).map_err(store)?;
            let mut held = false;
            let outcomes = match decided {
                Some(decided) if decided.holds(connection, &changes, &given).map_err(store)? => {
                    held = true;
                    decided.write(connection, &changes, &mut given).map_err(store)?
                }
                _ => changes
                    .iter()
                    .map(|change| apply(connection, change, &mut given))
                    .collect::<Result<_, _>>()?,
            };
            given.note(connection).map_err(store)?;
            // The caller lets the changes go: of a bulk load they are thousands, and the writer has others to write.
            Ok((outcomes, changes, held))
        };
        let written: Result<Result<_, Problem>, _> = self.database.write(all).await;
        if is_ahead && !matches!(written, Ok(Ok((.., true)))) {
            *self.ahead.lock().await = None;
        }
        written.map_err(StoreError::new)?.map(|(outcomes, ..)| outcomes)
    }

    fn region(&self, index: &BlindIndex) -> u64 {
        places(index).0.cast_unsigned()
    }
}

const FIND: &str = "SELECT id, version, updated_at, body FROM person
    WHERE place BETWEEN ?1 AND ?2 AND person_index = ?3 AND key_id = ?4 LIMIT 1";

/// The first and the last place where somebody may be kept.
fn places(index: &BlindIndex) -> (i64, i64) {
    let [.., a, b, c, d, e, f, g, h] = index.value;
    let first = i64::from_be_bytes([a, b, c, d, e, f, g, h]) & (i64::MAX >> 1);
    (first, first + PLACES - 1)
}

fn find(connection: &Connection, indexes: &[BlindIndex]) -> rusqlite::Result<Option<Row>> {
    let mut select = connection.prepare_cached(FIND)?;
    for index in indexes {
        let (first, last) = places(index);
        let row = select.query_row(params![first, last, index.value, index.key], read_row);
        if let Some(row) = row.optional()? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn find_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<Row>> {
    let sql = "SELECT id, version, updated_at, body FROM person WHERE id = ?1";
    connection.prepare_cached(sql)?.query_row([id], read_row).optional()
}

fn walk(connection: &Connection, down: bool, mut visit: Visit) -> rusqlite::Result<()> {
    let direction = if down { "DESC" } else { "ASC" };
    let sql = format!("SELECT id, version, updated_at, body FROM person ORDER BY id {direction}");
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if visit(read_row(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let updated_at = Timestamp::from_millisecond(row.get(2)?).unwrap_or_default();
    Ok(Row { id: row.get(0)?, version: row.get(1)?, updated_at, body: row.get(3)? })
}

fn apply(connection: &Connection, change: &Change, given: &mut Given) -> Result<Outcome, Problem> {
    let current = find(connection, &change.indexes).map_err(store)?;
    if let Some(key) = &change.idempotency {
        ficha_sqlite::forget_before(connection, change.now.as_millisecond() - IDEMPOTENCY_LIFE_MS)
            .map_err(store)?;
        match ficha_sqlite::recall(connection, &key.key, &key.request).map_err(store)? {
            Remembered::New => {}
            Remembered::Reply(reply) => return Ok(Outcome::Replayed(reply)),
            Remembered::OtherRequest => return Ok(Outcome::OtherRequest),
        }
    }
    let slot = Slot {
        id: current.as_ref().map_or_else(|| given.people.next(), |row| row.id),
        version: current.as_ref().map_or(1, |row| row.version + 1),
        current: current.as_ref(),
    };
    let verdict = (change.decide)(&slot, given)?;
    let (kind, reply) = carry_out(connection, change, &slot, verdict).map_err(store)?;
    if kind == Kind::Created {
        given.people.last = slot.id;
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
            put(connection, change, slot, &body)?;
            Ok((if slot.current.is_some() { Kind::Replaced } else { Kind::Created }, reply))
        }
    }
}

/// Puts a document in the place of the one that was there, or in a place of its own.
fn put(connection: &Connection, change: &Change, slot: &Slot<'_>, body: &[u8]) -> rusqlite::Result<()> {
    let (index, now_ms) = (change.indexes[0], change.now.as_millisecond());
    if slot.current.is_some() {
        let sql = "UPDATE person SET version = ?1, updated_at = ?2, body = ?3
            WHERE id = ?4 AND person_index = ?5 AND key_id = ?6";
        let row = params![slot.version, now_ms, body, slot.id, index.value, index.key];
        if connection.prepare_cached(sql)?.execute(row)? == 1 {
            return Ok(());
        }
        // Kept under a key that has been succeeded: the new one's index has another place.
        connection.prepare_cached("DELETE FROM person WHERE id = ?1")?.execute([slot.id])?;
    }
    let sql = "INSERT INTO person VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (place) DO NOTHING";
    let mut insert = connection.prepare_cached(sql)?;
    let (first, last) = places(&index);
    for place in first..=last {
        let row = params![place, index.value, index.key, slot.id, slot.version, now_ms, body];
        if insert.execute(row)? == 1 {
            return Ok(());
        }
    }
    Err(rusqlite::Error::StatementChangedRows(0))
}

/// The numbers that this transaction gives, looked up once and noted once: a bulk load gives thousands.
#[derive(Clone)]
struct Given {
    /// Of people.
    people: Counter,
    /// Of things inside documents.
    numbers: Counter,
}

impl Given {
    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let counter = |name| Counter::load(connection, name);
        Ok(Self { people: counter("person")?, numbers: counter("number")? })
    }

    fn lasts(&self) -> (i64, i64) {
        (self.people.last, self.numbers.last)
    }

    fn note(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.people.note(connection)?;
        self.numbers.note(connection)
    }
}

#[derive(Clone)]
struct Counter {
    name: &'static str,
    last: i64,
    noted: i64,
}

impl Counter {
    fn load(connection: &Connection, name: &'static str) -> rusqlite::Result<Self> {
        let sql = "SELECT last FROM counter WHERE name = ?1";
        let last = connection.prepare_cached(sql)?.query_row([name], |row| row.get(0))?;
        Ok(Self { name, last, noted: last })
    }

    fn next(&self) -> i64 {
        self.last + 1
    }

    fn note(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.last != self.noted {
            let sql = "UPDATE counter SET last = ?1 WHERE name = ?2";
            connection.prepare_cached(sql)?.execute(params![self.last, self.name])?;
        }
        Ok(())
    }
}

impl Numbers for Given {
    fn next(&mut self) -> Result<i64, StoreError> {
        self.numbers.last = self.numbers.next();
        Ok(self.numbers.last)
    }

    fn taken(&mut self, number: i64) -> Result<(), StoreError> {
        self.numbers.last = self.numbers.last.max(number);
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

    /// A store, opened twice, with the folder that it lives in.
    async fn store() -> (SqlitePeople, SqlitePeople, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let keys = FileKeys::at(&dir.path().join("root.key"));
        keys.create(&crate::contract::world()).unwrap();
        let vault = Keyring::open(&keys).unwrap().vault("test");
        let path = dir.path().join("people.sqlite");
        let open = async || SqlitePeople::open(&path, &vault).await.unwrap();
        (open().await, open().await, dir)
    }

    crate::contract::suite!(store);

    #[tokio::test]
    async fn people_whose_places_meet_are_kept_side_by_side() {
        let (people, _same, _dir) = store().await;
        // Equal where the place is made of, and different people.
        let indexes: Vec<_> = (1..=PLACES)
            .map(|who| BlindIndex { key: 1, value: (who as u128 * (1 << 64) + 7).to_be_bytes() })
            .collect();
        let put = |index: BlindIndex| Change {
            indexes: vec![index],
            idempotency: None,
            now: Timestamp::UNIX_EPOCH,
            decide: Box::new(move |_, _| Ok(Verdict::Put { body: index.value.to_vec(), reply: Vec::new() })),
        };
        people.change(indexes.iter().map(|index| put(*index)).collect()).await.unwrap();
        for index in &indexes {
            let row = people.find(&[*index]).await.unwrap().unwrap();
            assert_eq!(row.body, index.value);
        }
        let one_more = BlindIndex { key: 1, value: (99_u128 * (1 << 64) + 7).to_be_bytes() };
        assert!(people.change(vec![put(one_more)]).await.is_err(), "refused, and nobody's place taken");
        assert_eq!(people.find(&[one_more]).await.unwrap(), None);
        assert_eq!(people.find(&indexes[..1]).await.unwrap().unwrap().version, 1);
    }

    #[tokio::test]
    async fn a_look_up_is_one_way_down_one_tree() {
        let (people, _same, _dir) = store().await;
        let explain = |connection: &Connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {FIND}"))?;
            statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<rusqlite::Result<Vec<_>>>()
        };
        let plan = people.database.read(explain).unwrap();
        assert_eq!(plan, ["SEARCH person USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]);
    }
}
