//! TLS as libpq's `sslmode`s mean it: three ways to look at the server's certificate.

use crate::{
    Error,
    url::{Mode, Ssl},
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    version::{TLS12, TLS13},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What connections are encrypted with; read again when a file has changed, so that certificates are renewed without a
/// restart.
#[derive(Clone)]
pub(crate) struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    current: Mutex<(Stamp, MakeRustlsConnect)>,
}

struct Files {
    check: Check,
    root: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    only_tls13: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    ChainAndName,
}

/// When each file was last written.
type Stamp = Vec<Option<SystemTime>>;

impl Tls {
    /// Reads the files. The mode comes back, since `require` with a root certificate is `verify-ca`, as in libpq.
    pub(crate) fn open(ssl: Ssl, mode: Mode) -> Result<(Self, Mode), Error> {
        let root = ssl.root.or_else(default_root);
        let (mode, check) = match mode {
            Mode::VerifyFull => (mode, Check::ChainAndName),
            Mode::VerifyCa => (mode, Check::Chain),
            Mode::Require if root.is_some() => (Mode::VerifyCa, Check::Chain),
            _ => (mode, Check::Nothing),
        };
        if check != Check::Nothing && root.is_none() {
            return Err(Error::Url(
                "this sslmode needs sslrootcert, the file of the authority's certificate".into(),
            ));
        }
        let identity = match (ssl.certificate, ssl.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err(Error::Url("sslcert and sslkey come together".into())),
        };
        let files = Files { check, root, identity, only_tls13: ssl.only_tls13 };
        let current = Mutex::new((files.stamp(), files.read()?));
        Ok((Self(Arc::new(Inner { files, current })), mode))
    }

    /// For the next connection.
    pub(crate) fn current(&self) -> MakeRustlsConnect {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.0.files.stamp();
        if stamp != current.0 {
            match self.0.files.read() {
                Ok(read) => *current = (stamp, read),
                // Half-written, most likely: the ones that were good go on until they are refused.
                Err(error) => tracing::warn!(%error, "the new certificate files cannot be used"),
            }
        }
        current.1.clone()
    }
}

fn default_root() -> Option<PathBuf> {
    let root = Path::new(&std::env::var_os("HOME")?).join(".postgresql/root.crt");
    root.exists().then_some(root)
}

impl Files {
    fn stamp(&self) -> Stamp {
        let written = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
        let identity = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.root.iter().chain(identity).map(written).collect()
    }

    fn read(&self) -> Result<MakeRustlsConnect, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[_] = if self.only_tls13 { &[&TLS13] } else { &[&TLS13, &TLS12] };
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder =
            builder.with_protocol_versions(versions).map_err(|error| Error::Tls(error.to_string()))?;
        let builder = builder.dangerous().with_custom_certificate_verifier(self.verifier(provider)?);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| unusable(certificate, &error))?,
        };
        // What `sslnegotiation=direct` demands, and others do not mind.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let Some(root) = self.root.as_ref().filter(|_| self.check != Check::Nothing) else {
            return Ok(Arc::new(Unchecked(provider)));
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(root)? {
            roots.add(certificate).map_err(|error| unusable(root, &error))?;
        }
        let whole = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
        let whole = whole.build().map_err(|error| unusable(root, &error))?;
        Ok(if self.check == Check::Chain { Arc::new(AnyName(whole)) } else { whole })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(path, &error))?;
    if read.is_empty() { Err(unusable(path, &"it holds no certificate")) } else { Ok(read) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let mode = fs::metadata(path).map_err(|error| unusable(path, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(unusable(path, &"others can read it; run `chmod 600` on it"));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Tls(format!("{} cannot be used: {why}", path.display()))
}

/// `allow`, `prefer`, `require`: encrypted, to whomever.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// `verify-ca`: somebody whom the authority knows.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, between, name, ocsp, now) {
            // The name is compared last: everything else was right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
