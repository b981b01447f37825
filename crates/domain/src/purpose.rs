//! Finalidade: why somebody may look at a person.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The closed list of purposes. Every read of a person carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Analysis of credit risk (Lei 12.414/2011, art. 7º, I).
    RiskAnalysis,
    /// Granting of credit (Lei 12.414/2011, art. 7º, II).
    CreditGranting,
    /// Extension of credit (Lei 12.414/2011, art. 7º, II).
    CreditExtension,
    /// Sale by instalments (Lei 12.414/2011, art. 7º, II).
    InstallmentSale,
    /// Other transactions with financial risk (Lei 12.414/2011, art. 7º, II).
    CommercialRisk,
    /// The person asks about himself (Lei 12.414/2011, art. 5º, II; LGPD, art. 18). Never counts as a consultation.
    OwnAccess,
    /// Authorities and compliance.
    Audit,
}

impl Purpose {
    /// Every purpose, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::RiskAnalysis,
        Self::CreditGranting,
        Self::CreditExtension,
        Self::InstallmentSale,
        Self::CommercialRisk,
        Self::OwnAccess,
        Self::Audit,
    ];

    /// As written in requests, answers and the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RiskAnalysis => "risk_analysis",
            Self::CreditGranting => "credit_granting",
            Self::CreditExtension => "credit_extension",
            Self::InstallmentSale => "installment_sale",
            Self::CommercialRisk => "commercial_risk",
            Self::OwnAccess => "own_access",
            Self::Audit => "audit",
        }
    }

    /// Whether a read for this purpose is one that others are told of as "última consulta". The person's own
    /// access must not weigh on him (Lei 12.414/2011, art. 7º-A, III); an audit is not a consultation for credit.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Self::OwnAccess | Self::Audit)
    }
}

impl FromStr for Purpose {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_reads_back() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
            assert_eq!(serde_json::to_string(&purpose).unwrap(), format!("\"{}\"", purpose.as_str()));
        }
        assert!("curiosity".parse::<Purpose>().is_err());
    }
}
