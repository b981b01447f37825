//! On a real Redis.

mod away;
mod shapes;

use super::vault;
use crate::{Cache, Kept, Settings, Shelf, Written};
use bytes::Bytes;
use ficha_domain::{MovedClock, SeededRandom, World};
use redis::{Client, Commands};
use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};

static INSTALLATIONS: AtomicU64 = AtomicU64::new(0);

/// An installation that no other test has.
pub(super) fn installation() -> u64 {
    (u64::from(std::process::id()) << 20) + INSTALLATIONS.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn world(seed: u64) -> World {
    World::new(Arc::new(MovedClock::at(Default::default())), Arc::new(SeededRandom::new(seed)))
}

/// As many processes of one installation.
pub(super) async fn processes<const N: usize>(settings: &Settings) -> [(Cache, Shelf); N] {
    let (root, mut processes) = (installation(), Vec::new());
    for process in 0..N {
        let cache = Cache::open(settings.clone(), vault(&[root]), world(root + process as u64)).await;
        let shelf = cache.shelf("score");
        processes.push((cache, shelf));
    }
    processes.try_into().ok().unwrap()
}

async fn two() -> [Shelf; 2] {
    // They wait for Redis as long as a loaded machine may take. It does not go away, so nobody has to come back to it.
    let mut settings = Settings::parse(&ficha_testkit::redis::url()).unwrap();
    (settings.patience, settings.grace) = (Duration::from_secs(5), Duration::ZERO);
    processes(&settings).await.map(|(_, shelf)| shelf)
}

pub(super) const ANA: &[u8] = b"52998224725";

/// A store of one number a person, which counts who asks.
#[derive(Default)]
pub(super) struct Store {
    pub(super) number: AtomicU64,
    pub(super) reads: AtomicU64,
}

impl Store {
    fn put(&self, number: u64) {
        self.number.store(number, Ordering::SeqCst);
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    pub(super) async fn read(&self) -> Result<Bytes, Infallible> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(Bytes::copy_from_slice(&self.number.load(Ordering::SeqCst).to_be_bytes()))
    }
}

pub(super) fn number(kept: &Kept) -> u64 {
    u64::from_be_bytes(kept.value[..].try_into().unwrap())
}

/// What is told of Ana, and whether the store was not asked.
pub(super) async fn told(shelf: &Shelf, store: &Store) -> (u64, bool) {
    let kept = shelf.get(ANA, store.read()).await.unwrap();
    (number(&kept), kept.cached)
}

pub(super) async fn write(shelf: &Shelf, work: impl Future<Output = ()>) {
    shelf.write(&[ANA.to_vec()], work, |()| (Written::Done, Vec::new())).await;
}

fn by_hand() -> redis::Connection {
    Client::open(ficha_testkit::redis::url()).unwrap().get_connection().unwrap()
}

fn key_of(shelf: &Shelf) -> String {
    shelf.place_of(ANA).key
}

#[tokio::test]
async fn what_one_process_read_the_other_finds() {
    let ([one, other], store) = (two().await, Store::default());
    store.put(7);
    assert_eq!(told(&one, &store).await, (7, false));
    assert_eq!(told(&other, &store).await, (7, true));
    assert_eq!(told(&one, &store).await, (7, true));
    assert_eq!(store.reads(), 1);
    let figures = other.figures();
    assert_eq!((figures.memory + figures.redis, figures.store), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_asks_the_store_once() {
    let ([one, _], store) = (two().await, Arc::new(Store::default()));
    let gate = Arc::new(Semaphore::new(0));
    let tasks: Vec<_> = (0..300)
        .map(|_| {
            let (shelf, store, gate) = (one.clone(), store.clone(), gate.clone());
            tokio::spawn(async move {
                let read = async {
                    gate.acquire().await.unwrap().forget();
                    store.read().await
                };
                number(&shelf.get(ANA, read).await.unwrap())
            })
        })
        .collect();
    while one.waiting(ANA) < 300 {
        tokio::task::yield_now().await;
    }
    store.put(3);
    gate.add_permits(300);
    for task in tasks {
        assert_eq!(task.await.unwrap(), 3);
    }
    assert_eq!(store.reads(), 1);
}

/// At once: no message has to arrive first.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_everybody_is_told() {
    let ([one, other], store) = (two().await, Store::default());
    for number in 1..=100 {
        // Granted to both for some time.
        for shelf in [&one, &other, &one, &other] {
            told(shelf, &store).await;
        }
        let writer = if number % 2 == 0 { &one } else { &other };
        write(writer, async { store.put(number) }).await;
        assert_eq!(told(&one, &store).await.0, number);
        assert_eq!(told(&other, &store).await.0, number);
    }
    assert!(store.reads() < 250, "{}", store.reads());
}

/// He read before the write, and comes back long after it.
#[tokio::test]
async fn a_slow_reader_leaves_nothing_old() {
    let ([one, other], store) = (two().await, Store::default());
    let (read, go) = (Semaphore::new(0), Semaphore::new(0));
    store.put(1);
    let slow = one.get(ANA, async {
        let old = store.read().await;
        read.add_permits(1);
        go.acquire().await.unwrap().forget();
        old
    });
    let meanwhile = async {
        read.acquire().await.unwrap().forget();
        write(&other, async { store.put(2) }).await;
        assert_eq!(told(&other, &store).await, (2, false));
        go.add_permits(1);
    };
    let (slow, ()) = tokio::join!(slow, meanwhile);
    assert_eq!(number(&slow.unwrap()), 1, "he asked before it was written");
    for shelf in [&one, &other] {
        assert_eq!(told(shelf, &store).await, (2, true));
    }
}

/// One who read before the write and fills after it began is refused as well, and so is one in the middle of it.
#[tokio::test]
async fn while_somebody_writes_nothing_is_kept() {
    let ([one, other], store) = (two().await, Store::default());
    assert_eq!(told(&other, &store).await, (0, false));
    write(&one, async {
        assert_eq!(told(&other, &store).await.0, 0, "not answered yet");
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(told(&other, &store).await, (0, false));
        store.put(1);
        assert_eq!(told(&other, &store).await, (1, false));
        // A second writer comes and goes; the first one is not done yet.
        write(&other, async { store.put(2) }).await;
        assert_eq!(told(&other, &store).await, (2, false));
        store.put(3);
        assert_eq!(told(&other, &store).await, (3, false));
    })
    .await;
    assert_eq!(told(&other, &store).await, (3, false));
    assert_eq!(told(&other, &store).await, (3, true));
}

#[tokio::test]
async fn a_writer_that_ends_in_the_middle_leaves_no_old_value() {
    let ([one, other], store) = (two().await, Store::default());
    for number in 1..4 {
        assert!(told(&other, &store).await.0 < number);
        let work = async {
            store.put(number);
            pending::<()>().await;
        };
        assert!(timeout(Duration::from_millis(100), write(&one, work)).await.is_err());
        assert_eq!(told(&other, &store).await, (number, false), "closed");
        assert_eq!(told(&other, &store).await, (number, false));
        let life: i64 = by_hand().pttl(key_of(&one)).unwrap();
        assert!((60_000..=120_000).contains(&life), "for some time: {life}");
        let _: () = by_hand().del(key_of(&one)).unwrap();
    }
}

#[tokio::test]
async fn a_write_that_may_still_come_to_pass_keeps_its_keys_closed() {
    let ([one, other], store) = (two().await, Store::default());
    let judged = async |written| one.write(&[ANA.to_vec()], async {}, |()| (written, vec![])).await;
    told(&other, &store).await;
    judged(Written::Unknown).await;
    // What was granted before it was closed ends by itself: nothing was answered.
    while told(&other, &store).await.1 {}
    store.put(1);
    assert_eq!(told(&other, &store).await, (1, false));
    let _: () = by_hand().del(key_of(&one)).unwrap();
    judged(Written::Refused).await;
    assert_eq!(told(&other, &store).await, (1, false));
    assert_eq!(told(&other, &store).await, (1, true));
}

/// Whom a write concerned is known only when it is done.
#[tokio::test]
async fn who_turns_out_to_be_concerned_is_told_of_too() {
    let ([one, other], store) = (two().await, Store::default());
    told(&other, &store).await;
    one.write(&[b"rui".to_vec()], async { store.put(1) }, |()| (Written::Done, vec![ANA.to_vec()])).await;
    assert_eq!(told(&other, &store).await, (1, false));
}

#[tokio::test]
async fn a_write_leaves_other_peoples_values() {
    let ([one, other], store) = (two().await, Store::default());
    let rui = async |shelf: &Shelf| shelf.get(b"rui", store.read()).await.unwrap().cached;
    assert!(!rui(&one).await);
    for number in 1..4 {
        write(&one, async { store.put(number) }).await;
        assert!(rui(&other).await, "after {number} writes");
    }
}

/// Emptied between a writer's closing and his opening: what came in meanwhile goes.
#[tokio::test]
async fn marks_that_are_lost_are_missed_by_nobody() {
    let ([one, other], store) = (two().await, Store::default());
    write(&one, async {
        let _: () = by_hand().del(key_of(&one)).unwrap();
        assert_eq!(told(&other, &store).await, (0, false));
        assert_eq!(told(&other, &store).await, (0, true));
        store.put(1);
    })
    .await;
    assert_eq!(told(&other, &store).await, (1, false));
}

#[tokio::test]
async fn nobody_learns_of_anybody_in_redis() {
    let ([one, other], secret) = (two().await, "Maria da Silva, CPF 529.982.247-25");
    let read = async || Ok::<_, Infallible>(Bytes::from(secret));
    one.get(ANA, read()).await.unwrap();
    assert!(other.get(ANA, read()).await.unwrap().cached);
    let (key, mut redis) = (key_of(&one), by_hand());
    assert!(!key.contains("52998224725") && !key.contains(&hex::encode(ANA)));
    let kept: Vec<Vec<u8>> = redis.hvals(&key).unwrap();
    let all = kept.concat();
    assert!(all.len() > secret.len(), "it is there");
    for words in ["Maria", "529", "Silva"] {
        assert!(!all.windows(words.len()).any(|window| window == words.as_bytes()), "{words}");
    }
    // Put under another person's key it opens nothing.
    let rui = one.place_of(b"rui").key;
    let fields: Vec<(Vec<u8>, Vec<u8>)> = redis.hgetall(&key).unwrap();
    let _: () = redis.hset_multiple(&rui, &fields).unwrap();
    let of_rui = other.get(b"rui", async { Ok::<_, Infallible>(Bytes::from("Rui")) }).await.unwrap();
    assert_eq!((&of_rui.value[..], of_rui.cached), (&b"Rui"[..], false));
}
