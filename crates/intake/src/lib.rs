//! Other people's files into the bases: read, set right, sorted, merged. What is wrong is set aside, not lost.
//!
//! A [`Source`] is cut into rows (`cut`, `rows`), each value is read whoever wrote it (`cell`) and however
//! (`normal`), and becomes a row of its base (`base`). Rows are sorted by person in bounded memory (`sort`), along
//! the base, so that all that a file says of somebody lands together and each page is written once; batches then go
//! into [`ficha_contract::Ingest`], a transaction each ([`run`]). A run that was killed is repeated: what is there already matches what comes again.
//!
//! What cannot be taken goes to the [`Quarantine`], a file in the form of the one that it comes from, which can be
//! mended and imported like any other.
//!
//! # To understand another way of writing a value
//! A line in `normal` and in the table of its tests. Where a text can be read in two ways, refuse it.
//!
//! # To feed another base
//! An `impl` of [`Row`] in a module below `base`, and its arm in the command.

mod base;
mod cell;
mod cut;
mod normal;
mod pack;
mod quarantine;
mod read;
mod rows;
mod run;
mod sort;
mod source;

pub use base::{Draft, Fault, Row};
pub use quarantine::Quarantine;
pub use run::{Batches, Plan, Summary, Watch, run};
pub use source::{Place, Source};

use ficha_contract::{Problem, wire};
use ficha_domain::{Cpf, CpfValidation, ObjectId};
use jiff::tz::TimeZone;
use std::io;

/// How bytes are letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// With or without a byte order mark.
    #[default]
    Utf8,
    /// ISO 8859-1 as Windows has it.
    Latin1,
}

/// How values are read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How bytes are letters.
    pub encoding: Encoding,
    /// How CPFs are checked.
    pub validation: CpfValidation,
    /// Numbers with fewer than eleven digits are CPFs whose leading zeros are gone.
    pub pad_cpf: bool,
    /// Of instants that do not say it.
    pub zone: TimeZone,
    /// The id of a movement that has none, given its place among equal ones.
    pub derived_id: fn(&wire::Movement, Cpf, u64) -> ObjectId,
}

/// Why an import ended early. What had landed stays; run it again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk's.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is not one of rows.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The base could not take a batch, through no fault of its rows.
    #[error("the base could not take the rows: {0}")]
    Base(Problem),
    /// A fault of ours.
    #[error("{0}")]
    Internal(&'static str),
}
