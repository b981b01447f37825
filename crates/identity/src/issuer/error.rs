//! Errors as OAuth has them (RFC 6749, 5.2).

use crate::IdentityError;
use ficha_contract::{Problem, StoreError};

/// The closed list of codes, each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OAuthErrorCode {
    /// A parameter is missing, repeated or cannot be read.
    InvalidRequest,
    /// The client did not show that it is itself.
    InvalidClient,
    /// It did not, and too often.
    TooManyFailures,
    /// The client may not do this.
    UnauthorizedClient,
    /// No such grant here.
    UnsupportedGrantType,
    /// The scope is unknown or not the client's.
    InvalidScope,
}

impl OAuthErrorCode {
    /// As written in `error`. Too many failures are still failures: RFC 6749 has no word for it, the status says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient | Self::TooManyFailures => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::InvalidClient => 401,
            Self::TooManyFailures => 429,
            _ => 400,
        }
    }
}

/// What a client is told. The sentences are constants: they cannot repeat a secret, and they keep to the characters
/// that RFC 6749, 5.2 admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) code: OAuthErrorCode,
    pub(crate) description: &'static str,
    pub(crate) retry_after_s: Option<u32>,
}

impl OAuthError {
    pub(crate) fn new(code: OAuthErrorCode, description: &'static str) -> Self {
        Self { code, description, retry_after_s: None }
    }

    pub(crate) fn request(description: &'static str) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, description)
    }
}

/// Why there is no answer: the client's fault, in OAuth's words, or ours, in those of every other route.
#[derive(Debug)]
pub(crate) enum Refusal {
    OAuth(OAuthError),
    Problem(Problem),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Self {
        Self::Problem(match error {
            IdentityError::Store(error) => error.into(),
            other => Problem::internal(other),
        })
    }
}
