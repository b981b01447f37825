//! `cargo xtask bench`: what a dossier costs beside a server that only sends the same bytes.
//!
//! All are measured in turns, so that what the machine does meanwhile meets all. The generators share the processors
//! with them: the ratio says more than the rate, and the disk's own sync time stands beside both. The closed loop
//! (wrk) finds the ceiling, the open one (`bench/src/bin/open.rs`) the latency at half of it.

mod chart;
mod course;
mod data;
mod disk;
mod import;
mod machine;
mod report;
mod shape;
mod start;
mod tools;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, Profile};
use crate::server::{Server, first_line};
use crate::tree;
use course::Course;
use data::{Answer, Subject};
use report::{BARE, DOSSIER, Measured, Open, Report, Row, SMALL};
use wrk::Load;

/// How long and how hard.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each measurement takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How many people the base holds; a base once made is used again.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,
    /// How many connections are kept busy.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Measures `ficha import` only, against plain inserts of the same rows.
    #[arg(long)]
    import: bool,
    /// Measures all but `ficha import`.
    #[arg(long, conflicts_with = "import")]
    no_import: bool,
    /// Measures ficha on PostgreSQL and MongoDB instead, in one process and in one for each role.
    #[arg(long, conflicts_with_all = ["import", "no_import"])]
    engines: bool,
    /// Measures this ficha instead of building the one that is shipped.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

/// The base that a large one is compared with.
const SMALL_PEOPLE: u64 = 10_000;

/// What is measured beside the bare server, and what the report calls it.
const COURSES: [(&str, Course); 5] = [
    (DOSSIER, Course::Person("/dossie")),
    ("GET /divida/{cpf}", Course::Person("/divida")),
    ("GET /score/{cpf}", Course::Person("/score")),
    ("GET /evento/{cpf}", Course::Person("/evento")),
    ("POST /oauth/token", Course::Token),
];

/// The servers, up and warm.
struct Field {
    folder: PathBuf,
    subject: Subject,
    /// The same on fewer people, where the subject has more.
    small: Option<Subject>,
    bare: Server,
    bare_url: String,
    answer: Answer,
    open: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let ficha = args.binary.clone().map_or_else(|| cargo::build("ficha", Profile::Dist), Ok)?;
    let bare = cargo::build("ficha-bench", Profile::Dist)?;
    if args.engines {
        shape::run(args, &ficha, &bare)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.import {
        requests(args, &ficha, &bare)?;
    }
    if !args.no_import {
        import::run(ficha, bare.with_file_name("inserts"), args)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn requests(args: &Args, ficha: &Path, bare: &Path) -> Result<()> {
    tools::need("wrk", "wrk")?;
    let folder = tree::root().join("target/bench");
    std::fs::create_dir_all(&folder).context("making target/bench")?;
    let start = start::measure(ficha, &folder)?;
    let field = set_up(args, ficha, bare, folder)?;
    let sync = disk::sync_times(&field.subject.folder)?;
    let load = field.load(args);
    field.subject.read_in()?;
    field.closed(&load.warm_up())?;
    let mut rows = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: closed loop …", args.rounds);
        rows.extend(field.closed(&load.seeded(round))?);
    }
    let mut open = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: open loop …", args.rounds);
        open.extend(field.open(&load.seeded(round), &rows)?);
    }
    let backlog = field.subject.backlog()?;
    let report =
        Report::new(args, Measured { answer: field.answer.bytes, sync, start, backlog, rows, open })?;
    report.write(&field.folder)?;
    print!("{}", report.markdown());
    ensure!(report.errors() == 0, "{} requests failed: these figures say nothing", report.errors());
    Ok(())
}

fn set_up(args: &Args, ficha: &Path, bare: &Path, folder: PathBuf) -> Result<Field> {
    let subject = data::prepare_data(ficha, &folder, args.people, &[])?;
    let is_large = args.people > SMALL_PEOPLE;
    let small = is_large.then(|| data::prepare_data(ficha, &folder, SMALL_PEOPLE, &[])).transpose()?;
    let answer = subject.sample(&folder)?;
    let (server, bare_url) = start_bare(bare, &answer)?;
    Ok(Field { folder, subject, small, bare: server, bare_url, answer, open: bare.with_file_name("open") })
}

/// The bare server says its address on its first line and ends when its input does, so that it cannot outlive us.
fn start_bare(program: &Path, answer: &Answer) -> Result<(Server, String)> {
    let mut command = Command::new(program);
    command.arg("--headers").arg(&answer.headers).arg("--body").arg(&answer.body);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let (server, output) = Server::start(&mut command, |child| child.stdout.take())?;
    Ok((server, first_line(output).context("the bare server did not start")?))
}

impl Field {
    fn load(&self, args: &Args) -> Load {
        Load { folder: self.folder.clone(), connections: args.connections, seconds: args.seconds, seed: 0 }
    }

    /// One measurement of each: the bare server first, which the others are measured by.
    fn closed(&self, load: &Load) -> Result<Vec<Row>> {
        Course::Person("/dossie").write(&self.folder, &self.subject)?;
        let mut rows = vec![measure(BARE, &self.bare_url, self.bare.id(), load)?];
        for (name, course) in COURSES {
            course.write(&self.folder, &self.subject)?;
            rows.push(measure(name, &self.subject.ready.url, self.subject.server.id(), load)?);
        }
        if let Some(small) = &self.small {
            Course::Person("/dossie").write(&self.folder, small)?;
            rows.push(measure(SMALL, &small.ready.url, small.server.id(), load)?);
        }
        Ok(rows)
    }

    /// The bare server and the dossier, each at half of its own ceiling.
    fn open(&self, load: &Load, rows: &[Row]) -> Result<[Open; 2]> {
        Course::Person("/dossie").write(&self.folder, &self.subject)?;
        let at_half = |name, url: &str| -> Result<Open> {
            let rate = report::ceiling(rows, name) / 2;
            Ok(Open { name, rate, round: wrk::open(&self.open, url, load, rate)? })
        };
        Ok([at_half(BARE, &self.bare_url)?, at_half(DOSSIER, &self.subject.ready.url)?])
    }
}

fn measure(name: &'static str, url: &str, process: u32, load: &Load) -> Result<Row> {
    let before = machine::cpu_time(process)?;
    let round = wrk::closed(url, load)?;
    let spent = machine::cpu_time(process)?.saturating_sub(before);
    Ok(Row { name, round, cpu: spent, memory: machine::memory(process)? })
}
