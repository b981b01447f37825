//! How much a client may ask, and how much the server takes on.

use crate::{CPF, READS, Served};
use axum::body::Body;
use bytes::Bytes;
use ficha_http::Limits;
use futures_util::{StreamExt, stream};
use std::convert::Infallible;

#[tokio::test]
async fn a_client_is_told_its_limit_and_stopped_at_it() {
    let served = Served::new();
    let ask = |token| served.client.get(format!("/people/{CPF}")).token(token).send();
    let two = "shop debts:read rate=2";
    for left in [1, 0] {
        let answer = ask(two).await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"client\";q=2;w=60");
        assert_eq!(answer.header("ratelimit"), format!("\"client\";r={left};t=60"));
    }
    let stopped = ask(two).await;
    stopped.problem(429, "rate_limited");
    assert_eq!(stopped.header("ratelimit"), "\"client\";r=0;t=60");
    let wait: u32 = stopped.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "two a minute: at most half a minute, not {wait} s");
    ask("other debts:read rate=2").await.expect(200);
}

#[tokio::test]
async fn a_client_without_a_limit_is_told_of_none() {
    let served = Served::new();
    let answer = served.client.get(format!("/people/{CPF}")).token("shop debts:read rate=none").send().await;
    let answer = answer.expect(200);
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
}

#[tokio::test]
async fn what_is_refused_counts_too_and_so_do_all_routes_together() {
    let served = Served::with(Limits { requests_per_minute: 2, ..Limits::default() });
    let ask = |path: &str, token| served.client.get(path).token(token).send();
    ask("/people/1", READS).await.problem(422, "invalid_cpf");
    ask("/people/1", "shop -").await.problem(403, "insufficient_scope");
    ask("/people/1", READS).await.problem(429, "rate_limited");
}

#[tokio::test]
async fn one_more_than_the_server_takes_is_turned_away_at_once() {
    let served = Served::with(Limits { concurrency: 1, ..Limits::default() });
    let first = served.under_way().await;
    let second = served.client.post("/echo").json("1").send().await;
    second.problem(503, "overloaded");
    assert_eq!(second.header("retry-after"), "1");
    for path in ["/livez", "/readyz", "/metrics"] {
        served.client.get(path).send().await.expect(200);
    }
    served.client.post("/peer/echo").json("1").send().await.expect(200);
    served.gate.go_on.notify_one();
    assert_eq!(first.await.unwrap().expect(200).text(), "went on");
    served.client.post("/echo").json("1").send().await.expect(200);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_place() {
    let served = Served::with(Limits { concurrency: 1, ..Limits::default() });
    let gone = served.under_way().await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    served.client.post("/echo").json("1").send().await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_cut() {
    let served = Served::with(Limits { concurrency: 1, ..Limits::default() });
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{\"name\":"))]);
    let endless = Body::from_stream(begun.chain(stream::pending()));
    let started = tokio::time::Instant::now();
    let answer = served.client.post("/echo").body("application/json", endless).send().await;
    answer.problem(408, "request_timeout");
    assert_eq!(started.elapsed().as_secs(), Limits::default().request_s, "on the paused clock");
    served.client.post("/echo").json("1").send().await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_is_cut() {
    let served = Served::new();
    served.client.get("/waits").send().await.problem(408, "request_timeout");
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound() {
    let served = Served::with(Limits { body_bytes: 100, ..Limits::default() });
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    served.client.post("/echo").json(text(100)).send().await.expect(200);
    served.client.post("/echo").json(text(101)).send().await.problem(413, "body_too_large");
    // Of unknown length, and longer than anybody would wait for.
    let endless = Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(b"[["))));
    let answer = served.client.post("/echo").body("application/json", endless).send().await;
    answer.problem(413, "body_too_large");
}
