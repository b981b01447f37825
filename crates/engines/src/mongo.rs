//! MongoDB, as a replica set: without one there are no transactions.

mod program;
mod wire;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::leash::{Running, Start};
use crate::{Durability, folder, user};
use program::Program;

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
        Running::on_free_port(|port| {
            let folder = self.folder()?;
            Ok(Start {
                name: format!("MongoDB {}", self.program.version),
                url: format!("mongodb://127.0.0.1:{port}/"),
                command: self.command(&folder, port, durability)?,
                folder,
                // It leaves nothing behind but its folder, and a slower end would only write to that.
                ends_at: "KILL",
                ready: Box::new(move || wire::is_ready(SET, port).unwrap_or(false)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leash::lives;
    use crate::testing::{Held, folders_of, soon};

    fn port_of(url: &str) -> u16 {
        url.strip_prefix("mongodb://127.0.0.1:").unwrap().strip_suffix('/').unwrap().parse().unwrap()
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
        let (first, second) = (port_of(one.url()), port_of(two.url()));
        assert!(wire::is_ready(SET, first).unwrap() && wire::is_ready(SET, second).unwrap());
        let id = one.id();
        drop(one);
        assert!(wire::is_ready(SET, first).is_err() && !lives(id));
        assert!(wire::is_ready(SET, second).unwrap());
    }

    #[test]
    fn a_server_that_was_killed_takes_writes_again() {
        let mut running = obtain().unwrap().start(Durability::Synced).unwrap();
        let port = port_of(running.url());
        running.kill().unwrap();
        assert!(wire::is_ready(SET, port).is_err());
        running.restart().unwrap();
        assert!(wire::is_ready(SET, port).unwrap());
    }

    #[test]
    fn nothing_is_left_when_the_owner_is_killed() {
        let start = || obtain()?.start(Durability::Unsynced);
        let mut held = Held::by("mongo::tests::nothing_is_left_when_the_owner_is_killed", start);
        let (server, port) = (held.server, port_of(&held.url));
        assert!(wire::is_ready(SET, port).unwrap() && lives(server) && folders_of(held.owner.id()) == 1);
        held.kill_owner();
        let gone = || !lives(server) && folders_of(held.owner.id()) == 0;
        assert!(soon(gone) && wire::is_ready(SET, port).is_err(), "something is left after two seconds");
    }
}
