//! What several processes on one store can break.

use super::model::Model;
use crate::{Change, Movement, MovementStore, Selection, Write, WriteRefused, testing::*};
use ficha_contract::Reply;
use std::{collections::HashSet, sync::Arc};

type Two<S> = [Arc<S>; 2];

/// What both answer to writes sent at once.
async fn at_once<S: MovementStore + 'static>(
    stores: &Two<S>,
    make: impl Fn(u8) -> Write,
) -> Vec<Result<Reply, WriteRefused>> {
    let [one, other] = [0, 1].map(|which| {
        let (store, write) = (stores[usize::from(which)].clone(), make(which));
        tokio::spawn(async move { store.write(write).await })
    });
    vec![one.await.unwrap(), other.await.unwrap()]
}

/// How often each was answered; a refusal by its words.
fn counted(answers: &[Result<Reply, WriteRefused>], refusal: &str) -> (usize, usize) {
    let is_refused =
        |answer: &&Result<_, WriteRefused>| answer.as_ref().is_err_and(|error| error.to_string() == refusal);
    (answers.iter().filter(|answer| answer.is_ok()).count(), answers.iter().filter(is_refused).count())
}

/// Everybody's hot record is what follows from what is listed of him.
async fn records_follow_from_lists(store: &dyn MovementStore) -> Vec<Movement> {
    let mut all = Vec::new();
    for person in [ANA, RUI].map(cpf) {
        let listed = store.list(person, Selection::default()).await.unwrap().unwrap_or_default();
        let mut model = Model::default();
        listed.iter().for_each(|movement| model.put(movement.clone(), at(NOW)));
        assert_eq!(hot(store, person).await, model.record(person));
        all.extend(listed);
    }
    all
}

pub(crate) async fn two_stores_keep_an_id_one_movements<S: MovementStore + 'static>(stores: Two<S>) {
    for number in 0..20 {
        let of = |which| format!(r#""cpf":"{}","value":{}"#, [ANA, RUI][usize::from(which)], which + 1);
        let both = at_once(&stores, |which| write(Change::Add(movement(number, &of(which))))).await;
        assert_eq!(counted(&both, "the id is taken"), (1, 1), "{both:?}");
        let all = records_follow_from_lists(&*stores[0]).await;
        assert_eq!(all.iter().filter(|movement| movement.id == id(number)).count(), 1);
    }
}

pub(crate) async fn equal_keys_at_once_on_two_stores_keep_one<S: MovementStore + 'static>(stores: Two<S>) {
    for round in 0..20 {
        // Each makes an id of its own, as the service does.
        let add = |which| Write {
            condition: under_key(&format!("key {round}"), "request", at(NOW)),
            ..write(Change::Add(movement(2 * round + which, "")))
        };
        let both = at_once(&stores, add).await;
        let replies: Vec<_> = both.into_iter().map(Result::unwrap).collect();
        assert_eq!(replies[0], replies[1], "one is the other's repetition");
        let found = stores[0].list(cpf(ANA), Selection::default()).await.unwrap().unwrap();
        assert_eq!(found.len(), usize::from(round) + 1);
    }
}

pub(crate) async fn of_two_writers_under_one_tag_one_is_refused<S: MovementStore + 'static>(stores: Two<S>) {
    let mut tag = add(&*stores[0], movement(1, "")).await.etag;
    for value in 0..20 {
        let replace = |which| Write {
            condition: if_match(tag.as_deref()),
            ..write(Change::Replace(movement(1, &format!(r#""value":"{value}.{which}""#))))
        };
        let both = at_once(&stores, replace).await;
        assert_eq!(counted(&both, "the condition does not hold"), (1, 1), "{both:?}");
        tag = both.into_iter().find_map(Result::ok).unwrap().etag;
        records_follow_from_lists(&*stores[0]).await;
    }
}

pub(crate) async fn entity_tags_of_two_stores_never_repeat<S: MovementStore + 'static>(stores: Two<S>) {
    let mut tags = HashSet::new();
    for round in 0..10 {
        for answer in at_once(&stores, |which| write(Change::Add(movement(2 * round + which, "")))).await {
            tags.insert(answer.unwrap().etag.unwrap());
        }
    }
    assert_eq!(tags.len(), 20);
}

/// Adds, replaces, moves and removes, all at once and of one person.
pub(crate) async fn writers_of_one_person_leave_a_record_of_all<S: MovementStore + 'static>(stores: Two<S>) {
    let tasks: Vec<_> = (0..32)
        .map(|number: u8| {
            let store = stores[usize::from(number % 2)].clone();
            let date = format!("2026-{:02}-15T12:00:00Z", 1 + number % 11);
            tokio::spawn(async move {
                let put = |change| store.write(write(change));
                match number % 4 {
                    0 => put(Change::Add(purchase(number, &date))).await.map(drop).unwrap(),
                    1 => {
                        let batch = vec![purchase(number, &date), movement(number + 100, "")];
                        store.ingest(batch, at(NOW)).await.map(drop).unwrap();
                    }
                    2 => {
                        put(Change::Add(purchase(number, &date))).await.unwrap();
                        put(Change::Remove(id(number))).await.unwrap();
                    }
                    _ => {
                        let of_another = Movement { cpf: cpf(RUI), ..purchase(number, &date) };
                        put(Change::Add(of_another)).await.unwrap();
                        put(Change::Replace(purchase(number, &date))).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = records_follow_from_lists(&*stores[1]).await;
    assert_eq!(all.len(), 8 + 2 * 8 + 8);
    assert_eq!(hot(&*stores[0], cpf(RUI)).await, None);
}

/// Two imports of files that speak of the same people: each row is one of theirs, and no record is of half the truth.
pub(crate) async fn batches_that_overlap_end_as_one_after_the_other<S: MovementStore + 'static>(
    stores: Two<S>,
) {
    for round in 0..8 {
        let batch = |which: u8| -> Vec<Movement> {
            let of = |number: u8| {
                let person = [ANA, RUI][usize::from((number + round + which) % 2)];
                movement(number, &format!(r#""cpf":"{person}","value":"{round}.{which}""#))
            };
            (0..40).map(|place| of(if which == 0 { place } else { 39 - place })).collect()
        };
        let [one, other] = [0, 1].map(|which| {
            let (store, batch) = (stores[usize::from(which)].clone(), batch(which));
            tokio::spawn(async move { store.ingest(batch, at(NOW)).await })
        });
        one.await.unwrap().unwrap();
        other.await.unwrap().unwrap();
        let mut all = records_follow_from_lists(&*stores[0]).await;
        all.sort_by_key(|movement| movement.id);
        let of = |which| {
            let mut batch = batch(which);
            batch.sort_by_key(|movement| movement.id);
            batch
        };
        assert!(all == of(0) || all == of(1), "the later one's rows, all of them");
    }
}

pub(crate) async fn what_one_store_answered_the_other_sees<S: MovementStore + 'static>([one, other]: Two<S>) {
    let tag = add(&*one, purchase(1, NOW)).await.etag;
    assert_eq!(hot(&*other, cpf(ANA)).await, hot(&*one, cpf(ANA)).await);
    assert!(other.last_purchase(cpf(ANA)).await.unwrap().unwrap().json.is_some());
    let removed = Write { condition: if_match(tag.as_deref()), ..write(Change::Remove(id(1))) };
    other.write(removed).await.unwrap();
    assert_eq!(hot(&*one, cpf(ANA)).await, None);
    assert_eq!(one.list(cpf(ANA), Selection::default()).await.unwrap(), None);
}
