//! People as `ficha import` reads them: one JSON object a line, in the seed's words (formats.md).

use crate::{
    movements::BRASILIA,
    person::{Debt, Item, Movement, Person},
};
use ficha_domain::{Cpf, Money, MovementKind, ObjectId, PaymentType};
use jiff::{Timestamp, civil::Date};
use serde::{Serialize, Serializer, ser::Error};

/// A line for base A.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DebtsLine<'person> {
    #[serde(serialize_with = "eleven_digits")]
    cpf: Cpf,
    name: &'person str,
    address: &'person str,
    debts: &'person [Debt],
}

/// A line for base B.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ScoreLine<'person> {
    #[serde(serialize_with = "eleven_digits")]
    cpf: Cpf,
    name: &'person str,
    address: &'person str,
    #[serde(serialize_with = "midnight_in_utc")]
    date_birth: Date,
    patrimonies: &'person [Item],
    sources_income: &'person [Item],
}

/// A line for base C: one movement.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EventLine {
    #[serde(serialize_with = "hexadecimal")]
    id: ObjectId,
    #[serde(serialize_with = "eleven_digits")]
    cpf: Cpf,
    description: &'static str,
    #[serde(serialize_with = "shortest_number")]
    value: Money,
    #[serde(serialize_with = "time_in_brasilia")]
    date: Timestamp,
    #[serde(rename = "type")]
    kind: MovementKind,
    #[serde(rename = "PaymentType")]
    payment_type: PaymentType,
}

impl Person {
    /// The person's line for base A, if the base knows the person.
    #[must_use]
    pub fn debts_json(&self) -> Option<DebtsLine<'_>> {
        let Self { cpf, name, address, debts, .. } = self;
        self.in_debts.then_some(DebtsLine { cpf: *cpf, name, address, debts })
    }

    /// The person's line for base B, if the base knows the person.
    #[must_use]
    pub fn score_json(&self) -> Option<ScoreLine<'_>> {
        let Self { cpf, name, address, date_birth, patrimonies, sources_income, .. } = self;
        let line =
            ScoreLine { cpf: *cpf, name, address, date_birth: *date_birth, patrimonies, sources_income };
        self.in_score.then_some(line)
    }

    /// The person's lines for base C, one a movement.
    pub fn events_json(&self) -> impl Iterator<Item = EventLine> {
        self.movements.iter().map(|movement| {
            let Movement { id, description, value, at: date, kind, payment_type } = *movement;
            EventLine { id, cpf: self.cpf, description, value, date, kind, payment_type }
        })
    }
}

fn midnight_in_utc<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{date}T00:00:00Z"))
}

fn time_in_brasilia<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.display_with_offset(BRASILIA))
}

/// The same text as [`Money::to_shortest`], as a number: below 2^53 centavos a float's shortest form is
/// exact.
fn shortest_number<S: Serializer>(value: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    match (value.cents() / 100, value.cents() % 100) {
        (reais, 0) => serializer.serialize_i64(reais),
        _ => serializer.serialize_f64(value.cents() as f64 / 100.0),
    }
}

/// The same text as its `Display`, which goes through the formatter: this is written a dozen times a person.
fn eleven_digits<S: Serializer>(cpf: &Cpf, serializer: S) -> Result<S::Ok, S::Error> {
    let mut rest = cpf.as_u64();
    let mut digits = [b'0'; 11];
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    ascii(&digits, serializer)
}

/// The same text as its `Display`, which would cost a quarter of the time of a line.
fn hexadecimal<S: Serializer>(id: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits: [u8; 24] = std::array::from_fn(|at| {
        let byte = id.0[at / 2];
        DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
    });
    ascii(&digits, serializer)
}

fn ascii<S: Serializer>(digits: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(std::str::from_utf8(digits).map_err(S::Error::custom)?)
}
