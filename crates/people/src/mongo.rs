//! People on a MongoDB server that several processes share.

use crate::{
    Change, Outcome, PeopleStore, Row, Visit,
    change::{self, FEW, Known, Passed, Place, Supply, Writes, since},
};
use async_trait::async_trait;
use ficha_contract::{Problem, StoreError};
use ficha_mongo::{
    Error, Idempotency, Mongo, Remembered, Repeat, Rows, Settings, Step, Stop, Transaction,
    idempotency_collection, key_collection,
    mongodb::{
        bson::{Binary, Bson, Document, RawDocument, doc, error::Error as Unread, spec::BinarySubtype},
        options::{Acknowledgment, ReturnDocument, WriteConcern},
    },
    schema, unique,
};
use ficha_seal::{BlindIndex, Vault};
use jiff::Timestamp;
use std::{ops::ControlFlow, ops::Range, sync::Arc, time::Duration};
use uuid::Uuid;

const PERSON: &str = "person";
const COUNTER: &str = "counter";

/// A look-up of one document.
const POINT: Duration = Duration::from_secs(2);
/// A walk that selects rarely may go far.
const WALK_DEADLINE: Duration = Duration::from_secs(5);
const CHANGE_DEADLINE: Duration = Duration::from_secs(5);
/// The server itself ends a transaction after a minute.
const BULK_DEADLINE: Duration = Duration::from_secs(55);

/// What is kept of somebody: `_id` is the index (16 bytes: of whom it is, blinded where the base is sealed), `key` which
/// key blinded it, `id` a number that is never given again, `at` ms since 1970.
fn steps() -> Vec<Step> {
    let person = [
        ("_id", "binData"),
        ("key", "long"),
        ("id", "long"),
        ("version", "long"),
        ("at", "long"),
        ("body", "binData"),
    ];
    let counter = |name| {
        doc! { "q": { "_id": name }, "u": { "$setOnInsert": { "last": 0_i64 } }, "upsert": true }
    };
    let counters = vec![counter("person"), counter("number"), counter("rotation")];
    vec![
        key_collection(),
        idempotency_collection(),
        Step::collection(PERSON, schema(&person, &[]), vec![unique(doc! { "id": 1 })]),
        Step::collection(COUNTER, schema(&[("_id", "string"), ("last", "long")], &[]), vec![]),
        Step::adds(vec![doc! { "update": COUNTER, "updates": counters }]),
    ]
}

/// A base in collections of a shared server.
pub struct MongoPeople {
    store: Mongo,
    people: Rows,
    keys: Idempotency,
}

impl MongoPeople {
    /// Opens the base in the collections of this role. Refuses one that is not of this version, or was written with other
    /// keys.
    ///
    /// # Errors
    /// [`Error`], which names the collections and says what to do.
    pub async fn open(settings: &Settings, role: &str, vault: &Vault) -> Result<Self, Error> {
        let store = Mongo::open(settings, role, &steps()).await?;
        let prints: Vec<_> = vault.fingerprints().map(|print| (print.key, print.check)).collect();
        store.check_keys(&prints).await?;
        let (people, keys) = (store.collection(PERSON), Idempotency::of(&store));
        Ok(Self { store, people, keys })
    }

    /// Makes the collections, or brings them up to this version.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn migrate(settings: &Settings, role: &str) -> Result<(), Error> {
        Mongo::migrate(settings, role, &steps()).await
    }
}

#[async_trait]
impl PeopleStore for MongoPeople {
    async fn find(&self, indexes: &[BlindIndex]) -> Result<Option<Row>, StoreError> {
        for index in indexes {
            let find = self.people.find_one(doc! { "_id": bytes(&index.value) }).max_time(POINT);
            if let Some(found) = self.store.ask(POINT, find).await.map_err(StoreError::new)? {
                let (place, row) = read_row(&found).map_err(StoreError::new)?;
                if place.1 == i64::from(index.key) {
                    return Ok(Some(row));
                }
            }
        }
        Ok(None)
    }

    async fn find_id(&self, id: i64) -> Result<Option<Row>, StoreError> {
        let find = self.people.find_one(doc! { "id": id }).max_time(POINT);
        let found = self.store.ask(POINT, find).await.map_err(StoreError::new)?;
        found.map(|row| read_row(&row).map(|(_, row)| row)).transpose().map_err(StoreError::new)
    }

    async fn walk(&self, down: bool, mut visit: Visit) -> Result<(), StoreError> {
        let along = doc! { "id": if down { -1 } else { 1 } };
        let mut unread = None;
        let show = |row: &RawDocument| match read_row(row) {
            Ok((_, row)) => visit(row),
            Err(error) => {
                unread = Some(error);
                ControlFlow::Break(())
            }
        };
        let find = self.people.find(doc! {}).sort(along).max_time(WALK_DEADLINE);
        self.store.walk(WALK_DEADLINE, find, show).await.map_err(StoreError::new)?;
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

    /// The index of `_id` goes along the first bytes.
    fn region(&self, index: &BlindIndex) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = index.value;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl MongoPeople {
    async fn attempt(
        &self,
        transaction: &mut Transaction,
        changes: &Arc<Vec<Change>>,
    ) -> Result<Vec<Outcome>, Stop<Problem>> {
        let known = Arc::new(self.look_up(transaction, changes).await?);
        let ids = self.ids(known.missing(changes)).await?;
        let mut supply = Supply { ids: ids.collect(), ..Supply::default() };
        let mut passed = change::decide(changes, &known, &supply).await.map_err(Stop::Refused)?;
        while !passed.wants.is_met_by(&supply) {
            let lacking = passed.wants.ids.saturating_sub(supply.ids.len());
            supply.ids.extend(self.ids(lacking).await?);
            supply.numbers = self.numbers(passed.wants.taken, passed.wants.numbers).await?;
            passed = change::decide(changes, &known, &supply).await.map_err(Stop::Refused)?;
        }
        if passed.wants.numbers == 0 && passed.wants.taken > 0 {
            self.numbers(passed.wants.taken, 0).await?;
        }
        write(transaction, &Writes::of(&known, &passed)).await?;
        self.remember(transaction, &passed).await?;
        Ok(passed.outcomes)
    }

    /// Everything of one moment: whoever writes one of these people or keys meanwhile has this done again.
    async fn look_up(
        &self,
        transaction: &mut Transaction,
        changes: &[Change],
    ) -> Result<Known, Stop<Problem>> {
        if changes.iter().any(|change| change.indexes.len() > 1) {
            // While keys rotate somebody new has two indexes, and nothing knows that they are of one person.
            let counters = transaction.collection(COUNTER);
            let touch = doc! { "$inc": { "last": 1_i64 } };
            let touch = counters.update_one(doc! { "_id": "rotation" }, touch);
            touch.session(transaction.session()).await?;
        }
        let mut known = Known::default();
        let places: Vec<Bson> = change::places(changes).iter().map(|place| bytes(place.as_bytes())).collect();
        for row in transaction.find(PERSON, doc! { "_id": { "$in": places } }).await? {
            let (place, row) = read_row(&row)?;
            known.rows.insert(place, row);
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
    async fn ids(&self, count: usize) -> Result<Range<i64>, Stop<Problem>> {
        if count == 0 {
            return Ok(0..0);
        }
        self.reserve("person", 0, count).await
    }

    /// Numbers above all that are taken.
    async fn numbers(&self, taken: i64, count: usize) -> Result<Range<i64>, Stop<Problem>> {
        self.reserve("number", taken, count).await
    }

    /// At once and for good, beside the transaction: nobody waits for it, and what the documents' own commit waits for
    /// comes after it in the same log. Those of a transaction that is undone are lost.
    async fn reserve(&self, counter: &str, above: i64, count: usize) -> Result<Range<i64>, Stop<Problem>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let counters = self.store.collection(COUNTER).clone_with_type::<Document>();
        let last = doc! { "$max": ["$last", above] };
        let set = vec![doc! { "$set": { "last": { "$add": [last, count] } } }];
        let reserved = counters
            .find_one_and_update(doc! { "_id": counter }, set)
            .return_document(ReturnDocument::After)
            .write_concern(WriteConcern::builder().w(Acknowledgment::Nodes(1)).build());
        let lost = || Stop::Refused(Problem::internal("a counter is gone"));
        let reserved = self.store.ask(POINT, reserved).await.map_err(Stop::from)?.ok_or_else(lost)?;
        let last = reserved.get_i64("last").map_err(|_| lost())?;
        Ok(last - count + 1..last + 1)
    }

    async fn remember(&self, transaction: &mut Transaction, passed: &Passed) -> Result<(), Stop<Problem>> {
        for (blinded, reply, at_ms) in &passed.kept {
            let key = (&blinded.key[..], &blinded.request[..]);
            self.keys.remember(transaction, key, reply, *at_ms).await?;
        }
        Ok(())
    }
}

async fn write(transaction: &mut Transaction, writes: &Writes<'_>) -> Result<(), Stop<Problem>> {
    let people = transaction.documents(PERSON);
    if !writes.gone.is_empty() {
        let gone: Vec<Bson> = writes.gone.iter().map(|place| bytes(place.as_bytes())).collect();
        people.delete_many(doc! { "_id": { "$in": gone } }).session(transaction.session()).await?;
    }
    let changed: Vec<_> = writes.changed.iter().map(update).collect();
    transaction.update(PERSON, changed).await?;
    if !writes.new.is_empty() {
        let new: Vec<_> = writes.new.iter().map(document).collect();
        people.insert_many(new).session(transaction.session()).await?;
    }
    Ok(())
}

/// Which document is changed, and how.
fn update(((place, _), row): &(Place, &Row)) -> (Document, Document) {
    let at = row.updated_at.as_millisecond();
    let set = doc! { "version": row.version, "at": at, "body": bytes(&row.body) };
    (doc! { "_id": bytes(place.as_bytes()) }, doc! { "$set": set })
}

fn document(((place, key), row): &(Place, &Row)) -> Document {
    doc! {
        "_id": bytes(place.as_bytes()),
        "key": *key,
        "id": row.id,
        "version": row.version,
        "at": row.updated_at.as_millisecond(),
        "body": bytes(&row.body),
    }
}

fn read_row(row: &RawDocument) -> Result<(Place, Row), Unread> {
    let place = Uuid::from_slice(row.get_binary("_id")?.bytes).unwrap_or_default();
    let updated_at = Timestamp::from_millisecond(row.get_i64("at")?).unwrap_or_default();
    let body = row.get_binary("body")?.bytes.to_vec();
    let (id, version) = (row.get_i64("id")?, row.get_i64("version")?);
    Ok(((place, row.get_i64("key")?), Row { id, version, updated_at, body }))
}

fn bytes(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}

#[cfg(test)]
pub(crate) mod tests;
