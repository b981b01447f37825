//! What a table has to be, and what is computed from it.

use super::*;
use jiff::civil::{Date, date};

fn example() -> Scorecard {
    Scorecard::from_toml(Scorecard::EXAMPLE).unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00.123456Z".parse().unwrap()
}

/// Born so many years ago; reais a month and in assets, and how many they are.
fn facts(age: i16, income: Option<(i64, u16)>, patrimony: Option<(i64, u16)>) -> Facts {
    Facts {
        born: Some(date(2026 - age, 1, 1)),
        income_cents: income.map(|(reais, _)| reais * 100),
        income_sources: income.map_or(0, |(_, sources)| sources),
        patrimony_cents: patrimony.map(|(reais, _)| reais * 100),
        patrimonies: patrimony.map_or(0, |(_, assets)| assets),
    }
}

#[test]
fn golden_people() {
    let people = [
        ("young, little", facts(19, Some((900, 1)), None)),
        ("the middle", facts(38, Some((1450, 1)), Some((45_000, 1)))),
        ("two sources, a house", facts(55, Some((5200, 2)), Some((310_000, 3)))),
        ("owns, income unknown", facts(70, None, Some((80_000, 2)))),
        ("everything at best", facts(80, Some((90_000, 5)), Some((9_000_000, 9)))),
        ("no date of birth", Facts { born: None, ..facts(30, Some((1500, 1)), None) }),
        ("a minor of whom nothing else is known", facts(17, None, None)),
        ("nothing to go by", facts(30, None, None)),
    ];
    let card = example();
    let scores: Vec<_> = people.map(|(who, facts)| (who, card.score(&facts, now()))).into();
    insta::assert_json_snapshot!(scores);
}

#[test]
fn the_day_matters_through_the_age_only() {
    let card = example();
    let person = Facts { born: Some(date(2005, 11, 22)), ..facts(0, Some((1000, 1)), None) };
    let value = |at: &str| card.score(&person, at.parse().unwrap()).value.unwrap();
    assert_eq!(value("2025-11-22T00:00:00Z"), value("2026-11-21T23:59:59.999Z"));
    assert_eq!(value("2026-11-22T00:00:00Z"), value("2026-11-21T00:00:00Z") + 10, "21 today");
}

#[test]
fn majority_begins_on_the_birthday() {
    let card = example();
    let person = |born: Date| Facts { born: Some(born), ..facts(0, Some((1000, 1)), None) };
    let no_score = |born| card.score(&person(born), now()).no_score_reason;
    assert_eq!(no_score(date(2008, 11, 23)), Some(NoScoreReason::UnderAge));
    assert_eq!(no_score(date(2008, 11, 22)), None);
}

/// More of anything never lowers the score: also the first of it.
#[test]
fn the_example_never_punishes_having_more() {
    let card = example();
    let value = |facts: Facts| card.score(&facts, now()).value.unwrap();
    let amounts: Vec<i64> = (0..60).map(|step| 1.4_f64.powi(step) as i64).collect();
    let with = |count| std::iter::once(None).chain(amounts.iter().map(move |reais| Some((*reais, count))));
    let rising = [1, 2, 9].map(|count| with(count).collect::<Vec<_>>());
    let counts =
        amounts.iter().map(|reais| vec![None, Some((*reais, 1)), Some((*reais, 2)), Some((*reais, 4))]);
    let chains: Vec<_> = counts.chain(rising).collect();
    for age in [18, 20, 21, 30, 45, 60, 90] {
        for other in [Some((0, 1)), Some((2000, 1)), Some((500_000, 4))] {
            assert!(value(facts(age, other, None)) <= value(facts(age + 1, other, None)), "{age}");
            for (less, more) in chains.iter().flat_map(|chain| chain.iter().zip(&chain[1..])) {
                let [earns_less, earns_more] = [less, more].map(|income| value(facts(age, *income, other)));
                let [owns_less, owns_more] =
                    [less, more].map(|patrimony| value(facts(age, other, *patrimony)));
                assert!(earns_less <= earns_more && owns_less <= owns_more, "{less:?} {more:?}");
            }
        }
    }
}

/// A probability that has to be cut to fit is none.
#[test]
fn the_example_stays_within_the_scale() {
    let card = example();
    let most: i64 = card.variables.iter().map(|variable| variable.most_points).sum();
    let least: i64 = card.variables.iter().map(|variable| variable.bins[0].points).sum();
    assert!(card.base_points + most <= 1000 && card.base_points + least >= 0);
}

#[test]
fn a_value_is_held_within_the_scale_and_has_a_band() {
    let table = |points: i64| {
        format!(
            "name = \"x\"\nversion = \"2\"\nbase_points = 500\nbands = [{{ name = \"a\", up_to = 499 }}, {{ name = \"b\", up_to = 1000 }}]\n\
             [[variables]]\nfeature = \"income_sources\"\ncode = \"c\"\ntext = \"t\"\n\
             bins = [{{ points = {points} }}, {{ from = 2, points = 0 }}]"
        )
    };
    for (points, value, band) in [(-900, 0, "a"), (-1, 499, "a"), (0, 500, "b"), (900, 1000, "b")] {
        let card = Scorecard::from_toml(&table(points)).unwrap();
        let score = card.score(&facts(30, Some((1, 1)), None), now());
        assert_eq!((score.value, score.band), (Some(value), Some(band)), "{points}");
        assert_eq!(score.model, Model { name: "x", version: "2" });
    }
}

#[test]
fn reasons_are_the_largest_losses_and_four_at_most() {
    let card = example();
    let score = card.score(&facts(18, Some((100, 1)), Some((100, 1))), now());
    let points: Vec<_> = score.reasons.iter().map(|reason| reason.points).collect();
    assert_eq!(points, [-300, -200, -55, -40]);
    assert_eq!(score.reasons.last().unwrap().code, "patrimonies");
    let lost: i64 = facts_losses(&card, &facts(18, Some((100, 1)), Some((100, 1))));
    assert_eq!(lost, -(300 + 200 + 55 + 40 + 20), "the fifth, 20, is left out");
    assert!(card.score(&facts(80, Some((90_000, 2)), Some((2_000_000, 4))), now()).reasons.is_empty());
}

fn facts_losses(card: &Scorecard, facts: &Facts) -> i64 {
    let age = facts.age(utc_day(now())).unwrap();
    card.variables.iter().map(|variable| -variable.outcome(facts, age).lost).sum()
}

#[test]
fn a_bin_begins_at_its_bound() {
    let card = example();
    let income = |cents| Facts { income_cents: Some(cents), ..facts(30, Some((0, 1)), None) };
    let value = |cents| card.score(&income(cents), now()).value.unwrap();
    assert_eq!(value(149_999) + 40, value(150_000));
    assert_eq!(value(150_000), value(249_999));
}

#[test]
fn the_ratio_is_in_per_cent_of_a_year_and_may_be_missing() {
    let ratio =
        |income, patrimony| Feature::PatrimonyPercentOfAnnualIncome.of(&facts(30, income, patrimony), 30);
    assert_eq!(ratio(Some((1000, 1)), Some((12_000, 1))), Some(100));
    assert_eq!(ratio(Some((1000, 1)), Some((11_999, 1))), Some(99));
    assert_eq!(ratio(Some((1000, 1)), None), None);
    assert_eq!(ratio(None, Some((1, 1))), None);
    assert_eq!(ratio(Some((0, 1)), Some((1, 1))), None, "nothing comes in");
    let most = Facts { income_cents: Some(1), patrimony_cents: Some(i64::MAX), ..Facts::default() };
    assert_eq!(Feature::PatrimonyPercentOfAnnualIncome.of(&most, 30), Some(i64::MAX));
}

#[test]
fn the_ratio_can_be_used_as_the_example_shows() {
    let row = Scorecard::EXAMPLE.split("A row for it looks so:").nth(1).unwrap();
    let row: String = row
        .lines()
        .map(|line| line.trim_start_matches("# ").trim_start_matches('#').to_owned() + "\n")
        .collect();
    let card = Scorecard::from_toml(&(Scorecard::EXAMPLE.to_owned() + &row)).unwrap();
    assert_eq!(card.variables.len(), example().variables.len() + 1);
}

/// Lei 12.414/2011, art. 7º-A: sex, origin, other people, the person's own access.
#[test]
fn what_the_law_forbids_cannot_be_written() {
    for forbidden in [
        "address",
        "name",
        "cpf",
        "sex",
        "gender",
        "race",
        "region",
        "state",
        "cep",
        "religion",
        "health",
        "consultations",
        "own_access",
        "last_consultation",
        "relatives",
        "date_birth",
        "AGE_YEARS",
        "",
    ] {
        let table = Scorecard::EXAMPLE.replacen("\"age_years\"", &format!("\"{forbidden}\""), 1);
        let error = Scorecard::from_toml(&table).unwrap_err().to_string();
        let line = 1 + table.lines().position(|line| line.starts_with("feature")).unwrap();
        assert!(error.contains("art. 7º-A") && error.contains("monthly_income,"), "{error}");
        assert!(error.contains(&format!("line {line},")), "{error}");
    }
}

/// Each is the example with one text in place of another, and the row and the fix that must be named.
#[test]
fn a_wrong_table_is_refused_by_row_and_fix() {
    let cases = [
        ("name = \"ficha-example\"", "name = \" \"", "name: takes 1 to 60 characters"),
        ("base_points = 255", "base_points = 1001", "base_points: takes a whole number from 0 to 1000"),
        ("name = \"low\"", "name = \"Muito baixo\"", "bands[1]: `name` takes 1 to 60 of a-z, 0-9 and _"),
        ("name = \"regular\"", "name = \"low\"", "bands[2]: the name `low` is in use already"),
        ("up_to = 500", "up_to = 300", "bands[2]: `up_to` takes a whole number from 301 to 1000"),
        ("up_to = 1000", "up_to = 999", "bands[4]: the last band is `up_to = 1000`"),
        (
            "code = \"patrimonies\"",
            "code = \"age\"",
            "variables[5] (patrimonies): the code `age` is in use already",
        ),
        (
            "feature = \"patrimonies\"",
            "feature = \"age_years\"",
            "variables[5] (age_years): the feature has a row already",
        ),
        (
            "text = \"Idade abaixo da faixa de maior pontuação.\"",
            "text = \"\"",
            "variables[1] (age_years), text: takes 1 to 200",
        ),
        (
            "{ points = 0 },\n  { from = 21",
            "{ from = 18, points = 0 },\n  { from = 21",
            "variables[1] (age_years), bins[1]: leave `from` out",
        ),
        ("{ from = 21, points = 10 }", "{ points = 20 }", "variables[1] (age_years), bins[2]: give `from`"),
        ("from = 26,", "from = 21,", "variables[1] (age_years), bins[3]: `from` grows from bin to bin"),
        (
            "from = 21,",
            "from = 0,",
            "variables[1] (age_years), bins[2]: `from` grows from bin to bin, and is above 0",
        ),
        ("from = 26,", "from = 26.5,", "variables[1] (age_years), bins[3]: `from` takes a whole number"),
        (
            "points = 300",
            "points = 1001",
            "variables[2] (monthly_income), bins[8]: `points` lie from -1000 to 1000",
        ),
        (
            "missing = { points = 0, code = \"monthly",
            "missing = { points = 2000, code = \"monthly",
            "variables[2] (monthly_income), missing: `points` lie",
        ),
        (
            "feature = \"age_years\"",
            "feature = \"age_years\"\nmissing = { points = 0, code = \"x\", text = \"x\" }",
            "variables[1] (age_years), missing: leave it out",
        ),
        (
            "missing = { points = 0, code = \"patrimony_unknown\", text = \"Nenhum patrimônio informado.\" }",
            "",
            "variables[4] (patrimony), missing: give `missing = ",
        ),
        ("version = \"1\"", "", "missing field `version`"),
        ("version = \"1\"", "version = \"1\"\nweight = 3", "unknown field `weight`"),
        ("points = 300", "points = 2.5", "expected i64"),
        ("from = 500,", "from = \"500,00\",", "an amount has digits"),
    ];
    for (there, instead, expected) in cases {
        assert!(Scorecard::EXAMPLE.contains(there), "{there}");
        let error =
            Scorecard::from_toml(&Scorecard::EXAMPLE.replacen(there, instead, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected}, found {error}");
    }
    let (head, _) = Scorecard::EXAMPLE.split_once("\n[[variables]]").unwrap();
    let error = Scorecard::from_toml(&format!("variables = []\n{head}")).unwrap_err().to_string();
    assert_eq!(error, "scorecard: variables: give at least one");
}

#[test]
fn amounts_are_written_with_or_without_centavos() {
    let table = Scorecard::EXAMPLE.replacen("from = 500,", "from = \"499.99\",", 1);
    let card = Scorecard::from_toml(&table).unwrap();
    assert_eq!(card.variables[1].bins[1].from, 49_999);
}

/// The population's means are those that Serasa published (domain.md §5), within what a few thousand people vary by.
#[test]
fn the_example_has_the_countrys_means_on_the_synthetic_population() {
    let card = example();
    let population = ficha_population::Population::new(42, date(2026, 11, 22));
    let scored: Vec<_> = (0..5000)
        .filter_map(|number| {
            let line = serde_json::to_string(&population.person(number).score_json()?).unwrap();
            let facts = Facts::of(&serde_json::from_str(&line).unwrap());
            Some((facts.age(date(2026, 11, 22))?, card.score(&facts, now()).value?))
        })
        .collect();
    for (ages, published) in [(18..=200, 548), (18..=25, 505), (51..=65, 584), (66..=200, 609)] {
        let values: Vec<_> =
            scored.iter().filter(|(age, _)| ages.contains(age)).map(|(_, value)| value).collect();
        let mean = values.iter().copied().sum::<i64>() / values.len() as i64;
        assert!((mean - published).abs() <= 15, "{ages:?}: {mean} instead of {published}");
    }
}
