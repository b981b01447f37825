//! What lies between us and a server: a way that hangs, is cut, or is encrypted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Nothing goes through, nothing is refused.
    Hang,
    /// The next COMMIT does not arrive.
    CutBeforeCommit,
    /// The next COMMIT arrives and is not answered.
    CutAfterCommit,
}

pub struct Proxy {
    /// The server's, through the proxy.
    pub url: String,
    mode: watch::Sender<Mode>,
    /// How many connections were encrypted.
    encrypted: Arc<AtomicUsize>,
}

impl Proxy {
    /// In front of the server of this URL.
    pub async fn before(url: &str) -> Self {
        Self::start(url, None).await
    }

    /// One that speaks TLS with this configuration, and lets others through as they are.
    pub async fn encrypted(url: &str, config: ServerConfig) -> Self {
        Self::start(url, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(url: &str, tls: Option<TlsAcceptor>) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, _) = watch::channel(Mode::Pass);
        let encrypted = Arc::new(AtomicUsize::new(0));
        tokio::spawn(accept(listener, server.to_owned(), tls, mode.clone(), encrypted.clone()));
        Self { url: format!("{user}@127.0.0.1:{port}/{database}"), mode, encrypted }
    }

    /// How many connections were encrypted since this was asked last.
    pub fn count_encrypted(&self) -> usize {
        self.encrypted.swap(0, Ordering::Relaxed)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    tls: Option<TlsAcceptor>,
    mode: watch::Sender<Mode>,
    encrypted: Arc<AtomicUsize>,
) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (server, tls, mode, encrypted) = (server.clone(), tls.clone(), mode.clone(), encrypted.clone());
        tokio::spawn(async move {
            let server = TcpStream::connect(server).await.unwrap();
            let Some(tls) = tls else { return forward(client, server, mode).await };
            // `SSLRequest`, or the start of somebody who does not ask for it.
            let mut first = [0; 8];
            if client.peek(&mut first).await.is_ok() && first[4..] == [4, 210, 22, 47] {
                client.read_exact(&mut first).await.unwrap();
                client.write_all(b"S").await.unwrap();
                if let Ok(client) = tls.accept(client).await {
                    encrypted.fetch_add(1, Ordering::Relaxed);
                    forward(client, server, mode).await;
                }
                return;
            }
            forward(client, server, mode).await;
        });
    }
}

async fn forward(
    client: impl AsyncRead + AsyncWrite + Send + 'static,
    server: TcpStream,
    mode: watch::Sender<Mode>,
) {
    let ((mut asks, mut told), (mut answers, mut asked)) = (split(client), server.into_split());
    let muted = &AtomicBool::new(false);
    let back = {
        let mode = mode.subscribe();
        async move {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(count @ 1..) = answers.read(&mut bytes).await {
                passes(&mode).await;
                // The answer to the commit: it is done, and nobody is told.
                if muted.load(Ordering::Relaxed) {
                    break;
                }
                if told.write_all(&bytes[..count]).await.is_err() {
                    break;
                }
            }
        }
    };
    let there = async move {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = asks.read(&mut bytes).await {
            passes(&mode.subscribe()).await;
            let cut = bytes[..count].windows(6).any(|word| word == b"COMMIT");
            let was = *mode.borrow();
            if cut && was == Mode::CutBeforeCommit {
                mode.send_replace(Mode::Pass);
                return;
            }
            if cut && was == Mode::CutAfterCommit {
                mode.send_replace(Mode::Pass);
                muted.store(true, Ordering::Relaxed);
            }
            if asked.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = back => {}, () = there => {} }
}

async fn passes(mode: &watch::Receiver<Mode>) {
    let _ = mode.clone().wait_for(|mode| *mode != Mode::Hang).await;
}
