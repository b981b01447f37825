//! The routes.

use super::shape::{CustomerDossier, FIELDS};
use crate::{
    Dossiers,
    kept::Kept,
    outcome,
    service::{Answered, Order},
    wanted::Question,
};
use axum::{
    extract::{FromRef, FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use bytes::Bytes;
use ficha_contract::{Caller, ErrorCode, Problem, Seen};
use ficha_domain::{Cpf, CpfValidation, Scope};
use ficha_http::{
    AskedList, Asker, Body, Conditional, ListRules, ProblemBody, Reader, Refused, SeedList, Shell, path_id,
    scope::DossierRead,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// All but the id is sealed; the CPF is found by its index.
const RULES: ListRules = ListRules { fields: &FIELDS, filters: &["id", "cpf"], orders: &["id"] };

/// What the handlers share.
#[derive(Clone, FromRef)]
struct Api {
    dossiers: Arc<Dossiers>,
    shell: Shell,
}

/// The seed's routes of dossiers.
pub(crate) fn routes(dossiers: Arc<Dossiers>, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_customer_dossiers))
        .routes(routes!(read_customer_dossier))
        .routes(routes!(create_customer_dossier))
        .with_state(Api { dossiers, shell })
}

/// Of whom a dossier is to be composed. Other fields are read over.
#[derive(Deserialize, Serialize, ToSchema)]
struct NewCustomerDossier {
    /// Eleven digits, with or without punctuation; the check digits are verified.
    #[schema(format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$")]
    cpf: String,
}

/// Dossiers in the seed's shape
///
/// With `cpf`: an array of one, the latest kept dossier of that person, which is composed and kept when there is none;
/// nobody in any base: an empty array. Without: the latest of each person. Complete dossiers only, of the caller's own
/// client's (with `audit:read` everybody's), for callers that may read all three bases. `page`, `search` and `format`
/// are read over; any other key is a 400 that names it.
#[utoipa::path(get, path = "/api/customers-dossiers", tag = "dossier", security(("oauth2" = ["dossier:read"])),
    params(
        ("cpf" = Option<String>, Query, format = "cpf", pattern = r"^(\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$", description = "Of this person; `_None` selects nobody."),
        ("id" = Option<u64>, Query, description = "Of this number."),
        ("orders" = Option<String>, Query, pattern = "^(-?id)?$", description = "`id` or `-id`."),
        ("fields" = Option<String>, Query, pattern = "^((id|cpf|name|date_birth|address|debts|patrimonies|sources_income|financial_transactions)(,(id|cpf|name|date_birth|address|debts|patrimonies|sources_income|financial_transactions))*)?$", description = "Names, separated by commas; the other fields stay, blank."),
        ("page_size" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "10 where it is left out."),
    ),
    responses((status = 200, description = "A page", body = Vec<CustomerDossier>),
        (status = 503, description = "A base cannot be had, and this shape cannot say so: `sections` does", body = ProblemBody, content_type = "application/problem+json")))]
async fn list_customer_dossiers(
    reader: Reader<DossierRead>,
    State(Api { dossiers, shell }): State<Api>,
    asked: AskedList,
) -> Result<Response, Refused> {
    may_see_everything(reader.caller())?;
    let list = asked.by(RULES)?;
    let (cpf, id) = wanted(&list, shell.cpf_validation)?;
    let nobody = !list.takes_never_null("id") || !list.takes_never_null("cpf");
    match (cpf, id) {
        _ if nobody => page(reader, &list, cpf, Vec::new()).await,
        (cpf, Some(id)) => {
            let kept = dossiers.numbered(reader.caller(), id, reader.at).await.map_err(Problem::from)?;
            let kept = kept.filter(|kept| cpf.is_none_or(|cpf| cpf == kept.listed.cpf));
            page(reader, &list, cpf, kept.into_iter().collect()).await
        }
        (Some(cpf), None) => the_one(reader, &dossiers, &list, cpf).await,
        (None, None) => {
            let rows = (list.page_size, !list.newest_first());
            let kept =
                dossiers.latest(reader.caller(), None, reader.at, rows).await.map_err(Problem::from)?;
            page(reader, &list, None, kept).await
        }
    }
}

/// A kept dossier in the seed's shape
#[utoipa::path(get, path = "/api/customers-dossiers/{id}", tag = "dossier",
    params(("id" = u64, Path, description = "The dossier's `number`.")),
    security(("oauth2" = ["dossier:read"])),
    responses((status = 200, description = "The dossier", body = CustomerDossier),
        (status = 404, description = "No such dossier, or another client's, or no longer kept, or not complete", body = ProblemBody, content_type = "application/problem+json")))]
async fn read_customer_dossier(
    reader: Reader<DossierRead>,
    PathNumber(number): PathNumber,
    State(dossiers): State<Arc<Dossiers>>,
) -> Result<Response, Refused> {
    may_see_everything(reader.caller())?;
    let kept = dossiers.numbered(reader.caller(), number, reader.at).await.map_err(Problem::from)?;
    let gone = || Problem::new(ErrorCode::NotFound).detail("You have no complete dossier of this number.");
    let kept = kept.ok_or_else(gone)?;
    let (cpf, seen, dossier) = opened(kept, reader.caller())?;
    let body = json(&dossier)?;
    reader.disclose(cpf, seen, StatusCode::OK, body).await
}

/// Compose a dossier in the seed's shape, and keep it
///
/// Anew, whatever is kept. For callers that may read all three bases.
#[utoipa::path(post, path = "/api/public/customers-dossiers", tag = "dossier", request_body = NewCustomerDossier,
    params(("Idempotency-Key" = Option<String>, Header, description = "Two requests with the same key are one.")),
    security(("oauth2" = ["dossier:read"])),
    responses((status = 201, description = "The dossier", body = CustomerDossier),
        (status = 404, description = "Nobody in any base", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A base cannot be had: `sections` says which", body = ProblemBody, content_type = "application/problem+json")))]
async fn create_customer_dossier(
    asker: Asker<DossierRead>,
    conditional: Conditional,
    State(Api { dossiers, shell }): State<Api>,
    Body { value: new, bytes }: Body<NewCustomerDossier>,
) -> Result<Response, Refused> {
    may_see_everything(&asker.access.caller)?;
    let cpf = Cpf::parse(&new.cpf, shell.cpf_validation).map_err(Problem::invalid_cpf)?;
    let idempotency = conditional.of(&asker.access, &shell, &bytes).idempotency;
    let reader = asker.reads_for(None)?;
    match dossiers.order(Order { idempotency, ..order(&reader, &dossiers, cpf)? }).await? {
        Answered::Kept(_, body, seen) | Answered::Composed(body, seen) => {
            let body = json(&CustomerDossier::of(&body)?)?;
            reader.disclose(cpf, seen, StatusCode::CREATED, body).await
        }
        Answered::Nobody(seen) => Err(reader.nobody(cpf, seen).await),
        Answered::Missing(problem, seen) => Err(reader.refuse(cpf, seen, problem).await),
    }
}

/// This shape shows all three bases, and cannot say that one is not the caller's to see.
fn may_see_everything(caller: &Caller) -> Result<(), Problem> {
    let needed = [Scope::DebtsRead, Scope::ScoreRead, Scope::EventsRead];
    if needed.into_iter().all(|scope| caller.scopes.contains(scope)) {
        return Ok(());
    }
    let detail = "This shape shows all three bases: it needs debts:read, score:read and events:read too.";
    Err(Problem::new(ErrorCode::InsufficientScope).detail(detail))
}

fn wanted(list: &SeedList, validation: CpfValidation) -> Result<(Option<Cpf>, Option<u64>), Problem> {
    let cpf = list.equal("cpf").map(|text| Cpf::parse(text, validation)).transpose();
    let number = |text: &str| text.parse().ok().filter(|number: &u64| i64::try_from(*number).is_ok());
    let id = list.equal("id").map(|text| number(text).ok_or_else(|| Problem::field("id", "takes a number")));
    Ok((cpf.map_err(Problem::invalid_cpf)?, id.transpose()?))
}

fn order(reader: &Reader<DossierRead>, dossiers: &Dossiers, cpf: Cpf) -> Result<Order, Problem> {
    let wanted = dossiers.everything()?;
    let question = Question { ask: reader.ask(cpf, wanted.budget()), wanted };
    Ok(Order { question, client: reader.caller().client.clone(), idempotency: None })
}

/// The latest kept dossier of a person, or one that is composed and kept now.
async fn the_one(
    reader: Reader<DossierRead>,
    dossiers: &Dossiers,
    list: &SeedList,
    cpf: Cpf,
) -> Result<Response, Refused> {
    let kept = dossiers.latest(reader.caller(), Some(cpf), reader.at, (1, false)).await;
    let kept = kept.map_err(Problem::from)?;
    if !kept.is_empty() {
        return page(reader, list, Some(cpf), kept).await;
    }
    match dossiers.order(order(&reader, dossiers, cpf)?).await? {
        Answered::Kept(_, body, seen) | Answered::Composed(body, seen) => {
            let body = json(&[CustomerDossier::of(&body)?.told_by(list)])?;
            reader.disclose(cpf, seen, StatusCode::OK, body).await
        }
        Answered::Nobody(seen) => reader.disclose(cpf, seen, StatusCode::OK, Bytes::from_static(b"[]")).await,
        Answered::Missing(problem, seen) => Err(reader.refuse(cpf, seen, problem).await),
    }
}

/// An array of kept dossiers, of which each is consulted; and so is nobody, where a CPF is named.
async fn page(
    reader: Reader<DossierRead>,
    list: &SeedList,
    asked: Option<Cpf>,
    kept: Vec<Kept>,
) -> Result<Response, Refused> {
    let (mut people, mut told) = (Vec::new(), Vec::new());
    for kept in kept {
        let (cpf, seen, dossier) = opened(kept, reader.caller())?;
        people.push((cpf, seen));
        told.push(dossier.told_by(list));
    }
    if let (Some(cpf), []) = (asked, people.as_slice()) {
        people.push((cpf, Seen::default()));
    }
    let body = json(&told)?;
    reader.disclose_each(people, body).await
}

fn opened(kept: Kept, caller: &Caller) -> Result<(Cpf, Seen, CustomerDossier), Problem> {
    let cpf = kept.listed.cpf;
    let (body, states) = kept.shown_to(caller.scopes)?;
    Ok((cpf, outcome::seen(states), CustomerDossier::of(&body)?))
}

fn json(value: &impl Serialize) -> Result<Bytes, Problem> {
    serde_json::to_vec(value).map(Bytes::from).map_err(Problem::internal)
}

struct PathNumber(u64);

impl<S: Send + Sync> FromRequestParts<S> for PathNumber {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(path_id(parts, "id").await?))
    }
}
