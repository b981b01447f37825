//! What is known about a synthetic person.

use crate::arithmetic::whole;
use ficha_domain::{Cpf, Money, MovementKind, ObjectId, PaymentType};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

/// A synthetic person, with what each base holds. A base that does not know the person has nothing of its
/// own.
///
/// `Debug` shows name and address: nobody's, and the address says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Valid, and of nobody else below [`Population::CAPACITY`](crate::Population::CAPACITY).
    pub cpf: Cpf,
    /// A first name and two surnames.
    pub name: String,
    /// Ends with ` (dados sintéticos)`.
    pub address: String,
    /// Two letters (UF), of the fiscal region in the CPF's ninth digit.
    pub state: &'static str,
    /// Eighteen years ago at the latest.
    pub date_birth: Date,
    /// Whether base A has heard of the person; whoever has debts is known there.
    pub in_debts: bool,
    /// Whether base B has heard of the person.
    pub in_score: bool,
    /// Whether base C has heard of the person: it knows people by their movements only.
    pub in_events: bool,
    /// Base A, the oldest first, none older than five years. Any debt at all makes a person negative.
    pub debts: Vec<Debt>,
    /// Base B: what is owned. Many own nothing.
    pub patrimonies: Vec<Item>,
    /// Base B: monthly incomes, the main one first.
    pub sources_income: Vec<Item>,
    /// Base C: the last twelve months, the oldest first.
    pub movements: Vec<Movement>,
}

/// An overdue debt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Debt {
    /// What is owed.
    pub value: Money,
    /// When it was due.
    pub date: Date,
}

/// A possession and its worth, or a source of income and what comes in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// In reais, or in reais a month.
    pub value: Money,
    /// In Portuguese.
    pub description: &'static str,
}

/// Money that came or went.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement {
    /// Distinct over all people of a population.
    pub id: ObjectId,
    /// In Portuguese.
    pub description: &'static str,
    /// Never negative: `kind` says which way it went.
    pub value: Money,
    /// Before the population's `today`.
    pub at: Timestamp,
    /// Whether it came or went.
    pub kind: MovementKind,
    /// How.
    pub payment_type: PaymentType,
}

/// To the nearest centavo; at least one, at most a billion reais.
pub(crate) fn reais(amount: f64) -> Money {
    Money::from_cents(whole(amount.clamp(0.01, 1e9) * 100.0) as i64).unwrap_or_default()
}
