//! The seed's routes: who is found, in which order, and who is recorded. Their shapes are tried on the real binary.

use crate::{App, MARIA, cpf, person};
use axum::http::Method;
use ficha_contract::{Ingest as _, SectionStatus, wire::Of};
use ficha_testkit::Answer;
use serde_json::{Value, json};

const LIST: &str = "/api/customers";
const READS: &str = "bank score:read purpose=credit_granting";
const WRITES: &str = "feeder score:write";
const BOTH: &str = "feeder score:read,score:write purpose=credit_granting";

async fn posted(app: &App, cpf: &str, name: &str, born: &Value) -> String {
    let body = json!({ "cpf": cpf, "name": name, "address": "Rua A", "date_birth": born });
    let told = app.client.post(LIST).token(WRITES).json(body).send().await.expect(201);
    told.json()["id"].as_str().unwrap().to_owned()
}

/// Bia, Ana, and another Bia whose birth nobody knows.
async fn app_of_three() -> (App, [String; 3]) {
    let app = App::new().await;
    let ids = [
        posted(&app, "52998224725", "Bia", &json!("1990-11-23T00:00:00Z")).await,
        posted(&app, "11144477735", "Ana", &json!("1980-01-01T00:00:00Z")).await,
        posted(&app, "39053344705", "Bia", &Value::Null).await,
    ];
    assert!(app.test.evidence.take().is_empty(), "whoever feeds a base consults nobody");
    (app, ids)
}

async fn listed(app: &App, query: &str) -> Answer {
    app.client.get(format!("{LIST}?{query}")).token(READS).send().await.expect(200)
}

#[tokio::test]
pub async fn people_are_found_and_put_in_order_by_what_is_in_clear() {
    let (app, ids) = app_of_three().await;
    for (query, found) in [
        ("", &[0, 1, 2][..]),
        ("orders=-id", &[2, 1, 0]),
        ("orders=-id&page_size=2", &[2, 1]),
        ("orders=name", &[1, 0, 2]),
        ("orders=-name,-cpf", &[0, 2, 1]),
        ("orders=date_birth&page_size=2", &[2, 1]),
        ("name=Bia", &[0, 2]),
        ("name=Bia&orders=-id&page_size=1", &[2]),
        ("name=bia", &[]),
        ("date_birth=_None", &[2]),
        ("date_birth!=_None", &[0, 1]),
        ("date_birth=1979-12-31T21:00:00-03:00", &[1]),
        ("cpf=111.444.777-35", &[1]),
        ("cpf=11144477735&name=Bia", &[]),
        ("address=Rua%20A&orders=cpf", &[1, 2, 0]),
    ] {
        let told = listed(&app, query).await.json();
        let told: Vec<&str> =
            told.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(told, found.iter().map(|at| &ids[*at]).collect::<Vec<_>>(), "{query}");
    }
}

#[tokio::test]
pub async fn an_id_is_one_persons_for_ever() {
    let (app, [first, second, _]) = app_of_three().await;
    let path = |id: &str| format!("{LIST}/{id}");
    let told = app.client.get(path(&second)).token(READS).send().await.expect(200);
    assert_eq!(told.json()["name"], "Ana");
    assert_eq!(listed(&app, &format!("id={}", second.to_uppercase())).await.json()[0]["name"], "Ana");
    let same_row_at_another_time = format!("00000000{}", &second[8..]);
    let no_row = format!("{}ffffffffffffffff", &second[..8]);
    for unknown in [same_row_at_another_time, no_row] {
        app.client.get(path(&unknown)).token(READS).send().await.problem(404, "not_found");
        assert_eq!(listed(&app, &format!("id={unknown}")).await.text(), "[]");
    }
    app.client.delete(path(&first)).token(WRITES).send().await.expect(204);
    app.client.delete(path(&first)).token(WRITES).send().await.problem(404, "not_found");
    let again = posted(&app, "52998224725", "Bia", &Value::Null).await;
    assert_ne!(again, first);
    app.put("52998224725", r#"{"name":"Bia","address":""}"#).send().await.expect(200);
    app.client.get(path(&again)).token(READS).send().await.expect(200);
}

#[tokio::test]
pub async fn whoever_came_in_bulk_is_found_by_id() {
    let app = App::new().await;
    let row = |number: &str| Of { cpf: cpf(number), person: person(MARIA) };
    app.scores.ingest(vec![row("52998224725"), row("11144477735")]).await.unwrap();
    app.scores.ingest(vec![row("11144477735"), row("39053344705")]).await.unwrap();
    let told = listed(&app, "").await.json();
    let ids: Vec<&str> = told.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    for (id, number) in ids.iter().zip(["52998224725", "11144477735", "39053344705"]) {
        let told = app.client.get(format!("{LIST}/{id}")).token(READS).send().await.expect(200);
        assert_eq!((told.json()["id"].as_str(), told.json()["cpf"].as_str()), (Some(*id), Some(number)));
    }
}

#[tokio::test]
pub async fn everybody_in_an_answer_is_consulted() {
    let (app, ids) = app_of_three().await;
    for (query, people, status) in [
        ("", &["52998224725", "11144477735", "39053344705"][..], SectionStatus::Fresh),
        ("name=Ana", &["11144477735"], SectionStatus::Fresh),
        ("cpf=11144477735", &["11144477735"], SectionStatus::Fresh),
        ("cpf=12345678909", &["12345678909"], SectionStatus::NotFound),
        ("name=Nobody", &[], SectionStatus::NotFound),
    ] {
        listed(&app, query).await;
        let records = app.test.evidence.take();
        let seen: Vec<_> = records.iter().map(|record| record.cpf.to_string()).collect();
        assert_eq!(seen, people, "{query}");
        assert!(records.iter().all(|record| record.counts && record.seen.score == Some(status)), "{query}");
    }
    let path = format!("{LIST}/{}", ids[0]);
    app.client.get(&path).token(READS).send().await.expect(200);
    assert!(app.test.evidence.take()[0].counts);
    let rename =
        |token| app.client.call(Method::PATCH, &path).token(token).json(json!({ "name": "Eva" })).send();
    let blank = format!(
        r#"{{"id":"{}","cpf":"","date_birth":null,"name":"Eva","address":"","patrimonies":[],"sources_income":[],"_cls":"CustomerDocument"}}"#,
        ids[0]
    );
    assert_eq!(rename(WRITES).await.expect(200).text(), blank);
    assert!(app.test.evidence.take().is_empty());
    assert_eq!(rename(BOTH).await.expect(200).json()["address"], "Rua A");
    assert!(!app.test.evidence.take()[0].counts, "whoever feeds a base consults nobody");
}

#[tokio::test]
pub async fn what_cannot_be_meant_is_named() {
    let (app, [first, ..]) = app_of_three().await;
    for (body, field) in [
        (json!({ "name": "Eva", "address": "" }), "cpf"),
        (json!({ "cpf": "12345678909", "name": null, "address": "" }), "name"),
        (
            json!({ "cpf": "12345678909", "name": "Eva", "address": "", "patrimonies": [["1.00", "Carro"]] }),
            "patrimonies[0]",
        ),
        (
            json!({ "cpf": "12345678909", "name": "Eva", "address": "", "date_birth": "1850-01-01T00:00:00Z" }),
            "date_birth",
        ),
        (json!({ "cpf": "52998224725", "name": "Eva", "address": "" }), "cpf"),
    ] {
        app.client.post(LIST).token(WRITES).json(body).send().await.wrong_field(field);
    }
    let other = json!({ "cpf": "11144477735", "name": "Eva", "address": "" });
    app.client.put(format!("{LIST}/{first}")).token(WRITES).json(other).send().await.wrong_field("cpf");
    app.client.get(format!("{LIST}/7")).token(READS).send().await.problem(400, "malformed_request");
    for query in ["patrimonies=_None", "orders=patrimonies", "cpf__contains=1"] {
        let refused = app.client.get(format!("{LIST}?{query}")).token(READS).send().await;
        refused.problem(400, "malformed_request");
    }
}
