//! Invented addresses: real cities and postal areas, streets and numbers out of a hat, and a mark that says
//! so.

use crate::{
    draws::{Draws, Stream},
    states::State,
};
use std::fmt::Write;

/// What ends every address, so that nobody takes a synthetic person for a real one.
pub(crate) const MARK: &str = " (dados sintéticos)";

/// Two in three are streets.
const KINDS: [&str; 6] = ["Rua", "Rua", "Rua", "Rua", "Avenida", "Travessa"];

const STREETS: [&str; 32] = [
    "Barão do Rio Branco",
    "Castro Alves",
    "Cecília Meireles",
    "Dom Pedro II",
    "Duque de Caxias",
    "José Bonifácio",
    "Machado de Assis",
    "Marechal Deodoro",
    "Monteiro Lobato",
    "Nossa Senhora Aparecida",
    "Primeiro de Maio",
    "Princesa Isabel",
    "Quinze de Novembro",
    "Rui Barbosa",
    "Santa Luzia",
    "Santos Dumont",
    "Sete de Setembro",
    "São João",
    "Tiradentes",
    "Vinte e Um de Abril",
    "da Esperança",
    "da Liberdade",
    "da Matriz",
    "das Acácias",
    "das Flores",
    "das Mangueiras",
    "das Palmeiras",
    "do Comércio",
    "do Sol",
    "dos Bandeirantes",
    "dos Ipês",
    "dos Pescadores",
];

const QUARTERS: [&str; 18] = [
    "Alto da Colina",
    "Bela Vista",
    "Boa Vista",
    "Centro",
    "Cidade Nova",
    "Jardim América",
    "Jardim das Flores",
    "Jardim Primavera",
    "Nova Esperança",
    "Parque Industrial",
    "Planalto",
    "Santa Rita",
    "Santo Antônio",
    "São Francisco",
    "São José",
    "Vila Esperança",
    "Vila Nova",
    "Vila São Jorge",
];

pub(crate) fn draw(seed: u64, number: u64, state: &State) -> String {
    let mut draws = Draws::new(seed, number, Stream::Address);
    let mut address = String::with_capacity(128);
    let (kind, street, house) = (draws.pick(&KINDS), draws.pick(&STREETS), 1 + draws.below(2999));
    // Writing to a text cannot fail.
    let _ = write!(address, "{kind} {street}, {house}");
    if draws.happens(0.25) {
        let _ = write!(address, ", apto {}{}", 1 + draws.below(15), 1 + draws.below(4));
    }
    let (quarter, city) = (draws.pick(&QUARTERS), draws.pick(state.cities));
    let (first, last) = state.postal_codes;
    let (area, rest) = (first + draws.below(last - first + 1), draws.below(1000));
    let _ = write!(address, ", {quarter}, {city} - {}, {area:05}-{rest:03}{MARK}", state.code);
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::STATES;

    #[test]
    fn every_address_is_marked_and_names_its_state() {
        for (number, state) in (0..).zip(&STATES) {
            let address = draw(4, number, state);
            assert!(address.ends_with(" (dados sintéticos)"), "{address}");
            assert!(address.contains(&format!(" - {}, ", state.code)), "{address}");
        }
    }
}
