//! OpenSearch that hangs, is killed, or lies behind a way that breaks.

use super::*;
use ficha_engines::Running;
use ficha_testkit::proxy::{Proxy, Way};
use std::{process::Command, sync::Mutex};
use tokio::{task::spawn_blocking, time::Instant};

/// A node that this test may kill.
async fn on_own_node() -> (Base, Arc<Mutex<Running>>) {
    let start = || ficha_engines::opensearch::obtain().unwrap().start().unwrap();
    let node = Arc::new(Mutex::new(spawn_blocking(start).await.unwrap()));
    let url = node.lock().unwrap().url().to_owned();
    (base_at(&url, "ficha", ()).await, node)
}

async fn page(events: &Events, words: &str, asked: jiff::Timestamp) -> (Value, Duration) {
    let start = Instant::now();
    let page = events.page(cpf(ANA), words_of(words), 9, asked).await.unwrap().unwrap();
    (serde_json::from_slice(&page).unwrap(), start.elapsed())
}

/// Until the index answers again; what only it finds is asked.
async fn taken_up(base: &Base, events: &Events) {
    eventually("the index answers again", async || {
        page(events, "farmacias", base.clock_now()).await.0["search"]["by"] == "index"
    })
    .await;
}

fn signal(signal: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {process}")]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_writes_it_is_equal_when_it_is_back() {
    let (base, node) = on_own_node().await;
    let _fed = base.fed();
    add(&*base.store, described(1, "Farmácia")).await;
    base.caught_up().await;
    let events = base.events();
    for round in 1..=3_u32 {
        let written = base.index.figures().written();
        for part in 0..5 {
            base.store.ingest(many(100_000 * round + part * 600, 600), at(NOW)).await.unwrap();
        }
        eventually("it is in the middle", async || base.index.figures().written() > written).await;
        node.lock().unwrap().kill().unwrap();
        for gone in many(100_000 * round, 3) {
            base.store.write(write(Change::Remove(gone.id))).await.unwrap();
        }
        let asked = base.clock_now();
        let (found, took) = page(&events, "farmacia", asked).await;
        assert_eq!(found["search"], json!({ "by": "store", "reduced": ["stemming"] }));
        assert_eq!((found["items"].as_array().unwrap().len(), &found["as_of"]), (1, &json!(asked)));
        assert!(took < 5 * SECOND, "{took:?}");
        let again = node.clone();
        spawn_blocking(move || again.lock().unwrap().restart().unwrap()).await.unwrap();
        base.caught_up().await;
        assert_eq!(base.is_equal().await, 3 * round as usize);
        taken_up(&base, &events).await;
    }
    assert_eq!(base.index.figures().rebuilds(), 1, "it was never made anew but in the beginning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_hangs_the_store_answers_in_time_and_it_is_taken_up_again() {
    let (base, node) = on_own_node().await;
    let _fed = base.fed();
    add(&*base.store, described(1, "Farmácia")).await;
    base.caught_up().await;
    let (events, process) = (base.events(), node.lock().unwrap().id());
    signal("STOP", process);
    let (found, took) = page(&events, "farmacia", base.clock_now()).await;
    assert_eq!((&found["search"]["by"], found["items"].as_array().unwrap().len()), (&json!("store"), 1));
    assert!(took < 5 * SECOND, "the first one waits for it, {took:?}");
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(page(&events, "farmacia", base.clock_now()).await.0["search"]["by"], "store");
    }
    assert!(start.elapsed() < 10 * SECOND, "one in a second waits, {:?}", start.elapsed());
    add(&*base.store, described(2, "Farmácia")).await;
    signal("CONT", process);
    taken_up(&base, &events).await;
    base.caught_up().await;
    assert_eq!(base.is_equal().await, 0);
}

/// Between a bulk that was taken and its answer, too.
#[tokio::test]
async fn cut_at_any_byte_of_the_way_it_is_equal_in_the_end() {
    let (url, name, guard) = node::name();
    let with_user = format!("{}/", url.replace("http://", "http://x@").trim_end_matches('/'));
    let way = Proxy::before(&with_user, 7).await;
    let base = base_at(&way.url, &name, guard).await;
    let _fed = base.fed();
    base.caught_up().await;
    for round in 0..10_u32 {
        way.set(Way::Cut { there: 60_000, back: 20_000 });
        base.store.ingest(many(round * 100, 300), at(NOW)).await.unwrap();
        add(&*base.store, described(28, "x")).await;
        base.remove(28).await;
        sleep(SECOND / 10).await;
        way.set(Way::Open);
        base.caught_up().await;
        base.is_equal().await;
    }
}
