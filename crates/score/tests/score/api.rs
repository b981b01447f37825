//! What clients see.

use crate::{App, CPF, MARIA};
use ficha_contract::{RecordRefused, SectionStatus};
use ficha_score::{Scorecard, routes};
use jiff::SignedDuration;

#[tokio::test]
pub async fn what_was_put_is_answered_with_age_and_score() {
    let app = App::new().await;
    let created = app.put(CPF, MARIA).send().await.expect(201);
    let kept = created.text();
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        kept,
        format!(
            r#"{{"id":"{id}","cpf":"52998224725","date_birth":"1990-11-23T00:00:00Z","name":"Maria da Silva","address":"Rua Joaquina, 1, Recife/PE","patrimonies":[{{"value":"45000.00","description":"Automóvel","_cls":"PatrimonyDocument"}}],"sources_income":[{{"value":"1400.00","description":"Salário","_cls":"SourceIncomeDocument"}},{{"value":"300.50","description":"Aluguel","_cls":"SourceIncomeDocument"}}],"_cls":"CustomerDocument"}}"#
        )
    );

    let found = app.get("529.982.247-25").send().await.expect(200);
    assert_eq!(found.header("etag"), created.header("etag"));
    let score = r#"{"value":585,"band":"good","model":{"name":"ficha-example","version":"1"},"reasons":[{"code":"monthly_income","text":"Renda mensal abaixo da faixa de maior pontuação.","points":-145},{"code":"patrimony","text":"Patrimônio abaixo da faixa de maior pontuação.","points":-120},{"code":"patrimonies","text":"Número de bens abaixo da faixa de maior pontuação.","points":-40},{"code":"age","text":"Idade abaixo da faixa de maior pontuação.","points":-30}],"computed_at":"2026-11-22T12:00:00.000Z"}"#;
    let before_brace = kept.strip_suffix('}').unwrap();
    assert_eq!(found.text(), format!(r#"{before_brace},"age":35,"score":{score}}}"#));
}

#[tokio::test]
pub async fn every_read_is_recorded_and_no_write_is() {
    let app = App::new().await;
    app.put(CPF, MARIA).send().await.expect(201);
    assert!(app.test.evidence.take().is_empty());
    app.get(CPF).send().await.expect(200);
    app.get("12345678909").send().await.problem(404, "not_found");
    let seen: Vec<_> = app
        .test
        .evidence
        .take()
        .iter()
        .map(|kept| (kept.operation.to_string(), kept.status, kept.seen.score, kept.cpf.to_string()))
        .collect();
    let operation = || "GET /score/{cpf}".to_owned();
    let expected = [
        (operation(), 200, Some(SectionStatus::Fresh), CPF.to_owned()),
        (operation(), 404, Some(SectionStatus::NotFound), "12345678909".to_owned()),
    ];
    assert_eq!(seen, expected);
    app.test.evidence.refuse(RecordRefused::Failed);
    let refused = app.get(CPF).send().await;
    refused.problem(503, "record_unavailable");
    assert!(!refused.text().contains("Maria"));
}

#[tokio::test]
pub async fn whoever_feeds_does_not_read_and_whoever_reads_does_not_feed() {
    let app = App::new().await;
    app.get(CPF)
        .token("feeder score:write purpose=credit_granting")
        .send()
        .await
        .problem(403, "insufficient_scope");
    app.get(CPF)
        .token("other debts:read purpose=credit_granting")
        .send()
        .await
        .problem(403, "insufficient_scope");
    app.put(CPF, MARIA).token("bank score:read").send().await.problem(403, "insufficient_scope");
    app.delete(CPF).token("bank score:read").send().await.problem(403, "insufficient_scope");
    app.get(CPF).token("bank score:read").send().await.problem(400, "missing_purpose");
    for path in [format!("/score/{CPF}"), "/score/nobody".to_owned()] {
        app.client.get(&path).send().await.problem(401, "missing_token");
        app.client.put(&path).json(MARIA).send().await.problem(401, "missing_token");
        app.client.delete(&path).send().await.problem(401, "missing_token");
    }
}

#[tokio::test]
pub async fn a_write_tells_nothing_that_is_computed() {
    let app = App::new().await;
    for status in [201, 200] {
        let answer = app.put(CPF, MARIA).send().await.expect(status).json();
        assert!(answer.get("score").is_none() && answer.get("age").is_none(), "{answer}");
    }
}

#[tokio::test]
pub async fn a_replacement_keeps_the_id_and_nothing_else() {
    let app = App::new().await;
    let first = app.put(CPF, MARIA).send().await.expect(201);
    let second = app.put(CPF, r#"{"name":"Maria Souza","address":""}"#).send().await.expect(200);
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_ne!(first.header("etag"), second.header("etag"));
    let found = app.get(CPF).send().await.expect(200).json();
    assert_eq!(found["name"], "Maria Souza");
    assert!(found["date_birth"].is_null() && found["age"].is_null());
    assert_eq!(found["patrimonies"].as_array().map(Vec::len), Some(0));
    assert_eq!(found["score"]["no_score_reason"], "no_date_birth");
}

/// The seed's own clients send back what they were answered.
#[tokio::test]
pub async fn an_answer_can_be_put_back() {
    let app = App::new().await;
    app.put(CPF, MARIA).send().await.expect(201);
    let found = app.get(CPF).send().await.expect(200);
    app.put(CPF, found.text()).send().await.expect(200);
    assert_eq!(app.get(CPF).send().await.expect(200).text(), found.text());
}

#[tokio::test]
pub async fn conditions_are_honoured() {
    let app = App::new().await;
    let refused = |answer: ficha_testkit::Answer| answer.problem(412, "precondition_failed");
    refused(app.put(CPF, MARIA).header("if-match", "*").send().await);
    let created = app.put(CPF, MARIA).header("if-none-match", "*").send().await.expect(201);
    refused(app.put(CPF, MARIA).header("if-none-match", "*").send().await);
    let replaced = app.put(CPF, MARIA).header("if-match", created.header("etag")).send().await.expect(200);
    refused(app.put(CPF, MARIA).header("if-match", created.header("etag")).send().await);
    refused(app.delete(CPF).header("if-match", created.header("etag")).send().await);
    app.delete(CPF).header("if-match", replaced.header("etag")).send().await.expect(204);
}

#[tokio::test]
pub async fn a_repeated_key_is_answered_again() {
    let app = App::new().await;
    let first = app.put(CPF, MARIA).header("idempotency-key", "k1").send().await.expect(201);
    let again = app.put(CPF, MARIA).header("idempotency-key", "k1").send().await.expect(201);
    assert_eq!((first.text(), first.header("etag")), (again.text(), again.header("etag")));
    assert_eq!(app.get(CPF).send().await.expect(200).header("etag"), first.header("etag"));
    let other = app.put(CPF, r#"{"name":"Ana","address":""}"#).header("idempotency-key", "k1").send().await;
    other.problem(422, "idempotency_key_reused");
    app.delete(CPF).header("idempotency-key", "k2").send().await.expect(204);
    app.delete(CPF).header("idempotency-key", "k2").send().await.expect(204);
    app.delete(CPF).send().await.problem(404, "not_found");
}

#[tokio::test]
pub async fn whoever_is_removed_is_gone_and_comes_back_as_somebody_new() {
    let app = App::new().await;
    app.delete(CPF).send().await.problem(404, "not_found");
    let first = app.put(CPF, MARIA).send().await.expect(201);
    assert!(app.delete(CPF).send().await.expect(204).bytes.is_empty());
    app.get(CPF).send().await.problem(404, "not_found");
    let second = app.put(CPF, MARIA).send().await.expect(201);
    assert_ne!(first.json()["id"], second.json()["id"]);
    assert_ne!(first.header("etag"), second.header("etag"));
}

#[tokio::test]
pub async fn a_wrong_body_is_refused_by_its_field() {
    let app = App::new().await;
    let of = |field: &str, value: &str| {
        let mut body: serde_json::Value = serde_json::from_str(MARIA).unwrap();
        body[field] = serde_json::from_str(value).unwrap();
        body.to_string()
    };
    let item =
        |value: &str, description: &str| format!(r#"[{{"value":{value},"description":"{description}"}}]"#);
    for (field, body) in [
        ("cpf", of("cpf", "\"12345678909\"")),
        ("name", of("name", "\"\"")),
        ("name", of("name", "\"a\\nb\"")),
        ("address", of("address", &format!("\"{}\"", "a".repeat(301)))),
        ("date_birth", of("date_birth", "\"2026-11-22T12:00:01Z\"")),
        ("date_birth", of("date_birth", "\"1899-12-31T00:00:00Z\"")),
        ("date_birth", of("date_birth", "\"10/05/1980\"")),
        ("patrimonies[0].value", of("patrimonies", &item("-1", "Carro"))),
        ("patrimonies[0].value", of("patrimonies", &item("\"1.234,56\"", "Carro"))),
        ("sources_income[0].description", of("sources_income", &item("1", &"a".repeat(201)))),
        ("sources_income", of("sources_income", &format!("[{}]", [MARIA_ITEM; 1001].join(",")))),
    ] {
        let answer = app.put(CPF, &body).send().await;
        answer.wrong_field(field);
        assert!(!answer.text().contains("Carro") && !answer.text().contains("Maria"), "{}", answer.text());
    }
    app.put("52998224724", MARIA).send().await.problem(422, "invalid_cpf");
    app.get(CPF).send().await.problem(404, "not_found");
    app.put(CPF, &of("cpf", "\"529.982.247-25\"")).send().await.expect(201);
}

const MARIA_ITEM: &str = r#"{"value":"1","description":"x"}"#;

#[tokio::test]
pub async fn age_and_score_follow_the_clock() {
    let app = App::new().await;
    let young = MARIA.replace("1990", "2008");
    app.put(CPF, &young).send().await.expect(201);
    let found = app.get(CPF).send().await.expect(200);
    let (body, etag) = (found.json(), found.header("etag"));
    assert_eq!((&body["age"], &body["score"]["no_score_reason"]), (&17.into(), &"under_age".into()));
    assert!(body["score"].get("value").is_none() && body["score"].get("band").is_none());
    assert_eq!(body["score"]["reasons"], serde_json::json!([]));
    app.test.world.advance(SignedDuration::from_hours(12));
    let birthday = app.get(CPF).send().await.expect(200);
    assert_eq!(birthday.json()["age"], 18);
    assert_eq!(birthday.json()["score"]["value"], 560);
    assert_eq!(birthday.header("etag"), etag, "nobody wrote anything");
}

#[tokio::test]
pub async fn another_table_makes_another_score() {
    let table = r#"
        name = "nosso"
        version = "2026-11"
        base_points = 900
        bands = [{ name = "all", up_to = 1000 }]
        [[variables]]
        feature = "patrimony_percent_of_annual_income"
        code = "ratio"
        text = "Patrimônio sobre renda."
        missing = { code = "no_ratio", text = "Sem renda.", points = -100 }
        bins = [{ points = -50 }, { from = 220, points = -20 }, { from = 221, points = 0 }]"#;
    let app = App::with(Scorecard::from_toml(table).unwrap()).await;
    app.put(CPF, MARIA).send().await.expect(201);
    let score = &app.get(CPF).send().await.expect(200).json()["score"];
    assert_eq!(score["model"], serde_json::json!({"name": "nosso", "version": "2026-11"}));
    assert_eq!((&score["value"], &score["band"]), (&880.into(), &"all".into()), "45,000 of 20,406 a year");
    assert_eq!(score["reasons"][0]["points"], -20);
}

#[tokio::test]
pub async fn the_document_describes_every_field() {
    let app = App::new().await;
    let (_, api) = routes(app.scores.clone(), app.test.shell.clone()).split_for_parts();
    let api = serde_json::to_value(ficha_http::document(api, "score", "Base B.")).unwrap();
    for method in ["get", "put", "delete"] {
        assert!(api["paths"]["/score/{cpf}"][method]["summary"].is_string(), "{method}");
    }
    let schemas = &api["components"]["schemas"];
    let own = &schemas["ScoreAnswer"]["allOf"][1];
    assert_eq!(own["required"], serde_json::json!(["age", "score"]), "null where unknown, never left out");
    for schema in schemas.as_object().unwrap().values().chain([own]) {
        for (field, described) in schema["properties"].as_object().into_iter().flatten() {
            assert!(described["description"].is_string(), "{field}: {described}");
        }
    }
}
