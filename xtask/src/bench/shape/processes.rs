//! One process for each role, on stores that are there (docs/processes.md).

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::data::free_port;
use crate::server::Server;
use crate::stopwatch;

/// The issuer first: the others ask it when they start.
const ROLES: [&str; 5] = ["identity", "debts", "score", "events", "dossier"];
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Processes {
    servers: Vec<Server>,
    pub(super) dossier_url: String,
}

/// One, before it is started.
struct Role {
    name: &'static str,
    listen: SocketAddr,
    peers: SocketAddr,
    key: String,
}

impl Processes {
    pub(super) fn start(ficha: &Path, folder: &Path, settings: &[(String, String)]) -> Result<Self> {
        let roles =
            ROLES.map(|name| Role::new(ficha, folder, name)).into_iter().collect::<Result<Vec<_>>>()?;
        let mut servers = Vec::new();
        for role in &roles {
            let mut command = Command::new(ficha);
            command.arg("--dir").arg(folder.join(role.name)).args(["serve", "--role", role.name]);
            command.envs(settings.iter().cloned()).env("FICHA_LISTEN", role.listen.to_string());
            command.env("FICHA_PEERS__LISTEN", role.peers.to_string());
            for other in &roles {
                let setting = |what| format!("FICHA_PEERS__{}__{what}", other.name.to_uppercase());
                command.env(setting("KEYS"), &other.key);
                // Nobody asks the dossier.
                if other.name != role.name && other.name != "dossier" {
                    command.env(setting("URL"), format!("http://{}", other.peers));
                }
            }
            let log = File::create(folder.join(format!("{}.log", role.name))).context("making a log")?;
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
            let (server, _output) = Server::start(&mut command, |child| child.stdout.take())?;
            servers.push(server);
            until_ready(role)?;
        }
        let dossier = roles.last().context("no role")?.listen;
        Ok(Self { servers, dossier_url: format!("http://{dossier}") })
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.servers.iter().map(Server::id).collect()
    }
}

impl Role {
    fn new(ficha: &Path, folder: &Path, name: &'static str) -> Result<Self> {
        let dir = folder.join(name);
        fs::create_dir(&dir).context("making a role's folder")?;
        let output = Command::new(ficha).arg("--dir").arg(&dir).arg("peer-key").output();
        let output = output.context("`ficha peer-key` did not start")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let key = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let [listen, peers] =
            [free_port()?, free_port()?].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Ok(Self { name, listen, peers, key })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process's readiness is no event that std could wait for"
)]
fn until_ready(role: &Role) -> Result<()> {
    let address = format!("http://{}/readyz", role.listen);
    let since = stopwatch::start();
    loop {
        let asked =
            Command::new("curl").args(["--silent", "--fail", "--output", "/dev/null", &address]).status();
        if asked.context("curl did not start")?.success() {
            return Ok(());
        }
        ensure!(since.elapsed() < PATIENCE, "{} did not get ready; see its log", role.name);
        thread::sleep(LOOK);
    }
}
