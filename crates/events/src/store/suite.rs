//! What every engine must pass, a test for each promise of [`MovementStore`].

#[cfg(test)]
mod model;
#[cfg(test)]
mod two;
#[cfg(test)]
mod writes;

use crate::{Change, LastPurchase, Movement, MovementStore, Position, Selection, Write, testing::*};
use ficha_contract::{Condition, Ingested};
use serde_json::json;

pub(crate) use two::*;
pub(crate) use writes::{follows_from_all, some_writes};

/// Runs the suite on a store: `$open` is an async function that gives an empty one, the same data opened once more as
/// another process would, and what keeps it alive.
macro_rules! contract_suite {
    ($open:path) => {
        $crate::store::suite::promises!(one $open:
            nobody_is_known_without_movements,
            the_record_has_the_latest_ten_and_twelve_months,
            months_end_at_the_zones_midnight,
            the_last_purchase_is_the_latest_by_date,
            the_last_purchase_follows_updates_and_deletes,
            an_old_purchase_is_still_the_last_one,
            a_movement_may_become_anothers,
            lists_are_filtered,
            words_are_found_without_case_and_accents,
            pages_are_stable_under_inserts,
            a_cursor_behind_the_period_begins_at_the_period,
            an_id_is_one_movements,
            entity_tags_guard_writes_and_never_repeat,
            a_repeated_write_is_done_once,
            a_batch_taken_twice_changes_nothing,
            a_batch_replaces_by_id,
        );
        $crate::store::suite::promises!(two $open:
            two_stores_keep_an_id_one_movements,
            equal_keys_at_once_on_two_stores_keep_one,
            of_two_writers_under_one_tag_one_is_refused,
            entity_tags_of_two_stores_never_repeat,
            writers_of_one_person_leave_a_record_of_all,
            batches_that_overlap_end_as_one_after_the_other,
            what_one_store_answered_the_other_sees,
        );

        #[test]
        fn any_order_of_writes_leaves_what_follows_from_all() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (store, _same, _alive) = runtime.block_on($open());
            let config = proptest::test_runner::Config::with_cases(48);
            proptest::proptest!(config, |(writes in $crate::store::suite::some_writes())| {
                runtime.block_on($crate::store::suite::follows_from_all(&store, writes))?;
            });
        }
    };
}

macro_rules! promises {
    (one $open:path: $($promise:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $promise() {
            let (store, _same, _alive) = $open().await;
            $crate::store::suite::$promise(&store).await;
        }
    )*};
    (two $open:path: $($promise:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let (one, other, _alive) = $open().await;
            $crate::store::suite::$promise([std::sync::Arc::new(one), std::sync::Arc::new(other)]).await;
        }
    )*};
}

pub(crate) use {contract_suite, promises};

async fn ids(store: &dyn MovementStore, selection: Selection) -> Vec<u8> {
    let found = store.list(cpf(ANA), selection).await.unwrap().unwrap();
    found.iter().map(|movement| movement.id.0[0]).collect()
}

async fn ingest(store: &dyn MovementStore, batch: Vec<Movement>) -> (u64, u64, u64) {
    let Ingested { created, replaced, unchanged } = store.ingest(batch, at(NOW)).await.unwrap();
    (created, replaced, unchanged)
}

async fn last_purchase(store: &dyn MovementStore) -> Option<u8> {
    let json = store.last_purchase(cpf(ANA)).await.unwrap().unwrap().json?;
    let (record, _) = hot(store, cpf(ANA)).await.unwrap();
    let purchase: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(record["last_purchase"], purchase, "both ways tell the same");
    u8::from_str_radix(&purchase["id"].as_str().unwrap()[..2], 16).ok()
}

pub(crate) async fn nobody_is_known_without_movements(store: &dyn MovementStore) {
    for _ in 0..2 {
        let mut answer = b"before".to_vec();
        assert_eq!(store.append_hot(cpf(ANA), &mut answer).await.unwrap(), None);
        assert_eq!(answer, b"before");
        assert_eq!(store.last_purchase(cpf(ANA)).await.unwrap(), None);
        assert_eq!(store.list(cpf(ANA), Selection::default()).await.unwrap(), None);
        add(store, movement(1, "")).await;
        assert_eq!(store.last_purchase(cpf(ANA)).await.unwrap(), Some(LastPurchase { json: None }));
        assert_eq!(hot(store, cpf(ANA)).await.unwrap().1, at(NOW));
        store.write(write(Change::Remove(id(1)))).await.unwrap();
    }
}

pub(crate) async fn the_record_has_the_latest_ten_and_twelve_months(store: &dyn MovementStore) {
    let month = |number: u8| format!("20{:02}-{:02}-15T12:00:00Z", 24 + number / 12, 1 + number % 12);
    let of =
        |number: u8| movement(number, &format!(r#""date":"{}","type":"Credit","value":1"#, month(number)));
    // Every second month, so that the twelve are those that have movements, not those of the calendar.
    let batch = (0..30).step_by(2).map(of).collect();
    ingest(store, batch).await;
    let (record, _) = hot(store, cpf(ANA)).await.unwrap();
    let months: Vec<_> =
        record["monthly"].as_array().unwrap().iter().map(|total| total["month"].clone()).collect();
    assert_eq!(months.len(), 12);
    assert_eq!((&months[0], &months[11]), (&json!("2026-05"), &json!("2024-07")));
    let movements = record["movements"].as_array().unwrap();
    assert_eq!(movements.len(), 10);
    assert_eq!(movements[0]["id"], json!(id(28)));
}

pub(crate) async fn months_end_at_the_zones_midnight(store: &dyn MovementStore) {
    let batch = [
        (1, "2026-11-01T02:59:59.999Z", "Debit", "1.10"),
        (2, "2026-11-01T03:00:00Z", "Debit", "2.20"),
        (3, "2026-11-30T23:59:59-03:00", "Credit", "1000.07"),
        (4, "2026-11-15T00:00:00Z", "", "5"),
        (5, "2026-12-01T02:59:59Z", "Debit", "0.01"),
    ]
    .map(|(number, date, kind, value)| {
        movement(number, &format!(r#""date":"{date}","type":"{kind}","value":"{value}""#))
    });
    ingest(store, batch.into()).await;
    let (record, _) = hot(store, cpf(ANA)).await.unwrap();
    assert_eq!(
        record["monthly"],
        json!([
            { "month": "2026-11", "debit": "2.21", "credit": "1000.07", "count": 4 },
            { "month": "2026-10", "debit": "1.10", "credit": "0.00", "count": 1 },
        ])
    );
}

pub(crate) async fn the_last_purchase_is_the_latest_by_date(store: &dyn MovementStore) {
    for (number, date) in [(3, "2026-09-01"), (1, "2026-11-01"), (2, "2026-10-01"), (4, "2026-11-01")] {
        add(store, purchase(number, &format!("{date}T12:00:00Z"))).await;
    }
    assert_eq!(last_purchase(store).await, Some(4), "of one instant, the greater id");
    for (number, fields) in [
        (9, r#""type":"Credit","PaymentType":"CreditCard""#),
        (8, r#""type":"Debit","PaymentType":"DebitCard""#),
        (7, r#""type":"","PaymentType":"CreditCard""#),
    ] {
        add(store, movement(number, &format!(r#""date":"2026-11-21T12:00:00Z",{fields}"#))).await;
    }
    assert_eq!(
        last_purchase(store).await,
        Some(4),
        "later ones that are no purchases by credit card do not count"
    );
}

pub(crate) async fn the_last_purchase_follows_updates_and_deletes(store: &dyn MovementStore) {
    for (number, date) in [(1, "2026-09-01"), (2, "2026-10-01"), (3, "2026-11-01")] {
        add(store, purchase(number, &format!("{date}T12:00:00Z"))).await;
    }
    let replace = |movement| store.write(write(Change::Replace(movement)));
    replace(purchase(1, "2026-11-20T12:00:00Z")).await.unwrap();
    assert_eq!(last_purchase(store).await, Some(1), "its date moved on");
    replace(movement(1, r#""date":"2026-11-20T12:00:00Z","type":"Debit","PaymentType":"Money""#))
        .await
        .unwrap();
    assert_eq!(last_purchase(store).await, Some(3), "it was none after all");
    store.write(write(Change::Remove(id(3)))).await.unwrap();
    assert_eq!(last_purchase(store).await, Some(2));
    store.write(write(Change::Remove(id(2)))).await.unwrap();
    assert_eq!(last_purchase(store).await, None);
}

/// Longer ago than the record goes back.
pub(crate) async fn an_old_purchase_is_still_the_last_one(store: &dyn MovementStore) {
    let later = |number: u8| movement(number, &format!(r#""date":"2025-{number:02}-15T12:00:00Z""#));
    add(store, purchase(20, "2020-01-01T12:00:00Z")).await;
    add(store, purchase(21, "2021-01-01T12:00:00Z")).await;
    ingest(store, (1..=12).map(later).collect()).await;
    assert_eq!(last_purchase(store).await, Some(21));
    add(store, movement(30, r#""date":"2026-01-15T12:00:00Z""#)).await;
    assert_eq!(last_purchase(store).await, Some(21));
    store.write(write(Change::Remove(id(21)))).await.unwrap();
    assert_eq!(last_purchase(store).await, Some(20));
}

pub(crate) async fn a_movement_may_become_anothers(store: &dyn MovementStore) {
    add(store, purchase(1, "2026-11-01T12:00:00Z")).await;
    let moved = Movement { cpf: cpf(RUI), ..purchase(1, "2026-11-01T12:00:00Z") };
    store.write(write(Change::Replace(moved.clone()))).await.unwrap();
    assert_eq!(hot(store, cpf(ANA)).await, None);
    assert_eq!(hot(store, cpf(RUI)).await.unwrap().0["last_purchase"]["cpf"], RUI);
    let back = Movement { cpf: cpf(ANA), ..moved };
    assert_eq!(ingest(store, vec![back]).await, (0, 1, 0));
    assert_eq!(hot(store, cpf(RUI)).await, None);
    assert_eq!(last_purchase(store).await, Some(1));
}

pub(crate) async fn lists_are_filtered(store: &dyn MovementStore) {
    let batch = [
        (1, "2026-10-01T00:00:00Z", "Credit", "Money", "10.00"),
        (2, "2026-10-02T00:00:00Z", "Debit", "Money", "20.00"),
        (3, "2026-10-02T00:00:00Z", "Debit", "CreditCard", "30.00"),
        (4, "2026-10-03T00:00:00.001Z", "", "", "40.00"),
    ]
    .map(|(number, date, kind, payment, value)| {
        let fields =
            format!(r#""date":"{date}","type":"{kind}","PaymentType":"{payment}","value":"{value}""#);
        movement(number, &fields)
    });
    ingest(store, batch.into()).await;
    add(store, movement(9, &format!(r#""cpf":"{RUI}""#))).await;
    let all = Selection::default;
    let reais = |text: &str| text.parse().ok();
    use ficha_contract::wire::{MovementKind, PaymentType};
    for (selection, expected) in [
        (all(), vec![4, 3, 2, 1]),
        (Selection { from: Some(at("2026-10-02T00:00:00Z")), ..all() }, vec![4, 3, 2]),
        (Selection { from: Some(at("2026-10-03T00:00:00.0001Z")), ..all() }, vec![4]),
        (Selection { from: Some(at("2026-10-03T00:00:00.0011Z")), ..all() }, vec![]),
        (Selection { to: Some(at("2026-10-02T00:00:00Z")), ..all() }, vec![1]),
        (Selection { to: Some(at("2026-10-03T00:00:00.0011Z")), ..all() }, vec![4, 3, 2, 1]),
        (Selection { kind: Some(MovementKind::Debit), ..all() }, vec![3, 2]),
        (Selection { kind: Some(MovementKind::Unknown), ..all() }, vec![4]),
        (Selection { payment_type: Some(PaymentType::Money), ..all() }, vec![2, 1]),
        (Selection { min: reais("20.00"), max: reais("30.00"), ..all() }, vec![3, 2]),
        (Selection { limit: Some(2), ..all() }, vec![4, 3]),
        (
            Selection {
                after: Some(Position { date: at("2026-10-02T00:00:00Z"), id: id(3) }),
                to: Some(at("2026-10-03T00:00:00Z")),
                ..all()
            },
            vec![2, 1],
        ),
    ] {
        assert_eq!(ids(store, selection.clone()).await, expected, "{selection:?}");
    }
}

pub(crate) async fn words_are_found_without_case_and_accents(store: &dyn MovementStore) {
    for (number, description) in [(1, "Farmácia São João"), (2, "FARMACIA POPULAR"), (3, "Supermercado")] {
        add(store, movement(number, &format!(r#""description":"{description}""#))).await;
    }
    for (text, expected) in [
        ("FARMACIA", vec![2, 1]),
        ("farmácia", vec![2, 1]),
        ("joao farmacia", vec![1]),
        ("farmacia mercado", vec![]),
        ("mercado", vec![]),
    ] {
        let selection = Selection { words: Selection::words_of(text), ..Selection::default() };
        assert_eq!(ids(store, selection).await, expected, "{text}");
    }
}

pub(crate) async fn pages_are_stable_under_inserts(store: &dyn MovementStore) {
    // All of one instant, so that the id alone decides.
    ingest(store, [10, 20, 30, 40, 50].map(|number| movement(number, "")).into()).await;
    let page = |after| Selection { after, limit: Some(2), ..Selection::default() };
    assert_eq!(ids(store, page(None)).await, [50, 40]);
    let after = Some(Position::from(&movement(40, "")));
    ingest(store, vec![movement(45, ""), movement(35, "")]).await;
    assert_eq!(ids(store, page(after)).await, [35, 30], "what came before the cursor shifts nothing");
    store.write(write(Change::Remove(id(40)))).await.unwrap();
    assert_eq!(ids(store, page(after)).await, [35, 30], "also where the cursor's own movement is gone");
    let after = Some(Position::from(&movement(10, "")));
    assert!(ids(store, page(after)).await.is_empty());
}

pub(crate) async fn a_cursor_behind_the_period_begins_at_the_period(store: &dyn MovementStore) {
    ingest(store, (1..=3).map(|number| movement(number, "")).collect()).await;
    let after = Some(Position { date: jiff::Timestamp::MAX, id: id(9) });
    let selection = |to| Selection { after, to: Some(at(to)), ..Selection::default() };
    assert!(ids(store, selection("2026-10-05T12:00:00Z")).await.is_empty());
    assert_eq!(ids(store, selection("2026-10-05T12:00:00.001Z")).await, [3, 2, 1]);
}

pub(crate) async fn an_id_is_one_movements(store: &dyn MovementStore) {
    add(store, movement(1, r#""value":1"#)).await;
    let other = movement(1, &format!(r#""cpf":"{RUI}","value":2"#));
    assert_eq!(refused(store.write(write(Change::Add(other.clone()))).await), "the id is taken");
    assert_eq!(hot(store, cpf(RUI)).await, None, "a refused write changed nothing");
    for change in [Change::Replace(movement(2, "")), Change::Remove(id(2))] {
        let guarded = Write { condition: if_match(Some("\"1\"")), ..write(change.clone()) };
        assert_eq!(refused(store.write(write(change)).await), "the id is unknown");
        assert_eq!(refused(store.write(guarded).await), "the id is unknown");
    }
}

pub(crate) async fn entity_tags_guard_writes_and_never_repeat(store: &dyn MovementStore) {
    let first = add(store, movement(1, r#""value":1"#)).await.etag;
    let replace = |condition| Write { condition, ..write(Change::Replace(movement(1, r#""value":2"#))) };
    let second = store.write(replace(if_match(first.as_deref()))).await.unwrap().etag;
    let stale = store.write(replace(if_match(first.as_deref()))).await;
    assert_eq!(refused(stale), "the condition does not hold");
    let remove = |condition| Write { condition, ..write(Change::Remove(id(1))) };
    assert_eq!(refused(store.write(remove(if_match(first.as_deref()))).await), "the condition does not hold");
    assert_eq!(store.write(remove(if_match(second.as_deref()))).await.unwrap().etag, None);
    let third = add(store, movement(1, r#""value":1"#)).await.etag;
    ingest(store, vec![movement(2, "")]).await;
    let fourth = add(store, movement(3, "")).await.etag;
    let tags = [first, second, third, fourth].map(Option::unwrap);
    assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')));
    assert_eq!(std::collections::HashSet::from(tags.clone()).len(), 4, "{tags:?}");
    let guarded = Write { condition: if_match(Some(&tags[0])), ..write(Change::Add(movement(4, ""))) };
    assert_eq!(refused(store.write(guarded).await), "the condition does not hold");
    assert_eq!(ids(store, Selection::default()).await, [3, 2, 1]);
}

pub(crate) async fn a_repeated_write_is_done_once(store: &dyn MovementStore) {
    let under = |number, request: &str, hours| {
        let now = at(NOW) + jiff::SignedDuration::from_hours(hours);
        let condition = under_key("key", request, now);
        Write { condition, now, ..write(Change::Add(movement(number, ""))) }
    };
    let first = store.write(under(1, "one", 0)).await.unwrap();
    // A repetition whose id was made anew meanwhile: the first one's is answered.
    assert_eq!(store.write(under(2, "one", 1)).await.unwrap(), first);
    assert_eq!(ids(store, Selection::default()).await, [1]);
    let other = store.write(under(3, "another", 2)).await;
    assert_eq!(refused(other), "the idempotency key belongs to another request");
    let remove = Write { condition: under_key("away", "one", at(NOW)), ..write(Change::Remove(id(1))) };
    let gone = store.write(remove.clone()).await.unwrap();
    assert_eq!(store.write(remove).await.unwrap(), gone);
    let refused_once =
        Write { condition: Condition { ..under_key("new", "x", at(NOW)) }, ..write(Change::Remove(id(5))) };
    assert_eq!(refused(store.write(refused_once.clone()).await), "the id is unknown");
    add(store, movement(5, "")).await;
    assert!(store.write(refused_once).await.is_ok(), "a refusal is not kept");
    assert!(store.write(under(3, "another", 25)).await.is_ok(), "a key is forgotten after a day");
}

pub(crate) async fn a_batch_taken_twice_changes_nothing(store: &dyn MovementStore) {
    let batch =
        || vec![purchase(1, "2026-11-01T12:00:00Z"), movement(2, ""), movement(3, r#""cpf":"12345678909""#)];
    assert_eq!(ingest(store, batch()).await, (3, 0, 0));
    let before = hot(store, cpf(ANA)).await;
    let later = at(NOW) + jiff::SignedDuration::from_hours(1);
    let again = store.ingest(batch(), later).await.unwrap();
    assert_eq!(again, Ingested { unchanged: 3, ..Ingested::default() });
    assert_eq!(hot(store, cpf(ANA)).await, before, "updated_at too");
}

pub(crate) async fn a_batch_replaces_by_id(store: &dyn MovementStore) {
    ingest(store, vec![movement(1, r#""value":1"#)]).await;
    let twice = vec![movement(1, r#""value":2"#), movement(7, ""), movement(7, r#""value":7"#)];
    assert_eq!(ingest(store, twice).await, (1, 2, 0));
    let found = store.list(cpf(ANA), Selection::default()).await.unwrap().unwrap();
    let cents: Vec<_> = found.iter().map(|movement| movement.value.cents()).collect();
    assert_eq!(cents, [700, 200], "of one id several times, the last one stays");
    assert_eq!(ingest(store, vec![]).await, (0, 0, 0));
}
