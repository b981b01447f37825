//! A scorecard as it is written: read, and checked row by row before anybody is scored with it.

use super::{Band, Bin, Missing, Scorecard, Variable, Wording, feature::Feature};
use ficha_domain::Money;
use serde::Deserialize;
use std::fmt::Display;

/// What is wrong with a scorecard: which row, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ScorecardError {
    /// The file cannot be read.
    #[error("scorecard: {file} cannot be read: {why}")]
    File {
        /// Which.
        file: String,
        /// Why.
        why: std::io::Error,
    },
    /// Not TOML, a key or a feature that is not known, a value of another type; names line and column.
    #[error("scorecard: {0}")]
    Form(Box<toml::de::Error>),
    /// Readable, but not a scorecard.
    #[error("scorecard: {row}: {fix}")]
    Row {
        /// Which, counted from 1: `variables[2] (monthly_income), bins[3]`.
        row: String,
        /// What it has to be.
        fix: String,
    },
}

/// Points of a row, and of the whole, lie within this.
pub(super) const SCALE: i64 = 1000;
const BINS_MAX: usize = 100;
const BANDS_MAX: usize = 10;
const NAME_CHARS_MAX: usize = 60;
const TEXT_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    version: String,
    base_points: i64,
    bands: Vec<BandRow>,
    variables: Vec<VariableRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandRow {
    name: String,
    up_to: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableRow {
    feature: Feature,
    code: String,
    text: String,
    bins: Vec<BinRow>,
    missing: Option<MissingRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BinRow {
    /// Read as an amount, which takes `1500`, `1500.5` and `"1500.00"` alike; other features take whole numbers.
    from: Option<Money>,
    points: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MissingRow {
    code: String,
    text: String,
    points: i64,
}

pub(super) fn read(text: &str) -> Result<Scorecard, ScorecardError> {
    let table: Table = toml::from_str(text).map_err(|error| ScorecardError::Form(Box::new(error)))?;
    check_length("name", &table.name, NAME_CHARS_MAX)?;
    check_length("version", &table.version, NAME_CHARS_MAX)?;
    if !(0..=SCALE).contains(&table.base_points) {
        return wrong("base_points", format!("takes a whole number from 0 to {SCALE}"));
    }
    check_repetitions(&table.variables)?;
    let bands = bands(table.bands)?;
    let variables = table.variables.into_iter().enumerate().map(|(at, row)| variable(at, row));
    let variables = variables.collect::<Result<_, _>>()?;
    Ok(Scorecard {
        name: table.name,
        version: table.version,
        base_points: table.base_points,
        bands,
        variables,
    })
}

/// A feature counted twice would be two variables that nobody can tell apart; a code used twice, two reasons.
fn check_repetitions(rows: &[VariableRow]) -> Result<(), ScorecardError> {
    if rows.is_empty() {
        return wrong("variables", "give at least one");
    }
    let mut codes = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if rows[..at].iter().any(|earlier| earlier.feature == row.feature) {
            return wrong(
                name_of(at, row.feature),
                "the feature has a row already: put its bins into one row",
            );
        }
        for code in std::iter::once(&row.code).chain(row.missing.as_ref().map(|missing| &missing.code)) {
            if codes.contains(&code) {
                let fix = format!("the code `{code}` is in use already: reasons are told apart by it");
                return wrong(name_of(at, row.feature), fix);
            }
            codes.push(code);
        }
    }
    Ok(())
}

fn bands(rows: Vec<BandRow>) -> Result<Vec<Band>, ScorecardError> {
    if !(1..=BANDS_MAX).contains(&rows.len()) {
        return wrong("bands", format!("give 1 to {BANDS_MAX}"));
    }
    let mut bands: Vec<Band> = Vec::with_capacity(rows.len());
    for BandRow { name, up_to } in rows {
        let row = format!("bands[{}]", bands.len() + 1);
        check_word(&row, "name", &name)?;
        if bands.iter().any(|band| band.name == name) {
            return wrong(row, format!("the name `{name}` is in use already"));
        }
        let lowest = bands.last().map_or(0, |band| band.up_to + 1);
        if !(lowest..=SCALE).contains(&up_to) {
            return wrong(row, format!("`up_to` takes a whole number from {lowest} to {SCALE}"));
        }
        bands.push(Band { name, up_to });
    }
    match bands.last() {
        Some(last) if last.up_to == SCALE => Ok(bands),
        _ => wrong(format!("bands[{}]", bands.len()), format!("the last band is `up_to = {SCALE}`")),
    }
}

fn variable(at: usize, row: VariableRow) -> Result<Variable, ScorecardError> {
    let VariableRow { feature, code, text, bins: rows, missing } = row;
    let row = name_of(at, feature);
    let wording = wording(&row, code, text)?;
    let bins = bins(&row, feature, rows)?;
    let missing = self::missing(&row, feature, missing)?;
    let all = bins.iter().map(|bin| bin.points).chain(missing.as_ref().map(|missing| missing.points));
    let most_points = all.max().unwrap_or_default();
    Ok(Variable { feature, wording, bins, missing, most_points })
}

/// A bin reaches from its `from` to the next one's: nothing can be left out or covered twice.
fn bins(row: &str, feature: Feature, rows: Vec<BinRow>) -> Result<Vec<Bin>, ScorecardError> {
    if !(1..=BINS_MAX).contains(&rows.len()) {
        return wrong(format!("{row}, bins"), format!("give 1 to {BINS_MAX}"));
    }
    let mut bins: Vec<Bin> = Vec::with_capacity(rows.len());
    for BinRow { from, points } in rows {
        let row = format!("{row}, bins[{}]", bins.len() + 1);
        check_points(&row, points)?;
        let from = match (bins.last(), from) {
            (None, None) => 0,
            (None, Some(_)) => {
                return wrong(row, "leave `from` out: the first bin begins where the line does");
            }
            (Some(_), None) => return wrong(row, "give `from`: only the first bin goes without"),
            (Some(last), Some(from)) => later_bound(&row, feature, last.from, from)?,
        };
        bins.push(Bin { from, points });
    }
    Ok(bins)
}

fn later_bound(row: &str, feature: Feature, last: i64, from: Money) -> Result<i64, ScorecardError> {
    let from = match feature.is_money() {
        true => from.cents(),
        false if from.cents() % 100 == 0 => from.cents() / 100,
        false => return wrong(row, "`from` takes a whole number"),
    };
    if from > last { Ok(from) } else { wrong(row, "`from` grows from bin to bin, and is above 0") }
}

fn missing(
    row: &str,
    feature: Feature,
    found: Option<MissingRow>,
) -> Result<Option<Missing>, ScorecardError> {
    let row = format!("{row}, missing");
    match found {
        None if feature.may_be_missing() => {
            wrong(row, "give `missing = { code, text, points }`: not everybody has this")
        }
        None => Ok(None),
        Some(_) if !feature.may_be_missing() => wrong(row, "leave it out: everybody who is scored has this"),
        Some(MissingRow { code, text, points }) => {
            check_points(&row, points)?;
            Ok(Some(Missing { wording: wording(&row, code, text)?, points }))
        }
    }
}

fn wording(row: &str, code: String, text: String) -> Result<Wording, ScorecardError> {
    check_word(row, "code", &code)?;
    check_length(format!("{row}, text"), &text, TEXT_CHARS_MAX)?;
    Ok(Wording { code, text })
}

fn check_points(row: &str, points: i64) -> Result<(), ScorecardError> {
    let range = -SCALE..=SCALE;
    if range.contains(&points) {
        Ok(())
    } else {
        wrong(row, format!("`points` lie from -{SCALE} to {SCALE}"))
    }
}

/// Programs compare these, so they are plain words.
fn check_word(row: &str, key: &str, word: &str) -> Result<(), ScorecardError> {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain && (1..=NAME_CHARS_MAX).contains(&word.len()) {
        return Ok(());
    }
    wrong(row, format!("`{key}` takes 1 to {NAME_CHARS_MAX} of a-z, 0-9 and _"))
}

fn check_length(row: impl Display, text: &str, chars_max: usize) -> Result<(), ScorecardError> {
    if (1..=chars_max).contains(&text.chars().count()) && !text.trim().is_empty() {
        return Ok(());
    }
    wrong(row, format!("takes 1 to {chars_max} characters"))
}

fn name_of(at: usize, feature: Feature) -> String {
    format!("variables[{}] ({})", at + 1, feature.as_str())
}

fn wrong<T>(row: impl Display, fix: impl Into<String>) -> Result<T, ScorecardError> {
    Err(ScorecardError::Row { row: row.to_string(), fix: fix.into() })
}
