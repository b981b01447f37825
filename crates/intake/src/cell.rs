//! One value as it was written, whoever wrote it: a field of CSV, a JSON value, MongoDB's Extended JSON.

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// A value before anybody knows what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Left out, null, or an empty field.
    #[default]
    Missing,
    Text(Cow<'a, str>),
    /// A number without decimals.
    Integer(i64),
    Double(f64),
    /// `$numberDecimal` and its like: a number whose point is a decimal point.
    Decimal(Cow<'a, str>),
    Instant(Timestamp),
    /// A list, an object, a truth value.
    Other,
}

impl<'a> Cell<'a> {
    /// A field of CSV; blanks alone are nothing.
    pub(crate) fn field(text: Cow<'a, str>) -> Self {
        if text.trim().is_empty() { Self::Missing } else { Self::Text(text) }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Cells(PhantomData))
    }
}

struct Cells<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for Cells<'a> {
    type Value = Cell<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell<'a>, E> {
        Ok(Cell::Missing)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Cell<'a>, E> {
        Ok(Cell::Other)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell<'a>, E> {
        Ok(Cell::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cell<'a>, E> {
        Ok(i64::try_from(number).map_or(Cell::Other, Cell::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Cell<'a>, E> {
        Ok(Cell::Double(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cell<'a>, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell<'a>, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cell<'a>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell<'a>, A::Error> {
        let mut cell = Cell::Other;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let inner = map.next_value::<Cell<'a>>()?;
            cell = extended(&key, inner);
        }
        Ok(cell)
    }
}

/// MongoDB Extended JSON, version 1 and 2, relaxed and canonical.
fn extended<'a>(key: &str, inner: Cell<'a>) -> Cell<'a> {
    match (key, inner) {
        ("$numberDecimal" | "$numberDouble" | "$numberInt" | "$numberLong", Cell::Text(text)) => {
            Cell::Decimal(text)
        }
        ("$numberDecimal" | "$numberDouble" | "$numberInt" | "$numberLong", cell) => cell,
        ("$oid" | "$symbol", Cell::Text(text)) => Cell::Text(text),
        ("$date", Cell::Integer(millis)) => instant(millis),
        ("$date", Cell::Decimal(text)) => text.parse().map_or(Cell::Other, instant),
        ("$date", Cell::Text(text)) => text.parse().map_or(Cell::Other, Cell::Instant),
        _ => Cell::Other,
    }
}

fn instant(millis: i64) -> Cell<'static> {
    Timestamp::from_millisecond(millis).map_or(Cell::Other, Cell::Instant)
}

/// A list of objects. What is no list is nobody's items, and said to be wrong.
#[derive(Debug, PartialEq)]
pub(crate) enum List<T> {
    Items(Vec<T>),
    Other,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::Items(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lists(PhantomData))
    }
}

struct Lists<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Lists<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(List::Items(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<List<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(List::Other)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<List<T>, E> {
        Ok(List::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<List<T>, E> {
        Ok(List::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<List<T>, E> {
        Ok(List::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<List<T>, E> {
        Ok(List::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<List<T>, E> {
        Ok(List::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(json: &str) -> Cell<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn extended_json_of_both_versions() {
        let decimal = |text: &'static str| Cell::Decimal(Cow::Borrowed(text));
        let at = Cell::Instant("2018-07-09T22:11:33.8Z".parse().unwrap());
        for (json, expected) in [
            (r#"{"$numberDecimal": "10.10"}"#, decimal("10.10")),
            (r#"{"$numberInt": "7"}"#, decimal("7")),
            (r#"{"$numberLong": 7}"#, Cell::Integer(7)),
            (r#"{"$numberDouble": "-1.5"}"#, decimal("-1.5")),
            (r#"{"$oid": "5b"}"#, Cell::Text("5b".into())),
            (r#"{"$date": "2018-07-09T22:11:33.8Z"}"#, at.clone()),
            (r#"{"$date": 1531174293800}"#, at.clone()),
            (r#"{"$date": {"$numberLong": "1531174293800"}}"#, at),
            (r#"{"$date": "ontem"}"#, Cell::Other),
            (r#"{"$ref": "x", "$id": 1}"#, Cell::Other),
            ("[1, [2]]", Cell::Other),
            ("true", Cell::Other),
            ("null", Cell::Missing),
            ("1.5", Cell::Double(1.5)),
            ("18446744073709551615", Cell::Other),
            (r#""a\u00e3""#, Cell::Text("aã".into())),
        ] {
            assert_eq!(cell(json), expected, "{json}");
        }
    }

    #[test]
    fn a_list_is_a_list() {
        let list = |json: &str| serde_json::from_str::<List<Vec<i64>>>(json).unwrap();
        assert_eq!(list("[[1],[]]"), List::Items(vec![vec![1], vec![]]));
        assert_eq!(list("null"), List::Items(vec![]));
        for json in ["7", "-7", "1.5", "true", "\"x\"", "{\"a\":[1]}"] {
            assert_eq!(list(json), List::Other, "{json}");
        }
    }
}
