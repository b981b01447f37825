//! `cargo xtask test`: every test, and at the end one line that counts them.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::AddAssign;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::cargo;
use crate::engines::Engines;

/// What follows `test`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Given to `cargo test` as they are: `-p CRATE`, a part of a test's name, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// What all test programs of a run said together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Counts {
    /// Something ran and nothing failed.
    pub(crate) fn is_good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// The last line of a run; nothing may be printed after it.
    pub(crate) fn print(self) {
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let counts = count(args)?;
    counts.print();
    Ok(if counts.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tests, their output passed through, and counts.
pub(crate) fn count(args: &Args) -> Result<Counts> {
    let engines = Engines::for_tests(ficha_engines::is_ci())?;
    let mut command = command(&args.args);
    engines.hand_over(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo did not start")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let counts = add_up(output, &mut std::io::stdout())?;
    let well_ended = child.wait().context("waiting for cargo")?.success();
    engines.tell();
    Ok(verdict(counts, well_ended))
}

/// All of the workspace unless a package is named; all programs even when one fails, so that the sum is whole.
fn command(args: &[String]) -> Command {
    let mut command = cargo::cargo();
    command.arg("test");
    let before_dashes = || args.iter().take_while(|arg| *arg != "--");
    if !before_dashes().any(|arg| chooses_packages(arg)) {
        command.arg("--workspace");
    }
    if !before_dashes().any(|arg| arg == "--no-fail-fast") {
        command.arg("--no-fail-fast");
    }
    command.args(args);
    command
}

fn chooses_packages(arg: &str) -> bool {
    arg.starts_with("-p") || arg.starts_with("--package") || arg == "--workspace" || arg == "--all"
}

fn add_up(output: impl Read, terminal: &mut impl Write) -> Result<Counts> {
    let mut output = BufReader::new(output);
    let mut counts = Counts::default();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).context("reading what cargo test says")? > 0 {
        terminal.write_all(&line).and_then(|()| terminal.flush()).context("writing to the terminal")?;
        if let Some(program) = result_of(&String::from_utf8_lossy(&line)) {
            counts += program;
        }
        line.clear();
    }
    Ok(counts)
}

/// What `test result: ok. 3 passed; 0 failed; 1 ignored; …` counts.
fn result_of(line: &str) -> Option<Counts> {
    let result = line.trim().strip_prefix("test result: ")?;
    let number = |word: &str| {
        let mut parts = result.split([';', '.']);
        parts.find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
    };
    Some(Counts { passed: number("passed")?, failed: number("failed")?, skipped: number("ignored")? })
}

/// A run that did not build, or whose program died before its count, must not read "0 failed".
fn verdict(mut counts: Counts, well_ended: bool) -> Counts {
    if !well_ended && counts.failed == 0 {
        eprintln!("cargo test failed without a test's verdict (see above); counted as one failure");
        counts.failed = 1;
    } else if counts.passed + counts.failed == 0 {
        eprintln!("not a single test ran: that is a failure, not a success");
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_PROGRAMS: &str = "\
running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.01s

test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 10.02s
";

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn programs_are_summed_and_their_output_passes_unchanged() {
        let mut seen = Vec::new();
        assert_eq!(add_up(TWO_PROGRAMS.as_bytes(), &mut seen).unwrap(), counts(5, 1, 2));
        assert_eq!(String::from_utf8(seen).unwrap(), TWO_PROGRAMS);
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(result_of("test result_of_a_thing ... ok"), None);
        assert_eq!(result_of("3 passed; 0 failed"), None);
    }

    #[test]
    fn a_run_that_broke_is_never_zero_failures() {
        assert_eq!(verdict(counts(7, 0, 0), false), counts(7, 1, 0));
        assert_eq!(verdict(counts(7, 2, 0), false), counts(7, 2, 0));
        assert!(verdict(counts(7, 0, 1), true).is_good());
    }

    #[test]
    fn a_run_without_tests_is_not_good() {
        assert!(!verdict(Counts::default(), true).is_good());
    }

    #[test]
    fn a_named_package_replaces_the_workspace() {
        let given = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            command(&args)
                .get_args()
                .map(|arg| arg.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(given(&[]), "test --workspace --no-fail-fast");
        assert_eq!(given(&["-p", "xtask"]), "test --no-fail-fast -p xtask");
        assert_eq!(given(&["--", "-p"]), "test --workspace --no-fail-fast -- -p");
    }
}
