//! From a person's number to a CPF, one to one.
//!
//! The ninth digit is the fiscal region. Each block of a thousand consecutive numbers holds every region
//! exactly as often as its share of the population; the person's rank among all people of the region is then
//! shuffled over the region's eight-digit sequences. Nothing is stored.

use crate::draws::{Stream, key, mix};
use ficha_domain::Cpf;

/// People of each fiscal region (the ninth digit) among a thousand: the 2022 census (IBGE; 203,080,756
/// people, summed from [`STATES`](crate::states::STATES)), rounded by largest remainder so that they make a
/// thousand.
const PER_THOUSAND: [u64; 10] = [53, 88, 78, 93, 96, 80, 101, 98, 219, 94];

/// Coprime to a thousand: neighbours in number live in different regions.
const STRIDE: u64 = 617;

/// Sequences of a region: 00000000 to 99999999 without the one that would repeat the region's digit
/// throughout.
const SEQUENCES: u64 = 99_999_999;

/// Distinct numbers: whole blocks until the largest region runs out of sequences.
pub(crate) const CAPACITY: u64 = SEQUENCES / 219 * 1000;

/// The CPF of the person with this number, and its fiscal region.
pub(crate) fn cpf(seed: u64, number: u64) -> (Cpf, u8) {
    let (region, index) = rank(number % CAPACITY);
    let sequence = permute(key(seed, Stream::Numbering).wrapping_add(region), index);
    let repeated = region * 11_111_111;
    let sequence = if sequence < repeated { sequence } else { sequence + 1 };
    let Some(cpf) = Cpf::from_base(sequence * 10 + region) else {
        unreachable!("eight digits and a region make nine")
    };
    (cpf, region as u8)
}

/// The region of this number, and how many smaller numbers (in the order of slots) are of the same region.
fn rank(number: u64) -> (u64, u64) {
    let block = number / 1000;
    let mut slot = number % 1000 * STRIDE % 1000;
    let mut region = 0;
    while slot >= PER_THOUSAND[region] {
        slot -= PER_THOUSAND[region];
        region += 1;
    }
    (region as u64, block * PER_THOUSAND[region] + slot)
}

/// A bijection of 0..[`SEQUENCES`]. The Feistel network covers one value more; whoever lands on it walks on.
fn permute(key: u64, mut index: u64) -> u64 {
    loop {
        index = feistel(key, index);
        if index < SEQUENCES {
            return index;
        }
    }
}

/// Six rounds over two halves of four decimal digits: a bijection of eight digits, whatever the rounds mix
/// in.
fn feistel(key: u64, index: u64) -> u64 {
    const HALF: u64 = 10_000;
    let (mut left, mut right) = (index / HALF, index % HALF);
    for round in 0..6 {
        (left, right) = (right, (left + mix(key ^ (right << 8 | round)) % HALF) % HALF);
    }
    left * HALF + right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::STATES;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn regions_have_the_census_shares() {
        assert_eq!(PER_THOUSAND.iter().sum::<u64>(), 1000);
        assert_eq!(PER_THOUSAND.iter().max(), Some(&219));
        let everybody: u64 = STATES.iter().map(|state| state.people).sum();
        assert_eq!(everybody, 203_080_756);
        for (region, share) in PER_THOUSAND.iter().enumerate() {
            let people = STATES.iter().filter(|state| usize::from(state.region) == region);
            let exact = people.map(|state| state.people).sum::<u64>() as f64 * 1000.0 / everybody as f64;
            assert!((exact - *share as f64).abs() < 1.0, "region {region}");
        }
    }

    #[test]
    fn every_block_holds_the_shares_exactly() {
        for block in [0, 1, 219_999, 456_620] {
            let mut counts = [0; 10];
            (block * 1000..(block + 1) * 1000).for_each(|number| counts[usize::from(cpf(5, number).1)] += 1);
            assert_eq!(counts, PER_THOUSAND);
        }
    }

    #[test]
    fn nobody_shares_a_cpf() {
        let ranges =
            [0..200_000, 109_000_000..109_100_000, 219_900_000..220_000_000, CAPACITY - 50_000..CAPACITY];
        let mut seen = HashSet::new();
        for number in ranges.into_iter().flatten() {
            let (cpf, region) = cpf(42, number);
            assert!(seen.insert(cpf), "{number}");
            assert_eq!(cpf.as_u64() / 100 % 10, u64::from(region));
        }
    }

    #[test]
    fn the_last_sequences_stay_within_eight_digits() {
        assert_eq!(CAPACITY, 456_621_000);
        let ranks = (CAPACITY - 1000..CAPACITY).map(rank).filter(|(region, _)| *region == 8);
        assert_eq!(ranks.map(|(_, index)| index).max(), Some(SEQUENCES - 1));
    }

    proptest! {
        #[test]
        fn every_cpf_is_valid(seed: u64, number in 0..CAPACITY) {
            prop_assert!(cpf_cnpj::cpf::validate(&cpf(seed, number).0.to_string()));
        }

        #[test]
        fn different_numbers_have_different_cpfs(
            seed: u64,
            one in 0..220_000_000_u64,
            other in 0..220_000_000_u64,
        ) {
            prop_assert_eq!(one == other, cpf(seed, one).0 == cpf(seed, other).0);
        }

        #[test]
        fn any_number_at_all_has_an_answer(seed: u64, number: u64) {
            prop_assert!(cpf(seed, number).1 < 10);
        }
    }
}
