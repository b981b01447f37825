//! The base as it is fed in bulk: its store alone, without the record of consultations, which belongs to whoever serves.

use crate::{EventsSettings, Movement, MovementStore, OpenError, SqliteMovements, Zone};
use async_trait::async_trait;
use ficha_contract::{Ingest, Ingested, Problem, wire};
use ficha_domain::{CpfValidation, World};
use jiff::Timestamp;
use std::path::Path;

/// Base C for whoever only fills it, beside a server or without one.
pub struct Feed {
    store: SqliteMovements,
    world: World,
}

impl Feed {
    /// Opens the base in a folder, as [`crate::Events::open`] does.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        dir: &Path,
        world: World,
        settings: &EventsSettings,
        blinding: [u8; 32],
    ) -> Result<Self, OpenError> {
        let zone = Zone::named(&settings.zone)?;
        let store = SqliteMovements::open(&dir.join("events.sqlite"), zone, blinding).await?;
        Ok(Self { store, world })
    }
}

#[async_trait]
impl Ingest<wire::Movement> for Feed {
    async fn ingest(&self, batch: Vec<wire::Movement>) -> Result<Ingested, Problem> {
        ingest(&self.store, batch, self.world.now()).await
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
