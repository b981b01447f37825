//! The routes of base B.

use crate::{Score, Scores, document::Document};
use axum::{
    extract::{FromRef, State},
    response::Response,
};
use ficha_contract::{BaseName, wire::ScorePerson};
use ficha_domain::Money;
use ficha_http::{Access, Answer, Body, Conditional, PathCpf, Reader, Refused, Shell, reply, scope};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the handlers share.
#[derive(Clone, FromRef)]
struct Api {
    scores: Scores,
    shell: Shell,
}

/// Base B's routes.
pub fn routes(scores: Scores, shell: Shell) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(find_person, replace_person, remove_person))
        .with_state(Api { scores, shell })
}

/// What a person owns and earns, with age and score.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoreAnswer)]
struct ScoredPerson {
    #[serde(flatten)]
    document: Document<'static>,
    /// Full years on the day (UTC) of the question; null when the birth is unknown.
    #[schema(required, minimum = 0, example = 38)]
    age: Option<i64>,
    /// The score, or why there is none.
    score: Score<'static>,
}

/// A person as feeding systems send it.
#[derive(Serialize, ToSchema)]
#[schema(as = ScorePersonWritten)]
struct PersonWritten {
    /// If sent, the CPF of the path.
    #[schema(format = "cpf", example = "52998224725")]
    cpf: Option<String>,
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
    /// Birth: an instant with its offset, from 1900 to now; left out or null when unknown.
    #[schema(value_type = Option<String>, format = DateTime, example = "1980-05-10T00:00:00Z")]
    date_birth: Option<Timestamp>,
    /// Assets; at most 1000.
    #[schema(max_items = 1000, required = false)]
    patrimonies: Vec<ItemWritten>,
    /// Sources of income, what each pays a month; at most 1000.
    #[schema(max_items = 1000, required = false)]
    sources_income: Vec<ItemWritten>,
}

/// An asset or a source of income, as feeding systems send it.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoreItemWritten)]
struct ItemWritten {
    /// Reais, not negative, at most two decimals: what an asset is worth, what a source pays a month.
    #[schema(schema_with = ficha_http::amount)]
    value: Money,
    /// What it is, at most 200 characters.
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F]*$", example = "Carro")]
    description: String,
}

/// What a person owns and earns, and the score
///
/// Age and score are those of the moment; the score is computed from what is in the answer beside it, and from nothing
/// else (Lei 12.414/2011, art. 7º-A). Somebody unknown is a 404. Recorded as a consultation. The entity tag is that of
/// what was written: it does not change with age or score.
#[utoipa::path(get, path = "/score/{cpf}", tag = "score", params(PathCpf), security(("oauth2" = ["score:read"])),
    responses((status = 200, description = "Known", body = ScoredPerson, headers(("ETag" = String)))))]
async fn find_person(
    reader: Reader<scope::ScoreRead>,
    PathCpf(cpf): PathCpf,
    State(scores): State<Scores>,
) -> Result<Response, Refused> {
    let found = scores.find(cpf, reader.at).await?;
    let answer = found.map(|person| Answer { etag: Some(person.etag()), body: person.body });
    reader.answer(cpf, BaseName::Score, answer).await
}

/// Replace a person
///
/// Creates it, or puts what is sent in place of what was there; the id stays. Answers what is kept, without age and
/// score: to see them is a consultation.
#[utoipa::path(put, path = "/score/{cpf}", tag = "score", params(PathCpf), request_body = PersonWritten,
    security(("oauth2" = ["score:write"])),
    responses((status = 200, description = "Replaced", body = Document, headers(("ETag" = String))),
        (status = 201, description = "Created", body = Document, headers(("ETag" = String)))))]
async fn replace_person(
    access: Access<scope::ScoreWrite>,
    PathCpf(cpf): PathCpf,
    conditional: Conditional,
    State(Api { scores, shell }): State<Api>,
    body: Body<ScorePerson>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, &body.bytes);
    Ok(reply(scores.replace(cpf, body.value, condition).await?))
}

/// Remove a person
#[utoipa::path(delete, path = "/score/{cpf}", tag = "score", params(PathCpf), security(("oauth2" = ["score:write"])),
    responses((status = 204, description = "Gone")))]
async fn remove_person(
    access: Access<scope::ScoreWrite>,
    PathCpf(cpf): PathCpf,
    conditional: Conditional,
    State(Api { scores, shell }): State<Api>,
) -> Result<Response, Refused> {
    let condition = conditional.of(&access, &shell, b"");
    Ok(reply(scores.remove(cpf, condition).await?))
}
