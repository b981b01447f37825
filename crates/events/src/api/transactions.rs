//! The routes of the seed's base C, in its formats.

use super::{
    EventsApi,
    extract::{Named, PathId},
};
use crate::{
    Events,
    shape::{Consulted, Purchase, Transaction},
};
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode},
    response::Response,
};
use bytes::Bytes;
use ficha_contract::{BaseName, SectionStatus, Seen, wire};
use ficha_domain::Cpf;
use ficha_http::{Access, Body, Conditional, PathCpf, ProblemBody, Reader, Refused, reply, scope};
use std::sync::Arc;
use utoipa::ToSchema;

/// A movement to be written.
#[derive(ToSchema)]
#[schema(as = NewFinancialTransaction)]
#[expect(dead_code, reason = "only its schema is used: the body is read as the contract's type")]
pub(crate) struct NewTransaction {
    /// 24 hexadecimal digits; given by ficha when it is left out.
    #[schema(pattern = "^[0-9a-fA-F]{24}$", example = "5b3e4175c43bfd2b780afeba")]
    id: Option<String>,
    /// What it was, at most 1000 characters; empty when left out.
    #[schema(
        example = "Supermercado",
        default = "",
        max_length = 1000,
        pattern = r"^[^\u0000-\u001F\u007F-\u009F]*$",
        required = false
    )]
    description: String,
    /// Reais: a number or a text with at most two decimals; 0 when left out.
    #[schema(schema_with = ficha_http::signed_amount, required = false)]
    value: f64,
    /// When: RFC 3339 with an offset; kept to the millisecond.
    #[schema(format = DateTime, example = "2011-10-05T11:48:00-03:00")]
    date: String,
    /// Whose: eleven digits, with or without punctuation.
    #[schema(format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$", example = "52998224725")]
    cpf: String,
    /// `Credit`, `Debit`, or empty when unknown.
    #[schema(pattern = "^(Credit|Debit)?$", example = "Debit", default = "", required = false)]
    #[schema(rename = "type")]
    kind: String,
    /// `CreditCard`, `DebitCard`, `PaymentSlip`, `Money`, or empty when unknown.
    #[schema(
        pattern = "^(CreditCard|DebitCard|PaymentSlip|Money)?$",
        example = "CreditCard",
        default = "",
        required = false
    )]
    #[schema(rename = "PaymentType")]
    payment_type: String,
}

/// A movement in the place of the one that has its id.
#[derive(ToSchema)]
#[schema(as = ReplacedFinancialTransaction)]
#[expect(dead_code, reason = "only its schema is used: the body is read as the contract's type")]
pub(crate) struct ReplacedTransaction {
    #[serde(flatten)]
    movement: NewTransaction,
    /// Which: 24 hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{24}$", example = "5b3e4175c43bfd2b780afeba")]
    id: String,
}

/// A write was done.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the answer itself is ready JSON")]
pub(crate) struct Written {
    /// Always `success`.
    #[schema(example = "success")]
    result: String,
}

/// All movements of a person, the latest first.
///
/// Made whole before it is recorded and sent, in at most 2 s (then 503): `/evento/movtofinanceiro/{cpf}` has pages.
#[utoipa::path(
    get, path = "/financial-transactions/{cpf}", tag = "events", params(PathCpf),
    responses((status = 200, description = "All of them; an empty array where there are none",
        body = Vec<Transaction>)),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn list_transactions(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let found = events.transactions(cpf).await?;
    array(reader, cpf, found).await
}

/// Writes a new movement.
#[utoipa::path(
    post, path = "/financial-transactions", tag = "events", request_body = NewTransaction,
    responses((status = 201, description = "It is written", body = Transaction,
        headers(("ETag" = String, description = "The version that was written, for `If-Match`")))),
    security(("oauth2" = ["events:write"]))
)]
pub(crate) async fn add_transaction(
    access: Access<scope::EventsWrite>,
    conditional: Conditional,
    State(api): State<EventsApi>,
    body: Body<wire::Movement>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &api.shell, &body.bytes);
    let added = api.events.add(body.value, api.shell.cpf_validation, condition).await?;
    Ok(reply(added))
}

/// Replaces the movement that the body names by its id.
#[utoipa::path(
    put, path = "/financial-transactions", tag = "events", request_body = ReplacedTransaction,
    responses(
        (status = 200, description = "It is written", body = Written,
            headers(("ETag" = String, description = "The version that was written, for `If-Match`"))),
        (status = 404, description = "No movement has this id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 412, description = "The movement changed since it was read", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
    security(("oauth2" = ["events:write"]))
)]
pub(crate) async fn replace_transaction(
    access: Access<scope::EventsWrite>,
    conditional: Conditional,
    State(api): State<EventsApi>,
    Named { id, body }: Named,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &api.shell, &body.bytes);
    let replaced = api.events.replace(id, body.value, api.shell.cpf_validation, condition).await?;
    Ok(reply(replaced))
}

/// Removes a movement by its id.
#[utoipa::path(
    delete, path = "/financial-transactions/{cpf}", tag = "events",
    params(
        ("cpf" = String, Path, pattern = "^[0-9a-fA-F]{24}$", example = "5b3e4175c43bfd2b780afeba",
            description = "The movement's id, 24 hexadecimal digits: not a CPF, by which this path is only read."),
    ),
    responses(
        (status = 200, description = "It is gone", body = Written),
        (status = 404, description = "No movement has this id", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 412, description = "The movement changed since it was read", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
    security(("oauth2" = ["events:write"]))
)]
pub(crate) async fn remove_transaction(
    access: Access<scope::EventsWrite>,
    PathId(id): PathId,
    conditional: Conditional,
    State(api): State<EventsApi>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &api.shell, b"");
    Ok(reply(api.events.remove(id, condition).await?))
}

/// The latest purchase by credit card, by its date, in an array.
#[utoipa::path(
    get, path = "/last-purchases/{cpf}", tag = "events", params(PathCpf),
    responses((status = 200, description = "One or none", body = Vec<Purchase>)),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn list_last_purchases(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let found = events.last_purchases(cpf).await?;
    array(reader, cpf, found).await
}

/// When and why the person was looked up, the latest first, at most a hundred.
#[utoipa::path(
    get, path = "/consulted-cpf/{cpf}", tag = "events", params(PathCpf),
    responses((status = 200, description = "The consultations that count, before this one", body = Vec<Consulted>,
        headers(("Ficha-Complete-Until" = String,
            description = "Up to this instant (RFC 3339) nothing is missing; later ones may be on their way")))),
    security(("oauth2" = ["events:read"]))
)]
pub(crate) async fn list_consultations(
    reader: Reader<scope::EventsRead>,
    PathCpf(cpf): PathCpf,
    State(events): State<Arc<Events>>,
) -> Result<Response, Refused> {
    let found = events.consultations(cpf).await?;
    let body = (!found.is_empty).then_some(found.body);
    let mut response = array(reader, cpf, body).await?;
    if let Ok(until) = HeaderValue::from_str(&found.complete_until.to_string()) {
        response.headers_mut().insert("ficha-complete-until", until);
    }
    Ok(response)
}

/// An array about somebody; the empty one where nobody is known, which is recorded as such.
async fn array(
    reader: Reader<scope::EventsRead>,
    cpf: Cpf,
    found: Option<Bytes>,
) -> Result<Response, Refused> {
    let status = if found.is_some() { SectionStatus::Fresh } else { SectionStatus::NotFound };
    let body = found.unwrap_or_else(|| Bytes::from_static(b"[]"));
    reader.disclose(cpf, Seen::one(BaseName::Events, status), StatusCode::OK, body).await
}
