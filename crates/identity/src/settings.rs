//! How this issuer works.

use crate::IdentityError;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The one audience of every token (RFC 9068, 2.2 `aud`): all roles of ficha.
pub const AUDIENCE: &str = "ficha";
/// No token lives longer. Keys stay published and revocations are kept by this.
pub const TOKEN_LIFE_MAX_S: u32 = 900;
const TOKEN_LIFE_MIN_S: u32 = 300;
const TOKEN_LIFE_S: u32 = 600;
const KEY_LEAD_S: u32 = 3600;
/// Less, and a verifier that has just read the keys would not know the new one when it signs.
const KEY_LEAD_MIN_S: u32 = 60;

/// With what access tokens are signed. RFC 7518 and RFC 8037 give the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// Ed25519 (RFC 8037).
    #[default]
    EdDSA,
    /// ECDSA on P-256 (RFC 7518, 3.4).
    ES256,
    /// RSA with PKCS #1 1.5 (RFC 7518, 3.3), for verifiers that know nothing else.
    RS256,
}

impl TokenAlgorithm {
    /// Every algorithm, the default first.
    pub const ALL: [Self; 3] = [Self::EdDSA, Self::ES256, Self::RS256];

    /// As written in `alg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
        }
    }

    pub(crate) fn jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

impl FromStr for TokenAlgorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(())
    }
}

/// How this issuer works.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// The issuer's name to the outside, an http or https URL: `iss` of every token, and what the addresses of the
    /// endpoints begin with.
    pub issuer: String,
    /// How long a token lives, in seconds: 300 to 900.
    pub token_life_s: u32,
    /// What the next key is made for; the one in use stays until `ficha key rotate`.
    pub algorithm: TokenAlgorithm,
    /// How long a new key is published before it signs, in seconds: at least 60.
    pub key_lead_s: u32,
}

impl IdentitySettings {
    /// The defaults, under this name.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            token_life_s: TOKEN_LIFE_S,
            algorithm: TokenAlgorithm::default(),
            key_lead_s: KEY_LEAD_S,
        }
    }

    /// The settings as they are used: checked.
    pub(crate) fn checked(mut self) -> Result<Self, IdentityError> {
        let invalid = |field, takes| Err(IdentityError::Invalid { field, takes });
        self.issuer = issuer_name(&self.issuer)?;
        if !(TOKEN_LIFE_MIN_S..=TOKEN_LIFE_MAX_S).contains(&self.token_life_s) {
            return invalid("token_life_s", "300 to 900 seconds");
        }
        if self.key_lead_s < KEY_LEAD_MIN_S {
            return invalid("key_lead_s", "60 seconds or more");
        }
        Ok(self)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}

/// An issuer's name without a slash at its end, since issuers are compared letter by letter (RFC 8414, 3.3).
pub(crate) fn issuer_name(name: &str) -> Result<String, IdentityError> {
    let name = name.trim_end_matches('/');
    let host = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://"));
    let is_url = host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"\\".contains(&byte))
    });
    let takes = "an http or https URL without query and fragment";
    is_url.then(|| name.to_owned()).ok_or(IdentityError::Invalid { field: "issuer", takes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_and_lives_that_make_sense() {
        let settings = IdentitySettings::new("http://127.0.0.1:8080/").checked().unwrap();
        assert_eq!(settings.url("/oauth/token"), "http://127.0.0.1:8080/oauth/token");
        for issuer in ["", "https://", "ficha", "ftp://x", "https://x/?a", "https://x/#a", "https://x y"] {
            assert!(IdentitySettings::new(issuer).checked().is_err(), "{issuer}");
        }
        for token_life_s in [0, 299, 901] {
            assert!(
                IdentitySettings { token_life_s, ..IdentitySettings::new("https://x") }.checked().is_err()
            );
        }
        assert!(IdentitySettings { key_lead_s: 59, ..IdentitySettings::new("https://x") }.checked().is_err());
    }

    #[test]
    fn algorithms_read_back() {
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        assert!("none".parse::<TokenAlgorithm>().is_err() && "HS256".parse::<TokenAlgorithm>().is_err());
    }
}
