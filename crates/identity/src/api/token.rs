//! `POST /oauth/token`.

use super::oauth::{NOT_STORED, OAuthErrors, OAuthRequest};
use crate::{Identity, issuer::Refusal};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What is asked for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document; forms are read by `Form`")]
pub(super) struct GrantForm {
    /// `client_credentials`.
    #[schema(pattern = "^client_credentials$", example = "client_credentials")]
    grant_type: String,
    /// Scopes separated by blanks; left out: all of the client's. `read` and `write`: all of its reads or writes.
    #[schema(required = false)]
    scope: String,
    /// The client's id, where the `Authorization` header does not have it.
    #[schema(required = false)]
    client_id: String,
    /// The client's secret, where the header does not have it.
    #[schema(required = false)]
    client_secret: String,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, with `client_assertion`.
    #[schema(required = false)]
    client_assertion_type: String,
    /// A JWT signed by the client's own key (RFC 7523), in place of a secret.
    #[schema(required = false)]
    client_assertion: String,
}

/// A token (RFC 6749, 5.1).
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAnswer {
    /// To be sent as `Authorization: Bearer …`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that it lives.
    expires_in: u32,
    /// What it may do.
    scope: String,
}

/// An access token
///
/// Client credentials (RFC 6749, 4.4) with `client_secret_basic`, `client_secret_post` or `private_key_jwt`.
#[utoipa::path(post, path = "/oauth/token", tag = "identity",
    request_body(content = GrantForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token", body = TokenAnswer), OAuthErrors))]
pub(super) async fn give_token(
    State(identity): State<Identity>,
    request: OAuthRequest,
) -> Result<Response, Refusal> {
    let minted = identity.issuer.token(request.authorization(), &request.form).await?;
    let answer = TokenAnswer {
        access_token: minted.token.reveal().to_owned(),
        token_type: "Bearer",
        expires_in: minted.expires_in_s,
        scope: minted.scopes.to_string(),
    };
    Ok((NOT_STORED, Json(answer)).into_response())
}
