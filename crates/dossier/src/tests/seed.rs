//! The seed's shape, where a base is missing, nobody is known, or the caller may not see all of it. What it looks like
//! when all is well is tried on the real binary.

use super::kit::{Act, App, BANK, CPF, OTHER_CPF, SHOP, app, says, start};
use axum::{body::Body, http::Request};
use ficha_contract::{SectionStatus, Source, UnavailableReason};
use ficha_domain::Purpose;

const LIST: &str = "/api/customers-dossiers";

/// All three bases know the person.
fn known() -> [Act; 3] {
    let bodies = [
        r#"{"id":1,"cpf":"52998224725","name":"Maria","address":"Rua A","debts":[]}"#,
        r#"{"id":"5b44a7f588c87a08fc450d98","cpf":"52998224725","date_birth":null,"name":"M","address":"","patrimonies":[],"sources_income":[]}"#,
        r#"{"cpf":"52998224725","movements":[]}"#,
    ];
    bodies.map(|body| says(body, start(), Source::Own))
}

async fn app_that_knows() -> App {
    let app = app().await;
    app.will(known());
    app
}

#[tokio::test]
async fn a_base_that_is_missing_is_a_503_that_keeps_nothing() {
    let app = app_that_knows().await;
    app.bases[2].will(Act::Refuses(UnavailableReason::Unreachable));
    let refused = app.get(&format!("{LIST}?cpf={CPF}"), SHOP).await;
    assert_eq!(refused.code(), (503, "required_section_unavailable".into()));
    assert!(!refused.text().contains("Maria"));
    assert_eq!(app.record.take()[0].seen.events, Some(SectionStatus::Unavailable));
    app.keep(CPF, SHOP).await;
    assert_eq!(app.get(LIST, SHOP).await.text(), "[]", "a partial dossier does not fit the shape");
    assert_eq!(app.get(&format!("{LIST}/1"), SHOP).await.code(), (404, "not_found".into()));
    app.will(known());
    let whole = app.get(&format!("{LIST}?cpf={CPF}"), SHOP).await;
    assert_eq!((whole.status.as_u16(), &whole.json()[0]["id"]), (200, &2.into()));
}

#[tokio::test]
async fn the_latest_is_read_again_and_each_look_is_recorded() {
    let app = app_that_knows().await;
    let first = app.get(&format!("{LIST}?cpf={CPF}"), SHOP).await;
    let again = app.get(&format!("{LIST}?cpf={CPF}"), SHOP).await;
    assert_eq!((first.text(), app.asked()), (again.text(), [1, 1, 1]));
    assert_eq!(first.json()[0]["name"], "Maria", "base A's name stands");
    let records = app.record.take();
    assert!(records.len() == 2 && records.iter().all(|record| record.counts), "each look is a consultation");
    app.get(LIST, SHOP).await;
    let listed = app.record.take();
    assert_eq!((listed.len(), listed[0].counts, listed[0].purpose), (1, true, Purpose::CreditGranting));
    assert_eq!(app.get(LIST, BANK).await.text(), "[]", "another client's");
    assert_eq!(app.get(&format!("{LIST}/1"), BANK).await.status, 404);
}

#[tokio::test]
async fn nobody_is_an_empty_array_and_recorded() {
    let app = app().await;
    app.will([Act::Nobody, Act::Nobody, Act::Nobody]);
    let told = app.get(&format!("{LIST}?cpf={OTHER_CPF}"), SHOP).await;
    assert_eq!((told.status.as_u16(), told.text()), (200, "[]"));
    assert_eq!(app.record.take()[0].seen.debts, Some(SectionStatus::NotFound));
    let request = Request::post("/api/public/customers-dossiers")
        .header("authorization", format!("Bearer {SHOP}"))
        .header("content-type", "application/json");
    let body = Body::from(format!(r#"{{"cpf":"{OTHER_CPF}"}}"#));
    assert_eq!(app.send(request.body(body).unwrap()).await.code(), (404, "not_found".into()));
}

#[tokio::test]
async fn who_may_not_read_all_three_bases_is_refused() {
    let app = app_that_knows().await;
    let narrow = "shop|debts:read,score:read,dossier:read";
    for path in [LIST.to_owned(), format!("{LIST}?cpf={CPF}"), format!("{LIST}/1")] {
        assert_eq!(app.get(&path, narrow).await.code(), (403, "insufficient_scope".into()), "{path}");
    }
    assert_eq!(app.asked(), [0, 0, 0]);
}
