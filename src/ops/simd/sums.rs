//! The bias gradient: the sum of each plane of an image.

use crate::ops::simd::{Kernel, Simd};

/// `sums[k] += Σ_p image[k][p]`.
pub(crate) struct PlaneSums<'a> {
    /// `[channels, pixels]`, as many channels as there are sums.
    pub image: &'a [f32],
    pub sums: &'a mut [f32],
}

impl Kernel for PlaneSums<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pixels = self.image.len() / self.sums.len();
        for (plane, sum) in self.image.chunks_exact(pixels).zip(self.sums) {
            let mut four = [s.splat(0.0); 4];
            let parts = plane.chunks_exact(4 * S::LANES);
            let rest: f32 = parts.remainder().iter().sum();
            for part in parts {
                for (sum, part) in four.iter_mut().zip(part.chunks_exact(S::LANES)) {
                    *sum = s.add(*sum, load(s, part));
                }
            }
            *sum += s.sums(four).iter().sum::<f32>() + rest;
        }
    }

    fn plain(self) {
        let pixels = self.image.len() / self.sums.len();
        for (plane, sum) in self.image.chunks_exact(pixels).zip(self.sums) {
            *sum += plane.iter().sum::<f32>();
        }
    }
}

#[inline(always)]
fn load<S: Simd>(s: S, from: &[f32]) -> S::V {
    assert_eq!(from.len(), S::LANES);
    // SAFETY: `from` is as long as a vector.
    unsafe { s.load(from.as_ptr()) }
}
