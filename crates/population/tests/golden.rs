//! A few people, pinned: whoever changes the function has to say so by renewing `golden.ndjson`.

use ficha_population::{Person, Population};
use jiff::civil::date;
use std::fmt::Write;

const NUMBERS: [u64; 6] = [0, 1, 2, 3, 109_999_999, 219_999_999];

fn lines(person: &Person) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    text += &serde_json::to_string(&person.debts_json())?;
    let _ = write!(text, "\n{}\n", serde_json::to_string(&person.score_json())?);
    for event in person.events_json() {
        text += &serde_json::to_string(&event)?;
        text.push('\n');
    }
    Ok(text)
}

#[test]
fn people_are_what_they_were() {
    let population = Population::new(42, date(2026, 11, 22));
    let text: String = NUMBERS.iter().map(|number| lines(&population.person(*number)).unwrap()).collect();
    assert!(text == include_str!("golden.ndjson"), "tests/golden.ndjson would now be\n{text}");
}

#[test]
fn shapes_are_the_seeds() {
    let population = Population::new(42, date(2026, 11, 22));
    let everything = |person: &Person| {
        let many = person.debts.len() > 1 && !person.patrimonies.is_empty();
        many && person.in_score && person.movements.iter().any(|movement| movement.value.cents() % 100 == 0)
    };
    let person = (0..).map(|number| population.person(number)).find(everything).unwrap();
    let debts = serde_json::to_value(person.debts_json()).unwrap();
    assert_eq!(debts["cpf"], person.cpf.to_string());
    assert_eq!(debts["debts"][0]["value"], person.debts[0].value.to_string());
    assert_eq!(debts["debts"][0]["date"], person.debts[0].date.to_string());
    let score = serde_json::to_value(person.score_json()).unwrap();
    assert_eq!(score["date_birth"], format!("{}T00:00:00Z", person.date_birth));
    assert_eq!(score["patrimonies"][0]["description"], person.patrimonies[0].description);
    assert_eq!(score["sources_income"][0]["value"], person.sources_income[0].value.to_string());
    assert_eq!(person.events_json().count(), person.movements.len());
    for (line, movement) in person.events_json().zip(&person.movements) {
        let text = serde_json::to_string(&line).unwrap();
        assert!(text.contains(&format!("\"value\":{},", movement.value.to_shortest())), "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["id"], movement.id.to_string());
        assert_eq!(line["type"], movement.kind.as_str());
        assert_eq!(line["PaymentType"], movement.payment_type.as_str());
        let date = line["date"].as_str().unwrap();
        assert!(date.ends_with("-03:00"), "{date}");
        assert_eq!(ficha_domain::parse_instant(date), Ok(movement.at));
    }
}
