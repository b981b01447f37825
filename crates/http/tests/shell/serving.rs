//! Over a real socket: what only the server itself can do wrong.

use crate::{CPF, READS, Served, routes};
use ficha_http::{Limits, Listening, serve};
use ficha_testkit::ScopeTokens;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::{JoinHandle, yield_now},
};

/// A server on a free port.
struct Server {
    served: Served,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<io::Result<()>>,
}

impl Server {
    fn start(limits: Limits) -> io::Result<Self> {
        let served = Served::with(limits.clone());
        let app = served.test.wrap(routes(&served.test.shell, &served.gate));
        let listening = Listening::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listening.address;
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            let stopped = async {
                // A test that ends early stops its server too.
                let _ = stopped.await;
            };
            serve(listening, app, &limits, stopped).await
        });
        Ok(Self { served, address, stop, running })
    }

    /// Sends these bytes on a connection of their own.
    async fn send(&self, bytes: impl AsRef<[u8]>) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(bytes.as_ref()).await?;
        Ok(stream)
    }

    /// Sends these bytes and reads until the server closes.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> io::Result<String> {
        rest(self.send(bytes).await?).await
    }
}

/// What still comes on a connection, until the server closes it.
async fn rest(mut stream: TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The head of a request after which the server is to close.
fn last(request: &str) -> String {
    let token = ScopeTokens::token(READS);
    format!("{request} HTTP/1.1\r\nHost: ficha\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_trailing_slash_or_none() {
    let server = Server::start(Limits::default()).unwrap();
    for path in [format!("/people/{CPF}"), format!("/people/{CPF}/"), format!("/people/{CPF}/?a=b")] {
        let answer = server.exchange(last(&format!("GET {path}"))).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("somebody"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let limits = Limits::default();
    let server = Server::start(limits.clone()).unwrap();
    // As many bytes as the server reads and not one more, so that it closes without a reset.
    let start = "GET /livez HTTP/1.1\r\nHost: ficha\r\nX-Long: ";
    let long = format!("{start}{}", "x".repeat(limits.header_bytes - start.len()));
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(limits.header_count + 1));
    for head in [long, many] {
        let answer = server.exchange(&head).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{} bytes: {answer}", head.len());
    }
    let most = "X-Many: 1\r\n".repeat(limits.header_count - 2);
    let head = format!("GET /livez HTTP/1.1\r\nHost: ficha\r\nConnection: close\r\n{most}\r\n");
    let answer = server.exchange(head).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_request() {
    let server = Server::start(Limits::default()).unwrap();
    let mut stream = server.send("GET /livez HTTP/1.1\r\nHost: ficha\r\n\r\nGET /liv").await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"alive\n") {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed without an answer");
    }
    stream.write_all(last("ez").replace("Bearer", "Other").as_bytes()).await.unwrap();
    assert!(rest(stream).await.unwrap().ends_with("alive\n"));
}

#[tokio::test]
async fn what_is_no_http_is_400() {
    let server = Server::start(Limits::default()).unwrap();
    for nonsense in ["\u{1}\u{2}\u{3} \r\n\r\n", "GET /livez HTTP/1.1\r\nHost\r\n\r\n"] {
        let answer = server.exchange(nonsense).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = Server::start(Limits::default()).unwrap();
    let head = |hosts: &str| format!("GET /livez HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
    for hosts in ["", "Host: ficha\r\nHost: ficha\r\n"] {
        let answer = server.exchange(head(hosts)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("malformed_request"), "{answer}");
        assert!(answer.contains("`Host`"), "{answer}");
    }
    let old = server.exchange("GET /livez HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n"), "{old}");
}

#[tokio::test]
async fn a_header_that_decides_is_there_once() {
    let server = Server::start(Limits::default()).unwrap();
    let other = ScopeTokens::token("debts:write");
    for (name, more) in [("Authorization", format!("Bearer {other}")), ("Ficha-Purpose", "audit".to_owned())]
    {
        let more = format!(" HTTP/1.1\r\nFicha-Purpose: risk_analysis\r\n{name}: {more}\r\n");
        let head = last(&format!("GET /people/{CPF}")).replacen(" HTTP/1.1\r\n", &more, 1);
        let answer = server.exchange(head).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("malformed_request"), "{answer}");
        assert!(answer.contains(&format!("`{name}`")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_no_whole_head_is_cut() {
    let server = Server::start(Limits { header_s: 7, ..Limits::default() }).unwrap();
    for begun in ["", "G", "PRI", "GET /livez HTTP/1.1\r\nHost: ficha\r\n"] {
        let started = tokio::time::Instant::now();
        server.exchange(begun).await.unwrap();
        assert_eq!(started.elapsed().as_secs(), 7, "{begun:?}, on the paused clock");
    }
}

#[tokio::test]
async fn what_was_accepted_is_finished_and_nothing_new_is_taken() {
    let server = Server::start(Limits::default()).unwrap();
    let under_way = server.send("GET /waits HTTP/1.1\r\nHost: ficha\r\n\r\n").await.unwrap();
    server.served.gate.entered.notified().await;
    let mut idle = server.send("GET /livez HTTP/1.1\r\nHost: ficha\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 15]).await.unwrap();
    server.stop.send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        yield_now().await;
    }
    assert!(rest(idle).await.unwrap().ends_with("alive\n"), "a connection without a request is closed");
    assert!(!server.running.is_finished(), "it waits for the request under way");
    server.served.gate.go_on.notify_one();
    let answer = rest(under_way).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("went on"), "{answer}");
    server.running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_finish_does_not_keep_the_server() {
    let server = Server::start(Limits { shutdown_s: 5, ..Limits::default() }).unwrap();
    let under_way = server.send("GET /waits HTTP/1.1\r\nHost: ficha\r\n\r\n").await.unwrap();
    server.served.gate.entered.notified().await;
    let stopped = tokio::time::Instant::now();
    server.stop.send(()).unwrap();
    server.running.await.unwrap().unwrap();
    assert_eq!(stopped.elapsed().as_secs(), 5, "on the paused clock");
    assert_eq!(rest(under_way).await.unwrap(), "");
}

/// Asks until the server has a place.
async fn lives(server: &Server) -> String {
    loop {
        let answer = server.exchange(last("GET /livez")).await.unwrap_or_default();
        if !answer.is_empty() {
            return answer;
        }
        // A paused clock moves only when nobody is at work, which on a busy socket may be never.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_a_place_is_given_back() {
    let server = Server::start(Limits { connections: 1, ..Limits::default() }).unwrap();
    let first = server.send("GET /waits HTTP/1.1\r\nHost: ficha\r\n\r\n").await.unwrap();
    server.served.gate.entered.notified().await;
    let refused = server.exchange(last("GET /livez")).await.unwrap_or_default();
    assert_eq!(refused, "", "closed without an answer");
    drop(first);
    assert!(lives(&server).await.ends_with("alive\n"));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_his_answer_loses_his_connection() {
    let server = Server::start(Limits { connections: 1, write_s: 9, ..Limits::default() }).unwrap();
    let started = tokio::time::Instant::now();
    let unread = server.send("GET /large HTTP/1.1\r\nHost: ficha\r\n\r\n").await.unwrap();
    assert!(lives(&server).await.ends_with("alive\n"), "there is a place again");
    assert!(started.elapsed().as_secs() >= 9, "on the paused clock");
    drop(unread);
}
