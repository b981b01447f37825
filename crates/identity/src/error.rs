//! What can go wrong for the operator. What a client is told is [`crate::issuer::OAuthError`].

use crate::keys::KeyRefused;
use ficha_contract::StoreError;
use ficha_seal::OpenError;

/// Why identity did not do it. For the command line and the log, never for an answer.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A setting or an argument is wrong.
    #[error("{field} takes {takes}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// There is no such client, or it was revoked.
    #[error("there is no client of this id, or it was revoked")]
    NoClient,
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] ficha_sqlite::Error),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no signing key that can be used.
    #[error("there is no signing key")]
    NoKey,
    /// A signing key does not open.
    #[error("a signing key is {0}")]
    Sealed(#[from] OpenError),
    /// The cryptographic library refused; it does not say why.
    #[error("a signing key cannot be made or used")]
    Cryptography,
    /// A token cannot be written as JSON.
    #[error("a token cannot be written")]
    Unprintable,
}

impl From<KeyRefused> for IdentityError {
    fn from(_: KeyRefused) -> Self {
        Self::Cryptography
    }
}
