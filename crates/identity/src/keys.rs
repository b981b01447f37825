//! The issuer's keys: which one signs, which ones are published, and how one follows the other without downtime.
//!
//! A key is **published** first, **signs** a lead time later, when every verifier has had the chance to read it, and
//! **retires** once the last token that it signed has expired:
//! ```text
//! old  ──signs────────────────┬──published until its tokens are gone──┤
//! new        ├──published─────┴──signs─────────────────────────────────
//!         rotate            + lead                                  + life of a token
//! ```

mod pair;

pub(crate) use pair::{KeyRefused, Pair};

use crate::{
    IdentityError, IdentitySettings, IdentityStore, StoredKey, pace::Pace, settings::TOKEN_LIFE_MAX_S,
};
use ficha_contract::StoreError;
use ficha_domain::World;
use ficha_seal::Vault;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// How old the keys may be that something is signed or published with: another process may have rotated.
pub(crate) const KEYS_AGE_MS: i64 = 10_000;
/// How long a key stays beyond the longest life of a token: leeway, [`KEYS_AGE_MS`], clocks that differ.
const RETIRE_MARGIN_S: u32 = 60;

/// The keys of this issuer, read again as they change.
pub(crate) struct Keys {
    store: Arc<dyn IdentityStore>,
    vault: Vault,
    world: World,
    settings: Arc<IdentitySettings>,
    set: RwLock<Arc<KeySet>>,
    /// One reads the keys at a time; the others wait for what he finds.
    reading: tokio::sync::Mutex<()>,
    pace: Pace,
}

/// The keys as they were read.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    rows: Vec<StoredKey>,
    keys: Vec<Arc<Key>>,
}

/// A key, ready to sign with once it is unsealed.
#[derive(Debug)]
pub(crate) struct Key {
    row: StoredKey,
    jwk: Jwk,
    pair: OnceLock<Pair>,
}

impl Keys {
    /// Reads the keys; makes the first one where there is none.
    pub(crate) async fn open(
        store: Arc<dyn IdentityStore>,
        vault: Vault,
        world: World,
        settings: Arc<IdentitySettings>,
    ) -> Result<Self, IdentityError> {
        let set = RwLock::default();
        let (reading, pace) = (tokio::sync::Mutex::default(), Pace::default());
        let keys = Self { store, vault, world, settings, set, reading, pace };
        if keys.store.keys().await?.is_empty() {
            let now = keys.world.now();
            // Nobody can have read an older key: this one signs at once.
            let first = keys.generate(now, now).await?;
            keys.store.add_first_key(first).await?;
        }
        keys.read(keys.world.now()).await?;
        keys.signer().await?;
        Ok(keys)
    }

    /// Publishes a new key, which signs from the lead time on, and gives the others their end.
    pub(crate) async fn rotate(&self) -> Result<StoredKey, IdentityError> {
        let now = self.world.now();
        let signs_from = now + SignedDuration::from_secs(self.settings.key_lead_s.into());
        let key = self.generate(now, signs_from).await?;
        let retire = signs_from + SignedDuration::from_secs((TOKEN_LIFE_MAX_S + RETIRE_MARGIN_S).into());
        self.store.add_key(key.clone(), retire, now).await?;
        self.read(now).await?;
        Ok(key)
    }

    /// The keys that were read at most [`KEYS_AGE_MS`] ago; older ones only while the store cannot be read.
    pub(crate) async fn current(&self) -> Arc<KeySet> {
        let now = self.world.now();
        if self.pace.is_due(now, KEYS_AGE_MS) {
            self.read_if_due(now).await;
        }
        self.known()
    }

    /// The key that signs now, unsealed.
    pub(crate) async fn signer(&self) -> Result<Arc<Key>, IdentityError> {
        let key = self.current().await.signing(self.world.now()).ok_or(IdentityError::NoKey)?;
        key.unseal(&self.vault)?;
        Ok(key)
    }

    fn known(&self) -> Arc<KeySet> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read_if_due(&self, now: Timestamp) {
        let _reading = self.reading.lock().await;
        if !self.pace.is_due(now, KEYS_AGE_MS) {
            return;
        }
        if let Err(error) = self.read(now).await {
            // What is known goes on being good: keys are published long before they sign.
            tracing::warn!(%error, "the issuer's keys cannot be read again");
        }
    }

    async fn read(&self, now: Timestamp) -> Result<(), StoreError> {
        self.pace.note(now);
        let rows = self.store.keys().await?;
        if rows != self.known().rows {
            let set = Arc::new(KeySet::of(rows));
            *self.set.write().unwrap_or_else(PoisonError::into_inner) = set;
        }
        Ok(())
    }

    async fn generate(
        &self,
        published_at: Timestamp,
        signs_from: Timestamp,
    ) -> Result<StoredKey, IdentityError> {
        let algorithm = self.settings.algorithm;
        // RSA takes a second.
        let made = tokio::task::spawn_blocking(move || Pair::generate(algorithm)).await;
        let (pair, pkcs8) = made.map_err(|_| KeyRefused)??;
        let (kid, public) = pair.jwk(algorithm)?;
        let sealed = self.vault.seal(self.world.random(), &place(&kid), &pkcs8);
        Ok(StoredKey { kid, algorithm, public, sealed, published_at, signs_from, retires_at: None })
    }
}

/// To what a sealed key is bound: it opens in no other row.
fn place(kid: &str) -> Vec<u8> {
    [b"signing key ", kid.as_bytes()].concat()
}

impl KeySet {
    fn of(rows: Vec<StoredKey>) -> Self {
        let key = |row: &StoredKey| {
            let key = Key::of(row.clone());
            if key.is_none() {
                tracing::error!(kid = row.kid, "a signing key cannot be read and is left out");
            }
            key.map(Arc::new)
        };
        let keys = rows.iter().filter_map(key).collect();
        Self { rows, keys }
    }

    /// The latest key whose time to sign has come. Only a clock that was set back finds none; then it is the oldest.
    fn signing(&self, now: Timestamp) -> Option<Arc<Key>> {
        let order = |key: &&Arc<Key>| (key.row.signs_from, key.row.kid.clone());
        let begun = self.published(now).filter(|key| key.row.signs_from <= now).max_by_key(order);
        begun.or_else(|| self.published(now).min_by_key(order)).cloned()
    }

    /// The public keys to verify with (RFC 7517, 5).
    pub(crate) fn jwks(&self, now: Timestamp) -> JwkSet {
        JwkSet { keys: self.published(now).map(|key| key.jwk.clone()).collect() }
    }

    fn published(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter().filter(move |key| key.row.retires_at.is_none_or(|end| now < end))
    }
}

impl Key {
    fn of(row: StoredKey) -> Option<Self> {
        let jwk: Jwk = serde_json::from_str(&row.public).ok()?;
        Some(Self { row, jwk, pair: OnceLock::new() })
    }

    pub(crate) fn row(&self) -> &StoredKey {
        &self.row
    }

    fn unseal(&self, vault: &Vault) -> Result<(), IdentityError> {
        if self.pair.get().is_none() {
            let pkcs8 = zeroize::Zeroizing::new(vault.open(&place(&self.row.kid), &self.row.sealed)?);
            // Somebody else may have been faster; it is the same key.
            let _ = self.pair.set(Pair::from_pkcs8(self.row.algorithm, &pkcs8)?);
        }
        Ok(())
    }

    /// Signs with an unsealed key.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyRefused> {
        self.pair.get().ok_or(KeyRefused)?.sign(message)
    }
}

#[cfg(test)]
mod tests;
