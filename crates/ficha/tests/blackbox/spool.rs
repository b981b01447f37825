//! What a process leaves that dies and does not come back.

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_dead_process_recorded_is_shipped_once_and_holds_nobody_back_any_more() {
        super::what_a_dead_process_recorded_is_shipped_once_and_holds_nobody_back_any_more().await;
    }
}

use crate::server::{CPF, Server};
use ficha_testkit::proxy::{Proxy, Way};
use jiff::Timestamp;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// What processes note of themselves they note every few seconds.
const SOON: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Ships the folder of base A's process; how that ended, and what it said.
fn ship(server: &Server, key_file: Option<&Path>) -> (bool, String) {
    let mut command = server.command_at("events");
    if let Some(file) = key_file {
        command.env("FICHA_KEYS__FILE", file);
    }
    let output = command.args(["spool", "ship"]).arg(server.dir.path().join("debts")).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Until when base C's list is complete, and whose consultations are in it.
async fn listed(server: &Server, token: &str) -> Option<(Timestamp, Vec<String>)> {
    let answer = server.get(token, &format!("/consulted-cpf/{CPF}")).await;
    if answer.status != 200 {
        return None;
    }
    let list = answer.json();
    let ids = list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    Some((answer.header("ficha-complete-until").parse().unwrap(), ids))
}

async fn oldest_spool(server: &mut Server) -> i64 {
    let url = format!("{}/metrics", server.process("events").url);
    let figures = server.send(server.request(reqwest::Method::GET, &url)).await.text;
    let figure = |line: &str| line.strip_prefix("ficha_evidence_oldest_spool_seconds ")?.parse().ok();
    figures.lines().find_map(figure).unwrap()
}

async fn what_a_dead_process_recorded_is_shipped_once_and_holds_nobody_back_any_more() {
    let (url, _guard) = ficha_testkit::postgres::database().await;
    let proxy = Proxy::before(&url, 1).await;
    // Lists are complete until this time and some seconds before now.
    let settings = [
        ("FICHA_IDENTITY__URL", url.as_str()),
        ("FICHA_EVIDENCE__URL", &proxy.url),
        ("FICHA_LIMITS__REQUEST_S", "3"),
    ];
    let mut server = Server::split(&settings);
    let token = server.token("read write").await;
    server.fill(&token).await;
    proxy.set(Way::Closed);
    let answer = server.get(&token, &format!("/divida/{CPF}")).await;
    let (id, asked) = (answer.header("x-request-id").replace('-', "")[..24].to_owned(), now(&answer));

    let (_, said) = ship(&server, None);
    assert!(said.contains("is served already"), "a folder in use is left alone: {said}");
    server.kill_role("debts");
    let (done, said) = ship(&server, None);
    assert!(!done && said.contains("run this again"), "the store is still away: {said}");
    proxy.set(Way::Open);
    let other = server.dir.path().join("other.key");
    fs::write(&other, format!("ficha-key-1 {}\n", "ab".repeat(32))).unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
    let (done, said) = ship(&server, Some(&other));
    assert!(!done && said.contains("another key"), "{said}");

    // The others go on, and the dead one holds them back.
    let begun = Instant::now();
    while oldest_spool(&mut server).await < 8 || listed(&server, &token).await.is_none() {
        assert!(begun.elapsed() < SOON, "nobody says that it holds them back");
        sleep(PAUSE).await;
    }
    let (until, ids) = listed(&server, &token).await.unwrap();
    assert!(until < asked && !ids.contains(&id), "{until} {asked} {ids:?}");

    for moved in ["1 consultations were moved", "0 consultations were moved"] {
        let (done, said) = ship(&server, None);
        assert!(done && said.contains(moved), "{said}");
    }
    let begun = Instant::now();
    let ids = loop {
        match listed(&server, &token).await {
            Some((until, ids)) if until > asked => break ids,
            _ => assert!(begun.elapsed() < SOON, "the lists are still held back"),
        }
        sleep(PAUSE).await;
    };
    assert_eq!(ids.iter().filter(|listed| **listed == id).count(), 1);
}

/// When an answer was given.
fn now(answer: &crate::server::Answer) -> Timestamp {
    // Its id is a UUID of version 7: it begins with the millisecond.
    let id = answer.header("x-request-id").replace('-', "");
    Timestamp::from_millisecond(i64::from_str_radix(&id[..12], 16).unwrap()).unwrap()
}
