//! Normalised images of which only the largest value of each window is left: `[pixels, channels]`, as in
//! [`sweeps`](super::sweeps).
//!
//! y[w] = max_i f(z[w, i]) over the values i of window w, the windows without a value in common. dz[w, i] =
//! dy[w] f'(y[w]) for the first i with f(z[w, i]) = y[w], for all others 0: which one it was is computed again, which is
//! faster than to read its number.
#![allow(clippy::needless_range_loop)]

use super::sweeps::{Blocks, By, Factors, Image, of_pixel};
use crate::ops::layout::Size;
use crate::ops::simd::elementwise::{apply, derive};
use crate::ops::simd::{Kernel, Scalar, Simd};
use crate::ops::windows::Windows;

/// How images are pooled: their size and the windows.
#[derive(Clone, Copy)]
pub(super) struct Pooling {
    pub windows: Windows,
    pub size: Size,
}

/// `out` becomes the largest `f((image - μ) * scale + β)` of each window.
pub(super) struct NormalisePool<'a> {
    pub pooling: Pooling,
    pub image: &'a [f32],
    pub by: By<'a>,
    /// β.
    pub beta: &'a [f32],
    pub out: &'a mut [f32],
}

impl Kernel for NormalisePool<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pooling, image, by, beta, out } = self;
        let channels = by.mean.len();
        let (offsets, output) = (pooling.offsets(), pooling.output());
        for window in 0..out.len() / channels {
            let first = pooling.first(window, output);
            for c in (0..channels).step_by(S::LANES) {
                let (of, beta) = (Factors::of(s, by, c), s.read(&beta[c..]));
                let mut most = s.splat(f32::NEG_INFINITY);
                for &offset in &offsets {
                    let x = of_pixel(s, image, first + offset, channels, c);
                    most = s.max(most, of.affine(s, x, beta));
                }
                // An activation keeps the order of two numbers.
                let y = apply(s, by.activation, most);
                s.write(&mut out[window * channels + c..(window + 1) * channels], y);
            }
        }
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

/// `bias = Σ dz` and `scaled = Σ dz x̂` of each channel.
pub(super) struct PooledSums<'a> {
    pub pooling: Pooling,
    pub image: Image<'a>,
    pub by: By<'a>,
    /// β.
    pub beta: &'a [f32],
    /// `[channels]`.
    pub bias: &'a mut [f32],
    /// `[channels]`.
    pub scaled: &'a mut [f32],
}

impl Kernel for PooledSums<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.all(s, self.by.mean.len());
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

impl Blocks for PooledSums<'_> {
    #[inline(always)]
    fn block<S: Simd, const V: usize>(&mut self, s: S, c: usize) {
        let (image, by, channels) = (self.image, self.by, self.by.mean.len());
        let (offsets, output) = (self.pooling.offsets(), self.pooling.output());
        let (mut plain, mut products) = ([s.splat(0.0); V], [s.splat(0.0); V]);
        for window in 0..image.y.len() / channels {
            let first = self.pooling.first(window, output);
            for v in 0..V {
                let c = c + v * S::LANES;
                let (of, beta) = (Factors::of(s, by, c), s.read(&self.beta[c..]));
                let y = of_pixel(s, image.y, window, channels, c);
                let dy = of_pixel(s, image.dy, window, channels, c);
                let mut rest = derive(s, by.activation, dy, y);
                plain[v] = s.add(plain[v], rest);
                for &offset in &offsets {
                    let x = of_pixel(s, image.x, first + offset, channels, c);
                    let value = apply(s, by.activation, of.affine(s, x, beta));
                    let dz;
                    (dz, rest) = take(s, y, value, rest);
                    products[v] = s.fma(dz, of.normalised(s, x), products[v]);
                }
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
pub(super) struct PooledGradient<'a> {
    pub pooling: Pooling,
    pub image: Image<'a>,
    pub by: By<'a>,
    /// β.
    pub beta: &'a [f32],
    /// mean(dz) `[channels]`.
    pub bias: &'a [f32],
    /// mean(dz x̂) `[channels]`.
    pub scaled: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Kernel for PooledGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pooling, image, by, beta, bias, scaled, dx } = self;
        let channels = by.mean.len();
        let (offsets, output) = (pooling.offsets(), pooling.output());
        for window in 0..image.y.len() / channels {
            let first = pooling.first(window, output);
            for c in (0..channels).step_by(S::LANES) {
                let (of, beta) = (Factors::of(s, by, c), s.read(&beta[c..]));
                let means = [s.read(&bias[c..]), s.read(&scaled[c..])];
                let y = of_pixel(s, image.y, window, channels, c);
                let dy = of_pixel(s, image.dy, window, channels, c);
                let mut rest = derive(s, by.activation, dy, y);
                for &offset in &offsets {
                    let at = first + offset;
                    let x = of_pixel(s, image.x, at, channels, c);
                    let value = apply(s, by.activation, of.affine(s, x, beta));
                    let dz;
                    (dz, rest) = take(s, y, value, rest);
                    let dx = &mut dx[at * channels + c..(at + 1) * channels];
                    s.write(dx, of.gradient(s, x, dz, means));
                }
            }
        }
        for at in pooling.windows.without(pooling.size) {
            for c in (0..channels).step_by(S::LANES) {
                let means = [s.read(&bias[c..]), s.read(&scaled[c..])];
                let x = of_pixel(s, image.x, at, channels, c);
                let gradient = Factors::of(s, by, c).gradient(s, x, s.splat(0.0), means);
                s.write(&mut dx[at * channels + c..(at + 1) * channels], gradient);
            }
        }
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

/// The gradient of `value` in a window whose largest is `most`, and what is left for the others: all or nothing.
#[inline(always)]
fn take<S: Simd>(s: S, most: S::V, value: S::V, gradient: S::V) -> (S::V, S::V) {
    let rest = s.where_positive(s.sub(most, value), gradient);
    (s.sub(gradient, rest), rest)
}

impl Pooling {
    /// Where the first value of `window` lies in a plane, of so many windows as `output` has pixels.
    #[inline(always)]
    fn first(self, window: usize, output: Size) -> usize {
        self.windows.first(window, self.size, output)
    }

    /// The size of what is left.
    #[inline(always)]
    fn output(self) -> Size {
        self.windows.output(self.size)
    }

    /// Where all of its values lie, from there on.
    fn offsets(self) -> Vec<usize> {
        self.windows.offsets(self.size).collect()
    }
}
