//! `cargo xtask bench`: what a dossier costs beside a server that only sends the same bytes.
//!
//! The two are measured in turns, so that what the machine does meanwhile meets both. The generator (wrk) shares
//! the processors with them: the ratio says more than the rate, and the disk's own sync time stands beside both.

mod data;
mod disk;
mod import;
mod machine;
mod report;
mod tools;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, Profile};
use crate::server::{Server, first_line};
use crate::tree;
use data::{Answer, Subject};
use report::{BARE, FICHA, Report, Row};
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
    /// How many connections wrk keeps busy.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Measures `ficha import` against plain inserts of the same rows instead.
    #[arg(long)]
    import: bool,
    /// Measures this ficha instead of building the release one.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

/// Both servers, up and warm, and what they are loaded with.
struct Field {
    folder: PathBuf,
    subject: Subject,
    bare: Server,
    bare_url: String,
    answer: Answer,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.import {
        return import::run(args);
    }
    tools::need_wrk()?;
    let field = set_up(args)?;
    let sync = disk::sync_times(&field.subject.folder)?;
    let load = field.load(args);
    field.turn(&load.warm_up())?;
    let mut rows = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {} …", args.rounds);
        rows.extend(field.turn(&load.seeded(round))?);
    }
    let report = Report::new(args, &field.answer, sync, &rows)?;
    report.write(&field.folder)?;
    print!("{}", report.markdown());
    ensure!(report.errors() == 0, "{} requests failed: these figures say nothing", report.errors());
    Ok(ExitCode::SUCCESS)
}

fn set_up(args: &Args) -> Result<Field> {
    let folder = tree::root().join("target/bench");
    std::fs::create_dir_all(&folder).context("making target/bench")?;
    let ficha = args.binary.clone().map_or_else(|| cargo::build("ficha", Profile::Release), Ok)?;
    let bare = cargo::build("ficha-bench", Profile::Release)?;
    let subject = data::prepare_data(&ficha, &folder, args.people)?;
    let answer = subject.sample(&folder)?;
    let (bare, bare_url) = start_bare(&bare, &answer)?;
    Ok(Field { folder, subject, bare, bare_url, answer })
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

    /// One measurement of each, with a token that is good for both.
    fn turn(&self, load: &Load) -> Result<[Row; 2]> {
        self.subject.renew_token(&self.folder)?;
        let bare = measure(BARE, &self.bare_url, self.bare.id(), load)?;
        let ficha = measure(FICHA, &self.subject.ready.url, self.subject.server.id(), load)?;
        Ok([bare, ficha])
    }
}

fn measure(name: &'static str, url: &str, process: u32, load: &Load) -> Result<Row> {
    let before = machine::cpu_time(process)?;
    let round = wrk::run(url, load)?;
    let spent = machine::cpu_time(process)?.saturating_sub(before);
    Ok(Row { name, round, cpu: spent, resident_kib: machine::resident_kib(process)? })
}
