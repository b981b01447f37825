//! The index made anew.

use super::*;
use ficha_mongo::mongodb::{Client, bson::Document};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The indexes of a base, and which of them the alias names.
async fn indexes(base: &Base) -> (Vec<String>, Vec<String>) {
    let path = format!("/{}/_alias", base.index.shape.all());
    let said = base.ask(Method::GET, &path, None).await;
    let all: Vec<_> = said.as_object().unwrap().keys().cloned().collect();
    let alias = base.index.shape.alias();
    let named = all.iter().filter(|name| said[*name]["aliases"].get(&alias).is_some()).cloned().collect();
    (all, named)
}

async fn delete(base: &Base, index: &str) {
    base.ask(Method::DELETE, &format!("/{index}"), None).await;
}

#[tokio::test]
async fn while_writes_and_questions_go_on_it_is_equal_at_the_end() {
    let base = base().await;
    base.store.ingest(many(0, 6000), at(NOW)).await.unwrap();
    add(&*base.store, described(28, "Farmácia")).await;
    let _fed = base.fed();
    base.caught_up().await;
    let before = indexes(&base).await.0;
    let (over, answers, steps) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let rebuild = async {
        let told = base.index.rebuild(|done, all| {
            assert!(done <= all);
            steps.fetch_add(1, Relaxed);
        });
        let count = told.await.unwrap();
        over.store(true, Relaxed);
        count
    };
    let ask = async {
        while !over.load(Relaxed) {
            match base.index.page(cpf(ANA), &words_of("farmacia"), 9).await {
                Ok(found) => assert_eq!(found.unwrap().movements.len(), 1),
                // The machine is busy; that there is no index would be another error.
                Err(IndexError::Search(ficha_search::Error::Late | ficha_search::Error::Down)) => {}
                Err(error) => panic!("{error}"),
            }
            answers.fetch_add(1, Relaxed);
        }
    };
    let write = async {
        let mut number = 0;
        while !over.load(Relaxed) {
            number += 1;
            base.store.ingest(many(number * 10, 20), at(NOW)).await.unwrap();
            base.store.ingest(many(100_000 + number, 1), at(NOW)).await.unwrap();
            add(&*base.store, described(1, "x").with(200)).await;
            base.remove(200).await;
        }
    };
    let (count, ..) = tokio::join!(rebuild, ask, write);
    assert!(count >= 6000 && steps.load(Relaxed) >= 3 && answers.load(Relaxed) > 3);
    base.caught_up().await;
    base.is_equal().await;
    let (all, named) = indexes(&base).await;
    assert_eq!((all.len(), &named), (1, &all));
    assert_ne!(before, all);
}

#[tokio::test]
async fn what_killed_ones_left_is_removed_and_a_foreign_name_is_not() {
    let base = base().await;
    let _fed = base.fed();
    base.caught_up().await;
    let (left, foreign) = (base.index.shape.index(uuid::Uuid::from_u128(7)), format!("{}x_a", base.name));
    base.index.search.create(&left).await.unwrap();
    base.index.search.create(&foreign).await.unwrap();
    base.index.rebuild(|_, _| ()).await.unwrap();
    let (all, _) = indexes(&base).await;
    assert!(all.len() == 1 && !all.contains(&left), "{all:?}");
    delete(&base, &foreign).await;
}

#[tokio::test]
async fn one_that_is_gone_is_made_anew_by_itself() {
    let base = base().await;
    add(&*base.store, described(1, "Farmácia")).await;
    let _fed = base.fed();
    base.caught_up().await;
    delete(&base, &base.index.fit().await.unwrap().index).await;
    assert!(base.index.page(cpf(ANA), &words_of("farmacia"), 9).await.is_err());
    add(&*base.store, described(2, "Farmácia")).await;
    eventually("it is made anew", async || base.index.figures().rebuilds() == 2).await;
    base.caught_up().await;
    base.is_equal().await;
    assert_eq!(base.found(ANA, "farmacia").await, [2, 1]);
}

/// As after a week without anybody who fed it: the time in its place lies before what the server remembers.
#[tokio::test]
async fn one_that_is_too_far_behind_to_be_told_is_made_anew_by_itself() {
    let base = base().await;
    add(&*base.store, described(1, "Farmácia")).await;
    base.index.rebuild(|_, _| ()).await.unwrap();
    let client = Client::with_uri_str(&base.mongo).await.unwrap();
    let meta = client.default_database().unwrap().collection::<Document>("events_meta");
    let note = meta.find_one(doc! { "_id": "search" }).await.unwrap().unwrap();
    let place = note.get_document("place").unwrap().get_str("_data").unwrap();
    let old = format!("{}5C000000{}", &place[..2], &place[10..]);
    meta.update_one(doc! { "_id": "search" }, doc! { "$set": { "place._data": old } }).await.unwrap();
    base.remove(1).await;
    add(&*base.store, described(2, "Farmácia")).await;
    let _fed = base.fed();
    eventually("it is made anew", async || base.index.figures().rebuilds() == 2).await;
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 0);
}

#[tokio::test]
async fn one_of_another_key_is_not_asked_and_made_anew_by_itself() {
    let base = base().await;
    add(&*base.store, described(1, "Farmácia")).await;
    base.index.rebuild(|_, _| ()).await.unwrap();
    let other = base.another(2, [8; 32]).await;
    let asked = other.index.page(cpf(ANA), &words_of("farmacia"), 9).await;
    assert!(matches!(asked, Err(IndexError::Unmade)), "it would find nobody");
    let _fed = other.fed();
    other.caught_up().await;
    other.is_equal().await;
    assert_eq!(other.found(ANA, "farmacia").await, [1]);
}
