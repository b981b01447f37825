use super::*;
use crate::{
    Desk, PeerKey,
    testing::{Server, pair},
};
use ficha_contract::Revoked;
use ficha_testkit::TestShell;
use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use uuid::Uuid;

/// An issuer that tells what it is told to.
#[derive(Default)]
struct Fake {
    keys: Mutex<Vec<PublishedKey>>,
    revocations: Mutex<Vec<Revocation>>,
    ill: AtomicBool,
}

#[async_trait]
impl Issuer for Fake {
    async fn published(&self) -> Result<Vec<PublishedKey>, StoreError> {
        match self.ill.load(Ordering::Relaxed) {
            true => Err(StoreError::new("the disk is on fire")),
            false => Ok(self.keys.lock().unwrap().clone()),
        }
    }

    async fn revocations(&self, after: i64, limit: usize) -> Result<Vec<Revocation>, StoreError> {
        let all = self.revocations.lock().unwrap();
        Ok(all.iter().filter(|revocation| revocation.number > after).take(limit).cloned().collect())
    }
}

struct Two {
    test: TestShell,
    issuer: Arc<Fake>,
    keys: [Arc<PeerKey>; 2],
    dir: TempDir,
}

impl Two {
    fn new() -> Self {
        let two = Self {
            test: TestShell::new(),
            issuer: Arc::default(),
            keys: [pair(), pair()],
            dir: tempfile::tempdir().unwrap(),
        };
        two.publish("one");
        two
    }

    fn publish(&self, jwk: &str) {
        self.issuer.keys.lock().unwrap().push(PublishedKey { jwk: jwk.into(), retires_at: None });
    }

    fn revoke(&self, numbers: std::ops::Range<i64>) {
        let until = self.test.world.now() + SignedDuration::from_secs(900);
        let revoked = |number: i64| Revoked::Token(Uuid::from_u128(number.unsigned_abs().into()));
        let made = numbers.map(|number| Revocation { number, revoked: revoked(number), until });
        self.issuer.revocations.lock().unwrap().extend(made);
    }

    /// The store as it was after so many, then these.
    fn restore(&self, number: i64, then: Vec<Revocation>) {
        let mut all = self.issuer.revocations.lock().unwrap();
        all.retain(|revocation| revocation.number <= number);
        all.extend(then);
    }

    fn serve(&self) -> Server {
        let world = self.test.world.world();
        let desk = Desk::new("identity", self.keys[0].clone(), vec![self.keys[1].public()], world);
        Server::start(&self.test, desk.issuer(self.issuer.clone()))
    }

    fn asking(&self, url: &str) -> Asking {
        let world = self.test.world.world();
        let answers = vec![self.keys[0].public()];
        let peer = Peer::new("identity", url, answers, self.keys[1].clone(), None, world.clone()).unwrap();
        Asking::open(peer, self.dir.path().join("issuer.json"), world)
    }
}

fn numbers(asking: &Asking, after: i64) -> Vec<i64> {
    asking.revocations(after, usize::MAX).into_iter().map(|revocation| revocation.number).collect()
}

#[tokio::test]
async fn keys_and_revocations_arrive_and_go_on_to_hold() {
    let two = Two::new();
    two.revoke(1..3);
    let server = two.serve();
    let asking = two.asking(&server.url());
    assert!(asking.published().is_err(), "nothing is known yet");
    asking.ask().await;
    assert_eq!(asking.published().unwrap(), two.issuer.keys.lock().unwrap().clone());
    assert_eq!(numbers(&asking, 0), [1, 2]);
    two.publish("two");
    two.revoke(3..4);
    asking.ask().await;
    assert_eq!((asking.published().unwrap().len(), numbers(&asking, 2)), (2, vec![3]));
    two.issuer.ill.store(true, Ordering::Relaxed);
    asking.ask().await;
    server.stop().await;
    asking.ask().await;
    assert_eq!((asking.published().unwrap().len(), numbers(&asking, 0)), (2, vec![1, 2, 3]));
}

#[tokio::test]
async fn a_process_that_starts_while_the_issuer_is_down_knows_what_it_was_told() {
    let two = Two::new();
    two.revoke(1..3);
    let server = two.serve();
    let url = server.url();
    two.asking(&url).ask().await;
    server.stop().await;
    let again = two.asking(&url);
    again.ask().await;
    assert_eq!((again.published().unwrap().len(), numbers(&again, 0)), (1, vec![1, 2]));
    assert_eq!(again.known(|known| known.told_at), None, "not since the start");
    let file = fs::metadata(two.dir.path().join("issuer.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let set =
        |mode| fs::set_permissions(two.dir.path().join("issuer.json"), Permissions::from_mode(mode)).unwrap();
    set(0o620);
    assert!(two.asking(&url).published().is_err(), "who may write it could sign tokens");
    set(0o600);
    assert!(two.asking(&url).published().is_ok());
    fs::write(two.dir.path().join("issuer.json"), b"{torn").unwrap();
    assert!(two.asking(&url).published().is_err(), "a damaged file is none");
}

#[tokio::test]
async fn an_issuer_whose_numbers_begin_anew_is_missed_nothing_of() {
    let two = Two::new();
    two.revoke(1..6);
    let server = two.serve();
    let asking = two.asking(&server.url());
    asking.ask().await;
    assert_eq!(numbers(&asking, 0), [1, 2, 3, 4, 5]);
    // Restored from a backup, then more revocations under numbers that were given before.
    let until = two.test.world.now() + SignedDuration::from_secs(900);
    let later = |number, id| Revocation { number, revoked: Revoked::Token(Uuid::from_u128(id)), until };
    for anew in [vec![later(4, 40)], vec![later(4, 40), later(5, 50)], vec![]] {
        two.restore(3, anew);
        asking.ask().await;
    }
    two.revoke(6..7);
    asking.ask().await;
    let known = asking.revocations(5, usize::MAX);
    let ids: Vec<_> = known.into_iter().map(|known| (known.number, known.revoked)).collect();
    let token = |id| Revoked::Token(Uuid::from_u128(id));
    assert_eq!(ids, [(6, token(40)), (7, token(50)), (8, token(6))], "each once, under numbers that go on");
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later() {
    let two = Two::new();
    let server = two.serve();
    let Asking { peer, world, .. } = two.asking(&server.url());
    let folder = two.dir.path().join("later");
    let asking = Asking::open(peer, folder.join("issuer.json"), world);
    asking.ask().await;
    assert_eq!(asking.published().unwrap().len(), 1);
    fs::create_dir(&folder).unwrap();
    asking.ask().await;
    assert!(folder.join("issuer.json").exists(), "nothing is new, and the file was missing");
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_many_come_page_by_page() {
    let two = Two::new();
    let server = two.serve();
    let asking = two.asking(&server.url());
    let many = i64::try_from(PAGE).unwrap() + 10;
    two.revoke(1..many);
    asking.ask().await;
    assert_eq!(numbers(&asking, 0).len(), PAGE + 9);
    two.test.world.advance(SignedDuration::from_secs(901));
    two.revoke(many..many + 1);
    asking.ask().await;
    assert_eq!(numbers(&asking, 0), [many]);
}

#[tokio::test]
async fn the_age_is_counted_from_the_last_answer() {
    let two = Two::new();
    let server = two.serve();
    let world = two.test.world.world();
    let remote = |url: &str| {
        let Asking { peer, file, .. } = two.asking(url);
        RemoteIssuer::start(peer, file, world.clone())
    };
    let issuer = remote(&server.url()).await;
    assert!(issuer.is_known());
    let url = server.url();
    server.stop().await;
    two.test.world.advance(SignedDuration::from_secs(7));
    // Asked once more meanwhile, perhaps, before the issuer ended: the clock stood still.
    assert_eq!(issuer.age(), Some(SignedDuration::from_secs(7)));
    let late = remote(&url).await;
    assert_eq!((late.is_known(), late.age()), (true, None));
}
