//! What an engine has to do.

use async_trait::async_trait;
use ficha_contract::{Problem, Source, StoreError};
use ficha_seal::BlindIndex;
use jiff::Timestamp;
use std::ops::ControlFlow;

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Given by the store when the person first came; never given again, also after a delete.
    pub id: i64,
    /// 1, then one more with every change.
    pub version: i64,
    /// When it last changed, to the millisecond.
    pub updated_at: Timestamp,
    /// The document: sealed, where the base seals.
    pub body: Vec<u8>,
}

/// One change of one person's document.
pub struct Change {
    /// Under which indexes the person may be kept; a document that is written is kept under the first.
    pub indexes: Vec<BlindIndex>,
    /// The request's idempotency key, blinded.
    pub idempotency: Option<Blinded>,
    /// When.
    pub now: Timestamp,
    /// What is to happen, given what is there.
    pub decide: Decide,
}

/// An idempotency key and its request, of which nothing can be read.
#[derive(Clone, Debug)]
pub struct Blinded {
    /// Names the key.
    pub key: [u8; 16],
    /// Tells one request from another.
    pub request: [u8; 16],
}

/// Decides inside the transaction. May be called again: when an engine has to repeat the transaction, or once it knows
/// how many numbers are wanted; what was decided before counts for nothing then.
pub type Decide = Box<dyn Fn(&Slot<'_>, &mut dyn Numbers) -> Result<Verdict, Problem> + Send + Sync>;

/// Where a document is, or would be, kept.
pub struct Slot<'a> {
    /// The person's id: the one it has, or the one it would get.
    pub id: i64,
    /// The version that a write would make.
    pub version: i64,
    /// What is there now.
    pub current: Option<&'a Row>,
}

/// Numbers for things inside documents: each once in this base, for ever, unless the transaction is undone. An engine
/// that cannot give them on the spot gives stand-ins, far above every real one, and has the change decided again.
pub trait Numbers {
    /// The next one.
    ///
    /// # Errors
    /// The engine's.
    fn next(&mut self) -> Result<i64, StoreError>;

    /// Somebody else gave this one, before the data came here: those to come lie above it.
    ///
    /// # Errors
    /// The engine's.
    fn taken(&mut self, number: i64) -> Result<(), StoreError>;

    /// Whether any of those given were stand-ins: what is decided now counts for nothing, and need not be sealed.
    fn are_stand_ins(&self) -> bool {
        false
    }
}

/// What is to happen. `reply` is kept with the idempotency key, where there is one.
pub enum Verdict {
    /// This document is to be kept.
    Put {
        /// The document.
        body: Vec<u8>,
        /// What is answered.
        reply: Vec<u8>,
    },
    /// The document is to go.
    Delete {
        /// What is answered.
        reply: Vec<u8>,
    },
    /// All stays as it is.
    Keep {
        /// What is answered.
        reply: Vec<u8>,
    },
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and this is answered.
    Done(Kind, Vec<u8>),
    /// The same request was done before; this was answered.
    Replayed(Vec<u8>),
    /// The key belongs to another request; nothing was done.
    OtherRequest,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A document came.
    Created,
    /// A document took another's place.
    Replaced,
    /// A document went.
    Deleted,
    /// Nothing had to be done.
    Unchanged,
}

/// Is shown document after document, until it has seen enough.
pub type Visit = Box<dyn FnMut(Row) -> ControlFlow<()> + Send>;

/// Keeps one versioned document per person.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// The person's document, under whichever of the indexes it is kept; every change that was answered before this
    /// call began is seen. A point read: microseconds on an embedded engine.
    async fn find(&self, indexes: &[BlindIndex]) -> Result<Option<Row>, StoreError>;

    /// As [`PeopleStore::find`], and says where it was found.
    async fn find_from(&self, indexes: &[BlindIndex]) -> Result<(Option<Row>, Source), StoreError> {
        Ok((self.find(indexes).await?, Source::Own))
    }

    /// The document of this id. Sees as much as [`PeopleStore::find`], and costs the same.
    async fn find_id(&self, id: i64) -> Result<Option<Row>, StoreError>;

    /// Shows documents along their ids, downwards if so asked, each once, as they all were at one moment not before
    /// the call. An engine bounds the time: a walk that takes longer fails.
    async fn walk(&self, down: bool, visit: Visit) -> Result<(), StoreError>;

    /// Does all changes in one transaction, in order, each seeing those before it. Durable when this returns;
    /// when it fails, or one `decide` refuses, nothing of it happened. Two changes of one person never interleave.
    /// Idempotency keys are looked up and kept inside the same transaction, and forgotten a day after.
    async fn change(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, Problem>;

    /// Where the person of this index lies: people of near regions lie near each other, so that a bulk load that goes
    /// along with them writes each page once.
    fn region(&self, index: &BlindIndex) -> u64;
}
