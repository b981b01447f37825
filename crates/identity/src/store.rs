//! What identity keeps.

pub(crate) mod postgres;
mod rate;
pub(crate) mod sqlite;
#[cfg(test)]
mod suite;

use crate::{Client, TokenAlgorithm};
use async_trait::async_trait;
use ficha_contract::{Issuer, PublishedKey, Revocation, StoreError};
use jiff::Timestamp;
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// Clients, signing keys, what was revoked, and which assertions were used.
///
/// Other processes may use the same store; each sees what the others have written, at the latest a moment later.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Keeps a new client.
    async fn add_client(&self, client: Client) -> Result<(), StoreError>;

    /// The client of this id, also when it is revoked.
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError>;

    /// All clients, the oldest first.
    async fn clients(&self) -> Result<Vec<Client>, StoreError>;

    /// Marks a client as revoked and, in the same transaction, its tokens until `until`. `false`: no such client.
    /// Done again, it keeps the first moment.
    async fn revoke_client(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<bool, StoreError>;

    /// All signing keys, those published first in front.
    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Keeps a key if there is none yet. `false`: there was one, also of a process that began at the same time.
    async fn add_first_key(&self, key: StoredKey) -> Result<bool, StoreError>;

    /// Keeps a key; those that have no end yet end at `others_retire_at`; those whose end has passed by `now` are
    /// forgotten.
    async fn add_key(
        &self,
        key: StoredKey,
        others_retire_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Marks a token as revoked until `until`, after which it would have ended anyway.
    async fn revoke_token(&self, id: Uuid, now: Timestamp, until: Timestamp) -> Result<(), StoreError>;

    /// What was revoked after the one of number `after` (0: all), in order, at most `limit`. Numbers grow in the
    /// order in which revocations became visible: whoever goes on from the last one misses none.
    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError>;

    /// Notes that a client used an assertion. `false`: it was used before.
    async fn use_assertion(
        &self,
        client: &str,
        id: [u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// A signing key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id: the thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// What it signs with, and nothing else.
    pub algorithm: TokenAlgorithm,
    /// The public key, a JWK.
    pub public: String,
    /// The private key: PKCS #8, sealed.
    pub sealed: Vec<u8>,
    /// Since when it is published.
    pub published_at: Timestamp,
    /// From when it signs, until another one does.
    pub signs_from: Timestamp,
    /// When it ceases to be published; `None` while no other key is to follow it.
    pub retires_at: Option<Timestamp>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("published_at", &self.published_at)
            .field("signs_from", &self.signs_from)
            .field("retires_at", &self.retires_at)
            .finish_non_exhaustive()
    }
}

/// A store, as verifiers see it.
pub(crate) struct Shown(pub(crate) Arc<dyn IdentityStore>);

#[async_trait]
impl Issuer for Shown {
    async fn published(&self) -> Result<Vec<PublishedKey>, StoreError> {
        let public = |StoredKey { public: jwk, retires_at, .. }| PublishedKey { jwk, retires_at };
        Ok(self.0.keys().await?.into_iter().map(public).collect())
    }

    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError> {
        self.0.revocations(after, limit).await
    }
}
