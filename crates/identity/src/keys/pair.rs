//! Key pairs that sign access tokens.

use crate::TokenAlgorithm;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use std::fmt;
use zeroize::Zeroizing;

/// A private key. The library draws its own randomness to make one, and none of ours could stand in for it: a key is
/// never to be made again from a seed, not even in a test.
pub(crate) enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// The cryptographic library does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key cannot be made or used")]
pub(crate) struct KeyRefused;

impl Pair {
    /// A new pair, and its private key in PKCS #8.
    pub(crate) fn generate(algorithm: TokenAlgorithm) -> Result<(Self, Zeroizing<Vec<u8>>), KeyRefused> {
        let pkcs8 = match algorithm {
            TokenAlgorithm::EdDSA => {
                let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
                document.map_err(|_| KeyRefused)?.as_ref().to_vec()
            }
            TokenAlgorithm::ES256 => {
                let random = SystemRandom::new();
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
                document.map_err(|_| KeyRefused)?.as_ref().to_vec()
            }
            TokenAlgorithm::RS256 => {
                // 2048 bits outlive tokens of minutes and keys that rotate (NIST SP 800-57, table 2).
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyRefused)?;
                let document: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyRefused)?;
                document.as_ref().to_vec()
            }
        };
        let pkcs8 = Zeroizing::new(pkcs8);
        Ok((Self::from_pkcs8(algorithm, &pkcs8)?, pkcs8))
    }

    pub(crate) fn from_pkcs8(algorithm: TokenAlgorithm, pkcs8: &[u8]) -> Result<Self, KeyRefused> {
        let pair = match algorithm {
            TokenAlgorithm::EdDSA => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::Ed25519),
            TokenAlgorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::P256)
            }
            TokenAlgorithm::RS256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rsa),
        };
        pair.map_err(|_| KeyRefused)
    }

    /// The public key as a JWK, and its id: the thumbprint (RFC 7638), so that equal ids mean equal keys.
    pub(crate) fn jwk(&self, algorithm: TokenAlgorithm) -> Result<(String, String), KeyRefused> {
        let public = match self {
            Self::Ed25519(pair) => DecodingKey::from_ed_der(pair.public_key().as_ref()),
            Self::P256(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
            Self::Rsa(pair) => DecodingKey::from_rsa_der(pair.public_key().as_ref()),
        };
        let mut jwk = Jwk::from_decoding_key(&public, Some(algorithm.jwt())).map_err(|_| KeyRefused)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyRefused)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(kid.clone());
        Ok((kid, serde_json::to_string(&jwk).map_err(|_| KeyRefused)?))
    }

    /// The signature as JWS has it (RFC 7515, appendix A; RFC 7518, 3.4: both numbers at their full length).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyRefused> {
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| KeyRefused)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| KeyRefused)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair(hidden)")
    }
}
