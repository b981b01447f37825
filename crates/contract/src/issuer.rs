//! What a verifier of tokens has to know of their issuer.

use crate::StoreError;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The issuer, as far as those need it who verify tokens without asking about each: its own store, or what a process
/// elsewhere was told.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// The public keys.
    async fn published(&self) -> Result<Vec<PublishedKey>, StoreError>;

    /// What was revoked after the one of number `after` (0: all), in order, at most `limit`. Numbers grow in the
    /// order in which revocations became visible: whoever goes on from the last one misses none.
    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError>;
}

/// A public key of the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKey {
    /// The key, a JWK (RFC 7517) with its `kid` and `alg`.
    pub jwk: String,
    /// From here on nothing that it signed is believed; `None` while no other key is to follow it.
    pub retires_at: Option<Timestamp>,
}

/// Something that was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its place in the order.
    pub number: i64,
    /// What.
    pub revoked: Revoked,
    /// Until when this matters.
    pub until: Timestamp,
}

impl Revocation {
    /// Whether whoever knows `other` need not know this one.
    #[must_use]
    pub fn is_told_by(&self, other: &Self) -> bool {
        self.revoked == other.revoked && self.until <= other.until
    }
}

/// What can be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revoked {
    /// The token of this `jti`.
    Token(Uuid),
    /// Every token of this client.
    Client(Arc<str>),
}
