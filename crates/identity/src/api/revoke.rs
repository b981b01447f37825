//! `POST /oauth/revoke`.

use super::oauth::{NOT_STORED, OAuthErrors, OAuthRequest, TokenForm};
use crate::{
    Identity,
    issuer::{Credentials, OAuthError, OAuthErrorCode, Refusal},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// Take a token back
///
/// RFC 7009. A client's own tokens only. What is no token, or none any more, is gone as asked (2.2): 200 too.
#[utoipa::path(post, path = "/oauth/revoke", tag = "identity",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token opens nothing any more"), OAuthErrors))]
pub(super) async fn revoke_token(
    State(identity): State<Identity>,
    request: OAuthRequest,
) -> Result<Response, Refusal> {
    let credentials = Credentials::of(request.authorization(), &request.form)?;
    let client = identity.issuer.authenticator.authenticate(credentials).await?;
    if let Ok(verified) = identity.verifier().examine(request.token()?).await {
        if verified.caller.client != client.id {
            let why = "the token is another client's";
            return Err(OAuthError::new(OAuthErrorCode::UnauthorizedClient, why).into());
        }
        identity.revoke_token(verified.id, verified.caller.expires_at).await?;
    }
    Ok((StatusCode::OK, NOT_STORED).into_response())
}
