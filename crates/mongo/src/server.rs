//! What a server is and how it is set, for who looks whether it can keep what ficha promises.

use crate::{Error, Mongo, Settings};
use mongodb::bson::{Document, doc};
use std::time::Duration;

/// What the member that takes writes says of itself and of its set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Such as `6.0.5`.
    pub version: String,
    /// Whether it takes writes.
    pub takes_writes: bool,
    /// How many members have the data.
    pub members: usize,
    /// Whether the storage engine keeps anything on a disk. None where this user may not ask.
    pub is_persistent: Option<bool>,
    /// Whether a majority has it in its journals when it says that it has it. None where this user may not ask, and
    /// before a router.
    pub journals_majority: Option<bool>,
    /// How far its clock is ahead of ours, at least, in ms; behind where it is negative.
    pub ahead_ms: i64,
}

const LIMIT: Duration = Duration::from_secs(10);

impl Server {
    /// Asks it. Our clock tells ms since 1970.
    ///
    /// # Errors
    /// [`Error`]: it cannot be reached, does not answer, or cannot be worked with.
    pub async fn ask(settings: &Settings, clock: impl Fn() -> i64) -> Result<Self, Error> {
        let store = Mongo::connect(settings, "doctor").await?;
        let admin = store.admin();
        let command = |name: &str| store.ask(LIMIT, admin.run_command(doc! { name: 1 }));
        let build = command("buildInfo").await?;
        let before = clock();
        let hello = command("hello").await?;
        let after = clock();
        let theirs = hello.get_datetime("localTime").map_or(before, |time| time.timestamp_millis());
        let state = may_be_asked(command("serverStatus").await)?;
        let config = may_be_asked(command("replSetGetConfig").await)?;
        Ok(Self {
            version: build.get_str("version").unwrap_or_default().to_owned(),
            takes_writes: hello.get_bool("isWritablePrimary").unwrap_or_default(),
            members: hello.get_array("hosts").map_or(0, Vec::len),
            is_persistent: state
                .and_then(|state| state.get_document("storageEngine").ok()?.get_bool("persistent").ok()),
            // Left out where it is so.
            journals_majority: config.and_then(|config| {
                let config = config.get_document("config").ok()?;
                Some(config.get_bool("writeConcernMajorityJournalDefault").unwrap_or(true))
            }),
            ahead_ms: (theirs - after).max(0) + (theirs - before).min(0),
        })
    }
}

/// Who only reads and writes documents may not ask everything; a router does not know everything.
fn may_be_asked(answer: Result<Document, Error>) -> Result<Option<Document>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Mongo(error)) if crate::error::code(&error).is_some() => Ok(None),
        Err(error) => Err(error),
    }
}
