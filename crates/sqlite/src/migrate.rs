//! Numbered migrations, and the fingerprints of the keys that a file was written with.

use crate::Error;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;

/// The SQL of one step. Once it has landed it never changes: the next step does.
pub type Migration = &'static str;

/// Every file that holds something sealed has this table; see [`crate::Database::check_keys`].
pub const KEY_TABLE: Migration =
    "CREATE TABLE key_fingerprint (key_id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL) STRICT";

/// Applies what is missing, each step in a transaction of its own. Safe to run twice and by several at once.
pub(crate) fn run(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<(), Error> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, sql TEXT NOT NULL) STRICT",
    )?;
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for (number, sql) in (0_u32..).zip(migrations) {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied: Option<String> = step
            .query_row("SELECT sql FROM migration WHERE number = ?1", [number], |row| row.get(0))
            .optional()?;
        match applied {
            Some(applied) if applied == *sql => {}
            Some(_) => return Err(Error::Migration { file, number }),
            None => {
                step.execute_batch(sql)?;
                step.execute("INSERT INTO migration VALUES (?1, ?2)", params![number, sql])?;
                step.commit()?;
            }
        }
    }
    let newest: Option<u32> =
        connection.query_row("SELECT max(number) FROM migration", [], |row| row.get(0))?;
    match newest {
        Some(number) if number as usize >= migrations.len() => Err(Error::Migration { file, number }),
        _ => Ok(()),
    }
}

pub(crate) fn check_keys(connection: &Connection, file: &str, keys: &[(u32, [u8; 16])]) -> Result<(), Error> {
    let mut known = connection.prepare("SELECT key_id, fingerprint FROM key_fingerprint")?;
    let known: Vec<(u32, [u8; 16])> =
        known.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    if let Some((key, _)) = known.iter().find(|known| !keys.contains(known)) {
        return Err(Error::WrongKey { file: file.to_owned(), key: *key });
    }
    for (key, fingerprint) in keys {
        connection
            .execute("INSERT OR IGNORE INTO key_fingerprint VALUES (?1, ?2)", params![key, fingerprint])?;
    }
    Ok(())
}
