//! Base B: what people own. It grows with age and with income; a good quarter owns nothing.

use crate::{
    arithmetic::whole,
    draws::{Draws, Stream},
    income::Income,
    person::{Item, reais},
};

/// A kind of possession. All figures are assumptions.
struct Kind {
    description: &'static str,
    /// Share of owners at 18 among the poorest; below zero, they begin later.
    share: f64,
    /// What each year of life adds to the share, up to 65.
    per_year: f64,
    /// What the way from the poorest to the richest adds to the share.
    per_rank: f64,
    /// Worth in reais of half of them, at the country's median income.
    median: f64,
    /// How the worth follows income: 1 in proportion, 0 not at all.
    elasticity: f64,
    /// Spread of the logarithm of the worth.
    sigma: f64,
}

const KINDS: [Kind; 10] = [
    kind("Casa própria", [0.0, 0.009, 0.15], [210_000.0, 0.5, 0.5]),
    kind("Apartamento", [-0.05, 0.003, 0.25], [320_000.0, 0.5, 0.45]),
    kind("Terreno", [0.0, 0.002, 0.05], [80_000.0, 0.4, 0.6]),
    kind("Chácara", [-0.1, 0.002, 0.1], [150_000.0, 0.4, 0.6]),
    kind("Automóvel", [0.02, 0.003, 0.4], [45_000.0, 0.4, 0.5]),
    kind("Motocicleta", [0.15, -0.001, 0.0], [12_000.0, 0.1, 0.4]),
    kind("Caderneta de poupança", [0.1, 0.002, 0.1], [3500.0, 0.8, 1.2]),
    kind("Aplicação em renda fixa (CDB)", [-0.15, 0.002, 0.4], [15_000.0, 1.0, 1.2]),
    kind("Ações e fundos imobiliários", [-0.25, 0.0, 0.4], [12_000.0, 1.0, 1.2]),
    kind("Previdência privada (VGBL)", [-0.2, 0.002, 0.3], [25_000.0, 0.9, 1.0]),
];

const fn kind(description: &'static str, owners: [f64; 3], worth: [f64; 3]) -> Kind {
    let [share, per_year, per_rank] = owners;
    let [median, elasticity, sigma] = worth;
    Kind { description, share, per_year, per_rank, median, elasticity, sigma }
}

pub(crate) fn draw(seed: u64, number: u64, age: u8, income: &Income) -> Vec<Item> {
    let mut draws = Draws::new(seed, number, Stream::Assets);
    let years = f64::from(age.min(65) - 18);
    let mut items = Vec::new();
    for kind in &KINDS {
        if draws.happens(kind.share + kind.per_year * years + kind.per_rank * income.rank) {
            let worth = draws.lognormal(kind.median, kind.sigma) * income.times(kind.elasticity);
            items.push(Item { value: reais(round(worth)), description: kind.description });
        }
    }
    items
}

/// People declare round figures: hundreds of reais, thousands above a hundred thousand.
fn round(worth: f64) -> f64 {
    let step = if worth < 1000.0 {
        10.0
    } else if worth < 100_000.0 {
        100.0
    } else {
        1000.0
    };
    whole(worth / step) as f64 * step
}
