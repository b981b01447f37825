//! An import from end to end; its second half: sorted rows, person by person, in batches into the base.

use crate::{
    Error, Fault, Place, Quarantine, Row, Rules, Source,
    pack::Unpack,
    read::Reading,
    sort::{Key, Packed, Sorted},
};
use ficha_contract::{Ingest, Ingested, Problem};
use ficha_domain::Cpf;
use futures_util::{StreamExt, stream::FuturesOrdered};
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// How an import goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How values are read.
    pub rules: Rules,
    /// A folder for what does not fit into the memory.
    pub spill: PathBuf,
    /// About so many bytes of rows are sorted at once.
    pub memory: usize,
    /// Take a collection of last purchases as movements.
    pub as_movements: bool,
    /// How large batches are.
    pub batches: Batches,
}

/// How large the transactions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batches {
    /// Large enough that a sync does not count.
    #[default]
    Whole,
    /// A tenth, where others wait for the base: a transaction is a moment.
    Short,
    /// So many people or movements.
    Of(usize),
}

/// Who is told how far an import is.
pub trait Watch: Send + Sync {
    /// So many bytes of the file are read.
    fn read(&self, bytes: u64);

    /// So many rows of all are in the base, durably.
    fn landed(&self, rows: u64, of: u64);

    /// Whether somebody else writes to the base: then it is left alone for a while after each batch. SQLite hands its
    /// lock to whoever happens to ask, so without a gap another process might never get it.
    fn others_write(&self) -> bool {
        false
    }
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its name.
    pub file: String,
    /// How long it is.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// Columns of CSV that this base does not know: their values were not taken.
    pub columns_ignored: Vec<String>,
    /// Rows that are in the quarantine file.
    pub set_aside: u64,
    /// Rows that landed without some of their items; they are in the quarantine file too.
    pub in_part: u64,
    /// Rows that say again what the movements say, and were not taken.
    pub last_purchases: u64,
    /// People (bases A and B) or movements (base C) that were new, changed, or there already.
    #[serde(flatten)]
    pub ingested: Ingested,
    /// Where the rows lie that were set aside.
    pub quarantine: Option<PathBuf>,
}

/// Imports a file. Nothing of it is in the base before all of it is read; then batch by batch, and a batch that has
/// landed stays: run again, it finds what it wrote.
///
/// # Errors
/// [`Error`]: the disk, a file that is none of rows, a base that cannot be written.
pub async fn run<R: Row>(
    source: Source,
    base: Arc<dyn Ingest<R>>,
    plan: Plan,
    mut quarantine: Quarantine,
    watch: Arc<dyn Watch>,
) -> Result<Summary, Error> {
    let mut summary = Summary { file: source.name().to_owned(), bytes: source.bytes(), ..Summary::default() };
    let (reader, plan, watching) = (base.clone(), Arc::new(plan), watch.clone());
    let planned = plan.clone();
    let (sorted, source, mut quarantine, mut summary) = blocking(move || {
        let reading = Reading {
            source: &source,
            base: &*reader,
            plan: &planned,
            quarantine: &mut quarantine,
            watch: &*watching,
            summary: &mut summary,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        };
        reading.run().map(|sorted| (sorted, source, quarantine, summary))
    })
    .await?;
    let landing = Landing { base: &*base, source: &source, watch: &*watch, rows: sorted.rows() };
    landing.run(sorted, plan, &mut quarantine, &mut summary).await?;
    summary.quarantine = quarantine.finish()?;
    Ok(summary)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal("the import panicked"))?
}

/// Rows that go in together, and what they were made of, should one of them be refused.
struct Batch<R> {
    rows: Vec<R>,
    packed: Vec<Group>,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), packed: Vec::new() }
    }
}

/// What the file says of one person, or of one movement.
#[derive(Clone)]
struct Group {
    cpf: Cpf,
    ordinal: u64,
    parts: Vec<(Place, Vec<u8>)>,
}

impl Group {
    fn unpack<R: Row>(&self, rules: &Rules) -> Option<R> {
        let mut parts = self.parts.iter().map(|(_, body)| R::unpack(self.cpf, &mut Unpack(body)));
        let mut row = parts.next()??;
        for part in parts {
            row.join(part?);
        }
        row.name(self.cpf, rules, self.ordinal);
        Some(row)
    }
}

/// More rows of one person are no person's: they would have to be held at once.
const PARTS: usize = 20_000;

/// Makes batches of sorted rows.
struct Batching<R> {
    plan: Arc<Plan>,
    batch: Batch<R>,
    group: Option<Group>,
    last: Option<Key>,
    /// How many rows like the last one there were before it.
    ordinal: u64,
    size: usize,
}

impl<R: Row> Batching<R> {
    fn new(plan: Arc<Plan>) -> Self {
        let size = match plan.batches {
            Batches::Whole => R::BATCH,
            Batches::Short => R::BATCH / 10,
            Batches::Of(size) => size,
        };
        Self { plan, batch: Batch::default(), group: None, last: None, ordinal: 0, size }
    }

    /// Takes the next row; gives a batch when it is full.
    fn add(&mut self, row: &Packed<'_>) -> Result<Option<Batch<R>>, Error> {
        self.ordinal = if self.last == Some(row.key) { self.ordinal + 1 } else { 0 };
        self.last = Some(row.key);
        let cpf = Cpf::from_u64(row.key.cpf).ok_or(UNREADABLE)?;
        let part = (row.place, row.body.to_vec());
        match &mut self.group {
            Some(group) if group.cpf == cpf && R::JOINS && group.parts.len() < PARTS => {
                group.parts.push(part);
                return Ok(None);
            }
            _ => {}
        }
        let full = self.close()?;
        self.group = Some(Group { cpf, ordinal: self.ordinal, parts: vec![part] });
        Ok(full)
    }

    /// The person is complete.
    fn close(&mut self) -> Result<Option<Batch<R>>, Error> {
        if let Some(group) = self.group.take() {
            self.batch.rows.push(group.unpack(&self.plan.rules).ok_or(UNREADABLE)?);
            self.batch.packed.push(group);
        }
        let full = self.batch.rows.len() >= self.size;
        Ok(full.then(|| std::mem::take(&mut self.batch)))
    }

    fn feed(mut self, mut sorted: Sorted, ready: &mpsc::Sender<Batch<R>>) -> Result<(), Error> {
        while let Some(row) = sorted.next()? {
            if let Some(batch) = self.add(&row)? {
                // Nobody takes it when the base has failed, which is told where it was noticed.
                if ready.blocking_send(batch).is_err() {
                    return Ok(());
                }
            }
        }
        let last = self.close()?.unwrap_or(self.batch);
        if !last.rows.is_empty() {
            let _ = ready.blocking_send(last);
        }
        Ok(())
    }
}

const UNREADABLE: Error = Error::Internal("a sorted row cannot be read back");

/// What became of a batch.
struct Landed {
    groups: Vec<Group>,
    outcome: Result<Ingested, Problem>,
    held: Duration,
}

/// Puts batches into the base.
struct Landing<'a, R> {
    base: &'a dyn Ingest<R>,
    source: &'a Source,
    watch: &'a dyn Watch,
    rows: u64,
}

impl<R: Row> Landing<'_, R> {
    async fn run(
        &self,
        sorted: Sorted,
        plan: Arc<Plan>,
        quarantine: &mut Quarantine,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let (ready, mut batches) = mpsc::channel(2);
        let batching = Batching::<R>::new(plan.clone());
        let making = blocking(move || batching.feed(sorted, &ready));
        let making = tokio::spawn(making);
        let (mut under_way, mut landed) = (FuturesOrdered::new(), 0);
        loop {
            // One batch is made ready while the one before is written.
            let next = match under_way.len() {
                0 => batches.recv().await,
                1 if !self.watch.others_write() => batches.try_recv().ok(),
                _ => None,
            };
            if let Some(batch) = next {
                under_way.push_back(self.start(batch));
                continue;
            }
            let Some(started) = under_way.next().await else { break };
            landed += started.groups.iter().map(|group| group.parts.len() as u64).sum::<u64>();
            let held = started.held;
            self.settle(started, &plan.rules, quarantine, summary).await?;
            self.watch.landed(landed, self.rows);
            if self.watch.others_write() {
                tokio::time::sleep(gap(held)).await;
            }
        }
        making.await.map_err(|_| Error::Internal("the import panicked"))?
    }

    async fn start(&self, batch: Batch<R>) -> Landed {
        let since = Instant::now();
        let outcome = self.base.ingest(batch.rows).await;
        Landed { groups: batch.packed, outcome, held: since.elapsed() }
    }

    /// A batch that was refused for one of its rows goes in person by person, without those that are to blame.
    async fn settle(
        &self,
        landed: Landed,
        rules: &Rules,
        quarantine: &mut Quarantine,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        match landed.outcome {
            Ok(ingested) => summary.ingested += ingested,
            Err(problem) if problem.errors.is_empty() => return Err(Error::Base(problem)),
            Err(_) => {
                for group in &landed.groups {
                    let row = group.unpack(rules).ok_or(UNREADABLE)?;
                    match self.base.ingest(vec![row]).await {
                        Ok(ingested) => summary.ingested += ingested,
                        Err(problem) => self.refuse(group, problem, quarantine, summary)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn refuse(
        &self,
        group: &Group,
        problem: Problem,
        quarantine: &mut Quarantine,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let Some(error) = problem.errors.first() else { return Err(Error::Base(problem)) };
        let fault = Fault::new(error.field.clone(), error.detail.clone());
        for (place, _) in &group.parts {
            summary.set_aside += 1;
            quarantine.put(self.source, *place, std::slice::from_ref(&fault))?;
        }
        Ok(())
    }
}

/// A quarter of the time the base was held, and never so short that a waiting process sleeps through it.
fn gap(held: Duration) -> Duration {
    (held / 4).clamp(Duration::from_millis(5), Duration::from_millis(250))
}
