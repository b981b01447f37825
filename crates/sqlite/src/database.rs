//! A database file, opened once per process.

use crate::{
    migrate::{self, Migration},
    reader::{LongReaders, with_reader},
    writer::Writer,
};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::{
    fs::File,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite says no.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The group that the write was committed with failed.
    #[error("sqlite: the commit failed: {0}")]
    Commit(String),
    /// The file cannot be made or opened.
    #[error("the file cannot be opened: {0}")]
    File(#[from] std::io::Error),
    /// The file's structure is not whole.
    #[error("sqlite: the file is damaged: {0}")]
    Damaged(String),
    /// The writer has stopped, or the write panicked.
    #[error("sqlite: the writer did not finish this write")]
    Writer,
    /// A migration that was applied reads otherwise now, or the file is of a newer version.
    #[error(
        "{file}: migration {number} is not the one this version knows; use the version of ficha that wrote it"
    )]
    Migration {
        /// Which file.
        file: String,
        /// Which migration.
        number: u32,
    },
    /// The file was written with keys that are not here.
    #[error("{file} was written with another key ({key:08x}); put the right key file in place")]
    WrongKey {
        /// Which file.
        file: String,
        /// Id of the key that is missing.
        key: u32,
    },
}

impl Error {
    /// Whether the file itself is at fault, and not a full disk or a permission.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let code = match self {
            Self::Damaged(_) => return true,
            Self::Sqlite(error) => error.sqlite_error_code(),
            _ => None,
        };
        matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }
}

/// A database file. Cloning shares it; it closes with the last clone.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

pub(crate) struct Inner {
    /// Tells this file from others in a thread's readers.
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    /// Grows with every commit of this process: readers renew their snapshots by it.
    pub(crate) commits: Arc<AtomicU64>,
    writer: Writer,
    long: LongReaders,
}

static OPENED: AtomicU64 = AtomicU64::new(0);

impl Database {
    /// Opens the file, made when absent, and brings it up to the latest migration.
    ///
    /// # Errors
    /// [`Error`]: the disk, a foreign file, or one that a newer version wrote.
    pub fn open(path: &Path, migrations: &[Migration]) -> Result<Self, Error> {
        // Made here for its owner only; SQLite gives its logs the same permissions.
        File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // Enough for migrations: what power takes of them is made again before anything is kept.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        // A bulk load touches pages all over its indexes: with the default 2 MB they are read and spilled again and
        // again. Taken only as far as it is used.
        connection.pragma_update(None, "cache_size", -(64 << 10))?;
        connection.pragma_update(None, "wal_autocheckpoint", 8192)?;
        // Mapped, the whole file would count as this process's memory by the end of a bulk load.
        connection.pragma_update(None, "mmap_size", 0)?;
        migrate::run(&mut connection, path, migrations)?;
        connection.pragma_update(None, "synchronous", "full")?;
        let commits = Arc::new(AtomicU64::new(0));
        Ok(Self(Arc::new(Inner {
            number: OPENED.fetch_add(1, Ordering::Relaxed),
            path: path.to_owned(),
            writer: Writer::start(connection, commits.clone())?,
            commits,
            long: LongReaders::new(),
        })))
    }

    /// Notes the keys that seal in this file, and refuses when it was written with one that is not among them.
    /// The file has [`crate::KEY_TABLE`].
    ///
    /// # Errors
    /// [`Error::WrongKey`] when a key is missing or another one under its id.
    pub async fn check_keys(&self, keys: Vec<(u32, [u8; 16])>) -> Result<(), Error> {
        let file = self.file_name();
        self.write(move |connection| migrate::check_keys(connection, &file, &keys)).await?
    }

    /// A point read, inline on this thread, on the snapshot that this thread keeps. Costs microseconds; anything
    /// unbounded goes through [`Database::read_long`].
    ///
    /// # Errors
    /// SQLite's.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        with_reader(&self.0, read).map_err(Error::Sqlite)
    }

    /// A read that may take long: on a thread of its own, interrupted after `deadline`.
    ///
    /// # Errors
    /// SQLite's; `SQLITE_INTERRUPT` when the deadline has passed.
    pub async fn read_long<T: Send + 'static>(
        &self,
        deadline: Duration,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.0.long.run(self.0.clone(), deadline, read).await
    }

    /// Runs `write` in a transaction and returns once it is durable. Others' writes are committed with it; when this
    /// one returns `Err`, it alone is undone. Outer errors are the engine's, inner ones the closure's own.
    ///
    /// # Errors
    /// [`Error`] when the commit failed: nothing of it happened.
    pub async fn write<T, E>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Error>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.0.writer.write(write).await
    }

    /// The file's name, without its folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.0.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

pub(crate) fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise SQLite plans some statements anew for every value that is bound to them: a third of a look-up.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 40)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
