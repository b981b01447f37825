use super::*;
use crate::store::contract;
use ficha_domain::{MovedClock, SeededRandom, World};
use ficha_seal::{FileKeys, Keyring};
use ficha_testkit::postgres::Guard;
use std::sync::Arc;

/// Equal for equal seeds.
fn vault(seed: u64) -> Vault {
    let clock = Arc::new(MovedClock::at(Timestamp::UNIX_EPOCH));
    let dir = tempfile::tempdir().unwrap();
    let keys = FileKeys::at(&dir.path().join("root.key"));
    keys.create(&World::new(clock, Arc::new(SeededRandom::new(seed)))).unwrap();
    Keyring::open(&keys).unwrap().vault("test")
}

/// A store, opened twice, with the database that it lives in.
async fn store() -> (PostgresDossiers, PostgresDossiers, Guard) {
    let (url, guard) = ficha_testkit::postgres::database().await;
    let (settings, vault) = (Settings::parse(&url).unwrap(), vault(1));
    PostgresDossiers::migrate(&settings).await.unwrap();
    let open = async || PostgresDossiers::open(&settings, &vault).await.unwrap();
    (open().await, open().await, guard)
}

contract::suite!(store);

#[tokio::test]
async fn expired_rows_leave_the_table_a_few_at_a_time() {
    let (store, _same, _guard) = store().await;
    contract::keep_many(&store, 40).await;
    let count = async || {
        let row = store.0.one("SELECT count(*) FROM dossier.dossier", &[]).await.unwrap();
        row.unwrap().get::<_, i64>(0)
    };
    assert_eq!(count().await, 40);
    for (id, left) in [(40, 40 - 16 + 1), (41, 40 - 32 + 2), (42, 3), (43, 4)] {
        contract::keep_later(&store, id).await;
        assert_eq!(count().await, left);
    }
}

#[tokio::test]
async fn a_store_of_other_keys_is_refused() {
    let (url, _guard) = ficha_testkit::postgres::database().await;
    let settings = Settings::parse(&url).unwrap();
    let open = async |vault: &Vault| PostgresDossiers::open(&settings, vault).await.map(drop);
    let (first, other) = (vault(1), vault(2));
    assert!(matches!(open(&first).await, Err(Error::NotMigrated(_))), "nothing is made by opening");
    PostgresDossiers::migrate(&settings).await.unwrap();
    open(&first).await.unwrap();
    assert!(matches!(open(&other).await, Err(Error::WrongKey { .. })));
    open(&first).await.unwrap();
}
