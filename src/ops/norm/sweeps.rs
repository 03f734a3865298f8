//! What is done for each value of an image: `[pixels, channels]`, the channels of a pixel together, so
//! that the inner loops run over neighbours in memory. They are safe loops that the compiler turns into
//! vectors, for the processor that the program finds itself on. They go by index over slices of one length: the parts
//! of an iterator over many slices are functions of their own, which are not always compiled into the loop.
#![allow(clippy::needless_range_loop)]

use crate::ops::Activation;
use crate::ops::simd::{Kernel, Simd};
use crate::ops::simd::{activated, derived};

/// The mean of each channel of an image, and the sums of the differences to it and of their squares.
/// The differences would add up to nothing if the mean were exact: they correct what rounding left
/// (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm).
pub(super) struct Moments<'a> {
    pub image: &'a [f32],
    /// `[channels]`, zeros, as the others.
    pub mean: &'a mut [f32],
    pub differences: &'a mut [f32],
    pub squares: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { image, mean, differences, squares } = self;
        let channels = mean.len();
        let (differences, squares) = (&mut differences[..channels], &mut squares[..channels]);
        for pixel in image.chunks_exact(channels) {
            for c in 0..channels {
                mean[c] += pixel[c];
            }
        }
        let pixels = (image.len() / channels) as f32;
        for c in 0..channels {
            mean[c] /= pixels;
        }
        for pixel in image.chunks_exact(channels) {
            for c in 0..channels {
                let difference = pixel[c] - mean[c];
                differences[c] += difference;
                squares[c] += difference * difference;
            }
        }
    }
}

/// By what an image is normalised, each `[channels]`.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    /// μ.
    pub mean: &'a [f32],
    /// 1 / √(σ² + ε).
    pub inverse: &'a [f32],
    /// γ / √(σ² + ε).
    pub scale: &'a [f32],
    pub activation: Activation,
}

/// `out = f((image - μ) * scale + β)`.
pub(super) struct Normalise<'a> {
    pub image: &'a [f32],
    pub by: By<'a>,
    /// β.
    pub beta: &'a [f32],
    pub out: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { image, by: By { mean, scale, activation, .. }, beta, out } = self;
        let channels = mean.len();
        let (scale, beta) = (&scale[..channels], &beta[..channels]);
        for (p, x) in image.chunks_exact(channels).enumerate() {
            let out = &mut out[p * channels..][..channels];
            for c in 0..channels {
                out[c] = activated(activation, (x[c] - mean[c]) * scale[c] + beta[c]);
            }
        }
    }
}

/// An image, what it was normalised to, and the gradient of that.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    pub x: &'a [f32],
    pub y: &'a [f32],
    pub dy: &'a [f32],
}

/// `bias = Σ dz` and `scaled = Σ dz x̂` of each channel.
pub(super) struct Sums<'a> {
    pub image: Image<'a>,
    pub by: By<'a>,
    /// `[channels]`, zeros.
    pub bias: &'a mut [f32],
    /// `[channels]`, zeros.
    pub scaled: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { image, by: By { mean, inverse, activation, .. }, bias, scaled } = self;
        let channels = mean.len();
        let (inverse, bias, scaled) =
            (&inverse[..channels], &mut bias[..channels], &mut scaled[..channels]);
        for p in 0..image.x.len() / channels {
            let [x, y, dy] = image.pixel(p, channels);
            for c in 0..channels {
                let dz = derived(activation, dy[c], y[c]);
                bias[c] += dz;
                scaled[c] += dz * ((x[c] - mean[c]) * inverse[c]);
            }
        }
    }
}

/// `dx = scale (dz - mean(dz) - x̂ mean(dz x̂))`.
pub(super) struct Gradient<'a> {
    pub image: Image<'a>,
    pub by: By<'a>,
    /// mean(dz) `[channels]`.
    pub bias: &'a [f32],
    /// mean(dz x̂) `[channels]`.
    pub scaled: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { image, by: By { mean, inverse, scale, activation }, bias, scaled, dx } = self;
        let channels = mean.len();
        let (inverse, scale) = (&inverse[..channels], &scale[..channels]);
        let (bias, scaled) = (&bias[..channels], &scaled[..channels]);
        for (p, dx) in dx.chunks_exact_mut(channels).enumerate() {
            let [x, y, dy] = image.pixel(p, channels);
            for c in 0..channels {
                let dz = derived(activation, dy[c], y[c]);
                dx[c] = scale[c] * (dz - bias[c] - (x[c] - mean[c]) * inverse[c] * scaled[c]);
            }
        }
    }
}

impl<'a> Image<'a> {
    /// x, y and dy of pixel `p`.
    #[inline(always)]
    fn pixel(self, p: usize, channels: usize) -> [&'a [f32]; 3] {
        let of = p * channels..(p + 1) * channels;
        [&self.x[of.clone()], &self.y[of.clone()], &self.dy[of]]
    }
}
