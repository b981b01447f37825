//! CPF: the number by which Brazil knows a person (Lei 14.534/2023).

use serde::{Serialize, Serializer};
use std::fmt;

/// A CPF: eleven digits, of which the last two check the first nine.
///
/// `Debug` hides the number; only `Display`, which has to be asked for, prints it: eleven digits, no punctuation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cpf(u64);

/// How much of a CPF is checked on input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CpfValidation {
    /// Check digits hold and the digits are not all the same.
    #[default]
    Strict,
    /// Only the form: for bases that hold wrong numbers, as the seed's own samples do.
    Format,
}

/// Why a text is not a CPF. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpfError {
    /// Not eleven digits, with or without `000.000.000-00` punctuation.
    #[error("a CPF has 11 digits, with or without punctuation (000.000.000-00)")]
    Form,
    /// The last two digits do not follow from the first nine.
    #[error("the check digits of this CPF do not hold; compare it with the document")]
    CheckDigits,
    /// One of the ten numbers that pass the check digits and belong to nobody.
    #[error("a CPF whose digits are all the same belongs to nobody")]
    Repeated,
}

impl Cpf {
    /// Reads eleven digits, bare or punctuated as `000.000.000-00`.
    ///
    /// # Errors
    /// [`CpfError`], which says what to mend and never repeats the input.
    pub fn parse(text: &str, validation: CpfValidation) -> Result<Self, CpfError> {
        let cpf = Self(digits(text.as_bytes()).ok_or(CpfError::Form)?);
        match validation {
            CpfValidation::Format => Ok(cpf),
            CpfValidation::Strict if cpf.is_repeated() => Err(CpfError::Repeated),
            CpfValidation::Strict if Self::from_base(cpf.0 / 100) != Some(cpf) => Err(CpfError::CheckDigits),
            CpfValidation::Strict => Ok(cpf),
        }
    }

    /// The CPF whose first nine digits are `base` (0 to 999,999,999), with its check digits.
    #[must_use]
    pub fn from_base(base: u64) -> Option<Self> {
        if base > 999_999_999 {
            return None;
        }
        let first = check_digit(base);
        let second = check_digit(base % 100_000_000 * 10 + first + base / 100_000_000 * 1_000_000_000);
        Some(Self(base * 100 + first * 10 + second))
    }

    /// The number as an integer, leading zeros gone: a key, not something to show.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// Back from [`Cpf::as_u64`]; `None` above eleven digits.
    #[must_use]
    pub fn from_u64(number: u64) -> Option<Self> {
        (number <= 99_999_999_999).then_some(Self(number))
    }

    fn is_repeated(self) -> bool {
        self.0.is_multiple_of(11_111_111_111)
    }
}

/// Modulo 11 over the digits of `number`, weights 2, 3, … from the right.
fn check_digit(mut number: u64) -> u64 {
    let mut sum = 0;
    let mut weight = 2;
    while number > 0 {
        sum += number % 10 * weight;
        number /= 10;
        weight += 1;
    }
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    let punctuated = match text.len() {
        11 => false,
        14 if text[3] == b'.' && text[7] == b'.' && text[11] == b'-' => true,
        _ => return None,
    };
    let mut number = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            _ if punctuated && matches!(at, 3 | 7 | 11) => {}
            _ => return None,
        }
    }
    (number <= 99_999_999_999).then_some(number)
}

impl fmt::Display for Cpf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:011}", self.0)
    }
}

impl fmt::Debug for Cpf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cpf(hidden)")
    }
}

impl Serialize for Cpf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strict(text: &str) -> Result<Cpf, CpfError> {
        Cpf::parse(text, CpfValidation::Strict)
    }

    #[test]
    fn reads_both_forms_and_prints_eleven_digits() {
        for (text, bare) in [
            ("529.982.247-25", "52998224725"),
            ("52998224725", "52998224725"),
            ("000.000.001-91", "00000000191"),
            ("12345678909", "12345678909"),
        ] {
            assert_eq!(strict(text).unwrap().to_string(), bare);
        }
    }

    #[test]
    fn refuses_what_is_no_cpf() {
        for text in [
            "",
            "5299822472",
            "529982247255",
            "529-982-247.25",
            "５２９９８２２４７２５",
            "5299822472x",
            "529.982.247-2.",
        ] {
            assert_eq!(strict(text), Err(CpfError::Form), "{text}");
        }
        assert_eq!(strict("52998224724"), Err(CpfError::CheckDigits));
        for digit in 0..10 {
            assert_eq!(strict(&digit.to_string().repeat(11)), Err(CpfError::Repeated));
        }
    }

    #[test]
    fn format_takes_the_seeds_own_wrong_numbers() {
        assert!(Cpf::parse("06134332991", CpfValidation::Format).is_ok());
        assert_eq!(strict("06134332991"), Err(CpfError::CheckDigits));
    }

    #[test]
    fn debug_hides_the_number() {
        assert_eq!(format!("{:?}", strict("52998224725").unwrap()), "Cpf(hidden)");
    }

    proptest! {
        #[test]
        fn agrees_with_another_implementation(base in 0_u64..1_000_000_000, wrong in 0_u64..100) {
            let cpf = Cpf::from_base(base).unwrap();
            prop_assert!(cpf_cnpj::cpf::validate(&cpf.to_string()) || cpf.is_repeated());
            let other = format!("{base:09}{wrong:02}");
            prop_assert_eq!(strict(&other).is_ok(), cpf_cnpj::cpf::validate(&other));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = strict(&text);
        }
    }
}
