//! The processes that a compose file names, on this machine: same program, commands, variables and secrets.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use ficha_engines::{Durability, mongo, opensearch, postgres, redis};
use serde_json::{Value, json};

use super::project::{Project, Service};
use crate::checks::{Client, emptied, said};
use crate::server::{Server, line_where};
use crate::tree;

/// A valid CPF of nobody.
const CPF: &str = "52998224725";
/// Where processes answer inside: the world, and each other.
const OUTSIDE: &str = "0.0.0.0:8080";
const AMONG_THEM: u16 = 8090;
/// What has no password is named in a variable.
const OPENSEARCH: &str = "http://opensearch:9200";

/// One process on files of its own.
pub(super) fn minimal(project: &Project, ficha: &Path) -> Result<()> {
    let stage = Stage::of(project, ficha)?;
    let (name, _) = project.ours().next().context("it names no process")?;
    let running = stage.start([name])?;
    let at = &running[name].url;
    try_out(&stage, name, &[at, at, at, at, at])?;
    stop(&stage, running)
}

/// A process for each role, on servers of the tests.
pub(super) fn whole(project: &Project, ficha: &Path) -> Result<()> {
    // As in production: `doctor` finds fault with any other.
    let postgres = postgres::obtain()?.start(Durability::Synced)?;
    let mongo = mongo::obtain()?.start(Durability::Synced)?;
    let redis = redis::obtain()?.start()?;
    let opensearch = opensearch::obtain()?.start()?;
    lead(project, "postgres", postgres.url())?;
    lead(project, "mongo", &format!("{}ficha?replicaSet=rs0", mongo.url()))?;
    lead(project, "redis", redis.url())?;
    let mut stage = Stage::of(project, ficha)?;
    stage.opensearch = opensearch.url().trim_end_matches('/').to_owned();
    for (name, service) in project.ours().filter(|(_, service)| service.is_one_shot()) {
        let work = stage.command(name, service.command.iter().flatten());
        said(&mut work?).with_context(|| format!("{name} of compose.yaml"))?;
    }
    // First who the others ask, so that they need not ask again a second later.
    let mut running = stage.start(["identity"])?;
    let others = project.ours().filter(|(name, service)| *name != "identity" && !service.is_one_shot());
    running.append(&mut stage.start(others.map(|(name, _)| name))?);
    let roles = ["identity", "debts", "score", "events", "dossier"];
    ensure!(running.len() == roles.len(), "these processes and no others: {roles:?}");
    for (name, service) in project.ours().filter(|(_, service)| !service.is_one_shot()) {
        ensure!(service.depends_on.contains_key("migrate"), "{name} does not wait for its stores");
    }
    let origins = roles.map(|role| running.get(role).map_or("", |process| process.url.as_str()));
    try_out(&stage, "identity", &origins)?;
    stop(&stage, running)?;
    keeps_nothing_in_files(project)
}

/// A store that no variable leads to a server would be a file of the process's folder.
fn keeps_nothing_in_files(project: &Project) -> Result<()> {
    for (name, service) in project.ours() {
        for folder in service.volumes.iter().filter(|volume| volume.target == "/data") {
            let entries =
                fs::read_dir(&folder.source).with_context(|| format!("reading {}", folder.source))?;
            let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            let names = names.collect::<std::io::Result<Vec<_>>>()?;
            let store = names.iter().find(|name| name.ends_with(".sqlite"));
            ensure!(store.is_none(), "{name} keeps {store:?} for itself");
        }
    }
    Ok(())
}

/// Has the secret that leads to a server of the file lead to one of the tests.
fn lead(project: &Project, server: &str, url: &str) -> Result<()> {
    let secret = project.secrets.get(&format!("{server}.url")).context("no secret leads there")?;
    let said = fs::read_to_string(&secret.file).context("reading where it is")?;
    let there = ["/", ":"].map(|next| format!("@{server}{next}"));
    ensure!(
        there.iter().any(|there| said.contains(there)),
        "{} leads elsewhere than to {server}",
        secret.file
    );
    let users = project
        .ours()
        .filter(|(_, service)| service.secrets.iter().any(|it| secret.file.ends_with(&it.source)));
    for (name, service) in users {
        let meets =
            service.networks.keys().any(|network| project.services[server].networks.contains_key(network));
        ensure!(meets, "{name} and {server} are in no network together");
    }
    fs::write(&secret.file, url).with_context(|| format!("writing {}", secret.file))
}

/// A running process.
struct Running {
    server: Server,
    url: String,
}

struct Stage<'a> {
    project: &'a Project,
    ficha: &'a Path,
    /// What the image says of itself.
    image: Vec<(String, String)>,
    /// Where each process answers others: its name among them, and its port here.
    peers: BTreeMap<&'a str, (&'a str, u16)>,
    files: String,
    opensearch: String,
}

impl<'a> Stage<'a> {
    fn of(project: &'a Project, ficha: &'a Path) -> Result<Self> {
        let (mut peers, mut taken) = (BTreeMap::new(), Vec::new());
        for (name, service) in project.ours() {
            let joined = service.networks.get("peers").and_then(Option::as_ref);
            let Some(alias) = joined.and_then(|joined| joined.aliases.first()) else { continue };
            // All are held until all are known, or one might be given twice.
            let listener = TcpListener::bind(("127.0.0.1", 0)).context("a free port")?;
            peers.insert(name, (alias.as_str(), listener.local_addr()?.port()));
            taken.push(listener);
        }
        // ficha makes it itself, for its owner only.
        let files = emptied("deploy/volume")?.join("data").display().to_string();
        Ok(Self { project, ficha, image: image()?, peers, files, opensearch: String::new() })
    }

    /// ficha with the variables of a service.
    fn command<S: AsRef<str>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Result<Command> {
        let service = &self.project.services[name];
        let mut command = Command::new(self.ficha);
        command.env_clear();
        for (key, value) in &self.image {
            command.env(key, self.here(name, service, value)?);
        }
        for (key, value) in &service.environment {
            let value = value.as_ref().with_context(|| format!("{name}: {key} has no value"))?;
            command.env(key, self.here(name, service, value)?);
        }
        command.args(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        Ok(command)
    }

    /// A value as it is on this machine.
    fn here(&self, name: &str, service: &Service, value: &str) -> Result<String> {
        if let Some(secret) = value.strip_prefix("/run/secrets/") {
            let mounted = service.secrets.iter().find(|mounted| mounted.target == value);
            let mounted = mounted.with_context(|| format!("{name} has no secret {secret}"))?;
            return Ok(self.project.secrets[&mounted.source].file.clone());
        }
        if let Some(volume) = service.volumes.iter().find(|volume| volume.target == value) {
            let is_folder = volume.source.starts_with('/');
            return Ok(if is_folder { volume.source.clone() } else { self.files.clone() });
        }
        let own = self
            .peers
            .get(name)
            .map(|(_, port)| (format!("0.0.0.0:{AMONG_THEM}"), format!("127.0.0.1:{port}")));
        let mut value = value.replace(OUTSIDE, "127.0.0.1:0").replace(OPENSEARCH, &self.opensearch);
        let others = self
            .peers
            .values()
            .map(|(alias, port)| (format!("{alias}:{AMONG_THEM}"), format!("127.0.0.1:{port}")));
        for (there, here) in own.into_iter().chain(others) {
            value = value.replace(&there, &here);
        }
        Ok(value)
    }

    fn start<'b>(&self, names: impl IntoIterator<Item = &'b str>) -> Result<BTreeMap<String, Running>> {
        let begin = |name: &str| {
            let command =
                self.project.services[name].command.clone().unwrap_or_else(|| vec!["serve".to_owned()]);
            let mut serve = self.command(name, command)?;
            serve.stdin(Stdio::null()).stderr(Stdio::piped());
            Ok((name.to_owned(), Server::start(&mut serve, |child| child.stderr.take())?))
        };
        let begun: Vec<_> = names.into_iter().map(begin).collect::<Result<_>>()?;
        let serving = |(name, (server, log)): (String, (Server, _))| {
            let line = line_where(log, |line| line.contains(r#""message":"serving","#));
            let line: Value = serde_json::from_str(&line.with_context(|| name.clone())?)?;
            let address =
                line["fields"]["address"].as_str().with_context(|| format!("{name} serves nowhere"))?;
            Ok((name, Running { server, url: format!("http://{address}") }))
        };
        begun.into_iter().map(serving).collect()
    }
}

/// The variables of the image.
fn image() -> Result<Vec<(String, String)>> {
    let dockerfile =
        fs::read_to_string(tree::root().join("deploy/Dockerfile")).context("reading the Dockerfile")?;
    let entries =
        dockerfile.lines().find_map(|line| line.strip_prefix("ENV ")).context("it sets no variables")?;
    let pairs = entries.split(' ').filter_map(|entry| entry.split_once('='));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// A client of the issuer fills the bases, and asks for the dossier; by role: identity, debts, score, events, dossier.
fn try_out(stage: &Stage, issuer: &str, origins: &[&str; 5]) -> Result<()> {
    let add = ["client", "add", "try", "--scope", "read write", "--json"];
    let [identity, debts, score, events, dossier] = origins;
    let client = Client::of(identity, &said(&mut stage.command(issuer, add)?)?)?;
    let base_a = json!({ "name": "Ana", "address": "Rua A, 1", "debts": [{ "value": "10.00", "date": "2026-01-02" }] });
    client.send("PUT", &format!("{debts}/divida/{CPF}"), &base_a)?;
    let base_b = json!({ "name": "Ana", "address": "Rua A, 1", "date_birth": "1980-07-09T00:00:00Z",
        "patrimonies": [], "sources_income": [] });
    client.send("PUT", &format!("{score}/score/{CPF}"), &base_b)?;
    let movement = json!({ "cpf": CPF, "description": "Farmácia", "value": 87.5, "date": "2026-10-05T11:48:00-03:00",
        "type": "Debit", "PaymentType": "CreditCard" });
    client.send("POST", &format!("{events}/financial-transactions"), &movement)?;
    let answer = client.get(&format!("{dossier}/dossie/{CPF}"))?;
    ensure!(answer["complete"] == true, "a dossier that is not whole: {answer}");
    Ok(())
}

/// Each is healthy, finds nothing wrong with itself, and ends well.
fn stop(stage: &Stage, running: BTreeMap<String, Running>) -> Result<()> {
    for name in running.keys() {
        for command in ["healthcheck", "doctor"] {
            said(&mut stage.command(name, [command])?).with_context(|| format!("{command} of {name}"))?;
        }
    }
    for (name, process) in running {
        let status = process.server.stop()?;
        ensure!(status.success(), "{name} did not end well: {status}");
    }
    Ok(())
}
