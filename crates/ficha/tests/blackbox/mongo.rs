//! Bases B and C on a MongoDB server: to clients and importers they are what they are on SQLite, and the others go on
//! without them.

mod events;
mod opensearch;

use crate::{
    import::{counts, stripped},
    server::{CPF, Server, command, folder, signal},
};
use ficha_engines::Durability;
use serde_json::Value;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    process::Output,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::Instant;

const SCORE: &str = "FICHA_SCORE__URL";

/// An installation one of whose bases is shared.
struct Shared {
    dir: Arc<TempDir>,
    /// The setting that says so.
    store: &'static str,
    url: String,
}

impl Shared {
    /// With the key file that its operator brought, and nothing else.
    fn of(store: &'static str, url: String) -> Self {
        let dir = folder();
        let file =
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(dir.path().join("root.key"));
        writeln!(file.unwrap(), "ficha-key-1 {}", "07".repeat(32)).unwrap();
        Self { dir, store, url }
    }

    fn run(&self, args: &[&str]) -> Output {
        command(self.dir.path()).env(self.store, &self.url).args(args).output().unwrap()
    }

    fn migrated(self) -> Self {
        let output = self.run(&["migrate"]);
        assert!(output.status.success(), "{}", said(&output));
        self
    }

    fn serve(&self) -> Server {
        Server::start_in(self.dir.clone(), &[(self.store, &self.url)])
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_shared_store_is_made_by_migrate_alone_and_a_demo_does_not_take_it() {
    let (url, _guard) = ficha_testkit::mongo::database();
    let shared = Shared::of(SCORE, url.clone());
    let output = shared.run(&["serve"]);
    assert!(!output.status.success() && said(&output).contains("ficha migrate"), "{}", said(&output));
    let shared = shared.migrated().migrated();
    let output = shared.run(&["doctor"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    let output = Shared::of(SCORE, url.clone()).run(&["demo", "--people", "10"]);
    assert!(!output.status.success() && said(&output).contains("did not make"), "{}", said(&output));
    let keyless = Shared { dir: folder(), store: SCORE, url };
    let output = keyless.run(&["serve"]);
    assert!(!output.status.success() && said(&output).contains("root.key"), "{}", said(&output));
}

#[tokio::test]
async fn imports_and_answers_are_those_of_sqlite() {
    let (url, _guard) = ficha_testkit::mongo::database();
    let (shared, own) = (Shared::of(SCORE, url).migrated(), folder());
    let out = tempfile::tempdir().unwrap();
    let generate = ["generate", "--people", "400", "--today", "2026-11-22", "--format", "csv", "--out"];
    assert!(command(own.path()).args(generate).arg(out.path()).output().unwrap().status.success());
    let file = out.path().join("score.csv");
    let import = ["import", "score", "--json", file.to_str().unwrap()];
    let summary = |output: Output| -> Value {
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let on_sqlite = || summary(command(own.path()).args(import).output().unwrap());
    let (here, there) = (on_sqlite(), summary(shared.run(&import)));
    assert!(counts(&here)[3] > 100, "{here}");
    assert_eq!(here, there);
    assert_eq!(on_sqlite(), summary(shared.run(&import)), "again");
    assert_eq!(counts(&summary(shared.run(&import)))[3..5], [0, 0], "changes nothing");

    let (here, there) = (Server::start_in(own, &[]), shared.serve());
    let (token, other) = (here.token("read write").await, there.token("read write").await);
    let rows = fs::read_to_string(&file).unwrap();
    for cpf in rows.lines().skip(1).step_by(37).map(|row| &row[..11]) {
        let path = format!("/score/{cpf}");
        let (a, b) = (here.get(&token, &path).await, there.get(&other, &path).await);
        assert_eq!((a.status, told(&a.text)), (b.status, told(&b.text)), "{path}");
        let dossier = there.get(&other, &format!("/dossie/{cpf}")).await;
        assert_eq!(dossier.json()["sections"]["score"]["status"], "fresh", "{}", dossier.text);
    }
}

/// Without ids, and without when the score was computed.
fn told(text: &str) -> Value {
    let mut value = stripped(text);
    value.as_object_mut().unwrap().remove("id");
    if let Some(score) = value["score"].as_object_mut() {
        score.remove("computed_at");
    }
    value
}

/// What the dossier says of this base, and how long it took.
async fn section(server: &Server, token: &str, base: &str) -> (Value, Duration) {
    let begun = Instant::now();
    let answer = server.get(token, &format!("/dossie/{CPF}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let sections = answer.json()["sections"].take();
    assert_eq!(sections["debts"]["status"], "fresh", "the others go on: {}", answer.text);
    (sections[base].clone(), begun.elapsed())
}

async fn is_back(server: &Server, token: &str, base: &str) {
    let begun = Instant::now();
    while section(server, token, base).await.0["status"] != "fresh" {
        assert!(begun.elapsed() < Duration::from_secs(20), "it comes back by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_dossier_says_that_the_base_is_away_and_finds_it_again() {
    let mut engine = ficha_engines::mongo::obtain().unwrap().start(Durability::Synced).unwrap();
    let shared = Shared::of(SCORE, format!("{}ficha", engine.url())).migrated();
    let server = shared.serve();
    let token = server.token("read write").await;
    server.fill(&token).await;
    assert_eq!(section(&server, &token, "score").await.0["status"], "fresh");

    signal(engine.id(), "STOP");
    for _ in 0..4 {
        let (score, took) = section(&server, &token, "score").await;
        assert_eq!(score["status"], "unavailable", "{score}");
        assert!(took < Duration::from_secs(2), "a budget of one second, and it took {took:?}");
    }
    let alone = server.get(&token, &format!("/score/{CPF}")).await;
    assert_eq!((alone.status.as_u16(), alone.code().as_str()), (503, "base_unavailable"), "{}", alone.text);
    signal(engine.id(), "CONT");
    is_back(&server, &token, "score").await;

    engine.kill().unwrap();
    let (score, took) = section(&server, &token, "score").await;
    assert_eq!(score["status"], "unavailable", "{score}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    engine.restart().unwrap();
    is_back(&server, &token, "score").await;
}
