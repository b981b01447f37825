//! What an import is measured against: the rows of a base that is there, by prepared inserts into an empty file of the
//! same engine, tables and indexes. Nothing is read from text, checked, merged, sealed or computed here.
//!
//! The rows come in the order of the file's keys, which is kinder than that of any import.

#![expect(clippy::print_stdout, reason = "the time is what it is run for")]

use anyhow::{Context, Result};
use clap::Parser;
use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Copies one table of a SQLite file, and says how long its inserts and commits took.
#[derive(Parser)]
struct Args {
    /// The file that is there.
    from: PathBuf,
    /// The file to make.
    to: PathBuf,
    /// The table.
    table: String,
    /// Rows in a transaction.
    #[arg(long, default_value_t = 2000)]
    batch: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let from = Connection::open_with_flags(&args.from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let to = empty_copy(&from, &args.to, &args.table)?;
    let mut select = from.prepare(&format!("SELECT * FROM {}", args.table))?;
    let columns = select.column_count();
    let marks = vec!["?"; columns].join(", ");
    let sql = format!("INSERT INTO {} VALUES ({marks})", args.table);
    let mut rows = select.query([])?;
    let (mut count, mut spent) = (0_u64, Duration::ZERO);
    loop {
        let mut batch = Vec::with_capacity(args.batch);
        while batch.len() < args.batch
            && let Some(row) = rows.next()?
        {
            batch.push((0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>()?);
        }
        if batch.is_empty() {
            break;
        }
        count += batch.len() as u64;
        spent += insert(&to, &sql, batch)?;
    }
    println!("{}", serde_json::json!({ "rows": count, "seconds": spent.as_secs_f64() }));
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "what is measured is the real clock")]
fn insert(to: &Connection, sql: &str, batch: Vec<Vec<Value>>) -> Result<Duration> {
    let since = Instant::now();
    to.execute_batch("BEGIN IMMEDIATE")?;
    let mut insert = to.prepare_cached(sql)?;
    for row in batch {
        insert.execute(params_from_iter(row))?;
    }
    to.execute_batch("COMMIT")?;
    Ok(since.elapsed())
}

/// With the same settings as ficha's own (crates/sqlite).
fn empty_copy(from: &Connection, path: &Path, table: &str) -> Result<Connection> {
    let to = Connection::open(path).with_context(|| format!("{} cannot be made", path.display()))?;
    to.pragma_update(None, "journal_mode", "wal")?;
    to.pragma_update(None, "synchronous", "full")?;
    to.pragma_update(None, "cache_size", -(64 << 10))?;
    to.pragma_update(None, "wal_autocheckpoint", 8192)?;
    to.pragma_update(None, "mmap_size", 0)?;
    let mut schema = from.prepare("SELECT sql FROM sqlite_master WHERE tbl_name = ?1 AND sql IS NOT NULL")?;
    for sql in schema.query_map([table], |row| row.get::<_, String>(0))? {
        to.execute_batch(&sql?)?;
    }
    Ok(to)
}
