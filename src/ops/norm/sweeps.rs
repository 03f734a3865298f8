//! What is done for each value of an image: `[pixels, channels]`, the channels of a pixel together, so
//! that the inner loops run over neighbours in memory. They are safe loops that the compiler turns into
//! vectors, for the processor that the program finds itself on.

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
        for pixel in image.chunks_exact(channels) {
            mean.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
        }
        let pixels = (image.len() / channels) as f32;
        mean.iter_mut().for_each(|sum| *sum /= pixels);
        for pixel in image.chunks_exact(channels) {
            let sums = differences.iter_mut().zip(&mut *squares);
            for ((x, mean), (sum, squares)) in pixel.iter().zip(&*mean).zip(sums) {
                let difference = x - mean;
                *sum += difference;
                *squares += difference * difference;
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
        for (x, out) in image.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            let by = mean.iter().zip(scale).zip(beta);
            for ((x, out), ((mean, scale), beta)) in x.iter().zip(out).zip(by) {
                *out = activated(activation, (x - mean) * scale + beta);
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
        for (x, y, dy) in image.pixels(mean.len()) {
            let by = mean.iter().zip(inverse);
            let sums = bias.iter_mut().zip(&mut *scaled);
            for ((((x, y), dy), (mean, inverse)), (bias, scaled)) in
                x.iter().zip(y).zip(dy).zip(by).zip(sums)
            {
                let dz = derived(activation, *dy, *y);
                *bias += dz;
                *scaled += dz * ((x - mean) * inverse);
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
        for ((x, y, dy), dx) in image.pixels(channels).zip(dx.chunks_exact_mut(channels)) {
            let by = mean.iter().zip(inverse).zip(scale);
            let means = bias.iter().zip(scaled);
            for (((((x, y), dy), dx), ((mean, inverse), scale)), (bias, scaled)) in
                x.iter().zip(y).zip(dy).zip(dx).zip(by).zip(means)
            {
                let dz = derived(activation, *dy, *y);
                *dx = scale * (dz - bias - (x - mean) * inverse * scaled);
            }
        }
    }
}

impl<'a> Image<'a> {
    /// x, y and dy of each pixel.
    #[inline(always)]
    fn pixels(self, channels: usize) -> impl Iterator<Item = (&'a [f32], &'a [f32], &'a [f32])> {
        let [x, y, dy] = [self.x, self.y, self.dy].map(|image| image.chunks_exact(channels));
        x.zip(y).zip(dy).map(|((x, y), dy)| (x, y, dy))
    }
}
