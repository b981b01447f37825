//! What the rows of each base are, in CSV and in JSON.

mod debts;
mod events;
mod score;

use crate::{Rules, cell::Cell, normal::Reason, pack::Unpack};
use ficha_domain::Cpf;
use std::borrow::Cow;

/// Why a row, or an item of it, is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which field, as the file calls it: `cpf`, `debts[2].value`; `row` where it is all of it.
    pub field: String,
    /// What it should be.
    pub reason: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<Reason>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn of<'f>(field: impl Into<Cow<'f, str>>) -> impl FnOnce(Reason) -> Self {
        move |reason| Self { field: field.into().into_owned(), reason }
    }
}

/// A row as it was read, without the items that are wrong.
#[derive(Debug)]
pub struct Draft<R> {
    /// Whose it is.
    pub cpf: Cpf,
    /// What can be taken.
    pub row: R,
    /// What cannot.
    pub faults: Vec<Fault>,
    /// Of each list of items, which of those in the file are in `row`.
    pub(crate) kept: [Vec<usize>; 2],
    /// It may be one of a collection of last purchases, which are movements told a second time.
    pub(crate) last_purchase: bool,
}

impl<R> Draft<R> {
    pub(crate) fn whole(cpf: Cpf, row: R) -> Self {
        Self { cpf, row, faults: Vec::new(), kept: [Vec::new(), Vec::new()], last_purchase: false }
    }
}

/// A row of a base: how it is read, and how it waits to be sorted.
pub trait Row: Sized + Send + 'static {
    /// The columns that a file of CSV must have.
    const COLUMNS: &'static [&'static str];
    /// The columns that it may have besides.
    const OPTIONAL: &'static [&'static str];
    /// Its lists of items, in JSON.
    const LISTS: &'static [&'static str];
    /// Whether all rows of a person are one, or each stands for itself.
    const JOINS: bool;
    /// So many rows make a batch.
    const BATCH: usize;

    /// Reads a row of CSV.
    #[doc(hidden)]
    fn of_record(record: &Record<'_>, rules: &Rules) -> Result<Draft<Self>, Fault>;

    /// Reads a JSON object.
    #[doc(hidden)]
    fn of_json(json: &str, rules: &Rules) -> Result<Draft<Self>, Fault>;

    /// Lets an item go.
    #[doc(hidden)]
    fn drop_item(&mut self, list: usize, at: usize);

    /// Rows of one person are sorted by this, then as they came: equal ones that need an id lie together.
    #[doc(hidden)]
    fn order(&self) -> u64 {
        0
    }

    /// Gives it an id of its content, where it has none.
    #[doc(hidden)]
    fn name(&mut self, _cpf: Cpf, _rules: &Rules, _ordinal: u64) {}

    #[doc(hidden)]
    fn pack(&self, to: &mut Vec<u8>);

    #[doc(hidden)]
    fn unpack(cpf: Cpf, from: &mut Unpack<'_>) -> Option<Self>;

    /// Takes what a later row says of the same person.
    #[doc(hidden)]
    fn join(&mut self, later: Self);
}

/// A row of CSV, by the names of its columns.
#[derive(Debug)]
pub struct Record<'r> {
    pub(crate) header: &'r [String],
    pub(crate) fields: Vec<Cow<'r, str>>,
}

impl Record<'_> {
    /// The cell of a column; missing where there is no such column.
    pub(crate) fn cell(&self, column: &str) -> Cell<'_> {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.fields.get(at)).map_or(Cell::Missing, |field| Cell::field(Cow::Borrowed(field)))
    }
}

/// Says of serde's errors what is wrong without repeating what was sent.
pub(crate) fn unreadable(error: &serde_json::Error) -> Fault {
    let what = match error.classify() {
        serde_json::error::Category::Data => "has a list, an object or a field twice where a value belongs",
        _ => "is not well-formed JSON",
    };
    Fault::new("row", format!("{what} (column {})", error.column()))
}

/// Reads each item of a list; those that are wrong become faults.
pub(crate) fn items<C, I>(
    name: &str,
    list: crate::cell::List<C>,
    faults: &mut Vec<Fault>,
    read: impl Fn(C) -> Result<I, Fault>,
) -> (Vec<I>, Vec<usize>) {
    let (mut items, mut kept) = (Vec::new(), Vec::new());
    let crate::cell::List::Items(cells) = list else {
        faults.push(Fault::new(name, "is a list of objects"));
        return (items, kept);
    };
    for (at, cells) in cells.into_iter().enumerate() {
        match read(cells) {
            Ok(item) => {
                items.push(item);
                kept.push(at);
            }
            Err(fault) => faults.push(Fault { field: format!("{name}[{at}].{}", fault.field), ..fault }),
        }
    }
    (items, kept)
}

/// What is later and not empty.
pub(crate) fn fill(text: &mut String, later: String) {
    if !later.is_empty() {
        *text = later;
    }
}
