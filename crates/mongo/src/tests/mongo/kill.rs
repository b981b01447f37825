//! Servers that are killed in the middle of transactions: one on data that it has to find again, one of three.

use super::{SECONDS, open, value};
use crate::{Error, Idempotency, Mongo, Remembered, Repeat, Stop, Transaction};
use ficha_engines::{Durability, mongo};
use mongodb::bson::doc;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::{JoinHandle, block_in_place},
    time::{Instant, sleep},
};

const ROUNDS: usize = 3;
const WRITERS: i64 = 4;
/// How many are acknowledged between two ends of the server.
const BETWEEN: i64 = 40;

/// What all writers were told.
#[derive(Default)]
struct Told {
    done: AtomicI64,
    unknown: AtomicI64,
    replayed: AtomicI64,
    enough: AtomicBool,
}

/// Adds one, once for each key: `true` when it was done before.
async fn add_keyed(keys: &Idempotency, key: &[u8], transaction: &mut Transaction) -> Result<bool, Stop<()>> {
    if keys.recall(transaction, key, b"add", 0).await? != Remembered::New {
        return Ok(true);
    }
    let things = transaction.collection("thing");
    let one = things.update_one(doc! { "_id": 1_i64 }, doc! { "$inc": { "value": 1_i64 } });
    one.session(transaction.session()).await?;
    keys.remember(transaction, (key, b"add"), b"added", 1).await?;
    Ok(false)
}

/// A client that repeats each request, under its key, until it is answered.
async fn with_keys(store: Mongo, writer: i64, told: Arc<Told>) {
    let keys = Idempotency::of(&store);
    for number in 0.. {
        let key = (writer << 32 | number).to_be_bytes();
        let with = (&keys, key);
        loop {
            let done = store.transaction(SECONDS, Repeat::Always, &with, |(keys, key), transaction| {
                Box::pin(add_keyed(keys, key, transaction))
            });
            match done.await {
                Ok(before) => {
                    told.replayed.fetch_add(i64::from(before.unwrap()), Ordering::Relaxed);
                    break;
                }
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        told.done.fetch_add(1, Ordering::Relaxed);
        if told.enough.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// A client that asks once and believes what it is told.
async fn without_keys(store: Mongo, told: Arc<Told>) {
    while !told.enough.load(Ordering::Relaxed) {
        let done = store.transaction(SECONDS, Repeat::IfUndone, &(), |(), transaction| {
            Box::pin(async move {
                let things = transaction.collection("thing");
                let add = things.update_one(doc! { "_id": 2_i64 }, doc! { "$inc": { "value": 1_i64 } });
                add.session(transaction.session()).await?;
                Ok::<_, Stop<()>>(())
            })
        });
        match done.await {
            Ok(done) => {
                done.unwrap();
                told.done.fetch_add(1, Ordering::Relaxed);
            }
            Err(Error::Unknown) => drop(told.unknown.fetch_add(1, Ordering::Relaxed)),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Lets the server end again and again, each time once some more was acknowledged.
async fn crash(mut crash: impl FnMut(), told: [&Told; 2]) {
    for _ in 0..ROUNDS {
        for told in told {
            let (begun, before) = (Instant::now(), told.done.load(Ordering::Relaxed));
            while told.done.load(Ordering::Relaxed) < before + BETWEEN {
                assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
                sleep(Duration::from_millis(5)).await;
            }
        }
        block_in_place(&mut crash);
    }
}

async fn what_was_acknowledged_is_there_once(url: &str, ends: impl FnMut()) {
    let store = open(url).await;
    let [keyed, unkeyed] = [Arc::new(Told::default()), Arc::new(Told::default())];
    let mut writers: Vec<JoinHandle<()>> = Vec::new();
    for writer in 0..WRITERS {
        writers.push(tokio::spawn(with_keys(store.clone(), writer, keyed.clone())));
        writers.push(tokio::spawn(without_keys(store.clone(), unkeyed.clone())));
    }
    crash(ends, [&keyed, &unkeyed]).await;
    for told in [&keyed, &unkeyed] {
        told.enough.store(true, Ordering::Relaxed);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let done = |told: &Told| told.done.load(Ordering::Relaxed);
    assert_eq!(value(&store, 1).await, done(&keyed), "each key once");
    let kept = store.collection("idempotency").count_documents(doc! {}).await.unwrap();
    assert_eq!(i64::try_from(kept).unwrap(), done(&keyed));
    let (there, unknown) = (value(&store, 2).await, unkeyed.unknown.load(Ordering::Relaxed));
    let possible = done(&unkeyed)..=done(&unkeyed) + unknown;
    assert!(possible.contains(&there), "{there} is not in {possible:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_there_once_after_the_server_was_killed() {
    let mut engine = mongo::obtain().unwrap().start(Durability::Synced).unwrap();
    let url = format!("{}killed", engine.url());
    let crash = || {
        engine.kill().unwrap();
        engine.restart().unwrap();
    };
    what_was_acknowledged_is_there_once(&url, crash).await;
}

/// The one that is killed comes back as a secondary, while another one was elected.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_there_once_after_elections() {
    let mut set = mongo::obtain().unwrap().start_set(3, Durability::Synced).unwrap();
    let url = set.url("elected");
    let crash = || {
        let primary = set.primary().unwrap();
        primary.kill().unwrap();
        primary.restart().unwrap();
    };
    what_was_acknowledged_is_there_once(&url, crash).await;
}
