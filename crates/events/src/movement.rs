//! A movement as the base keeps it, and what it takes to be one.

use aws_lc_rs::digest;
use ficha_contract::{
    Problem,
    wire::{self, MovementKind, PaymentType},
};
use ficha_domain::{Cpf, CpfValidation, Money, ObjectId};
use jiff::Timestamp;
use std::fmt;

/// 0001-01-01T00:00:00Z, in milliseconds: RFC 3339 has no years before.
const EARLIEST_MS: i64 = -62_135_596_800_000;

/// Longer ones would make a person's hot record slow for everybody.
const DESCRIPTION_CHARS: usize = 1000;

/// Money that came or went. `Debug` shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct Movement {
    /// Whose.
    pub cpf: Cpf,
    /// When, to the millisecond, as MongoDB keeps instants: the same on every engine.
    pub date: Timestamp,
    /// Which.
    pub id: ObjectId,
    /// What it was.
    pub description: String,
    /// How much.
    pub value: Money,
    /// Which way it went.
    pub kind: MovementKind,
    /// How it was paid.
    pub payment_type: PaymentType,
}

impl Movement {
    /// Takes a row as it was sent. Without an id it gets the one of its content ([`derived_id`], the first of its like).
    ///
    /// # Errors
    /// `invalid_cpf`; `invalid_field` for a date before the year 1 or a description of more than 1000 characters.
    pub fn accept(row: wire::Movement, validation: CpfValidation) -> Result<Self, Problem> {
        let (cpf, date) = bounds(&row, validation)?;
        let id = row.id.unwrap_or_else(|| derived_id(&row, cpf, 0));
        let wire::Movement { description, value, kind, payment_type, .. } = row;
        Ok(Self { cpf, date, id, description, value, kind, payment_type })
    }

    /// What "última compra com cartão de crédito" is about.
    #[must_use]
    pub fn is_card_purchase(&self) -> bool {
        self.kind == MovementKind::Debit && self.payment_type == PaymentType::CreditCard
    }
}

impl fmt::Debug for Movement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Movement({})", self.id)
    }
}

/// Whether the base would take this row: for whoever feeds it in bulk and sets bad rows aside one by one.
///
/// # Errors
/// As [`Movement::accept`].
pub fn check(row: &wire::Movement, validation: CpfValidation) -> Result<(), Problem> {
    bounds(row, validation).map(drop)
}

fn bounds(row: &wire::Movement, validation: CpfValidation) -> Result<(Cpf, Timestamp), Problem> {
    let cpf = Cpf::parse(&row.cpf, validation).map_err(Problem::invalid_cpf)?;
    let date = to_millisecond(row.date)
        .ok_or_else(|| Problem::field("date", "lies between the years 1 and 9999"))?;
    wire::check_text("description", &row.description, 0, DESCRIPTION_CHARS)?;
    Ok((cpf, date))
}

/// The id of a row that has none: 12 bytes of the SHA-256 of what it says and of its `ordinal` among rows of the same
/// content, so that feeding it again changes nothing. No key is in it: it outlives keys.
#[must_use]
pub fn derived_id(row: &wire::Movement, cpf: Cpf, ordinal: u64) -> ObjectId {
    let date = to_millisecond(row.date).unwrap_or(row.date);
    let mut content = digest::Context::new(&digest::SHA256);
    content.update(b"ficha movement 1\0");
    for number in [cpf.as_u64(), ordinal] {
        content.update(&number.to_be_bytes());
    }
    for number in [date.as_millisecond(), row.value.cents()] {
        content.update(&number.to_be_bytes());
    }
    for text in [row.kind.as_str(), row.payment_type.as_str(), &row.description] {
        content.update(text.as_bytes());
        content.update(b"\0");
    }
    let hash = content.finish();
    let mut id = [0; 12];
    id.copy_from_slice(&hash.as_ref()[..12]);
    ObjectId(id)
}

/// The millisecond in which an instant lies; `None` before the year 1.
fn to_millisecond(at: Timestamp) -> Option<Timestamp> {
    let millis = i64::try_from(at.as_nanosecond().div_euclid(1_000_000)).ok()?;
    Timestamp::from_millisecond(millis).ok().filter(|_| millis >= EARLIEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> wire::Movement {
        serde_json::from_str(json).unwrap()
    }

    fn refused(json: &str) -> (String, String) {
        let problem = Movement::accept(row(json), CpfValidation::Strict).unwrap_err();
        (problem.errors[0].field.clone(), problem.errors[0].detail.clone())
    }

    #[test]
    fn old_rows_read_with_what_there_is_and_to_the_millisecond() {
        let row = row(r#"{"cpf":"529.982.247-25","date":"2018-07-09 22:11:33.8006+00"}"#);
        let movement = Movement::accept(row, CpfValidation::Strict).unwrap();
        assert_eq!(movement.date.to_string(), "2018-07-09T22:11:33.8Z");
        assert_eq!((movement.value.cents(), movement.description.as_str()), (0, ""));
        assert!(!movement.is_card_purchase());
    }

    #[test]
    fn what_is_no_movement_is_refused_by_field() {
        let long = "x".repeat(1001);
        for (json, field) in [
            (r#"{"cpf":"52998224724","date":"2018-07-09T00:00:00Z"}"#.to_owned(), "cpf"),
            (r#"{"cpf":"52998224725","date":"0000-12-31T23:59:59Z"}"#.to_owned(), "date"),
            (
                format!(r#"{{"cpf":"52998224725","date":"2018-07-09T00:00:00Z","description":"{long}"}}"#),
                "description",
            ),
        ] {
            assert_eq!(refused(&json).0, field);
        }
    }

    #[test]
    fn derived_ids_follow_the_content_and_its_ordinal() {
        let json = r#"{"cpf":"52998224725","date":"2018-07-09T22:11:33.8Z","description":"Pão","value":3}"#;
        let cpf = Cpf::parse("52998224725", CpfValidation::Strict).unwrap();
        let first = derived_id(&row(json), cpf, 0);
        assert_eq!(first, derived_id(&row(&json.replace("22:11:33.8Z", "19:11:33.8004-03:00")), cpf, 0));
        assert_ne!(first, derived_id(&row(json), cpf, 1));
        for (from, to) in [("Pão", "Pao"), (":3}", ":4}"), ("33.8", "33.9"), (":3}", r#":3,"type":"Debit"}"#)]
        {
            assert_ne!(first, derived_id(&row(&json.replace(from, to)), cpf, 0));
        }
        assert_eq!(
            Movement::accept(row(json), CpfValidation::Strict).unwrap().id,
            first,
            "which is what a row without an id gets"
        );
    }
}
