//! What goes wrong before or inside a handler, as the outside sees it. `Answer::problem` checks what all have.

use crate::{CPF, READS, Served};
use http::Method;

#[tokio::test]
async fn an_unknown_path_is_a_problem_that_does_not_repeat_it() {
    let served = Served::new();
    for path in [format!("/nobody/{CPF}"), format!("/people/{CPF}/{CPF}?cpf={CPF}"), "/%ff".to_owned()] {
        let answer = served.client.get(path).token(READS).send().await;
        answer.problem(404, "unknown_route");
        assert!(!format!("{answer:?}").contains(CPF), "{answer:?}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let served = Served::new();
    for (method, path, allow) in [
        (Method::DELETE, "/echo", "GET,HEAD,POST"),
        (Method::POST, "/people/52998224725", "GET,HEAD"),
        (Method::PUT, "/metrics", "GET,HEAD"),
    ] {
        let answer = served.client.call(method, path).send().await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow);
    }
}

#[tokio::test]
async fn a_panic_is_one_requests_500_and_tells_nothing() {
    let served = Served::new();
    for _ in 0..3 {
        let answer = served.client.get("/panics").send().await;
        answer.problem(500, "internal");
        let whole = format!("{answer:?}");
        assert!(!whole.contains("secret") && !whole.contains(CPF) && !whole.contains("panic"), "{whole}");
    }
    served.client.post("/echo").json("1").send().await.expect(200);
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_is_kept_by_nobody() {
    let served = Served::new();
    let mut ids = Vec::new();
    for path in ["/people/52998224725", "/nothing", "/livez", "/panics"] {
        let sent_id = served.client.get(path).token(READS).header("x-request-id", "chosen by the client");
        let answer = sent_id.send().await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let id = answer.header("x-request-id").to_owned();
        assert!(id.len() == 36 && !ids.contains(&id), "{path}: {id}");
        ids.push(id);
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let served = Served::new();
    let head = served.client.call(Method::HEAD, format!("/people/{CPF}")).token(READS).send().await;
    assert!(head.expect(200).bytes.is_empty());
}

#[tokio::test]
async fn a_query_is_read_or_its_parameter_named_and_nothing_repeated() {
    let served = Served::new();
    let ask = |query: &str| served.client.get(format!("/list{query}")).send();
    assert_eq!(ask("?limit=3&order=newest").await.expect(200).text(), "3 Some(Newest)");
    for (query, field) in [
        ("?limit=Fulano", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?limit=1&order=Fulano", "order"),
        ("?limit=1&order=expected+Fulano+at+line+3", "order"),
        ("?limit=1&order=missing+field+`Fulano`", "order"),
        ("?limit=1&order=x:+unknown+field+`Fulano`", "order"),
        ("?limit=1&F%C3%BAlano=1", "(unnamed)"),
        ("?limit=1&other=Fulano", "other"),
        ("?limit=1&529.982.247-25:+fulano=1", "(unnamed)"),
        ("", "limit"),
    ] {
        let answer = ask(query).await;
        answer.wrong_field(field);
        assert!(!answer.text().contains("lano"), "{}", answer.text());
    }
    ask("?limit=%ff").await.wrong_field("limit");
}
