//! Redis: one server, one with a replica and a sentinel beside it, or a cluster.

mod program;
mod wire;

use std::fs;
use std::io;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::leash::{ASKED_AT_MOST, Running, Start, pause};
use crate::{folder, user};
use program::Program;
use wire::ask;

/// The variable in which tests find the address of a server they may use.
pub const URL: &str = "FICHA_TEST_REDIS_URL";

/// What sentinels call the server that they watch.
const SERVICE: &str = "main";
/// After so long without an answer a server counts as gone, for sentinels and in clusters.
const GONE_AFTER_MS: &str = "1000";
/// The bus of a cluster is at a node's port and this.
const BUS: u16 = 10_000;

/// A Redis that can be started. Nothing of it outlives the server: it is a cache.
#[derive(Clone, Debug)]
pub struct Redis {
    program: Program,
}

/// One on this machine that is new enough, or one that is installed now; in CI always the one pinned.
///
/// # Errors
/// There is none, and none can be installed.
pub fn obtain() -> Result<Redis> {
    Ok(Redis { program: program::obtain()? })
}

impl Redis {
    /// Starts an empty server, and waits until it answers.
    ///
    /// # Errors
    /// What the server said.
    pub fn start(&self) -> Result<Running> {
        self.run(&[])
    }

    /// Starts a server, a replica of it, and a sentinel that makes the replica its successor when it is gone.
    ///
    /// # Errors
    /// What a server said.
    pub fn start_watched(&self) -> Result<Watched> {
        let first = self.run(&[])?;
        let replica = self.run(&["--replicaof", "127.0.0.1", &port_of(&first).to_string()])?;
        let sentinel = self.sentinel(port_of(&first))?;
        let watched = Watched { servers: vec![first, replica], sentinel };
        until("the sentinel knows the replica", || {
            let known = ask(port_of(&watched.sentinel), &["INFO", "sentinel"])?;
            Ok(known.contains("status=ok") && known.contains("slaves=1"))
        })?;
        until("the replica follows", || {
            let state = ask(port_of(&watched.servers[1]), &["INFO", "replication"])?;
            Ok(state.contains("master_link_status:up"))
        })?;
        Ok(watched)
    }

    /// Starts so many servers that share the keys between them.
    ///
    /// # Errors
    /// What a server said.
    pub fn start_cluster(&self, members: u16) -> Result<Cluster> {
        let start = |_| self.run(&["--cluster-enabled", "yes", "--cluster-node-timeout", GONE_AFTER_MS]);
        let cluster = Cluster((0..members).map(start).collect::<Result<_>>()?);
        let ports: Vec<u16> = cluster.0.iter().map(port_of).collect();
        for (at, port) in (0..members).zip(&ports) {
            let share = |at: u16| u32::from(at) * 16384 / u32::from(members);
            let slots: Vec<String> = (share(at)..share(at + 1)).map(|slot| slot.to_string()).collect();
            let slots: Vec<&str> = slots.iter().map(String::as_str).collect();
            ask(*port, &["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()])?;
            ask(*port, &[&["CLUSTER", "ADDSLOTS"][..], &slots].concat())?;
            ask(ports[0], &["CLUSTER", "MEET", "127.0.0.1", &port.to_string()])?;
        }
        until("the servers are a cluster", || {
            let whole = |port: &u16| {
                let state = ask(*port, &["CLUSTER", "INFO"])?;
                Ok(state.contains("state:ok") && state.contains(&format!("known_nodes:{members}")))
            };
            ports.iter().map(whole).try_fold(true, |all, one: io::Result<bool>| Ok(all && one?))
        })?;
        Ok(cluster)
    }

    fn run(&self, more: &[&str]) -> Result<Running> {
        self.begin("redis", |folder, port| {
            let mut command = user::command(&self.program.path)?;
            command.args(["--port", &port.to_string(), "--dir"]).arg(folder.path().join("data"));
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            // Whoever writes in the test's own folder may not be the one who runs the server.
            command.args(["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]).args(more);
            Ok(command)
        })
    }

    fn sentinel(&self, watches: u16) -> Result<Running> {
        self.begin("redis-sentinel", |folder, port| {
            let file = folder.path().join("data/sentinel.conf");
            let text = format!(
                "port {port}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {watches} 1\n\
                 sentinel down-after-milliseconds {SERVICE} {GONE_AFTER_MS}\n\
                 sentinel failover-timeout {SERVICE} 3000\n"
            );
            fs::write(&file, text).context("writing the sentinel's settings")?;
            // It keeps what it learns there.
            user::hand_over(&file)?;
            let mut command = user::command(&self.program.path)?;
            command.arg(file).arg("--sentinel");
            Ok(command)
        })
    }

    fn begin(&self, scheme: &str, command: impl Fn(&TempDir, u16) -> Result<Command>) -> Result<Running> {
        Running::on_free_port(|port| {
            let port = if port > u16::MAX - BUS { port - 2 * BUS } else { port };
            let folder = folder::make(&folder::of_runs()?)?;
            let data = folder.path().join("data");
            fs::create_dir(&data).context("making the data folder")?;
            user::hand_over(&data)?;
            Ok(Start {
                name: format!("Redis {}", self.program.version),
                url: format!("{scheme}://127.0.0.1:{port}/"),
                command: command(&folder, port)?,
                folder,
                ends_at: "KILL",
                ready: Box::new(move || ask(port, &["PING"]).is_ok_and(|answer| answer == "PONG")),
            })
        })
    }
}

/// A server and its replica, watched by a sentinel.
pub struct Watched {
    servers: Vec<Running>,
    sentinel: Running,
}

impl Watched {
    /// Where the sentinel answers, and what it watches.
    pub fn url(&self) -> String {
        format!("{}{SERVICE}", self.sentinel.url())
    }

    /// The server that the sentinel names.
    ///
    /// # Errors
    /// It names none of ours.
    pub fn primary(&mut self) -> Result<&mut Running> {
        let known = ask(port_of(&self.sentinel), &["INFO", "sentinel"])?;
        let is_named = |server: &Running| known.contains(&format!("address=127.0.0.1:{},", port_of(server)));
        self.servers.iter_mut().find(|server| is_named(server)).context("the sentinel names another server")
    }
}

/// Servers that share the keys between them.
pub struct Cluster(Vec<Running>);

impl Cluster {
    /// Where they answer.
    pub fn url(&self) -> String {
        let nodes: Vec<String> = self.0.iter().map(|node| format!("127.0.0.1:{}", port_of(node))).collect();
        format!("redis-cluster://{}/", nodes.join(","))
    }

    /// One of them.
    pub fn node(&mut self, at: usize) -> &mut Running {
        &mut self.0[at]
    }
}

fn port_of(server: &Running) -> u16 {
    let port = server.url().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_default()
}

fn until(what: &str, done: impl Fn() -> io::Result<bool>) -> Result<()> {
    for _ in 0..ASKED_AT_MOST {
        if done().unwrap_or(false) {
            return Ok(());
        }
        pause();
    }
    ensure!(done().with_context(|| format!("waiting until {what}"))?, "it does not come true that {what}");
    bail!("it came true too late that {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leash::lives;
    use crate::testing::{Held, folders_of, soon};

    fn answers(port: u16) -> bool {
        ask(port, &["PING"]).is_ok()
    }

    #[test]
    fn servers_answer_beside_each_other_and_end_with_their_values() {
        let redis = obtain().unwrap();
        let (one, two) = (redis.start().unwrap(), redis.start().unwrap());
        assert_eq!(one.name(), format!("Redis {}", redis.program.version));
        let (first, second) = (port_of(&one), port_of(&two));
        ask(first, &["SET", "key", "value"]).unwrap();
        assert_eq!(ask(first, &["GET", "key"]).unwrap(), "value");
        assert_eq!(ask(second, &["GET", "key"]).unwrap(), "");
        let id = one.id();
        drop(one);
        assert!(!answers(first) && !lives(id) && answers(second));
    }

    #[test]
    fn a_server_that_was_killed_answers_again_and_has_forgotten() {
        let mut running = obtain().unwrap().start().unwrap();
        let port = port_of(&running);
        ask(port, &["SET", "key", "value"]).unwrap();
        running.kill().unwrap();
        assert!(!answers(port));
        running.restart().unwrap();
        assert_eq!(ask(port, &["GET", "key"]).unwrap(), "");
    }

    #[test]
    fn the_replica_follows_a_server_that_is_killed() {
        let mut watched = obtain().unwrap().start_watched().unwrap();
        let first = watched.primary().unwrap();
        let id = first.id();
        first.kill().unwrap();
        for _ in 0..ASKED_AT_MOST {
            if watched.primary().unwrap().id() != id {
                break;
            }
            pause();
        }
        let second = watched.primary().unwrap();
        assert!(second.id() != id);
        let port = port_of(second);
        until("it takes writes", || Ok(ask(port, &["SET", "key", "value"])? == "OK")).unwrap();
    }

    #[test]
    fn a_cluster_has_every_key_at_one_of_its_nodes() {
        let mut cluster = obtain().unwrap().start_cluster(3).unwrap();
        assert_eq!(cluster.url().matches("127.0.0.1:").count(), 3);
        let set = |port| ask(port, &["SET", "key", "value"]);
        let taken = (0..3).filter(|at| set(port_of(cluster.node(*at))).is_ok()).count();
        assert_eq!(taken, 1, "the others say where it belongs");
    }

    #[test]
    fn nothing_is_left_when_the_owner_is_killed() {
        let mut held =
            Held::by("redis::tests::nothing_is_left_when_the_owner_is_killed", || obtain()?.start());
        let port = held.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        let server = held.server;
        assert!(answers(port) && lives(server) && folders_of(held.owner.id()) == 1);
        held.kill_owner();
        let gone = || !lives(server) && folders_of(held.owner.id()) == 0;
        assert!(soon(gone) && !answers(port), "something is left after two seconds");
    }
}
