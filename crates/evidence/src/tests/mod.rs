//! Tests of the whole, and what they are made with.

mod away;
mod concurrency;
mod crash;
mod damage;
mod exactly_once;
pub(crate) mod fuse;
mod privacy;
mod refusal;
mod several;
pub(crate) mod sim;
mod told;

use crate::{
    EvidenceError, EvidenceService, SpoolSettings, SqliteStore, record,
    service::Parts,
    shared::Tuning,
    spool::disk::Disk,
    store::{ConsultationStore, SealedConsultation, memory::MemoryStore},
};
use ficha_contract::{BaseName, Consultation, Evidence, SectionStatus, Seen};
use ficha_domain::{Cpf, MovedClock, Purpose, SeededRandom, World};
use ficha_seal::{KeyError, KeyProvider, Keyring, RootKey};
use jiff::Timestamp;
use std::{path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// The root keys of these numbers, the first seals.
struct Numbered(Vec<u8>);

impl KeyProvider for Numbered {
    fn roots(&self) -> Result<Vec<RootKey>, KeyError> {
        Ok(self.0.iter().map(|number| RootKey::new([*number; 32])).collect())
    }
}

fn keyring_of(numbers: &[u8]) -> Keyring {
    Keyring::open(&Numbered(numbers.to_vec())).unwrap()
}

pub(crate) fn keyring(number: u8) -> Keyring {
    keyring_of(&[number])
}

fn world(seed: u64) -> World {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    World::new(Arc::new(MovedClock::at(now)), Arc::new(SeededRandom::new(seed)))
}

const SETTINGS: SpoolSettings =
    SpoolSettings { max_bytes: 1 << 20, request_max: Duration::from_secs(10), alone: true };

/// Segments of a few records; the mover rests unless it is asked.
const SMALL: Tuning = Tuning {
    segment_bytes: 1024,
    held_bytes: 1 << 20,
    batch: 4,
    part: 3,
    wake_at: usize::MAX,
    rest: Duration::from_secs(3600),
    pace: Duration::ZERO,
};

/// The same with records that are read back from the disk.
const READ_BACK: Tuning = Tuning { held_bytes: 0, ..SMALL };

fn parts(disk: &(impl Disk + Clone + 'static), store: &(impl ConsultationStore + Clone + 'static)) -> Parts {
    Parts {
        disk: Arc::new(disk.clone()),
        store: Arc::new(store.clone()),
        spool: keyring(1).vault("spool"),
        evidence: keyring(1).vault("evidence"),
        world: world(1),
        settings: SETTINGS,
        tuning: SMALL,
    }
}

async fn start(
    disk: &(impl Disk + Clone + 'static),
    store: &(impl ConsultationStore + Clone + 'static),
) -> Result<EvidenceService, EvidenceError> {
    EvidenceService::start(parts(disk, store)).await
}

/// The whole on a real disk.
async fn open(dir: &Path) -> Result<EvidenceService, EvidenceError> {
    let keyring = keyring(1);
    let store = SqliteStore::open(&dir.join("evidence.sqlite"), &keyring.vault("evidence")).await.unwrap();
    EvidenceService::over(Arc::new(store), &dir.join("spool"), &keyring, world(1), SETTINGS).await
}

/// A person of whom there is one consultation, unless a test changes it.
fn person(number: u64) -> Cpf {
    Cpf::from_base(529_982_247 + number).unwrap()
}

const ID_BASE: u128 = 0x0193_5a7e_1c2d_7000_8000_1234_5678_0000;

/// The consultation of this number: at that second, of that person.
fn consultation(number: u64) -> Consultation {
    Consultation {
        id: Uuid::from_u128(ID_BASE + u128::from(number)),
        at: Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap()).unwrap(),
        cpf: person(number),
        client: "Banco Azul".into(),
        subject: "analyst 7".into(),
        purpose: Purpose::CreditGranting,
        operation: "GET /divida/{cpf}".into(),
        status: 200,
        seen: Seen::one(BaseName::Debts, SectionStatus::Fresh),
        answer_sha256: [7; 32],
        counts: true,
    }
}

/// The number of a consultation that the store keeps.
fn number_of(kept: &SealedConsultation) -> u64 {
    let record = keyring_of(&[1, 2]).vault("evidence").open(&kept.key.to_bytes(), &kept.body).unwrap();
    u64::try_from(record::decode(&record).unwrap().id.as_u128() - ID_BASE).unwrap()
}

/// The numbers that the store keeps, sorted; twice what it keeps twice.
fn kept(store: &MemoryStore) -> Vec<u64> {
    let mut numbers: Vec<u64> = store.all().iter().map(number_of).collect();
    numbers.sort_unstable();
    numbers
}

async fn record(service: &EvidenceService, numbers: impl IntoIterator<Item = u64>) -> bool {
    service.record(numbers.into_iter().map(consultation).collect()).await.is_ok()
}
