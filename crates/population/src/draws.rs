//! Chance without a machine behind it: every draw is a hash of (seed, number, stream, place in the stream).

use crate::arithmetic::{exp, ln, normal_quantile};

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the draws are for. Each attribute draws from its own stream, so that one more draw here changes
/// nothing there. The numbers are part of the function: new streams take new ones, old ones are never given
/// again.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Numbering = 1,
    State = 2,
    Age = 3,
    Name = 4,
    Address = 5,
    Income = 6,
    Assets = 7,
    Debts = 8,
    Presence = 9,
    Movements = 10,
    MovementIds = 11,
}

/// One person's draws for one purpose, in order.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64, number: u64, stream: Stream) -> Self {
        let person = key(seed, stream) ^ mix(number.wrapping_add(GAMMA));
        Self(mix(person))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Strictly between 0 and 1: 52 bits and a half, which an `f64` holds without rounding up to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
    }

    /// A whole number from 0 up to and without `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True in this share of the cases.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// One row, each as likely as the others.
    pub(crate) fn pick<'t, T>(&mut self, table: &'t [T]) -> &'t T {
        &table[self.below(table.len() as u64) as usize]
    }

    /// One row, as likely as it weighs.
    pub(crate) fn weighted<'t, T>(&mut self, table: &'t [T], weight: impl Fn(&T) -> u64) -> &'t T {
        let mut left = self.below(table.iter().map(&weight).sum());
        let row = table.iter().find(|row| {
            let weight = weight(row);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        });
        row.unwrap_or(&table[0])
    }

    /// A lognormal amount: half lie below the median, the logarithm spreads by `sigma`.
    pub(crate) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * normal_quantile(self.unit()))
    }

    /// A lognormal amount of which the mean is known, and the share of amounts below it.
    pub(crate) fn lognormal_of_mean(&mut self, mean: f64, sigma: f64) -> (f64, f64) {
        let rank = self.unit();
        (mean * exp(sigma * normal_quantile(rank) - sigma * sigma / 2.0), rank)
    }

    /// A negative binomial count: the sum of `shape` geometric ones. The smaller the shape, the longer the
    /// tail.
    pub(crate) fn negative_binomial(&mut self, mean: f64, shape: u32) -> usize {
        let one = mean / f64::from(shape);
        let slope = 1.0 / ln(one / (1.0 + one));
        (0..shape).map(|_| (ln(self.unit()) * slope) as usize).sum()
    }
}

/// The key of a stream, the same for everybody: for what must not repeat among people.
pub(crate) fn key(seed: u64, stream: Stream) -> u64 {
    mix(mix(seed.wrapping_add(GAMMA)).wrapping_add((stream as u64).wrapping_mul(GAMMA)))
}

/// SplitMix64's last step (Steele, Lea and Flood 2014): a bijection of 64 bits that leaves no trace of order.
pub(crate) fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_people_do_not_follow_each_other() {
        let first = |seed, number, stream| Draws::new(seed, number, stream).next();
        let one = first(1, 1, Stream::Age);
        assert_eq!(one, first(1, 1, Stream::Age));
        for other in [first(2, 1, Stream::Age), first(1, 2, Stream::Age), first(1, 1, Stream::Name)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn counts_and_amounts_have_their_means() {
        let mut draws = Draws::new(7, 0, Stream::Debts);
        let counts: usize = (0..40_000).map(|_| draws.negative_binomial(3.0, 2)).sum();
        assert!((counts as f64 / 40_000.0 - 3.0).abs() < 0.05, "{counts}");
        let below = (0..40_000).filter(|_| draws.lognormal(100.0, 1.0) < 100.0).count();
        assert!(below.abs_diff(20_000) < 400, "{below}");
        let heavy = (0..40_000).filter(|_| *draws.weighted(&[1, 0, 3], |weight| *weight) == 3).count();
        assert!(heavy.abs_diff(30_000) < 400, "{heavy}");
    }
}
