//! What everybody may know of this issuer: its keys and its metadata.

use super::{INTROSPECT_PATH, JWKS_PATH, REVOKE_PATH, TOKEN_PATH};
use crate::{Identity, IdentitySettings, TokenAlgorithm, issuer::GRANT_TYPES};
use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use ficha_domain::Scope;
use serde::Serialize;
use utoipa::ToSchema;

/// Verifiers need not ask more often (RFC 8414 leaves it open).
const MAX_AGE_S: u32 = 300;

/// The issuer's public keys
///
/// A JWK set (RFC 7517). A new key is here long before it signs: for less than that time the set may be kept.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "identity",
    responses((status = 200, description = "A JWK set", body = inline(Object))))]
pub(super) async fn issuer_keys(State(identity): State<Identity>) -> Response {
    let set = identity.published_keys().await;
    // A quarter, so that whoever keeps it, and whoever keeps that, have the new key in time.
    let max_age_s = MAX_AGE_S.min(identity.settings().key_lead_s / 4);
    let cached = [(header::CACHE_CONTROL, format!("public, max-age={max_age_s}"))];
    (cached, Json(set)).into_response()
}

/// What this issuer can do
///
/// Authorization server metadata (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "identity",
    responses((status = 200, description = "The metadata", body = Metadata)))]
pub(super) async fn issuer_metadata(State(identity): State<Identity>) -> Response {
    let cached = [(header::CACHE_CONTROL, format!("public, max-age={MAX_AGE_S}"))];
    (cached, Json(Metadata::of(identity.settings()))).into_response()
}

/// RFC 8414, 2. Only what exists.
#[derive(Debug, Serialize, ToSchema)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    service_documentation: String,
    scopes_supported: [&'static str; Scope::ALL.len()],
    /// None: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    grant_types_supported: [&'static str; GRANT_TYPES.len()],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; TokenAlgorithm::ALL.len()],
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; TokenAlgorithm::ALL.len()],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; TokenAlgorithm::ALL.len()],
}

impl Metadata {
    fn of(settings: &IdentitySettings) -> Self {
        let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
        let algorithms = TokenAlgorithm::ALL.map(TokenAlgorithm::as_str);
        Self {
            issuer: settings.issuer.clone(),
            token_endpoint: settings.url(TOKEN_PATH),
            introspection_endpoint: settings.url(INTROSPECT_PATH),
            revocation_endpoint: settings.url(REVOKE_PATH),
            jwks_uri: settings.url(JWKS_PATH),
            service_documentation: settings.url("/docs"),
            scopes_supported: Scope::ALL.map(Scope::as_str),
            response_types_supported: [],
            grant_types_supported: GRANT_TYPES,
            token_endpoint_auth_methods_supported: methods,
            token_endpoint_auth_signing_alg_values_supported: algorithms,
            introspection_endpoint_auth_methods_supported: methods,
            introspection_endpoint_auth_signing_alg_values_supported: algorithms,
            revocation_endpoint_auth_methods_supported: methods,
            revocation_endpoint_auth_signing_alg_values_supported: algorithms,
        }
    }
}
