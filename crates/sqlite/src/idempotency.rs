//! Idempotency keys, kept in the transaction of the write that they belong to.

use rusqlite::{Connection, OptionalExtension, params};

/// Every file whose writes can be repeated by key has this table.
pub const IDEMPOTENCY_TABLE: &str = "
    CREATE TABLE idempotency (
        key BLOB PRIMARY KEY,      -- blinded: a client's own words may be personal data
        request BLOB NOT NULL,     -- blinded: tells another request under the same key
        reply BLOB NOT NULL,       -- as the store keeps its bodies: sealed where they are
        at INTEGER NOT NULL        -- ms since 1970
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_at ON idempotency (at);";

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

/// Looks a key up.
///
/// # Errors
/// SQLite's.
pub fn recall(connection: &Connection, key: &[u8], request: &[u8]) -> rusqlite::Result<Remembered> {
    let found: Option<(Vec<u8>, Vec<u8>)> = connection
        .prepare_cached("SELECT request, reply FROM idempotency WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        None => Remembered::New,
        Some((known, reply)) if known == request => Remembered::Reply(reply),
        Some(_) => Remembered::OtherRequest,
    })
}

/// Keeps what was answered.
///
/// # Errors
/// SQLite's; a key that is kept already among them.
pub fn remember(
    connection: &Connection,
    key: &[u8],
    request: &[u8],
    reply: &[u8],
    at_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, request, reply, at_ms])
        .map(drop)
}

/// Forgets keys that are older; called with every write, a few rows at a time, so that nothing has to be scheduled.
///
/// # Errors
/// SQLite's.
pub fn forget_before(connection: &Connection, at_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at < ?1 ORDER BY at LIMIT 16)",
        )?
        .execute([at_ms])
        .map(drop)
}
