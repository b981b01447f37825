//! `cargo xtask bench --engines`: the same product on PostgreSQL and MongoDB, in one process and in one for each role.
//!
//! The servers sync, as in production, and share the two processors with ficha and the generators. A look-up is measured
//! beside what its engine does for the plainest client: `pgbench` with the very statement, the driver's `find_one`. A
//! dossier is measured beside the one of a single process on SQLite, and beside the bare server.

mod pgbench;
mod processes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ficha_engines::{Durability, Running, mongo, postgres};
use serde::Deserialize;

use super::course::Course;
use super::data::{self, Subject};
use super::wrk::Load;
use super::{Args, machine, report, start_bare, tools, wrk};
use crate::server::Server;
use crate::{cargo, tree};
use processes::Processes;

/// All that is up.
struct Place {
    folder: PathBuf,
    documents: PathBuf,
    postgres: Running,
    mongo: Running,
    bare: (Server, String),
    sqlite: Subject,
    /// Every role in one process, on the engines.
    one: Subject,
    /// Each role in its own, on the same stores.
    many: Processes,
}

/// One figure, and that of a comparison by its name.
struct Line {
    what: &'static str,
    per_second: f64,
    p50_us: u64,
    p99_us: u64,
    cpu_us: f64,
    errors: u64,
}

const BARE: &str = "bare server";
const PGBENCH: &str = "pgbench, the very statement";
const PGBENCH_PLAIN: &str = "pgbench, `person_index = $1`";
const FIND_ONE: &str = "the driver's find_one";
const SQLITE: &str = "GET /dossie, one process on SQLite";
/// What is measured, and by what.
const RATIOS: [(&str, &[&str]); 4] = [
    ("GET /divida on PostgreSQL", &[PGBENCH, PGBENCH_PLAIN]),
    ("GET /evento on MongoDB", &[FIND_ONE]),
    ("GET /dossie, one process on the engines", &[SQLITE, BARE]),
    ("GET /dossie, a process for each role", &[SQLITE, BARE]),
];

pub(super) fn run(args: &Args, ficha: &Path, bare: &Path) -> Result<()> {
    tools::need("wrk", "wrk")?;
    tools::need("pgbench", "postgresql-15")?;
    let place = Place::new(args, ficha, bare)?;
    let load =
        Load { folder: place.folder.clone(), connections: args.connections, seconds: args.seconds, seed: 0 };
    place.round(&load.warm_up())?;
    let mut lines = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {} …", args.rounds);
        lines.extend(place.round(&load.seeded(round))?);
    }
    let report = place.markdown(args, &lines)?;
    fs::write(place.folder.join("report.md"), &report).context("writing the report")?;
    print!("{report}");
    let errors: u64 = lines.iter().map(|line| line.errors).sum();
    ensure!(errors == 0, "{errors} requests failed: these figures say nothing");
    Ok(())
}

impl Place {
    fn new(args: &Args, ficha: &Path, bare: &Path) -> Result<Self> {
        let folder = tree::root().join("target/bench/engines");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("removing the last bench's folder")?;
        }
        fs::create_dir_all(&folder).context("making target/bench/engines")?;
        let postgres = postgres::obtain()?.start(Durability::Synced)?;
        let mongo = mongo::obtain()?.start(Durability::Synced)?;
        let settings = settings(ficha, &folder, &postgres, &mongo)?;
        let one = data::prepare_data(ficha, &folder, args.people, &settings)?;
        pgbench::prepare(postgres.url(), &folder)?;
        let many = Processes::start(ficha, &folder, &settings)?;
        let sqlite = data::prepare_data(ficha, &tree::root().join("target/bench"), args.people, &[])?;
        let answer = sqlite.sample(&folder)?;
        let bare_server = start_bare(bare, &answer)?;
        let documents = bare.with_file_name("documents");
        Ok(Self { folder, documents, postgres, mongo, bare: bare_server, sqlite, one, many })
    }

    /// One measurement of each.
    fn round(&self, load: &Load) -> Result<Vec<Line>> {
        let person = |route, subject: &Subject| Course::Person(route).write(&load.folder, subject);
        let mut lines = vec![
            pgbench::run(PGBENCH, self.postgres.url(), load)?,
            pgbench::run(PGBENCH_PLAIN, self.postgres.url(), load)?,
        ];
        person("/divida", &self.one)?;
        lines.push(ask(RATIOS[0].0, &self.one.ready.url, &[self.one.server.id()], load)?);
        lines.push(self.find_one(load)?);
        person("/evento", &self.one)?;
        lines.push(ask(RATIOS[1].0, &self.one.ready.url, &[self.one.server.id()], load)?);
        person("/dossie", &self.sqlite)?;
        lines.push(ask(BARE, &self.bare.1, &[self.bare.0.id()], load)?);
        lines.push(ask(SQLITE, &self.sqlite.ready.url, &[self.sqlite.server.id()], load)?);
        person("/dossie", &self.one)?;
        lines.push(ask(RATIOS[2].0, &self.one.ready.url, &[self.one.server.id()], load)?);
        lines.push(ask(RATIOS[3].0, &self.many.dossier_url, &self.many.ids(), load)?);
        Ok(lines)
    }

    /// 32 callers of the driver alone, on the documents that a look-up of base C reads.
    fn find_one(&self, load: &Load) -> Result<Line> {
        #[derive(Deserialize)]
        struct Found {
            per_second: f64,
        }
        let url = mongo_url(&self.mongo);
        let mut command = Command::new(&self.documents);
        command.args(["find", &url, "events_hot", "--seconds", &load.seconds.to_string()]);
        let output = command.output().context("the driver's find_one did not start")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let Found { per_second } = serde_json::from_slice(&output.stdout).context("what it says")?;
        Ok(Line { what: FIND_ONE, per_second, p50_us: 0, p99_us: 0, cpu_us: 0.0, errors: 0 })
    }

    fn markdown(&self, args: &Args, lines: &[Line]) -> Result<String> {
        let Args { people, connections, seconds, rounds, .. } = args;
        let (commit, machine) = (report::commit()?, machine::describe());
        let engines = format!("{}, {}", self.postgres.name(), self.mongo.name());
        let backlog = self.one.backlog()?;
        let mut text = format!(
            "# On PostgreSQL and MongoDB\n\nCommit {commit}; {machine}; {engines}, synced; {people} people; {connections} \
             connections; medians of {rounds} × {seconds} s; {backlog} consultations left in the spool.\n\n\
             | | a second | p50 ms | p99 ms | CPU µs of ficha | ratio |\n|---|---:|---:|---:|---:|---|\n"
        );
        for what in report::names(lines.iter().map(|line| line.what)) {
            let median =
                |of: fn(&Line) -> f64| report::median(lines.iter().filter(|line| line.what == what).map(of));
            let (rate, p50, p99) = (
                median(|line| line.per_second),
                median(|line| line.p50_us as f64),
                median(|line| line.p99_us as f64),
            );
            let (cpu, ratios) = (median(|line| line.cpu_us), ratios(what, lines));
            text += &format!(
                "| {what} | {rate:.0} | {:.1} | {:.1} | {cpu:.0} | {ratios} |\n",
                p50 / 1e3,
                p99 / 1e3
            );
        }
        Ok(text)
    }
}

/// Of each comparison in the same round: the middle one.
fn ratios(what: &str, lines: &[Line]) -> String {
    let rates = |what: &str| -> Vec<f64> {
        lines.iter().filter(|line| line.what == what).map(|line| line.per_second).collect()
    };
    let of = |by: &&&str| {
        let pairs = rates(what).into_iter().zip(rates(by)).map(|(rate, by)| rate / by);
        format!("{:.2} of {by}", report::median(pairs))
    };
    let all = RATIOS.iter().filter(|(name, _)| *name == what).flat_map(|(_, by)| by.iter());
    all.map(|by| of(&by)).collect::<Vec<_>>().join("; ")
}

fn ask(what: &'static str, url: &str, processes: &[u32], load: &Load) -> Result<Line> {
    let before = machine::cpu_times(processes)?;
    let round = wrk::closed(url, load)?;
    let spent = machine::cpu_times(processes)?.saturating_sub(before);
    let cpu_us = spent.as_micros() as f64 / round.requests.max(1) as f64;
    let (per_second, errors) = (round.rate(), round.refused + round.broken);
    Ok(Line { what, per_second, p50_us: round.p50_us, p99_us: round.p99_us, cpu_us, errors })
}

fn mongo_url(mongo: &Running) -> String {
    format!("{}bench", mongo.url())
}

/// What every process is told: the stores, the issuer's name and the root key.
fn settings(
    ficha: &Path,
    folder: &Path,
    postgres: &Running,
    mongo: &Running,
) -> Result<Vec<(String, String)>> {
    let key = folder.join("root.key");
    cargo::must(Command::new(ficha).args(["key", "new"]).arg(&key))?;
    let mut settings: Vec<_> = ["DEBTS", "DOSSIER", "IDENTITY", "EVIDENCE"]
        .map(|store| (format!("FICHA_{store}__URL"), postgres.url().to_owned()))
        .into();
    settings.extend(["SCORE", "EVENTS"].map(|store| (format!("FICHA_{store}__URL"), mongo_url(mongo))));
    settings.push(("FICHA_KEYS__FILE".into(), key.display().to_string()));
    settings.push(("FICHA_PUBLIC_URL".into(), "https://ficha.example".into()));
    settings.push(("FICHA_LOG".into(), "warn".into()));
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &'static str, per_second: f64) -> Line {
        Line { what, per_second, p50_us: 0, p99_us: 0, cpu_us: 0.0, errors: 0 }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let lines = [(100.0, 50.0), (200.0, 90.0), (10.0, 6.0)]
            .map(|(by, rate)| [line(PGBENCH, by), line(RATIOS[0].0, rate)]);
        assert_eq!(
            ratios(RATIOS[0].0, &lines.into_iter().flatten().collect::<Vec<_>>()),
            format!("0.50 of {PGBENCH}; NaN of {PGBENCH_PLAIN}")
        );
        assert_eq!(ratios(PGBENCH, &[]), "");
    }
}
