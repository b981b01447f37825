//! The first half of an import: from a file to sorted rows. Nothing is written to the base before all is read.

use crate::{
    Draft, Error, Fault, Place, Plan, Quarantine, Row, Source, Watch,
    base::Record,
    quarantine::{self, COLUMNS},
    rows::{Form, Raw, Rows, decode, fields},
    run::Summary,
    sort::{Key, Sorted, Sorter},
};
use ficha_contract::Ingest;
use std::{panic::resume_unwind, thread::ScopedJoinHandle};

const ENCODING: &str = "is not UTF-8; if the file is Latin-1: --encoding latin1";

/// So many rows lie between two words about how far it is.
const TELL: u64 = 4096;

/// So many rows are cut, then read, by all processors: a thread costs some microseconds, a row about one.
const BLOCK: usize = 4096;
/// Fewer rows than this are not worth a thread.
const SHARE: usize = 256;

/// What became of a row.
struct Read<R> {
    place: Place,
    /// It goes over several lines, and is none: only the first of them is to blame.
    is_nonsense: bool,
    draft: Result<Draft<R>, Fault>,
}

/// Reads a file to its end.
pub(crate) struct Reading<'a, R> {
    pub(crate) source: &'a Source,
    pub(crate) base: &'a dyn Ingest<R>,
    pub(crate) plan: &'a Plan,
    pub(crate) quarantine: &'a mut Quarantine,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) summary: &'a mut Summary,
    /// So many read rows at once.
    pub(crate) threads: usize,
}

impl<R: Row> Reading<'_, R> {
    pub(crate) fn run(mut self) -> Result<Sorted, Error> {
        let mut rows = Rows::open(self.source)?;
        let form = rows.form;
        let names = match form {
            Form::Csv { delimiter } => self.header(&mut rows, delimiter)?,
            Form::Json => Vec::new(),
        };
        let mut sorter = Sorter::new(self.plan.memory, self.plan.spill.clone());
        let mut purchases = 0;
        let mut most = 1;
        loop {
            let read = self.read_all(&rows.block(most)?, &names, form);
            if read.is_empty() {
                break;
            }
            most = BLOCK.min(most * 2);
            for Read { place, is_nonsense, draft } in read {
                self.tell(place.offset);
                match draft {
                    Ok(draft) => {
                        purchases += u64::from(draft.last_purchase);
                        self.keep(&mut sorter, place, &draft)?;
                    }
                    Err(fault) => {
                        let place = if is_nonsense { rows.only_first_line(place) } else { place };
                        self.summary.set_aside += 1;
                        self.quarantine.put(self.source, place, &[fault])?;
                    }
                }
                if is_nonsense {
                    // What follows its first line is cut anew; row by row, for more of it may be nonsense.
                    most = 1;
                    break;
                }
            }
        }
        self.watch.read(self.source.bytes());
        self.finish(sorter, purchases)
    }

    /// Reads rows on all processors, in order.
    fn read_all(&self, rows: &[Raw<'_>], names: &[String], form: Form) -> Vec<Read<R>> {
        let one = |raw: &Raw<'_>| {
            let draft = match raw.damage {
                Some(damage) => Err(Fault::new("row", damage)),
                None => self.read(raw.bytes, names, form),
            };
            let is_row = draft.as_ref().err().is_some_and(|fault| fault.field == "row");
            let is_nonsense = is_row && form != Form::Json && raw.bytes.contains(&b'\n');
            Read { place: raw.place, is_nonsense, draft }
        };
        let each = rows.len().div_ceil(self.threads).max(SHARE);
        let Some((mine, others)) = rows.split_at_checked(each) else { return rows.iter().map(one).collect() };
        std::thread::scope(|scope| {
            let others: Vec<_> = others
                .chunks(each)
                .map(|rows| scope.spawn(|| rows.iter().map(one).collect::<Vec<_>>()))
                .collect();
            let mine: Vec<_> = mine.iter().map(one).collect();
            let join =
                |read: ScopedJoinHandle<'_, Vec<_>>| read.join().unwrap_or_else(|panic| resume_unwind(panic));
            mine.into_iter().chain(others.into_iter().flat_map(join)).collect()
        })
    }

    fn tell(&mut self, bytes: u64) {
        self.summary.rows += 1;
        if self.summary.rows.is_multiple_of(TELL) {
            self.watch.read(bytes);
        }
    }

    /// A collection of last purchases says again what the movements say: taken as movements, they would be there
    /// twice. It is known by this, that no row of it says which way the money went.
    fn finish(&mut self, sorter: Sorter, purchases: u64) -> Result<Sorted, Error> {
        if purchases > 0 && purchases == self.summary.rows && !self.plan.as_movements {
            self.summary.last_purchases = purchases;
            return Sorter::new(0, self.plan.spill.clone()).finish();
        }
        sorter.finish()
    }

    /// The names of the columns.
    fn header(&mut self, rows: &mut Rows<'_>, delimiter: u8) -> Result<Vec<String>, Error> {
        let unreadable = |what: &str| Error::Unreadable(what.to_owned());
        let Some(raw) = rows.next()? else { return Err(unreadable("it is empty")) };
        let text = decode(raw.bytes, self.plan.rules.encoding)
            .ok_or_else(|| unreadable("its header is not UTF-8; if it is Latin-1: --encoding latin1"))?;
        if text.trim_end().contains('\r') {
            return Err(unreadable("its line ends are CR alone; save it with LF or CR LF"));
        }
        let names = fields(&text, delimiter).ok_or_else(|| unreadable("its header is no row of CSV"))?;
        let names: Vec<_> = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let missing: Vec<_> =
            R::COLUMNS.iter().copied().filter(|column| !names.iter().any(|name| name == column)).collect();
        if !missing.is_empty() {
            let what =
                format!("its header has no column {} (columns are separated by , or ;)", missing.join(", "));
            return Err(Error::Unreadable(what));
        }
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(Error::Unreadable(format!("its header has the column {} twice", twice.1)));
        }
        let known = |name: &str| [R::COLUMNS, R::OPTIONAL, &COLUMNS].concat().contains(&name);
        self.summary.columns_ignored = names.iter().filter(|name| !known(name)).cloned().collect();
        let again = names.starts_with(&COLUMNS.map(str::to_owned));
        self.quarantine.header(raw.bytes, delimiter, again);
        Ok(names)
    }

    fn read(&self, bytes: &[u8], names: &[String], form: Form) -> Result<Draft<R>, Fault> {
        let rules = &self.plan.rules;
        let text = decode(bytes, rules.encoding).ok_or_else(|| Fault::new("row", ENCODING))?;
        let mut draft = match form {
            Form::Csv { delimiter } => {
                let fields = fields(&text, delimiter)
                    .ok_or_else(|| Fault::new("row", "has something after a closing quotation mark"))?;
                if fields.len() != names.len() {
                    let what = format!("has {} fields; the header has {}", fields.len(), names.len());
                    return Err(Fault::new("row", what));
                }
                R::of_record(&Record { header: names, fields }, rules)?
            }
            Form::Json => R::of_json(&quarantine::unwrap(&text), rules)?,
        };
        let whole = self.settle(&mut draft, matches!(form, Form::Csv { .. }));
        whole.map(|()| draft)
    }

    /// Holds the row against the base's own bounds, and lets go of the items that are beyond them.
    fn settle(&self, draft: &mut Draft<R>, csv: bool) -> Result<(), Fault> {
        while let Err(problem) = self.base.check(&draft.row) {
            let error = problem.errors.first();
            let field = error.map_or("row", |error| error.field.as_str());
            let reason = error.map_or_else(|| problem.code.as_str().to_owned(), |error| error.detail.clone());
            let item = item_of::<R>(field).filter(|_| !csv);
            let Some((list, at, rest)) = item.filter(|(list, at, _)| *at < draft.kept[*list].len()) else {
                let field = if csv { field.rsplit('.').next().unwrap_or(field) } else { field };
                return Err(Fault::new(field, reason));
            };
            let field = format!("{}[{}].{rest}", R::LISTS[list], draft.kept[list].remove(at));
            draft.faults.push(Fault::new(field, reason));
            draft.row.drop_item(list, at);
        }
        Ok(())
    }

    fn keep(&mut self, sorter: &mut Sorter, place: Place, draft: &Draft<R>) -> Result<(), Error> {
        if !draft.faults.is_empty() {
            self.summary.in_part += 1;
            self.quarantine.put(self.source, place, &draft.faults)?;
        }
        let (region, cpf) = (self.base.region(draft.cpf), draft.cpf.as_u64());
        let key = Key { region, cpf, order: draft.row.order() };
        sorter.push(key, place, |to| draft.row.pack(to))
    }
}

/// `debts[3].value`: the list, the item, the field in it.
fn item_of<R: Row>(field: &str) -> Option<(usize, usize, &str)> {
    let (name, rest) = field.split_once('[')?;
    let (at, rest) = rest.split_once("].")?;
    let list = R::LISTS.iter().position(|list| *list == name)?;
    Some((list, at.parse().ok()?, rest))
}
