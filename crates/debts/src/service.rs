//! What base A does.

use crate::document::{self, Document};
use async_trait::async_trait;
use ficha_contract::{
    Ask, Base, Condition, ErrorCode, Found, Ingest, Ingested, Problem, Reply, Source, StoreError,
    Unavailable,
    wire::{Debt, DebtsPerson, Of},
};
use ficha_domain::Cpf;
use ficha_people::{Decision, Numbers, People, Person};

/// Base A.
#[derive(Clone)]
pub struct Debts(pub(crate) People);

impl Debts {
    /// Base A in these documents, which are kept sealed.
    #[must_use]
    pub fn new(people: People) -> Self {
        Self(people)
    }

    /// A person; the body is the answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, cpf: Cpf) -> Result<Option<Person>, StoreError> {
        self.0.find(cpf).await
    }

    /// Puts what was sent in place of what was there.
    ///
    /// # Errors
    /// `invalid_field`, `precondition_failed`, `idempotency_key_reused`, the store's.
    pub async fn replace(&self, cpf: Cpf, sent: DebtsPerson, condition: Condition) -> Result<Reply, Problem> {
        document::check(cpf, &sent)?;
        self.0
            .change(cpf, condition, move |id, current, numbers| {
                let status = if current.is_some() { 200 } else { 201 };
                let known = current.map(Document::read).transpose()?;
                let document = Document::replace(id, cpf, known.as_ref(), &sent, numbers)?.to_json()?;
                Ok(Decision::Put(document.clone().into_bytes(), status, document))
            })
            .await
    }

    /// Removes a person with all debts.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`, `idempotency_key_reused`, the store's.
    pub async fn remove(&self, cpf: Cpf, condition: Condition) -> Result<Reply, Problem> {
        self.0
            .change(cpf, condition, |_, current, _| current.map(|_| Decision::Delete).ok_or(NOBODY.into()))
            .await
    }

    /// Adds a debt to somebody who is known; answers the debt alone, since a feeding system may not read the rest.
    ///
    /// # Errors
    /// As [`Debts::remove`], and `invalid_field`.
    pub async fn add_debt(&self, cpf: Cpf, sent: Debt, condition: Condition) -> Result<Reply, Problem> {
        document::check_debt("value", &sent)?;
        if sent.id.is_some() {
            return Err(Problem::field("id", "is given by ficha; leave it out"));
        }
        self.0
            .change(cpf, condition, move |id, current, numbers| {
                let mut document = Document::read(current.ok_or(NOBODY)?)?;
                document::check_count(document.debts.len() + 1)?;
                let debt = Document::new_debt(id, &sent, numbers)?;
                let answer = serde_json::to_string(&debt).map_err(Problem::internal)?;
                document.debts.push(debt);
                Ok(Decision::Put(document.to_json()?.into_bytes(), 201, answer))
            })
            .await
    }

    /// Removes one debt.
    ///
    /// # Errors
    /// As [`Debts::remove`].
    pub async fn remove_debt(&self, cpf: Cpf, debt_id: i64, condition: Condition) -> Result<Reply, Problem> {
        self.0
            .change(cpf, condition, move |_, current, _| {
                let mut document = Document::read(current.ok_or(NOBODY)?)?;
                let found = document.debts.iter().position(|debt| debt.id == debt_id).ok_or(NOBODY)?;
                document.debts.remove(found);
                Ok(Decision::Put(document.to_json()?.into_bytes(), 204, String::new()))
            })
            .await
    }
}

const NOBODY: ErrorCode = ErrorCode::NotFound;

#[async_trait]
impl Base for Debts {
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable> {
        Ok(match self.0.find(ask.cpf).await? {
            Some(Person { body, updated_at, .. }) => {
                Found::Person { body, as_of: ask.now, updated_at, source: Source::Own }
            }
            None => Found::Nobody { as_of: ask.now, source: Source::Own },
        })
    }
}

#[async_trait]
impl Ingest<Of<DebtsPerson>> for Debts {
    async fn ingest(&self, batch: Vec<Of<DebtsPerson>>) -> Result<Ingested, Problem> {
        batch.iter().try_for_each(|row| self.check(row))?;
        let changes = batch.into_iter().map(|Of { cpf, person }| {
            let decide = move |id, current: Option<&Person>, numbers: &mut dyn Numbers| {
                let known = current.map(Document::read).transpose()?;
                let body = Document::merge(id, cpf, known, &person, numbers)?.to_json()?.into_bytes();
                let equal = current.is_some_and(|current| current.body == body);
                Ok(if equal { Decision::Keep } else { Decision::Put(body, 200, String::new()) })
            };
            (cpf, decide)
        });
        self.0.ingest(changes.collect()).await
    }

    fn check(&self, row: &Of<DebtsPerson>) -> Result<(), Problem> {
        document::check_row(row.cpf, &row.person)
    }

    fn region(&self, cpf: Cpf) -> u64 {
        self.0.region(cpf)
    }
}
