//! A person of base A as it is kept: the very JSON that is answered.

use ficha_contract::{
    Problem,
    wire::{Debt, DebtsPerson, check_same_cpf, check_text},
};
use ficha_domain::{Cpf, Money};
use ficha_people::{Numbers, Person};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) const NAME_CHARS: usize = 200;
pub(crate) const ADDRESS_CHARS: usize = 300;
const DEBTS: usize = 1000;

/// Beyond it, programs that read JSON numbers as doubles mistake one for another.
const LARGEST_ID: i64 = (1 << 53) - 1;

/// A person and what it owes.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "DebtsDocument")]
pub(crate) struct Document {
    /// Permanent id of the person in this base.
    pub(crate) id: i64,
    /// Eleven digits.
    #[schema(example = "52998224725")]
    pub(crate) cpf: String,
    /// Full name.
    pub(crate) name: String,
    /// Postal address, one line.
    pub(crate) address: String,
    /// What is owed; empty for somebody who is known and owes nothing.
    pub(crate) debts: Vec<DocumentDebt>,
}

/// One debt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(title = "Debt")]
pub(crate) struct DocumentDebt {
    /// Permanent id of the debt in this base.
    pub(crate) id: i64,
    /// Reais, two decimals.
    #[schema(value_type = String, example = "1000.00")]
    pub(crate) value: Money,
    /// Due date.
    #[schema(value_type = String, format = Date, example = "2018-07-07")]
    pub(crate) date: Date,
    /// Id of the person.
    pub(crate) customer: i64,
}

impl Document {
    /// What is kept of a person.
    pub(crate) fn read(person: &Person) -> Result<Self, Problem> {
        serde_json::from_slice(&person.body).map_err(Problem::internal)
    }

    /// The person with what was sent in place of what was there. A debt sent without an id is the one that is equal
    /// to it, or a new one: so a repetition changes nothing.
    pub(crate) fn replace(
        id: i64,
        cpf: Cpf,
        current: Option<&Self>,
        sent: &DebtsPerson,
        numbers: &mut dyn Numbers,
    ) -> Result<Self, Problem> {
        let mut known = current.map(|document| document.debts.clone()).unwrap_or_default();
        // Named debts first, or an equal one without an id would take their place.
        let mut debts: Vec<Option<DocumentDebt>> = Vec::with_capacity(sent.debts.len());
        for (at, debt) in sent.debts.iter().enumerate() {
            debts.push(debt.id.map(|debt_id| take_named(&mut known, debt_id, at, id, debt)).transpose()?);
        }
        let mut kept = Vec::with_capacity(debts.len());
        for (named, debt) in debts.into_iter().zip(&sent.debts) {
            kept.push(match named {
                Some(named) => named,
                None => take_equal(&mut known, debt).map_or_else(|| Self::new_debt(id, debt, numbers), Ok)?,
            });
        }
        Ok(Self {
            id,
            cpf: cpf.to_string(),
            name: sent.name.clone(),
            address: sent.address.clone(),
            debts: kept,
        })
    }

    /// The person with what was sent added to what was there, as [`ficha_contract::Ingest`] promises. An id that the
    /// person does not have is the debt's number in the base that it comes from, and stays its number here.
    pub(crate) fn merge(
        id: i64,
        cpf: Cpf,
        current: Option<Self>,
        sent: &DebtsPerson,
        numbers: &mut dyn Numbers,
    ) -> Result<Self, Problem> {
        let mut merged = current.unwrap_or_else(|| Self::empty(id, cpf));
        for (kept, sent) in [(&mut merged.name, &sent.name), (&mut merged.address, &sent.address)] {
            if !sent.is_empty() {
                kept.clone_from(sent);
            }
        }
        check_text("name", &merged.name, 1, NAME_CHARS)?;
        merged.add(&sent.debts, numbers)?;
        check_count(merged.debts.len())?;
        Ok(merged)
    }

    pub(crate) fn empty(id: i64, cpf: Cpf) -> Self {
        Self { id, cpf: cpf.to_string(), name: String::new(), address: String::new(), debts: Vec::new() }
    }

    /// Named debts first, or an equal one without an id would take their place.
    pub(crate) fn add(&mut self, sent: &[Debt], numbers: &mut dyn Numbers) -> Result<(), Problem> {
        let mut matched = vec![false; self.debts.len()];
        for debt in sent {
            let Some(id) = debt.id else { continue };
            let at = self.debts.iter().position(|known| known.id == id).unwrap_or(self.debts.len());
            let named = DocumentDebt { id, value: debt.value, date: debt.date, customer: self.id };
            if at == self.debts.len() {
                numbers.taken(id)?;
                self.debts.push(named);
                matched.push(true);
            } else {
                self.debts[at] = named;
                matched[at] = true;
            }
        }
        for debt in sent.iter().filter(|debt| debt.id.is_none()) {
            let equal = |(known, matched): (&DocumentDebt, &bool)| {
                !matched && known.value == debt.value && known.date == debt.date
            };
            match self.debts.iter().zip(&matched).position(equal) {
                Some(at) => matched[at] = true,
                None => {
                    self.debts.push(Self::new_debt(self.id, debt, numbers)?);
                    matched.push(true);
                }
            }
        }
        Ok(())
    }

    /// A debt under a number of its own.
    pub(crate) fn new_debt(
        customer: i64,
        debt: &Debt,
        numbers: &mut dyn Numbers,
    ) -> Result<DocumentDebt, Problem> {
        Ok(DocumentDebt { id: numbers.next()?, value: debt.value, date: debt.date, customer })
    }

    /// The JSON.
    pub(crate) fn to_json(&self) -> Result<String, Problem> {
        serde_json::to_string(self).map_err(Problem::internal)
    }
}

fn take_named(
    known: &mut Vec<DocumentDebt>,
    debt_id: i64,
    at: usize,
    customer: i64,
    debt: &Debt,
) -> Result<DocumentDebt, Problem> {
    let unknown = || {
        Problem::field(format!("debts[{at}].id"), "names no debt of this person; leave it out for a new one")
    };
    let found = known.iter().position(|known| known.id == debt_id).ok_or_else(unknown)?;
    let id = known.swap_remove(found).id;
    Ok(DocumentDebt { id, value: debt.value, date: debt.date, customer })
}

fn take_equal(known: &mut Vec<DocumentDebt>, debt: &Debt) -> Option<DocumentDebt> {
    let found = known.iter().position(|known| known.value == debt.value && known.date == debt.date)?;
    Some(known.remove(found))
}

/// The bounds of what can be kept.
pub(crate) fn check(cpf: Cpf, sent: &DebtsPerson) -> Result<(), Problem> {
    check_text("name", &sent.name, 1, NAME_CHARS)?;
    check_row(cpf, sent)
}

/// The bounds of what can be merged: somebody who is known keeps the name.
pub(crate) fn check_row(cpf: Cpf, sent: &DebtsPerson) -> Result<(), Problem> {
    check_same_cpf(cpf, sent.cpf.as_deref())?;
    check_text("name", &sent.name, 0, NAME_CHARS)?;
    check_text("address", &sent.address, 0, ADDRESS_CHARS)?;
    check_count(sent.debts.len())?;
    sent.debts.iter().enumerate().try_for_each(|(at, debt)| {
        check_debt_id(debt).map_err(|problem| in_debt(at, problem))?;
        check_debt("value", debt).map_err(|problem| in_debt(at, problem))
    })
}

fn in_debt(at: usize, mut problem: Problem) -> Problem {
    for error in &mut problem.errors {
        error.field = format!("debts[{at}].{}", error.field);
    }
    problem
}

fn check_debt_id(debt: &Debt) -> Result<(), Problem> {
    match debt.id {
        Some(id) if !(1..=LARGEST_ID).contains(&id) => {
            Err(Problem::field("id", format!("is a number from 1 to {LARGEST_ID}, or left out")))
        }
        _ => Ok(()),
    }
}

/// How many debts a person may have.
pub(crate) fn check_count(count: usize) -> Result<(), Problem> {
    if count > DEBTS {
        return Err(Problem::field("debts", format!("takes at most {DEBTS} debts")));
    }
    Ok(())
}

/// The bounds of one debt.
pub(crate) fn check_debt(field: &str, debt: &Debt) -> Result<(), Problem> {
    if debt.value < Money::default() { Err(Problem::field(field, "is not negative")) } else { Ok(()) }
}
