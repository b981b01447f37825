//! What is answered, as it is documented. Dossiers are written by `render`; a test compares the two.

use crate::kept::Listed;
use bytes::Bytes;
use ficha_contract::{BaseName, Problem, SectionStatus, Source, UnavailableReason};
use ficha_domain::Purpose;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type},
};
use uuid::Uuid;

/// What is known about a person.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `render` writes; nobody builds it")]
pub(super) struct Dossier {
    /// Null where it is not kept.
    #[schema(value_type = Option<String>, format = "uuid", required = true)]
    id: Option<Uuid>,
    /// Counts the kept dossiers; null where it is not kept.
    #[schema(required = true)]
    number: Option<u64>,
    /// Eleven digits.
    #[schema(format = "cpf", pattern = r"^\d{11}$")]
    cpf: String,
    /// Why it was composed.
    #[schema(schema_with = purpose)]
    purpose: Purpose,
    /// When it was composed, in UTC.
    #[schema(value_type = String, format = DateTime)]
    composed_at: Timestamp,
    /// Whether every section is `fresh` or `not_found`.
    complete: bool,
    /// Milliseconds that composing could take.
    #[schema(minimum = 1, maximum = 10000)]
    budget_ms: u32,
    /// Milliseconds that it took.
    elapsed_ms: u64,
    /// What each base knows.
    sections: DossierSections,
}

/// What each base knows.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `render` writes; nobody builds it")]
pub(super) struct DossierSections {
    /// What the person owes: `data` as `GET /divida/{cpf}`.
    debts: DossierSection,
    /// Who the person is, and the score: `data` as `GET /score/{cpf}`.
    score: DossierSection,
    /// What moved lately: `data` as `GET /evento/{cpf}`.
    events: DossierSection,
}

/// What one base knows.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `render` writes; nobody builds it")]
pub(super) struct DossierSection {
    /// What became of it.
    #[schema(schema_with = status)]
    status: SectionStatus,
    /// Up to when this is known to be current; null where nothing was read.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    as_of: Option<Timestamp>,
    /// When the person's data in that base last changed.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    updated_at: Option<Timestamp>,
    /// Where it was read; `own` where nothing was.
    #[schema(schema_with = source)]
    source: Source,
    /// Milliseconds that the base took.
    elapsed_ms: u64,
    /// Why it is `unavailable`.
    #[schema(schema_with = reason, required = false)]
    reason: Option<UnavailableReason>,
    /// The base's own answer about the person; null where there is none.
    #[schema(value_type = Option<Object>, required = true)]
    data: Option<Bytes>,
}

/// Kept dossiers, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct DossierPage<'a> {
    /// The page.
    #[schema(value_type = Vec<DossierRow>)]
    items: &'a [Listed],
    /// Send it as `after` for the next page; not there on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A kept dossier in a list.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Listed` writes; nobody builds it")]
pub(super) struct DossierRow {
    /// Leads to `GET /dossies/{id}`.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// Counts the kept dossiers.
    number: u64,
    /// Eleven digits.
    #[schema(format = "cpf", pattern = r"^\d{11}$")]
    cpf: String,
    /// Why it was composed.
    #[schema(schema_with = purpose)]
    purpose: Purpose,
    /// When it was composed, in UTC.
    #[schema(value_type = String, format = DateTime)]
    composed_at: Timestamp,
    /// Whether every section that the caller may see is `fresh` or `not_found`, and there is none he may not.
    complete: bool,
    /// What became of each section; `denied` where the caller may not see it now.
    sections: DossierStates,
    /// Whose dossier it is.
    client: String,
}

/// What became of each section.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Listed` writes; nobody builds it")]
pub(super) struct DossierStates {
    /// What the person owes.
    #[schema(schema_with = status)]
    debts: SectionStatus,
    /// Who the person is, and the score.
    #[schema(schema_with = status)]
    score: SectionStatus,
    /// What moved lately.
    #[schema(schema_with = status)]
    events: SectionStatus,
}

/// A page as JSON.
pub(super) fn page(items: &[Listed], more: bool) -> Result<Bytes, Problem> {
    let next = items.last().filter(|_| more).map(|last| last.number.to_string());
    serde_json::to_vec(&DossierPage { items, next }).map(Bytes::from).map_err(Problem::internal)
}

pub(super) fn purpose() -> Schema {
    words("Why the person is looked at.", &Purpose::ALL.map(Purpose::as_str)).into()
}

/// In a body null is as good as nothing.
pub(super) fn optional_purpose() -> Schema {
    let words = Purpose::ALL.map(Purpose::as_str).map(serde_json::Value::from);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(words.into_iter().chain([serde_json::Value::Null])))
        .into()
}

pub(super) fn sections() -> Schema {
    let meaning = "Sections without which there is to be no answer: each is `fresh` or `not_found`, or the answer is 503.";
    let names = words("The section of a base.", &BaseName::ALL.map(BaseName::as_str));
    ArrayBuilder::new().items(names).description(Some(meaning)).into()
}

fn status() -> Schema {
    use SectionStatus::{Denied, Fresh, NotFound, Stale, Unavailable};
    let meaning = "`fresh`; `stale`: older than `max_age`; `not_found`: nobody of that CPF; `denied`: not the caller's to \
        read; `unavailable`: the base could not answer.";
    words(meaning, &[Fresh, Stale, NotFound, Denied, Unavailable].map(SectionStatus::as_str)).into()
}

fn source() -> Schema {
    let meaning = "Where it was read: the store that is the base, the external base, a copy of it, a cache; `own` where \
        nothing was read.";
    words(meaning, &[Source::Own, Source::Direct, Source::Replica, Source::Cache].map(Source::as_str)).into()
}

fn reason() -> Schema {
    use UnavailableReason::{Failed, Nonsense, Timeout, Unreachable};
    let meaning = "Why it is `unavailable`: no answer inside the budget; the base out of reach; an answer that cannot be \
        about this person; a fault of the base.";
    words(meaning, &[Timeout, Unreachable, Nonsense, Failed].map(UnavailableReason::as_str)).into()
}

fn words(meaning: &str, words: &[&str]) -> ObjectBuilder {
    let kind = SchemaType::new(Type::String);
    ObjectBuilder::new().schema_type(kind).description(Some(meaning)).enum_values(Some(words.iter().copied()))
}
