//! Base C there, with its index in OpenSearch.

use super::{Shared, said};
use crate::server::{CPF, Server, command, folder};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Asks until the index answers with so many rows.
async fn found(server: &Server, token: &str, words: &str, count: usize) -> Value {
    let path = format!("/evento/movtofinanceiro/{CPF}?q={words}");
    for _ in 0..600 {
        let page = server.get(token, &path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        if page["search"]["by"] == "index" && page["items"].as_array().unwrap().len() == count {
            return page;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the index does not find {words}: {}", server.get(token, &path).await.text);
}

#[tokio::test]
async fn words_are_found_by_the_index_that_the_server_feeds_and_a_command_makes_anew() {
    let ((mongo, _guard), (url, name, _other)) =
        (ficha_testkit::mongo::database(), ficha_testkit::opensearch::name());
    let shared = Shared::of("FICHA_EVENTS__URL", mongo.clone()).migrated();
    let settings =
        [("FICHA_EVENTS__URL", &*mongo), ("FICHA_SEARCH__URL", &*url), ("FICHA_SEARCH__NAME", &*name)];
    let server = Server::start_in(shared.dir.clone(), &settings);
    let token = server.token("read write").await;
    server.fill(&token).await;
    let body = json!({ "cpf": CPF, "description": "Anuidade dos cartões", "date": "2026-10-05T12:00:00Z",
        "value": 12, "type": "Debit" });
    let added = server.post(&token, "/financial-transactions", &body).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let page = found(&server, &token, "cartao", 1).await;
    assert_eq!(page["items"][0]["description"], "Anuidade dos cartões");
    assert_eq!(page["search"]["reduced"], json!([]));

    let rebuild = || {
        let mut rebuild = command(shared.dir.path());
        rebuild.envs(settings).args(["search", "rebuild"]).output().unwrap()
    };
    let output = rebuild();
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.starts_with("The index was made anew: ") && told.ends_with(" movements.\n"), "{told}");
    found(&server, &token, "cartao", 1).await;
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let remove = server.request(Method::DELETE, &format!("/financial-transactions/{id}"));
    let removed = server.send(remove.bearer_auth(&token)).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    found(&server, &token, "cartao", 0).await;
    let metrics = server.get(&token, "/metrics").await.text;
    assert!(metrics.contains("ficha_search_behind_seconds "), "{metrics}");
    let totals = server.get(&token, &format!("/evento/totais/{CPF}")).await.json();
    assert!(!totals["totals"].as_array().unwrap().is_empty(), "{totals}");
}

#[test]
fn a_base_in_a_file_has_no_index_and_says_so() {
    let (own, search) = (folder(), ("FICHA_SEARCH__URL", "https://ana:secret@search:9200"));
    for what in [&["serve"][..], &["search", "rebuild"]] {
        let output = command(own.path()).envs([search]).args(what).output().unwrap();
        let told = said(&output);
        assert!(
            !output.status.success() && told.contains("search.url") && told.contains("events.url"),
            "{told}"
        );
        assert!(!told.contains("secret"), "{told}");
    }
}
