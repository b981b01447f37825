//! A process for each role, whose record is kept behind a way that can be closed, and bases B and C behind a cache.

use super::load::Told;
use crate::server::{CPF, Line, Server};
use ficha_engines::{Running, opensearch, redis};
use ficha_mongo::mongodb::{Client, bson::Document};
use ficha_testkit::{mongo, postgres, proxy::Proxy};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// More people than anybody is asked about a hundred times, where lists end.
const MADE: &str = "1500";
const KNOWN: usize = 397;
const SOON: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

pub type People = Vec<String>;

pub struct Place {
    pub server: Server,
    pub evidence: Proxy,
    pub redis: Running,
    pub search: Running,
    bases: String,
    client: (String, String),
    stores: String,
    record: String,
    /// Answers of its own questions.
    asked: usize,
    _guards: ([postgres::Guard; 2], mongo::Guard),
}

impl Place {
    pub async fn new() -> Self {
        let ((stores, first), (record, second)) = (postgres::database().await, postgres::database().await);
        let (bases, third) = mongo::database();
        let evidence = Proxy::before(&record, 1).await;
        let redis = redis::obtain().unwrap().start().unwrap();
        let search = opensearch::obtain().unwrap().start().unwrap();
        let server = Server::split(&[
            ("FICHA_DEBTS__URL", &stores),
            ("FICHA_DOSSIER__URL", &stores),
            ("FICHA_IDENTITY__URL", &stores),
            ("FICHA_SCORE__URL", &bases),
            ("FICHA_EVENTS__URL", &bases),
            ("FICHA_EVIDENCE__URL", &evidence.url),
            ("FICHA_CACHE__URL", redis.url()),
            ("FICHA_SEARCH__URL", search.url()),
        ]);
        let client = server.client("read write", &["--purpose", "credit_granting", "--rate", "none"]);
        let guards = ([first, second], third);
        Self { server, evidence, redis, search, bases, client, stores, record, asked: 0, _guards: guards }
    }

    /// People in all bases.
    pub fn people(&self) -> Arc<People> {
        let files = tempfile::tempdir().unwrap();
        let done = |role: &str, args: &[&str]| {
            let output = self.server.run_at(role, args);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let out = files.path().to_str().unwrap();
        let form = ["--today", "2026-11-22", "--format", "csv", "--out", out];
        done("debts", &[&["generate", "--people", MADE][..], &form].concat());
        for base in ["debts", "score", "events"] {
            done(base, &["import", base, &format!("{out}/{base}.csv")]);
        }
        let rows = fs::read_to_string(files.path().join("debts.csv")).unwrap();
        let people: BTreeSet<String> = rows.lines().skip(1).map(|row| row[..11].to_owned()).collect();
        let people: People = people.into_iter().take(KNOWN).collect();
        assert_eq!(people.len(), KNOWN);
        Arc::new(people)
    }

    pub async fn line(&self) -> Line {
        Line::new(&self.server, self.server.token_of(&self.client.0, &self.client.1).await)
    }

    /// Whether the issuer gives tokens.
    pub async fn gives_tokens(&self) -> bool {
        self.server.try_token_of(&self.client.0, &self.client.1).await.is_ok()
    }

    /// Until when lists are complete, if that can be known.
    pub async fn complete_until(&mut self, line: &Line) -> Option<Timestamp> {
        let answer = line.get(&format!("/consulted-cpf/{CPF}")).await.unwrap();
        if answer.status != 200 {
            return None;
        }
        self.asked += 1;
        Some(answer.header("ficha-complete-until").parse().unwrap())
    }

    /// A figure that a process shows.
    pub async fn figure(&mut self, role: &str, name: &str) -> i64 {
        let url = format!("{}/metrics", self.server.process(role).url);
        let figures = self.server.send(self.server.request(Method::GET, &url)).await.text;
        let value = figures.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("{role} has no {name}"))
    }

    /// The index has every movement as it is now, and nothing besides.
    pub async fn index_is_as_the_store(&self) {
        let store = Client::with_uri_str(&self.bases).await.unwrap().default_database().unwrap();
        let mut rows = store.collection::<Document>("events_movement").find(Document::new()).await.unwrap();
        let mut expected = BTreeMap::new();
        while rows.advance().await.unwrap() {
            let row = rows.deserialize_current().unwrap();
            expected.insert(row.get_object_id("_id").unwrap().to_hex(), row.get_i64("version").unwrap());
        }
        let begun = Instant::now();
        while self.indexed().await != expected {
            assert!(begun.elapsed() < SOON, "the index is not as the store");
            sleep(PAUSE).await;
        }
    }

    /// Movements in the index, and which version of them.
    async fn indexed(&self) -> BTreeMap<String, i64> {
        let ask = async |path: &str, body: Value| {
            let url = format!("{}/ficha_movement/{path}", self.search.url().trim_end_matches('/'));
            self.server.send(self.server.request(Method::POST, &url).json(&body)).await.json()
        };
        ask("_refresh", json!({})).await;
        let mut all = BTreeMap::new();
        loop {
            let query = json!({ "bool": { "must_not": { "exists": { "field": "gone" } } } });
            let mut page =
                json!({ "size": 5000, "sort": ["id"], "_source": ["id", "version"], "query": query });
            if let Some((last, _)) = all.last_key_value() {
                page["search_after"] = json!([last]);
            }
            let said = ask("_search", page).await;
            let hits = said["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{said}"));
            if hits.is_empty() {
                return all;
            }
            let of = |hit: &Value| {
                let source = &hit["_source"];
                (source["id"].as_str().unwrap().to_owned(), source["version"].as_i64().unwrap())
            };
            all.extend(hits.iter().map(of));
        }
    }

    /// Every consultation that was answered is in its person's list, once, and in the record is nothing besides; and
    /// every dossier that was said to be kept is.
    pub async fn has_everything_once(mut self, line: &Line, people: &People, told: Told) -> String {
        let mut expected = vec![Vec::new(); people.len()];
        self.asked += told.consulted.len();
        for (who, id) in told.consulted {
            expected[who].push(id.replace('-', "")[..24].to_owned());
        }
        for (cpf, expected) in people.iter().zip(&mut expected) {
            expected.sort_unstable();
            self.lists(line, cpf, expected).await;
        }
        self.server.stop_all();
        let record = counted(&self.record, "SELECT count(*) FROM evidence.consultation").await;
        assert_eq!(record, i64::try_from(self.asked).unwrap(), "as many as were answered");
        let dossiers = counted(&self.stores, "SELECT count(*) FROM dossier.dossier").await;
        assert_eq!(dossiers, i64::try_from(told.kept).unwrap());
        format!("chaos: {record} answered consultations and {dossiers} kept dossiers are there, once")
    }

    /// Waits for what is on its way.
    async fn lists(&mut self, line: &Line, cpf: &str, expected: &mut Vec<String>) {
        assert!(expected.len() < 90, "a list ends at a hundred");
        let begun = Instant::now();
        loop {
            let answer = line.get(&format!("/consulted-cpf/{cpf}")).await.unwrap();
            let list = answer.json();
            let ids = list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
            let mut ids: Vec<String> = ids.collect();
            ids.sort_unstable();
            self.asked += 1;
            if ids == *expected {
                return;
            }
            assert!(begun.elapsed() < SOON, "{cpf}: {ids:?} is not {expected:?}");
            // What was asked just now is listed the next time.
            expected.push(answer.header("x-request-id").replace('-', "")[..24].to_owned());
            expected.sort_unstable();
            sleep(PAUSE).await;
        }
    }
}

async fn counted(url: &str, sql: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(sql, &[]).await.unwrap().get(0)
}
