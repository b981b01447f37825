//! `cargo xtask bench --import`: what a file costs on its way into a base, beside plain inserts of the rows that it
//! becomes.
//!
//! The two are measured in turns. The inserts find their rows ready, in the order of their keys, and write no hot
//! records: what ficha takes longer is reading, checking, sorting, merging, sealing and making answers ready.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Args, machine};
use crate::cargo::{self, Profile};
use crate::{stopwatch, tree};

/// Base, its table, and rows in a transaction of the inserts.
const BASES: [(&str, &str, &str); 3] =
    [("debts", "person", "2000"), ("score", "person", "2000"), ("events", "movement", "20000")];

/// How often the process is asked for its memory; what it had at most, it still says.
const LOOK: Duration = Duration::from_millis(20);

struct Programs {
    ficha: PathBuf,
    inserts: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let folder = tree::root().join("target/bench").join(format!("import-{}", args.people));
    let ficha = args.binary.clone().map_or_else(|| cargo::build("ficha", Profile::Release), Ok)?;
    let bare = cargo::build("ficha-bench", Profile::Release)?;
    let programs = Programs { ficha, inserts: bare.with_file_name("inserts") };
    println!("{}, {} people\n", machine::describe(), args.people);
    println!(
        "| base | form | MB | rows | s | rows/s | MB/s | stored rows | plain inserts, s | ratio | peak MB (of it mapped files) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for form in ["ndjson", "csv"] {
        let files = folder.join(form);
        generate(&programs.ficha, &files, args.people, form)?;
        for (base, table, batch) in BASES {
            for _ in 0..args.rounds {
                measure(&programs, &files.join(format!("{base}.{form}")), base, table, batch)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn generate(ficha: &Path, files: &Path, people: u64, form: &str) -> Result<()> {
    if files.join("SYNTHETIC.json").exists() {
        return Ok(());
    }
    let mut command = Command::new(ficha);
    command.args(["generate", "--format", form, "--people", &people.to_string(), "--out"]).arg(files);
    cargo::must(&mut command)
}

fn measure(programs: &Programs, file: &Path, base: &str, table: &str, batch: &str) -> Result<()> {
    let data = file.with_extension("data");
    let copy = file.with_extension("copy");
    fs::create_dir_all(&copy).context("making a folder")?;
    let (summary, seconds, peak) = import(&programs.ficha, base, file, &data)?;
    let mut command = Command::new(&programs.inserts);
    command.arg(data.join(format!("{base}.sqlite"))).arg(copy.join("copy.sqlite")).arg(table);
    let output = command.args(["--batch", batch]).output().context("the inserts did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plain: Value = serde_json::from_slice(&output.stdout).context("what the inserts say")?;
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let (rows, megabytes) = (number(&summary["rows"]), number(&summary["bytes"]) / 1e6);
    let (stored, plain) = (number(&plain["rows"]), number(&plain["seconds"]));
    println!(
        "| {base} | {} | {megabytes:.0} | {rows:.0} | {seconds:.2} | {:.0} | {:.1} | {stored:.0} | {plain:.2} | {:.2} | {} ({}) |",
        file.extension().unwrap_or_default().to_string_lossy(),
        rows / seconds,
        megabytes / seconds,
        plain / seconds,
        peak.0 / 1024,
        peak.1 / 1024,
    );
    [data, copy].iter().try_for_each(fs::remove_dir_all).context("removing what was measured")
}

/// Imports into a new folder: the summary, the seconds, the most memory and how much of that were files.
fn import(ficha: &Path, base: &str, file: &Path, data: &Path) -> Result<(Value, f64, (u64, u64))> {
    let mut command = Command::new(ficha);
    command.arg("--dir").arg(data).args(["import", base, "--json"]).arg(file);
    let since = stopwatch::start();
    let child = command.stdout(Stdio::piped()).spawn().context("ficha did not start")?;
    let process = child.id();
    let ended = in_background(child);
    let mut peak = (0, 0);
    let output = loop {
        if let Ok(output) = ended.recv_timeout(LOOK) {
            break output.context("waiting for ficha")?;
        }
        // Between its last look and its end there is nothing to see.
        peak =
            machine::peak_kib(process).map_or(peak, |now: (u64, u64)| (now.0.max(peak.0), now.1.max(peak.1)));
    };
    let seconds = since.elapsed().as_secs_f64();
    ensure!(output.status.success(), "`ficha import` failed ({})", output.status);
    Ok((serde_json::from_slice(&output.stdout).context("the summary")?, seconds, peak))
}

fn in_background(child: Child) -> mpsc::Receiver<std::io::Result<std::process::Output>> {
    let (ended, wait) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    wait
}
