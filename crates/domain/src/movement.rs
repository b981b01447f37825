//! Words of base C, as the seed writes them.

use serde::{Deserialize, Serialize};

/// Which way money went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MovementKind {
    /// To the person.
    Credit,
    /// From the person.
    Debit,
    /// Old rows do not say.
    #[default]
    #[serde(rename = "")]
    Unknown,
}

impl MovementKind {
    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "Credit",
            Self::Debit => "Debit",
            Self::Unknown => "",
        }
    }
}

/// How something was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentType {
    /// Credit card.
    CreditCard,
    /// Debit card.
    DebitCard,
    /// Boleto.
    PaymentSlip,
    /// Cash; and Pix and transfers, for which the seed has no word.
    Money,
    /// Old rows do not say.
    #[default]
    #[serde(rename = "")]
    Unknown,
}

impl PaymentType {
    /// As written in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreditCard => "CreditCard",
            Self::DebitCard => "DebitCard",
            Self::PaymentSlip => "PaymentSlip",
            Self::Money => "Money",
            Self::Unknown => "",
        }
    }
}
