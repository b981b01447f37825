//! The issuer's public keys, as those know them who verify.

use crate::{
    keys::KEYS_AGE_MS,
    pace::Pace,
    settings::{AUDIENCE, TokenAlgorithm},
};
use ficha_contract::{Issuer, PublishedKey, StoreError};
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, Validation, jwk::Jwk};
use std::sync::{Arc, PoisonError, RwLock};

/// How often an unknown `kid` makes the keys be read again: whoever makes them up must not cost more.
const UNKNOWN_KID_MS: i64 = 1_000;

/// The keys, read again as they change. What is known goes on being good while the issuer cannot be read: keys are
/// published long before they sign.
pub(crate) struct Published {
    issuer: Arc<dyn Issuer>,
    /// The issuer's name.
    name: String,
    set: RwLock<Arc<Set>>,
    /// One reads the keys at a time; the others wait for what he finds.
    reading: tokio::sync::Mutex<()>,
    pace: Pace,
}

#[derive(Default)]
struct Set {
    rows: Vec<PublishedKey>,
    keys: Vec<Arc<VerifyingKey>>,
}

/// A key, ready to verify with.
pub(crate) struct VerifyingKey {
    kid: String,
    retires_at: Option<Timestamp>,
    pub(crate) decoding: DecodingKey,
    /// Pins algorithm, issuer and audience; the times are compared with our own clock.
    pub(crate) validation: Validation,
}

impl Published {
    pub(crate) fn of(issuer: Arc<dyn Issuer>, name: String) -> Self {
        let (set, reading, pace) = (RwLock::default(), tokio::sync::Mutex::default(), Pace::default());
        Self { issuer, name, set, reading, pace }
    }

    /// The key of this id, if it is published.
    pub(crate) async fn find(&self, kid: &str, now: Timestamp) -> Option<Arc<VerifyingKey>> {
        if self.pace.is_due(now, KEYS_AGE_MS) {
            self.read_if_due(now, KEYS_AGE_MS).await;
        }
        if let Some(key) = self.known().find(kid, now) {
            return Some(key);
        }
        self.read_if_due(now, UNKNOWN_KID_MS).await;
        self.known().find(kid, now)
    }

    /// Whether the issuer has ever told a key.
    pub(crate) fn is_empty(&self) -> bool {
        self.known().keys.is_empty()
    }

    fn known(&self) -> Arc<Set> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read_if_due(&self, now: Timestamp, every_ms: i64) {
        let _reading = self.reading.lock().await;
        if !self.pace.is_due(now, every_ms) {
            return;
        }
        if let Err(error) = self.read(now).await {
            tracing::warn!(%error, "the issuer's keys cannot be read again");
        }
    }

    pub(crate) async fn read(&self, now: Timestamp) -> Result<(), StoreError> {
        self.pace.note(now);
        let rows = self.issuer.published().await?;
        if rows != self.known().rows {
            let set = Arc::new(Set::of(rows, &self.name));
            *self.set.write().unwrap_or_else(PoisonError::into_inner) = set;
        }
        Ok(())
    }
}

impl Set {
    fn of(rows: Vec<PublishedKey>, issuer: &str) -> Self {
        let key = |row| {
            let key = VerifyingKey::of(row, issuer);
            if key.is_none() {
                tracing::error!("a key of the issuer cannot be read and is left out");
            }
            key.map(Arc::new)
        };
        let keys = rows.iter().filter_map(key).collect();
        Self { rows, keys }
    }

    fn find(&self, kid: &str, now: Timestamp) -> Option<Arc<VerifyingKey>> {
        let published = |key: &&Arc<VerifyingKey>| key.retires_at.is_none_or(|end| now < end);
        self.keys.iter().filter(published).find(|key| key.kid == kid).cloned()
    }
}

impl VerifyingKey {
    fn of(row: &PublishedKey, issuer: &str) -> Option<Self> {
        let jwk: Jwk = serde_json::from_str(&row.jwk).ok()?;
        let algorithm: TokenAlgorithm = jwk.common.key_algorithm?.to_string().parse().ok()?;
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        let mut validation = Validation::new(algorithm.jwt());
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
        validation.validate_exp = false;
        Some(Self { kid: jwk.common.key_id?, retires_at: row.retires_at, decoding, validation })
    }
}
