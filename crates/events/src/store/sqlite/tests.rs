use super::*;
use crate::{Change, store::suite::contract_suite, testing::*};

async fn open() -> (SqliteMovements, SqliteMovements, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = async || open_in(&dir, "America/Sao_Paulo").await;
    (store().await, store().await, dir)
}

async fn open_in(dir: &tempfile::TempDir, zone: &str) -> SqliteMovements {
    let zone = Zone::named(zone).unwrap();
    SqliteMovements::open(&dir.path().join("events.sqlite"), zone, [7; 32]).await.unwrap()
}

contract_suite!(open);

#[tokio::test]
async fn records_are_made_anew_for_another_zone_and_keep_their_time() {
    let (store, _, dir) = open().await;
    add(&store, purchase(1, "2026-11-01T02:00:00Z")).await;
    let (before, updated_at) = hot(&store, cpf(ANA)).await.unwrap();
    assert_eq!(before["monthly"][0]["month"], "2026-10");
    drop(store);
    let store = open_in(&dir, "Europe/Lisbon").await;
    let (after, kept) = hot(&store, cpf(ANA)).await.unwrap();
    assert_eq!(after["monthly"][0]["month"], "2026-11");
    assert_eq!(after["last_purchase"]["date"], "2026-11-01T02:00:00+00:00");
    assert_eq!(kept, updated_at);
    drop(store);
    let store = open_in(&dir, "America/Sao_Paulo").await;
    assert_eq!(hot(&store, cpf(ANA)).await.unwrap(), (before, updated_at));
}

#[tokio::test]
async fn what_was_written_is_there_when_the_file_is_opened_again() {
    let (store, _, dir) = open().await;
    let first = add(&store, movement(1, r#""value":"12.10""#)).await;
    let before = hot(&store, cpf(ANA)).await;
    drop(store);
    let store = open_in(&dir, "America/Sao_Paulo").await;
    assert_eq!(hot(&store, cpf(ANA)).await, before);
    assert_ne!(add(&store, movement(2, "")).await.etag, first.etag);
}

#[tokio::test]
async fn keys_and_requests_are_not_readable_in_the_file() {
    let (store, _, dir) = open().await;
    let condition = under_key("shop my-secret-key", "POST /x {\"a\":\"hush-hush\"}", at(NOW));
    store.write(Write { condition, ..write(Change::Add(movement(1, ""))) }).await.unwrap();
    drop(store);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in ["my-secret-key", "hush-hush"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

/// The plans that make base C fast: no sorting, no walk through other people's rows.
#[tokio::test]
async fn queries_follow_their_indexes() {
    let (store, _, _dir) = open().await;
    let plan = |sql: &'static str| {
        let explain = move |connection: &rusqlite::Connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let lines = statement.raw_query().mapped(|row| row.get::<_, String>(3));
            lines.collect::<rusqlite::Result<Vec<_>>>()
        };
        store.database.read(explain).unwrap().join("; ")
    };
    assert_eq!(plan(rows::LIST), "SEARCH movement USING PRIMARY KEY (cpf=? AND at>? AND (at,id)<(?,?))");
    assert_eq!(plan(rows::LATEST_PURCHASE), "SEARCH movement USING INDEX movement_card (cpf=?)");
}
