//! The shell around routes that do nothing but what is tested.

mod docs;
mod limits;
mod operations;
mod problems;
mod serving;
mod tls;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use ficha_http::{Asker, Body, Limits, PathCpf, QueryParams, Refused, Shell, scope};
use ficha_testkit::{Client, TestShell};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::{sync::Notify, task::JoinHandle};

const CPF: &str = "52998224725";
const READS: &str = "shop debts:read";

/// A request that waits until the test lets it go on.
#[derive(Default)]
struct Gate {
    entered: Notify,
    go_on: Notify,
}

async fn person(_: Asker<scope::DebtsRead>, _: PathCpf) -> &'static str {
    "somebody"
}

async fn echo(Body { value, .. }: Body<Value>) -> String {
    value.to_string()
}

/// What a list takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: u32,
    order: Option<Order>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Oldest,
    Newest,
}

async fn list(QueryParams(Wanted { limit, order }): QueryParams<Wanted>) -> String {
    format!("{limit} {order:?}")
}

async fn panics() -> Result<(), Refused> {
    panic!("the secret of the handler, {CPF}")
}

async fn waits(State(gate): State<Arc<Gate>>) -> &'static str {
    gate.entered.notify_one();
    gate.go_on.notified().await;
    "went on"
}

fn routes(shell: &Shell, gate: &Arc<Gate>) -> Router {
    let people = Router::new()
        .route("/people/{cpf}", get(person))
        .route("/echo", get(panics).post(echo))
        .route("/peer/echo", post(echo))
        .with_state(shell.clone());
    Router::new()
        .route("/large", get(|| async { vec![0_u8; 32 << 20] }))
        .route("/list", get(list))
        .route("/panics", get(panics))
        .route("/waits", get(waits))
        .with_state(gate.clone())
        .merge(people)
}

/// Routes, shell and gate.
struct Served {
    test: TestShell,
    gate: Arc<Gate>,
    client: Client,
}

impl Served {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let (test, gate) = (TestShell::with(limits), Arc::new(Gate::default()));
        let client = test.client(routes(&test.shell, &gate));
        Self { test, gate, client }
    }

    /// A request that is under way when this returns.
    async fn under_way(&self) -> JoinHandle<ficha_testkit::Answer> {
        let request = tokio::spawn(self.client.get("/waits").send());
        self.gate.entered.notified().await;
        request
    }
}
