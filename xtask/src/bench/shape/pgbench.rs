//! What PostgreSQL does for the plainest client: `pgbench` with ficha's very statement, prepared.
//!
//! A blind index cannot be computed in its script, so a hundred random ones are fetched at once, and a hundred look-ups
//! made with them: a hundredth of what it does is not the look-up. Plans are kept, as ficha has them kept. Beside it, the
//! statement that anybody would write who looks one person up: the server does more of those.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::super::wrk::Load;
use super::{Line, PGBENCH, PGBENCH_PLAIN};

/// What `crates/people/src/postgres.rs` asks; a test holds them together.
const FIND: &str = "SELECT id, version, updated_at, body, person_index, key_id FROM debts.person WHERE person_index = ANY($1)";
const PLAIN: &str = "SELECT id, version, updated_at, body FROM debts.person WHERE person_index = $1";
const LOOK_UPS: usize = 100;
/// So many clients did best beside each other on two processors.
const CLIENTS: &str = "8";
const THREADS: &str = "2";

/// Makes the table of indexes, and the script.
pub(super) fn prepare(url: &str, folder: &Path) -> Result<()> {
    let columns = |each: fn(usize) -> String| (1..=LOOK_UPS).map(each).collect::<Vec<_>>().join(", ");
    let table = columns(|n| format!("i{n} text NOT NULL"));
    let pick = columns(|n| format!("(array_agg(person_index::text ORDER BY place))[{n}]"));
    let listed = columns(|n| format!("'{{' || i{n} || '}}'"));
    let rows = sql(
        url,
        &format!(
            "CREATE SCHEMA bench;
            CREATE UNLOGGED TABLE bench.hundred (n int PRIMARY KEY, {table});
            INSERT INTO bench.hundred SELECT 1 + place / {LOOK_UPS}, {pick} FROM
                (SELECT person_index, row_number() OVER (ORDER BY random()) - 1 AS place FROM debts.person) AS person
                GROUP BY place / {LOOK_UPS} HAVING count(*) = {LOOK_UPS};
            CREATE UNLOGGED TABLE bench.hundred_lists (n int PRIMARY KEY, {table});
            INSERT INTO bench.hundred_lists SELECT n, {listed} FROM bench.hundred;
            ANALYZE bench.hundred; ANALYZE bench.hundred_lists; ANALYZE debts.person;
            SELECT count(*) FROM bench.hundred"
        ),
    )?;
    let rows: u64 = rows.trim().parse().context("the number of rows")?;
    ensure!(rows > 0, "there are fewer than {LOOK_UPS} people in base A");
    for (what, table, find) in [(PGBENCH, "hundred_lists", FIND), (PGBENCH_PLAIN, "hundred", PLAIN)] {
        fs::write(folder.join(name(what)), script(rows, table, find)).context("writing pgbench's script")?;
    }
    Ok(())
}

/// Of the script.
fn name(what: &str) -> &'static str {
    if what == PGBENCH { "pgbench.sql" } else { "pgbench-plain.sql" }
}

fn script(rows: u64, table: &str, find: &str) -> String {
    let all = (1..=LOOK_UPS).map(|n| format!("i{n}")).collect::<Vec<_>>().join(", ");
    let find = |n| find.replace("$1", &format!(":i{n}")) + ";\n";
    let finds: String = (1..=LOOK_UPS).map(find).collect();
    format!("\\set n random(1, {rows})\nSELECT {all} FROM bench.{table} WHERE n = :n \\gset\n{finds}")
}

/// `psql`, quietly: what the last statement gave.
fn sql(url: &str, text: &str) -> Result<String> {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname", url]);
    let output = command.args(["--command", text]).output().context("psql did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Look-ups a second.
pub(super) fn run(what: &'static str, url: &str, load: &Load) -> Result<Line> {
    let mut command = Command::new("pgbench");
    command.env("PGOPTIONS", "-c plan_cache_mode=force_generic_plan");
    command.args(["--no-vacuum", "--protocol", "prepared", "--client", CLIENTS, "--jobs", THREADS]);
    command.args(["--time", &load.seconds.to_string(), "--random-seed", &load.seed.to_string()]);
    command.arg("--file").arg(load.folder.join(name(what)));
    let output = command.arg(url).output().context("pgbench did not start")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let scripts = rate_in(&said).with_context(|| format!("pgbench says no rate: {said}"))?;
    let per_second = scripts * LOOK_UPS as f64;
    Ok(Line { what, per_second, p50_us: 0, p99_us: 0, cpu_us: 0.0, errors: 0 })
}

fn rate_in(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_the_one_that_ficha_asks() {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let source = words(include_str!("../../../../crates/people/src/postgres.rs"));
        assert!(source.contains(&words(&FIND.replace("debts.", "{schema}."))));
        assert_eq!(script(7, "hundred_lists", FIND).matches("ANY(:i").count(), LOOK_UPS);
    }

    #[test]
    fn the_rate_is_found_in_what_pgbench_says() {
        let said = "transaction type: x\ntps = 442.467 (without initial connection time)\n";
        assert_eq!(rate_in(said), Some(442.467));
        assert_eq!(rate_in("error"), None);
    }
}
