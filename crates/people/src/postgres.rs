//! People on a PostgreSQL server that several processes share.

mod gather;

use crate::{
    Change, Outcome, PeopleStore, Row, Visit,
    change::{self, FEW, IDEMPOTENCY_LIFE_MS, Known, Passed, Place, Supply, Writes, since},
};
use async_trait::async_trait;
use ficha_contract::{Problem, StoreError};
use ficha_postgres::{
    Error, IDEMPOTENCY_TABLE, Idempotency, KEY_TABLE, Postgres, Remembered, Repeat, Settings, SqlState, Step,
    Stop, Transaction, Type,
};
use ficha_seal::{BlindIndex, Vault};
use gather::Gather;
use jiff::Timestamp;
use std::{ops::ControlFlow, pin::pin, sync::Arc, time::Duration};
use uuid::Uuid;

const STEPS: &[Step] = &[
    KEY_TABLE,
    IDEMPOTENCY_TABLE,
    Step::adds(
        "CREATE TABLE person (
            person_index uuid PRIMARY KEY, -- 16 bytes: of whom it is, blinded where the base is sealed
            key_id bigint NOT NULL,        -- which key blinded it; what two keys make of people never meets
            id bigint NOT NULL UNIQUE,     -- never given again
            version bigint NOT NULL,
            updated_at bigint NOT NULL,    -- ms since 1970
            body bytea NOT NULL
        );
        ALTER TABLE person ALTER body SET STORAGE EXTERNAL; -- sealed bytes do not get smaller
        CREATE SEQUENCE person_id;
        CREATE TABLE counter (name text PRIMARY KEY, last bigint NOT NULL);
        INSERT INTO counter (name, last) VALUES ('number', 0)",
    ),
];

/// A walk that selects rarely may go far.
const WALK_DEADLINE: Duration = Duration::from_secs(5);
const CHANGE_DEADLINE: Duration = Duration::from_secs(5);
const BULK_DEADLINE: Duration = Duration::from_secs(60);

/// A base in a schema of a shared server.
pub struct PostgresPeople {
    store: Postgres,
    gather: Gather,
    sql: Sql,
    keys: Idempotency,
}

/// The statements, with the schema in front of every name.
struct Sql {
    find: String,
    find_id: String,
    up: String,
    down: String,
    lock: String,
    ids: String,
    reserve: String,
    delete: String,
    update: String,
    insert: String,
    load: String,
}

impl Sql {
    fn of(schema: &str) -> Self {
        let row = format!("SELECT id, version, updated_at, body FROM {schema}.person");
        Self {
            find: format!(
                "SELECT id, version, updated_at, body, person_index, key_id FROM {schema}.person
                WHERE person_index = ANY($1)"
            ),
            find_id: format!("{row} WHERE id = $1"),
            up: format!("{row} ORDER BY id ASC"),
            down: format!("{row} ORDER BY id DESC"),
            // In one order for everybody, so that two batches do not wait for each other.
            lock: format!(
                "SELECT id, version, updated_at, body, person_index, key_id FROM {schema}.person
                WHERE person_index = ANY($1) ORDER BY person_index FOR UPDATE"
            ),
            ids: format!("SELECT nextval('{schema}.person_id') FROM generate_series(1, $1::int8)"),
            reserve: format!(
                "UPDATE {schema}.counter SET last = greatest(last, $1) + $2 WHERE name = 'number' RETURNING last"
            ),
            delete: format!("DELETE FROM {schema}.person WHERE person_index = ANY($1)"),
            update: format!(
                "UPDATE {schema}.person AS kept SET version = new.version, updated_at = new.at, body = new.body
                FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::bytea[]) AS new (place, version, at, body)
                WHERE kept.person_index = new.place"
            ),
            insert: format!(
                "INSERT INTO {schema}.person (person_index, key_id, id, version, updated_at, body)
                SELECT place, key_id, id, version, at, body
                FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::bytea[])
                    AS new (place, key_id, id, version, at, body)
                ON CONFLICT (person_index) DO NOTHING"
            ),
            load: format!(
                "COPY {schema}.person (person_index, key_id, id, version, updated_at, body) FROM STDIN BINARY"
            ),
        }
    }
}

impl PostgresPeople {
    /// Opens the base in this schema. Refuses one that is not of this version, or was written with other keys.
    ///
    /// # Errors
    /// [`Error`], which names the schema and says what to do.
    pub async fn open(settings: &Settings, schema: &str, vault: &Vault) -> Result<Self, Error> {
        let store = Postgres::open(settings, schema, STEPS).await?;
        let prints: Vec<_> = vault.fingerprints().map(|print| (print.key, print.check)).collect();
        store.check_keys(&prints).await?;
        let (sql, keys) = (Sql::of(schema), Idempotency::of(schema));
        Ok(Self { gather: Gather::new(store.clone(), sql.find.clone()), store, sql, keys })
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
impl PeopleStore for PostgresPeople {
    async fn find(&self, indexes: &[BlindIndex]) -> Result<Option<Row>, StoreError> {
        self.gather.find(indexes.iter().map(change::place).collect()).await
    }

    async fn find_id(&self, id: i64) -> Result<Option<Row>, StoreError> {
        let found = self.store.one(&self.sql.find_id, &[&id]).await.map_err(StoreError::new)?;
        found.map(|row| read_row(&row)).transpose().map_err(StoreError::new)
    }

    async fn walk(&self, down: bool, mut visit: Visit) -> Result<(), StoreError> {
        let sql = if down { &self.sql.down } else { &self.sql.up };
        let mut unread = None;
        let show = |row: &ficha_postgres::Row| match read_row(row) {
            Ok(row) => visit(row),
            Err(error) => {
                unread = Some(error);
                ControlFlow::Break(())
            }
        };
        self.store.walk(WALK_DEADLINE, sql, &[], show).await.map_err(StoreError::new)?;
        unread.map_or(Ok(()), |error| Err(StoreError::new(error)))
    }

    async fn change(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, Problem> {
        if let Some(keyed) = changes.iter().find(|change| change.idempotency.is_some()) {
            self.keys.forget(&self.store, since(keyed)).await.map_err(StoreError::new)?;
        }
        let deadline = if changes.len() > FEW { BULK_DEADLINE } else { CHANGE_DEADLINE };
        // A request without a key that is done twice would find its own first half.
        let repeatable = changes.iter().all(|change| change.idempotency.is_some());
        let repeat = if repeatable { Repeat::Always } else { Repeat::IfUndone };
        let with = (self, Arc::new(changes));
        let changed = self.store.transaction(deadline, repeat, &with, |(people, changes), transaction| {
            Box::pin(people.attempt(transaction, changes))
        });
        changed.await.map_err(StoreError::new)?
    }

    /// The index of places goes along the first bytes.
    fn region(&self, index: &BlindIndex) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = index.value;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl PostgresPeople {
    async fn attempt(
        &self,
        transaction: &Transaction<'_>,
        changes: &Arc<Vec<Change>>,
    ) -> Result<Vec<Outcome>, Stop<Problem>> {
        let known = Arc::new(self.look_up(transaction, changes).await?);
        let ids = self.ids(transaction, known.missing(changes)).await?;
        let mut supply = Supply { ids, ..Supply::default() };
        let mut passed = change::decide(changes, &known, &supply).await.map_err(Stop::Refused)?;
        while !passed.wants.is_met_by(&supply) {
            let lacking = passed.wants.ids.saturating_sub(supply.ids.len());
            supply.ids.extend(self.ids(transaction, lacking).await?);
            supply.numbers = self.reserve(passed.wants.taken, passed.wants.numbers).await?;
            passed = change::decide(changes, &known, &supply).await.map_err(Stop::Refused)?;
        }
        if passed.wants.numbers == 0 && passed.wants.taken > 0 {
            self.reserve(passed.wants.taken, 0).await?;
        }
        self.write(transaction, &Writes::of(&known, &passed)).await?;
        self.remember(transaction, &passed).await?;
        Ok(passed.outcomes)
    }

    /// Locks the people of whom there is something, then looks the keys up: a request that came twice waits for its
    /// first to be done here, and must see what that answered.
    async fn look_up(
        &self,
        transaction: &Transaction<'_>,
        changes: &[Change],
    ) -> Result<Known, Stop<Problem>> {
        if changes.iter().any(|change| change.indexes.len() > 1) {
            // While keys rotate somebody new has two indexes, and no unique index knows that they are of one person.
            let number = self.store.lock_number("rotation");
            transaction.query("SELECT pg_advisory_xact_lock($1)", &[&number]).await?;
        }
        let mut known = Known::default();
        let places = change::places(changes);
        for row in transaction.query(&self.sql.lock, &[&places]).await? {
            let (place, key): (Uuid, i64) = (row.try_get(4)?, row.try_get(5)?);
            known.rows.insert((place, key), read_row(&row)?);
        }
        for change in changes {
            if let Some(blinded) = &change.idempotency {
                let recall = self.keys.recall(transaction, &blinded.key, &blinded.request, since(change));
                let known_as = match recall.await? {
                    Remembered::New => continue,
                    Remembered::Reply(reply) => Outcome::Replayed(reply),
                    Remembered::OtherRequest => Outcome::OtherRequest,
                };
                known.replies.insert(blinded.key, known_as);
            }
        }
        Ok(known)
    }

    /// Ids of people who may come. Those that are not needed are lost.
    async fn ids(&self, transaction: &Transaction<'_>, count: usize) -> Result<Vec<i64>, Stop<Problem>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = transaction.query(&self.sql.ids, &[&count]).await?;
        let ids: Result<Vec<i64>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        Ok(ids?)
    }

    /// Numbers above all that are taken. At once and for good, beside the transaction: nobody waits for it, and the
    /// documents' own commit makes this durable too. Those of a transaction that is undone are lost.
    async fn reserve(&self, taken: i64, count: usize) -> Result<std::ops::Range<i64>, Stop<Problem>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let row = self.store.one(&self.sql.reserve, &[&taken, &count]).await?;
        let lost = || Stop::Refused(Problem::internal("the counter of numbers is gone"));
        let last: i64 = row.ok_or_else(lost)?.try_get(0)?;
        Ok(last - count + 1..last + 1)
    }

    async fn write(&self, transaction: &Transaction<'_>, writes: &Writes<'_>) -> Result<(), Stop<Problem>> {
        let mut complete = true;
        if !writes.gone.is_empty() {
            let deleted = transaction.execute(&self.sql.delete, &[&writes.gone]).await?;
            complete &= deleted == writes.gone.len() as u64;
        }
        let changed = Columns::of(&writes.changed);
        if !changed.places.is_empty() {
            let row: ficha_postgres::Params<'_> =
                &[&changed.places, &changed.versions, &changed.updated, &changed.bodies];
            complete &= transaction.execute(&self.sql.update, row).await? == changed.places.len() as u64;
        }
        if writes.new.len() > FEW {
            self.load(transaction, &writes.new).await?;
        } else if !writes.new.is_empty() {
            let new = Columns::of(&writes.new);
            let row: ficha_postgres::Params<'_> =
                &[&new.places, &new.keys, &new.ids, &new.versions, &new.updated, &new.bodies];
            complete &= transaction.execute(&self.sql.insert, row).await? == new.places.len() as u64;
        }
        // Fewer: somebody else made one of these people meanwhile.
        if complete { Ok(()) } else { Err(Stop::Again) }
    }

    /// Half the server's work for each row. It knows no `ON CONFLICT`: whoever meets another begins again.
    async fn load(&self, transaction: &Transaction<'_>, new: &[(Place, &Row)]) -> Result<(), Stop<Problem>> {
        let types = [Type::UUID, Type::INT8, Type::INT8, Type::INT8, Type::INT8, Type::BYTEA];
        let mut rows = pin!(transaction.copy_in(&self.sql.load, &types).await?);
        for ((place, key), row) in new {
            let updated_at = row.updated_at.as_millisecond();
            rows.as_mut().write(&[place, key, &row.id, &row.version, &updated_at, &row.body]).await?;
        }
        match rows.finish().await {
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(Stop::Again),
            finished => Ok(finished.map(drop)?),
        }
    }

    async fn remember(&self, transaction: &Transaction<'_>, passed: &Passed) -> Result<(), Stop<Problem>> {
        for (blinded, reply, at_ms) in &passed.kept {
            let key = (&blinded.key[..], &blinded.request[..]);
            let since_ms = at_ms - IDEMPOTENCY_LIFE_MS;
            self.keys.remember(transaction, key, reply, *at_ms, since_ms).await?;
        }
        Ok(())
    }
}

/// Rows to be written, as columns.
#[derive(Default)]
struct Columns<'a> {
    places: Vec<Uuid>,
    keys: Vec<i64>,
    ids: Vec<i64>,
    versions: Vec<i64>,
    updated: Vec<i64>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(rows: &[(Place, &'a Row)]) -> Self {
        let mut columns = Self::default();
        for ((place, key), row) in rows {
            columns.places.push(*place);
            columns.keys.push(*key);
            columns.ids.push(row.id);
            columns.versions.push(row.version);
            columns.updated.push(row.updated_at.as_millisecond());
            columns.bodies.push(&row.body);
        }
        columns
    }
}

fn read_row(row: &ficha_postgres::Row) -> Result<Row, ficha_postgres::RowError> {
    let updated_at = Timestamp::from_millisecond(row.try_get(2)?).unwrap_or_default();
    Ok(Row { id: row.try_get(0)?, version: row.try_get(1)?, updated_at, body: row.try_get(3)? })
}

#[cfg(test)]
pub(crate) mod tests;
