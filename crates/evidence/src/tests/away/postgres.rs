use crate::{
    Gate,
    store::postgres::PostgresStore,
    tests::{
        several::postgres::{database, open_store},
        sim::SimDisk,
        *,
    },
};
use ficha_postgres::{Error, Settings};
use ficha_testkit::proxy::{Proxy, Way};
use tokio::time::Instant;

/// The mover rests for a moment only.
const AWAKE: Tuning = Tuning { rest: Duration::from_millis(20), ..SMALL };

async fn open(url: &str, key: u8) -> Result<Arc<PostgresStore>, Error> {
    let vault = keyring(key).vault("evidence");
    PostgresStore::open(&Settings::parse(url).unwrap(), "evidence", &vault).await.map(Arc::new)
}

async fn start(disk: &SimDisk, url: &str, max_bytes: u64) -> Result<EvidenceService, EvidenceError> {
    let store = open(url, 1).await.unwrap();
    let settings = SpoolSettings { max_bytes, ..SETTINGS };
    let parts = parts(disk, &MemoryStore::default());
    EvidenceService::start(Parts { store, settings, tuning: AWAKE, ..parts }).await
}

async fn wait_for(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn kept_in(url: &str) -> Vec<u64> {
    let mut kept: Vec<u64> = open_store(url).await.all().await.iter().map(number_of).collect();
    kept.sort_unstable();
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_on_to_the_bound_and_are_moved_when_it_is_back() {
    let (url, _guard) = database().await;
    let proxy = Proxy::before(&url, 1).await;
    let disk = SimDisk::default();
    let service = start(&disk, &proxy.url, 4000).await.unwrap();
    assert!(record(&service, [0]).await);
    wait_for(|| service.figures().backlog_records == 0).await;
    for way in [Way::Closed, Way::Hanging] {
        proxy.set(way);
        let first = service.figures().records;
        let mut next = first;
        while record(&service, [next]).await {
            next += 1;
        }
        assert!(next > first + 5, "{way:?}: answers went on");
        assert_eq!((service.figures().gate, service.figures().backlog_records), (Gate::Full, next - first));
        assert!(service.last(person(0)).await.is_err(), "{way:?}: others may have asked since");
        let begun = Instant::now();
        assert!(service.last(person(0)).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(1), "{way:?}: it is known to be away");
        // One that hangs is tried for longer than a test may take.
        wait_for(|| way == Way::Hanging || service.figures().moves_failed > 0).await;
        proxy.set(Way::Open);
        wait_for(|| service.figures().backlog_records == 0).await;
        assert_eq!(service.figures().gate, Gate::Open, "{way:?}: by itself");
        wait_for(|| service.figures().backlog_bytes == 0).await;
        assert!(record(&service, [next]).await);
        wait_for(|| service.figures().backlog_records == 0).await;
    }
    service.close().await.unwrap();
    assert_eq!(kept_in(&url).await, (0..service.figures().records).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_starts_without_a_store_that_knows_it() {
    let (url, _guard) = database().await;
    let proxy = Proxy::before(&url, 1).await;
    let disk = SimDisk::default();
    proxy.set(Way::Closed);
    let begun = Instant::now();
    let refused = start(&disk, &proxy.url, 1 << 20).await;
    assert!(matches!(refused, Err(EvidenceError::Unknown(_))));
    assert!(begun.elapsed() > Duration::from_secs(2), "it waited for the store");
    proxy.set(Way::Open);
    let service = start(&disk, &proxy.url, 1 << 20).await.unwrap();
    proxy.set(Way::Closed);
    assert!(record(&service, 0..3).await);
    assert!(service.close().await.is_err());
    let service = start(&disk, &proxy.url, 1 << 20).await.unwrap();
    assert!(record(&service, 3..5).await, "answers go on");
    assert!(service.last(person(0)).await.is_err());
    proxy.set(Way::Open);
    wait_for(|| service.figures().backlog_records == 0).await;
    assert_eq!(service.last(person(4)).await.unwrap().map(|last| last.at), Some(consultation(4).at));
    service.close().await.unwrap();
    assert_eq!(kept_in(&url).await, [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_back_with_other_keys_is_not_written_to() {
    let (url, _guard) = database().await;
    open_store(&url).await;
    let proxy = Proxy::before(&url, 1).await;
    proxy.set(Way::Closed);
    let store = open(&proxy.url, 2).await.unwrap();
    proxy.set(Way::Open);
    let said = store.append(Vec::new()).await.unwrap_err().to_string();
    assert!(said.contains("another key"), "{said}");
    assert!(matches!(open(&proxy.url, 2).await, Err(Error::WrongKey { .. })));
}
