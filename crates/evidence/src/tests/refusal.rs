//! When answers may not leave.

use super::*;
use crate::{
    Gate,
    tests::sim::{Loss, SimDisk},
};
use ficha_contract::RecordRefused;
use std::sync::atomic::Ordering::SeqCst;

async fn refused(service: &EvidenceService, number: u64) -> Option<RecordRefused> {
    service.record(vec![consultation(number)]).await.err()
}

#[tokio::test]
async fn a_sync_that_fails_closes_the_gate_until_the_restart() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    assert!(record(&service, 0..3).await);
    disk.faults.syncs_fail.store(true, SeqCst);
    assert_eq!(refused(&service, 3).await, Some(RecordRefused::Failed));
    disk.faults.syncs_fail.store(false, SeqCst);
    assert_eq!(refused(&service, 4).await, Some(RecordRefused::Failed), "for good");
    assert_eq!(service.record(vec![]).await, Err(RecordRefused::Failed));
    assert_eq!(service.figures().gate, Gate::Failed);
    service.flush().await.unwrap();
    assert_eq!(kept(&store), [0, 1, 2], "what was answered is moved all the same");
    let _ = service.close().await;

    let disk = disk.after(Loss::Everything, Arc::default());
    let service = start(&disk, &store).await.unwrap();
    assert_eq!(refused(&service, 5).await, None);
    service.close().await.unwrap();
    assert_eq!(kept(&store), [0, 1, 2, 5]);
}

#[tokio::test]
async fn a_full_spool_refuses_and_opens_again_once_its_records_are_moved() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let settings = SpoolSettings { max_bytes: 2000, ..SETTINGS };
    let service = EvidenceService::start(Parts { settings, ..parts(&disk, &store) }).await.unwrap();
    store.set_away(true);
    let mut answered = 0;
    while refused(&service, answered).await.is_none() {
        answered += 1;
        assert!(service.flush().await.is_err(), "the store is away");
    }
    assert_eq!(refused(&service, 99).await, Some(RecordRefused::Full));
    let figures = service.figures();
    assert!((5..2000 / 100).contains(&answered), "{answered}");
    assert_eq!((figures.backlog_records, figures.gate), (answered, Gate::Full));
    assert!((1700..=2000).contains(&figures.backlog_bytes), "{figures:?}");
    store.set_away(false);
    service.flush().await.unwrap();
    assert_eq!(service.figures().gate, Gate::Open);
    assert_eq!(refused(&service, answered).await, None);
    service.close().await.unwrap();
    assert_eq!(kept(&store), (0..=answered).collect::<Vec<_>>());
    assert_eq!(service.figures().backlog_bytes, 0);
}

#[tokio::test]
async fn the_bound_holds_over_a_restart() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    store.set_away(true);
    let service = start(&disk, &store).await.unwrap();
    assert!(record(&service, 0..10).await);
    assert!(service.close().await.is_err());
    let settings = SpoolSettings { max_bytes: 500, ..SETTINGS };
    let service = EvidenceService::start(Parts { settings, ..parts(&disk, &store) }).await.unwrap();
    assert_eq!(refused(&service, 10).await, Some(RecordRefused::Full));
    store.set_away(false);
    service.flush().await.unwrap();
    assert_eq!(refused(&service, 10).await, None);
    service.close().await.unwrap();
    assert_eq!(kept(&store), (0..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_disk_refuses_and_is_tried_again() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    disk.faults.is_full.store(true, SeqCst);
    // This segment and the one that was ready take some; then there is no other.
    let mut answered = 0;
    while record(&service, answered..answered + 3).await {
        answered += 3;
    }
    assert!((6..20).contains(&answered), "{answered}");
    assert_eq!(service.record((90..99).map(consultation).collect()).await, Err(RecordRefused::Full));
    disk.faults.is_full.store(false, SeqCst);
    assert!(record(&service, answered..answered + 3).await, "not for good");
    service.close().await.unwrap();
    assert_eq!(kept(&store), (0..answered + 3).collect::<Vec<_>>());
    assert_eq!((service.figures().backlog_bytes, service.figures().records), (0, answered + 3));
}

#[tokio::test]
async fn a_spool_that_ends_on_a_full_disk_remembers_its_sequence() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    disk.faults.is_full.store(true, SeqCst);
    // One more than a segment takes: the one that was ready is written, no other can be made ready.
    let answered = 6;
    assert!(record(&service, 0..answered).await);
    service.close().await.unwrap();
    assert_eq!(disk.segments().len(), 1, "the last one stays although all of it is moved");
    disk.faults.is_full.store(false, SeqCst);
    let service = start(&disk, &store).await.unwrap();
    assert_eq!(refused(&service, answered).await, None);
    service.close().await.unwrap();
    assert_eq!((kept(&store), service.figures().alarms), ((0..=answered).collect::<Vec<_>>(), 0));
}

#[tokio::test]
async fn a_record_that_fits_no_segment_is_refused_alone() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    let large = Consultation { client: "x".repeat(1024).into(), ..consultation(1) };
    assert_eq!(service.record(vec![large]).await, Err(RecordRefused::Full));
    assert!(record(&service, [2]).await);
    service.close().await.unwrap();
    assert_eq!(service.figures().backlog_bytes, 0);
}

#[tokio::test]
async fn after_close_nothing_is_recorded() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    service.close().await.unwrap();
    assert_eq!(refused(&service, 1).await, Some(RecordRefused::Failed));
    assert!(service.close().await.is_err(), "closed already");
}

#[tokio::test]
async fn one_folder_serves_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let service = open(dir.path()).await.unwrap();
    assert!(matches!(open(dir.path()).await, Err(EvidenceError::Locked(_))));
    service.close().await.unwrap();
    drop(service);
    open(dir.path()).await.unwrap().close().await.unwrap();
}
