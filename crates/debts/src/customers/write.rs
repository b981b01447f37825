//! What the seed's clients send, and what becomes of it.

use super::Customer;
use crate::{
    Debts,
    document::{self, ADDRESS_CHARS, Document, DocumentDebt, NAME_CHARS},
};
use ficha_contract::{
    Condition, ErrorCode, Problem, Reply,
    wire::{Debt, check_same_cpf, check_text, given, given_objects},
};
use ficha_domain::{Cpf, CpfValidation};
use ficha_people::{Decision, Numbers, Person};
use serde::Deserialize;

/// A customer as it is sent: whole, or what is to change. Other fields are read over.
#[derive(Clone, Deserialize)]
pub(super) struct Sent {
    #[serde(default, deserialize_with = "given")]
    cpf: Option<String>,
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    address: Option<String>,
    #[serde(default, deserialize_with = "given_objects")]
    debts: Option<Vec<Debt>>,
}

impl Sent {
    /// Whom a new customer is about.
    pub(super) fn owner(&self, validation: CpfValidation) -> Result<Cpf, Problem> {
        let text = self.cpf.as_deref().ok_or_else(|| missing("cpf"))?;
        Cpf::parse(text, validation).map_err(Problem::invalid_cpf)
    }

    /// A customer that is sent whole has a name and an address.
    pub(super) fn whole(self) -> Result<Self, Problem> {
        match (&self.name, &self.address) {
            (None, _) => Err(missing("name")),
            (_, None) => Err(missing("address")),
            _ => Ok(self),
        }
    }

    fn check(&self, cpf: Cpf) -> Result<(), Problem> {
        check_same_cpf(cpf, self.cpf.as_deref())?;
        self.name.as_ref().map_or(Ok(()), |name| check_text("name", name, 1, NAME_CHARS))?;
        self.address.as_ref().map_or(Ok(()), |text| check_text("address", text, 0, ADDRESS_CHARS))?;
        let debts = self.debts.iter().flatten().enumerate();
        debts.into_iter().try_for_each(|(at, debt)| document::check_debt(&format!("debts[{at}].value"), debt))
    }

    /// What was sent of this customer, and its id: somebody who may not read is shown no more.
    pub(super) fn of(&self, customer: Customer) -> Customer {
        let text = |sent: &Option<String>, text| if sent.is_some() { text } else { String::new() };
        let mut known = customer.debts;
        let sent = self.debts.iter().flatten();
        let debts = sent.filter_map(|sent| take(&mut known, |known| is_equal(known, sent))).collect();
        Customer {
            id: customer.id,
            debts,
            cpf: text(&self.cpf, customer.cpf),
            name: text(&self.name, customer.name),
            address: text(&self.address, customer.address),
        }
    }
}

fn missing(field: &str) -> Problem {
    Problem::field(field, "is missing")
}

/// Asking for an id is not a read of a person, and is not recorded.
pub(super) fn nobody() -> Problem {
    Problem::new(ErrorCode::NotFound).detail("No customer has this id.")
}

fn is_equal(known: &DocumentDebt, sent: &Debt) -> bool {
    known.value == sent.value && known.date == sent.date
}

fn take(debts: &mut Vec<DocumentDebt>, wanted: impl Fn(&DocumentDebt) -> bool) -> Option<DocumentDebt> {
    let at = debts.iter().position(wanted)?;
    Some(debts.remove(at))
}

impl Document {
    /// Takes over what was sent. Debts that are not listed are kept, as there; one whose id is none of this person's
    /// is a debt like any other, and has an id of its own from now on.
    fn take_over(&mut self, sent: &Sent, numbers: &mut dyn Numbers) -> Result<(), Problem> {
        let texts = [(&mut self.name, &sent.name), (&mut self.address, &sent.address)];
        for (kept, text) in texts.into_iter().filter_map(|(kept, text)| Some((kept, text.as_ref()?))) {
            kept.clone_from(text);
        }
        let is_own = |id: &i64| self.debts.iter().any(|known| known.id == *id);
        let sent = sent.debts.iter().flatten();
        let debts: Vec<Debt> = sent.map(|debt| Debt { id: debt.id.filter(is_own), ..debt.clone() }).collect();
        self.add(&debts, numbers)?;
        document::check_count(self.debts.len())
    }
}

impl Debts {
    /// Somebody by id, and whose number that is.
    pub(super) async fn customer(&self, id: i64) -> Result<(Cpf, Person), Problem> {
        let person = self.0.find_id(id).await?.ok_or_else(nobody)?;
        Ok((Document::read(&person)?.owner()?, person))
    }

    /// Somebody new.
    pub(super) async fn add_customer(
        &self,
        cpf: Cpf,
        sent: Sent,
        condition: Condition,
    ) -> Result<Reply, Problem> {
        sent.check(cpf)?;
        let decide = move |id, current: Option<&Person>, numbers: &mut dyn Numbers| {
            if current.is_some() {
                return Err(Problem::field("cpf", "is known; `PUT` replaces what is there"));
            }
            let mut document = Document::empty(id, cpf);
            document.take_over(&sent, numbers)?;
            put(&document, 201)
        };
        self.0.change(cpf, condition, decide).await
    }

    /// Changes somebody as sent; answers the whole document.
    pub(super) async fn change_customer(
        &self,
        id: i64,
        sent: Sent,
        condition: Condition,
    ) -> Result<(Cpf, Reply), Problem> {
        let (cpf, _) = self.customer(id).await?;
        sent.check(cpf)?;
        let decide = move |_, current: Option<&Person>, numbers: &mut dyn Numbers| {
            let mut document = Document::read(still(id, current)?)?;
            document.take_over(&sent, numbers)?;
            put(&document, 200)
        };
        Ok((cpf, self.0.change(cpf, condition, decide).await?))
    }

    /// Removes somebody with all debts.
    pub(super) async fn remove_customer(&self, id: i64, condition: Condition) -> Result<Reply, Problem> {
        let (cpf, _) = self.customer(id).await?;
        let decide = move |_, current: Option<&Person>, _: &mut dyn Numbers| {
            still(id, current).map(|_| Decision::Delete)
        };
        self.0.change(cpf, condition, decide).await
    }
}

/// Between look-up and change somebody may have gone, and come again under another id.
fn still(id: i64, current: Option<&Person>) -> Result<&Person, Problem> {
    current.filter(|person| person.id == id).ok_or_else(nobody)
}

fn put(document: &Document, status: u16) -> Result<Decision, Problem> {
    let json = document.to_json()?;
    Ok(Decision::Put(json.clone().into_bytes(), status, json))
}
