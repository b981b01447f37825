/// Its tests need both servers: they are left out where one cannot be had.
mod mongo {
    mod redis {
        use crate::CachedMovements;
        use crate::{store::suite::contract_suite, testing::world_of};
        use ficha_cache::{Cache, Settings};
        use ficha_seal::{FileKeys, Keyring};
        use ficha_testkit::mongo::Guard;
        use std::{sync::Arc, time::Duration};

        /// Keys that no other test has, whichever process it is in.
        fn keyring() -> Keyring {
            let dir = tempfile::tempdir().unwrap();
            let keys = FileKeys::at(&dir.path().join("root.key"));
            let name = dir.path().as_os_str().as_encoded_bytes();
            keys.create(&world_of(u64::from_le_bytes(*name.last_chunk().unwrap())).0).unwrap();
            Keyring::open(&keys).unwrap()
        }

        async fn open() -> (CachedMovements, CachedMovements, Guard) {
            let ((one, other, guard), keyring) = (crate::store::mongo::tests::open().await, keyring());
            let in_front = async |store, seed| {
                let mut settings = Settings::parse(&ficha_testkit::redis::url()).unwrap();
                settings.grace = Duration::ZERO;
                let cache = Cache::open(settings, keyring.vault("cache"), world_of(seed).0).await;
                CachedMovements::new(Arc::new(store), cache.shelf("events"))
            };
            (in_front(one, 1).await, in_front(other, 2).await, guard)
        }

        contract_suite!(open);
    }
}
