//! What others are told: the last consultation, and a person's list.

use super::*;
use crate::{EvidenceService, tests::sim::SimDisk};
use ficha_contract::LastConsultation;

const NUMBER: u64 = 1;

fn at(second: i64, purpose: Purpose) -> Consultation {
    Consultation {
        id: Uuid::from_u128(u128::from(second.unsigned_abs())),
        at: Timestamp::from_second(second).unwrap(),
        purpose,
        counts: purpose.counts(),
        ..consultation(NUMBER)
    }
}

async fn last(service: &EvidenceService) -> Option<(i64, Purpose)> {
    let last = service.last(person(NUMBER)).await.unwrap();
    last.map(|LastConsultation { at, purpose }| (at.as_second(), purpose))
}

async fn list(service: &EvidenceService, limit: usize) -> Vec<i64> {
    let list = service.of_person(person(NUMBER), limit).await.unwrap();
    list.iter().map(|consultation| consultation.at.as_second()).collect()
}

#[tokio::test]
async fn the_last_consultation_is_told_before_and_after_it_is_moved() {
    for tuning in [SMALL, READ_BACK] {
        let (disk, store) = (SimDisk::default(), MemoryStore::default());
        let service = EvidenceService::start(Parts { tuning, ..parts(&disk, &store) }).await.unwrap();
        assert_eq!(last(&service).await, None);
        for (second, purpose) in [(10, Purpose::RiskAnalysis), (30, Purpose::CreditGranting)] {
            service.record(vec![at(second, purpose)]).await.unwrap();
            assert_eq!(last(&service).await, Some((second, purpose)), "waiting");
        }
        service.record(vec![at(25, Purpose::RiskAnalysis)]).await.unwrap();
        assert_eq!(
            last(&service).await,
            Some((30, Purpose::CreditGranting)),
            "asked earlier, answered later"
        );
        service.flush().await.unwrap();
        assert_eq!(service.figures().backlog_records, 0);
        assert_eq!(last(&service).await, Some((30, Purpose::CreditGranting)), "moved");
        service.record(vec![at(20, Purpose::RiskAnalysis)]).await.unwrap();
        assert_eq!(
            last(&service).await,
            Some((30, Purpose::CreditGranting)),
            "asked earlier, answered later"
        );
        service.record(vec![at(40, Purpose::RiskAnalysis)]).await.unwrap();
        assert_eq!(last(&service).await, Some((40, Purpose::RiskAnalysis)), "one moved, one waiting");
        assert_eq!(list(&service, 9).await, [40, 30, 25, 20, 10], "moved and waiting");
        assert_eq!(list(&service, 2).await, [40, 30]);
        service.close().await.unwrap();
        assert_eq!(last(&service).await, Some((40, Purpose::RiskAnalysis)));
        assert_eq!(list(&service, 9).await, [40, 30, 25, 20, 10]);
    }
}

#[tokio::test]
async fn an_own_access_is_kept_and_told_to_nobody() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    service.record(vec![at(10, Purpose::RiskAnalysis), at(20, Purpose::OwnAccess)]).await.unwrap();
    service.record(vec![at(30, Purpose::Audit)]).await.unwrap();
    for moved in [0, 3] {
        assert_eq!(last(&service).await, Some((10, Purpose::RiskAnalysis)));
        assert_eq!(list(&service, 9).await, [10]);
        assert_eq!(store.all().len(), moved);
        service.flush().await.unwrap();
    }
    assert_eq!(store.all().len(), 3);
}

#[tokio::test]
async fn what_waits_is_told_while_a_restart_has_not_moved_it() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    store.set_away(true);
    service.record((1..8).map(|second| at(second, Purpose::RiskAnalysis)).collect()).await.unwrap();
    assert!(service.last(person(NUMBER)).await.is_err(), "the store may know of a later one");
    assert!(service.close().await.is_err());
    store.set_away(false);
    let service = start(&disk, &store).await.unwrap();
    assert_eq!(last(&service).await, Some((7, Purpose::RiskAnalysis)));
    assert_eq!(list(&service, 9).await, [7, 6, 5, 4, 3, 2, 1]);
    service.flush().await.unwrap();
    assert_eq!(list(&service, 9).await, [7, 6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_list_is_complete_until_now() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    assert_eq!(service.complete_until(), world(1).now());
}

#[tokio::test]
async fn of_what_others_record_elsewhere_no_list_is_called_complete() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let settings = SpoolSettings { alone: false, ..SETTINGS };
    let service = EvidenceService::start(Parts { settings, ..parts(&disk, &store) }).await.unwrap();
    assert_eq!(service.complete_until(), Timestamp::UNIX_EPOCH);
}

#[tokio::test]
async fn the_mover_is_woken_by_a_batch_and_comes_back_from_an_absence() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let tuning = Tuning { wake_at: 6, ..SMALL };
    let service = EvidenceService::start(Parts { tuning, ..parts(&disk, &store) }).await.unwrap();
    assert!(record(&service, 0..6).await);
    while service.figures().backlog_records > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(service.figures().moved, 6);
    store.set_away(true);
    assert!(record(&service, [10]).await);
    assert!(service.flush().await.is_err());
    assert!(record(&service, [11]).await, "answers go on");
    store.set_away(false);
    service.flush().await.unwrap();
    assert_eq!((service.figures().backlog_records, service.figures().moves_failed), (0, 1));
}
