use crate::{
    Identity, IdentityError, IdentitySettings, IdentityStore, TokenAlgorithm,
    testing::{self, ISSUER, TestIdentity, WatchedStore},
};
use ficha_contract::{TokenRefused, TokenVerifier};
use serde_json::Value;

async fn published(identity: &Identity) -> Vec<String> {
    let keys = identity.published_keys().await.keys;
    keys.into_iter().filter_map(|key| key.common.key_id).collect()
}

async fn signing(identity: &Identity) -> String {
    let token = identity.mint_local("x", "debts:read".parse().unwrap(), None, 900).await.unwrap().token;
    jsonwebtoken::decode_header(token.reveal()).unwrap().kid.unwrap()
}

#[tokio::test]
async fn the_first_key_signs_at_once_and_is_the_only_one() {
    let test = TestIdentity::new().await;
    let first = signing(&test).await;
    assert_eq!(published(&test).await, std::slice::from_ref(&first));
    let other = test.another_process().await;
    assert_eq!(signing(&other).await, first, "another process finds it");
}

#[tokio::test]
async fn two_processes_that_begin_at_once_agree_on_the_first_key() {
    let (dir, world) = (tempfile::tempdir().unwrap(), testing::world());
    let open =
        || Identity::open(dir.path(), &testing::KEYRING, world.world.clone(), IdentitySettings::new(ISSUER));
    let (one, two) = tokio::join!(open(), open());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(signing(&one).await, signing(&two).await);
    assert_eq!(published(&one).await.len(), 1);
}

#[tokio::test]
async fn a_new_key_is_published_for_the_lead_time_before_it_signs() {
    let test = TestIdentity::new().await;
    let old = signing(&test).await;
    let new = test.rotate_key().await.unwrap();
    for _ in 0..3600 / 20 {
        assert_eq!(published(&test).await, [old.clone(), new.kid.clone()]);
        assert_eq!(signing(&test).await, old, "at {}", test.world.now_s());
        test.world.advance(20);
    }
    assert_eq!(signing(&test).await, new.kid, "its time has come");
    assert_eq!(published(&test).await, [old, new.kid], "the old one is still needed");
}

#[tokio::test]
async fn the_old_key_stays_until_its_last_token_is_gone() {
    let test = TestIdentity::new().await;
    let old = signing(&test).await;
    let new = test.rotate_key().await.unwrap();
    test.world.advance(3599);
    let scopes = "debts:read".parse().unwrap();
    let last = test.mint_local("x", scopes, None, 900).await.unwrap().token;
    for _ in 0..90 {
        assert!(test.verifier().verify(last.reveal()).await.is_ok());
        assert!(published(&test).await.contains(&old));
        test.world.advance(10);
    }
    test.world.advance(5);
    assert_eq!(test.verifier().verify(last.reveal()).await, Err(TokenRefused::Expired));
    test.world.advance(60);
    assert_eq!(published(&test).await, std::slice::from_ref(&new.kid));
    assert_eq!(
        test.another_process().await.verifier().verify(last.reveal()).await,
        Err(TokenRefused::Invalid)
    );
    test.rotate_key().await.unwrap();
    let kept: Vec<String> = test.stored_keys().await.into_iter().map(|key| key.kid).collect();
    assert!(!kept.contains(&old) && kept.contains(&new.kid), "forgotten with the next rotation");
}

#[tokio::test]
async fn rotation_in_one_process_reaches_the_others_without_a_restart() {
    let test = TestIdentity::new().await;
    let server = test.another_process().await;
    let old = signing(&server).await;
    let before = test.token("debts:read").await.token;
    let new = test.rotate_key().await.unwrap();
    test.world.advance(10);
    assert_eq!(published(&server).await, [old, new.kid.clone()]);
    test.world.advance(3600);
    assert_eq!(signing(&server).await, new.kid);
    let after = server.mint_local("x", "debts:read".parse().unwrap(), None, 600).await.unwrap().token;
    let late = test.another_process().await;
    for identity in [&test.identity, &server, &late] {
        assert!(identity.verifier().verify(after.reveal()).await.is_ok());
        assert_eq!(identity.verifier().verify(before.reveal()).await, Err(TokenRefused::Expired));
    }
}

#[tokio::test]
async fn a_token_of_a_key_that_is_not_known_yet_makes_the_keys_be_read_again() {
    let settings = IdentitySettings { key_lead_s: 60, ..IdentitySettings::new(ISSUER) };
    let test = TestIdentity::with(settings).await;
    let server = test.another_process().await;
    signing(&server).await;
    test.rotate_key().await.unwrap();
    // The server looks at nothing for a while; then comes a token of the new key.
    test.world.advance(60);
    let token = test.token("debts:read").await.token;
    assert!(server.verifier().verify(token.reveal()).await.is_ok());
}

#[tokio::test]
async fn rotating_twice_in_a_row_ends_with_the_latest() {
    let test = TestIdentity::new().await;
    let first = signing(&test).await;
    let second = test.rotate_key().await.unwrap().kid;
    test.world.advance(60);
    let third = test.rotate_key().await.unwrap().kid;
    assert_eq!(published(&test).await, [first.clone(), second.clone(), third.clone()]);
    test.world.advance(3540);
    assert_eq!(signing(&test).await, second);
    test.world.advance(60);
    assert_eq!(signing(&test).await, third);
}

#[tokio::test]
async fn the_algorithm_changes_with_a_rotation_and_without_downtime() {
    let test = TestIdentity::new().await;
    let before = test.token("debts:read").await.token;
    let settings = IdentitySettings { algorithm: TokenAlgorithm::ES256, ..IdentitySettings::new(ISSUER) };
    let world = test.world.world.clone();
    let changed = Identity::open(test.dir.path(), &testing::KEYRING, world, settings).await.unwrap();
    let (old, new) = (signing(&changed).await, changed.rotate_key().await.unwrap());
    assert_eq!(new.algorithm, TokenAlgorithm::ES256);
    assert_eq!(signing(&changed).await, old);
    assert!(changed.verifier().verify(before.reveal()).await.is_ok());
    test.world.advance(3600);
    assert_eq!(signing(&changed).await, new.kid);
}

#[tokio::test]
async fn a_clock_that_was_set_back_still_signs() {
    let test = TestIdentity::new().await;
    test.world.advance(-3600);
    let token = test.token("debts:read").await.token;
    assert!(test.verifier().verify(token.reveal()).await.is_ok());
}

#[tokio::test]
async fn rfc7517_only_public_members_are_published() {
    for algorithm in TokenAlgorithm::ALL {
        let test = TestIdentity::signing(algorithm).await;
        let set = serde_json::to_value(test.published_keys().await).unwrap();
        let key = set["keys"][0].as_object().unwrap();
        let expected = match algorithm {
            TokenAlgorithm::EdDSA => vec!["alg", "crv", "kid", "kty", "use", "x"],
            TokenAlgorithm::ES256 => vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
            TokenAlgorithm::RS256 => vec!["alg", "e", "kid", "kty", "n", "use"],
        };
        let mut names: Vec<&str> = key.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!((&key["alg"], &key["use"]), (&Value::from(algorithm.as_str()), &Value::from("sig")));
    }
}

#[tokio::test]
async fn a_sealed_key_opens_in_no_other_row_and_with_no_other_keyring() {
    let store = WatchedStore::new().await;
    let (world, settings) = (testing::world().world, IdentitySettings::new(ISSUER));
    let vault = testing::KEYRING.vault("identity");
    Identity::over(store.clone(), vault.clone(), world.clone(), settings.clone()).await.unwrap();
    let moved = {
        let first = store.keys().await.unwrap().remove(0);
        crate::StoredKey { kid: "moved".to_owned(), signs_from: world.now(), ..first }
    };
    store.add_key(moved, world.now(), world.now() - jiff::SignedDuration::from_secs(1)).await.unwrap();
    let opened = Identity::over(store, vault, world.clone(), settings.clone()).await;
    assert!(matches!(opened, Err(IdentityError::Sealed(_))));
    let test = TestIdentity::new().await;
    let opened = Identity::open(test.dir.path(), &testing::OTHER_KEYRING, world, settings).await;
    assert!(matches!(opened, Err(IdentityError::File(ficha_sqlite::Error::WrongKey { .. }))));
}
