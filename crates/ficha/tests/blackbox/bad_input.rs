//! What a careless or hostile client sends, and what it is told. `cargo test -p ficha --test blackbox bad_input --
//! --nocapture` prints the table.

use crate::server::{Answer, CPF, OTHER_CPF, Server};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

struct Table(Vec<String>);

impl Table {
    /// Notes a row; the answer must be a problem of this status and code, and repeat nothing that was sent.
    fn row(&mut self, tried: &str, answer: &Answer, status: u16, code: &str) {
        let detail = answer.json()["errors"][0].clone();
        let field = detail["field"].as_str().unwrap_or("-").to_owned();
        self.0.push(format!("| {tried} | {} | `{}` | {field} |", answer.status.as_u16(), answer.code()));
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{tried}: {}",
            answer.text
        );
        assert_eq!(answer.header("content-type"), "application/problem+json", "{tried}");
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"), "{tried}");
        for secret in [CPF, "52998224724", "Ximena", "João"] {
            assert!(!answer.text.contains(secret), "{tried} repeats {secret}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_kind_is_refused_with_its_reason() {
    let server = Server::start();
    let token = server.token("read write").await;
    server.fill(&token).await;
    let mut table = Table(Vec::new());
    cpfs(&server, &token, &mut table).await;
    bodies(&server, &token, &mut table).await;
    conditions(&server, &token, &mut table).await;
    parameters(&server, &token, &mut table).await;
    tokens(&server, &token, &mut table).await;
    println!("| tried | status | code | field |\n|---|---|---|---|\n{}", table.0.join("\n"));
}

async fn cpfs(server: &Server, token: &str, table: &mut Table) {
    for (tried, cpf) in [
        ("check digits wrong", "52998224724"),
        ("eleven equal digits", "11111111111"),
        ("ten digits", "5299822472"),
        ("letters", "5299822472x"),
        ("wide digits", "%EF%BC%95%EF%BC%92998224725"),
        ("other punctuation", "529-982-247.25"),
    ] {
        for path in ["/divida", "/score", "/evento", "/dossie"] {
            let answer = server.get(token, &format!("{path}/{cpf}")).await;
            table.row(&format!("CPF, {tried}: GET {path}/…"), &answer, 422, "invalid_cpf");
        }
    }
    let answer = server.get(token, "/divida/%ff%fe").await;
    table.row("CPF that is not UTF-8", &answer, 400, "malformed_request");
    let answer = server.post(token, "/dossies", &json!({ "cpf": "52998224724" })).await;
    table.row("wrong CPF in a body", &answer, 422, "invalid_cpf");
}

async fn bodies(server: &Server, token: &str, table: &mut Table) {
    let put = |body: Vec<u8>| {
        let request = server.request(Method::PUT, &format!("/divida/{OTHER_CPF}")).bearer_auth(token);
        request.header("content-type", "application/json").body(body)
    };
    for (tried, body, status, code) in [
        ("empty body", Vec::new(), 400, "malformed_request"),
        ("cut JSON", b"{\"name\":".to_vec(), 400, "malformed_request"),
        ("two documents", b"{\"name\":\"a\",\"address\":\"b\"} {}".to_vec(), 400, "malformed_request"),
        ("body not UTF-8", b"{\"name\":\"Jo\xe3o\"}".to_vec(), 400, "malformed_request"),
        ("200,000 brackets", vec![b'['; 200_000], 422, "invalid_field"),
        ("2 MB", vec![b' '; 2 << 20], 413, "body_too_large"),
        ("missing field", b"{\"name\":\"Jo\\u00e3o\"}".to_vec(), 422, "invalid_field"),
        ("number as name", b"{\"name\":7,\"address\":\"b\"}".to_vec(), 422, "invalid_field"),
        (
            "value with comma",
            br#"{"name":"a","address":"b","debts":[{"value":"1,50","date":"2018-07-07"}]}"#.to_vec(),
            422,
            "invalid_field",
        ),
        (
            "value out of range",
            br#"{"name":"a","address":"b","debts":[{"value":1e300,"date":"2018-07-07"}]}"#.to_vec(),
            422,
            "invalid_field",
        ),
        (
            "a list as a debt",
            br#"{"name":"a","address":"b","debts":[["1.00","2020-01-01"]]}"#.to_vec(),
            422,
            "invalid_field",
        ),
        (
            "negative value",
            br#"{"name":"a","address":"b","debts":[{"value":"-1","date":"2018-07-07"}]}"#.to_vec(),
            422,
            "invalid_field",
        ),
        (
            "date of another form",
            br#"{"name":"a","address":"b","debts":[{"value":"1","date":"07/07/2018"}]}"#.to_vec(),
            422,
            "invalid_field",
        ),
        (
            "30 February",
            br#"{"name":"a","address":"b","debts":[{"value":"1","date":"2018-02-30"}]}"#.to_vec(),
            422,
            "invalid_field",
        ),
        ("control character", b"{\"name\":\"a\\u0000b\",\"address\":\"b\"}".to_vec(), 422, "invalid_field"),
        (
            "another CPF in the body",
            format!("{{\"cpf\":\"{CPF}\",\"name\":\"a\",\"address\":\"b\"}}").into_bytes(),
            422,
            "invalid_field",
        ),
    ] {
        table.row(&format!("{tried}: PUT /divida/…"), &server.send(put(body)).await, status, code);
    }
    let text = put(b"{}".to_vec()).header("content-type", "text/plain");
    let answer = server.send(without_json(text)).await;
    table.row("content type text/plain: PUT /divida/…", &answer, 415, "unsupported_media_type");
    let answer = server.post(token, "/dossies", &json!({ "cpf": CPF, "requires": ["debts"] })).await;
    table.row("misspelt field: POST /dossies", &answer, 422, "invalid_field");
    let answer = server.post(token, "/dossies", &json!({ "cpf": CPF, "purpose": "curiosity" })).await;
    table.row("unknown purpose in a body: POST /dossies", &answer, 422, "invalid_field");
    let answer = server
        .post(token, "/financial-transactions", &json!({ "cpf": CPF, "value": 1, "date": "ontem" }))
        .await;
    table.row("date in words: POST /financial-transactions", &answer, 422, "invalid_field");
    let command = json!({ "cpf": CPF, "date": "2026-01-01T00:00:00Z", "description": "a\u{1b}[2J" });
    let answer = server.post(token, "/financial-transactions", &command).await;
    table.row("a terminal's control character: POST /financial-transactions", &answer, 422, "invalid_field");
}

/// reqwest adds headers; here one has to take another's place.
fn without_json(request: RequestBuilder) -> RequestBuilder {
    let mut request = request.build().unwrap();
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    RequestBuilder::from_parts(reqwest::Client::new(), request)
}

async fn conditions(server: &Server, token: &str, table: &mut Table) {
    let path = format!("/divida/{CPF}/debts");
    let post = |key: &str, value: &str| {
        let request = server.request(Method::POST, &path).bearer_auth(token).header("idempotency-key", key);
        request.json(&json!({ "value": value, "date": "2025-01-01" }))
    };
    let first = server.send(post("k1", "10.00")).await;
    let again = server.send(post("k1", "10.00")).await;
    assert_eq!((first.status.as_u16(), &first.text), (201, &again.text), "a replay answers the same");
    table.row(
        "Idempotency-Key with another body",
        &server.send(post("k1", "11.00")).await,
        422,
        "idempotency_key_reused",
    );
    table.row(
        "Idempotency-Key of 300 characters",
        &server.send(post(&"k".repeat(300), "1")).await,
        422,
        "invalid_field",
    );
    let person = server.get(token, &format!("/divida/{CPF}")).await;
    assert_eq!(person.json()["debts"].as_array().unwrap().len(), 2, "the replay did nothing");
    let delete = |tag: &str| {
        server.request(Method::DELETE, &format!("/divida/{CPF}")).bearer_auth(token).header("if-match", tag)
    };
    table.row("stale ETag in If-Match", &server.send(delete("\"1-1\"")).await, 412, "precondition_failed");
    table.row("If-Match without quotes", &server.send(delete("1-1")).await, 422, "invalid_field");
    let probe = server.request(Method::DELETE, &format!("/divida/{CPF}")).bearer_auth(token);
    let probe = server.send(probe.header("if-none-match", "*")).await;
    table.row("If-None-Match on DELETE, to learn who is known", &probe, 422, "invalid_field");
    assert_eq!(server.send(delete(person.header("etag"))).await.status, 204);
}

async fn parameters(server: &Server, token: &str, table: &mut Table) {
    for (tried, path) in [
        ("require an unknown section", "/dossie/52998224725?require=debits"),
        ("budget of an hour", "/dossie/52998224725?budget_ms=3600000"),
        ("negative max_age", "/dossie/52998224725?max_age=-1"),
        ("unknown parameter", "/dossie/52998224725?requires=debts"),
        ("parameter twice", "/dossie/52998224725?require=debts&require=score"),
        ("limit of a million", "/evento/movtofinanceiro/52998224725?limit=1000000"),
        ("forged cursor", "/evento/movtofinanceiro/52998224725?after=xyz"),
        ("from after to", "/evento/movtofinanceiro/52998224725?from=2026-02-01&to=2026-01-01"),
    ] {
        table.row(tried, &server.get(token, path).await, 422, "invalid_field");
    }
    let bare = server.client("read", &["--rate", "none"]);
    let bare = server.token_of(&bare.0, &bare.1).await;
    table.row(
        "no purpose anywhere",
        &server.get(&bare, &format!("/dossie/{CPF}")).await,
        400,
        "missing_purpose",
    );
    let unknown = server
        .request(Method::GET, &format!("/dossie/{CPF}"))
        .bearer_auth(token)
        .header("ficha-purpose", "curiosity");
    table.row("unknown purpose in the header", &server.send(unknown).await, 422, "invalid_field");
    let two = server.request(Method::GET, &format!("/dossie/{CPF}")).bearer_auth(token);
    let two = two.header("ficha-purpose", "audit").header("ficha-purpose", "own_access");
    table.row("two purposes in headers", &server.send(two).await, 400, "malformed_request");
    table.row("no such path", &server.get(token, "/dossier/1").await, 404, "unknown_route");
    table.row(
        "no such method",
        &server.post(token, &format!("/dossie/{CPF}"), &json!({})).await,
        405,
        "method_not_allowed",
    );
    table.row(
        "an id that is none: DELETE a debt",
        &server
            .send(server.request(Method::DELETE, &format!("/divida/{CPF}/debts/x")).bearer_auth(token))
            .await,
        400,
        "malformed_request",
    );
}

async fn tokens(server: &Server, token: &str, table: &mut Table) {
    let path = format!("/dossie/{CPF}");
    let parts: Vec<&str> = token.split('.').collect();
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#), parts[1]);
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let header: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    let kid = header["kid"].as_str().unwrap().to_owned();
    let keys = server.send(server.request(Method::GET, "/.well-known/jwks.json")).await;
    let public = URL_SAFE_NO_PAD.decode(keys.json()["keys"][0]["x"].as_str().unwrap()).unwrap();
    let confused = Header { kid: Some(kid), typ: Some("at+jwt".into()), ..Header::new(Algorithm::HS256) };
    let confused = jsonwebtoken::encode(&confused, &claims, &EncodingKey::from_secret(&public)).unwrap();
    let widened = json!({ "scope": "admin" });
    let mut more = claims.clone();
    more.as_object_mut().unwrap().extend(widened.as_object().unwrap().clone());
    let widened = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(more.to_string()), parts[2]);
    for (tried, wrong) in [
        ("alg none", none),
        ("HS256 with the public key", confused),
        ("scope changed", widened),
        ("signature changed", format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([7; 64]))),
        ("cut", token[..token.len() - 4].to_owned()),
        ("two dots", "..".to_owned()),
        ("8,000 characters", "a".repeat(8000)),
        ("a client secret", "ZWSptdK_p6CPoKoLyXMpdo7BxgzNff0RNkNR4Xu2Z70".to_owned()),
    ] {
        table.row(&format!("token: {tried}"), &server.get(&wrong, &path).await, 401, "invalid_token");
    }
    let basic = server.request(Method::GET, &path).basic_auth("a", Some("b"));
    table.row("token: Basic instead of Bearer", &server.send(basic).await, 401, "missing_token");
    let twice = server.request(Method::GET, &path).bearer_auth(token).bearer_auth(token);
    table.row("token: twice", &server.send(twice).await, 400, "malformed_request");
    let query = server.request(Method::GET, &format!("{path}?access_token={token}"));
    table.row("token: in the query", &server.send(query).await, 401, "missing_token");
    let revoke = revoked(server).await;
    table.row("token: revoked", &server.get(&revoke, &path).await, 401, "invalid_token");
}

async fn revoked(server: &Server) -> String {
    let (id, secret) = server.client("read", &[]);
    let token = server.token_of(&id, &secret).await;
    let form = [("token", token.as_str())];
    let revoke = server.request(Method::POST, "/oauth/revoke").basic_auth(&id, Some(&secret)).form(&form);
    assert_eq!(server.send(revoke).await.status, 200);
    token
}
