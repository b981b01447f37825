//! The one writer of a file: a thread that takes everything that waits and commits it once.

use crate::database::Error;
use rusqlite::Connection;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

/// So many writes wait before callers have to; so many are committed together at most.
const QUEUE: usize = 1024;
const GROUP: usize = 256;

type Commit = Result<(), String>;
/// Does the work; says whether it is to be kept, and how to answer once the group's fate is known.
type Job = Box<dyn FnOnce(&Connection) -> (bool, Box<dyn FnOnce(Commit) + Send>) + Send>;

pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// # Errors
    /// The machine has no thread left.
    pub(crate) fn start(connection: Connection, commits: Arc<AtomicU64>) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned());
        thread.spawn(move || serve(&connection, waiting, &commits))?;
        Ok(Self { jobs })
    }

    pub(crate) async fn write<T: Send + 'static, E: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Error> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = write(connection);
            let keep = result.is_ok();
            let answer = move |commit: Commit| {
                // Whoever asked may have gone; what is committed stays committed.
                let _ = answer.send(commit.map(|()| result));
            };
            (keep, Box::new(answer))
        });
        self.jobs.send(job).await.map_err(|_| Error::Writer)?;
        answered.await.map_err(|_| Error::Writer)?.map_err(Error::Commit)
    }
}

fn serve(connection: &Connection, mut waiting: mpsc::Receiver<Job>, commits: &AtomicU64) {
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = waiting.blocking_recv() {
        group.push(first);
        while group.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        let mut answers = Vec::with_capacity(group.len());
        let outcome = commit(connection, group.drain(..), &mut answers).map_err(|error| {
            let _ = connection.execute_batch("ROLLBACK");
            error.to_string()
        });
        commits.fetch_add(1, Ordering::Release);
        for answer in answers {
            answer(outcome.clone());
        }
    }
}

/// A savepoint for each job, so that one that fails is undone alone. A job that is alone needs none, and a bulk load,
/// which mostly is, would pay for it: SQLite writes down the page before every change below a savepoint, and each
/// statement that may fail walks through all that is written down.
fn commit(
    connection: &Connection,
    group: impl ExactSizeIterator<Item = Job>,
    answers: &mut Vec<Box<dyn FnOnce(Commit) + Send>>,
) -> rusqlite::Result<()> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]).map(drop);
    execute("BEGIN IMMEDIATE")?;
    if group.len() == 1 {
        let kept = group.fold(true, |_, job| run(connection, job, answers));
        return execute(if kept { "COMMIT" } else { "ROLLBACK" });
    }
    for job in group {
        execute("SAVEPOINT job")?;
        if !run(connection, job, answers) {
            execute("ROLLBACK TO job")?;
        }
        execute("RELEASE job")?;
    }
    execute("COMMIT")
}

/// Whether what the job did is to be kept. One that panics drops its answer, which tells its caller; it must not take
/// the others along.
fn run(connection: &Connection, job: Job, answers: &mut Vec<Box<dyn FnOnce(Commit) + Send>>) -> bool {
    match catch_unwind(AssertUnwindSafe(|| job(connection))) {
        Ok((kept, answer)) => {
            answers.push(answer);
            kept
        }
        Err(_) => false,
    }
}
