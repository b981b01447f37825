use super::*;
use ficha_cache::{Cache, Settings};
use ficha_domain::{MovedClock, SeededRandom, World};
use ficha_seal::{FileKeys, Keyring};
use std::time::Duration;

fn world(seed: u64) -> World {
    World::new(Arc::new(MovedClock::at(Timestamp::UNIX_EPOCH)), Arc::new(SeededRandom::new(seed)))
}

/// Keys that no other test has, whichever process it is in.
fn keyring() -> Keyring {
    let dir = tempfile::tempdir().unwrap();
    let keys = FileKeys::at(&dir.path().join("root.key"));
    let seed =
        u64::from_le_bytes(dir.path().as_os_str().as_encoded_bytes()[..].last_chunk().copied().unwrap());
    keys.create(&world(seed)).unwrap();
    Keyring::open(&keys).unwrap()
}

/// In front of a store that was opened twice: two processes.
async fn in_front(one: impl PeopleStore + 'static, other: impl PeopleStore + 'static) -> [CachedPeople; 2] {
    let keyring = keyring();
    let cache = async |seed| {
        let mut settings = Settings::parse(&ficha_testkit::redis::url()).unwrap();
        settings.grace = Duration::ZERO;
        Cache::open(settings, keyring.vault("cache"), world(seed)).await.shelf("people")
    };
    [CachedPeople::new(Arc::new(one), cache(1).await), CachedPeople::new(Arc::new(other), cache(2).await)]
}

mod mongo {
    mod redis {
        use super::super::{CachedPeople, in_front};

        async fn store() -> (CachedPeople, CachedPeople, ficha_testkit::mongo::Guard) {
            let (one, other, guard) = crate::mongo::tests::store().await;
            let [one, other] = in_front(one, other).await;
            (one, other, guard)
        }

        crate::contract::suite!(store);
    }
}

mod postgres {
    mod redis {
        use super::super::{CachedPeople, in_front};

        async fn store() -> (CachedPeople, CachedPeople, ficha_testkit::postgres::Guard) {
            let (one, other, guard) = crate::postgres::tests::store().await;
            let [one, other] = in_front(one, other).await;
            (one, other, guard)
        }

        crate::contract::suite!(store);
    }
}

#[test]
fn a_row_comes_back_as_it_was() {
    let row = Row {
        id: 7,
        version: i64::MAX,
        updated_at: Timestamp::from_millisecond(-1).unwrap(),
        body: b"x".into(),
    };
    for row in [None, Some(Row { body: Vec::new(), ..row.clone() }), Some(row)] {
        assert_eq!(unpack(&pack(row.as_ref())).unwrap(), row);
    }
    assert!(unpack(&Bytes::from_static(b"short")).is_err());
}
