//! The routes of dossiers.

mod request;
mod schema;

use crate::{
    Dossiers,
    kept::Listed,
    service::{Again, Answered, Order},
    wanted::Question,
};
use axum::{
    extract::{FromRef, FromRequestParts, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use bytes::Bytes;
use ficha_contract::{Problem, Seen};
use ficha_domain::Cpf;
use ficha_http::{
    Asker, Body, Conditional, PathCpf, ProblemBody, QueryParams, Reader, Refused, Shell, path_id,
    scope::DossierRead,
};
use request::{ComposeQuery, ListQuery, NewDossier};
use schema::{Dossier, DossierPage};
use std::{collections::HashSet, sync::Arc};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

/// What the handlers share.
#[derive(Clone, FromRef)]
struct Api {
    dossiers: Arc<Dossiers>,
    shell: Shell,
}

/// The dossier's routes.
pub fn routes(dossiers: Arc<Dossiers>, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(compose_dossier))
        .routes(routes!(create_dossier, list_dossiers))
        .routes(routes!(read_dossier))
        .with_state(Api { dossiers: dossiers.clone(), shell: shell.clone() })
        .merge(crate::seed::routes(dossiers, shell))
}

/// What is known about a person
///
/// Composed from the bases inside one budget, and not kept. A base that is down, slow or not the caller's to read costs
/// its section, never the dossier.
#[utoipa::path(get, path = "/dossie/{cpf}", tag = "dossier", params(PathCpf, ComposeQuery),
    security(("oauth2" = ["dossier:read"])),
    responses((status = 200, description = "The dossier, also when it is partial", body = Dossier),
        (status = 404, description = "Nobody in any base", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A required section is missing: `sections` says which", body = ProblemBody, content_type = "application/problem+json")))]
async fn compose_dossier(
    reader: Reader<DossierRead>,
    PathCpf(cpf): PathCpf,
    QueryParams(query): QueryParams<ComposeQuery>,
    State(dossiers): State<Arc<Dossiers>>,
) -> Result<Response, Refused> {
    let wanted = query.wanted(&dossiers.settings)?;
    let question = Question { ask: reader.ask(cpf, wanted.budget()), wanted };
    let answered = dossiers.compose(&question).await;
    tell(reader, cpf, answered).await
}

/// Compose a dossier and keep it
///
/// The main form: no CPF in a URL. What is answered is kept for a set time, sealed, and can be read again. A repetition
/// with the same `Idempotency-Key` is answered from what is kept.
#[utoipa::path(post, path = "/dossies", tag = "dossier", request_body = NewDossier,
    params(("Idempotency-Key" = Option<String>, Header, description = "Two requests with the same key are one.")),
    security(("oauth2" = ["dossier:read"])),
    responses((status = 201, description = "The dossier, also when it is partial", body = Dossier, headers(("Location" = String))),
        (status = 404, description = "Nobody in any base", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still under way", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A required section is missing: `sections` says which", body = ProblemBody, content_type = "application/problem+json")))]
async fn create_dossier(
    asker: Asker<DossierRead>,
    conditional: Conditional,
    State(Api { dossiers, shell }): State<Api>,
    Body { value: new, bytes }: Body<NewDossier>,
) -> Result<Response, Refused> {
    let cpf = new.cpf(shell.cpf_validation)?;
    let wanted = new.wanted(&dossiers.settings)?;
    let idempotency = conditional.of(&asker.access, &shell, &bytes).idempotency;
    let reader = asker.reads_for(new.purpose)?;
    let question = Question { ask: reader.ask(cpf, wanted.budget()), wanted };
    let client = reader.caller().client.clone();
    let answered = dossiers.order(Order { question, client, idempotency }).await?;
    tell(reader, cpf, answered).await
}

/// A kept dossier
///
/// The bytes that were answered when it was composed; a section whose base the caller may not read now is `denied`.
/// Reading it again is a consultation. Only the caller's own client's; with `audit:read` everybody's.
#[utoipa::path(get, path = "/dossies/{id}", tag = "dossier",
    params(("id" = String, Path, format = "uuid", description = "The dossier's `id`.")),
    security(("oauth2" = ["dossier:read"])),
    responses((status = 200, description = "The dossier", body = Dossier),
        (status = 404, description = "No such dossier, or another client's, or no longer kept", body = ProblemBody, content_type = "application/problem+json")))]
async fn read_dossier(
    reader: Reader<DossierRead>,
    PathDossier(id): PathDossier,
    State(dossiers): State<Arc<Dossiers>>,
) -> Result<Response, Refused> {
    let Again { cpf, body, seen } = dossiers.read_again(id, reader.caller(), reader.at).await?;
    reader.disclose(cpf, seen, StatusCode::OK, body).await
}

/// Kept dossiers, the newest first
///
/// Only the caller's own client's; with `audit:read` everybody's. No data, but that each person was seen here is
/// recorded.
#[utoipa::path(get, path = "/dossies", tag = "dossier", params(ListQuery), security(("oauth2" = ["dossier:read"])),
    responses((status = 200, description = "A page", body = DossierPage)))]
async fn list_dossiers(
    reader: Reader<DossierRead>,
    QueryParams(query): QueryParams<ListQuery>,
    State(Api { dossiers, shell }): State<Api>,
) -> Result<Response, Refused> {
    let cpf = query.cpf(shell.cpf_validation)?;
    let filter = query.filter(reader.at)?;
    let (rows, more) = dossiers.list(reader.caller(), cpf, filter).await.map_err(Problem::from)?;
    let people = people(&rows, cpf);
    let body = schema::page(&rows, more)?;
    reader.disclose_list(people, body).await
}

/// Records what was found out, then says it.
async fn tell(reader: Reader<DossierRead>, cpf: Cpf, answered: Answered) -> Result<Response, Refused> {
    match answered {
        Answered::Composed(body, seen) => reader.disclose(cpf, seen, StatusCode::OK, body).await,
        Answered::Kept(id, body, seen) => created(reader, cpf, id, body, seen).await,
        Answered::Nobody(seen) => Err(reader.nobody(cpf, seen).await),
        Answered::Missing(problem, seen) => Err(reader.refuse(cpf, seen, problem).await),
    }
}

async fn created(
    reader: Reader<DossierRead>,
    cpf: Cpf,
    id: Uuid,
    body: Bytes,
    seen: Seen,
) -> Result<Response, Refused> {
    let mut response = reader.disclose(cpf, seen, StatusCode::CREATED, body).await?;
    let location = HeaderValue::try_from(format!("/dossies/{id}")).map_err(Problem::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// Each person of a page once. No section was asked for; and who asks for one person and finds nothing has asked.
fn people(rows: &[Listed], asked: Option<Cpf>) -> Vec<(Cpf, Seen)> {
    let mut seen = HashSet::new();
    let all = rows.iter().map(|row| row.cpf).chain(asked);
    all.filter(|cpf| seen.insert(*cpf)).map(|cpf| (cpf, Seen::default())).collect()
}

struct PathDossier(Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathDossier {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(path_id(parts, "id").await?))
    }
}
