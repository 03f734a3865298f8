//! A kernel that goes two pixels at a time, as one that goes one at a time over half the pixels: of the large images, and of
//! the kernel, the even and the odd rows and columns become channels (space to depth),
//!
//! ```text
//! x'[r][p][(2 i + j) C + c] = x[c][2 r + i - top][2 p + j - left]      i, j < 2, 0 outside of the image
//! w'[k][(2 i + j) C + c][a][b] = w[k][c][2 a + i][2 b + j]             0 beyond the kernel
//! ```
//!
//! so that a kernel of 4x4 is one of 2x2, and one of 5x5 or 6x6 one of 3x3, whose products
//! [Winograd's tiles](crate::ops::conv::winograd) save half of. The way back is the gradient of that.

use burn::tensor::Shape;
use burn_flex::Layout;

use super::products::{Ending, Products, end};
use super::sliding::{Geometry, Sliding};
use crate::ops::Activation;
use crate::ops::conv::layer::{Layer, Outputs};
use crate::ops::conv::winograd::{self, Tiling};
use crate::ops::conv::{PackedWeights, Packing};
use crate::ops::flex_tensor::flat;
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::parallel::of_images;
use crate::ops::recycled::Recycled;
use crate::ops::simd::SimdLevel;

/// The side of a kernel from which on the products that are saved are worth the transforms: of those of 3x3, which is one of
/// 2x2 with zeros, a third would be.
const SMALLEST: usize = 4;

/// A kernel that slides two pixels at a time, and its weights.
pub(super) struct Phases<'a> {
    sliding: Sliding,
    tiling: Tiling,
    layer: Layer,
    /// `[channels of small images, channels of large images, kernel rows, kernel columns]`.
    weight: &'a [f32],
    /// What the passes of a step share of w'.
    packed: &'a PackedWeights,
}

impl<'a> Phases<'a> {
    /// For small images of so many channels; `None` where [`Im2col`](super::im2col::Im2col) is as fast.
    pub fn of(
        sliding: Sliding,
        outputs: usize,
        weight: &'a [f32],
        packed: &'a PackedWeights,
    ) -> Option<Self> {
        let Geometry { kernel, stride, dilation, .. } = sliding.geometry;
        if [stride, dilation] != [2, 1] || kernel.iter().any(|&side| side < SMALLEST) {
            return None;
        }
        let (small, kernel) = (sliding.small(), kernel.map(|side| side.div_ceil(2)));
        let channels = 4 * sliding.large.channels;
        let tiling = Tiling::of([outputs, channels, kernel[0], kernel[1]], small)?;
        let [rows, columns] = [0, 1].map(|way| small[way] + kernel[way] - 1);
        let layer = Layer {
            level: SimdLevel::best(),
            activation: Activation::Identity,
            input: Size { channels, rows, columns },
            outputs,
            kernel,
            padding: [0; 4],
            pool: None,
        };
        Some(Self { sliding, tiling, layer, weight, packed })
    }

    /// Calls `work` with w' and what is packed of it.
    fn with_weights<R>(&self, work: impl FnOnce((&[f32], &PackedWeights)) -> R) -> R {
        let weights = self.packed.get_or_pack(Packing::Phases, || {
            let Layer { input, outputs, kernel: [rows, columns], .. } = self.layer;
            let mut weights = vec![0.0; outputs * input.channels * rows * columns];
            self.for_weights(|of, to| weights[to] = self.weight[of]);
            let shape = Shape::from([weights.len()]);
            flat(weights, Layout::contiguous(shape))
        });
        work((weights.storage(), self.packed))
    }

    /// Calls `work` with the place of each weight in w and in w'.
    fn for_weights(&self, mut work: impl FnMut(usize, usize)) {
        let ([rows, columns], [half, across]) = (self.sliding.geometry.kernel, self.layer.kernel);
        let channels = self.sliding.large.channels;
        let taps = (0..rows * columns).map(|tap| (tap / columns, tap % columns));
        let phase = |i: usize, j: usize| (i % 2 * 2 + j % 2) * channels * half * across;
        let taps: Vec<_> = taps.map(|(i, j)| phase(i, j) + i / 2 * across + j / 2).collect();
        for kernel in 0..self.layer.outputs * channels {
            let (k, c) = (kernel / channels, kernel % channels);
            let first = (k * 4 * channels + c) * half * across;
            for (tap, at) in taps.iter().enumerate() {
                work(kernel * taps.len() + tap, first + at);
            }
        }
    }

    fn images<'x>(&self, values: &'x [f32]) -> Images<'x> {
        Images { values, size: self.layer.input, layout: ImageLayout::Nhwc }
    }

    /// x' of the large images.
    fn apart(&self, large: Images) -> Recycled {
        of_images(large.count(), self.layer.input.len(), |i, scratch: &mut Vec<f32>, out| {
            let image = large.image_in(i, ImageLayout::Nhwc, scratch);
            out.fill(0.0);
            self.for_pixels(|of, to, n| out[to..to + n].copy_from_slice(&image[of..of + n]));
        })
    }

    /// The large images of x'.
    fn together(&self, x: &[f32], ending: Option<Ending>) -> Recycled {
        let (large, n) = (self.sliding.large.len(), self.layer.input.len());
        of_images(x.len() / n, large, |i, (): &mut (), out| {
            let x = &x[i * n..(i + 1) * n];
            out.fill(0.0);
            self.for_pixels(|of, to, n| out[of..of + n].copy_from_slice(&x[to..to + n]));
            end(ending, out);
        })
    }

    /// Calls `work` with the place of each run of numbers in an image, NHWC, its place in x', and its length: of the two
    /// pixels of a row that come to lie in one, as far as the image has them.
    fn for_pixels(&self, mut work: impl FnMut(usize, usize, usize)) {
        let Sliding { geometry, large: Size { channels, rows, columns } } = self.sliding;
        let ([top, _, left, _], halves) = (geometry.padding, self.layer.input);
        for row in (0..rows).filter(|row| (row + top) / 2 < halves.rows) {
            let (half, phase) = ((row + top) / 2, (row + top) % 2);
            let mut column = 0;
            while column < columns && (column + left) / 2 < halves.columns {
                let (across, odd) = ((column + left) / 2, (column + left) % 2);
                let pixels = (2 - odd).min(columns - column);
                let to = (half * halves.columns + across) * halves.channels;
                let to = to + (phase * 2 + odd) * channels;
                work((row * columns + column) * channels, to, pixels * channels);
                column += pixels;
            }
        }
    }
}

impl Products for Phases<'_> {
    fn small(&self, large: Images, ending: Option<Ending>) -> Recycled {
        let x = self.apart(large);
        let none =
            Ending { bias: &vec![0.0; self.layer.outputs], activation: Activation::Identity };
        let Ending { bias, activation } = ending.unwrap_or(none);
        let (layer, x) = (Layer { activation, ..self.layer }, self.images(&x));
        self.with_weights(|weights| winograd::forward(self.tiling, &layer, x, weights, bias).0)
    }

    fn large(&self, small: Images, ending: Option<Ending>) -> Recycled {
        let x = self
            .with_weights(|weights| winograd::transposed(self.tiling, &self.layer, small, weights));
        self.together(&x, ending)
    }

    fn weights(&self, large: Images, small: Images) -> Recycled {
        self.backward(large, small, false).1
    }

    fn backward(&self, large: Images, dz: Images, input_too: bool) -> (Option<Recycled>, Recycled) {
        let x = self.apart(large);
        let outputs = Outputs { y: dz, gradient: dz, argmax: &[] };
        let gradients = self.with_weights(|weights| {
            let x = self.images(&x);
            winograd::backward(self.tiling, &self.layer, x, outputs, weights, input_too)
        });
        let dx = gradients.input.map(|(dx, _)| self.together(&dx, None));
        let mut dw = Recycled::unset(self.weight.len());
        self.for_weights(|of, to| dw[of] = gradients.weight[to]);
        (dx, dw)
    }
}
