//! The seed's routes of dossiers, in its shape.
//!
//! That shape cannot say that a section is missing. So it shows complete dossiers only, to callers that may read all
//! three bases; whoever wants to know what is there and what is not asks `/dossies`.

mod api;
mod shape;

use crate::{
    Dossiers, Filter,
    kept::{Kept, Listed},
    service::sees_all,
    wanted::Wanted,
};
use ficha_contract::{BaseName, Caller, Problem, StoreError};
use ficha_domain::Cpf;
use jiff::Timestamp;

pub(crate) use api::routes;

impl Dossiers {
    /// All three sections, or none.
    fn everything(&self) -> Result<Wanted, Problem> {
        Wanted::new(BaseName::ALL.into_iter().collect(), None, self.settings.budget_ms)
    }

    /// The latest complete dossier of each person, or of one, among those that the caller may see.
    async fn latest(
        &self,
        caller: &Caller,
        cpf: Option<Cpf>,
        now: Timestamp,
        (limit, oldest_first): (usize, bool),
    ) -> Result<Vec<Kept>, StoreError> {
        let client = (!sees_all(caller.scopes)).then(|| caller.client.clone());
        let filter = Filter { client, complete: true, now, limit, ..Filter::default() };
        let rows = self.shelf.latest(filter, cpf, oldest_first).await?;
        let mut all = Vec::with_capacity(rows.len());
        for Listed { id, .. } in rows {
            all.extend(self.shelf.find(id, now).await?);
        }
        Ok(all)
    }

    /// A complete dossier by its number, if the caller may see it.
    async fn numbered(
        &self,
        caller: &Caller,
        number: u64,
        now: Timestamp,
    ) -> Result<Option<Kept>, StoreError> {
        let kept = self.shelf.find_by_number(number, now).await?;
        let may_see = |kept: &Kept| kept.listed.client == caller.client || sees_all(caller.scopes);
        Ok(kept.filter(|kept| kept.listed.complete && may_see(kept)))
    }
}
