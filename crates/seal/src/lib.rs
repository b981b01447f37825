//! What makes a CPF unreadable at rest.
//!
//! - One **root key** ([`KeyProvider`]), from which each base and use derives its own (HKDF-SHA-256, RFC 5869).
//! - **Sealed bodies**: AES-256-GCM-SIV (RFC 8452), the key's id in front, bound to a permanent id of ficha's.
//!   SIV, because a nonce that repeats (a cloned volume) must not cost the key.
//! - **Blind indexes**: HMAC-SHA-256 of the CPF, 16 bytes. A plain hash of a CPF is undone in minutes, there are only
//!   10⁹ of them.
//!
//! # To seal something new
//! Take a [`Vault`] of a new name from the [`Keyring`]; look rows up by [`Vault::index`], keep [`Vault::seal`]'s bytes,
//! and have the store check [`Vault::fingerprints`] at start, so that a wrong key is said before anything is served.

mod keys;
mod vault;

pub use keys::{FileKeys, KeyError, KeyProvider, Keyring, RootKey};
pub use vault::{BlindIndex, Fingerprint, OpenError, Vault};
