//! What the dossier asks of a base, and what it gets.

use async_trait::async_trait;
use bytes::Bytes;
use ficha_domain::{Cpf, Purpose, ScopeSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

/// The three bases, by the name of their section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BaseName {
    /// Base A.
    Debts,
    /// Base B.
    Score,
    /// Base C.
    Events,
}

impl BaseName {
    /// All three, in the order of the dossier.
    pub const ALL: [Self; 3] = [Self::Debts, Self::Score, Self::Events];

    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debts => "debts",
            Self::Score => "score",
            Self::Events => "events",
        }
    }
}

/// One question about one person.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The person.
    pub cpf: Cpf,
    /// Why.
    pub purpose: Purpose,
    /// When the question came in; ages and "until now" are counted from here.
    pub now: Timestamp,
    /// The consultation that this is a part of.
    pub consultation: Uuid,
    /// Who consults.
    pub client: Arc<str>,
    /// What he may see.
    pub scopes: ScopeSet,
    /// For how long the answer is waited for.
    pub within: Duration,
}

/// A base that can be asked for its section of a dossier.
#[async_trait]
pub trait Base: Send + Sync {
    /// What the base knows of the person. A point read; whoever asks bounds the time.
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable>;
}

/// What a base knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The person is known.
    Person {
        /// The JSON object of the base's own `GET`, ready to be copied; names the CPF it is about.
        body: Bytes,
        /// Up to when this is known to be current.
        as_of: Timestamp,
        /// When the person's data last changed.
        updated_at: Timestamp,
        /// Where it was read.
        source: Source,
    },
    /// Nobody of that CPF in this base.
    Nobody {
        /// Up to when this is known to be current.
        as_of: Timestamp,
        /// Where it was looked up.
        source: Source,
    },
}

/// Where a section was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// ficha's own store is the base.
    Own,
    /// The external base itself.
    Direct,
    /// A local copy of the external base.
    Replica,
    /// A cache.
    Cache,
}

impl Source {
    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Direct => "direct",
            Self::Replica => "replica",
            Self::Cache => "cache",
        }
    }
}

/// The base could not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("base unavailable: {}", .0.as_str())]
pub struct Unavailable(pub UnavailableReason);

/// Why a section is missing. The closed list behind `reason` in a dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnavailableReason {
    /// No answer inside the budget.
    Timeout,
    /// The base's store could not be read, or the base could not be reached.
    Unreachable,
    /// The base answered something that cannot be an answer about this person.
    Nonsense,
    /// The base failed in a way that it should not.
    Failed,
}

impl UnavailableReason {
    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Nonsense => "nonsense",
            Self::Failed => "failed",
        }
    }
}

/// What became of a section: what the caller is told and what the record keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionStatus {
    /// Read, and not older than the caller allows.
    Fresh,
    /// Read, but older than `max_age`.
    Stale,
    /// The base knows nobody of that CPF.
    NotFound,
    /// The caller has no right to this base.
    Denied,
    /// The base could not answer.
    Unavailable,
}

impl SectionStatus {
    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for SectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One section of a dossier, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What became of it.
    pub status: SectionStatus,
    /// Up to when it is known to be current; `None` where nothing was read.
    pub as_of: Option<Timestamp>,
    /// When the person's data in that base last changed.
    pub updated_at: Option<Timestamp>,
    /// Where it was read.
    pub source: Source,
    /// Why it is missing, where it is.
    pub reason: Option<UnavailableReason>,
    /// How long the base took, in milliseconds.
    pub elapsed_ms: u64,
    /// The base's own JSON; `None` where the caller gets none.
    pub body: Option<Bytes>,
}
