//! Identity as a whole: opened once per process, asked by the server and by the command line.

use crate::{
    Client, IdentityError, IdentitySettings, IdentityStore, Minted, NewClient, Secret, SqliteIdentity,
    StoredKey, Verifier,
    issuer::{Authenticator, Issuer},
    keys::Keys,
    settings::TOKEN_LIFE_MAX_S,
    store::Shown,
    token::{Grant, Mint, published::Published, revocations::Revocations, verifier::LEEWAY_S},
};
use ficha_contract::{RateLimit, StoreError};
use ficha_domain::{Purpose, ScopeSet, World};
use ficha_seal::{Keyring, Vault};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use std::{path::Path, sync::Arc};
use uuid::Uuid;

/// How long a revoked client is remembered beyond the longest life of a token: one may be signed at this moment.
const REVOKED_MARGIN_S: i64 = 60;

/// Clients, keys and tokens of an installation. Cloning shares it. Several processes may have the same folder open.
#[derive(Clone)]
pub struct Identity {
    store: Arc<dyn IdentityStore>,
    world: World,
    settings: Arc<IdentitySettings>,
    pub(crate) keys: Arc<Keys>,
    revocations: Arc<Revocations>,
    verifier: Arc<Verifier>,
    pub(crate) issuer: Arc<Issuer>,
}

impl Identity {
    /// Opens identity in this folder; a new one gets its first signing key, which signs at once.
    ///
    /// # Errors
    /// A setting that makes no sense; the disk; a file that was written with other keys.
    pub async fn open(
        dir: &Path,
        keyring: &Keyring,
        world: World,
        settings: IdentitySettings,
    ) -> Result<Self, IdentityError> {
        // Before there is a file.
        let settings = settings.checked()?;
        let vault = keyring.vault("identity");
        let store = SqliteIdentity::open(dir, &vault).await?;
        Self::over(Arc::new(store), vault, world, settings).await
    }

    /// Identity over any store; a new one gets its first signing key. The vault is the one whose fingerprints the store
    /// was checked with: `keyring.vault("identity")`.
    ///
    /// # Errors
    /// A setting that makes no sense; the store; a signing key that does not open.
    pub async fn over(
        store: Arc<dyn IdentityStore>,
        vault: Vault,
        world: World,
        settings: IdentitySettings,
    ) -> Result<Self, IdentityError> {
        let settings = Arc::new(settings.checked()?);
        let keys = Arc::new(Keys::open(store.clone(), vault, world.clone(), settings.clone()).await?);
        let shown: Arc<dyn ficha_contract::Issuer> = Arc::new(Shown(store.clone()));
        let published = Published::of(shown.clone(), settings.issuer.clone());
        let revocations = Arc::new(Revocations::of(shown));
        published.read(world.now()).await?;
        revocations.refresh(world.now()).await?;
        let verifier = Arc::new(Verifier::new(published, revocations.clone(), world.clone()));
        let authenticator = Authenticator::new(store.clone(), world.clone(), settings.clone());
        let mint = Mint { keys: keys.clone(), world: world.clone(), settings: settings.clone() };
        let issuer = Arc::new(Issuer { authenticator, mint });
        Ok(Self { store, world, settings, keys, revocations, verifier, issuer })
    }

    /// What the shell asks about tokens.
    #[must_use]
    pub fn verifier(&self) -> Arc<Verifier> {
        self.verifier.clone()
    }

    /// What verifiers in other processes are told.
    #[must_use]
    pub fn shown(&self) -> Arc<dyn ficha_contract::Issuer> {
        Arc::new(Shown(self.store.clone()))
    }

    /// How this issuer works.
    #[must_use]
    pub fn settings(&self) -> &IdentitySettings {
        &self.settings
    }

    /// Registers a client. Its secret, where it has one, is shown now and never again.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`]; the store.
    pub async fn add_client(&self, new: NewClient) -> Result<(Client, Option<Secret>), IdentityError> {
        let (client, secret) = new.make(&self.world)?;
        self.store.add_client(client.clone()).await?;
        Ok((client, secret))
    }

    /// All clients, the oldest first, revoked ones too.
    ///
    /// # Errors
    /// The store.
    pub async fn list_clients(&self) -> Result<Vec<Client>, IdentityError> {
        Ok(self.store.clients().await?)
    }

    /// Takes everything from a client: it gets no token any more, and those it has are refused, here at once, by
    /// other processes within seconds.
    ///
    /// # Errors
    /// [`IdentityError::NoClient`]; the store.
    pub async fn revoke_client(&self, id: &str) -> Result<(), IdentityError> {
        let now = self.world.now();
        let longest = i64::from(TOKEN_LIFE_MAX_S) + REVOKED_MARGIN_S;
        let until = now + SignedDuration::from_secs(longest);
        if !self.store.revoke_client(id, now, until).await? {
            return Err(IdentityError::NoClient);
        }
        Ok(self.revocations.refresh(now).await?)
    }

    /// Takes back one token, which would have ended at `expires_at`.
    pub(crate) async fn revoke_token(&self, id: Uuid, expires_at: Timestamp) -> Result<(), StoreError> {
        let now = self.world.now();
        let until = expires_at + SignedDuration::from_secs(2 * LEEWAY_S);
        self.store.revoke_token(id, now, until).await?;
        self.revocations.refresh(now).await
    }

    /// Publishes a new signing key, which takes over after the lead time. Nothing has to be restarted.
    ///
    /// # Errors
    /// The store; the cryptographic library.
    pub async fn rotate_key(&self) -> Result<StoredKey, IdentityError> {
        self.keys.rotate().await
    }

    /// The public keys, to be handed out (RFC 7517, 5).
    pub async fn published_keys(&self) -> JwkSet {
        self.keys.current().await.jwks(self.world.now())
    }

    /// A token for whoever has the data folder and its keys, who could read everything anyway: the command line as
    /// local operator. `client` is what the record of consultations names; it needs no registration, but a revoked
    /// client's name gets nothing. Lives `life_s` seconds, at most 900; has no rate limit.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`], [`IdentityError::NoClient`]; the store.
    pub async fn mint_local(
        &self,
        client: &str,
        scopes: ScopeSet,
        default_purpose: Option<Purpose>,
        life_s: u32,
    ) -> Result<Minted, IdentityError> {
        if !(1..=TOKEN_LIFE_MAX_S).contains(&life_s) {
            return Err(IdentityError::Invalid { field: "life_s", takes: "1 to 900 seconds" });
        }
        let known = self.store.client(client).await?;
        if known.is_some_and(|known| known.revoked_at.is_some()) {
            return Err(IdentityError::NoClient);
        }
        let rate_limit = RateLimit::Unlimited;
        let grant = Grant { client: client.into(), scopes, default_purpose, rate_limit };
        self.issuer.mint.mint(&grant, life_s).await
    }
}

#[cfg(test)]
mod tests;
