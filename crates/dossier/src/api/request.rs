//! What callers send.

use super::schema;
use crate::{
    Filter, Settings,
    wanted::{Required, Wanted},
};
use ficha_contract::{BaseName, Problem};
use ficha_domain::{Cpf, CpfValidation, Purpose};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

/// The body of `POST /dossies`. A field that is not known is refused: a misspelt `require` would promise what nobody
/// keeps.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDossier {
    /// Eleven digits, with or without punctuation; the check digits are verified.
    #[schema(format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$")]
    cpf: String,
    /// Why the person is looked at; without it, the header `Ficha-Purpose` or the client's registered purpose counts.
    #[serde(default)]
    #[schema(schema_with = schema::optional_purpose, required = false)]
    pub(super) purpose: Option<Purpose>,
    /// Sections without which there is to be no answer: each is `fresh` or `not_found`, or the answer is 503.
    #[serde(default)]
    #[schema(schema_with = schema::sections, required = false)]
    require: Vec<BaseName>,
    /// Seconds; a section known to be current only before that is `stale`.
    #[schema(maximum = 2147483647)]
    max_age: Option<u32>,
    /// Milliseconds for composing, instead of the server's own (1000).
    #[schema(minimum = 1, maximum = 10000)]
    budget_ms: Option<u32>,
}

impl NewDossier {
    pub(super) fn cpf(&self, validation: CpfValidation) -> Result<Cpf, Problem> {
        Cpf::parse(&self.cpf, validation).map_err(Problem::invalid_cpf)
    }

    pub(super) fn wanted(&self, settings: &Settings) -> Result<Wanted, Problem> {
        let required = self.require.iter().copied().collect();
        Wanted::new(required, self.max_age, self.budget_ms.unwrap_or(settings.budget_ms))
    }
}

/// The query of `GET /dossie/{cpf}`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ComposeQuery {
    /// Sections without which there is to be no answer, separated by commas: each is `fresh` or `not_found`, or the
    /// answer is 503.
    #[serde(default, deserialize_with = "names")]
    #[param(value_type = Option<String>, required = false, example = "debts,score",
        pattern = "^((debts|score|events)(,(debts|score|events))*)?$")]
    require: Required,
    /// Seconds; a section known to be current only before that is `stale`.
    #[param(maximum = 2147483647)]
    max_age: Option<u32>,
    /// Milliseconds for composing, instead of the server's own (1000).
    #[param(minimum = 1, maximum = 10000)]
    budget_ms: Option<u32>,
}

impl ComposeQuery {
    pub(super) fn wanted(&self, settings: &Settings) -> Result<Wanted, Problem> {
        Wanted::new(self.require, self.max_age, self.budget_ms.unwrap_or(settings.budget_ms))
    }
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Required, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = |word: &str| BaseName::ALL.into_iter().find(|name| name.as_str() == word.trim());
    let words = text.split(',').filter(|word| !word.trim().is_empty());
    let names = words.map(name).collect::<Option<Required>>();
    names.ok_or_else(|| serde::de::Error::custom("takes debts, score, events, separated by commas"))
}

/// The query of `GET /dossies`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Of this person only.
    #[param(format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$")]
    cpf: Option<String>,
    /// Composed for this purpose only.
    #[param(schema_with = schema::purpose, required = false)]
    purpose: Option<Purpose>,
    /// So many at most; 20 where it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(pattern = r"^\d{1,18}$")]
    after: Option<String>,
}

impl ListQuery {
    pub(super) fn cpf(&self, validation: CpfValidation) -> Result<Option<Cpf>, Problem> {
        let cpf = self.cpf.as_deref().map(|text| Cpf::parse(text, validation));
        cpf.transpose().map_err(Problem::invalid_cpf)
    }

    pub(super) fn filter(&self, now: Timestamp) -> Result<Filter, Problem> {
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(Problem::field("limit", "takes 1 to 100"));
        }
        let before = self.after.as_deref().map(cursor).transpose()?;
        Ok(Filter { purpose: self.purpose, before, now, limit: limit as usize, ..Filter::default() })
    }
}

/// A page goes on below the number of its last row.
fn cursor(text: &str) -> Result<u64, Problem> {
    let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Problem::field("after", "takes `next` of the page before"))
}
