//! The 27 states (UF): how many live there, what they earn, how many are negative, what their addresses look
//! like.

use crate::draws::{Draws, Stream};

/// A state and what its people draw from.
pub(crate) struct State {
    /// Two letters.
    pub(crate) code: &'static str,
    /// The ninth digit of the CPFs first registered there.
    pub(crate) region: u8,
    /// Inhabitants.
    pub(crate) people: u64,
    /// Mean monthly income in reais, household per head.
    pub(crate) mean_income: f64,
    /// The first five digits of its postal codes (CEP), from and to.
    pub(crate) postal_codes: (u64, u64),
    /// A few cities.
    pub(crate) cities: &'static [&'static str],
}

/// Regions of the ninth digit: domain.md §1 (Receita Federal).
///
/// People: census of 2022, IBGE, from memory; they sum to the published 203,080,756.
///
/// Income: IBGE, PNAD Contínua 2025 for DF, SP, RS, SC, RJ, MA and CE (correiobraziliense.com.br 2026-02-27).
/// Of the others only 2024 was at hand (portoferreirahoje.com.br ?p=56515): times 1.1205, with which the mean
/// over all people is the published R$ 2,316.
///
/// Postal codes: the Correios' ranges, from memory; DF, GO and AM have a second one that is left out.
pub(crate) static STATES: [State; 27] = [
    row("RS", 0, 10_882_965, 2839.0, (90_000, 99_999), &["Porto Alegre", "Caxias do Sul", "Pelotas"]),
    row("DF", 1, 2_817_381, 4538.0, (70_000, 72_799), &["Brasília", "Ceilândia", "Taguatinga"]),
    row("GO", 1, 7_056_495, 2351.0, (73_700, 76_799), &["Goiânia", "Anápolis", "Rio Verde"]),
    row("MS", 1, 2_757_013, 2430.0, (79_000, 79_999), &["Campo Grande", "Dourados", "Corumbá"]),
    row("MT", 1, 3_658_649, 2550.0, (78_000, 78_899), &["Cuiabá", "Rondonópolis", "Sinop"]),
    row("TO", 1, 1_511_460, 1946.0, (77_000, 77_999), &["Palmas", "Araguaína", "Gurupi"]),
    row("AC", 2, 830_018, 1424.0, (69_900, 69_999), &["Rio Branco", "Cruzeiro do Sul"]),
    row("AM", 2, 3_941_613, 1387.0, (69_000, 69_299), &["Manaus", "Parintins", "Itacoatiara"]),
    row("AP", 2, 733_759, 1696.0, (68_900, 68_999), &["Macapá", "Santana"]),
    row("PA", 2, 8_120_131, 1506.0, (66_000, 68_899), &["Belém", "Santarém", "Marabá"]),
    row("RO", 2, 1_581_196, 1924.0, (76_800, 76_999), &["Porto Velho", "Ji-Paraná", "Ariquemes"]),
    row("RR", 2, 636_707, 1723.0, (69_300, 69_399), &["Boa Vista", "Rorainópolis"]),
    row("CE", 3, 8_794_957, 1390.0, (60_000, 63_999), &["Fortaleza", "Juazeiro do Norte", "Sobral"]),
    row("MA", 3, 6_776_699, 1219.0, (65_000, 65_999), &["São Luís", "Imperatriz", "Caxias"]),
    row("PI", 3, 3_271_199, 1513.0, (64_000, 64_999), &["Teresina", "Parnaíba", "Picos"]),
    row("AL", 4, 3_127_683, 1491.0, (57_000, 57_999), &["Maceió", "Arapiraca"]),
    row("PB", 4, 3_974_687, 1570.0, (58_000, 58_999), &["João Pessoa", "Campina Grande", "Patos"]),
    row("PE", 4, 9_058_931, 1628.0, (50_000, 56_999), &["Recife", "Caruaru", "Petrolina"]),
    row("RN", 4, 3_302_729, 1811.0, (59_000, 59_999), &["Natal", "Mossoró", "Caicó"]),
    row("BA", 5, 14_141_626, 1531.0, (40_000, 48_999), &["Salvador", "Feira de Santana", "Ilhéus"]),
    row("SE", 5, 2_210_004, 1651.0, (49_000, 49_999), &["Aracaju", "Itabaiana"]),
    row("MG", 6, 20_539_989, 2242.0, (30_000, 39_999), &["Belo Horizonte", "Uberlândia", "Juiz de Fora"]),
    row("ES", 7, 3_833_712, 2365.0, (29_000, 29_999), &["Vitória", "Vila Velha", "Colatina"]),
    row("RJ", 7, 16_055_174, 2794.0, (20_000, 28_999), &["Rio de Janeiro", "Niterói", "Volta Redonda"]),
    row("SP", 8, 44_411_238, 2956.0, (1_000, 19_999), &["São Paulo", "Campinas", "Ribeirão Preto"]),
    row("PR", 9, 11_444_380, 2781.0, (80_000, 87_999), &["Curitiba", "Londrina", "Maringá"]),
    row("SC", 9, 7_610_361, 2809.0, (88_000, 89_999), &["Florianópolis", "Joinville", "Chapecó"]),
];

const fn row(
    code: &'static str,
    region: u8,
    people: u64,
    mean_income: f64,
    postal_codes: (u64, u64),
    cities: &'static [&'static str],
) -> State {
    State { code, region, people, mean_income, postal_codes, cities }
}

impl State {
    /// The state of a person of this fiscal region.
    pub(crate) fn draw(seed: u64, number: u64, region: u8) -> &'static Self {
        let within = |state: &Self| if state.region == region { state.people } else { 0 };
        Draws::new(seed, number, Stream::State).weighted(&STATES, within)
    }

    /// Share of the state's adults who are negative: domain.md §6 (Serasa) where it names the state; the
    /// others such that the country has 49.7 %.
    pub(crate) fn negative_share(&self) -> f64 {
        match self.code {
            "AP" => 0.609,
            "DF" => 0.578,
            "RJ" => 0.527,
            "AM" => 0.503,
            "PI" => 0.362,
            _ => 0.495,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(of: impl Fn(&State) -> f64) -> f64 {
        STATES.iter().map(|state| of(state) * state.people as f64).sum::<f64>() / 203_080_756.0
    }

    #[test]
    fn the_country_has_the_published_means() {
        assert!((mean(State::negative_share) - 0.497).abs() < 0.0005);
        assert!((mean(|state| state.mean_income) - 2316.0).abs() < 1.0);
    }

    #[test]
    fn everybody_lives_in_his_region() {
        for number in 0..2000 {
            let region = (number % 10) as u8;
            assert_eq!(State::draw(3, number, region).region, region);
        }
    }
}
