use super::*;
use crate::{
    Change,
    store::suite::contract_suite,
    testing::{ANA, NOW, add, at, cpf, hot, id, movement, purchase, under_key, world_of, write},
};
use ficha_mongo::mongodb::{self, Client, Collection};
use ficha_testkit::mongo::{Guard, database};

const ZONE: &str = "America/Sao_Paulo";

pub(in crate::store) async fn open() -> (MongoMovements, MongoMovements, Guard) {
    let (url, guard) = database();
    migrate(&url, ZONE).await.unwrap();
    let store = async |seed| opened(&url, ZONE, seed).await.unwrap();
    (store(1).await, store(2).await, guard)
}

async fn migrate(url: &str, zone: &str) -> Result<(), Error> {
    MongoMovements::migrate(&Settings::parse(url).unwrap(), Zone::named(zone).unwrap()).await
}

async fn open_at(url: &str, zone: &str) -> Result<MongoMovements, Error> {
    opened(url, zone, 1).await
}

async fn opened(url: &str, zone: &str, seed: u64) -> Result<MongoMovements, Error> {
    let (settings, zone) = (Settings::parse(url).unwrap(), Zone::named(zone).unwrap());
    MongoMovements::open(&settings, zone, [7; 32], world_of(seed).0).await
}

fn refused(opened: Result<MongoMovements, Error>) -> String {
    opened.err().unwrap().to_string()
}

/// Beside the store, as an operator's shell would be.
async fn beside(url: &str, name: &str) -> Collection<Document> {
    let client = Client::with_uri_str(url).await.unwrap();
    client.default_database().unwrap().collection(&format!("{ROLE}_{name}"))
}

contract_suite!(open);

#[tokio::test]
async fn records_of_another_zone_are_refused_until_they_are_made_anew_and_keep_their_time() {
    let (url, _guard) = database();
    migrate(&url, ZONE).await.unwrap();
    let store = open_at(&url, ZONE).await.unwrap();
    add(&store, purchase(1, "2026-11-01T02:00:00Z")).await;
    let (before, updated_at) = hot(&store, cpf(ANA)).await.unwrap();
    assert_eq!(before["monthly"][0]["month"], "2026-10");
    let told = refused(open_at(&url, "Europe/Lisbon").await);
    assert!(
        told.contains(ZONE) && told.contains("Europe/Lisbon") && told.contains("ficha migrate"),
        "{told}"
    );
    migrate(&url, "Europe/Lisbon").await.unwrap();
    let (after, kept) = hot(&open_at(&url, "Europe/Lisbon").await.unwrap(), cpf(ANA)).await.unwrap();
    assert_eq!(after["monthly"][0]["month"], "2026-11");
    assert_eq!(after["last_purchase"]["date"], "2026-11-01T02:00:00+00:00");
    assert_eq!(kept, updated_at);
    assert!(open_at(&url, ZONE).await.is_err());
    migrate(&url, ZONE).await.unwrap();
    assert_eq!(hot(&open_at(&url, ZONE).await.unwrap(), cpf(ANA)).await.unwrap(), (before, updated_at));
}

#[tokio::test]
async fn records_of_another_version_are_made_anew_by_migrate_alone() {
    let (url, _guard) = database();
    assert!(matches!(open_at(&url, ZONE).await, Err(Error::NotMigrated(_))));
    migrate(&url, ZONE).await.unwrap();
    let store = open_at(&url, ZONE).await.unwrap();
    store.ingest((1..=9).map(|n| movement(n, "")).collect(), at(NOW)).await.unwrap();
    let whole = hot(&store, cpf(ANA)).await;
    let (records, meta) = (beside(&url, "hot").await, beside(&url, "meta").await);
    // As an older version left it; as one that was killed while it made records anew left it.
    for note in [doc! { "layout": 0_i64 }, doc! { "whole": false }] {
        records.update_one(doc! {}, doc! { "$set": { "rest": "old" } }).await.unwrap();
        meta.update_one(doc! { "_id": "hot" }, doc! { "$set": note }).await.unwrap();
        assert!(matches!(open_at(&url, ZONE).await, Err(Error::NotMigrated(_))));
        let four: [_; 4] = std::array::from_fn(|_| migrate(&url, ZONE));
        for done in futures_util::future::join_all(four).await {
            done.unwrap();
        }
        assert_eq!(hot(&open_at(&url, ZONE).await.unwrap(), cpf(ANA)).await, whole);
    }
    meta.update_one(doc! { "_id": "hot" }, doc! { "$set": { "layout": 99_i64 } }).await.unwrap();
    assert!(refused(open_at(&url, ZONE).await).contains("newer version"));
    assert!(migrate(&url, ZONE).await.is_err());
}

/// Whoever remembers an older record can tell, also across an end and a new beginning.
#[tokio::test]
async fn the_version_of_a_record_grows_over_its_end() {
    let (url, _guard) = database();
    migrate(&url, ZONE).await.unwrap();
    let store = open_at(&url, ZONE).await.unwrap();
    let records = beside(&url, "hot").await;
    let record = async || {
        let record = records.find_one(doc! {}).await.unwrap().unwrap();
        (record.get_i64("version").unwrap(), record.get_bool("gone").unwrap())
    };
    add(&store, movement(1, "")).await;
    assert_eq!(record().await, (1, false));
    store.write(write(Change::Remove(id(1)))).await.unwrap();
    assert_eq!(record().await, (2, true));
    store.ingest(vec![movement(2, "")], at(NOW)).await.unwrap();
    assert_eq!(record().await, (3, false));
    store.ingest(vec![movement(2, ""), movement(3, "")], at(NOW)).await.unwrap();
    assert_eq!(record().await, (4, false));
}

#[tokio::test]
async fn keys_and_requests_are_not_readable_on_the_server() {
    let (url, _guard) = database();
    migrate(&url, ZONE).await.unwrap();
    let store = open_at(&url, ZONE).await.unwrap();
    let condition = under_key("shop my-secret-key", "POST /x {\"a\":\"hush-hush\"}", at(NOW));
    store.write(Write { condition, ..write(Change::Add(movement(1, ""))) }).await.unwrap();
    let kept = beside(&url, "idempotency").await.find_one(doc! {}).await.unwrap().unwrap();
    let bytes = mongodb::bson::serialize_to_vec(&kept).unwrap();
    for (secret, is_there) in [("my-secret-key", false), ("hush-hush", false), ("etag", true)] {
        assert_eq!(
            bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
            is_there,
            "{secret}"
        );
    }
}

#[tokio::test]
async fn documents_of_another_shape_are_not_taken() {
    let (url, _guard) = database();
    migrate(&url, ZONE).await.unwrap();
    let good = Document::try_from(rows::document(&movement(1, ""), 1)).unwrap();
    let movements = beside(&url, "movement").await;
    for (field, value) in [("cpf", "52998224725"), ("more", "x")] {
        let mut bad = good.clone();
        bad.insert(field, value);
        assert!(movements.insert_one(bad).await.unwrap_err().to_string().contains("validation"), "{field}");
    }
    let mut short = good.clone();
    short.remove("version");
    assert!(movements.insert_one(short).await.is_err());
    movements.insert_one(good).await.unwrap();
}

/// The plans that make base C fast: no sorting, no walk through other people's documents.
#[tokio::test]
async fn queries_follow_their_indexes() {
    let (url, _guard) = database();
    migrate(&url, ZONE).await.unwrap();
    let client = Client::with_uri_str(&url).await.unwrap();
    let explain = async |filter: Document, sort: Document, index: &str| {
        let find = doc! { "find": format!("{ROLE}_movement"), "filter": filter, "sort": sort, "hint": index };
        let command = doc! { "explain": find, "verbosity": "queryPlanner" };
        let plan = client.default_database().unwrap().run_command(command).await.unwrap();
        let plan =
            plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().to_string();
        assert!(!plan.contains("\"SORT\"") && !plan.contains("COLLSCAN"), "{plan}");
        assert!(plan.contains(&format!("\"indexName\": \"{index}\"")), "{plan}");
    };
    let (order, _) = rows::latest_first();
    let selection = Selection {
        after: Some(crate::Position::from(&movement(1, ""))),
        from: Some(at("2026-01-01T00:00:00Z")),
        ..Selection::default()
    };
    explain(rows::filter(cpf(ANA), &selection), order.clone(), rows::LATEST).await;
    explain(rows::purchases(codes::key(cpf(ANA))).0, order, rows::CARD).await;
    let many = doc! { "cpf": { "$in": [1_i64, 2] } };
    explain(many, doc! { "cpf": 1, "at": -1, "_id": -1 }, rows::LATEST).await;
}
