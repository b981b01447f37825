//! Any sequence of writes, against the naive base.

use super::model::Model;
use crate::{Change, Movement, MovementStore, Selection, testing::*};
use ficha_contract::wire::{MovementKind, PaymentType};
use ficha_domain::{Money, ObjectId};
use jiff::{SignedDuration, Timestamp};
use proptest::{collection::vec, prelude::*};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add(Movement),
    Replace(Movement),
    Remove(ObjectId),
    Ingest(Vec<Movement>),
}

const IDS: u8 = 24;

/// Few people, few ids and few instants, so that everything meets.
fn any_movement() -> impl Strategy<Value = Movement> {
    let kinds = prop::sample::select(vec![MovementKind::Debit, MovementKind::Credit, MovementKind::Unknown]);
    let payments = prop::sample::select(vec![PaymentType::CreditCard, PaymentType::Money]);
    (0..IDS, any::<bool>(), 0..18_i64, 0..3_i64, kinds, payments, 0..10_000_i64).prop_map(
        |(number, is_ana, month, step, kind, payment_type, cents)| {
            // Around the zone's midnight between two months.
            let hours = month * 731 + step;
            Movement {
                cpf: cpf(if is_ana { ANA } else { RUI }),
                date: at("2025-01-01T02:00:00Z") + SignedDuration::from_hours(hours),
                id: id(number),
                description: format!("Farmácia \"{number}\""),
                value: Money::from_cents(cents).unwrap(),
                kind,
                payment_type,
            }
        },
    )
}

pub(crate) fn some_writes() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any_movement().prop_map(Step::Add),
        3 => any_movement().prop_map(Step::Replace),
        2 => (0..IDS).prop_map(|number| Step::Remove(id(number))),
        2 => vec(any_movement(), 0..40).prop_map(Step::Ingest),
    ];
    vec(step, 1..16)
}

/// After every step the store tells what the naive base does. What an earlier case left goes first.
pub(crate) async fn follows_from_all(
    store: &dyn MovementStore,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    for number in 0..IDS {
        let _ = store.write(write(Change::Remove(id(number)))).await;
    }
    let mut model = Model::default();
    for (count, step) in (0_i64..).zip(steps) {
        let now = at(NOW) + SignedDuration::from_secs(count);
        take(store, &mut model, step, now).await?;
        for person in [cpf(ANA), cpf(RUI)] {
            let record = model.record(person);
            prop_assert_eq!(&hot(store, person).await, &record);
            let purchase = store.last_purchase(person).await.unwrap();
            let purchase = purchase.map(|known| known.json.map(|json| serde_json::from_str(&json).unwrap()));
            let expected =
                record.map(|(record, _)| Some(record["last_purchase"].clone()).filter(|one| !one.is_null()));
            prop_assert_eq!(purchase, expected);
            let listed = store.list(person, Selection::default()).await.unwrap();
            prop_assert!(listed.unwrap_or_default() == model.of(person));
        }
    }
    Ok(())
}

async fn take(
    store: &dyn MovementStore,
    model: &mut Model,
    step: Step,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let (change, possible) = match &step {
        Step::Add(movement) => (Change::Add(movement.clone()), !model.has(movement.id)),
        Step::Replace(movement) => (Change::Replace(movement.clone()), model.has(movement.id)),
        Step::Remove(id) => (Change::Remove(*id), model.has(*id)),
        Step::Ingest(batch) => {
            store.ingest(batch.clone(), now).await.unwrap();
            batch.iter().for_each(|movement| model.put(movement.clone(), now));
            return Ok(());
        }
    };
    let done = store.write(crate::Write { now, ..write(change) }).await.is_ok();
    prop_assert_eq!(done, possible);
    match step {
        Step::Add(movement) | Step::Replace(movement) if possible => force(model, movement, now),
        Step::Remove(id) => model.remove(id, now),
        _ => {}
    }
    Ok(())
}

/// A write by one counts as a change even where it says the same again.
fn force(model: &mut Model, movement: Movement, now: Timestamp) {
    model.remove(movement.id, now);
    model.put(movement, now);
}
