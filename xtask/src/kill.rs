//! `cargo xtask kill`: the test that kills the real process, as often as one likes.

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;

/// The test's own name: nothing else runs.
const TEST: &str = "kill::what_is_acknowledged_survives_a_kill_at_any_moment_once";

/// What follows `kill`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often it is killed and held to what it said.
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// Another seed does other things and kills at other moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut command = cargo::cargo();
    command.args(["test", "--package", "ficha", "--test", "blackbox", "--", "--exact", TEST, "--nocapture"]);
    command.env("KILL_ROUNDS", args.rounds.to_string()).env("KILL_SEED", args.seed.to_string());
    cargo::must(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
