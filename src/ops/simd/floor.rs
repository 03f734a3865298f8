//! What a vector unit does at most, by which the time of a kernel is judged.
//!
//! ```text
//! multiply-adds: s ← s a + b     in registers alone, as many sums at a time as hide how long one takes
//! tanh:          x ← tanh(x)     of numbers in the first cache
//! ```

use super::elementwise::{activate, activated};
use super::{Kernel, Simd, SimdLevel};
use crate::ops::Activation;

/// Sums at a time: a unit begins two operations in each cycle at the most, and none takes more than six cycles.
const SUMS: usize = 12;

/// Multiplies and adds, `rounds` times with each of [`SUMS`] vectors.
struct MultiplyAdds<'a> {
    rounds: usize,
    /// What the sums come to, the same in all lanes.
    sum: &'a mut f32,
    /// Floating-point operations, two for each lane.
    operations: &'a mut f64,
}

/// s ← s / 2 + 1 comes to 2.
const FACTOR_AND_SUMMAND: [f32; 2] = [0.5, 1.0];

impl Kernel for MultiplyAdds<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Not known to the compiler, which would know the sums.
        let [factor, summand] = std::hint::black_box(FACTOR_AND_SUMMAND);
        let (factor, summand) = (s.splat(factor), s.splat(summand));
        let mut sums = [s.splat(0.0); SUMS];
        for _ in 0..self.rounds {
            for i in 0..SUMS {
                sums[i] = s.fma(sums[i], factor, summand);
            }
        }
        let mut total = s.splat(0.0);
        for i in 0..SUMS {
            total = s.add(total, sums[i]);
        }
        let zero = s.splat(0.0);
        *self.sum = s.sums([total, zero, zero, zero])[0] / (SUMS * S::LANES) as f32;
        *self.operations = (2 * self.rounds * SUMS * S::LANES) as f64;
    }

    fn plain(self) {
        let [factor, summand] = std::hint::black_box(FACTOR_AND_SUMMAND);
        let mut sums = [0.0; SUMS];
        for _ in 0..self.rounds {
            sums.iter_mut().for_each(|sum| *sum = *sum * factor + summand);
        }
        *self.sum = sums.iter().sum::<f32>() / SUMS as f32;
        *self.operations = (2 * self.rounds * SUMS) as f64;
    }
}

/// The activation of all values, in place.
struct Tanh<'a>(&'a mut [f32]);

impl Kernel for Tanh<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: all of a slice.
        unsafe { activate(s, Activation::Tanh, self.0.as_mut_ptr(), self.0.len()) }
    }

    fn plain(self) {
        self.0.iter_mut().for_each(|x| *x = activated(Activation::Tanh, *x));
    }
}

impl SimdLevel {
    /// Multiplies and adds `rounds` times in registers; returns how many floating-point operations that were, and what
    /// the sums have come to: 2 after some rounds.
    ///
    /// # Panics
    /// Where the processor lacks the level.
    pub fn multiply_adds(self, rounds: usize) -> (f64, f32) {
        let (mut operations, mut sum) = (0.0, 0.0);
        self.run(MultiplyAdds { rounds, sum: &mut sum, operations: &mut operations });
        (operations, sum)
    }

    /// Replaces `values` by their tanh.
    ///
    /// # Panics
    /// Where the processor lacks the level.
    pub fn tanh(self, values: &mut [f32]) {
        self.run(Tanh(values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_levels_do_the_same() {
        for level in SimdLevel::available() {
            let (operations, sum) = level.multiply_adds(100);
            assert!((sum - 2.0).abs() < 1e-6, "{level:?}: {sum}");
            assert_eq!(operations % (2 * 100 * SUMS) as f64, 0.0, "{level:?}");
            let values: Vec<f32> = (-40..41).map(|i| i as f32 / 4.0).collect();
            let mut tanh = values.clone();
            level.tanh(&mut tanh);
            let near = |(x, y): (&f32, &f32)| (f64::from(*x).tanh() - f64::from(*y)).abs() < 5e-7;
            assert!(values.iter().zip(&tanh).all(near), "{level:?}");
        }
    }
}
