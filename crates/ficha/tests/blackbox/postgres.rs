//! Bases on a PostgreSQL server: to clients, importers and thieves they are what they are on SQLite.

use crate::{
    import::{counts, stripped},
    server::{Server, command, folder},
};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::Output,
    sync::Arc,
};
use tempfile::TempDir;

/// All that can be.
const SHARED: [&str; 5] = [
    "FICHA_DEBTS__URL",
    "FICHA_SCORE__URL",
    "FICHA_DOSSIER__URL",
    "FICHA_IDENTITY__URL",
    "FICHA_EVIDENCE__URL",
];

/// An installation whose stores are shared, but for base C.
struct Shared {
    dir: Arc<TempDir>,
    url: String,
    _guard: ficha_testkit::postgres::Guard,
}

impl Shared {
    /// With the key file that its operator brought, and nothing else.
    async fn new() -> Self {
        let (url, guard) = ficha_testkit::postgres::database().await;
        let shared = Self { dir: folder(), url, _guard: guard };
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(shared.key_file());
        writeln!(file.unwrap(), "ficha-key-1 {}", "07".repeat(32)).unwrap();
        shared
    }

    fn key_file(&self) -> std::path::PathBuf {
        self.dir.path().join("root.key")
    }

    fn settings(&self) -> [(&str, &str); 5] {
        SHARED.map(|store| (store, self.url.as_str()))
    }

    fn run(&self, args: &[&str]) -> Output {
        command(self.dir.path()).envs(self.settings()).args(args).output().unwrap()
    }

    fn import(&self, base: &str, file: &Path) -> Value {
        let output = self.run(&["import", base, "--json", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn serve(&self) -> Server {
        Server::start_in(self.dir.clone(), &self.settings())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_shared_store_is_made_by_migrate_alone_and_a_key_by_nobody() {
    let shared = Shared::new().await;
    let output = shared.run(&["serve"]);
    assert!(!output.status.success() && said(&output).contains("ficha migrate"), "{}", said(&output));
    for _ in 0..2 {
        let output = shared.run(&["migrate"]);
        assert!(output.status.success(), "{}", said(&output));
    }
    let output = shared.run(&["doctor"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told.matches("made by this version, and with these keys").count(), 1, "{told}");
    // The tests' own server syncs nothing.
    let wrong = |line: &&str| line.starts_with("WRONG");
    assert!(told.lines().filter(wrong).all(|line| line.contains(" is off")), "{told}");

    let elsewhere = Shared { dir: folder(), ..Shared::new().await };
    for command in ["serve", "migrate", "demo"] {
        let output = elsewhere.run(&[command]);
        assert!(
            !output.status.success() && said(&output).contains("root.key"),
            "{command}: {}",
            said(&output)
        );
        assert!(!elsewhere.key_file().exists());
    }
}

#[tokio::test]
async fn a_demo_does_not_take_a_base_that_others_made() {
    let shared = Shared::new().await;
    assert!(shared.run(&["migrate"]).status.success());
    let dir = folder();
    fs::copy(shared.key_file(), dir.path().join("root.key")).unwrap();
    let demo = Shared { dir, ..shared };
    let output = demo.run(&["demo", "--people", "10"]);
    assert!(!output.status.success() && said(&output).contains("did not make"), "{}", said(&output));
}

#[tokio::test]
async fn imports_and_answers_are_those_of_sqlite() {
    let (shared, own) = (Shared::new().await, folder());
    assert!(shared.run(&["migrate"]).status.success());
    let out = tempfile::tempdir().unwrap();
    let generate = ["generate", "--people", "400", "--today", "2026-11-22", "--format", "csv", "--out"];
    assert!(command(own.path()).args(generate).arg(out.path()).output().unwrap().status.success());
    for base in ["debts", "score"] {
        let file = out.path().join(format!("{base}.csv"));
        let import = || command(own.path()).args(["import", base, "--json"]).arg(&file).output().unwrap();
        let on_sqlite = || -> Value { serde_json::from_slice(&import().stdout).unwrap() };
        let (here, there) = (on_sqlite(), shared.import(base, &file));
        assert!(counts(&here)[3] > 100, "{here}");
        assert_eq!(here, there);
        assert_eq!(on_sqlite(), shared.import(base, &file), "again");
        assert_eq!(counts(&shared.import(base, &file))[3..5], [0, 0], "changes nothing");
    }
    let (here, there) = (Server::start_in(own, &[]), shared.serve());
    let (token, other) = (here.token("read write").await, there.token("read write").await);
    let rows = fs::read_to_string(out.path().join("debts.csv")).unwrap();
    for cpf in rows.lines().skip(1).step_by(97).map(|row| &row[..11]) {
        for path in [format!("/divida/{cpf}"), format!("/score/{cpf}")] {
            let (a, b) = (here.get(&token, &path).await, there.get(&other, &path).await);
            assert_eq!((a.status, told(&a.text)), (b.status, told(&b.text)), "{path}");
        }
        let dossier = there.get(&other, &format!("/dossie/{cpf}")).await;
        assert_eq!(dossier.status, 200, "{}", dossier.text);
        assert_eq!(dossier.json()["sections"]["debts"]["status"], "fresh", "{}", dossier.text);
    }
}

#[tokio::test]
async fn what_is_written_through_one_process_is_read_through_another() {
    let shared = Shared::new().await;
    assert!(shared.run(&["migrate"]).status.success());
    let beside = Shared {
        dir: folder(),
        url: shared.url.clone(),
        _guard: ficha_testkit::postgres::database().await.1,
    };
    fs::copy(shared.key_file(), beside.key_file()).unwrap();
    let (one, other) = (shared.serve(), beside.serve());
    let (token, others) = (one.token("read write").await, other.token("read write").await);
    one.fill(&token).await;
    let path = format!("/divida/{}", crate::server::CPF);
    let (here, there) = (one.get(&token, &path).await, other.get(&others, &path).await);
    assert_eq!((here.status.as_u16(), there.status.as_u16()), (200, 200), "{}", there.text);
    assert_eq!(here.text, there.text);
    assert_eq!(here.header("etag"), there.header("etag"));
}

/// Without ids, and without when the score was computed.
fn told(text: &str) -> Value {
    let mut value = stripped(text);
    if let Some(score) = value["score"].as_object_mut() {
        score.remove("computed_at");
    }
    value
}

/// All bytes of all files below a folder whose owner goes on: sockets are no files, and what is gone is gone.
fn files_of_server(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files_of_server(&path));
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(&path)
        {
            found.push((path.display().to_string(), bytes));
        }
    }
    found
}

/// All files of the server, its write-ahead log and its log included.
#[tokio::test]
async fn no_cpf_name_or_amount_of_base_a_lies_in_clear() {
    const CPF: &str = "11144477735";
    let shared = Shared::new().await;
    assert!(shared.run(&["migrate"]).status.success());
    let server = shared.serve();
    let token = server.token("read write").await;
    let person = json!({ "name": "Zuleica Quebrada", "address": "Beco do Postgres, 31",
        "debts": [{ "value": "71234567.89", "date": "2024-03-01" }] });
    assert_eq!(server.put(&token, &format!("/divida/{CPF}"), &person).await.status, 201);
    let keyed = server.request(reqwest::Method::POST, &format!("/divida/{CPF}/debts")).bearer_auth(&token);
    let keyed = keyed
        .header("idempotency-key", "Zuleica-once")
        .json(&json!({ "value": "61234567.89", "date": "2025-01-01" }));
    assert_eq!(server.send(keyed).await.status, 201);
    let (client, connection) = tokio_postgres::connect(&shared.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("CREATE TABLE clear (text text); INSERT INTO clear VALUES ('Carabina em claro')")
        .await
        .unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();
    let data: String = client.query_one("SHOW data_directory", &[]).await.unwrap().get(0);
    let needles = [CPF, "111.444.777-35", "Zuleica", "Quebrada", "Beco do", "71234567", "61234567"];
    let mut clear = 0;
    for (path, bytes) in files_of_server(Path::new(&data)) {
        let text = String::from_utf8_lossy(&bytes);
        for needle in needles {
            assert!(!text.contains(needle), "{needle} lies in clear in {path}");
        }
        clear += usize::from(text.contains("Carabina em claro"));
    }
    assert!(clear >= 2, "the search finds what is in clear, in the table and in the log");
}
