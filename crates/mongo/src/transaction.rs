//! Transactions that are done again when they lost to another one.

use crate::{
    Error, Mongo, Rows, Stop,
    error::{code, is_away, is_transient},
    url::durable,
};
use mongodb::{
    ClientSession, Collection,
    bson::{Document, RawArrayBuf, RawDocumentBuf, cstr, doc},
    error::{Error as Driver, UNKNOWN_TRANSACTION_COMMIT_RESULT},
    options::ReadConcern,
};
use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// Here nobody waits for a document that another one writes: whoever comes second is done again.
const TRIES: u32 = 200;
/// The longest pause between two tries.
const PAUSE_MS: u64 = 50;
/// How many documents one command changes, far below the size that it may have.
const UPDATES: usize = 500;
const UPDATE_BYTES: usize = 8 << 20;
/// More than there are in an answer, whose size the server bounds.
const ALL: u32 = 1 << 30;
/// As long as the server itself gives a transaction that it hears no more of, and as often as makes that.
const END_LIMIT: Duration = Duration::from_secs(1);
const END_TRIES: u32 = 60;
/// Somebody made a document that is unique, after the moment that this transaction sees.
const DUPLICATE_KEY: i32 = 11000;

/// What to do when the answer to a commit was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Only what certainly did not happen is done again.
    IfUndone,
    /// Doing it twice is doing it once: there is a key in it, or what is there is recognised.
    Always,
}

/// A transaction under way: all of it sees one moment, and what it wrote itself.
pub struct Transaction {
    store: Mongo,
    session: ClientSession,
}

impl Transaction {
    /// What the driver's operations take, to be part of this.
    pub fn session(&mut self) -> &mut ClientSession {
        &mut self.session
    }

    /// A collection of this role.
    #[must_use]
    pub fn collection(&self, name: &str) -> Rows {
        self.store.collection(name)
    }

    /// The same, for documents that are made.
    #[must_use]
    pub fn documents(&self, name: &str) -> Collection<Document> {
        self.store.collection(name).clone_with_type()
    }

    /// All documents that are so.
    ///
    /// # Errors
    /// The server's. The transaction is over then: give the error back.
    pub async fn find(&mut self, name: &str, filter: Document) -> Result<Vec<RawDocumentBuf>, Driver> {
        let collection = self.collection(name);
        let find = collection.find(filter).batch_size(ALL);
        let mut cursor = find.session(&mut self.session).await?;
        let mut found = Vec::new();
        while cursor.advance(&mut self.session).await? {
            found.push(cursor.current().to_owned());
        }
        Ok(found)
    }

    /// Changes many documents, each in its own way: which one, and how. Returns how many were there.
    ///
    /// # Errors
    /// As [`Transaction::find`].
    pub async fn update<E>(
        &mut self,
        name: &str,
        updates: impl IntoIterator<Item = (Document, Document)>,
    ) -> Result<u64, Stop<E>> {
        let (mut found, mut part, mut count, mut size) = (0, RawArrayBuf::new(), 0, 0);
        for (which, how) in updates {
            let update = RawDocumentBuf::try_from(&doc! { "q": which, "u": how })?;
            (count, size) = (count + 1, size + update.as_bytes().len());
            part.push(update);
            if count == UPDATES || size > UPDATE_BYTES {
                found += self.update_part(name, std::mem::take(&mut part)).await?;
                (count, size) = (0, 0);
            }
        }
        if count > 0 {
            found += self.update_part(name, part).await?;
        }
        Ok(found)
    }

    async fn update_part<E>(&mut self, name: &str, part: RawArrayBuf) -> Result<u64, Stop<E>> {
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), self.store.named(name));
        command.append(cstr!("updates"), part);
        let done = self.store.database().run_raw_command(command).session(&mut self.session).await?;
        // Not an error of the command's: it did what it could before.
        let failed = done.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
        match failed.map(|error| error.get_i32("code").unwrap_or_default()) {
            None => Ok(done.get_i32("n").map_or(0, i32::unsigned_abs).into()),
            Some(DUPLICATE_KEY) => Err(Stop::Again),
            Some(code) => Err(Stop::Broken(Error::Unfit(format!("an update failed ({code})")))),
        }
    }
}

/// The work of a transaction.
pub type Working<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, Stop<E>>> + Send + 't>>;

/// Why a try failed.
enum Failure {
    /// Somebody was faster.
    Again,
    /// Nothing of it happened.
    Undone(Error),
    /// It happened or did not.
    Unknown,
}

impl Mongo {
    /// Does `work` in a transaction that sees one moment, and commits; again from the beginning when it lost to another
    /// one, up to the deadline. The inner error is the work's own, and nothing happened then. `with` is what the work
    /// needs: a closure that borrowed it could not be shown to be `Send`.
    ///
    /// # Errors
    /// [`Error`]: nothing happened, except for [`Error::Unknown`].
    pub async fn transaction<C: Sync + ?Sized, T, E>(
        &self,
        deadline: Duration,
        repeat: Repeat,
        with: &C,
        work: impl for<'t> Fn(&'t C, &'t mut Transaction) -> Working<'t, T, E>,
    ) -> Result<Result<T, E>, Error> {
        let end = Instant::now() + deadline;
        let _place = self.place(end).await?;
        let mut turn = None;
        for tried in 1.. {
            let failure = match self.attempt(end, with, &work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let pause = pause(tried);
            let late = Instant::now() + pause >= end;
            if tried == TRIES || late || !failure.may_be_repeated(repeat) {
                return Err(failure.into());
            }
            if failure.met_others() && turn.is_none() {
                turn = timeout_at(end, self.turn()).await.ok();
            }
            sleep(pause).await;
        }
        Err(Error::Contended)
    }

    async fn attempt<C: Sync + ?Sized, T, E>(
        &self,
        end: Instant,
        with: &C,
        work: &impl for<'t> Fn(&'t C, &'t mut Transaction) -> Working<'t, T, E>,
    ) -> Result<Result<T, E>, Failure> {
        self.gate().enter().map_err(Failure::Undone)?;
        let session = self.session().await.map_err(|error| self.undone(error))?;
        let mut transaction = Transaction { store: self.clone(), session };
        let committing = AtomicBool::new(false);
        let done = match timeout_at(end, self.run(end, &committing, &mut transaction, with, work)).await {
            Ok(done) => done,
            Err(_) if committing.into_inner() => Err(Failure::Unknown),
            Err(_) => Err(Failure::Undone(self.late().await)),
        };
        let in_doubt = match &done {
            Err(Failure::Unknown | Failure::Undone(Error::Late)) => true,
            Err(Failure::Undone(Error::Mongo(error))) => is_away(error),
            _ => false,
        };
        if in_doubt {
            self.end(transaction.session);
        }
        done
    }

    async fn run<C: Sync + ?Sized, T, E>(
        &self,
        end: Instant,
        committing: &AtomicBool,
        transaction: &mut Transaction,
        with: &C,
        work: &impl for<'t> Fn(&'t C, &'t mut Transaction) -> Working<'t, T, E>,
    ) -> Result<Result<T, E>, Failure> {
        let start = transaction.session.start_transaction().read_concern(ReadConcern::snapshot());
        start.write_concern(durable()).await.map_err(|error| self.undone(error))?;
        let failure = match work(with, transaction).await {
            Ok(done) => {
                committing.store(true, Ordering::Relaxed);
                return self.commit(end, &mut transaction.session).await.map(|()| Ok(done));
            }
            // Whoever is away cannot be told now.
            Err(Stop::Failed(error)) if is_away(&error) => return Err(self.undone(error)),
            Err(Stop::Refused(refused)) => Ok(Err(refused)),
            Err(Stop::Again) => Err(Failure::Again),
            Err(Stop::Failed(error)) => Err(self.undone(error)),
            // Perhaps it was away there: that is no word of the server's.
            Err(Stop::Broken(error)) => {
                let _ = transaction.session.abort_transaction().await;
                return Err(Failure::Undone(error));
            }
        };
        // At once, so that nobody meets what is not to be; the server may have done so already.
        let _ = transaction.session.abort_transaction().await;
        self.gate().up();
        failure
    }

    fn undone(&self, error: Driver) -> Failure {
        Failure::Undone(self.judged(error).into())
    }

    /// Ends a transaction of which the server may not know that it is over: it would keep others from its documents for a
    /// minute. Nobody else gets this session before.
    fn end(&self, session: ClientSession) {
        let store = self.clone();
        tokio::spawn(async move {
            let mut told = 0;
            for _ in 0..END_TRIES {
                let kill = doc! { "killSessions": [session.id().clone()] };
                match store.ask(END_LIMIT, store.admin().run_command(kill)).await {
                    // What was on its way may have come after it; so once more.
                    Ok(_) if told == 0 => told += 1,
                    Err(Error::Down | Error::Late) => {}
                    Err(Error::Mongo(error)) if is_away(&error) => {}
                    Ok(_) | Err(_) => return,
                }
                sleep(END_LIMIT).await;
            }
        });
    }

    /// Commits, again and again while nobody says whether it happened: the server does it once.
    async fn commit(&self, end: Instant, session: &mut ClientSession) -> Result<(), Failure> {
        for tried in 1.. {
            let Err(error) = session.commit_transaction().await else {
                self.gate().up();
                return Ok(());
            };
            let error = self.judged(error);
            if is_transient(&error) {
                return Err(Failure::Undone(error.into()));
            }
            let pause = pause(tried);
            let may_be_asked = error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT);
            if !may_be_asked || Instant::now() + pause >= end {
                tracing::warn!(error = %Error::from(error), "a commit was not answered");
                break;
            }
            sleep(pause).await;
        }
        Err(Failure::Unknown)
    }
}

/// Longer and longer, and never as long as somebody else's.
fn pause(tried: u32) -> Duration {
    Duration::from_millis(fastrand::u64(1..=PAUSE_MS.min(1 << tried.min(16))))
}

impl Failure {
    /// Whoever lost to others takes turns with those of this process who lost, too.
    fn met_others(&self) -> bool {
        match self {
            Self::Again => true,
            Self::Undone(Error::Mongo(error)) => !is_away(error),
            Self::Undone(_) | Self::Unknown => false,
        }
    }

    fn may_be_repeated(&self, repeat: Repeat) -> bool {
        match self {
            Self::Again => true,
            Self::Unknown => repeat == Repeat::Always,
            Self::Undone(Error::Mongo(error)) => is_transient(error) || code(error) == Some(DUPLICATE_KEY),
            Self::Undone(_) => false,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Again => Self::Contended,
            Failure::Undone(error) => error,
            Failure::Unknown => Self::Unknown,
        }
    }
}
