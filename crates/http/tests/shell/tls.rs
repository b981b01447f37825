//! Over TLS: what is shown, to whom, and what happens when a file changes.

#![expect(clippy::unwrap_used, reason = "a panic here is a failing test")]

use crate::{Served, routes};
use ficha_http::{Limits, Listening, ServerTls, TlsFiles, provider, serve, server_tls};
use ficha_testkit::{Authority, authority::Shown};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{fs, io, net::SocketAddr, path::Path, sync::Arc};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const LATER: i32 = 4000;
const ALIVE: &[u8] = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn files(shown: &Shown, authorities: Option<&Path>) -> TlsFiles {
    let (certificate, key) = (shown.certificate.clone(), shown.key.clone());
    TlsFiles { certificate, key, authorities: authorities.map(Path::to_owned) }
}

/// Serves on a free port, until the test ends.
fn start(tls: ServerTls) -> SocketAddr {
    let served = Served::new();
    let app = served.test.wrap(routes(&served.test.shell, &served.gate));
    let listening = Listening::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap().over(Some(Arc::new(tls)));
    let address = listening.address;
    assert_eq!(listening.url(), format!("https://{address}"));
    tokio::spawn(async move { serve(listening, app, &Limits::default(), std::future::pending()).await });
    address
}

/// Who believes this authority, and shows a certificate where there is one.
fn client(authority: &Path, shows: Option<&Shown>) -> TlsConnector {
    let roots = files(&Shown { certificate: authority.into(), key: authority.into() }, Some(authority));
    let roots: RootCertStore = roots.roots().unwrap().unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.unwrap().with_root_certificates(roots);
    let config = match shows.map(|shown| files(shown, None).identity().unwrap()) {
        None => builder.with_no_client_auth(),
        Some((shown, key)) => builder.with_client_auth_cert(shown, key).unwrap(),
    };
    TlsConnector::from(Arc::new(config))
}

/// What is shown, after a whole exchange: with TLS 1.3 a server refuses only after its own handshake.
async fn shown_to(client: &TlsConnector, address: SocketAddr) -> io::Result<Vec<u8>> {
    let name = ServerName::try_from("127.0.0.1").map_err(io::Error::other)?;
    let mut stream = client.connect(name, TcpStream::connect(address).await?).await?;
    stream.write_all(ALIVE).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert!(answer.ends_with(b"alive\n"), "{}", String::from_utf8_lossy(&answer));
    let (_, session) = stream.get_ref();
    Ok(session.peer_certificates().unwrap()[0].to_vec())
}

struct Place {
    dir: TempDir,
    ours: Authority,
    root: std::path::PathBuf,
    other: Authority,
    other_root: std::path::PathBuf,
}

impl Place {
    fn new() -> Self {
        let (dir, ours, other) = (tempfile::tempdir().unwrap(), Authority::default(), Authority::default());
        let (root, other_root) = (ours.write(dir.path(), "root"), other.write(dir.path(), "other"));
        Self { dir, ours, root, other, other_root }
    }

    fn give(&self, name: &str, until: i32) -> Shown {
        self.ours.give(self.dir.path(), name, until)
    }
}

#[tokio::test]
async fn a_listener_shows_its_certificate_to_whom_believes_its_authority() {
    let place = Place::new();
    let address = start(server_tls(files(&place.give("server", LATER), None)).unwrap());
    assert!(shown_to(&client(&place.root, None), address).await.is_ok());
    assert!(shown_to(&client(&place.other_root, None), address).await.is_err(), "another authority");
    let old = start(server_tls(files(&place.give("old", 2001), None)).unwrap());
    assert!(shown_to(&client(&place.root, None), old).await.is_err(), "expired");
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(ALIVE).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "nothing is answered in clear");
}

#[tokio::test]
async fn a_certificate_that_is_renewed_on_the_disk_is_shown_to_the_next_connection() {
    let place = Place::new();
    let server = place.give("server", LATER);
    let address = start(server_tls(files(&server, None)).unwrap());
    let client = client(&place.root, None);
    let first = shown_to(&client, address).await.unwrap();
    fs::write(&server.key, "half of a key").unwrap();
    assert_eq!(shown_to(&client, address).await.unwrap(), first, "what was good goes on");
    let _ = place.give("server", LATER + 1);
    let second = shown_to(&client, address).await.unwrap();
    assert_ne!(first, second);
    let _ = place.other.give(place.dir.path(), "server", LATER);
    assert!(shown_to(&client, address).await.is_err(), "the next one is of another authority");
}

#[tokio::test]
async fn a_listener_that_asks_for_certificates_takes_those_of_its_authorities_only() {
    let place = Place::new();
    let tls = server_tls(files(&place.give("server", LATER), Some(&place.root))).unwrap();
    let address = start(tls);
    let (good, old) = (place.give("client", LATER), place.give("old", 2001));
    let stranger = place.other.give(place.dir.path(), "stranger", LATER);
    let shows = async |shown| shown_to(&client(&place.root, shown), address).await.is_ok();
    assert!(shows(Some(&good)).await);
    assert!(!shows(None).await && !shows(Some(&old)).await && !shows(Some(&stranger)).await);
    let _ = place.other.write(place.dir.path(), "root");
    let other = client(&place.ours.write(place.dir.path(), "ours"), Some(&stranger));
    assert!(shown_to(&other, address).await.is_ok(), "authorities are renewed, too");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let place = Place::new();
    let (one, two) = (place.give("one", LATER), place.give("two", LATER));
    let refused = |files: TlsFiles| server_tls(files).err().map(|error| error.to_string()).unwrap();
    let mixed = Shown { certificate: one.certificate.clone(), key: two.key.clone() };
    assert!(refused(files(&mixed, None)).contains("one.crt"), "a key of another certificate");
    assert!(refused(files(&one, Some(&one.key))).contains("one.key"), "no certificates in it");
    let missing = Shown { certificate: place.dir.path().join("none"), key: one.key.clone() };
    assert!(refused(files(&missing, None)).contains("none"));
    fs::set_permissions(&one.key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(refused(files(&one, None)).contains("chmod 600"));
}
