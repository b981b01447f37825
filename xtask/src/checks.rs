//! Programs and libraries of others that some checks need: whether they are here, and what they say.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{cargo, tree};

/// Whether a program is on the path.
pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether we are root; only Linux tells.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|ours| ours.uid() == 0)
}

/// Whether a step of `ci` has what only root can use. In CI what is missing is installed, and anything else is an error;
/// elsewhere the step is left out, and says so.
pub(crate) fn may_install(step: &str, packages: &[&str]) -> Result<bool> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_there(package)).collect();
    if is_root() && missing.is_empty() {
        return Ok(true);
    }
    if !ficha_engines::is_ci() {
        println!("ci: {step} NOT RUN: it needs root and {}", packages.join(", "));
        return Ok(false);
    }
    ensure!(is_root(), "{step} needs root");
    println!("ci: installing {}", missing.join(", "));
    cargo::must(Command::new("apt-get").args(["update", "--quiet"]))?;
    let mut install = Command::new("apt-get");
    cargo::must(install.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(missing))?;
    Ok(true)
}

/// The program in `tests/deploy`, which asks the libraries and schemas of others.
pub(crate) struct Others(PathBuf);

impl Others {
    /// Built, where there is Go; in CI there has to be.
    pub(crate) fn obtain() -> Result<Option<Self>> {
        if !is_there("go") && !ficha_engines::is_ci() {
            return Ok(None);
        }
        let program = tree::root().join("target/deploy/others");
        let mut build = Command::new("go");
        build.current_dir(folder()).args(["build", "-o"]).arg(&program).arg(".");
        cargo::must(&mut build).context("Go, 1.25 or later, is needed")?;
        Ok(Some(Self(program)))
    }

    /// What it says; what it finds is an error. The compose files' variables come from the environment.
    pub(crate) fn check(&self, what: &str, file: &Path) -> Result<String> {
        let mut command = Command::new(&self.0);
        let output = command.current_dir(folder()).arg(what).arg(file).output().context("starting it")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", file.display(), said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn folder() -> PathBuf {
    tree::root().join("tests/deploy")
}

/// A folder below target/ with nothing in it.
pub(crate) fn emptied(name: &str) -> Result<PathBuf> {
    let folder = tree::root().join("target").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// What a program says to the end, which has to be a good one.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} did not start"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{name} failed ({}): {}{}", output.status, out, err.trim());
    Ok(out.trim().to_owned())
}

/// A client of a ficha, by curl.
pub(crate) struct Client(String);

impl Client {
    /// One whom the issuer at this origin gives a token, by what `ficha client add --json` said.
    pub(crate) fn of(issuer: &str, added: &str) -> Result<Self> {
        let client: Value = serde_json::from_str(added).context("what `client add --json` says")?;
        let (Some(id), Some(secret)) = (client["client_id"].as_str(), client["client_secret"].as_str())
        else {
            bail!("no client: {added}");
        };
        let who = format!("{id}:{secret}");
        let form = ["--user", &who, "--data", "grant_type=client_credentials"];
        let token = curl(&form, &format!("{issuer}/oauth/token"))?;
        Ok(Self(token["access_token"].as_str().context("no token")?.to_owned()))
    }

    pub(crate) fn get(&self, url: &str) -> Result<Value> {
        self.ask(&[], url)
    }

    pub(crate) fn send(&self, method: &str, url: &str, body: &Value) -> Result<Value> {
        let kind = "Content-Type: application/json";
        self.ask(&["--request", method, "--header", kind, "--data", &body.to_string()], url)
    }

    fn ask(&self, args: &[&str], url: &str) -> Result<Value> {
        let bearer = format!("Authorization: Bearer {}", self.0);
        curl(&[&["--header", &bearer, "--header", "Ficha-Purpose: credit_granting"], args].concat(), url)
    }
}

/// A refusal is an error; nothing is `null`.
fn curl(args: &[&str], url: &str) -> Result<Value> {
    let mut curl = Command::new("curl");
    let body = said(
        curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10"]).args(args).arg(url),
    );
    let body = body.with_context(|| url.to_owned())?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).with_context(|| format!("{url} answers no JSON: {body}"))
}
