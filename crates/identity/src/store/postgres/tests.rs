use super::*;
use crate::{
    Identity, IdentitySettings,
    testing::{self, ISSUER, KEYRING, OTHER_KEYRING},
};
use ficha_contract::TokenVerifier;
use ficha_testkit::postgres::Guard;
use std::sync::Arc;

async fn migrated() -> (Settings, Guard) {
    let (url, guard) = ficha_testkit::postgres::database().await;
    let settings = Settings::parse(&url).unwrap();
    PostgresIdentity::migrate(&settings).await.unwrap();
    (settings, guard)
}

async fn open(settings: &Settings) -> PostgresIdentity {
    PostgresIdentity::open(settings, &KEYRING.vault("identity")).await.unwrap()
}

/// A store, opened twice, with the database that it lives in.
async fn store() -> (PostgresIdentity, PostgresIdentity, Guard) {
    let (settings, guard) = migrated().await;
    (open(&settings).await, open(&settings).await, guard)
}

crate::store::suite::identity_store_suite!(store);

#[tokio::test]
async fn a_store_of_other_keys_is_refused() {
    let (url, _guard) = ficha_testkit::postgres::database().await;
    let settings = Settings::parse(&url).unwrap();
    let opened = PostgresIdentity::open(&settings, &KEYRING.vault("identity")).await;
    assert!(matches!(opened.err(), Some(Error::NotMigrated(_))), "nothing is made by opening");
    PostgresIdentity::migrate(&settings).await.unwrap();
    open(&settings).await;
    let other = PostgresIdentity::open(&settings, &OTHER_KEYRING.vault("identity")).await;
    assert!(matches!(other.err(), Some(Error::WrongKey { .. })));
    open(&settings).await;
}

/// A number is given before its transaction is visible: nobody gets a later one until it is.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_revocations_wait_for_those_before() {
    let (one, other, _guard) = store().await;
    let (one, other) = (Arc::new(one), Arc::new(other));
    let now = Timestamp::UNIX_EPOCH;
    let (held, let_go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let first = tokio::spawn({
        let with = (one.clone(), held.clone(), let_go.clone());
        async move {
            let work = one.write(Repeat::IfUndone, &with, |(store, held, let_go), transaction| {
                Box::pin(async move {
                    store.lock_revocations(transaction).await?;
                    transaction.execute(REVOKE_TOKEN, &[&Uuid::from_u128(1), &0_i64]).await?;
                    held.notify_one();
                    let_go.notified().await;
                    Ok(())
                })
            });
            work.await
        }
    });
    held.notified().await;
    let second = tokio::spawn({
        let other = other.clone();
        async move { other.revoke_token(Uuid::from_u128(2), now, now).await }
    });
    // Waits for the lock on the server, where it can be seen waiting.
    let waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while other.0.one(waiting, &[]).await.unwrap().is_none() {
        assert!(!second.is_finished(), "it did not wait");
    }
    assert!(other.revocations(0, 10).await.unwrap().is_empty());
    let_go.notify_one();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(other.revocations(0, 10).await.unwrap().len(), 2);
}

/// Two processes that begin at once on an empty store publish the same keys, and believe each other's tokens.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_begin_at_once() {
    let (settings, _guard) = migrated().await;
    let world = testing::world();
    let begin = async || {
        let (store, vault) = (Arc::new(open(&settings).await), KEYRING.vault("identity"));
        Identity::over(store, vault, world.world.clone(), IdentitySettings::new(ISSUER)).await.unwrap()
    };
    let (one, other) = tokio::join!(begin(), begin());
    assert_eq!(one.published_keys().await, other.published_keys().await);
    assert_eq!(one.published_keys().await.keys.len(), 1);
    let minted = one.mint_local("loja", "debts:read".parse().unwrap(), None, 600).await.unwrap();
    assert!(other.verifier().verify(minted.token.reveal()).await.is_ok());
    one.rotate_key().await.unwrap();
    world.advance(11);
    assert_eq!(other.published_keys().await.keys.len(), 2);
}

#[tokio::test]
async fn an_assertion_that_has_ended_is_new_though_it_is_not_purged_yet() {
    let (store, _same, _guard) = store().await;
    let moment = |ms| Timestamp::from_millisecond(ms).unwrap();
    for id in 0..40 {
        assert!(store.use_assertion("a", [id; 32], moment(0), moment(100 + i64::from(id))).await.unwrap());
    }
    assert!(store.use_assertion("a", [39; 32], moment(1000), moment(2000)).await.unwrap());
    assert!(!store.use_assertion("a", [39; 32], moment(1000), moment(2000)).await.unwrap());
    let count = store.0.one("SELECT count(*) FROM identity.assertion", &[]).await.unwrap().unwrap();
    assert_eq!(count.get::<_, i64>(0), 40 - 2 * 16, "a few are purged with each");
}
