//! What changed in some collections of a role, in the order in which it happened.

use crate::{Error, Mongo, error::code};
use mongodb::{
    bson::{Bson, RawDocumentBuf, Timestamp, deserialize_from_bson, doc, serialize_to_bson},
    change_stream::{
        ChangeStream,
        event::{ChangeStreamEvent, OperationType},
    },
    options::FullDocumentType,
};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// How long the server waits for news before it says that there are none.
const WAIT: Duration = Duration::from_millis(250);
const BATCH: u32 = 1000;
/// The server's codes for what it does not remember any more, or never did: CappedPositionLost, InvalidResumeToken,
/// ChangeStreamFatalError, ChangeStreamHistoryLost.
const LOST: [i32; 4] = [136, 260, 280, 286];

/// From where on changes are told.
#[derive(Clone, Debug)]
pub enum Since {
    /// From this moment on, itself included.
    Moment(Timestamp),
    /// After what was told at this place ([`Changes::place`]).
    Place(Bson),
}

/// Changes as they come.
pub struct Changes {
    store: Mongo,
    stream: ChangeStream<ChangeStreamEvent<RawDocumentBuf>>,
}

/// One document's change.
#[derive(Clone, Debug)]
pub struct Change {
    /// In which collection, named plainly.
    pub collection: String,
    /// Of which document.
    pub id: Bson,
    /// When, by the server: in a transaction all at once.
    pub at: Timestamp,
    /// What it became; `None`: it is gone.
    pub document: Option<RawDocumentBuf>,
}

impl Mongo {
    /// What changes in these collections, of which a majority has taken note.
    ///
    /// # Errors
    /// [`Error::Lost`]: the server does not reach back so far. Or its own.
    pub async fn changes(&self, names: &[&str], since: Since) -> Result<Changes, Error> {
        let named: Vec<String> = names.iter().map(|name| self.named(name)).collect();
        let only = doc! { "$match": { "ns.coll": { "$in": named } } };
        let watch = self.database().watch().pipeline([only]).batch_size(BATCH).max_await_time(WAIT);
        // What replaces a document tells it; only where somebody changed single fields is it looked up.
        let watch = watch.full_document(FullDocumentType::UpdateLookup);
        let watch = match since {
            Since::Moment(at) => watch.start_at_operation_time(at),
            Since::Place(place) => {
                watch.resume_after(Some(deserialize_from_bson(place).map_err(|_| Error::Lost)?))
            }
        };
        let stream = self.ask(LIMIT, watch).await.map_err(lost)?;
        Ok(Changes { store: self.clone(), stream: stream.with_type() })
    }

    /// A moment that has passed, by the server's own count.
    ///
    /// # Errors
    /// The server's.
    pub async fn moment(&self) -> Result<Timestamp, Error> {
        let said = self.ask(LIMIT, self.database().run_command(doc! { "ping": 1 })).await?;
        said.get_timestamp("operationTime").map_err(|_| Error::Unfit("the server tells no time".to_owned()))
    }
}

impl Changes {
    /// The next change; nothing when there is none for a moment.
    ///
    /// # Errors
    /// [`Error::Lost`]: what happened since cannot be told. Or the server's; begin again from the last place then.
    pub async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            let asked = self.store.ask(LIMIT, self.stream.next_if_any());
            let Some(event) = asked.await.map_err(lost)? else {
                return if self.stream.is_alive() { Ok(None) } else { Err(Error::Lost) };
            };
            if let Some(change) = self.read(event)? {
                return Ok(Some(change));
            }
        }
    }

    /// Where this stands: everything before was told.
    ///
    /// # Errors
    /// It stands nowhere yet.
    pub fn place(&self) -> Result<Bson, Error> {
        let place = self.stream.resume_token().and_then(|token| serialize_to_bson(&token).ok());
        place.ok_or_else(|| Error::Unfit("the server tells no place in its changes".to_owned()))
    }

    fn read(&self, event: ChangeStreamEvent<RawDocumentBuf>) -> Result<Option<Change>, Error> {
        let gone = match event.operation_type {
            OperationType::Insert | OperationType::Replace | OperationType::Update => false,
            OperationType::Delete => true,
            OperationType::Drop
            | OperationType::Rename
            | OperationType::DropDatabase
            | OperationType::Invalidate => return Err(Error::Lost),
            _ => return Ok(None),
        };
        if !gone && event.full_document.is_none() {
            // Changed in a field and gone since, of which a later change tells.
            return Ok(None);
        }
        let collection = event.ns.and_then(|ns| ns.coll).unwrap_or_default();
        let plain = collection.strip_prefix(&self.store.named("")).unwrap_or_default().to_owned();
        let id = event.document_key.and_then(|mut key| key.remove("_id"));
        let (Some(id), Some(at)) = (id, event.cluster_time) else {
            return Err(Error::Unfit("a change without its document or its time".to_owned()));
        };
        Ok(Some(Change { collection: plain, id, at, document: event.full_document }))
    }
}

fn lost(error: Error) -> Error {
    match &error {
        Error::Mongo(said) if code(said).is_some_and(|code| LOST.contains(&code)) => Error::Lost,
        _ => error,
    }
}
