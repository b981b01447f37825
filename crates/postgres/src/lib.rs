//! PostgreSQL as ficha uses it: point reads pipelined on a few shared connections, transactions that repeat
//! themselves, numbered migrations under a lock, fingerprints of the keys that a store was written with.
//!
//! # To add a store
//! A list of [`Step`]s (SQL, in order, never changed once they have landed; unqualified names land in the store's
//! schema), [`Postgres::open`], and methods that call [`Postgres::one`] for statements of at most one row,
//! [`Postgres::walk`] for long reads, [`Postgres::transaction`] for the rest. Statements are texts made once, with the
//! schema in front of every name: nothing depends on the state of a session.
//!
//! # Promises
//! - What a transaction has answered was committed; how durably is the server's `synchronous_commit`.
//! - A transaction that lost to another one is done again from its beginning, so its work must be repeatable in
//!   memory. One whose COMMIT was not answered is [`Error::Unknown`], unless the work says that doing it twice is
//!   doing it once.
//! - A server that hangs or is away costs each caller at most two seconds, and then nothing: see `gate`.
//! - Nothing here migrates but [`Postgres::migrate`]; several at once are safe.
//!
//! Rules for statements: `ON CONFLICT` instead of unique violations, which end a transaction; rows locked in one
//! order; columns named, never `*`; no clock of the server's (`now()`), time is an argument.

mod connect;
mod error;
mod gate;
mod idempotency;
mod migrate;
mod server;
mod shared;
mod store;
mod tls;
mod transaction;
mod url;

pub use error::{Error, Stop};
pub use idempotency::{IDEMPOTENCY_TABLE, Idempotency, Remembered};
pub use migrate::{KEY_TABLE, Step};
pub use server::Server;
pub use store::Postgres;
pub use tokio_postgres::{
    Error as RowError, Row,
    error::SqlState,
    types::{ToSql, Type},
};
pub use transaction::{Repeat, Transaction, Working};
pub use url::Settings;

/// Parameters of a statement.
pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

#[cfg(test)]
mod tests;
