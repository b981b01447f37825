//! What leaves: the JSON of base C, to the letter of the seed where the seed has it.

use crate::{
    Movement,
    zone::{Local, Month, Zone},
};
use ficha_contract::wire::{MovementKind, PaymentType};
use ficha_domain::{Cpf, Money, ObjectId};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A movement as the seed's base C writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = FinancialTransaction)]
pub(crate) struct Transaction<'a> {
    /// 24 hexadecimal digits.
    #[schema(value_type = String, example = "5b3e4175c43bfd2b780afeba")]
    id: ObjectId,
    /// What it was.
    #[schema(example = "Supermercado")]
    description: &'a str,
    /// Reais, exact to the centavo, in the shortest form of the number: 12.00 is `12`.
    #[schema(value_type = f64, example = 12.5)]
    #[serde(serialize_with = "shortest")]
    value: Money,
    /// When: RFC 3339 with the offset of the base's zone.
    #[schema(value_type = String, format = DateTime, example = "2011-10-05T11:48:00-03:00")]
    date: Local,
    /// Whose: eleven digits.
    #[schema(value_type = String, example = "52998224725")]
    cpf: Cpf,
    /// Which way the money went: `Credit` to the person, `Debit` from the person, or empty where old rows do not say.
    #[schema(value_type = String, example = "Debit")]
    #[serde(rename = "type")]
    kind: MovementKind,
    /// How it was paid: `CreditCard`, `DebitCard`, `PaymentSlip` (boleto), `Money` (cash or transfer), or empty.
    #[schema(value_type = String, example = "CreditCard")]
    #[serde(rename = "PaymentType")]
    payment_type: PaymentType,
}

impl<'a> Transaction<'a> {
    pub(crate) fn of(movement: &'a Movement, zone: &Zone) -> Self {
        Self {
            id: movement.id,
            description: &movement.description,
            value: movement.value,
            date: zone.local(movement.date),
            cpf: movement.cpf,
            kind: movement.kind,
            payment_type: movement.payment_type,
        }
    }
}

/// The latest purchase by credit card, by its date.
#[derive(Serialize, ToSchema)]
#[schema(as = LastPurchase)]
pub(crate) struct Purchase<'a> {
    /// 24 hexadecimal digits.
    #[schema(value_type = String, example = "5b3e4175c43bfd2b780afeba")]
    id: ObjectId,
    /// What it was.
    #[schema(example = "Supermercado")]
    description: &'a str,
    /// Reais, exact to the centavo, in the shortest form of the number: 12.00 is `12`.
    #[schema(value_type = f64, example = 12.5)]
    #[serde(serialize_with = "shortest")]
    value: Money,
    /// When: RFC 3339 with the offset of the base's zone.
    #[schema(value_type = String, format = DateTime, example = "2011-10-05T11:48:00-03:00")]
    date: Local,
    /// Whose: eleven digits.
    #[schema(value_type = String, example = "52998224725")]
    cpf: Cpf,
    /// How it was paid: always `CreditCard`.
    #[schema(value_type = String, example = "CreditCard")]
    #[serde(rename = "PaymentType")]
    payment_type: PaymentType,
}

impl<'a> Purchase<'a> {
    pub(crate) fn of(movement: &'a Movement, zone: &Zone) -> Self {
        let Transaction { id, description, value, date, cpf, payment_type, .. } =
            Transaction::of(movement, zone);
        Self { id, description, value, date, cpf, payment_type }
    }
}

/// What came and went in a calendar month of the base's zone.
#[derive(Serialize, ToSchema)]
pub(crate) struct MonthlyTotal {
    /// Year and month.
    #[schema(value_type = String, example = "2026-10")]
    pub(crate) month: Month,
    /// Reais that went from the person: the sum of the `Debit`s.
    #[schema(value_type = String, example = "1530.07")]
    pub(crate) debit: Money,
    /// Reais that came to the person: the sum of the `Credit`s.
    #[schema(value_type = String, example = "2400.00")]
    pub(crate) credit: Money,
    /// How many movements there were, of any type.
    #[schema(example = 17)]
    pub(crate) count: u64,
}

/// Who looked through the movements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SearchedBy)]
pub(crate) struct Searched {
    /// `index`: the search engine, whose position `as_of` is then. `store`: the base itself, where there is no search
    /// engine or it does not answer.
    #[schema(example = "index")]
    pub(crate) by: &'static str,
    /// What was left out of it. `stemming`: words were found as they are written, but for case and accents; the index
    /// finds other forms of them too (`cartões` and `cartão`).
    #[schema(value_type = Vec<String>, example = json!([]))]
    pub(crate) reduced: &'static [&'static str],
}

impl Searched {
    pub(crate) const BY_INDEX: Self = Self { by: "index", reduced: &[] };

    /// By the store: less, where there were words to look for.
    pub(crate) fn by_store(words: &[String]) -> Self {
        Self { by: "store", reduced: if words.is_empty() { &[] } else { &["stemming"] } }
    }
}

/// What the selected movements of a calendar month and a type come to.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MovementTotal)]
pub(crate) struct Total {
    /// Year and month, in the base's zone.
    #[schema(value_type = String, example = "2026-10")]
    pub(crate) month: Month,
    /// `Credit`, `Debit`, or empty where old rows do not say.
    #[schema(value_type = String, example = "Debit")]
    #[serde(rename = "type")]
    pub(crate) kind: MovementKind,
    /// Reais: their sum.
    #[schema(value_type = String, example = "1530.07")]
    pub(crate) value: Money,
    /// How many there are.
    #[schema(example = 17)]
    pub(crate) count: u64,
}

/// What a person's movements come to.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovementTotals {
    /// Whose: eleven digits.
    #[schema(value_type = String, example = "52998224725")]
    pub(crate) cpf: Cpf,
    /// By month, the latest first, and type: the 1000 latest.
    pub(crate) totals: Vec<Total>,
    /// Where it was read: `own`, `direct`, `replica` or `cache`.
    #[schema(example = "own")]
    pub(crate) source: &'static str,
    /// Up to when this is known to be current: the position of the index, where it answered.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T12:00:00Z")]
    pub(crate) as_of: Timestamp,
    /// Who added up.
    pub(crate) search: Searched,
}

/// A page of movements, the latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovementPage<'a> {
    /// Whose: eleven digits.
    #[schema(value_type = String, example = "52998224725")]
    pub(crate) cpf: Cpf,
    /// The movements, by date and then id, descending. There may be fewer than `limit` before the last page, where some
    /// were removed since the index found them.
    pub(crate) items: Vec<Transaction<'a>>,
    /// Cursor of the next page, to be sent as `after` with the same filters; null on the last page.
    #[schema(value_type = Option<String>)]
    pub(crate) next: Option<String>,
    /// Where it was read: `own`, `direct`, `replica` or `cache`.
    #[schema(example = "own")]
    pub(crate) source: &'static str,
    /// Up to when this is known to be current: the position of the index, where that looked for the words.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T12:00:00Z")]
    pub(crate) as_of: Timestamp,
    /// Who looked for the words of `q`; left out where there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<Searched>,
}

/// Somebody asked about the person.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsultedCpf)]
pub(crate) struct Consulted {
    /// 24 hexadecimal digits: the first of the consultation's own id.
    #[schema(value_type = String, example = "019a0c2f4b7e7d3a9c11e2f0")]
    pub(crate) id: ObjectId,
    /// When: RFC 3339 with the offset of the base's zone.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:00:00.123-03:00")]
    pub(crate) date: Local,
    /// About whom: eleven digits.
    #[schema(value_type = String, example = "52998224725")]
    pub(crate) cpf: Cpf,
    /// Why: the purpose, and nothing about who asked.
    #[schema(example = "credit_granting")]
    pub(crate) description: &'static str,
}

/// As MongoDB's clients get amounts: a JSON number without useless zeros.
fn shortest<S: Serializer>(value: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    let cents = value.cents();
    if cents % 100 == 0 {
        return serializer.serialize_i64(cents / 100);
    }
    // 14 digits at most: the nearest double's shortest decimal is the amount itself.
    serializer.serialize_f64(cents as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Serialize)]
    struct Amount(#[serde(serialize_with = "shortest")] Money);

    proptest! {
        #[test]
        fn amounts_are_exact_and_short(cents in -99_999_999_999_999_i64..=99_999_999_999_999) {
            let money = Money::from_cents(cents).unwrap();
            prop_assert_eq!(serde_json::to_string(&Amount(money)).unwrap(), money.to_shortest());
        }
    }
}
