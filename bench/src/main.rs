//! What ficha is measured against: hyper sending bytes that are ready, with the headers of a real answer.
//!
//! Nothing is looked up, checked or recorded here. What ficha takes longer than this is what ficha does.

#![expect(clippy::print_stdout, reason = "the address is told on the first line of the output")]

use std::convert::Infallible;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// A bare HTTP/1.1 server of one answer.
#[derive(Parser)]
struct Args {
    /// Send this file.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Without a file: send so many bytes.
    #[arg(long, default_value_t = 2600)]
    size: usize,
    /// Send the headers in this file, as `curl --dump-header` writes them.
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// Serve with so many threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// The one answer, shared by all connections.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn new(args: &Args) -> Result<Self> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let body = args.body.as_deref().map_or_else(|| Ok(vec![b'x'; args.size]), read)?;
        let headers = args.headers.as_deref().map_or_else(|| Ok(Vec::new()), read)?;
        Ok(Self { headers: parse(&String::from_utf8_lossy(&headers))?, body: body.into() })
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

/// The headers behind the status line, without those that hyper writes for each answer itself.
fn parse(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(':')) {
        let name: HeaderName = name.parse().with_context(|| format!("the header {name}"))?;
        let value: HeaderValue = value.trim().parse().with_context(|| format!("the value of {name}"))?;
        if ![CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING].contains(&name) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

fn main() -> Result<()> {
    let args = Args::parse();
    // It lives for the whole process: connections share it without counting.
    let answer: &'static Answer = Box::leak(Box::new(Answer::new(&args)?));
    thread::spawn(end_with_input);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime =
        builder.worker_threads(args.threads).enable_all().build().context("starting the threads")?;
    runtime.block_on(serve(answer))
}

/// Whoever started the server holds its input: when that closes, even by a crash, the server ends.
fn end_with_input() {
    let mut rest = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut rest);
    std::process::exit(0);
}

async fn serve(answer: &'static Answer) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
    println!("http://{}", listener.local_addr().context("no address")?);
    loop {
        let (stream, _) = listener.accept().await.context("taking a connection")?;
        tokio::spawn(converse(stream, answer));
    }
}

async fn converse(stream: TcpStream, answer: &'static Answer) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |_request| async move { Ok::<_, Infallible>(answer.response()) });
    // A caller that hangs up is no news to anyone.
    let _ = http1::Builder::new().keep_alive(true).serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_an_answer_are_kept_but_for_hypers_own() {
        let dump = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: a:b\r\n\
                    date: Sun\r\ncontent-length: 2\r\n\r\n";
        let headers = parse(dump).unwrap();
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["x-request-id"], "a:b");
    }

    #[test]
    fn without_files_the_answer_has_the_wanted_size() {
        let answer = Answer::new(&Args::parse_from(["bench", "--size", "7"])).unwrap();
        assert_eq!(answer.body.len(), 7);
        assert!(answer.headers.is_empty());
    }
}
