//! The routes.

use super::{
    Customer,
    list::{RULES, Wanted},
    schema::{ChangedCustomer, NewCustomer, WrittenCustomer},
    write::Sent,
};
use crate::{Debts, document::Document};
use axum::{
    extract::{FromRef, FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use ficha_contract::{BaseName, Problem, Reply};
use ficha_domain::{Cpf, Scope};
use ficha_http::{
    Access, Answer, AskedList, Asker, Body, Conditional, ProblemBody, Reader, Refused, Shell, path_id, reply,
    scope,
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers share.
#[derive(Clone, FromRef)]
struct Api {
    debts: Debts,
    shell: Shell,
}

/// The seed's routes of base A: for the role's own listener.
pub fn seed_routes(debts: Debts, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_customers, add_customer))
        .routes(routes!(find_customer, replace_customer, change_customer, remove_customer))
        .with_state(Api { debts, shell })
}

/// Customers
///
/// All of them by id, or who is asked for; nobody is an empty array. `page`, `search` and `format` are read over; any
/// other key, or a sealed field, is a 400 that names it. Everybody in the answer is consulted, and recorded.
#[utoipa::path(get, path = "/api/customers", tag = "debts", security(("oauth2" = ["debts:read"])),
    params(
        ("cpf" = Option<String>, Query, format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$", description = "Of this person; `_None` selects nobody."),
        ("id" = Option<i64>, Query, description = "Of this id."),
        ("orders" = Option<String>, Query, pattern = "^(-?id)?$", description = "`id` or `-id`."),
        ("fields" = Option<String>, Query, pattern = "^((id|debts|cpf|name|address)(,(id|debts|cpf|name|address))*)?$", description = "Names, separated by commas; the other fields stay, blank."),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "10 where it is left out."),
    ),
    responses((status = 200, description = "A page", body = Vec<Customer>)))]
async fn list_customers(
    reader: Reader<scope::DebtsRead>,
    State(Api { debts, shell }): State<Api>,
    asked: AskedList,
) -> Result<Response, Refused> {
    let list = asked.by(RULES)?;
    let wanted = Wanted::by(&list, shell.cpf_validation)?;
    let found = debts.customers(&list, &wanted).await?;
    let people = found.iter().map(Document::owner).collect::<Result<Vec<Cpf>, _>>()?;
    let told: Vec<Customer> =
        found.into_iter().map(|document| Customer::from(document).told_by(&list)).collect();
    let body = serde_json::to_vec(&told).map_err(Problem::internal)?;
    reader.answer_list(BaseName::Debts, wanted.cpf, people, body.into()).await
}

/// Add a customer
///
/// Somebody whose CPF is known already is refused.
#[utoipa::path(post, path = "/api/customers", tag = "debts", request_body = NewCustomer,
    security(("oauth2" = ["debts:write"])),
    responses((status = 201, description = "Created", body = Customer, headers(("ETag" = String)))))]
async fn add_customer(
    access: Access<scope::DebtsWrite>,
    conditional: Conditional,
    State(Api { debts, shell }): State<Api>,
    body: Body<Sent>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, &body.bytes);
    let sent = body.value.whole()?;
    let cpf = sent.owner(shell.cpf_validation)?;
    let added = debts.add_customer(cpf, sent, condition).await?;
    Ok(reply(in_seeds_shape(added, |customer| customer)?))
}

/// A customer
#[utoipa::path(get, path = "/api/customers/{id}", tag = "debts", params(("id" = i64, Path)),
    security(("oauth2" = ["debts:read"])),
    responses((status = 200, description = "Known", body = Customer, headers(("ETag" = String))),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn find_customer(
    reader: Reader<scope::DebtsRead>,
    PathCustomer(id): PathCustomer,
    State(debts): State<Debts>,
) -> Result<Response, Refused> {
    let (cpf, person) = debts.customer(id).await?;
    let body = Customer::from(Document::read(&person)?).to_json()?.into();
    reader.answer(cpf, BaseName::Debts, Some(Answer { etag: Some(person.etag()), body })).await
}

/// Replace a customer
///
/// Name and address are replaced; debts are added or changed, and those not listed are kept. Answers the customer to
/// whoever may read (recorded), and what was sent to everybody else.
#[utoipa::path(put, path = "/api/customers/{id}", tag = "debts", params(("id" = i64, Path)),
    request_body = WrittenCustomer, security(("oauth2" = ["debts:write"])),
    responses((status = 200, description = "Replaced", body = Customer, headers(("ETag" = String))),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn replace_customer(
    asker: Asker<scope::DebtsWrite>,
    PathCustomer(id): PathCustomer,
    conditional: Conditional,
    State(api): State<Api>,
    body: Body<Sent>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&asker.access, &api.shell, &body.bytes);
    let sent = body.value.whole()?;
    let changed = api.debts.change_customer(id, sent.clone(), condition).await?;
    tell(asker, changed, &sent).await
}

/// Change a customer
///
/// What is sent is changed as by `PUT`, the rest stays. Answers as `PUT` does.
#[utoipa::path(patch, path = "/api/customers/{id}", tag = "debts", params(("id" = i64, Path)),
    request_body = ChangedCustomer, security(("oauth2" = ["debts:write"])),
    responses((status = 200, description = "Changed", body = Customer, headers(("ETag" = String))),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn change_customer(
    asker: Asker<scope::DebtsWrite>,
    PathCustomer(id): PathCustomer,
    conditional: Conditional,
    State(api): State<Api>,
    body: Body<Sent>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&asker.access, &api.shell, &body.bytes);
    let changed = api.debts.change_customer(id, body.value.clone(), condition).await?;
    tell(asker, changed, &body.value).await
}

/// Remove a customer with all debts
#[utoipa::path(delete, path = "/api/customers/{id}", tag = "debts", params(("id" = i64, Path)),
    security(("oauth2" = ["debts:write"])),
    responses((status = 204, description = "Gone"),
        (status = 404, description = "No customer has this id", body = ProblemBody, content_type = "application/problem+json")))]
async fn remove_customer(
    access: Access<scope::DebtsWrite>,
    PathCustomer(id): PathCustomer,
    conditional: Conditional,
    State(Api { debts, shell }): State<Api>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, b"");
    Ok(reply(debts.remove_customer(id, condition).await?))
}

/// The whole customer to whoever may read, and that is recorded; else what was sent.
async fn tell(
    asker: Asker<scope::DebtsWrite>,
    (cpf, changed): (Cpf, Reply),
    sent: &Sent,
) -> Result<Response, Refused> {
    match asker.may_read(Scope::DebtsRead) {
        Some(reader) => {
            let whole = in_seeds_shape(changed, |customer| customer)?;
            reader.answer_written(BaseName::Debts, cpf, whole).await
        }
        None => Ok(reply(in_seeds_shape(changed, |customer| sent.of(customer))?)),
    }
}

/// A document that was answered, as the seed writes it.
fn in_seeds_shape(answered: Reply, show: impl FnOnce(Customer) -> Customer) -> Result<Reply, Problem> {
    let document: Document = serde_json::from_str(&answered.body).map_err(Problem::internal)?;
    Ok(Reply { body: show(document.into()).to_json()?, ..answered })
}

struct PathCustomer(i64);

impl<S: Send + Sync> FromRequestParts<S> for PathCustomer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(path_id(parts, "id").await?))
    }
}
