//! Certificates for tests.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// An authority, made for one test.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, as files.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key, its owner's only.
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }
}

impl Authority {
    /// Its own certificate, written into this folder under this name.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(format!("{name}.crt"));
        fs::write(&path, &self.pem).expect("the folder can be written");
        path
    }

    /// Writes a certificate for 127.0.0.1 that is good until that year, in place of one that is there.
    #[must_use]
    pub fn give(&self, dir: &Path, name: &str, until: i32) -> Shown {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address is a name");
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let shown =
            Shown { certificate: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) };
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600).open(&shown.key);
        file.expect("the folder can be written").write_all(key.serialize_pem().as_bytes()).expect("a file");
        fs::write(&shown.certificate, pem).expect("the folder can be written");
        shown
    }
}
