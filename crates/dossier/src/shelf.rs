//! Where kept dossiers lie: sealed on the way in, opened on the way out, found by a blind index.

use crate::{
    Blinded, DossierStore, Filter, Known, NewRow, Row, Written,
    kept::{Kept, Listed},
};
use bytes::Bytes;
use ficha_contract::{Idempotency, StoreError};
use ficha_domain::{Cpf, World};
use ficha_seal::Vault;
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// Makes the body of a dossier, once its number is known.
pub(crate) type Render = Arc<dyn Fn(u64) -> Bytes + Send + Sync>;

pub(crate) struct Shelf {
    store: Arc<dyn DossierStore>,
    vault: Vault,
    world: World,
}

/// A dossier on its way to the shelf.
pub(crate) struct Draft {
    /// All but the number, which the store gives.
    pub(crate) listed: Listed,
    pub(crate) expires_at: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) idempotency: Option<Blinded>,
}

impl Shelf {
    pub(crate) fn new(store: Arc<dyn DossierStore>, vault: Vault, world: World) -> Self {
        Self { store, vault, world }
    }

    pub(crate) async fn keep(&self, draft: Draft, render: Render) -> Result<Written, StoreError> {
        let Draft { listed, expires_at, now, idempotency } = draft;
        let Listed { id, number, cpf, purpose, composed_at, complete, states, client } = listed;
        let digits = cpf.to_string();
        let person = self.vault.seal(self.world.random(), &person_place(id), digits.as_bytes());
        let (vault, world) = (self.vault.clone(), self.world.clone());
        let body = move |number| vault.seal(world.random(), id.as_bytes(), &render(number));
        let row = Row { id, number, client, person, purpose, composed_at, complete, states };
        let index = self.vault.index(&labelled(b"cpf ", digits.as_bytes()));
        self.store.keep(NewRow { row, index, expires_at, now, idempotency, body: Arc::new(body) }).await
    }

    pub(crate) async fn recall(&self, key: &Blinded, now: Timestamp) -> Result<Known, StoreError> {
        self.store.recall(key.clone(), now).await
    }

    pub(crate) async fn find(&self, id: Uuid, now: Timestamp) -> Result<Option<Kept>, StoreError> {
        self.store.find(id, now).await?.map(|found| self.open_whole(found)).transpose()
    }

    pub(crate) async fn find_by_number(
        &self,
        number: u64,
        now: Timestamp,
    ) -> Result<Option<Kept>, StoreError> {
        self.store.find_by_number(number, now).await?.map(|found| self.open_whole(found)).transpose()
    }

    fn open_whole(&self, (row, body): (Row, Vec<u8>)) -> Result<Kept, StoreError> {
        let body = self.vault.open(row.id.as_bytes(), &body).map_err(StoreError::new)?.into();
        Ok(Kept { listed: self.open(row)?, body })
    }

    /// Lists what fits the filter, of one person only where one is named.
    pub(crate) async fn list(&self, filter: Filter, cpf: Option<Cpf>) -> Result<Vec<Listed>, StoreError> {
        let rows = self.store.list(self.of_person(filter, cpf)).await?;
        rows.into_iter().map(|row| self.open(row)).collect()
    }

    /// The newest of each person that fits the filter. Who is kept under two keys, while they rotate, is one person.
    pub(crate) async fn latest(
        &self,
        filter: Filter,
        cpf: Option<Cpf>,
        oldest_first: bool,
    ) -> Result<Vec<Listed>, StoreError> {
        let rows = self.store.latest(self.of_person(filter, cpf), oldest_first).await?;
        let all = rows.into_iter().map(|row| self.open(row)).collect::<Result<Vec<_>, _>>()?;
        let mut newest: HashMap<Cpf, u64> = HashMap::new();
        for row in &all {
            let number = newest.entry(row.cpf).or_default();
            *number = row.number.max(*number);
        }
        Ok(all.into_iter().filter(|row| newest.get(&row.cpf) == Some(&row.number)).collect())
    }

    fn of_person(&self, filter: Filter, cpf: Option<Cpf>) -> Filter {
        let indexes =
            |cpf: Cpf| self.vault.indexes(&labelled(b"cpf ", cpf.to_string().as_bytes())).collect::<Vec<_>>();
        Filter { indexes: cpf.map(indexes).unwrap_or_default(), ..filter }
    }

    /// The purpose is part of the request, though it may stand in a header.
    pub(crate) fn blind(&self, idempotency: &Idempotency, purpose: ficha_domain::Purpose) -> Blinded {
        let request = [purpose.as_str().as_bytes(), b" ", &idempotency.request].concat();
        Blinded {
            key: self.vault.index(&labelled(b"key ", idempotency.key.as_bytes())).value,
            request: self.vault.index(&labelled(b"request ", &request)).value,
        }
    }

    fn open(&self, row: Row) -> Result<Listed, StoreError> {
        let Row { id, number, client, person, purpose, composed_at, complete, states } = row;
        let digits = self.vault.open(&person_place(id), &person).map_err(StoreError::new)?;
        let cpf = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
        let cpf = cpf.and_then(Cpf::from_u64).ok_or_else(|| StoreError::new("what is sealed is no CPF"))?;
        Ok(Listed { id, number, cpf, purpose, composed_at, complete, states, client })
    }
}

/// Another place than the body's, so that one cannot be put in place of the other.
fn person_place(id: Uuid) -> Vec<u8> {
    labelled(b"cpf ", id.as_bytes())
}

fn labelled(label: &[u8], text: &[u8]) -> Vec<u8> {
    [label, text].concat()
}
