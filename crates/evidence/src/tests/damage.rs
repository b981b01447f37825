//! What is not as it was written.

use super::*;
use crate::{
    store::{RecordKey, SpoolId},
    tests::sim::{Loss, SimDisk},
};

/// A spool with three groups (0, 1 | 2, 3 | 4) in one segment, as the machine's loss left it.
async fn spool() -> (SimDisk, MemoryStore) {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    store.set_away(true);
    let tuning = Tuning { segment_bytes: 4096, ..SMALL };
    let service = EvidenceService::start(Parts { tuning, ..parts(&disk, &store) }).await.unwrap();
    for numbers in [0..2, 2..4, 4..5] {
        assert!(record(&service, numbers).await);
    }
    assert!(service.close().await.is_err());
    store.set_away(false);
    (disk.after(Loss::Everything, Arc::default()), store)
}

const FIRST_SEGMENT: &str = "0000000000000001.seg";

/// Starts, moves, stops; how many alarms there were, and the file that is left beside the newest.
async fn restart(disk: &SimDisk, store: &MemoryStore) -> (u64, bool) {
    let service = start(disk, store).await.unwrap();
    service.close().await.unwrap();
    (service.figures().alarms, disk.segments().contains(&FIRST_SEGMENT.to_owned()))
}

/// Where the frames begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut frames = vec![64];
    while let Some(len) = bytes[frames[frames.len() - 1]..].first_chunk().map(|len| u32::from_be_bytes(*len))
        && len > 0
    {
        frames.push(frames[frames.len() - 1] + 20 + len as usize);
    }
    frames
}

#[tokio::test]
async fn a_damaged_record_is_an_alarm_costs_its_own_write_at_most_and_stays() {
    let (disk, store) = spool().await;
    disk.damage(FIRST_SEGMENT, |bytes| {
        let at = frames(bytes)[2] + 30;
        bytes[at] ^= 1;
    });
    assert_eq!(restart(&disk, &store).await, (1, true));
    assert_eq!(kept(&store), [0, 1, 4]);
    assert_eq!(restart(&disk, &store).await, (1, true), "the alarm stays until somebody looks");
    assert_eq!(kept(&store), [0, 1, 4]);
}

#[tokio::test]
async fn a_torn_tail_is_no_alarm() {
    let (disk, store) = spool().await;
    disk.damage(FIRST_SEGMENT, |bytes| {
        let at = frames(bytes)[4] + 30;
        bytes[at] ^= 1;
    });
    assert_eq!(restart(&disk, &store).await, (0, false));
    assert_eq!(kept(&store), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_forged_record_with_a_right_checksum_is_an_alarm() {
    let (disk, store) = spool().await;
    disk.damage(FIRST_SEGMENT, |bytes| {
        let (start, end) = (frames(bytes)[0], frames(bytes)[1]);
        bytes[end - 1] ^= 1;
        let seed = u32::from_be_bytes(*bytes[52..].first_chunk().unwrap());
        let mut hasher = crc32fast::Hasher::new_with_initial(seed);
        hasher.update(&bytes[start..start + 4]);
        hasher.update(&bytes[start + 8..end]);
        bytes[start + 4..start + 8].copy_from_slice(&hasher.finalize().to_be_bytes());
    });
    assert_eq!(restart(&disk, &store).await, (1, true));
    assert_eq!(kept(&store), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_segment_whose_header_is_damaged_is_an_alarm_and_stays() {
    let (disk, store) = spool().await;
    disk.damage(FIRST_SEGMENT, |bytes| bytes[9] ^= 1);
    assert_eq!(restart(&disk, &store).await, (1, true));
    assert!(kept(&store).is_empty());
    disk.damage(FIRST_SEGMENT, |bytes| bytes[9] ^= 1);
    assert_eq!(restart(&disk, &store).await, (0, false), "mended");
    assert_eq!(kept(&store), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_segment_of_another_spool_is_an_alarm_and_stays() {
    let (other, store) = spool().await;
    let disk = SimDisk::default();
    let service = EvidenceService::start(Parts { world: world(2), ..parts(&disk, &store) }).await.unwrap();
    service.close().await.unwrap();
    disk.copy_from(&other, FIRST_SEGMENT);
    assert_eq!(restart(&disk, &store).await, (1, true));
    assert!(kept(&store).is_empty());
}

#[tokio::test]
async fn a_spool_without_its_id_is_refused_and_a_new_one_is_named() {
    let (disk, store) = spool().await;
    disk.damage("spool-id", |bytes| bytes[0] ^= 1);
    assert!(matches!(start(&disk, &store).await, Err(EvidenceError::SpoolId)));
    disk.remove("spool-id").unwrap();
    assert!(matches!(start(&disk, &store).await, Err(EvidenceError::SpoolId)));
    disk.remove(FIRST_SEGMENT).unwrap();
    disk.segments().iter().for_each(|name| disk.remove(name).unwrap());
    assert!(start(&disk, &store).await.is_ok());
}

#[tokio::test]
async fn a_spool_of_another_key_is_refused_and_an_old_key_is_enough() {
    let (disk, store) = spool().await;
    let with = |keyring: Keyring| Parts {
        spool: keyring.vault("spool"),
        evidence: keyring.vault("evidence"),
        ..parts(&disk, &store)
    };
    let refused = EvidenceService::start(with(keyring(2))).await;
    assert!(matches!(refused, Err(EvidenceError::WrongKey(name)) if name == FIRST_SEGMENT));
    // Before the crash the store had taken them, sealed with the old key.
    start(&disk.after(Loss::Kill, Arc::default()), &store).await.unwrap().close().await.unwrap();
    let service = EvidenceService::start(with(keyring_of(&[2, 1]))).await.unwrap();
    assert!(record(&service, [5]).await);
    service.flush().await.unwrap();
    assert_eq!((kept(&store), service.figures().alarms), (vec![0, 1, 2, 3, 4, 5], 0));
    for number in [0, 5] {
        assert_eq!(
            service.last(person(number)).await.unwrap().map(|last| last.at),
            Some(consultation(number).at)
        );
        assert_eq!(service.of_person(person(number), 9).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_copied_spool_that_runs_on_is_an_alarm_and_overwrites_nothing() {
    let (disk, store) = spool().await;
    let copy = disk.after(Loss::Kill, Arc::default());
    let (first, second) = (
        EvidenceService::start(Parts { world: world(8), ..parts(&disk, &store) }).await.unwrap(),
        EvidenceService::start(Parts { world: world(9), ..parts(&copy, &store) }).await.unwrap(),
    );
    assert!(record(&first, 10..13).await);
    first.close().await.unwrap();
    assert!(record(&second, 20..22).await);
    second.close().await.unwrap();
    assert_eq!(
        kept(&store),
        [0, 1, 2, 3, 4, 10, 11, 12],
        "what both had is one, the copy's own is not mixed in"
    );
    assert_eq!((first.figures().alarms, second.figures().alarms), (0, 2));
    let figures = second.figures();
    let header = |disk: &SimDisk, name: &str| disk.open(name).unwrap().read().unwrap()[..64].to_vec();
    let name = &disk.segments()[0];
    assert_ne!(header(&disk, name), header(&copy, name), "other salts, so other keys for the same sequences");
    assert_eq!(figures.backlog_records, 0, "nothing waits behind it");
    assert!(figures.backlog_bytes > 0, "but it takes room, so that a copy comes to a stop");
    assert_eq!((disk.segments().len(), copy.segments().len()), (1, 2), "its records stay on its disk");
}

#[tokio::test]
async fn records_are_bound_to_their_place() {
    let (disk, store) = spool().await;
    restart(&disk, &store).await;
    let vault = keyring(1).vault("evidence");
    for kept in store.all() {
        let other = RecordKey { sequence: kept.key.sequence + 1, ..kept.key };
        assert!(vault.open(&other.to_bytes(), &kept.body).is_err());
        let other = RecordKey { spool: SpoolId([0; 16]), ..kept.key };
        assert!(vault.open(&other.to_bytes(), &kept.body).is_err());
    }
}
