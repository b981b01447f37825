use super::*;
use crate::tests::keyring;
use ficha_testkit::postgres::Guard;

impl PostgresStore {
    /// Everything that is kept.
    pub(crate) async fn all(&self) -> Vec<SealedConsultation> {
        let sql = "SELECT spool, sequence, key_id, person, at, purpose, counts, hash, body FROM evidence.consultation";
        let mut found = Vec::new();
        let read = |row: &Row| {
            found.push(consultation(row).unwrap());
            ControlFlow::Continue(())
        };
        self.at_once().unwrap().walk(Duration::from_secs(60), sql, &[], read).await.unwrap();
        found
    }
}

/// A store, opened twice. The database lives for as long as its guard.
async fn open_two() -> (Guard, PostgresStore, PostgresStore) {
    let (url, guard) = ficha_testkit::postgres::database().await;
    let (settings, vault) = (Settings::parse(&url).unwrap(), keyring(1).vault("evidence"));
    PostgresStore::migrate(&settings, "evidence").await.unwrap();
    let open = async || PostgresStore::open(&settings, "evidence", &vault).await.unwrap();
    (guard, open().await, open().await)
}

async fn open() -> (Guard, PostgresStore) {
    let (guard, store, _) = open_two().await;
    (guard, store)
}

crate::store::contract::consultation_store_tests!(open());
crate::store::contract::shared_store_tests!(open_two());

#[tokio::test]
async fn a_store_of_other_keys_is_refused() {
    let (url, _guard) = ficha_testkit::postgres::database().await;
    let settings = Settings::parse(&url).unwrap();
    let open = async |number: u8| {
        let vault = keyring(number).vault("evidence");
        PostgresStore::open(&settings, "evidence", &vault).await.map(drop)
    };
    assert!(matches!(open(1).await, Err(Error::NotMigrated(_))), "nothing is made by opening");
    PostgresStore::migrate(&settings, "evidence").await.unwrap();
    open(1).await.unwrap();
    assert!(matches!(open(2).await, Err(Error::WrongKey { .. })));
}

#[tokio::test]
async fn last_reads_the_index_alone() {
    let (_guard, store) = open().await;
    let row = |sequence: u64| SealedConsultation {
        key: RecordKey { spool: SpoolId([9; 16]), sequence },
        label: Label {
            person: BlindIndex { key: 1, value: u128::from(sequence % 500).to_be_bytes() },
            at_ms: sequence.cast_signed(),
            purpose: Purpose::RiskAnalysis,
            counts: true,
        },
        hash: [7; 16],
        body: vec![7; 200],
    };
    store.append((0..4000).map(row).collect()).await.unwrap();
    store.at_once().unwrap().one("VACUUM ANALYZE evidence.consultation", &[]).await.unwrap();
    let sql = format!("EXPLAIN {}", store.sql.last.replace("$1", "'00000000-0000-0000-0000-000000000007'"));
    let mut plan = String::new();
    let read = |row: &Row| {
        plan += row.get(0);
        ControlFlow::Continue(())
    };
    store.at_once().unwrap().walk(LIST_DEADLINE, &sql, &[], read).await.unwrap();
    assert!(plan.contains("Index Only Scan using consultation_person"), "{plan}");
}
