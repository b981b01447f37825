//! What every store of identity promises, one named test per promise. A store's tests are one line:
//! `identity_store_suite!(make)`, `make` being an async function that returns a fresh store, the same data opened once
//! more as another process would, and what keeps it alive.

use super::{IdentityStore, StoredKey};
use crate::{Client, Credential, TokenAlgorithm, testing};
use ficha_contract::{RateLimit, Revoked};
use ficha_domain::{Purpose, World};
use jiff::{Timestamp, ToSpan};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;

macro_rules! identity_store_suite {
    ($make:path) => {
        crate::store::suite::identity_store_suite!(one $make;
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
        crate::store::suite::identity_store_suite!(two $make;
            what_one_process_wrote_another_sees,
            only_one_first_key_is_kept_of_two_processes,
            of_keys_added_at_once_the_last_has_no_end,
            a_poller_misses_no_revocation,
            an_assertion_is_used_once_by_two_processes,
        );
    };
    (one $make:path; $($promise:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $promise() {
            let (store, _same, _alive) = $make().await;
            crate::store::suite::$promise(&store).await;
        })+
    };
    (two $make:path; $($promise:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let (one, other, _alive) = $make().await;
            crate::store::suite::$promise([std::sync::Arc::new(one), std::sync::Arc::new(other)]).await;
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
    assert_eq!(store.client("no\0body").await.unwrap(), None, "whatever a request says");
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
    assert!(!store.revoke_client("no\0body", at(1), at(900)).await.unwrap());
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

type Two<S> = [Arc<S>; 2];

pub(crate) async fn what_one_process_wrote_another_sees<S: IdentityStore>([one, other]: Two<S>) {
    let client = client(&testing::world().world, "x");
    one.add_client(client.clone()).await.unwrap();
    assert_eq!(other.client(&client.id).await.unwrap(), Some(client.clone()));
    assert!(other.revoke_client(&client.id, at(1), at(900)).await.unwrap());
    assert_eq!(one.client(&client.id).await.unwrap().unwrap().revoked_at, Some(at(1)));
    assert_eq!(one.revocations(0, 10).await.unwrap(), other.revocations(0, 10).await.unwrap());
    assert!(one.add_first_key(key("a", at(0))).await.unwrap());
    assert!(!other.add_first_key(key("b", at(0))).await.unwrap());
    assert_eq!(other.keys().await.unwrap(), [key("a", at(0))]);
    assert!(one.use_assertion("a", [1; 32], at(0), at(100)).await.unwrap());
    assert!(!other.use_assertion("a", [1; 32], at(0), at(100)).await.unwrap());
}

/// What eight tasks, of two processes in turn, are answered when they ask in the same moment.
async fn at_once<S, A, F>(stores: &Two<S>, ask: impl Fn(Arc<S>, usize) -> F) -> Vec<A>
where
    S: IdentityStore + 'static,
    A: Send + 'static,
    F: Future<Output = A> + Send + 'static,
{
    let ready = Arc::new(Barrier::new(8));
    let asking: JoinSet<_> = (0..8)
        .map(|which| {
            let (store, ready) = (stores[which % 2].clone(), ready.clone());
            let asked = ask(store.clone(), which);
            async move {
                // Each has its connection then.
                store.keys().await.unwrap();
                ready.wait().await;
                asked.await
            }
        })
        .collect();
    asking.join_all().await
}

pub(crate) async fn only_one_first_key_is_kept_of_two_processes<S: IdentityStore + 'static>(stores: Two<S>) {
    let add = |store: Arc<S>, which| async move {
        store.add_first_key(key(&format!("{which}"), at(0))).await.unwrap()
    };
    let kept = at_once(&stores, add).await;
    assert_eq!(kept.into_iter().filter(|kept| *kept).count(), 1);
    assert_eq!(stores[0].keys().await.unwrap().len(), 1);
}

pub(crate) async fn of_keys_added_at_once_the_last_has_no_end<S: IdentityStore + 'static>(stores: Two<S>) {
    let add = |store: Arc<S>, which| async move {
        store.add_key(key(&format!("{which}"), at(0)), at(5000), at(0)).await.unwrap();
    };
    at_once(&stores, add).await;
    let keys = stores[1].keys().await.unwrap();
    assert_eq!(keys.len(), 8, "none is lost");
    assert_eq!(keys.iter().filter(|key| key.retires_at.is_none()).count(), 1);
}

/// Whoever goes on from the last one that he saw.
pub(crate) async fn a_poller_misses_no_revocation<S: IdentityStore + 'static>(stores: Two<S>) {
    const EACH: u128 = 40;
    let mut revoking: JoinSet<_> = (0..8)
        .map(|who| {
            let store = stores[who % 2].clone();
            async move {
                for one in 0..EACH {
                    let id = Uuid::from_u128(who as u128 * EACH + one);
                    store.revoke_token(id, at(0), at(100)).await.unwrap();
                }
            }
        })
        .collect();
    let (clients, world) = (stores[0].clone(), testing::world().world);
    revoking.spawn(async move {
        for _ in 0..EACH {
            let client = client(&world, "x");
            clients.add_client(client.clone()).await.unwrap();
            assert!(clients.revoke_client(&client.id, at(0), at(100)).await.unwrap());
        }
    });
    let (mut last, mut seen) = (0, Vec::new());
    loop {
        let was_done = revoking.is_empty();
        while let Some(done) = revoking.try_join_next() {
            done.unwrap();
        }
        let page = stores[1].revocations(last, 3).await.unwrap();
        last = page.last().map_or(last, |revocation| revocation.number);
        if was_done && page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|revocation| revocation.revoked));
    }
    let tokens: BTreeSet<_> = seen
        .iter()
        .filter_map(|revoked| if let Revoked::Token(id) = revoked { Some(id) } else { None })
        .collect();
    assert_eq!((seen.len(), tokens.len()), (9 * EACH as usize, 8 * EACH as usize));
}

/// Also where it was used before, so long ago that it is new.
pub(crate) async fn an_assertion_is_used_once_by_two_processes<S: IdentityStore + 'static>(stores: Two<S>) {
    for round in 0..20 {
        for now in [at(0), at(101)] {
            let using = |store: Arc<S>, _| async move {
                store.use_assertion("a", [round; 32], now, now + 100.seconds()).await.unwrap()
            };
            let used = at_once(&stores, using).await;
            assert_eq!(used.into_iter().filter(|used| *used).count(), 1);
        }
    }
}
