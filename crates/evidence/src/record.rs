//! A consultation as bytes: what is sealed, in the spool and in the store alike.
//!
//! Fixed fields first, then three texts with their length in front, all big-endian: about 150 bytes where JSON takes
//! 400, and each is sealed twice, written twice, synced and kept for years.

use ficha_contract::{Consultation, SectionStatus, Seen};
use ficha_domain::{Cpf, Purpose};
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

const VERSION: u8 = 1;
const FIXED_LEN: usize = 1 + 16 + 8 + 4 + 8 + 1 + 2 + 1 + 3 + 32;

/// Writes a consultation.
pub(crate) fn encode(consultation: &Consultation) -> Vec<u8> {
    let Consultation { id, at, cpf, client, subject, purpose, operation, status, seen, .. } = consultation;
    let texts = [client, subject, operation];
    let len = FIXED_LEN + texts.iter().map(|text| 4 + text.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(len);
    bytes.push(VERSION);
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&at.as_second().to_be_bytes());
    bytes.extend_from_slice(&at.subsec_nanosecond().to_be_bytes());
    bytes.extend_from_slice(&cpf.as_u64().to_be_bytes());
    bytes.push(purpose_code(*purpose));
    bytes.extend_from_slice(&status.to_be_bytes());
    bytes.push(u8::from(consultation.counts));
    bytes.extend([seen.debts, seen.score, seen.events].map(status_code));
    bytes.extend_from_slice(&consultation.answer_sha256);
    for text in texts {
        // A text of 4 GiB fits no segment; the spool refuses it.
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// Reads a consultation; `None` where the bytes are not one, or one of a later version.
pub(crate) fn decode(bytes: &[u8]) -> Option<Consultation> {
    let mut reader = Reader(bytes);
    let [VERSION] = reader.take()? else { return None };
    let consultation = Consultation {
        id: Uuid::from_bytes(reader.take()?),
        at: Timestamp::new(i64::from_be_bytes(reader.take()?), i32::from_be_bytes(reader.take()?)).ok()?,
        cpf: Cpf::from_u64(u64::from_be_bytes(reader.take()?))?,
        purpose: purpose_of(u8::from_be_bytes(reader.take()?))?,
        status: u16::from_be_bytes(reader.take()?),
        counts: reader.take()? != [0],
        seen: seen_of(reader.take()?)?,
        answer_sha256: reader.take()?,
        client: reader.text()?,
        subject: reader.text()?,
        operation: reader.text()?,
    };
    reader.0.is_empty().then_some(consultation)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let len = usize::try_from(u32::from_be_bytes(self.take()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(std::str::from_utf8(text).ok()?.into())
    }
}

/// The number of a purpose, in records and stores. Never changes; a new purpose takes the next one.
pub(crate) fn purpose_code(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::RiskAnalysis => 1,
        Purpose::CreditGranting => 2,
        Purpose::CreditExtension => 3,
        Purpose::InstallmentSale => 4,
        Purpose::CommercialRisk => 5,
        Purpose::OwnAccess => 6,
        Purpose::Audit => 7,
    }
}

/// Back from [`purpose_code`].
pub(crate) fn purpose_of(code: u8) -> Option<Purpose> {
    Purpose::ALL.into_iter().find(|purpose| purpose_code(*purpose) == code)
}

fn status_code(status: Option<SectionStatus>) -> u8 {
    match status {
        None => 0,
        Some(SectionStatus::Fresh) => 1,
        Some(SectionStatus::Stale) => 2,
        Some(SectionStatus::NotFound) => 3,
        Some(SectionStatus::Denied) => 4,
        Some(SectionStatus::Unavailable) => 5,
    }
}

fn status_of(code: u8) -> Option<Option<SectionStatus>> {
    let all = [
        None,
        Some(SectionStatus::Fresh),
        Some(SectionStatus::Stale),
        Some(SectionStatus::NotFound),
        Some(SectionStatus::Denied),
        Some(SectionStatus::Unavailable),
    ];
    all.into_iter().find(|status| status_code(*status) == code)
}

fn seen_of([debts, score, events]: [u8; 3]) -> Option<Seen> {
    Some(Seen { debts: status_of(debts)?, score: status_of(score)?, events: status_of(events)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn consultations()(
            id: u128, second in -10_000_000_000_i64..200_000_000_000, nanosecond in 0..1_000_000_000_i32,
            cpf in 0_u64..100_000_000_000, client: String, subject: String, operation: String,
            purpose in 0..Purpose::ALL.len(), status: u16, counts: bool, seen in any::<[u8; 3]>(),
            answer_sha256: [u8; 32],
        ) -> Consultation {
            Consultation {
                id: Uuid::from_u128(id),
                at: Timestamp::new(second, nanosecond).unwrap(),
                cpf: Cpf::from_u64(cpf).unwrap(),
                client: client.into(),
                subject: subject.into(),
                purpose: Purpose::ALL[purpose],
                operation: operation.into(),
                status,
                seen: seen_of(seen.map(|code| code % 6)).unwrap(),
                answer_sha256,
                counts,
            }
        }
    }

    proptest! {
        #[test]
        fn round_trips(consultation in consultations()) {
            let bytes = encode(&consultation);
            // `Debug` hides the CPF, the bytes do not.
            let again = decode(&bytes).unwrap();
            prop_assert_eq!(encode(&again), bytes);
            prop_assert_eq!(format!("{again:?}"), format!("{consultation:?}"));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>, version: bool) {
            if version && !bytes.is_empty() {
                bytes[0] = VERSION;
            }
            if let Some(consultation) = decode(&bytes) {
                prop_assert_eq!(encode(&consultation).len(), bytes.len());
            }
        }

        #[test]
        fn a_part_is_refused(consultation in consultations(), cut: prop::sample::Index) {
            let bytes = encode(&consultation);
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_none());
        }
    }

    #[test]
    fn every_purpose_has_a_code_of_its_own() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose_of(purpose_code(purpose)), Some(purpose));
        }
        assert_eq!(purpose_of(0), None);
    }
}
