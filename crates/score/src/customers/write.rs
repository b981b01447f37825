//! What the seed's clients send, and what becomes of it.

use super::{blanked, unreadable};
use crate::{
    Scores, document, kept,
    service::{damaged, kept_as, read},
};
use ficha_contract::{
    Condition, ErrorCode, Problem, Reply, StoreError,
    wire::{ScorePerson, Valued, given, given_objects},
};
use ficha_domain::{Cpf, CpfValidation, ObjectId, parse_instant};
use ficha_people::{Decision, Numbers, Person};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// A customer as it is sent: whole, or what is to change. Other fields are read over.
#[derive(Clone, Deserialize)]
pub(super) struct Sent {
    #[serde(default, deserialize_with = "given")]
    cpf: Option<String>,
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    address: Option<String>,
    /// Sent as null, it becomes unknown.
    #[serde(default, deserialize_with = "birth")]
    date_birth: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "given_objects")]
    patrimonies: Option<Vec<Valued>>,
    #[serde(default, deserialize_with = "given_objects")]
    sources_income: Option<Vec<Valued>>,
}

fn birth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let born = text.map(|text| parse_instant(&text).map_err(serde::de::Error::custom));
    born.transpose().map(Some)
}

impl Sent {
    /// Whom a new customer is about.
    pub(super) fn owner(&self, validation: CpfValidation) -> Result<Cpf, Problem> {
        let text = self.cpf.as_deref().ok_or_else(|| missing("cpf"))?;
        Cpf::parse(text, validation).map_err(Problem::invalid_cpf)
    }

    /// A customer that is sent whole: what is left out is not there.
    pub(super) fn whole(self) -> Result<ScorePerson, Problem> {
        Ok(ScorePerson {
            cpf: self.cpf,
            name: self.name.ok_or_else(|| missing("name"))?,
            address: self.address.ok_or_else(|| missing("address"))?,
            date_birth: self.date_birth.flatten(),
            patrimonies: self.patrimonies.unwrap_or_default(),
            sources_income: self.sources_income.unwrap_or_default(),
        })
    }

    /// The person with what was sent in place of what was there.
    fn over(&self, current: ScorePerson) -> ScorePerson {
        let sent = self.clone();
        ScorePerson {
            cpf: sent.cpf.or(current.cpf),
            name: sent.name.unwrap_or(current.name),
            address: sent.address.unwrap_or(current.address),
            date_birth: sent.date_birth.unwrap_or(current.date_birth),
            patrimonies: sent.patrimonies.unwrap_or(current.patrimonies),
            sources_income: sent.sources_income.unwrap_or(current.sources_income),
        }
    }

    /// What was sent of this customer, and its id: somebody who may not read is shown no more.
    pub(super) fn of(&self, json: &str) -> Result<String, Problem> {
        blanked(json.as_bytes(), |field| match field {
            "cpf" => self.cpf.is_some(),
            "date_birth" => self.date_birth.is_some(),
            "name" => self.name.is_some(),
            "address" => self.address.is_some(),
            "patrimonies" => self.patrimonies.is_some(),
            "sources_income" => self.sources_income.is_some(),
            _ => true,
        })
    }
}

fn missing(field: &str) -> Problem {
    Problem::field(field, "is missing")
}

/// Asking for an id is not a read of a person, and is not recorded.
fn nobody() -> Problem {
    Problem::new(ErrorCode::NotFound).detail("No customer has this id.")
}

fn owner(person: &Person) -> Result<Cpf, Problem> {
    #[derive(Deserialize)]
    struct Owner<'a> {
        cpf: &'a str,
    }
    let (_, json) = kept::unpack(&person.body).ok_or_else(damaged)?;
    let Owner { cpf } = serde_json::from_slice(&json).map_err(unreadable)?;
    Cpf::parse(cpf, CpfValidation::Format).map_err(|_| damaged().into())
}

impl Scores {
    /// Somebody by id: the row that it names, if its document is of that very id.
    pub(super) async fn find_id(&self, id: ObjectId) -> Result<Option<Person>, StoreError> {
        let person = self.people().find_id(document::row_of(id)).await?;
        Ok(person.filter(|person| kept::id(&person.body) == Some(id)))
    }

    /// Somebody by id, and whose id that is. The body is the seed's JSON.
    pub(super) async fn customer(&self, id: ObjectId) -> Result<(Cpf, Person), Problem> {
        let person = self.find_id(id).await?.ok_or_else(nobody)?;
        let (cpf, (_, body)) = (owner(&person)?, kept::unpack(&person.body).ok_or_else(damaged)?);
        Ok((cpf, Person { body, ..person }))
    }

    /// Somebody new.
    pub(super) async fn add_customer(
        &self,
        cpf: Cpf,
        sent: ScorePerson,
        condition: Condition,
    ) -> Result<Reply, Problem> {
        document::check(cpf, &sent, self.world().now())?;
        let world = self.world().clone();
        let decide = move |row, current: Option<&Person>, _: &mut dyn Numbers| {
            if current.is_some() {
                return Err(Problem::field("cpf", "is known; `PUT` replaces what is there"));
            }
            let (body, json) = kept_as(row, cpf, None, &sent, &world)?;
            Ok(Decision::Put(body, 201, json))
        };
        self.people().change(cpf, condition, decide).await
    }

    /// Replaces somebody.
    pub(super) async fn replace_customer(
        &self,
        id: ObjectId,
        sent: ScorePerson,
        condition: Condition,
    ) -> Result<(Cpf, Reply), Problem> {
        let (cpf, _) = self.customer(id).await?;
        document::check(cpf, &sent, self.world().now())?;
        let world = self.world().clone();
        let decide = move |row, current: Option<&Person>, _: &mut dyn Numbers| {
            let (body, json) = kept_as(row, cpf, Some(still(id, current)?), &sent, &world)?;
            Ok(Decision::Put(body, 200, json))
        };
        Ok((cpf, self.people().change(cpf, condition, decide).await?))
    }

    /// Changes what is sent of somebody.
    pub(super) async fn change_customer(
        &self,
        id: ObjectId,
        sent: Sent,
        condition: Condition,
    ) -> Result<(Cpf, Reply), Problem> {
        let (cpf, _) = self.customer(id).await?;
        let scores = self.clone();
        let decide = move |row, current: Option<&Person>, _: &mut dyn Numbers| {
            let current = still(id, current)?;
            let person = sent.over(read(current)?);
            document::check(cpf, &person, scores.world().now())?;
            let (body, json) = kept_as(row, cpf, Some(current), &person, scores.world())?;
            Ok(Decision::Put(body, 200, json))
        };
        Ok((cpf, self.people().change(cpf, condition, decide).await?))
    }

    /// Removes somebody.
    pub(super) async fn remove_customer(&self, id: ObjectId, condition: Condition) -> Result<Reply, Problem> {
        let (cpf, _) = self.customer(id).await?;
        let decide = move |_, current: Option<&Person>, _: &mut dyn Numbers| {
            still(id, current).map(|_| Decision::Delete)
        };
        self.people().change(cpf, condition, decide).await
    }
}

/// Between look-up and change somebody may have gone, and come again under another id.
fn still(id: ObjectId, current: Option<&Person>) -> Result<&Person, Problem> {
    current.filter(|person| kept::id(&person.body) == Some(id)).ok_or_else(nobody)
}
