//! What the tests of this room share.

use crate::{
    Client, Identity, IdentitySettings, IdentityStore, Minted, NewClient, Revocation, Secret, SqliteIdentity,
    StoredKey, TokenAlgorithm, keys::Pair,
};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ficha_contract::{RateLimit, StoreError};
use ficha_domain::{MovedClock, SeededRandom, World};
use ficha_seal::{KeyError, KeyProvider, Keyring, RootKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    ops::Deref,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "https://ficha.example";
pub(crate) const START_S: i64 = 1_800_000_000;

/// A world whose clock stands until it is moved.
#[derive(Clone)]
pub(crate) struct TestWorld {
    pub(crate) world: World,
    clock: Arc<MovedClock>,
}

impl TestWorld {
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) fn advance_ms(&self, ms: i64) {
        self.clock.advance(SignedDuration::from_millis(ms));
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.world.now().as_second()
    }
}

pub(crate) fn world() -> TestWorld {
    let clock = Arc::new(MovedClock::at(Timestamp::from_second(START_S).unwrap()));
    let world = World::new(clock.clone(), Arc::new(SeededRandom::new(7)));
    TestWorld { world, clock }
}

struct TestRoots(u8);

impl KeyProvider for TestRoots {
    fn roots(&self) -> Result<Vec<RootKey>, KeyError> {
        Ok(vec![RootKey::new([self.0; 32])])
    }
}

pub(crate) static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::open(&TestRoots(7)).unwrap());
pub(crate) static OTHER_KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::open(&TestRoots(8)).unwrap());

/// A store in a folder that goes with it.
pub(crate) struct TestStore {
    store: SqliteIdentity,
    _dir: TempDir,
}

impl TestStore {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteIdentity::open(dir.path(), &KEYRING.vault("identity")).await.unwrap();
        Self { store, _dir: dir }
    }
}

impl Deref for TestStore {
    type Target = SqliteIdentity;

    fn deref(&self) -> &SqliteIdentity {
        &self.store
    }
}

pub(crate) fn new_client(name: &str, scopes: &str) -> NewClient {
    NewClient {
        name: name.to_owned(),
        scopes: scopes.parse().unwrap(),
        default_purpose: None,
        rate_limit: RateLimit::Default,
        jwks: None,
    }
}

/// Identity in a folder of its own.
pub(crate) struct TestIdentity {
    pub(crate) identity: Identity,
    pub(crate) world: TestWorld,
    pub(crate) dir: TempDir,
    settings: IdentitySettings,
}

impl Deref for TestIdentity {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl TestIdentity {
    pub(crate) async fn new() -> Self {
        Self::with(IdentitySettings::new(ISSUER)).await
    }

    pub(crate) async fn signing(algorithm: TokenAlgorithm) -> Self {
        Self::with(IdentitySettings { algorithm, ..IdentitySettings::new(ISSUER) }).await
    }

    pub(crate) async fn with(settings: IdentitySettings) -> Self {
        let (dir, world) = (tempfile::tempdir().unwrap(), world());
        let opened = Identity::open(dir.path(), &KEYRING, world.world.clone(), settings.clone()).await;
        Self { identity: opened.unwrap(), world, dir, settings }
    }

    /// What another process with the same folder has; the clock is the same.
    pub(crate) async fn another_process(&self) -> Identity {
        let world = self.world.world.clone();
        Identity::open(self.dir.path(), &KEYRING, world, self.settings.clone()).await.unwrap()
    }

    pub(crate) async fn stored_keys(&self) -> Vec<StoredKey> {
        let vault = KEYRING.vault("identity");
        SqliteIdentity::open(self.dir.path(), &vault).await.unwrap().keys().await.unwrap()
    }

    pub(crate) async fn client(&self, scopes: &str) -> (Client, Secret) {
        let (client, secret) = self.add_client(new_client("Loja", scopes)).await.unwrap();
        (client, secret.unwrap())
    }

    /// A token as a client of these scopes gets it.
    pub(crate) async fn token(&self, scopes: &str) -> Minted {
        self.mint_local("loja", scopes.parse().unwrap(), None, 600).await.unwrap()
    }

    /// The claims of a token that is good now.
    pub(crate) fn claims(&self) -> Value {
        let now = self.world.now_s();
        json!({
            "iss": ISSUER, "sub": "loja", "client_id": "loja", "aud": "ficha", "iat": now, "exp": now + 600,
            "jti": "0193a5c0-0000-7000-8000-000000000001", "scope": "debts:read",
        })
    }

    /// The header of a token that is good now.
    pub(crate) async fn header(&self) -> Value {
        let key = self.keys.signer().await.unwrap();
        json!({ "typ": "at+jwt", "alg": key.row().algorithm, "kid": key.row().kid })
    }

    /// A token of any header and claims, signed by the issuer's own key.
    pub(crate) async fn sign(&self, header: &Value, claims: &Value) -> String {
        let key = self.keys.signer().await.unwrap();
        assemble(header, claims, |message| key.sign(message).unwrap())
    }
}

/// A store that counts what it is asked, and fails when told to.
pub(crate) struct WatchedStore {
    store: TestStore,
    pub(crate) keys_read: AtomicUsize,
    pub(crate) revocations_read: AtomicUsize,
    pub(crate) fails: AtomicBool,
}

impl WatchedStore {
    pub(crate) async fn new() -> Arc<Self> {
        let store = TestStore::new().await;
        let (keys_read, revocations_read) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { store, keys_read, revocations_read, fails: AtomicBool::new(false) })
    }

    /// Identity over this store.
    pub(crate) async fn identity(self: &Arc<Self>, world: &TestWorld) -> Identity {
        let vault = KEYRING.vault("identity");
        let settings = IdentitySettings::new(ISSUER);
        Identity::over(self.clone(), vault, world.world.clone(), settings).await.unwrap()
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    fn store(&self) -> Result<&SqliteIdentity, StoreError> {
        match self.fails.load(Ordering::Relaxed) {
            true => Err(StoreError::new("disk /dev/secret0 is on fire")),
            false => Ok(&self.store),
        }
    }
}

#[async_trait]
impl IdentityStore for WatchedStore {
    async fn add_client(&self, client: Client) -> Result<(), StoreError> {
        self.store()?.add_client(client).await
    }

    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.store()?.client(id).await
    }

    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.store()?.clients().await
    }

    async fn revoke_client(&self, id: &str, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        self.store()?.revoke_client(id, now, until).await
    }

    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.keys_read.fetch_add(1, Ordering::Relaxed);
        self.store()?.keys().await
    }

    async fn add_first_key(&self, key: StoredKey) -> Result<bool, StoreError> {
        self.store()?.add_first_key(key).await
    }

    async fn add_key(&self, key: StoredKey, retire: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.store()?.add_key(key, retire, now).await
    }

    async fn revoke_token(&self, id: Uuid, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        self.store()?.revoke_token(id, now, until).await
    }

    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError> {
        self.revocations_read.fetch_add(1, Ordering::Relaxed);
        // Others go on meanwhile, as with a store in another process.
        tokio::task::yield_now().await;
        self.store()?.revocations(after, limit).await
    }

    async fn use_assertion(
        &self,
        client: &str,
        id: [u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store()?.use_assertion(client, id, now, until).await
    }
}

/// A key of somebody else.
pub(crate) struct TestKey {
    pub(crate) algorithm: TokenAlgorithm,
    pair: Pair,
}

impl TestKey {
    pub(crate) fn new(algorithm: TokenAlgorithm) -> Self {
        Self { algorithm, pair: Pair::generate(algorithm).unwrap().0 }
    }

    pub(crate) fn jwks(&self) -> String {
        format!("{{\"keys\":[{}]}}", self.pair.jwk(self.algorithm).unwrap().1)
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        assemble(header, claims, |message| self.pair.sign(message).unwrap())
    }
}

pub(crate) fn assemble(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}
