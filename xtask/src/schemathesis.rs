//! `cargo xtask schemathesis`: every role's OpenAPI document, tried on the real server by somebody else's tool.
//!
//! What is left out of it, and why, stands in `tests/schemathesis/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::cargo::{self, Profile};
use crate::server::{Server, first_line};
use crate::tree;

/// The documents; what only a role's own listener has, has one of its own.
const ROLES: [&str; 7] = ["debts", "score", "events", "dossier", "identity", "debts-seed", "score-seed"];
/// So many of the demo's people are asked for; the others' numbers are made up.
const KNOWN: usize = 20;

/// What follows `schemathesis`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Made-up requests for each operation, beside those that follow from the document alone.
    #[arg(long, default_value_t = 30)]
    examples: u32,
    /// Another seed makes other requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// This role's document only.
    #[arg(long, value_parser = ROLES)]
    role: Option<String>,
}

/// What `ficha demo --print-json` says in one line when it is ready.
#[derive(Deserialize)]
struct Ready {
    url: String,
    roles: BTreeMap<String, String>,
    client_id: String,
    client_secret: String,
    cpfs: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    check(args).map(|()| ExitCode::SUCCESS)
}

/// The share of a change's checks.
pub(crate) fn ci() -> Result<()> {
    check(&Args { examples: 30, seed: 1, role: None })
}

fn check(args: &Args) -> Result<()> {
    let program = installed()?;
    let ficha = cargo::build("ficha", Profile::Debug)?;
    let folder = empty_folder()?;
    let (_server, ready) = serve(&ficha, &folder)?;
    let mut wrong = Vec::new();
    for role in ROLES.into_iter().filter(|role| args.role.as_deref().is_none_or(|wanted| wanted == *role)) {
        let status = command(&program, role, args, &ready).status().context("schemathesis did not start")?;
        if !status.success() {
            wrong.push(role);
        }
    }
    ensure!(wrong.is_empty(), "schemathesis found something in: {}", wrong.join(", "));
    Ok(())
}

fn command(program: &Path, role: &str, args: &Args, ready: &Ready) -> Command {
    let here = tree::root().join("tests/schemathesis");
    let mut command = Command::new(program);
    command.current_dir(&here).args(["--config-file", "schemathesis.toml", "run"]);
    command.arg(tree::root().join("openapi").join(role).with_extension("json"));
    let own = role.strip_suffix("-seed").and_then(|role| ready.roles.get(role));
    command.args(["--url", own.unwrap_or(&ready.url), "--seed", &args.seed.to_string()]);
    command.args(["--max-examples", &args.examples.to_string()]);
    // The tool's own state is not the project's.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", &here).env("SCHEMATHESIS_HOOKS", "hooks");
    // Not in the arguments, which every process may read; not as FICHA_…, which are settings.
    command.env("DEMO_URL", &ready.url).env("DEMO_CPFS", ready.cpfs[..KNOWN.min(ready.cpfs.len())].join(","));
    command.env("DEMO_CLIENT_ID", &ready.client_id).env("DEMO_CLIENT_SECRET", &ready.client_secret);
    command
}

/// A new base every time, so that a run with the same seed asks the same of the same people.
fn empty_folder() -> Result<PathBuf> {
    let folder = tree::root().join("target/schemathesis/served");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

fn serve(ficha: &Path, folder: &Path) -> Result<(Server, Ready)> {
    let mut command = Command::new(ficha);
    command
        .args(["demo", "--print-json", "--people", "200", "--port", "0", "--dir"])
        .arg(folder.join("data"));
    command.env("FICHA_DEBTS__LISTEN", "127.0.0.1:0").env("FICHA_SCORE__LISTEN", "127.0.0.1:0");
    let log = folder.join("ficha.log");
    let log_file = fs::File::create(&log).with_context(|| format!("making {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
    let (server, output) = Server::start(&mut command, |child| child.stdout.take())?;
    let line =
        first_line(output).with_context(|| format!("ficha did not get ready; see {}", log.display()))?;
    let ready = serde_json::from_str(&line).context("the line of `ficha demo --print-json`")?;
    Ok((server, ready))
}

/// Its program, installed once into target/, as the requirements say today.
fn installed() -> Result<PathBuf> {
    let requirements = tree::root().join("tests/schemathesis/requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("reading its requirements")?;
    let folder = tree::root().join("target/schemathesis/venv");
    let (program, stamp) = (folder.join("bin/schemathesis"), folder.join("requirements.txt"));
    if program.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    println!("schemathesis is missing: installing it into {}", folder.display());
    make_venv(&folder)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    cargo::must(pip.arg("--requirement").arg(&requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(program)
}

/// Debian ships Python without what makes environments; there it is one more package.
fn make_venv(folder: &Path) -> Result<()> {
    let made = || cargo::must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
    if made().is_ok() {
        return Ok(());
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--quiet", "python3", "python3-venv"]);
    if !install.status().is_ok_and(|status| status.success()) {
        bail!("Python's venv is missing; install it (Debian: `apt-get install python3-venv`)");
    }
    made()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_tried() {
        let mut documents: Vec<String> = fs::read_dir(tree::root().join("openapi"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .collect();
        documents.sort();
        let mut roles = ROLES;
        roles.sort();
        assert_eq!(documents, roles);
    }
}
