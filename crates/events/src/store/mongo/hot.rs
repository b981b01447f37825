//! Hot records: read in one step, kept in step with the movements.

use super::rows;
use crate::{
    LastPurchase, Movement, Zone,
    hot::{Digest, Hot, LAYOUT},
};
use ficha_mongo::{
    Error, Mongo, Repeat, Rows, Stop, Transaction,
    mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc, rawdoc},
};
use jiff::Timestamp;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

/// People whose records are made anew in one transaction.
const STEP: i64 = 500;
const RENEW: Duration = Duration::from_secs(30);
const ASK: Duration = Duration::from_secs(5);
/// Documents that are fetched at once where many are read.
const MANY: u32 = 2000;
/// Where it is noted of which layout and zone the records are.
const NOTE: &str = "hot";

/// The records of a store, and what they are made of.
pub(super) struct Records {
    pub(super) mongo: Mongo,
    pub(super) movements: Rows,
    pub(super) hot: Rows,
    zone: Zone,
}

/// Whether a person has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// With movements.
    Known,
    /// It says that he has no movements any more.
    Gone,
}

/// Copies the record from the answer that it lies in, once.
pub(super) fn append(row: &RawDocument, answer: &mut Vec<u8>) -> Result<Timestamp, Error> {
    let (last_purchase, rest) = (row.get_str("last_purchase")?, row.get_str("rest")?);
    answer.reserve(last_purchase.len() + rest.len());
    answer.extend_from_slice(last_purchase.as_bytes());
    answer.extend_from_slice(rest.as_bytes());
    instant(row)
}

pub(super) fn last_purchase(row: &RawDocument) -> Result<LastPurchase, Error> {
    let json = Some(row.get_str("last_purchase")?).filter(|json| *json != "null");
    Ok(LastPurchase { json: json.map(str::to_owned) })
}

fn instant(row: &RawDocument) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(row.get_i64("at")?).map_err(|_| rows::damaged("a hot record"))
}

impl Records {
    pub(super) fn of(mongo: Mongo, zone: Zone) -> Self {
        Self { movements: mongo.collection("movement"), hot: mongo.collection("hot"), mongo, zone }
    }

    /// Makes a person's record anew from his movements. Costs as much as the movements of his latest twelve months.
    pub(super) async fn refresh<E>(
        &self,
        transaction: &mut Transaction,
        cpf: i64,
        now: Timestamp,
    ) -> Result<(), Stop<E>> {
        let (mut digest, mut purchase) = (Digest::new(&self.zone), None);
        let (order, index) = rows::latest_first();
        let find = self.movements.find(doc! { "cpf": cpf }).sort(order.clone()).hint(index);
        let mut cursor = find.session(transaction.session()).await?;
        let mut full = false;
        while !full && cursor.advance(transaction.session()).await? {
            full = !take(&mut digest, &mut purchase, rows::movement(cursor.current())?);
        }
        if full && purchase.is_none() {
            let (filter, index) = rows::purchases(cpf);
            let find = self.movements.find_one(filter).sort(order).hint(index);
            let latest = find.session(transaction.session()).await?;
            purchase = latest.map(|row| rows::movement(&row)).transpose()?;
        }
        let set = changes(finished(digest, purchase.as_ref())?, now);
        let update = self.hot.update_one(doc! { "_id": cpf }, set).upsert(true);
        update.session(transaction.session()).await?;
        Ok(())
    }

    /// Who of these people has a record.
    pub(super) async fn who<E>(
        &self,
        transaction: &mut Transaction,
        people: &BTreeSet<i64>,
    ) -> Result<HashMap<i64, Who>, Stop<E>> {
        let people: Vec<Bson> = people.iter().copied().map(Bson::from).collect();
        let find = self.hot.find(doc! { "_id": { "$in": people } }).projection(doc! { "gone": 1 });
        let mut cursor = find.batch_size(MANY).session(transaction.session()).await?;
        let mut who = HashMap::new();
        while cursor.advance(transaction.session()).await? {
            let row = cursor.current();
            who.insert(row.get_i64("_id")?, if row.get_bool("gone")? { Who::Gone } else { Who::Known });
        }
        Ok(who)
    }

    /// Makes the records of people who had no movements before: these are all of theirs.
    pub(super) async fn make<E>(
        &self,
        transaction: &mut Transaction,
        people: BTreeMap<i64, Vec<&Movement>>,
        who: &HashMap<i64, Who>,
        now: Timestamp,
    ) -> Result<(), Stop<E>> {
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for (cpf, movements) in people {
            let hot = self.digest(movements)?;
            match who.contains_key(&cpf) {
                true => again.push((doc! { "_id": cpf }, changes(hot, now))),
                false => new.extend(hot.map(|hot| document(cpf, &hot, now))),
            }
        }
        if !new.is_empty() {
            self.hot.insert_many(new).session(transaction.session()).await?;
        }
        transaction.update("hot", again).await?;
        Ok(())
    }

    fn digest(&self, mut movements: Vec<&Movement>) -> Result<Option<Hot>, Error> {
        movements.sort_unstable_by_key(|movement| Reverse((movement.date, movement.id)));
        let (mut digest, mut purchase) = (Digest::new(&self.zone), None);
        for movement in movements {
            take(&mut digest, &mut purchase, movement.clone());
        }
        finished(digest, purchase.as_ref())
    }

    /// Makes many people's records anew, along the index of their movements.
    pub(super) async fn refresh_many<E>(
        &self,
        transaction: &mut Transaction,
        people: BTreeMap<i64, Timestamp>,
    ) -> Result<(), Stop<E>> {
        if people.is_empty() {
            return Ok(());
        }
        let (_, index) = rows::latest_first();
        let of: Vec<Bson> = people.keys().copied().map(Bson::from).collect();
        let find = self.movements.find(doc! { "cpf": { "$in": of } }).hint(index).batch_size(MANY);
        let find = find.sort(doc! { "cpf": 1, "at": -1, "_id": -1 });
        let mut cursor = find.session(transaction.session()).await?;
        let mut records: HashMap<i64, Option<Hot>> = HashMap::new();
        let (mut current, mut digest, mut purchase) = (0, Digest::new(&self.zone), None);
        while cursor.advance(transaction.session()).await? {
            let row = cursor.current();
            let cpf = row.get_i64("cpf")?;
            if cpf != current {
                let before = std::mem::replace(&mut digest, Digest::new(&self.zone));
                records.insert(current, finished(before, purchase.take().as_ref())?);
                current = cpf;
            }
            take(&mut digest, &mut purchase, rows::movement(row)?);
        }
        records.insert(current, finished(digest, purchase.as_ref())?);
        let updates = people
            .into_iter()
            .map(|(cpf, now)| (doc! { "_id": cpf }, changes(records.remove(&cpf).flatten(), now)));
        transaction.update("hot", updates.collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Refuses records of another layout or zone: two processes with two zones would undo each other for ever.
    pub(super) async fn check(&self) -> Result<(), Error> {
        let Some(note) = self.note().await? else { return Err(self.not_migrated()) };
        let (layout, zone) = (note.get_i64("layout")?, note.get_str("zone")?);
        if zone != self.zone.name() {
            let asked = self.zone.name();
            return Err(Error::Unfit(format!(
                "the hot records of base C are of the zone {zone}, and events.zone says {asked}; set it back, or \
                 stop every process that serves base C and run `ficha migrate`"
            )));
        }
        self.refuse_newer(layout)?;
        if layout < LAYOUT.into() || !note.get_bool("whole")? {
            return Err(self.not_migrated());
        }
        Ok(())
    }

    fn refuse_newer(&self, layout: i64) -> Result<(), Error> {
        let newer = "the hot records of base C were made by a newer version; use that one";
        if layout > LAYOUT.into() { Err(Error::Unfit(newer.to_owned())) } else { Ok(()) }
    }

    fn not_migrated(&self) -> Error {
        Error::NotMigrated(self.mongo.role().to_owned())
    }

    /// Of which layout and zone the records are.
    async fn note(&self) -> Result<Option<RawDocumentBuf>, Error> {
        let meta = self.mongo.collection("meta");
        self.mongo.ask(ASK, meta.find_one(doc! { "_id": NOTE })).await
    }

    async fn set_note(&self, whole: bool) -> Result<(), Error> {
        let note = doc! { "layout": i64::from(LAYOUT), "zone": self.zone.name(), "whole": whole };
        let meta = self.mongo.collection("meta");
        let update = meta.update_one(doc! { "_id": NOTE }, doc! { "$set": note }).upsert(true);
        self.mongo.ask(ASK, update).await.map(drop)
    }

    /// Makes all records anew when the store's are of another layout or zone. Killed on the way, it begins again, and
    /// nobody serves what is half done.
    pub(super) async fn renew(&self) -> Result<(), Error> {
        let note = self.note().await?;
        if let Some(note) = &note {
            self.refuse_newer(note.get_i64("layout")?)?;
            let is_of = (note.get_i64("layout")?, note.get_str("zone")?, note.get_bool("whole")?);
            if is_of == (LAYOUT.into(), self.zone.name(), true) {
                return Ok(());
            }
            tracing::info!("making the hot records of base C anew");
        }
        self.set_note(false).await?;
        let mut last = -1;
        while let Some(cpf) = self.renew_after(last).await? {
            last = cpf;
        }
        self.set_note(true).await
    }

    /// The people after `last`, a step of them; returns the last of these.
    async fn renew_after(&self, last: i64) -> Result<Option<i64>, Error> {
        let step = (self, last);
        let done = self.mongo.transaction(RENEW, Repeat::Always, &step, |step, transaction| {
            Box::pin(step.0.renew_step(transaction, step.1))
        });
        done.await?
    }

    async fn renew_step(&self, transaction: &mut Transaction, last: i64) -> Result<Option<i64>, Stop<Error>> {
        let find = self.hot.find(doc! { "_id": { "$gt": last }, "gone": false }).sort(doc! { "_id": 1 });
        let find = find.limit(STEP).projection(doc! { "at": 1 });
        let mut cursor = find.session(transaction.session()).await?;
        let mut people = BTreeMap::new();
        while cursor.advance(transaction.session()).await? {
            let row = cursor.current();
            people.insert(row.get_i64("_id")?, instant(row)?);
        }
        let last = people.keys().next_back().copied();
        self.refresh_many(transaction, people).await?;
        Ok(last)
    }
}

/// Adds the next movement of a person, the latest first; `false` when earlier ones change no more than the purchase.
fn take(digest: &mut Digest<'_>, purchase: &mut Option<Movement>, movement: Movement) -> bool {
    if purchase.is_none() && movement.is_card_purchase() {
        *purchase = Some(movement.clone());
    }
    digest.add(movement)
}

fn finished(digest: Digest<'_>, purchase: Option<&Movement>) -> Result<Option<Hot>, Error> {
    digest.finish(purchase).map_err(|error| Error::Unfit(format!("a hot record cannot be made: {error}")))
}

/// A record of somebody who had none.
fn document(cpf: i64, hot: &Hot, now: Timestamp) -> RawDocumentBuf {
    rawdoc! {
        "_id": cpf,
        "at": now.as_millisecond(),
        "version": 1_i64,
        "gone": false,
        "last_purchase": hot.last_purchase.as_str(),
        "rest": hot.rest.as_str(),
    }
}

/// What a record becomes, wherever it is.
fn changes(hot: Option<Hot>, now: Timestamp) -> Document {
    let gone = hot.is_none();
    let Hot { last_purchase, rest } =
        hot.unwrap_or_else(|| Hot { last_purchase: "null".into(), rest: String::new() });
    let set = doc! { "at": now.as_millisecond(), "gone": gone, "last_purchase": last_purchase, "rest": rest };
    doc! { "$set": set, "$inc": { "version": 1_i64 } }
}
