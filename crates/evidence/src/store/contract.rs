//! What every store promises, as tests: `consultation_store_tests!(open())`, where `open()` is a future of
//! `(whatever must outlive the store, the store)`, runs all of them on that store.

use crate::store::{Appended, ConsultationStore, Label, RecordKey, SealedConsultation, SpoolId};
use ficha_contract::LastConsultation;
use ficha_domain::Purpose;
use ficha_seal::BlindIndex;
use jiff::Timestamp;

macro_rules! consultation_store_tests {
    ($open:expr) => {
        $crate::store::contract::consultation_store_tests!($open;
            a_record_comes_back_as_it_was_sent, sent_again_is_one_record, another_under_the_same_key_is_named_and_changes_nothing,
            the_same_sequence_of_another_spool_is_another_record, the_latest_that_counts_is_last, a_list_is_latest_first_and_bounded,
            every_append_is_seen_at_once, any_sequence_time_and_purpose_is_kept);
    };
    ($open:expr; $($promise:ident),+) => {$(
        #[tokio::test]
        async fn $promise() {
            let (_guard, store) = $open.await;
            $crate::store::contract::$promise(&store).await;
        }
    )+};
}
pub(crate) use consultation_store_tests;

/// What a store that several processes share promises besides: `$open` is a future of whatever must outlive it and two
/// handles of one store.
macro_rules! shared_store_tests {
    ($open:expr) => {
        $crate::store::contract::shared_store_tests!($open;
            what_one_appended_the_other_sees_at_once, what_one_notes_the_other_is_told, the_least_counts_and_only_grows,
            a_retired_spool_holds_nothing_back);
    };
    ($open:expr; $($promise:ident),+) => {$(
        #[tokio::test]
        async fn $promise() {
            let (_guard, one, other) = $open.await;
            $crate::store::contract::$promise(&one, &other).await;
        }
    )+};
}
pub(crate) use shared_store_tests;

fn person(number: u8) -> BlindIndex {
    BlindIndex { key: 1, value: [number; 16] }
}

fn row(sequence: u64, of: u8, at_ms: i64, purpose: Purpose) -> SealedConsultation {
    SealedConsultation {
        key: RecordKey { spool: SpoolId([9; 16]), sequence },
        label: Label { person: person(of), at_ms, purpose, counts: purpose.counts() },
        hash: [u8::try_from(sequence % 256).unwrap(); 16],
        body: format!("body {sequence}").into_bytes(),
    }
}

fn told(at_ms: i64, purpose: Purpose) -> Option<LastConsultation> {
    Some(LastConsultation { at: Timestamp::from_millisecond(at_ms).unwrap(), purpose })
}

async fn append(store: &dyn ConsultationStore, rows: &[SealedConsultation]) -> Appended {
    store.append(rows.to_vec()).await.unwrap()
}

async fn list(store: &dyn ConsultationStore, of: u8) -> Vec<SealedConsultation> {
    store.of_person(person(of), 100).await.unwrap()
}

pub(crate) async fn a_record_comes_back_as_it_was_sent(store: &dyn ConsultationStore) {
    let sent = row(7, 1, 1_700_000_000_123, Purpose::CreditGranting);
    assert_eq!(append(store, std::slice::from_ref(&sent)).await, Appended { added: 1, others: vec![] });
    assert_eq!(list(store, 1).await, [sent]);
    assert_eq!(list(store, 2).await, []);
    assert_eq!(store.last(person(2)).await.unwrap(), None);
}

pub(crate) async fn sent_again_is_one_record(store: &dyn ConsultationStore) {
    let sent = [row(1, 1, 10, Purpose::RiskAnalysis), row(2, 1, 20, Purpose::RiskAnalysis)];
    assert_eq!(append(store, &sent[..1]).await.added, 1);
    assert_eq!(append(store, &sent).await, Appended { added: 1, others: vec![] });
    assert_eq!(append(store, &sent).await, Appended::default());
    let twice_in_one = [row(3, 2, 30, Purpose::RiskAnalysis), row(3, 2, 30, Purpose::RiskAnalysis)];
    assert_eq!(append(store, &twice_in_one).await, Appended { added: 1, others: vec![] });
    assert_eq!((list(store, 1).await.len(), list(store, 2).await.len()), (2, 1));
    // Sealed with another key since: the record is the same, and stays as it was kept.
    let resealed = SealedConsultation { body: b"resealed".to_vec(), ..sent[0].clone() };
    assert_eq!(append(store, &[resealed]).await, Appended::default());
    assert_eq!(list(store, 1).await[1], sent[0]);
}

pub(crate) async fn another_under_the_same_key_is_named_and_changes_nothing(store: &dyn ConsultationStore) {
    let kept = row(1, 1, 10, Purpose::RiskAnalysis);
    append(store, std::slice::from_ref(&kept)).await;
    let other = SealedConsultation { hash: [0xff; 16], ..row(1, 2, 99, Purpose::CreditGranting) };
    let appended = append(store, &[other, row(2, 2, 20, Purpose::RiskAnalysis)]).await;
    assert_eq!(appended, Appended { added: 1, others: vec![kept.key] });
    assert_eq!(list(store, 1).await, [kept]);
    assert_eq!(list(store, 2).await, [row(2, 2, 20, Purpose::RiskAnalysis)]);
}

pub(crate) async fn the_same_sequence_of_another_spool_is_another_record(store: &dyn ConsultationStore) {
    let mut other = row(1, 1, 20, Purpose::RiskAnalysis);
    other.key.spool = SpoolId([8; 16]);
    other.hash = [0xff; 16];
    let appended = append(store, &[row(1, 1, 10, Purpose::RiskAnalysis), other]).await;
    assert_eq!(appended, Appended { added: 2, others: vec![] });
}

pub(crate) async fn the_latest_that_counts_is_last(store: &dyn ConsultationStore) {
    append(store, &[row(1, 1, 30, Purpose::CreditGranting), row(2, 1, 20, Purpose::RiskAnalysis)]).await;
    append(store, &[row(3, 1, 40, Purpose::OwnAccess), row(4, 2, 50, Purpose::Audit)]).await;
    assert_eq!(store.last(person(1)).await.unwrap(), told(30, Purpose::CreditGranting));
    assert_eq!(store.last(person(2)).await.unwrap(), None);
    assert_eq!(list(store, 2).await, []);
}

pub(crate) async fn a_list_is_latest_first_and_bounded(store: &dyn ConsultationStore) {
    let sent: Vec<_> = [(1, 20), (2, 40), (3, 10), (4, 30)]
        .map(|(sequence, at)| row(sequence, 1, at, Purpose::RiskAnalysis))
        .into();
    append(store, &sent).await;
    let at = |rows: Vec<SealedConsultation>| rows.iter().map(|row| row.label.at_ms).collect::<Vec<_>>();
    assert_eq!(at(list(store, 1).await), [40, 30, 20, 10]);
    assert_eq!(at(store.of_person(person(1), 3).await.unwrap()), [40, 30, 20]);
    assert!(store.of_person(person(1), 0).await.unwrap().is_empty());
}

pub(crate) async fn every_append_is_seen_at_once(store: &dyn ConsultationStore) {
    for sequence in 1..50_u32 {
        let at_ms = i64::from(sequence);
        append(store, &[row(sequence.into(), 1, at_ms, Purpose::RiskAnalysis)]).await;
        assert_eq!(store.last(person(1)).await.unwrap(), told(at_ms, Purpose::RiskAnalysis));
        assert_eq!(list(store, 1).await.len(), sequence as usize);
    }
}

pub(crate) async fn any_sequence_time_and_purpose_is_kept(store: &dyn ConsultationStore) {
    for (number, purpose) in (0_u8..).zip(Purpose::ALL) {
        let mut sent = row(u64::MAX - u64::from(number), number, -62_135_596_800_000, purpose);
        sent.label.counts = true;
        append(store, std::slice::from_ref(&sent)).await;
        assert_eq!(list(store, number).await, [sent]);
    }
}

type Store<'a> = &'a dyn ConsultationStore;

pub(crate) async fn what_one_appended_the_other_sees_at_once(one: Store<'_>, other: Store<'_>) {
    assert!(one.is_shared());
    for sequence in (1..40_u32).step_by(2) {
        for (number, here, there) in [(sequence, one, other), (sequence + 1, other, one)] {
            let at_ms = i64::from(number);
            append(here, &[row(number.into(), 1, at_ms, Purpose::RiskAnalysis)]).await;
            assert_eq!(there.last(person(1)).await.unwrap(), told(at_ms, Purpose::RiskAnalysis));
            assert_eq!(list(there, 1).await.len(), number as usize);
        }
    }
    let both = [row(1, 1, 1, Purpose::RiskAnalysis), row(99, 1, 99, Purpose::RiskAnalysis)];
    let (here, there) = tokio::join!(append(one, &both), append(other, &both));
    assert_eq!((here.added + there.added, here.others, there.others), (1, vec![], vec![]));
}

/// Notes it of the spool of this number; gives what holds for all.
async fn note(store: Store<'_>, spool: u8, second: i64) -> i64 {
    let until = Timestamp::from_second(second).unwrap();
    store.note_complete(SpoolId([spool; 16]), until).await.unwrap().as_second()
}

pub(crate) async fn what_one_notes_the_other_is_told(one: Store<'_>, other: Store<'_>) {
    assert_eq!(note(one, 1, 10).await, 10);
    assert_eq!(note(other, 2, 20).await, 10);
    assert_eq!(note(one, 1, 30).await, 20);
    assert_eq!(note(other, 2, 40).await, 30);
}

pub(crate) async fn the_least_counts_and_only_grows(one: Store<'_>, other: Store<'_>) {
    assert_eq!(note(one, 1, 10).await, 10);
    assert_eq!(note(one, 1, 5).await, 10, "an older one changes nothing");
    assert_eq!(note(other, 2, 3).await, 3);
    assert_eq!(note(one, 1, 50).await, 3);
    assert_eq!(note(other, 3, 1).await, 1);
    assert_eq!(note(other, 3, 60).await, 3);
    let early = Timestamp::from_millisecond(-62_135_596_800_123).unwrap();
    assert_eq!(one.note_complete(SpoolId([4; 16]), early).await.unwrap(), early);
}

pub(crate) async fn a_retired_spool_holds_nothing_back(one: Store<'_>, other: Store<'_>) {
    note(one, 1, 10).await;
    assert_eq!(note(other, 2, 40).await, 10);
    one.retire(SpoolId([1; 16])).await.unwrap();
    one.retire(SpoolId([1; 16])).await.unwrap();
    assert_eq!(note(other, 2, 50).await, 50);
    assert_eq!(note(one, 1, 20).await, 20, "it came again");
}
