//! Movements as documents.

use super::{LIST, MongoMovements};
use crate::{
    Movement, Selection,
    store::codes::{KINDS, PAYMENTS, ceiling, key, kind_code, payment_code},
};
use ficha_domain::{Cpf, Money, ObjectId};
use ficha_mongo::{
    Error,
    mongodb::{
        bson::{Document, RawDocument, RawDocumentBuf, doc, oid, rawdoc},
        options::Hint,
    },
};
use jiff::Timestamp;
use std::ops::ControlFlow;

/// A kept movement and the version behind its entity tag.
pub(super) struct Kept {
    pub(super) movement: Movement,
    pub(super) version: i64,
}

/// A person's movements, the latest first.
pub(super) const LATEST: &str = "latest";
/// His purchases by credit card, likewise.
pub(super) const CARD: &str = "card";

/// The codes of a purchase by credit card.
fn card() -> Document {
    doc! { "kind": 2, "payment": 1 }
}

pub(super) fn indexes() -> Vec<Document> {
    let latest = doc! { "cpf": 1, "at": -1, "_id": -1 };
    vec![
        doc! { "key": latest.clone(), "name": LATEST },
        doc! { "key": latest, "name": CARD, "partialFilterExpression": card() },
    ]
}

/// The order of a list, which the index of this name has.
pub(super) fn latest_first() -> (Document, Hint) {
    (doc! { "at": -1, "_id": -1 }, Hint::Name(LATEST.to_owned()))
}

impl MongoMovements {
    pub(super) async fn selected(&self, cpf: Cpf, selection: &Selection) -> Result<Vec<Movement>, Error> {
        let (order, index) = latest_first();
        let most = selection.limit.unwrap_or(usize::MAX);
        let mut find = self.records.movements.find(filter(cpf, selection)).sort(order).hint(index);
        // With words, only who has read a row knows whether it counts.
        if selection.words.is_empty() {
            find = find.limit(i64::try_from(most).unwrap_or(0));
        }
        let mut found = Vec::new();
        let mut visit = |row: &RawDocument| -> Result<bool, Error> {
            if found.len() < most && selection.finds(row.get_str("description")?) {
                found.push(movement(row)?);
            }
            Ok(found.len() < most)
        };
        let mut failed = None;
        let walk = self.records.mongo.walk(LIST, find.max_time(LIST), |row| match visit(row) {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        walk.await?;
        failed.map_or(Ok(found), Err)
    }
}

impl MongoMovements {
    /// The person's rows of these ids that are selected, whatever their words, the latest first.
    pub(super) async fn rows(
        &self,
        cpf: Cpf,
        selection: &Selection,
        ids: impl Iterator<Item = ObjectId>,
    ) -> Result<Vec<Kept>, Error> {
        let mut filter = filter(cpf, &Selection { after: None, ..selection.clone() });
        filter.insert("_id", doc! { "$in": ids.map(id).collect::<Vec<_>>() });
        let find = self.records.movements.find(filter).sort(latest_first().0).max_time(LIST);
        let mut rows = Vec::new();
        let walk = self.records.mongo.walk(LIST, find, |row| {
            rows.push(kept(row));
            ControlFlow::Continue(())
        });
        walk.await?;
        rows.into_iter().collect()
    }
}

/// The filters of a list; its words are looked for in each row that passes.
pub(super) fn filter(cpf: Cpf, selection: &Selection) -> Document {
    let mut filter = doc! { "cpf": key(cpf) };
    let mut at = Document::new();
    if let Some(from) = selection.from {
        at.insert("$gte", ceiling(from));
    }
    let to = selection.to.map(ceiling);
    let after = selection.after.as_ref().map(|after| (after.date.as_millisecond(), id(after.id)));
    // Whichever ends earlier bounds the walk through the person's rows.
    match after.filter(|(date, _)| to.is_none_or(|to| *date < to)) {
        Some((date, id)) => {
            at.insert("$lte", date);
            filter.insert("$or", [doc! { "at": { "$lt": date } }, doc! { "_id": { "$lt": id } }]);
        }
        None => drop(to.map(|to| at.insert("$lt", to))),
    }
    let mut cents = Document::new();
    selection.min.map(|min| cents.insert("$gte", min.cents()));
    selection.max.map(|max| cents.insert("$lte", max.cents()));
    for (field, range) in [("at", at), ("cents", cents)] {
        if !range.is_empty() {
            filter.insert(field, range);
        }
    }
    selection.kind.map(|kind| filter.insert("kind", kind_code(kind)));
    selection.payment_type.map(|payment| filter.insert("payment", payment_code(payment)));
    filter
}

/// Which documents are purchases by credit card of a person, and where they stand.
pub(super) fn purchases(cpf: i64) -> (Document, Hint) {
    let mut filter = doc! { "cpf": cpf };
    filter.extend(card());
    (filter, Hint::Name(CARD.to_owned()))
}

pub(super) fn id(id: ObjectId) -> oid::ObjectId {
    oid::ObjectId::from_bytes(id.0)
}

pub(super) fn document(movement: &Movement, version: i64) -> RawDocumentBuf {
    rawdoc! {
        "_id": id(movement.id),
        "cpf": key(movement.cpf),
        "at": movement.date.as_millisecond(),
        "version": version,
        "cents": movement.value.cents(),
        "kind": kind_code(movement.kind),
        "payment": payment_code(movement.payment_type),
        "description": movement.description.as_str(),
    }
}

pub(super) fn kept(row: &RawDocument) -> Result<Kept, Error> {
    Ok(Kept { movement: movement(row)?, version: row.get_i64("version")? })
}

pub(super) fn movement(row: &RawDocument) -> Result<Movement, Error> {
    let damaged = || damaged("a movement");
    let code = |name| row.get_i32(name).map(|code| usize::try_from(code).unwrap_or(usize::MAX));
    let cpf = u64::try_from(row.get_i64("cpf")?).ok().and_then(Cpf::from_u64);
    Ok(Movement {
        cpf: cpf.ok_or_else(damaged)?,
        date: Timestamp::from_millisecond(row.get_i64("at")?).map_err(|_| damaged())?,
        id: ObjectId(row.get_object_id("_id")?.bytes()),
        description: row.get_str("description")?.to_owned(),
        value: Money::from_cents(row.get_i64("cents")?).map_err(|_| damaged())?,
        kind: KINDS.get(code("kind")?).copied().ok_or_else(damaged)?,
        payment_type: PAYMENTS.get(code("payment")?).copied().ok_or_else(damaged)?,
    })
}

/// What the validators do not hold was changed by somebody else.
pub(super) fn damaged(what: &str) -> Error {
    Error::Unfit(format!("{what} is not of the shape that it has here"))
}
