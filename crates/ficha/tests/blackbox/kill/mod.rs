//! By force: the process dies by SIGKILL while many connections write and read, and starts again on what it left; so
//! does an import beside it, at a moment of its own. Everything that was acknowledged must be there, nothing twice, and
//! nothing half; an import that is repeated ends as if it had never been cut off.
//!
//! One folder lives through all rounds of a run, so a round also meets what the earlier ones left behind. Everything
//! follows from the seed but the machine's own timing: the kill comes with the n-th acknowledgement, never after a sleep,
//! and finds every other connection wherever it happens to be.
//!
//! A few rounds run with the tests; `cargo xtask kill --rounds 50 --seed 7` runs more.
//!
//! # To add a writer
//! What a connection does is a choice in [`work::Worker::choose`]. What writes beside the server, as [`feed`] does, is
//! one more task beside the workers in [`round`], with a check of its own beside [`check::everything`].

mod check;
mod feed;
mod model;
mod work;

use crate::server::{Server, folder};
use check::Tally;
use feed::Feed;
use model::Chance;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Notify;
use work::{Line, Worker};

/// Connections at work when the kill comes.
const WORKERS: usize = 8;
/// Acknowledgements before the kill, at most: no person of a round may be consulted more often than its list is long.
const MOST_BEFORE_KILL: u64 = 400;
const SCOPE: &str = "read write";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_survives_a_kill_at_any_moment_once() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name)
            .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
    };
    let (rounds, seed) = (number("KILL_ROUNDS", 5), number("KILL_SEED", 1));
    let dir = folder();
    let server = Server::start_in(dir.clone(), &[]);
    let client = server.client(SCOPE, &["--purpose", "credit_granting", "--rate", "none"]);
    drop(server.stop());
    let mut tally = Tally::default();
    for number in 0..rounds {
        round(&dir, &client, &mut Chance::of(seed, number), number, &mut tally).await;
    }
    check::every_record_once(&dir, &tally);
    println!("kill: {rounds} rounds with seed {seed}: {tally}");
}

/// Work, the kill, the start after it, and the reckoning.
async fn round(
    dir: &Arc<tempfile::TempDir>,
    (id, secret): &(String, String),
    chance: &mut Chance,
    number: u64,
    tally: &mut Tally,
) {
    let server = Server::start_in(dir.clone(), &[]);
    let line = Line::new(&server, server.token_of(id, secret).await);
    let fuse = Arc::new(Fuse::new(chance.below(MOST_BEFORE_KILL) + 1));
    let start = |worker| {
        let worker = Worker::new(worker + number * WORKERS as u64, chance.fork());
        tokio::spawn(worker.until_killed(line.clone(), fuse.clone()))
    };
    let working: Vec<_> = (0..WORKERS as u64).map(start).collect();
    let feed = Feed::new(number, chance);
    let feeding = {
        let (feed, dir) = (feed.clone(), dir.clone());
        tokio::task::spawn_blocking(move || feed.until_killed(dir.path()))
    };
    fuse.burnt().await;
    drop(server.kill());
    let mut workers = Vec::new();
    for worker in working {
        workers.push(worker.await.unwrap());
    }
    // Sometimes it dies again at once, with the first death hardly mended.
    if chance.below(4) == 0 {
        drop(Server::start_in(dir.clone(), &[]).kill());
    }
    // By now it may have gone on without a server.
    feeding.await.unwrap();
    if !feed.beside {
        feed.repeat(dir.path(), tally);
    }
    let server = Server::start_in(dir.clone(), &[]);
    let line = Line::new(&server, server.token_of(id, secret).await);
    if feed.beside {
        feed.repeat(dir.path(), tally);
    }
    feed.is_there(&line, tally).await;
    for worker in &mut workers {
        check::everything(worker, &line, tally).await;
    }
    drop(server.stop());
}

/// Counts acknowledgements down to the kill.
pub struct Fuse {
    left: AtomicUsize,
    burnt: Notify,
}

impl Fuse {
    fn new(length: u64) -> Self {
        Self { left: AtomicUsize::new(length as usize), burnt: Notify::new() }
    }

    /// One more was acknowledged.
    pub fn burn(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.burnt.notify_one();
        }
    }

    async fn burnt(&self) {
        self.burnt.notified().await;
    }
}
