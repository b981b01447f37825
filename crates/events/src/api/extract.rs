//! Ids of movements in paths and bodies: one that is none is a 400, as the seed's clients expect.

use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use ficha_contract::{ErrorCode, Problem, wire};
use ficha_domain::ObjectId;
use ficha_http::{Body, Refused, Shell, path_id};
use serde::Deserialize;

/// The id at the end of `/financial-transactions/{cpf}`. The router knows one name for that part of the path, which
/// reading by CPF and removing by id share.
pub(crate) struct PathId(pub(crate) ObjectId);

impl<State: Send + Sync> FromRequestParts<State> for PathId {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refused> {
        let id = path_id(parts, "cpf").await;
        Ok(Self(
            id.map_err(|problem| problem.detail("The path ends in a movement's id: 24 hexadecimal digits."))?,
        ))
    }
}

/// A movement in the body, named by its id there.
pub(crate) struct Named {
    pub(crate) id: ObjectId,
    pub(crate) body: Body<wire::Movement>,
}

#[derive(Deserialize)]
#[serde(rename = "Movement")]
struct WithId {
    #[serde(default)]
    id: serde_json::Value,
}

impl<State: Send + Sync> FromRequest<State> for Named
where
    Shell: FromRef<State>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let first = Request::from_parts(parts.clone(), body);
        let Body { value, bytes } = Body::<WithId>::from_request(first, state).await?;
        let id = value.id.as_str().and_then(|id| id.parse().ok()).ok_or_else(no_id)?;
        let body = Body::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self { id, body })
    }
}

fn no_id() -> Problem {
    Problem::new(ErrorCode::MalformedRequest)
        .detail("`id` in the body names the movement that is replaced: 24 hexadecimal digits.")
}
