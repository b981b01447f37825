//! How long an empty folder takes until it serves, and what a server that nobody asks holds in memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::machine::{self, Memory};
use crate::server::Server;
use crate::stopwatch;

const STARTS: usize = 5;
/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// The middle one of the starts.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Start {
    pub(super) start_ms: u64,
    pub(super) idle: Memory,
}

pub(super) fn measure(ficha: &Path, bench: &Path) -> Result<Start> {
    let folder = bench.join("empty");
    let mut starts = (0..STARTS).map(|_| once(ficha, &folder)).collect::<Result<Vec<_>>>()?;
    starts.sort_by_key(|start| start.start_ms);
    Ok(starts[STARTS / 2])
}

#[expect(clippy::disallowed_methods, reason = "a file's coming is no event that std could wait for")]
fn once(ficha: &Path, folder: &Path) -> Result<Start> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("removing the last start's folder")?;
    }
    let mut command = Command::new(ficha);
    command.arg("--dir").arg(folder).arg("serve").env("FICHA_LISTEN", "127.0.0.1:0").env("FICHA_LOG", "warn");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let since = stopwatch::start();
    let (server, _output) = Server::start(&mut command, |child| child.stdout.take())?;
    while !folder.join("serving.json").exists() {
        ensure!(since.elapsed() < PATIENCE, "ficha did not begin to serve an empty folder");
        thread::sleep(LOOK);
    }
    let start_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let idle = machine::memory(server.id())?;
    drop(server);
    fs::remove_dir_all(folder).context("removing the start's folder")?;
    Ok(Start { start_ms, idle })
}
