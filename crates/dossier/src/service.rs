//! What the dossier does.

use crate::{
    Blinded, DossierStore, Filter, Known, OpenError, Settings, SqliteDossiers, Written,
    compose::{Bases, Composed, compose},
    kept::Listed,
    outcome::{self, States, Whole},
    render::{self, Became, Head},
    shelf::{Draft, Render, Shelf},
    under_way::UnderWay,
    wanted::{Question, Required},
};
use bytes::Bytes;
use ficha_contract::{Ask, Base, Caller, ErrorCode, Idempotency, Problem, Seen, StoreError};
use ficha_domain::{Cpf, Scope, ScopeSet, World};
use ficha_seal::{Keyring, Vault};
use jiff::Timestamp;
use std::{path::Path, sync::Arc};
use uuid::Uuid;

/// The use of the keys that seal kept dossiers.
const VAULT: &str = "dossier";

/// Composes dossiers, and keeps them.
pub struct Dossiers {
    bases: Bases,
    pub(crate) shelf: Shelf,
    under_way: UnderWay,
    world: World,
    pub(crate) settings: Settings,
}

/// What a caller is to be told, and what the record keeps of it.
pub(crate) enum Answered {
    /// Composed, not kept.
    Composed(Bytes, Seen),
    /// Composed and kept, or kept before under the same idempotency key.
    Kept(Uuid, Bytes, Seen),
    /// Nobody in any base.
    Nobody(Seen),
    /// A required section is missing.
    Missing(Problem, Seen),
}

/// A dossier to be composed and kept.
pub(crate) struct Order {
    pub(crate) question: Question,
    pub(crate) client: Arc<str>,
    pub(crate) idempotency: Option<Idempotency>,
}

/// A kept dossier that is read again.
pub(crate) struct Again {
    pub(crate) cpf: Cpf,
    pub(crate) body: Bytes,
    pub(crate) seen: Seen,
}

impl Dossiers {
    /// Dossiers from these bases (debts, score, events), kept in `dossier.sqlite` in this folder.
    ///
    /// # Errors
    /// [`OpenError`]: a setting, the file, or a file that was written with another key.
    pub async fn open(
        dir: &Path,
        bases: [Arc<dyn Base>; 3],
        keyring: &Keyring,
        world: World,
        settings: Settings,
    ) -> Result<Arc<Self>, OpenError> {
        let vault = keyring.vault(VAULT);
        let store = SqliteDossiers::open(&dir.join("dossier.sqlite"), &vault).await?;
        Self::over(Arc::new(store), bases, vault, world, settings)
    }

    /// Dossiers from these bases (debts, score, events), kept in any store. The vault is the one whose fingerprints
    /// the store was checked with.
    ///
    /// # Errors
    /// [`OpenError::Setting`].
    pub fn over(
        store: Arc<dyn DossierStore>,
        bases: [Arc<dyn Base>; 3],
        vault: Vault,
        world: World,
        settings: Settings,
    ) -> Result<Arc<Self>, OpenError> {
        let settings = settings.check()?;
        let shelf = Shelf::new(store, vault, world.clone());
        Ok(Arc::new(Self { bases, shelf, under_way: UnderWay::default(), world, settings }))
    }

    /// Composes a dossier that is not kept.
    pub(crate) async fn compose(&self, question: &Question) -> Answered {
        let composed = compose(&self.bases, question).await;
        let complete = match verdict(&composed, question) {
            Ok(complete) => complete,
            Err(refusal) => return refusal,
        };
        let body = render::dossier(&self.head(question, complete), &composed, None);
        Answered::Composed(body, outcome::seen(composed.states()))
    }

    /// Composes a dossier and keeps it, once for each idempotency key.
    ///
    /// # Errors
    /// `idempotency_in_progress`, `idempotency_key_reused`, the store's.
    pub(crate) async fn order(&self, order: Order) -> Result<Answered, Problem> {
        let Ask { purpose, now, .. } = order.question.ask;
        let key = order.idempotency.as_ref().map(|key| self.shelf.blind(key, purpose));
        let Some(key) = key else { return self.compose_and_keep(order, None).await };
        let _held = self.under_way.hold(&key).ok_or(ErrorCode::IdempotencyInProgress)?;
        match self.shelf.recall(&key, now).await? {
            Known::New => self.compose_and_keep(order, Some(key)).await,
            Known::Dossier(id) => self.repeat(id, &order.question).await,
            Known::OtherRequest => Err(ErrorCode::IdempotencyKeyReused.into()),
        }
    }

    async fn compose_and_keep(&self, order: Order, key: Option<Blinded>) -> Result<Answered, Problem> {
        let composed = compose(&self.bases, &order.question).await;
        let complete = match verdict(&composed, &order.question) {
            Ok(complete) => complete,
            Err(refusal) => return Ok(refusal),
        };
        let (head, states) = (self.head(&order.question, complete), composed.states());
        let draft = self.draft(&head, states, order.client, key);
        let id = draft.listed.id;
        let render: Render = Arc::new(move |number| render::dossier(&head, &composed, Some((id, number))));
        match self.shelf.keep(draft, render.clone()).await? {
            // Rendering is a function of the number: these are the bytes that were kept.
            Written::Kept(number) => Ok(Answered::Kept(id, render(number), outcome::seen(states))),
            Written::Before(id) => self.repeat(id, &order.question).await,
            Written::OtherRequest => Err(ErrorCode::IdempotencyKeyReused.into()),
        }
    }

    fn draft(&self, head: &Head, states: States, client: Arc<str>, idempotency: Option<Blinded>) -> Draft {
        let &Head { cpf, purpose, composed_at, complete, .. } = head;
        let id = self.world.new_id();
        let listed = Listed { id, number: 0, cpf, purpose, composed_at, complete, states, client };
        let expires_at = self.settings.expiry(composed_at);
        Draft { listed, expires_at, now: composed_at, idempotency }
    }

    fn head(&self, question: &Question, complete: bool) -> Head {
        let Ask { cpf, purpose, .. } = question.ask;
        Head { cpf, purpose, composed_at: self.world.now(), complete, budget_ms: question.wanted.budget_ms }
    }

    /// What a repeated request is answered: the dossier that the first one made, as its caller may see it now.
    async fn repeat(&self, id: Uuid, question: &Question) -> Result<Answered, Problem> {
        let kept = self.shelf.find(id, question.ask.now).await?.ok_or(ErrorCode::NotFound)?;
        let (body, states) = kept.shown_to(question.ask.scopes)?;
        let required = question.wanted.required;
        Ok(match outcome::missing(states, required).next() {
            None => Answered::Kept(id, body, outcome::seen(states)),
            Some(_) => lacking(states.map(|state| (state, None)), required),
        })
    }

    /// A kept dossier, as this caller may see it now.
    ///
    /// # Errors
    /// `not_found`, also for another client's; the store's.
    pub(crate) async fn read_again(
        &self,
        id: Uuid,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Again, Problem> {
        let gone = || Problem::new(ErrorCode::NotFound).detail("You have no dossier of this id.");
        let kept = self.shelf.find(id, now).await?.ok_or_else(gone)?;
        if kept.listed.client != caller.client && !sees_all(caller.scopes) {
            return Err(gone());
        }
        let cpf = kept.listed.cpf;
        let (body, states) = kept.shown_to(caller.scopes)?;
        Ok(Again { cpf, body, seen: outcome::seen(states) })
    }

    /// Kept dossiers, the newest first, as this caller may see them now; and whether there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        cpf: Option<Cpf>,
        filter: Filter,
    ) -> Result<(Vec<Listed>, bool), StoreError> {
        let limit = filter.limit;
        let client = (!sees_all(caller.scopes)).then(|| caller.client.clone());
        let mut rows = self.shelf.list(Filter { client, limit: limit + 1, ..filter }, cpf).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows.into_iter().map(|row| row.shown_to(caller.scopes)).collect(), more))
    }
}

/// Auditors see every client's dossiers; each section still needs its base's scope.
pub(crate) fn sees_all(scopes: ScopeSet) -> bool {
    scopes.contains(Scope::AuditRead)
}

/// Whether the dossier is complete, or what is answered instead of one.
fn verdict(composed: &Composed, question: &Question) -> Result<bool, Answered> {
    let (states, required) = (composed.states(), question.wanted.required);
    match outcome::of_dossier(states, required) {
        Whole::Dossier { complete } => Ok(complete),
        Whole::Nobody => Err(Answered::Nobody(outcome::seen(states))),
        Whole::RequiredMissing => Err(lacking(
            composed.sections.each_ref().map(|section| (section.status, section.reason)),
            required,
        )),
    }
}

/// What is answered where a required section does not hold.
fn lacking(sections: [Became; 3], required: Required) -> Answered {
    let states = sections.map(|(state, _)| state);
    let missing: Vec<_> = outcome::missing(states, required).collect();
    Answered::Missing(render::required_missing(&sections, &missing), outcome::seen(states))
}
