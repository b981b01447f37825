//! Files of rows, through the whole import, into a base that only remembers.

use async_trait::async_trait;
use ficha_contract::{
    Ingest, Ingested, Problem,
    wire::{DebtsPerson, Movement, Of, ScorePerson},
};
use ficha_domain::CpfValidation;
use ficha_intake::{Batches, Encoding, Error, Plan, Quarantine, Row, Rules, Source, Summary, Watch, run};
use jiff::tz::TimeZone;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// A row is given on or set aside: none twice, none lost, whatever the file. The first byte says which base and how
/// the file is to be read, the second what the base refuses; the rest is the file.
pub fn rows(data: &[u8]) {
    let [how, refused, file @ ..] = data else { return };
    match how % 3 {
        0 => through::<Of<DebtsPerson>>(file, *how, *refused, |row| row.cpf.as_u64()),
        1 => through::<Of<ScorePerson>>(file, *how, *refused, |row| row.cpf.as_u64()),
        // What is given on was read as a CPF.
        _ => through::<Movement>(file, *how, *refused, |row| row.cpf.parse().unwrap_or(0)),
    }
}

fn through<R: Row>(file: &[u8], how: u8, refused: u8, whose: fn(&R) -> u64) {
    let spill = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
    let base = Arc::new(Remembers { told: Mutex::default(), whose, refused });
    let Some(first) = import(file, how, spill.path(), &base) else { return };
    let told = base.take();
    let kept = first.rows - first.set_aside;
    if first.last_purchases > 0 {
        assert_eq!((first.last_purchases, told.len()), (first.rows, 0));
    } else if R::JOINS {
        assert!(told.len() as u64 <= kept && (kept == 0) == told.is_empty(), "{told:?} of {kept} rows");
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "a person came twice: {told:?}");
    } else {
        assert_eq!(told.len() as u64, kept);
    }
    if let Some(expected) = rows_in(file) {
        assert_eq!(first.rows, expected, "rows in the file");
    }
    let aside = first.set_aside + first.in_part;
    assert_eq!(first.quarantine.is_some(), aside > 0);
    let Some(quarantine) = first.quarantine else { return };
    // What was set aside is all there, and wrong for the same reasons.
    let again = std::fs::read(quarantine).unwrap_or_default();
    let again = import(&again, how, spill.path(), &base).map(|summary| (summary.rows, base.take().len()));
    assert!(again.is_some_and(|(rows, _)| rows == aside), "{again:?} of {aside}");
    assert!(first.in_part > 0 || again == Some((aside, 0)), "{again:?} of {aside}");
}

/// `None` where the file is none of rows: it has no header, or one without the columns.
fn import<R: Row>(file: &[u8], how: u8, spill: &Path, base: &Arc<Remembers<R>>) -> Option<Summary> {
    let bit = |at: u8| ((how / 3) >> at) & 1 == 1;
    let rules = Rules {
        encoding: if bit(0) { Encoding::Latin1 } else { Encoding::Utf8 },
        validation: if bit(1) { CpfValidation::Strict } else { CpfValidation::Format },
        pad_cpf: bit(2),
        zone: TimeZone::UTC,
        derived_id: ficha_events::derived_id,
    };
    let memory = if bit(3) { 0 } else { 1 << 20 };
    let batches = if bit(4) { Batches::Of(2) } else { Batches::Whole };
    let plan = Plan { rules, spill: spill.to_owned(), memory, as_movements: bit(5), batches };
    let source =
        Source::copied("rows".into(), file, spill).unwrap_or_else(|error| panic!("no file: {error}"));
    let quarantine = Quarantine::at(&spill.join("quarantine"));
    let run = run(source, base.clone(), plan, quarantine, Arc::new(Silent));
    match RUNTIME.with(|runtime| runtime.block_on(run)) {
        Ok(summary) => Some(summary),
        Err(Error::Unreadable(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
}

/// How many rows there are, where a simpler reading than the import's can tell.
fn rows_in(file: &[u8]) -> Option<u64> {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let of = |signs: &'static [u8]| move |line: &&[u8]| line.iter().any(|byte| !signs.contains(byte));
    let lines = file.split(|byte| *byte == b'\n');
    let objects = lines.clone().filter(of(b" \t\r"));
    if objects.clone().all(|line| serde_json::from_slice::<serde_json::Map<_, _>>(line).is_ok()) {
        return Some(objects.count() as u64);
    }
    let first = file.trim_ascii_start().first()?;
    if file.contains(&b'"') || matches!(first, b'{' | b'[') {
        return None;
    }
    (lines.filter(of(b"\r")).count() as u64).checked_sub(1)
}

/// Whose rows it was given. Of some people it refuses all, some when asked and some in a batch.
struct Remembers<R> {
    told: Mutex<Vec<u64>>,
    whose: fn(&R) -> u64,
    refused: u8,
}

impl<R> Remembers<R> {
    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refuses(&self, row: &R, bit: u8) -> bool {
        (self.refused >> bit) & 1 == 1 && (self.whose)(row) / 100 % 2 == u64::from(bit)
    }
}

#[async_trait]
impl<R: Send + 'static> Ingest<R> for Remembers<R> {
    async fn ingest(&self, batch: Vec<R>) -> Result<Ingested, Problem> {
        if batch.iter().any(|row| self.refuses(row, 1)) {
            return Err(Problem::field("cpf", "is refused in a batch"));
        }
        let whose = batch.iter().map(self.whose);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).extend(whose);
        Ok(Ingested { created: batch.len() as u64, ..Ingested::default() })
    }

    fn check(&self, row: &R) -> Result<(), Problem> {
        if self.refuses(row, 0) { Err(Problem::field("cpf", "is refused")) } else { Ok(()) }
    }
}

struct Silent;

impl Watch for Silent {
    fn read(&self, _: u64) {}
    fn landed(&self, _: u64, _: u64) {}
}
