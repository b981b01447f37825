//! Several processes with a spool each, in front of one store.

use super::*;
use crate::tests::sim::SimDisk;

/// Two services on two handles of one store, as two processes have them.
async fn two(one: Arc<dyn ConsultationStore>, other: Arc<dyn ConsultationStore>) -> [EvidenceService; 2] {
    let start = |store, seed| {
        let parts = parts(&SimDisk::default(), &MemoryStore::default());
        EvidenceService::start(Parts { store, world: world(seed), ..parts }).unwrap()
    };
    [start(one, 1), start(other, 2)]
}

async fn last(service: &EvidenceService) -> Option<i64> {
    service.last(person(1)).await.unwrap().map(|last| last.at.as_second())
}

fn at(second: i64) -> Vec<Consultation> {
    let id = Uuid::from_u128(u128::from(second.unsigned_abs()));
    vec![Consultation { id, at: Timestamp::from_second(second).unwrap(), ..consultation(1) }]
}

/// What one has moved the other tells of, however often he was asked before.
async fn told_by_the_other([one, other]: [EvidenceService; 2]) {
    for second in [10, 20, 30] {
        let before = last(&one).await;
        other.record(at(second)).await.unwrap();
        assert_eq!((last(&one).await, last(&other).await), (before, Some(second)), "not moved yet");
        other.flush().await.unwrap();
        assert_eq!((last(&one).await, last(&other).await), (Some(second), Some(second)));
    }
    one.record(at(25)).await.unwrap();
    assert_eq!(last(&one).await, Some(30), "asked earlier, recorded later");
    let list = async |service: &EvidenceService| {
        let list = service.of_person(person(1), 9).await.unwrap();
        list.iter().map(|consultation| consultation.at.as_second()).collect::<Vec<_>>()
    };
    assert_eq!((list(&one).await, list(&other).await), (vec![30, 25, 20, 10], vec![30, 20, 10]));
    one.close().await.unwrap();
    other.close().await.unwrap();
    assert_eq!(list(&other).await, [30, 25, 20, 10]);
}

macro_rules! several_tests {
    ($open:path: $($name:ident),+) => {$(
        #[tokio::test]
        async fn $name() {
            let (_guard, one, other) = $open().await;
            super::$name(super::two(one, other).await).await;
        }
    )+};
}

mod memory {
    use super::*;

    async fn open() -> ((), Arc<dyn ConsultationStore>, Arc<dyn ConsultationStore>) {
        let store = MemoryStore::shared();
        ((), Arc::new(store.clone()), Arc::new(store))
    }

    several_tests!(open: told_by_the_other);
}

pub(crate) mod postgres {
    use super::*;
    use crate::PostgresStore;
    use ficha_postgres::Settings;
    use ficha_testkit::postgres::Guard;

    /// A database with the store's schema.
    pub(crate) async fn database() -> (String, Guard) {
        let (url, guard) = ficha_testkit::postgres::database().await;
        PostgresStore::migrate(&Settings::parse(&url).unwrap(), "evidence").await.unwrap();
        (url, guard)
    }

    pub(crate) async fn open_store(url: &str) -> Arc<PostgresStore> {
        let (settings, vault) = (Settings::parse(url).unwrap(), keyring(1).vault("evidence"));
        Arc::new(PostgresStore::open(&settings, "evidence", &vault).await.unwrap())
    }

    async fn open() -> (Guard, Arc<dyn ConsultationStore>, Arc<dyn ConsultationStore>) {
        let (url, guard) = database().await;
        (guard, open_store(&url).await, open_store(&url).await)
    }

    several_tests!(open: told_by_the_other);
}
