//! TLS on a listener, with certificates that are renewed on the disk and taken up without a restart.

use crate::connection::{Connection, Door};
use axum_server::accept::Accept;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be used: {why}")]
pub struct TlsError {
    file: String,
    why: String,
}

/// Files of certificates and keys, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// What this process shows: its certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// The private key of it, its owner's only.
    pub key: PathBuf,
    /// The authorities that others have to come from.
    pub authorities: Option<PathBuf>,
}

/// Something made of files, and made again when one of them has changed.
pub struct Renewed<T> {
    files: TlsFiles,
    make: fn(&TlsFiles) -> Result<T, TlsError>,
    current: Mutex<(Stamp, T)>,
}

/// When each file was last written, which one it is, and how long.
type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

impl<T: Clone> Renewed<T> {
    /// Made now, or refused.
    ///
    /// # Errors
    /// [`TlsError`]: a file cannot be read or used.
    pub fn open(files: TlsFiles, make: fn(&TlsFiles) -> Result<T, TlsError>) -> Result<Self, TlsError> {
        let stamp = files.stamp();
        let current = Mutex::new((stamp, make(&files)?));
        Ok(Self { files, make, current })
    }

    /// For the next connection.
    pub fn current(&self) -> T {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.files.stamp();
        if stamp != current.0 {
            match (self.make)(&self.files) {
                Ok(made) => *current = (stamp, made),
                // Half-written, most likely: what was good goes on until the next connection looks again.
                Err(error) => tracing::warn!(%error, "the new certificate files are not taken up"),
            }
        }
        current.1.clone()
    }
}

impl TlsFiles {
    fn stamp(&self) -> Stamp {
        let file = |path: &Path| {
            let file = fs::metadata(path).ok()?;
            Some((file.mtime(), file.mtime_nsec(), file.ino(), file.len()))
        };
        let all = [Some(&self.certificate), Some(&self.key), self.authorities.as_ref()];
        all.into_iter().flatten().map(|path| file(path)).collect()
    }

    /// What this process shows, and its private key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let key = &self.key;
        let mode = fs::metadata(key).map_err(|error| unusable(key, error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(unusable(key, "others can read it; run `chmod 600` on it"));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
        Ok((certificates(&self.certificate)?, private))
    }

    /// The authorities that others have to come from.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn roots(&self) -> Result<Option<RootCertStore>, TlsError> {
        let Some(path) = &self.authorities else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, error))?;
        }
        Ok(Some(roots))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(path, error))?;
    if read.is_empty() { Err(unusable(path, "it holds no certificate")) } else { Ok(read) }
}

/// The error of a file.
pub fn unusable(path: &Path, why: impl std::fmt::Display) -> TlsError {
    TlsError { file: path.display().to_string(), why: why.to_string() }
}

/// The one provider of cryptography.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a listener shows, and whom it takes: anybody, or those of the authorities.
pub type ServerTls = Renewed<Arc<ServerConfig>>;

/// Reads what a listener needs.
///
/// # Errors
/// [`TlsError`].
pub fn server_tls(files: TlsFiles) -> Result<ServerTls, TlsError> {
    Renewed::open(files, |files| {
        let refused = |error| unusable(&files.certificate, error);
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
        let builder = match files.roots()? {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(
                    verifier.build().map_err(|error| unusable(&files.certificate, error))?,
                )
            }
        };
        let (shown, key) = files.identity()?;
        let mut config = builder.with_single_cert(shown, key).map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    })
}

/// A door behind which TLS begins.
#[derive(Clone)]
pub(crate) struct TlsDoor {
    door: Door,
    tls: Arc<ServerTls>,
    /// Within which the handshake has to be over: until then nobody knows who it is.
    handshake: Duration,
}

impl TlsDoor {
    pub(crate) fn new(door: Door, tls: Arc<ServerTls>, handshake: Duration) -> Self {
        Self { door, tls, handshake }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for TlsDoor {
    type Stream = TlsStream<Connection>;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (connection, tls) = (self.door.take(stream), self.tls.current());
        let handshake = self.handshake;
        Box::pin(async move {
            let begun = TlsAcceptor::from(tls).accept(connection?);
            Ok((timeout(handshake, begun).await??, service))
        })
    }
}
