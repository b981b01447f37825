//! Secrets of machines.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ficha_domain::World;
use std::fmt;
use zeroize::Zeroizing;

/// Something that whoever has it may act with: a client's secret, an access token. Wiped from memory when dropped;
/// never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// 256 random bits as text that needs no escaping in a form, a header or a shell.
    pub(crate) fn random(world: &World) -> Self {
        let bytes = Zeroizing::new(world.random::<32>());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    pub(crate) fn from_text(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for whom it is meant.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// SHA-256 of a secret: what is kept. A slow hash is for what people think up; nobody tries 2^256 secrets, however
/// fast each try is, and a token request must stay cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) const LEN: usize = 32;

    pub(crate) fn of(secret: &str) -> Self {
        Self(sha256(secret.as_bytes()))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the hash of that secret; takes as long for a near miss as for nonsense.
    pub(crate) fn is_of(&self, secret: &str) -> bool {
        verify_slices_are_equal(&self.0, &sha256(secret.as_bytes())).is_ok()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(hidden)")
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_secret_is_256_bits_that_need_no_escaping() {
        let world = testing::world();
        let (one, two) = (Secret::random(&world.world), Secret::random(&world.world));
        assert_eq!(one.reveal().len(), 43);
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_ne!(one.reveal(), two.reveal());
        assert!(SecretHash::of(one.reveal()).is_of(one.reveal()));
        assert!(!SecretHash::of(one.reveal()).is_of(two.reveal()) && !SecretHash::of(one.reveal()).is_of(""));
    }

    #[test]
    fn every_bit_of_the_hash_is_compared() {
        let hash = SecretHash::of("secret");
        for bit in 0..256 {
            let mut other = *hash.as_bytes();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!SecretHash::from_bytes(other).is_of("secret"), "bit {bit}");
        }
    }

    #[test]
    fn debug_hides_secrets() {
        let secret = Secret::from_text("hunter2".to_owned());
        let shown = format!("{secret:?} {:?}", SecretHash::of("hunter2"));
        assert_eq!(shown, "Secret(hidden) SecretHash(hidden)");
    }
}
