//! What every role's handlers share.

use crate::{Limits, Metrics, limit::RateLimits};
use ficha_contract::{Evidence, TokenVerifier};
use ficha_domain::{CpfValidation, World};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The surroundings of a role: who verifies tokens, who records, what is allowed. Cloning shares it.
#[derive(Clone)]
pub struct Shell {
    pub(crate) inner: Arc<Inner>,
    /// How much of a CPF this role checks.
    pub cpf_validation: CpfValidation,
}

pub(crate) struct Inner {
    pub(crate) world: World,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) evidence: Arc<dyn Evidence>,
    pub(crate) limits: Limits,
    pub(crate) rates: RateLimits,
    pub(crate) places: Semaphore,
    /// Of those who have no token yet: they cannot take the places of those who have one.
    pub(crate) issuer_places: Semaphore,
    /// Of other processes: clients cannot take them, or no section and no revocation would come through.
    pub(crate) peer_places: Semaphore,
    pub(crate) metrics: Metrics,
}

impl Shell {
    /// A shell around all roles of this process.
    pub fn new(
        world: World,
        verifier: Arc<dyn TokenVerifier>,
        evidence: Arc<dyn Evidence>,
        limits: Limits,
        metrics: Metrics,
    ) -> Self {
        let places = Semaphore::new(limits.concurrency);
        let few = || Semaphore::new((limits.concurrency / 4).max(1));
        let (issuer_places, peer_places) = (few(), few());
        let rates = RateLimits::new(limits.requests_per_minute);
        let inner =
            Inner { world, verifier, evidence, limits, rates, places, issuer_places, peer_places, metrics };
        Self { inner: Arc::new(inner), cpf_validation: CpfValidation::default() }
    }

    /// The same shell for a role that checks CPFs in its own way.
    #[must_use]
    pub fn validating(&self, cpf_validation: CpfValidation) -> Self {
        Self { cpf_validation, ..self.clone() }
    }

    /// The clock and chance of this process.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.inner.world
    }

    /// The record.
    #[must_use]
    pub fn evidence(&self) -> &Arc<dyn Evidence> {
        &self.inner.evidence
    }
}
