use crate::{
    Credential, Identity, IdentityError, IdentitySettings, NewClient, TokenAlgorithm,
    testing::{self, ISSUER, KEYRING, TestIdentity, TestKey},
};
use std::{fs, path::Path};

fn files(dir: &Path) -> Vec<u8> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| fs::read(path).unwrap()).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[tokio::test]
async fn secrets_and_private_keys_are_nowhere_in_the_files() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let token = test.token("debts:read").await.token;
    test.rotate_key().await.unwrap();
    let vault = KEYRING.vault("identity");
    let bytes = files(test.dir.path());
    assert!(contains(&bytes, client.id.as_bytes()), "the files that were looked at are the right ones");
    assert!(!contains(&bytes, secret.reveal().as_bytes()) && !contains(&bytes, token.reveal().as_bytes()));
    for key in test.stored_keys().await {
        let pkcs8 = vault.open(&[b"signing key ", key.kid.as_bytes()].concat(), &key.sealed).unwrap();
        assert!(!contains(&bytes, &pkcs8));
        // The seed of an Ed25519 key is its last 32 bytes (RFC 8410, 7).
        assert!(!contains(&bytes, &pkcs8[pkcs8.len() - 32..]));
    }
}

#[tokio::test]
async fn debug_hides_secrets_keys_and_tokens() {
    let test = TestIdentity::new().await;
    let (client, secret) = test.client("debts:read").await;
    let minted = test.token("debts:read").await;
    let shown = format!("{client:?} {secret:?} {minted:?} {:?}", test.stored_keys().await);
    assert!(!shown.contains(secret.reveal()) && !shown.contains(minted.token.reveal()));
    let Credential::Secret(hash) = &client.credential else { panic!("it has a secret") };
    assert!(!shown.contains(&format!("{:?}", hash.as_bytes())));
    assert!(shown.contains("Secret(hidden)") && !shown.contains("sealed"), "{shown}");
    let signer = format!("{:?}", test.keys.signer().await.unwrap());
    assert!(signer.contains("Pair(hidden)"), "{signer}");
}

#[tokio::test]
async fn clients_are_listed_and_revoked() {
    let test = TestIdentity::new().await;
    let (one, _) = test.client("debts:read").await;
    test.world.advance(1);
    let (two, _) = test.client("score:read").await;
    test.revoke_client(&one.id).await.unwrap();
    let listed = test.another_process().await.list_clients().await.unwrap();
    assert_eq!(listed.iter().map(|client| &client.id).collect::<Vec<_>>(), [&one.id, &two.id]);
    assert!(listed[0].revoked_at.is_some() && listed[1].revoked_at.is_none());
    assert!(matches!(test.revoke_client("nobody").await, Err(IdentityError::NoClient)));
}

#[tokio::test]
async fn a_client_may_have_keys_in_place_of_a_secret() {
    let test = TestIdentity::new().await;
    let jwks = Some(TestKey::new(TokenAlgorithm::ES256).jwks());
    let (client, secret) =
        test.add_client(NewClient { jwks, ..testing::new_client("x", "debts:read") }).await.unwrap();
    assert!(secret.is_none() && matches!(client.credential, Credential::Keys(_)));
    let bad = NewClient { jwks: Some("{}".to_owned()), ..testing::new_client("x", "debts:read") };
    let refused = test.add_client(bad).await.unwrap_err().to_string();
    assert!(refused.starts_with("jwks takes "), "{refused}");
}

#[tokio::test]
async fn a_local_token_lives_as_long_as_others_at_most() {
    let test = TestIdentity::new().await;
    let scopes = "admin".parse().unwrap();
    for life_s in [0, 901, u32::MAX] {
        let refused = test.mint_local("cli", scopes, None, life_s).await;
        assert!(matches!(refused, Err(IdentityError::Invalid { field: "life_s", .. })), "{life_s}");
    }
    assert_eq!(test.mint_local("cli", scopes, None, 60).await.unwrap().expires_in_s, 60);
    let (client, _) = test.client("debts:read").await;
    test.revoke_client(&client.id).await.unwrap();
    let revoked = test.mint_local(&client.id, scopes, None, 60).await;
    assert!(matches!(revoked, Err(IdentityError::NoClient)));
}

#[tokio::test]
async fn wrong_settings_open_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for settings in [
        IdentitySettings::new("ficha"),
        IdentitySettings { token_life_s: 5, ..IdentitySettings::new(ISSUER) },
        IdentitySettings { key_lead_s: 0, ..IdentitySettings::new(ISSUER) },
    ] {
        let opened = Identity::open(dir.path(), &KEYRING, testing::world().world, settings).await;
        assert!(matches!(opened, Err(IdentityError::Invalid { .. })));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "and make no file");
}
