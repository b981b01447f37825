//! MongoDB, as a replica set: without one there are no transactions.

mod program;
mod wire;

use std::fs;
use std::io;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::leash::{ASKED_AT_MOST, Running, Start, pause};
use crate::{Durability, folder, user};
use program::Program;
use wire::State;

/// The variable in which tests find the address of a server they may use.
pub const URL: &str = "FICHA_TEST_MONGODB_URL";

/// The set's name.
const SET: &str = "rs0";

/// A MongoDB that can be started.
#[derive(Clone, Debug)]
pub struct Mongo {
    program: Program,
}

/// One on this machine that is new enough, or one that is installed now; in CI always the one pinned.
///
/// # Errors
/// There is none, and none can be installed.
pub fn obtain() -> Result<Mongo> {
    Ok(Mongo { program: program::obtain()? })
}

impl Mongo {
    /// Starts a set of one with empty data of its own, and waits until it takes writes.
    ///
    /// # Errors
    /// What the server said.
    pub fn start(&self, durability: Durability) -> Result<Running> {
        self.run(durability, |port| match wire::state(port)? {
            State::New => wire::initiate(SET, &[port]).map(|()| false),
            state => Ok(state == State::Primary),
        })
    }

    /// Starts a set of so many, and waits until one of them takes writes.
    ///
    /// # Errors
    /// What a server said.
    pub fn start_set(&self, members: usize, durability: Durability) -> Result<Set> {
        let start = |_| self.run(durability, |port| Ok(wire::state(port)? != State::Other));
        let mut set = Set((0..members).map(start).collect::<Result<_>>()?);
        let ports: Vec<u16> = set.0.iter().map(port_of).collect();
        wire::initiate(SET, &ports).context("making a set")?;
        set.primary()?;
        Ok(set)
    }

    fn run(&self, durability: Durability, ready: fn(u16) -> io::Result<bool>) -> Result<Running> {
        Running::on_free_port(|port| {
            let folder = self.folder()?;
            Ok(Start {
                name: format!("MongoDB {}", self.program.version),
                url: format!("mongodb://127.0.0.1:{port}/"),
                command: self.command(&folder, port, durability)?,
                folder,
                // It leaves nothing behind but its folder, and a slower end would only write to that.
                ends_at: "KILL",
                ready: Box::new(move || ready(port).unwrap_or(false)),
            })
        })
    }

    fn folder(&self) -> Result<TempDir> {
        let folder = folder::make(&folder::of_runs()?)?;
        let data = folder.path().join("data");
        fs::create_dir(&data).context("making the data folder")?;
        user::hand_over(&data)?;
        Ok(folder)
    }

    fn command(&self, folder: &TempDir, port: u16, durability: Durability) -> Result<Command> {
        let mut command = user::command(&self.program.path)?;
        command.arg("--dbpath").arg(folder.path().join("data")).args(["--port", &port.to_string()]);
        command.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", SET]);
        command.args(["--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.5"]);
        if durability == Durability::Unsynced {
            command.args(["--wiredTigerEngineConfigString", "checkpoint_sync=false"]);
        }
        Ok(command)
    }
}

/// Servers that keep the same data, of which one takes writes.
pub struct Set(Vec<Running>);

impl Set {
    /// Where they answer; a database's name goes before the `?`.
    pub fn url(&self, database: &str) -> String {
        let members: Vec<String> =
            self.0.iter().map(|member| format!("127.0.0.1:{}", port_of(member))).collect();
        format!("mongodb://{}/{database}?replicaSet={SET}", members.join(","))
    }

    /// The one that takes writes, waited for while there is none.
    ///
    /// # Errors
    /// There is none for long.
    pub fn primary(&mut self) -> Result<&mut Running> {
        for _ in 0..ASKED_AT_MOST {
            let is_primary =
                |member: &Running| wire::state(port_of(member)).is_ok_and(|state| state == State::Primary);
            if let Some(at) = self.0.iter().position(is_primary) {
                return Ok(&mut self.0[at]);
            }
            pause();
        }
        bail!("no member was elected")
    }
}

fn port_of(member: &Running) -> u16 {
    let port = member.url().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leash::lives;
    use crate::testing::{Held, folders_of, soon};

    fn takes_writes(port: u16) -> bool {
        wire::state(port).is_ok_and(|state| state == State::Primary)
    }

    fn is_gone(port: u16) -> bool {
        wire::state(port).is_err()
    }

    #[test]
    fn only_who_asks_for_it_is_not_synced() {
        let settings = |durability| {
            let command =
                obtain().unwrap().command(&tempfile::tempdir().unwrap(), 27017, durability).unwrap();
            command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let (synced, unsynced) = (settings(Durability::Synced), settings(Durability::Unsynced));
        assert!(!synced.contains("sync") && synced.contains("--bind_ip 127.0.0.1"), "{synced}");
        assert!(unsynced.ends_with("checkpoint_sync=false"), "{unsynced}");
    }

    #[test]
    fn servers_take_writes_beside_each_other_and_end_with_their_values() {
        let mongo = obtain().unwrap();
        let (one, two) =
            (mongo.start(Durability::Unsynced).unwrap(), mongo.start(Durability::Synced).unwrap());
        assert_eq!(one.name(), format!("MongoDB {}", mongo.program.version));
        let (first, second) = (port_of(&one), port_of(&two));
        assert!(takes_writes(first) && takes_writes(second));
        let id = one.id();
        drop(one);
        assert!(is_gone(first) && !lives(id));
        assert!(takes_writes(second));
    }

    #[test]
    fn a_server_that_was_killed_takes_writes_again() {
        let mut running = obtain().unwrap().start(Durability::Synced).unwrap();
        let port = port_of(&running);
        running.kill().unwrap();
        assert!(is_gone(port));
        running.restart().unwrap();
        assert!(takes_writes(port));
    }

    #[test]
    fn of_three_another_one_is_elected_when_the_primary_is_killed() {
        let mut set = obtain().unwrap().start_set(3, Durability::Unsynced).unwrap();
        assert!(
            set.url("d").ends_with("/d?replicaSet=rs0") && set.url("d").matches("127.0.0.1:").count() == 3
        );
        let first = set.primary().unwrap();
        let id = first.id();
        first.kill().unwrap();
        assert!(set.primary().unwrap().id() != id);
        let killed = set.0.iter_mut().find(|member| member.id() == id).unwrap();
        killed.restart().unwrap();
        assert_eq!(wire::state(port_of(killed)).unwrap(), State::Secondary);
    }

    #[test]
    fn nothing_is_left_when_the_owner_is_killed() {
        let start = || obtain()?.start(Durability::Unsynced);
        let mut held = Held::by("mongo::tests::nothing_is_left_when_the_owner_is_killed", start);
        let port = held.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        let server = held.server;
        assert!(takes_writes(port) && lives(server) && folders_of(held.owner.id()) == 1);
        held.kill_owner();
        let gone = || !lives(server) && folders_of(held.owner.id()) == 0;
        assert!(soon(gone) && is_gone(port), "something is left after two seconds");
    }
}
