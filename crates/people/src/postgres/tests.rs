use super::*;
use ficha_seal::{FileKeys, Keyring};
use ficha_testkit::postgres::Guard;

fn vault() -> Vault {
    let dir = tempfile::tempdir().unwrap();
    let keys = FileKeys::at(&dir.path().join("root.key"));
    keys.create(&crate::contract::world()).unwrap();
    Keyring::open(&keys).unwrap().vault("test")
}

/// A store, opened twice, with the database that it lives in.
pub(crate) async fn store() -> (PostgresPeople, PostgresPeople, Guard) {
    let (url, guard) = ficha_testkit::postgres::database().await;
    let (settings, vault) = (Settings::parse(&url).unwrap(), vault());
    PostgresPeople::migrate(&settings, "people").await.unwrap();
    let open = async || PostgresPeople::open(&settings, "people", &vault).await.unwrap();
    (open().await, open().await, guard)
}

crate::contract::suite!(store);

#[tokio::test]
async fn a_store_of_other_keys_is_refused() {
    let (url, _guard) = ficha_testkit::postgres::database().await;
    let settings = Settings::parse(&url).unwrap();
    let open = async |vault: &Vault| PostgresPeople::open(&settings, "people", vault).await.map(drop);
    let first = vault();
    assert!(matches!(open(&first).await, Err(Error::NotMigrated(_))), "nothing is made by opening");
    PostgresPeople::migrate(&settings, "people").await.unwrap();
    open(&first).await.unwrap();
    let world = ficha_domain::World::new(
        Arc::new(ficha_domain::MovedClock::at(Timestamp::UNIX_EPOCH)),
        Arc::new(ficha_domain::SeededRandom::new(2)),
    );
    let dir = tempfile::tempdir().unwrap();
    let keys = FileKeys::at(&dir.path().join("root.key"));
    keys.create(&world).unwrap();
    let other = Keyring::open(&keys).unwrap().vault("test");
    assert!(matches!(open(&other).await, Err(Error::WrongKey { .. })));
    open(&first).await.unwrap();
}
