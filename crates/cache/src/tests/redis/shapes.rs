//! Other shapes than one server: the same promises.

use super::away::{Load, both, signal, used_again};
use ficha_engines::redis::obtain;
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn the_successor_of_a_server_that_is_killed_is_used() {
    let mut watched = obtain().unwrap().start_watched().unwrap();
    let shelves = both(&watched.url()).await;
    let load = Load::on(&shelves);
    used_again(&shelves).await;
    sleep(Duration::from_millis(300)).await;
    let first = watched.primary().unwrap();
    let id = first.id();
    first.kill().unwrap();
    used_again(&shelves).await;
    assert!(watched.primary().unwrap().id() != id);
    load.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_used_and_loses_a_node_for_a_while() {
    let mut cluster = obtain().unwrap().start_cluster(3).unwrap();
    let shelves = both(&cluster.url()).await;
    let load = Load::on(&shelves);
    for node in 0..2 {
        used_again(&shelves).await;
        sleep(Duration::from_millis(300)).await;
        signal(cluster.node(node), "STOP");
        sleep(Duration::from_millis(1500)).await;
        signal(cluster.node(node), "CONT");
    }
    used_again(&shelves).await;
    load.end().await;
}
