//! Base A through its routes, as its callers see it.

mod conditions;
mod customers;
mod ingest;
mod people;
mod refusals;
mod sealed;

use axum::Router;
use ficha_contract::StoreError;
use ficha_debts::{Debts, routes, seed_routes};
use ficha_domain::{CpfValidation, World};
use ficha_people::{Keeping, People, SqlitePeople};
use ficha_seal::{FileKeys, Keyring, Vault};
use ficha_testkit::{Answer, Client, TestShell};
use serde_json::{Value, json};
use std::{error::Error, path::Path, sync::Arc};
use tempfile::TempDir;

/// Somebody of whom the tests speak.
const CPF: &str = "52998224725";
/// The path of that person.
const PATH: &str = "/divida/52998224725";

/// A caller that may read, for a purpose of its own.
const READS: &str = "shop debts:read purpose=credit_granting";
/// A caller that may write.
const WRITES: &str = "bank debts:write";

/// Base A in a folder of its own.
struct Base {
    test: TestShell,
    debts: Debts,
    client: Client,
    dir: TempDir,
}

type Made<T> = Result<T, Box<dyn Error>>;

impl Base {
    async fn new() -> Self {
        Self::checking(CpfValidation::Strict).await
    }

    async fn checking(validation: CpfValidation) -> Self {
        match Self::made(validation).await {
            Ok(base) => base,
            Err(error) => panic!("{error}"),
        }
    }

    async fn made(validation: CpfValidation) -> Made<Self> {
        let (test, dir) = (TestShell::new(), tempfile::tempdir()?);
        let keys = dir.path().join("root.key");
        FileKeys::at(&keys).create(&test.world.world())?;
        let debts = open(dir.path(), &vault(&keys)?, test.world.world()).await?;
        let shell = test.shell.validating(validation);
        let routes = routes(debts.clone(), shell.clone()).merge(seed_routes(debts.clone(), shell));
        let client = test.client(Router::from(routes));
        Ok(Self { test, debts, client, dir })
    }

    async fn put(&self, person: &Value) -> Answer {
        self.client.put(PATH).token(WRITES).json(person).send().await
    }

    /// Puts a person and gives what was answered.
    async fn given(&self, person: &Value) -> Answer {
        let answer = self.put(person).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer
    }

    async fn get(&self) -> Answer {
        self.client.get(PATH).token(READS).send().await
    }

    /// The person's debts as they are read now.
    async fn debts_now(&self) -> Value {
        self.get().await.expect(200).json()["debts"].take()
    }
}

fn vault(keys: &Path) -> Made<Vault> {
    Ok(Keyring::open(&FileKeys::at(keys))?.vault("debts"))
}

async fn open(dir: &Path, vault: &Vault, world: World) -> Result<Debts, StoreError> {
    let store = SqlitePeople::open(&dir.join("debts.sqlite"), vault).await.map_err(StoreError::new)?;
    Ok(Debts::new(People::new(Arc::new(store), Keeping::Sealed(vault.clone()), world)))
}

/// A debt as it is sent.
fn debt(value: &str, date: &str) -> Value {
    json!({ "value": value, "date": date })
}

/// A person as it is sent.
fn person(debts: &Value) -> Value {
    json!({ "name": "Maria da Silva", "address": "Rua Joaquina, 1, Recife/PE", "debts": debts })
}
