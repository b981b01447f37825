//! Writes, inside their transaction.

use super::{
    hot::refresh,
    rows::{self, Kept},
};
use crate::{
    Change, Movement, Write, WriteRefused, Zone,
    store::{
        codes::key,
        replies::{self, DAY_MS, blinded, etag},
    },
};
use aws_lc_rs::hmac;
use ficha_contract::{Condition, Ingested, Reply, StoreError};
use ficha_domain::ObjectId;
use ficha_sqlite::{Remembered, forget_before, recall, remember};
use jiff::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeSet;

impl From<rusqlite::Error> for WriteRefused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::new(error))
    }
}

/// Does a write, or answers what it was answered before.
pub(super) fn once(
    connection: &Connection,
    zone: &Zone,
    blinding: &hmac::Key,
    write: Write,
) -> Result<Reply, WriteRefused> {
    forget_before(connection, write.now.as_millisecond() - DAY_MS)?;
    let Some(idempotency) = &write.condition.idempotency else { return apply(connection, zone, write) };
    let at = idempotency.at.as_millisecond();
    let (key, request) = blinded(blinding, idempotency);
    match recall(connection, key.as_ref(), request.as_ref())? {
        Remembered::Reply(reply) => return replies::read(&reply),
        Remembered::OtherRequest => return Err(WriteRefused::KeyReused),
        Remembered::New => {}
    }
    let reply = apply(connection, zone, write)?;
    let kept = replies::kept(&reply)?;
    remember(connection, key.as_ref(), request.as_ref(), &kept, at)?;
    Ok(reply)
}

fn apply(connection: &Connection, zone: &Zone, write: Write) -> Result<Reply, WriteRefused> {
    let Write { change, condition, reply, now } = write;
    let (people, version) = match change {
        Change::Add(movement) => add(connection, &movement, &condition)?,
        Change::Replace(movement) => replace(connection, &movement, &condition)?,
        Change::Remove(id) => remove(connection, id, &condition)?,
    };
    for cpf in people {
        refresh(connection, zone, cpf, now)?;
    }
    Ok(Reply { etag: version.map(etag), ..reply })
}

/// Whose records change, and the version of what was written.
type Changed = (BTreeSet<i64>, Option<i64>);

fn add(connection: &Connection, movement: &Movement, condition: &Condition) -> Result<Changed, WriteRefused> {
    let version = rows::versions(connection, 1)?;
    if !rows::insert(connection, movement, version)? {
        return Err(WriteRefused::Taken);
    }
    if !condition.holds(None) {
        return Err(WriteRefused::Changed);
    }
    Ok(([key(movement.cpf)].into(), Some(version)))
}

fn replace(
    connection: &Connection,
    movement: &Movement,
    condition: &Condition,
) -> Result<Changed, WriteRefused> {
    let known = matching(connection, movement.id, condition)?;
    let version = rows::versions(connection, 1)?;
    rows::update(connection, movement, version)?;
    Ok(([key(known.movement.cpf), key(movement.cpf)].into(), Some(version)))
}

fn remove(connection: &Connection, id: ObjectId, condition: &Condition) -> Result<Changed, WriteRefused> {
    let known = matching(connection, id, condition)?;
    rows::delete(connection, id)?;
    Ok(([key(known.movement.cpf)].into(), None))
}

/// What has this id, if the condition holds for it. An unknown id is one whatever the condition (RFC 9110, 13.2.1).
fn matching(connection: &Connection, id: ObjectId, condition: &Condition) -> Result<Kept, WriteRefused> {
    let known = rows::find(connection, id)?.ok_or(WriteRefused::Unknown)?;
    if condition.holds(Some(&etag(known.version))) { Ok(known) } else { Err(WriteRefused::Changed) }
}

/// Takes a batch; each person's record is made anew once, in the order of the file.
pub(super) fn batch(
    connection: &Connection,
    zone: &Zone,
    batch: &[Movement],
    now: Timestamp,
) -> rusqlite::Result<Ingested> {
    let mut ingested = Ingested::default();
    let mut people = BTreeSet::new();
    let first = rows::versions(connection, batch.len())? - batch.len() as i64 + 1;
    for (movement, version) in batch.iter().zip(first..) {
        if rows::insert(connection, movement, version)? {
            ingested.created += 1;
        } else if let Some(known) = other(connection, movement)? {
            rows::update(connection, movement, version)?;
            people.insert(key(known.cpf));
            ingested.replaced += 1;
        } else {
            ingested.unchanged += 1;
            continue;
        }
        people.insert(key(movement.cpf));
    }
    for cpf in people {
        refresh(connection, zone, cpf, now)?;
    }
    Ok(ingested)
}

/// What has this movement's id and is not equal to it.
fn other(connection: &Connection, movement: &Movement) -> rusqlite::Result<Option<Movement>> {
    let known = rows::find(connection, movement.id)?.map(|known| known.movement);
    Ok(known.filter(|known| known != movement))
}
