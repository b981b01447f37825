//! Several processes with a spool each, in front of one store.

use super::*;
use crate::tests::sim::SimDisk;
use jiff::SignedDuration;

type Store = Arc<dyn ConsultationStore>;

async fn start(disk: &SimDisk, store: &Store, world: World) -> Result<EvidenceService, EvidenceError> {
    let parts = parts(disk, &MemoryStore::default());
    EvidenceService::start(Parts { store: store.clone(), world, ..parts }).await
}

/// Two services on two handles of one store, as two processes have them.
async fn two([one, other]: [Store; 2]) -> [EvidenceService; 2] {
    let one = start(&SimDisk::default(), &one, world(1)).await.unwrap();
    [one, start(&SimDisk::default(), &other, world(2)).await.unwrap()]
}

async fn last(service: &EvidenceService) -> Option<i64> {
    service.last(person(1)).await.unwrap().map(|last| last.at.as_second())
}

fn at(second: i64) -> Vec<Consultation> {
    let id = Uuid::from_u128(u128::from(second.unsigned_abs()));
    vec![Consultation { id, at: Timestamp::from_second(second).unwrap(), ..consultation(1) }]
}

/// What one has moved the other tells of, however often he was asked before.
async fn told_by_the_other(stores: [Store; 2]) {
    let [one, other] = two(stores).await;
    for second in [10, 20, 30] {
        let before = last(&one).await;
        other.record(at(second)).await.unwrap();
        assert_eq!((last(&one).await, last(&other).await), (before, Some(second)), "not moved yet");
        other.flush().await.unwrap();
        assert_eq!((last(&one).await, last(&other).await), (Some(second), Some(second)));
    }
    one.record(at(25)).await.unwrap();
    assert_eq!(last(&one).await, Some(30), "asked earlier, recorded later");
    let list = async |service: &EvidenceService| {
        let list = service.of_person(person(1), 9).await.unwrap();
        list.iter().map(|consultation| consultation.at.as_second()).collect::<Vec<_>>()
    };
    assert_eq!((list(&one).await, list(&other).await), (vec![30, 25, 20, 10], vec![30, 20, 10]));
    one.close().await.unwrap();
    other.close().await.unwrap();
    assert_eq!(list(&other).await, [30, 25, 20, 10]);
}

/// A consultation of this number by that service, asked then.
fn asked(number: u64, at: Timestamp) -> Consultation {
    Consultation { at, cpf: person(1), ..consultation(number) }
}

/// What was answered, and whether a list was complete as far as it said.
#[derive(Default)]
struct Lists {
    answered: Vec<Consultation>,
    /// How often a list had to hold a record of the other.
    held: usize,
}

impl Lists {
    /// What is listed by one of them: all that was asked until it is complete.
    async fn check(&mut self, service: &EvidenceService, own: u64, case: &str) {
        let until = service.complete_until();
        let list = service.of_person(person(1), 1000).await.unwrap();
        for due in self.answered.iter().filter(|answered| answered.at <= until) {
            assert!(
                list.iter().any(|listed| listed.id == due.id),
                "{case}: {} <= {until} is missing",
                due.at
            );
            self.held += usize::from(due.id.as_u128() % 2 != u128::from(own));
        }
    }
}

/// Two processes whose clocks are seconds apart record, move, list, end and begin again in any order: no list is without
/// something that was asked until the instant that it names. How often it had to hold a record of the other.
async fn any_order(stores: &[Store; 2], seed: u64) -> usize {
    let chance =
        World::new(Arc::new(MovedClock::at(Timestamp::UNIX_EPOCH)), Arc::new(SeededRandom::new(seed)));
    let below = |limit: u64| u64::from_be_bytes(chance.random()) % limit;
    let noon = Timestamp::from_second(1_800_000_000).unwrap();
    let clocks = [0, 5].map(|behind| Arc::new(MovedClock::at(noon - SignedDuration::from_secs(behind))));
    let world = |own: usize, seed| World::new(clocks[own].clone(), Arc::new(SeededRandom::new(seed)));
    let disks = [SimDisk::default(), SimDisk::default()];
    // With the moment at which each began.
    let mut services: [Option<(EvidenceService, Timestamp)>; 2] = [None, None];
    let (mut lists, mut number) = (Lists::default(), 0);
    for step in 0..60 {
        let own = usize::try_from(below(2)).unwrap();
        let now = world(own, 0).now();
        let Some((service, began)) = &services[own] else {
            let service = start(&disks[own], &stores[own], world(own, seed * 1000 + step)).await.unwrap();
            services[own] = Some((service, now));
            continue;
        };
        match below(12) {
            0..4 => {
                // Asked up to a time limit ago, but not before this process began.
                number += 2;
                let before = SignedDuration::from_secs(below(10).cast_signed());
                let fresh = asked(number + own as u64, (now - before).max(*began));
                service.record(vec![fresh.clone()]).await.unwrap();
                lists.answered.push(fresh);
            }
            4..7 => service.flush().await.unwrap(),
            7..11 => lists.check(service, own as u64, &format!("seed {seed}, step {step}")).await,
            _ => {
                service.close().await.unwrap();
                services[own] = None;
            }
        }
        let passed = SignedDuration::from_millis(below(8000).cast_signed());
        clocks.iter().for_each(|clock| clock.advance(passed));
    }
    lists.held
}

macro_rules! several_tests {
    ($open:path, $rounds:literal) => {
        #[tokio::test]
        async fn one_tells_of_what_the_other_has_moved() {
            let (_guard, one, other) = $open().await;
            super::told_by_the_other([one, other]).await;
        }

        #[tokio::test]
        async fn no_list_is_called_complete_before_it_is() {
            let mut held = 0;
            for seed in 0..$rounds {
                let (_guard, one, other) = $open().await;
                held += super::any_order(&[one, other], seed).await;
            }
            assert!(held > $rounds, "{held}: lists had something to be complete about");
        }
    };
}

#[tokio::test]
async fn a_spool_is_known_to_the_store_before_its_first_record_and_until_it_is_empty() {
    let (disk, memory) = (SimDisk::default(), MemoryStore::shared());
    let store: Store = Arc::new(memory.clone());
    let start = async || start(&disk, &store, world(1)).await;
    memory.set_away(true);
    assert!(matches!(start().await, Err(EvidenceError::Unknown(_))), "nobody knows of it");
    memory.set_away(false);
    let service = start().await.unwrap();
    assert_eq!(memory.spools().len(), 1);
    assert!(record(&service, 0..3).await);
    memory.set_away(true);
    assert!(service.close().await.is_err());
    let service = start().await.unwrap();
    assert_eq!(service.complete_until(), Timestamp::UNIX_EPOCH, "nothing is known of the others");
    assert!(record(&service, 3..5).await, "answers go on");
    memory.set_away(false);
    service.close().await.unwrap();
    assert_eq!((kept(&memory), memory.spools()), (vec![0, 1, 2, 3, 4], vec![]));
    memory.set_away(true);
    assert!(start().await.is_err(), "it took its line away");
}

#[tokio::test]
async fn a_damaged_record_holds_the_line() {
    let (disk, memory) = (SimDisk::default(), MemoryStore::shared());
    let store: Store = Arc::new(memory.clone());
    let service = start(&disk, &store, world(1)).await.unwrap();
    let before = service.complete_until();
    assert!(record(&service, 0..2).await);
    assert!(record(&service, 2..4).await);
    memory.set_away(true);
    assert!(service.close().await.is_err());
    memory.set_away(false);
    disk.damage(&disk.segments()[0], |bytes| bytes[100] ^= 1);
    let later = Arc::new(MovedClock::at(world(1).now() + SignedDuration::from_hours(1)));
    let later = World::new(later, Arc::new(SeededRandom::new(1)));
    let service = start(&disk, &store, later).await.unwrap();
    service.close().await.unwrap();
    assert_eq!(service.figures().alarms, 1);
    assert!(service.complete_until() < before + SignedDuration::from_mins(1), "{}", service.complete_until());
    assert_eq!(memory.spools().len(), 1, "nobody else calls complete what he cannot have");
}

mod memory {
    use super::*;

    async fn open() -> ((), Store, Store) {
        let store = MemoryStore::shared();
        ((), Arc::new(store.clone()), Arc::new(store))
    }

    several_tests!(open, 200);
}

pub(crate) mod postgres {
    use super::*;
    use crate::PostgresStore;
    use ficha_postgres::Settings;
    use ficha_testkit::postgres::Guard;

    /// A database with the store's schema.
    pub(crate) async fn database() -> (String, Guard) {
        let (url, guard) = ficha_testkit::postgres::database().await;
        PostgresStore::migrate(&Settings::parse(&url).unwrap(), "evidence").await.unwrap();
        (url, guard)
    }

    pub(crate) async fn open_store(url: &str) -> Arc<PostgresStore> {
        let (settings, vault) = (Settings::parse(url).unwrap(), keyring(1).vault("evidence"));
        Arc::new(PostgresStore::open(&settings, "evidence", &vault).await.unwrap())
    }

    async fn open() -> (Guard, Store, Store) {
        let (url, guard) = database().await;
        (guard, open_store(&url).await, open_store(&url).await)
    }

    several_tests!(open, 5);
}
