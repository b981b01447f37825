//! The server under test with its people, and a caller's way in.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde::Deserialize;
use serde_json::Value;

use crate::server::{Server, first_line};

/// What `ficha demo --print-json` says in one line when it is ready.
#[derive(Deserialize)]
pub(super) struct Ready {
    pub(super) url: String,
    client_id: String,
    client_secret: String,
    pub(super) cpfs: Vec<String>,
}

/// ficha, serving.
pub(super) struct Subject {
    pub(super) server: Server,
    pub(super) ready: Ready,
    /// Where its data lies.
    pub(super) folder: PathBuf,
}

/// The files that hold one dossier's headers and body, which the bare server sends too.
pub(super) struct Answer {
    pub(super) headers: PathBuf,
    pub(super) body: PathBuf,
    pub(super) bytes: u64,
}

/// Starts ficha, with these settings, on a base of so many people; the folder keeps it for the next time.
pub(super) fn prepare_data(
    ficha: &Path,
    bench: &Path,
    people: u64,
    settings: &[(String, String)],
) -> Result<Subject> {
    let folder = bench.join(format!("people-{people}"));
    let log = bench.join("ficha.log");
    eprintln!("ficha with {people} people in {} (its log: {}) …", folder.display(), log.display());
    let mut command = Command::new(ficha);
    command.args(["demo", "--print-json", "--people", &people.to_string()]);
    command.args(["--port", &free_port()?.to_string()]).arg("--dir").arg(&folder);
    command.envs(settings.iter().cloned());
    let log_file = File::create(&log).with_context(|| format!("making {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
    let (server, output) = Server::start(&mut command, |child| child.stdout.take())?;
    let line =
        first_line(output).with_context(|| format!("ficha did not get ready; see {}", log.display()))?;
    let ready: Ready = serde_json::from_str(&line).context("the line of `ficha demo --print-json`")?;
    ensure!(!ready.cpfs.is_empty(), "ficha names no person to ask for");
    Ok(Subject { server, ready, folder })
}

/// Free now; ficha binds it a moment later.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr().context("no free port")?.port())
}

impl Subject {
    /// An access token, good for minutes.
    pub(super) fn token(&self) -> Result<String> {
        let login =
            format!("user = {}\n", quoted(&format!("{}:{}", self.ready.client_id, self.ready.client_secret)));
        let address = format!("{}/oauth/token", self.ready.url);
        let answer = curl(&login, &["--data", "grant_type=client_credentials", &address])?;
        let answer: Value = serde_json::from_str(&answer).context("the token's answer is not JSON")?;
        Ok(answer["access_token"].as_str().context("the issuer's answer has no access_token")?.to_owned())
    }

    /// What the client shows at the token endpoint (RFC 6749, 2.3.1); neither part needs encoding.
    pub(super) fn login(&self) -> String {
        let login = format!("{}:{}", self.ready.client_id, self.ready.client_secret);
        format!("Basic {}", BASE64.encode(login))
    }

    /// One dossier: proof that the bench asks for what exists, and what the bare server will send.
    pub(super) fn sample(&self, bench: &Path) -> Result<Answer> {
        let (headers, body) = (bench.join("answer.headers"), bench.join("answer.body"));
        let header = format!("header = {}\n", quoted(&format!("Authorization: Bearer {}", self.token()?)));
        let address = format!("{}/dossie/{}", self.ready.url, self.ready.cpfs[0]);
        let files = [path(&headers)?, path(&body)?];
        curl(&header, &["--dump-header", files[0], "--output", files[1], &address])?;
        let bytes = fs::metadata(&body).context("the dossier has no body")?.len();
        Ok(Answer { headers, body, bytes })
    }

    /// Has the machine hold the three bases, as one does that has served for a while. What a dossier costs of a disk
    /// that was not asked before says nothing about ficha: each connection waits for it in turn.
    pub(super) fn read_in(&self) -> Result<()> {
        for base in ["debts", "score", "events"] {
            let path = self.folder.join(format!("{base}.sqlite"));
            let mut file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
            std::io::copy(&mut file, &mut std::io::sink()).context("reading a base")?;
        }
        Ok(())
    }

    /// Consultations that wait in the spool.
    pub(super) fn backlog(&self) -> Result<u64> {
        let figures = curl("", &[&format!("{}/metrics", self.ready.url)])?;
        let line = figures.lines().find_map(|line| line.strip_prefix("ficha_spool_backlog_records "));
        line.and_then(|number| number.trim().parse().ok())
            .context("/metrics does not tell the spool's backlog")
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// curl with secrets in its input instead of its arguments, which every process may read.
fn curl(secret: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10", "--config", "-"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("curl did not start")?;
    child
        .stdin
        .take()
        .context("curl has no input")?
        .write_all(secret.as_bytes())
        .context("writing to curl")?;
    let output = child.wait_with_output().context("waiting for curl")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let address = arguments.last().copied().unwrap_or_default();
    ensure!(output.status.success(), "{address} did not answer well: {}", said.trim());
    Ok(said)
}

/// A value in curl's configuration.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_keep_their_signs_in_curls_configuration() {
        assert_eq!(quoted(r#"a:b"c\d"#), r#""a:b\"c\\d""#);
    }
}
