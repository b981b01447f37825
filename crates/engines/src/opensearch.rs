//! OpenSearch, one node. There is no distribution to be had by an ordinary package client, but its jars are published:
//! `opensearch/pom.xml` names them, `opensearch/SearchNode.java` starts a node with them.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::leash::{Running, Start};
use crate::{cache, folder, maven, must, user};

/// The variable in which tests find the address of a node they may use.
pub const URL: &str = "FICHA_TEST_OPENSEARCH_URL";

/// What `pom.xml` names.
const VERSION: &str = "2.19.6";
const POM: &str = include_str!("opensearch/pom.xml");
const NODE: &str = include_str!("opensearch/SearchNode.java");
/// The SHA-256 of what `sha256sum` says of all jars, in the order of their names.
const JARS: &str = "cd521e94c602f75854458d3e25f6b2363857ced6b1b52a61be5f66a326030188";
/// The first Java that it runs on.
const JAVA: u32 = 17;

/// Half a gigabyte at most, and up in half the time: tests are many short lives.
const JVM: [&str; 6] = [
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xshare:auto",
];

/// An OpenSearch that can be started.
#[derive(Clone, Debug)]
pub struct OpenSearch {
    java: PathBuf,
    /// Where `lib` and `classes` lie.
    kit: PathBuf,
}

/// The pinned one, installed now where it was not before.
///
/// # Errors
/// It cannot be installed: that takes Java with its compiler, and Maven.
pub fn obtain() -> Result<OpenSearch> {
    let java = on_path("java")?;
    let said = must(user::command(&java)?.arg("-version"))?.stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let major = major(&said).with_context(|| format!("no version in `{}`", said.trim()))?;
    ensure!(major >= JAVA, "OpenSearch {VERSION} needs Java {JAVA}, here is {major}");
    let kit = cache::folder(&format!("opensearch-{VERSION}"), |folder| {
        eprintln!("OpenSearch {VERSION} is not here: fetching its jars by Maven (50 MB), once");
        install(folder)
    })?;
    Ok(OpenSearch { java, kit })
}

impl OpenSearch {
    /// Starts a node with empty data of its own, and waits until it answers. What it acknowledges is synced.
    ///
    /// # Errors
    /// What the node said.
    pub fn start(&self) -> Result<Running> {
        Running::on_free_port(|port| {
            let folder = folder::make(&folder::of_runs()?)?;
            let home = folder.path().join("home");
            fs::create_dir(&home).context("making the node's home")?;
            user::hand_over(&home)?;
            Ok(Start {
                name: format!("OpenSearch {VERSION}"),
                url: format!("http://127.0.0.1:{port}"),
                command: self.command(&folder, port)?,
                folder,
                // It leaves nothing behind but its folder, and a slower end would only write to that.
                ends_at: "KILL",
                ready: Box::new(move || is_ready(port).unwrap_or(false)),
            })
        })
    }

    fn command(&self, folder: &TempDir, port: u16) -> Result<Command> {
        let mut command = user::command(&self.java)?;
        let (classes, jars) = (self.kit.join("classes"), self.kit.join("lib/*"));
        command.args(JVM).arg(format!("-Djava.io.tmpdir={}", folder.path().join("home").display()));
        command.arg("-cp").arg(format!("{}:{}", classes.display(), jars.display()));
        command.arg("SearchNode").arg(folder.path().join("home")).arg(port.to_string());
        Ok(command)
    }
}

fn on_path(program: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|place| place.join(program));
    let found = places.find(|program| program.is_absolute() && program.exists());
    found.with_context(|| format!("no `{program}` (Debian: `apt-get install default-jdk-headless`)"))
}

/// As in `openjdk version "17.0.15" 2025-04-15`.
fn major(said: &str) -> Option<u32> {
    said.split_once("version \"")?.1.split(['.', '"', '-']).next()?.parse().ok()
}

fn install(into: &Path) -> Result<()> {
    fs::write(into.join("pom.xml"), POM)?;
    fs::write(into.join("SearchNode.java"), NODE)?;
    maven::copy_dependencies(into)?;
    let mut sums = Command::new("sh");
    let sums = must(sums.args(["-c", "LC_ALL=C sha256sum lib/* | sha256sum"]).current_dir(into))?.stdout;
    let is = String::from_utf8_lossy(&sums).split_whitespace().next().unwrap_or_default().to_owned();
    ensure!(is == JARS, "the jars of OpenSearch are not what they were: {is} instead of {JARS}");
    let mut javac = Command::new(on_path("javac")?);
    javac.args(["-cp", "lib/*", "-d", "classes", "SearchNode.java"]).current_dir(into);
    must(&mut javac).context("compiling the node")?;
    fs::remove_dir_all(into.join("repository")).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    Ok(())
}

/// Whether its shards are there: it answers before they are.
fn is_ready(port: u16) -> io::Result<bool> {
    let limit = Duration::from_secs(5);
    let mut node = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), limit)?;
    node.set_read_timeout(Some(limit))?;
    node.write_all(
        b"GET /_cluster/health?wait_for_status=yellow&timeout=1s HTTP/1.0\r\nHost: localhost\r\n\r\n",
    )?;
    let mut answer = String::new();
    node.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leash::lives;
    use crate::testing::{Held, folders_of, soon};

    fn port_of(url: &str) -> u16 {
        url.rsplit(':').next().unwrap().parse().unwrap()
    }

    fn is_gone(port: u16) -> bool {
        is_ready(port).is_err()
    }

    #[test]
    fn a_version_is_what_java_says() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime"), Some(17));
        assert_eq!(major("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(major("java version \"26-ea\""), Some(26));
        assert_eq!(major("java version \"1.8.0_402\""), Some(1));
        assert_eq!(major("no java"), None);
    }

    #[test]
    fn the_jars_are_those_of_the_version() {
        assert!(POM.contains(&format!("<opensearch.version>{VERSION}</opensearch.version>")));
    }

    #[test]
    fn a_node_that_was_killed_answers_again_and_ends_with_its_value() {
        let mut running = obtain().unwrap().start().unwrap();
        assert_eq!(running.name(), format!("OpenSearch {VERSION}"));
        let port = port_of(running.url());
        assert!(is_ready(port).unwrap());
        running.kill().unwrap();
        assert!(is_gone(port));
        running.restart().unwrap();
        assert!(is_ready(port).unwrap());
        let id = running.id();
        drop(running);
        assert!(is_gone(port) && !lives(id));
    }

    #[test]
    fn nothing_is_left_when_the_owner_is_killed() {
        let start = || obtain()?.start();
        let mut held = Held::by("opensearch::tests::nothing_is_left_when_the_owner_is_killed", start);
        let (port, server) = (port_of(&held.url), held.server);
        assert!(is_ready(port).unwrap() && lives(server) && folders_of(held.owner.id()) == 1);
        held.kill_owner();
        let gone = || !lives(server) && folders_of(held.owner.id()) == 0;
        assert!(soon(gone) && is_gone(port), "something is left after two seconds");
    }
}
