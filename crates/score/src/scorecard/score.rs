//! The score as it is answered.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A score, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Score)]
pub struct Score<'card> {
    /// A thousand times the probability that the person pays what falls due in the next twelve months: 0 to 1000.
    /// Absent where there is a `no_score_reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000, nullable = false, example = 548)]
    pub value: Option<i64>,
    /// The name of the value's range, from the table: `low`, `regular`, `good`, `excellent` in the example table.
    /// Absent with `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "good")]
    pub band: Option<&'card str>,
    /// Which table computed it.
    pub model: Model<'card>,
    /// The variables that gave fewer points than they can, the largest loss first; at most four.
    pub reasons: Vec<Reason<'card>>,
    /// Why there is no score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub no_score_reason: Option<NoScoreReason>,
    /// When, UTC.
    #[serde(serialize_with = "milliseconds")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T12:00:00.123Z")]
    pub computed_at: Timestamp,
}

/// A scorecard, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScoreModel)]
pub struct Model<'card> {
    /// Of the table.
    #[schema(example = "ficha-example")]
    pub name: &'card str,
    /// Of the table; another table has another.
    #[schema(example = "1")]
    pub version: &'card str,
}

/// Why a value is not higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScoreReason)]
pub struct Reason<'card> {
    /// For programs: stable within a model.
    #[schema(example = "monthly_income")]
    pub code: &'card str,
    /// For people, in Portuguese.
    pub text: &'card str,
    /// Points lost against the best that this variable gives: always below 0.
    #[schema(maximum = -1, example = -120)]
    pub points: i64,
}

/// Why somebody has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoScoreReason {
    /// The date of birth is not known.
    NoDateBirth,
    /// Younger than 18.
    UnderAge,
    /// Neither a source of income nor an asset is known.
    NoIncomeOrPatrimony,
}

/// As all instants of ficha's own are written; what lies below a millisecond is noise.
fn milliseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}
