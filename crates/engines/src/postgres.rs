//! PostgreSQL.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::leash::{Running, Start};
use crate::program::{self, Program};
use crate::{Durability, cache, folder, must, user};

/// The variable in which tests find the address of a server they may use.
pub const URL: &str = "FICHA_TEST_POSTGRES_URL";

/// Whoever asks is this superuser.
const USER: &str = "ficha";
const UNSYNCED: [&str; 3] = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"];

/// A PostgreSQL that can be started.
#[derive(Clone, Debug)]
pub struct Postgres {
    program: Program,
}

/// The newest on this machine that is new enough, or one that is installed now. `FICHA_TEST_POSTGRES=16` asks for a
/// major version; in CI it is the newest pinned.
pub fn obtain() -> Result<Postgres> {
    Ok(Postgres { program: program::obtain()? })
}

impl Postgres {
    /// Starts a server with an empty cluster of its own, and waits until it answers.
    pub fn start(&self, durability: Durability) -> Result<Running> {
        Running::on_free_port(|port| {
            let folder = self.cluster()?;
            let command = self.command(&folder, port, durability)?;
            Ok(Start {
                name: format!("PostgreSQL {}", self.program.version),
                url: format!("postgres://{USER}@127.0.0.1:{port}/postgres"),
                folder,
                command,
                // At this one it removes its shared memory, too.
                ends_at: "QUIT",
                ready: Box::new(move || answers(port).unwrap_or(false)),
            })
        })
    }

    /// A copy of the cluster that `initdb` made once: a tenth of the time.
    fn cluster(&self) -> Result<TempDir> {
        let template = self.template()?;
        let folder = folder::make(&folder::of_runs()?)?;
        let data = folder.path().join("data");
        fs::create_dir(&data).context("making the data folder")?;
        user::hand_over(&data)?;
        let mut copy = user::command("cp".as_ref())?;
        must(copy.arg("-a").arg(template.join("data/.")).arg(&data)).context("copying the cluster")?;
        Ok(folder)
    }

    /// Whoever makes clusters otherwise counts the name up, or the old one is found.
    fn template(&self) -> Result<PathBuf> {
        cache::folder(&format!("postgres-{}-cluster-1", self.program.version), |folder| {
            let data = folder.join("data");
            fs::create_dir(&data)?;
            user::hand_over(&data)?;
            let mut initdb = user::command(&self.program.bin.join("initdb"))?;
            initdb.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
            must(initdb.arg(&data)).map(drop)
        })
    }

    fn command(&self, folder: &TempDir, port: u16, durability: Durability) -> Result<Command> {
        let data = folder.path().join("data");
        let mut command = user::command(&self.program.bin.join("postgres"))?;
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        let sockets = format!("unix_socket_directories={}", data.display());
        let mut settings = vec!["listen_addresses=127.0.0.1", &sockets, "max_connections=200"];
        if durability == Durability::Unsynced {
            settings.extend(UNSYNCED);
        }
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        Ok(command)
    }
}

/// Whether somebody is let in. A server that starts takes connections before it takes anybody in, so it is asked by
/// the protocol's first message; a server that is ready answers it with `R`, one that is not with `E`.
fn answers(port: u16) -> std::io::Result<bool> {
    let limit = Duration::from_secs(1);
    let mut server = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), limit)?;
    server.set_read_timeout(Some(limit))?;
    let words = format!("user\0{USER}\0database\0postgres\0\0");
    let length = u32::try_from(8 + words.len()).unwrap_or_default();
    let mut hello = length.to_be_bytes().to_vec();
    hello.extend(0x0003_0000_u32.to_be_bytes());
    hello.extend(words.as_bytes());
    server.write_all(&hello)?;
    let mut answer = [0];
    server.read_exact(&mut answer)?;
    Ok(answer == *b"R")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::free_port;
    use crate::leash::lives;
    use crate::testing::{Held, folders_of, soon};

    fn port_of(url: &str) -> u16 {
        url.strip_prefix("postgres://ficha@127.0.0.1:")
            .unwrap()
            .strip_suffix("/postgres")
            .unwrap()
            .parse()
            .unwrap()
    }

    /// The kernel's list of shared memory, which outlives processes: the fifth column is who made a piece.
    fn shared_memory_of(id: u32) -> bool {
        let pieces = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        pieces.lines().any(|line| line.split_whitespace().nth(4) == Some(id.to_string().as_str()))
    }

    fn settings(durability: Durability) -> String {
        let program = Program { bin: "bin".into(), version: obtain().unwrap().program.version };
        let command = Postgres { program }.command(&tempfile::tempdir().unwrap(), 5432, durability).unwrap();
        command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_who_asks_for_it_is_not_synced() {
        let (synced, unsynced) = (settings(Durability::Synced), settings(Durability::Unsynced));
        assert!(!synced.contains("off") && synced.contains("listen_addresses=127.0.0.1"), "{synced}");
        assert!(
            unsynced.ends_with("-c fsync=off -c full_page_writes=off -c synchronous_commit=off"),
            "{unsynced}"
        );
    }

    #[test]
    fn servers_answer_beside_each_other_and_end_with_their_values() {
        let postgres = obtain().unwrap();
        let (one, two) =
            (postgres.start(Durability::Unsynced).unwrap(), postgres.start(Durability::Synced).unwrap());
        assert_eq!(one.name(), format!("PostgreSQL {}", postgres.program.version));
        let (first, second) = (port_of(one.url()), port_of(two.url()));
        let id = one.id();
        assert!(answers(first).unwrap() && answers(second).unwrap() && shared_memory_of(id));
        drop(one);
        assert!(answers(first).is_err() && !lives(id) && !shared_memory_of(id));
        assert!(answers(second).unwrap());
    }

    #[test]
    fn one_that_was_killed_with_all_its_processes_starts_on_what_they_left() {
        let mut running = obtain().unwrap().start(Durability::Synced).unwrap();
        let port = port_of(running.url());
        let id = running.id();
        running.kill().unwrap();
        assert!(answers(port).is_err() && !lives(id));
        running.restart().unwrap();
        assert!(answers(port).unwrap() && running.id() != id);
        assert!(running.log().contains("was not properly shut down"), "{}", running.log());
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let postgres = obtain().unwrap();
        let folder = folder::make(&folder::of_runs().unwrap()).unwrap();
        let command = postgres.command(&folder, free_port().unwrap(), Durability::Unsynced).unwrap();
        let (name, url, ready) = ("PostgreSQL".to_owned(), String::new(), Box::new(|| false));
        let start = Start { name, url, folder, command, ends_at: "QUIT", ready };
        let mut running = Running::start(start).unwrap();
        assert!(!running.is_ready().unwrap());
        assert!(running.log().contains("No such file or directory"), "{}", running.log());
    }

    #[test]
    fn nothing_is_left_when_the_owner_is_killed() {
        let start = || obtain()?.start(Durability::Unsynced);
        let mut held = Held::by("postgres::tests::nothing_is_left_when_the_owner_is_killed", start);
        let (server, port) = (held.server, port_of(&held.url));
        assert!(answers(port).unwrap() && lives(server) && folders_of(held.owner.id()) == 1);
        held.kill_owner();
        let gone = || !lives(server) && !shared_memory_of(server) && folders_of(held.owner.id()) == 0;
        assert!(soon(gone) && answers(port).is_err(), "something is left after two seconds");
    }
}
