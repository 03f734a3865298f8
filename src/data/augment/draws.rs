//! The chance of one operation on one example: SplitMix64 over (seed, number of the draw).
//!
//! Not a generator of a library: these are few draws of each of many seeds, and they have to be the same ones in every
//! later version.

use crate::util::random::split_mix64;

/// A row of draws that is a function of its seed alone.
pub(super) struct Draws {
    seed: u64,
    taken: u64,
}

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self { seed, taken: 0 }
    }

    fn next(&mut self) -> u64 {
        self.taken += 1;
        split_mix64(self.seed, self.taken)
    }

    /// Evenly in `low..high`; `low` where the two are equal.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        // 53 bits: a whole number of as many is a f64, and never rounded up to 1.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// A whole number in `0..count`, each as likely but for a part of count / 2⁶⁴.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    pub fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_those_of_their_seed() {
        let mut draws = Draws::new(3);
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[draws.below(5)] += 1);
        assert!(counts.iter().all(|count| (1_850..2_150).contains(count)), "{counts:?}");
        let mean = (0..10_000).map(|_| draws.uniform(-1.0, 3.0)).sum::<f64>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.04, "{mean}");
        let of = |seed| {
            let mut draws = Draws::new(seed);
            [(); 3].map(|()| draws.next())
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        assert_eq!(draws.uniform(2.0, 2.0), 2.0);
    }
}
