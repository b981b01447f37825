//! Movements as the numbers that stores keep: the same on every engine.

use ficha_contract::wire::{MovementKind, PaymentType};
use ficha_domain::Cpf;
use jiff::Timestamp;

/// By their code: never reordered.
pub(super) const KINDS: [MovementKind; 3] =
    [MovementKind::Unknown, MovementKind::Credit, MovementKind::Debit];
pub(super) const PAYMENTS: [PaymentType; 5] = [
    PaymentType::Unknown,
    PaymentType::CreditCard,
    PaymentType::DebitCard,
    PaymentType::PaymentSlip,
    PaymentType::Money,
];

pub(super) fn kind_code(kind: MovementKind) -> i32 {
    match kind {
        MovementKind::Unknown => 0,
        MovementKind::Credit => 1,
        MovementKind::Debit => 2,
    }
}

pub(super) fn payment_code(payment_type: PaymentType) -> i32 {
    match payment_type {
        PaymentType::Unknown => 0,
        PaymentType::CreditCard => 1,
        PaymentType::DebitCard => 2,
        PaymentType::PaymentSlip => 3,
        PaymentType::Money => 4,
    }
}

/// A person: eleven digits.
pub(super) fn key(cpf: Cpf) -> i64 {
    cpf.as_u64().cast_signed()
}

/// The first whole millisecond that is not before an instant.
pub(super) fn ceiling(at: Timestamp) -> i64 {
    i64::try_from(-(-at.as_nanosecond()).div_euclid(1_000_000)).unwrap_or(i64::MAX)
}
