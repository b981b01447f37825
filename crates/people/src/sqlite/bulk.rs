//! Bulk loads of people who are new: decided, and sealed, while the batch before is written.
//!
//! What becomes of somebody who is not there hangs on nothing in the base but the numbers that are given. So a batch is
//! decided ahead, on the numbers as they will be after those before it, and its transaction only looks whether they are:
//! whatever else was written meanwhile, the batch is decided again, like any other.

use super::{Given, SqlitePeople, carry_out, places};
use crate::{Change, Outcome, Slot, Verdict};
use ficha_contract::{Problem, StoreError};
use rusqlite::Connection;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// So many people together are a bulk load.
const BULK: usize = 256;

/// What was decided before its transaction began.
pub(super) struct Decided {
    before: Given,
    after: Given,
    verdicts: Vec<(i64, Verdict)>,
}

impl SqlitePeople {
    /// What becomes of a bulk load; nothing of one that is not known to be of new people, or is refused: who decides
    /// it inside its transaction says why.
    pub(super) async fn decide_ahead(&self, changes: &Arc<Vec<Change>>) -> Result<Option<Decided>, Problem> {
        let are_new = |connection: &Connection| are_all_new(connection, changes);
        if !is_bulk(changes) || !self.database.read(are_new).map_err(StoreError::new)? {
            return Ok(None);
        }
        let mut ahead = self.ahead.lock().await;
        let before = match ahead.take() {
            Some(given) => given,
            None => self.database.read(Given::load).map_err(StoreError::new)?,
        };
        let (changes, mut after) = (changes.clone(), before.clone());
        let deciding = spawn_blocking(move || {
            let verdicts: Result<_, Problem> =
                changes.iter().map(|change| decide_new(change, &mut after)).collect();
            verdicts.ok().map(|verdicts| Decided { before, after, verdicts })
        });
        let decided = deciding.await.map_err(Problem::internal)?;
        *ahead = decided.as_ref().map(|decided| decided.after.clone());
        Ok(decided)
    }
}

impl Decided {
    /// Whether all is as it was thought to be.
    pub(super) fn holds(
        &self,
        connection: &Connection,
        changes: &[Change],
        given: &Given,
    ) -> rusqlite::Result<bool> {
        Ok(given.lasts() == self.before.lasts() && are_all_new(connection, changes)?)
    }

    pub(super) fn write(
        self,
        connection: &Connection,
        changes: &[Change],
        given: &mut Given,
    ) -> rusqlite::Result<Vec<Outcome>> {
        (given.people.last, given.numbers.last) = self.after.lasts();
        let write = |(change, (id, verdict)): (&Change, _)| {
            let slot = Slot { id, version: 1, current: None };
            let (kind, reply) = carry_out(connection, change, &slot, verdict)?;
            Ok(Outcome::Done(kind, reply))
        };
        changes.iter().zip(self.verdicts).map(write).collect()
    }
}

/// Whether these go along the base, each person once.
fn is_bulk(changes: &[Change]) -> bool {
    let is_plain = |change: &Change| change.indexes.len() == 1 && change.idempotency.is_none();
    let along = |one: &Change, next: &Change| places(&one.indexes[0]).1 < places(&next.indexes[0]).0;
    changes.len() >= BULK && changes.iter().all(is_plain) && changes.is_sorted_by(along)
}

/// Whether nobody lies where a bulk load goes along.
fn are_all_new(connection: &Connection, changes: &[Change]) -> rusqlite::Result<bool> {
    let [first, .., last] = changes else { return Ok(false) };
    let (from, to) = (places(&first.indexes[0]).0, places(&last.indexes[0]).1);
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM person WHERE place BETWEEN ?1 AND ?2)";
    connection.prepare_cached(sql)?.query_row([from, to], |row| row.get(0))
}

fn decide_new(change: &Change, given: &mut Given) -> Result<(i64, Verdict), Problem> {
    let slot = Slot { id: given.people.next(), version: 1, current: None };
    let verdict = (change.decide)(&slot, given)?;
    if let Verdict::Put { .. } = verdict {
        given.people.last = slot.id;
    }
    Ok((slot.id, verdict))
}
