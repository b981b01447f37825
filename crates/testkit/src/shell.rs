//! A shell around routes under test.

use crate::{Client, MemoryEvidence, ScopeTokens, TestWorld};
use axum::Router;
use ficha_http::{Limits, Metrics, Shell, wrap};
use std::sync::Arc;

/// A shell for routes under test, with everything in it that a test moves or looks at.
pub struct TestShell {
    /// Its time and chance.
    pub world: TestWorld,
    /// What was recorded.
    pub evidence: Arc<MemoryEvidence>,
    /// What was counted.
    pub metrics: Metrics,
    /// What the routes are made with.
    pub shell: Shell,
}

impl Default for TestShell {
    fn default() -> Self {
        Self::with(Limits::default())
    }
}

impl TestShell {
    /// With the limits of the documentation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these limits.
    #[must_use]
    pub fn with(limits: Limits) -> Self {
        let (world, metrics) = (TestWorld::default(), Metrics::default());
        let evidence = Arc::new(MemoryEvidence::new(world.world()));
        let shell =
            Shell::new(world.world(), Arc::new(ScopeTokens), evidence.clone(), limits, metrics.clone());
        Self { world, evidence, metrics, shell }
    }

    /// These routes in this shell, as the server would serve them.
    pub fn wrap(&self, routes: Router) -> Router {
        wrap(routes, &self.shell, Arc::new(|| Ok(String::new())))
    }

    /// A client of these routes in this shell.
    #[must_use]
    pub fn client(&self, routes: Router) -> Client {
        Client::new(self.wrap(routes))
    }
}
