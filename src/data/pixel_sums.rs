//! Mean and deviation of the pixels of a split, for each channel.
//!
//! ```text
//! mean μ = Σ x / n    deviation σ = √(n Σ x² - (Σ x)²) / n    x bytes, of all images
//! ```
//!
//! as NumPy's `mean` and `std`. Both sums are of whole numbers and exact: no order of the images or the threads changes
//! them, and only the last division and the root are rounded.

use anyhow::Result;
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::Examples;
use super::store::bar;

/// Σ x and Σ x² of each channel.
pub struct PixelSums {
    /// Of values below 256 no sum of as many as a disk holds reaches 2¹²⁸.
    sums: Vec<[u128; 2]>,
    /// Pixels of a channel, of all images.
    n: u128,
}

impl PixelSums {
    /// Of all pixels of `examples`; how far it is, is shown as `what` where they are in a file.
    ///
    /// # Errors
    /// Where an image cannot be read, or is damaged.
    pub fn of(examples: &Examples, what: &str) -> Result<Self> {
        let [channels, height, width] = examples.shape();
        let plane = height * width;
        let bar = match examples.are_in_memory() {
            true => ProgressBar::hidden(),
            false => bar(what, examples.len()),
        };
        let none = || vec![[0; 2]; channels];
        let add = |mut sums: Vec<[u128; 2]>, index: usize| -> Result<_> {
            let image = examples.image(index)?;
            for (channel, sums) in image.chunks_exact(plane).zip(&mut sums) {
                let (sum, squares) = channel.iter().fold((0, 0), |(sum, squares), &x| {
                    let x = u64::from(x);
                    (sum + x, squares + x * x)
                });
                *sums = [sums[0] + u128::from(sum), sums[1] + u128::from(squares)];
            }
            bar.inc(1);
            Ok(sums)
        };
        let both = |one: Vec<[u128; 2]>, other: Vec<[u128; 2]>| {
            let pairs = one.iter().zip(&other);
            Ok(pairs.map(|(one, other)| [one[0] + other[0], one[1] + other[1]]).collect())
        };
        let sums = (0..examples.len()).into_par_iter().try_fold(none, add);
        let sums = sums.try_reduce(none, both)?;
        bar.finish_and_clear();
        Ok(Self { sums, n: (examples.len() * plane) as u128 })
    }

    /// The mean of each channel, of bytes / 255.
    pub fn mean(&self) -> Vec<f64> {
        self.sums.iter().map(|[sum, _]| *sum as f64 / (self.n as f64 * 255.0)).collect()
    }

    /// The standard deviation of each channel, of bytes / 255; 0 where all pixels are alike.
    pub fn std(&self) -> Vec<f64> {
        let n = self.n;
        // n² σ² = n Σ x² - (Σ x)², whole numbers.
        let of = |[sum, squares]: &[u128; 2]| {
            ((n * squares - sum * sum) as f64).sqrt() / (n as f64 * 255.0)
        };
        self.sums.iter().map(of).collect()
    }
}
