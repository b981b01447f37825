//! Redis killed, stopped, emptied, back: under load, at two processes.

use super::{Store, number, processes, told, write};
use crate::{Cache, Settings, Shelf, Written};
use ficha_engines::{Running, redis::obtain};
use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// People of different parts of a cluster.
const PEOPLE: usize = 24;
/// What a read may take while Redis goes, on a machine that does other things too.
const LATEST: Duration = Duration::from_secs(2);

pub(super) fn signal(server: &Running, name: &str) {
    let kill = format!("kill -{name} {}", server.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Stores whose numbers only grow, read and written by two processes until it is stopped. Nobody is told less than what
/// was answered before he asked.
pub(super) struct Load {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

struct Person {
    name: Vec<u8>,
    store: Store,
    answered: AtomicU64,
}

impl Load {
    pub(super) fn on(shelves: &[Shelf; 2]) -> Self {
        let of = |at| Person { name: vec![at as u8], store: Store::default(), answered: AtomicU64::new(0) };
        let people: Arc<Vec<Person>> = Arc::new((0..PEOPLE).map(of).collect());
        let (mut tasks, stop) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for task in 0..16 {
            let (shelf, people, stop) = (shelves[task % 2].clone(), people.clone(), stop.clone());
            tasks.spawn(async move {
                let mut at = task;
                while !stop.load(Ordering::SeqCst) {
                    at = (at * 7 + 5) % PEOPLE;
                    if task < 12 { read(&shelf, &people[at]).await } else { grow(&shelf, &people[at]).await }
                }
            });
        }
        Self { tasks, stop }
    }

    pub(super) async fn end(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn read(shelf: &Shelf, person: &Person) {
    let (began, answered) = (Instant::now(), person.answered.load(Ordering::SeqCst));
    let kept = shelf.get(&person.name, person.store.read()).await.unwrap();
    assert!(number(&kept) >= answered, "told {} after {answered} was answered", number(&kept));
    assert!(began.elapsed() < LATEST, "{:?}", began.elapsed());
    tokio::task::yield_now().await;
}

async fn grow(shelf: &Shelf, person: &Person) {
    let work = async {
        tokio::task::yield_now().await;
        person.store.number.fetch_add(1, Ordering::SeqCst) + 1
    };
    let written = shelf.write(std::slice::from_ref(&person.name), work, |_| (Written::Done, vec![])).await;
    person.answered.fetch_max(written, Ordering::SeqCst);
}

/// Until it is used again: what one process read the other finds.
pub(super) async fn used_again(shelves: &[Shelf; 2]) {
    let (began, store) = (Instant::now(), Store::default());
    loop {
        told(&shelves[0], &store).await;
        if told(&shelves[1], &store).await.1 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it is not picked up again");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn both(url: &str) -> [Shelf; 2] {
    processes(&Settings::parse(url).unwrap()).await.map(|(_, shelf)| shelf)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_nothing_fails_and_nothing_old_is_told() {
    let mut server = obtain().unwrap().start().unwrap();
    let shelves = both(server.url()).await;
    let load = Load::on(&shelves);
    for _ in 0..2 {
        used_again(&shelves).await;
        sleep(Duration::from_millis(300)).await;
        server.kill().unwrap();
        sleep(Duration::from_millis(300)).await;
        server.restart().unwrap();
    }
    used_again(&shelves).await;
    load.end().await;
}

/// Its memory comes back with it: the values of before are there, and nobody uses them.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_under_load_nothing_fails_and_nothing_old_is_told() {
    let server = obtain().unwrap().start().unwrap();
    let shelves = both(server.url()).await;
    let load = Load::on(&shelves);
    // Shorter and longer than an epoch lasts, and than somebody waits.
    for millis in [30, 200, 700, 1300, 2600] {
        used_again(&shelves).await;
        signal(&server, "STOP");
        sleep(Duration::from_millis(millis)).await;
        signal(&server, "CONT");
        sleep(Duration::from_millis(100)).await;
    }
    used_again(&shelves).await;
    load.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn emptied_under_load_nothing_old_is_told() {
    let server = obtain().unwrap().start().unwrap();
    let shelves = both(server.url()).await;
    let load = Load::on(&shelves);
    let mut by_hand = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    for _ in 0..20 {
        let _: () = redis::cmd("FLUSHALL").query(&mut by_hand).unwrap();
        sleep(Duration::from_millis(50)).await;
    }
    used_again(&shelves).await;
    load.end().await;
}

/// The other one was not there when it was away, and asks first.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_while_it_was_away_is_told_by_who_did_not_notice() {
    let (server, store) = (obtain().unwrap().start().unwrap(), Store::default());
    let shelves = both(server.url()).await;
    used_again(&shelves).await;
    assert!(told(&shelves[1], &store).await.1);
    signal(&server, "STOP");
    write(&shelves[0], async { store.put(9) }).await;
    signal(&server, "CONT");
    for shelf in &shelves {
        assert_eq!(told(shelf, &store).await.0, 9);
    }
    used_again(&shelves).await;
}

/// Who waits for nobody waits once: while it is known to be away nobody asks it.
#[tokio::test]
async fn while_it_is_away_nobody_waits_for_it() {
    let (server, store) = (obtain().unwrap().start().unwrap(), Store::default());
    let [(cache, shelf)] = processes(&Settings::parse(server.url()).unwrap()).await;
    while !cache.is_up() {
        sleep(Duration::from_millis(20)).await;
    }
    signal(&server, "STOP");
    while cache.is_up() {
        told(&shelf, &store).await;
        sleep(Duration::from_millis(30)).await;
    }
    let began = Instant::now();
    for _ in 0..100 {
        assert!(!told(&shelf, &store).await.1);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    write(&shelf, async { store.put(1) }).await;
    let began = Instant::now();
    for number in 2..20 {
        write(&shelf, async { store.put(number) }).await;
        assert_eq!(told(&shelf, &store).await, (number, false));
    }
    assert!(began.elapsed() < Duration::from_secs(2), "only the first writes wait: {:?}", began.elapsed());
    signal(&server, "CONT");
}

/// It may come later than the process that uses it.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_comes_later_is_used() {
    let mut server = obtain().unwrap().start().unwrap();
    server.kill().unwrap();
    let [(cache, one), (_, other)] = processes(&Settings::parse(server.url()).unwrap()).await;
    let store = Store::default();
    assert!(!cache.is_up());
    assert_eq!(told(&one, &store).await, (0, false));
    server.restart().unwrap();
    used_again(&[one, other]).await;
    assert!(cache.is_up());
}

/// Nobody keeps the connection when nobody is left who uses it.
#[tokio::test]
async fn a_cache_ends_with_its_last_user() {
    let server = obtain().unwrap().start().unwrap();
    let [(cache, shelf)] = processes(&Settings::parse(server.url()).unwrap()).await;
    let mut by_hand = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut clients = || -> usize {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut by_hand).unwrap();
        list.lines().count()
    };
    assert_eq!(clients(), 2);
    drop::<(Cache, Shelf)>((cache, shelf));
    let began = Instant::now();
    while clients() > 1 {
        assert!(began.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(20)).await;
    }
}
