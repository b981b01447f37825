//! Twenty thousand people have the shares and means that the tables promise.

use ficha_domain::Money;
use ficha_domain::{MovementKind, PaymentType};
use ficha_population::{Person, Population};
use jiff::{
    ToSpan, Unit,
    civil::{Date, date},
    tz::Offset,
};
use proptest::prelude::*;
use std::{collections::HashSet, ops::Range, sync::LazyLock};

const TODAY: Date = date(2026, 11, 22);
const COUNT: usize = 20_000;

/// From all over the country's 220 million.
static PEOPLE: LazyLock<Vec<Person>> = LazyLock::new(|| {
    let population = Population::new(42, TODAY);
    (0..COUNT as u64).map(|number| population.person(number * 10_999)).collect()
});

fn share(of: impl Fn(&Person) -> bool) -> f64 {
    PEOPLE.iter().filter(|person| of(person)).count() as f64 / COUNT as f64
}

fn mean(amounts: &[f64]) -> f64 {
    amounts.iter().sum::<f64>() / amounts.len() as f64
}

fn reais(amount: Money) -> f64 {
    amount.cents() as f64 / 100.0
}

fn income(person: &Person) -> f64 {
    reais(person.sources_income.iter().map(|source| source.value).sum())
}

fn age(person: &Person) -> i16 {
    person.date_birth.until((Unit::Year, TODAY)).map_or(0, |span| span.get_years())
}

#[track_caller]
fn assert_within(measured: f64, bounds: Range<f64>) {
    assert!(bounds.contains(&measured), "{measured} is not within {bounds:?}");
}

#[test]
fn half_of_the_adults_are_negative() {
    assert_within(share(|person| !person.debts.is_empty()), 0.487..0.507);
    let of_state = |code, negative: bool| {
        share(|person| person.state == code && (!negative || !person.debts.is_empty()))
    };
    assert_within(of_state("RJ", true) / of_state("RJ", false), 0.49..0.565);
    assert_within(of_state("DF", true) / of_state("DF", false), 0.51..0.65);
    assert_within(of_state("PI", true) / of_state("PI", false), 0.29..0.43);
    assert!(PEOPLE.iter().all(|person| person.in_debts || person.debts.is_empty()));
}

#[test]
fn debts_have_their_count_value_and_age() {
    let counts: Vec<_> =
        PEOPLE.iter().map(|person| person.debts.len() as f64).filter(|count| *count > 0.0).collect();
    assert_within(mean(&counts), 3.9..4.1);
    let debts = || PEOPLE.iter().flat_map(|person| &person.debts);
    let values: Vec<_> = debts().map(|debt| reais(debt.value)).collect();
    assert_within(mean(&values), 1500.0..1690.0);
    let (youngest, oldest) = (TODAY.saturating_sub(20.days()), TODAY.saturating_sub(5.years()));
    assert!(debts().all(|debt| debt.date <= youngest && debt.date > oldest));
    assert!(PEOPLE.iter().all(|person| person.debts.is_sorted_by_key(|debt| debt.date)));
}

#[test]
fn negative_people_have_the_published_ages() {
    let negative = share(|person| !person.debts.is_empty());
    for (ages, published) in [(18..=25, 0.11), (26..=40, 0.334), (41..=60, 0.354), (61..=104, 0.20)] {
        let within = share(|person| !person.debts.is_empty() && ages.contains(&age(person)));
        assert_within(within / negative, published - 0.015..published + 0.015);
    }
    assert!(PEOPLE.iter().all(|person| (18..=104).contains(&age(person))));
}

#[test]
fn regions_and_states_have_the_census_shares() {
    for (region, published) in
        (0..).zip([0.054, 0.088, 0.078, 0.093, 0.096, 0.081, 0.101, 0.098, 0.219, 0.094])
    {
        let measured = share(|person| person.cpf.as_u64() / 100 % 10 == region);
        assert_within(measured, published - 0.008..published + 0.008);
    }
    assert_within(share(|person| person.state == "SP"), 0.21..0.228);
    assert_within(share(|person| person.state == "AM"), 0.015..0.024);
}

#[test]
fn incomes_have_their_median_and_spread() {
    let mut incomes: Vec<_> = PEOPLE.iter().filter(|person| person.in_score).map(income).collect();
    incomes.sort_by(f64::total_cmp);
    let median = incomes[incomes.len() / 2];
    assert_within(median, 1400.0..1500.0);
    assert_within(mean(&incomes), 2230.0..2400.0);
    // The 84th percentile of a lognormal lies one sigma above the median.
    assert_within((incomes[incomes.len() * 8413 / 10_000] / median).ln(), 0.93..1.01);
}

#[test]
fn possessions_grow_with_age_and_income() {
    let owned = |people: &dyn Fn(&Person) -> bool| {
        let worth = PEOPLE.iter().filter(|person| person.in_score && people(person));
        mean(
            &worth
                .map(|person| reais(person.patrimonies.iter().map(|item| item.value).sum()))
                .collect::<Vec<_>>(),
        )
    };
    assert!(owned(&|person| age(person) > 50) > 1.4 * owned(&|person| age(person) < 30));
    assert!(owned(&|person| income(person) > 3000.0) > 2.0 * owned(&|person| income(person) < 1000.0));
    assert_within(
        share(|person| person.in_score && person.patrimonies.is_empty()) / share(|person| person.in_score),
        0.2..0.4,
    );
}

#[test]
fn every_base_lacks_some_people() {
    assert_within(share(|person| !person.in_debts), 0.025..0.035);
    assert_within(share(|person| !person.in_score), 0.035..0.045);
    assert_within(share(|person| !person.in_events), 0.045..0.055);
    for person in PEOPLE.iter() {
        assert_eq!(person.in_debts, person.debts_json().is_some());
        assert_eq!(person.in_score, person.score_json().is_some());
        assert_eq!(person.in_score, !person.sources_income.is_empty());
        assert_eq!(person.in_events, !person.movements.is_empty());
    }
}

#[test]
fn movements_are_of_the_last_year_and_make_sense() {
    let midnight = Offset::constant(-3).to_timestamp(TODAY.at(0, 0, 0, 0)).unwrap();
    let counts: Vec<_> =
        PEOPLE.iter().filter(|person| person.in_events).map(|person| person.movements.len() as f64).collect();
    assert_within(mean(&counts), 11.7..12.3);
    let mut ids = HashSet::new();
    for person in PEOPLE.iter() {
        assert!(person.movements.is_sorted_by_key(|movement| movement.at));
        for movement in &person.movements {
            assert!(ids.insert(movement.id));
            assert!(movement.at < midnight && movement.at >= midnight - (366 * 24).hours());
            assert!(movement.value > Money::default());
            let credit = movement.kind == MovementKind::Credit;
            assert!(!credit || movement.payment_type == PaymentType::Money, "{}", movement.description);
        }
    }
}

#[test]
fn main_incomes_are_paid_in() {
    let paid = |person: &Person| {
        let main = &person.sources_income[0];
        let pay = person.movements.iter().filter(|movement| movement.description == main.description);
        pay.filter(|movement| movement.kind == MovementKind::Credit && movement.value == main.value).count()
    };
    let known: Vec<_> = PEOPLE.iter().filter(|person| person.in_score && person.in_events).collect();
    let counts: Vec<_> = known.iter().map(|person| paid(person) as f64).collect();
    assert_within(mean(&counts), 1.5..1.9);
    assert!(counts.iter().all(|count| *count <= 12.0));
}

proptest! {
    #[test]
    fn a_person_is_a_function_of_seed_and_number(seed: u64, number: u64) {
        let (one, other) = (Population::new(seed, TODAY), Population::new(seed, TODAY));
        prop_assert_eq!(one.person(number), other.person(number));
        prop_assert_eq!(one.cpf(number), other.person(number).cpf);
        prop_assert_ne!(one.cpf(number), Population::new(seed ^ 1, TODAY).cpf(number));
    }

    #[test]
    fn any_day_will_do(year in -9999_i16..=9999, day in 1..=28_i8, number: u64) {
        let person = Population::new(1, date(year, 12, day)).person(number);
        prop_assert!(person.in_events || person.movements.is_empty());
    }
}
