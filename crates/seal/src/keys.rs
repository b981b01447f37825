//! Root keys: where they come from, what is derived from them.

use crate::Vault;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use ficha_domain::World;
use std::{
    fmt::{self, Write as _},
    fs,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// 256 bits from which everything else is derived. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// Takes the key's bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key for one use, derived from this one.
    pub(crate) fn derive<const N: usize>(&self, labels: &[&[u8]]) -> Zeroizing<[u8; N]> {
        struct Length(usize);
        impl KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        let mut derived = Zeroizing::new([0; N]);
        let filled = Salt::new(HKDF_SHA256, b"ficha 1")
            .extract(&*self.0)
            .expand(labels, Length(N))
            .and_then(|key| key.fill(&mut *derived));
        // HKDF refuses lengths above 255 × 32 bytes; N is 32 or less.
        assert!(filled.is_ok(), "HKDF derives keys of {N} bytes");
        derived
    }

    /// A key from which others are derived, derived from this one.
    pub(crate) fn derive_root(&self, labels: &[&[u8]]) -> Self {
        Self(self.derive(labels))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(hidden)")
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is not there.
    #[error(
        "there is no key file {0}; without it what is sealed cannot be read. Put it back from your backup"
    )]
    Missing(PathBuf),
    /// Others on the machine may read it.
    #[error("the key file {0} can be read by others; run `chmod 600` on it")]
    TooOpen(PathBuf),
    /// It does not hold keys.
    #[error("the key file {0} is damaged: line {1} is not `ficha-key-1` and 64 hexadecimal digits")]
    Damaged(PathBuf, usize),
    /// It could not be read or written.
    #[error("the key file {0} cannot be used: {1}")]
    Io(PathBuf, #[source] std::io::Error),
}

/// Gives the root keys. A file today; a key management service has this shape too.
pub trait KeyProvider {
    /// The keys, the one that seals first; the others only open what they sealed.
    ///
    /// # Errors
    /// [`KeyError`], with what to do about it.
    fn roots(&self) -> Result<Vec<RootKey>, KeyError>;
}

/// Keys in a file of one line each: `ficha-key-1` and 64 hexadecimal digits. The first line seals.
#[derive(Clone, Debug)]
pub struct FileKeys(PathBuf);

impl FileKeys {
    const MAGIC: &'static str = "ficha-key-1 ";

    /// Keys in this file.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the file with one new key. Refuses to touch one that exists.
    ///
    /// # Errors
    /// [`KeyError::Io`], also when the file is there.
    pub fn create(&self, world: &World) -> Result<(), KeyError> {
        let key = Zeroizing::new(world.random::<32>());
        let mut line = Zeroizing::new(String::from(Self::MAGIC));
        for byte in *key {
            // Writing into a String does not fail.
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            // The name must survive too: a data folder whose key file vanished is lost for good.
            let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
            fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|error| KeyError::Io(self.0.clone(), error))
    }

    fn parse(line: &str) -> Option<RootKey> {
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(line.strip_prefix(Self::MAGIC)?, &mut *key).ok()?;
        Some(RootKey(key))
    }
}

impl KeyProvider for FileKeys {
    fn roots(&self) -> Result<Vec<RootKey>, KeyError> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(KeyError::Missing(self.0.clone()));
            }
            Err(error) => return Err(KeyError::Io(self.0.clone(), error)),
        };
        let mode =
            fs::metadata(&self.0).map_err(|error| KeyError::Io(self.0.clone(), error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::TooOpen(self.0.clone()));
        }
        let keys: Vec<RootKey> = text
            .lines()
            .enumerate()
            .map(|(at, line)| Self::parse(line).ok_or_else(|| KeyError::Damaged(self.0.clone(), at + 1)))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyError::Damaged(self.0.clone(), 1)) } else { Ok(keys) }
    }
}

/// The root keys of this installation.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<RootKey>);

impl Keyring {
    /// Takes the keys from where they are.
    ///
    /// # Errors
    /// [`KeyError`], with what to do about it.
    pub fn open(provider: &dyn KeyProvider) -> Result<Self, KeyError> {
        provider.roots().map(Self)
    }

    /// The keys of one base and use.
    #[must_use]
    pub fn vault(&self, name: &'static str) -> Vault {
        Vault::derive(&self.0, name)
    }

    /// 32 bytes for a use that seals nothing, such as blinding what need not be found under older keys.
    #[must_use]
    pub fn secret(&self, name: &'static str) -> [u8; 32] {
        *self.0[0].derive(&[name.as_bytes(), b" secret"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ficha_domain::{MovedClock, SeededRandom};
    use std::sync::Arc;

    fn world() -> World {
        World::new(Arc::new(MovedClock::at(Default::default())), Arc::new(SeededRandom::new(1)))
    }

    #[test]
    fn a_file_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let keys = FileKeys::at(&dir.path().join("root.key"));
        assert!(matches!(keys.roots(), Err(KeyError::Missing(_))));
        keys.create(&world()).unwrap();
        assert_eq!(keys.roots().unwrap().len(), 1);
        let mode = fs::metadata(dir.path().join("root.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
        assert!(
            matches!(keys.create(&world()), Err(KeyError::Io(..))),
            "an existing key is never overwritten"
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        let keys = FileKeys::at(&path);
        keys.create(&world()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(keys.roots(), Err(KeyError::TooOpen(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for damage in ["", "ficha-key-1 abc\n", "0011\n"] {
            fs::write(&path, damage).unwrap();
            assert!(matches!(keys.roots(), Err(KeyError::Damaged(_, 1))), "{damage}");
        }
    }

    #[test]
    fn debug_hides_keys() {
        assert_eq!(format!("{:?}", Keyring(vec![RootKey::new([7; 32])])), "Keyring([RootKey(hidden)])");
    }
}
