//! What the operator does: start, stop, keys, clients, doctor.

use crate::server::{CPF, Server, command, folder};
use std::{fs, io::BufRead, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::time::Instant;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_lost_or_wrong_key_is_said_at_start() {
    let server = Server::start();
    let (dir, _) = server.stop();
    let key = dir.path().join("root.key");
    let right = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let lost = command(dir.path()).arg("serve").env("FICHA_LISTEN", "127.0.0.1:0").output().unwrap();
    assert_eq!(lost.status.code(), Some(1));
    assert!(text(&lost.stderr).contains("there is no key file"), "{}", text(&lost.stderr));
    assert!(!key.exists(), "a new key is never made beside old data");
    fs::write(&key, format!("ficha-key-1 {}\n", "ab".repeat(32))).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = command(dir.path()).arg("serve").env("FICHA_LISTEN", "127.0.0.1:0").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("another key"), "{}", text(&wrong.stderr));
    fs::write(&key, right).unwrap();
    Server::start_in(dir, &[]).stop();
}

#[tokio::test]
async fn a_folder_is_served_once() {
    let server = Server::start();
    let second = command(server.dir.path()).arg("serve").env("FICHA_LISTEN", "127.0.0.1:0").output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("served already"), "{}", text(&second.stderr));
    assert!(server.run(&["healthcheck"]).status.success());
    let (dir, _) = server.stop();
    assert!(!command(dir.path()).arg("healthcheck").output().unwrap().status.success());
}

#[test]
fn a_server_that_is_gone_or_hangs_is_not_healthy_and_nobody_waits_long_for_it() {
    let health = |dir: &Path| {
        let asked = Instant::now();
        let output = command(dir).arg("healthcheck").output().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(10), "two seconds, and the start of a process");
        (output.status.code(), text(&output.stderr))
    };
    let dir = Server::start().kill();
    let (code, said) = health(dir.path());
    assert!(code == Some(1) && said.contains("does not answer"), "{said}");
    // A listener takes connections into its queue, and nobody is there who would answer.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let serving = format!(r#"{{"url":"http://{}","issuer":"","pid":1}}"#, hangs.local_addr().unwrap());
    let dir = folder();
    fs::write(dir.path().join("serving.json"), serving).unwrap();
    let (code, said) = health(dir.path());
    assert!(code == Some(1) && said.contains("says nothing"), "{said}");
    assert!(!dir.path().join("lock").exists(), "the lock is for a server, which may be starting");
}

#[test]
fn the_first_root_key_is_made_once_for_its_owner_only() {
    let dir = folder();
    let new = || {
        let mut ficha = command(&dir.path().join("none"));
        ficha.current_dir(dir.path()).args(["key", "new", "root.key"]).output().unwrap()
    };
    assert!(new().status.success());
    let file = dir.path().join("root.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (made, again) = (fs::read(&file).unwrap(), new());
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    assert_eq!(fs::read(&file).unwrap(), made, "a key that is there stays");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no data folder is made for it");
    let settings = [("FICHA_KEYS__FILE", file.to_str().unwrap())];
    let (served, _) = Server::start_in(folder(), &settings).stop();
    assert!(!served.path().join("root.key").exists(), "it is the one that is used");
}

#[tokio::test]
async fn the_terminal_shows_a_dossier_beside_the_server_and_without_it() {
    let server = Server::start();
    let token = server.token("read write").await;
    server.fill(&token).await;
    let beside = server.run(&["dossier", CPF]);
    assert!(beside.status.success(), "{}", text(&beside.stderr));
    assert!(text(&beside.stdout).contains("R$ 98.765,43"), "{}", text(&beside.stdout));
    let (dir, _) = server.stop();
    let alone = command(dir.path()).args(["dossier", CPF, "--json"]).output().unwrap();
    let dossier: serde_json::Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(dossier["complete"], true);
    assert_eq!(
        dossier["sections"]["events"]["data"]["last_consultation"]["purpose"], "risk_analysis",
        "the dossier beside the server was recorded"
    );
    let nobody = command(dir.path()).args(["dossier", "123.456.789-09"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
}

#[tokio::test]
async fn doctor_says_what_is_wrong_and_what_to_do() {
    let server = Server::start();
    let well = server.run(&["doctor"]);
    assert!(well.status.success(), "{}", text(&well.stdout));
    assert!(text(&well.stdout).contains("Nothing is wrong."));
    let (dir, _) = server.stop();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let ill = command(dir.path()).arg("doctor").output().unwrap();
    assert_eq!(ill.status.code(), Some(1));
    assert!(text(&ill.stdout).contains("chmod 700"), "{}", text(&ill.stdout));
}

#[tokio::test]
async fn a_revoked_client_and_a_rotated_key() {
    let server = Server::start();
    let (id, secret) = server.client("dossier:read", &[]);
    let token = server.token_of(&id, &secret).await;
    assert!(server.run(&["key", "rotate"]).status.success());
    assert_eq!(server.get(&token, "/dossies").await.code(), "missing_purpose", "a rotation breaks nothing");
    assert!(server.run(&["client", "revoke", &id]).status.success());
    let refused = tokio::time::timeout(Duration::from_secs(5), async {
        while server.get(&token, "/dossies").await.status != 401 {
            tokio::task::yield_now().await;
        }
    });
    assert!(refused.await.is_ok(), "a revoked client's tokens die within 5 seconds");
    assert!(text(&server.run(&["client", "list"]).stdout).contains("revoked"));
}

#[tokio::test]
async fn a_role_has_its_own_listener_when_asked() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let dir = folder();
    let server = Server::start_in(dir, &[("FICHA_DEBTS__LISTEN", &address)]);
    let token = server.token("read").await;
    let http = reqwest::Client::new();
    let answer = http.get(format!("http://{address}/divida/{CPF}")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let elsewhere =
        http.get(format!("http://{address}/score/{CPF}")).bearer_auth(&token).send().await.unwrap();
    assert!(elsewhere.text().await.unwrap().contains("unknown_route"));
}

#[tokio::test]
async fn settings_that_are_wrong_are_named() {
    let dir = folder();
    let output = command(dir.path()).arg("serve").env("FICHA_LISEN", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("lisen"), "{}", text(&output.stderr));
    let usage = command(dir.path()).arg("srve").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[tokio::test]
async fn after_a_stop_the_files_alone_are_a_backup() {
    let server = Server::start();
    let token = server.token("read write").await;
    server.fill(&token).await;
    let (dir, _) = server.stop();
    assert!(!dir.path().join("serving.json").exists(), "nobody is sent to a server that is gone");
    let copy = folder();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "sqlite" || kind == "key") {
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let dossier = command(copy.path()).args(["dossier", CPF, "--json"]).output().unwrap();
    let dossier: serde_json::Value = serde_json::from_slice(&dossier.stdout).unwrap();
    assert_eq!(dossier["sections"]["debts"]["status"], "fresh", "{dossier:#}");
    assert_eq!(dossier["sections"]["events"]["status"], "fresh");
}

#[tokio::test]
async fn a_lost_store_is_not_an_empty_one() {
    let server = Server::start();
    let (dir, _) = server.stop();
    for file in ["debts.sqlite", "debts.sqlite-wal", "debts.sqlite-shm"] {
        let _ = fs::remove_file(dir.path().join(file));
    }
    let refused = command(dir.path()).arg("serve").env("FICHA_LISTEN", "127.0.0.1:0").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("debts.sqlite is missing"), "{}", text(&refused.stderr));
    let doctor = command(dir.path()).arg("doctor").output().unwrap();
    assert!(text(&doctor.stdout).contains("debts.sqlite is missing"), "{}", text(&doctor.stdout));
    assert!(!dir.path().join("debts.sqlite").exists());
}

#[tokio::test]
async fn the_demo_leaves_real_data_alone() {
    let server = Server::start();
    let (dir, _) = server.stop();
    let demo = command(dir.path()).args(["demo", "--people", "5", "--port", "0"]).output().unwrap();
    assert_eq!(demo.status.code(), Some(1));
    assert!(text(&demo.stderr).contains("take another --dir"), "{}", text(&demo.stderr));
}

#[test]
fn commands_that_look_make_nothing() {
    let parent = folder();
    let absent = parent.path().join("typo");
    for args in
        [&["healthcheck"][..], &["client", "list"], &["key", "rotate"], &["migrate"], &["dossier", CPF]]
    {
        let output = command(&absent).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(
            text(&output.stderr).contains("there is no data folder"),
            "{args:?}: {}",
            text(&output.stderr)
        );
        assert!(!absent.exists(), "{args:?}");
    }
    let wrong = command(&absent).args(["dossier", "529"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "a wrong CPF is wrong usage");
}

#[test]
fn the_demo_begins_in_an_empty_folder_and_goes_on_in_its_own() {
    let dir = folder();
    for start in ["the first", "the second"] {
        let mut demo = command(dir.path())
            .args(["demo", "--people", "5", "--port", "0", "--print-json"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(demo.stdout.take().unwrap()).read_line(&mut line).unwrap();
        demo.kill().unwrap();
        demo.wait().unwrap();
        assert!(line.contains("client_secret"), "{start} start: {line}");
    }
}
