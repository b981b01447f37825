//! What every store of identity promises, one named test per promise. A store's tests are one line:
//! `identity_store_suite!(make what derefs to the store)`.

use super::{IdentityStore, Revoked, StoredKey};
use crate::{Client, Credential, TokenAlgorithm, testing};
use ficha_contract::RateLimit;
use ficha_domain::{Purpose, World};
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

macro_rules! identity_store_suite {
    ($store:expr) => {
        crate::store::suite::identity_store_suite!($store;
            clients_read_back_as_they_were_kept,
            clients_are_listed_the_oldest_first,
            a_revoked_client_stays_and_its_tokens_are_revoked,
            only_one_first_key_is_kept,
            a_new_key_gives_the_others_an_end,
            keys_past_their_end_are_forgotten,
            revocations_come_in_order_and_once,
            revocations_are_purged_but_their_numbers_never_used_again,
            an_assertion_is_used_once_per_client,
        );
    };
    ($store:expr; $($promise:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $promise() {
            let store = $store;
            crate::store::suite::$promise(&*store).await;
        })+
    };
}
pub(crate) use identity_store_suite;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn client(world: &World, name: &str) -> Client {
    testing::new_client(name, "debts:read dossier:read").make(world).unwrap().0
}

fn key(kid: &str, published_at: Timestamp) -> StoredKey {
    StoredKey {
        kid: kid.to_owned(),
        algorithm: TokenAlgorithm::ES256,
        public: "{}".to_owned(),
        sealed: vec![1, 2, 3],
        published_at,
        signs_from: published_at + 1.hour(),
        retires_at: None,
    }
}

pub(crate) async fn clients_read_back_as_they_were_kept(store: &impl IdentityStore) {
    let world = testing::world().world;
    let with_secret = client(&world, "Loja São João");
    let with_keys = Client {
        credential: Credential::Keys("{\"keys\":[]}".to_owned()),
        default_purpose: Some(Purpose::CreditGranting),
        rate_limit: RateLimit::PerMinute(u32::MAX),
        ..client(&world, "keys")
    };
    let unlimited = Client { rate_limit: RateLimit::Unlimited, ..client(&world, "fast") };
    for client in [with_secret, with_keys, unlimited] {
        store.add_client(client.clone()).await.unwrap();
        assert_eq!(store.client(&client.id).await.unwrap(), Some(client));
    }
    assert_eq!(store.client("nobody").await.unwrap(), None);
}

pub(crate) async fn clients_are_listed_the_oldest_first(store: &impl IdentityStore) {
    let world = testing::world().world;
    for (name, second) in [("second", 2), ("first", 1), ("third", 3)] {
        store.add_client(Client { created_at: at(second), ..client(&world, name) }).await.unwrap();
    }
    let names: Vec<String> = store.clients().await.unwrap().into_iter().map(|client| client.name).collect();
    assert_eq!(names, ["first", "second", "third"]);
}

pub(crate) async fn a_revoked_client_stays_and_its_tokens_are_revoked(store: &impl IdentityStore) {
    let client = client(&testing::world().world, "x");
    store.add_client(client.clone()).await.unwrap();
    assert!(store.revoke_client(&client.id, at(1), at(900)).await.unwrap());
    assert!(store.revoke_client(&client.id, at(2), at(901)).await.unwrap(), "again changes nothing");
    let kept = store.client(&client.id).await.unwrap().unwrap();
    assert_eq!(kept.revoked_at, Some(at(1)));
    let revocations = store.revocations(0, 10).await.unwrap();
    assert_eq!(revocations.len(), 1);
    assert_eq!((&revocations[0].revoked, revocations[0].until), (&Revoked::Client(client.id), at(900)));
    assert!(!store.revoke_client("nobody", at(1), at(900)).await.unwrap());
    assert_eq!(store.revocations(0, 10).await.unwrap().len(), 1);
}

pub(crate) async fn only_one_first_key_is_kept(store: &impl IdentityStore) {
    let (one, two) = tokio::join!(store.add_first_key(key("a", at(0))), store.add_first_key(key("b", at(0))));
    assert!(one.unwrap() != two.unwrap(), "one of two that begin at once");
    assert_eq!(store.keys().await.unwrap().len(), 1);
}

pub(crate) async fn a_new_key_gives_the_others_an_end(store: &impl IdentityStore) {
    store.add_first_key(key("a", at(0))).await.unwrap();
    store.add_key(key("b", at(10)), at(5000), at(10)).await.unwrap();
    store.add_key(key("c", at(20)), at(6000), at(20)).await.unwrap();
    let keys = store.keys().await.unwrap();
    assert_eq!(keys[0], StoredKey { retires_at: Some(at(5000)), ..key("a", at(0)) });
    assert_eq!(keys[1], StoredKey { retires_at: Some(at(6000)), ..key("b", at(10)) });
    assert_eq!(keys[2], key("c", at(20)));
}

pub(crate) async fn keys_past_their_end_are_forgotten(store: &impl IdentityStore) {
    store.add_first_key(key("a", at(0))).await.unwrap();
    store.add_key(key("b", at(10)), at(100), at(10)).await.unwrap();
    store.add_key(key("c", at(20)), at(200), at(100)).await.unwrap();
    assert_eq!(store.keys().await.unwrap().len(), 3, "not before the end has passed");
    store.add_key(key("d", at(30)), at(300), at(101)).await.unwrap();
    let kids: Vec<String> = store.keys().await.unwrap().into_iter().map(|key| key.kid).collect();
    assert_eq!(kids, ["b", "c", "d"]);
}

pub(crate) async fn revocations_come_in_order_and_once(store: &impl IdentityStore) {
    let ids: Vec<Uuid> = (1..=5).map(Uuid::from_u128).collect();
    for id in ids.iter().chain(&ids) {
        store.revoke_token(*id, at(0), at(100)).await.unwrap();
    }
    let first = store.revocations(0, 2).await.unwrap();
    let rest = store.revocations(first[1].number, 10).await.unwrap();
    let seen: Vec<Revoked> = first.iter().chain(&rest).map(|entry| entry.revoked.clone()).collect();
    assert_eq!(seen, ids.into_iter().map(Revoked::Token).collect::<Vec<_>>());
    assert!(store.revocations(rest[2].number, 10).await.unwrap().is_empty());
}

pub(crate) async fn revocations_are_purged_but_their_numbers_never_used_again(store: &impl IdentityStore) {
    store.revoke_token(Uuid::from_u128(1), at(0), at(100)).await.unwrap();
    let seen = store.revocations(0, 10).await.unwrap()[0].number;
    store.revoke_token(Uuid::from_u128(2), at(101), at(200)).await.unwrap();
    let kept = store.revocations(0, 10).await.unwrap();
    assert_eq!(kept.len(), 1, "the first one has expired");
    assert!(kept[0].number > seen, "whoever saw the first one must get the second");
}

pub(crate) async fn an_assertion_is_used_once_per_client(store: &impl IdentityStore) {
    assert!(store.use_assertion("a", [1; 32], at(0), at(100)).await.unwrap());
    assert!(!store.use_assertion("a", [1; 32], at(100), at(200)).await.unwrap());
    assert!(store.use_assertion("b", [1; 32], at(0), at(100)).await.unwrap(), "ids are each client's own");
    assert!(store.use_assertion("a", [2; 32], at(0), at(100)).await.unwrap());
    assert!(store.use_assertion("a", [1; 32], at(101), at(200)).await.unwrap(), "purged once expired");
}
