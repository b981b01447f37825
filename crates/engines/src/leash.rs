//! A server that ends with its owner, even when the owner is killed where it stands.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The leash is a pipe of which only the owner has the other end, and which ends with the owner. Who waits for that
/// end stands aside, so that the server keeps the id of the process that was started. Told to quit, a server may take
/// three seconds; one that ended but that nobody has waited for yet counts as gone. Ctrl-C at the terminal is not for it: the group is its own.
const SCRIPT: &str = r#"
folder=$1; shift; exec 3<&0
( ( read -r _ <&3
    kill -QUIT $$
    n=0; while kill -0 $$ && ! grep -q "^State:.*Z" /proc/$$/status && [ $n -lt 60 ]; do sleep 0.05; n=$((n+1)); done
    kill -KILL $$
    rm -rf -- "$folder" ) 2>/dev/null & )
exec "$@" </dev/null 3<&- >"$folder/log" 2>&1
"#;

const ASKED_EVERY: Duration = Duration::from_millis(20);
const ASKED_AT_MOST: u32 = 1500;

/// A server that runs, with its folder. Both are gone when this value is, or its process.
pub struct Running {
    name: String,
    url: String,
    server: Child,
    leash: Option<ChildStdin>,
    /// Nothing comes out of it: it closes when the leash has nothing left to do.
    end: ChildStdout,
    folder: TempDir,
}

impl Running {
    /// Starts the server in its folder.
    pub(crate) fn start(name: String, url: String, folder: TempDir, command: &Command) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "leash"]).arg(folder.path());
        shell.arg(command.get_program()).args(command.get_args());
        shell.current_dir(command.get_current_dir().unwrap_or(folder.path())).process_group(0);
        let piped = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = piped.spawn().context("`sh` did not start")?;
        let leash = server.stdin.take();
        let end = server.stdout.take().context("`sh` has no output")?;
        Ok(Self { name, url, server, leash, end, folder })
    }

    /// What runs, with its version.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Waits until the server is ready; false when it ended instead.
    pub(crate) fn is_ready(&mut self, ready: impl Fn() -> bool) -> Result<bool> {
        for _ in 0..ASKED_AT_MOST {
            if ready() {
                return Ok(true);
            }
            if self.server.try_wait()?.is_some() {
                return Ok(false);
            }
            pause();
        }
        bail!("{} does not get ready: {}", self.name, self.log())
    }

    /// What the server said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.server.wait();
        let _ = io::copy(&mut self.end.by_ref(), &mut io::sink());
    }
}

/// Until the server is asked again.
#[expect(
    clippy::disallowed_methods,
    reason = "a server has no other way to tell that it is ready than to be asked"
)]
pub(crate) fn pause() {
    thread::sleep(ASKED_EVERY);
}

/// Whether a process does anything yet.
#[cfg(test)]
pub(crate) fn lives(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/status")).is_ok_and(|status| !status.contains("Z (zombie)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Running::start("sh".to_owned(), String::new(), tempfile::tempdir().unwrap(), &command).unwrap()
    }

    #[test]
    fn server_and_folder_end_with_the_value() {
        let mut running = started("echo here; exec sleep 100");
        let log = running.folder.path().join("log");
        assert!(running.is_ready(|| fs::read_to_string(&log).is_ok_and(|log| log == "here\n")).unwrap());
        let (id, folder) = (running.id(), running.folder.path().to_owned());
        assert!(lives(id) && folder.exists());
        drop(running);
        assert!(!lives(id) && !folder.exists());
    }

    #[test]
    fn a_server_that_does_not_quit_is_killed() {
        let mut running = started("trap '' QUIT; echo here; while :; do sleep 0.1; done");
        let log = running.folder.path().join("log");
        assert!(running.is_ready(|| log.metadata().is_ok_and(|log| log.len() > 0)).unwrap());
        let id = running.id();
        drop(running);
        assert!(!lives(id));
    }

    #[test]
    fn a_server_that_ends_by_itself_is_noticed_and_its_last_words_kept() {
        let mut running = started("echo no such thing >&2; exit 1");
        assert!(!running.is_ready(|| false).unwrap());
        assert_eq!(running.log(), "no such thing\n");
    }
}
