//! What bases read from shared stores, kept in Redis and in memory in front of it.
//!
//! # Promises
//! - **A read misses no write that was answered before it began**, at whatever process: that is what the stores promise,
//!   and a cache in front changes nothing about it. See below for what that takes, and for its bounds.
//! - Redis may be away, slow or empty: then the store is asked. Nothing fails because of it, and it is used again by
//!   itself. Whoever asks waits for it at most [`Settings::patience`], and not at all once it is known to be away.
//! - Any number that ask for the same at once cost one look into the store, two at most.
//! - Keys are HMACs and values are sealed: who reads Redis learns of nobody.
//!
//! # Why no old value is told
//! *Tickets.* Who misses a value gets a ticket for its key, then asks the store, and leaves what he read only if his ticket
//! still holds. Every write takes values and tickets away. So what lies there was read after the last write of which
//! anybody was told, and is as the store would answer. No version of the store's is needed for that, and "nobody of that
//! CPF" has an order too. An old value never takes the place of a new one: only a ticket's holder may fill.
//!
//! *Closing.* A writer closes the keys before the store is changed and opens them afterwards; a closed key gives neither
//! values nor tickets. So one that dies in between leaves no old value, but keys that are closed for two minutes. Each
//! writer has a mark of his own on a key: one's opening does not open what another still has closed. Opening takes
//! values and tickets away once more, whatever became of the marks (evicted, flushed): closing is for deaths, opening is
//! what counts, and a write is answered after it only.
//!
//! *Memory.* A value in memory is told without asking for 20 ms after Redis confirmed it (or its filling), counted from
//! before the question. A write is answered 25 ms after its keys were closed for good, so everybody has asked again by
//! then. After that time it costs one small question, which brings the value only where it changed. No message has to
//! arrive anywhere, so none can be lost.
//!
//! *Epochs.* What lies there is of an epoch, which ends when nobody kept it for a second; each process keeps it
//! four times a second, and **begins a new one whenever it connects**. An outage of a second therefore empties the
//! cache, whether the server was stopped, cut off, or succeeded by a replica that lacks the last it was told: a failover
//! takes longer than that. A write that could not be told waits until Redis is back and was told, or has been away for
//! two and a half seconds, in which the epoch ended: that is once at the beginning of an outage. And at its end **who
//! connects uses nothing for three seconds**: others may still be away and write, but within that time they come back too
//! and begin an epoch.
//!
//! # Bounds
//! Where these are broken, a value that is up to a minute old may be told, never an older one:
//! - A process that writes and is alone in not reaching Redis, for longer than these seconds, while others reach it.
//! - A server that goes on as a primary beside its successor, with processes on its side: let it stop taking writes
//!   (`min-replicas-to-write`), and its epoch ends. `CLUSTER FAILOVER TAKEOVER` and its like.
//! - Whoever writes in the store without this cache, and stores put back from a backup: empty Redis, or wait a minute.
//! - A store that itself tells what is old, as a primary may that does not know yet that it was succeeded.
//!
//! Clocks of different machines are not compared, but each has to go evenly (the 5 ms between 20 and 25): a machine that
//! was frozen as a whole may tell for 20 ms what it had in memory. And who may write in Redis can put back what lay there
//! of the same person; he cannot make anything up.
//!
//! # To cache something
//! A [`Shelf`] of its own name in an implementation of the store's trait around another one: [`Shelf::get`] for what is
//! read by person, [`Shelf::write`] around everything that writes. Run the trait's suite on it, with two handles.

mod keeper;
mod keys;
mod link;
mod settings;
mod shelf;
#[cfg(test)]
mod tests;
mod turns;

use ficha_domain::World;
use ficha_seal::Vault;
use std::sync::Arc;

pub use settings::{Settings, WrongUrl};
pub use shelf::{Figures, Kept, Shelf, Written};

/// The cache of one process. Cloning shares it.
#[derive(Clone)]
pub struct Cache(Arc<keeper::Keeper>);

impl Cache {
    /// The cache that is there, or will be: whether Redis answers now decides nothing. What lies in it is forgotten.
    pub async fn open(settings: Settings, vault: Vault, world: World) -> Self {
        let keys = keys::Keys::new(vault, settings.parts());
        Self(keeper::Keeper::start(settings, keys, world).await)
    }

    /// Values of this kind, which no other kind shares.
    #[must_use]
    pub fn shelf(&self, kind: &'static str) -> Shelf {
        Shelf::new(kind, self.0.clone())
    }

    /// Whether Redis is used now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.is_up()
    }
}
