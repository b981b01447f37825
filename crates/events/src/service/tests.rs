use super::*;
use crate::testing::{ANA, Alive, NOW, On, Record as Recorded, at, base, cpf, movement, purchase, world};
use ficha_contract::{BaseName, Seen, UnavailableReason};
use ficha_domain::Purpose;

struct Base3 {
    _alive: Alive,
    events: Arc<Events>,
    evidence: Arc<Recorded>,
}

async fn open() -> Base3 {
    let evidence = Arc::new(Recorded::default());
    let (events, _alive) = base(On::Sqlite, evidence.clone(), world().0).await;
    Base3 { events, evidence, _alive }
}

fn ask(purpose: Purpose) -> Ask {
    let (cpf, now, consultation) = (cpf(ANA), at(NOW), uuid::Uuid::nil());
    let (client, scopes, within) = ("shop".into(), "read".parse().unwrap(), Duration::from_secs(1));
    Ask { cpf, purpose, now, consultation, client, scopes, within }
}

fn consulted(purpose: Purpose, when: &str) -> Consultation {
    Consultation {
        id: uuid::Uuid::from_u128(0x019a_0c2f_4b7e_7d3a_9c11_e2f0_0000_0001),
        at: at(when),
        cpf: cpf(ANA),
        client: "shop".into(),
        subject: "maria".into(),
        purpose,
        operation: "GET /evento/{cpf}".into(),
        status: 200,
        seen: Seen::default(),
        answer_sha256: [0; 32],
        counts: purpose.counts(),
    }
}

async fn section(base: &Base3) -> String {
    match base.events.section(&ask(Purpose::CreditGranting)).await.unwrap() {
        Found::Person { body, source, as_of, .. } => {
            assert_eq!((source, as_of), (Source::Own, at(NOW)));
            String::from_utf8(body.to_vec()).unwrap()
        }
        Found::Nobody { .. } => panic!("nobody"),
    }
}

fn row(json: &str) -> wire::Movement {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn the_section_is_the_record_with_the_last_consultation_in_it() {
    let base = open().await;
    let rows = vec![row(
        r#"{"id":"5b3e4175c43bfd2b780afeba","cpf":"52998224725","description":"Farmácia \"Zé\"","value":12.00,
            "date":"2026-10-05T11:48:00-03:00","type":"Debit","PaymentType":"CreditCard"}"#,
    )];
    base.events.ingest(rows).await.unwrap();
    let rest = concat!(
        r#""last_purchase":{"id":"5b3e4175c43bfd2b780afeba","description":"Farmácia \"Zé\"","value":12,"#,
        r#""date":"2026-10-05T11:48:00-03:00","cpf":"52998224725","PaymentType":"CreditCard"},"#,
        r#""movements":[{"id":"5b3e4175c43bfd2b780afeba","description":"Farmácia \"Zé\"","value":12,"#,
        r#""date":"2026-10-05T11:48:00-03:00","cpf":"52998224725","type":"Debit","PaymentType":"CreditCard"}],"#,
        r#""monthly":[{"month":"2026-10","debit":"12.00","credit":"0.00","count":1}]}"#,
    );
    assert_eq!(section(&base).await, format!(r#"{{"cpf":"52998224725","last_consultation":null,{rest}"#));
    let kept = [
        consulted(Purpose::CreditGranting, "2026-11-20T10:00:00.123Z"),
        consulted(Purpose::OwnAccess, "2026-11-21T10:00:00Z"),
    ];
    base.evidence.record(kept.into()).await.unwrap();
    let last = r#"{"at":"2026-11-20T10:00:00.123Z","purpose":"credit_granting"}"#;
    assert_eq!(section(&base).await, format!(r#"{{"cpf":"52998224725","last_consultation":{last},{rest}"#));
    assert_eq!(base.events.record(cpf(ANA)).await.unwrap().unwrap().updated_at, at(NOW));
}

#[tokio::test]
async fn a_consultation_that_cannot_be_read_costs_only_itself() {
    let base = open().await;
    base.events.ingest(vec![row(r#"{"cpf":"52998224725","date":"2026-10-05T11:48:00Z"}"#)]).await.unwrap();
    let unknown =
        r#"{"cpf":"52998224725","last_consultation":null,"last_consultation_unknown":true,"last_purchase""#;
    *base.evidence.fails.lock().unwrap() = true;
    assert!(section(&base).await.starts_with(unknown));
    *base.evidence.fails.lock().unwrap() = false;
    *base.evidence.hangs.lock().unwrap() = true;
    assert!(section(&base).await.starts_with(unknown));
    let whole: serde_json::Value = serde_json::from_str(&section(&base).await).unwrap();
    assert_eq!(whole["monthly"][0]["count"], 1);
}

#[tokio::test]
async fn consultations_alone_make_nobody() {
    let base = open().await;
    base.evidence
        .record(vec![consulted(Purpose::Audit, NOW), consulted(Purpose::CreditGranting, NOW)])
        .await
        .unwrap();
    let found = base.events.section(&ask(Purpose::CreditGranting)).await.unwrap();
    assert_eq!(found, Found::Nobody { as_of: at(NOW), source: Source::Own });
}

#[tokio::test]
async fn rows_without_id_get_one_of_their_content() {
    let base = open().await;
    let rows = || {
        vec![
            row(r#"{"cpf":"529.982.247-25","date":"2026-10-05T11:48:00Z","value":1}"#),
            row(r#"{"cpf":"52998224725","date":"2026-10-05T11:48:00Z","value":2}"#),
            row(r#"{"cpf":"52998224725","date":"2026-10-05T08:48:00-03:00","value":"1.00"}"#),
        ]
    };
    let first = base.events.ingest(rows()).await.unwrap();
    assert_eq!(first, Ingested { created: 2, replaced: 0, unchanged: 1 }, "the third is the first again");
    assert_eq!(base.events.ingest(rows()).await.unwrap(), Ingested { unchanged: 3, ..Ingested::default() });
}

#[tokio::test]
async fn a_wrong_row_is_named_and_its_batch_refused() {
    let base = open().await;
    let rows = vec![
        row(r#"{"cpf":"52998224725","date":"2026-10-05T11:48:00Z"}"#),
        row(r#"{"cpf":"5299822472","date":"2026-10-05T11:48:00Z"}"#),
    ];
    let problem = base.events.ingest(rows).await.unwrap_err();
    assert_eq!(problem.errors[0].field, "[1].cpf");
    assert!(base.events.record(cpf(ANA)).await.unwrap().is_none());
}

/// A store that is away.
struct Away;

#[async_trait]
impl MovementStore for Away {
    async fn append_hot(&self, _: Cpf, _: &mut Vec<u8>) -> Result<Option<Timestamp>, StoreError> {
        Err(StoreError::new("away"))
    }
    async fn last_purchase(&self, _: Cpf) -> Result<Option<crate::LastPurchase>, StoreError> {
        Err(StoreError::new("away"))
    }
    async fn list(&self, _: Cpf, _: Selection) -> Result<Option<Vec<Movement>>, StoreError> {
        Err(StoreError::new("away"))
    }
    async fn write(&self, _: Write) -> Result<Reply, crate::WriteRefused> {
        Err(StoreError::new("away").into())
    }
    async fn ingest(&self, _: Vec<Movement>, _: Timestamp) -> Result<Ingested, StoreError> {
        Err(StoreError::new("away"))
    }
}

#[tokio::test]
async fn a_store_that_is_away_makes_the_base_unavailable() {
    let events =
        Events::new(Arc::new(Away), Arc::new(Recorded::default()), world().0, crate::testing::zone());
    let unavailable = events.section(&ask(Purpose::CreditGranting)).await.unwrap_err();
    assert_eq!(unavailable.0, UnavailableReason::Unreachable);
    let problem = events.transactions(cpf(ANA)).await.unwrap_err();
    assert_eq!((problem.code.as_str(), problem.retry_after_s), ("base_unavailable", Some(1)));
    assert_eq!(BaseName::Events.as_str(), "events");
}

#[tokio::test]
async fn the_next_page_is_told_only_where_there_is_one() {
    let base = open().await;
    let rows = [purchase(1, NOW), movement(2, "")];
    base.events.store.ingest(rows.into(), at(NOW)).await.unwrap();
    for (limit, more) in [(1, true), (2, false), (100, false)] {
        let page = base.events.page(cpf(ANA), Selection::default(), limit, at(NOW)).await.unwrap().unwrap();
        let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(page["next"].is_string(), more, "{limit}");
    }
}
