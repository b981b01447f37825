//! A process that ends with its owner.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// How long a server may take to put its things in order.
const GRACE: Duration = Duration::from_secs(20);

/// A child that is told to stop, by its id, when this value goes: also on the way out of an error.
pub(crate) struct Server {
    child: Option<Child>,
    id: u32,
}

impl Server {
    /// Starts the program; what `take` takes from the child (its output) is the caller's.
    pub(crate) fn start<T>(
        command: &mut Command,
        take: impl FnOnce(&mut Child) -> Option<T>,
    ) -> Result<(Self, T)> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().with_context(|| format!("{name} did not start"))?;
        let taken = take(&mut child);
        let server = Self { id: child.id(), child: Some(child) };
        Ok((server, taken.with_context(|| format!("{name} has no output to read"))?))
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }
    /// Tells it to stop, and how it ended: killed, where it did not.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        self.end().context("it was stopped already")?
    }

    fn end(&mut self) -> Option<Result<ExitStatus>> {
        let mut child = self.child.take()?;
        signal(self.id, "-TERM");
        let (gone, wait) = mpsc::channel();
        thread::spawn(move || gone.send(child.wait()));
        let ended = wait.recv_timeout(GRACE).or_else(|_| {
            signal(self.id, "-KILL");
            wait.recv()
        });
        Some(ended.context("nobody waits for it").and_then(|ended| ended.context("waiting for it")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left who would ask how.
        let _ = self.end();
    }
}

/// What a server says when it is ready. The rest is read and dropped, or the server would stand still on a full pipe.
pub(crate) fn first_line(output: impl Read + Send + 'static) -> Result<String> {
    line_where(output, |_| true)
}

/// Likewise, of one that says other things before.
pub(crate) fn line_where(output: impl Read + Send + 'static, is: impl Fn(&str) -> bool) -> Result<String> {
    let (mut output, mut before) = (BufReader::new(output), String::new());
    loop {
        let mut line = String::new();
        let length = output.read_line(&mut line).context("reading what it says")?;
        ensure!(length > 0, "it ended without that word: {before}");
        if is(&line) {
            thread::spawn(move || io::copy(&mut output, &mut io::sink()));
            return Ok(line.trim_end().to_owned());
        }
        before.push_str(&line);
    }
}

/// The id stays the child's until it is waited for, so nobody else can be hit.
fn signal(id: u32, name: &str) {
    let _ = Command::new("kill").args([name, &id.to_string()]).status();
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_server_ends_with_its_value() {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::piped());
        let pipes = |child: &mut Child| Some((child.stdin.take()?, child.stdout.take()?));
        let (server, (_open_input, mut output)) = Server::start(&mut cat, pipes).unwrap();
        assert_ne!(server.id(), 0);
        drop(server);
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0, "its output is closed: it is gone");
    }

    #[test]
    fn how_it_ended_is_told() {
        let mut cat = Command::new("cat");
        let (server, _open_input) =
            Server::start(cat.stdin(Stdio::piped()), |child| child.stdin.take()).unwrap();
        assert!(!server.stop().unwrap().success(), "a signal ended it");
    }

    #[test]
    fn a_server_that_ends_without_a_word_is_an_error() {
        assert!(first_line(io::empty()).is_err());
        assert_eq!(first_line("ready\nmore\n".as_bytes()).unwrap(), "ready");
        assert_eq!(line_where("one\ntwo\n".as_bytes(), |line| line.starts_with('t')).unwrap(), "two");
        let error = line_where("one\n".as_bytes(), |line| line.starts_with('t')).unwrap_err();
        assert!(error.to_string().contains("one"), "what it said instead is told");
    }
}
