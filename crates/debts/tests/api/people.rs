//! What is put is what is got.

use crate::{Base, CPF, PATH, READS, WRITES, debt, person};
use aws_lc_rs::digest::{SHA256, digest};
use ficha_contract::{Consultation, SectionStatus};
use ficha_domain::{CpfValidation, Purpose};
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test]
async fn put_creates_then_replaces_each_with_its_tag() {
    let base = Base::new().await;
    let created = base.put(&person(&json!([debt("1000", "2018-07-07")]))).await.expect(201);
    assert_eq!(created.header("etag"), "\"1-1\"");
    assert_eq!(created.header("content-type"), "application/json");
    let moved = json!({ "name": "Maria Souza", "address": "", "debts": [] });
    let replaced = base.put(&moved).await.expect(200);
    assert_eq!(replaced.header("etag"), "\"1-2\"");
    let read = base.get().await.expect(200);
    assert_eq!((read.header("etag"), read.text()), ("\"1-2\"", replaced.text()));
    assert_eq!(
        read.json(),
        json!({ "id": 1, "cpf": CPF, "name": "Maria Souza", "address": "", "debts": [] })
    );
}

/// `formats.md`, base A: the seed's own example, wrong check digits included; field by field in the order of the
/// contract.
#[tokio::test]
async fn answers_the_seeds_example_to_the_letter() {
    let base = Base::checking(CpfValidation::Format).await;
    let path = "/divida/06134332991";
    let example = r#"{"id":7,"debts":[{"value":"1000.00","date":"2018-07-07","customer":7}],"cpf":"06134332991","name":"Teste","address":"Rua Joaquina"}"#;
    base.client.put(path).token(WRITES).json(example).send().await.expect(201);
    let read = base.client.get(path).token(READS).send().await.expect(200);
    assert_eq!(
        read.text(),
        r#"{"id":1,"cpf":"06134332991","name":"Teste","address":"Rua Joaquina","debts":[{"id":1,"value":"1000.00","date":"2018-07-07","customer":1}]}"#
    );
}

#[tokio::test]
async fn a_cpf_is_the_same_with_and_without_punctuation() {
    let base = Base::new().await;
    let mut sent = person(&json!([]));
    sent["cpf"] = json!("529.982.247-25");
    base.client.put("/divida/529.982.247-25").token(WRITES).json(&sent).send().await.expect(201);
    let read = base.get().await.expect(200);
    assert_eq!(read.json()["cpf"], CPF);
}

#[tokio::test]
async fn amounts_sent_as_numbers_are_exact() {
    let base = Base::new().await;
    let debts = json!([{ "value": 12.1, "date": "2018-07-07" }, { "value": 0, "date": "2018-07-07" }]);
    base.given(&person(&debts)).await;
    let read = base.debts_now().await;
    assert_eq!((&read[0]["value"], &read[1]["value"]), (&json!("12.10"), &json!("0.00")));
}

#[tokio::test]
async fn debts_keep_their_ids_when_sent_again() {
    let base = Base::new().await;
    let twins = json!([debt("5.00", "2020-01-01"), debt("5.00", "2020-01-01"), debt("7.00", "2021-01-01")]);
    base.given(&person(&twins)).await;
    let first = base.debts_now().await;
    base.given(&person(&twins)).await;
    assert_eq!(base.debts_now().await, first, "without ids");
    base.given(&person(&first)).await;
    assert_eq!(base.debts_now().await, first, "with ids, as they were read");
    let mut changed = json!([debt("9.00", "2022-01-01"), first[2], debt("5.00", "2020-01-01")]);
    changed[1]["value"] = json!("8.00");
    base.given(&person(&changed)).await;
    let now = base.debts_now().await;
    assert_eq!(now[0]["id"], 4, "a debt that is new has a number of its own");
    assert_eq!(
        (&now[1]["id"], &now[1]["value"]),
        (&first[2]["id"], &json!("8.00")),
        "a named debt is mended"
    );
    assert_eq!(now[2], first[0], "the equal one stays");
}

#[tokio::test]
async fn an_id_names_a_debt_of_this_person_once() {
    let base = Base::new().await;
    base.given(&person(&json!([debt("5.00", "2020-01-01")]))).await;
    let named = json!({ "id": 1, "value": "5.00", "date": "2020-01-01" });
    let unknown = json!({ "id": 99, "value": "5.00", "date": "2020-01-01" });
    base.put(&person(&json!([named, named]))).await.wrong_field("debts[1].id");
    base.put(&person(&json!([named, unknown]))).await.wrong_field("debts[1].id");
    assert_eq!(base.get().await.header("etag"), "\"1-1\"", "what was refused changed nothing");
}

#[tokio::test]
async fn known_without_debts_is_not_unknown() {
    let base = Base::new().await;
    base.get().await.problem(404, "not_found");
    base.given(&json!({ "name": "Maria da Silva", "address": "Rua" })).await;
    assert_eq!(base.debts_now().await, json!([]));
}

#[tokio::test]
async fn a_debt_is_added_and_removed() {
    let base = Base::new().await;
    let path = format!("{PATH}/debts");
    let add = || base.client.post(&path).token(WRITES).json(debt("10", "2026-01-31"));
    add().send().await.problem(404, "not_found");
    base.given(&person(&json!([debt("5.00", "2020-01-01")]))).await;
    let added = add().send().await.expect(201);
    assert_eq!(added.text(), r#"{"id":2,"value":"10.00","date":"2026-01-31","customer":1}"#);
    assert_eq!(added.header("etag"), "\"1-2\"");
    assert_eq!(add().send().await.expect(201).json()["id"], 3, "an equal one is another one");
    let removed = base.client.delete(format!("{path}/2")).token(WRITES).send().await.expect(204);
    assert!(removed.bytes.is_empty());
    base.client.delete(format!("{path}/2")).token(WRITES).send().await.problem(404, "not_found");
    base.client.delete(format!("{path}/two")).token(WRITES).send().await.problem(400, "malformed_request");
    let left: Vec<_> =
        base.debts_now().await.as_array().unwrap().iter().map(|debt| debt["id"].clone()).collect();
    assert_eq!(left, [1, 3]);
}

#[tokio::test]
async fn removing_a_person_leaves_nobody_and_ids_do_not_come_back() {
    let base = Base::new().await;
    base.given(&person(&json!([debt("5.00", "2020-01-01")]))).await;
    let remove = || base.client.delete(PATH).token(WRITES);
    assert!(remove().send().await.expect(204).bytes.is_empty());
    base.get().await.problem(404, "not_found");
    remove().send().await.problem(404, "not_found");
    let again = base.put(&person(&json!([debt("5.00", "2020-01-01")]))).await.expect(201);
    assert_eq!((again.header("etag"), &again.json()["debts"][0]["id"]), ("\"2-1\"", &json!(2)));
}

#[tokio::test]
async fn a_read_is_recorded_with_the_hash_of_the_very_body() {
    let base = Base::new().await;
    base.given(&person(&json!([debt("5.00", "2020-01-01")]))).await;
    assert!(base.test.evidence.take().is_empty(), "writes are not consultations");
    base.test.world.advance(SignedDuration::from_secs(90));
    let call = base.client.get("/divida/529.982.247-25").token("shop debts:read");
    let read = call.header("ficha-purpose", "installment_sale").send().await.expect(200);
    let record = only(base.test.evidence.take());
    assert_eq!((&*record.client, &*record.subject), ("shop", "shop"));
    assert_eq!(record.purpose, Purpose::InstallmentSale);
    assert_eq!(&*record.operation, "GET /divida/{cpf}", "the route, not the number");
    assert_eq!((record.status, record.at.to_string()), (200, "2026-11-22T12:01:30Z".to_owned()));
    assert_eq!((record.cpf.to_string(), record.id.to_string()), (CPF.to_owned(), request_id(&read)));
    assert_eq!(record.seen.debts, Some(SectionStatus::Fresh));
    assert_eq!((record.seen.score, record.seen.events), (None, None));
    assert_eq!(record.answer_sha256, digest(&SHA256, &read.bytes).as_ref());
    assert!(record.counts);
}

#[tokio::test]
async fn asking_for_somebody_unknown_is_recorded_too() {
    let base = Base::new().await;
    let read = base.get().await;
    read.problem(404, "not_found");
    let record = only(base.test.evidence.take());
    assert_eq!((record.status, record.seen.debts), (404, Some(SectionStatus::NotFound)));
    assert_eq!((record.cpf.to_string(), record.id.to_string()), (CPF.to_owned(), request_id(&read)));
}

#[tokio::test]
async fn own_access_and_audit_are_recorded_but_do_not_count() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let read = async |token: &'static str, purpose: &str| {
        base.client.get(PATH).token(token).header("ficha-purpose", purpose).send().await
    };
    let audits = "shop debts:read,audit:read purpose=credit_granting";
    for (purpose, counts) in [("own_access", false), ("audit", false), ("risk_analysis", true)] {
        read(audits, purpose).await.expect(200);
        assert_eq!(only(base.test.evidence.take()).counts, counts, "{purpose}");
    }
}

#[tokio::test]
async fn nobody_looks_without_being_seen_who_was_not_trusted_with_it() {
    let base = Base::new().await;
    base.given(&person(&json!([]))).await;
    let read = async |token: &'static str, purpose: &str| {
        base.client.get(PATH).token(token).header("ficha-purpose", purpose).send().await
    };
    for purpose in ["own_access", "audit"] {
        read(READS, purpose).await.problem(403, "insufficient_scope");
    }
    assert!(base.test.evidence.take().is_empty(), "nothing was told");
    read("portal debts:read purpose=own_access", "own_access").await.expect(200);
    read("portal debts:read purpose=own_access", "audit").await.problem(403, "insufficient_scope");
}

#[tokio::test]
async fn personal_answers_are_kept_by_nobody_and_can_be_named() {
    let base = Base::new().await;
    let written = base.given(&person(&json!([]))).await;
    let read = base.get().await;
    for answer in [&written, &read] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    assert!(request_id(&read).len() == 36 && request_id(&written) != request_id(&read));
}

fn request_id(answer: &ficha_testkit::Answer) -> String {
    answer.header("x-request-id").to_owned()
}

#[track_caller]
fn only(mut records: Vec<Consultation>) -> Consultation {
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}
