//! Many at once.

use super::*;
use crate::tests::sim::SimDisk;
use std::sync::atomic::Ordering::SeqCst;
use tokio::task::{JoinSet, yield_now};

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "the lock is the disk that stands still")]
async fn a_thousand_at_once_share_few_syncs_and_are_stored_once() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let tuning = Tuning { segment_bytes: 1 << 20, batch: 100, ..SMALL };
    let service = Arc::new(EvidenceService::start(Parts { tuning, ..parts(&disk, &store) }).await.unwrap());
    let one = {
        assert!(record(&service, [0]).await);
        service.figures().backlog_bytes
    };
    let mut callers = JoinSet::new();
    {
        // The disk stands still until all of them wait for it.
        let _hold = disk.faults.hold.lock().unwrap();
        for number in 1..1000 {
            let service = service.clone();
            callers.spawn(async move { record(&service, [number]).await });
        }
        while service.figures().backlog_bytes < 1000 * one {
            yield_now().await;
        }
    }
    assert!(callers.join_all().await.into_iter().all(|answered| answered));
    let figures = service.figures();
    assert_eq!((figures.records, figures.backlog_records), (1000, 1000));
    assert!(figures.syncs <= 4, "{figures:?}");
    service.close().await.unwrap();
    assert_eq!(kept(&store), (0..1000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_on_a_real_disk_and_store() {
    let dir = tempfile::tempdir().unwrap();
    let service = Arc::new(open(dir.path()).await.unwrap());
    let mut callers = JoinSet::new();
    for number in 0..1000 {
        let service = service.clone();
        callers.spawn(async move {
            assert!(record(&service, [number]).await);
            let last = service.last(person(number)).await.unwrap();
            assert_eq!(last.map(|last| last.at), Some(consultation(number).at));
        });
    }
    callers.join_all().await;
    service.close().await.unwrap();
    let figures = service.figures();
    assert_eq!((figures.records, figures.moved, figures.backlog_records), (1000, 1000, 0));
    assert!(figures.syncs <= 1000, "{figures:?}");
    for number in 0..1000 {
        assert_eq!(service.of_person(person(number), 9).await.unwrap().len(), 1);
    }
    assert_eq!(
        std::fs::read_dir(dir.path().join("spool")).unwrap().count(),
        3,
        "its id, its lock, one segment"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failure_or_an_end_leaves_nobody_waiting() {
    for round in 0..200 {
        let (disk, store) = (SimDisk::default(), MemoryStore::default());
        let service = Arc::new(start(&disk, &store).await.unwrap());
        let mut callers = JoinSet::new();
        for number in 0..8 {
            let (service, disk) = (service.clone(), disk.clone());
            callers.spawn(async move {
                let mut answered = 0;
                while record(&service, [number * 1000 + answered]).await {
                    answered += 1;
                    if answered == 3 && round % 2 == 0 {
                        disk.faults.syncs_fail.store(true, SeqCst);
                    } else if answered == 3 {
                        service.close().await.ok();
                    }
                }
                service.flush().await.ok();
                answered
            });
        }
        let answered: u64 = callers.join_all().await.iter().sum();
        service.close().await.ok();
        assert_eq!((kept(&store).len() as u64, service.figures().records), (answered, answered));
    }
}
