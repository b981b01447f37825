//! What a score may look at: a closed list, so that what the law forbids cannot be written down.

use crate::facts::Facts;
use serde::{Deserialize, Deserializer, de::Error};

/// Something known of a person that a scorecard may give points for.
///
/// Everything here is computed from what base B holds of economic matters, and of age. Lei 12.414/2011, art. 7º-A,
/// forbids social and ethnic origin, health, genetics, sex, political, religious and philosophical belief (I), other
/// people's data (II), and the person's own access (III). Name and address, which tell of origin, are left out too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Age in full years.
    AgeYears,
    /// What all sources pay a month, in centavos; missing without sources.
    MonthlyIncome,
    /// How many sources of income there are.
    IncomeSources,
    /// What all assets are worth, in centavos; missing without assets.
    Patrimony,
    /// How many assets there are.
    Patrimonies,
    /// Assets in per cent of a year's income; missing where either is, or nothing comes in.
    PatrimonyPercentOfAnnualIncome,
}

impl Feature {
    pub(crate) const ALL: [Self; 6] = [
        Self::AgeYears,
        Self::MonthlyIncome,
        Self::IncomeSources,
        Self::Patrimony,
        Self::Patrimonies,
        Self::PatrimonyPercentOfAnnualIncome,
    ];

    /// As written in a table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AgeYears => "age_years",
            Self::MonthlyIncome => "monthly_income",
            Self::IncomeSources => "income_sources",
            Self::Patrimony => "patrimony",
            Self::Patrimonies => "patrimonies",
            Self::PatrimonyPercentOfAnnualIncome => "patrimony_percent_of_annual_income",
        }
    }

    /// Whether it counts centavos.
    pub(crate) fn is_money(self) -> bool {
        matches!(self, Self::MonthlyIncome | Self::Patrimony)
    }

    /// Whether somebody who gets a score may be without it.
    pub(crate) fn may_be_missing(self) -> bool {
        matches!(self, Self::MonthlyIncome | Self::Patrimony | Self::PatrimonyPercentOfAnnualIncome)
    }

    /// Its value for a person of this age.
    pub(crate) fn of(self, facts: &Facts, age: i64) -> Option<i64> {
        match self {
            Self::AgeYears => Some(age),
            Self::MonthlyIncome => facts.income_cents,
            Self::IncomeSources => Some(facts.income_sources.into()),
            Self::Patrimony => facts.patrimony_cents,
            Self::Patrimonies => Some(facts.patrimonies.into()),
            Self::PatrimonyPercentOfAnnualIncome => percent_of_annual_income(facts),
        }
    }
}

fn percent_of_annual_income(facts: &Facts) -> Option<i64> {
    let annual = i128::from(facts.income_cents?) * 12;
    let percent = (i128::from(facts.patrimony_cents?) * 100).checked_div(annual)?;
    Some(i64::try_from(percent).unwrap_or(i64::MAX))
}

impl<'de> Deserialize<'de> for Feature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::ALL.into_iter().find(|feature| feature.as_str() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            D::Error::custom(format!(
                "`{name}` may not be looked at; a score is computed from {known}, and from nothing else \
                 (Lei 12.414/2011, art. 7º-A)"
            ))
        })
    }
}
