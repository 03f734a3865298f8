//! Codes c `[images, numbers]` of images, and codes that are made of them.
//!
//! ```text
//! between two:        c_0 + t (c_1 - c_0)                        t from 0 to 1
//! the Gaussian:       m + Σ_i ε_i (c_i - m) / √(n - 1)           ε of the standard normal, m the mean
//! words at places:    at each place the vector of an image i, drawn for that place
//! distance:           ‖c_i - c_j‖
//! ```
//!
//! A draw of the Gaussian has the mean and the whole covariance of the codes: E[(Σ ε_i (c_i - m)) (Σ ε_i (c_i - m))ᵀ] =
//! Σ (c_i - m) (c_i - m)ᵀ. The words at a place have the frequencies that they have there, whatever stands beside them.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// Codes of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// `[images, numbers]`.
    values: Vec<f32>,
    /// In a code.
    numbers: usize,
}

impl Codes {
    /// Of `values` `[images, numbers]`.
    ///
    /// # Panics
    /// When they are no whole codes, or there is none.
    pub fn new(values: Vec<f32>, numbers: usize) -> Self {
        assert!(numbers > 0 && !values.is_empty() && values.len().is_multiple_of(numbers));
        Self { values, numbers }
    }

    /// How many numbers a code has.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len() / self.numbers
    }

    /// That of the image `at`.
    ///
    /// # Panics
    /// When there is none.
    pub fn of(&self, at: usize) -> &[f32] {
        &self.values[at * self.numbers..][..self.numbers]
    }

    fn all(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.numbers)
    }

    /// The mean of each number.
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.numbers];
        for code in self.all() {
            sums.iter_mut().zip(code).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        sums.into_iter().map(|sum| sum / self.count() as f64).collect()
    }

    /// The standard deviation of each number, 0 of a single code.
    pub fn deviations(&self) -> Vec<f64> {
        let (means, mut squares) = (self.means(), vec![0.0; self.numbers]);
        for code in self.all() {
            for ((sum, value), mean) in squares.iter_mut().zip(code).zip(&means) {
                *sum += (f64::from(*value) - mean).powi(2);
            }
        }
        let degrees = self.count().saturating_sub(1).max(1) as f64;
        squares.into_iter().map(|sum| (sum / degrees).sqrt()).collect()
    }

    /// `steps` codes from that of the image `from` to that of the image `to`, both among them: `[steps, numbers]`.
    pub fn between(&self, from: usize, to: usize, steps: usize) -> Vec<f32> {
        let share = |step: usize| step as f32 / (steps.max(2) - 1) as f32;
        let pairs = || self.of(from).iter().zip(self.of(to));
        // At its ends it is the codes themselves, to the last bit.
        let step = |t: f32| pairs().map(move |(one, other)| one * (1.0 - t) + other * t);
        (0..steps).flat_map(|number| step(share(number))).collect()
    }

    /// `count` draws from the Gaussian of their mean and covariance: `[count, numbers]`.
    pub fn draw_gaussian(&self, count: usize, seed: u64) -> Vec<f32> {
        let (means, mut rng) = (self.means(), ChaCha8Rng::seed_from_u64(seed));
        let scale = 1.0 / (self.count().saturating_sub(1).max(1) as f64).sqrt();
        let mut drawn = Vec::with_capacity(count * self.numbers);
        for _ in 0..count {
            let mut sample = means.clone();
            for code in self.all() {
                let weight: f64 = StandardNormal.sample(&mut rng);
                for ((sum, value), mean) in sample.iter_mut().zip(code).zip(&means) {
                    *sum += weight * scale * (f64::from(*value) - mean);
                }
            }
            drawn.extend(sample.into_iter().map(|value| value as f32));
        }
        drawn
    }

    /// `count` codes whose vectors of `width` numbers are, each at its place, that of an image drawn for it alone:
    /// `[count, numbers]`.
    ///
    /// # Panics
    /// When a code is no row of such vectors.
    pub fn draw_words(&self, width: usize, count: usize, seed: u64) -> Vec<f32> {
        assert!(width > 0 && self.numbers.is_multiple_of(width), "{} by {width}", self.numbers);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut drawn = Vec::with_capacity(count * self.numbers);
        for _ in 0..count {
            for place in (0..self.numbers).step_by(width) {
                let image = rng.random_range(0..self.count());
                drawn.extend_from_slice(&self.of(image)[place..place + width]);
            }
        }
        drawn
    }

    /// The `count` codes that are nearest to `code`, the nearest first, and how far they are; that of the image
    /// `without` is none of them.
    pub fn nearest(&self, code: &[f32], without: Option<usize>, count: usize) -> Vec<(usize, f64)> {
        let distance = |other: &[f32]| {
            let squares = code.iter().zip(other).map(|(a, b)| f64::from(a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let others = self.all().enumerate().filter(|(at, _)| Some(*at) != without);
        let mut ranked: Vec<_> = others.map(|(at, other)| (at, distance(other))).collect();
        // Stable: of equally near ones the first comes first.
        ranked.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        ranked.truncate(count);
        ranked
    }
}

/// `count` codes of the standard normal distribution: `[count, numbers]`.
pub fn draw_standard_normal(numbers: usize, count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count * numbers).map(|_| StandardNormal.sample(&mut rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four codes of two numbers, which go together.
    fn codes() -> Codes {
        Codes::new(vec![0.0, 1.0, 2.0, 5.0, 4.0, 9.0, 6.0, 13.0], 2)
    }

    #[test]
    fn spread_by_hand() {
        assert_eq!(codes().means(), [3.0, 7.0]);
        let squares = codes().deviations().into_iter().map(|deviation| deviation.powi(2));
        let expected = [20.0 / 3.0, 80.0 / 3.0];
        assert!(squares.zip(expected).all(|(own, theirs)| (own - theirs).abs() < 1e-12));
        let one = Codes::new(vec![1.0, 2.0], 2);
        assert_eq!((one.deviations(), one.draw_gaussian(1, 1)), (vec![0.0; 2], vec![1.0, 2.0]));
    }

    #[test]
    fn both_ends_are_the_codes_themselves() {
        let steps = codes().between(0, 3, 4);
        assert_eq!(steps, [0.0, 1.0, 2.0, 5.0, 4.0, 9.0, 6.0, 13.0]);
        assert_eq!(codes().between(1, 0, 1), [2.0, 5.0]);
    }

    /// Moments of 20,000 draws, four deviations around what they should be; what is not in the codes is in no draw.
    #[test]
    fn draws_have_mean_and_covariance_of_the_codes() {
        let n = 20_000;
        let drawn = Codes::new(codes().draw_gaussian(n, 1), 2);
        let near = |own: f64, theirs: f64, deviation: f64| {
            assert!((own - theirs).abs() < 4.0 * deviation / (n as f64).sqrt(), "{own} {theirs}");
        };
        for ((mean, deviation), (own, spread)) in codes()
            .means()
            .into_iter()
            .zip(codes().deviations())
            .zip(drawn.means().into_iter().zip(drawn.deviations()))
        {
            near(own, mean, deviation);
            near(spread, deviation, deviation);
        }
        // c_1 = 2 c_0 + 1 in all of them.
        assert!(drawn.all().all(|code| (code[1] - 2.0 * code[0] - 1.0).abs() < 1e-4));
        assert_eq!(codes().draw_gaussian(3, 1), codes().draw_gaussian(3, 1));
        assert_ne!(codes().draw_gaussian(3, 1), codes().draw_gaussian(3, 2));
        let normal = Codes::new(draw_standard_normal(1, n, 3), 1);
        near(normal.means()[0], 0.0, 1.0);
        near(normal.deviations()[0], 1.0, 1.0);
    }

    /// Each word has its frequency at its place, and words of two places do not go together.
    #[test]
    fn words_have_the_frequencies_of_their_places() {
        // Two places of two numbers: the first has twice the word (1, 1), the second three words.
        let codes = Codes::new(vec![1., 1., 7., 7., 1., 1., 8., 8., 2., 2., 9., 9.], 4);
        let n = 9000;
        let drawn = codes.draw_words(2, n, 1);
        let share = |wanted: &dyn Fn(&[f32]) -> bool| {
            drawn.chunks_exact(4).filter(|code| wanted(code)).count() as f64 / n as f64
        };
        let near = |share: f64, p: f64| (share - p).abs() < 4.0 * (p * (1.0 - p) / n as f64).sqrt();
        assert!(near(share(&|code| code[..2] == [1.0, 1.0]), 2.0 / 3.0));
        assert!(near(share(&|code| code[2..] == [9.0, 9.0]), 1.0 / 3.0));
        assert!(near(share(&|code| code[0] == 1.0 && code[2] == 9.0), 2.0 / 9.0));
        assert!(drawn.chunks_exact(2).all(|word| word[0] == word[1]));
    }

    #[test]
    fn the_nearest_come_first() {
        let near = codes().nearest(&[2.0, 5.0], Some(1), 2);
        assert_eq!(near, [(0, 20f64.sqrt()), (2, 20f64.sqrt())]);
        assert_eq!(codes().nearest(&[2.0, 5.0], None, 1), [(1, 0.0)]);
        assert_eq!(codes().nearest(&[0.0, 0.0], None, 9).len(), 4);
    }
}
