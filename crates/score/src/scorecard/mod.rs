//! The score: an additive scorecard over what base B holds, read from a table.
//!
//! A value is `base_points` and the points of one bin of each variable, held within 0 and 1000, and is meant as a
//! thousand times the probability that the person pays what falls due in the next twelve months. Reasons are the
//! variables that gave fewer points than they can, the largest loss first: what a person may ask for (Lei 12.414/2011,
//! art. 5º IV; STJ, Súmula 550). Whole numbers only, so that the same facts make the same score on every machine.

mod feature;
mod score;
mod table;

pub use score::{Model, NoScoreReason, Reason, Score};
pub use table::ScorecardError;

use crate::facts::{Facts, utc_day};
use feature::Feature;
use jiff::Timestamp;
use std::{cmp::Reverse, path::Path};

/// More reasons than these explain nothing (domain.md §5).
const REASONS_MAX: usize = 4;

/// Civil majority (Código Civil, art. 5º): before it, nobody owes in his own name.
const ADULT_YEARS: i64 = 18;

/// A scorecard that was checked.
#[derive(Clone, Debug)]
pub struct Scorecard {
    name: String,
    version: String,
    base_points: i64,
    bands: Vec<Band>,
    variables: Vec<Variable>,
}

/// What a value up to this, and above the band before, is called.
#[derive(Clone, Debug)]
struct Band {
    name: String,
    up_to: i64,
}

/// The points of one feature.
#[derive(Clone, Debug)]
struct Variable {
    feature: Feature,
    wording: Wording,
    /// By `from`, ascending; the first begins at the beginning.
    bins: Vec<Bin>,
    /// There where the feature may be missing.
    missing: Option<Missing>,
    /// What it gives at best.
    most_points: i64,
}

/// A code for programs, a sentence for people.
#[derive(Clone, Debug)]
struct Wording {
    code: String,
    text: String,
}

#[derive(Clone, Debug)]
struct Bin {
    from: i64,
    points: i64,
}

#[derive(Clone, Debug)]
struct Missing {
    wording: Wording,
    points: i64,
}

impl Scorecard {
    /// The example that ficha comes with, and uses unless another is configured.
    pub const EXAMPLE: &str = include_str!("../scorecard.toml");

    /// The table in this file; [`Scorecard::EXAMPLE`] where none is named.
    ///
    /// # Errors
    /// [`ScorecardError`], which names the file, or the row and the fix.
    pub fn open(file: Option<&Path>) -> Result<Self, ScorecardError> {
        let Some(file) = file else { return Self::from_toml(Self::EXAMPLE) };
        let text = std::fs::read_to_string(file)
            .map_err(|why| ScorecardError::File { file: file.display().to_string(), why })?;
        Self::from_toml(&text)
    }

    /// Reads a table; [`Scorecard::EXAMPLE`] explains its keys.
    ///
    /// # Errors
    /// [`ScorecardError`], which names the row and the fix.
    pub fn from_toml(text: &str) -> Result<Self, ScorecardError> {
        table::read(text)
    }

    /// The score of a person, as it is at this moment: it depends on time through the age only.
    pub(crate) fn score(&self, facts: &Facts, now: Timestamp) -> Score<'_> {
        let age = facts.age(utc_day(now));
        let model = Model { name: &self.name, version: &self.version };
        let none = Score {
            value: None,
            band: None,
            model,
            reasons: Vec::new(),
            no_score_reason: None,
            computed_at: now,
        };
        let age = match no_score(facts, age) {
            Ok(age) => age,
            Err(reason) => return Score { no_score_reason: Some(reason), ..none },
        };
        let outcomes: Vec<_> = self.variables.iter().map(|variable| variable.outcome(facts, age)).collect();
        let points: i64 = outcomes.iter().map(|outcome| outcome.points).sum();
        let value = (self.base_points + points).clamp(0, table::SCALE);
        Score { value: Some(value), band: self.band(value), reasons: reasons(outcomes), ..none }
    }

    fn band(&self, value: i64) -> Option<&str> {
        self.bands.iter().find(|band| value <= band.up_to).map(|band| band.name.as_str())
    }
}

/// The age to score with, or why there is no score. A minor is told so whatever else is missing.
fn no_score(facts: &Facts, age: Option<i64>) -> Result<i64, NoScoreReason> {
    match age {
        None => Err(NoScoreReason::NoDateBirth),
        Some(age) if age < ADULT_YEARS => Err(NoScoreReason::UnderAge),
        Some(_) if facts.income_cents.or(facts.patrimony_cents).is_none() => {
            Err(NoScoreReason::NoIncomeOrPatrimony)
        }
        Some(age) => Ok(age),
    }
}

/// What a variable gave, and how far that is from what it can give.
struct Outcome<'card> {
    points: i64,
    lost: i64,
    wording: &'card Wording,
}

impl Variable {
    fn outcome(&self, facts: &Facts, age: i64) -> Outcome<'_> {
        let (points, wording) = match (self.feature.of(facts, age), &self.missing) {
            (None, Some(missing)) => (missing.points, &missing.wording),
            (value, _) => (self.points(value.unwrap_or_default()), &self.wording),
        };
        Outcome { points, lost: self.most_points - points, wording }
    }

    fn points(&self, value: i64) -> i64 {
        let bin = self.bins.iter().rev().find(|bin| bin.from <= value).or(self.bins.first());
        bin.map_or(0, |bin| bin.points)
    }
}

/// The largest losses first; equal ones in the table's order.
fn reasons(mut outcomes: Vec<Outcome<'_>>) -> Vec<Reason<'_>> {
    outcomes.retain(|outcome| outcome.lost > 0);
    outcomes.sort_by_key(|outcome| Reverse(outcome.lost));
    outcomes.truncate(REASONS_MAX);
    let reason =
        |Outcome { lost, wording, .. }| Reason { code: &wording.code, text: &wording.text, points: -lost };
    outcomes.into_iter().map(reason).collect()
}

#[cfg(test)]
mod tests;
