//! `cargo xtask kill`: the tests that kill real processes, as often as one likes.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;

/// What is killed.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Shape {
    /// One process with its files.
    One,
    /// A process for each role, and the PostgreSQL and the MongoDB that they share.
    Processes,
}

impl Shape {
    /// The test's own name: nothing else runs.
    fn test(self) -> &'static str {
        match self {
            Self::One => "kill::what_is_acknowledged_survives_a_kill_at_any_moment_once",
            Self::Processes => {
                "kill::postgres::mongo::what_processes_acknowledge_survives_their_end_and_their_servers_once"
            }
        }
    }
}

/// What follows `kill`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is killed.
    #[arg(long, value_enum, default_value_t = Shape::One)]
    shape: Shape,
    /// How often it is killed and held to what it said; of processes twice in a round.
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// Another seed does other things and kills at other moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut command = cargo::cargo();
    command.args(["test", "--package", "ficha", "--test", "blackbox", "--", "--exact", args.shape.test()]);
    command.arg("--nocapture");
    command.env("KILL_ROUNDS", args.rounds.to_string()).env("KILL_SEED", args.seed.to_string());
    cargo::must(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
