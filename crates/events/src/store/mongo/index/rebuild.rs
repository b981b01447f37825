//! The index made anew, beside the one that is asked meanwhile.

use super::{Index, IndexError, feed::Feed, note::Note};
use ficha_mongo::{
    Since,
    mongodb::bson::{RawDocumentBuf, Timestamp as Moment, doc, oid::ObjectId},
};
use ficha_search::Method;
use serde_json::{Map, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LEASE: &str = "search_rebuild";
/// Movements that are read and written at once.
const STEP: i64 = 2000;
const READ: Duration = Duration::from_secs(10);
const CHANGE: Duration = Duration::from_secs(30);
/// So often the changes are listened to while all movements are read: the store does not remember them for ever.
const LISTENED: Duration = Duration::from_secs(1);

impl Index {
    /// Makes the index anew, and has it asked from then on; while another process does, waits for that first. `progress`
    /// is told how many of about how many movements are in it. Killed on the way, it leaves an index that the next one
    /// removes.
    ///
    /// # Errors
    /// [`IndexError`]: then the old one stays.
    pub async fn rebuild(&self, progress: impl Fn(u64, u64) + Sync) -> Result<u64, IndexError> {
        self.rebuild_if(None, &progress).await
    }

    /// As whoever finds this one unfit does: unless somebody else has made another by the time it is one's turn.
    pub(super) async fn rebuild_in_place_of(&self, unfit: Option<Note>) -> Result<(), IndexError> {
        self.rebuild_if(Some(unfit), &|_, _| ()).await.map(drop)
    }

    async fn rebuild_if(
        &self,
        only_at: Option<Option<Note>>,
        progress: &(impl Fn(u64, u64) + Sync),
    ) -> Result<u64, IndexError> {
        let lease = loop {
            match self.notes.mongo.lease(LEASE).await? {
                Some(lease) => break lease,
                None => sleep(self.pace.rest).await,
            }
        };
        let making = async {
            let index_of = |note: &Option<Note>| note.as_ref().map(|note| note.index.clone());
            let now = self.notes.read().await?;
            match only_at {
                Some(before) if index_of(&before) != index_of(&now) => Ok(0),
                _ => self.make(progress).await,
            }
        };
        let made = tokio::select! {
            made = making => made,
            lost = lease.keep() => Err(lost.into()),
        };
        lease.release().await;
        self.figures.progress(0, 0);
        made
    }

    async fn make(&self, progress: &(impl Fn(u64, u64) + Sync)) -> Result<u64, IndexError> {
        let template = format!("/_index_template/{}", self.shape.alias());
        self.search.ask(Method::PUT, &template, Some(&self.shape.template()), CHANGE).await?;
        let index = self.shape.index(self.world.new_id());
        self.search.create(&index).await?;
        // First the moment, then the scan: what changes meanwhile comes by, with a version that is higher.
        let moment = self.moment().await?;
        let mut feed = Feed::open(self, &index, Since::Moment(moment)).await?;
        let count = self.scan(&index, moment, &mut feed, progress).await?;
        feed.beat().await?;
        let at = loop {
            if let Some(at) = feed.round().await? {
                break at;
            }
        };
        let note = feed.note(at).await?;
        self.notes.replace(&note).await?;
        self.leave_only(&note.index).await?;
        self.figures.has_rebuilt();
        self.figures.seen(at.as_millisecond());
        tracing::info!(index = note.index, count, "the index of base C was made anew");
        Ok(count)
    }

    /// Puts every movement into an index, and what changes meanwhile.
    async fn scan(
        &self,
        index: &str,
        moment: Moment,
        feed: &mut Feed<'_>,
        progress: &(impl Fn(u64, u64) + Sync),
    ) -> Result<u64, IndexError> {
        let movements = &self.store.records.movements;
        let all = self.notes.mongo.ask(READ, movements.estimated_document_count()).await?;
        let (mut count, mut last, mut listened) = (0, None, Instant::now());
        loop {
            let step = self.step(last).await?;
            let Some(end) = step.last() else { return Ok(count) };
            last = Some(end.get_object_id("_id").map_err(ficha_mongo::Error::from)?);
            let writes =
                step.iter().map(|row| self.shape.kept(row, moment)).collect::<Result<Vec<_>, _>>()?;
            self.write(index, &writes).await?;
            count += writes.len() as u64;
            progress(count, all.max(count));
            self.figures.progress(count, all.max(count));
            if listened.elapsed() >= LISTENED {
                feed.round().await?;
                listened = Instant::now();
            }
        }
    }

    /// The movements after this one, along their ids: each as it is when it is read.
    async fn step(&self, last: Option<ObjectId>) -> Result<Vec<RawDocumentBuf>, IndexError> {
        let filter = last.map(|last| doc! { "_id": { "$gt": last } }).unwrap_or_default();
        let movements = &self.store.records.movements;
        let find = movements.find(filter).sort(doc! { "_id": 1 }).limit(STEP).batch_size(STEP as u32);
        let read = async {
            let mut cursor = find.await?;
            let mut step = Vec::new();
            while cursor.advance().await? {
                step.push(cursor.current().to_owned());
            }
            Ok(step)
        };
        Ok(self.notes.mongo.ask(READ, read).await?)
    }

    /// In one step the alias is this index's, and the others are gone: the one before, and what others left that were
    /// killed on the way. By name: some servers remove nothing by a pattern.
    async fn leave_only(&self, index: &str) -> Result<(), IndexError> {
        let all =
            self.search.ask(Method::GET, &format!("/{}/_alias", self.shape.all()), None, CHANGE).await?;
        let others = all.as_object().into_iter().flat_map(Map::keys).filter(|name| *name != index);
        let mut actions: Vec<_> = others.map(|name| json!({ "remove_index": { "index": name } })).collect();
        actions.push(json!({ "add": { "index": index, "alias": self.shape.alias() } }));
        let actions = json!({ "actions": actions });
        self.search.ask(Method::POST, "/_aliases", Some(&actions), CHANGE).await?;
        Ok(())
    }
}
