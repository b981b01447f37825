//! Whoever feeds the index, for as long as the process serves.

use super::{
    Index, IndexError,
    document::instant,
    note::{BEAT, Beat, Note},
};
use ficha_mongo::{Changes, Error, Since, mongodb::bson::Timestamp as Moment};
use ficha_search::{Method, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::{pin::pin, time::Duration};
use tokio::time::{Instant, sleep};

const LEASE: &str = "search_lease";
/// Changes that are written at once, and how long they are gathered.
const BATCH: usize = 1000;
const GATHER: Duration = Duration::from_millis(250);
const REFRESH: Duration = Duration::from_secs(30);
/// What is gone is remembered for so long: nothing comes later than that.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// Tombstones that one sweep takes.
const SWEPT: u64 = 10_000;

/// Changes on their way into an index.
pub(super) struct Feed<'a> {
    of: &'a Index,
    index: String,
    changes: Changes,
    /// The beat that is to come by.
    awaited: Option<Beat>,
}

impl<'a> Feed<'a> {
    pub(super) async fn open(of: &'a Index, index: &str, since: Since) -> Result<Self, IndexError> {
        let changes = of.notes.mongo.changes(&["movement", BEAT], since).await?;
        Ok(Self { of, index: index.to_owned(), changes, awaited: None })
    }

    /// Sends a beat, unless one is still on its way.
    pub(super) async fn beat(&mut self) -> Result<(), IndexError> {
        if self.awaited.is_none() {
            self.awaited = Some(self.of.notes.beat(&self.of.world).await?);
        }
        Ok(())
    }

    /// Writes what changed since the last round, if anything did. Says the time of the beat that came by: everything
    /// before it is written.
    pub(super) async fn round(&mut self) -> Result<Option<Timestamp>, IndexError> {
        let (mut writes, mut beat) = (Vec::new(), None);
        let end = Instant::now() + GATHER;
        while writes.len() < BATCH && Instant::now() < end && beat.is_none() {
            let Some(change) = self.changes.next().await? else { break };
            match change.collection.as_str() {
                BEAT => beat = self.awaited.take_if(|awaited| awaited.is(&change)),
                _ => writes.push(self.of.shape.changed(&change, self.of.world.now())?),
            }
        }
        self.of.write(&self.index, &writes).await?;
        Ok(beat.map(|beat| beat.at))
    }

    /// Lets what was written be found, and says where that is.
    pub(super) async fn note(&mut self, at: Timestamp) -> Result<Note, IndexError> {
        let path = format!("/{}/_refresh", self.index);
        self.of.search.ask(Method::POST, &path, None, REFRESH).await?;
        let (print, place) = (self.of.shape.print(), self.changes.place()?);
        Ok(Note { index: self.index.clone(), print, at, place })
    }
}

impl Index {
    /// Feeds the index whenever no other process does, until it is told to stop. Whatever goes wrong is said, and tried
    /// again.
    pub async fn keep(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let pause = match self.notes.mongo.lease(LEASE).await {
                Ok(Some(lease)) => {
                    let failed = tokio::select! {
                        failed = self.feed() => failed,
                        lost = lease.keep() => lost.into(),
                        () = &mut stop => return lease.release().await,
                    };
                    lease.release().await;
                    self.after(&failed)
                }
                Ok(None) => {
                    self.look().await;
                    self.pace.beat
                }
                Err(error) => self.after(&error.into()),
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = &mut stop => return,
            }
        }
    }

    fn after(&self, failed: &IndexError) -> Duration {
        if matches!(failed, IndexError::Replaced) {
            return Duration::ZERO;
        }
        tracing::warn!(%failed, "the index is not fed; it is tried again");
        self.pace.rest
    }

    /// How far whoever feeds it has come.
    async fn look(&self) {
        if let Ok(Some(note)) = self.notes.read().await {
            self.figures.seen(note.at.as_millisecond());
        }
    }

    /// The index that is asked, if it is of these keys and this version.
    pub(super) async fn fit(&self) -> Result<Note, IndexError> {
        self.is_fit(self.notes.read().await?)
    }

    fn is_fit(&self, note: Option<Note>) -> Result<Note, IndexError> {
        note.filter(|note| note.print == self.shape.print()).ok_or(IndexError::Unmade)
    }

    /// Feeds it until something goes wrong, which is returned.
    pub(super) async fn feed(&self) -> IndexError {
        loop {
            let noted = match self.notes.read().await {
                Ok(noted) => noted,
                Err(error) => return error.into(),
            };
            let failed = match self.is_fit(noted.clone()) {
                Ok(note) => self.follow(note).await,
                Err(failed) => failed,
            };
            let why = match &failed {
                IndexError::Unmade => "there is none of these keys and this version",
                IndexError::Store(Error::Lost) => "the store does not know any more what changed since",
                IndexError::Search(ficha_search::Error::Missing) => "it is gone",
                _ => return failed,
            };
            tracing::warn!(why, "the index of base C is made anew");
            if let Err(failed) = self.rebuild_in_place_of(noted).await {
                return failed;
            }
        }
    }

    /// Goes on from a note.
    async fn follow(&self, note: Note) -> IndexError {
        let done = async {
            let mut feed = Feed::open(self, &note.index, Since::Place(note.place)).await?;
            let (mut beat, mut sweep) = (Timer::new(self.pace.beat), Timer::new(self.pace.sweep));
            loop {
                if beat.is_due() {
                    feed.beat().await?;
                }
                if let Some(at) = feed.round().await? {
                    let note = feed.note(at).await?;
                    if !self.notes.advance(&note.index, note.at, note.place).await? {
                        return Err(IndexError::Replaced);
                    }
                    self.figures.seen(note.at.as_millisecond());
                }
                if sweep.is_due() {
                    self.sweep(&note.index).await?;
                }
            }
        };
        match done.await {
            Err(failed) => failed,
            Ok(never) => never,
        }
    }

    /// Forgets what has been gone for a day.
    async fn sweep(&self, index: &str) -> Result<(), IndexError> {
        let before = instant(self.world.now() - REMEMBERED);
        let gone = json!({ "query": { "range": { "gone": { "lt": before } } } });
        let path = format!("/{index}/_delete_by_query?conflicts=proceed&max_docs={SWEPT}");
        self.search.ask(Method::POST, &path, Some(&gone), REFRESH).await?;
        Ok(())
    }

    pub(super) async fn write(&self, index: &str, writes: &[Write]) -> Result<(), IndexError> {
        let taken = self.search.bulk(index, writes).await?;
        self.figures.wrote(taken.new);
        Ok(())
    }

    /// A moment of the store of which everything before is read from now on: what was done before the beat, a majority
    /// has taken note of when the beat is written.
    pub(super) async fn moment(&self) -> Result<Moment, IndexError> {
        let moment = self.notes.mongo.moment().await?;
        self.notes.beat(&self.world).await?;
        Ok(moment)
    }
}

/// Due at first, and again after each interval.
struct Timer {
    every: Duration,
    last: Option<Instant>,
}

impl Timer {
    fn new(every: Duration) -> Self {
        Self { every, last: None }
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}
