//! A kept dossier as the seed's server D writes it.

use ficha_contract::Problem;
use ficha_domain::{Money, MovementKind, PaymentType};
use ficha_http::SeedList;
use jiff::{Timestamp, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The fields, in their order.
pub(super) const FIELDS: [&str; 9] = [
    "id",
    "cpf",
    "name",
    "date_birth",
    "address",
    "debts",
    "patrimonies",
    "sources_income",
    "financial_transactions",
];

/// What is known about a person, in the seed's shape.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct CustomerDossier {
    /// The dossier's `number`; null where `fields` leaves it out.
    #[schema(required)]
    id: Option<u64>,
    /// Eleven digits.
    cpf: String,
    /// Full name: base A's, or base B's of somebody whom A does not know.
    name: String,
    /// Day of birth, in UTC; null when unknown.
    #[schema(required, value_type = Option<String>, format = Date)]
    date_birth: Option<Date>,
    /// Postal address, from where the name is.
    address: String,
    /// What is owed.
    debts: Vec<DossierDebt>,
    /// What is owned.
    patrimonies: Vec<DossierItem>,
    /// What is earned.
    sources_income: Vec<DossierItem>,
    /// The latest movements, as many as a dossier holds.
    financial_transactions: Vec<DossierTransaction>,
}

/// A debt in a dossier of the seed's shape.
#[derive(Serialize, ToSchema)]
struct DossierDebt {
    /// Its id in base A.
    id: i64,
    /// Reais, two decimals.
    #[schema(value_type = String, example = "1000.00")]
    value: Money,
    /// Due date.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// The dossier's id.
    customer_dossier: u64,
}

/// An asset or a source of income in a dossier of the seed's shape.
#[derive(Serialize, ToSchema)]
struct DossierItem {
    /// Its place in the list, from 1: base B gives none.
    id: usize,
    /// Reais, two decimals.
    #[schema(value_type = String, example = "1000.00")]
    value: Money,
    /// What it is.
    description: String,
    /// The dossier's id.
    customer_dossier: u64,
}

/// A movement in a dossier of the seed's shape.
#[derive(Serialize, ToSchema)]
struct DossierTransaction {
    /// Its place in the list, from 1: base C's is no number.
    id: usize,
    /// Reais, two decimals.
    #[schema(value_type = String, example = "1000.00")]
    value: Money,
    /// What it was.
    description: String,
    /// The day in UTC.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// `Credit`, `Debit`, or empty.
    #[schema(value_type = String)]
    type_transaction: MovementKind,
    /// `CreditCard`, `DebitCard`, `PaymentSlip`, `Money`, or empty.
    #[schema(value_type = String)]
    payment_type: PaymentType,
    /// The dossier's id.
    customer_dossier: u64,
}

/// A dossier as it is kept, as far as the seed's shape needs it.
#[derive(Deserialize)]
struct Whole {
    number: u64,
    cpf: String,
    sections: Sections,
}

#[derive(Deserialize)]
struct Sections {
    debts: Section<Debts>,
    score: Section<Score>,
    events: Section<Events>,
}

#[derive(Deserialize)]
struct Section<Data> {
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Debts {
    name: String,
    address: String,
    debts: Vec<Debt>,
}

#[derive(Deserialize)]
struct Debt {
    id: i64,
    value: Money,
    date: Date,
}

#[derive(Deserialize)]
struct Score {
    name: String,
    address: String,
    date_birth: Option<Timestamp>,
    patrimonies: Vec<Item>,
    sources_income: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    value: Money,
    description: String,
}

#[derive(Deserialize)]
struct Events {
    movements: Vec<Movement>,
}

#[derive(Deserialize)]
struct Movement {
    value: Money,
    description: String,
    date: Timestamp,
    #[serde(rename = "type")]
    kind: MovementKind,
    #[serde(rename = "PaymentType")]
    payment_type: PaymentType,
}

impl CustomerDossier {
    /// From the bytes of a kept dossier.
    pub(super) fn of(kept: &[u8]) -> Result<Self, Problem> {
        // Without serde's words, which may repeat what they could not read.
        let unreadable = |_| Problem::internal("a kept dossier does not read back in the seed's shape");
        let Whole { number, cpf, sections } = serde_json::from_slice(kept).map_err(unreadable)?;
        let dossier = Self { id: Some(number), cpf, ..Self::default() };
        let dossier =
            dossier.with_events(number, sections.events.data).with_score(number, sections.score.data);
        Ok(dossier.with_debts(number, sections.debts.data))
    }

    fn with_events(self, number: u64, events: Option<Events>) -> Self {
        let movements = events.map(|events| events.movements).unwrap_or_default();
        let one = |(at, movement): (usize, Movement)| DossierTransaction {
            id: at + 1,
            value: movement.value,
            description: movement.description,
            date: utc_day(movement.date),
            type_transaction: movement.kind,
            payment_type: movement.payment_type,
            customer_dossier: number,
        };
        Self { financial_transactions: movements.into_iter().enumerate().map(one).collect(), ..self }
    }

    fn with_score(self, number: u64, score: Option<Score>) -> Self {
        let Some(Score { name, address, date_birth, patrimonies, sources_income }) = score else {
            return self;
        };
        let one = |(at, Item { value, description }): (usize, Item)| DossierItem {
            id: at + 1,
            value,
            description,
            customer_dossier: number,
        };
        let all = |items: Vec<Item>| items.into_iter().enumerate().map(one).collect();
        let (patrimonies, sources_income) = (all(patrimonies), all(sources_income));
        Self { name, address, date_birth: date_birth.map(utc_day), patrimonies, sources_income, ..self }
    }

    /// Last, so that base A's name and address stand.
    fn with_debts(self, number: u64, debts: Option<Debts>) -> Self {
        let Some(Debts { name, address, debts }) = debts else { return self };
        let one = |Debt { id, value, date }| DossierDebt { id, value, date, customer_dossier: number };
        Self { name, address, debts: debts.into_iter().map(one).collect(), ..self }
    }

    /// With the fields that a list tells; the others stay, blank.
    pub(super) fn told_by(self, list: &SeedList) -> Self {
        fn told<T: Default>(list: &SeedList, field: &str, value: T) -> T {
            if list.tells(field) { value } else { T::default() }
        }
        Self {
            id: told(list, "id", self.id),
            cpf: told(list, "cpf", self.cpf),
            name: told(list, "name", self.name),
            date_birth: told(list, "date_birth", self.date_birth),
            address: told(list, "address", self.address),
            debts: told(list, "debts", self.debts),
            patrimonies: told(list, "patrimonies", self.patrimonies),
            sources_income: told(list, "sources_income", self.sources_income),
            financial_transactions: told(list, "financial_transactions", self.financial_transactions),
        }
    }
}

fn utc_day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}
