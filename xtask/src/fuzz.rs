//! `cargo xtask fuzz`: the fuzz targets, run on from their corpora.
//!
//! libFuzzer by the toolchain at hand: the passes that count which code an input reaches are rustc's own
//! (`-Cpasses=sancov-module`), libFuzzer itself comes as source with its crate and is compiled by the machine's C++
//! compiler. Nightly and cargo-fuzz are only needed for sanitizers, which look for what safe Rust has not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo;
use crate::tree;

/// As cargo-fuzz has them.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// A folder of Linux that is no disk.
const MEMORY: &str = "/dev/shm";

/// What follows `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// This target only.
    #[arg(long)]
    target: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let targets = chosen(targets()?, args.target.as_deref())?;
    let programs = build()?;
    let mut broken = Vec::new();
    for target in &targets {
        if !fuzz(&programs.join(target), target, args.seconds)? {
            broken.push(target.as_str());
        }
    }
    ensure!(
        broken.is_empty(),
        "broken: {}; mend it, and put the input from fuzz/artifacts/ into fuzz/corpus/<target>/",
        broken.join(", ")
    );
    println!("fuzz: {} for {} s each, nothing broken", targets.join(", "), args.seconds);
    Ok(ExitCode::SUCCESS)
}

/// Every target has a corpus, which is how they are found.
fn targets() -> Result<Vec<String>> {
    let folder = tree::root().join("fuzz/corpus");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

fn chosen(all: Vec<String>, only: Option<&str>) -> Result<Vec<String>> {
    let Some(only) = only else { return Ok(all) };
    ensure!(all.iter().any(|name| name == only), "there is no target {only}, but {}", all.join(", "));
    Ok(vec![only.to_owned()])
}

/// The folder of the built programs. `--target` keeps the flags away from what runs while building.
fn build() -> Result<PathBuf> {
    let (host, root) = (host()?, tree::root());
    let folder = root.join("target/fuzz");
    // What is fuzzed are ficha's own versions of everything.
    fs::copy(root.join("Cargo.lock"), root.join("fuzz/Cargo.lock")).context("copying Cargo.lock")?;
    let mut command = cargo::cargo();
    command.args(["build", "--release", "--bins", "--manifest-path", "fuzz/Cargo.toml"]);
    command.args(["--target", &host]).arg("--target-dir").arg(&folder).env("RUSTFLAGS", FLAGS.join(" "));
    cargo::must(&mut command)?;
    Ok(folder.join(host).join("release"))
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").stderr(Stdio::inherit()).output();
    let text = String::from_utf8(output.context("rustc did not start")?.stdout).context("rustc -vV")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what it runs on")
}

/// Whether nothing broke. What it finds on the way stays in target/, so that the next run goes on from there.
fn fuzz(program: &Path, target: &str, seconds: u32) -> Result<bool> {
    let root = tree::root();
    let (found, artifacts) =
        (root.join("target/fuzz/corpus").join(target), root.join("fuzz/artifacts").join(target));
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    println!("fuzz: {target} for {seconds} s …");
    let log = root.join("target/fuzz").join(target).with_extension("log");
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}")).arg("-print_funcs=0");
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(&found).arg(root.join("fuzz/corpus").join(target));
    // What a target writes is synced: on a disk that is a hundred runs a second, in memory thousands.
    if Path::new(MEMORY).is_dir() {
        command.env("TMPDIR", MEMORY);
    }
    command.stderr(fs::File::create(&log).with_context(|| format!("making {}", log.display()))?);
    let status = command.status().with_context(|| format!("{} did not start", program.display()))?;
    let text = fs::read(&log).with_context(|| format!("reading {}", log.display()))?;
    println!("fuzz: {target}: {}; all of it: {}", summary(&String::from_utf8_lossy(&text)), log.display());
    Ok(status.success())
}

/// libFuzzer's line at the end (runs, reached code) or, where something broke, what did.
fn summary(log: &str) -> &str {
    let of = |sign: &str| log.lines().rev().find(|line| line.contains(sign));
    of("panicked at").or_else(|| of("SUMMARY:")).or_else(|| of("DONE")).unwrap_or("it says nothing").trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_program_and_its_corpus() {
        let root = tree::root();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        for target in &targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            assert!(root.join(format!("fuzz/fuzz_targets/{target}.rs")).is_file(), "{target}");
        }
        assert_eq!(targets.len(), fs::read_dir(root.join("fuzz/fuzz_targets")).unwrap().count());
    }

    #[test]
    fn a_run_is_summed_up_in_a_line() {
        let log = "#2\tINITED cov: 5\n#99\tDONE   cov: 7 ft: 9\nDone 99 runs in 1 second(s)\n";
        assert_eq!(summary(log), "#99\tDONE   cov: 7 ft: 9");
        assert_eq!(
            summary(&format!("{log}thread panicked at src/lib.rs:1:2:\n")),
            "thread panicked at src/lib.rs:1:2:"
        );
        assert_eq!(summary(""), "it says nothing");
    }

    #[test]
    fn a_target_that_is_not_there_is_told() {
        let error = chosen(vec!["cpf".to_owned()], Some("cnpj")).unwrap_err();
        assert_eq!(error.to_string(), "there is no target cnpj, but cpf");
    }
}
