//! What this crate's tests share: movements in a few words, and doubles of what stands around the base.

use crate::{
    Change, Events, MongoMovements, Movement, MovementStore, SqliteMovements, Write, WriteRefused, Zone,
};
use async_trait::async_trait;
use ficha_contract::{
    Caller, Condition, Consultation, Evidence, Idempotency, IfMatch, LastConsultation, RateLimit,
    RecordRefused, Reply, StoreError, TokenRefused, TokenVerifier, wire,
};
use ficha_domain::{Cpf, CpfValidation, MovedClock, ObjectId, Purpose, SeededRandom, World};
use jiff::Timestamp;
use std::sync::{Arc, Mutex};

pub(crate) const ANA: &str = "52998224725";
pub(crate) const RUI: &str = "12345678909";
pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

pub(crate) fn cpf(text: &str) -> Cpf {
    Cpf::parse(text, CpfValidation::Strict).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn id(number: u8) -> ObjectId {
    ObjectId([number; 12])
}

pub(crate) fn zone() -> Zone {
    Zone::named("America/Sao_Paulo").unwrap()
}

/// A movement from its JSON; `cpf` and `date` may be left out.
pub(crate) fn movement(number: u8, fields: &str) -> Movement {
    let mut json = serde_json::json!({ "cpf": ANA, "date": "2026-10-05T12:00:00Z", "id": id(number) });
    let fields: serde_json::Value = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
    json.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let row: wire::Movement = serde_json::from_value(json).unwrap();
    Movement::accept(row, CpfValidation::Strict).unwrap()
}

/// A purchase by credit card.
pub(crate) fn purchase(number: u8, date: &str) -> Movement {
    movement(number, &format!(r#""date":"{date}","type":"Debit","PaymentType":"CreditCard","value":1"#))
}

pub(crate) fn write(change: Change) -> Write {
    let reply = Reply { status: 200, etag: None, body: "{}".into() };
    Write { change, condition: Condition::default(), reply, now: at(NOW) }
}

pub(crate) async fn add(store: &dyn MovementStore, movement: Movement) -> Reply {
    store.write(write(Change::Add(movement))).await.unwrap()
}

pub(crate) fn if_match(etag: Option<&str>) -> Condition {
    let tags = etag.into_iter().map(str::to_owned).collect();
    Condition { if_match: Some(IfMatch::Tags(tags)), ..Condition::default() }
}

pub(crate) fn under_key(key: &str, request: &str, at: Timestamp) -> Condition {
    let request = request.as_bytes().to_vec().into();
    Condition { idempotency: Some(Idempotency { key: key.into(), request, at }), ..Condition::default() }
}

pub(crate) fn refused(result: Result<Reply, WriteRefused>) -> String {
    result.unwrap_err().to_string()
}

/// The hot record as the whole answer would have it.
pub(crate) async fn hot(store: &dyn MovementStore, cpf: Cpf) -> Option<(serde_json::Value, Timestamp)> {
    let mut answer = br#"{"last_purchase":"#.to_vec();
    let updated_at = store.append_hot(cpf, &mut answer).await.unwrap()?;
    Some((serde_json::from_slice(&answer).unwrap(), updated_at))
}

/// The engine that a base is on.
#[derive(Clone, Copy)]
pub(crate) enum On {
    Sqlite,
    Mongo,
}

/// What a base's data lie in; they go with it.
pub(crate) type Alive = Box<dyn std::any::Any>;

/// An empty base.
pub(crate) async fn base(on: On, evidence: Arc<dyn Evidence>, world: World) -> (Arc<Events>, Alive) {
    let (store, alive): (Arc<dyn MovementStore>, Alive) = match on {
        On::Sqlite => {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("events.sqlite");
            (Arc::new(SqliteMovements::open(&file, zone(), [7; 32]).await.unwrap()), Box::new(dir))
        }
        On::Mongo => {
            let (url, guard) = ficha_testkit::mongo::database();
            let settings = ficha_mongo::Settings::parse(&url).unwrap();
            MongoMovements::migrate(&settings, zone()).await.unwrap();
            let store = MongoMovements::open(&settings, zone(), [7; 32], world.clone()).await.unwrap();
            (Arc::new(store), Box::new(guard))
        }
    };
    (Arc::new(Events::new(store, evidence, world, zone())), alive)
}

pub(crate) fn world() -> (World, Arc<MovedClock>) {
    world_of(1)
}

/// One of several processes: each has chance of its own.
pub(crate) fn world_of(seed: u64) -> (World, Arc<MovedClock>) {
    let clock = Arc::new(MovedClock::at(at(NOW)));
    (World::new(clock.clone(), Arc::new(SeededRandom::new(seed))), clock)
}

/// Tokens are scopes: `Bearer events:read` may read.
pub(crate) struct Tokens;

#[async_trait]
impl TokenVerifier for Tokens {
    async fn verify(&self, token: &str) -> Result<Arc<Caller>, TokenRefused> {
        let scopes = token.replace('+', " ").parse().map_err(|_| TokenRefused::Invalid)?;
        Ok(Arc::new(Caller {
            client: "shop".into(),
            subject: "shop".into(),
            scopes,
            default_purpose: Some(Purpose::CreditGranting),
            rate_limit: RateLimit::Unlimited,
            expires_at: Timestamp::MAX,
        }))
    }
}

/// A record in memory, which can fail and hang.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) kept: Mutex<Vec<Consultation>>,
    pub(crate) fails: Mutex<bool>,
    pub(crate) hangs: Mutex<bool>,
}

impl Record {
    /// What was recorded of each answer: operation, status, and what became of the section.
    pub(crate) fn told(&self) -> Vec<(String, u16, &'static str)> {
        let kept = self.kept.lock().unwrap();
        let told = |one: &Consultation| {
            (one.operation.to_string(), one.status, one.seen.events.map_or("", |status| status.as_str()))
        };
        kept.iter().map(told).collect()
    }
}

#[async_trait]
impl Evidence for Record {
    async fn record(&self, consultations: Vec<Consultation>) -> Result<(), RecordRefused> {
        self.kept.lock().unwrap().extend(consultations);
        Ok(())
    }

    async fn last(&self, cpf: Cpf) -> Result<Option<LastConsultation>, StoreError> {
        let hangs = *self.hangs.lock().unwrap();
        if hangs {
            std::future::pending::<()>().await;
        }
        let found = self.of_person(cpf, 1).await?;
        Ok(found.first().map(|found| LastConsultation { at: found.at, purpose: found.purpose }))
    }

    async fn of_person(&self, cpf: Cpf, limit: usize) -> Result<Vec<Consultation>, StoreError> {
        if *self.fails.lock().unwrap() {
            return Err(StoreError::new("on purpose"));
        }
        let kept = self.kept.lock().unwrap();
        Ok(kept.iter().rev().filter(|one| one.cpf == cpf && one.counts).take(limit).cloned().collect())
    }

    fn complete_until(&self) -> Timestamp {
        at("2026-11-22T11:59:59Z")
    }
}
