//! `cargo xtask demo`: build what is needed, then be `ficha demo`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo::{self, Profile};

/// What follows `demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Given to `ficha demo` as they are: `--people N`, `--dir D`, `--port P`, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let ficha = cargo::build("ficha", Profile::Release)?;
    become_program(Command::new(ficha).arg("demo").args(&args.args))
}

/// The program takes our place: signals, terminal and exit code are its own, nobody stands in between.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("ficha did not start")
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("ficha did not start")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
