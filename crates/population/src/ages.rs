//! How old people are: adults only.

use crate::draws::{Draws, Stream};
use jiff::{ToSpan, civil::Date};

/// An age group: its youngest age, how many years it spans, its people in thousands.
struct Group(u8, u8, u64);

/// Census of 2022, IBGE (panoramadobrasil.com.br, women and men added); of the group 15 to 19 the two adult
/// years.
const PYRAMID: [Group; 18] = [
    Group(18, 2, 5750),
    Group(20, 5, 15_466),
    Group(25, 5, 15_470),
    Group(30, 5, 15_473),
    Group(35, 5, 16_173),
    Group(40, 5, 16_072),
    Group(45, 5, 13_640),
    Group(50, 5, 12_599),
    Group(55, 5, 11_569),
    Group(60, 5, 9944),
    Group(65, 5, 7876),
    Group(70, 5, 5859),
    Group(75, 5, 3847),
    Group(80, 5, 2475),
    Group(85, 5, 1329),
    Group(90, 5, 580),
    Group(95, 5, 165),
    Group(100, 5, 38),
];

/// A person's age in full years, and the day of birth that makes it so `today`.
pub(crate) fn draw(seed: u64, number: u64, today: Date) -> (u8, Date) {
    let mut draws = Draws::new(seed, number, Stream::Age);
    let Group(youngest, years, _) = draws.weighted(&PYRAMID, |group| group.2);
    let age = youngest + draws.below(u64::from(*years)) as u8;
    // 365 days: the 366th would be the next birthday, unless a leap day lies between.
    let past_birthday = draws.below(365) as i64;
    (age, today.saturating_sub(i64::from(age).years()).saturating_sub(past_birthday.days()))
}

/// How much likelier than the average adult somebody of this age is to be negative: the share of the age
/// group among negative people (Serasa, Nov 2025, domain.md §6: 11, 33.4, 35.4, 20 %) over its share of
/// [`PYRAMID`].
pub(crate) fn negative_risk(age: u8) -> f64 {
    match age {
        ..=25 => 0.698,
        26..=40 => 1.091,
        41..=60 => 1.038,
        _ => 1.030,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_person_is_as_old_as_the_day_of_birth_says() {
        for today in [date(2026, 11, 22), date(2024, 2, 29), date(2025, 3, 1), date(2028, 12, 31)] {
            for number in 0..3000 {
                let (age, born) = draw(9, number, today);
                let years = born.until((jiff::Unit::Year, today)).unwrap().get_years();
                assert_eq!(years, i16::from(age), "born {born}, today {today}");
                assert!((18..=104).contains(&age));
            }
        }
    }

    #[test]
    fn risks_reproduce_the_mix_of_negative_people() {
        let ages = PYRAMID.iter().flat_map(|Group(youngest, years, people)| {
            (*youngest..youngest + years).map(move |age| (age, *people as f64 / f64::from(*years)))
        });
        let everybody: f64 = ages.clone().map(|(_, people)| people).sum();
        for (band, published) in [(18..=25, 0.11), (26..=40, 0.334), (41..=60, 0.354), (61..=104, 0.20)] {
            let negative = ages.clone().filter(|(age, _)| band.contains(age));
            let share = negative.map(|(age, people)| people * negative_risk(age)).sum::<f64>() / everybody;
            assert!((share - published).abs() < 0.002, "{band:?}: {share}");
        }
    }
}
