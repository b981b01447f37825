//! Clients who go on asking, whatever happens behind the processes.

use super::place::People;
use crate::server::Line;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// Clients at once, each of whom rests between two questions: the machine has other tests to run.
const CLIENTS: usize = 4;
const REST: Duration = Duration::from_millis(20);
/// So often everything is asked between two changes.
const ENOUGH: usize = 20;
const SOON: Duration = Duration::from_secs(60);

/// What is asked, again and again, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub path: &'static str,
    write: Option<Write>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Dossier,
    Movement,
}

const fn read(path: &'static str) -> Question {
    Question { path, write: None }
}

/// `{}` is where the CPF goes.
const QUESTIONS: [Question; 13] = [
    read("/divida/{}"),
    read("/score/{}"),
    read("/evento/{}"),
    read("/evento/ultcompracartao/{}"),
    read("/evento/movtofinanceiro/{}?limit=3"),
    read("/evento/movtofinanceiro/{}?q=padaria"),
    read("/evento/totais/{}"),
    read("/financial-transactions/{}"),
    read(CONSULTED),
    read("/dossie/{}"),
    // Of a busy machine, too.
    read("/dossie/{}?require=debts,score,events&budget_ms=10000"),
    Question { path: "/dossies", write: Some(Write::Dossier) },
    Question { path: "/financial-transactions", write: Some(Write::Movement) },
];
pub const CONSULTED: &str = "/consulted-cpf/{}";

/// What the clients were told.
#[derive(Default)]
pub struct Told {
    /// Consultations that were answered: whom, and the request's id.
    pub consulted: Vec<(usize, String)>,
    /// How many dossiers are kept.
    pub kept: usize,
}

/// What clients and test know of each other.
#[derive(Default)]
struct Board {
    answered: [AtomicUsize; QUESTIONS.len()],
    /// What may be answered with 503 now.
    excused: Mutex<&'static [&'static str]>,
    /// How often that was made use of.
    refused: AtomicUsize,
    stop: AtomicBool,
}

pub struct Load {
    board: Arc<Board>,
    clients: JoinSet<Told>,
}

impl Load {
    pub fn start(line: &Line, people: &Arc<People>) -> Self {
        let (board, mut clients) = (Arc::<Board>::default(), JoinSet::new());
        for client in 0..CLIENTS {
            clients.spawn(ask(client, board.clone(), line.clone(), people.clone()));
        }
        Self { board, clients }
    }

    /// From now on these may be answered with 503.
    pub fn excuse(&self, paths: &'static [&'static str]) {
        *self.board.excused.lock().unwrap() = paths;
        self.board.refused.store(0, Ordering::Relaxed);
    }

    /// How often an excuse was made use of.
    pub fn refused(&self) -> usize {
        self.board.refused.load(Ordering::Relaxed)
    }

    /// Goes on until everything was asked again and again.
    pub async fn go_on(&mut self) {
        let board = self.board.clone();
        let counts = || board.answered.each_ref().map(|count| count.load(Ordering::Relaxed));
        let (begun, before) = (Instant::now(), counts());
        while counts().iter().zip(before).any(|(now, before)| *now < before + ENOUGH) {
            assert!(begun.elapsed() < SOON, "not everything is answered");
            self.is_well().await;
        }
    }

    /// Lets time pass; a client that found something wrong ends the test.
    pub async fn is_well(&mut self) {
        sleep(REST).await;
        if let Some(ended) = self.clients.try_join_next() {
            let _: Told = ended.unwrap();
            panic!("a client has ended");
        }
    }

    pub async fn stop(mut self) -> Told {
        self.board.stop.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        while let Some(told) = self.clients.join_next().await {
            let told = told.unwrap();
            all.consulted.extend(told.consulted);
            all.kept += told.kept;
        }
        all
    }
}

/// One client: from one person to the next, and from one question to the next.
async fn ask(client: usize, board: Arc<Board>, line: Line, people: Arc<People>) -> Told {
    let mut told = Told::default();
    for turn in client.. {
        if board.stop.load(Ordering::Relaxed) {
            break;
        }
        let (at, who) = (turn % QUESTIONS.len(), (turn * CLIENTS + client) % people.len());
        let question = QUESTIONS[at];
        let excused = || board.excused.lock().unwrap().contains(&question.path);
        let before = excused();
        let answer = line.send(question.to(&line, &people[who])).await;
        let answer = answer.unwrap_or_else(|error| panic!("{question:?}: {error}"));
        match answer.status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NOT_FOUND => {
                board.answered[at].fetch_add(1, Ordering::Relaxed);
                told.kept += usize::from(answer.status == 201 && question.write == Some(Write::Dossier));
                if question.write != Some(Write::Movement) {
                    told.consulted.push((who, answer.header("x-request-id").to_owned()));
                }
            }
            // Asked before it went, or answered after it came back.
            StatusCode::SERVICE_UNAVAILABLE if before || excused() => {
                board.answered[at].fetch_add(1, Ordering::Relaxed);
                board.refused.fetch_add(1, Ordering::Relaxed);
            }
            status => panic!("{question:?}: {status} {}", answer.text),
        }
        sleep(REST).await;
    }
    told
}

impl Question {
    fn to(self, line: &Line, cpf: &str) -> reqwest::RequestBuilder {
        let body = match self.write {
            None => return line.request(Method::GET, &self.path.replace("{}", cpf)),
            Some(Write::Dossier) => json!({ "cpf": cpf, "purpose": "credit_granting" }),
            Some(Write::Movement) => json!({ "cpf": cpf, "description": "Padaria", "value": 7.5,
                "date": "2026-10-05T11:48:00-03:00", "type": "Debit", "PaymentType": "Money" }),
        };
        line.request(Method::POST, self.path).json(&body)
    }
}
