//! Why PostgreSQL did not do it.

use deadpool_postgres::{PoolError, TimeoutType};
use std::error::Error as _;
use tokio_postgres::error::SqlState;

/// Why the store did not do it. What is printed holds no values of rows: the server's `DETAIL` may quote them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used.
    #[error("{0}")]
    Url(String),
    /// A file that TLS needs cannot be used.
    #[error("tls: {0}")]
    Tls(String),
    /// The server, or the way to it, says no.
    #[error("postgresql: {}", told(.0))]
    Postgres(tokio_postgres::Error),
    /// The server was away or hung a moment ago; it is asked again soon.
    #[error("postgresql: the server does not answer")]
    Down,
    /// It took too long.
    #[error("postgresql: no answer in time")]
    Late,
    /// All connections are in use, and none became free in time.
    #[error("postgresql: no connection is free")]
    Busy,
    /// The transaction lost to others again and again.
    #[error("postgresql: the transaction met others too often")]
    Contended,
    /// The commit was sent and not answered: it happened or it did not.
    #[error("postgresql: the connection was lost while committing; whether it happened is not known")]
    Unknown,
    /// The schema is not there, or older than this version.
    #[error("the schema {0} is not of this version; run `ficha migrate`")]
    NotMigrated(String),
    /// The schema is of a newer version beside which this one must not run.
    #[error("the schema {schema} was changed by a newer version (step {step}); use that one")]
    Newer {
        /// Which schema.
        schema: String,
        /// Which step.
        step: i32,
    },
    /// A step that was applied reads otherwise now.
    #[error("the schema {schema}: step {step} is not the one this version knows")]
    OtherStep {
        /// Which schema.
        schema: String,
        /// Which step.
        step: i32,
    },
    /// The store was written with keys that are not here.
    #[error("the schema {schema} was written with another key ({key:08x}); put the right key file in place")]
    WrongKey {
        /// Which schema.
        schema: String,
        /// Id of the key that is missing.
        key: u32,
    },
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Postgres(error),
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            _ => Self::Late,
        }
    }
}

impl Error {
    /// The server's code, where it gave one.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            _ => None,
        }
    }
}

/// Without `DETAIL` and `HINT`.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Why a transaction's work ends early; everything it did is undone.
#[derive(Debug)]
pub enum Stop<E> {
    /// It saw that somebody was faster: once more from the beginning.
    Again,
    /// The work itself says no, and this is its answer.
    Refused(E),
    /// A statement failed.
    Failed(tokio_postgres::Error),
    /// Something beside the transaction failed.
    Broken(Error),
}

impl<E> From<tokio_postgres::Error> for Stop<E> {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(error)
    }
}

impl<E> From<Error> for Stop<E> {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}
