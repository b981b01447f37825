//! Amounts in reais, exact to the cent.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, iter::Sum, ops::Add, str::FromStr};

/// An amount in centavos. Written `"1000.00"`; never a float on the way.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most two decimals.
    #[error("an amount has digits, a point and at most two decimals, for example \"1000.00\"")]
    Form,
    /// Above what the platform holds.
    #[error("an amount lies between -999999999999.99 and 999999999999.99")]
    Range,
}

impl Money {
    const MAX_CENTS: i64 = 99_999_999_999_999;

    /// An amount of so many centavos.
    ///
    /// # Errors
    /// [`MoneyError::Range`] beyond ± R$ 999.999.999.999,99.
    pub fn from_cents(cents: i64) -> Result<Self, MoneyError> {
        if cents.abs() > Self::MAX_CENTS { Err(MoneyError::Range) } else { Ok(Self(cents)) }
    }

    /// Centavos.
    #[must_use]
    pub fn cents(self) -> i64 {
        self.0
    }

    /// As the seed's base C writes amounts: the shortest JSON number (`12`, `12.5`, `0.07`).
    #[must_use]
    pub fn to_shortest(self) -> String {
        let text = self.to_string();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !numeric(whole) || !numeric(decimals) || decimals.len() > 2 {
            return Err(MoneyError::Form);
        }
        let whole: i64 = whole.parse().map_err(|_| MoneyError::Range)?;
        let decimals: i64 = format!("{decimals:0<2}").parse().map_err(|_| MoneyError::Form)?;
        let cents =
            whole.checked_mul(100).and_then(|cents| cents.checked_add(decimals)).ok_or(MoneyError::Range)?;
        Self::from_cents(if negative { -cents } else { cents })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Money(hidden)")
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Takes `"1000.00"` and plain JSON numbers, whose shortest decimal form is read, so that `12.1` is 12.10.
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Money;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as \"1000.00\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Money, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Money, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Money, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Money, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_texts_and_numbers() {
        for (json, text) in [
            ("\"1000.00\"", "1000.00"),
            ("12", "12.00"),
            ("12.5", "12.50"),
            ("0.07", "0.07"),
            ("\"-3.1\"", "-3.10"),
        ] {
            assert_eq!(serde_json::from_str::<Money>(json).unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in ["", ".", "1.", ".5", "1.234", "1,50", "1e3", "--1", "+1", " 1", "R$ 1"] {
            assert_eq!(text.parse::<Money>(), Err(MoneyError::Form), "{text}");
        }
        assert_eq!("99999999999999999999".parse::<Money>(), Err(MoneyError::Range));
        assert_eq!("1000000000000".parse::<Money>(), Err(MoneyError::Range));
    }

    #[test]
    fn shortest_is_as_the_seed_writes_it() {
        for (text, shortest) in
            [("12.00", "12"), ("12.50", "12.5"), ("0.00", "0"), ("100.07", "100.07"), ("-1.10", "-1.1")]
        {
            assert_eq!(text.parse::<Money>().unwrap().to_shortest(), shortest);
        }
    }

    proptest! {
        #[test]
        fn round_trips(cents in -99_999_999_999_999_i64..=99_999_999_999_999) {
            let money = Money::from_cents(cents).unwrap();
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            prop_assert_eq!(money.to_shortest().parse::<Money>(), Ok(money));
        }
    }
}
