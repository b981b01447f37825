//! One run of wrk and what it measured.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

const SCRIPT: &str = include_str!("dossier.lua");

/// What the load is made of.
#[derive(Clone)]
pub(super) struct Load {
    /// Where the files of CPFs and of the token lie.
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

pub(super) fn run(url: &str, load: &Load) -> Result<Round> {
    let script = load.folder.join("dossier.lua");
    fs::write(&script, SCRIPT).context("writing target/bench/dossier.lua")?;
    let mut command = Command::new("wrk");
    command.args([
        "-t1",
        &format!("-c{}", load.connections),
        &format!("-d{}s", load.seconds),
        "--latency",
        "-s",
    ]);
    command.arg(&script).args([url, "--"]).arg(load.folder.join("cpfs")).arg(load.folder.join("token"));
    let output = command.arg(load.seed.to_string()).output().context("wrk did not start")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "wrk failed: {} {}", said.trim(), complaint.trim());
    round_in(&said).with_context(|| format!("wrk said no result: {} {}", said.trim(), complaint.trim()))
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
