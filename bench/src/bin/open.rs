//! The open loop: requests come at a fixed rate, whatever the server does, as callers in life do. Each is timed from
//! when it was due, so that one that had to wait for a slow one before it counts as slow too.

#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]
#![expect(
    clippy::disallowed_methods,
    reason = "what is measured is the real clock, and requests are due by it"
)]

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

/// Asks at a fixed rate.
#[derive(Parser)]
struct Args {
    /// The server, as `http://address:port`.
    #[arg(long)]
    url: String,
    /// The folder with `paths`, `headers` and `body`.
    #[arg(long)]
    course: PathBuf,
    /// Requests a second.
    #[arg(long)]
    rate: u64,
    /// Connections to send them over.
    #[arg(long)]
    connections: u64,
    /// How long.
    #[arg(long)]
    seconds: u64,
    /// Another one asks in another order.
    #[arg(long)]
    seed: u64,
}

/// What is asked.
struct Course {
    requests: Vec<(Method, String)>,
    headers: HeaderMap,
    body: Bytes,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    latencies_us: Vec<u64>,
    refused: u64,
    broken: u64,
}

/// Moments at which a request is due; whichever connection is free takes the next.
type Due = Arc<Mutex<mpsc::UnboundedReceiver<Instant>>>;

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (seen, elapsed) = runtime.block_on(run(&args))?;
    print(seen, elapsed);
    Ok(())
}

async fn run(args: &Args) -> Result<(Vec<Seen>, Duration)> {
    let address = args.url.strip_prefix("http://").context("--url takes http://address:port")?.to_owned();
    let course = Arc::new(Course::read(&args.course, &address)?);
    let (due, waiting) = mpsc::unbounded_channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut connections = Vec::new();
    for number in 0..args.connections {
        let random = fastrand::Rng::with_seed(args.seed.wrapping_mul(1_000_003) + number);
        let sender = connect(&address).await?;
        connections.push(tokio::spawn(ask(sender, course.clone(), waiting.clone(), random)));
    }
    let (rate, seconds, begin) = (args.rate, args.seconds, Instant::now());
    std::thread::spawn(move || tell(&due, begin, rate, seconds));
    let mut all = Vec::new();
    for connection in connections {
        all.push(connection.await.context("a connection's task")?);
    }
    Ok((all, begin.elapsed()))
}

/// Says when requests are due, a tenth of a millisecond late at most where the machine lets it.
fn tell(due: &mpsc::UnboundedSender<Instant>, begin: Instant, rate: u64, seconds: u64) {
    for number in 0..rate * seconds {
        let at = begin + Duration::from_secs_f64(number as f64 / rate as f64);
        while Instant::now() < at {
            std::thread::sleep(Duration::from_micros(100));
        }
        if due.send(at).is_err() {
            return;
        }
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("{address} does not answer"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(
    mut sender: SendRequest<Full<Bytes>>,
    course: Arc<Course>,
    due: Due,
    mut random: fastrand::Rng,
) -> Seen {
    let mut seen = Seen::default();
    loop {
        let Some(at) = due.lock().await.recv().await else { return seen };
        match answered(&mut sender, course.request(&mut random)).await {
            Ok(true) => seen.latencies_us.push(micros(at.elapsed())),
            Ok(false) => seen.refused += 1,
            Err(_) => {
                seen.broken += 1;
                return seen;
            }
        }
    }
}

/// Whether the answer, read to its end, is a good one.
async fn answered(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<bool> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let is_good = response.status().is_success();
    response.into_body().collect().await?;
    Ok(is_good)
}

impl Course {
    fn read(folder: &Path, address: &str) -> Result<Self> {
        let read = |name| {
            fs::read_to_string(folder.join(name)).with_context(|| format!("reading the course's {name}"))
        };
        let request = |line: &str| {
            let (method, path) = line.split_once(' ').context("a line of paths has no method")?;
            Ok((method.parse()?, path.to_owned()))
        };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(address)?);
        for (name, value) in read("headers")?.lines().filter_map(|line| line.split_once(": ")) {
            headers.insert(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
        }
        let requests = read("paths")?.lines().map(request).collect::<Result<_>>()?;
        Ok(Self { requests, headers, body: read("body")?.into() })
    }

    fn request(&self, random: &mut fastrand::Rng) -> Request<Full<Bytes>> {
        let (method, path) = &self.requests[random.usize(..self.requests.len())];
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().unwrap_or_default();
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

/// One line for the program that started this one.
fn print(all: Vec<Seen>, elapsed: Duration) {
    let (refused, broken) =
        all.iter().fold((0, 0), |(refused, broken), seen| (refused + seen.refused, broken + seen.broken));
    let mut latencies: Vec<u64> = all.into_iter().flat_map(|seen| seen.latencies_us).collect();
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    println!(
        "xtask-bench {{\"requests\":{},\"duration_us\":{},\"p50_us\":{},\"p99_us\":{},\"refused\":{refused},\"broken\":{broken}}}",
        latencies.len(),
        micros(elapsed),
        at(50),
        at(99),
    );
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
