//! The base as it is fed in bulk: its store alone, without the record of consultations, which belongs to whoever serves.

use crate::{Movement, MovementStore};
use async_trait::async_trait;
use ficha_contract::{Ingest, Ingested, Problem, wire};
use ficha_domain::{CpfValidation, World};
use jiff::Timestamp;
use std::sync::Arc;

/// Base C for whoever only fills it, beside a server or without one.
pub struct Feed {
    store: Arc<dyn MovementStore>,
    world: World,
}

impl Feed {
    /// The base on this store.
    pub fn new(store: Arc<dyn MovementStore>, world: World) -> Self {
        Self { store, world }
    }
}

#[async_trait]
impl Ingest<wire::Movement> for Feed {
    async fn ingest(&self, batch: Vec<wire::Movement>) -> Result<Ingested, Problem> {
        ingest(&*self.store, batch, self.world.now()).await
    }

    fn check(&self, row: &wire::Movement) -> Result<(), Problem> {
        crate::check(row, CpfValidation::Format)
    }
}

/// CPFs are read by their form: whoever feeds the base has checked them as its setting says ([`crate::check`]).
pub(crate) async fn ingest(
    store: &dyn MovementStore,
    batch: Vec<wire::Movement>,
    now: Timestamp,
) -> Result<Ingested, Problem> {
    let rows = batch.into_iter().enumerate();
    let accept = |(at, row)| Movement::accept(row, CpfValidation::Format).map_err(|error| in_row(at, error));
    let batch = rows.map(accept).collect::<Result<_, _>>()?;
    Ok(store.ingest(batch, now).await?)
}

fn in_row(at: usize, mut problem: Problem) -> Problem {
    for error in &mut problem.errors {
        error.field = format!("[{at}].{}", error.field);
    }
    problem
}
