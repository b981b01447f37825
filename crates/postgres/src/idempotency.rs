//! Idempotency keys, kept in the transaction of the write that they belong to.

use crate::{Error, Postgres, Step, Stop, Transaction};

/// Every store whose writes can be repeated by key has this table. All bytes are blinded or sealed as the store's bodies
/// are.
pub const IDEMPOTENCY_TABLE: Step = Step::adds(
    "CREATE TABLE idempotency (
        key bytea PRIMARY KEY,
        request bytea NOT NULL,
        reply bytea NOT NULL,
        at bigint NOT NULL
    );
    CREATE INDEX idempotency_at ON idempotency (at)",
);

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

/// The statements of one store's keys.
pub struct Idempotency {
    recall: String,
    remember: String,
    forget: String,
}

impl Idempotency {
    /// For the store in this schema.
    #[must_use]
    pub fn of(schema: &str) -> Self {
        let table = format!("{schema}.idempotency");
        Self {
            recall: format!("SELECT request, reply FROM {table} WHERE key = $1 AND at >= $2"),
            remember: format!(
                "INSERT INTO {table} AS kept (key, request, reply, at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (key) DO UPDATE SET request = $2, reply = $3, at = $4 WHERE kept.at < $5"
            ),
            forget: format!(
                "WITH old AS MATERIALIZED
                    (SELECT key FROM {table} WHERE at < $1 ORDER BY at LIMIT 16 FOR UPDATE SKIP LOCKED)
                DELETE FROM {table} WHERE key IN (SELECT key FROM old)"
            ),
        }
    }

    /// Looks a key up. What is older than `since_ms` is forgotten, whether it was purged yet or not.
    ///
    /// # Errors
    /// The server's.
    pub async fn recall(
        &self,
        transaction: &Transaction<'_>,
        key: &[u8],
        request: &[u8],
        since_ms: i64,
    ) -> Result<Remembered, tokio_postgres::Error> {
        let rows = transaction.query(&self.recall, &[&key, &since_ms]).await?;
        let Some(row) = rows.first() else { return Ok(Remembered::New) };
        let known: &[u8] = row.try_get(0)?;
        Ok(if known == request { Remembered::Reply(row.try_get(1)?) } else { Remembered::OtherRequest })
    }

    /// Keeps what was answered.
    ///
    /// # Errors
    /// [`Stop::Again`] when the same key came at once with somebody else, who was faster; the server's.
    pub async fn remember<E>(
        &self,
        transaction: &Transaction<'_>,
        (key, request): (&[u8], &[u8]),
        reply: &[u8],
        at_ms: i64,
        since_ms: i64,
    ) -> Result<(), Stop<E>> {
        let kept = transaction.execute(&self.remember, &[&key, &request, &reply, &at_ms, &since_ms]).await?;
        if kept == 1 { Ok(()) } else { Err(Stop::Again) }
    }

    /// Forgets a few keys that are older; called with every write, so that nothing has to be scheduled.
    ///
    /// # Errors
    /// The server's.
    pub async fn forget(&self, store: &Postgres, before_ms: i64) -> Result<(), Error> {
        store.one(&self.forget, &[&before_ms]).await.map(drop)
    }
}
