//! Base B from the outside: its routes, and what the dossier and the import see of it.
#![expect(clippy::unwrap_used, reason = "a panic here is a failing test")]

mod api;
mod customers;
mod mongo;
mod service;

use ficha_contract::wire::ScorePerson;
use ficha_domain::{Cpf, CpfValidation};
use ficha_people::{Keeping, MongoPeople, People, PeopleStore, SqlitePeople};
use ficha_score::{Scorecard, Scores, routes, seed_routes};
use ficha_seal::{FileKeys, Keyring, Vault};
use ficha_testkit::{Call, Client, TestShell, mongo::Guard};
use std::{path::Path, sync::Arc};

/// Base B in a folder of its own, with the shell around it.
struct App {
    test: TestShell,
    people: People,
    scores: Scores,
    client: Client,
    dir: tempfile::TempDir,
    _database: Option<Guard>,
}

impl App {
    async fn new() -> Self {
        Self::with(Scorecard::open(None).unwrap()).await
    }

    async fn with(scorecard: Scorecard) -> Self {
        let (test, dir) = (TestShell::new(), tempfile::tempdir().unwrap());
        FileKeys::at(&dir.path().join("root.key")).create(&test.world.world()).unwrap();
        let (people, _database) = match mongo::is_on() {
            true => people_on_mongo(&test, dir.path()).await,
            false => (people(&test, dir.path()).await, None),
        };
        let scores = Scores::new(people.clone(), scorecard, test.world.world());
        let seed = seed_routes(scores.clone(), test.shell.clone());
        let (router, _) = routes(scores.clone(), test.shell.clone()).merge(seed).split_for_parts();
        Self { client: test.client(router), test, people, scores, dir, _database }
    }

    fn get(&self, cpf: &str) -> Call {
        self.client.get(format!("/score/{cpf}")).token("bank score:read purpose=credit_granting")
    }

    fn put(&self, cpf: &str, body: &str) -> Call {
        self.client.put(format!("/score/{cpf}")).token("feeder score:write").json(body)
    }

    fn delete(&self, cpf: &str) -> Call {
        self.client.delete(format!("/score/{cpf}")).token("feeder score:write")
    }
}

/// The documents in this folder, opened as the server does.
async fn people(test: &TestShell, dir: &Path) -> People {
    let vault = vault(dir);
    let store = SqlitePeople::open(&dir.join("score.sqlite"), &vault).await.unwrap();
    kept(Arc::new(store), vault, test)
}

/// The same in a database of their own.
async fn people_on_mongo(test: &TestShell, dir: &Path) -> (People, Option<Guard>) {
    let (url, database) = ficha_testkit::mongo::database();
    let (settings, vault) = (ficha_mongo::Settings::parse(&url).unwrap(), vault(dir));
    MongoPeople::migrate(&settings, "score").await.unwrap();
    let store = MongoPeople::open(&settings, "score", &vault).await.unwrap();
    (kept(Arc::new(store), vault, test), Some(database))
}

fn vault(dir: &Path) -> Vault {
    Keyring::open(&FileKeys::at(&dir.join("root.key"))).unwrap().vault("score")
}

fn kept(store: Arc<dyn PeopleStore>, vault: Vault, test: &TestShell) -> People {
    People::new(store, Keeping::Clear(vault), test.world.world())
}

const CPF: &str = "52998224725";

/// Born on 23 November 1990: 35 years old at noon of 22 November 2026, 36 half a day later.
const MARIA: &str = r#"{"name":"Maria da Silva","address":"Rua Joaquina, 1, Recife/PE","date_birth":"1990-11-23T00:00:00Z","patrimonies":[{"value":"45000.00","description":"Automóvel"}],"sources_income":[{"value":"1400.00","description":"Salário"},{"value":"300.50","description":"Aluguel"}]}"#;

fn cpf(text: &str) -> Cpf {
    Cpf::parse(text, CpfValidation::Strict).unwrap()
}

fn person(json: &str) -> ScorePerson {
    serde_json::from_str(json).unwrap()
}
