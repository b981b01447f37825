//! The paths that the seed's clients know. A trailing slash, which they send, is taken off by the shell.

use super::{
    introspect::{Introspection, introspect_token},
    oauth::{OAuthErrors, OAuthRequest, TokenForm},
    revoke::revoke_token,
    token::{GrantForm, TokenAnswer, give_token},
};
use crate::{Identity, issuer::Refusal};
use axum::{extract::State, response::Response};

/// An access token, under the seed's path
#[utoipa::path(post, path = "/api/oauth/token", tag = "identity",
    request_body(content = GrantForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token", body = TokenAnswer), OAuthErrors))]
pub(super) async fn give_token_alias(
    state: State<Identity>,
    request: OAuthRequest,
) -> Result<Response, Refusal> {
    give_token(state, request).await
}

/// What a token is good for, under the seed's path
#[utoipa::path(post, path = "/api/oauth/introspect", tag = "identity",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What is known of the token", body = Introspection), OAuthErrors))]
pub(super) async fn introspect_token_alias(
    state: State<Identity>,
    request: OAuthRequest,
) -> Result<Response, Refusal> {
    introspect_token(state, request).await
}

/// Take a token back, under the seed's path
#[utoipa::path(post, path = "/api/oauth/revoke-token", tag = "identity",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token opens nothing any more"), OAuthErrors))]
pub(super) async fn revoke_token_alias(
    state: State<Identity>,
    request: OAuthRequest,
) -> Result<Response, Refusal> {
    revoke_token(state, request).await
}
