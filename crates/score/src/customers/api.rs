//! The routes.

use super::{
    blanked,
    list::{RULES, Wanted},
    schema::{ChangedCustomer, NewCustomer, WrittenCustomer},
    write::Sent,
};
use crate::{Scores, document::Document};
use axum::{
    extract::{FromRef, FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use ficha_contract::{BaseName, Reply};
use ficha_domain::{Cpf, ObjectId, Scope};
use ficha_http::{
    Access, Answer, AskedList, Asker, Body, Conditional, ProblemBody, Reader, Refused, Shell, path_id, reply,
    scope,
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers share.
#[derive(Clone, FromRef)]
struct Api {
    scores: Scores,
    shell: Shell,
}

/// The seed's routes of base B: for the role's own listener.
pub fn seed_routes(scores: Scores, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_customers, add_customer))
        .routes(routes!(find_customer, replace_customer, change_customer, remove_customer))
        .with_state(Api { scores, shell })
}

/// Customers
///
/// In the order in which they came, or as asked; nobody is an empty array. A filter or an order other than by `id` and
/// `cpf` looks at everybody, and fails where that takes too long. `page`, `search` and `format` are read over; any other
/// key is a 400 that names it. Everybody in the answer is consulted, and recorded.
#[utoipa::path(get, path = "/api/customers", tag = "score", security(("oauth2" = ["score:read"])),
    params(
        ("cpf" = Option<String>, Query, format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$", description = "Of this person. As every filter: `x=_None` is null, `x!=_None` is not."),
        ("id" = Option<String>, Query, pattern = "^[0-9a-fA-F]{24}$", description = "Of this id."),
        ("name" = Option<String>, Query, description = "Of exactly this name."),
        ("address" = Option<String>, Query, description = "Of exactly this address."),
        ("date_birth" = Option<String>, Query, format = DateTime, description = "Born at this instant; `_None`: nobody knows when."),
        ("orders" = Option<String>, Query, pattern = "^(-?(id|cpf|date_birth|name|address)(,-?(id|cpf|date_birth|name|address))*)?$", description = "Fields, separated by commas, each with `-` where it descends."),
        ("fields" = Option<String>, Query, pattern = "^((id|cpf|date_birth|name|address|patrimonies|sources_income)(,(id|cpf|date_birth|name|address|patrimonies|sources_income))*)?$", description = "Names, separated by commas; the other fields stay, blank."),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "10 where it is left out."),
    ),
    responses((status = 200, description = "A page", body = Vec<Document>)))]
async fn list_customers(
    reader: Reader<scope::ScoreRead>,
    State(Api { scores, shell }): State<Api>,
    asked: AskedList,
) -> Result<Response, Refused> {
    let list = asked.by(RULES)?;
    let wanted = Wanted::by(&list, shell.cpf_validation)?;
    let found = scores.customers(&list, &wanted).await?;
    let people: Vec<Cpf> = found.iter().map(|customer| customer.cpf).collect();
    let told = found.iter().map(|customer| blanked(&customer.json, |field| list.tells(field)));
    let told = told.collect::<Result<Vec<String>, _>>()?;
    let body = format!("[{}]", told.join(","));
    reader.answer_list(BaseName::Score, wanted.cpf, people, body.into()).await
}

/// Add a customer
///
/// Somebody whose CPF is known already is refused.
#[utoipa::path(post, path = "/api/customers", tag = "score", request_body = NewCustomer,
    security(("oauth2" = ["score:write"])),
    responses((status = 201, description = "Created", body = Document, headers(("ETag" = String)))))]
async fn add_customer(
    access: Access<scope::ScoreWrite>,
    conditional: Conditional,
    State(Api { scores, shell }): State<Api>,
    body: Body<Sent>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, &body.bytes);
    let cpf = body.value.owner(shell.cpf_validation)?;
    Ok(reply(scores.add_customer(cpf, body.value.whole()?, condition).await?))
}

/// A customer
#[utoipa::path(get, path = "/api/customers/{id}", tag = "score", params(("id" = String, Path, pattern = "^[0-9a-fA-F]{24}$")),
    security(("oauth2" = ["score:read"])),
    responses((status = 200, description = "Known", body = Document, headers(("ETag" = String))),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn find_customer(
    reader: Reader<scope::ScoreRead>,
    PathCustomer(id): PathCustomer,
    State(scores): State<Scores>,
) -> Result<Response, Refused> {
    let (cpf, person) = scores.customer(id).await?;
    let answer = Answer { etag: Some(person.etag()), body: person.body };
    reader.answer(cpf, BaseName::Score, Some(answer)).await
}

/// Replace a customer
///
/// What is left out is not there afterwards; the id stays. Answers the customer to whoever may read (recorded), and
/// what was sent to everybody else.
#[utoipa::path(put, path = "/api/customers/{id}", tag = "score", params(("id" = String, Path, pattern = "^[0-9a-fA-F]{24}$")),
    request_body = WrittenCustomer, security(("oauth2" = ["score:write"])),
    responses((status = 200, description = "Replaced", body = Document, headers(("ETag" = String))),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn replace_customer(
    asker: Asker<scope::ScoreWrite>,
    PathCustomer(id): PathCustomer,
    conditional: Conditional,
    State(api): State<Api>,
    body: Body<Sent>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&asker.access, &api.shell, &body.bytes);
    let replaced = api.scores.replace_customer(id, body.value.clone().whole()?, condition).await?;
    tell(asker, replaced, &body.value).await
}

/// Change a customer
///
/// What is sent takes the place of what was there, the rest stays. Answers as `PUT` does.
#[utoipa::path(patch, path = "/api/customers/{id}", tag = "score", params(("id" = String, Path, pattern = "^[0-9a-fA-F]{24}$")),
    request_body = ChangedCustomer, security(("oauth2" = ["score:write"])),
    responses((status = 200, description = "Changed", body = Document, headers(("ETag" = String))),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn change_customer(
    asker: Asker<scope::ScoreWrite>,
    PathCustomer(id): PathCustomer,
    conditional: Conditional,
    State(api): State<Api>,
    body: Body<Sent>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&asker.access, &api.shell, &body.bytes);
    let changed = api.scores.change_customer(id, body.value.clone(), condition).await?;
    tell(asker, changed, &body.value).await
}

/// Remove a customer
#[utoipa::path(delete, path = "/api/customers/{id}", tag = "score", params(("id" = String, Path, pattern = "^[0-9a-fA-F]{24}$")),
    security(("oauth2" = ["score:write"])),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn remove_customer(
    access: Access<scope::ScoreWrite>,
    PathCustomer(id): PathCustomer,
    conditional: Conditional,
    State(Api { scores, shell }): State<Api>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, b"");
    Ok(reply(scores.remove_customer(id, condition).await?))
}

/// The whole customer to whoever may read, and that is recorded; else what was sent.
async fn tell(
    asker: Asker<scope::ScoreWrite>,
    (cpf, changed): (Cpf, Reply),
    sent: &Sent,
) -> Result<Response, Refused> {
    match asker.may_read(Scope::ScoreRead) {
        Some(reader) => reader.answer_written(BaseName::Score, cpf, changed).await,
        None => Ok(reply(Reply { body: sent.of(&changed.body)?, ..changed })),
    }
}

struct PathCustomer(ObjectId);

impl<S: Send + Sync> FromRequestParts<S> for PathCustomer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(path_id(parts, "id").await?))
    }
}
