//! Readers: one connection per thread and file, with a snapshot that is kept while nothing changes.
//!
//! A read transaction costs as much as the look-up inside it, so a worker keeps one open. It is renewed when this
//! process has committed something (own writes are visible at once) and after [`SNAPSHOT_AGE`] (other processes'
//! writes; the WAL can be checkpointed). A worker that goes to sleep lets go of it ([`release_snapshots`]).

use crate::database::{Error, Inner, connect};
use rusqlite::{Connection, OpenFlags};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};

const SNAPSHOT_AGE: Duration = Duration::from_millis(5);
const LONG_READERS: usize = 4;

struct Reader {
    database: Weak<Inner>,
    connection: Connection,
    snapshot: Option<Snapshot>,
}

struct Snapshot {
    commits: u64,
    since: Instant,
}

thread_local! {
    static READERS: RefCell<HashMap<u64, Reader>> = RefCell::default();
    static KEEPS: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread keeps its snapshots between reads. Whoever calls this calls [`release_snapshots`] whenever
/// the thread goes to sleep, or the write-ahead log grows.
pub fn keep_snapshots_on_this_thread() {
    KEEPS.set(true);
}

/// Ends the snapshots that this thread keeps, and closes its readers of files that are closed.
pub fn release_snapshots() {
    READERS.with_borrow_mut(|readers| {
        readers.retain(|_, reader| reader.database.strong_count() > 0);
        readers.values_mut().for_each(Reader::release);
    });
}

pub(crate) fn with_reader<T>(
    database: &Arc<Inner>,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    READERS.with_borrow_mut(|readers| {
        let reader = match readers.entry(database.number) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Reader::open(database)?),
        };
        reader.renew(database.commits.load(Ordering::Acquire))?;
        let result = read(&reader.connection);
        if !KEEPS.get() || result.is_err() {
            reader.release();
        }
        result
    })
}

impl Reader {
    fn open(database: &Arc<Inner>) -> rusqlite::Result<Self> {
        let connection = connect(&database.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { database: Arc::downgrade(database), connection, snapshot: None })
    }

    fn renew(&mut self, commits: u64) -> rusqlite::Result<()> {
        let now = Instant::now();
        let current =
            |snapshot: &Snapshot| snapshot.commits == commits && now - snapshot.since < SNAPSHOT_AGE;
        if !self.snapshot.as_ref().is_some_and(current) {
            self.release();
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.snapshot = Some(Snapshot { commits, since: now });
        }
        Ok(())
    }

    fn release(&mut self) {
        if self.snapshot.take().is_some() {
            // A read transaction has nothing to lose: when it cannot be ended, the next BEGIN says so.
            let _ = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        }
    }
}

/// A few connections for reads that may take long.
pub(crate) struct LongReaders {
    idle: Mutex<Vec<Connection>>,
    places: Semaphore,
}

impl LongReaders {
    pub(crate) fn new() -> Self {
        Self { idle: Mutex::default(), places: Semaphore::new(LONG_READERS) }
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        database: Arc<Inner>,
        deadline: Duration,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let end = Instant::now() + deadline;
        let _place = self.places.acquire().await.map_err(|_| Error::Writer)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (connection, result) = tokio::task::spawn_blocking(move || {
            let mut connection = match idle {
                Some(connection) => connection,
                None => connect(&database.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            };
            connection.progress_handler(1000, Some(move || Instant::now() > end))?;
            let result = read(&connection);
            Ok::<_, rusqlite::Error>((connection, result))
        })
        .await
        .map_err(|_| Error::Writer)??;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(result?)
    }
}
