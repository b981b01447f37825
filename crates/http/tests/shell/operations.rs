//! What an operator looks at.

use crate::{CPF, Gate, READS, Served, routes};
use ficha_http::wrap;
use ficha_testkit::{Client, TestShell};
use http::Method;
use std::sync::Arc;

#[tokio::test]
async fn alive_and_ready() {
    let served = Served::new();
    assert_eq!(served.client.get("/livez").send().await.expect(200).text(), "alive\n");
    assert_eq!(served.client.get("/readyz").send().await.expect(200).text(), "ready\n");
}

#[tokio::test]
async fn not_ready_says_what_is_lacking_and_stays_alive() {
    let test = TestShell::new();
    let app = wrap(
        routes(&test.shell, &Arc::new(Gate::default())),
        &test.shell,
        Arc::new(|| Err("the spool is full".to_owned())),
    );
    let client = Client::new(app);
    assert_eq!(client.get("/readyz").send().await.expect(503).text(), "the spool is full\n");
    client.get("/livez").send().await.expect(200);
}

#[tokio::test]
async fn figures_name_routes_and_nobody() {
    let served = Served::new();
    served.test.metrics.gauge("spool_records", "Records in the spool", || 7);
    let client = &served.client;
    client.get(format!("/people/{CPF}?q={CPF}")).token(READS).send().await.expect(200);
    client.get(format!("/people/{CPF}")).send().await.expect(401);
    client.get(format!("/nobody/{CPF}")).send().await.expect(404);
    let chosen = Method::from_bytes(format!("X{CPF}").as_bytes()).unwrap();
    client.call(chosen, format!("/people/{CPF}")).send().await.expect(405);
    let figures = client.get("/metrics").send().await.expect(200);
    assert!(figures.header("content-type").starts_with("application/openmetrics-text"));
    let text = figures.text();
    for line in [
        r#"ficha_http_requests_total{method="GET",route="/people/{cpf}",status="200"} 1"#,
        r#"ficha_http_requests_total{method="GET",route="/people/{cpf}",status="401"} 1"#,
        r#"ficha_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"ficha_http_requests_total{method="other",route="/people/{cpf}",status="405"} 1"#,
        r#"ficha_http_request_seconds_count{route="/people/{cpf}"} 3"#,
        "ficha_spool_records 7",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(CPF) && !text.contains("shop"), "{text}");
}
