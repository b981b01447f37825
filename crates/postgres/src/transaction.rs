//! Transactions that are done again when they lost to another one.

use crate::{Error, Params, Postgres, Stop};
use deadpool_postgres::{ClientWrapper, Object};
use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::{Row, binary_copy::BinaryCopyInWriter, error::SqlState, types::Type};

const TRIES: u32 = 8;
/// The longest pause between two tries.
const PAUSE_MS: u64 = 50;

/// Which codes of the server mean that the same transaction may succeed now.
const CODES: [(&str, Retry); 8] = [
    ("40001", Retry::Yes),         // serialization failure
    ("40P01", Retry::Yes),         // deadlock
    ("55P03", Retry::Once),        // lock timeout: three seconds were spent already
    ("0A000", Retry::Once),        // a cached plan, after a migration ran beside us
    ("25006", Retry::Reconnected), // the primary became a standby
    ("57P01", Retry::Reconnected), // the server is stopped
    ("57P02", Retry::Reconnected), // the server crashed
    ("57P03", Retry::Reconnected), // the server starts
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    Yes,
    Once,
    /// On another connection.
    Reconnected,
}

/// What to do when the answer to a COMMIT was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Only what certainly did not happen is done again.
    IfUndone,
    /// Doing it twice is doing it once: there is a key in it, or what is there is recognised.
    Always,
}

/// A transaction under way.
pub struct Transaction<'a>(deadpool_postgres::Transaction<'a>);

impl Transaction<'_> {
    /// Rows of a statement, which is prepared once for each connection.
    ///
    /// # Errors
    /// The server's. The transaction is over then: give the error back.
    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.0.prepare_cached(sql).await?;
        self.0.query(&statement, params).await
    }

    /// How many rows a statement changed.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, tokio_postgres::Error> {
        let statement = self.0.prepare_cached(sql).await?;
        self.0.execute(&statement, params).await
    }

    /// Takes rows of a bulk load for a `COPY … FROM STDIN BINARY`: half of what an `INSERT` costs.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn copy_in(
        &self,
        sql: &str,
        types: &[Type],
    ) -> Result<BinaryCopyInWriter, tokio_postgres::Error> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(BinaryCopyInWriter::new(self.0.copy_in(&statement).await?, types))
    }
}

/// The work of a transaction.
pub type Working<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, Stop<E>>> + Send + 't>>;

/// Why a try failed.
enum Failure {
    /// Somebody was faster.
    Again,
    /// Nothing of it happened.
    Undone(Error),
    /// It happened or did not.
    Unknown,
}

impl Postgres {
    /// Does `work` in a transaction, READ COMMITTED, and commits; again from the beginning when it lost to another
    /// one, up to the deadline. The inner error is the work's own, and nothing happened then. `with` is what the work
    /// needs: a closure that borrowed it could not be shown to be `Send`.
    ///
    /// # Errors
    /// [`Error`]: nothing happened, except for [`Error::Unknown`].
    pub async fn transaction<C: Sync, T, E>(
        &self,
        deadline: Duration,
        repeat: Repeat,
        with: &C,
        work: impl for<'t> Fn(&'t C, &'t Transaction<'t>) -> Working<'t, T, E>,
    ) -> Result<Result<T, E>, Error> {
        let end = Instant::now() + deadline;
        for tried in 1.. {
            let failure = match self.attempt(end, with, &work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let pause = Duration::from_millis(fastrand::u64(1..=PAUSE_MS.min(1 << tried)));
            let late = Instant::now() + pause >= end;
            if tried == TRIES || late || !failure.may_be_repeated(tried, repeat) {
                return Err(failure.into());
            }
            sleep(pause).await;
        }
        Err(Error::Contended)
    }

    async fn attempt<C: Sync, T, E>(
        &self,
        end: Instant,
        with: &C,
        work: &impl for<'t> Fn(&'t C, &'t Transaction<'t>) -> Working<'t, T, E>,
    ) -> Result<Result<T, E>, Failure> {
        let mut connection = self.connection().await.map_err(Failure::Undone)?;
        let committing = AtomicBool::new(false);
        let done = match timeout_at(end, self.run(&mut connection, &committing, with, work)).await {
            Ok(done) => done,
            Err(_) if committing.into_inner() => Err(Failure::Unknown),
            Err(_) => Err(Failure::Undone(Error::Late)),
        };
        if let Err(failure) = &done {
            self.give_back(connection, failure);
        }
        done
    }

    async fn run<C: Sync, T, E>(
        &self,
        connection: &mut ClientWrapper,
        committing: &AtomicBool,
        with: &C,
        work: &impl for<'t> Fn(&'t C, &'t Transaction<'t>) -> Working<'t, T, E>,
    ) -> Result<Result<T, E>, Failure> {
        let transaction = Transaction(connection.transaction().await.map_err(undone)?);
        self.gate().up();
        let done = match work(with, &transaction).await {
            Ok(done) => done,
            Err(Stop::Refused(refused)) => return Ok(Err(refused)),
            Err(Stop::Again) => return Err(Failure::Again),
            Err(Stop::Failed(error)) => return Err(undone(error)),
            Err(Stop::Broken(error)) => return Err(Failure::Undone(error)),
        };
        committing.store(true, Ordering::Relaxed);
        match transaction.0.commit().await {
            Ok(()) => Ok(Ok(done)),
            // The server said that it rolled back.
            Err(error) if error.code().is_some_and(|code| code.code().starts_with("40")) => {
                Err(undone(error))
            }
            Err(error) => {
                tracing::warn!(error = %Error::from(error), "a commit was not answered");
                Err(Failure::Unknown)
            }
        }
    }

    /// A connection that something is wrong with goes; so does what was prepared for an older schema.
    fn give_back(&self, connection: Object, failure: &Failure) {
        let code = match failure {
            Failure::Again => return,
            Failure::Unknown | Failure::Undone(Error::Late) => return drop(Object::take(connection)),
            Failure::Undone(error) => error.code(),
        };
        match code.map(SqlState::code) {
            Some("0A000") => connection.statement_cache.clear(),
            Some(code) if retry(code) == Some(Retry::Reconnected) => drop(Object::take(connection)),
            _ => {}
        }
    }
}

fn undone(error: tokio_postgres::Error) -> Failure {
    Failure::Undone(error.into())
}

fn retry(code: &str) -> Option<Retry> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, retry)| *retry)
}

/// Whether the server let the connection go.
pub(crate) fn is_lost(code: &SqlState) -> bool {
    retry(code.code()) == Some(Retry::Reconnected)
}

impl Failure {
    fn may_be_repeated(&self, tried: u32, repeat: Repeat) -> bool {
        match self {
            Self::Again => true,
            Self::Unknown => repeat == Repeat::Always,
            Self::Undone(error) => match error.code() {
                Some(code) => retry(code.code()).is_some_and(|retry| retry != Retry::Once || tried == 1),
                None => matches!(error, Error::Postgres(error) if error.is_closed()),
            },
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Again => Self::Contended,
            Failure::Undone(error) => error,
            Failure::Unknown => Self::Unknown,
        }
    }
}
