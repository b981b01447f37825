//! What a thief of the disk reads.

use crate::server::{CPF, Server, files, folder};
use serde_json::json;

/// Files that hold base A, kept dossiers, the record and the issuer: nothing of a person in clear, logs of the
/// databases included. Bases B and C are not sealed by design.
fn is_sealed(path: &str) -> bool {
    !path.contains("score.sqlite") && !path.contains("events.sqlite")
}

#[tokio::test]
async fn no_cpf_name_or_amount_lies_in_clear() {
    let server = Server::start();
    let token = server.token("read write").await;
    server.fill(&token).await;
    assert_eq!(server.post(&token, "/dossies", &json!({ "cpf": CPF })).await.status, 201);
    assert_eq!(server.get(&token, &format!("/divida/{CPF}")).await.status, 200);
    let keyed = server.request(reqwest::Method::POST, &format!("/divida/{CPF}/debts")).bearer_auth(&token);
    let keyed =
        keyed.header("idempotency-key", "once").json(&json!({ "value": "55555.55", "date": "2025-01-01" }));
    assert_eq!(server.send(keyed).await.status, 201);
    // Killed, so that the write-ahead logs and the spool are as they were in the middle of the work.
    let dir = server.kill();
    let needles = [
        CPF,
        "529.982.247-25",
        "Ximena",
        "Quaresma",
        "Segredo",
        "98765.43",
        "9876543",
        "55555.55",
        "4321.00",
    ];
    let mut looked_at = 0;
    for (path, bytes) in files(dir.path()) {
        let text = String::from_utf8_lossy(&bytes);
        for needle in needles {
            assert!(!is_sealed(&path) || !text.contains(needle), "{needle} lies in clear in {path}");
        }
        looked_at += usize::from(is_sealed(&path) && !bytes.is_empty());
    }
    assert!(looked_at >= 6, "only {looked_at} files were looked at");
    // The search itself finds what is in clear.
    let clear = files(dir.path()).into_iter().filter(|(path, _)| path.contains("score.sqlite"));
    assert!(clear.into_iter().any(|(_, bytes)| String::from_utf8_lossy(&bytes).contains("Ximena")));
}

#[tokio::test]
async fn nothing_about_a_person_is_logged() {
    let server = Server::start_in(folder(), &[("FICHA_LOG", "debug")]);
    let token = server.token("read write").await;
    server.fill(&token).await;
    assert_eq!(server.get(&token, &format!("/dossie/{CPF}?require=debts")).await.status, 200);
    assert_eq!(server.get(&token, &format!("/evento/movtofinanceiro/{CPF}?q=farmacia")).await.status, 200);
    assert_eq!(server.get(&token, "/dossie/52998224724").await.status, 422);
    let metrics = server.send(server.request(reqwest::Method::GET, "/metrics")).await.text;
    let (_, log) = server.stop();
    assert!(log.contains("/dossie/{cpf}"), "requests are logged by template: {log}");
    for needle in [CPF, "52998224724", "Ximena", "Segredo", "98765.43", "farmacia", &token] {
        assert!(!log.contains(needle) && !metrics.contains(needle), "{needle} is in the log or the metrics");
    }
}
