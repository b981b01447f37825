//! TLS as the URL asks for it, before servers with right and wrong certificates.

use super::{database, open, steps};
use crate::{Mongo, Settings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::{fs, sync::Arc, time::Duration};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// An authority: its certificate as a file has it, and what signs.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

/// What a server shows.
fn certified(authority: &Issuer<'_, KeyPair>, name: &str, last_year: i32) -> ServerConfig {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

/// The server of this URL behind TLS: `host:port/database`.
async fn behind(url: &str, config: ServerConfig) -> String {
    let (server, database) = url.strip_prefix("mongodb://").unwrap().split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (server, tls) = (server.to_owned(), TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, tls) = (server.clone(), tls.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                if let Ok(mut client) = tls.accept(client).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    format!("127.0.0.1:{port}/{database}")
}

async fn is_let_in(place: &str, query: &str) -> bool {
    let url = format!("mongodb://{place}?directConnection=true&serverSelectionTimeoutMS=700&{query}");
    let settings = Settings::parse(&url).unwrap();
    let opened = timeout(Duration::from_secs(20), Mongo::open(&settings, "test", &steps())).await;
    opened.expect("it is told in time").is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_who_its_certificate_says_unless_that_is_waived() {
    const HERE: &str = "127.0.0.1";
    const LATER: i32 = 4000;
    let (url, _guard) = database();
    let _made = open(&url).await;
    let dir = tempfile::tempdir().unwrap();
    let ((root, ours), (_, other)) = (authority(), authority());
    let file = dir.path().join("root.pem");
    fs::write(&file, root).unwrap();
    let right = behind(&url, certified(&ours, HERE, LATER)).await;
    let wrong = [
        behind(&url, certified(&ours, "elsewhere.test", LATER)).await,
        behind(&url, certified(&other, HERE, LATER)).await,
        behind(&url, certified(&ours, HERE, 2001)).await,
        url.strip_prefix("mongodb://").unwrap().to_owned(),
    ];
    let rooted = format!("tls=true&tlsCAFile={}", file.display());
    assert!(is_let_in(&right, &rooted).await);
    assert!(is_let_in(&right, "tls=true&tlsAllowInvalidCertificates=true").await);
    assert!(!is_let_in(&right, "tls=true").await, "nobody's authority");
    assert!(!is_let_in(&right, "tls=false").await);
    for place in wrong {
        assert!(!is_let_in(&place, &rooted).await, "{place}");
    }
}
