//! Sealing, opening and finding again, for one base and use.

use crate::RootKey;
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use std::{fmt, sync::Arc};

const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 4 + NONCE_LEN;

/// Seals, opens and blinds with the keys of one base and use.
///
/// A sealed value is `version (1) · key id (4) · nonce (12) · ciphertext · tag (16)`.
#[derive(Clone)]
pub struct Vault {
    /// The one that seals first; never empty. Shared: whoever seals many things clones the vault for each.
    keys: Arc<[VaultKey]>,
}

struct VaultKey {
    id: u32,
    check: [u8; 16],
    index: hmac::Key,
    aead: LessSafeKey,
    /// What [`Vault::derive_for`] derives from; seals nothing itself.
    inner: RootKey,
}

/// What a row is looked up by instead of a CPF: nobody without the key can tell of whom it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlindIndex {
    /// Which root key made it.
    pub key: u32,
    /// HMAC-SHA-256, the first 16 bytes.
    pub value: [u8; 16],
}

/// Tells two keys apart without telling anything of them. Every store keeps those it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The key's id, as in front of sealed values.
    pub key: u32,
    /// Derived from the key for this check alone.
    pub check: [u8; 16],
}

/// A sealed value that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed with a key that is not in the ring.
    #[error("sealed with a key that is not here")]
    UnknownKey,
    /// Cut, changed, or moved from another row.
    #[error("damaged, or not where it belongs")]
    Damaged,
}

impl Vault {
    pub(crate) fn derive(roots: &[RootKey], name: &str) -> Self {
        Self { keys: roots.iter().map(|root| VaultKey::derive(root, name.as_bytes())).collect() }
    }

    /// A vault for one part of what this one seals, such as a segment of a file: other labels are other keys, so a
    /// nonce that is a number counts only inside its part. Key ids stay, so rotation goes on as for this vault.
    #[must_use]
    pub fn derive_for(&self, label: &[u8]) -> Self {
        Self { keys: self.keys.iter().map(|key| VaultKey::of(key.id, &key.inner, label)).collect() }
    }

    /// The index by which a value is found, under the key that seals.
    #[must_use]
    pub fn index(&self, value: &[u8]) -> BlindIndex {
        self.keys[0].index(value)
    }

    /// The indexes by which a value may have been kept, under every key; the one that seals first. While keys
    /// rotate, a look-up tries them all.
    pub fn indexes(&self, value: &[u8]) -> impl Iterator<Item = BlindIndex> {
        self.keys.iter().map(move |key| key.index(value))
    }

    /// Seals `plain`, bound to `place`: it opens only with the same place. `nonce` is random, or a number that this
    /// vault uses once.
    #[must_use]
    pub fn seal(&self, nonce: [u8; NONCE_LEN], place: &[u8], plain: &[u8]) -> Vec<u8> {
        let key = &self.keys[0];
        let mut sealed = Vec::with_capacity(HEADER_LEN + plain.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.aead.seal_in_place_separate_tag(nonce, Aad::from(place), &mut sealed[HEADER_LEN..]);
        // AES-GCM-SIV refuses only plaintexts above 2^36 bytes.
        let Ok(tag) = tag else { unreachable!("AES-256-GCM-SIV seals {} bytes", plain.len()) };
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens what [`Vault::seal`] sealed for this place.
    ///
    /// # Errors
    /// [`OpenError`]: another key, another place, or damage.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (header, body) = sealed.split_at_checked(HEADER_LEN).ok_or(OpenError::Damaged)?;
        let (id, nonce) = header[1..].split_at(4);
        let key = self.keys.iter().find(|key| key.id.to_be_bytes() == id).ok_or(OpenError::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Damaged)?;
        let mut body = body.to_vec();
        let len =
            key.aead.open_in_place(nonce, Aad::from(place), &mut body).map_err(|_| OpenError::Damaged)?.len();
        body.truncate(len);
        if header[0] == VERSION { Ok(body) } else { Err(OpenError::Damaged) }
    }

    /// The fingerprints of all keys, the one that seals first.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.keys.iter().map(|key| Fingerprint { key: key.id, check: key.check })
    }
}

impl VaultKey {
    fn derive(root: &RootKey, name: &[u8]) -> Self {
        Self::of(u32::from_be_bytes(*root.derive::<4>(&[b"key id"])), root, name)
    }

    fn of(id: u32, root: &RootKey, name: &[u8]) -> Self {
        let seal = root.derive::<32>(&[name, b" seal"]);
        let aead = UnboundKey::new(&AES_256_GCM_SIV, &*seal);
        let Ok(aead) = aead else { unreachable!("AES-256 takes keys of 32 bytes") };
        Self {
            id,
            check: *root.derive::<16>(&[name, b" fingerprint"]),
            index: hmac::Key::new(hmac::HMAC_SHA256, &*root.derive::<32>(&[name, b" index"])),
            aead: LessSafeKey::new(aead),
            inner: root.derive_root(&[name, b" parts"]),
        }
    }

    fn index(&self, value: &[u8]) -> BlindIndex {
        let tag = hmac::sign(&self.index, value);
        let mut short = [0; 16];
        short.copy_from_slice(&tag.as_ref()[..16]);
        BlindIndex { key: self.id, value: short }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn roots(numbers: &[u8]) -> Vec<RootKey> {
        numbers.iter().map(|number| RootKey::new([*number; 32])).collect()
    }

    #[test]
    fn another_place_name_or_key_does_not_open() {
        let vault = Vault::derive(&roots(&[1]), "debts");
        let sealed = vault.seal([9; 12], b"row 1", b"Maria");
        assert_eq!(vault.open(b"row 1", &sealed).unwrap(), b"Maria");
        assert_eq!(vault.open(b"row 2", &sealed), Err(OpenError::Damaged));
        assert_eq!(Vault::derive(&roots(&[1]), "dossier").open(b"row 1", &sealed), Err(OpenError::Damaged));
        assert_eq!(Vault::derive(&roots(&[2]), "debts").open(b"row 1", &sealed), Err(OpenError::UnknownKey));
    }

    #[test]
    fn while_keys_rotate_old_values_open_and_are_found() {
        let old = Vault::derive(&roots(&[1]), "debts");
        let both = Vault::derive(&roots(&[2, 1]), "debts");
        assert_eq!(both.open(b"", &old.seal([0; 12], b"", b"x")).unwrap(), b"x");
        assert!(both.indexes(b"529").any(|index| index == old.index(b"529")));
        assert_ne!(both.index(b"529"), old.index(b"529"));
    }

    #[test]
    fn a_part_has_keys_of_its_own_that_are_the_same_at_every_derivation() {
        let vault = Vault::derive(&roots(&[1]), "spool");
        let part = vault.derive_for(b"segment 1");
        let sealed = part.seal([9; 12], b"place", b"Maria");
        assert_eq!(vault.derive_for(b"segment 1").open(b"place", &sealed).unwrap(), b"Maria");
        let others = [
            vault.clone(),
            vault.derive_for(b"segment 2"),
            part.derive_for(b"segment 1"),
            Vault::derive(&roots(&[1]), "segment 1"),
            Vault::derive(&roots(&[1]), "debts").derive_for(b"segment 1"),
        ];
        for other in others {
            assert_eq!(other.open(b"place", &sealed), Err(OpenError::Damaged));
            assert_ne!(other.index(b"529"), part.index(b"529"));
            assert_ne!(other.fingerprints().next(), part.fingerprints().next());
        }
    }

    #[test]
    fn while_keys_rotate_parts_rotate_too() {
        let sealed = Vault::derive(&roots(&[1]), "spool").derive_for(b"part").seal([0; 12], b"", b"x");
        let both = Vault::derive(&roots(&[2, 1]), "spool").derive_for(b"part");
        assert_eq!(both.open(b"", &sealed).unwrap(), b"x");
        let other = Vault::derive(&roots(&[2]), "spool").derive_for(b"part");
        assert_eq!(other.open(b"", &sealed), Err(OpenError::UnknownKey));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let vault = Vault::derive(&roots(&[1]), "debts");
        let sealed = vault.seal([3; 12], b"place", b"Jo\xc3\xa3o");
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(vault.open(b"place", &damaged).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(vault.open(b"place", &sealed[..len]).is_err(), "cut to {len}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(plain: Vec<u8>, place: Vec<u8>, nonce: [u8; 12]) {
            let vault = Vault::derive(&roots(&[5]), "x");
            let sealed = vault.seal(nonce, &place, &plain);
            prop_assert_eq!(vault.open(&place, &sealed).unwrap(), plain);
        }
    }
}
