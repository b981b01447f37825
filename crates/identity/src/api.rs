//! The routes of the role `identity`.

mod aliases;
mod check;
mod introspect;
mod metadata;
mod oauth;
mod revoke;
mod token;

use crate::Identity;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where tokens are given; what assertions may be addressed to.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";
const INTROSPECT_PATH: &str = "/oauth/introspect";
const REVOKE_PATH: &str = "/oauth/revoke";
const JWKS_PATH: &str = "/.well-known/jwks.json";

/// What [`oauth::OAuthErrors`] refers to.
#[derive(OpenApi)]
#[openapi(components(schemas(oauth::OAuthErrorBody)))]
struct Shared;

impl Identity {
    /// The routes of the role `identity`, and under `/api/oauth/` those that the seed's clients know.
    pub fn routes(&self) -> OpenApiRouter {
        OpenApiRouter::with_openapi(Shared::openapi())
            .routes(routes!(token::give_token))
            .routes(routes!(introspect::introspect_token))
            .routes(routes!(revoke::revoke_token))
            .routes(routes!(metadata::issuer_keys))
            .routes(routes!(metadata::issuer_metadata))
            .routes(routes!(aliases::give_token_alias))
            .routes(routes!(aliases::introspect_token_alias))
            .routes(routes!(aliases::revoke_token_alias))
            .routes(routes!(check::check_token, check::check_token_form))
            .with_state(self.clone())
    }
}

#[cfg(test)]
mod tests;
