//! Where the index stands, noted in the store for all processes.

use super::rows::damaged;
use ficha_domain::World;
use ficha_mongo::{
    Change, Error, Mongo, Rows,
    mongodb::bson::{Bson, Document, RawDocumentBuf, doc},
};
use jiff::Timestamp;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);
const META: &str = "meta";
const NOTE: &str = "search";
/// The collection of the one beat.
pub(super) const BEAT: &str = "search_beat";

/// Which index is asked, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) index: String,
    /// Of which keys and layout.
    pub(super) print: String,
    /// Up to when it is complete.
    pub(super) at: Timestamp,
    /// What of the changes is in it.
    pub(super) place: Bson,
}

/// What is said into the changes, to hear when it comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    /// When: what was done before comes before it.
    pub(super) at: Timestamp,
    /// Which, whatever the clocks of others say.
    chance: i64,
}

pub(super) struct Notes {
    pub(super) mongo: Mongo,
    meta: Rows,
    beat: Rows,
}

impl Notes {
    pub(super) fn of(mongo: Mongo) -> Self {
        Self { meta: mongo.collection(META), beat: mongo.collection(BEAT), mongo }
    }

    pub(super) async fn read(&self) -> Result<Option<Note>, Error> {
        let row = self.mongo.ask(LIMIT, self.meta.find_one(doc! { "_id": NOTE })).await?;
        row.map(|row| note(&row)).transpose()
    }

    /// From now on it is this index.
    pub(super) async fn replace(&self, note: &Note) -> Result<(), Error> {
        let Note { index, print, at, place } = note;
        let set = doc! { "index": index, "print": print, "at": at.as_millisecond(), "place": place.clone() };
        let update = self.meta.update_one(doc! { "_id": NOTE }, doc! { "$set": set }).upsert(true);
        self.mongo.ask(LIMIT, update).await.map(drop)
    }

    /// This index has come so far; false when it is another one by now.
    pub(super) async fn advance(&self, index: &str, at: Timestamp, place: Bson) -> Result<bool, Error> {
        let change = doc! { "$set": { "place": place }, "$max": { "at": at.as_millisecond() } };
        let update = self.meta.update_one(doc! { "_id": NOTE, "index": index }, change);
        Ok(self.mongo.ask(LIMIT, update).await?.matched_count == 1)
    }

    /// Says the time into the changes. Replaced whole, so that each beat comes by as it was.
    pub(super) async fn beat(&self, world: &World) -> Result<Beat, Error> {
        let beat = Beat { at: world.now(), chance: i64::from_be_bytes(world.random::<8>()) };
        let row = doc! { "_id": "beat", "at": beat.at.as_millisecond(), "chance": beat.chance };
        let beats = self.beat.clone_with_type::<Document>();
        self.mongo.ask(LIMIT, beats.replace_one(doc! { "_id": "beat" }, row).upsert(true)).await?;
        Ok(beat)
    }
}

impl Beat {
    /// Whether it is this one that comes by.
    pub(super) fn is(&self, change: &Change) -> bool {
        let chance = change.document.as_ref().and_then(|row| row.get_i64("chance").ok());
        chance == Some(self.chance)
    }
}

fn note(row: &RawDocumentBuf) -> Result<Note, Error> {
    let place = row.get("place")?.ok_or_else(|| damaged("the index's note"))?;
    Ok(Note {
        index: row.get_str("index")?.to_owned(),
        print: row.get_str("print")?.to_owned(),
        at: instant(row)?,
        place: Bson::try_from(place)?,
    })
}

fn instant(row: &RawDocumentBuf) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(row.get_i64("at")?).map_err(|_| damaged("the index's note"))
}
