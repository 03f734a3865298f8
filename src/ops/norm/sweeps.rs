//! What is done for each value of an image: `[pixels, channels]`, the channels of a pixel together. Sums of one to four
//! vectors of channels stay in registers over all pixels.
#![allow(clippy::needless_range_loop)]

use crate::ops::Activation;
use crate::ops::simd::elementwise::{apply, derive};
use crate::ops::simd::{Kernel, Scalar, Simd};

/// Sums over an image's pixels, of a few vectors of channels at a time.
pub(super) trait Blocks {
    /// Those of `V` vectors from channel `c` on, the last of which may have fewer channels than it has room for.
    fn block<S: Simd, const V: usize>(&mut self, s: S, c: usize);

    /// Those of all `channels`.
    #[inline(always)]
    fn all<S: Simd>(&mut self, s: S, channels: usize) {
        let mut c = 0;
        while c < channels {
            let vectors = match (channels - c).div_ceil(S::LANES) {
                1 => 1,
                2 | 3 => 2,
                _ => 4,
            };
            match vectors {
                1 => self.block::<S, 1>(s, c),
                2 => self.block::<S, 2>(s, c),
                _ => self.block::<S, 4>(s, c),
            }
            c += vectors * S::LANES;
        }
    }
}

/// The mean of each channel of an image, and the sums of the differences to it and of their squares.
/// The differences would add up to nothing if the mean were exact: they correct what rounding left
/// (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm).
pub(super) struct Moments<'a> {
    pub image: &'a [f32],
    /// `[channels]`, as the others.
    pub mean: &'a mut [f32],
    pub differences: &'a mut [f32],
    pub squares: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.all(s, self.mean.len());
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

impl Blocks for Moments<'_> {
    #[inline(always)]
    fn block<S: Simd, const V: usize>(&mut self, s: S, c: usize) {
        let channels = self.mean.len();
        let pixels = self.image.len() / channels;
        let mut average = [s.splat(0.0); V];
        for p in 0..pixels {
            for v in 0..V {
                let x = of_pixel(s, self.image, p, channels, c + v * S::LANES);
                average[v] = s.add(average[v], x);
            }
        }
        for v in 0..V {
            average[v] = s.div(average[v], s.splat(pixels as f32));
        }
        let (mut plain, mut squared) = ([s.splat(0.0); V], [s.splat(0.0); V]);
        for p in 0..pixels {
            for v in 0..V {
                let x = of_pixel(s, self.image, p, channels, c + v * S::LANES);
                let difference = s.sub(x, average[v]);
                plain[v] = s.add(plain[v], difference);
                squared[v] = s.fma(difference, difference, squared[v]);
            }
        }
        for v in 0..V {
            let c = c + v * S::LANES;
            s.write(&mut self.mean[c..], average[v]);
            s.write(&mut self.differences[c..], plain[v]);
            s.write(&mut self.squares[c..], squared[v]);
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
    fn run<S: Simd>(self, s: S) {
        let Self { image, by, beta, out } = self;
        let channels = by.mean.len();
        for p in 0..image.len() / channels {
            for c in (0..channels).step_by(S::LANES) {
                let x = of_pixel(s, image, p, channels, c);
                let z = Factors::of(s, by, c).affine(s, x, s.read(&beta[c..]));
                let y = apply(s, by.activation, z);
                s.write(&mut out[p * channels + c..(p + 1) * channels], y);
            }
        }
    }

    fn plain(self) {
        self.run(Scalar);
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
    /// `[channels]`.
    pub bias: &'a mut [f32],
    /// `[channels]`.
    pub scaled: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.all(s, self.by.mean.len());
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

impl Blocks for Sums<'_> {
    #[inline(always)]
    fn block<S: Simd, const V: usize>(&mut self, s: S, c: usize) {
        let (Image { x, y, dy }, channels) = (self.image, self.by.mean.len());
        let mut of = [Factors::of(s, self.by, c); V];
        for v in 1..V {
            of[v] = Factors::of(s, self.by, c + v * S::LANES);
        }
        let (mut plain, mut products) = ([s.splat(0.0); V], [s.splat(0.0); V]);
        for p in 0..x.len() / channels {
            for v in 0..V {
                let c = c + v * S::LANES;
                let x = of_pixel(s, x, p, channels, c);
                let (y, dy) = (of_pixel(s, y, p, channels, c), of_pixel(s, dy, p, channels, c));
                let dz = derive(s, self.by.activation, dy, y);
                plain[v] = s.add(plain[v], dz);
                products[v] = s.fma(dz, of[v].normalised(s, x), products[v]);
            }
        }
        for v in 0..V {
            let c = c + v * S::LANES;
            s.write(&mut self.bias[c..], plain[v]);
            s.write(&mut self.scaled[c..], products[v]);
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
    fn run<S: Simd>(self, s: S) {
        let Self { image: Image { x, y, dy }, by, bias, scaled, dx } = self;
        let channels = by.mean.len();
        for p in 0..x.len() / channels {
            for c in (0..channels).step_by(S::LANES) {
                let x = of_pixel(s, x, p, channels, c);
                let (y, dy) = (of_pixel(s, y, p, channels, c), of_pixel(s, dy, p, channels, c));
                let dz = derive(s, by.activation, dy, y);
                let means = [s.read(&bias[c..]), s.read(&scaled[c..])];
                let gradient = Factors::of(s, by, c).gradient(s, x, dz, means);
                s.write(&mut dx[p * channels + c..(p + 1) * channels], gradient);
            }
        }
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

/// [`By`] of a vector of channels.
#[derive(Clone, Copy)]
pub(super) struct Factors<V> {
    mean: V,
    inverse: V,
    scale: V,
}

impl<V: Copy> Factors<V> {
    /// Those from channel `c` on.
    #[inline(always)]
    pub(super) fn of<S: Simd<V = V>>(s: S, by: By, c: usize) -> Self {
        let [mean, inverse, scale] =
            [s.read(&by.mean[c..]), s.read(&by.inverse[c..]), s.read(&by.scale[c..])];
        Self { mean, inverse, scale }
    }

    /// x̂.
    #[inline(always)]
    pub(super) fn normalised<S: Simd<V = V>>(&self, s: S, x: V) -> V {
        s.mul(s.sub(x, self.mean), self.inverse)
    }

    /// dx from dz and the means of dz and of dz x̂.
    #[inline(always)]
    pub(super) fn gradient<S: Simd<V = V>>(&self, s: S, x: V, dz: V, [bias, scaled]: [V; 2]) -> V {
        let inner = s.fnma(self.normalised(s, x), scaled, s.sub(dz, bias));
        s.mul(self.scale, inner)
    }

    /// z.
    #[inline(always)]
    pub(super) fn affine<S: Simd<V = V>>(&self, s: S, x: V, beta: V) -> V {
        s.fma(s.sub(x, self.mean), self.scale, beta)
    }
}

/// The channels of pixel `p` from channel `c` on, as many as a vector has.
#[inline(always)]
pub(super) fn of_pixel<S: Simd>(s: S, image: &[f32], p: usize, channels: usize, c: usize) -> S::V {
    s.read(&image[p * channels + c..(p + 1) * channels])
}
