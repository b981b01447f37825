//! One base's trouble is one section's; the budget bounds everything.

use super::kit::{Act, App, CPF, OTHER_CPF, SHOP, app, body, says, start};
use ficha_contract::{Found, Source, UnavailableReason};
use ficha_domain::{Cpf, CpfValidation};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const PATH: &str = "/dossie/529.982.247-25";

/// What the three states and the reason of the second one become when the second base does this.
async fn second_does(app: &App, act: Act) -> ([String; 3], String) {
    app.will([Act::Knows, act, Act::Knows]);
    let told = app.get(PATH, SHOP).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let json = told.json();
    let score = &json["sections"]["score"];
    if score["status"] == "unavailable" {
        assert_eq!((&score["as_of"], &score["data"]), (&json!(null), &json!(null)));
        assert_eq!((&score["source"], &json["complete"]), (&json!("own"), &json!(false)));
    }
    (told.states(), score["reason"].as_str().unwrap_or_default().to_owned())
}

fn unavailable(reason: &str) -> ([String; 3], String) {
    (["fresh", "unavailable", "fresh"].map(str::to_owned), reason.to_owned())
}

#[tokio::test(start_paused = true)]
async fn trouble_in_one_base_costs_its_section_only() {
    let app = app().await;
    let (others, other_person) =
        (r#"{"cpf":"12345678909","name":"Ana"}"#.to_owned(), body("debts", cpf(OTHER_CPF)));
    for (act, reason) in [
        (Act::Hangs, "timeout"),
        (Act::Takes(Duration::from_millis(1001)), "timeout"),
        (Act::Panics, "failed"),
        (Act::Refuses(UnavailableReason::Unreachable), "unreachable"),
        (Act::Refuses(UnavailableReason::Failed), "failed"),
        (says("", start(), Source::Own), "nonsense"),
        (says("<html>", start(), Source::Direct), "nonsense"),
        (says("[]", start(), Source::Own), "nonsense"),
        (says("{}", start(), Source::Own), "nonsense"),
        (says(&others, start(), Source::Own), "nonsense"),
        (says(std::str::from_utf8(&other_person).unwrap(), start(), Source::Replica), "nonsense"),
        (says(&format!(r#"{{"cpf":"{CPF}",}}"#), start(), Source::Direct), "nonsense"),
        (
            says(&format!(r#"{{"cpf":"{CPF}"}}"#), start() + SignedDuration::from_secs(60), Source::Replica),
            "nonsense",
        ),
    ] {
        assert_eq!(second_does(&app, act).await, unavailable(reason));
    }
}

fn cpf(text: &str) -> Cpf {
    Cpf::parse(text, CpfValidation::Strict).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_the_budget_is_taken() {
    let app = app().await;
    let fresh = ["fresh", "fresh", "fresh"].map(str::to_owned);
    let (states, _) = second_does(&app, Act::Takes(Duration::from_millis(990))).await;
    assert_eq!(states, fresh);
    app.will([Act::Takes(Duration::from_millis(100)), Act::Knows, Act::Takes(Duration::from_millis(200))]);
    let started = Instant::now();
    let json = app.get(PATH, SHOP).await.json();
    assert!(started.elapsed() < Duration::from_millis(210), "at once, not one after another");
    let elapsed = |name: &str| json["sections"][name]["elapsed_ms"].as_u64().unwrap();
    assert!((100..105).contains(&elapsed("debts")) && elapsed("score") < 5, "{json}");
    assert!((200..205).contains(&json["elapsed_ms"].as_u64().unwrap()), "{json}");
}

#[tokio::test(start_paused = true)]
async fn three_that_hang_cost_the_budget_and_no_more() {
    let app = app().await;
    app.will([Act::Hangs, Act::Hangs, Act::Hangs]);
    for (query, budget) in [("", 1000), ("?budget_ms=250", 250), ("?budget_ms=10000", 10_000)] {
        let started = Instant::now();
        let told = app.get(&format!("{PATH}{query}"), SHOP).await;
        let elapsed = started.elapsed();
        assert_eq!((told.status.as_u16(), told.states()), (200, ["unavailable"; 3].map(str::to_owned)));
        assert!(
            elapsed >= Duration::from_millis(budget) && elapsed < Duration::from_millis(budget + 5),
            "{elapsed:?}"
        );
        assert_eq!(told.json()["budget_ms"], budget);
    }
}

#[tokio::test]
async fn a_base_that_is_not_the_callers_to_read_is_not_asked() {
    let app = app().await;
    let told = app.get(PATH, "shop|score:read,dossier:read").await;
    assert_eq!(told.states(), ["denied", "fresh", "denied"]);
    assert_eq!(app.asked(), [0, 1, 0]);
    let json = told.json();
    let denied = json!({ "status": "denied", "as_of": null, "updated_at": null, "source": "own", "elapsed_ms": 0, "data": null });
    assert_eq!((&json["sections"]["debts"], &json["complete"]), (&denied, &json!(false)));
    let told = app.get(PATH, "shop|dossier:read").await;
    assert_eq!((told.status.as_u16(), told.states()), (200, ["denied"; 3].map(str::to_owned)));
    assert_eq!(app.asked(), [0, 1, 0]);
}

#[tokio::test]
async fn what_is_older_than_max_age_is_stale_and_still_given() {
    let app = app().await;
    let hour_ago = start() - SignedDuration::from_hours(1);
    let known = says(&format!(r#"{{"cpf":"{CPF}"}}"#), hour_ago, Source::Replica);
    let nobody = Act::Says(Found::Nobody { as_of: hour_ago, source: Source::Replica });
    app.will([Act::Knows, known, nobody]);
    let path = |query: &str| format!("{PATH}?{query}");
    let told = app.get(&path("max_age=3600"), SHOP).await;
    assert_eq!(told.states(), ["fresh", "fresh", "not_found"]);
    assert_eq!(told.json()["complete"], true);
    let told = app.get(&path("max_age=3599"), SHOP).await;
    assert_eq!(told.states(), ["fresh", "stale", "stale"]);
    let json = told.json();
    assert_eq!(json["sections"]["score"]["data"]["cpf"], CPF);
    assert_eq!((&json["sections"]["events"]["data"], &json["complete"]), (&json!(null), &json!(false)));
    assert_eq!(json["sections"]["events"]["as_of"], "2026-11-22T11:00:00.123Z");
    assert_eq!(app.get(&path("max_age=0&require=debts"), SHOP).await.status, 200, "asked for is read now");
}

#[tokio::test]
async fn a_required_section_that_does_not_hold_refuses_the_dossier() {
    let app = app().await;
    let old = says(&format!(r#"{{"cpf":"{CPF}"}}"#), start() - SignedDuration::from_secs(9), Source::Cache);
    app.will([Act::Refuses(UnavailableReason::Unreachable), Act::Nobody, old]);
    let path = |query: &str| format!("{PATH}?{query}");
    for query in ["require=score", "require=score,events", "require=", "max_age=9&require=events"] {
        assert_eq!(app.get(&path(query), SHOP).await.status, 200, "{query}");
    }
    app.record.take();
    let told = app.get(&path("require=debts,score"), SHOP).await;
    assert_eq!(told.code(), (503, "required_section_unavailable".to_owned()));
    assert!(told.headers.contains_key("retry-after"));
    let states = json!({ "debts": { "status": "unavailable", "reason": "unreachable" },
        "score": { "status": "not_found" }, "events": { "status": "fresh" } });
    assert_eq!(told.json()["sections"], states);
    assert!(!told.text().contains(CPF) && !told.text().contains("Maria"));
    let record = app.record.take();
    assert_eq!((record.len(), record[0].status), (1, 503));
    for (query, token) in
        [("max_age=8&require=events", SHOP), ("require=score", "shop|dossier:read,events:read")]
    {
        assert_eq!(app.get(&path(query), token).await.status, 503, "{query}");
    }
}

#[tokio::test]
async fn nobody_in_any_base_is_a_404_that_is_recorded() {
    let app = app().await;
    app.will([Act::Nobody, Act::Nobody, Act::Nobody]);
    let told = app.get(PATH, SHOP).await;
    assert_eq!(told.code(), (404, "not_found".to_owned()));
    let record = app.record.take();
    assert_eq!((record.len(), record[0].status, record[0].cpf), (1, 404, cpf(CPF)));
    let told = app.get(PATH, "shop|debts:read,score:read,dossier:read").await;
    assert_eq!(
        told.states(),
        ["not_found", "not_found", "denied"],
        "who may not ask everywhere does not know"
    );
    app.will([Act::Nobody, Act::Nobody, Act::Panics]);
    let told = app.get(PATH, SHOP).await;
    assert_eq!((told.status.as_u16(), told.states()[2].as_str()), (200, "unavailable"));
    assert_eq!(told.json()["complete"], false);
}
