use super::{Form, OAuthError, OAuthErrorCode, Refusal};
use crate::{
    Client, Identity, IdentitySettings, Minted, NewClient, TokenAlgorithm,
    testing::{self, ISSUER, TestIdentity, TestKey, WatchedStore},
};
use OAuthErrorCode::{InvalidClient, InvalidRequest, InvalidScope, TooManyFailures, UnsupportedGrantType};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use ficha_contract::ErrorCode;
use ficha_domain::ScopeSet;
use serde_json::{Value, json};

async fn ask(identity: &Identity, form: &str) -> Result<Minted, OAuthError> {
    ask_with(identity, None, form).await
}

async fn ask_with(identity: &Identity, header: Option<&str>, form: &str) -> Result<Minted, OAuthError> {
    let form = Form::parse(form.as_bytes())?;
    identity.issuer.token(header, &form).await.map_err(|refusal| match refusal {
        Refusal::OAuth(error) => error,
        Refusal::Problem(problem) => panic!("{problem}"),
    })
}

fn post(id: &str, secret: &str, more: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}")
}

#[tokio::test]
async fn rfc6749_4_4_a_client_gets_a_token_by_header_or_form() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read dossier:read").await;
    let minted = ask(&test, &post(&client.id, secret.reveal(), "")).await.unwrap();
    assert_eq!((minted.scopes, minted.expires_in_s), (client.scopes, 600));
    let header = format!("Basic {}", STANDARD.encode(format!("{}:{}", client.id, secret.reveal())));
    assert!(ask_with(&test, Some(&header), "grant_type=client_credentials").await.is_ok());
    // Encoded as RFC 6749, 2.3.1 wants it, though nothing of ours has to be.
    let encoded: String = secret.reveal().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let header = format!("Basic {}", STANDARD.encode(format!("{}:{encoded}", client.id)));
    assert!(ask_with(&test, Some(&header), "grant_type=client_credentials").await.is_ok());
}

#[tokio::test]
async fn the_life_of_a_token_is_a_setting() {
    let test =
        TestIdentity::with(IdentitySettings { token_life_s: 900, ..IdentitySettings::new(ISSUER) }).await;
    let (client, secret) = test.client("debts:read").await;
    let minted = ask(&test, &post(&client.id, secret.reveal(), "")).await.unwrap();
    let verified = test.verifier().examine(minted.token.reveal()).await.unwrap();
    assert_eq!(minted.expires_in_s, 900);
    assert_eq!(verified.caller.expires_at.as_second(), test.world.now_s() + 900);
}

#[tokio::test]
async fn rfc6749_5_2_only_client_credentials_are_granted() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let who = format!("client_id={}&client_secret={}", client.id, secret.reveal());
    for grant in ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", "x"] {
        let refused =
            ask(&test, &format!("{who}&grant_type={grant}&username=a&password=b")).await.unwrap_err();
        assert_eq!(refused.code, UnsupportedGrantType, "{grant}");
    }
    assert_eq!(ask(&test, &who).await.unwrap_err().code, InvalidRequest);
    assert_eq!(ask(&test, &format!("{who}&grant_type=")).await.unwrap_err().code, InvalidRequest);
}

#[tokio::test]
async fn rfc6749_3_3_scopes_are_narrowed_and_never_widened() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read debts:write dossier:read").await;
    let mut got = Vec::new();
    for asked in
        ["", "read", "write", "read+write", "debts:read", "read+debts:write", "debts:read++debts:read"]
    {
        let form = post(&client.id, secret.reveal(), &format!("&scope={asked}"));
        got.push(ask(&test, &form).await.unwrap().scopes.to_string());
    }
    assert_eq!(
        got,
        [
            "debts:read debts:write dossier:read",
            "debts:read dossier:read",
            "debts:write",
            "debts:read debts:write dossier:read",
            "debts:read",
            "debts:read debts:write dossier:read",
            "debts:read",
        ]
    );
    for asked in [
        "score:read",
        "read+score:read",
        "admin",
        "audit:read",
        "sudo",
        "READ",
        "debts:read,debts:write",
        "+",
    ] {
        let form = post(&client.id, secret.reveal(), &format!("&scope={asked}"));
        assert_eq!(ask(&test, &form).await.unwrap_err().code, InvalidScope, "{asked}");
    }
    assert_eq!(super::granted("debts:write".parse().unwrap(), Some("read")).unwrap_err().code, InvalidScope);
    assert_eq!(super::granted(ScopeSet::default(), None), Ok(ScopeSet::default()));
}

#[tokio::test]
async fn rfc6749_5_2_why_a_client_is_refused_is_not_told() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let (revoked, its_secret) = test.client("debts:read").await;
    test.revoke_client(&revoked.id).await.unwrap();
    let (with_keys, _) = keyed(&test, TokenAlgorithm::EdDSA).await;
    let cut = &secret.reveal()[..42];
    for (id, secret) in [
        (&*client.id, its_secret.reveal()),
        (&*client.id, cut),
        (&*client.id, &*format!("{}A", secret.reveal())),
        ("nobody", secret.reveal()),
        (&*revoked.id, its_secret.reveal()),
        (&*with_keys.id, secret.reveal()),
        (&*client.id.to_uppercase(), secret.reveal()),
    ] {
        let refused = ask(&test, &post(id, secret, "")).await.unwrap_err();
        assert_eq!(refused, OAuthError::new(InvalidClient, "client authentication failed"), "{id}");
    }
    assert_eq!(ask(&test, "grant_type=client_credentials").await.unwrap_err().code, InvalidClient);
}

#[tokio::test]
async fn failures_are_slowed_and_lock_nobody_out() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let wrong = post(&client.id, "wrong", "");
    for _ in 0..10 {
        assert_eq!(ask(&test, &wrong).await.unwrap_err().code, InvalidClient);
    }
    let slowed = ask(&test, &wrong).await.unwrap_err();
    assert_eq!(
        (slowed.code, slowed.code.as_str(), slowed.code.status()),
        (TooManyFailures, "invalid_client", 429)
    );
    assert!(slowed.retry_after_s.is_some_and(|wait| (1..=60).contains(&wait)));
    assert!(ask(&test, &post(&client.id, secret.reveal(), "")).await.is_ok(), "the right secret passes");
    assert_eq!(ask(&test, &wrong).await.unwrap_err().code, TooManyFailures, "and forgives nothing");
    test.world.advance(60);
    assert_eq!(ask(&test, &wrong).await.unwrap_err().code, InvalidClient);
}

async fn keyed(identity: &Identity, algorithm: TokenAlgorithm) -> (Client, TestKey) {
    let key = TestKey::new(algorithm);
    let new = NewClient { jwks: Some(key.jwks()), ..testing::new_client("keyed", "debts:read") };
    let (client, secret) = identity.add_client(new).await.unwrap();
    assert!(secret.is_none(), "a client with keys has no secret");
    (client, key)
}

/// An assertion that is good now.
fn assertion(test: &TestIdentity, client: &Client, jti: &str) -> Value {
    let now = test.world.now_s();
    json!({ "iss": client.id, "sub": client.id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": jti })
}

fn asserted(jwt: &str) -> String {
    format!(
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type\
         %3Ajwt-bearer&client_assertion={jwt}"
    )
}

#[tokio::test]
async fn rfc7523_a_client_signs_with_its_own_key() {
    for algorithm in TokenAlgorithm::ALL {
        let test = TestIdentity::new().await;
        let (client, key) = keyed(&test, algorithm).await;
        let header = json!({ "alg": algorithm });
        let jwt = key.sign(&header, &assertion(&test, &client, "1"));
        let minted = ask(&test, &asserted(&jwt)).await.unwrap();
        assert_eq!(minted.scopes, client.scopes);
        let jwt = key.sign(&header, &assertion(&test, &client, "2"));
        assert!(ask(&test, &format!("{}&client_id={}", asserted(&jwt), client.id)).await.is_ok());
    }
}

#[tokio::test]
async fn rfc7523_3_what_is_accepted() {
    let test = TestIdentity::new().await;
    let (client, key) = keyed(&test, TokenAlgorithm::ES256).await;
    let now = test.world.now_s();
    for (number, (name, value)) in [
        ("aud", json!("https://ficha.example/oauth/token")),
        ("aud", json!(["https://other.example", ISSUER])),
        ("exp", json!(now + 305)),
        ("exp", json!(now - 4)),
        ("exp", json!(now as f64 + 1.5)),
        ("nbf", json!(now + 5)),
        ("iat", Value::Null),
        ("more", json!({ "a": 1 })),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = assertion(&test, &client, &number.to_string());
        claims[name] = value.clone();
        for typ in ["JWT", "client-authentication+jwt"] {
            claims["jti"] = json!(format!("{number} {typ}"));
            let jwt = key.sign(&json!({ "alg": "ES256", "typ": typ }), &claims);
            assert!(ask(&test, &asserted(&jwt)).await.is_ok(), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn rfc7523_3_what_is_refused() {
    let test = TestIdentity::new().await;
    let (client, key) = keyed(&test, TokenAlgorithm::ES256).await;
    let (other, _) = keyed(&test, TokenAlgorithm::ES256).await;
    let now = test.world.now_s();
    for (name, value) in [
        ("iss", json!(other.id)),
        ("iss", json!("nobody")),
        ("iss", Value::Null),
        ("sub", json!(other.id)),
        ("sub", Value::Null),
        ("aud", json!("https://other.example")),
        ("aud", json!("https://ficha.example/")),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(now + 306)),
        ("exp", json!(now - 5)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("nbf", json!(now + 6)),
        ("iat", json!(now + 6)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("jti", Value::Null),
    ] {
        let mut claims = assertion(&test, &client, "good");
        claims[name] = value.clone();
        let jwt = key.sign(&json!({ "alg": "ES256" }), &claims);
        let refused = ask(&test, &asserted(&jwt)).await.unwrap_err();
        assert!(matches!(refused.code, InvalidClient | TooManyFailures), "{name}: {value}");
    }
    let jwt = key.sign(&json!({ "alg": "ES256" }), &assertion(&test, &client, "good"));
    let other = ask(&test, &format!("{}&client_id={}", asserted(&jwt), other.id)).await;
    assert!(other.is_err(), "client_id is not the one that signed");
    assert!(ask(&test, &asserted(&jwt)).await.is_ok(), "none of these used the id up");
}

#[tokio::test]
async fn rfc8725_assertions_of_other_keys_and_algorithms_are_refused() {
    let test = TestIdentity::new().await;
    let (client, key) = keyed(&test, TokenAlgorithm::ES256).await;
    let claims = assertion(&test, &client, "1");
    let es256 = json!({ "alg": "ES256" });
    let public = key.jwks();
    let sign = |message: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), message).as_ref().to_vec()
    };
    let good = key.sign(&es256, &claims);
    let cases = [
        TestKey::new(TokenAlgorithm::ES256).sign(&es256, &claims),
        TestKey::new(TokenAlgorithm::EdDSA).sign(&json!({ "alg": "EdDSA" }), &claims),
        testing::assemble(&json!({ "alg": "HS256" }), &claims, sign),
        testing::assemble(&json!({ "alg": "none" }), &claims, |_| Vec::new()),
        key.sign(&json!({ "alg": "ES256", "crit": ["b64"] }), &claims),
        key.sign(&json!({ "alg": "ES256", "typ": "at+jwt" }), &claims),
        key.sign(&json!({ "alg": "ES256", "kid": "other" }), &claims),
        good[..good.len() - 2].to_owned(),
        test.token("debts:read").await.token.reveal().to_owned(),
        "..".to_owned(),
        "x".repeat(10_000),
    ];
    for jwt in cases {
        let refused = ask(&test, &asserted(&jwt)).await.unwrap_err();
        assert!(matches!(refused.code, InvalidClient | TooManyFailures), "{jwt:.60}");
    }
    assert!(ask(&test, &asserted(&good)).await.is_ok());
}

#[tokio::test]
async fn rfc7523_3_7_an_assertion_is_good_once_in_all_processes() {
    let test = TestIdentity::new().await;
    let other = test.another_process().await;
    let (client, key) = keyed(&test, TokenAlgorithm::EdDSA).await;
    let jwt = key.sign(&json!({ "alg": "EdDSA" }), &assertion(&test, &client, "once"));
    assert!(ask(&test, &asserted(&jwt)).await.is_ok());
    for identity in [&test.identity, &other] {
        assert_eq!(ask(identity, &asserted(&jwt)).await.unwrap_err().code, InvalidClient);
    }
    // As long as it lives; other assertions of the client purge what has expired.
    for second in 0..64 {
        test.world.advance(1);
        let next = key.sign(&json!({ "alg": "EdDSA" }), &assertion(&test, &client, &second.to_string()));
        assert!(ask(&test, &asserted(&next)).await.is_ok());
        assert!(ask(&other, &asserted(&jwt)).await.is_err(), "second {second}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_our_fault_and_tells_nothing() {
    let (store, world) = (WatchedStore::new().await, testing::world());
    let identity = store.identity(&world).await;
    store.fail(true);
    let form = Form::parse(post("x", "y", "").as_bytes()).unwrap();
    let Err(Refusal::Problem(problem)) = identity.issuer.token(None, &form).await else {
        panic!("the client is not to blame")
    };
    assert_eq!((problem.code, problem.detail), (ErrorCode::BaseUnavailable, None));
    assert!(problem.cause.is_some_and(|cause| cause.to_string().contains("on fire")), "the log knows");
}
