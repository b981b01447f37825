use super::*;
use ficha_seal::{FileKeys, Keyring};
use ficha_testkit::mongo::{Guard, database};

fn vault(seed: u64) -> Vault {
    let dir = tempfile::tempdir().unwrap();
    let keys = FileKeys::at(&dir.path().join("root.key"));
    let world = ficha_domain::World::new(
        Arc::new(ficha_domain::MovedClock::at(Timestamp::UNIX_EPOCH)),
        Arc::new(ficha_domain::SeededRandom::new(seed)),
    );
    keys.create(&world).unwrap();
    Keyring::open(&keys).unwrap().vault("test")
}

/// A store, opened twice, with the database that it lives in.
pub(crate) async fn store() -> (MongoPeople, MongoPeople, Guard) {
    let (url, guard) = database();
    let (settings, vault) = (Settings::parse(&url).unwrap(), vault(1));
    MongoPeople::migrate(&settings, "people").await.unwrap();
    let open = async || MongoPeople::open(&settings, "people", &vault).await.unwrap();
    (open().await, open().await, guard)
}

crate::contract::suite!(store);

#[tokio::test]
async fn a_store_of_other_keys_is_refused() {
    let (url, _guard) = database();
    let settings = Settings::parse(&url).unwrap();
    let open = async |vault: &Vault| MongoPeople::open(&settings, "people", vault).await.map(drop);
    let first = vault(1);
    assert!(matches!(open(&first).await, Err(Error::NotMigrated(_))), "nothing is made by opening");
    MongoPeople::migrate(&settings, "people").await.unwrap();
    open(&first).await.unwrap();
    assert!(matches!(open(&vault(2)).await, Err(Error::WrongKey { .. })));
    open(&first).await.unwrap();
}

/// Neither by index nor by number is a person looked for among all.
#[tokio::test]
async fn look_ups_go_along_an_index() {
    let (store, _same, _guard) = store().await;
    let people = &store.people;
    let database = people.client().database(&people.namespace().db);
    for (filter, stage) in [(doc! { "_id": bytes(&[1; 16]) }, "IDHACK"), (doc! { "id": 1_i64 }, "IXSCAN")] {
        let explain = doc! { "explain": { "find": people.name(), "filter": filter } };
        let plan = database.run_command(explain).await.unwrap().to_string();
        assert!(plan.contains(stage) && !plan.contains("COLLSCAN"), "{plan}");
    }
}
