//! What the score needs of a person, kept beside the ready JSON so that nothing is parsed to answer.

use ficha_contract::wire::{ScorePerson, Valued};
use ficha_domain::Money;
use jiff::{Timestamp, civil::Date, tz::Offset};

/// What base B holds of a person, in numbers. All of it is derived from the person's own JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Day of birth, in UTC.
    pub(crate) born: Option<Date>,
    /// What all sources pay a month; `None` without sources.
    pub(crate) income_cents: Option<i64>,
    pub(crate) income_sources: u16,
    /// What all assets are worth; `None` without assets.
    pub(crate) patrimony_cents: Option<i64>,
    pub(crate) patrimonies: u16,
}

impl Facts {
    pub(crate) fn of(person: &ScorePerson) -> Self {
        Self {
            born: person.date_birth.map(utc_day),
            income_cents: total_cents(&person.sources_income),
            income_sources: count(&person.sources_income),
            patrimony_cents: total_cents(&person.patrimonies),
            patrimonies: count(&person.patrimonies),
        }
    }

    /// Age in full years on this day, where the birth is known.
    pub(crate) fn age(&self, day: Date) -> Option<i64> {
        self.born.map(|born| full_years(born, day))
    }
}

/// The day in UTC: base B keeps instants, as the seed does, and a birth has no zone of its own.
pub(crate) fn utc_day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// Years completed on this day. Who was born on 29 February completes them on 1 March where there is no 29th: terms
/// of years end on the day of the same number, or on the next where there is none (Código Civil, art. 132 § 3º).
/// A birth that is still to come is age 0.
fn full_years(born: Date, day: Date) -> i64 {
    let before_birthday = (day.month(), day.day()) < (born.month(), born.day());
    (i64::from(day.year()) - i64::from(born.year()) - i64::from(before_birthday)).max(0)
}

fn total_cents(items: &[Valued]) -> Option<i64> {
    let total: Money = items.iter().map(|item| item.value).sum();
    (!items.is_empty()).then_some(total.cents())
}

/// Never cut in practice: validation bounds the lists far below.
fn count(items: &[Valued]) -> u16 {
    u16::try_from(items.len()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_year_is_full_on_the_birthday_and_not_before() {
        for (born, day, years) in [
            (date(2000, 5, 10), date(2018, 5, 9), 17),
            (date(2000, 5, 10), date(2018, 5, 10), 18),
            (date(2000, 12, 31), date(2001, 1, 1), 0),
            (date(2000, 1, 1), date(2000, 12, 31), 0),
            (date(1900, 1, 1), date(2026, 11, 22), 126),
            (date(2030, 1, 1), date(2026, 11, 22), 0),
        ] {
            assert_eq!(full_years(born, day), years, "{born} on {day}");
        }
    }

    #[test]
    fn a_leap_days_child_completes_years_on_the_first_of_march() {
        let born = date(2008, 2, 29);
        for (day, years) in [
            (date(2026, 2, 28), 17),
            (date(2026, 3, 1), 18),
            (date(2028, 2, 28), 19),
            (date(2028, 2, 29), 20),
            (date(2100, 2, 28), 91),
            (date(2100, 3, 1), 92),
        ] {
            assert_eq!(full_years(born, day), years, "{day}");
        }
    }

    #[test]
    fn the_day_is_that_of_utc() {
        let late_in_brasilia: Timestamp = "1980-05-10T22:00:00-03:00".parse().unwrap();
        assert_eq!(utc_day(late_in_brasilia), date(1980, 5, 11));
        assert_eq!(utc_day("1969-12-31T23:59:59.999999Z".parse().unwrap()), date(1969, 12, 31));
    }
}
