//! On a real server: what is promised when others are faster, the server hangs, or the connection is lost.

mod encrypted;
mod proxy;

use crate::*;
use ficha_testkit::postgres::{Guard, database};
use proxy::{Mode, Proxy};
use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{sync::Barrier, time::Instant};

const STEPS: &[Step] = &[
    KEY_TABLE,
    IDEMPOTENCY_TABLE,
    Step::adds("CREATE TABLE thing (id bigint PRIMARY KEY, value bigint NOT NULL)"),
    Step::adds("INSERT INTO thing (id, value) VALUES (1, 0), (2, 0)"),
];
const SECONDS: Duration = Duration::from_secs(10);

async fn open(url: &str) -> Postgres {
    let settings = Settings::parse(url).unwrap();
    Postgres::migrate(&settings, "test", STEPS).await.unwrap();
    Postgres::open(&settings, "test", STEPS).await.unwrap()
}

async fn store() -> (Postgres, Guard) {
    let (url, guard) = database().await;
    (open(&url).await, guard)
}

async fn value(store: &Postgres, id: i64) -> i64 {
    let row = store.one("SELECT value FROM test.thing WHERE id = $1", &[&id]).await.unwrap();
    row.unwrap().get(0)
}

/// Adds one to a thing, after `first` was run on the first try.
async fn add(store: &Postgres, repeat: Repeat, first: &str) -> (Result<Result<(), ()>, Error>, u32) {
    let with = (AtomicU32::new(0), first.to_owned());
    let done = store.transaction(SECONDS, repeat, &with, |(tries, first), transaction| {
        Box::pin(async move {
            transaction.execute("UPDATE test.thing SET value = value + 1 WHERE id = 1", &[]).await?;
            if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                transaction.query(first, &[]).await?;
            }
            Ok(())
        })
    });
    let done = done.await;
    (done, with.0.into_inner())
}

#[tokio::test]
async fn whoever_finds_the_server_again_opens_the_way_for_all() {
    let (store, _guard) = store().await;
    for how in ["one", "walk", "transaction"] {
        store.gate().down();
        assert!(store.gate().enter().is_err(), "{how}");
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(1001)).await;
        tokio::time::resume();
        let (sql, any) = ("SELECT value FROM test.thing", |_: &Row| ControlFlow::Continue(()));
        match how {
            "one" => drop(value(&store, 1).await),
            "walk" => store.walk(SECONDS, sql, &[], any).await.unwrap(),
            _ => add(&store, Repeat::IfUndone, sql).await.0.unwrap().unwrap(),
        }
        assert!((0..3).all(|_| store.gate().enter().is_ok()), "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_migrate_at_once() {
    let (url, _guard) = database().await;
    let settings = Settings::parse(&url).unwrap();
    assert!(matches!(Postgres::open(&settings, "test", STEPS).await, Err(Error::NotMigrated(_))));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { Postgres::migrate(&settings, "test", STEPS).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let store = Postgres::open(&settings, "test", STEPS).await.unwrap();
    assert_eq!(value(&store, 1).await, 0, "each step was done once");
}

#[tokio::test]
async fn an_older_version_runs_beside_steps_that_only_add() {
    let (url, _guard) = database().await;
    let settings = Settings::parse(&url).unwrap();
    Postgres::migrate(&settings, "test", STEPS).await.unwrap();
    Postgres::open(&settings, "test", &STEPS[..3]).await.unwrap();
    let broken = [STEPS, &[Step { sql: "ALTER TABLE thing DROP COLUMN value", breaks: true }]].concat();
    assert!(matches!(Postgres::open(&settings, "test", &broken).await, Err(Error::NotMigrated(_))));
    Postgres::migrate(&settings, "test", &broken).await.unwrap();
    assert!(matches!(Postgres::open(&settings, "test", STEPS).await, Err(Error::Newer { step: 4, .. })));
    let changed = [Step::adds("SELECT 1")];
    assert!(matches!(
        Postgres::open(&settings, "test", &changed).await,
        Err(Error::OtherStep { step: 0, .. })
    ));
    assert!(Postgres::migrate(&settings, "test", &changed).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_keys_on_an_empty_store_one_wins() {
    let (store, _guard) = store().await;
    let (one, other) = ([(1, [1; 16])], [(1, [2; 16])]);
    let (one, other) = tokio::join!(store.check_keys(&one), store.check_keys(&other));
    let refused =
        [&one, &other].iter().filter(|said| matches!(said, Err(Error::WrongKey { key: 1, .. }))).count();
    assert_eq!((one.is_ok() ^ other.is_ok(), refused), (true, 1));
}

/// Each code of the server, raised once: how often the work is done, and whether it succeeds.
#[tokio::test]
async fn codes_are_repeated_as_the_table_says() {
    let (store, _guard) = store().await;
    for (code, tries, succeeds) in [
        ("40001", 2, true),
        ("40P01", 2, true),
        ("55P03", 2, true),
        ("0A000", 2, true),
        ("25006", 2, true),
        ("57P01", 2, true),
        ("57P03", 2, true),
        ("23505", 1, false),
        ("42601", 1, false),
    ] {
        let before = value(&store, 1).await;
        let raise = format!("RAISE EXCEPTION USING ERRCODE = ''{code}''");
        let make = format!(
            "CREATE OR REPLACE FUNCTION test.raise() RETURNS int LANGUAGE plpgsql AS 'BEGIN {raise}; END'"
        );
        store.one(&make, &[]).await.unwrap();
        let (done, tried) = add(&store, Repeat::IfUndone, "SELECT test.raise()").await;
        assert_eq!((tried, done.is_ok()), (tries, succeeds), "{code}: {done:?}");
        assert_eq!(value(&store, 1).await, before + i64::from(succeeds), "{code}");
    }
}

#[tokio::test]
async fn what_the_work_refuses_is_undone() {
    let (store, _guard) = store().await;
    let refused = store.transaction(SECONDS, Repeat::Always, &(), |(), transaction| {
        Box::pin(async move {
            transaction.execute("UPDATE test.thing SET value = 7", &[]).await?;
            Err::<(), _>(Stop::Refused("no"))
        })
    });
    assert_eq!(refused.await.unwrap(), Err("no"));
    assert_eq!(value(&store, 1).await, 0);
    let contended = store.transaction(SECONDS, Repeat::Always, &(), |(), _| {
        Box::pin(async { Err::<(), Stop<()>>(Stop::Again) })
    });
    assert!(matches!(contended.await, Err(Error::Contended)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_repeated() {
    let (store, _guard) = store().await;
    let meet = std::sync::Arc::new(Barrier::new(2));
    let both = [(1_i64, 2_i64), (2, 1)].map(|(first, second)| {
        let (store, with) = (store.clone(), (meet.clone(), AtomicU32::new(0), first, second));
        tokio::spawn(async move {
            let done = store.transaction(
                SECONDS,
                Repeat::IfUndone,
                &with,
                |(meet, tries, first, second), transaction| {
                    Box::pin(async move {
                        let sql = "UPDATE test.thing SET value = value + 1 WHERE id = $1";
                        transaction.execute(sql, &[first]).await?;
                        if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                            meet.wait().await;
                        }
                        transaction.execute(sql, &[second]).await?;
                        Ok::<_, Stop<()>>(())
                    })
                },
            );
            done.await
        })
    });
    for task in both {
        task.await.unwrap().unwrap().unwrap();
    }
    assert_eq!((value(&store, 1).await, value(&store, 2).await), (2, 2));
}

#[tokio::test]
async fn a_connection_that_is_lost_before_the_commit_is_made_again() {
    let (store, _guard) = store().await;
    let (done, tried) = add(&store, Repeat::IfUndone, "SELECT pg_terminate_backend(pg_backend_pid())").await;
    done.unwrap().unwrap();
    assert_eq!((tried, value(&store, 1).await), (2, 1));
}

#[tokio::test]
async fn a_point_read_survives_its_connection() {
    let (store, _guard) = store().await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..4 {
        store.one(kill, &[]).await.unwrap();
        assert_eq!(value(&store, 1).await, 0);
        assert_eq!(value(&store, 2).await, 0);
    }
}

/// The commit was sent and its answer was lost: whether it happened is the proxy's affair, and nobody else can know.
#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_unless_twice_is_once() {
    let (url, _guard) = database().await;
    let direct = open(&url).await;
    let proxy = Proxy::before(&url).await;
    let store = open(&proxy.url).await;
    for (mode, happened) in [(Mode::CutBeforeCommit, 0), (Mode::CutAfterCommit, 1)] {
        let before = value(&direct, 1).await;
        proxy.set(mode);
        let (done, tried) = add(&store, Repeat::IfUndone, "SELECT 1").await;
        assert!(matches!(done, Err(Error::Unknown)), "{done:?}");
        assert_eq!((tried, value(&direct, 1).await), (1, before + happened));
    }
    proxy.set(Mode::CutAfterCommit);
    let (done, tried) = add(&store, Repeat::Always, "SELECT 1").await;
    done.unwrap().unwrap();
    assert_eq!((tried, value(&direct, 1).await), (2, 3), "done twice, as this work allows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_read_does_not_wait_for_a_long_one() {
    let (store, _guard) = store().await;
    let long = store.clone();
    let begun = Instant::now();
    let long = tokio::spawn(async move {
        let sleeps = "SELECT pg_sleep(1)::text";
        long.walk(SECONDS, sleeps, &[], |_| ControlFlow::Continue(())).await
    });
    for _ in 0..100 {
        value(&store, 1).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    long.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_walk_sees_one_moment_and_ends_when_told_or_late() {
    let (store, _guard) = store().await;
    let count = async |most: usize| {
        let mut seen = 0;
        let sql = "SELECT g FROM generate_series(1, 1000) g";
        let visit = |_: &Row| {
            seen += 1;
            if seen == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.walk(SECONDS, sql, &[], visit).await.unwrap();
        seen
    };
    assert_eq!((count(5000).await, count(70).await), (1000, 70));
    let late =
        store.walk(Duration::from_millis(50), "SELECT pg_sleep(1)::text", &[], |_| ControlFlow::Continue(()));
    assert!(matches!(late.await, Err(Error::Late)));
    assert_eq!(value(&store, 1).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_two_seconds_and_then_nothing() {
    let (url, _guard) = database().await;
    let proxy = Proxy::before(&url).await;
    let store = open(&proxy.url).await;
    assert_eq!(value(&store, 1).await, 0);
    proxy.set(Mode::Hang);
    let asked = async |store: &Postgres| {
        let begun = Instant::now();
        let said = store.one("SELECT 1", &[]).await;
        (said.is_ok(), begun.elapsed())
    };
    let (answered, took) = asked(&store).await;
    assert!(!answered && took > Duration::from_millis(1900) && took < Duration::from_secs(3), "{took:?}");
    let (answered, took) = asked(&store).await;
    assert!(!answered && took < Duration::from_millis(50), "{took:?}");
    let (done, tried) = add(&store, Repeat::Always, "SELECT 1").await;
    assert!(matches!(done, Err(Error::Down)) && tried == 0, "{done:?}");
    proxy.set(Mode::Pass);
    let begun = Instant::now();
    while !asked(&store).await.0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "it comes back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(value(&store, 1).await, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let settings = Settings::parse("postgres://ficha@127.0.0.1:1/ficha").unwrap();
    let said = Postgres::open(&settings, "test", STEPS).await.err().unwrap().to_string();
    assert!(said.contains("connecting"), "{said}");
}

#[tokio::test]
async fn clocks_are_compared_in_both_directions() {
    let (url, _guard) = database().await;
    let settings = Settings::parse(&url).unwrap();
    let ahead = async |clock: i64| Server::ask(&settings, move || clock).await.unwrap().ahead_ms;
    let now = ahead(0).await;
    assert!(now > 1_700_000_000_000, "ms since 1970, where ours stands at 1970: {now}");
    assert!((-2_000..=0).contains(&(ahead(now + 1_000).await)), "a second behind, less the time until now");
}
