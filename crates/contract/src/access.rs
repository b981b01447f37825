//! Who asks.

use async_trait::async_trait;
use ficha_domain::{Purpose, ScopeSet};
use jiff::Timestamp;
use std::sync::Arc;

/// Somebody whose token was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client that holds the token (RFC 9068 `client_id`).
    pub client: Arc<str>,
    /// On whose behalf: a user, or the client itself (RFC 9068 `sub`).
    pub subject: Arc<str>,
    /// What the token may do.
    pub scopes: ScopeSet,
    /// The purpose registered with the client, for requests that name none.
    pub default_purpose: Option<Purpose>,
    /// How much the client may ask.
    pub rate_limit: RateLimit,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// How many requests a minute a client may make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimit {
    /// What the server's configuration says.
    #[default]
    Default,
    /// As many as it likes.
    Unlimited,
    /// So many a minute.
    PerMinute(u32),
}

/// Why a token opens nothing. The caller is told this, and `invalid_token` (RFC 6750, 3.1) where it is the token's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// Not a token of this issuer: form, algorithm, type, key, signature, issuer or audience is wrong.
    #[error("the token is not one that this service accepts")]
    Invalid,
    /// Its life is over.
    #[error("the token has expired; ask for a new one")]
    Expired,
    /// It was taken back.
    #[error("the token was revoked")]
    Revoked,
    /// Nothing is known of the issuer yet, so no token can be told from another.
    #[error("the issuer's keys have not reached this process yet")]
    Unknowable,
}

/// Verifies access tokens without asking the issuer about each.
#[async_trait]
pub trait TokenVerifier: Send + Sync {
    /// The caller behind a token. Signature, issuer, audience, type, times and revocation are checked.
    async fn verify(&self, token: &str) -> Result<Arc<Caller>, TokenRefused>;
}
