//! What base C on MongoDB is measured against: the driver alone, on the server and the documents that ficha left there.
//!
//! `insert` copies a collection by `insert_many`, in the order in which it was written, under the same indexes, as
//! durably as ficha writes. `find` asks for single documents by key, of existing ones at random.

#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]
#![expect(clippy::disallowed_methods, reason = "what is measured is the real clock")]

use anyhow::{Context, Result};
use clap::Parser;
use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Bson, RawDocumentBuf, doc},
    options::{Acknowledgment, ClientOptions, ReadConcern, WriteConcern},
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measures the driver alone.
#[derive(Parser)]
enum Args {
    /// Copies a collection, and says how long its inserts took.
    Insert {
        /// The server and the database.
        url: String,
        /// The collection that is there.
        from: String,
        /// Documents in a command.
        #[arg(long, default_value_t = 20_000)]
        batch: usize,
    },
    /// Asks for single documents, and says how many came a second.
    Find {
        /// The server and the database.
        url: String,
        /// The collection that is there.
        from: String,
        /// So many ask at once.
        #[arg(long, default_value_t = 32)]
        callers: u32,
        /// How long.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse() {
        Args::Insert { url, from, batch } => insert(&database(&url, 4).await?, &from, batch).await,
        Args::Find { url, from, callers, seconds } => {
            find(&database(&url, callers).await?, &from, callers, Duration::from_secs(seconds)).await
        }
    }
}

/// With the same guarantees as ficha's own (crates/mongo).
async fn database(url: &str, connections: u32) -> Result<Database> {
    let mut options = ClientOptions::parse(url).await?;
    options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
    options.read_concern = Some(ReadConcern::majority());
    options.max_pool_size = Some(connections);
    Client::with_options(options)?.default_database().context("the URL names no database")
}

async fn insert(database: &Database, from: &str, batch: usize) -> Result<()> {
    let (from, to) = (database.collection(from), database.collection(&format!("{from}_copy")));
    to.drop().await?;
    empty_copy(&from, &to).await?;
    let mut rows = from.find(doc! {}).sort(doc! { "$natural": 1 }).await?;
    let (mut count, mut spent) = (0, Duration::ZERO);
    loop {
        let mut ready = Vec::with_capacity(batch);
        while ready.len() < batch && rows.advance().await? {
            ready.push(rows.current().to_owned());
        }
        if ready.is_empty() {
            break;
        }
        let since = Instant::now();
        to.insert_many(&ready).await?;
        spent += since.elapsed();
        count += ready.len();
    }
    to.drop().await?;
    println!("{}", serde_json::json!({ "rows": count, "seconds": spent.as_secs_f64() }));
    Ok(())
}

async fn empty_copy(from: &Collection<RawDocumentBuf>, to: &Collection<RawDocumentBuf>) -> Result<()> {
    let mut indexes = from.list_indexes().await?;
    while indexes.advance().await? {
        let index: IndexModel = indexes.deserialize_current()?;
        if index.keys != doc! { "_id": 1 } {
            to.create_index(index).await?;
        }
    }
    Ok(())
}

async fn find(database: &Database, from: &str, callers: u32, time: Duration) -> Result<()> {
    let from: Collection<RawDocumentBuf> = database.collection(from);
    let mut all = from.find(doc! {}).projection(doc! { "_id": 1 }).await?;
    let mut keys: Vec<Bson> = Vec::new();
    while all.advance().await? {
        keys.push(all.current().get("_id")?.context("a document without a key")?.try_into()?);
    }
    let keys = Arc::new(keys);
    let end = Instant::now() + time;
    let asking: Vec<_> = (0..callers).map(|_| tokio::spawn(ask(from.clone(), keys.clone(), end))).collect();
    let mut count = 0;
    for asking in asking {
        count += asking.await??;
    }
    let rate = f64::from(count) / time.as_secs_f64();
    println!("{}", serde_json::json!({ "found": count, "per_second": rate }));
    Ok(())
}

async fn ask(from: Collection<RawDocumentBuf>, keys: Arc<Vec<Bson>>, end: Instant) -> Result<u32> {
    let mut count = 0;
    while Instant::now() < end {
        let key = &keys[fastrand::usize(..keys.len())];
        from.find_one(doc! { "_id": key.clone() }).await?.context("a document that was there is gone")?;
        count += 1;
    }
    Ok(count)
}
