//! The kernels of a depthwise convolution of one padded image, NHWC: the inner loops run over the channels of a pixel,
//! which are neighbours in memory. They are safe loops that the compiler turns into vectors, for the processor that
//! the program finds itself on.

use crate::ops::simd::{Kernel, Simd};

/// Channels whose sums are in registers.
const BLOCK: usize = 32;

/// Where the values of an image lie.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// Where each window begins.
    pub windows: &'a [usize],
    /// Where each value of a window lies, from there.
    pub taps: &'a [usize],
    pub channels: usize,
}

/// `out[window][c] = Σ_t image[window + t][c] weight[t][c]`
pub(super) struct Forward<'a> {
    pub places: Places<'a>,
    pub image: &'a [f32],
    /// `[taps, channels]`.
    pub weight: &'a [f32],
    /// `[windows, channels]`.
    pub out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { places: Places { windows, taps, channels }, image, weight, out } = self;
        for (window, out) in windows.iter().zip(out.chunks_exact_mut(channels)) {
            let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
            for (block, out) in blocks.iter_mut().enumerate() {
                let mut sums = [0.0; BLOCK];
                for (tap, weight) in taps.iter().zip(weight.chunks_exact(channels)) {
                    let x = &image[window + tap + block * BLOCK..][..BLOCK];
                    let weight = &weight[block * BLOCK..][..BLOCK];
                    for ((sum, x), weight) in sums.iter_mut().zip(x).zip(weight) {
                        *sum += x * weight;
                    }
                }
                *out = sums;
            }
            let from = channels - rest.len();
            rest.fill(0.0);
            for (tap, weight) in taps.iter().zip(weight.chunks_exact(channels)) {
                let x = &image[window + tap + from..][..rest.len()];
                for ((sum, x), weight) in rest.iter_mut().zip(x).zip(&weight[from..]) {
                    *sum += x * weight;
                }
            }
        }
    }
}

/// `dimage[window + t][c] += dz[window][c] weight[t][c]`
pub(super) struct InputGradient<'a> {
    pub places: Places<'a>,
    /// `[windows, channels]`.
    pub dz: &'a [f32],
    /// `[taps, channels]`.
    pub weight: &'a [f32],
    pub dimage: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { places: Places { windows, taps, channels }, dz, weight, dimage } = self;
        for (window, dz) in windows.iter().zip(dz.chunks_exact(channels)) {
            for (tap, weight) in taps.iter().zip(weight.chunks_exact(channels)) {
                let dx = &mut dimage[window + tap..][..channels];
                for ((dx, dz), weight) in dx.iter_mut().zip(dz).zip(weight) {
                    *dx += dz * weight;
                }
            }
        }
    }
}

/// `dweight[t][c] += Σ_window dz[window][c] image[window + t][c]`
pub(super) struct WeightGradient<'a> {
    pub places: Places<'a>,
    /// `[windows, channels]`.
    pub dz: &'a [f32],
    pub image: &'a [f32],
    /// `[taps, channels]`.
    pub dweight: &'a mut [f32],
}

impl Kernel for WeightGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { places: Places { windows, taps, channels }, dz, image, dweight } = self;
        for (window, dz) in windows.iter().zip(dz.chunks_exact(channels)) {
            for (tap, dweight) in taps.iter().zip(dweight.chunks_exact_mut(channels)) {
                let x = &image[window + tap..][..channels];
                for ((sum, dz), x) in dweight.iter_mut().zip(dz).zip(x) {
                    *sum += dz * x;
                }
            }
        }
    }
}
