//! The main job, end to end, as scenarios: `topology` runs them on each shape.

use crate::server::{CPF, OTHER_CPF, Server, Shape};
use reqwest::Method;
use serde_json::json;

pub async fn what_goes_in_comes_out_as_a_dossier(shape: Shape) {
    let server = Server::of_shape(shape).await;
    let token = server.token("read write").await;
    server.fill(&token).await;
    let answer = server.get(&token, "/dossie/529.982.247-25").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let dossier = answer.json();
    assert_eq!(
        (dossier["cpf"].as_str(), dossier["complete"].as_bool()),
        (Some(CPF), Some(true)),
        "{dossier:#}"
    );
    assert_eq!(dossier["purpose"], "credit_granting");
    let data = |section: &str| dossier["sections"][section]["data"].clone();
    assert_eq!(data("debts")["debts"][0]["value"], "98765.43");
    assert!(data("score")["score"]["value"].is_i64(), "{dossier:#}");
    assert_eq!(data("events")["last_purchase"]["value"], 87.5);
    assert_eq!(data("events")["last_consultation"], json!(null), "the answer being given is not its own");
}

pub async fn the_record_is_what_the_next_one_sees_and_own_access_does_not_count(shape: Shape) {
    let server = Server::of_shape(shape).await;
    let token = server.token("read write").await;
    server.fill(&token).await;
    let own = server
        .request(Method::GET, &format!("/dossie/{CPF}"))
        .bearer_auth(server.token("read audit:read").await)
        .header("ficha-purpose", "own_access");
    assert_eq!(server.send(own).await.status, 200);
    let last =
        async || server.get(&token, &format!("/evento/{CPF}")).await.json()["last_consultation"].clone();
    assert_eq!(last().await, json!(null), "own access is recorded and does not count");
    assert_eq!(last().await["purpose"], "credit_granting", "the read before was a consultation");
    let list = server.get(&token, &format!("/consulted-cpf/{CPF}")).await;
    assert_eq!(list.json().as_array().unwrap().len(), 2, "{}", list.text);
    assert!(!list.header("ficha-complete-until").is_empty());
}

pub async fn sections_need_their_own_scope(shape: Shape) {
    let server = Server::of_shape(shape).await;
    let all = server.token("read write").await;
    server.fill(&all).await;
    let token = server.token("dossier:read score:read").await;
    let dossier = server.get(&token, &format!("/dossie/{CPF}")).await.json();
    let status = |section: &str| dossier["sections"][section]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (status("debts"), status("score"), status("events")),
        ("denied".into(), "fresh".into(), "denied".into())
    );
    assert!(!dossier.to_string().contains("98765.43"));
}

pub async fn nobody_is_a_404_and_what_is_required_a_503(shape: Shape) {
    let server = Server::of_shape(shape).await;
    let token = server.token("read write").await;
    let nobody = server.get(&token, &format!("/dossie/{OTHER_CPF}")).await;
    assert_eq!((nobody.status.as_u16(), nobody.code()), (404, "not_found".into()));
    server.fill(&token).await;
    let narrow = server.token("dossier:read score:read").await;
    let refused = server.get(&narrow, &format!("/dossie/{CPF}?require=debts")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "required_section_unavailable".into()));
    assert!(!refused.text.contains("Ximena") && !refused.text.contains(CPF), "{}", refused.text);
}

pub async fn a_kept_dossier_is_found_again_by_its_own_client_only(shape: Shape) {
    let server = Server::of_shape(shape).await;
    let token = server.token("read write").await;
    server.fill(&token).await;
    let kept = server.post(&token, "/dossies", &json!({ "cpf": CPF, "purpose": "credit_granting" })).await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    let id = kept.json()["id"].as_str().unwrap().to_owned();
    let again = server.get(&token, &format!("/dossies/{id}")).await;
    assert_eq!(again.json()["sections"]["debts"]["data"], kept.json()["sections"]["debts"]["data"]);
    let list = server.get(&token, "/dossies").await.json();
    assert_eq!(list["items"][0]["id"], id.as_str(), "{list:#}");
    let stranger = server.token("dossier:read debts:read score:read events:read").await;
    assert_eq!(server.get(&stranger, &format!("/dossies/{id}")).await.status, 404);
}

pub async fn everything_acknowledged_survives_kill_9(shape: Shape) {
    let server = Server::of_shape(shape).await;
    let token = server.token("read write").await;
    server.fill(&token).await;
    let kept = server.post(&token, "/dossies", &json!({ "cpf": CPF })).await.json();
    assert_eq!(server.get(&token, &format!("/divida/{CPF}")).await.status, 200);
    let server = server.killed_and_started();
    let again = server.get(&token, &format!("/dossies/{}", kept["id"].as_str().unwrap())).await;
    assert_eq!(again.status, 200, "token, keys and dossier are there: {}", again.text);
    consulted(&server, &token, 3).await;
}

/// Waits until base C shows so many consultations: other processes' come a moment later. One more would be one twice.
pub async fn consulted(server: &Server, token: &str, expected: usize) {
    let asked = async {
        loop {
            let list = server.get(token, &format!("/consulted-cpf/{CPF}")).await;
            let found = list.json().as_array().map_or(0, Vec::len);
            assert!(found <= expected, "{}", list.text);
            if found == expected {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), asked).await;
    assert!(in_time.is_ok(), "{expected} consultations were acknowledged");
}
