//! A person of base B as it is kept: the seed's JSON, to the letter (formats.md), and its bounds.

use crate::facts::utc_day;
use ficha_contract::{
    Problem,
    wire::{ScorePerson, Valued, check_same_cpf, check_text},
};
use ficha_domain::{Cpf, Money, ObjectId};
use jiff::{Timestamp, tz::Offset};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

const NAME_CHARS: usize = 200;
const ADDRESS_CHARS: usize = 300;
const DESCRIPTION_CHARS: usize = 200;
const ITEMS: usize = 1000;

/// Births before this are typing errors: nobody alive was born then.
const FIRST_YEAR: i16 = 1900;

/// What a person owns and earns.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoreDocument)]
pub(crate) struct Document<'sent> {
    /// Permanent id of the person in this base, 24 hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{24}$", example = "5b44a7f588c87a08fc450d98")]
    id: ObjectId,
    /// Eleven digits.
    #[schema(value_type = String, pattern = r"^\d{11}$", example = "52998224725")]
    cpf: Cpf,
    /// Birth, an instant in UTC with six digits of a second or none; null when unknown.
    #[serde(serialize_with = "seed_instant")]
    #[schema(required, value_type = Option<String>, format = DateTime, example = "1980-05-10T00:00:00Z")]
    date_birth: Option<Timestamp>,
    /// Full name.
    name: &'sent str,
    /// Postal address, one line.
    address: &'sent str,
    /// Assets.
    patrimonies: Vec<Item<'sent>>,
    /// Sources of income, what each pays a month.
    sources_income: Vec<Item<'sent>>,
    /// `CustomerDocument`, as the seed has it.
    #[serde(rename = "_cls")]
    class: &'static str,
}

/// An asset or a source of income.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoreItem)]
pub(crate) struct Item<'sent> {
    /// Reais, two decimals: what an asset is worth, what a source pays a month.
    #[schema(value_type = String, pattern = r"^\d{1,12}\.\d{2}$", example = "1000.00")]
    value: Money,
    /// What it is.
    #[schema(example = "Carro")]
    description: &'sent str,
    /// `PatrimonyDocument` or `SourceIncomeDocument`, as the seed has it.
    #[serde(rename = "_cls")]
    class: &'static str,
}

impl<'sent> Document<'sent> {
    /// The person as it will be kept under this id.
    pub(crate) fn new(id: ObjectId, cpf: Cpf, sent: &'sent ScorePerson) -> Self {
        Self {
            id,
            cpf,
            date_birth: sent.date_birth,
            name: &sent.name,
            address: &sent.address,
            patrimonies: items(&sent.patrimonies, "PatrimonyDocument"),
            sources_income: items(&sent.sources_income, "SourceIncomeDocument"),
            class: "CustomerDocument",
        }
    }

    /// The JSON.
    pub(crate) fn to_json(&self) -> Result<String, Problem> {
        serde_json::to_string(self).map_err(Problem::internal)
    }
}

fn items<'sent>(sent: &'sent [Valued], class: &'static str) -> Vec<Item<'sent>> {
    sent.iter().map(|Valued { value, description }| Item { value: *value, description, class }).collect()
}

/// Six digits of a second or none, `Z`: as the seed's MongoDB documents come out of its Python.
fn seed_instant<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(at) = at else { return serializer.serialize_none() };
    match Offset::UTC.to_datetime(*at).subsec_nanosecond() / 1000 {
        0 => serializer.collect_str(&format_args!("{at:.0}")),
        _ => serializer.collect_str(&format_args!("{at:.6}")),
    }
}

/// A new id: seconds since 1970, as MongoDB's begin, then the number of the row, which is never given again. So a row is
/// found by its document's id without an index over ids. They can be guessed, as base A's can: ids open nothing.
pub(crate) fn new_id(row: i64, now: Timestamp) -> ObjectId {
    // Wraps in 2106, as MongoDB's do; the row tells ids apart all the same.
    let seconds = (now.as_second() as u32).to_be_bytes();
    let mut id = [0; 12];
    id[..4].copy_from_slice(&seconds);
    id[4..].copy_from_slice(&row.to_be_bytes());
    ObjectId(id)
}

/// The row of a document with this id, if there is one.
pub(crate) fn row_of(ObjectId(id): ObjectId) -> i64 {
    let [_, _, _, _, row @ ..] = id;
    i64::from_be_bytes(row)
}

/// The bounds of what can be kept.
pub(crate) fn check(cpf: Cpf, sent: &ScorePerson, now: Timestamp) -> Result<(), Problem> {
    check_name(sent)?;
    check_row(cpf, sent, now)
}

/// Whoever is kept has a name.
pub(crate) fn check_name(sent: &ScorePerson) -> Result<(), Problem> {
    check_text("name", &sent.name, 1, NAME_CHARS)
}

/// The bounds of what can be merged: somebody who is known keeps the name.
pub(crate) fn check_row(cpf: Cpf, sent: &ScorePerson, now: Timestamp) -> Result<(), Problem> {
    check_same_cpf(cpf, sent.cpf.as_deref())?;
    check_text("name", &sent.name, 0, NAME_CHARS)?;
    check_text("address", &sent.address, 0, ADDRESS_CHARS)?;
    check_birth(sent.date_birth, now)?;
    check_items("patrimonies", &sent.patrimonies)?;
    check_items("sources_income", &sent.sources_income)
}

fn check_birth(born: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let Some(born) = born else { return Ok(()) };
    if born > now {
        return Err(Problem::field("date_birth", "is not in the future"));
    }
    if utc_day(born).year() < FIRST_YEAR {
        return Err(Problem::field("date_birth", format!("is not before {FIRST_YEAR}")));
    }
    Ok(())
}

fn check_items(field: &str, items: &[Valued]) -> Result<(), Problem> {
    if items.len() > ITEMS {
        return Err(Problem::field(field, format!("takes at most {ITEMS} items")));
    }
    for (at, item) in items.iter().enumerate() {
        if item.value < Money::default() {
            return Err(Problem::field(format!("{field}[{at}].value"), "is not negative"));
        }
        check_text("description", &item.description, 0, DESCRIPTION_CHARS).map_err(|mut problem| {
            problem.errors.iter_mut().for_each(|error| error.field = format!("{field}[{at}].description"));
            problem
        })?;
    }
    Ok(())
}

/// The person with what was sent added to what was there, as [`ficha_contract::Ingest`] promises.
pub(crate) fn merge(known: ScorePerson, sent: &ScorePerson) -> ScorePerson {
    let filled = |sent: &String, known| if sent.is_empty() { known } else { sent.clone() };
    ScorePerson {
        cpf: None,
        name: filled(&sent.name, known.name),
        address: filled(&sent.address, known.address),
        date_birth: sent.date_birth.or(known.date_birth),
        patrimonies: add(known.patrimonies, &sent.patrimonies),
        sources_income: add(known.sources_income, &sent.sources_income),
    }
}

fn add(mut items: Vec<Valued>, sent: &[Valued]) -> Vec<Valued> {
    let mut matched = vec![false; items.len()];
    for item in sent {
        match items.iter().zip(&matched).position(|(known, matched)| !matched && known == item) {
            Some(at) => matched[at] = true,
            None => {
                items.push(item.clone());
                matched.push(true);
            }
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpf(text: &str) -> Cpf {
        Cpf::parse(text, ficha_domain::CpfValidation::Format).unwrap()
    }

    /// The seed's own sample, with its wrong CPF.
    #[test]
    fn the_seeds_example_comes_out_as_it_went_in() {
        let seed = r#"{"id":"5b44a7f588c87a08fc450d98","cpf":"06934332991","date_birth":"2018-07-09T22:11:33.800000Z","name":"Teste","address":"Rua blaba","patrimonies":[{"value":"1000.00","description":"Carro","_cls":"PatrimonyDocument"}],"sources_income":[{"value":"1000.00","description":"Salário","_cls":"SourceIncomeDocument"}],"_cls":"CustomerDocument"}"#;
        let sent: ScorePerson = serde_json::from_str(seed).unwrap();
        let id = "5b44a7f588c87a08fc450d98".parse().unwrap();
        assert_eq!(Document::new(id, cpf("06934332991"), &sent).to_json().unwrap(), seed);
    }

    #[test]
    fn instants_have_six_digits_or_none() {
        for (sent, kept) in [
            ("\"2018-07-09T22:11:33Z\"", "\"2018-07-09T22:11:33Z\""),
            ("\"2018-07-09T19:11:33.8-03:00\"", "\"2018-07-09T22:11:33.800000Z\""),
            ("\"2018-07-09 22:11:33.8+00\"", "\"2018-07-09T22:11:33.800000Z\""),
            ("\"1969-12-31T23:59:59.999999999Z\"", "\"1969-12-31T23:59:59.999999Z\""),
            ("\"1969-12-31T23:59:59.000000999Z\"", "\"1969-12-31T23:59:59Z\""),
            ("\"1900-01-01T00:00:00Z\"", "\"1900-01-01T00:00:00Z\""),
            ("null", "null"),
        ] {
            let person = format!(r#"{{"name":"n","address":"a","date_birth":{sent}}}"#);
            let person: ScorePerson = serde_json::from_str(&person).unwrap();
            let json = Document::new(ObjectId([0; 12]), cpf("52998224725"), &person).to_json().unwrap();
            assert!(json.contains(&format!(r#""date_birth":{kept},"#)), "{sent}: {json}");
        }
    }

    #[test]
    fn an_id_begins_with_the_seconds_and_ends_with_the_row() {
        let id = new_id(258, "2018-07-10T12:35:01Z".parse().unwrap());
        assert_eq!(id.to_string(), "5b44a7f50000000000000102");
        assert_eq!(row_of(id), 258);
        assert_eq!(row_of(new_id(i64::MAX, Timestamp::MAX)), i64::MAX);
    }

    fn wrong(change: impl Fn(&mut ScorePerson)) -> Option<String> {
        let item = || vec![Valued { value: Money::default(), description: String::new() }];
        let mut sent = ScorePerson {
            cpf: Some("529.982.247-25".into()),
            name: "Ana".into(),
            address: String::new(),
            date_birth: None,
            patrimonies: item(),
            sources_income: item(),
        };
        change(&mut sent);
        let problem = check(cpf("52998224725"), &sent, "2026-11-22T12:00:00Z".parse().unwrap()).err()?;
        Some(format!("{} {}", problem.errors[0].field, problem.errors[0].detail))
    }

    #[test]
    fn bounds_hold_up_to_their_edge() {
        assert_eq!(wrong(|_| {}), None);
        assert_eq!(wrong(|sent| sent.cpf = None), None);
        assert_eq!(wrong(|sent| sent.name = "ã".repeat(200)), None);
        assert_eq!(wrong(|sent| sent.address = "ã".repeat(300)), None);
        assert_eq!(wrong(|sent| sent.patrimonies[0].description = "ã".repeat(200)), None);
        assert_eq!(wrong(|sent| sent.date_birth = Some("2026-11-22T12:00:00Z".parse().unwrap())), None);
        assert_eq!(wrong(|sent| sent.date_birth = Some("1900-01-01T00:00:00Z".parse().unwrap())), None);
        assert_eq!(wrong(|sent| sent.sources_income = vec![sent.patrimonies[0].clone(); 1000]), None);
    }

    #[test]
    fn beyond_the_bounds_the_field_is_named() {
        let minus = "-0.01".parse::<Money>().unwrap();
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let told = [
            wrong(|sent| sent.cpf = Some("12345678909".into())),
            wrong(|sent| sent.name.clear()),
            wrong(|sent| sent.name = "a".repeat(201)),
            wrong(|sent| sent.address = "a".repeat(301)),
            wrong(|sent| sent.date_birth = at("2026-11-22T12:00:00.001Z")),
            wrong(|sent| sent.date_birth = at("1899-12-31T23:59:59.999999Z")),
            wrong(|sent| sent.patrimonies[0].value = minus),
            wrong(|sent| sent.sources_income[0].description = "a".repeat(201)),
            wrong(|sent| sent.sources_income = vec![sent.patrimonies[0].clone(); 1001]),
        ];
        let told: Vec<_> = told.into_iter().map(Option::unwrap_or_default).collect();
        insta::assert_json_snapshot!(told);
    }
}
