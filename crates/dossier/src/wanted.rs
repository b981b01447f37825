//! What a caller wants of a dossier, beside the person.

use ficha_contract::{Ask, BaseName, Problem};
use jiff::{SignedDuration, Timestamp};
use std::{ops::RangeInclusive, time::Duration};

/// How long composing may take, in milliseconds.
pub(crate) const BUDGET_MS: RangeInclusive<u32> = 1..=10_000;

/// What other languages' plain integers hold, as the document says.
const MAX_AGE_S: u32 = i32::MAX.unsigned_abs();

/// Which sections must be there, how old they may be, how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) required: Required,
    max_age_s: Option<u32>,
    pub(crate) budget_ms: u32,
}

impl Wanted {
    /// # Errors
    /// `invalid_field` for a budget out of bounds.
    pub(crate) fn new(required: Required, max_age_s: Option<u32>, budget_ms: u32) -> Result<Self, Problem> {
        if !BUDGET_MS.contains(&budget_ms) {
            return Err(Problem::field("budget_ms", "takes 1 to 10000"));
        }
        if max_age_s.is_some_and(|max_age| max_age > MAX_AGE_S) {
            return Err(Problem::field("max_age", format!("takes 0 to {MAX_AGE_S}")));
        }
        Ok(Self { required, max_age_s, budget_ms })
    }

    pub(crate) fn budget(&self) -> Duration {
        Duration::from_millis(self.budget_ms.into())
    }

    /// What was current before this is older than the caller allows. Ages are counted from when it was asked.
    pub(crate) fn oldest(&self, now: Timestamp) -> Option<Timestamp> {
        let max_age = SignedDuration::from_secs(self.max_age_s?.into());
        now.checked_sub(max_age).ok()
    }
}

/// The sections without which the caller wants no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Required([bool; 3]);

impl Required {
    pub(crate) fn contains(self, name: BaseName) -> bool {
        self.0[name as usize]
    }
}

impl FromIterator<BaseName> for Required {
    fn from_iter<I: IntoIterator<Item = BaseName>>(names: I) -> Self {
        let mut required = Self::default();
        for name in names {
            required.0[name as usize] = true;
        }
        required
    }
}

/// One question to all bases.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) ask: Ask,
    pub(crate) wanted: Wanted,
}
