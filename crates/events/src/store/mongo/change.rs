//! Writes, inside their transaction. The server may have it done again: nothing here remembers an earlier try.

use super::{
    MongoMovements, Noted,
    rows::{self, Kept},
};
use crate::{
    Change, Movement, Write, WriteRefused,
    store::{
        codes::key,
        replies::{self, DAY_MS, etag},
    },
};
use aws_lc_rs::hmac::Tag;
use ficha_contract::{Condition, Reply};
use ficha_domain::ObjectId;
use ficha_mongo::{Remembered, Stop, Transaction, mongodb::bson::doc};
use std::collections::BTreeSet;

type Refusable<T> = Result<T, Stop<WriteRefused>>;

/// A write and what it needs.
pub(super) struct Once<'a> {
    pub(super) store: &'a MongoMovements,
    pub(super) write: &'a Write,
    /// Its idempotency key and its request.
    pub(super) blinded: Option<(Tag, Tag)>,
    pub(super) noted: &'a Noted,
}

/// Does a write, or answers what it was answered before.
pub(super) async fn once(once: &Once<'_>, transaction: &mut Transaction) -> Refusable<Reply> {
    let idempotency = once.write.condition.idempotency.as_ref();
    let Some(((key, request), idempotency)) = once.blinded.as_ref().zip(idempotency) else {
        return apply(once, transaction).await;
    };
    let (keys, at) = (&once.store.keys, idempotency.at.as_millisecond());
    match keys.recall(transaction, key.as_ref(), request.as_ref(), at - DAY_MS).await? {
        Remembered::Reply(reply) => return replies::read(&reply).map_err(Stop::Refused),
        Remembered::OtherRequest => return Err(Stop::Refused(WriteRefused::KeyReused)),
        Remembered::New => {}
    }
    let reply = apply(once, transaction).await?;
    let kept = replies::kept(&reply).map_err(Stop::Refused)?;
    keys.remember(transaction, (key.as_ref(), request.as_ref()), &kept, at).await?;
    Ok(reply)
}

async fn apply(once: &Once<'_>, transaction: &mut Transaction) -> Refusable<Reply> {
    let Write { change, condition, reply, now } = once.write;
    let (people, version) = match change {
        Change::Add(movement) => add(once.store, transaction, movement, condition).await?,
        Change::Replace(movement) => replace(once.store, transaction, movement, condition).await?,
        Change::Remove(id) => remove(once.store, transaction, *id, condition).await?,
    };
    once.noted.set(&people);
    for cpf in people {
        once.store.records.refresh(transaction, cpf, *now).await?;
    }
    Ok(Reply { etag: version.map(etag), ..reply.clone() })
}

/// Whose records change, and the version of what was written.
type Changed = (BTreeSet<i64>, Option<i64>);

async fn add(
    store: &MongoMovements,
    transaction: &mut Transaction,
    movement: &Movement,
    condition: &Condition,
) -> Refusable<Changed> {
    if find(store, transaction, movement.id).await?.is_some() {
        return Err(Stop::Refused(WriteRefused::Taken));
    }
    if !condition.holds(None) {
        return Err(Stop::Refused(WriteRefused::Changed));
    }
    let version = store.version();
    let row = rows::document(movement, version);
    store.records.movements.insert_one(row).session(transaction.session()).await?;
    Ok(([key(movement.cpf)].into(), Some(version)))
}

async fn replace(
    store: &MongoMovements,
    transaction: &mut Transaction,
    movement: &Movement,
    condition: &Condition,
) -> Refusable<Changed> {
    let known = matching(store, transaction, movement.id, condition).await?;
    let version = store.version();
    let which = doc! { "_id": rows::id(movement.id) };
    let row = rows::document(movement, version);
    store.records.movements.replace_one(which, row).session(transaction.session()).await?;
    Ok(([key(known.movement.cpf), key(movement.cpf)].into(), Some(version)))
}

async fn remove(
    store: &MongoMovements,
    transaction: &mut Transaction,
    id: ObjectId,
    condition: &Condition,
) -> Refusable<Changed> {
    let known = matching(store, transaction, id, condition).await?;
    let which = doc! { "_id": rows::id(id) };
    store.records.movements.delete_one(which).session(transaction.session()).await?;
    Ok(([key(known.movement.cpf)].into(), None))
}

/// What has this id, if the condition holds for it. An unknown id is one whatever the condition (RFC 9110, 13.2.1).
async fn matching(
    store: &MongoMovements,
    transaction: &mut Transaction,
    id: ObjectId,
    condition: &Condition,
) -> Refusable<Kept> {
    let known = find(store, transaction, id).await?.ok_or(Stop::Refused(WriteRefused::Unknown))?;
    match condition.holds(Some(&etag(known.version))) {
        true => Ok(known),
        false => Err(Stop::Refused(WriteRefused::Changed)),
    }
}

async fn find(
    store: &MongoMovements,
    transaction: &mut Transaction,
    id: ObjectId,
) -> Refusable<Option<Kept>> {
    let find = store.records.movements.find_one(doc! { "_id": rows::id(id) });
    let row = find.session(transaction.session()).await?;
    Ok(row.map(|row| rows::kept(&row)).transpose()?)
}

impl MongoMovements {
    /// One that nothing had before: chance, where a counter would be a document that all writers of all processes
    /// meet at.
    pub(super) fn version(&self) -> i64 {
        i64::from_be_bytes(self.world.random::<8>()) & i64::MAX
    }
}
