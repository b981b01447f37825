//! The figures side by side, for people and for programs.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::data::Answer;
use super::disk::SyncTimes;
use super::wrk::Round;
use super::{Args, machine};
use crate::tree;

/// What is measured against.
pub(super) const BARE: &str = "bare hyper";
/// What is measured.
pub(super) const FICHA: &str = "ficha";

/// One server in one round.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) round: Round,
    pub(super) cpu: Duration,
    pub(super) resident_kib: u64,
}

/// Everything measured.
#[derive(Serialize)]
pub(super) struct Report {
    commit: String,
    machine: String,
    people: u64,
    connections: u64,
    seconds: u64,
    rounds: u64,
    answer_bytes: u64,
    sync: SyncTimes,
    /// Requests per second of ficha divided by those of the bare server; the median of the rounds.
    ratio: f64,
    servers: Vec<Summary>,
}

/// One server over all rounds: medians, and the span of the rates.
#[derive(Serialize)]
struct Summary {
    name: &'static str,
    requests_per_second: f64,
    slowest: f64,
    fastest: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us_per_request: f64,
    resident_mib: f64,
    errors: u64,
    rounds: Vec<Round>,
}

impl Report {
    pub(super) fn new(args: &Args, answer: &Answer, sync: SyncTimes, rows: &[Row]) -> Result<Self> {
        let servers =
            [BARE, FICHA].map(|name| rows.iter().filter(|row| row.name == name).collect::<Vec<_>>());
        let [bare, ficha] = &servers;
        let ratios = bare.iter().zip(ficha).map(|(bare, ficha)| ficha.round.rate() / bare.round.rate());
        Ok(Self {
            commit: commit()?,
            machine: machine::describe(),
            people: args.people,
            connections: args.connections,
            seconds: args.seconds,
            rounds: args.rounds,
            answer_bytes: answer.bytes,
            sync,
            ratio: median(ratios),
            servers: servers.iter().filter_map(|rows| Summary::of(rows)).collect(),
        })
    }

    /// Requests that were refused or broke, all together.
    pub(super) fn errors(&self) -> u64 {
        self.servers.iter().map(|server| server.errors).sum()
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::write(folder.join("report.md"), self.markdown()).context("writing target/bench/report.md")?;
        let json = serde_json::to_string_pretty(self).context("the report as JSON")?;
        fs::write(folder.join("report.json"), json).context("writing target/bench/report.json")
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = self.conditions();
        text.push_str("| server | requests/s (slowest–fastest) | of bare | p50 ms | p99 ms | CPU µs/request | memory MiB | errors |\n");
        text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
        for server in &self.servers {
            let ratio = if server.name == FICHA { self.ratio } else { 1.0 };
            text.push_str(&server.line(ratio));
        }
        text
    }

    fn conditions(&self) -> String {
        let Self { commit, machine, people, connections, seconds, rounds, answer_bytes, sync, .. } = self;
        let mut text = String::new();
        let _ = writeln!(text, "# A dossier beside bare bytes\n");
        let _ = writeln!(text, "Commit {commit}; {machine}; wrk (1 thread) on the same processors.");
        let _ = writeln!(
            text,
            "{people} people, {connections} connections, {rounds} rounds of {seconds} s in turns; medians."
        );
        let _ = writeln!(text, "One answer: {answer_bytes} bytes, GET /dossie/{{cpf}}, random people.");
        let (median, p99) = (ms(sync.median_us as f64), ms(sync.p99_us as f64));
        let _ =
            writeln!(text, "The disk's own sync of a 4 kB append: median {median:.2} ms, p99 {p99:.2} ms.\n");
        text
    }
}

impl Summary {
    fn of(rows: &[&Row]) -> Option<Self> {
        let middle = |value: fn(&Row) -> f64| median(rows.iter().map(|row| value(row)));
        let rates = || rows.iter().map(|row| row.round.rate());
        Some(Self {
            name: rows.first()?.name,
            requests_per_second: median(rates()),
            slowest: rates().fold(f64::INFINITY, f64::min),
            fastest: rates().fold(0.0, f64::max),
            p50_us: middle(|row| row.round.p50_us as f64),
            p99_us: middle(|row| row.round.p99_us as f64),
            cpu_us_per_request: middle(|row| row.cpu.as_secs_f64() * 1e6 / row.round.requests.max(1) as f64),
            resident_mib: middle(|row| row.resident_kib as f64 / 1024.0),
            errors: rows.iter().map(|row| row.round.refused + row.round.broken).sum(),
            rounds: rows.iter().map(|row| row.round).collect(),
        })
    }

    fn line(&self, ratio: f64) -> String {
        let Self { name, requests_per_second: rate, slowest, fastest, resident_mib, errors, .. } = self;
        let (p50, p99, cpu) = (ms(self.p50_us), ms(self.p99_us), self.cpu_us_per_request);
        format!(
            "| {name} | {rate:.0} ({slowest:.0}–{fastest:.0}) | {ratio:.2} | {p50:.2} | {p99:.2} | {cpu:.1} | {resident_mib:.0} | {errors} |\n"
        )
    }
}

fn ms(us: f64) -> f64 {
    us / 1000.0
}

/// The middle one, or of two the lower: a value that was measured.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Which code was measured; `-dirty` when it is not quite that commit.
fn commit() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(tree::root()).args(["describe", "--always", "--dirty"]);
    let output = git.output().context("git did not start")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, requests: u64, broken: u64) -> Row {
        let round =
            Round { requests, duration_us: 1_000_000, p50_us: 1500, p99_us: 4000, refused: 0, broken };
        Row { name, round, cpu: Duration::from_millis(500), resident_kib: 51_200 }
    }

    fn report(rows: &[Row]) -> Report {
        let args = Args { seconds: 1, people: 10, connections: 64, rounds: 3, import: false, binary: None };
        let answer = Answer { headers: "h".into(), body: "b".into(), bytes: 2600 };
        Report::new(&args, &answer, SyncTimes { median_us: 170, p99_us: 400 }, rows).unwrap()
    }

    #[test]
    fn rounds_become_medians_and_a_ratio_of_neighbours() {
        let rows = [
            row(BARE, 1000, 0),
            row(FICHA, 500, 0),
            row(BARE, 2000, 0),
            row(FICHA, 800, 0),
            row(BARE, 1500, 0),
            row(FICHA, 300, 3),
        ];
        let report = report(&rows);
        let text = report.markdown();
        assert!(
            text.contains("| bare hyper | 1500 (1000–2000) | 1.00 | 1.50 | 4.00 | 333.3 | 50 | 0 |"),
            "{text}"
        );
        assert!(text.contains("| ficha | 500 (300–800) | 0.40 | 1.50 | 4.00 | 1000.0 | 50 | 3 |"), "{text}");
        assert!(text.contains("median 0.17 ms, p99 0.40 ms"), "{text}");
        assert_eq!(report.errors(), 3);
    }

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 1.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
