//! The service: what base C knows, as ready JSON.

use crate::{
    Change, Index, Movement, MovementStore, Selection, Write, Zone, feed,
    shape::{Consulted, Transaction},
};
use async_trait::async_trait;
use bytes::Bytes;
use ficha_contract::{
    Ask, Base, Condition, Consultation, Evidence, Found, Ingest, Ingested, LastConsultation, Problem, Reply,
    Source, StoreError, Unavailable, wire,
};
use ficha_domain::{Cpf, CpfValidation, ObjectId, World};
use jiff::Timestamp;
use serde::Serialize;
use std::{io::Write as _, sync::Arc, time::Duration};

mod searching;

/// Base C.
pub struct Events {
    store: Arc<dyn MovementStore>,
    index: Option<Arc<Index>>,
    evidence: Arc<dyn Evidence>,
    world: World,
    zone: Zone,
}

/// The section of a person: `GET /evento/{cpf}`.
#[derive(Clone, Debug)]
pub struct Record {
    /// Ready JSON.
    pub body: Bytes,
    /// When the person's data last changed.
    pub updated_at: Timestamp,
}

/// What `/consulted-cpf` says.
#[derive(Clone, Debug)]
pub struct Consultations {
    /// Ready JSON: an array.
    pub body: Bytes,
    /// Whether there is nothing in it.
    pub is_empty: bool,
    /// Up to when it is complete.
    pub complete_until: Timestamp,
}

/// So long the latest consultation is waited for: what it costs must not cost the section.
const CONSULTATION_WAIT: Duration = Duration::from_millis(100);

/// Room for an ordinary person's record, and for what stands before it.
const ANSWER_BYTES: usize = 4096;
const HEAD_BYTES: usize = 192;

const CONSULTATIONS: usize = 100;

impl Events {
    /// A base on this store, whose hot records are of the same zone.
    pub fn new(store: Arc<dyn MovementStore>, evidence: Arc<dyn Evidence>, world: World, zone: Zone) -> Self {
        Self { store, index: None, evidence, world, zone }
    }

    /// Where its days begin.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The person's record with his latest consultation. `None` of somebody without movements: consultations alone
    /// make nobody.
    ///
    /// # Errors
    /// The store's. That the consultation cannot be read is said in the record.
    pub async fn record(&self, cpf: Cpf) -> Result<Option<Record>, StoreError> {
        Ok(self.record_from(cpf).await?.0)
    }

    /// The latest consultation is not of where the record was found: it is always asked for.
    async fn record_from(&self, cpf: Cpf) -> Result<(Option<Record>, Source), StoreError> {
        let mut hot = Vec::with_capacity(ANSWER_BYTES);
        // At once, since each may be a way to a server and back.
        let last = async { Ok(self.last_consultation(cpf).await) };
        let (last, (updated_at, source)) = tokio::try_join!(last, self.store.append_hot_from(cpf, &mut hot))?;
        let Some(updated_at) = updated_at else { return Ok((None, source)) };
        let mut answer = head(cpf, &last, hot.len());
        answer.append(&mut hot);
        Ok((Some(Record { body: answer.into(), updated_at }), source))
    }

    async fn last_consultation(&self, cpf: Cpf) -> Result<Option<LastConsultation>, Unknown> {
        match tokio::time::timeout(CONSULTATION_WAIT, self.evidence.last(cpf)).await {
            Ok(Ok(last)) => Ok(last),
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "the latest consultation cannot be read");
                Err(Unknown)
            }
            Err(_) => {
                tracing::warn!("the latest consultation was not read in time");
                Err(Unknown)
            }
        }
    }

    /// `GET /evento/ultcompracartao/{cpf}`. `None` where nobody of that CPF is known.
    ///
    /// # Errors
    /// The store's.
    pub async fn last_purchase(&self, cpf: Cpf) -> Result<Option<Bytes>, StoreError> {
        let known = self.store.last_purchase(cpf).await?;
        Ok(known.map(|known| {
            let purchase = known.json.as_deref().unwrap_or("null");
            format!("{{\"cpf\":\"{cpf}\",\"last_purchase\":{purchase}}}").into()
        }))
    }

    /// `GET /last-purchases/{cpf}`: an array of one or none. `None` where nobody of that CPF is known.
    ///
    /// # Errors
    /// The store's.
    pub async fn last_purchases(&self, cpf: Cpf) -> Result<Option<Bytes>, StoreError> {
        let known = self.store.last_purchase(cpf).await?;
        Ok(known.map(|known| format!("[{}]", known.json.unwrap_or_default()).into()))
    }

    /// `GET /financial-transactions/{cpf}`: an array of all. `None` where nobody of that CPF is known.
    ///
    /// # Errors
    /// The store's.
    pub async fn transactions(&self, cpf: Cpf) -> Result<Option<Bytes>, Problem> {
        let Some(found) = self.store.list(cpf, Selection::default()).await? else { return Ok(None) };
        let all: Vec<_> = found.iter().map(|movement| Transaction::of(movement, &self.zone)).collect();
        json(&all).map(Some)
    }

    /// `GET /consulted-cpf/{cpf}`: the hundred latest consultations.
    ///
    /// # Errors
    /// The record's.
    pub async fn consultations(&self, cpf: Cpf) -> Result<Consultations, Problem> {
        // Asked first: what is recorded between the two questions is then in the list, not missing from it.
        let complete_until = self.evidence.complete_until();
        let found = self.evidence.of_person(cpf, CONSULTATIONS).await?;
        let consulted: Vec<_> = found.iter().map(|consultation| self.consulted(consultation)).collect();
        Ok(Consultations { body: json(&consulted)?, is_empty: found.is_empty(), complete_until })
    }

    fn consulted(&self, consultation: &Consultation) -> Consulted {
        let mut id = [0; 12];
        id.copy_from_slice(&consultation.id.as_bytes()[..12]);
        Consulted {
            id: ObjectId(id),
            date: self.zone.local(consultation.at),
            cpf: consultation.cpf,
            description: consultation.purpose.as_str(),
        }
    }

    /// Writes a new movement, which gets an id where it has none; answers it.
    ///
    /// # Errors
    /// A wrong field, an id that is taken, a condition that does not hold, the store's.
    pub async fn add(
        &self,
        row: wire::Movement,
        validation: CpfValidation,
        condition: Condition,
    ) -> Result<Reply, Problem> {
        let id = row.id.unwrap_or_else(|| self.new_id());
        let movement = Movement::accept(wire::Movement { id: Some(id), ..row }, validation)?;
        let body =
            serde_json::to_string(&Transaction::of(&movement, &self.zone)).map_err(Problem::internal)?;
        self.write(Change::Add(movement), condition, Reply { status: 201, etag: None, body }).await
    }

    /// Replaces the movement of this id.
    ///
    /// # Errors
    /// A wrong field, an unknown id, a condition that does not hold, the store's.
    pub async fn replace(
        &self,
        id: ObjectId,
        row: wire::Movement,
        validation: CpfValidation,
        condition: Condition,
    ) -> Result<Reply, Problem> {
        let movement = Movement::accept(wire::Movement { id: Some(id), ..row }, validation)?;
        self.write(Change::Replace(movement), condition, done()).await
    }

    /// Removes the movement of this id.
    ///
    /// # Errors
    /// An unknown id, a condition that does not hold, the store's.
    pub async fn remove(&self, id: ObjectId, condition: Condition) -> Result<Reply, Problem> {
        self.write(Change::Remove(id), condition, done()).await
    }

    async fn write(&self, change: Change, condition: Condition, reply: Reply) -> Result<Reply, Problem> {
        let write = Write { change, condition, reply, now: self.world.now() };
        Ok(self.store.write(write).await?)
    }

    /// As MongoDB makes them: four bytes of the second, eight of chance.
    fn new_id(&self) -> ObjectId {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&(self.world.now().as_second() as u32).to_be_bytes());
        id[4..].copy_from_slice(&self.world.random::<8>());
        ObjectId(id)
    }
}

/// The latest consultation cannot be told.
struct Unknown;

/// The answer up to where the hot record begins, and room for that.
fn head(cpf: Cpf, last: &Result<Option<LastConsultation>, Unknown>, hot_bytes: usize) -> Vec<u8> {
    let mut answer = Vec::with_capacity(HEAD_BYTES + hot_bytes);
    // Writing into a Vec does not fail.
    let _ = match last {
        Ok(Some(LastConsultation { at, purpose })) => write!(
            answer,
            "{{\"cpf\":\"{cpf}\",\"last_consultation\":{{\"at\":\"{at}\",\"purpose\":\"{}\"}},\"last_purchase\":",
            purpose.as_str()
        ),
        Ok(None) => write!(answer, "{{\"cpf\":\"{cpf}\",\"last_consultation\":null,\"last_purchase\":"),
        Err(Unknown) => write!(
            answer,
            "{{\"cpf\":\"{cpf}\",\"last_consultation\":null,\"last_consultation_unknown\":true,\"last_purchase\":"
        ),
    };
    answer
}

/// What the seed answers to a write that has nothing more to say.
fn done() -> Reply {
    Reply { status: 200, etag: None, body: r#"{"result":"success"}"#.to_owned() }
}

fn json<T: Serialize>(value: &T) -> Result<Bytes, Problem> {
    serde_json::to_vec(value).map(Bytes::from).map_err(Problem::internal)
}

#[async_trait]
impl Base for Events {
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable> {
        let (record, source) = self.record_from(ask.cpf).await.map_err(|cause| {
            tracing::error!(%cause, "base C cannot be read");
            Unavailable::from(cause)
        })?;
        // Read after the question came in, so it is current up to then at least; also out of a cache, which misses
        // nothing that was answered before it was asked.
        let as_of = ask.now;
        Ok(match record {
            Some(Record { body, updated_at }) => Found::Person { body, as_of, updated_at, source },
            None => Found::Nobody { as_of, source },
        })
    }
}

#[async_trait]
impl Ingest<wire::Movement> for Events {
    async fn ingest(&self, batch: Vec<wire::Movement>) -> Result<Ingested, Problem> {
        feed::ingest(&*self.store, batch, self.world.now()).await
    }

    fn check(&self, row: &wire::Movement) -> Result<(), Problem> {
        crate::check(row, CpfValidation::Format)
    }
}

#[cfg(test)]
mod tests;
