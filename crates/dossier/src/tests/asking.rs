//! What is sent, what is answered, and what the record keeps of it.

use super::kit::{Act, CPF, SHOP, Told, app, says, start};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{body::Body, http::Request};
use ficha_contract::{Consultation, Found, SectionStatus, Source, UnavailableReason};
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeSet;

fn hash(told: &Told) -> Vec<u8> {
    digest(&SHA256, &told.bytes).as_ref().to_vec()
}

#[tokio::test]
async fn a_full_dossier_byte_for_byte() {
    let app = app().await;
    let asked = start();
    let score = Found::Person {
        body: format!(r#"{{"id":"5b44","cpf":"{CPF}","score":{{"value":700}}}}"#).into(),
        as_of: asked - SignedDuration::from_mins(170),
        updated_at: "2026-11-01T00:00:00Z".parse().unwrap(),
        source: Source::Replica,
    };
    app.will([Act::Knows, Act::Says(score), Act::Refuses(UnavailableReason::Unreachable)]);
    let told = app.post(&format!(r#"{{"cpf":"{CPF}","max_age":60,"budget_ms":900}}"#), SHOP).await;
    let json = told.json();
    let id = json["id"].as_str().unwrap();
    let expected = format!(
        concat!(
            r#"{{"id":"{}","number":1,"cpf":"52998224725","purpose":"credit_granting","#,
            r#""composed_at":"2026-11-22T12:00:00.123Z","complete":false,"budget_ms":900,"elapsed_ms":0,"sections":{{"#,
            r#""debts":{{"status":"fresh","as_of":"2026-11-22T12:00:00.123Z","updated_at":"2026-10-02T08:00:00Z","#,
            r#""source":"own","elapsed_ms":0,"data":{{"id":1,"cpf":"52998224725","name":"Maria Aparecida","#,
            r#""debts":[{{"value":"1234.56"}}]}}}},"#,
            r#""score":{{"status":"stale","as_of":"2026-11-22T09:10:00.123Z","updated_at":"2026-11-01T00:00:00Z","#,
            r#""source":"replica","elapsed_ms":0,"data":{{"id":"5b44","cpf":"52998224725","score":{{"value":700}}}}}},"#,
            r#""events":{{"status":"unavailable","as_of":null,"updated_at":null,"source":"own","elapsed_ms":0,"#,
            r#""reason":"unreachable","data":null}}}}}}"#,
        ),
        id
    );
    assert_eq!(without_times(told.text()), without_times(&expected));
    assert_eq!(told.headers["content-type"], "application/json");
    assert_eq!(told.headers["cache-control"], "no-store");
}

/// Real time passes here, a millisecond at times.
fn without_times(text: &str) -> String {
    let parts =
        text.split("\"elapsed_ms\":").map(|part| part.trim_start_matches(|sign: char| sign.is_ascii_digit()));
    parts.collect::<Vec<_>>().join("\"elapsed_ms\":")
}

#[tokio::test]
async fn one_that_is_not_kept_has_neither_id_nor_number() {
    let app = app().await;
    let told = app.get("/dossie/52998224725", SHOP).await;
    assert!(
        told.text()
            .starts_with(r#"{"id":null,"number":null,"cpf":"52998224725","purpose":"credit_granting","#)
    );
    assert_eq!(told.json()["complete"], true);
    assert!(!told.headers.contains_key("location"));
    assert_eq!(app.get("/dossies", SHOP).await.json()["items"], serde_json::json!([]));
}

#[tokio::test]
async fn the_record_has_the_hash_of_the_bytes_that_left() {
    let app = app().await;
    app.will([Act::Knows, Act::Nobody, Act::Panics]);
    let seen = |record: &Consultation| (record.seen.debts, record.seen.score, record.seen.events);
    let states =
        (Some(SectionStatus::Fresh), Some(SectionStatus::NotFound), Some(SectionStatus::Unavailable));
    let told = app.get("/dossie/52998224725", SHOP).await;
    let record = app.record.take().pop().unwrap();
    assert_eq!(record.answer_sha256.to_vec(), hash(&told));
    assert_eq!((&*record.operation, record.status, record.counts), ("GET /dossie/{cpf}", 200, true));
    assert_eq!((seen(&record), &*record.client, record.cpf.to_string()), (states, "shop", CPF.to_owned()));
    assert_eq!(told.headers["x-request-id"], *record.id.to_string());
    let told =
        app.post(r#"{"cpf":"52998224725","purpose":"own_access"}"#, &format!("{SHOP},audit:read")).await;
    let record = app.record.take().pop().unwrap();
    assert_eq!(record.answer_sha256.to_vec(), hash(&told));
    assert_eq!((&*record.operation, record.status, record.counts), ("POST /dossies", 201, false));
    let told = app.get(told.headers["location"].to_str().unwrap(), SHOP).await;
    let record = app.record.take().pop().unwrap();
    assert_eq!(record.answer_sha256.to_vec(), hash(&told));
    assert_eq!((&*record.operation, seen(&record)), ("GET /dossies/{id}", states));
}

#[tokio::test]
async fn without_a_record_nothing_is_answered() {
    let app = app().await;
    let path = app.keep(CPF, SHOP).await;
    *app.record.broken.lock().unwrap() = true;
    for path in ["/dossie/52998224725", &path, "/dossies"] {
        let told = app.get(path, SHOP).await;
        assert_eq!(told.code(), (503, "record_unavailable".to_owned()), "{path}");
        assert!(!told.text().contains("Maria") && !told.text().contains(CPF));
    }
    app.will([Act::Nobody, Act::Nobody, Act::Nobody]);
    assert_eq!(
        app.get("/dossie/52998224725", SHOP).await.status,
        503,
        "that there is nobody tells something too"
    );
}

#[tokio::test]
async fn the_purpose_comes_from_body_header_or_client() {
    let app = app().await;
    let purpose = |told: &Told| told.json()["purpose"].as_str().unwrap_or_default().to_owned();
    let header = [("ficha-purpose", "risk_analysis")];
    let told = app.post_with(&header, r#"{"cpf":"52998224725","purpose":"commercial_risk"}"#, SHOP).await;
    assert_eq!(purpose(&told), "commercial_risk");
    let told = app.post_with(&header, r#"{"cpf":"52998224725"}"#, SHOP).await;
    assert_eq!(purpose(&told), "risk_analysis");
    assert_eq!(purpose(&app.post(r#"{"cpf":"52998224725"}"#, SHOP).await), "credit_granting");
    let aimless = SHOP.replace("shop", "aimless");
    let told = app.post(r#"{"cpf":"52998224725"}"#, &aimless).await;
    assert_eq!(told.code(), (400, "missing_purpose".to_owned()));
    assert_eq!(app.get("/dossie/52998224725", &aimless).await.code().0, 400);
}

#[tokio::test]
async fn wrong_values_name_their_field() {
    let app = app().await;
    for (body, field) in [
        (r#"{"cpf":"52998224724"}"#, "cpf"),
        (r#"{"cpf":"5299822472"}"#, "cpf"),
        (r#"{}"#, "cpf"),
        (r#"{"cpf":"52998224725","purpose":"curiosity"}"#, "purpose"),
        (r#"{"cpf":"52998224725","require":["debts","taxes"]}"#, "require[1]"),
        (r#"{"cpf":"52998224725","requires":["debts"]}"#, "requires"),
        (r#"{"cpf":"52998224725","max_age":-1}"#, "max_age"),
        (r#"{"cpf":"52998224725","budget_ms":0}"#, "budget_ms"),
        (r#"{"cpf":"52998224725","budget_ms":10001}"#, "budget_ms"),
    ] {
        let told = app.post(body, SHOP).await;
        assert_eq!((told.status.as_u16(), told.field().as_str()), (422, field), "{body}: {}", told.text());
        assert!(!told.text().contains("curiosity") && !told.text().contains("taxes"));
    }
    for (query, field) in [
        ("budget_ms=0", "budget_ms"),
        ("budget_ms=10001", "budget_ms"),
        ("max_age=soon", "max_age"),
        ("require=taxes", "require"),
        ("require=debts&require=score", "require"),
        ("requires=debts", "requires"),
    ] {
        let told = app.get(&format!("/dossie/52998224725?{query}"), SHOP).await;
        assert_eq!((told.status.as_u16(), told.field().as_str()), (422, field), "{query}: {}", told.text());
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=x", "after"),
        ("after=-1", "after"),
        ("cpf=1", "cpf"),
        ("purpose=x", "purpose"),
    ] {
        let told = app.get(&format!("/dossies?{query}"), SHOP).await;
        assert_eq!((told.status.as_u16(), told.field().as_str()), (422, field), "{query}: {}", told.text());
    }
    assert_eq!(app.get("/dossies/7", SHOP).await.code(), (400, "malformed_request".to_owned()));
    assert_eq!(app.asked(), [0, 0, 0]);
}

#[tokio::test]
async fn every_route_wants_a_token_with_the_scope() {
    let app = app().await;
    let kept = app.keep(CPF, SHOP).await;
    let without = SHOP.replace("dossier:read", "audit:read");
    for path in ["/dossie/52998224725", &kept, "/dossies"] {
        let anonymous = app.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(anonymous.code().0, 401, "{path}");
        assert_eq!(app.get(path, &without).await.code(), (403, "insufficient_scope".to_owned()), "{path}");
    }
    let anonymous = Request::post("/dossies").header("content-type", "application/json");
    assert_eq!(app.send(anonymous.body(Body::from("{")).unwrap()).await.code().0, 401);
    assert_eq!(app.post("{", &without).await.code().0, 403);
}

#[tokio::test]
async fn what_is_documented_is_what_is_written() {
    let app = app().await;
    app.will([Act::Knows, says("[]", start(), Source::Own), Act::Nobody]);
    let dossier = app.post(&format!(r#"{{"cpf":"{CPF}"}}"#), SHOP).await.json();
    let list = app.get("/dossies?limit=1", SHOP).await.json();
    let schemas = &app.openapi["components"]["schemas"];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let documented = |name: &str| keys(&schemas[name]["properties"]);
    assert_eq!(keys(&dossier), documented("Dossier"));
    assert_eq!(keys(&dossier["sections"]), documented("DossierSections"));
    assert_eq!(keys(&dossier["sections"]["score"]), documented("DossierSection"));
    assert_eq!(keys(&list["items"][0]), documented("DossierRow"));
    assert_eq!(keys(&list["items"][0]["sections"]), documented("DossierStates"));
    let optional = |name: &str| {
        let required: BTreeSet<_> = schemas[name]["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect();
        documented(name).difference(&required).cloned().collect::<Vec<_>>()
    };
    assert_eq!((optional("Dossier"), optional("DossierSection")), (vec![], vec!["reason".to_owned()]));
    assert_eq!(optional("DossierPage"), ["next"]);
    let paths: Vec<_> = keys(&app.openapi["paths"]).into_iter().collect();
    let own: Vec<_> = paths.iter().filter(|path| !path.starts_with("/api/")).collect();
    assert_eq!(own, ["/dossie/{cpf}", "/dossies", "/dossies/{id}"]);
}
