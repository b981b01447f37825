//! What the dossier and the import see.

use crate::{App, CPF, MARIA, cpf, people, person};
use ficha_contract::{
    Ask, Base, Condition, Found, Ingest, Ingested, Source, Unavailable, UnavailableReason, wire::Of,
};
use ficha_domain::Purpose;
use ficha_people::Decision;
use ficha_score::{Scorecard, ScorecardError, Scores};

fn ask(app: &App, number: &str) -> Ask {
    ficha_testkit::ask(cpf(number), Purpose::CreditGranting, app.test.world.now())
}

#[tokio::test]
async fn the_section_is_the_body_of_the_route() {
    let app = App::new().await;
    app.put(CPF, MARIA).send().await.expect(201);
    let answer = app.get(CPF).send().await.expect(200);
    let now = app.test.world.now();
    let found = app.scores.section(&ask(&app, CPF)).await.unwrap();
    let expected =
        Found::Person { body: answer.bytes.clone(), as_of: now, updated_at: now, source: Source::Own };
    assert_eq!(found, expected);
    assert!(answer.text().find(r#""cpf":"52998224725""#).unwrap() < 64, "{}", answer.text());
}

#[tokio::test]
async fn nobody_is_nobody() {
    let app = App::new().await;
    let now = app.test.world.now();
    let found = app.scores.section(&ask(&app, CPF)).await;
    assert_eq!(found, Ok(Found::Nobody { as_of: now, source: Source::Own }));
}

fn rows(rows: &[(&str, &str)]) -> Vec<Of<ficha_contract::wire::ScorePerson>> {
    rows.iter().map(|(number, json)| Of { cpf: cpf(number), person: person(json) }).collect()
}

#[tokio::test]
async fn a_bulk_load_run_again_changes_nothing() {
    let app = App::new().await;
    let ana = MARIA.replace("Maria", "Ana");
    let first = app.scores.ingest(rows(&[(CPF, MARIA), ("12345678909", &ana)])).await.unwrap();
    assert_eq!(first, Ingested { created: 2, ..Ingested::default() });
    let etag = app.get(CPF).send().await.expect(200).header("etag").to_owned();
    let again = app.scores.ingest(rows(&[(CPF, MARIA), ("12345678909", MARIA)])).await.unwrap();
    assert_eq!(again, Ingested { unchanged: 1, replaced: 1, created: 0 });
    assert_eq!(app.get(CPF).send().await.expect(200).header("etag"), etag);
}

#[tokio::test]
async fn a_row_adds_to_what_is_there_and_an_empty_one_leaves_it() {
    let app = App::new().await;
    app.scores.ingest(rows(&[(CPF, MARIA)])).await.unwrap();
    let before: serde_json::Value =
        serde_json::from_str(app.get(CPF).send().await.expect(200).text()).unwrap();
    let empty = r#"{"name":"","address":"","date_birth":null}"#;
    let kept = app.scores.ingest(rows(&[(CPF, empty)])).await.unwrap();
    assert_eq!(kept, Ingested { unchanged: 1, ..Ingested::default() });
    let bike = r#"{"name":"","address":"Rua Nova, 1","patrimonies":[{"value":"9","description":"Bicicleta"},{"value":"9","description":"Bicicleta"}]}"#;
    for (unchanged, replaced) in [(0, 1), (1, 0)] {
        let merged = app.scores.ingest(rows(&[(CPF, bike)])).await.unwrap();
        assert_eq!(merged, Ingested { created: 0, unchanged, replaced });
    }
    let after: serde_json::Value =
        serde_json::from_str(app.get(CPF).send().await.expect(200).text()).unwrap();
    let count = |person: &serde_json::Value| person["patrimonies"].as_array().unwrap().len();
    assert_eq!(count(&after), count(&before) + 2);
    for field in ["id", "name", "date_birth", "sources_income"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["address"], "Rua Nova, 1");
}

#[tokio::test]
async fn a_batch_with_a_wrong_row_leaves_nothing_behind() {
    let app = App::new().await;
    let nameless = MARIA.replace("Maria da Silva", "");
    let refused = app.scores.ingest(rows(&[(CPF, MARIA), ("12345678909", &nameless)])).await.unwrap_err();
    assert_eq!(refused.errors[0].field, "name");
    app.get(CPF).send().await.problem(404, "not_found");
}

/// Every synthetic person is one that base B takes, and answers with the facts that went in.
#[tokio::test]
async fn the_synthetic_population_goes_in() {
    let app = App::new().await;
    let population = ficha_population::Population::new(7, jiff::civil::date(2026, 11, 22));
    let batch: Vec<_> = (0..300)
        .map(|number| population.person(number))
        .filter_map(|made| Some((made.cpf, serde_json::to_string(&made.score_json()?).unwrap())))
        .collect();
    let rows = batch.iter().map(|(cpf, json)| Of { cpf: *cpf, person: person(json) });
    let ingested = app.scores.ingest(rows.collect()).await.unwrap();
    assert_eq!(ingested.created, batch.len() as u64);
    for (cpf, json) in &batch {
        let found = app.scores.find(*cpf, app.test.world.now()).await.unwrap().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&found.body).unwrap();
        let sent: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!((&found["date_birth"], &found["name"]), (&sent["date_birth"], &sent["name"]));
        assert!(found["age"].as_i64().is_some_and(|age| age >= 18), "{found}");
        assert!(found["score"]["value"].is_i64() || found["score"]["no_score_reason"].is_string(), "{found}");
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let app = App::new().await;
    app.put(CPF, MARIA).send().await.expect(201);
    let before = app.get(CPF).send().await.expect(200);
    let again = people(&app.test, app.dir.path()).await;
    let again = Scores::new(again, Scorecard::open(None).unwrap(), app.test.world.world());
    let found = again.find(cpf(CPF), app.test.world.now()).await.unwrap().unwrap();
    assert_eq!(found.body, before.bytes);
}

#[tokio::test]
async fn a_damaged_document_is_a_base_that_cannot_be_read() {
    let app = App::new().await;
    let put = |_, _: Option<&ficha_people::Person>, _: &mut dyn ficha_people::Numbers| {
        Ok(Decision::Put(br#"{"name":"Maria"}"#.to_vec(), 200, String::new()))
    };
    app.people.change(cpf(CPF), Condition::default(), put).await.unwrap();
    let answer = app.get(CPF).send().await;
    answer.problem(503, "base_unavailable");
    assert!(!answer.text().contains("Maria"));
    let section = app.scores.section(&ask(&app, CPF)).await;
    assert_eq!(section, Err(Unavailable(UnavailableReason::Unreachable)));
    app.put(CPF, MARIA).send().await.problem(503, "base_unavailable");
    app.delete(CPF).send().await.expect(204);
}

#[test]
fn a_table_is_read_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("card.toml");
    let missing = Scorecard::open(Some(&file)).unwrap_err();
    assert!(
        matches!(missing, ScorecardError::File { .. }) && missing.to_string().contains("card.toml"),
        "{missing}"
    );
    std::fs::write(&file, Scorecard::EXAMPLE).unwrap();
    Scorecard::open(Some(&file)).unwrap();
    std::fs::write(&file, "name = 1").unwrap();
    assert!(Scorecard::open(Some(&file)).unwrap_err().to_string().contains("line 1"));
}
