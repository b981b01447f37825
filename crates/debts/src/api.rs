//! The routes of base A.

use crate::{Debts, document::Document, document::DocumentDebt};
use axum::{
    extract::{FromRef, FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use ficha_contract::{
    BaseName,
    wire::{Debt, DebtsPerson},
};
use ficha_domain::Money;
use ficha_http::{Access, Answer, Body, Conditional, PathCpf, Reader, Refused, Shell, path_id, reply, scope};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers share.
#[derive(Clone, FromRef)]
struct Api {
    debts: Debts,
    shell: Shell,
}

/// Base A's routes.
pub fn routes(debts: Debts, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(find_person, replace_person, remove_person))
        .routes(routes!(add_debt))
        .routes(routes!(remove_debt))
        .with_state(Api { debts, shell })
}

/// A person as feeding systems send it.
#[derive(Serialize, ToSchema)]
#[schema(title = "DebtsPersonWritten")]
struct PersonWritten {
    /// Full name, 1 to 200 characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001F\u007F-\u009F]*$",
        example = "Maria da Silva"
    )]
    name: String,
    /// Postal address, one line, at most 300 characters.
    #[schema(
        max_length = 300,
        pattern = r"^[^\u0000-\u001F\u007F-\u009F]*$",
        example = "Rua Joaquina, 1, Recife/PE"
    )]
    address: String,
    /// Debts; at most 1000.
    #[schema(max_items = 1000, required = false)]
    debts: Vec<DebtWritten>,
}

/// A debt as feeding systems send it.
#[derive(Serialize, ToSchema)]
#[schema(title = "DebtWritten")]
struct DebtWritten {
    /// Reais, not negative, at most two decimals.
    #[schema(schema_with = ficha_http::amount)]
    value: Money,
    /// Due date.
    #[schema(value_type = String, format = Date, example = "2018-07-07")]
    date: Date,
}

/// A person's debts
///
/// Somebody who is known without debts has an empty list; somebody unknown is a 404. Recorded as a consultation.
#[utoipa::path(get, path = "/divida/{cpf}", tag = "debts", params(PathCpf), security(("oauth2" = ["debts:read"])),
    responses((status = 200, body = Document, headers(("ETag" = String)))))]
async fn find_person(
    reader: Reader<scope::DebtsRead>,
    PathCpf(cpf): PathCpf,
    State(debts): State<Debts>,
) -> Result<Response, Refused> {
    let found = debts.find(cpf).await?;
    let answer = found.map(|person| Answer { etag: Some(person.etag()), body: person.body });
    reader.answer(cpf, BaseName::Debts, answer).await
}

/// Replace a person
///
/// Creates it, or puts what is sent in place of what was there. A debt sent without an id is the one equal to it, or
/// new: sending the same again changes nothing but the version.
#[utoipa::path(put, path = "/divida/{cpf}", tag = "debts", params(PathCpf), request_body = PersonWritten,
    security(("oauth2" = ["debts:write"])),
    responses((status = 200, description = "Replaced", body = Document), (status = 201, description = "Created", body = Document)))]
async fn replace_person(
    access: Access<scope::DebtsWrite>,
    PathCpf(cpf): PathCpf,
    conditional: Conditional,
    State(Api { debts, shell }): State<Api>,
    body: Body<DebtsPerson>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, &body.bytes);
    Ok(reply(debts.replace(cpf, body.value, condition).await?))
}

/// Remove a person with all debts
#[utoipa::path(delete, path = "/divida/{cpf}", tag = "debts", params(PathCpf), security(("oauth2" = ["debts:write"])),
    responses((status = 204, description = "Gone")))]
async fn remove_person(
    access: Access<scope::DebtsWrite>,
    PathCpf(cpf): PathCpf,
    conditional: Conditional,
    State(Api { debts, shell }): State<Api>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, b"");
    Ok(reply(debts.remove(cpf, condition).await?))
}

/// Add a debt
///
/// To somebody who is known; answers the debt alone. The entity tag is the person's.
#[utoipa::path(post, path = "/divida/{cpf}/debts", tag = "debts", params(PathCpf), request_body = DebtWritten,
    security(("oauth2" = ["debts:write"])), responses((status = 201, body = DocumentDebt)))]
async fn add_debt(
    access: Access<scope::DebtsWrite>,
    PathCpf(cpf): PathCpf,
    conditional: Conditional,
    State(Api { debts, shell }): State<Api>,
    body: Body<Debt>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, &body.bytes);
    Ok(reply(debts.add_debt(cpf, body.value, condition).await?))
}

/// Remove a debt
#[utoipa::path(delete, path = "/divida/{cpf}/debts/{id}", tag = "debts", params(PathCpf, ("id" = i64, Path)),
    security(("oauth2" = ["debts:write"])), responses((status = 204, description = "Gone")))]
async fn remove_debt(
    access: Access<scope::DebtsWrite>,
    PathCpf(cpf): PathCpf,
    PathDebt(debt_id): PathDebt,
    conditional: Conditional,
    State(Api { debts, shell }): State<Api>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, b"");
    Ok(reply(debts.remove_debt(cpf, debt_id, condition).await?))
}

struct PathDebt(i64);

impl<S: Send + Sync> FromRequestParts<S> for PathDebt {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(path_id(parts, "id").await?))
    }
}
