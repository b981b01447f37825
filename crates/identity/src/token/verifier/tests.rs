use crate::{
    NewClient, TokenAlgorithm,
    testing::{self, TestIdentity, TestKey, WatchedStore, assemble},
};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ficha_contract::{Issuer, PublishedKey, RateLimit, Revocation, StoreError, TokenRefused, TokenVerifier};
use ficha_domain::{Purpose, Scope};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

async fn refusal(identity: &crate::Identity, token: &str) -> Option<TokenRefused> {
    identity.verifier().verify(token).await.err()
}

/// The claims of a good token, with one changed; null takes it out.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
        value => object[name] = value,
    }
    object
}

#[tokio::test]
async fn rfc9068_tokens_of_every_algorithm_say_who_and_what() {
    for algorithm in TokenAlgorithm::ALL {
        let test = TestIdentity::signing(algorithm).await;
        let purpose = Some(Purpose::CreditGranting);
        let minted = test.mint_local("loja", "dossier:read".parse().unwrap(), purpose, 600).await.unwrap();
        let token = minted.token.reveal();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (algorithm.jwt(), Some("at+jwt")));
        let caller = test.verifier().verify(token).await.unwrap();
        assert_eq!((&*caller.client, &*caller.subject), ("loja", "loja"));
        assert!(caller.scopes.contains(Scope::DossierRead) && !caller.scopes.contains(Scope::DebtsRead));
        assert_eq!((caller.default_purpose, caller.rate_limit), (purpose, RateLimit::Unlimited));
        assert_eq!(caller.expires_at.as_second(), test.world.now_s() + 600);
    }
}

#[tokio::test]
async fn a_clients_purpose_and_rate_travel_in_the_token() {
    for rate_limit in [RateLimit::Default, RateLimit::Unlimited, RateLimit::PerMinute(7)] {
        let test = TestIdentity::new().await;
        let default_purpose = Some(Purpose::RiskAnalysis);
        let new = NewClient { default_purpose, rate_limit, ..testing::new_client("x", "debts:read") };
        let (client, secret) = test.add_client(new).await.unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            client.id,
            secret.unwrap().reveal()
        );
        let form = crate::issuer::Form::parse(form.as_bytes()).unwrap();
        let minted = test.issuer.token(None, &form).await.unwrap();
        let caller = test.verifier().verify(minted.token.reveal()).await.unwrap();
        assert_eq!((caller.default_purpose, caller.rate_limit), (default_purpose, rate_limit));
        assert_eq!(caller.client, client.id);
    }
}

#[tokio::test]
async fn rfc9068_4_wrong_headers_are_refused() {
    let test = TestIdentity::new().await;
    let (header, claims) = (test.header().await, test.claims());
    assert_eq!(refusal(&test, &test.sign(&header, &claims).await).await, None, "the sample itself is good");
    for typ in ["application/at+jwt", "AT+JWT", "Application/AT+jwt"] {
        assert_eq!(
            refusal(&test, &test.sign(&with(header.clone(), "typ", typ.into()), &claims).await).await,
            None
        );
    }
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("text/at+jwt")),
        ("typ", json!("at+jwt+x")),
        ("typ", Value::Null),
        ("kid", Value::Null),
        ("kid", json!("unknown")),
        ("kid", json!("")),
        ("crit", json!(["b64"])),
        ("alg", Value::Null),
        ("alg", json!("ES256")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("alg", json!("NONE")),
    ] {
        let token = test.sign(&with(header.clone(), name, value.clone()), &claims).await;
        assert_eq!(refusal(&test, &token).await, Some(TokenRefused::Invalid), "{name}: {value}");
    }
}

#[tokio::test]
async fn rfc9068_4_wrong_claims_are_refused() {
    use TokenRefused::{Expired, Invalid};
    let test = TestIdentity::new().await;
    let (header, claims, now) = (test.header().await, test.claims(), test.world.now_s());
    for (name, value, expected) in [
        ("iss", json!("https://other.example"), Some(Invalid)),
        ("iss", json!("https://ficha.example/"), Some(Invalid)),
        ("iss", json!(["https://ficha.example"]), Some(Invalid)),
        ("iss", Value::Null, Some(Invalid)),
        ("aud", json!("other"), Some(Invalid)),
        ("aud", json!(["other"]), Some(Invalid)),
        ("aud", Value::Null, Some(Invalid)),
        ("aud", json!(["other", "ficha"]), None),
        ("sub", Value::Null, Some(Invalid)),
        ("client_id", Value::Null, Some(Invalid)),
        ("jti", Value::Null, Some(Invalid)),
        ("jti", json!("no uuid"), Some(Invalid)),
        ("scope", Value::Null, Some(Invalid)),
        ("scope", json!("sudo"), Some(Invalid)),
        ("ficha_purpose", json!("curiosity"), Some(Invalid)),
        ("ficha_rate", json!("a lot"), Some(Invalid)),
        ("iat", Value::Null, Some(Invalid)),
        ("iat", json!(now + 5), None),
        ("iat", json!(now + 6), Some(Invalid)),
        ("nbf", json!(now + 5), None),
        ("nbf", json!(now + 6), Some(Invalid)),
        ("exp", Value::Null, Some(Invalid)),
        ("exp", json!("tomorrow"), Some(Invalid)),
        ("exp", json!(i64::MAX), Some(Invalid)),
        ("exp", json!(now - 4), None),
        ("exp", json!(now - 5), Some(Expired)),
        ("exp", json!(0), Some(Expired)),
        ("exp", json!(-1), Some(Invalid)),
    ] {
        let token = test.sign(&header, &with(claims.clone(), name, value.clone())).await;
        assert_eq!(refusal(&test, &token).await, expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn rfc9068_5_an_id_token_is_no_access_token() {
    let test = TestIdentity::new().await;
    let header = with(test.header().await, "typ", json!("JWT"));
    let claims = with(with(test.claims(), "aud", json!("loja")), "nonce", json!("n"));
    assert_eq!(refusal(&test, &test.sign(&header, &claims).await).await, Some(TokenRefused::Invalid));
}

#[tokio::test]
async fn rfc8725_2_1_the_public_key_is_no_secret() {
    for algorithm in TokenAlgorithm::ALL {
        let test = TestIdentity::signing(algorithm).await;
        let public = test.keys.signer().await.unwrap().row().public.clone();
        let raw = URL_SAFE_NO_PAD.decode(member(&public, &["x", "n"])).unwrap();
        for (alg, hash) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
            for secret in [public.as_bytes(), &raw, b""] {
                let header = with(test.header().await, "alg", json!(alg));
                let sign =
                    |message: &[u8]| hmac::sign(&hmac::Key::new(hash, secret), message).as_ref().to_vec();
                let token = assemble(&header, &test.claims(), sign);
                assert_eq!(refusal(&test, &token).await, Some(TokenRefused::Invalid), "{alg}");
            }
        }
        let unsigned =
            assemble(&with(test.header().await, "alg", json!("none")), &test.claims(), |_| Vec::new());
        assert_eq!(refusal(&test, &unsigned).await, Some(TokenRefused::Invalid));
    }
}

fn member(jwk: &str, names: &[&str]) -> String {
    let jwk: Value = serde_json::from_str(jwk).unwrap();
    names.iter().find_map(|name| jwk[name].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn another_key_opens_nothing_whatever_the_header_says() {
    let test = TestIdentity::new().await;
    let (header, claims) = (test.header().await, test.claims());
    for algorithm in TokenAlgorithm::ALL {
        let key = TestKey::new(algorithm);
        let jwks: Value = serde_json::from_str(&key.jwks()).unwrap();
        let own = with(header.clone(), "alg", json!(algorithm));
        let embedded = with(own.clone(), "jwk", jwks["keys"][0].clone());
        let pointing = with(own.clone(), "jku", json!("https://evil.example/jwks.json"));
        for header in [&header, &own, &embedded, &pointing] {
            let token = key.sign(header, &claims);
            assert_eq!(refusal(&test, &token).await, Some(TokenRefused::Invalid), "{header}");
        }
    }
    let other = TestIdentity::new().await;
    let foreign = other.token("debts:read").await;
    assert_eq!(refusal(&test, foreign.token.reveal()).await, Some(TokenRefused::Invalid));
}

#[tokio::test]
async fn every_changed_character_is_noticed() {
    let test = TestIdentity::new().await;
    let token = test.token("debts:read").await.token;
    let token = token.reveal();
    for at in 0..token.len() {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(refusal(&test, &changed).await, Some(TokenRefused::Invalid), "character {at}");
        assert_eq!(refusal(&test, &token[..at]).await, Some(TokenRefused::Invalid), "cut to {at}");
    }
    let payload = URL_SAFE_NO_PAD.encode(with(test.claims(), "scope", json!("admin")).to_string());
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = &payload;
    assert_eq!(refusal(&test, &parts.join(".")).await, Some(TokenRefused::Invalid));
    assert_eq!(refusal(&test, token).await, None);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let test = TestIdentity::new().await;
    let token = test.token("debts:read").await.token;
    let long = format!("{}{}", token.reveal(), "A".repeat(5000));
    let huge = "A".repeat(10 << 20);
    let nested = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode("[".repeat(3000)));
    let texts = ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "Bearer x", "João.João.João", "\0.\0.\0"];
    for text in texts.into_iter().chain([&*long, &huge, &nested, &format!("{}.", token.reveal())]) {
        assert_eq!(refusal(&test, text).await, Some(TokenRefused::Invalid), "{text:.40}");
    }
}

#[tokio::test]
async fn a_token_of_ours_is_never_longer_than_what_is_hashed() {
    let test = TestIdentity::new().await;
    for (len, expected) in [(2000, None), (4000, Some(TokenRefused::Invalid))] {
        let claims = with(test.claims(), "more", json!("x".repeat(len)));
        assert_eq!(refusal(&test, &test.sign(&test.header().await, &claims).await).await, expected);
    }
}

#[tokio::test]
async fn a_cached_token_ends_with_its_life() {
    let test = TestIdentity::new().await;
    let token = test.token("debts:read").await.token;
    for _ in 0..20 {
        assert_eq!(refusal(&test, token.reveal()).await, None);
        test.world.advance(30);
    }
    test.world.advance(4);
    assert_eq!(refusal(&test, token.reveal()).await, None, "five seconds of leeway");
    test.world.advance(1);
    assert_eq!(refusal(&test, token.reveal()).await, Some(TokenRefused::Expired));
}

#[tokio::test]
async fn a_revoked_token_is_refused_here_at_once_and_elsewhere_within_seconds() {
    let test = TestIdentity::new().await;
    let other = test.another_process().await;
    let (token, kept) = (test.token("debts:read").await.token, test.token("debts:read").await.token);
    assert_eq!((refusal(&test, token.reveal()).await, refusal(&other, token.reveal()).await), (None, None));
    let verified = test.verifier().examine(token.reveal()).await.unwrap();
    test.revoke_token(verified.id, verified.caller.expires_at).await.unwrap();
    assert_eq!(refusal(&test, token.reveal()).await, Some(TokenRefused::Revoked));
    test.world.advance(1);
    assert_eq!(refusal(&other, token.reveal()).await, Some(TokenRefused::Revoked));
    assert_eq!(refusal(&other, kept.reveal()).await, None, "only this one");
    test.world.advance(606);
    assert_eq!(refusal(&other, token.reveal()).await, Some(TokenRefused::Expired));
}

#[tokio::test]
async fn a_revoked_clients_tokens_are_refused_everywhere() {
    let test = TestIdentity::new().await;
    let other = test.another_process().await;
    let (client, _) = test.client("debts:read").await;
    let token = test.mint_local(&client.id, client.scopes, None, 900).await.unwrap().token;
    assert_eq!(refusal(&other, token.reveal()).await, None);
    test.revoke_client(&client.id).await.unwrap();
    assert_eq!(refusal(&test, token.reveal()).await, Some(TokenRefused::Revoked));
    for second in 1..900 {
        test.world.advance(1);
        assert_eq!(refusal(&other, token.reveal()).await, Some(TokenRefused::Revoked), "second {second}");
    }
    test.world.advance(6);
    assert_eq!(refusal(&other, token.reveal()).await, Some(TokenRefused::Expired));
    assert_eq!(refusal(&test.another_process().await, token.reveal()).await, Some(TokenRefused::Expired));
}

#[tokio::test]
async fn a_process_that_begins_later_knows_what_was_revoked_before() {
    let test = TestIdentity::new().await;
    let tokens: Vec<_> = {
        let mut tokens = Vec::new();
        for _ in 0..7 {
            tokens.push(test.token("debts:read").await.token);
        }
        tokens
    };
    for token in &tokens {
        let verified = test.verifier().examine(token.reveal()).await.unwrap();
        test.revoke_token(verified.id, verified.caller.expires_at).await.unwrap();
    }
    let other = test.another_process().await;
    for token in &tokens {
        assert_eq!(refusal(&other, token.reveal()).await, Some(TokenRefused::Revoked));
    }
}

#[tokio::test]
async fn the_store_is_asked_once_a_second_however_many_tokens_come() {
    let (store, world) = (WatchedStore::new().await, testing::world());
    let identity = store.identity(&world).await;
    let token = identity.mint_local("x", "debts:read".parse().unwrap(), None, 900).await.unwrap().token;
    let (keys, revocations) =
        (store.keys_read.load(Ordering::Relaxed), store.revocations_read.load(Ordering::Relaxed));
    let unknown = TestIdentity::new().await.token("debts:read").await.token;
    for _ in 0..10 {
        world.advance_ms(1000);
        for _ in 0..50 {
            assert_eq!(refusal(&identity, token.reveal()).await, None);
            assert_eq!(refusal(&identity, unknown.reveal()).await, Some(TokenRefused::Invalid));
        }
    }
    assert_eq!(
        store.keys_read.load(Ordering::Relaxed) - keys,
        10,
        "unknown kids read the keys at a bounded rate"
    );
    assert_eq!(store.revocations_read.load(Ordering::Relaxed) - revocations, 10);
}

#[tokio::test]
async fn after_an_idle_night_nobody_goes_on_with_what_was_known_in_the_evening() {
    let (store, world) = (WatchedStore::new().await, testing::world());
    let (identity, other) = (store.identity(&world).await, store.identity(&world).await);
    let token = identity.mint_local("x", "debts:read".parse().unwrap(), None, 900).await.unwrap().token;
    let verified = identity.verifier().examine(token.reveal()).await.unwrap();
    other.revoke_token(verified.id, verified.caller.expires_at).await.unwrap();
    world.advance(500);
    let refused = Some(TokenRefused::Revoked);
    let both = tokio::join!(refusal(&identity, token.reveal()), refusal(&identity, token.reveal()));
    assert_eq!(both, (refused, refused), "the second one waits for what the first one learns");
}

#[tokio::test]
async fn while_the_store_is_away_what_was_issued_works_and_what_is_known_holds() {
    let (store, world) = (WatchedStore::new().await, testing::world());
    let identity = store.identity(&world).await;
    let scopes = "debts:read".parse().unwrap();
    let (kept, revoked) = (
        identity.mint_local("x", scopes, None, 900).await.unwrap().token,
        identity.mint_local("x", scopes, None, 900).await.unwrap().token,
    );
    let verified = identity.verifier().examine(revoked.reveal()).await.unwrap();
    identity.revoke_token(verified.id, verified.caller.expires_at).await.unwrap();
    store.fail(true);
    for _ in 0..80 {
        world.advance(10);
        assert_eq!(refusal(&identity, kept.reveal()).await, None);
        assert_eq!(refusal(&identity, revoked.reveal()).await, Some(TokenRefused::Revoked));
    }
}

/// An issuer as another process is told of it, which may be silent.
struct Elsewhere {
    shown: Arc<dyn Issuer>,
    silent: AtomicBool,
}

impl Elsewhere {
    fn told(&self) -> Result<&dyn Issuer, StoreError> {
        match self.silent.load(Ordering::Relaxed) {
            true => Err(StoreError::new("it does not answer")),
            false => Ok(&*self.shown),
        }
    }
}

#[async_trait]
impl Issuer for Elsewhere {
    async fn published(&self) -> Result<Vec<PublishedKey>, StoreError> {
        self.told()?.published().await
    }

    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError> {
        self.told()?.revocations(after, limit).await
    }
}

#[tokio::test]
async fn away_from_the_issuer_tokens_are_verified_by_what_it_tells() {
    let test = TestIdentity::new().await;
    let token = test.token("debts:read").await.token;
    let issuer = Arc::new(Elsewhere { shown: test.shown(), silent: true.into() });
    let away = |name: &'static str| crate::Verifier::away(issuer.clone(), name, test.world.world.clone());
    let verifier = away("https://ficha.example/").await.unwrap();
    assert_eq!(verifier.verify(token.reveal()).await.err(), Some(TokenRefused::Unknowable));
    issuer.silent.store(false, Ordering::Relaxed);
    test.world.advance(1);
    assert!(verifier.verify(token.reveal()).await.is_ok(), "as soon as the issuer tells its keys");
    issuer.silent.store(true, Ordering::Relaxed);
    test.world.advance(500);
    assert!(verifier.verify(token.reveal()).await.is_ok(), "what was told goes on to hold");
    issuer.silent.store(false, Ordering::Relaxed);
    let id = verifier.examine(token.reveal()).await.unwrap().id;
    test.revoke_token(id, test.world.world.now() + jiff::SignedDuration::from_secs(100)).await.unwrap();
    test.world.advance(1);
    assert_eq!(verifier.verify(token.reveal()).await.err(), Some(TokenRefused::Revoked));
    let other = away("https://other.example").await.unwrap();
    assert_eq!(other.verify(token.reveal()).await.err(), Some(TokenRefused::Invalid), "of another issuer");
    assert!(away("ficha").await.is_err());
}

#[tokio::test]
async fn away_from_the_issuer_a_key_that_retired_or_was_withdrawn_opens_nothing() {
    let test = TestIdentity::new().await;
    let verifier =
        crate::Verifier::away(test.shown(), testing::ISSUER, test.world.world.clone()).await.unwrap();
    test.rotate_key().await.unwrap();
    test.world.advance(3590);
    let last = test.mint_local("x", "debts:read".parse().unwrap(), None, 900).await.unwrap().token;
    assert!(verifier.verify(last.reveal()).await.is_ok());
    test.world.advance(900);
    let fresh = crate::Verifier::away(test.shown(), testing::ISSUER, test.world.world.clone()).await.unwrap();
    assert!(fresh.verify(last.reveal()).await.is_ok(), "published until its tokens are gone");
    test.world.advance(100);
    assert_eq!(fresh.verify(last.reveal()).await.err(), Some(TokenRefused::Invalid));
}
