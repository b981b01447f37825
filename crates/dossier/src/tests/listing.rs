//! Lists: whose, in which order, and what of it is recorded.

use super::kit::{Act, App, BANK, CPF, OTHER_CPF, SHOP, app};
use serde_json::{Value, json};

async fn items(app: &App, query: &str, token: &str) -> Vec<Value> {
    let told = app.get(&format!("/dossies{query}"), token).await;
    assert_eq!(told.status, 200, "{}", told.text());
    told.json()["items"].as_array().unwrap().clone()
}

async fn numbers(app: &App, query: &str, token: &str) -> Vec<u64> {
    items(app, query, token).await.iter().map(|row| row["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_row_byte_for_byte() {
    let app = app().await;
    app.will([Act::Knows, Act::Nobody, Act::Panics]);
    let path = app.keep(CPF, SHOP).await;
    let expected = format!(
        concat!(
            r#"{{"items":[{{"id":"{}","number":1,"cpf":"52998224725","purpose":"credit_granting","#,
            r#""composed_at":"2026-11-22T12:00:00.123Z","complete":false,"#,
            r#""sections":{{"debts":"fresh","score":"not_found","events":"unavailable"}},"client":"shop"}}]}}"#
        ),
        &path["/dossies/".len()..]
    );
    assert_eq!(app.get("/dossies", SHOP).await.text(), expected);
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest() {
    let app = app().await;
    for _ in 0..5 {
        app.keep(CPF, SHOP).await;
    }
    let mut after = String::new();
    let mut pages = Vec::new();
    loop {
        let page = app.get(&format!("/dossies?limit=2{after}"), SHOP).await.json();
        let rows = page["items"].as_array().unwrap();
        pages.push(rows.iter().map(|row| row["number"].as_u64().unwrap()).collect::<Vec<_>>());
        let Some(next) = page.get("next") else { break };
        after = format!("&after={}", next.as_str().unwrap());
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
    assert_eq!(numbers(&app, "?limit=5", SHOP).await, [5, 4, 3, 2, 1]);
    assert!(app.get("/dossies?limit=5", SHOP).await.json().get("next").is_none());
    for _ in 5..21 {
        app.keep(CPF, SHOP).await;
    }
    assert_eq!(numbers(&app, "", SHOP).await.len(), 20);
}

#[tokio::test]
async fn a_client_sees_its_own_and_an_auditor_all() {
    let app = app().await;
    app.keep(CPF, SHOP).await;
    app.keep(OTHER_CPF, BANK).await;
    app.post(r#"{"cpf":"52998224725","purpose":"risk_analysis"}"#, BANK).await;
    let auditor = "auditor|dossier:read,audit:read,debts:read,score:read,events:read";
    assert_eq!(numbers(&app, "", SHOP).await, [1]);
    assert_eq!(numbers(&app, "", BANK).await, [3, 2]);
    assert_eq!(numbers(&app, "", auditor).await, [3, 2, 1]);
    assert_eq!(numbers(&app, "?cpf=529.982.247-25", auditor).await, [3, 1]);
    assert_eq!(numbers(&app, "?cpf=52998224725", BANK).await, [3]);
    assert_eq!(numbers(&app, "?purpose=risk_analysis", auditor).await, [3]);
    assert!(numbers(&app, "?cpf=12345678909", SHOP).await.is_empty());
}

#[tokio::test]
async fn the_state_of_a_section_is_as_secret_as_the_section() {
    let app = app().await;
    app.will([Act::Nobody, Act::Knows, Act::Knows]);
    app.keep(CPF, SHOP).await;
    let row = &items(&app, "", "shop|dossier:read,score:read").await[0];
    assert_eq!(row["sections"], json!({ "debts": "denied", "score": "fresh", "events": "denied" }));
    assert_eq!(row["complete"], false);
    assert_eq!(items(&app, "", SHOP).await[0]["complete"], true);
}

#[tokio::test]
async fn each_person_on_a_page_is_recorded_once_as_a_glance() {
    let app = app().await;
    for cpf in [CPF, OTHER_CPF, CPF] {
        app.keep(cpf, SHOP).await;
    }
    app.record.take();
    items(&app, "", SHOP).await;
    let record = app.record.take();
    let mut people: Vec<_> = record.iter().map(|glance| glance.cpf.to_string()).collect();
    people.sort();
    assert_eq!(people, [OTHER_CPF, CPF]);
    assert!(record.iter().all(|glance| !glance.counts && &*glance.operation == "GET /dossies"));
    assert!(record.iter().all(|glance| glance.seen == Default::default()), "no section was shown");
    items(&app, "?cpf=52998224725", BANK).await;
    let record = app.record.take();
    assert_eq!((record.len(), record[0].cpf.to_string()), (1, CPF.to_owned()), "asked, and found nothing");
    items(&app, "", BANK).await;
    assert!(app.record.take().is_empty(), "nobody was seen");
}
