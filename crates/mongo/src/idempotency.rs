//! Idempotency keys, kept in the transaction of the write that they belong to.

use crate::{Error, Mongo, Rows, Step, Stop, Transaction, index, schema};
use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};
use std::time::Duration;

const NAME: &str = "idempotency";
const FORGET: Duration = Duration::from_secs(2);
/// How many are forgotten at once.
const FEW: i64 = 16;

/// Every store whose writes can be repeated by key has this collection. All bytes are blinded or sealed as the store's
/// bodies are.
#[must_use]
pub fn idempotency_collection() -> Step {
    let fields = [("_id", "binData"), ("request", "binData"), ("reply", "binData"), ("at", "long")];
    Step::collection(NAME, schema(&fields, &[]), vec![index(doc! { "at": 1 })])
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing: go on.
    New,
    /// The same request was answered so.
    Reply(Vec<u8>),
    /// The key belongs to another request.
    OtherRequest,
}

/// The keys of one store.
pub struct Idempotency {
    keys: Rows,
}

impl Idempotency {
    /// Those of this store.
    #[must_use]
    pub fn of(store: &Mongo) -> Self {
        Self { keys: store.collection(NAME) }
    }

    /// Looks a key up. What is older than `since_ms` is forgotten, whether it was purged yet or not.
    ///
    /// # Errors
    /// The server's.
    pub async fn recall<E>(
        &self,
        transaction: &mut Transaction,
        key: &[u8],
        request: &[u8],
        since_ms: i64,
    ) -> Result<Remembered, Stop<E>> {
        let filter = doc! { "_id": bytes(key), "at": { "$gte": since_ms } };
        let Some(row) = self.keys.find_one(filter).session(transaction.session()).await? else {
            return Ok(Remembered::New);
        };
        if row.get_binary("request")?.bytes != request {
            return Ok(Remembered::OtherRequest);
        }
        Ok(Remembered::Reply(row.get_binary("reply")?.bytes.to_vec()))
    }

    /// Keeps what was answered. Of two who come at once with one key, one is done again from its beginning, and finds
    /// what the other was answered.
    ///
    /// # Errors
    /// The server's.
    pub async fn remember<E>(
        &self,
        transaction: &mut Transaction,
        (key, request): (&[u8], &[u8]),
        reply: &[u8],
        at_ms: i64,
    ) -> Result<(), Stop<E>> {
        let keys = self.keys.clone_with_type::<Document>();
        let row = doc! { "_id": bytes(key), "request": bytes(request), "reply": bytes(reply), "at": at_ms };
        let replaced = keys.replace_one(doc! { "_id": bytes(key) }, row).upsert(true);
        replaced.session(transaction.session()).await?;
        Ok(())
    }

    /// Forgets a few keys that are older; called with every write, so that nothing has to be scheduled.
    ///
    /// # Errors
    /// The server's.
    pub async fn forget(&self, store: &Mongo, before_ms: i64) -> Result<(), Error> {
        let old = doc! { "at": { "$lt": before_ms } };
        let find =
            self.keys.find(old.clone()).sort(doc! { "at": 1 }).limit(FEW).projection(doc! { "_id": 1 });
        let mut cursor = store.ask(FORGET, find).await?;
        let mut keys: Vec<Bson> = Vec::new();
        while store.ask(FORGET, cursor.advance()).await? {
            keys.push(bytes(cursor.current().get_binary("_id")?.bytes));
        }
        if !keys.is_empty() {
            let mut gone = old;
            gone.insert("_id", doc! { "$in": keys });
            store.ask(FORGET, self.keys.delete_many(gone)).await?;
        }
        Ok(())
    }
}

fn bytes(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}
