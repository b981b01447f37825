//! Base A as the import and the dossier know it.

use crate::{Base, CPF, debt, person};
use ficha_contract::{
    Ask, Base as _, Found, Ingest, Ingested, Source,
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
    let changed = base.debts.ingest(vec![row(&other).unwrap()]).await.unwrap();
    assert_eq!(changed, Ingested { replaced: 1, ..Ingested::default() });
}

#[tokio::test]
async fn the_section_of_a_dossier_is_the_body_of_the_route() {
    let base = Base::new().await;
    let cpf = Cpf::parse(CPF, CpfValidation::Strict).unwrap();
    let ask = |now| Ask { cpf, purpose: Purpose::RiskAnalysis, now };
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
