//! Base C there.

use super::{Shared, is_back, said, section};
use crate::{
    import::{counts, stripped},
    server::{CPF, Server, command, folder, signal},
};
use ficha_engines::Durability;
use serde_json::Value;
use std::{fs, process::Output, time::Duration};

const URL: &str = "FICHA_EVENTS__URL";

#[tokio::test]
async fn imports_and_answers_are_those_of_sqlite() {
    let (url, _guard) = ficha_testkit::mongo::database();
    let (shared, own) = (Shared::of(URL, url).migrated(), folder());
    let out = tempfile::tempdir().unwrap();
    let generate = ["generate", "--people", "300", "--today", "2026-11-22", "--format", "csv", "--out"];
    assert!(command(own.path()).args(generate).arg(out.path()).output().unwrap().status.success());
    let file = out.path().join("events.csv");
    let import = ["import", "events", "--json", "--batch", "500", file.to_str().unwrap()];
    let summary = |output: Output| -> Value {
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let on_sqlite = || summary(command(own.path()).args(import).output().unwrap());
    let (here, there) = (on_sqlite(), summary(shared.run(&import)));
    assert!(counts(&here)[3] > 1000, "{here}");
    assert_eq!(here, there);
    assert_eq!(on_sqlite(), summary(shared.run(&import)), "again");
    assert_eq!(counts(&summary(shared.run(&import)))[3..5], [0, 0], "changes nothing");

    let (here, there) = (Server::start_in(own, &[]), shared.serve());
    let (token, other) = (here.token("read write").await, there.token("read write").await);
    let rows = fs::read_to_string(&file).unwrap();
    let at = rows.lines().next().unwrap().split(',').position(|column| column.contains("cpf")).unwrap();
    for row in rows.lines().skip(1).step_by(211) {
        let cpf = row.split(',').nth(at).unwrap();
        for path in ["/evento/", "/evento/ultcompracartao/", "/financial-transactions/", "/last-purchases/"] {
            let path = format!("{path}{cpf}");
            let (a, b) = (here.get(&token, &path).await, there.get(&other, &path).await);
            assert_eq!((a.status.as_u16(), b.status.as_u16()), (200, 200), "{path}: {}", b.text);
            assert_eq!(a.text, b.text, "{path}");
        }
        let path = format!("/evento/movtofinanceiro/{cpf}?limit=3&type=Debit");
        let (a, b) = (here.get(&token, &path).await, there.get(&other, &path).await);
        let told = |text| stripped(text)["items"].take();
        assert_eq!(told(&a.text), told(&b.text), "{path}");
        let dossier = there.get(&other, &format!("/dossie/{cpf}")).await;
        assert_eq!(dossier.json()["sections"]["events"]["status"], "fresh", "{}", dossier.text);
    }
}

#[tokio::test]
async fn a_dossier_says_that_the_base_is_away_and_finds_it_again() {
    let mut engine = ficha_engines::mongo::obtain().unwrap().start(Durability::Synced).unwrap();
    let shared = Shared::of(URL, format!("{}ficha", engine.url())).migrated();
    let server = shared.serve();
    let token = server.token("read write").await;
    server.fill(&token).await;
    let path = format!("/evento/{CPF}");
    assert_eq!(section(&server, &token, "events").await.0["status"], "fresh");

    signal(engine.id(), "STOP");
    for _ in 0..4 {
        let (events, took) = section(&server, &token, "events").await;
        assert_eq!(events["status"], "unavailable", "{events}");
        assert!(took < Duration::from_secs(2), "a budget of one second, and it took {took:?}");
    }
    let alone = server.get(&token, &path).await;
    assert_eq!((alone.status.as_u16(), alone.code().as_str()), (503, "base_unavailable"), "{}", alone.text);
    signal(engine.id(), "CONT");
    is_back(&server, &token, "events").await;
    assert_eq!(server.get(&token, &path).await.json()["movements"][0]["value"], 87.5);

    engine.kill().unwrap();
    let (events, took) = section(&server, &token, "events").await;
    assert_eq!(events["status"], "unavailable", "{events}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    engine.restart().unwrap();
    is_back(&server, &token, "events").await;
    assert_eq!(server.get(&token, &path).await.json()["movements"][0]["value"], 87.5);
}

#[test]
fn another_zone_is_refused_until_the_records_are_made_anew() {
    let (url, _guard) = ficha_testkit::mongo::database();
    let shared = Shared::of(URL, url).migrated();
    let abroad = |args: &[&str]| {
        let mut command = command(shared.dir.path());
        command.env(URL, &shared.url).env("FICHA_EVENTS__ZONE", "Europe/Lisbon").args(args).output().unwrap()
    };
    let refused = |output: &Output| {
        let told = said(output);
        assert!(!output.status.success(), "{told}");
        assert!(told.contains("events.zone") && told.contains("ficha migrate"), "{told}");
    };
    refused(&abroad(&["serve"]));
    refused(&abroad(&["import", "events", "/dev/null"]));
    let migrated = abroad(&["migrate"]);
    assert!(migrated.status.success(), "{}", said(&migrated));
    refused(&shared.run(&["serve"]));
}
