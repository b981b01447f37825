//! One at a time, over several processes: a lease that is renewed by whoever holds it.
//!
//! It is the server's clock that ends a lease, since the processes' own may differ: the only place where it is asked.

use crate::{Error, Mongo, error::code, migrate::META};
use mongodb::{
    bson::{Document, doc, oid::ObjectId},
    options::ReturnDocument,
};
use std::time::Duration;
use tokio::time::sleep;

/// How long somebody who was killed holds the others up.
const LEASE_MS: i64 = 15_000;
const RENEWED_EVERY: Duration = Duration::from_secs(4);
const ASKED_EVERY: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(10);
const DUPLICATE_KEY: i32 = 11000;

/// Held until it is released, or not renewed.
pub struct Lease<'a> {
    store: &'a Mongo,
    collection: &'static str,
    name: &'static str,
    holder: ObjectId,
}

/// Waits for that of migrations.
pub(crate) async fn take<'a>(store: &'a Mongo, collection: &'static str) -> Result<Lease<'a>, Error> {
    let lock = Lease { store, collection, name: "lock", holder: ObjectId::new() };
    while !lock.hold().await? {
        sleep(ASKED_EVERY).await;
    }
    Ok(lock)
}

impl Mongo {
    /// What one process at a time does, unless somebody else does it now. Two may do it at once for a moment: where the
    /// holder hangs and is given up.
    ///
    /// # Errors
    /// The server's.
    pub async fn lease(&self, name: &'static str) -> Result<Option<Lease<'_>>, Error> {
        let lease = Lease { store: self, collection: META, name, holder: ObjectId::new() };
        Ok(lease.hold().await?.then_some(lease))
    }
}

impl Lease<'_> {
    /// Takes or renews it; false when somebody else has it.
    async fn hold(&self) -> Result<bool, Error> {
        let collection = self.store.database().collection::<Document>(&self.store.named(self.collection));
        let is_mine = doc! { "$eq": ["$holder", self.holder] };
        let is_over = doc! { "$lt": [{ "$ifNull": ["$until", "$$NOW"] }, "$$NOW"] };
        let is_new = doc! { "$eq": [{ "$type": "$until" }, "missing"] };
        let may = doc! { "$or": [is_mine, is_new, is_over] };
        let set = doc! {
            "holder": { "$cond": [may.clone(), self.holder, "$holder"] },
            "until": { "$cond": [may, { "$add": ["$$NOW", LEASE_MS] }, "$until"] },
        };
        let update = collection.find_one_and_update(doc! { "_id": self.name }, vec![doc! { "$set": set }]);
        match self.store.ask(LIMIT, update.upsert(true).return_document(ReturnDocument::After)).await {
            Ok(lock) => {
                Ok(lock.is_some_and(|lock| lock.get_object_id("holder").is_ok_and(|id| id == self.holder)))
            }
            // Two made it at once.
            Err(Error::Mongo(error)) if code(&error) == Some(DUPLICATE_KEY) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Renews it for as long as this is waited for; ends when it is lost.
    pub async fn keep(&self) -> Error {
        loop {
            sleep(RENEWED_EVERY).await;
            match self.hold().await {
                Ok(true) => {}
                Ok(false) => return Error::Contended,
                Err(error) => return error,
            }
        }
    }

    /// Lets the next one go on. Where this fails the lease ends by itself.
    pub async fn release(self) {
        let collection = self.store.collection(self.collection);
        let release = collection.delete_one(doc! { "_id": self.name, "holder": self.holder });
        if let Err(error) = self.store.ask(LIMIT, release).await {
            tracing::warn!(%error, name = self.name, "a lease was not released; it ends by itself");
        }
    }
}
