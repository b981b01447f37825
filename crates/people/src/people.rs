//! Documents of people, as their base sees them.

use crate::{Blinded, Change, Kind, Numbers, Outcome, PeopleStore, Row, Slot, Verdict};
use bytes::Bytes;
use ficha_contract::{Condition, ErrorCode, Idempotency, Ingested, Problem, Reply, Source, StoreError};
use ficha_domain::{Cpf, World};
use ficha_seal::{BlindIndex, Vault};
use jiff::Timestamp;
use std::sync::Arc;

/// How a base keeps its documents.
#[derive(Clone, Debug)]
pub enum Keeping {
    /// Sealed, and found by a blind index.
    Sealed(Vault),
    /// In clear, and found by CPF. The vault only blinds idempotency keys.
    Clear(Vault),
}

/// The documents of one base.
#[derive(Clone)]
pub struct People {
    pub(crate) store: Arc<dyn PeopleStore>,
    pub(crate) keeping: Keeping,
    world: World,
}

/// Somebody's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Permanent id, given by ficha.
    pub id: i64,
    /// 1, then one more with every change.
    pub version: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The document, opened.
    pub body: Bytes,
}

impl Person {
    /// The entity tag of this version. Ids are never given again, so no tag ever means two documents.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }
}

fn etag(id: i64, version: i64) -> String {
    format!("\"{id}-{version}\"")
}

/// What a base decides about somebody's document.
pub enum Decision {
    /// Keep this document; answer so (status, JSON).
    Put(Vec<u8>, u16, String),
    /// Let the document go; answer 204.
    Delete,
    /// Leave everything as it is: the document is equal already.
    Keep,
}

impl People {
    /// Documents in this store.
    pub fn new(store: Arc<dyn PeopleStore>, keeping: Keeping, world: World) -> Self {
        Self { store, keeping, world }
    }

    /// Somebody's document.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or a body cannot be opened.
    pub async fn find(&self, cpf: Cpf) -> Result<Option<Person>, StoreError> {
        Ok(self.find_from(cpf).await?.0)
    }

    /// Somebody's document, and where it was found.
    ///
    /// # Errors
    /// As [`People::find`].
    pub async fn find_from(&self, cpf: Cpf) -> Result<(Option<Person>, Source), StoreError> {
        let (row, source) = self.store.find_from(&self.keeping.indexes(cpf)).await?;
        Ok((row.map(|row| self.keeping.open(&row)).transpose()?, source))
    }

    /// Changes somebody's document. `decide` is given what is there, the id that the person has or would get, and
    /// numbers for things inside the document; it may be called more than once.
    ///
    /// # Errors
    /// `precondition_failed`, `idempotency_key_reused`, what `decide` refuses, or the store's own.
    pub async fn change(
        &self,
        cpf: Cpf,
        condition: Condition,
        decide: impl Fn(i64, Option<&Person>, &mut dyn Numbers) -> Result<Decision, Problem>
        + Send
        + Sync
        + 'static,
    ) -> Result<Reply, Problem> {
        let idempotency = condition.idempotency.as_ref().map(|key| self.keeping.blind(key));
        let check =
            move |current: Option<&Person>| match condition.holds(current.map(Person::etag).as_deref()) {
                true => Ok(()),
                false => Err(Problem::from(ErrorCode::PreconditionFailed)),
            };
        let change = self.prepare(cpf, idempotency, true, move |id, current, numbers| {
            check(current)?;
            decide(id, current, numbers)
        });
        match self.store.change(vec![change]).await?.pop() {
            Some(Outcome::Done(_, reply) | Outcome::Replayed(reply)) => self.keeping.read_reply(&reply),
            Some(Outcome::OtherRequest) => Err(ErrorCode::IdempotencyKeyReused.into()),
            None => Err(Problem::internal("the store lost a change")),
        }
    }

    /// Where somebody lies in the store, as [`ficha_contract::Ingest::region`].
    #[must_use]
    pub fn region(&self, cpf: Cpf) -> u64 {
        self.store.region(&self.keeping.index(cpf))
    }

    /// Changes many people's documents in one transaction.
    ///
    /// # Errors
    /// What a `decide` refuses, or the store's own: then nothing of it happened.
    pub async fn ingest<D>(&self, batch: Vec<(Cpf, D)>) -> Result<Ingested, Problem>
    where
        D: Fn(i64, Option<&Person>, &mut dyn Numbers) -> Result<Decision, Problem> + Send + Sync + 'static,
    {
        let changes = batch.into_iter().map(|(cpf, decide)| self.prepare(cpf, None, false, decide)).collect();
        let mut ingested = Ingested::default();
        for outcome in self.store.change(changes).await? {
            match outcome {
                Outcome::Done(Kind::Created, _) => ingested.created += 1,
                Outcome::Done(Kind::Replaced | Kind::Deleted, _) => ingested.replaced += 1,
                _ => ingested.unchanged += 1,
            }
        }
        Ok(ingested)
    }

    /// Of many changes nobody is `answered` one by one.
    fn prepare(
        &self,
        cpf: Cpf,
        idempotency: Option<Blinded>,
        answered: bool,
        decide: impl Fn(i64, Option<&Person>, &mut dyn Numbers) -> Result<Decision, Problem>
        + Send
        + Sync
        + 'static,
    ) -> Change {
        let (keeping, world) = (self.keeping.clone(), self.world.clone());
        let kept = idempotency.is_some();
        let decide = move |slot: &Slot<'_>, numbers: &mut dyn Numbers| {
            let current = slot.current.map(|row| keeping.open(row)).transpose()?;
            let decision = decide(slot.id, current.as_ref(), numbers)?;
            let seal_reply = |reply: &Reply| {
                if answered { keeping.write_reply(reply, &world, kept) } else { Ok(Vec::new()) }
            };
            Ok(match decision {
                Decision::Put(body, status, answer) => {
                    let etag = Some(etag(slot.id, slot.version));
                    let body = match numbers.are_stand_ins() {
                        true => Vec::new(),
                        false => keeping.seal(slot.id, &body, &world),
                    };
                    Verdict::Put { body, reply: seal_reply(&Reply { status, etag, body: answer })? }
                }
                Decision::Delete => Verdict::Delete {
                    reply: seal_reply(&Reply { status: 204, etag: None, body: String::new() })?,
                },
                Decision::Keep => {
                    let etag = current.as_ref().map(Person::etag);
                    Verdict::Keep { reply: seal_reply(&Reply { status: 204, etag, body: String::new() })? }
                }
            })
        };
        let indexes = self.keeping.indexes(cpf);
        Change { indexes, idempotency, now: self.world.now(), decide: Box::new(decide) }
    }
}

impl Keeping {
    /// Where somebody may be kept; where he is put, first.
    fn indexes(&self, cpf: Cpf) -> Vec<BlindIndex> {
        match self {
            Self::Sealed(vault) => vault.indexes(&cpf.as_u64().to_be_bytes()).collect(),
            Self::Clear(_) => vec![self.index(cpf)],
        }
    }

    fn index(&self, cpf: Cpf) -> BlindIndex {
        match self {
            Self::Sealed(vault) => vault.index(&cpf.as_u64().to_be_bytes()),
            Self::Clear(_) => BlindIndex { key: 0, value: u128::from(cpf.as_u64()).to_be_bytes() },
        }
    }

    /// Bound to the person's id: a body that is moved to another row does not open.
    fn seal(&self, id: i64, body: &[u8], world: &World) -> Vec<u8> {
        match self {
            Self::Sealed(vault) => vault.seal(world.random(), &id.to_be_bytes(), body),
            Self::Clear(_) => body.to_vec(),
        }
    }

    pub(crate) fn open(&self, row: &Row) -> Result<Person, StoreError> {
        let body = match self {
            Self::Sealed(vault) => {
                vault.open(&row.id.to_be_bytes(), &row.body).map_err(StoreError::new)?.into()
            }
            Self::Clear(_) => Bytes::copy_from_slice(&row.body),
        };
        Ok(Person { id: row.id, version: row.version, updated_at: row.updated_at, body })
    }

    fn blind(&self, idempotency: &Idempotency) -> Blinded {
        let (Self::Sealed(vault) | Self::Clear(vault)) = self;
        let blind = |label: &[u8], text: &[u8]| vault.index(&[label, text].concat()).value;
        Blinded {
            key: blind(b"key ", idempotency.key.as_bytes()),
            request: blind(b"request ", &idempotency.request),
        }
    }

    /// A reply that will be kept is sealed like a body; one that is answered once need not be.
    fn write_reply(&self, reply: &Reply, world: &World, kept: bool) -> Result<Vec<u8>, Problem> {
        let plain = serde_json::to_vec(reply).map_err(Problem::internal)?;
        Ok(match self {
            Self::Sealed(vault) if kept => vault.seal(world.random(), REPLY, &plain),
            _ => plain,
        })
    }

    fn read_reply(&self, reply: &[u8]) -> Result<Reply, Problem> {
        match self {
            Self::Sealed(vault) if reply.first() != Some(&b'{') => {
                let plain = vault.open(REPLY, reply).map_err(Problem::internal)?;
                serde_json::from_slice(&plain).map_err(Problem::internal)
            }
            _ => serde_json::from_slice(reply).map_err(Problem::internal),
        }
    }
}

const REPLY: &[u8] = b"reply";
