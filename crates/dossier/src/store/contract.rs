//! The promises of [`DossierStore`], as tests that every engine passes. `suite!(make)` names them, `make` being an
//! async function that returns a fresh store, the same data opened once more as another process would, and what keeps
//! it alive.

use crate::{Blinded, DossierStore, Filter, Known, NewRow, Row, Written};
use ficha_contract::SectionStatus;
use ficha_domain::{MovedClock, Purpose, SeededRandom, World};
use ficha_seal::BlindIndex;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use uuid::Uuid;

/// The suite, on one engine.
macro_rules! suite {
    ($make:path) => {
        $crate::store::contract::suite!(one $make: what_is_kept_is_found, numbers_are_given_once_for_ever,
            what_has_expired_is_not_there, pages_go_from_the_newest_to_the_oldest, filters_hold_together,
            keys_replay_inside_the_transaction, equal_keys_at_once_keep_one, keys_are_forgotten_after_a_day,
            a_key_whose_dossier_is_gone_is_new, numbers_find_dossiers, the_latest_is_one_of_each_person);
        $crate::store::contract::suite!(two $make: two_stores_give_numbers_without_gaps,
            equal_keys_at_once_on_two_stores_keep_one, other_requests_at_once_on_two_stores_keep_one,
            what_one_store_kept_the_other_sees);
    };
    (one $make:path: $($name:ident),*) => {$(
        #[tokio::test]
        async fn $name() {
            let (store, _same, _alive) = $make().await;
            $crate::store::contract::$name(&store).await;
        }
    )*};
    (two $make:path: $($name:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (one, other, _alive) = $make().await;
            $crate::store::contract::$name([std::sync::Arc::new(one), std::sync::Arc::new(other)]).await;
        }
    )*};
}
pub(crate) use suite;

pub(crate) fn world() -> World {
    World::new(Arc::new(MovedClock::at(start())), Arc::new(SeededRandom::new(1)))
}

fn start() -> Timestamp {
    "2026-11-22T12:00:00.123Z".parse().unwrap()
}

fn after(hours: i64) -> Timestamp {
    start() + SignedDuration::from_hours(hours)
}

fn index(person: u8) -> BlindIndex {
    BlindIndex { key: 1, value: [person; 16] }
}

/// A dossier of this id, kept for ten hours from `start`.
fn new(id: u128) -> NewRow {
    let row = Row {
        id: Uuid::from_u128(id),
        number: 0,
        client: "shop".into(),
        person: b"sealed person".to_vec(),
        purpose: Purpose::CreditGranting,
        composed_at: start(),
        complete: true,
        states: [SectionStatus::Fresh, SectionStatus::NotFound, SectionStatus::Stale],
    };
    NewRow {
        row,
        index: index(1),
        expires_at: after(10),
        now: start(),
        idempotency: None,
        body: Arc::new(|number| format!("sealed body {number}").into_bytes()),
    }
}

fn key(request: u8) -> Blinded {
    Blinded { key: [5; 16], request: [request; 16] }
}

fn keyed(id: u128, request: u8) -> NewRow {
    NewRow { idempotency: Some(key(request)), ..new(id) }
}

fn later(new: NewRow, hours: i64) -> NewRow {
    NewRow { now: after(hours), expires_at: after(hours + 10), ..new }
}

async fn numbers(store: &impl DossierStore, filter: Filter) -> Vec<u64> {
    let filter = Filter { now: start(), limit: filter.limit.max(1), ..filter };
    store.list(filter).await.unwrap().iter().map(|row| row.number).collect()
}

/// Dossiers of the ids from 0, which have expired when [`keep_later`] keeps another.
pub(crate) async fn keep_many(store: &impl DossierStore, count: u128) {
    for id in 0..count {
        store.keep(new(id)).await.unwrap();
    }
}

pub(crate) async fn keep_later(store: &impl DossierStore, id: u128) {
    store.keep(later(new(id), 10)).await.unwrap();
}

fn all(now: Timestamp) -> Filter {
    Filter { now, limit: 1000, ..Filter::default() }
}

pub(crate) async fn what_is_kept_is_found(store: &impl DossierStore) {
    assert_eq!(store.find(Uuid::from_u128(7), start()).await.unwrap(), None);
    assert_eq!(store.keep(new(7)).await.unwrap(), Written::Kept(1));
    let (row, body) = store.find(Uuid::from_u128(7), start()).await.unwrap().unwrap();
    assert_eq!(row, Row { number: 1, ..new(7).row });
    assert_eq!(body, b"sealed body 1");
    assert_eq!(store.list(all(start())).await.unwrap(), [row]);
    assert_eq!(store.find(Uuid::from_u128(8), start()).await.unwrap(), None);
}

pub(crate) async fn numbers_are_given_once_for_ever(store: &impl DossierStore) {
    assert_eq!(store.keep(new(1)).await.unwrap(), Written::Kept(1));
    assert!(store.keep(new(1)).await.is_err(), "the id is there already");
    assert_eq!(store.keep(new(2)).await.unwrap(), Written::Kept(2), "what failed took no number");
    store.keep(later(new(3), 20)).await.unwrap();
    assert_eq!(
        store.keep(later(new(4), 50)).await.unwrap(),
        Written::Kept(4),
        "the others have been deleted"
    );
}

pub(crate) async fn what_has_expired_is_not_there(store: &impl DossierStore) {
    store.keep(new(1)).await.unwrap();
    let last = after(10) - SignedDuration::from_millis(1);
    assert!(store.find(Uuid::from_u128(1), last).await.unwrap().is_some());
    assert_eq!(store.list(all(last)).await.unwrap().len(), 1);
    assert_eq!(store.find(Uuid::from_u128(1), after(10)).await.unwrap(), None);
    assert!(store.list(all(after(10))).await.unwrap().is_empty());
}

pub(crate) async fn pages_go_from_the_newest_to_the_oldest(store: &impl DossierStore) {
    keep_many(store, 5).await;
    let page = |before| Filter { before, limit: 2, ..Filter::default() };
    assert_eq!(numbers(store, page(None)).await, [5, 4]);
    assert_eq!(numbers(store, page(Some(4))).await, [3, 2]);
    assert_eq!(numbers(store, page(Some(2))).await, [1]);
    assert!(numbers(store, page(Some(1))).await.is_empty());
    assert_eq!(numbers(store, page(Some(u64::MAX >> 1))).await, [5, 4]);
}

pub(crate) async fn filters_hold_together(store: &impl DossierStore) {
    let mut id = 0;
    for client in ["shop", "bank"] {
        for (person, purpose) in [(1, Purpose::CreditGranting), (2, Purpose::Audit), (1, Purpose::Audit)] {
            id += 1;
            let row = Row { client: client.into(), purpose, ..new(id).row };
            store.keep(NewRow { row, index: index(person), ..new(id) }).await.unwrap();
        }
    }
    let ten = Filter { limit: 10, ..Filter::default() };
    let shop = Filter { client: Some("shop".into()), ..ten.clone() };
    let one = |filter: &Filter| Filter { indexes: vec![index(1)], ..filter.clone() };
    assert_eq!(numbers(store, shop.clone()).await, [3, 2, 1]);
    assert_eq!(numbers(store, one(&ten)).await, [6, 4, 3, 1]);
    assert_eq!(numbers(store, one(&shop)).await, [3, 1]);
    let audit = Filter { purpose: Some(Purpose::Audit), ..one(&shop) };
    assert_eq!(numbers(store, audit.clone()).await, [3]);
    assert!(numbers(store, Filter { before: Some(3), ..audit }).await.is_empty());
    let either = Filter { indexes: vec![index(9), index(2)], ..ten };
    assert_eq!(numbers(store, either).await, [5, 2], "under whichever key it was blinded");
}

pub(crate) async fn keys_replay_inside_the_transaction(store: &impl DossierStore) {
    assert_eq!(store.recall(key(1), start()).await.unwrap(), Known::New);
    assert_eq!(store.keep(keyed(1, 1)).await.unwrap(), Written::Kept(1));
    assert_eq!(store.recall(key(1), start()).await.unwrap(), Known::Dossier(Uuid::from_u128(1)));
    assert_eq!(store.recall(key(2), start()).await.unwrap(), Known::OtherRequest);
    assert_eq!(store.keep(keyed(2, 1)).await.unwrap(), Written::Before(Uuid::from_u128(1)));
    assert_eq!(store.keep(keyed(2, 2)).await.unwrap(), Written::OtherRequest);
    assert_eq!(store.keep(new(2)).await.unwrap(), Written::Kept(2), "the repetitions took no number");
}

pub(crate) async fn equal_keys_at_once_keep_one(store: &impl DossierStore) {
    let (one, other) = tokio::join!(store.keep(keyed(1, 1)), store.keep(keyed(2, 1)));
    let kept = [one.unwrap(), other.unwrap()];
    let first = Uuid::from_u128(if kept[0] == Written::Kept(1) { 1 } else { 2 });
    assert!(kept.contains(&Written::Kept(1)) && kept.contains(&Written::Before(first)), "{kept:?}");
}

pub(crate) async fn keys_are_forgotten_after_a_day(store: &impl DossierStore) {
    store.keep(NewRow { expires_at: after(1000), ..keyed(1, 1) }).await.unwrap();
    assert_eq!(store.recall(key(2), after(24)).await.unwrap(), Known::OtherRequest);
    assert_eq!(store.recall(key(2), after(25)).await.unwrap(), Known::New);
    assert_eq!(store.keep(later(keyed(2, 2), 25)).await.unwrap(), Written::Kept(2));
}

pub(crate) async fn a_key_whose_dossier_is_gone_is_new(store: &impl DossierStore) {
    store.keep(keyed(1, 1)).await.unwrap();
    assert_eq!(store.recall(key(1), after(10)).await.unwrap(), Known::New);
    assert_eq!(store.keep(later(keyed(2, 1), 11)).await.unwrap(), Written::Kept(2));
    assert_eq!(store.recall(key(1), after(12)).await.unwrap(), Known::Dossier(Uuid::from_u128(2)));
}

pub(crate) async fn numbers_find_dossiers(store: &impl DossierStore) {
    store.keep(new(7)).await.unwrap();
    let (row, body) = store.find_by_number(1, start()).await.unwrap().unwrap();
    assert_eq!((row.id, body.as_slice()), (Uuid::from_u128(7), &b"sealed body 1"[..]));
    assert_eq!(store.find_by_number(2, start()).await.unwrap(), None);
    assert_eq!(store.find_by_number(u64::MAX, start()).await.unwrap(), None);
    assert_eq!(store.find_by_number(1, after(10)).await.unwrap(), None);
}

pub(crate) async fn the_latest_is_one_of_each_person(store: &impl DossierStore) {
    for (id, person, client, complete) in [
        (1, 1, "shop", true),
        (2, 2, "shop", true),
        (3, 1, "shop", true),
        (4, 1, "shop", false),
        (5, 2, "bank", true),
    ] {
        let row = Row { client: client.into(), complete, ..new(id).row };
        store.keep(NewRow { row, index: index(person), ..new(id) }).await.unwrap();
    }
    let latest = async |filter: Filter, oldest_first| {
        let rows = store.latest(Filter { now: start(), ..filter }, oldest_first).await.unwrap();
        rows.iter().map(|row| row.number).collect::<Vec<_>>()
    };
    let shop = Filter { client: Some("shop".into()), complete: true, limit: 10, ..Filter::default() };
    assert_eq!(latest(Filter { limit: 10, ..Filter::default() }, false).await, [5, 4]);
    assert_eq!(latest(shop.clone(), false).await, [3, 2]);
    assert_eq!(latest(shop.clone(), true).await, [2, 3]);
    assert_eq!(latest(Filter { limit: 1, ..shop.clone() }, true).await, [2]);
    assert_eq!(latest(Filter { indexes: vec![index(1)], ..shop.clone() }, false).await, [3]);
    assert!(latest(Filter { indexes: vec![index(9)], ..shop.clone() }, false).await.is_empty());
    assert!(store.latest(Filter { now: after(10), ..shop }, false).await.unwrap().is_empty());
}

type Two<S> = [Arc<S>; 2];

/// What the two answer to dossiers kept at once.
async fn at_once<S: DossierStore + 'static>(stores: &Two<S>, new: [NewRow; 2]) -> [Written; 2] {
    let [one, other] = new;
    let [first, second] = stores.clone();
    let (one, other) = (
        tokio::spawn(async move { first.keep(one).await }),
        tokio::spawn(async move { second.keep(other).await }),
    );
    [one.await.unwrap().unwrap(), other.await.unwrap().unwrap()]
}

/// Some of them fail: their ids are there already.
pub(crate) async fn two_stores_give_numbers_without_gaps<S: DossierStore + 'static>(stores: Two<S>) {
    let tasks: Vec<_> = (0..60)
        .map(|task| {
            let store = stores[task % 2].clone();
            let id = if task % 3 == 2 { 0 } else { task as u128 + 1 };
            tokio::spawn(async move { store.keep(new(id)).await.ok() })
        })
        .collect();
    let mut given = Vec::new();
    for task in tasks {
        if let Some(Written::Kept(number)) = task.await.unwrap() {
            given.push(number);
        }
    }
    given.sort_unstable();
    assert_eq!(given, (1..=41).collect::<Vec<_>>(), "of twenty equal ids one was kept");
    let listed: Vec<u64> = stores[1].list(all(start())).await.unwrap().iter().map(|row| row.number).collect();
    assert_eq!(listed, (1..=41).rev().collect::<Vec<_>>());
}

pub(crate) async fn equal_keys_at_once_on_two_stores_keep_one<S: DossierStore + 'static>(stores: Two<S>) {
    for round in 1..=20 {
        let key = Blinded { key: [round; 16], request: [1; 16] };
        let ids = [u128::from(round) * 2, u128::from(round) * 2 + 1];
        let keyed = ids.map(|id| NewRow { idempotency: Some(key.clone()), ..new(id) });
        let mut both = at_once(&stores, keyed).await;
        let first = Uuid::from_u128(ids[usize::from(matches!(both[0], Written::Before(_)))]);
        both.sort_by_key(|written| matches!(written, Written::Before(_)));
        assert_eq!(both, [Written::Kept(round.into()), Written::Before(first)], "the other took no number");
        assert_eq!(stores[1].recall(key, start()).await.unwrap(), Known::Dossier(first));
    }
}

/// Also where the key was another's before, whose dossier has expired.
pub(crate) async fn other_requests_at_once_on_two_stores_keep_one<S: DossierStore + 'static>(stores: Two<S>) {
    for round in 1..=20 {
        let keyed = |id: u128, request| NewRow {
            idempotency: Some(Blinded { key: [round; 16], request: [request; 16] }),
            ..new(u128::from(round) * 10 + id)
        };
        stores[0].keep(keyed(0, 1)).await.unwrap();
        let both = at_once(&stores, [later(keyed(1, 2), 25), later(keyed(2, 3), 25)]).await;
        assert!(both.contains(&Written::Kept(u64::from(round) * 2)), "{both:?}");
        assert!(both.contains(&Written::OtherRequest), "{both:?}");
    }
}

pub(crate) async fn what_one_store_kept_the_other_sees<S: DossierStore + 'static>([one, other]: Two<S>) {
    assert_eq!(one.keep(keyed(7, 1)).await.unwrap(), Written::Kept(1));
    let (row, _) = other.find(Uuid::from_u128(7), start()).await.unwrap().unwrap();
    assert_eq!(other.list(all(start())).await.unwrap(), [row]);
    assert_eq!(other.keep(keyed(8, 1)).await.unwrap(), Written::Before(Uuid::from_u128(7)));
    assert_eq!(other.keep(new(8)).await.unwrap(), Written::Kept(2));
    assert!(one.find_by_number(2, start()).await.unwrap().is_some());
}
