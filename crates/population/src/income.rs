//! Base B: what comes in a month, and from where.

use crate::{
    arithmetic::{exp, ln},
    draws::{Draws, Stream},
    person::{Item, reais},
    states::State,
};
use ficha_domain::Money;
use std::ops::RangeInclusive;

/// Spread of the logarithm of income within a state. With the spread among states (0.31) it makes the
/// country's 0.97 of domain.md §6, and a median near R$ 1,450.
const SIGMA: f64 = 0.92;

/// The country's median, in reais a month: what amounts elsewhere are relative to.
pub(crate) const MEDIAN: f64 = 1450.0;

/// Share of people with a second source: an assumption.
const SECOND_SHARE: f64 = 0.18;

/// What a person earns.
pub(crate) struct Income {
    /// Reais a month.
    pub(crate) monthly: f64,
    /// Which share of the state earns less, 0 to 1.
    pub(crate) rank: f64,
    /// Where it comes from; adds up to `monthly`.
    pub(crate) sources: Vec<Item>,
}

/// A source: who may have it, by age and by reais a month, and its weight among those.
struct Source(&'static str, RangeInclusive<u8>, RangeInclusive<f64>, u64);

/// Assumptions, near what IBGE publishes of occupations and benefits.
const MAIN: [Source; 10] = [
    Source("Salário", 18..=67, 900.0..=f64::MAX, 60),
    Source("Vencimentos do serviço público", 21..=70, 1500.0..=f64::MAX, 10),
    Source("Trabalho autônomo", 18..=75, 300.0..=f64::MAX, 14),
    Source("Faturamento como MEI", 18..=75, 500.0..=f64::MAX, 8),
    Source("Pró-labore", 25..=75, 3000.0..=f64::MAX, 5),
    Source("Bolsa Família", 18..=60, 0.0..=700.0, 30),
    Source("Diárias e bicos", 18..=70, 0.0..=1200.0, 20),
    Source("Aposentadoria do INSS", 62..=u8::MAX, 0.0..=f64::MAX, 120),
    Source("Pensão por morte", 40..=u8::MAX, 0.0..=f64::MAX, 6),
    Source("Benefício de Prestação Continuada (BPC)", 65..=u8::MAX, 0.0..=1700.0, 20),
];

/// Assumptions.
const SECOND: [Source; 6] = [
    Source("Transporte por aplicativo", 18..=70, 0.0..=5000.0, 30),
    Source("Pensão alimentícia", 18..=60, 0.0..=f64::MAX, 20),
    Source("Comissões", 18..=70, 900.0..=f64::MAX, 20),
    Source("Aulas particulares", 18..=75, 600.0..=f64::MAX, 15),
    Source("Aluguel de imóvel", 35..=u8::MAX, 1500.0..=f64::MAX, 30),
    Source("Venda de artesanato", 18..=u8::MAX, 0.0..=3000.0, 15),
];

impl Income {
    pub(crate) fn draw(seed: u64, number: u64, state: &State, age: u8) -> Self {
        let mut draws = Draws::new(seed, number, Stream::Income);
        let (monthly, rank) = draws.lognormal_of_mean(state.mean_income, SIGMA);
        let sources = sources(&mut draws, age, monthly);
        Self { monthly, rank, sources }
    }

    /// How many times the country's median this is, to this power: what something costs those who earn more.
    pub(crate) fn times(&self, elasticity: f64) -> f64 {
        exp(elasticity * ln(self.monthly / MEDIAN))
    }
}

fn sources(draws: &mut Draws, age: u8, monthly: f64) -> Vec<Item> {
    let weight = |source: &Source| source.weight(age, monthly);
    let main = draws.weighted(&MAIN, weight).0;
    let total = reais(monthly);
    if !draws.happens(SECOND_SHARE) {
        return vec![Item { value: total, description: main }];
    }
    let second = reais(monthly * (0.1 + 0.2 * draws.unit()));
    let rest = Money::from_cents(total.cents() - second.cents()).unwrap_or_default();
    let description = draws.weighted(&SECOND, weight).0;
    vec![Item { value: rest, description: main }, Item { value: second, description }]
}

impl Source {
    fn weight(&self, age: u8, monthly: f64) -> u64 {
        let Self(_, ages, amounts, weight) = self;
        if ages.contains(&age) && amounts.contains(&monthly) { *weight } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::STATES;

    #[test]
    fn sources_add_up_and_fit() {
        for number in 0..5000 {
            let age = 18 + (number % 80) as u8;
            let income = Income::draw(2, number, &STATES[number as usize % 27], age);
            let total: Money = income.sources.iter().map(|source| source.value).sum();
            assert_eq!(total, reais(income.monthly));
            for source in &income.sources {
                let row = MAIN.iter().chain(&SECOND).find(|row| row.0 == source.description).unwrap();
                assert!(row.weight(age, income.monthly) > 0, "{}", row.0);
            }
        }
    }
}
