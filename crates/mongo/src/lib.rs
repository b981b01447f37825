//! MongoDB as ficha uses it: reads and writes that a majority of the members has, transactions that repeat themselves,
//! collections with validators, numbered migrations under a lock, fingerprints of the keys that a store was written with.
//!
//! # To add a store
//! A list of [`Step`]s (commands, in order, never changed once they have landed; collections named plainly, they land
//! with the role's name in front), [`Mongo::open`], and methods that use [`Mongo::collection`]s: inside [`Mongo::ask`]
//! for what is one command, [`Mongo::walk`] for long reads, [`Mongo::transaction`] for the rest. What follows a store
//! listens to its [`Changes`], one process at a time under a [`Lease`].
//!
//! # Promises
//! - What a write has answered lies in the journal of a majority, and survives any one member's end.
//! - What a read tells was written by a majority: no failover takes it back. Reads ask the primary.
//! - A transaction that lost to another one is done again from its beginning, so its work must be repeatable in
//!   memory. One whose commit was not answered in time is [`Error::Unknown`], unless the work says that doing it twice is
//!   doing it once.
//! - A transaction whose end the server was not told is ended there as soon as the server answers: it would keep others
//!   from its documents for a minute.
//! - A server that hangs or is away costs each caller at most his time limit, and then nothing: see `gate`.
//! - Nothing here migrates but [`Mongo::migrate`]; several at once are safe.
//!
//! Rules for commands: two transactions that must not both happen write one document; no clock of the server's (`$$NOW`,
//! TTL indexes), time is an argument; what a transaction reads and does not write may be another's next moment.

mod changes;
mod error;
mod gate;
mod idempotency;
mod lock;
mod migrate;
mod server;
mod store;
mod transaction;
mod url;

pub use changes::{Change, Changes, Since};
pub use error::{Error, Stop};
pub use idempotency::{Idempotency, Remembered, idempotency_collection};
pub use lock::Lease;
pub use migrate::{Step, index, key_collection, schema, unique};
pub use mongodb;
pub use server::Server;
pub use store::{Mongo, Rows};
pub use transaction::{Repeat, Transaction, Working};
pub use url::Settings;

#[cfg(test)]
mod tests;
