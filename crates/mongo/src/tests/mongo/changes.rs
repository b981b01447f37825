//! Changes as they are told, and leases.

use super::*;
use mongodb::bson::{Bson, RawDocumentBuf};

/// What is told until a document with this id comes by: which, and its value.
async fn until(changes: &mut Changes, last: i64) -> Vec<(Bson, Option<i64>)> {
    let mut told = Vec::new();
    while told.last().is_none_or(|(id, _)| *id != Bson::Int64(last)) {
        let Some(change) = changes.next().await.unwrap() else { continue };
        assert_eq!(change.collection, "thing");
        let value = |row: RawDocumentBuf| row.get_i64("value").unwrap();
        told.push((change.id, change.document.map(value)));
    }
    told
}

async fn put(store: &Mongo, id: i64, value: i64) {
    let things = store.collection("thing").clone_with_type::<Document>();
    let row = doc! { "_id": id, "value": value };
    store.ask(POINT, things.replace_one(doc! { "_id": id }, row).upsert(true)).await.unwrap();
}

#[tokio::test]
async fn changes_come_in_their_order_as_they_were_and_again_from_a_place() {
    let (store, _guard) = store().await;
    let moment = store.moment().await.unwrap();
    let mut changes = store.changes(&["thing"], Since::Moment(moment)).await.unwrap();
    put(&store, 1, 10).await;
    put(&store, 7, 70).await;
    let told = until(&mut changes, 7).await;
    assert_eq!(told[told.len() - 2..], [(1_i64.into(), Some(10)), (7_i64.into(), Some(70))]);
    let place = changes.place().unwrap();
    put(&store, 7, 71).await;
    let things = store.collection("thing");
    let set = doc! { "$set": { "value": 72_i64 } };
    store.ask(POINT, things.update_one(doc! { "_id": 7_i64 }, set)).await.unwrap();
    store.ask(POINT, things.delete_one(doc! { "_id": 7_i64 })).await.unwrap();
    // Of another collection, which nobody asked about.
    store.ask(POINT, store.collection("other").insert_one(RawDocumentBuf::new())).await.unwrap();
    put(&store, 8, 80).await;
    for _ in 0..2 {
        let mut again = store.changes(&["thing"], Since::Place(place.clone())).await.unwrap();
        let expected = [(7_i64.into(), Some(71)), (7_i64.into(), None), (8_i64.into(), Some(80))];
        assert_eq!(until(&mut again, 8).await, expected, "what a field became is gone with its document");
    }
}

#[tokio::test]
async fn a_transaction_is_told_as_of_one_moment() {
    let (store, _guard) = store().await;
    let moment = store.moment().await.unwrap();
    let mut changes = store.changes(&["thing"], Since::Moment(moment)).await.unwrap();
    let done = store.transaction(SECONDS, Repeat::IfUndone, &(), |(), transaction| {
        Box::pin(async move {
            let things = transaction.documents("thing");
            for id in [11_i64, 12] {
                let row = doc! { "_id": id, "value": id };
                things.insert_one(row).session(transaction.session()).await?;
            }
            Ok::<_, Stop<()>>(())
        })
    });
    done.await.unwrap().unwrap();
    let mut at = Vec::new();
    while at.len() < 2 {
        let change = changes.next().await.unwrap();
        at.extend(change.filter(|change| change.id.as_i64() > Some(10)).map(|change| change.at));
    }
    assert!(at[0] == at[1] && at[0] >= moment, "{at:?} {moment}");
}

#[tokio::test]
async fn who_cannot_be_told_any_more_learns_it() {
    let (store, _guard) = store().await;
    let moment = store.moment().await.unwrap();
    let mut changes = store.changes(&["thing"], Since::Moment(moment)).await.unwrap();
    store.ask(POINT, store.collection("thing").drop()).await.unwrap();
    let told = loop {
        match changes.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(told, Error::Lost), "{told}");
}

#[tokio::test]
async fn a_lease_is_one_holders_until_he_lets_it_go() {
    let (url, _guard) = database();
    let (one, two) = (open(&url).await, open(&url).await);
    let held = one.lease("a").await.unwrap().unwrap();
    assert!(two.lease("a").await.unwrap().is_none());
    assert!(two.lease("b").await.unwrap().is_some(), "another one is another's");
    held.release().await;
    let _held = two.lease("a").await.unwrap().unwrap();
    assert!(one.lease("a").await.unwrap().is_none());
}
