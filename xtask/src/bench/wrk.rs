//! One run of a generator and what it measured: wrk for the closed loop, our own for the open one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

const SCRIPT: &str = include_str!("requests.lua");

/// What the load is made of.
#[derive(Clone)]
pub(super) struct Load {
    /// Where the course lies.
    pub(super) folder: PathBuf,
    pub(super) connections: u64,
    pub(super) seconds: u64,
    pub(super) seed: u64,
}

impl Load {
    /// Caches filled, connections opened once; not counted.
    pub(super) fn warm_up(&self) -> Self {
        Self { seconds: self.seconds.min(3), ..self.clone() }
    }

    /// Another order of people each round, the same for both servers and on every machine.
    pub(super) fn seeded(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }
}

/// What the script says at the end.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) requests: u64,
    pub(super) duration_us: u64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    /// Answered with another status than 2xx or 3xx.
    pub(super) refused: u64,
    /// Not answered at all.
    pub(super) broken: u64,
}

impl Round {
    pub(super) fn rate(&self) -> f64 {
        self.requests as f64 / (self.duration_us.max(1) as f64 / 1e6)
    }
}

/// As many requests as the server answers: each connection asks again when it was answered. For the ceiling.
pub(super) fn closed(url: &str, load: &Load) -> Result<Round> {
    let script = load.folder.join("requests.lua");
    fs::write(&script, SCRIPT).context("writing target/bench/requests.lua")?;
    let mut command = Command::new("wrk");
    let (connections, seconds) = (format!("-c{}", load.connections), format!("-d{}s", load.seconds));
    command.args(["-t1", &connections, &seconds, "--latency", "-s"]).arg(&script).args([url, "--"]);
    said_by(command.arg(&load.folder).arg(load.seed.to_string()))
}

/// So many requests a second, whatever the server answers; each is timed from when it was due. For the latency.
pub(super) fn open(program: &Path, url: &str, load: &Load, rate: u64) -> Result<Round> {
    let mut command = Command::new(program);
    command.args(["--url", url, "--rate", &rate.to_string(), "--seed", &load.seed.to_string()]);
    command.args(["--connections", &load.connections.to_string(), "--seconds", &load.seconds.to_string()]);
    said_by(command.arg("--course").arg(&load.folder))
}

fn said_by(command: &mut Command) -> Result<Round> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} did not start"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {} {}", said.trim(), complaint.trim());
    round_in(&said).with_context(|| format!("{name} said no result: {} {}", said.trim(), complaint.trim()))
}

fn round_in(said: &str) -> Option<Round> {
    let line = said.lines().find_map(|line| line.strip_prefix("xtask-bench "))?;
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
Running 10s test @ http://127.0.0.1:1/
Requests/sec:  40000.10

xtask-bench {\"requests\":400001,\"duration_us\":10000000,\"p50_us\":1400,\"p99_us\":4000,\"refused\":1,\"broken\":2}
";

    #[test]
    fn the_scripts_line_is_found_in_what_wrk_says() {
        let round = round_in(SAID).unwrap();
        assert_eq!((round.p50_us, round.p99_us, round.refused, round.broken), (1400, 4000, 1, 2));
        assert!((round.rate() - 40000.1).abs() < 0.01);
        assert_eq!(round_in("unable to connect"), None);
    }
}
