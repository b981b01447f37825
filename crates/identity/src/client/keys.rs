//! The public keys by which a client is known (`private_key_jwt`).

use crate::{IdentityError, TokenAlgorithm};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    DecodingKey, Header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde_json::Value;

/// Each may cost a signature check for every assertion.
const KEYS_MAX: usize = 8;
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// A client's public keys, ready to check signatures with.
#[derive(Debug)]
pub(crate) struct ClientKeys(Vec<ClientKey>);

/// One of them. What it may sign with follows from what it is, never from what a token says (RFC 8725, 3.1).
#[derive(Debug)]
pub(crate) struct ClientKey {
    kid: Option<String>,
    pub(crate) algorithm: TokenAlgorithm,
    pub(crate) key: DecodingKey,
}

impl ClientKeys {
    /// Checks a JWK set that somebody registers, and gives it back as it is kept: the public members only.
    pub(crate) fn registration(json: &str) -> Result<String, IdentityError> {
        let invalid = |takes| IdentityError::Invalid { field: "jwks", takes };
        let set: Value =
            serde_json::from_str(json).map_err(|_| invalid("a JWK set (RFC 7517, 5) in JSON"))?;
        let keys = set["keys"].as_array().ok_or(invalid("an object with `keys`"))?;
        // `d` is in every private key (RFC 7518, 6.2.2 and 6.3.2; RFC 8037, 2), `k` is a shared secret.
        if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
            return Err(invalid("public keys only; keep the private one where it is"));
        }
        if !(1..=KEYS_MAX).contains(&keys.len()) {
            return Err(invalid("1 to 8 keys"));
        }
        Self::parse(json).ok_or(invalid(
            "keys for signing: P-256 (ES256), Ed25519 (EdDSA), RSA of 2048 bits or more (RS256)",
        ))?;
        let set: JwkSet = serde_json::from_str(json).map_err(|_| invalid("a JWK set (RFC 7517, 5)"))?;
        serde_json::to_string(&set).map_err(|_| invalid("a JWK set (RFC 7517, 5)"))
    }

    /// Reads the keys of a client; `None` when one of them is not for this use.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        let set: JwkSet = serde_json::from_str(json).ok()?;
        set.keys.iter().map(ClientKey::of).collect::<Option<_>>().map(Self)
    }

    /// The keys that may have made a token with this header.
    pub(crate) fn candidates<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a ClientKey> {
        let named = |key: &&ClientKey| match (&key.kid, &header.kid) {
            (Some(kid), Some(named)) => kid == named,
            _ => true,
        };
        self.0.iter().filter(|key| key.algorithm.jwt() == header.alg).filter(named)
    }
}

impl ClientKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        let algorithm = algorithm_of(&jwk.algorithm)?;
        let meant = jwk.common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm.jwt()));
        let signs = jwk.common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature);
        let key = DecodingKey::from_jwk(jwk).ok()?;
        (meant && signs).then(|| Self { kid: jwk.common.key_id.clone(), algorithm, key })
    }
}

fn algorithm_of(parameters: &AlgorithmParameters) -> Option<TokenAlgorithm> {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
    match parameters {
        AlgorithmParameters::EllipticCurve(key) => {
            let whole = bytes(&key.x) == 32 && bytes(&key.y) == 32;
            (key.curve == EllipticCurve::P256 && whole).then_some(TokenAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            (key.curve == EllipticCurve::Ed25519 && bytes(&key.x) == 32).then_some(TokenAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(key) => {
            (bytes(&key.n) >= RSA_MODULUS_BYTES_MIN).then_some(TokenAlgorithm::RS256)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestKey;

    fn refused(json: &str) -> String {
        ClientKeys::registration(json).unwrap_err().to_string()
    }

    #[test]
    fn takes_the_three_kinds_of_public_keys() {
        for algorithm in TokenAlgorithm::ALL {
            let kept = ClientKeys::registration(&TestKey::new(algorithm).jwks()).unwrap();
            let keys = ClientKeys::parse(&kept).unwrap();
            assert_eq!(keys.0[0].algorithm, algorithm);
            assert_eq!(keys.candidates(&Header::new(algorithm.jwt())).count(), 1);
            let other = Header { kid: Some("other".into()), ..Header::new(algorithm.jwt()) };
            assert_eq!(keys.candidates(&other).count(), 0, "another key is named");
            assert_eq!(keys.candidates(&Header::new(jsonwebtoken::Algorithm::HS256)).count(), 0);
        }
    }

    #[test]
    fn a_private_key_is_refused_and_not_repeated() {
        let private = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}"#;
        let refused = refused(private);
        assert!(refused.contains("public keys only") && !refused.contains("nWGx"), "{refused}");
        assert!(ClientKeys::registration(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#).is_err());
    }

    #[test]
    fn what_cannot_sign_here_is_refused() {
        let good = TestKey::new(TokenAlgorithm::EdDSA).jwks();
        for bad in [
            "",
            "[]",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
            r#"{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]}"#,
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
            &good.replace("EdDSA", "ES256"),
            &good.replace("sig", "enc"),
        ] {
            assert!(ClientKeys::registration(bad).is_err(), "{bad}");
        }
    }
}
