//! `POST /oauth/introspect`.

use super::oauth::{NOT_STORED, OAuthErrors, OAuthRequest, TokenForm};
use crate::{
    Identity,
    issuer::{Credentials, Refusal},
    settings::AUDIENCE,
    token::verifier::Verified,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is known of a token (RFC 7662, 2.2).
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Introspection {
    /// It is alive.
    Alive(Alive),
    /// It opens nothing; why is not said.
    Nothing {
        /// `false`.
        active: bool,
    },
}

/// What is known of a token that is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    /// `true`.
    active: bool,
    /// What it may do.
    scope: String,
    /// The client that holds it.
    client_id: String,
    /// `Bearer`.
    token_type: &'static str,
    /// When it ends, in seconds since 1970.
    exp: i64,
    /// When it was issued.
    iat: i64,
    /// On whose behalf.
    sub: String,
    /// For whom: `ficha`.
    aud: &'static str,
    /// Who issued it.
    iss: String,
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    jti: Uuid,
}

/// What a token is good for
///
/// RFC 7662. Any client of this issuer may ask about any of its tokens: whoever has one can read it anyway.
#[utoipa::path(post, path = "/oauth/introspect", tag = "identity",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What is known of the token", body = Introspection), OAuthErrors))]
pub(super) async fn introspect_token(
    State(identity): State<Identity>,
    request: OAuthRequest,
) -> Result<Response, Refusal> {
    let credentials = Credentials::of(request.authorization(), &request.form)?;
    identity.issuer.authenticator.authenticate(credentials).await?;
    let examined = identity.verifier().examine(request.token()?).await.ok();
    let alive = |verified: Arc<Verified>| Alive::of(&verified, &identity.settings().issuer);
    let answer =
        examined.map_or(Introspection::Nothing { active: false }, |found| Introspection::Alive(alive(found)));
    Ok((NOT_STORED, Json(answer)).into_response())
}

impl Alive {
    fn of(verified: &Verified, issuer: &str) -> Self {
        let caller = &verified.caller;
        Self {
            active: true,
            scope: caller.scopes.to_string(),
            client_id: caller.client.to_string(),
            token_type: "Bearer",
            exp: caller.expires_at.as_second(),
            iat: verified.issued_at_s,
            sub: caller.subject.to_string(),
            aud: AUDIENCE,
            iss: issuer.to_owned(),
            jti: verified.id,
        }
    }
}
