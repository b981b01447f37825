//! Batches, inside their transaction.

use super::{MongoMovements, Noted, hot::Who, rows};
use crate::{Movement, store::codes::key};
use ficha_contract::Ingested;
use ficha_domain::ObjectId;
use ficha_mongo::{
    Error, Stop, Transaction,
    mongodb::bson::{Bson, Document, RawDocument, doc},
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Done<T> = Result<T, Stop<Error>>;

/// A batch and what it needs.
pub(super) struct Batch<'a> {
    pub(super) store: &'a MongoMovements,
    pub(super) rows: &'a [Movement],
    pub(super) now: Timestamp,
    pub(super) noted: &'a Noted,
}

/// What a batch comes to, once it is known what is there.
struct Plan<'a> {
    ingested: Ingested,
    new: Vec<&'a Movement>,
    replaced: Vec<&'a Movement>,
    /// Whose records change.
    people: BTreeSet<i64>,
}

/// Takes a batch; each person's record is made anew once.
pub(super) async fn batch(batch: &Batch<'_>, transaction: &mut Transaction) -> Done<Ingested> {
    let Batch { store, rows, now, noted } = batch;
    let plan = plan(rows, &known(rows, transaction).await?);
    noted.set(&plan.people);
    write(store, transaction, &plan).await?;
    let who = store.records.who(transaction, &plan.people).await?;
    let mut new: BTreeMap<i64, Vec<&Movement>> = BTreeMap::new();
    for movement in plan.new.iter().chain(&plan.replaced) {
        let cpf = key(movement.cpf);
        if who.get(&cpf) != Some(&Who::Known) {
            new.entry(cpf).or_default().push(movement);
        }
    }
    store.records.make(transaction, new, &who, *now).await?;
    let known = plan.people.iter().filter(|cpf| who.get(cpf) == Some(&Who::Known)).copied();
    store.records.refresh_many(transaction, known.map(|cpf| (cpf, *now)).collect()).await?;
    Ok(plan.ingested)
}

/// What is there under the ids of these rows.
async fn known(rows: &[Movement], transaction: &mut Transaction) -> Done<HashMap<ObjectId, Movement>> {
    let ids: Vec<Bson> = rows.iter().map(|movement| rows::id(movement.id).into()).collect();
    let found = transaction.find("movement", doc! { "_id": { "$in": ids } }).await?;
    let read = |row: &RawDocument| rows::movement(row).map(|movement| (movement.id, movement));
    Ok(found.iter().map(|row| read(row)).collect::<Result<_, Error>>()?)
}

/// One row after the other, as if each were written alone; of one id several times, the last one stays.
fn plan<'a>(rows: &'a [Movement], known: &HashMap<ObjectId, Movement>) -> Plan<'a> {
    let mut ingested = Ingested::default();
    let mut people = BTreeSet::new();
    let mut written: HashMap<ObjectId, &'a Movement> = HashMap::new();
    for movement in rows {
        let before = written.get(&movement.id).copied().or_else(|| known.get(&movement.id));
        match before {
            Some(before) if before == movement => {
                ingested.unchanged += 1;
                continue;
            }
            Some(before) => {
                people.insert(key(before.cpf));
                ingested.replaced += 1;
            }
            None => ingested.created += 1,
        }
        people.insert(key(movement.cpf));
        written.insert(movement.id, movement);
    }
    // In the order of the file, where neighbours lie together; the last of an id is the one that was kept.
    let last = rows.iter().filter(|row| written.get(&row.id).is_some_and(|last| std::ptr::eq(*last, *row)));
    let (replaced, new) = last.partition(|row| known.contains_key(&row.id));
    Plan { ingested, new, replaced, people }
}

async fn write(store: &MongoMovements, transaction: &mut Transaction, plan: &Plan<'_>) -> Done<()> {
    // For each id it is one that this id never had.
    let first = store.version();
    let versions = (0..).map(|count: i64| first.wrapping_add(count) & i64::MAX);
    let mut rows = plan.new.iter().chain(&plan.replaced).zip(versions);
    let new: Vec<_> =
        rows.by_ref().take(plan.new.len()).map(|(row, version)| rows::document(row, version)).collect();
    if !new.is_empty() {
        store.records.movements.insert_many(new).session(transaction.session()).await?;
    }
    let replaced = rows.map(|(row, version)| {
        let row = rows::document(row, version);
        Ok((doc! { "_id": row.get_object_id("_id")? }, Document::try_from(row)?))
    });
    let replaced = replaced.collect::<Result<Vec<_>, Error>>()?;
    transaction.update("movement", replaced).await?;
    Ok(())
}
