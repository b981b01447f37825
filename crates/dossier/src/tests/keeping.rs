//! What is kept: once for each key, for a set time, readable again by whom it concerns.

use super::kit::{Act, BANK, CPF, OTHER_CPF, SHOP, app, app_in};
use crate::Settings;
use ficha_contract::UnavailableReason;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;

const NEW: &str = r#"{"cpf":"52998224725"}"#;
const KEY: [(&str, &str); 1] = [("idempotency-key", "\"a\"")];

#[tokio::test]
async fn what_was_answered_is_what_is_kept() {
    let app = app().await;
    let told = app.post(NEW, SHOP).await;
    assert_eq!(told.status, 201);
    let json = told.json();
    let path = told.headers["location"].to_str().unwrap();
    assert_eq!(path, format!("/dossies/{}", json["id"].as_str().unwrap()));
    assert_eq!((&json["number"], &json["complete"]), (&json!(1), &json!(true)));
    app.will([Act::Nobody, Act::Hangs, Act::Panics]);
    let again = app.get(path, SHOP).await;
    assert_eq!(
        (again.status.as_u16(), &again.bytes),
        (200, &told.bytes),
        "as it was, whatever the bases say now"
    );
    assert_eq!(app.asked(), [1, 1, 1]);
    let twice = app.keep(OTHER_CPF, SHOP).await;
    assert_ne!(twice, path);
}

#[tokio::test]
async fn a_partial_one_is_kept_and_what_is_no_201_is_not() {
    let app = app().await;
    app.will([Act::Refuses(UnavailableReason::Unreachable), Act::Knows, Act::Nobody]);
    let told = app.post(NEW, SHOP).await;
    assert_eq!(
        (told.status.as_u16(), told.states()),
        (201, ["unavailable", "fresh", "not_found"].map(str::to_owned))
    );
    let told = app.post(r#"{"cpf":"52998224725","require":["debts"]}"#, SHOP).await;
    assert_eq!(told.code().0, 503);
    app.will([Act::Nobody, Act::Nobody, Act::Nobody]);
    assert_eq!(app.post(NEW, SHOP).await.code().0, 404);
    let statuses: Vec<_> = app.record.take().iter().map(|record| record.status).collect();
    assert_eq!(statuses, [201, 503, 404]);
    app.will([Act::Knows, Act::Knows, Act::Knows]);
    assert_eq!(app.post(NEW, SHOP).await.json()["number"], 2, "refusals take no number");
    assert_eq!(app.get("/dossies", SHOP).await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn it_survives_a_restart() {
    let app = app().await;
    let told = app.post_with(&KEY, NEW, SHOP).await;
    let path = told.headers["location"].to_str().unwrap();
    let super::kit::App { dir, bases, clock, .. } = app;
    let app = app_in(dir, bases, clock).await;
    assert_eq!(app.get(path, SHOP).await.bytes, told.bytes);
    assert_eq!(app.post_with(&KEY, NEW, SHOP).await.bytes, told.bytes);
    assert_eq!(app.post(NEW, SHOP).await.json()["number"], 2);
}

#[tokio::test]
async fn sections_that_the_reader_may_not_see_now_are_denied() {
    let app = app().await;
    app.will([Act::Knows, Act::Knows, Act::Nobody]);
    let path = app.keep(CPF, SHOP).await;
    let whole = app.get(&path, SHOP).await;
    app.record.take();
    let told = app.get(&path, "shop|score:read,dossier:read").await;
    assert_eq!(told.states(), ["denied", "fresh", "denied"]);
    let mut expected = whole.json();
    let denied = json!({ "status": "denied", "as_of": null, "updated_at": null, "source": "own", "elapsed_ms": 0, "data": null });
    expected["sections"]["debts"] = denied.clone();
    expected["sections"]["events"] = denied;
    expected["complete"] = json!(false);
    assert_eq!(told.json(), expected, "all else is as it was");
    let score = whole.text().find("\"score\":{").unwrap();
    let end = whole.text().find(",\"events\":").unwrap();
    assert!(told.text().contains(&whole.text()[score..end]), "byte for byte");
    assert!(told.text().starts_with(&whole.text()[..whole.text().find("\"complete\"").unwrap()]));
    let seen = app.record.take().pop().unwrap().seen;
    assert_eq!(
        serde_json::to_value(seen).unwrap(),
        json!({ "debts": "denied", "score": "fresh", "events": "denied" })
    );
}

#[tokio::test]
async fn what_was_denied_when_it_was_composed_stays_denied() {
    let app = app().await;
    let path = app.keep(CPF, "shop|score:read,dossier:read").await;
    assert_eq!(app.get(&path, SHOP).await.states(), ["denied", "fresh", "denied"]);
}

#[tokio::test]
async fn another_clients_dossier_is_not_there_but_for_auditors() {
    let app = app().await;
    let path = app.keep(CPF, SHOP).await;
    app.record.take();
    let told = app.get(&path, BANK).await;
    assert_eq!(told.code(), (404, "not_found".to_owned()));
    assert!(!told.text().contains("recorded"), "nothing was");
    assert_eq!(app.get("/dossies/01234567-89ab-7def-8123-456789abcdef", SHOP).await.code().0, 404);
    assert!(app.record.take().is_empty());
    let told = app.get(&path, "auditor|dossier:read,audit:read,debts:read").await;
    assert_eq!(told.states(), ["fresh", "denied", "denied"]);
    assert_eq!(&*app.record.take()[0].client, "auditor");
}

#[tokio::test]
async fn a_key_makes_one_dossier_of_two_requests() {
    let app = app().await;
    let first = app.post_with(&KEY, NEW, SHOP).await;
    let again = app.post_with(&KEY, NEW, SHOP).await;
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(app.asked(), [1, 1, 1], "the second was not composed");
    assert_eq!(app.record.take().len(), 2, "but it was a consultation");
    let reused = (422, "idempotency_key_reused".to_owned());
    assert_eq!(app.post_with(&KEY, r#"{"cpf":"12345678909"}"#, SHOP).await.code(), reused);
    let header = [KEY[0], ("ficha-purpose", "commercial_risk")];
    assert_eq!(app.post_with(&header, NEW, SHOP).await.code(), reused, "another purpose is another request");
    assert_eq!(app.post_with(&KEY, NEW, BANK).await.json()["number"], 2, "a key belongs to its client");
    app.later(25);
    assert_eq!(app.post_with(&KEY, NEW, SHOP).await.json()["number"], 3, "and is forgotten after a day");
}

#[tokio::test]
async fn a_repetition_shows_what_its_caller_may_see() {
    let app = app().await;
    app.post_with(&KEY, NEW, SHOP).await;
    let told = app.post_with(&KEY, NEW, "shop|dossier:read,events:read").await;
    assert_eq!(
        (told.status.as_u16(), told.states()),
        (201, ["denied", "denied", "fresh"].map(str::to_owned))
    );
    assert!(!told.text().contains("patrimonies"));
}

#[tokio::test]
async fn a_repetition_lacks_what_its_caller_requires_and_may_not_see() {
    let app = app().await;
    let order = r#"{"cpf":"52998224725","require":["score"]}"#;
    assert_eq!(app.post_with(&KEY, order, SHOP).await.status, 201);
    app.record.take();
    let told = app.post_with(&KEY, order, "shop|dossier:read,events:read").await;
    assert_eq!(told.code(), (503, "required_section_unavailable".to_owned()));
    let states = ["debts", "score", "events"].map(|name| told.json()["sections"][name]["status"].clone());
    assert_eq!(states, ["denied", "denied", "fresh"]);
    let record = app.record.take();
    assert_eq!((record.len(), record[0].status), (1, 503));
    assert_eq!(app.post_with(&KEY, order, SHOP).await.status, 201, "it is still there for who may see it");
}

#[tokio::test]
async fn a_refusal_does_not_use_up_a_key() {
    let app = app().await;
    app.will([Act::Nobody, Act::Nobody, Act::Nobody]);
    assert_eq!(app.post_with(&KEY, NEW, SHOP).await.code().0, 404);
    app.will([Act::Knows, Act::Nobody, Act::Nobody]);
    assert_eq!(app.post_with(&KEY, NEW, SHOP).await.status, 201);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_second_waits_outside() {
    let app = app().await;
    let gate = Arc::new(Notify::new());
    app.will([Act::Waits(gate.clone()), Act::Knows, Act::Knows]);
    let second = async {
        let second = app.post_with(&KEY, NEW, SHOP).await;
        gate.notify_one();
        second
    };
    let (first, second) = tokio::join!(app.post_with(&KEY, NEW, SHOP), second);
    assert_eq!(first.status, 201);
    assert_eq!(second.code(), (409, "idempotency_in_progress".to_owned()));
    assert_eq!(app.post_with(&KEY, NEW, SHOP).await.bytes, first.bytes, "and then is answered");
}

#[tokio::test]
async fn who_hangs_up_lets_go_of_the_key() {
    let app = app().await;
    app.will([Act::Hangs, Act::Knows, Act::Knows]);
    tokio::select! {
        told = app.post_with(&KEY, NEW, SHOP) => panic!("answered {told:?}"),
        () = app.bases[0].called() => {}
    }
    app.will([Act::Knows, Act::Knows, Act::Knows]);
    assert_eq!(app.post_with(&KEY, NEW, SHOP).await.json()["number"], 1);
}

#[tokio::test]
async fn it_is_kept_for_a_time() {
    let app = app().await;
    let path = app.keep(CPF, SHOP).await;
    let days = i64::from(Settings::default().keep_days);
    app.later(24 * days - 1);
    assert_eq!(app.get(&path, SHOP).await.status, 200);
    app.later(1);
    assert_eq!(app.get(&path, SHOP).await.code(), (404, "not_found".to_owned()));
    assert_eq!(app.get("/dossies", SHOP).await.json(), json!({ "items": [] }));
    assert_eq!(app.post(NEW, SHOP).await.json()["number"], 2, "numbers are never given again");
}
