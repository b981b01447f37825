//! By what processes know each other: an Ed25519 key pair each.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

const PREFIX: &str = "ed25519:";

/// The key pair of this process.
pub struct PeerKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// What others know of a process: they pin it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// A key that cannot be made, read or used; the cryptographic library does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a peer's key cannot be made or read; public ones look like {PREFIX}…, as `ficha peer-key` prints them"
)]
pub struct KeyRefused;

impl PeerKey {
    /// A new pair in PKCS #8. The library draws its own randomness: a key is never to be made again from a seed.
    ///
    /// # Errors
    /// The library's.
    pub fn generate() -> Result<Zeroizing<Vec<u8>>, KeyRefused> {
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(|_| KeyRefused)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// A pair that was made before.
    ///
    /// # Errors
    /// These bytes are none.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyRefused> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyRefused)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyRefused)?;
        Ok(Self { pair, public: PublicKey(public) })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(message))
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({})", self.public)
    }
}

impl PublicKey {
    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) fn signed(self, message: &[u8], signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.text())
    }
}

impl FromStr for PublicKey {
    type Err = KeyRefused;

    fn from_str(text: &str) -> Result<Self, KeyRefused> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX).ok_or(KeyRefused)?);
        Ok(Self(bytes.map_err(|_| KeyRefused)?.try_into().map_err(|_| KeyRefused)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_reads_back_and_nothing_else_is_one() {
        let key = PeerKey::from_pkcs8(&PeerKey::generate().unwrap()).unwrap();
        let text = key.public().to_string();
        assert_eq!(text.parse(), Ok(key.public()));
        assert_eq!(format!("{key:?}"), format!("PeerKey({text})"), "the private half is not printed");
        for text in ["", "ed25519:", &text[8..], &text[..50], &format!("{text}AA"), "ed25519:ü"] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyRefused), "{text}");
        }
    }

    #[test]
    fn only_the_own_signature_holds() {
        let pair = || PeerKey::from_pkcs8(&PeerKey::generate().unwrap()).unwrap();
        let (one, other) = (pair(), pair());
        let signature = one.sign(b"message");
        assert!(one.public().signed(b"message", &signature));
        assert!(!one.public().signed(b"messages", &signature) && !one.public().signed(b"message", ""));
        assert!(!other.public().signed(b"message", &signature));
    }
}
