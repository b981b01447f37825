//! Base C on MongoDB with a cache in front of the hot records.
//!
//! Only what a write changes lies in it: the latest consultation is put into an answer later, from where it is kept.
//! A value is nothing where nobody is known, else when something changed (8 bytes, ms since 1970) and the record: who
//! changes that changes the shelf's name too.

use super::{
    Change, LastPurchase, MongoMovements, MovementStore, Selection, Write, WriteRefused, codes::key,
    mongo::Noted,
};
use crate::Movement;
use async_trait::async_trait;
use bytes::Bytes;
use ficha_cache::{Shelf, Written};
use ficha_contract::{Ingested, Reply, Source, StoreError};
use ficha_domain::Cpf;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};

/// Movements on a server, with a cache in front.
pub struct CachedMovements {
    store: Arc<MongoMovements>,
    shelf: Shelf,
}

impl CachedMovements {
    /// This shelf in front of this store, of which all processes that use it have the same in front.
    #[must_use]
    pub fn new(store: Arc<MongoMovements>, shelf: Shelf) -> Self {
        Self { store, shelf }
    }

    /// Whose records a write is known to change before it is done.
    async fn concerned(&self, write: &Write) -> Vec<Vec<u8>> {
        let (id, now) = match &write.change {
            Change::Add(movement) => return people([key(movement.cpf)]),
            Change::Replace(movement) => (movement.id, Some(key(movement.cpf))),
            Change::Remove(id) => (*id, None),
        };
        // What the store really did is told after it; who cannot be named now is told of then.
        let before = self.store.owner(id).await.ok().flatten();
        people(before.into_iter().chain(now).collect::<BTreeSet<_>>())
    }
}

#[async_trait]
impl MovementStore for CachedMovements {
    async fn append_hot(&self, cpf: Cpf, answer: &mut Vec<u8>) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.append_hot_from(cpf, answer).await?.0)
    }

    async fn append_hot_from(
        &self,
        cpf: Cpf,
        answer: &mut Vec<u8>,
    ) -> Result<(Option<Timestamp>, Source), StoreError> {
        let read = async {
            let mut value = vec![0; 8];
            let Some(at) = self.store.append_hot(cpf, &mut value).await? else { return Ok(Bytes::new()) };
            value[..8].copy_from_slice(&at.as_millisecond().to_be_bytes());
            Ok(value.into())
        };
        let kept = self.shelf.get(&key(cpf).to_be_bytes(), read).await?;
        let source = if kept.cached { Source::Cache } else { Source::Own };
        let Some((at, record)) = kept.value.split_first_chunk() else { return Ok((None, source)) };
        answer.extend_from_slice(record);
        let at = Timestamp::from_millisecond(i64::from_be_bytes(*at)).map_err(StoreError::new)?;
        Ok((Some(at), source))
    }

    async fn last_purchase(&self, cpf: Cpf) -> Result<Option<LastPurchase>, StoreError> {
        self.store.last_purchase(cpf).await
    }

    async fn list(&self, cpf: Cpf, selection: Selection) -> Result<Option<Vec<Movement>>, StoreError> {
        self.store.list(cpf, selection).await
    }

    async fn write(&self, write: Write) -> Result<Reply, WriteRefused> {
        let (before, noted) = (self.concerned(&write).await, Noted::default());
        let work = self.store.write_noting(&write, &noted);
        let judge = |done: &Result<Reply, WriteRefused>| match done {
            Ok(_) => (Written::Done, people(noted.people())),
            Err(WriteRefused::Store(_)) => (Written::Unknown, people(noted.people())),
            Err(_) => (Written::Refused, Vec::new()),
        };
        self.shelf.write(&before, work, judge).await
    }

    async fn ingest(&self, batch: Vec<Movement>, now: Timestamp) -> Result<Ingested, StoreError> {
        let before = people(batch.iter().map(|movement| key(movement.cpf)).collect::<BTreeSet<_>>());
        let noted = Noted::default();
        let work = self.store.ingest_noting(&batch, now, &noted);
        let judge = |done: &Result<Ingested, StoreError>| {
            let written = if done.is_ok() { Written::Done } else { Written::Unknown };
            (written, people(noted.people()))
        };
        self.shelf.write(&before, work, judge).await
    }
}

fn people(cpfs: impl IntoIterator<Item = i64>) -> Vec<Vec<u8>> {
    cpfs.into_iter().map(|cpf| cpf.to_be_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests;
