//! The figures side by side, for people and for programs.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::disk::SyncTimes;
use super::machine::Memory;
use super::start::Start;
use super::wrk::Round;
use super::{Args, chart, machine};
use crate::tree;

/// What is measured against.
pub(super) const BARE: &str = "bare hyper";
/// What is measured.
pub(super) const DOSSIER: &str = "GET /dossie/{cpf}";
/// The same on a small base.
pub(super) const SMALL: &str = "GET /dossie/{cpf}, 10,000 people";

/// One server in one round of the closed loop.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) round: Round,
    pub(super) cpu: Duration,
    pub(super) memory: Memory,
}

/// One server in one round of the open loop.
pub(super) struct Open {
    pub(super) name: &'static str,
    /// Requests a second that came.
    pub(super) rate: u64,
    pub(super) round: Round,
}

/// Everything that a run found.
pub(super) struct Measured {
    pub(super) answer: u64,
    pub(super) sync: SyncTimes,
    pub(super) start: Start,
    pub(super) backlog: u64,
    pub(super) rows: Vec<Row>,
    pub(super) open: Vec<Open>,
}

/// Everything that is said about it.
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
    start: Start,
    /// Consultations in the spool when all was over.
    backlog: u64,
    closed: Vec<Summary>,
    open: Vec<OpenSummary>,
}

/// One server over all rounds: medians, and the span of the rates.
#[derive(Serialize)]
struct Summary {
    name: &'static str,
    requests_per_second: f64,
    slowest: f64,
    fastest: f64,
    /// Of the bare server's rate in the same round.
    ratio: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us_per_request: f64,
    memory: Memory,
    errors: u64,
    rounds: Vec<Round>,
}

/// One server at half of its ceiling, over all rounds: medians.
#[derive(Serialize)]
struct OpenSummary {
    name: &'static str,
    rate: u64,
    answered_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    errors: u64,
}

/// The median rate of a server in the closed loop.
pub(super) fn ceiling(rows: &[Row], name: &str) -> u64 {
    median(rows.iter().filter(|row| row.name == name).map(|row| row.round.rate())) as u64
}

impl Report {
    pub(super) fn new(args: &Args, measured: Measured) -> Result<Self> {
        let Measured { answer, sync, start, backlog, rows, open } = measured;
        let closed = names(rows.iter().map(|row| row.name)).into_iter().map(|name| Summary::of(name, &rows));
        let open_names = names(open.iter().map(|open| open.name));
        Ok(Self {
            commit: commit()?,
            machine: machine::describe(),
            people: args.people,
            connections: args.connections,
            seconds: args.seconds,
            rounds: args.rounds,
            answer_bytes: answer,
            sync,
            start,
            backlog,
            closed: closed.collect(),
            open: open_names.into_iter().map(|name| OpenSummary::of(name, &open)).collect(),
        })
    }

    /// Requests that were refused or broke, all together.
    pub(super) fn errors(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|server| server.errors).sum();
        closed + self.open.iter().map(|server| server.errors).sum::<u64>()
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).context("the report as JSON")?;
        let bars: Vec<_> =
            self.closed.iter().map(|row| (row.name.to_owned(), row.requests_per_second)).collect();
        let title = "Requests a second, closed loop (of the bare server)";
        let files = [("md", self.markdown()), ("json", json), ("svg", chart::bars(title, &bars))];
        files.into_iter().try_for_each(|(ending, text)| {
            let path = folder.join(format!("report.{ending}"));
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
        })
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = self.conditions();
        text.push_str("| closed loop | requests/s (slowest–fastest) | of bare | p50 ms | p99 ms | CPU µs/request | memory MiB + mapped files | errors |\n");
        text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
        self.closed.iter().for_each(|row| text.push_str(&row.line()));
        text.push_str(
            "\n| open loop, half of the ceiling | requests/s | answered/s | p50 ms | p99 ms | errors |\n",
        );
        text.push_str("|---|---:|---:|---:|---:|---:|\n");
        self.open.iter().for_each(|row| text.push_str(&row.line()));
        text.push_str(&self.bounds());
        text
    }

    // Writing into a String does not fail, here and below.
    fn conditions(&self) -> String {
        let Self { commit, machine, people, connections, seconds, rounds, answer_bytes, sync, start, .. } =
            self;
        let mut text = String::new();
        let _ = writeln!(text, "# A dossier beside bare bytes\n");
        let _ = writeln!(text, "Commit {commit}; {machine}; the generators on the same processors.");
        let _ = writeln!(
            text,
            "{people} people, {connections} connections, {rounds} rounds of {seconds} s in turns; medians."
        );
        let _ = writeln!(
            text,
            "The bare server sends one dossier, {answer_bytes} bytes; the others ask for random people."
        );
        let (median, p99) = (ms(sync.median_us as f64), ms(sync.p99_us as f64));
        let _ =
            writeln!(text, "The disk's own sync of a 4 kB append: median {median:.2} ms, p99 {p99:.2} ms.");
        let _ = writeln!(
            text,
            "An empty folder serves after {} ms; then it holds {} MiB of its own and {} MiB of mapped files.\n",
            start.start_ms,
            mib(start.idle.own_kib),
            mib(start.idle.files_kib)
        );
        text
    }

    /// What the project asks of itself, beside what was found.
    fn bounds(&self) -> String {
        let p99 = |name| self.open.iter().find(|open| open.name == name).map_or(f64::NAN, |open| open.p99_us);
        let p50 = |name| self.closed.iter().find(|row| row.name == name).map(|row| row.p50_us);
        let bound = 3.0 * p99(BARE) + 2.0 * self.sync.p99_us as f64;
        let mut text = String::new();
        let _ = writeln!(
            text,
            "\nOpen loop: p99 {:.2} ms; the bound is 3 × the bare server's + 2 × the sync's = {:.2} ms.",
            ms(p99(DOSSIER)),
            ms(bound)
        );
        if let Some((large, small)) = p50(DOSSIER).zip(p50(SMALL)) {
            let _ = writeln!(
                text,
                "{} people: p50 {:.2} × that of 10,000 (bound 1.5).",
                self.people,
                large / small
            );
        }
        let _ = writeln!(text, "In the spool at the end: {} consultations.", self.backlog);
        text
    }
}

impl Summary {
    fn of(name: &'static str, all: &[Row]) -> Self {
        let rows: Vec<&Row> = all.iter().filter(|row| row.name == name).collect();
        let middle = |value: fn(&Row) -> f64| median(rows.iter().map(|row| value(row)));
        let rates = || rows.iter().map(|row| row.round.rate());
        let bare = all.iter().filter(|row| row.name == BARE).map(|row| row.round.rate());
        Self {
            name,
            requests_per_second: median(rates()),
            slowest: rates().fold(f64::INFINITY, f64::min),
            fastest: rates().fold(0.0, f64::max),
            ratio: median(rates().zip(bare).map(|(rate, bare)| rate / bare)),
            p50_us: middle(|row| row.round.p50_us as f64),
            p99_us: middle(|row| row.round.p99_us as f64),
            cpu_us_per_request: middle(|row| row.cpu.as_secs_f64() * 1e6 / row.round.requests.max(1) as f64),
            memory: rows.last().map(|row| row.memory).unwrap_or_default(),
            errors: rows.iter().map(|row| row.round.refused + row.round.broken).sum(),
            rounds: rows.iter().map(|row| row.round).collect(),
        }
    }

    fn line(&self) -> String {
        let Self { name, requests_per_second: rate, slowest, fastest, ratio, memory, errors, .. } = self;
        let (p50, p99, cpu) = (ms(self.p50_us), ms(self.p99_us), self.cpu_us_per_request);
        let (own, files) = (mib(memory.own_kib), mib(memory.files_kib));
        format!(
            "| {name} | {rate:.0} ({slowest:.0}–{fastest:.0}) | {ratio:.2} | {p50:.2} | {p99:.2} | {cpu:.1} | {own} + {files} | {errors} |\n"
        )
    }
}

impl OpenSummary {
    fn of(name: &'static str, all: &[Open]) -> Self {
        let rows: Vec<&Open> = all.iter().filter(|row| row.name == name).collect();
        let middle = |value: fn(&Round) -> f64| median(rows.iter().map(|row| value(&row.round)));
        Self {
            name,
            rate: rows.first().map_or(0, |row| row.rate),
            answered_per_second: middle(Round::rate),
            p50_us: middle(|round| round.p50_us as f64),
            p99_us: middle(|round| round.p99_us as f64),
            errors: rows.iter().map(|row| row.round.refused + row.round.broken).sum(),
        }
    }

    fn line(&self) -> String {
        let Self { name, rate, answered_per_second: answered, errors, .. } = self;
        let (p50, p99) = (ms(self.p50_us), ms(self.p99_us));
        format!("| {name} | {rate} | {answered:.0} | {p50:.2} | {p99:.2} | {errors} |\n")
    }
}

/// Each name once, in the order in which they were measured.
pub(super) fn names(all: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names = Vec::new();
    all.for_each(|name| {
        if !names.contains(&name) {
            names.push(name);
        }
    });
    names
}

fn ms(us: f64) -> f64 {
    us / 1000.0
}

fn mib(kib: u64) -> u64 {
    kib.div_ceil(1024)
}

/// The middle one, or of two the lower: a value that was measured.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Which code was measured; `-dirty` when it is not quite that commit.
pub(super) fn commit() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(tree::root()).args(["describe", "--always", "--dirty"]);
    let output = git.output().context("git did not start")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(requests: u64, broken: u64) -> Round {
        Round { requests, duration_us: 1_000_000, p50_us: 1500, p99_us: 4000, refused: 0, broken }
    }

    fn row(name: &'static str, requests: u64, broken: u64) -> Row {
        let memory = Memory { own_kib: 51_200, files_kib: 1024 };
        Row { name, round: round(requests, broken), cpu: Duration::from_millis(500), memory }
    }

    fn report(rows: Vec<Row>) -> Report {
        let (people, connections, binary) = (10, 64, None);
        let args = Args {
            seconds: 1,
            people,
            connections,
            rounds: 3,
            import: false,
            no_import: true,
            engines: false,
            binary,
        };
        let open = vec![
            Open { name: BARE, rate: 750, round: round(749, 0) },
            Open { name: DOSSIER, rate: 250, round: round(250, 0) },
        ];
        let sync = SyncTimes { median_us: 170, p99_us: 400 };
        let (answer, start, backlog) = (2600, Start::default(), 7);
        Report::new(&args, Measured { answer, sync, start, backlog, rows, open }).unwrap()
    }

    #[test]
    fn rounds_become_medians_and_ratios_of_neighbours() {
        let report = report(vec![
            row(BARE, 1000, 0),
            row(DOSSIER, 500, 0),
            row(BARE, 2000, 0),
            row(DOSSIER, 800, 0),
            row(BARE, 1500, 0),
            row(DOSSIER, 300, 3),
        ]);
        let text = report.markdown();
        for line in [
            "| bare hyper | 1500 (1000–2000) | 1.00 | 1.50 | 4.00 | 333.3 | 50 + 1 | 0 |",
            "| GET /dossie/{cpf} | 500 (300–800) | 0.40 | 1.50 | 4.00 | 1000.0 | 50 + 1 | 3 |",
            "| bare hyper | 750 | 749 | 1.50 | 4.00 | 0 |",
            "median 0.17 ms, p99 0.40 ms",
            "p99 4.00 ms; the bound is 3 × the bare server's + 2 × the sync's = 12.80 ms",
            "In the spool at the end: 7 consultations.",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert_eq!(report.errors(), 3);
    }

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 1.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
