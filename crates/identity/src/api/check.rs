//! `/api/oauth/check`: what the seed's servers asked of each other about a token.

use super::oauth::{NOT_STORED, OAuthErrors, QueryRequest};
use crate::{
    Identity,
    issuer::{Credentials, Refusal},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use ficha_contract::Caller;
use serde::Serialize;
use utoipa::ToSchema;

/// What the seed tells of a token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum TokenCheck {
    /// It is alive.
    Alive(AliveToken),
    /// It opens nothing; why is not said.
    Nothing {
        /// `false`.
        active: bool,
    },
}

/// What the seed tells of a token that is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AliveToken {
    /// `true`.
    active: bool,
    /// What it may do.
    scope: String,
    /// When it ends, in seconds since 1970.
    exp: i64,
    /// The client that holds it.
    client_id: String,
}

impl From<&Caller> for AliveToken {
    fn from(caller: &Caller) -> Self {
        let (scope, client_id) = (caller.scopes.to_string(), caller.client.to_string());
        Self { active: true, scope, exp: caller.expires_at.as_second(), client_id }
    }
}

/// What a token is good for, as the seed's servers ask
///
/// For a client of this issuer, or for whoever shows that very token as `Authorization: Bearer`. A token in a query
/// ends up in logs of what lies between: new clients ask `POST /oauth/introspect`.
#[utoipa::path(get, path = "/api/oauth/check", tag = "identity",
    params(("token" = String, Query, description = "The token.")),
    responses((status = 200, description = "What is known of the token", body = TokenCheck), OAuthErrors))]
pub(super) async fn check_token(
    State(identity): State<Identity>,
    asked: QueryRequest,
) -> Result<Response, Refusal> {
    let (token, request) = (asked.token()?, &asked.request);
    if !is_bearer_of(token, request.authorization()) {
        let credentials = Credentials::of(request.authorization(), &request.form)?;
        identity.issuer.authenticator.authenticate(credentials).await?;
    }
    let answer = match identity.verifier().examine(token).await {
        Ok(verified) => TokenCheck::Alive(AliveToken::from(&*verified.caller)),
        Err(_) => TokenCheck::Nothing { active: false },
    };
    Ok((NOT_STORED, Json(answer)).into_response())
}

/// What a token is good for, as the seed's servers ask
///
/// As `GET`, with the token in the query or in a form.
#[utoipa::path(post, path = "/api/oauth/check", tag = "identity",
    params(("token" = Option<String>, Query, description = "The token, unless the form has it.")),
    responses((status = 200, description = "What is known of the token", body = TokenCheck), OAuthErrors))]
pub(super) async fn check_token_form(
    state: State<Identity>,
    request: QueryRequest,
) -> Result<Response, Refusal> {
    check_token(state, request).await
}

/// Who has a token may know what it is good for: he can read it himself.
fn is_bearer_of(token: &str, authorization: Option<&str>) -> bool {
    let shown = authorization.and_then(|header| header.split_once(' '));
    shown.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && shown.trim() == token)
}
