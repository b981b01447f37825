use super::{Found, Index, IndexError, Naming, Pace, Selection, feed::Feed};
use crate::{
    Change, Events, MongoMovements, Movement, MovementStore,
    testing::{ANA, NOW, RUI, Record, add, at, cpf, id, movement, world_of, write, zone},
};
use ficha_domain::{MovedClock, ObjectId};
use ficha_mongo::{Since, mongodb::bson::doc};
use ficha_search::{Method, Search};
use ficha_testkit::opensearch as node;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::sleep};

const SECOND: Duration = Duration::from_secs(1);

/// As often as tests want it.
const PACE: Pace = Pace {
    beat: Duration::from_millis(20),
    sweep: Duration::from_millis(20),
    rest: Duration::from_millis(50),
};

/// A base with an index, as one process has it.
struct Base {
    mongo: String,
    search: String,
    name: String,
    store: Arc<MongoMovements>,
    index: Arc<Index>,
    clock: Arc<MovedClock>,
    _alive: Arc<dyn std::any::Any + Send + Sync>,
}

async fn base() -> Base {
    let (url, name, guard) = node::name();
    base_at(&url, &name, guard).await
}

async fn base_at(search: &str, name: &str, alive: impl std::any::Any + Send + Sync) -> Base {
    let (mongo, guard) = ficha_testkit::mongo::database();
    base_on(&mongo, search, name, (guard, alive)).await
}

async fn base_on(mongo: &str, search: &str, name: &str, alive: impl std::any::Any + Send + Sync) -> Base {
    MongoMovements::migrate(&ficha_mongo::Settings::parse(mongo).unwrap(), zone()).await.unwrap();
    process(mongo, search, name, 1, [9; 32], Arc::new(alive)).await
}

async fn process(
    mongo: &str,
    search: &str,
    name: &str,
    seed: u64,
    key: [u8; 32],
    alive: Arc<dyn std::any::Any + Send + Sync>,
) -> Base {
    let (world, clock) = world_of(seed);
    let settings = ficha_mongo::Settings::parse(mongo).unwrap();
    let store = Arc::new(MongoMovements::open(&settings, zone(), [7; 32], world.clone()).await.unwrap());
    let client = Search::new(&ficha_search::Settings::parse(search).unwrap()).unwrap();
    let naming = Naming { name: name.to_owned(), shards: 2 };
    let index = Arc::new(Index::new(store.clone(), client, naming, key, world, PACE));
    let (mongo, search, name) = (mongo.to_owned(), search.to_owned(), name.to_owned());
    Base { mongo, search, name, store, index, clock, _alive: alive }
}

/// Feeds until the test ends, or this does.
struct Fed(JoinHandle<()>);

impl Drop for Fed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Base {
    /// Another process on the same servers.
    async fn another(&self, seed: u64, key: [u8; 32]) -> Self {
        process(&self.mongo, &self.search, &self.name, seed, key, self._alive.clone()).await
    }

    fn fed(&self) -> Fed {
        let index = self.index.clone();
        Fed(tokio::spawn(async move { index.keep(std::future::pending()).await }))
    }

    /// Waits until everything that was written is in the index.
    async fn caught_up(&self) {
        self.clock.advance(jiff::SignedDuration::from_secs(1));
        let now = self.clock_now();
        eventually("the index catches up", async || self.index.fit().await.is_ok_and(|note| note.at >= now))
            .await;
    }

    fn clock_now(&self) -> jiff::Timestamp {
        use ficha_domain::Clock as _;
        self.clock.now()
    }

    /// Beside the index, as an operator would.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let beside = Search::new(&ficha_search::Settings::parse(&self.search).unwrap()).unwrap();
        beside.ask(method, path, body.as_ref(), 60 * SECOND).await.unwrap()
    }

    /// Every document by its id, those of what is gone too.
    async fn documents(&self) -> BTreeMap<String, Value> {
        let index = self.index.fit().await.unwrap().index;
        self.ask(Method::POST, &format!("/{index}/_refresh"), None).await;
        let all = json!({ "size": 10_000 });
        let said = self.ask(Method::POST, &format!("/{index}/_search"), Some(all)).await;
        let hits = said["hits"]["hits"].as_array().unwrap().iter();
        hits.map(|hit| (hit["_id"].as_str().unwrap().to_owned(), hit["_source"].clone())).collect()
    }

    /// That the index is what follows from the store, tombstones aside; how many tombstones there are.
    async fn is_equal(&self) -> usize {
        let mut expected = BTreeMap::new();
        let mut rows = self.store.records.movements.find(doc! {}).await.unwrap();
        while rows.advance().await.unwrap() {
            let moment = ficha_mongo::mongodb::bson::Timestamp { time: 0, increment: 0 };
            let write = self.index.shape.kept(rows.current(), moment).unwrap();
            expected.insert(write.id, write.document);
        }
        let (gone, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.documents().await.into_iter().partition(|(_, document)| document.get("gone").is_some());
        assert_eq!(kept.len(), expected.len());
        assert_eq!(kept, expected);
        gone.len()
    }

    fn events(&self) -> Events {
        let (world, evidence) = (self.index.world.clone(), Arc::new(Record::default()));
        Events::new(self.store.clone(), evidence, world, zone()).with_index(Some(self.index.clone()))
    }

    async fn remove(&self, number: u8) {
        self.store.write(write(Change::Remove(id(number)))).await.unwrap();
    }

    async fn replace(&self, movement: Movement) {
        self.store.write(write(Change::Replace(movement))).await.unwrap();
    }

    /// The ids that are found by these words, the latest first.
    async fn found(&self, who: &str, words: &str) -> Vec<u8> {
        let page = self.page(who, &words_of(words), 100).await;
        page.map_or(Vec::new(), |found| found.movements.iter().map(|found| found.id.0[0]).collect())
    }

    /// What the index says, in the end: on a busy machine it is late at times, and then the store would answer.
    async fn page(&self, who: &str, selection: &Selection, limit: usize) -> Option<Found> {
        in_time(async || self.index.page(cpf(who), selection, limit).await).await
    }
}

fn words_of(words: &str) -> Selection {
    Selection { words: Selection::words_of(words), ..Selection::default() }
}

fn described(number: u8, description: &str) -> Movement {
    movement(number, &format!(r#""description":"{description}","date":"2026-10-{number:02}T12:00:00Z""#))
}

/// Many movements of one person, with ids from this number on.
fn many(from: u32, count: u32) -> Vec<Movement> {
    let of = |number: u32| {
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        Movement { id: ObjectId(bytes), ..described(1, &format!("Compra {number}")) }
    };
    (from..from + count).map(of).collect()
}

/// Waits for what real servers do, on a busy machine too.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        sleep(SECOND / 50).await;
    }
    panic!("{what}: not within two minutes");
}

/// Asks until the answer is not that it is late.
async fn in_time<T>(ask: impl AsyncFn() -> Result<T, IndexError>) -> T {
    let mut said = None;
    eventually("an answer in time", async || match ask().await {
        Err(IndexError::Search(ficha_search::Error::Late | ficha_search::Error::Down)) => false,
        answered => {
            said = Some(answered.unwrap());
            true
        }
    })
    .await;
    said.unwrap()
}

mod opensearch;
