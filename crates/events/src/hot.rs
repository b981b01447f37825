//! The hot record of a person: the answer of `GET /evento/{cpf}`, made ready when something changes.

use crate::{
    Movement,
    shape::{MonthlyTotal, Purchase, Transaction},
    zone::{Month, Zone},
};
use ficha_contract::wire::MovementKind;
use ficha_domain::Money;

/// Grows when what is in a record changes: records of another layout, or of another zone, are made anew at start.
pub(crate) const LAYOUT: u32 = 1;

const MOVEMENTS: usize = 10;
const MONTHS: usize = 12;

/// The ready parts of a record. An answer is made by writing `{"cpf":…,"last_consultation":…,"last_purchase":` and
/// appending both, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hot {
    /// JSON of the latest purchase, or `null`.
    pub(crate) last_purchase: String,
    /// The comma after it, `movements`, `monthly` and the closing brace.
    pub(crate) rest: String,
}

/// Makes a record from a person's movements.
pub(crate) struct Digest<'a> {
    zone: &'a Zone,
    latest: Vec<Movement>,
    months: Vec<MonthlyTotal>,
}

impl<'a> Digest<'a> {
    pub(crate) fn new(zone: &'a Zone) -> Self {
        Self { zone, latest: Vec::with_capacity(MOVEMENTS), months: Vec::with_capacity(MONTHS) }
    }

    /// Takes the next movement, the latest first. `false`: the record is full, earlier ones do not change it.
    pub(crate) fn add(&mut self, movement: Movement) -> bool {
        let month = self.zone.month(movement.date);
        let Some(total) = self.total(month) else { return false };
        total.count += 1;
        match movement.kind {
            MovementKind::Credit => total.credit = total.credit + movement.value,
            MovementKind::Debit => total.debit = total.debit + movement.value,
            MovementKind::Unknown => {}
        }
        if self.latest.len() < MOVEMENTS {
            self.latest.push(movement);
        }
        true
    }

    /// The total of a month; `None` for the thirteenth.
    fn total(&mut self, month: Month) -> Option<&mut MonthlyTotal> {
        let known = self.months.iter().position(|total| total.month == month);
        if known.is_none() && self.months.len() < MONTHS {
            let (debit, credit) = (Money::default(), Money::default());
            self.months.push(MonthlyTotal { month, debit, credit, count: 0 });
            return self.months.last_mut();
        }
        self.months.get_mut(known?)
    }

    /// The record; `None` of a person without movements.
    pub(crate) fn finish(self, last_purchase: Option<&Movement>) -> serde_json::Result<Option<Hot>> {
        if self.latest.is_empty() {
            return Ok(None);
        }
        let last_purchase = last_purchase.map(|movement| Purchase::of(movement, self.zone));
        let movements: Vec<_> =
            self.latest.iter().map(|movement| Transaction::of(movement, self.zone)).collect();
        let movements = serde_json::to_string(&movements)?;
        let monthly = serde_json::to_string(&self.months)?;
        let rest = format!(",\"movements\":{movements},\"monthly\":{monthly}}}");
        Ok(Some(Hot { last_purchase: serde_json::to_string(&last_purchase)?, rest }))
    }
}
