//! `cargo xtask bench --import`: what a file costs on its way into a base, beside plain inserts of the rows that it
//! becomes.
//!
//! The two are measured in turns. The inserts find their rows ready, in the order of their keys, and make no hot
//! records: what ficha takes longer is starting, reading, checking, sorting, merging, sealing and making answers ready.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Args, machine, report};
use crate::cargo;
use crate::{stopwatch, tree};

/// Base, its table, and rows in a transaction, as the import has them.
const BASES: [(&str, &str, &str); 3] =
    [("debts", "person", "2000"), ("score", "person", "2000"), ("events", "movement", "20000")];

/// How often the process is asked for its memory; what it had at most, it still says.
const LOOK: Duration = Duration::from_millis(20);

struct Programs {
    ficha: PathBuf,
    inserts: PathBuf,
}

/// All that is written down.
#[derive(Serialize)]
struct Report {
    commit: String,
    machine: String,
    people: u64,
    imports: Vec<Measured>,
}

/// One import, and the inserts after it.
#[derive(Serialize)]
struct Measured {
    base: &'static str,
    bytes: u64,
    rows: u64,
    seconds: f64,
    /// Rows of the base's main table: people or movements.
    stored: u64,
    inserts_seconds: f64,
    ratio: f64,
    /// The most that the process ever held, and the most of it that was no page of a file.
    peak_kib: u64,
    own_kib: u64,
}

/// What `ficha import --json` says, as far as it matters here.
#[derive(Deserialize)]
struct Summary {
    bytes: u64,
    rows: u64,
}

/// What the inserts say.
#[derive(Deserialize)]
struct Inserts {
    rows: u64,
    seconds: f64,
}

/// Each base once; where nothing else is measured, in as many rounds as were asked for.
pub(super) fn run(ficha: PathBuf, inserts: PathBuf, args: &Args) -> Result<()> {
    let bench = tree::root().join("target/bench");
    let files = bench.join("import");
    forget(&files)?;
    fs::create_dir_all(&files).context("making target/bench/import")?;
    let programs = Programs { ficha, inserts };
    let mut generate = Command::new(&programs.ficha);
    generate.args(["generate", "--people", &args.people.to_string(), "--out"]).arg(files.join("made"));
    cargo::must(&mut generate)?;
    let mut imports = Vec::new();
    let rounds = if args.import { args.rounds } else { 1 };
    for round in 1..=rounds {
        for (base, table, batch) in BASES {
            eprintln!("round {round} of {rounds}: {base} …");
            let measured = measure(&programs, &files, base, table, batch)?;
            // What is known is told, should the rest be given up: a million people take long.
            eprint!("{}", measured.line());
            imports.push(measured);
        }
    }
    forget(&files)?;
    let (commit, machine) = (report::commit()?, machine::describe());
    let report = Report { commit, machine, people: args.people, imports };
    fs::write(bench.join("import.md"), report.markdown()).context("writing target/bench/import.md")?;
    let json = serde_json::to_string_pretty(&report).context("the report as JSON")?;
    fs::write(bench.join("import.json"), json).context("writing target/bench/import.json")?;
    print!("\n{}", report.markdown());
    Ok(())
}

impl Report {
    fn markdown(&self) -> String {
        let Self { commit, machine, people, imports } = self;
        let lines: String = imports.iter().map(Measured::line).collect();
        format!(
            "# An import beside plain inserts of its rows\n\nCommit {commit}; {machine}; {people} people; NDJSON.\n\n\
             | base | MB | rows | s | rows/s | MB/s | stored rows | plain inserts s | of plain inserts | peak MiB | of it not files |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n{lines}"
        )
    }
}

impl Measured {
    fn line(&self) -> String {
        let Self { base, rows, seconds, stored, inserts_seconds, ratio, peak_kib, own_kib, .. } = self;
        let megabytes = self.bytes as f64 / 1e6;
        let (rate, speed) = (*rows as f64 / seconds, megabytes / seconds);
        let (peak, own) = (peak_kib / 1024, own_kib / 1024);
        format!(
            "| {base} | {megabytes:.0} | {rows} | {seconds:.2} | {rate:.0} | {speed:.1} | {stored} | \
             {inserts_seconds:.2} | {ratio:.2} | {peak} | {own} |\n"
        )
    }
}

fn forget(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

fn measure(
    programs: &Programs,
    files: &Path,
    base: &'static str,
    table: &str,
    batch: &str,
) -> Result<Measured> {
    let (data, copy) = (files.join("data"), files.join("copy.sqlite"));
    let file = files.join("made").join(format!("{base}.ndjson"));
    let (summary, seconds, (peak_kib, own_kib)) = import(&programs.ficha, base, &file, &data)?;
    let mut command = Command::new(&programs.inserts);
    command.arg(data.join(format!("{base}.sqlite"))).arg(&copy).arg(table);
    let output = command.args(["--batch", batch]).output().context("the inserts did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let inserts: Inserts = serde_json::from_slice(&output.stdout).context("what the inserts say")?;
    forget(&data)?;
    fs::remove_file(&copy).context("removing the copy")?;
    let Summary { bytes, rows } = summary;
    let (stored, inserts_seconds) = (inserts.rows, inserts.seconds);
    let ratio = inserts_seconds / seconds;
    Ok(Measured { base, bytes, rows, seconds, stored, inserts_seconds, ratio, peak_kib, own_kib })
}

/// Imports into a new folder: the summary, the seconds, and the memory.
fn import(ficha: &Path, base: &str, file: &Path, data: &Path) -> Result<(Summary, f64, (u64, u64))> {
    let mut command = Command::new(ficha);
    command.arg("--dir").arg(data).args(["import", base, "--json"]).arg(file);
    let since = stopwatch::start();
    let child = command.stdout(Stdio::piped()).spawn().context("ficha did not start")?;
    let process = child.id();
    let ended = in_background(child);
    let (mut peak, mut own) = (0, 0);
    let output = loop {
        if let Ok(output) = ended.recv_timeout(LOOK) {
            break output.context("waiting for ficha")?;
        }
        // Between its last look and its end there is nothing to see.
        if let Ok((now_peak, now_own)) = machine::peak_kib(process) {
            (peak, own) = (now_peak.max(peak), now_own.max(own));
        }
    };
    let seconds = since.elapsed().as_secs_f64();
    ensure!(output.status.success(), "`ficha import` failed ({})", output.status);
    Ok((serde_json::from_slice(&output.stdout).context("the summary")?, seconds, (peak, own)))
}

fn in_background(child: Child) -> mpsc::Receiver<std::io::Result<std::process::Output>> {
    let (ended, wait) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rates_and_the_ratio() {
        let (seconds, inserts_seconds) = (2.0, 1.0);
        let measured = Measured {
            base: "debts",
            bytes: 30_000_000,
            rows: 1000,
            seconds,
            stored: 900,
            inserts_seconds,
            ratio: inserts_seconds / seconds,
            peak_kib: 204_800,
            own_kib: 102_400,
        };
        assert_eq!(
            measured.line(),
            "| debts | 30 | 1000 | 2.00 | 500 | 15.0 | 900 | 1.00 | 0.50 | 200 | 100 |\n"
        );
    }
}
