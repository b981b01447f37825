//! Owners of servers, to be killed.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::Result;

use crate::folder;
use crate::leash::{Running, pause};

/// Makes a test an owner who waits to be killed.
const HOLD: &str = "FICHA_TEST_HOLD";

/// A server that another process started.
pub(crate) struct Held {
    pub(crate) owner: Child,
    pub(crate) server: u32,
    pub(crate) url: String,
}

impl Held {
    /// This program once more, with nothing but this test in it, which comes here and holds the server until it is
    /// killed; in that process there is no end of it.
    pub(crate) fn by(test: &str, start: impl FnOnce() -> Result<Running>) -> Self {
        if env::var_os(HOLD).is_some() {
            let running = start().unwrap();
            eprintln!("held {} {}", running.id(), running.url());
            loop {
                thread::park();
            }
        }
        let mut again = Command::new(env::current_exe().unwrap());
        again.args(["--exact", test, "--nocapture"]).env(HOLD, "1").stdout(Stdio::null());
        let mut owner = again.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(owner.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = said.find_map(|line| Some(line.strip_prefix("held ")?.to_owned())).expect("a server");
        let (server, url) = line.split_once(' ').unwrap();
        Self { owner, server: server.parse().unwrap(), url: url.to_owned() }
    }

    pub(crate) fn kill_owner(&mut self) {
        self.owner.kill().unwrap();
        self.owner.wait().unwrap();
    }
}

/// How many folders this process has made for servers.
pub(crate) fn folders_of(owner: u32) -> usize {
    let runs = fs::read_dir(folder::of_runs().unwrap()).into_iter().flatten().flatten();
    let ours = format!("{owner}-");
    runs.filter(|run| run.file_name().to_string_lossy().starts_with(&ours)).count()
}

/// Whether it comes true within two seconds.
pub(crate) fn soon(done: impl Fn() -> bool) -> bool {
    (0..100).any(|_| {
        pause();
        done()
    })
}
