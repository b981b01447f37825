//! Movements by their words, and what they come to: from the index where there is one, from the store where it does not
//! answer.

use super::{Events, json};
use crate::{
    Index, IndexError, Movement, Position, Selection,
    shape::{MovementPage, MovementTotals, Searched, Total, Transaction},
    store::Found,
};
use bytes::Bytes;
use ficha_contract::{Problem, Source, StoreError};
use ficha_domain::{Cpf, Money};
use jiff::Timestamp;
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// Rows of totals in an answer: more than eighty years of one type each month.
const TOTALS: usize = 1000;

/// A part of a person's movements, and who found it.
struct Listed {
    found: Found,
    search: Option<Searched>,
}

impl Events {
    /// The same base with this index.
    #[must_use]
    pub fn with_index(self, index: Option<Arc<Index>>) -> Self {
        Self { index, ..self }
    }

    /// The index of this base, for whoever feeds it.
    pub fn index(&self) -> Option<&Arc<Index>> {
        self.index.as_ref()
    }

    /// A page of `GET /evento/movtofinanceiro/{cpf}`. `None` where nobody of that CPF is known.
    ///
    /// # Errors
    /// The store's.
    pub async fn page(
        &self,
        cpf: Cpf,
        selection: Selection,
        limit: usize,
        as_of: Timestamp,
    ) -> Result<Option<Bytes>, Problem> {
        let Some(Listed { found, search }) = self.listed(cpf, selection, limit, as_of).await? else {
            return Ok(None);
        };
        let page = MovementPage {
            cpf,
            items: found.movements.iter().map(|movement| Transaction::of(movement, &self.zone)).collect(),
            next: found.next.map(Position::to_cursor),
            source: Source::Own.as_str(),
            as_of: found.as_of,
            search,
        };
        json(&page).map(Some)
    }

    async fn listed(
        &self,
        cpf: Cpf,
        selection: Selection,
        limit: usize,
        as_of: Timestamp,
    ) -> Result<Option<Listed>, StoreError> {
        let search = (!selection.words.is_empty()).then(|| Searched::by_store(&selection.words));
        if let Some(index) = self.index.as_ref().filter(|_| search.is_some()) {
            match index.page(cpf, &selection, limit).await {
                Ok(found) => {
                    return Ok(found.map(|found| Listed {
                        found: Found { as_of: found.as_of.min(as_of), ..found },
                        search: Some(Searched::BY_INDEX),
                    }));
                }
                Err(cause) => does_not_answer(index, &cause),
            }
        }
        // One more than asked for tells whether there is a next page.
        let selection = Selection { limit: Some(limit + 1), ..selection };
        let Some(mut movements) = self.store.list(cpf, selection).await? else { return Ok(None) };
        let more = movements.len() > limit;
        movements.truncate(limit);
        let next = movements.last().filter(|_| more).map(Position::from);
        Ok(Some(Listed { found: Found { movements, next, as_of }, search }))
    }

    /// `GET /evento/totais/{cpf}`. `None` where nobody of that CPF is known.
    ///
    /// # Errors
    /// The store's.
    pub async fn totals(
        &self,
        cpf: Cpf,
        selection: Selection,
        as_of: Timestamp,
    ) -> Result<Option<Bytes>, Problem> {
        let answer = |(totals, as_of, search)| {
            json(&MovementTotals { cpf, totals, source: Source::Own.as_str(), as_of, search })
        };
        if let Some(index) = &self.index {
            match index.totals(cpf, &selection, &self.zone, TOTALS).await {
                Ok(None) => return Ok(None),
                Ok(Some((totals, at))) => {
                    return answer((totals, at.min(as_of), Searched::BY_INDEX)).map(Some);
                }
                Err(cause) => does_not_answer(index, &cause),
            }
        }
        let search = Searched::by_store(&selection.words);
        let Some(found) = self.store.list(cpf, selection).await? else { return Ok(None) };
        answer((self.added_up(&found), as_of, search)).map(Some)
    }

    pub(crate) fn added_up(&self, movements: &[Movement]) -> Vec<Total> {
        let mut totals = BTreeMap::new();
        for Movement { date, kind, value, .. } in movements {
            let (month, kind) = (self.zone.month(*date), *kind);
            let none = Total { month, kind, value: Money::default(), count: 0 };
            let total: &mut Total = totals.entry((Reverse(month), kind.as_str())).or_insert(none);
            (total.value, total.count) = (total.value + *value, total.count + 1);
        }
        totals.into_values().take(TOTALS).collect()
    }
}

/// It costs what it finds, never the answer.
fn does_not_answer(index: &Index, cause: &IndexError) {
    index.figures().went_to_the_store();
    tracing::warn!(%cause, "the store answers for the index");
}
