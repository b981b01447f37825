//! One role's collections on a server that several processes share.

use crate::{Error, Settings, Step, gate::Gate, migrate};
use mongodb::{
    Client, ClientSession, Collection, Database,
    action::Find,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
    error::Error as Driver,
    options::SessionOptions,
};
use std::{future::IntoFuture, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
};

/// How long somebody waits for a place to read at length.
const WAIT: Duration = Duration::from_secs(2);
/// A server that is there answers a question about nothing within this time.
const SHORT: Duration = Duration::from_millis(500);
/// A server that is there says what it is within this time.
const GREETING: Duration = Duration::from_secs(10);
/// The first version that ficha works with.
const OLDEST: i32 = 6;
/// Documents that a long read fetches at once.
const PAGE: u32 = 64;

/// Documents as they come: fields are read out of them where they lie.
pub type Rows = Collection<RawDocumentBuf>;

/// A role's collections on a server. Cloning shares it; connections close with the last clone.
#[derive(Clone)]
pub struct Mongo(Arc<Inner>);

struct Inner {
    role: String,
    client: Client,
    database: Database,
    /// What is long takes a place, so that it leaves connections to what is short.
    places: Semaphore,
    /// Many who write one document would all be in each other's way; so those who lost go one after the other.
    turns: Mutex<()>,
    gate: Gate,
}

impl Mongo {
    /// Opens the store of one role, and refuses one that is not of this version. Changes nothing.
    ///
    /// # Errors
    /// [`Error::NotMigrated`], [`Error::Newer`], [`Error::Unfit`], or whatever keeps us from the server.
    pub async fn open(settings: &Settings, role: &str, steps: &[Step]) -> Result<Self, Error> {
        let store = Self::connect(settings, role).await?;
        migrate::compare(&store, steps).await?;
        Ok(store)
    }

    /// Makes the collections, or brings them up to this version. Twice, and by several at once, is safe.
    ///
    /// # Errors
    /// [`Error::OtherStep`], [`Error::Newer`], [`Error::Unfit`], or the server's.
    pub async fn migrate(settings: &Settings, role: &str, steps: &[Step]) -> Result<(), Error> {
        migrate::run(&Self::connect(settings, role).await?, steps).await
    }

    /// Notes the keys that seal in this store, and refuses when it was written with one that is not among them. The
    /// store has [`crate::key_collection`].
    ///
    /// # Errors
    /// [`Error::WrongKey`] when a key is missing or another one under its id.
    pub async fn check_keys(&self, keys: &[(u32, [u8; 16])]) -> Result<(), Error> {
        migrate::check_keys(self, keys).await
    }

    pub(crate) async fn connect(settings: &Settings, role: &str) -> Result<Self, Error> {
        let options = settings.options().await?;
        let most = usize::try_from(options.max_pool_size.unwrap_or(1)).unwrap_or(usize::MAX);
        let places = Semaphore::new(settings.connections.min(most.saturating_sub(1)).max(1));
        let client = Client::with_options(options)?;
        let database = client.database(&settings.database);
        let (turns, gate) = (Mutex::new(()), Gate::new());
        let inner = Inner { role: role.to_owned(), client, database, places, turns, gate };
        let store = Self(Arc::new(inner));
        store.greet().await?;
        Ok(store)
    }

    /// Whether the server is one that ficha can work with.
    async fn greet(&self) -> Result<(), Error> {
        let is = self.ask(GREETING, self.0.database.run_command(doc! { "buildInfo": 1 })).await?;
        let hello = self.ask(GREETING, self.0.database.run_command(doc! { "hello": 1 })).await?;
        let major = is.get_array("versionArray").ok().and_then(|version| version.first()?.as_i32());
        if major.is_none_or(|major| major < OLDEST) {
            let version = is.get_str("version").unwrap_or("an unknown version");
            return Err(Error::Unfit(format!("{version} runs there; it takes {OLDEST}.0 or later")));
        }
        let is_sharded = hello.get_str("msg").is_ok_and(|message| message == "isdbgrid");
        if !is_sharded && !hello.contains_key("setName") {
            let why = "the server is no replica set, and has no transactions; a set of one is enough";
            return Err(Error::Unfit(why.to_owned()));
        }
        Ok(())
    }

    /// One command, in at most this time.
    ///
    /// # Errors
    /// The server's; [`Error::Late`]; [`Error::Down`] at once while the server does not answer.
    pub async fn ask<T>(
        &self,
        limit: Duration,
        asked: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T, Error> {
        self.0.gate.enter()?;
        let Ok(done) = timeout(limit, asked.into_future()).await else {
            self.0.gate.down();
            return Err(Error::Late);
        };
        match done {
            Ok(done) => {
                self.0.gate.up();
                Ok(done)
            }
            Err(error) => Err(self.judged(error).into()),
        }
    }

    /// Shows document after document, all of one moment, until `visit` breaks.
    ///
    /// # Errors
    /// As [`Mongo::ask`]; [`Error::Late`] when it takes longer than the deadline.
    pub async fn walk(
        &self,
        deadline: Duration,
        find: Find<'_, RawDocumentBuf>,
        mut visit: impl FnMut(&RawDocument) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let _place = self.place(Instant::now() + WAIT).await?;
        self.0.gate.enter()?;
        let walk = async {
            let snapshot = SessionOptions::builder().snapshot(true).build();
            let mut session = self.0.client.start_session().with_options(snapshot).await?;
            let mut cursor = find.batch_size(PAGE).session(&mut session).await?;
            while cursor.advance(&mut session).await? && visit(cursor.current()).is_continue() {}
            Ok(())
        };
        match timeout(deadline, walk).await {
            Ok(walked) => {
                walked.map_err(|error| self.judged(error))?;
                self.0.gate.up();
                Ok(())
            }
            Err(_) => Err(self.late().await),
        }
    }

    /// Something long took too long: whether that was its own doing or the server's is what a short question tells.
    pub(crate) async fn late(&self) -> Error {
        let _ = self.ask(SHORT, self.0.database.run_command(doc! { "ping": 1 })).await;
        Error::Late
    }

    /// Tells the gate of it.
    pub(crate) fn judged(&self, error: Driver) -> Driver {
        self.0.gate.judge(&error);
        error
    }

    /// A collection of this role.
    #[must_use]
    pub fn collection(&self, name: &str) -> Rows {
        self.0.database.collection(&self.named(name))
    }

    /// What a collection of this role is called on the server.
    #[must_use]
    pub fn named(&self, name: &str) -> String {
        format!("{}_{name}", self.0.role)
    }

    /// Whose collections these are.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.0.role
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(crate) fn admin(&self) -> Database {
        self.0.client.database("admin")
    }

    pub(crate) async fn session(&self) -> mongodb::error::Result<ClientSession> {
        self.0.client.start_session().await
    }

    /// One's turn among those who lost to others.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turns.lock().await
    }

    /// A place among those who do something long.
    pub(crate) async fn place(&self, end: Instant) -> Result<SemaphorePermit<'_>, Error> {
        match timeout_at(end, self.0.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::Busy),
        }
    }

    /// A command on this role's collection, which stands first in it and is named plainly.
    pub(crate) fn addressed(&self, command: &Document) -> Document {
        let mut addressed = command.clone();
        if let Some((_, name)) = addressed.iter_mut().next()
            && let Some(plain) = name.as_str()
        {
            *name = self.named(plain).into();
        }
        addressed
    }
}
