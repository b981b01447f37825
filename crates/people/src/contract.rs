//! The promises of [`PeopleStore`], as tests that every engine passes. `suite!(make)` names them, `make` being an
//! async function that returns a fresh store, the same data opened once more as another process would, and what keeps
//! it alive.

use crate::{Blinded, Change, Decide, Kind, Numbers, Outcome, PeopleStore, Slot, Verdict};
use ficha_contract::{ErrorCode, Problem};
use ficha_domain::{MovedClock, SeededRandom, World};
use ficha_seal::BlindIndex;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

/// The suite, on one engine.
macro_rules! suite {
    ($make:path) => {
        $crate::contract::suite!(one $make: finds_what_was_put, versions_grow_and_ids_are_never_given_again,
            a_refusal_undoes_the_whole_batch, a_batch_tells_new_people_from_known_ones, a_bulk_load_is_as_many_changes,
            a_refusal_undoes_a_bulk_load, bulk_loads_and_changes_at_once_share_no_number,
            numbers_are_given_once, keys_replay_inside_the_transaction,
            keys_are_forgotten_after_a_day, a_row_of_an_old_key_is_found_and_moved, changes_of_one_person_do_not_interleave,
            many_are_found_at_once, ids_find_people, a_walk_goes_along_the_ids_and_stops_when_told, a_person_may_come_twice_in_a_batch,
            numbers_lie_above_those_that_are_taken, a_key_may_come_twice_in_a_batch);
        $crate::contract::suite!(two $make: two_stores_make_a_person_once, two_stores_give_no_number_twice,
            equal_keys_at_once_on_two_stores_keep_one, what_one_store_answered_the_other_sees,
            batches_that_overlap_end_as_one_after_the_other);
    };
    (one $make:path: $($name:ident),*) => {$(
        #[tokio::test]
        async fn $name() {
            let (store, _same, _alive) = $make().await;
            $crate::contract::$name(std::sync::Arc::new(store)).await;
        }
    )*};
    (two $make:path: $($name:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (one, other, _alive) = $make().await;
            $crate::contract::$name([std::sync::Arc::new(one), std::sync::Arc::new(other)]).await;
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

/// Enough for whatever an engine does with many.
const MANY: u128 = 1000;

/// As a bulk load sends them: along the base. `refused` is refused, everybody else keeps his id and a number.
fn many(refused: Option<u128>) -> Vec<Change> {
    let one = |person: u128| {
        let decide: Decide = Box::new(move |slot, numbers| {
            if refused == Some(person) {
                return Err(ErrorCode::PreconditionFailed.into());
            }
            let body = [slot.id, numbers.next()?].map(i64::to_le_bytes).concat();
            Ok(Verdict::Put { body, reply: Vec::new() })
        });
        Change { indexes: vec![load_index(person)], idempotency: None, now: now(), decide }
    };
    (0..MANY).map(one).collect()
}

fn load_index(person: u128) -> BlindIndex {
    BlindIndex { key: 1, value: (person << 16).to_be_bytes() }
}

pub async fn a_bulk_load_is_as_many_changes(store: Arc<impl PeopleStore + 'static>) {
    for (kind, version) in [(Kind::Created, 1), (Kind::Replaced, 2)] {
        let done = store.change(many(None)).await.unwrap();
        assert!(done.iter().all(|outcome| *outcome == Outcome::Done(kind, Vec::new())), "{kind:?}");
        let (mut ids, mut numbers) = (HashSet::new(), HashSet::new());
        for person in 0..MANY {
            let row = store.find(&[load_index(person)]).await.unwrap().unwrap();
            let (id, number) = row.body.split_at(8);
            assert_eq!((id, row.version), (row.id.to_le_bytes().as_slice(), version));
            ids.insert(row.id);
            numbers.insert(number.to_vec());
        }
        assert_eq!((ids.len(), numbers.len()), (1000, 1000), "each his own");
    }
}

pub async fn a_refusal_undoes_a_bulk_load(store: Arc<impl PeopleStore + 'static>) {
    for refused in [0, MANY / 2, MANY - 1] {
        let error = store.change(many(Some(refused))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PreconditionFailed);
        for person in 0..MANY {
            assert_eq!(store.find(&[load_index(person)]).await.unwrap(), None);
        }
    }
    assert_eq!(store.change(many(None)).await.unwrap().len(), 1000);
}

/// Whatever an engine does to answer many together; also where those who asked first have gone.
pub async fn many_are_found_at_once(store: Arc<impl PeopleStore + 'static>) {
    store.change(many(None)).await.unwrap();
    let find = |person: u128| {
        let store = store.clone();
        async move { (person, store.find(&[load_index(person), index(2, 77)]).await.unwrap()) }
    };
    let gone: Vec<_> = (0..MANY).map(|person| tokio::spawn(find(person))).collect();
    tokio::task::yield_now().await;
    gone.iter().for_each(tokio::task::JoinHandle::abort);
    let mut asked = tokio::task::JoinSet::new();
    // Some twice, some who are not there.
    for person in (0..MANY).chain(0..50).chain(MANY..MANY + 50) {
        asked.spawn(find(person));
    }
    for (person, found) in asked.join_all().await {
        match found {
            Some(row) => assert_eq!(row.body[..8], row.id.to_le_bytes()),
            None => assert!(person >= MANY, "{person}"),
        }
        assert_eq!(store.find(&[load_index(person)]).await.unwrap().is_some(), person < MANY);
    }
}

/// Whatever an engine decides before it writes.
pub async fn bulk_loads_and_changes_at_once_share_no_number(store: Arc<impl PeopleStore + 'static>) {
    let person = |person: u128| {
        let decide: Decide = Box::new(|slot, numbers| {
            let body = [slot.id, numbers.next()?].map(i64::to_le_bytes).concat();
            Ok(Verdict::Put { body, reply: Vec::new() })
        });
        Change { indexes: vec![load_index(person)], idempotency: None, now: now(), decide }
    };
    let mut under_way = tokio::task::JoinSet::new();
    for load in 0..8 {
        let changes = (load * 300..(load + 1) * 300).map(person).collect();
        let (bulk, store) = (store.clone(), store.clone());
        under_way.spawn(async move { bulk.change(changes).await.unwrap().len() });
        // One takes a number that was given before the data came here, so that all to come lie above it.
        let taken = i64::try_from(load).unwrap() * 1000 + 400;
        let alone = change(100 + u8::try_from(load).unwrap(), move |_, numbers| {
            numbers.taken(taken)?;
            Ok(Verdict::Put { body: [0, taken].map(i64::to_le_bytes).concat(), reply: Vec::new() })
        });
        under_way.spawn(async move { store.change(vec![alone]).await.unwrap().len() });
    }
    assert_eq!(under_way.join_all().await.iter().sum::<usize>(), 8 * 301);
    let (mut ids, mut numbers) = (HashSet::new(), HashSet::new());
    for person in 0..8 * 300 {
        let row = store.find(&[load_index(person)]).await.unwrap().unwrap();
        assert_eq!(row.body[..8], row.id.to_le_bytes(), "a body is bound to its id");
        assert!(ids.insert(row.id) && numbers.insert(row.body[8..].to_vec()), "{person}");
    }
}

pub async fn numbers_are_given_once(store: Arc<impl PeopleStore + 'static>) {
    let two = |person| {
        change(person, |_, numbers| {
            // Cut off, since they may be stand-ins.
            let body = [numbers.next()?, numbers.next()?].map(|number| number.to_le_bytes()[0]).to_vec();
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

pub async fn a_person_may_come_twice_in_a_batch(store: Arc<impl PeopleStore + 'static>) {
    let batch =
        vec![put(1, b"a"), put(1, b"b"), put(2, b"c"), delete(2), put(2, b"d"), put(3, b"e"), delete(3)];
    let outcomes = store.change(batch).await.unwrap();
    let kinds: Vec<_> =
        outcomes.iter().map(|outcome| matches!(outcome, Outcome::Done(Kind::Created, _))).collect();
    assert_eq!(kinds, [true, false, true, false, true, true, false]);
    let [first, second] = [1, 2].map(|person| [index(1, person)]);
    let (first, second) =
        (store.find(&first).await.unwrap().unwrap(), store.find(&second).await.unwrap().unwrap());
    assert_eq!((first.body.as_slice(), first.version), (&b"b"[..], 2));
    assert_eq!((second.body.as_slice(), second.version), (&b"d"[..], 1));
    assert_eq!(store.find(&[index(1, 3)]).await.unwrap(), None);
    // The same again, where they are there already: one goes and comes as somebody new.
    store.change(vec![delete(2), put(2, b"f")]).await.unwrap();
    let again = store.find(&[index(1, 2)]).await.unwrap().unwrap();
    assert_eq!((again.body.as_slice(), again.version), (&b"f"[..], 1));
    assert!(again.id > second.id);
}

pub async fn numbers_lie_above_those_that_are_taken(store: Arc<impl PeopleStore + 'static>) {
    let taking = change(1, |_, numbers| {
        numbers.taken(100)?;
        Ok(Verdict::Put { body: Vec::new(), reply: Vec::new() })
    });
    store.change(vec![taking]).await.unwrap();
    store.change(vec![numbered(2, 1)]).await.unwrap();
    assert_eq!(read_numbers(&store, 2).await, [101]);
}

/// Puts the next numbers.
fn numbered(person: u8, count: usize) -> Change {
    change(person, move |_, numbers| {
        let mut body = Vec::new();
        for _ in 0..count {
            body.extend(numbers.next()?.to_be_bytes());
        }
        Ok(Verdict::Put { body, reply: Vec::new() })
    })
}

async fn read_numbers(store: &Arc<impl PeopleStore>, person: u8) -> Vec<i64> {
    let body = store.find(&[index(1, person)]).await.unwrap().unwrap().body;
    body.chunks(8).map(|number| i64::from_be_bytes(number.try_into().unwrap())).collect()
}

pub async fn a_key_may_come_twice_in_a_batch(store: Arc<impl PeopleStore + 'static>) {
    let batch = vec![keyed(put(1, b"a"), 1), keyed(put(1, b"b"), 1), keyed(put(1, b"c"), 2)];
    let done = b"done".to_vec();
    let expected =
        [Outcome::Done(Kind::Created, done.clone()), Outcome::Replayed(done), Outcome::OtherRequest];
    assert_eq!(store.change(batch).await.unwrap(), expected);
    assert_eq!(store.find(&[index(1, 1)]).await.unwrap().unwrap().body, b"a");
}

type Two<S> = [Arc<S>; 2];

/// What both answer to changes sent at once.
async fn at_once<S: PeopleStore + 'static>(stores: &Two<S>, make: impl Fn() -> Vec<Change>) -> Vec<Outcome> {
    let [one, other] = [0, 1].map(|which| {
        let (store, changes) = (stores[which].clone(), make());
        tokio::spawn(async move { store.change(changes).await })
    });
    [one.await.unwrap().unwrap(), other.await.unwrap().unwrap()].into_iter().flatten().collect()
}

pub async fn two_stores_make_a_person_once<S: PeopleStore + 'static>(stores: Two<S>) {
    for person in 0..20 {
        let mut both = at_once(&stores, || vec![put(person, b"a")]).await;
        both.sort_by_key(|outcome| matches!(outcome, Outcome::Done(Kind::Replaced, _)));
        let done = |kind| Outcome::Done(kind, b"done".to_vec());
        assert_eq!(both, [done(Kind::Created), done(Kind::Replaced)]);
        assert_eq!(stores[0].find(&[index(1, person)]).await.unwrap().unwrap().version, 2);
    }
}

pub async fn two_stores_give_no_number_twice<S: PeopleStore + 'static>(stores: Two<S>) {
    let tasks: Vec<_> = (0..40)
        .map(|person| {
            let store = stores[usize::from(person % 2)].clone();
            tokio::spawn(async move { store.change(vec![numbered(person, 3)]).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let mut given = Vec::new();
    for person in 0..40 {
        given.extend(read_numbers(&stores[1], person).await);
    }
    let count = given.len();
    given.sort_unstable();
    given.dedup();
    assert_eq!((count, given.len()), (120, 120));
}

pub async fn equal_keys_at_once_on_two_stores_keep_one<S: PeopleStore + 'static>(stores: Two<S>) {
    for round in 0..20 {
        let key = Blinded { key: [round; 16], request: [1; 16] };
        let add = || Change { idempotency: Some(key.clone()), ..numbered(round, 1) };
        let both = at_once(&stores, || vec![add()]).await;
        let done = both.iter().filter(|outcome| matches!(outcome, Outcome::Done(..))).count();
        let replayed = both.iter().filter(|outcome| matches!(outcome, Outcome::Replayed(_))).count();
        assert_eq!((done, replayed), (1, 1), "{both:?}");
        assert_eq!(stores[0].find(&[index(1, round)]).await.unwrap().unwrap().version, 1);
    }
}

pub async fn what_one_store_answered_the_other_sees<S: PeopleStore + 'static>([one, other]: Two<S>) {
    assert_eq!(done(&one, put(1, b"a")).await, Kind::Created);
    let row = other.find(&[index(1, 1)]).await.unwrap().unwrap();
    assert_eq!(other.find_id(row.id).await.unwrap(), Some(row));
    assert_eq!(done(&other, delete(1)).await, Kind::Deleted);
    assert_eq!(one.find(&[index(1, 1)]).await.unwrap(), None);
}

/// Two imports of files that speak of the same people.
pub async fn batches_that_overlap_end_as_one_after_the_other<S: PeopleStore + 'static>(stores: Two<S>) {
    let add = |person| {
        change(person, |slot, _| {
            let mut body = slot.current.map(|row| row.body.clone()).unwrap_or_default();
            body.push(b'x');
            Ok(Verdict::Put { body, reply: Vec::new() })
        })
    };
    for _ in 0..5 {
        // Each in an order of its own, too many to be decided inline.
        let batch = std::sync::atomic::AtomicBool::new(false);
        let make = || {
            let up = batch.fetch_xor(true, std::sync::atomic::Ordering::Relaxed);
            (0..100).map(|person| add(if up { person } else { 99 - person })).collect()
        };
        at_once(&stores, make).await;
    }
    for person in 0..100 {
        let row = stores[0].find(&[index(1, person)]).await.unwrap().unwrap();
        assert_eq!((row.body.len(), row.version), (10, 10));
    }
}
