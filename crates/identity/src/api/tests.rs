use crate::{
    Client, Identity, Secret,
    testing::{self, ISSUER, TestIdentity, WatchedStore},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tower::ServiceExt;

const FORM: &str = "application/x-www-form-urlencoded";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn router(identity: &Identity) -> Router {
    identity.routes().split_for_parts().0
}

async fn send(identity: &Identity, request: Request<Body>) -> Answer {
    let response = router(identity).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

async fn post(identity: &Identity, path: &str, form: &str) -> Answer {
    let request = Request::post(path).header(header::CONTENT_TYPE, FORM).body(Body::from(form.to_owned()));
    send(identity, request.unwrap()).await
}

async fn get(identity: &Identity, path: &str) -> Answer {
    send(identity, Request::get(path).body(Body::empty()).unwrap()).await
}

fn who(client: &Client, secret: &Secret) -> String {
    format!("client_id={}&client_secret={}", client.id, secret.reveal())
}

async fn token_of(identity: &Identity, who: &str) -> String {
    let answer = post(identity, "/oauth/token", &format!("grant_type=client_credentials&{who}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rfc6749_5_1_a_token_is_answered_and_kept_by_nobody() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read dossier:read").await;
    let form = format!("grant_type=client_credentials&scope=debts%3Aread&{}", who(&client, &secret));
    for path in ["/oauth/token", "/api/oauth/token"] {
        let answer = post(&test, path, &form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.header(header::CONTENT_TYPE), Some("application/json"));
        assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(answer.header(header::PRAGMA), Some("no-cache"));
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&Value::from("Bearer"), &Value::from(600)));
        assert_eq!((&body["scope"], body.as_object().unwrap().len()), (&Value::from("debts:read"), 4));
        assert!(test.verifier().examine(body["access_token"].as_str().unwrap()).await.is_ok());
    }
}

#[tokio::test]
async fn rfc6749_5_2_errors_have_their_form_and_status() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let who = who(&client, &secret);
    for (form, status, error) in [
        (who.clone(), 400, "invalid_request"),
        (
            format!("{who}&grant_type=client_credentials&grant_type=client_credentials"),
            400,
            "invalid_request",
        ),
        (format!("{who}&grant_type=password"), 400, "unsupported_grant_type"),
        (format!("{who}&grant_type=client_credentials&scope=admin"), 400, "invalid_scope"),
        ("grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        (format!("{who}x&grant_type=client_credentials"), 401, "invalid_client"),
        ("grant_type=%".to_owned(), 400, "invalid_request"),
    ] {
        let answer = post(&test, "/oauth/token", &form).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (status, &Value::from(error)),
            "{form}"
        );
        assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(answer.header(header::WWW_AUTHENTICATE).is_some(), status == 401);
        let described = answer.json()["error_description"].as_str().unwrap().to_owned();
        let admitted = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(described.bytes().all(admitted) && !answer.text.contains(secret.reveal()), "{described}");
    }
}

#[tokio::test]
async fn rfc6749_5_2_basic_that_fails_is_challenged() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let request = |credentials: String| {
        Request::post("/oauth/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
            .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(credentials)))
            .body(Body::from("grant_type=client_credentials"))
            .unwrap()
    };
    let good = send(&test, request(format!("{}:{}", client.id, secret.reveal()))).await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.text);
    let bad = send(&test, request(format!("{}:wrong", client.id))).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bad.header(header::WWW_AUTHENTICATE), Some("Basic realm=\"ficha\", charset=\"UTF-8\""));
}

#[tokio::test]
async fn only_forms_with_one_authorization_header_are_read() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let form = format!("grant_type=client_credentials&{}", who(&client, &secret));
    for kind in [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data")] {
        let request = kind.map_or(Request::post("/oauth/token"), |kind| {
            Request::post("/oauth/token").header(header::CONTENT_TYPE, kind)
        });
        let answer = send(&test, request.body(Body::from(form.clone())).unwrap()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &Value::from("invalid_request")));
    }
    let twice = Request::post("/oauth/token")
        .header(header::CONTENT_TYPE, FORM)
        .header(header::AUTHORIZATION, "Basic YTpi")
        .header(header::AUTHORIZATION, "Basic Yzpk")
        .body(Body::from("grant_type=client_credentials"));
    assert_eq!(send(&test, twice.unwrap()).await.json()["error"], "invalid_request");
    let strange = Request::post("/oauth/token")
        .header(header::CONTENT_TYPE, FORM)
        .header(header::AUTHORIZATION, &b"Basic \xff"[..])
        .body(Body::from("grant_type=client_credentials"));
    assert_eq!(send(&test, strange.unwrap()).await.json()["error"], "invalid_client");
    let in_query = post(&test, &format!("/oauth/token?{form}"), "grant_type=client_credentials").await;
    assert_eq!(in_query.json()["error"], "invalid_client", "RFC 6749, 2.3.1: never in the URL");
}

#[tokio::test]
async fn too_many_failures_are_told_to_wait() {
    let test = TestIdentity::new().await;
    let form = "grant_type=client_credentials&client_id=x&client_secret=y";
    for _ in 0..10 {
        assert_eq!(post(&test, "/oauth/token", form).await.status, StatusCode::UNAUTHORIZED);
    }
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let answer = post(&test, path, form).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.header(header::RETRY_AFTER).is_some() && answer.json()["error"] == "invalid_client");
    }
}

#[tokio::test]
async fn rfc7662_2_2_says_what_a_token_is_good_for() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let who = who(&client, &secret);
    let token = token_of(&test, &who).await;
    for path in ["/oauth/introspect", "/api/oauth/introspect"] {
        let answer = post(&test, path, &format!("{who}&token={token}&token_type_hint=refresh_token")).await;
        let body = answer.json();
        assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
        assert_eq!((&body["active"], &body["scope"]), (&Value::from(true), &Value::from("debts:read")));
        assert_eq!(
            (&body["client_id"], &body["sub"]),
            (&Value::from(&*client.id), &Value::from(&*client.id))
        );
        assert_eq!((&body["iss"], &body["aud"]), (&Value::from(ISSUER), &Value::from("ficha")));
        assert_eq!(body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap(), 600);
        assert!(body["jti"].is_string() && body["token_type"] == "Bearer");
    }
}

#[tokio::test]
async fn rfc7662_2_2_of_what_opens_nothing_only_that_is_said() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let who = who(&client, &secret);
    let foreign = TestIdentity::new().await.token("debts:read").await.token;
    let (expired, revoked) = (token_of(&test, &who).await, token_of(&test, &who).await);
    test.world.advance(605);
    let revoked_later = token_of(&test, &who).await;
    post(&test, "/oauth/revoke", &format!("{who}&token={revoked_later}")).await;
    for token in ["x", "..", foreign.reveal(), &expired, &revoked, &revoked_later] {
        let answer = post(&test, "/oauth/introspect", &format!("{who}&token={token}")).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "{\"active\":false}"));
    }
    assert_eq!(post(&test, "/oauth/introspect", &who).await.json()["error"], "invalid_request");
    let unknown = post(&test, "/oauth/introspect", &format!("token={expired}")).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED, "RFC 7662, 2.1: not for everybody");
}

/// `formats.md`: the token check.
#[tokio::test]
async fn the_seeds_check_is_for_clients_and_for_the_bearer_of_that_very_token() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let who = who(&client, &secret);
    let token = token_of(&test, &who).await;
    let path = format!("/api/oauth/check?token={token}");
    let bearer = |path: &str, method: &str, token: &str| {
        let request = Request::builder().method(method).uri(path);
        request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
    };
    for answer in [
        send(&test, bearer(&path, "GET", &token)).await,
        send(&test, bearer(&path, "POST", &token)).await,
        post(&test, &path, &who).await,
        post(&test, "/api/oauth/check", &format!("token={token}&{who}")).await,
    ] {
        let (json, exp) = (answer.json(), answer.json()["exp"].as_i64().unwrap());
        let told =
            format!(r#"{{"active":true,"scope":"debts:read","exp":{exp},"client_id":"{}"}}"#, client.id);
        assert_eq!((answer.status, &answer.text), (StatusCode::OK, &told), "{json}");
        assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
    }
    for answer in [
        send(&test, bearer("/api/oauth/check?token=unknown", "GET", "unknown")).await,
        post(&test, "/api/oauth/check?token=unknown", &who).await,
    ] {
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"active":false}"#));
    }
    for answer in [
        get(&test, &path).await,
        get(&test, &format!("{path}&{who}")).await,
        send(&test, bearer(&path, "GET", "another")).await,
    ] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
    }
    assert_eq!(send(&test, bearer("/api/oauth/check", "GET", &token)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn rfc7009_2_a_client_takes_back_its_own_tokens() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let (other, its_secret) = test.client("debts:read").await;
    let (who, other) = (who(&client, &secret), who(&other, &its_secret));
    for path in ["/oauth/revoke", "/api/oauth/revoke-token"] {
        let (token, kept) = (token_of(&test, &who).await, token_of(&test, &who).await);
        let foreign = post(&test, path, &format!("{other}&token={token}")).await;
        assert_eq!((foreign.status.as_u16(), &foreign.json()["error"]), (400, &"unauthorized_client".into()));
        assert!(test.verifier().examine(&token).await.is_ok());
        for _ in 0..2 {
            let answer = post(&test, path, &format!("{who}&token={token}&token_type_hint=x")).await;
            assert_eq!((answer.status, &*answer.text), (StatusCode::OK, ""), "also when it is gone already");
            assert!(test.verifier().examine(&token).await.is_err());
        }
        assert!(test.verifier().examine(&kept).await.is_ok());
        assert_eq!(post(&test, path, &format!("{who}&token=unknown")).await.status, StatusCode::OK);
        assert_eq!(post(&test, path, &who).await.json()["error"], "invalid_request");
        assert_eq!(post(&test, path, &format!("token={kept}")).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_keys_may_be_kept_for_less_than_the_lead() {
    let test = TestIdentity::new().await;
    test.rotate_key().await.unwrap();
    let answer = get(&test, "/.well-known/jwks.json").await;
    assert_eq!(answer.header(header::CACHE_CONTROL), Some("public, max-age=300"));
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key["kty"] == "OKP" && key.get("d").is_none()));
}

#[tokio::test]
async fn rfc8414_2_the_metadata_names_what_exists() {
    let test = TestIdentity::new().await;
    let metadata = get(&test, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["issuer"], ISSUER);
    assert_eq!(metadata["grant_types_supported"], serde_json::json!(["client_credentials"]));
    assert_eq!(metadata["response_types_supported"], serde_json::json!([]));
    assert_eq!(metadata["scopes_supported"].as_array().unwrap().len(), 9);
    assert!(metadata.get("authorization_endpoint").is_none());
    for (name, get) in [
        ("token_endpoint", false),
        ("introspection_endpoint", false),
        ("revocation_endpoint", false),
        ("jwks_uri", true),
    ] {
        let path = metadata[name].as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned();
        let request = if get { Request::get(&path) } else { Request::post(&path) };
        let status = send(&test, request.body(Body::empty()).unwrap()).await.status;
        assert_eq!(status, if get { StatusCode::OK } else { StatusCode::BAD_REQUEST }, "{path} exists");
    }
}

#[tokio::test]
async fn a_fault_of_ours_tells_nothing_of_the_inside() {
    let (store, world) = (WatchedStore::new().await, testing::world());
    let identity = store.identity(&world).await;
    store.fail(true);
    let form = "grant_type=client_credentials&client_id=x&client_secret=y&token=z";
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let answer = post(&identity, path, form).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.header(header::RETRY_AFTER).is_some());
        assert!(!answer.text.contains("fire"), "{}", answer.text);
    }
}

#[tokio::test]
async fn every_route_is_in_the_document_under_a_name_of_its_own() {
    let test = TestIdentity::new().await;
    let (_, document) = test.routes().split_for_parts();
    let document: Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 9);
    let operations = paths.values().flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10, "one path has two");
    let schemas = &document["components"]["schemas"];
    let text = document.to_string();
    let refs = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    refs.for_each(|name| assert!(schemas.get(name).is_some(), "{name} is described"));
    let form = &schemas["GrantForm"]["properties"];
    for parameter in ["grant_type", "scope", "client_id", "client_secret", "client_assertion"] {
        assert!(form.get(parameter).is_some(), "{parameter}: {form}");
    }
}
