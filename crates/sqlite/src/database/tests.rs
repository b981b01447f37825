use super::*;
use crate::{
    IDEMPOTENCY_TABLE, KEY_TABLE, Remembered, keep_snapshots_on_this_thread, recall, release_snapshots,
    remember,
};

const MIGRATIONS: &[Migration] =
    &["CREATE TABLE person (name TEXT PRIMARY KEY) STRICT", KEY_TABLE, IDEMPOTENCY_TABLE];

fn open(dir: &tempfile::TempDir) -> Result<Database, Error> {
    Database::open(&dir.path().join("test.sqlite"), MIGRATIONS)
}

async fn add(database: &Database, name: &'static str) -> Result<Result<usize, rusqlite::Error>, Error> {
    database.write(move |connection| connection.execute("INSERT INTO person VALUES (?1)", [name])).await
}

fn count(database: &Database) -> i64 {
    database
        .read(|connection| connection.query_row("SELECT count(*) FROM person", [], |row| row.get(0)))
        .unwrap()
}

#[tokio::test]
async fn own_writes_are_seen_at_once_also_on_a_kept_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir).unwrap();
    keep_snapshots_on_this_thread();
    assert_eq!(count(&database), 0);
    add(&database, "Ana").await.unwrap().unwrap();
    assert_eq!(count(&database), 1);
    release_snapshots();
    assert_eq!(count(&database), 1);
}

#[tokio::test]
async fn one_failed_write_does_not_undo_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir).unwrap();
    let (first, twice, other) =
        tokio::join!(add(&database, "Ana"), add(&database, "Ana"), add(&database, "Rui"));
    assert!(first.unwrap().is_ok() && other.unwrap().is_ok());
    assert!(twice.unwrap().is_err(), "the name is there already");
    let panicked = database.write(|_| -> Result<(), ()> { panic!("on purpose") }).await;
    assert!(matches!(panicked, Err(Error::Writer)));
    assert_eq!(count(&database), 2);
}

#[tokio::test]
async fn a_long_read_ends_at_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir).unwrap();
    let forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let result = database
        .read_long(Duration::from_millis(20), move |connection| {
            connection.query_row(forever, [], |row| row.get::<_, i64>(0))
        })
        .await;
    assert!(
        matches!(result, Err(Error::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
    );
}

#[tokio::test]
async fn migrations_run_once_and_a_changed_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.sqlite");
    drop(open(&dir).unwrap());
    assert!(open(&dir).is_ok());
    let older = Database::open(&path, &MIGRATIONS[..1]);
    assert!(matches!(older, Err(Error::Migration { number: 2, .. })));
    let changed = Database::open(&path, &["CREATE TABLE other (x) STRICT"]);
    assert!(matches!(changed, Err(Error::Migration { number: 0, .. })));
}

#[tokio::test]
async fn another_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir).unwrap();
    database.check_keys(vec![(1, [1; 16])]).await.unwrap();
    database.check_keys(vec![(2, [2; 16]), (1, [1; 16])]).await.unwrap();
    for keys in [vec![(1, [1; 16])], vec![(3, [3; 16])], vec![(1, [9; 16]), (2, [2; 16])]] {
        assert!(matches!(database.check_keys(keys).await, Err(Error::WrongKey { .. })));
    }
}

#[tokio::test]
async fn keys_are_remembered_with_their_request() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&dir).unwrap();
    let seen = database
        .write(|connection| {
            remember(connection, b"key", b"request", b"reply", 5)?;
            let same = recall(connection, b"key", b"request")?;
            let other = recall(connection, b"key", b"another")?;
            crate::forget_before(connection, 6)?;
            Ok::<_, rusqlite::Error>((same, other, recall(connection, b"key", b"request")?))
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen, (Remembered::Reply(b"reply".to_vec()), Remembered::OtherRequest, Remembered::New));
}

#[tokio::test]
async fn damage_is_told_from_a_file_that_cannot_be_reached() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.sqlite");
    let missing = crate::quick_check(&path).unwrap_err();
    std::fs::write(&path, "no database, but as long as the header of one, and then some more of it").unwrap();
    let foreign = crate::quick_check(&path).unwrap_err();
    assert_eq!((missing.is_damage(), foreign.is_damage()), (false, true), "{missing}, {foreign}");
}
