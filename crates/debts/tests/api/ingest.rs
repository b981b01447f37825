//! Base A as the import and the dossier know it.

use crate::{Base, CPF, debt, person};
use ficha_contract::{
    Base as _, Found, Ingest, Ingested, Source,
    wire::{DebtsPerson, Of},
};
use ficha_domain::{Cpf, CpfValidation, Purpose};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn row(person: &Value) -> Result<Of<DebtsPerson>, Box<dyn std::error::Error>> {
    Ok(Of { cpf: Cpf::parse(CPF, CpfValidation::Strict)?, person: serde_json::from_value(person.clone())? })
}

#[tokio::test]
async fn a_row_that_comes_again_changes_nothing() {
    let base = Base::new().await;
    let sent = person(&json!([debt("5.00", "2020-01-01")]));
    let first = base.debts.ingest(vec![row(&sent).unwrap()]).await.unwrap();
    assert_eq!(first, Ingested { created: 1, ..Ingested::default() });
    let again = base.debts.ingest(vec![row(&sent).unwrap(), row(&sent).unwrap()]).await.unwrap();
    assert_eq!(again, Ingested { unchanged: 2, ..Ingested::default() });
    assert_eq!(base.get().await.header("etag"), "\"1-1\"");
    let other = person(&json!([]));
    let kept = base.debts.ingest(vec![row(&other).unwrap()]).await.unwrap();
    assert_eq!(kept, Ingested { unchanged: 1, ..Ingested::default() }, "nothing is removed");
}

#[tokio::test]
async fn a_row_adds_to_what_is_there() {
    let base = Base::new().await;
    let known = person(&json!([debt("5.00", "2020-01-01"), debt("5.00", "2020-01-01")]));
    base.given(&known).await;
    let equal = debt("5.00", "2020-01-01");
    let more = json!([equal, equal, equal, { "id": 1, "value": "6.00", "date": "2021-01-01" }]);
    let more = json!({ "name": "", "address": "Rua Nova, 1", "debts": more });
    let merged = base.debts.ingest(vec![row(&more).unwrap()]).await.unwrap();
    assert_eq!(merged, Ingested { replaced: 1, ..Ingested::default() });
    let found: Value = serde_json::from_slice(&base.get().await.bytes).unwrap();
    assert_eq!((&found["name"], &found["address"]), (&known["name"], &json!("Rua Nova, 1")));
    let debts = found["debts"].as_array().unwrap();
    let told: Vec<_> = debts.iter().map(|debt| (debt["id"].as_i64(), debt["value"].as_str())).collect();
    let five = Some("5.00");
    assert_eq!(told, [(Some(1), Some("6.00")), (Some(2), five), (Some(3), five), (Some(4), five)]);
}

#[tokio::test]
async fn an_id_from_elsewhere_stays_and_is_never_given_again() {
    let base = Base::new().await;
    let named = |id: i64, value: &str| json!({ "id": id, "value": value, "date": "2020-01-01" });
    let ingest = async |debts: Value| {
        let ingested = base.debts.ingest(vec![row(&person(&debts)).unwrap()]).await.unwrap();
        let found: Value = serde_json::from_slice(&base.get().await.bytes).unwrap();
        let debts = found["debts"].as_array().unwrap().iter();
        (ingested.unchanged, debts.map(|debt| debt["id"].as_i64().unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(ingest(json!([named(400, "1.00"), named(7, "2.00")])).await, (0, vec![400, 7]));
    assert_eq!(ingest(json!([named(400, "1.00"), named(7, "2.00")])).await, (1, vec![400, 7]));
    assert_eq!(ingest(json!([debt("3.00", "2020-01-01")])).await, (0, vec![400, 7, 401]));
    let wrong = row(&person(&json!([named(1 << 53, "1.00")]))).unwrap();
    assert_eq!(base.debts.check(&wrong).unwrap_err().errors[0].field, "debts[0].id");
}

#[tokio::test]
async fn what_only_shows_beside_what_is_there_is_refused_by_its_field() {
    let base = Base::new().await;
    let nameless = row(&json!({ "name": "", "address": "", "debts": [] })).unwrap();
    assert!(base.debts.check(&nameless).is_ok(), "somebody who is known has a name");
    assert_eq!(base.debts.ingest(vec![nameless]).await.unwrap_err().errors[0].field, "name");
    let many = |year: usize| json!(vec![debt("5.00", &format!("{year}-01-01")); 501]);
    base.debts.ingest(vec![row(&person(&many(2020))).unwrap()]).await.unwrap();
    let refused = base.debts.ingest(vec![row(&person(&many(2021))).unwrap()]).await.unwrap_err();
    assert_eq!(refused.errors[0].field, "debts");
}

#[tokio::test]
async fn the_section_of_a_dossier_is_the_body_of_the_route() {
    let base = Base::new().await;
    let cpf = Cpf::parse(CPF, CpfValidation::Strict).unwrap();
    let ask = |now| ficha_testkit::ask(cpf, Purpose::RiskAnalysis, now);
    let written_at = base.test.world.now();
    let nobody = base.debts.section(&ask(written_at)).await.unwrap();
    assert_eq!(nobody, Found::Nobody { as_of: written_at, source: Source::Own });
    base.given(&person(&json!([debt("5.00", "2020-01-01")]))).await;
    base.test.world.advance(SignedDuration::from_hours(1));
    let asked_at = base.test.world.now();
    let body = base.get().await.bytes;
    let expected = Found::Person { body, as_of: asked_at, updated_at: written_at, source: Source::Own };
    assert_eq!(base.debts.section(&ask(asked_at)).await.unwrap(), expected);
}
