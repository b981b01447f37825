//! What an engine promises to base C.

use crate::{Movement, fold};
use async_trait::async_trait;
use ficha_contract::{
    Condition, ErrorCode, Ingested, Problem, Reply, Source, StoreError,
    wire::{MovementKind, PaymentType},
};
use ficha_domain::{Cpf, Money, ObjectId};
use jiff::Timestamp;

mod cached;
mod codes;
mod mongo;
mod replies;
mod sqlite;
pub use cached::CachedMovements;
pub(crate) use mongo::Found;
pub use mongo::{Index, IndexError, IndexFigures, MongoMovements, Naming, Pace};
pub use sqlite::SqliteMovements;

#[cfg(test)]
pub(crate) mod suite;

/// Keeps movements, and a hot record of each person that has any.
///
/// - An id is one movement's, whoever's it is. Dates are kept to the millisecond.
/// - A person is known as long as he has a movement; with the last one goes the hot record.
/// - The hot record and the last purchase are changed in the transaction of the write that changes them: whoever reads
///   after a write was answered reads them as they follow from all movements, whatever the order of arrival.
/// - A write is durable when it is answered; a refused one changed nothing.
/// - Entity tags never repeat, also not those of movements that are gone.
#[async_trait]
pub trait MovementStore: Send + Sync {
    /// Appends the person's ready record to `answer`: from the value of `last_purchase` on, through `movements` and
    /// `monthly`, to the closing brace. Says when the person's data last changed; `None`, and nothing appended, where
    /// nobody of that CPF is known. A point read.
    async fn append_hot(&self, cpf: Cpf, answer: &mut Vec<u8>) -> Result<Option<Timestamp>, StoreError>;

    /// As [`MovementStore::append_hot`], and says where it was found.
    async fn append_hot_from(
        &self,
        cpf: Cpf,
        answer: &mut Vec<u8>,
    ) -> Result<(Option<Timestamp>, Source), StoreError> {
        Ok((self.append_hot(cpf, answer).await?, Source::Own))
    }

    /// The latest purchase by credit card: by date, then id. `None` where nobody of that CPF is known. A point read.
    async fn last_purchase(&self, cpf: Cpf) -> Result<Option<LastPurchase>, StoreError>;

    /// The person's movements that are selected, by date and then id, descending. `None` where nobody of that CPF is
    /// known. Given up after two seconds.
    async fn list(&self, cpf: Cpf, selection: Selection) -> Result<Option<Vec<Movement>>, StoreError>;

    /// Does one write if its condition holds, and answers its reply with the new entity tag. Repeated under the same
    /// idempotency key within a day, it does nothing and answers the first reply.
    async fn write(&self, write: Write) -> Result<Reply, WriteRefused>;

    /// Writes a batch in one transaction. A movement whose id is known replaces that one; an equal one is left alone,
    /// and so is then its person's `updated_at`. Of one id several times in a batch, the last one stays.
    async fn ingest(&self, batch: Vec<Movement>, now: Timestamp) -> Result<Ingested, StoreError>;
}

/// What is known of a person's purchases by credit card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastPurchase {
    /// The latest one's JSON, ready to be copied.
    pub json: Option<String>,
}

/// Which movements of a person; everything that is left out selects all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Of this type.
    pub kind: Option<MovementKind>,
    /// Paid so.
    pub payment_type: Option<PaymentType>,
    /// Of this amount or more.
    pub min: Option<Money>,
    /// Of this amount or less.
    pub max: Option<Money>,
    /// The description has each of these words, folded; not part of words.
    pub words: Vec<String>,
    /// Only what comes after this place in the order: what is written meanwhile shifts nothing.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Selection {
    /// The words of a text as [`Selection::words`] has them.
    #[must_use]
    pub fn words_of(text: &str) -> Vec<String> {
        fold::words(text)
    }

    /// Whether a description has all words.
    pub(crate) fn finds(&self, description: &str) -> bool {
        self.words.is_empty() || fold::has_all(description, &self.words)
    }
}

/// A place in the order of a person's movements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The movement's date.
    pub date: Timestamp,
    /// Its id.
    pub id: ObjectId,
}

impl From<&Movement> for Position {
    fn from(movement: &Movement) -> Self {
        Self { date: movement.date, id: movement.id }
    }
}

/// One write.
#[derive(Clone, Debug)]
pub struct Write {
    /// What is to be done.
    pub change: Change,
    /// Under which conditions.
    pub condition: Condition,
    /// What is answered when it is done; the store puts in the entity tag of what was written.
    pub reply: Reply,
    /// When; the person's `updated_at` from now on.
    pub now: Timestamp,
}

/// What a write does.
#[derive(Clone, Debug)]
pub enum Change {
    /// A movement whose id is nobody's yet.
    Add(Movement),
    /// The movement of this id is now this one; it may be another person's now.
    Replace(Movement),
    /// The movement of this id goes.
    Remove(ObjectId),
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub enum WriteRefused {
    /// Something of that id is there already.
    #[error("the id is taken")]
    Taken,
    /// Nothing of that id is there.
    #[error("the id is unknown")]
    Unknown,
    /// The condition does not hold.
    #[error("the condition does not hold")]
    Changed,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteRefused> for Problem {
    fn from(refused: WriteRefused) -> Self {
        match refused {
            WriteRefused::Taken => Self::field("id", "is taken; `PUT` replaces what is there"),
            // Said in its own words: asking for an id is not a read of a person, and is not recorded.
            WriteRefused::Unknown => Self::new(ErrorCode::NotFound).detail("No movement has this id."),
            WriteRefused::Changed => ErrorCode::PreconditionFailed.into(),
            WriteRefused::KeyReused => ErrorCode::IdempotencyKeyReused.into(),
            WriteRefused::Store(error) => error.into(),
        }
    }
}
