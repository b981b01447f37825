//! The promises of [`PeopleStore`], as tests that every engine passes. `suite!(make)` names them, `make` being an
//! async function that returns a fresh store and what keeps it alive.

use crate::{Blinded, Change, Kind, Numbers, Outcome, PeopleStore, Slot, Verdict};
use ficha_contract::{ErrorCode, Problem};
use ficha_domain::{MovedClock, SeededRandom, World};
use ficha_seal::BlindIndex;
use jiff::{SignedDuration, Timestamp};
use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

/// The suite, on one engine.
macro_rules! suite {
    ($make:path) => {
        $crate::contract::suite!($make: finds_what_was_put, versions_grow_and_ids_are_never_given_again,
            a_refusal_undoes_the_whole_batch, a_batch_tells_new_people_from_known_ones, numbers_are_given_once,
            keys_replay_inside_the_transaction, keys_are_forgotten_after_a_day, a_row_of_an_old_key_is_found_and_moved, changes_of_one_person_do_not_interleave,
            ids_find_people, a_walk_goes_along_the_ids_and_stops_when_told);
    };
    ($make:path: $($name:ident),*) => {$(
        #[tokio::test]
        async fn $name() {
            let (store, _alive) = $make().await;
            $crate::contract::$name(std::sync::Arc::new(store)).await;
        }
    )*};
}
pub(crate) use suite;

pub fn world() -> World {
    World::new(Arc::new(MovedClock::at(now())), Arc::new(SeededRandom::new(1)))
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn index(key: u32, person: u8) -> BlindIndex {
    BlindIndex { key, value: [person; 16] }
}

fn change(
    person: u8,
    decide: impl Fn(&Slot<'_>, &mut dyn Numbers) -> Result<Verdict, Problem> + Send + Sync + 'static,
) -> Change {
    Change { indexes: vec![index(1, person)], idempotency: None, now: now(), decide: Box::new(decide) }
}

fn put(person: u8, body: &'static [u8]) -> Change {
    change(person, |_, _| Ok(Verdict::Put { body: body.to_vec(), reply: b"done".to_vec() }))
}

fn delete(person: u8) -> Change {
    change(person, |_, _| Ok(Verdict::Delete { reply: Vec::new() }))
}

async fn done(store: &Arc<impl PeopleStore>, change: Change) -> Kind {
    match store.change(vec![change]).await.unwrap().remove(0) {
        Outcome::Done(kind, _) => kind,
        other => panic!("{other:?}"),
    }
}

pub async fn finds_what_was_put(store: Arc<impl PeopleStore + 'static>) {
    assert_eq!(store.find(&[index(1, 7)]).await.unwrap(), None);
    assert_eq!(done(&store, put(7, b"Ana")).await, Kind::Created);
    let row = store.find(&[index(1, 7)]).await.unwrap().unwrap();
    assert_eq!((row.body.as_slice(), row.version, row.updated_at), (&b"Ana"[..], 1, now()));
    assert_eq!(store.find(&[index(1, 8)]).await.unwrap(), None);
    assert_eq!(store.find(&[index(2, 7)]).await.unwrap(), None);
}

pub async fn versions_grow_and_ids_are_never_given_again(store: Arc<impl PeopleStore + 'static>) {
    done(&store, put(1, b"a")).await;
    assert_eq!(done(&store, put(1, b"b")).await, Kind::Replaced);
    let first = store.find(&[index(1, 1)]).await.unwrap().unwrap();
    assert_eq!(first.version, 2);
    assert_eq!(done(&store, delete(1)).await, Kind::Deleted);
    assert_eq!(store.find(&[index(1, 1)]).await.unwrap(), None);
    done(&store, put(1, b"c")).await;
    assert!(store.find(&[index(1, 1)]).await.unwrap().unwrap().id > first.id);
}

pub async fn a_refusal_undoes_the_whole_batch(store: Arc<impl PeopleStore + 'static>) {
    let refuse = change(2, |_, _| Err(ErrorCode::PreconditionFailed.into()));
    let refused = store.change(vec![put(1, b"a"), refuse]).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PreconditionFailed);
    assert_eq!(store.find(&[index(1, 1)]).await.unwrap(), None);
}

/// Whatever an engine does to spare itself looking everybody up.
pub async fn a_batch_tells_new_people_from_known_ones(store: Arc<impl PeopleStore + 'static>) {
    let (new, known) = (Kind::Created, Kind::Replaced);
    let batches: [(&[u8], &[Kind]); 4] = [
        (&[10, 20, 30], &[new, new, new]),
        (&[5, 20, 40], &[new, known, new]),
        (&[50, 50, 60], &[new, known, new]),
        (&[70, 65, 70], &[new, new, known]),
    ];
    for (people, kinds) in batches {
        let changes = people.iter().map(|person| put(*person, b"body")).collect();
        let done = store.change(changes).await.unwrap();
        let done: Vec<_> = done
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Done(kind, _) => kind,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(done, kinds, "{people:?}");
    }
}

pub async fn numbers_are_given_once(store: Arc<impl PeopleStore + 'static>) {
    let two = |person| {
        change(person, |_, numbers| {
            let body = vec![u8::try_from(numbers.next()?).unwrap(), u8::try_from(numbers.next()?).unwrap()];
            Ok(Verdict::Put { body, reply: Vec::new() })
        })
    };
    store.change(vec![two(1), two(2)]).await.unwrap();
    assert_eq!(store.find(&[index(1, 1)]).await.unwrap().unwrap().body, [1, 2]);
    assert_eq!(store.find(&[index(1, 2)]).await.unwrap().unwrap().body, [3, 4]);
}

fn keyed(change: Change, request: u8) -> Change {
    Change { idempotency: Some(Blinded { key: [5; 16], request: [request; 16] }), ..change }
}

pub async fn keys_replay_inside_the_transaction(store: Arc<impl PeopleStore + 'static>) {
    assert_eq!(done(&store, keyed(put(1, b"a"), 1)).await, Kind::Created);
    let again = store.change(vec![keyed(put(1, b"b"), 1)]).await.unwrap();
    assert_eq!(again, [Outcome::Replayed(b"done".to_vec())]);
    let other = store.change(vec![keyed(put(1, b"c"), 2)]).await.unwrap();
    assert_eq!(other, [Outcome::OtherRequest]);
    assert_eq!(store.find(&[index(1, 1)]).await.unwrap().unwrap().body, b"a");
}

pub async fn keys_are_forgotten_after_a_day(store: Arc<impl PeopleStore + 'static>) {
    done(&store, keyed(put(1, b"a"), 1)).await;
    let later = Change { now: now() + SignedDuration::from_hours(25), ..keyed(put(1, b"b"), 2) };
    assert_eq!(done(&store, later).await, Kind::Replaced);
}

pub async fn a_row_of_an_old_key_is_found_and_moved(store: Arc<impl PeopleStore + 'static>) {
    done(&store, put(1, b"a")).await;
    let both = vec![index(2, 9), index(1, 1)];
    assert_eq!(store.find(&both).await.unwrap().unwrap().body, b"a");
    assert_eq!(done(&store, Change { indexes: both, ..put(1, b"b") }).await, Kind::Replaced);
    assert_eq!(store.find(&[index(2, 9)]).await.unwrap().unwrap().body, b"b");
    assert_eq!(store.find(&[index(1, 1)]).await.unwrap(), None, "unique over both keys");
}

pub async fn changes_of_one_person_do_not_interleave(store: Arc<impl PeopleStore + 'static>) {
    let add = || {
        change(1, |slot, _| {
            let mut body = slot.current.map(|row| row.body.clone()).unwrap_or_default();
            body.push(b'x');
            Ok(Verdict::Put { body, reply: Vec::new() })
        })
    };
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (store, add) = (store.clone(), add());
            tokio::spawn(async move { store.change(vec![add]).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let row = store.find(&[index(1, 1)]).await.unwrap().unwrap();
    assert_eq!((row.body.len(), row.version), (50, 50));
}

pub async fn ids_find_people(store: Arc<impl PeopleStore + 'static>) {
    done(&store, put(1, b"one")).await;
    done(&store, put(2, b"two")).await;
    let second = store.find(&[index(1, 2)]).await.unwrap().unwrap();
    assert_eq!(store.find_id(second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(store.find_id(second.id + 1).await.unwrap(), None);
    assert_eq!(store.find_id(i64::MIN).await.unwrap(), None);
    done(&store, delete(2)).await;
    assert_eq!(store.find_id(second.id).await.unwrap(), None);
}

async fn walked(store: &Arc<impl PeopleStore>, down: bool, most: usize) -> Vec<u8> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = seen.clone();
    let visit = move |row: crate::Row| {
        let mut seen = into.lock().unwrap();
        seen.extend(row.body);
        if seen.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.walk(down, Box::new(visit)).await.unwrap();
    let seen = seen.lock().unwrap();
    seen.clone()
}

pub async fn a_walk_goes_along_the_ids_and_stops_when_told(store: Arc<impl PeopleStore + 'static>) {
    assert!(walked(&store, false, 9).await.is_empty());
    for (person, body) in [(9, b"a"), (3, b"b"), (7, b"c"), (5, b"d")] {
        done(&store, put(person, body)).await;
    }
    done(&store, delete(7)).await;
    assert_eq!(walked(&store, false, 9).await, b"abd");
    assert_eq!(walked(&store, true, 9).await, b"dba");
    assert_eq!(walked(&store, true, 2).await, b"db");
}
