//! Whether a client is who it says (RFC 6749, 2.3).

use super::{
    Credentials, OAuthError, OAuthErrorCode, Refusal,
    assertion::{self, Assertion},
    failures::Failures,
};
use crate::{Client, ClientKeys, Credential, IdentitySettings, IdentityStore, SecretHash};
use ficha_contract::StoreError;
use ficha_domain::World;
use std::sync::Arc;
use uuid::Uuid;

/// Authenticates clients.
pub(crate) struct Authenticator {
    store: Arc<dyn IdentityStore>,
    world: World,
    settings: Arc<IdentitySettings>,
    failures: Failures,
}

impl Authenticator {
    pub(crate) fn new(store: Arc<dyn IdentityStore>, world: World, settings: Arc<IdentitySettings>) -> Self {
        let failures = Failures::new(&world);
        Self { store, world, settings, failures }
    }

    /// The client that these credentials are of. Whether it is unknown, revoked, or shows the wrong thing is not told.
    pub(crate) async fn authenticate(&self, credentials: Credentials) -> Result<Client, Refusal> {
        let (named, client) = match &credentials {
            Credentials::Secret { client, secret } => {
                (Some(client.clone()), self.by_secret(client, secret.reveal()).await?)
            }
            Credentials::Assertion { client, jwt } => {
                let named = assertion::issuer(jwt.reveal());
                let agrees = client.is_none() || *client == named;
                let found = match &named {
                    Some(named) if agrees => self.by_assertion(named, jwt.reveal()).await?,
                    _ => None,
                };
                (named, found)
            }
        };
        client.ok_or_else(|| self.failed(named.as_deref().unwrap_or_default()).into())
    }

    fn failed(&self, named: &str) -> OAuthError {
        // Made-up names may hold anything; only those that look like ours go to the log.
        if let Ok(id) = Uuid::parse_str(named) {
            tracing::info!(client = %id, "client authentication failed");
        }
        let too_many = |retry_after_s| OAuthError {
            retry_after_s: Some(retry_after_s),
            ..OAuthError::new(
                OAuthErrorCode::TooManyFailures,
                "too many failed authentications of this client",
            )
        };
        match self.failures.count(named, self.world.now()) {
            Ok(()) => OAuthError::new(OAuthErrorCode::InvalidClient, "client authentication failed"),
            Err(retry_after_s) => too_many(retry_after_s),
        }
    }

    async fn by_secret(&self, id: &str, secret: &str) -> Result<Option<Client>, StoreError> {
        let Some(client) = self.alive(id).await? else {
            // As much work as for a known client.
            let _ = SecretHash::from_bytes([0; SecretHash::LEN]).is_of(secret);
            return Ok(None);
        };
        let right = matches!(&client.credential, Credential::Secret(hash) if hash.is_of(secret));
        Ok(right.then_some(client))
    }

    async fn by_assertion(&self, id: &str, jwt: &str) -> Result<Option<Client>, StoreError> {
        let Some(client) = self.alive(id).await? else { return Ok(None) };
        let Credential::Keys(jwks) = &client.credential else { return Ok(None) };
        let Some(keys) = ClientKeys::parse(jwks) else { return Ok(None) };
        let now = self.world.now();
        let audiences = [self.settings.issuer.clone(), self.settings.url(crate::api::TOKEN_PATH)];
        let Some(Assertion { id, until }) = assertion::check(jwt, &client.id, &keys, &audiences, now) else {
            return Ok(None);
        };
        // Kept only now: what is not signed by a client fills nothing.
        let first = self.store.use_assertion(&client.id, id, now, until).await?;
        Ok(first.then_some(client))
    }

    async fn alive(&self, id: &str) -> Result<Option<Client>, StoreError> {
        Ok(self.store.client(id).await?.filter(|client| client.revoked_at.is_none()))
    }
}
