//! People on a server that several processes share, with a cache in front of look-ups.

use crate::{Change, Outcome, PeopleStore, Row, Visit};
use async_trait::async_trait;
use bytes::Bytes;
use ficha_cache::{Shelf, Written};
use ficha_contract::{ErrorCode, Problem, Source, StoreError};
use ficha_seal::BlindIndex;
use jiff::Timestamp;
use std::sync::Arc;

/// A base with a cache in front. A value is nothing where nobody is, else id, version and time of the change (8 bytes
/// each, the last in ms since 1970), and the document: who changes that changes the shelf's name too.
pub struct CachedPeople {
    store: Arc<dyn PeopleStore>,
    shelf: Shelf,
}

const HEADER_LEN: usize = 24;

impl CachedPeople {
    /// This shelf in front of this store, of which all processes that use it have the same in front.
    #[must_use]
    pub fn new(store: Arc<dyn PeopleStore>, shelf: Shelf) -> Self {
        Self { store, shelf }
    }
}

#[async_trait]
impl PeopleStore for CachedPeople {
    async fn find(&self, indexes: &[BlindIndex]) -> Result<Option<Row>, StoreError> {
        Ok(self.find_from(indexes).await?.0)
    }

    async fn find_from(&self, indexes: &[BlindIndex]) -> Result<(Option<Row>, Source), StoreError> {
        let Some(first) = indexes.first() else { return Ok((None, Source::Own)) };
        let read = async { Ok(pack(self.store.find(indexes).await?.as_ref())) };
        let kept = self.shelf.get(&person(first), read).await?;
        let source = if kept.cached { Source::Cache } else { Source::Own };
        Ok((unpack(&kept.value)?, source))
    }

    async fn find_id(&self, id: i64) -> Result<Option<Row>, StoreError> {
        self.store.find_id(id).await
    }

    async fn walk(&self, down: bool, visit: Visit) -> Result<(), StoreError> {
        self.store.walk(down, visit).await
    }

    async fn change(&self, changes: Vec<Change>) -> Result<Vec<Outcome>, Problem> {
        let people: Vec<_> = changes.iter().flat_map(|change| &change.indexes).map(person).collect();
        // A repetition too: the process that did it may not have told it yet.
        let judge = |done: &Result<_, Problem>| {
            let written = match done.as_ref().map_err(|problem| problem.code) {
                Ok(_) => Written::Done,
                Err(ErrorCode::BaseUnavailable | ErrorCode::Internal) => Written::Unknown,
                Err(_) => Written::Refused,
            };
            (written, Vec::new())
        };
        self.shelf.write(&people, self.store.change(changes), judge).await
    }

    fn region(&self, index: &BlindIndex) -> u64 {
        self.store.region(index)
    }
}

fn person(index: &BlindIndex) -> Vec<u8> {
    [&index.key.to_be_bytes()[..], &index.value].concat()
}

fn pack(row: Option<&Row>) -> Bytes {
    let Some(row) = row else { return Bytes::new() };
    let numbers = [row.id, row.version, row.updated_at.as_millisecond()].map(i64::to_be_bytes);
    [numbers.as_flattened(), &row.body].concat().into()
}

fn unpack(value: &Bytes) -> Result<Option<Row>, StoreError> {
    if value.is_empty() {
        return Ok(None);
    }
    let (header, body) = value.split_at_checked(HEADER_LEN).ok_or_else(damaged)?;
    let mut numbers = header.as_chunks().0.iter().map(|bytes| i64::from_be_bytes(*bytes));
    let mut next = || numbers.next().ok_or_else(damaged);
    let (id, version, at) = (next()?, next()?, next()?);
    let updated_at = Timestamp::from_millisecond(at).map_err(|_| damaged())?;
    Ok(Some(Row { id, version, updated_at, body: body.to_vec() }))
}

fn damaged() -> StoreError {
    StoreError::new("a value in the cache is none of this version's")
}

#[cfg(test)]
mod tests;
