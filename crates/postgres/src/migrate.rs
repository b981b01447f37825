//! Numbered steps, and the fingerprints of the keys that a store was written with.

use crate::{
    Error, Postgres, Repeat, Settings, Stop, Transaction,
    connect::{Connector, Use},
    store::lock_number,
};
use deadpool_postgres::ClientWrapper;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

/// One step. Once it has landed it never changes: the next step does.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is done, in a transaction of its own.
    pub sql: &'static str,
    /// Whether older versions must not run beside it. Steps that only add do not break.
    pub breaks: bool,
}

impl Step {
    /// A step beside which older versions go on.
    #[must_use]
    pub const fn adds(sql: &'static str) -> Self {
        Self { sql, breaks: false }
    }
}

/// Every store that holds something sealed has this table; see [`Postgres::check_keys`].
pub const KEY_TABLE: Step =
    Step::adds("CREATE TABLE key_fingerprint (key_id bigint PRIMARY KEY, fingerprint bytea NOT NULL)");

const CONNECT: Duration = Duration::from_secs(10);
const CHECK_KEYS: Duration = Duration::from_secs(10);

/// A step as the store remembers it.
struct Applied {
    number: i32,
    sql: String,
    breaks: bool,
}

pub(crate) async fn run(settings: &Settings, schema: &str, steps: &[Step]) -> Result<(), Error> {
    let connector = Connector::new(settings, Use::Migration);
    let mut client = timeout(CONNECT, connector.connect()).await.map_err(|_| Error::Late)??;
    // Everything after it: `IF NOT EXISTS` races with itself. The lock goes with the connection.
    client.execute("SELECT pg_advisory_lock($1)", &[&lock_number(schema, "migrate")]).await?;
    make_schema(&client, schema).await?;
    let applied = applied(&client, schema).await?;
    let missing = missing(schema, steps, &applied)?;
    for (number, step) in missing {
        let transaction = client.transaction().await?;
        // So that a step names its tables plainly; it ends with the transaction.
        transaction.batch_execute(&format!("SET LOCAL search_path TO {schema}")).await?;
        transaction.batch_execute(step.sql).await?;
        let note = format!("INSERT INTO {schema}.migration (number, sql, breaks) VALUES ($1, $2, $3)");
        transaction.execute(&note, &[&number, &step.sql, &step.breaks]).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Asked first, since who may not make schemas may not even say `IF NOT EXISTS`.
async fn make_schema(client: &ClientWrapper, schema: &str) -> Result<(), Error> {
    let there = client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
    if there.is_none() {
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let table = format!(
        "CREATE TABLE IF NOT EXISTS {schema}.migration
            (number int PRIMARY KEY, sql text NOT NULL, breaks boolean NOT NULL)"
    );
    Ok(client.batch_execute(&table).await?)
}

async fn applied(client: &ClientWrapper, schema: &str) -> Result<Vec<Applied>, tokio_postgres::Error> {
    let sql = format!("SELECT number, sql, breaks FROM {schema}.migration ORDER BY number");
    let rows = client.query(&sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(Applied { number: row.try_get(0)?, sql: row.try_get(1)?, breaks: row.try_get(2)? }))
        .collect()
}

/// The steps that the store lacks.
fn missing<'a>(schema: &str, steps: &'a [Step], applied: &[Applied]) -> Result<Vec<(i32, &'a Step)>, Error> {
    let known: Vec<(i32, &Step)> = (0..).zip(steps).collect();
    for done in applied {
        let (schema, step) = (schema.to_owned(), done.number);
        match known.iter().find(|(number, _)| *number == done.number) {
            Some((_, step)) if step.sql == done.sql => {}
            Some(_) => return Err(Error::OtherStep { schema, step }),
            // A newer version ran here. What only adds does not disturb this one.
            None if done.breaks => return Err(Error::Newer { schema, step }),
            None => {}
        }
    }
    let is_missing = |(number, _): &(i32, &Step)| applied.iter().all(|done| done.number != *number);
    Ok(known.into_iter().filter(is_missing).collect())
}

/// Refuses a store that lacks a step.
pub(crate) async fn compare(store: &Postgres, steps: &[Step]) -> Result<(), Error> {
    let schema = store.schema();
    let applied = match applied(&*store.connection().await?, schema).await {
        Ok(applied) => applied,
        Err(error) if is_absent(&error) => return Err(Error::NotMigrated(schema.to_owned())),
        Err(error) => return Err(error.into()),
    };
    match missing(schema, steps, &applied)?.is_empty() {
        true => Ok(()),
        false => Err(Error::NotMigrated(schema.to_owned())),
    }
}

fn is_absent(error: &tokio_postgres::Error) -> bool {
    [Some(&SqlState::UNDEFINED_TABLE), Some(&SqlState::INVALID_SCHEMA_NAME)].contains(&error.code())
}

/// Under a lock: of two processes with different keys on an empty store one must lose.
pub(crate) async fn check_keys(store: &Postgres, keys: &[(u32, [u8; 16])]) -> Result<(), Error> {
    let with = (format!("{}.key_fingerprint", store.schema()), keys);
    let checked = store.transaction(CHECK_KEYS, Repeat::Always, &with, |(table, keys), transaction| {
        Box::pin(check_keys_in(table, keys, transaction))
    });
    checked.await?.map_err(|id| Error::WrongKey {
        schema: store.schema().to_owned(),
        key: u32::try_from(id).unwrap_or_default(),
    })
}

/// Refuses with the id of a key that is not among them.
async fn check_keys_in(
    table: &str,
    keys: &[(u32, [u8; 16])],
    transaction: &Transaction<'_>,
) -> Result<(), Stop<i64>> {
    transaction.execute(&format!("LOCK TABLE {table} IN EXCLUSIVE MODE"), &[]).await?;
    for row in transaction.query(&format!("SELECT key_id, fingerprint FROM {table}"), &[]).await? {
        let (id, print): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
        if !keys.iter().any(|(key, known)| i64::from(*key) == id && known == print) {
            return Err(Stop::Refused(id));
        }
    }
    let insert = format!("INSERT INTO {table} (key_id, fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    for (key, print) in keys {
        transaction.execute(&insert, &[&i64::from(*key), &&print[..]]).await?;
    }
    Ok(())
}
