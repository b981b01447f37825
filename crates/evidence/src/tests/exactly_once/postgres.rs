use crate::{
    spool::disk::RealDisk,
    tests::{
        several::postgres::{database, open_store},
        sim::SimDisk,
        *,
    },
};
use ficha_testkit::proxy::{Proxy, Way};
use tokio::task::JoinSet;

/// Of each of the two spools.
const RECORDS: u64 = 2000;
const CALLERS: u64 = 40;
/// A connection carries a dozen parts at most, and often not one. Of the bytes that come back a quarter are answers to
/// commits.
const CUT: Way = Way::Cut { there: 100_000, back: 2_500 };

/// Parts of 13 kB, moved as soon as a few wait.
const BUSY: Tuning = Tuning {
    segment_bytes: 64 << 10,
    batch: 200,
    part: 32,
    wake_at: 50,
    rest: Duration::from_millis(5),
    ..SMALL
};

async fn start(url: &str, spool: &Path, seed: u64) -> Arc<EvidenceService> {
    let parts = Parts {
        disk: Arc::new(RealDisk::open(spool).unwrap()),
        store: open_store(url).await,
        world: world(seed),
        settings: SpoolSettings { max_bytes: 1 << 30, ..SETTINGS },
        tuning: BUSY,
        ..parts(&SimDisk::default(), &MemoryStore::default())
    };
    Arc::new(EvidenceService::start(parts).await.unwrap())
}

/// Records these numbers; gives those that were answered.
async fn record_all(service: &Arc<EvidenceService>, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let share = (numbers.end - numbers.start) / CALLERS;
    let mut callers = JoinSet::new();
    for first in numbers.step_by(usize::try_from(share).unwrap()) {
        let service = service.clone();
        callers.spawn(async move {
            let mut answered = Vec::new();
            for number in first..first + share {
                if record(&service, [number]).await {
                    answered.push(number);
                }
                // Over the whole time in which the way is cut.
                tokio::time::sleep(Duration::from_millis(number % 20)).await;
            }
            answered
        });
    }
    callers.join_all().await.concat()
}

/// The mover is asked again and again, also while the store is away: it does not rest.
async fn hurry(service: Arc<EvidenceService>) {
    loop {
        let _ = service.flush().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Both record this half of their numbers, while the way is cut; gives what was answered.
async fn record_half(services: &[Arc<EvidenceService>; 2], half: u64) -> Vec<u64> {
    let hurries: Vec<_> = services.iter().cloned().map(|service| tokio::spawn(hurry(service))).collect();
    let numbers = |spool: u64| {
        let first = spool * RECORDS + half * RECORDS / 2;
        first..first + RECORDS / 2
    };
    let [one, other] = services;
    let (one, other) = tokio::join!(record_all(one, numbers(0)), record_all(other, numbers(1)));
    for hurry in hurries {
        hurry.abort();
        let _ = hurry.await;
    }
    [one, other].concat()
}

/// Two processes record; one of them is stopped in the middle and started again. How often moving failed.
async fn round(seed: u64) -> u64 {
    let (url, _guard) = database().await;
    let proxy = Proxy::before(&url, seed).await;
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = start(&proxy.url, dirs[0].path(), 3 * seed).await;
    let other = start(&proxy.url, dirs[1].path(), 3 * seed + 1).await;
    proxy.set(CUT);
    let mut services = [one, other];
    let mut answered = record_half(&services, 0).await;
    // While the way is cut it may leave something, which is moved after the start.
    let _ = services[1].close().await;
    let stopped = services[1].figures();
    proxy.set(Way::Open);
    services[1] = start(&proxy.url, dirs[1].path(), 3 * seed + 2).await;
    proxy.set(CUT);
    answered.extend(record_half(&services, 1).await);
    proxy.set(Way::Open);
    for service in &services {
        while service.flush().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        service.close().await.unwrap();
    }
    let figures = [stopped, services[0].figures(), services[1].figures()];
    assert!(figures.iter().all(|figures| figures.alarms == 0), "seed {seed}: {figures:?}");
    assert_kept(&url, &answered, seed).await;
    for dir in &dirs {
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 3, "seed {seed}: its id, its lock, one segment");
    }
    figures.iter().map(|figures| figures.moves_failed).sum()
}

/// All that was answered is kept once, and nothing else.
async fn assert_kept(url: &str, answered: &[u64], seed: u64) {
    let mut kept: Vec<u64> = open_store(url).await.all().await.iter().map(number_of).collect();
    kept.sort_unstable();
    let mut answered = answered.to_vec();
    answered.sort_unstable();
    assert_eq!(answered.len() as u64, 2 * RECORDS, "seed {seed}: nobody was refused");
    assert!(kept == answered, "seed {seed}: {} kept, {} answered", kept.len(), answered.len());
}

/// `EVIDENCE_ROUNDS` and `EVIDENCE_SEED` choose others.
#[tokio::test(flavor = "multi_thread")]
async fn two_spools_are_shipped_exactly_once_over_a_way_that_is_cut() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (rounds, first) = (number("EVIDENCE_ROUNDS", 5), number("EVIDENCE_SEED", 1));
    let mut failed = 0;
    for seed in first..first + rounds {
        failed += round(seed).await;
    }
    println!("{rounds} rounds from seed {first}; moving failed {failed} times");
    assert!(failed > 0, "the way is as bad as it is meant to be");
}
