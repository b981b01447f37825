//! The naive base: all movements in a list, everything counted anew whenever somebody asks.

use crate::{Movement, testing::zone};
use ficha_domain::{Cpf, Money, ObjectId};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

#[derive(Default)]
pub(super) struct Model {
    movements: BTreeMap<ObjectId, Movement>,
    updated: HashMap<Cpf, Timestamp>,
}

impl Model {
    pub(super) fn has(&self, id: ObjectId) -> bool {
        self.movements.contains_key(&id)
    }

    pub(super) fn put(&mut self, movement: Movement, now: Timestamp) {
        if self.movements.get(&movement.id) != Some(&movement) {
            self.remove(movement.id, now);
            self.updated.insert(movement.cpf, now);
            self.movements.insert(movement.id, movement);
        }
    }

    pub(super) fn remove(&mut self, id: ObjectId, now: Timestamp) {
        if let Some(gone) = self.movements.remove(&id) {
            self.updated.insert(gone.cpf, now);
        }
    }

    /// A person's movements, the latest first.
    pub(super) fn of(&self, cpf: Cpf) -> Vec<Movement> {
        let mut found: Vec<_> =
            self.movements.values().filter(|movement| movement.cpf == cpf).cloned().collect();
        found.sort_by_key(|movement| std::cmp::Reverse((movement.date, movement.id)));
        found
    }

    /// What the hot record must say.
    pub(super) fn record(&self, cpf: Cpf) -> Option<(Value, Timestamp)> {
        let all = self.of(cpf);
        let purchase = all.iter().find(|movement| movement.is_card_purchase()).map(without_type);
        let movements: Vec<_> = all.iter().take(10).map(transaction).collect();
        let record = json!({ "last_purchase": purchase, "movements": movements, "monthly": monthly(&all) });
        (!all.is_empty()).then(|| (record, self.updated[&cpf]))
    }
}

fn in_zone(at: Timestamp) -> jiff::Zoned {
    at.to_zoned(TimeZone::get(zone().name()).unwrap())
}

fn transaction(movement: &Movement) -> Value {
    let value: Value = serde_json::from_str(&movement.value.to_shortest()).unwrap();
    json!({
        "id": movement.id.to_string(),
        "description": movement.description,
        "value": value,
        "date": in_zone(movement.date).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string(),
        "cpf": movement.cpf.to_string(),
        "type": movement.kind.as_str(),
        "PaymentType": movement.payment_type.as_str(),
    })
}

fn without_type(movement: &Movement) -> Value {
    let mut json = transaction(movement);
    json.as_object_mut().unwrap().remove("type");
    json
}

fn monthly(all: &[Movement]) -> Vec<Value> {
    let mut months: BTreeMap<String, Vec<&Movement>> = BTreeMap::new();
    for movement in all {
        months.entry(in_zone(movement.date).strftime("%Y-%m").to_string()).or_default().push(movement);
    }
    let sum = |of: &[&Movement], kind: &str| -> Money {
        of.iter().filter(|movement| movement.kind.as_str() == kind).map(|movement| movement.value).sum()
    };
    let total = |(month, of): (&String, &Vec<&Movement>)| json!({ "month": month, "debit": sum(of, "Debit"), "credit": sum(of, "Credit"), "count": of.len() });
    months.iter().rev().take(12).map(total).collect()
}
