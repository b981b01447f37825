//! Certificates as the settings name them.

use anyhow::{Result, bail};
use ficha_http::TlsFiles;
use serde::Deserialize;

/// Section `[tls]` of the settings: of what faces clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub cert: String,
    pub key: String,
    pub client_ca: String,
}

impl Tls {
    /// The files, where there is TLS.
    pub fn files(&self) -> Result<Option<TlsFiles>> {
        files("tls", [&self.cert, &self.key, &self.client_ca])
    }
}

/// A certificate, its key, and the authorities that others have to come from.
pub fn files(section: &str, [cert, key, ca]: [&str; 3]) -> Result<Option<TlsFiles>> {
    match (cert.is_empty(), key.is_empty()) {
        (true, true) if ca.is_empty() => Ok(None),
        (false, false) => Ok(Some(TlsFiles {
            certificate: cert.into(),
            key: key.into(),
            authorities: (!ca.is_empty()).then(|| ca.into()),
        })),
        _ => bail!("{section}.cert and {section}.key come together"),
    }
}
