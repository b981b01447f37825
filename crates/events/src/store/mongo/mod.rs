//! Base C on MongoDB, which several processes share.
//!
//! CPFs are in the clear, as in the file (see `store/sqlite`). Every transaction that changes a movement of a person
//! writes his hot record, so that two of them meet there, and one is done again: a record is never of half the truth.
//! Who has no movements any more keeps a record that says so (`gone`), with a version that goes on growing: whoever
//! remembers an older one can tell.

mod change;
mod hot;
mod index;
mod ingest;
mod rows;

pub(crate) use index::Found;
pub use index::{Index, IndexError, IndexFigures, Naming, Pace};

use super::{
    LastPurchase, MovementStore, Selection, Write, WriteRefused, codes,
    replies::{DAY_MS, blinded},
};
use crate::{Movement, Zone};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use ficha_contract::{Ingested, Reply, StoreError};
use ficha_domain::{Cpf, ObjectId, World};
use ficha_mongo::{
    Error, Idempotency, Mongo, Repeat, Settings, Step, idempotency_collection,
    mongodb::bson::{Bson, Document, RawDocument, doc},
    schema,
};
use futures_util::StreamExt;
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

const ROLE: &str = "events";
/// A point read.
const POINT: Duration = Duration::from_secs(2);
/// After this, a list is given up: a person's movements are many, not endless.
const LIST: Duration = Duration::from_secs(2);
const WRITE: Duration = Duration::from_secs(5);
/// Below `transactionLifetimeLimitSeconds`, after which the server gives a transaction up by itself.
const INGEST: Duration = Duration::from_secs(50);

fn steps() -> Vec<Step> {
    let movement = [
        ("_id", "objectId"),
        ("cpf", "long"),
        ("at", "long"),      // ms since 1970
        ("version", "long"), // the entity tag
        ("cents", "long"),
        ("kind", "int"),    // 0 unknown, 1 Credit, 2 Debit
        ("payment", "int"), // 0 unknown, 1 CreditCard, 2 DebitCard, 3 PaymentSlip, 4 Money
        ("description", "string"),
    ];
    let hot = [
        ("_id", "long"),             // the CPF
        ("at", "long"),              // when something changed, ms since 1970
        ("version", "long"),         // grows with each write, also with that of the last movement's end
        ("gone", "bool"),            // has no movements any more
        ("last_purchase", "string"), // ready JSON, or null
        ("rest", "string"),          // ready JSON, from the comma on
    ];
    vec![
        Step::collection("movement", schema(&movement, &[]), rows::indexes()),
        Step::collection("hot", schema(&hot, &[]), vec![]),
        idempotency_collection(),
    ]
}

/// Movements on a MongoDB server.
pub struct MongoMovements {
    records: hot::Records,
    keys: Idempotency,
    blinding: hmac::Key,
    world: World,
}

impl MongoMovements {
    /// Opens the base, and refuses one whose hot records were made for another zone or by another version.
    ///
    /// # Errors
    /// [`Error::NotMigrated`], [`Error::Newer`], [`Error::Unfit`], or whatever keeps us from the server.
    pub async fn open(
        settings: &Settings,
        zone: Zone,
        blinding: [u8; 32],
        world: World,
    ) -> Result<Self, Error> {
        let records = hot::Records::of(Mongo::open(settings, ROLE, &steps()).await?, zone);
        records.check().await?;
        let keys = Idempotency::of(&records.mongo);
        Ok(Self { records, keys, blinding: hmac::Key::new(hmac::HMAC_SHA256, &blinding), world })
    }

    /// Makes the collections, or brings them up to this version. Hot records that were made for another zone or by
    /// another version are made anew: no process may serve meanwhile. Twice, and by several at once, is safe.
    ///
    /// # Errors
    /// The server's; what a newer version made is not touched.
    pub async fn migrate(settings: &Settings, zone: Zone) -> Result<(), Error> {
        Mongo::migrate(settings, ROLE, &steps()).await?;
        hot::Records::of(Mongo::open(settings, ROLE, &steps()).await?, zone).renew().await
    }

    /// What `read` finds in the hot record of somebody who has movements, where it lies in the server's answer. It
    /// asks for these fields alone; for none in particular, for all.
    async fn hot<T>(
        &self,
        cpf: Cpf,
        fields: &[&str],
        read: impl FnOnce(&RawDocument) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let asked = async {
            let find = self.records.hot.find(doc! { "_id": codes::key(cpf) }).limit(-1).max_time(POINT);
            let find = match fields {
                [] => find,
                some => find.projection(
                    some.iter().map(|field| ((*field).to_owned(), Bson::Int32(1))).collect::<Document>(),
                ),
            };
            find.batch().await?.next().await.transpose()
        };
        let Some(answer) = self.records.mongo.ask(POINT, asked).await? else { return Ok(None) };
        let Some(row) = answer.doc_slices()?.into_iter().next() else { return Ok(None) };
        let row = row?.as_document().ok_or_else(|| rows::damaged("an answer"))?;
        if row.get_bool("gone")? { Ok(None) } else { read(row).map(Some) }
    }
}

impl MongoMovements {
    /// Whether anybody of that CPF has movements.
    async fn knows(&self, cpf: Cpf) -> Result<bool, Error> {
        Ok(self.hot(cpf, &["gone"], |_| Ok(())).await?.is_some())
    }
}

#[async_trait]
impl MovementStore for MongoMovements {
    async fn append_hot(&self, cpf: Cpf, answer: &mut Vec<u8>) -> Result<Option<Timestamp>, StoreError> {
        self.hot(cpf, &[], |row| hot::append(row, answer)).await.map_err(StoreError::new)
    }

    async fn last_purchase(&self, cpf: Cpf) -> Result<Option<LastPurchase>, StoreError> {
        self.hot(cpf, &["gone", "last_purchase"], hot::last_purchase).await.map_err(StoreError::new)
    }

    async fn list(&self, cpf: Cpf, selection: Selection) -> Result<Option<Vec<Movement>>, StoreError> {
        let found = self.selected(cpf, &selection).await.map_err(StoreError::new)?;
        if !found.is_empty() {
            return Ok(Some(found));
        }
        Ok(self.knows(cpf).await.map_err(StoreError::new)?.then_some(found))
    }

    async fn write(&self, write: Write) -> Result<Reply, WriteRefused> {
        self.write_noting(&write, &Noted::default()).await
    }

    async fn ingest(&self, batch: Vec<Movement>, now: Timestamp) -> Result<Ingested, StoreError> {
        self.ingest_noting(&batch, now, &Noted::default()).await
    }
}

/// Whose records a write changed, whoever's the movement was before.
#[derive(Default)]
pub(super) struct Noted(Mutex<BTreeSet<i64>>);

impl Noted {
    /// In the place of what an earlier try noted.
    fn set(&self, people: &BTreeSet<i64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(people);
    }

    pub(super) fn people(&self) -> BTreeSet<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl MongoMovements {
    pub(super) async fn write_noting(&self, write: &Write, noted: &Noted) -> Result<Reply, WriteRefused> {
        let idempotency = write.condition.idempotency.as_ref();
        let repeat = if idempotency.is_some() { Repeat::Always } else { Repeat::IfUndone };
        if idempotency.is_some() {
            let day_ago = write.now.as_millisecond() - DAY_MS;
            self.keys.forget(&self.records.mongo, day_ago).await.map_err(StoreError::new)?;
        }
        let blinded = idempotency.map(|idempotency| blinded(&self.blinding, idempotency));
        let once = change::Once { store: self, write, blinded, noted };
        let done = self
            .records
            .mongo
            .transaction(WRITE, repeat, &once, |once, transaction| Box::pin(change::once(once, transaction)));
        done.await.map_err(StoreError::new)?
    }

    pub(super) async fn ingest_noting(
        &self,
        rows: &[Movement],
        now: Timestamp,
        noted: &Noted,
    ) -> Result<Ingested, StoreError> {
        if rows.is_empty() {
            return Ok(Ingested::default());
        }
        let batch = ingest::Batch { store: self, rows, now, noted };
        // Rows that are there already are recognised, so doing it twice is doing it once.
        let done = self.records.mongo.transaction(INGEST, Repeat::Always, &batch, |batch, transaction| {
            Box::pin(ingest::batch(batch, transaction))
        });
        done.await.map_err(StoreError::new)?.map_err(StoreError::new)
    }

    /// Whose movement this is.
    pub(super) async fn owner(&self, id: ObjectId) -> Result<Option<i64>, Error> {
        let find = self.records.movements.find_one(doc! { "_id": rows::id(id) }).max_time(POINT);
        let found = self.records.mongo.ask(POINT, find.projection(doc! { "cpf": 1 })).await?;
        Ok(found.map(|row| row.get_i64("cpf")).transpose()?)
    }
}

#[cfg(test)]
pub(super) mod tests;
