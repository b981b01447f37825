//! The index of base C's movements in OpenSearch: which of a person's movements have these words, and what all of them
//! come to by month and type.
//!
//! - **Nothing but ids is taken from it where rows are shown**: rows come from the store, so what is gone is not shown.
//! - **Fed by what changed** (`feed`): MongoDB tells it in order, and where this stands is noted after OpenSearch has
//!   acknowledged it. Killed in between, the same is written again. Each write's version is the server's time of the
//!   change, so repeated or late it loses to a newer one; what is gone leaves a tombstone with such a version, for a day.
//! - **One process feeds it**, under a lease; two at once repeat each other's writes.
//! - **It says up to when it is complete**: whoever feeds it writes a beat into the store every second, with the time
//!   before it; when the beat comes back among the changes, everything of before is in the index.
//! - **Made anew beside itself** (`rebuild`): into an index of another name, while the old one is fed and asked.
//! - **CPFs are not in it**, only a keyed hash; nor descriptions as they were written, only their folded words.

mod ask;
mod document;
mod feed;
mod figures;
mod note;
mod rebuild;

pub(crate) use ask::Found;
pub use figures::{IndexFigures, Pace};

use super::{MongoMovements, rows};
use crate::Selection;
use aws_lc_rs::hmac;
use document::Shape;
use ficha_domain::World;
use ficha_search::Search;
use note::Notes;
use std::sync::Arc;

/// The index of one base.
pub struct Index {
    store: Arc<MongoMovements>,
    search: Search,
    shape: Shape,
    notes: Notes,
    world: World,
    pace: Pace,
    figures: IndexFigures,
}

/// How the index is called, and how it is cut.
#[derive(Clone, Debug)]
pub struct Naming {
    /// What its names begin with.
    pub name: String,
    /// Pieces that lie on different nodes.
    pub shards: u32,
}

/// Why the index is not asked or not fed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The store's part of it.
    #[error(transparent)]
    Store(#[from] ficha_mongo::Error),
    /// The index's.
    #[error(transparent)]
    Search(#[from] ficha_search::Error),
    /// There is none, or one of other keys or of another version.
    #[error("the index is not made yet")]
    Unmade,
    /// It is too old to be asked.
    #[error("the index is behind")]
    Behind,
    /// Another index took the place of this one.
    #[error("another index was made")]
    Replaced,
    /// It answered what is no answer to this.
    #[error("the index's answer cannot be read")]
    Unreadable,
}

impl Index {
    /// The index of this base on this server. Asks nobody yet: without OpenSearch, base C goes on without it. The key
    /// blinds CPFs.
    #[must_use]
    pub fn new(
        store: Arc<MongoMovements>,
        search: Search,
        naming: Naming,
        key: [u8; 32],
        world: World,
        pace: Pace,
    ) -> Self {
        let shape = Shape::new(naming, hmac::Key::new(hmac::HMAC_SHA256, &key));
        let notes = Notes::of(store.records.mongo.clone());
        Self { store, search, shape, notes, world, pace, figures: IndexFigures::default() }
    }

    /// What it has come to in this process.
    #[must_use]
    pub fn figures(&self) -> &IndexFigures {
        &self.figures
    }
}

#[cfg(test)]
mod tests;
