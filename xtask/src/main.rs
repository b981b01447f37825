//! What a developer types: `cargo xtask <demo|test|engines|kill|fuzz|bench|tidy|openapi|schemathesis|image|compose|ci>`.
//!
//! # To add a command
//! One module with an `Args` (clap) and a `run` that returns the exit code; one line in [`Task`]. A command
//! starts other programs and reads what they say; what ficha itself can do belongs in the binary, where an
//! operator finds it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the terminal is where these commands answer")]

mod bench;
mod cargo;
mod checks;
mod ci;
mod compose;
mod demo;
mod engines;
mod fuzz;
mod image;
mod kill;
mod openapi;
mod sbom;
mod schemathesis;
mod server;
mod stopwatch;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The developer's commands of ficha.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds ficha and serves a synthetic population (`ficha demo`).
    Demo(demo::Args),
    /// Runs every test and ends with a line "N passed, N failed, N skipped".
    Test(test::Args),
    /// Starts the servers that tests need and keeps them, for `cargo test` by hand; ends them; says what runs.
    Engines(engines::Args),
    /// Measures ficha against a bare server that returns the same bytes.
    Bench(bench::Args),
    /// Kills real processes and their servers in the middle of writes, reads and imports, and looks for what they had
    /// acknowledged.
    Kill(kill::Args),
    /// Runs the fuzz targets on from their corpora (needs a C++ compiler).
    Fuzz(fuzz::Args),
    /// Checks the project's own rules: arrows between rooms, sizes, leftovers.
    Tidy,
    /// Writes the OpenAPI documents into openapi/, or checks that they are current.
    Openapi(openapi::Args),
    /// Tries every OpenAPI document on a real server (needs Python; installs schemathesis once).
    Schemathesis(schemathesis::Args),
    /// Builds the container image and tries it, with buildah and without a container engine (Linux, root).
    Image(image::Args),
    /// Holds deploy/compose*.yaml against the specification, and starts what they say on this machine (needs Go).
    Compose,
    /// Everything that must hold before a change lands; ends like `test`.
    Ci,
}

fn main() -> ExitCode {
    run(Cli::parse().task).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Engines(args) => engines::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Kill(args) => kill::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Tidy => tidy::run(),
        Task::Openapi(args) => openapi::run(&args),
        Task::Schemathesis(args) => schemathesis::run(&args),
        Task::Image(args) => image::run(&args),
        Task::Compose => compose::run(),
        Task::Ci => ci::run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
