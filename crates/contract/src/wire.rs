//! What other systems send to feed the bases: the seed's words and shapes.
//!
//! None of these types has `Debug`: whoever prints one prints a person.
//!
//! Fields that the seed's own answers have and that ficha decides (`id` of a person, `customer`, `_cls`) may be sent
//! back and are ignored, as is every unknown field.

use crate::Problem;
use ficha_domain::{Cpf, CpfValidation, Money, ObjectId, parse_instant};
pub use ficha_domain::{MovementKind, PaymentType};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, marker::PhantomData};

/// A person of base A.
#[derive(Clone, Deserialize)]
pub struct DebtsPerson {
    /// If sent in a body, it must be the CPF of the path.
    pub cpf: Option<String>,
    /// Full name.
    pub name: String,
    /// Postal address, one line.
    pub address: String,
    /// Debts; none is fine.
    #[serde(default, deserialize_with = "objects")]
    pub debts: Vec<Debt>,
}

/// A debt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// Given by ficha; sent back, it names the debt that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// What is owed.
    pub value: Money,
    /// Due date.
    #[serde(deserialize_with = "day")]
    pub date: Date,
}

/// A person of base B.
#[derive(Clone, Deserialize)]
pub struct ScorePerson {
    /// If sent in a body, it must be the CPF of the path.
    pub cpf: Option<String>,
    /// Full name.
    pub name: String,
    /// Postal address, one line.
    pub address: String,
    /// Birth, an instant in UTC as the seed has it; unknown is fine.
    #[serde(default, deserialize_with = "optional_instant")]
    pub date_birth: Option<Timestamp>,
    /// Assets.
    #[serde(default, deserialize_with = "objects")]
    pub patrimonies: Vec<Valued>,
    /// Sources of income, a month.
    #[serde(default, deserialize_with = "objects")]
    pub sources_income: Vec<Valued>,
}

/// An asset or a source of income.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valued {
    /// What it is worth, or pays a month.
    pub value: Money,
    /// What it is.
    pub description: String,
}

/// A movement of base C.
#[derive(Clone, Deserialize)]
pub struct Movement {
    /// Given by ficha when it is left out.
    #[serde(default)]
    pub id: Option<ObjectId>,
    /// Whose.
    pub cpf: String,
    /// What it was.
    #[serde(default)]
    pub description: String,
    /// How much; old rows without it read as 0.
    #[serde(default)]
    pub value: Money,
    /// When.
    #[serde(deserialize_with = "instant")]
    pub date: Timestamp,
    /// Which way it went.
    #[serde(default, rename = "type")]
    pub kind: MovementKind,
    /// How it was paid.
    #[serde(default, rename = "PaymentType")]
    pub payment_type: PaymentType,
}

/// A person with the CPF already read: what [`crate::Ingest`] takes for bases A and B.
#[derive(Clone)]
pub struct Of<Person> {
    /// Whose.
    pub cpf: Cpf,
    /// What is known.
    pub person: Person,
}

/// A body may name the CPF of its path, and no other.
///
/// # Errors
/// `invalid_field`.
pub fn check_same_cpf(cpf: Cpf, sent: Option<&str>) -> Result<(), Problem> {
    let same = |text| Cpf::parse(text, CpfValidation::Format) == Ok(cpf);
    if sent.is_none_or(same) {
        Ok(())
    } else {
        Err(Problem::field("cpf", "is the CPF of the path, or left out"))
    }
}

/// A text has so many characters, none of them a control character.
///
/// # Errors
/// `invalid_field`, which names the field.
pub fn check_text(field: &str, text: &str, least: usize, most: usize) -> Result<(), Problem> {
    // One walk over the text: a bulk load asks this of every one.
    let (mut chars, mut control) = (0, false);
    for char in text.chars() {
        chars += 1;
        control |= char.is_control();
    }
    if !(least..=most).contains(&chars) || control {
        return Err(Problem::field(
            field,
            format!("takes {least} to {most} characters, without control characters"),
        ));
    }
    Ok(())
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    const FORM: &str = "a day is written 2026-11-22";
    let text = String::deserialize(deserializer)?;
    // Only the form of the contract: jiff itself would take an instant and drop its time.
    if text.len() != 10 {
        return Err(de::Error::custom(FORM));
    }
    text.parse().map_err(|_| de::Error::custom(FORM))
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse_instant(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn optional_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| parse_instant(&text).map_err(de::Error::custom))
        .transpose()
}

/// A list of JSON objects: serde by itself would also read `["1.00", "2020-01-01"]` as the fields in their order.
///
/// # Errors
/// What is not such a list.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|object| object.0).collect())
}

/// As [`objects`], of a list that may be left out, and is not null where it is there.
///
/// # Errors
/// What is not such a list.
pub fn given_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    objects(deserializer).map(Some)
}

/// A value that may be left out, and is not null where it is there.
///
/// # Errors
/// What is no such value.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_seeds_examples() {
        let debts: DebtsPerson = serde_json::from_str(
            r#"{"id":1,"debts":[{"id":3,"value":"1000.00","date":"2018-07-07","customer":3}],"cpf":"06134332991","name":"Teste","address":"Rua Joaquina"}"#,
        )
        .unwrap();
        assert_eq!(debts.debts[0].value.to_string(), "1000.00");
        let score: ScorePerson = serde_json::from_str(
            r#"{"id":"5b44a7f588c87a08fc450d98","cpf":"06934332991","date_birth":"2018-07-09T22:11:33.800000Z","name":"Teste","address":"Rua blaba","patrimonies":[{"value":"1000.00","description":"Carro","_cls":"PatrimonyDocument"}],"sources_income":[],"_cls":"CustomerDocument"}"#,
        )
        .unwrap();
        assert_eq!(score.patrimonies[0].description, "Carro");
        let movement: Movement = serde_json::from_str(
            r#"{"id":"5b3e4175c43bfd2b780afeba","description":"debito bancário","value":0,"date":"2011-10-05T11:48:00-03:00","cpf":"06934332997","type":"","PaymentType":""}"#,
        )
        .unwrap();
        assert_eq!(movement.kind, MovementKind::Unknown);
    }

    #[test]
    fn a_wrong_value_is_not_repeated_in_its_error() {
        let error = serde_json::from_str::<Debt>(r#"{"value":"João 529","date":"2018-07-07"}"#).unwrap_err();
        assert!(!error.to_string().contains("João"), "{error}");
        let error = serde_json::from_str::<Debt>(r#"{"value":"1","date":"7/7/18 João"}"#).unwrap_err();
        assert!(error.to_string().starts_with("a day is written"), "{error}");
    }
}
