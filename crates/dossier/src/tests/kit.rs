//! A small world around the room: bases that do as they are told, tokens that say what they may, a record that is
//! looked at.

use crate::{Dossiers, Settings, routes};
use async_trait::async_trait;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Router, body::Body};
use bytes::Bytes;
use ficha_contract::{
    Ask, Base, Caller, Consultation, Evidence, Found, LastConsultation, RateLimit, RecordRefused, Source,
    StoreError, TokenRefused, TokenVerifier, Unavailable, UnavailableReason,
};
use ficha_domain::{Cpf, MovedClock, Purpose, SeededRandom, World};
use ficha_http::{Limits, Metrics, Shell, wrap};
use ficha_seal::{FileKeys, Keyring};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;
use tower::ServiceExt;

/// Somebody whose check digits hold.
pub(super) const CPF: &str = "52998224725";
pub(super) const OTHER_CPF: &str = "12345678909";
/// Somebody who may read everything, and no more.
pub(super) const SHOP: &str = "shop|debts:read,score:read,events:read,dossier:read";
pub(super) const BANK: &str = "bank|debts:read,score:read,events:read,dossier:read";

/// What a base does when it is asked.
#[derive(Clone)]
pub(super) enum Act {
    /// Knows the person, with a body that says so.
    Knows,
    /// Answers this.
    Says(Found),
    Nobody,
    Hangs,
    /// Knows the person, after a while.
    Takes(Duration),
    /// Knows the person, once it is let go.
    Waits(Arc<Notify>),
    Panics,
    Refuses(UnavailableReason),
}

pub(super) struct Fake {
    name: &'static str,
    act: Mutex<Act>,
    asked: AtomicUsize,
    called: Notify,
}

impl Fake {
    pub(super) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            act: Mutex::new(Act::Knows),
            asked: AtomicUsize::new(0),
            called: Notify::new(),
        })
    }

    pub(super) fn will(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits until somebody asks.
    pub(super) async fn called(&self) {
        self.called.notified().await;
    }

    fn knows(&self, ask: &Ask) -> Found {
        let body = body(self.name, ask.cpf);
        let changed: Timestamp = "2026-10-02T08:00:00Z".parse().unwrap();
        Found::Person { body, as_of: ask.now, updated_at: changed, source: Source::Own }
    }
}

/// What the base of this name says of somebody.
pub(super) fn body(name: &str, cpf: Cpf) -> Bytes {
    format!(r#"{{"id":1,"cpf":"{cpf}","name":"Maria Aparecida","{name}":[{{"value":"1234.56"}}]}}"#).into()
}

#[async_trait]
impl Base for Fake {
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.called.notify_one();
        let act = self.act.lock().unwrap().clone();
        match act {
            Act::Knows => Ok(self.knows(ask)),
            Act::Says(found) => Ok(found),
            Act::Nobody => Ok(Found::Nobody { as_of: ask.now, source: Source::Own }),
            Act::Hangs => std::future::pending().await,
            Act::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(self.knows(ask))
            }
            Act::Waits(gate) => {
                gate.notified().await;
                Ok(self.knows(ask))
            }
            Act::Panics => panic!("on purpose"),
            Act::Refuses(reason) => Err(Unavailable(reason)),
        }
    }
}

/// A token is `client|scope,scope`; the client `aimless` has no purpose of its own.
struct Tokens;

#[async_trait]
impl TokenVerifier for Tokens {
    async fn verify(&self, token: &str) -> Result<Arc<Caller>, TokenRefused> {
        let (client, scopes) = token.split_once('|').ok_or(TokenRefused::Invalid)?;
        let scopes = scopes.replace(',', " ").parse().map_err(|_| TokenRefused::Invalid)?;
        let default_purpose = (client != "aimless").then_some(Purpose::CreditGranting);
        Ok(Arc::new(Caller {
            client: client.into(),
            subject: client.into(),
            scopes,
            default_purpose,
            rate_limit: RateLimit::Unlimited,
            expires_at: Timestamp::MAX,
        }))
    }
}

/// The record, to be looked at.
#[derive(Default)]
pub(super) struct Record {
    kept: Mutex<Vec<Consultation>>,
    pub(super) broken: Mutex<bool>,
}

impl Record {
    /// What was recorded since it was last looked at.
    pub(super) fn take(&self) -> Vec<Consultation> {
        std::mem::take(&mut self.kept.lock().unwrap())
    }
}

#[async_trait]
impl Evidence for Record {
    async fn record(&self, consultations: Vec<Consultation>) -> Result<(), RecordRefused> {
        if *self.broken.lock().unwrap() {
            return Err(RecordRefused::Failed);
        }
        self.kept.lock().unwrap().extend(consultations);
        Ok(())
    }

    async fn last(&self, _: Cpf) -> Result<Option<LastConsultation>, StoreError> {
        Ok(None)
    }

    async fn of_person(&self, _: Cpf, _: usize) -> Result<Vec<Consultation>, StoreError> {
        Ok(Vec::new())
    }

    fn complete_until(&self) -> Timestamp {
        Timestamp::MAX
    }
}

pub(super) struct App {
    router: Router,
    pub(super) bases: [Arc<Fake>; 3],
    pub(super) clock: Arc<MovedClock>,
    pub(super) record: Arc<Record>,
    pub(super) openapi: Value,
    pub(super) dir: tempfile::TempDir,
}

pub(super) fn start() -> Timestamp {
    "2026-11-22T12:00:00.123Z".parse().unwrap()
}

pub(super) async fn app() -> App {
    let bases = [Fake::new("debts"), Fake::new("patrimonies"), Fake::new("movements")];
    app_in(tempfile::tempdir().unwrap(), bases, Arc::new(MovedClock::at(start()))).await
}

/// The room in a folder that may hold one from before.
pub(super) async fn app_in(dir: tempfile::TempDir, bases: [Arc<Fake>; 3], clock: Arc<MovedClock>) -> App {
    let seed = 1 + std::fs::read_dir(dir.path()).unwrap().count() as u64;
    let world = World::new(clock.clone(), Arc::new(SeededRandom::new(seed)));
    let keyring = keyring(dir.path(), &world);
    let given = bases.clone().map(|base| base as Arc<dyn Base>);
    let dossiers =
        Dossiers::open(dir.path(), given, &keyring, world.clone(), Settings::default()).await.unwrap();
    let record = Arc::new(Record::default());
    let shell = Shell::new(world, Arc::new(Tokens), record.clone(), Limits::default(), Metrics::default());
    let (router, openapi) = routes(dossiers, shell.clone()).split_for_parts();
    let openapi = serde_json::to_value(ficha_http::document(openapi, "dossier", "test")).unwrap();
    let router = wrap(router, &shell, Arc::new(|| Ok(String::new())));
    App { router, bases, clock, record, openapi, dir }
}

fn keyring(dir: &Path, world: &World) -> Keyring {
    let keys = FileKeys::at(&dir.join("root.key"));
    if !dir.join("root.key").exists() {
        keys.create(world).unwrap();
    }
    Keyring::open(&keys).unwrap()
}

/// An answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The states of the three sections.
    pub(super) fn states(&self) -> [String; 3] {
        let json = self.json();
        ["debts", "score", "events"].map(|name| json["sections"][name]["status"].as_str().unwrap().to_owned())
    }

    pub(super) fn code(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Each wrong field, and what it takes.
    pub(super) fn field(&self) -> String {
        self.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned()
    }
}

impl App {
    pub(super) async fn send(&self, mut request: Request<Body>) -> Told {
        request.headers_mut().insert("host", "ficha".parse().unwrap());
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Told { status: parts.status, headers: parts.headers, bytes }
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Told {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, body: &str, token: &str) -> Told {
        self.post_with(&[], body, token).await
    }

    pub(super) async fn post_with(&self, headers: &[(&str, &str)], body: &str, token: &str) -> Told {
        let mut request = Request::post("/dossies")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Keeps a dossier of somebody, and says where it is.
    pub(super) async fn keep(&self, cpf: &str, token: &str) -> String {
        let told = self.post(&format!(r#"{{"cpf":"{cpf}"}}"#), token).await;
        assert_eq!(told.status, 201, "{}", told.text());
        told.headers["location"].to_str().unwrap().to_owned()
    }

    pub(super) fn will(&self, acts: [Act; 3]) {
        for (base, act) in self.bases.iter().zip(acts) {
            base.will(act);
        }
    }

    pub(super) fn asked(&self) -> [usize; 3] {
        [0, 1, 2].map(|at| self.bases[at].asked())
    }

    pub(super) fn later(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }
}

/// What is read from an external base.
pub(super) fn says(body: &str, as_of: Timestamp, source: Source) -> Act {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Act::Says(Found::Person { body, as_of, updated_at: as_of, source })
}
