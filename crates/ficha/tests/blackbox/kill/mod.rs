//! By force: processes die by SIGKILL while many connections write and read, and start again on what they left; so
//! does an import beside them, at a moment of its own. Everything that was acknowledged must be there, nothing twice, and
//! nothing half; an import that is repeated ends as if it had never been cut off.
//!
//! Two shapes: one process with its files, and a process for each role in front of a PostgreSQL and a MongoDB, which die
//! as well; then who does not need the dead goes on.
//!
//! One installation lives through all rounds of a run, so a round also meets what the earlier ones left behind.
//! Everything follows from the seed but the machine's own timing: the kill comes with the n-th acknowledgement, never
//! after a sleep, and finds every other connection wherever it happens to be.
//!
//! A few rounds run with the tests; `cargo xtask kill --rounds 50 --seed 7` runs more.
//!
//! # To add a writer
//! What a connection does is a choice in [`work::Worker::choose`]. What writes beside the server, as [`feed`] does, is
//! one more task beside the workers in [`cut`], with a check of its own beside [`check::everything`]. What else may die is
//! a [`place::Victim`].

mod check;
mod feed;
mod model;
mod place;
mod work;

use crate::server::Line;
use check::Tally;
use feed::Feed;
use model::Chance;
use place::{Place, Victim};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};
use tokio::sync::Notify;
use work::Worker;

/// Connections at work when the kill comes.
const WORKERS: usize = 8;
/// Acknowledgements before the kill, at most: no person of a round may be consulted more often than its list is long.
const MOST_BEFORE_KILL: u64 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_survives_a_kill_at_any_moment_once() {
    println!("{}", rounds(Place::one_process(), 5).await);
}

mod postgres {
    mod mongo {
        use super::super::{Place, rounds};

        #[tokio::test(flavor = "multi_thread")]
        async fn what_processes_acknowledge_survives_their_end_and_their_servers_once() {
            println!("{}", rounds(Place::processes(), 2).await);
        }
    }
}

/// So many rounds, or as many as the environment says.
async fn rounds(mut place: Place, few: u64) -> String {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name)
            .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
    };
    let (rounds, seed) = (number("KILL_ROUNDS", few), number("KILL_SEED", 1));
    let mut tally = Tally::default();
    for number in 0..rounds {
        round(&mut place, number, &mut Chance::of(seed, number), &mut tally).await;
    }
    check::every_record_once(&place, &tally).await;
    format!("kill: {rounds} rounds with seed {seed}: {tally}")
}

/// One end after the other, and the reckoning.
async fn round(place: &mut Place, number: u64, chance: &mut Chance, tally: &mut Tally) {
    place.server.start_all();
    let mut workers = Vec::new();
    for victim in place.victims(number, chance) {
        workers.extend(cut(place, victim, chance, tally).await);
    }
    let line = place.line(tally).await;
    let look = |mut worker: Worker, line: Line| async move {
        check::consultations(&mut worker, &line).await;
        worker
    };
    let listed = each(workers, &line, look).await;
    listed.into_iter().for_each(|worker| *tally += worker.tally);
    place.server.stop_all();
}

/// Work, the kill, the start after it, and a look at all that was acknowledged.
async fn cut(place: &mut Place, victim: Victim, chance: &mut Chance, tally: &mut Tally) -> Vec<Worker> {
    let number = tally.next_kill();
    let line = place.line(tally).await;
    let fuse = Arc::new(Fuse::new(chance.below(MOST_BEFORE_KILL) + 1));
    let start = |worker| {
        let worker = Worker::new(worker + number * WORKERS as u64, chance.fork());
        tokio::spawn(worker.until_killed(line.clone(), fuse.clone()))
    };
    let working: Vec<_> = (0..WORKERS as u64).map(start).collect();
    let feed = Feed::new(number, chance);
    let feeding = {
        let (feed, command) = (feed.clone(), place.server.command_at(feed.role()));
        let may_fail = place.loses_stores(victim);
        tokio::task::spawn_blocking(move || feed.until_killed(command, may_fail))
    };
    fuse.burnt().await;
    place.kill(victim);
    fuse.over();
    let mut workers = Vec::new();
    for worker in working {
        workers.push(worker.await.unwrap());
    }
    // Sometimes it dies again at once, with the first death hardly mended.
    if chance.below(4) == 0 {
        place.start(victim);
        place.kill(victim);
    }
    // By now it may have gone on without a server.
    feeding.await.unwrap();
    let beside = feed.beside || place.loses_stores(victim);
    if !beside {
        feed.repeat(&place.server, tally);
    }
    place.start(victim);
    let line = place.line(tally).await;
    if beside {
        feed.repeat(&place.server, tally);
    }
    feed.is_there(&line, tally).await;
    let look = |mut worker: Worker, line: Line| async move {
        check::everything(&mut worker, &line).await;
        worker
    };
    each(workers, &line, look).await
}

/// Looks at what each worker knows, all at once.
async fn each<F>(workers: Vec<Worker>, line: &Line, look: fn(Worker, Line) -> F) -> Vec<Worker>
where
    F: Future<Output = Worker> + Send + 'static,
{
    let looking: Vec<_> =
        workers.into_iter().map(|worker| tokio::spawn(look(worker, line.clone()))).collect();
    let mut workers = Vec::new();
    for worker in looking {
        workers.push(worker.await.unwrap());
    }
    workers
}

/// Counts acknowledgements down to the kill.
pub struct Fuse {
    left: AtomicI64,
    burnt: Notify,
    over: AtomicBool,
}

impl Fuse {
    fn new(length: u64) -> Self {
        Self { left: AtomicI64::new(length as i64), burnt: Notify::new(), over: AtomicBool::new(false) }
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

    /// Whether the kill may have come.
    pub fn is_burnt(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    /// The kill has come.
    fn over(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}
