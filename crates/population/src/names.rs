//! Invented names: a first name and two surnames of crate `fake`'s Brazilian lists, each as likely as the
//! others.

use crate::draws::{Draws, Stream};
use fake::locales::{Data, PT_BR};

const FIRST: &[&str] = PT_BR::NAME_FIRST_NAME;
const LAST: &[&str] = PT_BR::NAME_LAST_NAME;

pub(crate) fn draw(seed: u64, number: u64) -> String {
    let mut draws = Draws::new(seed, number, Stream::Name);
    let first = *draws.pick(FIRST);
    let mother = draws.below(LAST.len() as u64) as usize;
    // The rest of the list, so that nobody has the same surname twice.
    let father = (mother + 1 + draws.below(LAST.len() as u64 - 1) as usize) % LAST.len();
    [first, surname(mother), surname(father)].join(" ")
}

/// The list has one name with a quotation mark where the apostrophe belongs.
fn surname(at: usize) -> &'static str {
    if LAST[at].contains('"') { "D'Ávila" } else { LAST[at] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters() {
        for number in 0..5000 {
            let name = draw(1, number);
            assert!(name.chars().all(|letter| letter.is_alphabetic() || " '".contains(letter)), "{name}");
            assert!(name.split(' ').count() >= 3, "{name}");
        }
    }
}
