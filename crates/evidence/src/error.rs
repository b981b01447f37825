//! Why the evidence cannot be opened.

use ficha_contract::StoreError;
use std::path::PathBuf;

/// Why the evidence cannot be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Two processes on one spool would write over each other.
    #[error("the spool {0} is used by another process; give each process a folder of its own")]
    Locked(PathBuf),
    /// The folder cannot be read or written.
    #[error("the spool cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The file that names the spool is damaged, and there are records: under another name they would be kept twice.
    #[error("`spool-id` is missing or damaged beside segments with records; put the file back")]
    SpoolId,
    /// Records are there that nobody here can read; starting without them would lose them.
    #[error(
        "the spool's segment {0} was written with a key that is not here; put the right key file in place"
    )]
    WrongKey(String),
    /// Several processes share the store, and it does not know of this spool yet: what the others call complete would
    /// not be.
    #[error("this spool is new to the record's store, which has to know of it first: {0}")]
    Unknown(#[source] StoreError),
}
