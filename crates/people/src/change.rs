//! What a batch of changes does on a server, decided in memory over rows that were read there.
//!
//! Numbers come from the server, and decisions cannot wait for it. So a batch is decided with stand-ins first, which
//! tells how many it wants; they are reserved together, and it is decided again. Most batches want none.

use crate::{Blinded, Change, Kind, Numbers, Outcome, Row, Slot, Verdict};
use ficha_contract::{Problem, StoreError};
use ficha_seal::BlindIndex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};
use uuid::Uuid;

/// More changes than this are decided, and sealed, on a thread of their own.
pub(crate) const FEW: usize = 64;
/// A day, as the draft suggests, in milliseconds.
pub(crate) const IDEMPOTENCY_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// Where somebody is kept: the index, and which key made it. In this order rows are locked and written.
pub(crate) type Place = (Uuid, i64);

pub(crate) fn place(index: &BlindIndex) -> Place {
    (Uuid::from_bytes(index.value), i64::from(index.key))
}

/// Where any of these people may be kept.
pub(crate) fn places(changes: &[Change]) -> Vec<Uuid> {
    let all: BTreeSet<_> =
        changes.iter().flat_map(|change| &change.indexes).map(|index| place(index).0).collect();
    all.into_iter().collect()
}

/// What was there before.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) rows: BTreeMap<Place, Row>,
    /// What is answered under keys that are known already.
    pub(crate) replies: HashMap<[u8; 16], Outcome>,
}

impl Known {
    /// How many people would come, if all of these changes put something.
    pub(crate) fn missing(&self, changes: &[Change]) -> usize {
        let is_missing =
            |change: &&Change| !change.indexes.iter().any(|index| self.rows.contains_key(&place(index)));
        let missing: BTreeSet<_> =
            changes.iter().filter(is_missing).map(|change| place(&change.indexes[0])).collect();
        missing.len()
    }
}

/// What was reserved.
#[derive(Clone, Default)]
pub(crate) struct Supply {
    pub(crate) ids: Vec<i64>,
    pub(crate) numbers: Range<i64>,
}

/// What a pass used, or would have.
#[derive(Default)]
pub(crate) struct Wants {
    pub(crate) ids: usize,
    pub(crate) numbers: usize,
    /// The largest number that somebody else gave.
    pub(crate) taken: i64,
}

impl Wants {
    pub(crate) fn is_met_by(&self, supply: &Supply) -> bool {
        let reserved = usize::try_from(supply.numbers.end - supply.numbers.start).unwrap_or_default();
        self.ids <= supply.ids.len() && self.numbers <= reserved
    }
}

/// What a pass decided.
pub(crate) struct Passed {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) wants: Wants,
    /// Keys to be kept: reply and when, in ms.
    pub(crate) kept: Vec<(Blinded, Vec<u8>, i64)>,
    /// What is there afterwards, of whom something was decided.
    after: BTreeMap<Place, Option<Row>>,
}

/// Before when a key that comes with this change is forgotten.
pub(crate) fn since(change: &Change) -> i64 {
    change.now.as_millisecond() - IDEMPOTENCY_LIFE_MS
}

/// Decides all changes in order, each seeing those before it: here where they are few, elsewhere where they are many, so
/// that requests beside a bulk load do not wait.
pub(crate) async fn decide(
    changes: &Arc<Vec<Change>>,
    known: &Arc<Known>,
    supply: &Supply,
) -> Result<Passed, Problem> {
    if changes.len() <= FEW {
        return pass(changes, known, supply);
    }
    let (changes, known, supply) = (changes.clone(), known.clone(), supply.clone());
    let passing = tokio::task::spawn_blocking(move || pass(&changes, &known, &supply));
    passing.await.map_err(Problem::internal)?
}

fn pass(changes: &[Change], known: &Known, supply: &Supply) -> Result<Passed, Problem> {
    let mut passed =
        Passed { outcomes: Vec::new(), wants: Wants::default(), kept: Vec::new(), after: BTreeMap::new() };
    for change in changes {
        let outcome = match passed.replayed(change, known) {
            Some(outcome) => outcome,
            None => passed.apply(change, known, supply)?,
        };
        passed.outcomes.push(outcome);
    }
    Ok(passed)
}

impl Passed {
    fn replayed(&self, change: &Change, known: &Known) -> Option<Outcome> {
        let blinded = change.idempotency.as_ref()?;
        if let Some(known) = known.replies.get(&blinded.key) {
            return Some(known.clone());
        }
        let (before, reply, _) = self.kept.iter().find(|(kept, ..)| kept.key == blinded.key)?;
        let same = before.request == blinded.request;
        Some(if same { Outcome::Replayed(reply.clone()) } else { Outcome::OtherRequest })
    }

    fn apply(&mut self, change: &Change, known: &Known, supply: &Supply) -> Result<Outcome, Problem> {
        let found = change.indexes.iter().map(place).find_map(|place| {
            let row = self.after.get(&place).map_or_else(|| known.rows.get(&place), Option::as_ref);
            row.map(|row| (place, row))
        });
        let slot = Slot {
            id: found.map_or_else(|| next_id(self.wants.ids, supply), |(_, row)| row.id),
            version: found.map_or(1, |(_, row)| row.version + 1),
            current: found.map(|(_, row)| row),
        };
        let mut numbers = Given { wants: &mut self.wants, supply };
        let verdict = (change.decide)(&slot, &mut numbers)?;
        let (id, version, before) = (slot.id, slot.version, found.map(|(place, _)| place));
        let (kind, reply) = self.carry_out(change, before, (id, version), verdict);
        if let Some(blinded) = &change.idempotency {
            self.kept.push((blinded.clone(), reply.clone(), change.now.as_millisecond()));
        }
        Ok(Outcome::Done(kind, reply))
    }

    fn carry_out(
        &mut self,
        change: &Change,
        before: Option<Place>,
        (id, version): (i64, i64),
        verdict: Verdict,
    ) -> (Kind, Vec<u8>) {
        match verdict {
            Verdict::Keep { reply } => (Kind::Unchanged, reply),
            Verdict::Delete { reply } => {
                self.after.extend(before.map(|place| (place, None)));
                (Kind::Deleted, reply)
            }
            Verdict::Put { body, reply } => {
                let updated_at = change.now;
                // Kept under a key that has been succeeded: from now on under the new one.
                self.after.extend(before.map(|place| (place, None)));
                self.after.insert(place(&change.indexes[0]), Some(Row { id, version, updated_at, body }));
                self.wants.ids += usize::from(before.is_none());
                (if before.is_some() { Kind::Replaced } else { Kind::Created }, reply)
            }
        }
    }
}

/// The id that somebody new would get, or a stand-in for it.
fn next_id(used: usize, supply: &Supply) -> i64 {
    supply.ids.get(used).copied().unwrap_or_else(|| stand_in(used))
}

/// Far above every number that is given or accepted.
fn stand_in(used: usize) -> i64 {
    i64::MAX - i64::try_from(used).unwrap_or_default()
}

struct Given<'a> {
    wants: &'a mut Wants,
    supply: &'a Supply,
}

impl Numbers for Given<'_> {
    fn next(&mut self) -> Result<i64, StoreError> {
        let used = self.wants.numbers;
        self.wants.numbers += 1;
        let number = self.supply.numbers.start + i64::try_from(used).unwrap_or_default();
        Ok(if self.supply.numbers.contains(&number) { number } else { stand_in(used) })
    }

    fn taken(&mut self, number: i64) -> Result<(), StoreError> {
        self.wants.taken = self.wants.taken.max(number);
        Ok(())
    }

    fn are_stand_ins(&self) -> bool {
        !self.wants.is_met_by(self.supply)
    }
}

/// What makes the store as it is afterwards: first rows go, so that their ids are free, then the others are written.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    pub(crate) gone: Vec<Uuid>,
    pub(crate) changed: Vec<(Place, &'a Row)>,
    pub(crate) new: Vec<(Place, &'a Row)>,
}

impl<'a> Writes<'a> {
    pub(crate) fn of(known: &Known, passed: &'a Passed) -> Self {
        let mut writes = Self::default();
        for (place, after) in &passed.after {
            match (known.rows.get(place), after) {
                (None, None) => {}
                (None, Some(row)) => writes.new.push((*place, row)),
                (Some(before), Some(row)) if before.id == row.id => writes.changed.push((*place, row)),
                (Some(_), after) => {
                    writes.gone.push(place.0);
                    after.iter().for_each(|row| writes.new.push((*place, row)));
                }
            }
        }
        writes
    }
}
