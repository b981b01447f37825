//! How dossiers are composed and kept.

use crate::wanted::BUDGET_MS;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A century: more is a slip of the pen.
const KEEP_DAYS_MAX: u32 = 36_500;

/// What an operator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Days for which a dossier is kept.
    pub keep_days: u32,
    /// Milliseconds for composing where a request names none; 1 to 10000.
    pub budget_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keep_days: 90, budget_ms: 1000 }
    }
}

/// Why there are no dossiers.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting has a value that cannot be meant.
    #[error("the setting {0} {1}")]
    Setting(&'static str, &'static str),
    /// The file cannot be opened, or was written with another key.
    #[error(transparent)]
    Store(#[from] ficha_sqlite::Error),
}

impl Settings {
    pub(crate) fn check(self) -> Result<Self, OpenError> {
        if !(1..=KEEP_DAYS_MAX).contains(&self.keep_days) {
            return Err(OpenError::Setting("keep_days", "takes 1 to 36500"));
        }
        if !BUDGET_MS.contains(&self.budget_ms) {
            return Err(OpenError::Setting("budget_ms", "takes 1 to 10000"));
        }
        Ok(self)
    }

    /// Until when a dossier of this moment is kept.
    pub(crate) fn expiry(self, composed_at: Timestamp) -> Timestamp {
        let life = SignedDuration::from_hours(24 * i64::from(self.keep_days));
        composed_at.checked_add(life).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(Settings::default().check().is_ok());
        for (keep_days, budget_ms, named) in
            [(0, 1000, "keep_days"), (90, 0, "budget_ms"), (90, 10_001, "budget_ms")]
        {
            let refused = Settings { keep_days, budget_ms }.check().unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
