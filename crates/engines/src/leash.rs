//! A server that ends with its owner, even when the owner is killed where it stands.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::free_port;

/// The leash is a pipe of which only the owner has the other end, and which ends with the owner; a line on it lets the
/// server go. Who waits for that end stands aside, so that the server keeps the id of the process that was started.
/// Told to end, a server may take three seconds; one that ended but that nobody has waited for yet counts as gone.
/// Ctrl-C at the terminal is not for it: the group is its own.
const SCRIPT: &str = r#"
signal=$1; folder=$2; shift 2; exec 3<&0
( ( read -r _ <&3 && exit
    kill -"$signal" $$
    n=0; while kill -0 $$ && ! grep -q "^State:.*Z" /proc/$$/status && [ $n -lt 60 ]; do sleep 0.05; n=$((n+1)); done
    kill -KILL $$
    rm -rf -- "$folder" ) 2>/dev/null & )
exec "$@" </dev/null 3<&- >>"$folder/log" 2>&1
"#;

const ASKED_EVERY: Duration = Duration::from_millis(20);
pub(crate) const ASKED_AT_MOST: u32 = 1500;
/// How many ports are tried.
const TRIES: u32 = 5;

/// Tells whether a server is ready, at whatever port it was given.
pub(crate) type Ready = Box<dyn Fn() -> bool + Send + Sync>;

/// A server as it is started.
pub(crate) struct Start {
    /// What runs, with its version.
    pub(crate) name: String,
    /// Where it will answer.
    pub(crate) url: String,
    /// What it runs in, and what goes with it.
    pub(crate) folder: TempDir,
    pub(crate) command: Command,
    /// The signal at which it ends at once and cleans up what is not in its folder.
    pub(crate) ends_at: &'static str,
    pub(crate) ready: Ready,
}

/// A server that runs, with its folder. Both are gone when this value is, or its process.
pub struct Running {
    name: String,
    url: String,
    shell: Command,
    server: Child,
    leash: Option<ChildStdin>,
    /// Nothing comes out of it: it closes when the leash has nothing left to do.
    end: ChildStdout,
    folder: TempDir,
    ready: Ready,
}

impl Running {
    /// Starts a server on a port where nobody listened a moment ago, and waits until it is ready; on another one where
    /// somebody was faster.
    pub(crate) fn on_free_port(start: impl Fn(u16) -> Result<Start>) -> Result<Self> {
        let mut said = String::new();
        for _ in 0..TRIES {
            let port = free_port().context("looking for a free port")?;
            let mut running = Self::start(start(port)?)?;
            if running.is_ready()? {
                return Ok(running);
            }
            said = running.log();
            ensure!(said.contains("Address already in use"), "{} did not start: {said}", running.name());
        }
        bail!("every port was taken: {said}")
    }

    /// Starts the server in its folder.
    pub(crate) fn start(start: Start) -> Result<Self> {
        let Start { name, url, folder, command, ends_at, ready } = start;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "leash", ends_at]).arg(folder.path());
        shell.arg(command.get_program()).args(command.get_args());
        shell.current_dir(command.get_current_dir().unwrap_or(folder.path())).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let (server, leash, end) = spawn(&mut shell)?;
        Ok(Self { name, url, shell, server, leash, end, folder, ready })
    }

    /// Ends the server with all its processes as a crash does: whatever it had not written is lost. Its data stay.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        if self.server.try_wait()?.is_none() {
            // Stopped, it makes no more of them, and sees none end.
            signal("STOP", &[self.id()]);
            rest = processes_of(self.id());
            signal("KILL", &rest);
        }
        self.server.kill().with_context(|| format!("killing {}", self.name))?;
        self.server.wait().with_context(|| format!("waiting for {}", self.name))?;
        while rest.iter().any(|id| lives(*id)) {
            pause();
        }
        Ok(())
    }

    /// Kills the server if it still runs, starts it again on its data and at its address, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start, or does not get ready.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        if let Some(mut leash) = self.leash.take() {
            leash.write_all(b"\n").context("letting the old one go")?;
        }
        io::copy(&mut self.end, &mut io::sink()).context("waiting for the old one's leash")?;
        (self.server, self.leash, self.end) = spawn(&mut self.shell)?;
        ensure!(self.is_ready()?, "{} did not start again: {}", self.name, self.log());
        Ok(())
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
    pub(crate) fn is_ready(&mut self) -> Result<bool> {
        for _ in 0..ASKED_AT_MOST {
            if (self.ready)() {
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

fn spawn(shell: &mut Command) -> Result<(Child, Option<ChildStdin>, ChildStdout)> {
    let mut server = shell.spawn().context("`sh` did not start")?;
    let leash = server.stdin.take();
    let end = server.stdout.take().context("`sh` has no output")?;
    Ok((server, leash, end))
}

/// Until the server is asked again.
#[expect(
    clippy::disallowed_methods,
    reason = "a server has no other way to tell that it is ready than to be asked"
)]
pub(crate) fn pause() {
    thread::sleep(ASKED_EVERY);
}

/// Who has ended already has.
fn signal(signal: &str, ids: &[u32]) {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    if !ids.is_empty() {
        let kill = format!("kill -{signal} {}", ids.join(" "));
        let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
    }
}

/// The processes that a process has made, as far as the machine tells.
fn processes_of(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let line = format!("\nPPid:\t{parent}\n");
    ids.filter(|id| status_of(*id).is_some_and(|status| status.contains(&line))).collect()
}

/// Whether a process does anything yet.
pub(crate) fn lives(id: u32) -> bool {
    status_of(id).is_some_and(|status| !status.contains("Z (zombie)"))
}

fn status_of(id: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{id}/status")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::soon;

    /// Ready once it has said something.
    fn started(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let ready = Box::new(move || fs::read_to_string(&log).is_ok_and(|said| said.ends_with("here\n")));
        let (name, url) = ("sh".to_owned(), String::new());
        Running::start(Start { name, url, folder, command, ends_at: "QUIT", ready }).unwrap()
    }

    #[test]
    fn server_and_folder_end_with_the_value() {
        let mut running = started("echo here; exec sleep 100");
        assert!(running.is_ready().unwrap());
        let (id, folder) = (running.id(), running.folder.path().to_owned());
        assert!(lives(id) && folder.exists());
        drop(running);
        assert!(!lives(id) && !folder.exists());
    }

    #[test]
    fn a_server_that_does_not_quit_is_killed() {
        let mut running = started("trap '' QUIT; echo here; while :; do sleep 0.1; done");
        assert!(running.is_ready().unwrap());
        let id = running.id();
        drop(running);
        assert!(!lives(id));
    }

    #[test]
    fn a_server_that_ends_by_itself_is_noticed_and_its_last_words_kept() {
        let mut running = started("echo no such thing >&2; exit 1");
        assert!(!running.is_ready().unwrap());
        assert_eq!(running.log(), "no such thing\n");
    }

    #[test]
    fn a_server_that_was_killed_starts_again_in_its_folder_and_on_a_leash() {
        let mut running = started("sleep 9 & echo here; wait");
        assert!(running.is_ready().unwrap());
        let first = running.id();
        assert!(soon(|| processes_of(first).len() == 1));
        let all = processes_of(first);
        running.kill().unwrap();
        assert!(!lives(first) && !all.into_iter().any(lives), "and its own processes with it");
        running.restart().unwrap();
        let (second, folder) = (running.id(), running.folder.path().to_owned());
        assert!(lives(second) && second != first);
        assert!(soon(|| running.log() == "here\nhere\n"), "the folder is the same");
        drop(running);
        assert!(!lives(second) && !folder.exists());
    }
}
