//! Connections to other processes: plain, or TLS with certificates on both sides.

use ficha_http::{Renewed, TlsError, TlsFiles, provider, unusable};
use http::{Uri, uri::Scheme};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower::Service;

const CONNECT: Duration = Duration::from_secs(1);

/// What others are believed by, and what is shown to them.
pub type ClientTls = Renewed<Arc<ClientConfig>>;

/// Reads what calls over TLS need: the authorities that the other side has to come from, and a certificate of our own.
///
/// # Errors
/// [`TlsError`].
pub fn client_tls(files: TlsFiles) -> Result<ClientTls, TlsError> {
    Renewed::open(files, |files| {
        let refused = |error| unusable(&files.certificate, error);
        let roots = files.roots()?.unwrap_or_else(RootCertStore::empty);
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
        let (shown, key) = files.identity()?;
        let config = builder.with_root_certificates(roots).with_client_auth_cert(shown, key);
        Ok(Arc::new(config.map_err(refused)?))
    })
}

/// Makes connections.
#[derive(Clone)]
pub struct Connector {
    plain: HttpConnector,
    tls: Option<Arc<ClientTls>>,
}

/// A connection of either kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connection for Box<dyn Duplex> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Connector {
    /// Plain ones, and with these certificates encrypted ones.
    #[must_use]
    pub fn new(tls: Option<Arc<ClientTls>>) -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        plain.set_connect_timeout(Some(CONNECT));
        plain.enforce_http(false);
        Self { plain, tls }
    }
}

type Failure = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.plain.poll_ready(context).map_err(Failure::from)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let name = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let (connecting, tls) = (self.plain.call(uri), self.tls.clone());
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            if !is_tls {
                return Ok(TokioIo::new(Box::new(stream) as Box<dyn Duplex>));
            }
            let config = tls.ok_or("there are no certificates for https")?.current();
            let handshake = TlsConnector::from(config).connect(ServerName::try_from(name)?, stream);
            Ok(TokioIo::new(Box::new(timeout(CONNECT, handshake).await??) as Box<dyn Duplex>))
        })
    }
}

/// Reads what a command needs that asks the server of its own folder: it takes the certificate that lies there, whatever
/// name it is for, and no other; and shows it.
///
/// # Errors
/// [`TlsError`].
pub fn pinned_tls(files: TlsFiles) -> Result<ClientTls, TlsError> {
    Renewed::open(files, |files| {
        let refused = |error| unusable(&files.certificate, error);
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
        let (shown, key) = files.identity()?;
        let only = Arc::new(Only(shown[0].clone(), provider()));
        let builder = builder.dangerous().with_custom_certificate_verifier(only);
        Ok(Arc::new(builder.with_client_auth_cert(shown, key).map_err(refused)?))
    })
}

/// Takes one certificate.
#[derive(Debug)]
struct Only(CertificateDer<'static>, Arc<CryptoProvider>);

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *shown == self.0 {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.1.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.1.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}
