//! Why MongoDB did not do it.

use mongodb::error::{Error as Driver, ErrorKind, TRANSIENT_TRANSACTION_ERROR, WriteFailure};

/// Why the store did not do it. What is printed holds no values of documents: the server's own messages quote them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used.
    #[error("{0}")]
    Url(String),
    /// The server, or the way to it, says no.
    #[error("mongodb: {}", told(.0))]
    Mongo(Driver),
    /// The server cannot do what ficha needs.
    #[error("mongodb: {0}")]
    Unfit(String),
    /// The server was away or hung a moment ago; it is asked again soon.
    #[error("mongodb: the server does not answer")]
    Down,
    /// It took too long.
    #[error("mongodb: no answer in time")]
    Late,
    /// As many as may do something long, and none was done in time.
    #[error("mongodb: no connection is free")]
    Busy,
    /// The transaction lost to others again and again.
    #[error("mongodb: the transaction met others too often")]
    Contended,
    /// The commit was sent and not answered: it happened or it did not.
    #[error("mongodb: the commit was not answered; whether it happened is not known")]
    Unknown,
    /// Of what changed since, the server remembers no more than a part.
    #[error("mongodb: what changed since is not known any more")]
    Lost,
    /// The collections are not there, or older than this version.
    #[error("the collections {0}_… are not of this version; run `ficha migrate`")]
    NotMigrated(String),
    /// They are of a newer version beside which this one must not run.
    #[error("the collections {role}_… were changed by a newer version (step {step}); use that one")]
    Newer {
        /// Whose collections.
        role: String,
        /// Which step.
        step: i32,
    },
    /// A step that was applied reads otherwise now.
    #[error("the collections {role}_…: step {step} is not the one this version knows")]
    OtherStep {
        /// Whose collections.
        role: String,
        /// Which step.
        step: i32,
    },
    /// The store was written with keys that are not here.
    #[error(
        "the collections {role}_… were written with another key ({key:08x}); put the right key file in place"
    )]
    WrongKey {
        /// Whose collections.
        role: String,
        /// Id of the key that is missing.
        key: u32,
    },
}

impl From<Driver> for Error {
    fn from(error: Driver) -> Self {
        Self::Mongo(error)
    }
}

/// The server's code, where it gave one.
pub(crate) fn code(error: &Driver) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(said) => Some(said.code),
        ErrorKind::Write(WriteFailure::WriteError(said)) => Some(said.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(said)) => Some(said.code),
        ErrorKind::InsertMany(said) => match (&said.write_errors, &said.write_concern_error) {
            (Some(errors), _) if !errors.is_empty() => errors.first().map(|error| error.code),
            (_, Some(error)) => Some(error.code),
            _ => None,
        },
        _ => None,
    }
}

/// Whether nobody answered.
pub(crate) fn is_away(error: &Driver) -> bool {
    matches!(
        error.kind.as_ref(),
        ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
    )
}

/// Whether the same transaction may succeed now.
pub(crate) fn is_transient(error: &Driver) -> bool {
    error.contains_label(TRANSIENT_TRANSACTION_ERROR)
}

/// A code and its name, or what the way to the server says; never the server's message, which quotes documents.
fn told(error: &Driver) -> String {
    match (error.kind.as_ref(), code(error)) {
        (ErrorKind::Command(said), _) => format!("{} ({})", said.code_name, said.code),
        (_, Some(code)) => format!("a write failed ({code})"),
        (ErrorKind::Bson(_), None) => "a document cannot be read".to_owned(),
        (kind, None) => kind.to_string(),
    }
}

/// Why a transaction's work ends early; everything it did is undone.
#[derive(Debug)]
pub enum Stop<E> {
    /// It saw that somebody was faster: once more from the beginning.
    Again,
    /// The work itself says no, and this is its answer.
    Refused(E),
    /// A command failed.
    Failed(Driver),
    /// Something beside the transaction failed.
    Broken(Error),
}

impl<E> From<Driver> for Stop<E> {
    fn from(error: Driver) -> Self {
        Self::Failed(error)
    }
}

impl<E> From<Error> for Stop<E> {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// What is kept cannot be read: it is not of the shape that the validators hold.
impl<E> From<mongodb::bson::error::Error> for Stop<E> {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<mongodb::bson::error::Error> for Error {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Mongo(error.into())
    }
}
