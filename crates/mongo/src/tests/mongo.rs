//! What is promised when others are faster, the server hangs, or is killed.

mod changes;
mod encrypted;
mod kill;

use crate::*;
use ficha_testkit::{
    mongo::{Guard, database},
    proxy::{Proxy, Way},
};
use mongodb::bson::{Document, doc};
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Barrier, time::Instant};

const SECONDS: Duration = Duration::from_secs(10);
const POINT: Duration = Duration::from_secs(2);

fn steps() -> Vec<Step> {
    vec![
        key_collection(),
        idempotency_collection(),
        Step::collection(
            "thing",
            schema(&[("_id", "long"), ("value", "long")], &[("word", "string")]),
            vec![],
        ),
        Step::adds(vec![doc! { "update": "thing", "updates": [
            { "q": { "_id": 1_i64 }, "u": { "$setOnInsert": { "value": 0_i64 } }, "upsert": true },
            { "q": { "_id": 2_i64 }, "u": { "$setOnInsert": { "value": 0_i64 } }, "upsert": true },
        ] }]),
    ]
}

async fn open(url: &str) -> Mongo {
    let settings = Settings::parse(url).unwrap();
    Mongo::migrate(&settings, "test", &steps()).await.unwrap();
    Mongo::open(&settings, "test", &steps()).await.unwrap()
}

async fn store() -> (Mongo, Guard) {
    let (url, guard) = database();
    (open(&url).await, guard)
}

async fn try_value(store: &Mongo, id: i64) -> Result<i64, Error> {
    let things = store.collection("thing");
    let thing = store.ask(POINT, things.find_one(doc! { "_id": id })).await?;
    Ok(thing.unwrap().get_i64("value").unwrap())
}

async fn value(store: &Mongo, id: i64) -> i64 {
    try_value(store, id).await.unwrap()
}

/// Adds one to a thing.
async fn add_to(transaction: &mut Transaction, id: i64) -> Result<(), Stop<&'static str>> {
    let things = transaction.collection("thing");
    let add = things.update_one(doc! { "_id": id }, doc! { "$inc": { "value": 1_i64 } });
    add.session(transaction.session()).await?;
    Ok(())
}

type Added = Result<Result<(), &'static str>, Error>;

async fn add(store: &Mongo) -> Added {
    let add =
        store.transaction(SECONDS, Repeat::IfUndone, &(), |(), transaction| Box::pin(add_to(transaction, 1)));
    add.await
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrate_at_once() {
    let (url, _guard) = database();
    let settings = Settings::parse(&url).unwrap();
    assert!(matches!(Mongo::open(&settings, "test", &steps()).await, Err(Error::NotMigrated(_))));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { Mongo::migrate(&settings, "test", &steps()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let store = Mongo::open(&settings, "test", &steps()).await.unwrap();
    assert_eq!(value(&store, 1).await, 0);
    let noted = store.collection("meta").count_documents(doc! { "step": { "$exists": true } }).await.unwrap();
    assert_eq!(noted, 4, "each step was noted once");
}

#[tokio::test]
async fn a_migration_that_was_cut_off_is_finished() {
    let (url, _guard) = database();
    let settings = Settings::parse(&url).unwrap();
    let store = open(&url).await;
    store.collection("meta").delete_many(doc! { "_id": { "$gte": 1 } }).await.unwrap();
    add(&store).await.unwrap().unwrap();
    assert!(matches!(Mongo::open(&settings, "test", &steps()).await, Err(Error::NotMigrated(_))));
    Mongo::migrate(&settings, "test", &steps()).await.unwrap();
    let store = Mongo::open(&settings, "test", &steps()).await.unwrap();
    assert_eq!(value(&store, 1).await, 1, "what was there is there");
}

#[tokio::test]
async fn an_older_version_runs_beside_steps_that_only_add() {
    let (url, _guard) = database();
    let settings = Settings::parse(&url).unwrap();
    let open = async |steps: &[Step]| Mongo::open(&settings, "test", steps).await.map(drop);
    Mongo::migrate(&settings, "test", &steps()).await.unwrap();
    open(&steps()[..3]).await.unwrap();
    let mut broken = steps();
    let strict = doc! { "$jsonSchema": schema(&[("_id", "long")], &[]) };
    broken.push(Step::breaks(vec![doc! { "collMod": "thing", "validator": strict }]));
    assert!(matches!(open(&broken).await, Err(Error::NotMigrated(_))));
    Mongo::migrate(&settings, "test", &broken).await.unwrap();
    assert!(matches!(open(&steps()).await, Err(Error::Newer { step: 4, .. })));
    let changed = [idempotency_collection()];
    assert!(matches!(open(&changed).await, Err(Error::OtherStep { step: 0, .. })));
    assert!(Mongo::migrate(&settings, "test", &changed).await.is_err());
}

#[tokio::test]
async fn what_is_not_as_declared_is_refused_and_not_quoted() {
    let (store, _guard) = store().await;
    let things = store.collection("thing").clone_with_type::<Document>();
    for wrong in [
        doc! { "_id": 3_i64 },
        doc! { "_id": 3_i64, "value": "52998224725" },
        doc! { "_id": 3_i64, "value": 1_i64, "more": "52998224725" },
    ] {
        let told = store.ask(POINT, things.insert_one(wrong)).await.unwrap_err().to_string();
        assert!(told.contains("121") && !told.contains("52998224725"), "{told}");
    }
    let twice = doc! { "_id": 1_i64, "value": 52_998_224_725_i64 };
    let told = store.ask(POINT, things.insert_one(twice)).await.unwrap_err().to_string();
    assert!(told.contains("11000") && !told.contains("52998224725"), "{told}");
    store.ask(POINT, things.insert_one(doc! { "_id": 3_i64, "value": 1_i64, "word": "a" })).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_keys_on_an_empty_store_one_wins() {
    let (store, _guard) = store().await;
    for (one, other) in [([(1, [1; 16])], [(1, [2; 16])]), ([(1, [1; 16])], [(2, [2; 16])])] {
        for collection in ["key_fingerprint", "meta"] {
            store.collection(collection).delete_many(doc! { "noted": { "$exists": false } }).await.unwrap();
        }
        let (said, other_said) = tokio::join!(store.check_keys(&one), store.check_keys(&other));
        let refused =
            [&said, &other_said].iter().filter(|said| matches!(said, Err(Error::WrongKey { .. }))).count();
        assert_eq!((said.is_ok() ^ other_said.is_ok(), refused), (true, 1));
        let winner = if said.is_ok() { one } else { other };
        store.check_keys(&winner).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_work_refuses_is_undone() {
    let (store, _guard) = store().await;
    let refused = store.transaction(SECONDS, Repeat::Always, &(), |(), transaction| {
        Box::pin(async move {
            add_to(transaction, 1).await?;
            Err::<(), _>(Stop::Refused("no"))
        })
    });
    assert_eq!(refused.await.unwrap(), Err("no"));
    assert_eq!(value(&store, 1).await, 0);
    let contended = store.transaction(Duration::from_millis(200), Repeat::Always, &(), |(), _| {
        Box::pin(async { Err::<(), Stop<()>>(Stop::Again) })
    });
    assert!(matches!(contended.await, Err(Error::Contended)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_write_one_document_are_done_one_after_the_other() {
    let (store, _guard) = store().await;
    let (meet, tries) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let both = [1, 2].map(|_| {
        let (store, with) = (store.clone(), (meet.clone(), tries.clone()));
        tokio::spawn(async move {
            let done = store.transaction(SECONDS, Repeat::IfUndone, &with, |(meet, tries), transaction| {
                Box::pin(async move {
                    let seen = transaction.find("thing", doc! { "_id": 1_i64 }).await?;
                    let seen = seen[0].get_i64("value")?;
                    if tries.fetch_add(1, Ordering::Relaxed) < 2 {
                        meet.wait().await;
                    }
                    let set = doc! { "$set": { "value": seen + 1 } };
                    assert_eq!(transaction.update::<()>("thing", [(doc! { "_id": 1_i64 }, set)]).await?, 1);
                    Ok::<_, Stop<()>>(())
                })
            });
            done.await
        })
    });
    for task in both {
        task.await.unwrap().unwrap().unwrap();
    }
    assert_eq!((value(&store, 1).await, tries.load(Ordering::Relaxed)), (2, 3));
}

/// More than one command's worth.
#[tokio::test]
async fn many_documents_are_changed_each_in_its_own_way() {
    let (store, _guard) = store().await;
    let done = store.transaction(SECONDS, Repeat::IfUndone, &(), |(), transaction| {
        Box::pin(async move {
            let things = transaction.documents("thing");
            let new = (10..1310_i64).map(|id| doc! { "_id": id, "value": 0_i64, "word": "x".repeat(20_000) });
            things.insert_many(new).session(transaction.session()).await?;
            let updates = (0..1310_i64).map(|id| (doc! { "_id": id }, doc! { "$set": { "value": id } }));
            let found = transaction.update(" thing".trim(), updates).await?;
            let kept = transaction.find("thing", doc! { "_id": { "$gte": 10_i64 } }).await?;
            Ok::<_, Stop<()>>((found, kept.len()))
        })
    });
    assert_eq!(done.await.unwrap().unwrap(), (1302, 1300));
    assert_eq!((value(&store, 1).await, value(&store, 10).await, value(&store, 1309).await), (1, 10, 1309));
}

#[tokio::test]
async fn keys_are_recalled_until_they_are_too_old_and_then_forgotten() {
    let (store, _guard) = store().await;
    let keys = Idempotency::of(&store);
    let remember = async |reply: &'static [u8], at: i64| {
        let with = (&keys, reply, at);
        let done = store.transaction(SECONDS, Repeat::Always, &with, |(keys, reply, at), transaction| {
            Box::pin(async move {
                let known = keys.recall(transaction, b"key", b"request", 100).await?;
                keys.remember(transaction, (b"key", b"request"), reply, *at).await?;
                Ok::<_, Stop<()>>(known)
            })
        });
        done.await.unwrap().unwrap()
    };
    assert_eq!(remember(b"one", 99).await, Remembered::New);
    assert_eq!(remember(b"two", 100).await, Remembered::New, "the first was too old");
    assert_eq!(remember(b"three", 101).await, Remembered::Reply(b"two".to_vec()));
    let count = async || store.collection("idempotency").count_documents(doc! {}).await.unwrap();
    keys.forget(&store, 101).await.unwrap();
    assert_eq!(count().await, 1);
    keys.forget(&store, 102).await.unwrap();
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_walk_sees_one_moment_and_ends_when_told_or_late() {
    let (store, _guard) = store().await;
    let things = store.collection("thing");
    let new = (10..310_i64).map(|id| doc! { "_id": id, "value": 0_i64 });
    things.clone_with_type::<Document>().insert_many(new).await.unwrap();
    let count = async |most: usize| {
        let mut seen = 0;
        let walk = store.walk(SECONDS, things.find(doc! {}), |_| {
            seen += 1;
            if seen == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        walk.await.unwrap();
        seen
    };
    assert_eq!((count(5000).await, count(70).await), (302, 70));
    let slow = doc! { "$where": "sleep(20) || true" };
    let late = store.walk(Duration::from_millis(50), things.find(slow), |_| ControlFlow::Continue(()));
    assert!(matches!(late.await, Err(Error::Late)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_two_seconds_and_then_nothing() {
    let (url, _guard) = database();
    let _same = open(&url).await;
    let (way, proxy) = through(&url).await;
    let store = open(&way).await;
    assert_eq!(value(&store, 1).await, 0);
    proxy.set(Way::Hanging);
    let asked = async || {
        let begun = Instant::now();
        (try_value(&store, 1).await.is_ok(), begun.elapsed())
    };
    let (answered, took) = asked().await;
    assert!(!answered && took > Duration::from_millis(1900) && took < Duration::from_secs(3), "{took:?}");
    let (answered, took) = asked().await;
    assert!(!answered && took < Duration::from_millis(50), "{took:?}");
    assert!(matches!(add(&store).await, Err(Error::Down)));
    proxy.set(Way::Open);
    let begun = Instant::now();
    while !asked().await.0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it comes back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(value(&store, 1).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_walkers_learn_that_the_server_hangs_and_their_own_slowness_is_not_its() {
    let (url, _guard) = database();
    let direct = open(&url).await;
    let (way, proxy) = through(&url).await;
    let store = open(&way).await;
    let things = store.collection("thing");
    let walk = async |deadline: Duration, filter| {
        store.walk(deadline, things.find(filter), |_| ControlFlow::Continue(())).await
    };
    let write = async |deadline: Duration, pause: Duration| {
        let write = store.transaction(deadline, Repeat::IfUndone, &pause, |pause, transaction| {
            Box::pin(async move {
                add_to(transaction, 1).await?;
                tokio::time::sleep(*pause).await;
                Ok::<_, Stop<&'static str>>(())
            })
        });
        write.await.map(drop)
    };
    let [soon, later] = [Duration::from_millis(300), SECONDS];
    assert!(matches!(write(soon, later).await, Err(Error::Late)));
    assert!(matches!(walk(soon, doc! { "$where": "sleep(400) || true" }).await, Err(Error::Late)));
    assert_eq!(value(&store, 1).await, 0, "the server answers, and is asked");
    for by_writing in [true, false] {
        proxy.set(Way::Hanging);
        let late = if by_writing { write(soon, Duration::ZERO).await } else { walk(soon, doc! {}).await };
        assert!(matches!(late, Err(Error::Late)), "{late:?}");
        assert!(matches!(try_value(&store, 1).await, Err(Error::Down)));
        proxy.set(Way::Open);
        let begun = Instant::now();
        while try_value(&store, 1).await.is_err() {
            assert!(begun.elapsed() < SECONDS, "it comes back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // What the writer began came to the server after all, and does not stand in the way of others.
    add(&direct).await.unwrap().unwrap();
    assert_eq!(value(&direct, 1).await, 1);
}

/// A way to the server that we can cut, which the driver must not find a way around.
async fn through(url: &str) -> (String, Proxy) {
    let proxy = Proxy::before(&url.replacen("://", "://@", 1), 1).await;
    let way = proxy.url.replacen("://@", "://", 1);
    (format!("{way}?directConnection=true"), proxy)
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let settings = Settings::parse("mongodb://127.0.0.1:1/ficha").unwrap();
    let said = Mongo::open(&settings, "test", &steps()).await.err().unwrap().to_string();
    assert!(said.contains("127.0.0.1:1"), "{said}");
}
