//! What the tests of this crate share.

mod redis;

use ficha_seal::{FileKeys, Keyring, Vault};

/// The keys of an installation whose root keys are these.
pub(crate) fn vault(roots: &[u64]) -> Vault {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let lines: String = roots.iter().map(|root| format!("ficha-key-1 {root:064x}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    Keyring::open(&FileKeys::at(&path)).unwrap().vault("cache")
}
