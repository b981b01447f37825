//! Looking a file over, for `ficha doctor`, and settling it when the server stops.

use crate::{Error, database::connect};
use rusqlite::OpenFlags;
use std::path::Path;

/// Whether the file's structure is whole (SQLite's `quick_check`). Reads all of it; works beside a server.
///
/// # Errors
/// What is wrong, in SQLite's words.
pub fn quick_check(path: &Path) -> Result<(), Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(Error::Damaged(said)) }
}

/// Brings the write-ahead log into the file and empties it, as far as no other process reads it.
///
/// # Errors
/// SQLite's.
pub fn checkpoint(path: &Path) -> Result<(), Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
