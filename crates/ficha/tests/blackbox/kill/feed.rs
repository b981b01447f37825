//! A file that is imported beside the server, dies on the way, and is imported again.

use super::{
    check::Tally,
    model::{self, Chance, sorted},
};
use crate::{
    import::kill_after,
    server::{Line, Server},
};
use serde_json::{Value, json};
use std::{fmt::Write, os::unix::process::ExitStatusExt, path::PathBuf, process::Command, sync::Arc};
use tokio::task::JoinSet;

const PEOPLE: u64 = 200;
/// Of each person: one stands in the file twice.
const ROWS: u64 = 15;
/// Transactions that an import of such a file is cut into.
const BATCHES: u64 = 20;

/// A base, and how it is fed and asked.
#[derive(Clone, Copy)]
enum Base {
    Debts,
    Events,
}

/// People whom nobody else writes about, in a file.
pub struct Feed {
    base: Base,
    folder: tempfile::TempDir,
    people: Vec<(String, Vec<Value>)>,
    /// It dies with so many batches landed, unless it has done before.
    lives: u64,
    /// It is repeated beside the server, or before that starts again.
    pub beside: bool,
}

impl Feed {
    pub fn new(round: u64, chance: &mut Chance) -> Arc<Self> {
        let population = ficha_population::Population::new(1, jiff::civil::date(2026, 11, 22));
        // Far from the workers' people.
        let cpf = |number| population.cpf(1_000_000 + round * PEOPLE + number).to_string();
        let base = [Base::Debts, Base::Events][chance.below(2) as usize];
        let people = (0..PEOPLE).map(|number| (cpf(number), base.rows(number))).collect();
        let folder = tempfile::tempdir().unwrap();
        let (lives, beside) = (chance.below(BATCHES + 4), chance.below(2) == 0);
        let feed = Self { base, folder, people, lives, beside };
        std::fs::write(feed.file(), feed.text()).unwrap();
        Arc::new(feed)
    }

    /// Whose base it is.
    pub fn role(&self) -> &'static str {
        self.base.name()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("feed")
    }

    /// Row after row of all people, so that each one's lie apart.
    fn text(&self) -> String {
        let mut text = self.base.header().to_owned();
        for at in 0..ROWS as usize {
            for (cpf, rows) in &self.people {
                writeln!(text, "{}", self.base.row(cpf, &rows[at])).unwrap();
            }
        }
        text
    }

    /// Imports it until it is killed, or ends because the base is gone.
    pub fn until_killed(&self, command: Command, may_fail: bool) {
        let (file, lives) = (self.file(), self.lives as usize);
        let ended = kill_after(command, self.base.name(), &file, self.base.batch(), lives);
        let is_well = ended.success() || ended.signal().is_some();
        assert!(is_well || may_fail, "it failed by itself: {ended}");
    }

    /// Imports it to its end, and once more: what had landed is found, what had not lands, and nothing twice.
    pub fn repeat(&self, server: &Server, tally: &mut Tally) {
        let summary = self.import(server);
        let [created, unchanged] = ["created", "unchanged"].map(|key| summary[key].as_u64().unwrap());
        assert_eq!((created + unchanged, &summary["replaced"]), (self.base.things(), &json!(0)), "{summary}");
        let summary = self.import(server);
        assert_eq!(summary["unchanged"], self.base.things(), "{summary}");
        tally.fed(PEOPLE * ROWS, unchanged > 0 && created > 0);
    }

    fn import(&self, server: &Server) -> Value {
        let (base, file) = (self.role(), self.file());
        let output = server.run_at(base, &["import", base, "--json", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Everybody, as the server shows them.
    pub async fn is_there(self: &Arc<Self>, line: &Line, tally: &mut Tally) {
        let mut asking = JoinSet::new();
        for lane in 0..16 {
            let (feed, line) = (self.clone(), line.clone());
            asking.spawn(async move {
                for (cpf, rows) in feed.people.iter().skip(lane).step_by(16) {
                    let answer = line.get(&feed.base.path(cpf)).await.unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    assert_eq!(feed.base.seen(&answer.json()), sorted(rows.clone()));
                }
            });
        }
        while let Some(asked) = asking.join_next().await {
            asked.unwrap();
        }
        tally.asked(self.people.len());
    }
}

impl Base {
    fn name(self) -> &'static str {
        match self {
            Self::Debts => "debts",
            Self::Events => "events",
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Debts => "",
            Self::Events => "cpf,description,value,date,type,payment_type\n",
        }
    }

    /// What a person has, as the model compares it: the last one is the first again.
    fn rows(self, number: u64) -> Vec<Value> {
        let row = |at: u64| match self {
            Self::Debts => {
                json!({ "value": format!("{}.{:02}", 1 + at % (ROWS - 1), number % 100), "date": "2026-03-01" })
            }
            Self::Events => {
                json!({ "description": format!("Compra {}", at % (ROWS - 1)), "value": 0.5 + number as f64, "type": "Debit" })
            }
        };
        (0..ROWS).map(row).collect()
    }

    fn row(self, cpf: &str, row: &Value) -> String {
        match self {
            Self::Debts => json!({ "cpf": cpf, "name": "Nome", "address": "", "debts": [row] }).to_string(),
            Self::Events => {
                let description = row["description"].as_str().unwrap();
                format!("{cpf},{description},{},2026-10-05T11:48:00Z,Debit,Money", row["value"])
            }
        }
    }

    /// People, or movements.
    fn things(self) -> u64 {
        match self {
            Self::Debts => PEOPLE,
            Self::Events => PEOPLE * ROWS,
        }
    }

    fn batch(self) -> u64 {
        self.things() / BATCHES
    }

    fn path(self, cpf: &str) -> String {
        match self {
            Self::Debts => format!("/divida/{cpf}"),
            Self::Events => format!("/financial-transactions/{cpf}"),
        }
    }

    fn seen(self, answer: &Value) -> Vec<Value> {
        match self {
            Self::Debts => sorted(answer["debts"].as_array().unwrap().iter().map(model::debt).collect()),
            Self::Events => sorted(answer.as_array().unwrap().iter().map(model::movement).collect()),
        }
    }
}
