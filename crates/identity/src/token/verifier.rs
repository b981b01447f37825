//! Verifying access tokens (RFC 9068, 4), without asking anybody about each.

use super::{Claims, RateClaim, TYP, published::Published, revocations::Revocations};
use crate::{IdentityError, client::sha256, settings};
use async_trait::async_trait;
use ficha_contract::{Caller, Issuer, TokenRefused, TokenVerifier};
use ficha_domain::World;
use jiff::Timestamp;
use jsonwebtoken::Header;
use moka::sync::Cache;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Clocks of two machines differ by a little.
pub(crate) const LEEWAY_S: i64 = 5;
/// Ours have 600 bytes; nobody makes us hash more than this.
const TOKEN_BYTES_MAX: usize = 4096;
const CACHED_MS: i64 = 60_000;
/// A few megabytes.
const CACHED_TOKENS: u64 = 10_000;

/// Verifies access tokens: by signature once, from then on by their hash, for a minute. What was revoked is looked up
/// each time.
pub struct Verifier {
    keys: Published,
    revocations: Arc<Revocations>,
    world: World,
    cache: Cache<[u8; 32], Arc<Verified>>,
}

/// A token that was verified.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) caller: Arc<Caller>,
    pub(crate) id: Uuid,
    pub(crate) issued_at_s: i64,
    /// From here on (ms) its times are compared again.
    good_until_ms: i64,
}

#[async_trait]
impl TokenVerifier for Verifier {
    async fn verify(&self, token: &str) -> Result<Arc<Caller>, TokenRefused> {
        self.examine(token).await.map(|verified| verified.caller.clone())
    }
}

impl Verifier {
    /// A verifier away from the issuer of this name, of whom it knows what it is told. Begins also while he tells nothing.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`]: this is no name of an issuer.
    pub async fn away(issuer: Arc<dyn Issuer>, name: &str, world: World) -> Result<Arc<Self>, IdentityError> {
        let (name, now) = (settings::issuer_name(name)?, world.now());
        let keys = Published::of(issuer.clone(), name);
        let revocations = Arc::new(Revocations::of(issuer));
        for read in [keys.read(now).await, revocations.refresh(now).await] {
            read.unwrap_or_else(|error| tracing::warn!(%error, "the issuer tells nothing yet"));
        }
        Ok(Arc::new(Self::new(keys, revocations, world)))
    }

    pub(crate) fn new(keys: Published, revocations: Arc<Revocations>, world: World) -> Self {
        // moka has a clock of its own, which bounds memory only: what counts is `good_until_ms`, by our clock.
        let cache = Cache::builder()
            .max_capacity(CACHED_TOKENS)
            .time_to_live(Duration::from_millis(CACHED_MS.unsigned_abs()))
            .build();
        Self { keys, revocations, world, cache }
    }

    /// Everything that is known of a good token.
    pub(crate) async fn examine(&self, token: &str) -> Result<Arc<Verified>, TokenRefused> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefused::Invalid);
        }
        let now = self.world.now();
        self.revocations.refresh_if_due(now).await;
        // The hash, not the token, so that memory holds nothing that somebody could act with.
        let hash = sha256(token.as_bytes());
        let verified = match self.cache.get(&hash) {
            Some(verified) if now.as_millisecond() < verified.good_until_ms => verified,
            _ => {
                // Boxed, so that the future of a token that is known has 300 bytes to be allocated, not 1,100.
                let verified = Arc::new(Box::pin(self.check(token, now)).await?);
                self.cache.insert(hash, verified.clone());
                verified
            }
        };
        match self.revocations.holds(verified.id, &verified.caller.client) {
            true => Err(TokenRefused::Revoked),
            false => Ok(verified),
        }
    }

    async fn check(&self, token: &str, now: Timestamp) -> Result<Verified, TokenRefused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefused::Invalid)?;
        let kid = known_form(&header)?;
        let unknown = || if self.keys.is_empty() { TokenRefused::Unknowable } else { TokenRefused::Invalid };
        let key = self.keys.find(kid, now).await.ok_or_else(unknown)?;
        // Algorithm, issuer and audience are the key's, whatever the header says (RFC 8725, 3.1).
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &key.validation);
        verified(claims.map_err(|_| TokenRefused::Invalid)?.claims, now)
    }
}

/// The header of an access token: its type, so that no other token of this issuer passes for one (RFC 9068, 4 and 5),
/// nothing critical that we do not know (RFC 7515, 4.1.11), and the key's id.
fn known_form(header: &Header) -> Result<&str, TokenRefused> {
    let typ = header.typ.as_deref().unwrap_or_default();
    let typ = typ
        .split_once('/')
        .map_or(typ, |(kind, sub)| if kind.eq_ignore_ascii_case("application") { sub } else { "" });
    if !typ.eq_ignore_ascii_case(TYP) || header.crit.is_some() {
        return Err(TokenRefused::Invalid);
    }
    header.kid.as_deref().ok_or(TokenRefused::Invalid)
}

fn verified(claims: Claims, now: Timestamp) -> Result<Verified, TokenRefused> {
    let now_s = now.as_second();
    if claims.iat > now_s + LEEWAY_S || claims.nbf.is_some_and(|nbf| nbf > now_s + LEEWAY_S) {
        return Err(TokenRefused::Invalid);
    }
    let ends_s = claims.exp.saturating_add(LEEWAY_S);
    if now_s >= ends_s {
        return Err(TokenRefused::Expired);
    }
    let caller = Caller {
        scopes: claims.scope.parse().map_err(|_| TokenRefused::Invalid)?,
        expires_at: Timestamp::from_second(claims.exp).map_err(|_| TokenRefused::Invalid)?,
        client: claims.client_id,
        subject: claims.sub,
        default_purpose: claims.ficha_purpose,
        rate_limit: RateClaim::limit(claims.ficha_rate),
    };
    Ok(Verified {
        caller: Arc::new(caller),
        id: claims.jti,
        issued_at_s: claims.iat,
        good_until_ms: ends_s.saturating_mul(1000).min(now.as_millisecond() + CACHED_MS),
    })
}

#[cfg(test)]
mod tests;
