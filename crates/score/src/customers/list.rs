//! Who is on a page. Base B is in clear, so it is searched by every field that is one value; nothing but ids is
//! indexed, and a search that walks too far fails.

use super::{FIELDS, unreadable};
use crate::{Scores, kept, service::damaged};
use bytes::Bytes;
use ficha_contract::Problem;
use ficha_domain::{Cpf, CpfValidation, ObjectId, parse_instant};
use ficha_http::{Is, ListRules, SeedList};
use ficha_people::Person;
use jiff::Timestamp;
use serde::Deserialize;
use std::{borrow::Cow, ops::ControlFlow};

const VALUES: [&str; 5] = ["id", "cpf", "date_birth", "name", "address"];
pub(super) const RULES: ListRules = ListRules { fields: &FIELDS, filters: &VALUES, orders: &VALUES };

/// Whom a list asks for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) cpf: Option<Cpf>,
    id: Option<ObjectId>,
    /// What has to be so of each field, by its comparable text.
    conditions: Vec<(&'static str, Condition)>,
}

#[derive(Clone)]
enum Condition {
    Null,
    NotNull,
    Equal(String),
}

impl Wanted {
    pub(super) fn by(list: &SeedList, validation: CpfValidation) -> Result<Self, Problem> {
        let cpf = list.equal("cpf").map(|text| Cpf::parse(text, validation)).transpose();
        let id = list.equal("id").map(|text| text.parse().map_err(|form| Problem::field("id", form)));
        let condition = |(field, is): &(&'static str, Is)| Ok((*field, condition(field, is)?));
        // Of two wrong things, that which can be known by the field's type is said first.
        let (cpf, id) = (cpf.map_err(Problem::invalid_cpf)?, id.transpose()?);
        let conditions = list.filters.iter().map(condition).collect::<Result<_, Problem>>()?;
        Ok(Self { cpf, id, conditions })
    }

    fn holds(&self, customer: &Values<'_>) -> bool {
        self.conditions.iter().all(|(field, condition)| match (condition, customer.comparable(field)) {
            (Condition::Null, value) => value.is_none(),
            (Condition::NotNull, value) => value.is_some(),
            (Condition::Equal(wanted), value) => value.is_some_and(|value| value == *wanted),
        })
    }
}

fn condition(field: &str, is: &Is) -> Result<Condition, Problem> {
    Ok(match is {
        Is::Null => Condition::Null,
        Is::NotNull => Condition::NotNull,
        Is::Equal(text) if field == "date_birth" => {
            let born = parse_instant(text).map_err(|error| Problem::field(field, error.to_string()))?;
            Condition::Equal(comparable(born))
        }
        Is::Equal(text) if field == "cpf" => Condition::Equal(text.replace(['.', '-'], "")),
        Is::Equal(text) if field == "id" => Condition::Equal(text.to_ascii_lowercase()),
        Is::Equal(text) => Condition::Equal(text.clone()),
    })
}

/// Instants whose texts compare as they do.
fn comparable(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// What a customer is selected and put in order by.
#[derive(Deserialize)]
struct Values<'a> {
    id: &'a str,
    cpf: &'a str,
    date_birth: Option<Timestamp>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    address: Cow<'a, str>,
}

impl Values<'_> {
    fn comparable(&self, field: &str) -> Option<Cow<'_, str>> {
        match field {
            "id" => Some(self.id.into()),
            "cpf" => Some(self.cpf.into()),
            "date_birth" => self.date_birth.map(|born| comparable(born).into()),
            "name" => Some(self.name.as_ref().into()),
            _ => Some(self.address.as_ref().into()),
        }
    }
}

/// A customer on a page.
pub(super) struct Found {
    pub(super) cpf: Cpf,
    pub(super) json: Bytes,
    /// What it is put in order by: the values, and whether they descend.
    key: Vec<(Option<String>, bool)>,
}

impl Found {
    /// Of a person who is wanted.
    fn of(person: &Person, list: &SeedList, wanted: &Wanted) -> Result<Option<Self>, Problem> {
        let (_, json) = kept::unpack(&person.body).ok_or_else(damaged)?;
        let values: Values<'_> = serde_json::from_slice(&json).map_err(unreadable)?;
        if !wanted.holds(&values) {
            return Ok(None);
        }
        let cpf = Cpf::parse(values.cpf, CpfValidation::Format).map_err(|_| damaged())?;
        let value = |&(field, down): &(&str, bool)| (values.comparable(field).map(Cow::into_owned), down);
        let key = list.orders.iter().map(value).collect();
        Ok(Some(Self { cpf, json: json.clone(), key }))
    }

    fn before(&self, other: &Self) -> std::cmp::Ordering {
        let pairs = self.key.iter().zip(&other.key);
        let each = pairs.map(|((one, down), (other, _))| if *down { other.cmp(one) } else { one.cmp(other) });
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    }
}

impl Scores {
    /// A page. Whoever is named is looked up; otherwise people are walked through.
    pub(super) async fn customers(&self, list: &SeedList, wanted: &Wanted) -> Result<Vec<Found>, Problem> {
        let person = match wanted {
            Wanted { cpf: Some(cpf), .. } => self.people().find(*cpf).await?,
            Wanted { id: Some(id), .. } => self.find_id(*id).await?,
            _ => return self.page(list.clone(), wanted.clone()).await,
        };
        let found = person.map(|person| Found::of(&person, list, wanted)).transpose()?;
        Ok(found.flatten().into_iter().collect())
    }

    async fn page(&self, list: SeedList, wanted: Wanted) -> Result<Vec<Found>, Problem> {
        // Ids are walked along in the order in which they were given.
        let sorts = list.orders.first().is_some_and(|(name, _)| *name != "id");
        let down = list.newest_first();
        let size = list.page_size;
        let take = move |page: &mut Result<Vec<Found>, Problem>, person: Person| {
            let Ok(found) = page.as_mut() else { return ControlFlow::Break(()) };
            match Found::of(&person, &list, &wanted) {
                Ok(one) => found.extend(one),
                Err(problem) => *page = Err(problem),
            }
            page.as_mut().map_or(ControlFlow::Break(()), |found| enough(found, size, sorts))
        };
        let mut found = self.people().fold(down, Ok(Vec::new()), take).await??;
        if sorts {
            found.sort_by(Found::before);
        }
        found.truncate(size);
        Ok(found)
    }
}

/// What is put in order has to be seen whole, of which only the first are kept.
fn enough(found: &mut Vec<Found>, size: usize, sorts: bool) -> ControlFlow<()> {
    if !sorts && found.len() >= size {
        return ControlFlow::Break(());
    }
    if found.len() >= 2 * size + 100 {
        found.sort_by(Found::before);
        found.truncate(size);
    }
    ControlFlow::Continue(())
}
