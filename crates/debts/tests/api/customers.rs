//! The seed's routes: who is recorded, and what is refused. Their shapes are tried on the real binary.

use crate::{Base, READS, WRITES};
use axum::http::Method;
use ficha_contract::{RecordRefused, SectionStatus};
use serde_json::{Value, json};

const LIST: &str = "/api/customers";
const BOTH: &str = "bank debts:read,debts:write purpose=credit_granting";

fn customer(cpf: &str) -> Value {
    json!({ "cpf": cpf, "name": "Maria", "address": "Rua A", "debts": [{ "value": "5.00", "date": "2020-01-01" }] })
}

async fn base_of_two() -> Base {
    let base = Base::new().await;
    for cpf in ["52998224725", "11144477735"] {
        base.client.post(LIST).token(WRITES).json(customer(cpf)).send().await.expect(201);
    }
    assert!(base.test.evidence.take().is_empty(), "whoever feeds a base consults nobody");
    base
}

#[tokio::test]
async fn everybody_in_an_answer_is_consulted() {
    let base = base_of_two().await;
    for (path, people, status) in [
        (LIST, &["52998224725", "11144477735"][..], SectionStatus::Fresh),
        ("/api/customers?orders=-id&page_size=1", &["11144477735"], SectionStatus::Fresh),
        ("/api/customers?id=2", &["11144477735"], SectionStatus::Fresh),
        ("/api/customers/2", &["11144477735"], SectionStatus::Fresh),
        ("/api/customers?cpf=529.982.247-25", &["52998224725"], SectionStatus::Fresh),
        ("/api/customers?cpf=39053344705", &["39053344705"], SectionStatus::NotFound),
        ("/api/customers?id=2&cpf=52998224725", &["52998224725"], SectionStatus::NotFound),
        ("/api/customers?id=3", &[], SectionStatus::NotFound),
        ("/api/customers?cpf=_None", &[], SectionStatus::NotFound),
    ] {
        base.client.get(path).token(READS).send().await.expect(200);
        let records = base.test.evidence.take();
        let seen: Vec<_> = records.iter().map(|record| record.cpf.to_string()).collect();
        assert_eq!(seen, people, "{path}");
        assert!(records.iter().all(|record| record.counts && record.seen.debts == Some(status)), "{path}");
    }
    base.test.evidence.refuse(RecordRefused::Full);
    let refused = base.client.get(LIST).token(READS).send().await;
    refused.problem(503, "record_unavailable");
    assert!(!refused.text().contains("Maria"));
}

#[tokio::test]
async fn a_write_shows_the_rest_to_readers_only_as_a_recorded_glance() {
    let base = base_of_two().await;
    let rename = |token| {
        base.client.call(Method::PATCH, "/api/customers/1").token(token).json(json!({ "name": "Ana" })).send()
    };
    let told = rename(WRITES).await.expect(200);
    assert_eq!(told.text(), r#"{"id":1,"debts":[],"cpf":"","name":"Ana","address":""}"#);
    assert!(base.test.evidence.take().is_empty());
    let told = rename(BOTH).await.expect(200);
    assert_eq!((&told.json()["address"], told.header("etag")), (&json!("Rua A"), "\"1-3\""));
    let records = base.test.evidence.take();
    assert_eq!((records.len(), records[0].counts), (1, false));
    let call =
        base.client.call(Method::PATCH, "/api/customers/1").token(BOTH).header("ficha-purpose", "audit");
    let told = call.json(json!({ "name": "Eva" })).send().await.expect(200);
    assert_eq!(told.json()["address"], "", "for this purpose it may not read");
}

#[tokio::test]
async fn writes_are_conditional_and_repeated_as_elsewhere() {
    let base = base_of_two().await;
    let put = |tag: &'static str| {
        let call = base.client.put("/api/customers/1").token(WRITES).header("if-match", tag);
        call.json(customer("52998224725")).send()
    };
    assert_eq!(put("\"1-1\"").await.expect(200).header("etag"), "\"1-2\"");
    put("\"1-1\"").await.problem(412, "precondition_failed");
    let post = || {
        let call = base.client.post(LIST).token(WRITES).header("idempotency-key", "k");
        call.json(customer("39053344705")).send()
    };
    let (first, again) = (post().await.expect(201), post().await.expect(201));
    assert_eq!(first.text(), again.text());
    base.client.delete("/api/customers/3").token(WRITES).send().await.expect(204);
    base.client.delete("/api/customers/3").token(WRITES).send().await.problem(404, "not_found");
}

/// Debts that are not listed stay; one that names its number is changed; an equal one is there already.
#[tokio::test]
async fn debts_are_added_or_changed() {
    let base = base_of_two().await;
    let debts = json!([{ "value": "5.00", "date": "2020-01-01" }, { "id": 77, "value": "7.00", "date": "2020-01-01" }]);
    let put = json!({ "name": "Maria", "address": "Rua A", "debts": debts });
    let told = base.client.put("/api/customers/1").token(BOTH).json(put).send().await.expect(200);
    let ids: Vec<_> =
        told.json()["debts"].as_array().unwrap().iter().map(|debt| debt["id"].clone()).collect();
    assert_eq!(ids, [1, 3], "77 is nobody's number");
    let patch = json!({ "debts": [{ "id": 3, "value": "8.00", "date": "2020-01-02" }] });
    let call = base.client.call(Method::PATCH, "/api/customers/1").token(BOTH);
    let told = call.json(patch).send().await.expect(200);
    let debts = told.json()["debts"].take();
    assert_eq!((&debts[0]["value"], &debts[1]["value"]), (&json!("5.00"), &json!("8.00")));
}

#[tokio::test]
async fn what_cannot_be_meant_is_named() {
    let base = base_of_two().await;
    for (body, field) in [
        (json!({ "name": "Maria", "address": "" }), "cpf"),
        (json!({ "cpf": "39053344705", "address": "" }), "name"),
        (json!({ "cpf": "39053344705", "name": "Maria" }), "address"),
        (json!({ "cpf": "39053344705", "name": null, "address": "" }), "name"),
        (json!({ "cpf": "39053344705", "name": "Maria", "address": "", "debts": null }), "debts"),
        (
            json!({ "cpf": "39053344705", "name": "Maria", "address": "", "debts": [["1.00", "2020-01-01"]] }),
            "debts[0]",
        ),
        (
            json!({ "cpf": "39053344705", "name": "Maria", "address": "", "debts": [{ "value": "-1", "date": "2020-01-01" }] }),
            "debts[0].value",
        ),
        (customer("52998224725"), "cpf"),
    ] {
        base.client.post(LIST).token(WRITES).json(body).send().await.wrong_field(field);
    }
    let other = base.client.put("/api/customers/1").token(WRITES).json(customer("11144477735"));
    other.send().await.wrong_field("cpf");
    base.client.get("/api/customers/one").token(READS).send().await.problem(400, "malformed_request");
}
