//! What base B does.

use crate::{
    Scorecard,
    document::{self, Document},
    facts::{Facts, utc_day},
    kept,
};
use async_trait::async_trait;
use bytes::Bytes;
use ficha_contract::{
    Ask, Base, Condition, ErrorCode, Found, Ingest, Ingested, Problem, Reply, Source, StoreError,
    Unavailable,
    wire::{Of, ScorePerson},
};
use ficha_domain::{Cpf, World};
use ficha_people::{Decision, Numbers, People, Person};
use jiff::Timestamp;
use std::sync::Arc;

/// Base B. Cloning shares it.
#[derive(Clone)]
pub struct Scores(Arc<Inner>);

struct Inner {
    people: People,
    scorecard: Scorecard,
    world: World,
}

impl Scores {
    /// Base B in these documents, which are kept in clear: they are read often, and feed models.
    #[must_use]
    pub fn new(people: People, scorecard: Scorecard, world: World) -> Self {
        Self(Arc::new(Inner { people, scorecard, world }))
    }

    /// A person with age and score as they are at this moment; the body is the answer.
    ///
    /// # Errors
    /// [`StoreError`], also for a document that is damaged.
    pub async fn find(&self, cpf: Cpf, now: Timestamp) -> Result<Option<Person>, StoreError> {
        Ok(self.find_from(cpf, now).await?.0)
    }

    async fn find_from(&self, cpf: Cpf, now: Timestamp) -> Result<(Option<Person>, Source), StoreError> {
        let (person, source) = self.0.people.find_from(cpf).await?;
        let Some(person) = person else { return Ok((None, source)) };
        let (facts, json) = kept::unpack(&person.body).ok_or_else(damaged)?;
        let body = with_score(&self.0.scorecard, &facts, &json, now).map_err(StoreError::new)?;
        Ok((Some(Person { body, ..person }), source))
    }

    pub(crate) fn people(&self) -> &People {
        &self.0.people
    }

    pub(crate) fn world(&self) -> &World {
        &self.0.world
    }

    /// Puts what was sent in place of what was there; the id stays. Answers what is kept, without the score: whoever
    /// feeds a base has no purpose for which to see it.
    ///
    /// # Errors
    /// `invalid_field`, `precondition_failed`, `idempotency_key_reused`, the store's.
    pub async fn replace(&self, cpf: Cpf, sent: ScorePerson, condition: Condition) -> Result<Reply, Problem> {
        document::check(cpf, &sent, self.0.world.now())?;
        let world = self.0.world.clone();
        let decide = move |row, current: Option<&Person>, _: &mut dyn Numbers| {
            let status = if current.is_some() { 200 } else { 201 };
            let (body, json) = kept_as(row, cpf, current, &sent, &world)?;
            Ok(Decision::Put(body, status, json))
        };
        self.0.people.change(cpf, condition, decide).await
    }

    /// Removes a person.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`, `idempotency_key_reused`, the store's.
    pub async fn remove(&self, cpf: Cpf, condition: Condition) -> Result<Reply, Problem> {
        let decide = |_, current: Option<&Person>, _: &mut dyn Numbers| {
            current.map(|_| Decision::Delete).ok_or(ErrorCode::NotFound.into())
        };
        self.0.people.change(cpf, condition, decide).await
    }
}

/// The JSON with age and score put in before its last brace; nothing of it is printed again.
pub(crate) fn with_score(
    scorecard: &Scorecard,
    facts: &Facts,
    json: &[u8],
    now: Timestamp,
) -> serde_json::Result<Bytes> {
    const SCORE_LEN: usize = 700;
    let mut answer = Vec::with_capacity(json.len() + SCORE_LEN);
    answer.extend(json.strip_suffix(b"}").unwrap_or(json));
    answer.extend(b",\"age\":");
    serde_json::to_writer(&mut answer, &facts.age(utc_day(now)))?;
    answer.extend(b",\"score\":");
    serde_json::to_writer(&mut answer, &scorecard.score(facts, now))?;
    answer.push(b'}');
    Ok(answer.into())
}

pub(crate) fn damaged() -> StoreError {
    StoreError::new("a document of base B is damaged: it was not written by this version of ficha")
}

/// What is known of a person, in the shape in which it was sent.
pub(crate) fn read(person: &Person) -> Result<ScorePerson, Problem> {
    let (_, json) = kept::unpack(&person.body).ok_or_else(damaged)?;
    Ok(serde_json::from_slice(&json).map_err(StoreError::new)?)
}

/// What is to be kept, and its JSON.
pub(crate) fn kept_as(
    row: i64,
    cpf: Cpf,
    current: Option<&Person>,
    sent: &ScorePerson,
    world: &World,
) -> Result<(Vec<u8>, String), Problem> {
    let id = match current {
        Some(person) => kept::id(&person.body).ok_or_else(damaged)?,
        None => document::new_id(row, world.now()),
    };
    let json = Document::new(id, cpf, sent).to_json()?;
    Ok((kept::pack(&Facts::of(sent), &json), json))
}

/// Adds what was sent to what is there; `new` is what is kept where nothing is, but for its id.
fn merge(
    row: i64,
    cpf: Cpf,
    current: Option<&Person>,
    sent: &ScorePerson,
    new: &[u8],
    world: &World,
) -> Result<Decision, Problem> {
    let Some(current) = current else {
        document::check_name(sent)?;
        let mut new = new.to_vec();
        kept::put_id(&mut new, document::new_id(row, world.now()));
        return Ok(Decision::Put(new, 200, String::new()));
    };
    let merged = document::merge(read(current)?, sent);
    document::check(cpf, &merged, world.now())?;
    let (body, _) = kept_as(row, cpf, Some(current), &merged, world)?;
    let equal = current.body == body;
    Ok(if equal { Decision::Keep } else { Decision::Put(body, 200, String::new()) })
}

#[async_trait]
impl Base for Scores {
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable> {
        // A cache misses nothing that was answered before it was asked, as little as the store does.
        let as_of = ask.now;
        let (person, source) = self.find_from(ask.cpf, ask.now).await?;
        Ok(match person {
            Some(Person { body, updated_at, .. }) => Found::Person { body, as_of, updated_at, source },
            None => Found::Nobody { as_of, source },
        })
    }
}

#[async_trait]
impl Ingest<Of<ScorePerson>> for Scores {
    async fn ingest(&self, batch: Vec<Of<ScorePerson>>) -> Result<Ingested, Problem> {
        batch.iter().try_for_each(|row| Ingest::check(self, row))?;
        let changes = batch.into_iter().map(|Of { cpf, person }| {
            let world = self.0.world.clone();
            // Most rows of a bulk load are of somebody new: what is kept of them is made here, and not by the writer,
            // which has the batch before this one to write. Only the row is not known yet.
            let (new, _) = kept_as(0, cpf, None, &person, &world)?;
            let decide = move |row, current: Option<&Person>, _: &mut dyn Numbers| {
                merge(row, cpf, current, &person, &new, &world)
            };
            Ok::<_, Problem>((cpf, decide))
        });
        let changes = changes.collect::<Result<_, _>>()?;
        self.0.people.ingest(changes).await
    }

    fn check(&self, row: &Of<ScorePerson>) -> Result<(), Problem> {
        document::check_row(row.cpf, &row.person, self.0.world.now())
    }

    fn region(&self, cpf: Cpf) -> u64 {
        self.0.people.region(cpf)
    }
}
