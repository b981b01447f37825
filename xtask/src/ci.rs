//! `cargo xtask ci`: everything that must hold before a change lands.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{cargo, compose, image, openapi, schemathesis, stopwatch, test, tidy};

type Step = fn() -> Result<()>;

/// The cheapest first, so that a slip is told in seconds. The tests come after these: their count is the last line.
const STEPS: [(&str, Step); 8] = [
    ("fmt", fmt),
    ("clippy", clippy),
    ("tidy", tidy::check),
    ("deny", deny),
    ("openapi", openapi::check),
    ("schemathesis", schemathesis::ci),
    ("compose", compose::ci),
    ("image", image::ci),
];

pub(crate) fn run() -> Result<ExitCode> {
    for (name, step) in STEPS {
        timed(name, step)?;
    }
    let counts = timed("test", || test::count(&test::Args::default()))?;
    if !counts.is_good() {
        println!("ci: the step `test` failed");
    }
    counts.print();
    Ok(if counts.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn timed<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("ci: {name} …");
    let started = stopwatch::start();
    let result = step().with_context(|| format!("ci: the step `{name}` failed"));
    println!("ci: {name} took {:.1} s", started.elapsed().as_secs_f64());
    result
}

fn fmt() -> Result<()> {
    cargo::must(cargo::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    cargo::must(cargo::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Without the advisories: they need a database from elsewhere and change without us.
fn deny() -> Result<()> {
    if !runs(cargo::cargo().args(["deny", "--version"])) {
        println!("cargo-deny is missing: installing it from source, once (about two minutes)");
        cargo::must(cargo::cargo().args(["install", "cargo-deny", "--locked"]))?;
    }
    ensure!(runs(cargo::cargo().args(["deny", "--version"])), "cargo-deny is installed but does not start");
    cargo::must(cargo::cargo().args([
        "deny",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn runs(command: &mut Command) -> bool {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
