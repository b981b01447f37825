//! `/evento/…`: what happened lately.

use super::query::{MovementQuery, TotalsQuery};
use crate::{
    Events,
    shape::{MonthlyTotal, MovementPage, MovementTotals, Purchase, Transaction},
};
use axum::{extract::State, response::Response};
use ficha_contract::BaseName;
use ficha_http::{Answer, PathCpf, ProblemBody, QueryParams, Reader, Refused, scope};
use std::sync::Arc;
use utoipa::ToSchema;

/// What base C knows of a person at a glance.
#[derive(ToSchema)]
#[schema(as = Events)]
#[expect(dead_code, reason = "only its schema is used: the answer itself is ready JSON")]
pub(crate) struct EventsBody<'a> {
    /// Whose: eleven digits.
    #[schema(example = "52998224725")]
    cpf: &'a str,
    /// The latest consultation before this one that counts; null where nobody asked yet.
    last_consultation: Option<LastConsultationBody>,
    /// True where the latest consultation could not be read; left out otherwise.
    last_consultation_unknown: Option<bool>,
    /// The latest purchase by credit card, by its date; null where there is none.
    last_purchase: Option<Purchase<'a>>,
    /// The ten latest movements, by date and then id, descending.
    movements: Vec<Transaction<'a>>,
    /// The twelve latest calendar months that have movements, the latest first.
    monthly: Vec<MonthlyTotal>,
}

/// Somebody asked about the person.
#[derive(ToSchema)]
#[schema(as = LastConsultation)]
#[expect(dead_code, reason = "only its schema is used: the answer itself is ready JSON")]
pub(crate) struct LastConsultationBody {
    /// When, in UTC.
    #[schema(format = DateTime, example = "2026-11-22T12:00:00.123Z")]
    at: String,
    /// Why.
    #[schema(example = "credit_granting")]
    purpose: String,
}

/// A person's latest purchase by credit card.
#[derive(ToSchema)]
#[schema(as = LastPurchaseOf)]
#[expect(dead_code, reason = "only its schema is used: the answer itself is ready JSON")]
pub(crate) struct LastPurchaseBody<'a> {
    /// Whose: eleven digits.
    #[schema(example = "52998224725")]
    cpf: &'a str,
    /// The latest purchase by its date; null where there is none.
    last_purchase: Option<Purchase<'a>>,
}

/// What happened lately: last consultation, last purchase, latest movements, monthly totals.
#[utoipa::path(
    get, path = "/evento/{cpf}", tag = "events", params(PathCpf),
    responses(
        (status = 200, description = "The person is known", body = EventsBody),
        (status = 404, description = "Nobody of that CPF has movements", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn find_events(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let record = events.record(cpf).await?;
    reader.answer(cpf, BaseName::Events, record.map(|record| plain(record.body))).await
}

/// Movements of a person, filtered, page by page, the latest first.
#[utoipa::path(
    get, path = "/evento/movtofinanceiro/{cpf}", tag = "events", params(PathCpf, MovementQuery),
    responses(
        (status = 200, description = "A page, empty where nothing is selected", body = MovementPage),
        (status = 404, description = "Nobody of that CPF has movements", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn list_movements(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    QueryParams(query): QueryParams<MovementQuery>,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let (selection, limit) = query.selection(events.zone())?;
    let page = events.page(cpf, selection, limit, reader.at).await?;
    reader.answer(cpf, BaseName::Events, page.map(plain)).await
}

/// What the movements of a person come to by month and type, filtered.
#[utoipa::path(
    get, path = "/evento/totais/{cpf}", tag = "events", params(PathCpf, TotalsQuery),
    responses(
        (status = 200, description = "The totals, none where nothing is selected", body = MovementTotals),
        (status = 404, description = "Nobody of that CPF has movements", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn total_movements(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    QueryParams(query): QueryParams<TotalsQuery>,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let (selection, _) = MovementQuery::from(query).selection(events.zone())?;
    let totals = events.totals(cpf, selection, reader.at).await?;
    reader.answer(cpf, BaseName::Events, totals.map(plain)).await
}

/// The latest purchase by credit card, by its date.
#[utoipa::path(
    get, path = "/evento/ultcompracartao/{cpf}", tag = "events", params(PathCpf),
    responses(
        (status = 200, description = "The person is known", body = LastPurchaseBody),
        (status = 404, description = "Nobody of that CPF has movements", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn find_last_purchase(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let purchase = events.last_purchase(cpf).await?;
    reader.answer(cpf, BaseName::Events, purchase.map(plain)).await
}

/// An answer without entity tag: what is written are movements, not people.
fn plain(body: bytes::Bytes) -> Answer {
    Answer { body, etag: None }
}
