//! Base A: who is negative, and what is owed.

use crate::{
    ages,
    draws::{Draws, Stream},
    income::Income,
    person::{Debt, reais},
    states::State,
};
use jiff::{ToSpan, civil::Date};

/// A sector that debts come from: its share among a thousand debts, its mean debt in reais, the spread of the
/// logarithm.
struct Sector {
    share: u64,
    mean: f64,
    sigma: f64,
}

/// Shares: Serasa, Jul 2024 (retail 2023), domain.md §6. Means and spreads are assumptions that meet what is
/// published: R$ 1,593 over all debts, utilities between R$ 100 and 600, banks the largest, a spread of 1.2
/// overall.
const SECTORS: [Sector; 5] = [
    // Banks and cards.
    Sector { share: 284, mean: 3277.0, sigma: 1.2 },
    // Utilities: electricity, water, gas.
    Sector { share: 215, mean: 271.0, sigma: 0.45 },
    // Financeiras.
    Sector { share: 178, mean: 2000.0, sigma: 1.1 },
    // Retail.
    Sector { share: 110, mean: 900.0, sigma: 0.9 },
    // Services and telecom: the rest.
    Sector { share: 213, mean: 700.0, sigma: 0.9 },
];

/// Debts of a negative person (Serasa, end of 2025, domain.md §6).
const MEAN_COUNT: f64 = 4.0;

/// Shape of the negative binomial beyond the first debt: an assumption; one in six has a single debt.
const COUNT_SHAPE: u32 = 2;

/// Days after the due date: when a creditor reports at the earliest (an assumption), and a little less than
/// the five years after which nobody may show the debt any more (CDC 43 §1º).
const REPORTED_AFTER: f64 = 20.0;
const SHOWN_UNTIL: f64 = 1800.0;

/// The negative among those who earn less than their state's median, and the others: an assumption.
const POORER_RISK: f64 = 1.15;
const RICHER_RISK: f64 = 0.85;

pub(crate) fn draw(
    seed: u64,
    number: u64,
    state: &State,
    age: u8,
    income: &Income,
    today: Date,
) -> Vec<Debt> {
    let mut draws = Draws::new(seed, number, Stream::Debts);
    if !draws.happens(negative_share(state, age, income)) {
        return Vec::new();
    }
    let count = 1 + draws.negative_binomial(MEAN_COUNT - 1.0, COUNT_SHAPE);
    let mut debts: Vec<_> = (0..count).map(|_| debt(&mut draws, today)).collect();
    debts.sort_by_key(|debt| debt.date);
    debts
}

fn negative_share(state: &State, age: u8, income: &Income) -> f64 {
    let poverty = if income.rank < 0.5 { POORER_RISK } else { RICHER_RISK };
    state.negative_share() * ages::negative_risk(age) * poverty
}

fn debt(draws: &mut Draws, today: Date) -> Debt {
    let sector = draws.weighted(&SECTORS, |sector| sector.share);
    let (value, _) = draws.lognormal_of_mean(sector.mean, sector.sigma);
    // Squared: there are more young debts than old ones, since people pay and settle.
    let part = draws.unit();
    let age = REPORTED_AFTER + (SHOWN_UNTIL - REPORTED_AFTER) * part * part;
    Debt { value: reais(value), date: today.saturating_sub((age as i64).days()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::{exp, ln};

    #[test]
    fn sectors_make_the_published_mean_and_spread() {
        let over_sectors = |of: &dyn Fn(&Sector) -> f64| -> f64 {
            SECTORS.iter().map(|sector| sector.share as f64 / 1000.0 * of(sector)).sum()
        };
        assert_eq!(SECTORS.iter().map(|sector| sector.share).sum::<u64>(), 1000);
        assert!((over_sectors(&|sector| sector.mean) - 1593.0).abs() < 3.0);
        let center = |sector: &Sector| ln(sector.mean) - sector.sigma.powi(2) / 2.0;
        let mean = over_sectors(&center);
        let spread = over_sectors(&|sector| sector.sigma.powi(2) + (center(sector) - mean).powi(2)).sqrt();
        assert!((1.15..1.5).contains(&spread), "{spread}");
        let utility = |deviations: f64| exp(center(&SECTORS[1]) + deviations * SECTORS[1].sigma);
        assert!((95.0..110.0).contains(&utility(-1.96)) && (550.0..610.0).contains(&utility(1.96)));
    }
}
