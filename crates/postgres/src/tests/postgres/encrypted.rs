//! libpq's six modes before servers with right and wrong certificates.

use super::*;
use crate::connect::{Connector, Use};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::{fs, path::Path, sync::Arc};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
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
fn server(authority: &Issuer<'_, KeyPair>, name: &str, last_year: i32) -> ServerConfig {
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

const HERE: &str = "127.0.0.1";
const LATER: i32 = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    Encrypted,
    Refused,
}
use Way::{Encrypted, Plain, Refused};

async fn way(proxy: &Proxy, query: &str) -> Way {
    let settings = Settings::parse(&format!("{}?{query}", proxy.url)).unwrap();
    let connected = Connector::new(&settings, Use::Exclusive).connect().await;
    match (connected.is_ok(), proxy.count_encrypted()) {
        (false, _) => Refused,
        (true, 0) => Plain,
        (true, _) => Encrypted,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_is_libpqs() {
    let (url, _guard) = database().await;
    let dir = tempfile::tempdir().unwrap();
    let ((root, ours), (_, other)) = (authority(), authority());
    let file = dir.path().join("root.crt");
    fs::write(&file, root).unwrap();
    let mut breaks_off = server(&ours, HERE, LATER);
    breaks_off.alpn_protocols = vec![b"another protocol".to_vec()];
    let servers = [
        Proxy::before(&url).await,
        Proxy::encrypted(&url, server(&ours, HERE, LATER)).await,
        Proxy::encrypted(&url, server(&ours, "elsewhere.test", LATER)).await,
        Proxy::encrypted(&url, server(&other, HERE, LATER)).await,
        Proxy::encrypted(&url, server(&ours, HERE, 2001)).await,
        Proxy::encrypted(&url, breaks_off).await,
    ];
    let rooted = |mode| format!("sslmode={mode}&sslrootcert={}", file.display());
    // Before a server: without TLS, right, of another name, of another authority, expired, one that breaks it off.
    let table = [
        ("sslmode=disable".to_owned(), [Plain; 6]),
        ("sslmode=allow".to_owned(), [Plain; 6]),
        ("sslmode=prefer".to_owned(), [Plain, Encrypted, Encrypted, Encrypted, Encrypted, Plain]),
        ("sslmode=require".to_owned(), [Refused, Encrypted, Encrypted, Encrypted, Encrypted, Refused]),
        (rooted("require"), [Refused, Encrypted, Encrypted, Refused, Refused, Refused]),
        (rooted("verify-ca"), [Refused, Encrypted, Encrypted, Refused, Refused, Refused]),
        (rooted("verify-full"), [Refused, Encrypted, Refused, Refused, Refused, Refused]),
    ];
    for (query, expected) in table {
        let mut ways = Vec::new();
        for server in &servers {
            ways.push(way(server, &query).await);
        }
        assert_eq!(ways, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_file_is_used_for_the_next_connection() {
    let (url, _guard) = database().await;
    let dir = tempfile::tempdir().unwrap();
    let ((old, _), (new, ours)) = (authority(), authority());
    let file = dir.path().join("root.crt");
    fs::write(&file, old).unwrap();
    let proxy = Proxy::encrypted(&url, server(&ours, HERE, LATER)).await;
    let query = format!("sslmode=verify-full&sslrootcert={}", file.display());
    let settings = Settings::parse(&format!("{}?{query}", proxy.url)).unwrap();
    let connector = Connector::new(&settings, Use::Exclusive);
    assert!(connector.connect().await.is_err());
    replace(&file, "half");
    assert!(connector.connect().await.is_err());
    replace(&file, &new);
    connector.connect().await.unwrap();
}

/// As programs that renew do it: under another name, then in place.
fn replace(file: &Path, text: &str) {
    let next = file.with_extension("new");
    fs::write(&next, text).unwrap();
    fs::rename(next, file).unwrap();
}
