//! SQLite as ficha uses it: one writer whose commits are grouped, a reader per thread that keeps its snapshot,
//! numbered migrations, fingerprints of the keys that a file was written with.
//!
//! # To add a store
//! A migration list ([`Migration`]: SQL texts, in order, never changed once they have landed), [`Database::open`],
//! and methods that call [`Database::read`] for point reads (inline, microseconds), [`Database::read_long`] for
//! anything unbounded, [`Database::write`] for the rest. Statements through `prepare_cached`.
//!
//! # Promises
//! - What `write` has answered survives the loss of power (`synchronous=FULL`, WAL).
//! - A read on any thread sees every write that was answered before the read began.
//! - Another process may read and write the same file (the command line beside the server).

mod check;
mod database;
mod idempotency;
mod migrate;
mod reader;
mod writer;

pub use check::{checkpoint, quick_check};
pub use database::{Database, Error};
pub use idempotency::{IDEMPOTENCY_TABLE, Remembered, forget_before, recall, remember};
pub use migrate::{KEY_TABLE, Migration};
pub use reader::{keep_snapshots_on_this_thread, release_snapshots};
