//! Access tokens (RFC 9068).

pub(crate) mod published;
pub(crate) mod revocations;
pub(crate) mod verifier;

use crate::{IdentityError, IdentitySettings, Secret, keys::Keys, settings::AUDIENCE};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ficha_contract::RateLimit;
use ficha_domain::{Purpose, ScopeSet, World};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The type in the header (RFC 9068, 2.1), without `application/` as RFC 7515, 4.1.9 recommends.
pub(crate) const TYP: &str = "at+jwt";

/// What a token says (RFC 9068, 2.2), and two claims of ours that spare every role a look at the client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: Arc<str>,
    pub(crate) client_id: Arc<str>,
    /// Compared with [`AUDIENCE`] when the signature is verified; one or a list.
    #[serde(skip_deserializing)]
    pub(crate) aud: &'static str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<i64>,
    pub(crate) jti: Uuid,
    pub(crate) scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ficha_purpose: Option<Purpose>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ficha_rate: Option<RateClaim>,
}

/// The client's own limit: requests a minute, or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum RateClaim {
    PerMinute(u32),
    Unlimited(Unlimited),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unlimited {
    Unlimited,
}

impl RateClaim {
    fn of(limit: RateLimit) -> Option<Self> {
        match limit {
            RateLimit::Default => None,
            RateLimit::Unlimited => Some(Self::Unlimited(Unlimited::Unlimited)),
            RateLimit::PerMinute(requests) => Some(Self::PerMinute(requests)),
        }
    }

    fn limit(claim: Option<Self>) -> RateLimit {
        match claim {
            None => RateLimit::Default,
            Some(Self::Unlimited(_)) => RateLimit::Unlimited,
            Some(Self::PerMinute(requests)) => RateLimit::PerMinute(requests),
        }
    }
}

/// For whom a token is to be.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The client, which in this grant is also the one on whose behalf it acts (RFC 9068, 2.2 `sub`).
    pub(crate) client: Arc<str>,
    pub(crate) scopes: ScopeSet,
    pub(crate) default_purpose: Option<Purpose>,
    pub(crate) rate_limit: RateLimit,
}

/// A new token.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The token itself.
    pub token: Secret,
    /// How long it lives, in seconds.
    pub expires_in_s: u32,
    /// What it may do.
    pub scopes: ScopeSet,
}

/// Makes access tokens.
pub(crate) struct Mint {
    pub(crate) keys: Arc<Keys>,
    pub(crate) world: World,
    pub(crate) settings: Arc<IdentitySettings>,
}

impl Mint {
    /// A token for this grant that lives so long.
    pub(crate) async fn mint(&self, grant: &Grant, life_s: u32) -> Result<Minted, IdentityError> {
        let key = self.keys.signer().await?;
        let claims = self.claims(grant, life_s);
        let header = serde_json::json!({ "typ": TYP, "alg": key.row().algorithm, "kid": key.row().kid });
        let message = format!("{}.{}", part(&header)?, part(&claims)?);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
        let token = Secret::from_text(format!("{message}.{signature}"));
        Ok(Minted { token, expires_in_s: life_s, scopes: grant.scopes })
    }

    fn claims(&self, grant: &Grant, life_s: u32) -> Claims {
        let iat = self.world.now().as_second();
        Claims {
            iss: self.settings.issuer.clone(),
            sub: grant.client.clone(),
            client_id: grant.client.clone(),
            aud: AUDIENCE,
            iat,
            exp: iat + i64::from(life_s),
            nbf: None,
            jti: self.world.new_id(),
            scope: grant.scopes.to_string(),
            ficha_purpose: grant.default_purpose,
            ficha_rate: RateClaim::of(grant.rate_limit),
        }
    }
}

fn part(value: &impl Serialize) -> Result<String, IdentityError> {
    let json = serde_json::to_vec(value).map_err(|_| IdentityError::Unprintable)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}
